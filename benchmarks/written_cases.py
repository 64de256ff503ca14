"""Cost, sentences and likeness of written cases, and how many of them give a consultation and a report.

    python benchmarks/written_cases.py

Times are processor times of one core. A document is compared with every other one by its words in runs of
five (English) or its characters in runs of five (Chinese), without its first line: exact repetitions, and
pairs whose runs overlap by 0.8 and more (Jaccard; candidates by MinHash of rensa, then counted exactly).
Faults are sentences that the grammars read otherwise than they were meant. Results go to
benchmarks/results/written_cases.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

from rensa import RMinHash
from setting import setting

from spinemed.instances.asking import Asking
from spinemed.instances.written.clinic import ask_written_clinic
from spinemed.phantom.written import SEEDS, WrittenCase, written_case
from spinemed.phantom.written.lint import faults
from spinemed.records import Instance

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "written_cases.json"
RUN = 5
LIKE = 0.8
HASHES, BANDS = 128, 32


def runs(case: WrittenCase) -> frozenset[str]:
    """Return the runs of five words or characters of a document, without its first line."""
    body = case.study.text.partition("\n")[2]
    parts = body.lower().split() if case.study.language == "en" else list(body)
    joiner = " " if case.study.language == "en" else ""
    return frozenset(joiner.join(parts[at : at + RUN]) for at in range(len(parts) - RUN + 1))


def like_pairs(documents: list[frozenset[str]]) -> int:
    """Return how many pairs of documents share `LIKE` of their runs and more."""
    rows = HASHES // BANDS
    bands: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, found in enumerate(documents):
        sketch = RMinHash(num_perm=HASHES, seed=1)
        sketch.update(sorted(found))
        digest = sketch.digest()
        for band in range(BANDS):
            bands[band, *digest[rows * band : rows * (band + 1)]].append(place)
    pairs = {pair for places in bands.values() for pair in combinations(places, 2)}
    return sum(
        len(documents[one] & documents[other]) >= LIKE * len(documents[one] | documents[other])
        for one, other in pairs
    )


def measure(count: int) -> dict[str, object]:
    """Return the figures of `count` cases from the first seed on."""
    written_case(SEEDS.start)
    start = time.process_time()
    cases = [written_case(seed) for seed in range(SEEDS.start, SEEDS.start + count)]
    cost = time.process_time() - start
    asking = Asking(seed=7, open_share=0.5, marks_per_series=1)
    start = time.process_time()
    clinical = [one for case in cases[: count // 4] for one in ask_written_clinic(case, asking)]
    clinic = time.process_time() - start
    sentences = [len(case.sentences) for case in cases]
    bodies = [case.study.text.partition("\n")[2] for case in cases]
    return {
        "cases": count,
        "ms_a_case": round(1000 * cost / count, 2),
        "clinic_cases": count // 4,
        "clinic_ms_a_case": round(1000 * clinic / (count // 4), 2),
        "clinic_instances": dict(Counter(one.task for one in clinical if isinstance(one, Instance))),
        "clinic_rejects": sum(not isinstance(one, Instance) for one in clinical),
        "languages": dict(Counter(case.study.language for case in cases)),
        "sentences": {
            "least": min(sentences),
            "median": statistics.median(sentences),
            "most": max(sentences),
        },
        "findings_a_case": round(statistics.mean(len(case.findings) for case in cases), 1),
        "conditions": dict(Counter(name for case in cases for name in case.study.conditions).most_common()),
        "exact_repetitions": count - len(set(bodies)),
        "like_pairs": like_pairs([runs(case) for case in cases]),
        "faults": sum(len(faults(case)) for case in cases[: count // 4]),
    }


def main() -> None:
    """Measure and write the result."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000)
    found = measure(parser.parse_args().count) | setting("spinemed", "rensa", "numpy")
    RESULT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
