"""Check the keyed answers of a corpus against the stored truth volumes, not through the generator's code.

    python benchmarks/level_audit.py spinemed-450k --count 10000
    python benchmarks/level_audit.py CORPUS --studies phantom-studies --workers 2

Image instances are drawn at random. Their patients are written again by the command `spinemed phantom`
(or lie in --studies); then nothing of spinemed is imported: pictures are found in the slices by
normalised cross-correlation, the ring's place is looked up in the mask, and the answer that follows is
compared with the key. The question's own words about counting are checked too, and each claim of a report
about a site. Results go to benchmarks/results/level_audit.json.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from level_audit_judges import VOLUME
from level_audit_lesions import STATED
from level_audit_reports import wrong_claims
from level_audit_study import StudyFiles, decoded
from level_audit_truth import NotCheckedError, Shown
from level_audit_words import answer_text, meaning, site_meaning
from setting import setting

ROOT: Final = Path(__file__).resolve().parent.parent
RESULT: Final = ROOT / "benchmarks" / "results" / "level_audit.json"
CONFIGS: Final = ("choice", "open", "dialogue", "report")
LEAST_FIT: Final = 0.85
"""Cross-correlation below which a picture counts as not found in its slice."""
_LIGHT: Final = ("id", "modality", "patient", "source")
_BATCH: Final = 8

Row = dict[str, Any]


def drawn(
    folder: Path, count: int, seed: int, configs: Sequence[str] = CONFIGS, patients: int | None = None
) -> dict[Path, list[int]]:
    """Return Parquet file -> numbers of rows, `count` phantom instances with a picture drawn at random.

    With `patients` they are drawn from so many patients, drawn at random before.
    """
    places: dict[str, list[tuple[Path, int]]] = defaultdict(list)
    for config in configs:
        for path in sorted((folder / "data" / config).glob("*.parquet")):
            table = pq.read_table(path, columns=list(_LIGHT)).to_pylist()
            for number, row in enumerate(table):
                if row["modality"] != "text" and row["source"] == "phantom":
                    places[str(row["patient"])].append((path, number))
    rng = random.Random(seed)
    known = sorted(places)
    if patients is not None:
        known = rng.sample(known, min(patients, len(known)))
    here = [place for patient in known for place in places[patient]]
    chosen: dict[Path, list[int]] = defaultdict(list)
    for path, number in rng.sample(here, min(count, len(here))):
        chosen[path].append(number)
    return {path: sorted(numbers) for path, numbers in chosen.items()}


def rows_of(chosen: Mapping[Path, list[int]]) -> Iterator[Row]:
    """Yield the chosen rows with the bytes of their first picture."""
    for path, numbers in chosen.items():
        file, first, wanted = pq.ParquetFile(path), 0, set(numbers)
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            here = [number - first for number in sorted(wanted) if first <= number < first + len(table)]
            first += len(table)
            yield from table.take(here).to_pylist()


def by_patient(rows: Iterator[Row]) -> dict[str, list[Row]]:
    """Return patient -> rows, by name."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row["patient"])].append(row)
    return dict(sorted(found.items()))


def judged(row: Row, study: StudyFiles) -> tuple[str, str]:
    """Return what came of one instance: ("agreed" | "disagreed" | "not checked", reason)."""
    kind = str(row["kind"])
    if row["task"] in ("dialogue", "report"):
        return judged_text(row, study)
    judge = VOLUME.get(kind) or STATED.get(kind)
    if judge is None:
        return "not checked", "no judge for this kind"
    if row["series"] not in study.series:
        return "disagreed", f"the study has no series {row['series']}"
    said = answer_text(row)
    keyed = meaning(kind, said) or site_meaning(kind, said)
    if not keyed:
        return "not checked", f"answer not read: {said}"
    files = study.series[row["series"]]
    picture = decoded(row["images"][0]["bytes"])
    place = files.place(picture, row["spacing_mm"], row["slice_index"], turns=kind == "front_edge")
    if place.score < LEAST_FIT:
        return "disagreed", f"the picture is not in its slice (best fit {place.score:.2f})"
    shown = Shown(row, study, files, place, picture.shape[:2])
    try:
        right = judge(shown)
        wrong = shown.numbered_wrongly()
    except NotCheckedError as error:
        return "not checked", str(error)
    if keyed not in right:
        return "disagreed", f"keyed {keyed!r}, the volume gives {sorted(right)}"
    return ("disagreed", f"the question {wrong}") if wrong else ("agreed", "")


def judged_text(row: Row, study: StudyFiles) -> tuple[str, str]:
    """Return what came of a report or consultation, of which each claim about a site is judged."""
    count, wrong = wrong_claims(row, study)
    if wrong:
        return "disagreed", f"says: {' | '.join(wrong)}"
    return ("agreed", "") if count else ("not checked", "no claim about a site that can be judged")


class Audit:
    """Counts of what came of all instances, and the disagreements."""

    def __init__(self) -> None:
        self.kinds: dict[str, Counter[str]] = defaultdict(Counter)
        self.reasons: Counter[str] = Counter()
        self.disagreed: list[dict[str, str]] = []

    def add(self, row: Row, study: StudyFiles) -> None:
        """Judge one row and count it."""
        kind = str(row["kind"])
        outcome, reason = judged(row, study)
        self.kinds[kind][outcome] += 1
        if outcome == "not checked":
            self.reasons[f"{kind}: {reason}"] += 1
        if outcome == "disagreed":
            told = {"id": str(row["id"]), "patient": str(row["patient"]), "kind": kind, "why": reason}
            self.disagreed.append({**told, "question": str(row["question"]), "answer": answer_text(row)})

    def join(self, other: Audit) -> None:
        """Take over what another audit counted."""
        for kind, counts in other.kinds.items():
            self.kinds[kind].update(counts)
        self.reasons.update(other.reasons)
        self.disagreed += other.disagreed

    def result(self) -> dict[str, Any]:
        """All counts, ready for JSON."""
        total: Counter[str] = Counter()
        for counts in self.kinds.values():
            total.update(counts)
        by_volume = sum(
            counts["agreed"] + counts["disagreed"] for kind, counts in self.kinds.items() if kind in VOLUME
        )
        checked = total["agreed"] + total["disagreed"]
        return {
            "instances": total.total(),
            "checked": checked,
            "checked_percent": round(100 * checked / max(total.total(), 1), 2),
            "checked_on_volume_and_measures": by_volume,
            "checked_on_statement": checked - by_volume,
            "agreed": total["agreed"],
            "disagreed": total["disagreed"],
            "not_checked": dict(sorted(self.reasons.items())),
            "kinds": {kind: dict(counts) for kind, counts in sorted(self.kinds.items())},
            "disagreements": self.disagreed,
        }


def audited(rows: Mapping[str, list[Row]], studies: Path | None, kinds: str | None) -> Audit:
    """Return the audit of some patients' rows; where `studies` is None they are written again for it."""
    found = Audit()
    with tempfile.TemporaryDirectory() as folder:
        if studies is None:
            _write_again(list(rows), Path(folder), kinds)
        for patient, asked in rows.items():
            study = StudyFiles((studies or Path(folder)) / patient)
            for row in asked:
                found.add(row, study)
    return found


def _write_again(patients: Sequence[str], folder: Path, kinds: str | None) -> None:
    for first, count in _runs(patients):
        command = [sys.executable, "-m", "spinemed.cli", "phantom", "--seed", str(first)]
        command += ["--count", str(count), "--out", str(folder), *(["--kinds", kinds] if kinds else [])]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _runs(patients: Sequence[str]) -> list[tuple[int, int]]:
    """Return (first seed, count) of each run of seeds that follow each other.

    >>> _runs(["phantom-000004", "phantom-000005", "phantom-000009"])
    [(4, 2), (9, 1)]
    """
    runs: list[tuple[int, int]] = []
    for seed in sorted(int(re.sub(r"\D", "", patient)) for patient in patients):
        if runs and sum(runs[-1]) == seed:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        else:
            runs.append((seed, 1))
    return runs


def audit(
    folder: Path,
    count: int,
    seed: int,
    studies: Path | None = None,
    kinds: str | None = None,
    workers: int = 1,
    from_patients: int | None = None,
) -> Audit:
    """Return the audit of `count` random instances; all their patients must lie in `studies`, if given.

    Some patients at a time are judged, by `workers` processes; what comes of it does not depend on them.
    """
    rows = by_patient(rows_of(drawn(folder, count, seed, patients=from_patients)))
    patients = list(rows)
    some = [
        {patient: rows[patient] for patient in patients[start : start + _BATCH]}
        for start in range(0, len(patients), _BATCH)
    ]
    found = Audit()
    judge = partial(audited, studies=studies, kinds=kinds)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn) if workers > 1 else nullcontext() as pool:
        for number, part in enumerate(map(judge, some) if pool is None else pool.map(judge, some), 1):
            found.join(part)
            told = f"{min(number * _BATCH, len(rows))} of {len(rows)} patients"
            print(f"{told}, {len(found.disagreed)} disagreements", file=sys.stderr)
    return found


def process_seconds() -> float:
    """Return the seconds of CPU that this process and those that it started and that ended have used."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> int:
    """Run the audit, print and write the result; 1 where an answer disagrees."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, nargs="?", default=ROOT / "spinemed-450k")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--studies", type=Path, help="folder of studies that were written before")
    parser.add_argument("--kinds", help="as `spinemed phantom --kinds`; needed where the build named some")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the patients")
    parser.add_argument("--patients", type=int, help="draw the instances from so many random patients")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    start = time.monotonic()
    result = audit(
        given.corpus, given.count, given.seed, given.studies, given.kinds, given.workers, given.patients
    ).result()
    for kind, counts in result["kinds"].items():
        print(f"{kind:28}{counts.get('agreed', 0):7} agreed {counts.get('not checked', 0):5} not checked "
              f"{counts.get('disagreed', 0):4} disagreed")  # fmt: skip
    for one in result["disagreements"]:
        print(f"{one['id']} {one['kind']}: {one['why']}")
    print({key: value for key, value in result.items() if isinstance(value, int | float)})
    result |= {
        "seed": given.seed,
        "from_patients": given.patients,
        "process_seconds": round(process_seconds(), 1),
    }
    result |= {"workers": given.workers, "seconds": round(time.monotonic() - start, 1)}
    result |= setting("spinemed", "numpy", "scipy", "nibabel", "pydicom")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {given.out.name}")
    return 1 if result["disagreed"] else 0


if __name__ == "__main__":
    sys.exit(main())
