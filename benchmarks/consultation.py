"""Do consultations rank doctors as they deserve? Scripted doctors on phantom patients, in both languages.

Phantom studies are written for the run (or read from --studies), each becomes one consultation in English and
one in Chinese, and every scripted doctor holds all of them. The doctors know the truth: this measures the
score, not a model. Results go to benchmarks/results/consultation.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

from setting import setting

from spinemed.bench.consultation.cases import ConsultationCase
from spinemed.bench.consultation.doctors import DOCTORS, scripted_doctor
from spinemed.bench.consultation.score import ConsultationSummary, scored, summarised
from spinemed.bench.consultation.studies import cases_of_studies
from spinemed.bench.consultation.table import summary_text
from spinemed.bench.consultation.talk import held
from spinemed.phantom.export.study import write_studies
from spinemed.sources import SOURCES

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "consultation.json"
FIRST_SEED = 4000


def phantom_cases(folder: Path, limit: int) -> tuple[list[ConsultationCase], list[str]]:
    """Return the consultations of the first studies of a folder, and the reasons of those that have none."""
    studies = [one for _, one in zip(range(limit), SOURCES["phantom"](folder), strict=False)]
    given = list(cases_of_studies(studies, seed=0))
    cases = [one for one in given if isinstance(one, ConsultationCase)]
    return cases, [one.reason for one in given if not isinstance(one, ConsultationCase)]


def summaries(cases: list[ConsultationCase]) -> dict[str, ConsultationSummary]:
    """Return the summary of every scripted doctor on the same cases."""
    found: dict[str, ConsultationSummary] = {}
    for kind in DOCTORS:
        talks = list(held(cases, scripted_doctor(kind, cases), kind))
        scores = [scored(talk, case) for talk, case in zip(talks, cases, strict=True)]
        found[kind] = summarised(scores)
    return found


def measure(studies: Path | None, count: int) -> dict[str, object]:
    """Return all figures of one run."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = studies or Path(scratch)
        if studies is None:
            for _ in write_studies(FIRST_SEED, count, folder):
                pass
        start = time.perf_counter()
        cases, without = phantom_cases(folder, count)
        made = time.perf_counter() - start
    start = time.perf_counter()
    found = summaries(cases)
    held_s = time.perf_counter() - start
    for one in found.values():
        print(summary_text(one), end="\n\n")
    order = sorted(found, key=lambda kind: -(found[kind].score.mean or 0.0))
    print(f"order: {' > '.join(order)}")
    return {
        "studies": count,
        "first_seed": None if studies else FIRST_SEED,
        "consultations": len(cases),
        "patients": len({case.patient for case in cases}),
        "leads": dict(Counter(case.lead for case in cases).most_common()),
        "with_a_danger": sum(any(one.alarming and one.relevant for one in case.facts) for case in cases),
        "without_a_plan": dict(Counter(without).most_common()),
        "order": order,
        "doctors": {kind: one.model_dump() for kind, one in found.items()},
        "seconds_to_make_a_case": round(made / max(1, len(cases)), 2),
        "seconds_to_hold_and_score": round(held_s / max(1, len(cases) * len(DOCTORS)), 4),
        **setting("spinemed"),
    }


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=40, help="how many studies")
    parser.add_argument("--studies", type=Path, help="phantom studies on disk instead of new ones")
    arguments = parser.parse_args()
    result = measure(arguments.studies, arguments.count)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
