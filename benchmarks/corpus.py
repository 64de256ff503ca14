"""Size and time of the corpus writer beside `Dataset.to_parquet`, and what facts and guesses get right.

    python benchmarks/corpus.py --phantoms 300

Builds a corpus of synthetic patients with two workers (time of the whole build, phantoms included), then
writes the rows of its `choice` train split again with `Dataset.to_parquet` and its defaults. Sizes are
compared with the bytes of all different pictures. Also counts how many of the stated grades of height loss
equal the phantoms' truth, and how often a text-only and a place-only guess is right. Results go to
benchmarks/results/corpus.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from setting import setting

RESULT = Path(__file__).parent / "results" / "corpus.json"


def build_corpus(phantoms: int, out: Path) -> dict[str, Any]:
    """Return seconds, rows and sizes of a whole build."""
    from spinemed.corpus.build import build
    from spinemed.corpus.config import BuildConfig, Phantoms

    before = time.perf_counter()
    manifest = build(BuildConfig(phantoms=Phantoms(count=phantoms)), out, workers=2).manifest
    seconds = time.perf_counter() - before
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "phantoms": phantoms,
        "workers": 2,
        "seconds": round(seconds, 1),
        "processor_seconds": round(sum(one.ru_utime + one.ru_stime for one in used), 1),
        "load_average": round(os.getloadavg()[0], 1),
        "questions": sum(sum(manifest.rows[config].values()) for config in ("choice", "open")),
        "image_bytes": manifest.image_bytes,
        "parquet_bytes": manifest.parquet_bytes,
        "parquet_over_images": round(manifest.parquet_bytes / manifest.image_bytes, 4),
        "rejects": manifest.rejects,
    }


def compare_writers(corpus: Path, scratch: Path) -> dict[str, Any]:
    """Return bytes and seconds of both writers on the rows of one split."""
    import pyarrow.parquet as pq
    from datasets import Dataset

    from spinemed.corpus.rows import features
    from spinemed.corpus.stages.shards import ShardWriter

    rows = [
        row
        for path in sorted((corpus / "data/choice").glob("train-*"))
        for row in pq.read_table(path).to_pylist()
    ]
    data = Dataset.from_list(rows, features=features("choice"))
    before = time.perf_counter()
    data.to_parquet(scratch / "default.parquet")
    default_seconds = time.perf_counter() - before
    before = time.perf_counter()
    writer = ShardWriter(scratch, "train", features("choice"))
    for row in rows:
        writer.add(row)
    ours = sum(path.stat().st_size for path in writer.finish())
    our_seconds = time.perf_counter() - before
    default = (scratch / "default.parquet").stat().st_size
    return {
        "rows": len(rows),
        "image_bytes": writer.image_bytes,
        "ours_bytes": ours,
        "to_parquet_bytes": default,
        "ours_over_images": round(ours / writer.image_bytes, 3),
        "to_parquet_over_images": round(default / writer.image_bytes, 3),
        "to_parquet_over_ours": round(default / ours, 2),
        "ours_seconds": round(our_seconds, 2),
        "to_parquet_seconds": round(default_seconds, 2),
    }


def grades(corpus: Path, studies: Path) -> dict[str, dict[str, int]]:
    """Return for each true Genant grade how many stated grades were right and wrong."""
    import pyarrow.parquet as pq

    truths: dict[str, dict[str, int]] = {}
    counted = {str(grade): {"right": 0, "wrong": 0} for grade in range(4)}
    for path in sorted((corpus / "data/findings").glob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            if row["pathology"] != "height_loss":
                continue
            if row["patient"] not in truths:
                truth = json.loads((studies / row["patient"] / "truth.json").read_text(encoding="utf-8"))
                truths[row["patient"]] = {part["level"]: part["genant_grade"] for part in truth["vertebrae"]}
            grade = str(truths[row["patient"]][row["site"]])
            counted[grade]["right" if row["grade"] == grade else "wrong"] += 1
    return counted


def guesses(corpus: Path) -> dict[str, dict[str, float]]:
    """Return the accuracy of guesses that see no pixel, by kind, with the number of test items."""
    from spinemed.bench.items import read_items
    from spinemed.bench.scoring.baselines import place_only, text_only

    train, test = read_items(corpus, "choice", "train"), read_items(corpus, "choice", "test")
    found = {}
    for kind in sorted({item.kind for item in test}):
        learnt, asked = [one for one in train if one.kind == kind], [one for one in test if one.kind == kind]
        hits = {"text_only": text_only(learnt, asked)}
        if kind not in ("levels_in_view", "height_loss"):
            hits["place_only"] = place_only(learnt, asked)
        found[kind] = {"n": float(len(asked))} | {
            name: round(sum(a == one.answer for a, one in zip(letters, asked, strict=True)) / len(asked), 3)
            for name, letters in hits.items()
        }
    return found


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--phantoms", type=int, default=60)
    phantoms = parser.parse_args().phantoms
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "spinemed-450k"
        result = {
            "build": build_corpus(phantoms, corpus),
            "writers": compare_writers(corpus, Path(folder)),
            "grades_stated": grades(corpus, Path(folder) / "phantom-studies"),
            "guesses_without_pixels": guesses(corpus),
            **setting("spinemed", "datasets", "pyarrow", "numpy"),
        }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
