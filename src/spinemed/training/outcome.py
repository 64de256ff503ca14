"""What a training run leaves: adapter, processor, loss log and a card, put in place whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes", "datasets", "spinemed")
RECORD = "training.json"
LOSS_LOG = "loss.jsonl"
WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "adapter_model*.bin", "*.gguf")

ALIGNED = """In alignment the image side learns to spell the level that the ring marks; then it is frozen,
and the language model learns to answer."""
TAUGHT = "It learns to answer as the corpus answers (supervised fine-tuning of LoRA layers)."
TAUGHT_WHOLE = "It learns to answer as the corpus answers (supervised fine-tuning of the weights themselves)."
REWARDED = """The adapter that it started from wrote several replies to each question; those that a rule found
better than the others were made likelier (GRPO)."""


@dataclass(frozen=True)
class Outcome:
    """The facts of one run, as `training.json` holds them.

    `tokens` are those that passes of the loss have seen, padding left out; `prompt_tokens` and
    `completion_tokens` tell them apart where a run wrote its own completions. `base_sha256` is
    `weights_hash` of the base; `started_from` names an adapter that was trained on, with its hash.
    `batches` says how rows were put together, `padding` the share of positions that were padding, `refused`
    counts the rows that were left out; refused.jsonl beside the record names them. `whole` says that the
    model's own weights were trained, without an adapter.
    """

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
    recipe: str = "recipes/sft.py"
    base_sha256: str = ""
    started_from: str = ""
    started_from_sha256: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    rewards: dict[str, float] = field(default_factory=dict)
    batches: str = ""
    padding: float = 0.0
    images: int = 0
    refused: int = 0
    whole: bool = False


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 over names and bytes of a folder's weight files; "" where it has none."""
    files = sorted({file for pattern in WEIGHTS for file in folder.glob(pattern)})
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(file.name.encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest() if files else ""


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
    """Return the log as JSON lines with stage, step and loss, and the reward where there is one.

    >>> loss_lines({"alignment": [{"step": 5, "loss": 1.5}, {"step": 5, "train_runtime": 3}]})
    '{"stage": "alignment", "step": 5, "loss": 1.5}\\n'
    """
    lines = (
        json.dumps(
            {"stage": stage, **{name: entry[name] for name in ("step", "loss", "reward") if name in entry}}
        )
        for stage, log in stages.items()
        for entry in log
        if "loss" in entry
    )
    return "".join(f"{line}\n" for line in lines)


def publish_run(work: Path, out: Path, outcome: Outcome, losses: str) -> None:
    """Move adapter or model, and processor, from `work` into `out` with card, loss log and, last, the record.

    The base is hashed here where it lies in a folder and the run has not done so.
    """
    outcome = replace(outcome, base_sha256=outcome.base_sha256 or weights_hash(Path(outcome.base)))
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
    """Return the card of an adapter or a whole model: what it is, what it saw, what it may be used for."""
    synthetic = outcome.synthetic_share
    kind = "synthetic pictures only" if synthetic == 1 else f"{synthetic:.0%} synthetic pictures"
    versions = ", ".join(f"{name} {number}" for name, number in outcome.libraries.items())
    work = _rewarded(outcome) if outcome.rewards else _taught(outcome)
    taught = TAUGHT_WHOLE if outcome.whole else TAUGHT
    method = REWARDED if outcome.rewards else ALIGNED if outcome.alignment_steps else taught
    name = Path(outcome.base).name
    return f"""---
library_name: {"transformers" if outcome.whole else "peft"}
base_model: {outcome.base}
pipeline_tag: image-text-to-text
tags: [spine, demonstration]
---

# {f"{name}, trained on" if outcome.whole else f"Adapter for {name}"}

Trained by `{outcome.recipe}` on {kind}. For demonstrations and tests of the path; never for patients.
{method}

| | |
| --- | --- |
| rows, patients | {outcome.rows:,} rows of {outcome.patients:,} patients, split {outcome.split} alone |
| corpus | {Path(outcome.corpus).name}, manifest SHA-256 {outcome.corpus_sha256[:16] or "unknown"} |
| base | {name}, weights SHA-256 {outcome.base_sha256[:16] or "unknown"} |
{work}
| threads | {outcome.threads} |
| parameters | {outcome.parts} |
| versions | {versions} |
"""


def _taught(outcome: Outcome) -> str:
    lines = [f"| started from | {_start(outcome)} |"] if outcome.started_from else []
    if outcome.alignment_steps:
        lines.append(f"| alignment | {outcome.alignment_steps:,} steps, {outcome.alignment_seconds:.0f} s |")
    lines.append(
        f"| fine-tuning | {outcome.steps:,} steps, {outcome.tokens:,} tokens, {outcome.seconds:.0f} s |"
    )
    if outcome.batches:
        lines.append(
            f"| batches | {outcome.batches.removeprefix('batches: ')}; {outcome.padding:.1%} padding |"
        )
        lines.append(f"| pictures seen | {outcome.images:,} |")
        lines.append(
            f"| rows left out | {outcome.refused:,}{' (refused.jsonl)' if outcome.refused else ''} |"
        )
    return "\n".join(lines)


def _start(outcome: Outcome) -> str:
    name = Path(outcome.started_from).name
    return f"{name}, SHA-256 {outcome.started_from_sha256[:16] or 'unknown'}"


def _rewarded(outcome: Outcome) -> str:
    rewards = ", ".join(f"{name} x {weight:g}" for name, weight in outcome.rewards.items())
    return (
        f"| started from | {_start(outcome)} |\n"
        f"| rewards | {rewards} |\n"
        f"| reinforcement | {outcome.steps:,} steps, {outcome.tokens:,} tokens seen by the loss "
        f"({outcome.prompt_tokens:,} of prompts, {outcome.completion_tokens:,} of completions), "
        f"{outcome.seconds:.0f} s |"
    )
