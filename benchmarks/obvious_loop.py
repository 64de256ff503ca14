"""The obvious way to build a corpus beside `spinemed build`: instances a core-second and bytes on disk.

    python benchmarks/obvious_loop.py --instances 4500
    python benchmarks/obvious_loop.py --instances 4500 --base CHECKOUT

The obvious way is what a newcomer writes: `spinemed phantom` writes DICOM, some patients at a time, each
study is read, its questions are asked with the library's own function, and a generator yields rows to
`Dataset.from_generator` with a PIL image for each picture of each instance, which datasets saves as PNG
with Pillow's default settings, and messages as JSON text; `to_parquet` writes one file. The other way is
`spinemed build` of the same seeds and settings, one worker, with card, manifest, findings and rejects,
which the obvious way does not write. Both run as commands of their own in one go, in turn; core-seconds
are the processor time of all their processes. Since the library hands out pictures as PNG, the obvious
way decodes them first; that time is not counted. `--base` takes the obvious way's library from another
checkout, such as the code before the engine. Results go to benchmarks/results/obvious_loop.json.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from setting import setting

ROOT: Final = Path(__file__).resolve().parent.parent
RESULT: Final = ROOT / "benchmarks" / "results" / "obvious_loop.json"
QUESTIONS: Final = ("choice", "open", "dialogue", "report")
FIRST_SEED: Final = 1
BATCH: Final = 6


class Loop:
    """The obvious loop: rows of one patient after the other until there are enough."""

    def __init__(self, wanted: int, folder: Path, kinds: str) -> None:
        self.wanted, self.folder, self.kinds = wanted, folder, kinds
        self.rows = self.patients = 0
        self.uncounted_s = 0.0

    def __call__(self) -> Iterator[dict[str, Any]]:
        """Yield rows with PIL images."""
        from spinemed.corpus.config import BuildConfig
        from spinemed.sources import phantom

        asking, rows_of = BuildConfig().asking, _asking_function()
        while self.rows < self.wanted:
            place = self.folder / str(self.patients)
            command = [
                sys.executable,
                "-m",
                "spinemed.cli",
                "phantom",
                "--seed",
                str(FIRST_SEED + self.patients),
            ]
            command += [
                "--count",
                str(BATCH),
                "--out",
                str(place),
                *(["--kinds", self.kinds] if self.kinds else []),
            ]
            subprocess.run(command, check=True, capture_output=True)
            for study in phantom.read(place):
                made = rows_of(study, asking)
                for instance in made.instances:
                    self.rows += 1
                    yield self._row(instance, made.pictures)
            self.patients += BATCH

    def _row(self, instance: Any, pictures: Any) -> dict[str, Any]:
        from PIL import Image

        start = time.process_time()
        images = [Image.open(io.BytesIO(pictures[name].png)).convert("RGB") for name in instance.pictures]
        self.uncounted_s += time.process_time() - start
        return {
            "id": instance.id,
            "images": images,
            "messages": json.dumps([message.model_dump() for message in instance.messages]),
            "question": instance.question,
            "options": list(instance.options),
            "answer": instance.answer,
            "task": instance.task,
            "kind": instance.kind,
            "level": instance.sites[0] if instance.sites else "",
            "language": instance.language,
            "study": instance.study,
            "patient": instance.patient,
        }


def _asking_function() -> Any:
    """The library's function that asks one study; it has moved since the code that `--base` may name."""
    try:
        from spinemed.corpus.stages.task import rows_of
    except ModuleNotFoundError:
        from spinemed.corpus.task import rows_of  # type: ignore[import-not-found,no-redef]
    return rows_of


def obvious(wanted: int, folder: Path, kinds: str) -> None:
    """Write the rows by `Dataset.from_generator` and `to_parquet`, and print what it took as JSON."""
    from datasets import Dataset, Features, Image, List, Value

    texts = ("id", "messages", "question", "answer", "task", "kind", "level", "language", "study", "patient")
    columns = Features(
        {"images": List(Image()), "options": List(Value("string")), **dict.fromkeys(texts, Value("string"))}
    )
    loop = Loop(wanted, folder / "studies", kinds)

    def generate() -> Iterator[dict[str, Any]]:
        yield from loop()

    rows = Dataset.from_generator(
        generate,
        features=columns,
        cache_dir=str(folder / "cache"),
        fingerprint=folder.name,
    )
    rows.to_parquet(str(folder / "corpus.parquet"))
    told = {"instances": loop.rows, "patients": loop.patients, "uncounted_s": loop.uncounted_s}
    print("told " + json.dumps(told | {"bytes": (folder / "corpus.parquet").stat().st_size}))


def built(patients: int, folder: Path, kinds: str) -> dict[str, Any]:
    """Build the same patients by `spinemed build` and return what it took."""
    settings = {
        "phantoms": {
            "count": patients,
            "first_seed": FIRST_SEED,
            "kinds": kinds.split(",") if kinds else [],
            "write": False,
        },
        "written": {"count": 0},
    }
    file = folder / "build.yaml"
    file.write_text(json.dumps(settings), encoding="utf-8")
    out = folder / "corpus"
    _, cost = _timed(
        [
            sys.executable,
            "-m",
            "spinemed.cli",
            "build",
            "--config",
            str(file),
            "--out",
            str(out),
            "--workers",
            "1",
        ],
        ROOT,
    )
    rows = 0
    for config in QUESTIONS:
        rows += sum(_row_count(path) for path in (out / "data" / config).glob("*.parquet"))
    files = [path for path in out.rglob("*") if path.is_file()]
    questions = [path for path in files if path.suffix == ".parquet" and path.parent.name in QUESTIONS]
    return cost | {
        "instances": rows,
        "patients": patients,
        "bytes": sum(path.stat().st_size for path in files),
        "question_bytes": sum(path.stat().st_size for path in questions),
    }


def _row_count(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(path).metadata.num_rows)


def _timed(command: Sequence[str], library: Path) -> tuple[str, dict[str, float]]:
    """Run a command with a checkout's library and return its output, core-seconds and wall seconds."""
    names = {"PYTHONPATH": str(library / "src"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    done = subprocess.run(command, env=os.environ | names, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, {"core_s": round(spent, 2), "wall_s": round(time.time() - start, 2)}


def measure(wanted: int, rounds: int, kinds: str, base: Path) -> dict[str, Any]:
    """Return both ways' costs, the medians over the rounds, and their quotients."""
    naive, ours = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            asked = [sys.executable, __file__, "--obvious", str(wanted), name, "--kinds", kinds]
            said, cost = _timed(asked, base)
            told = json.loads(next(line for line in said.splitlines() if line.startswith("told "))[5:])
            cost["core_s"] = round(cost["core_s"] - told.pop("uncounted_s"), 2)
            naive.append(cost | told)
        with tempfile.TemporaryDirectory() as name:
            ours.append(built(int(told["patients"]), Path(name), kinds))
    result: dict[str, Any] = {"obvious": _rates(naive), "spinemed build": _rates(ours)}
    one, other = result["obvious"], result["spinemed build"]
    return result | {
        "times_faster_a_core": round(other["instances_per_core_s"] / one["instances_per_core_s"], 2),
        "times_smaller": round(one["bytes_per_instance"] / other["bytes_per_instance"], 2),
    }


def _rates(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    found["instances_per_core_s"] = round(found["instances"] / found["core_s"], 2)
    found["bytes_per_instance"] = round(found["bytes"] / found["instances"])
    return found


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--instances", type=int, default=4500)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kinds", default="", help="series of both ways, as `spinemed phantom --kinds`")
    parser.add_argument("--base", type=Path, default=ROOT, help="checkout whose library the obvious way uses")
    parser.add_argument("--obvious", nargs=2, metavar=("INSTANCES", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.obvious:
        obvious(int(given.obvious[0]), Path(given.obvious[1]), given.kinds)
        return
    result = measure(given.instances, given.rounds, given.kinds, given.base.resolve())
    result |= {
        "kinds": given.kinds or "by the patient's state",
        "rounds": given.rounds,
        "base": given.base.resolve() != ROOT,
    }
    result |= setting("spinemed", "datasets", "pyarrow", "pillow")
    for name in ("obvious", "spinemed build"):
        print(f"{name:16}", result[name])
    print(f"{result['times_faster_a_core']} x faster a core, {result['times_smaller']} x smaller on disk")
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
