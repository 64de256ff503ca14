"""Runs the whole path once on two CPU cores: studies, corpus, base, training, predictions, scores, report.

Every step is one command that a reader can run alone. A finished step is kept as long as its command, its
inputs and the steps before it are unchanged, so that a second run takes seconds and a killed run goes on
where it was. Durations are those of the run that did the work.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OUT = Path("demo")
DOCS = Path("docs/demo")
CORPUS = "spinemed-450k"
STUDIES = "phantom-studies"
BASE = "models/spinemed-mini-base"
TUNED = "runs/mini"
PATIENTS = 300
ITEMS = 240
LIBRARY = "src/spinemed"
RECIPE = "recipes/mini/build.yaml"


@dataclass(frozen=True)
class Step:
    """One command with what it reads and what it leaves behind (paths relative to the repository)."""

    name: str
    does: str
    command: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def real_sources(folder: str) -> tuple[str, ...]:
    """Return the `--source NAME=FOLDER` options for the real samples below `folder`; none if it is empty."""
    if not folder:
        return ()
    root = Path(folder)
    if not root.is_dir():
        sys.exit(f"demo: SPINEMED_DATA names {folder}, which is not a folder; unset it or name one")
    known = {"totalsegmentator": root / "totalsegmentator", "verse": root / "tptbox"}
    return tuple(
        word for name, path in known.items() if path.is_dir() for word in ("--source", f"{name}={path}")
    )


def predict(model_arguments: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return the command that answers the held-out questions with one model."""
    return (
        "spinemed", "predict", *model_arguments, "--data", CORPUS, "--config", "choice", "--split", "test",
        "--kind", "marked_level", "--synthetic-only", "--limit", str(ITEMS), "--out", f"{OUT}/{name}.jsonl",
    )  # fmt: skip


def steps() -> list[Step]:
    """Return the steps in order."""
    real = real_sources(os.environ.get("SPINEMED_DATA", ""))
    return [*steps_to_a_model(real), *steps_to_a_report(real)]


def steps_to_a_model(real: Sequence[str]) -> list[Step]:
    """Return the steps that make studies, corpus and models; `real` names further sources of the corpus."""
    parts = ("imaging", "sources", "facts", "instances", "corpus")
    return [
        Step(
            "studies",
            f"draw {PATIENTS} synthetic patients and write them as DICOM",
            ("spinemed", "phantom", "--seed", "0", "--count", str(PATIENTS), "--workers", "2",
             "--kinds", "ct,t2", "--field", "lumbar", "--out", STUDIES),
            (f"{LIBRARY}/phantom",),
            (STUDIES,),
        ),
        Step(
            "corpus",
            "read the studies, measure, ask, check, write Parquet",
            ("spinemed", "build", "--config", RECIPE, "--source", f"phantom={STUDIES}", *real,
             "--out", CORPUS, "--force"),
            (RECIPE, *(f"{LIBRARY}/{part}" for part in parts)),
            (f"{CORPUS}/manifest.json",),
        ),
        Step(
            "base",
            "assemble the base model from DINOv2-small and SmolLM2-135M",
            ("python", "-m", "spinemed.training.mini", "--out", BASE),
            (f"{LIBRARY}/training",),
            (f"{BASE}/config.json",),
        ),
        Step(
            "train",
            "fine-tune with QLoRA on the training patients",
            ("accelerate", "launch", "--config_file", "recipes/accelerate/cpu.yaml", "recipes/sft.py",
             "--config", "recipes/mini/sft.yaml"),
            ("recipes/sft.py", "recipes/mini/sft.yaml"),
            (f"{TUNED}/adapter_config.json",),
        ),
    ]  # fmt: skip


def steps_to_a_report(real: Sequence[str]) -> list[Step]:
    """Return the steps that ask both models the same questions, score them and write the page."""
    bench = (f"{LIBRARY}/bench", f"{LIBRARY}/answers.py", f"{LIBRARY}/level_grammar.py")
    return [
        Step(
            "predict base",
            f"answer {ITEMS} held-out questions with the base model",
            predict(("--model", BASE), "base"),
            bench,
            (f"{OUT}/base.jsonl",),
        ),
        Step(
            "predict tuned",
            f"answer the same {ITEMS} questions with the tuned model",
            predict(("--model", BASE, "--adapter", TUNED), "tuned"),
            (),
            (f"{OUT}/tuned.jsonl",),
        ),
        Step(
            "score",
            "score both, beside chance, text alone and the marker's place alone",
            ("spinemed", "score", f"{OUT}/tuned.jsonl", "--against", f"{OUT}/base.jsonl", "--data", CORPUS,
             "--config", "choice", "--out", f"{OUT}/scorecard.json"),
            ("evaluate_metrics",),
            (f"{OUT}/scorecard.json",),
        ),
        Step(
            "report",
            "draw the pictures and write the page",
            ("spinemed", "report", "--scorecard", f"{OUT}/scorecard.json",
             "--predictions", f"{OUT}/tuned.jsonl", "--against", f"{OUT}/base.jsonl",
             "--data", CORPUS, "--training", TUNED,
             "--source", f"phantom={STUDIES}", *real, "--out", str(OUT)),
            (),
            (f"{OUT}/report.html", f"{OUT}/report.png"),
        ),
    ]  # fmt: skip


def digest(step: Step, before: str) -> str:
    """Return the key of a step: its command, the code and recipes it reads, the key of the step before."""
    known = hashlib.sha256(json.dumps([before, step.command]).encode())
    for name in step.inputs:
        path = Path(name)
        files = (
            [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in {".py", ".yaml"})
        )
        for file in files:
            known.update(file.as_posix().encode() + b"\0" + file.read_bytes())
    return known.hexdigest()[:16]


def run(step: Step) -> float:
    """Run one step, its talk going to the terminal; return its seconds, or stop the demo."""
    program = Path(sys.executable).with_name(step.command[0])
    command = [str(program) if program.exists() else step.command[0], *step.command[1:]]
    start = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(
            f"demo: step '{step.name}' ended with {code}: {' '.join(step.command)}\n"
            "Mend it and run `make demo` again: finished steps are kept."
        )
    return time.monotonic() - start


def begin(step: Step, key: str, done: dict[str, dict[str, object]]) -> None:
    """Record that a step starts; predictions of an earlier run with another key make way for it.

    Under the same key they stay, so that a killed run goes on; under another, predict would refuse them.
    """
    if done.get(step.name, {}).get("key") != key:
        for path in (Path(output) for output in step.outputs if output.endswith(".jsonl")):
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.run.json").unlink(missing_ok=True)
    done[step.name] = {"key": key, "seconds": None}
    save(done)


def is_kept(step: Step, key: str, done: dict[str, dict[str, object]]) -> bool:
    """Tell whether a step was finished under this key and its outputs are still there."""
    entry = done.get(step.name, {})
    finished = entry.get("key") == key and entry.get("seconds") is not None
    return finished and all(Path(output).exists() for output in step.outputs)


def save(done: dict[str, dict[str, object]]) -> None:
    """Write the record of finished steps, whole or not at all."""
    partial = OUT / "steps.json.partial"
    partial.write_text(json.dumps(done, indent=1))
    partial.replace(OUT / "steps.json")


def installed() -> dict[str, float]:
    """Return the seconds that `make` measured for the installation, under its name."""
    file = OUT / ".install-seconds"
    return {"install": float(file.read_text())} if file.exists() else {}


def write_readme() -> None:
    """Copy the finished demo's report into docs/demo and its figures into the README."""
    from spinemed.bench.pages.summary import summary
    from spinemed.bench.scoring.scorecard import Scorecard

    DOCS.mkdir(parents=True, exist_ok=True)
    for name in ("report.png", "scorecard.json"):
        shutil.copy(OUT / name, DOCS / name)
    done = json.loads((OUT / "steps.json").read_text())
    seconds = installed() | {name: entry["seconds"] for name, entry in done.items()}
    (DOCS / "seconds.json").write_text(json.dumps(seconds, indent=1) + "\n")
    card = Scorecard.model_validate_json((DOCS / "scorecard.json").read_text())
    readme = Path("README.md")
    before, _, rest = readme.read_text(encoding="utf-8").partition("-->\n")
    after = rest[rest.index("<!-- /demo -->") :]
    readme.write_text(f"{before}-->\n{summary(card, seconds)}\n{after}", encoding="utf-8")


def main() -> None:
    """Run what is not done yet and print the measured durations; --readme publishes them instead."""
    if sys.argv[1:] == ["--readme"]:
        write_readme()
        return
    if sys.argv[1:]:
        sys.exit("demo: takes no argument, or --readme")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # Threads that spin while they wait starve each other as soon as another program takes a core.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    OUT.mkdir(exist_ok=True)
    record = OUT / "steps.json"
    done = json.loads(record.read_text()) if record.exists() else {}
    rows = [(name, seconds, "") for name, seconds in installed().items()]
    key = ""
    plan = steps()
    for number, step in enumerate(plan, 1):
        key = digest(step, key)
        kept = is_kept(step, key, done)
        if not kept:
            begin(step, key, done)
            print(
                f"\n==> {number}/{len(plan)} {step.name}: {step.does}\n    {' '.join(step.command)}",
                file=sys.stderr,
            )
            done[step.name] = {"key": key, "seconds": round(run(step), 1)}
            save(done)
        rows.append((step.name, float(done[step.name]["seconds"]), "kept" if kept else ""))
    print("\nMeasured seconds a step:")
    for name, seconds, state in rows:
        print(f"  {name:<14}{seconds:8.1f}  {state}")
    print(f"  {'all':<14}{sum(seconds for _, seconds, _ in rows):8.1f}")
    print(
        f"\nRead {OUT}/report.html. Next: `make space` opens the page; `spinemed build --source "
        'totalsegmentator=FOLDER` takes your own CT with vertebra masks (README, "Your own data").'
    )


if __name__ == "__main__":
    main()
