"""Planted faults against the diagnosis: simulated answerers on phantom items, through the whole path.

    python benchmarks/validity.py --seeds 12
    python benchmarks/validity.py --page

Each answerer of `spinemed.bench.faults.planted` has one fault and knows an item and its key alone. On samples
of several sizes, drawn by seed from the held-out items of a corpus of phantoms, its replies are written as
predictions, once as it answers and once without the picture, scored by `spinemed.bench.score`, diagnosed from
the scorecard, and for one seed put on a page by `spinemed.bench.pages.report`. Counted are: the planted fault
found; any other found; no fault found. Without --data the corpus is built, 250 synthetic patients of three
kinds, in a few minutes. Results go to benchmarks/results/validity.json; --page writes docs/validity from it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from setting import setting

from spinemed.bench.faults.diagnosis import Diagnosis, diagnose
from spinemed.bench.faults.planted import Planted, answerers
from spinemed.bench.faults.planted_files import write_predictions
from spinemed.bench.items import Item
from spinemed.bench.pages.report import write_report
from spinemed.bench.score import Benchmark, open_benchmark, score_on
from spinemed.intervals import wilson
from spinemed.phantom.patient.seeds import FRESH

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "validity.json"
PAGE = ROOT / "docs" / "validity"
SIZES = (50, 200, 500)
# Patients as they come; with herniated and narrow discs, for items about sides; with variants of numbering.
STUDIES = (
    (930_001, 60, None, ("ct", "t2", "t2_axial")),
    (931_001, 150, ("disc_herniation", "spinal_stenosis"), ("t2_axial",)),
    (932_001, 40, ("transitional_anatomy",), ("t2", "xr_ap", "xr_lat")),
)


@dataclass(frozen=True)
class Job:
    """One answerer, by its place in the list, with the sizes and seeds that it is tried with."""

    place: int
    data: Path
    sizes: tuple[int, ...]
    seeds: int
    metrics: Path
    pages: Path | None


def build_corpus(out: Path, scratch: Path) -> None:
    """Build the corpus of the study: three groups of phantoms, three fifths of the patients held out."""
    from spinemed.corpus.build import build
    from spinemed.corpus.config import BuildConfig, Shares
    from spinemed.phantom.export.study import write_studies

    for first, count, conditions, kinds in STUDIES:
        for _ in write_studies(first, count, scratch, 1, kinds, conditions, later=False):
            pass
    build(
        BuildConfig(
            seed=4, sources={"phantom": scratch}, splits=Shares(train=0.4, validation=0.0, test=0.6),
            marks_per_series=3, items_per_kind=6, open_share=0.2,
        ),
        out, 1, seeds=FRESH,
    )  # fmt: skip


def diagnosed(
    benchmark: Benchmark, planted: Planted, items: Sequence[Item], seed: int, folder: Path, page: Path | None
) -> Diagnosis:
    """Return the diagnosis of one answerer on some items, by way of files; write its page if asked to."""
    normal, blank = folder / "answers.jsonl", folder / "answers.blank.jsonl"
    write_predictions(normal, planted, items, benchmark.data_hash, seed, blank=False)
    write_predictions(blank, planted, items, benchmark.data_hash, seed, blank=True)
    card = score_on(benchmark, normal, (), [str(blank)])
    if page is not None:
        path = folder / "scorecard.json"
        path.write_text(card.model_dump_json(), encoding="utf-8")
        write_report(path, {planted.name: normal}, benchmark.data, page, name=planted.name.replace(" ", "_"))
    return diagnose(card)


@lru_cache(maxsize=1)
def opened(data: Path, metrics: Path) -> tuple[Benchmark, list[Planted]]:
    """Return the benchmark and all answerers, read and learnt once a process."""
    benchmark = open_benchmark(data, "choice", "test", metrics)
    return benchmark, answerers(benchmark.train, benchmark.items)


def trials(job: Job) -> list[dict[str, Any]]:
    """Return one row for each size and seed of an answerer."""
    benchmark, everyone = opened(job.data, job.metrics)
    planted = everyone[job.place]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for size in job.sizes:
            for seed in range(job.seeds):
                items = random.Random(f"{size} {seed}").sample(benchmark.items, size)
                page = job.pages if size == max(job.sizes) and seed == 0 else None
                found = diagnosed(benchmark, planted, items, seed, Path(scratch), page)
                rows.append(row_of(planted, size, seed, found))
    print(f"{planted.name}: {len(rows)} trials", file=sys.stderr, flush=True)
    return rows


def row_of(planted: Planted, size: int, seed: int, diagnosis: Diagnosis) -> dict[str, Any]:
    """Return what one trial found, and on how many items the planted fault could show."""
    found = [f"{one.rule} {one.about}".strip() for one in diagnosis.found]
    own = [one for one in diagnosis.statements if one.rule in planted.deserves]
    return {
        "answerer": planted.name, "size": size, "seed": seed, "found": found,
        "hit": any(one.rule in planted.deserves for one in diagnosis.found),
        "others": [text for text in found if text.split()[0] not in planted.deserves],
        "relevant": max((one.n for one in own), default=size),
        "too_few": any(one.state == "too_few" for one in own), "looks": diagnosis.looks,
    }  # fmt: skip


def share(count: int, total: int) -> dict[str, Any]:
    """Return a share with its Wilson interval."""
    low, high = wilson(count, total)
    return {"count": count, "n": total, "share": round(count / total, 4), "low": round(low, 4),
            "high": round(high, 4)}  # fmt: skip


def summed(planted: Planted, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the rates of one answerer at one size."""
    missed = [row for row in rows if planted.deserves and not row["hit"]]
    relevant = sorted(row["relevant"] for row in rows)
    return {
        "answerer": planted.name, "fault": planted.fault, "deserves": list(planted.deserves),
        "size": rows[0]["size"], "relevant_items": relevant[len(relevant) // 2],
        "detected": share(sum(row["hit"] for row in rows), len(rows)) if planted.deserves else None,
        "others": share(sum(bool(row["others"]) for row in rows), len(rows)),
        "other_names": dict(Counter(text for row in rows for text in row["others"])),
        "missed_and_said_so": f"{sum(row['too_few'] for row in missed)} of {len(missed)}",
    }  # fmt: skip


def study(data: Path, seeds: int, sizes: tuple[int, ...], metrics: Path, workers: int, pages: Path) -> Any:
    """Return all rates, with the corpus they rest on, versions and machine."""
    began = time.perf_counter()
    benchmark, everyone = opened(data, metrics)
    jobs = [Job(place, data, sizes, seeds, metrics, pages) for place in range(len(everyone))]
    with ProcessPoolExecutor(workers) as pool:
        found = list(pool.map(trials, jobs))
    rates = [
        summed(planted, [row for row in rows if row["size"] == size])
        for planted, rows in zip(everyone, found, strict=True)
        for size in sizes
    ]
    every = [row for rows in found for row in rows]
    honest = [row for row in every if row["answerer"] == "honest"]
    return {
        "items": len(benchmark.items),
        "patients": len({item.patient for item in benchmark.items}),
        "items_of_patients_with_a_variant": sum(bool(item.transitional) for item in benchmark.items),
        "training_items": len(benchmark.train), "seeds": seeds, "sizes": list(sizes), "trials": len(every),
        "false_alarms_of_the_honest": share(sum(bool(row["found"]) for row in honest), len(honest)),
        "other_diagnoses": share(sum(bool(row["others"]) for row in every), len(every)),
        "rules_tested": [min(row["looks"] for row in every), max(row["looks"] for row in every)],
        "pages": len(list(pages.glob("*.html"))), "rates": rates, "data_hash": benchmark.data_hash,
        "seconds": round(time.perf_counter() - began, 1), "cores": os.cpu_count(),
        **setting("spinemed", "numpy", "scipy", "evaluate"),
    }  # fmt: skip


def main() -> None:
    """Run the study, or write the page from its result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a corpus with the config choice; built if not given")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--metrics", type=Path, default=ROOT / "evaluate_metrics")
    parser.add_argument("--page", action="store_true", help="only write docs/validity from the result")
    words = parser.parse_args()
    if not words.page:
        with tempfile.TemporaryDirectory() as scratch:
            data = words.data or Path(scratch) / "corpus"
            if words.data is None:
                build_corpus(data, Path(scratch) / "studies")
            pages = Path(scratch) / "pages"
            pages.mkdir()
            found = study(data, words.seeds, tuple(words.sizes), words.metrics, words.workers, pages)
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(json.dumps({key: found[key] for key in found if key != "rates"}, indent=1))
    from spinemed.bench.pages.planted_page import write_page

    print("\n".join(map(str, write_page(json.loads(RESULT.read_text(encoding="utf-8")), PAGE))))


if __name__ == "__main__":
    main()
