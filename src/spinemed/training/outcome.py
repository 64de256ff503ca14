"""What a training run leaves: adapter, processor, loss log and a card, put in place whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes", "datasets", "spinemed")
RECORD = "training.json"
LOSS_LOG = "loss.jsonl"


@dataclass(frozen=True)
class Outcome:
    """The facts of one run, as `training.json` holds them."""

    key: str
    base: str
    corpus: str
    corpus_sha256: str
    split: str
    rows: int
    patients: int
    synthetic_share: float
    alignment_steps: int
    steps: int
    tokens: int
    alignment_seconds: float
    seconds: float
    threads: int
    parts: str
    libraries: dict[str, str]


def corpus_hash(corpus: str) -> str:
    """Return the SHA-256 of a corpus' manifest, which names the hash of each file; "" without a manifest."""
    manifest = Path(corpus) / "manifest.json"
    return hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else ""


def run_key(*settings: object) -> str:
    """Return 12 hexadecimal digits of what decides a run, so that nothing stale is gone on with."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]


def is_done(folder: Path, key: str) -> bool:
    """Return whether `folder` holds the finished result of the run `key`."""
    record = folder / RECORD
    return record.is_file() and json.loads(record.read_text(encoding="utf-8")).get("key") == key


def installed() -> dict[str, str]:
    """Return the versions of the libraries that a run depends on."""
    return {name: version(name) for name in LIBRARIES}


def loss_lines(stages: Mapping[str, Iterable[Mapping[str, Any]]]) -> str:
    """Return the log as JSON lines with stage, step and loss.

    >>> loss_lines({"alignment": [{"step": 5, "loss": 1.5}, {"step": 5, "train_runtime": 3}]})
    '{"stage": "alignment", "step": 5, "loss": 1.5}\\n'
    """
    lines = (
        json.dumps({"stage": stage, "step": entry["step"], "loss": entry["loss"]})
        for stage, log in stages.items()
        for entry in log
        if "loss" in entry
    )
    return "".join(f"{line}\n" for line in lines)


def publish_run(work: Path, out: Path, outcome: Outcome, losses: str) -> None:
    """Move adapter and processor from `work` into `out` with card, loss log and, at last, the record."""
    out.mkdir(parents=True, exist_ok=True)
    (out / RECORD).unlink(missing_ok=True)
    for file in sorted(work.iterdir()):
        if file.is_file():
            file.replace(out / file.name)
    (out / LOSS_LOG).write_text(losses, encoding="utf-8")
    (out / "README.md").write_text(card(outcome), encoding="utf-8")
    (out / f"{RECORD}.partial").write_text(json.dumps(asdict(outcome), indent=1), encoding="utf-8")
    (out / f"{RECORD}.partial").replace(out / RECORD)
    shutil.rmtree(work, ignore_errors=True)


def card(outcome: Outcome) -> str:
    """Return the adapter's card: what it is, what it saw, what it may be used for."""
    synthetic = outcome.synthetic_share
    kind = "synthetic pictures only" if synthetic == 1 else f"{synthetic:.0%} synthetic pictures"
    versions = ", ".join(f"{name} {number}" for name, number in outcome.libraries.items())
    return f"""---
library_name: peft
base_model: {outcome.base}
pipeline_tag: image-text-to-text
tags: [spine, demonstration]
---

# Adapter for {Path(outcome.base).name}

Trained by `recipes/sft.py` on {kind}. For demonstrations and tests of the path; never for patients.
In alignment the image side learns to spell the level that the ring marks; then it is frozen, and the language
model learns to answer.

| | |
| --- | --- |
| rows, patients | {outcome.rows:,} rows of {outcome.patients:,} patients, split {outcome.split} alone |
| corpus | {Path(outcome.corpus).name}, manifest SHA-256 {outcome.corpus_sha256[:16] or "unknown"} |
| alignment | {outcome.alignment_steps:,} steps, {outcome.alignment_seconds:.0f} s |
| fine-tuning | {outcome.steps:,} steps, {outcome.tokens:,} tokens, {outcome.seconds:.0f} s |
| threads | {outcome.threads} |
| parameters | {outcome.parts} |
| versions | {versions} |
"""
