"""How many bytes change in a store of content-defined chunks when 1 % of a corpus's patients are withdrawn.

    python benchmarks/withdrawal.py spinemed-450k
    python benchmarks/withdrawal.py --made 8      # 8 of 64 buckets of a made-up corpus of full density

The store is emulated: chunks of about 64 kB, cut where a gear hash of the last 64 bytes has 16 zero bits, at
least 8 kB and at most 128 kB long, as the Hub's Xet store cuts them; a chunk whose SHA-256 the store has
costs nothing. Beside it, what files as wholes would cost, and the same rows in an order drawn anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spinemed.corpus.card.release_info import ReleaseInfo
from spinemed.corpus.releases.lookup import SHARD, write_lookup
from spinemed.corpus.releases.manifest import Manifest, file_entries, read_manifest, write_manifest
from spinemed.corpus.releases.merkle import merkle_root
from spinemed.corpus.releases.publish import MANIFEST
from spinemed.corpus.releases.tombstones import TOMBSTONES, Tombstone
from spinemed.corpus.releases.withdraw import withdraw
from spinemed.corpus.rows import Config, features
from spinemed.corpus.stages.shards import TableWriter, shard_name
from spinemed.corpus.stages.units import bucket_of, group_of
from spinemed.records import content_id

RESULTS = Path(__file__).parent / "results" / "withdrawal.json"
LEAST, MOST = 8 * 1024, 128 * 1024
MASK = np.uint64(0xFFFF000000000000)
BLOCK = 1 << 20
BOX = {"left": 90, "top": 112, "right": 132, "bottom": 142}
GEAR = np.frombuffer(np.random.default_rng(0).bytes(256 * 8), np.uint64)
WORDS = [
    "disc",
    "canal",
    "stenosis",
    "severe",
    "moderate",
    "mild",
    "left",
    "right",
    "central",
    "foraminal",
    "vertebra",
    "body",
    "height",
    "signal",
    "T2",
    "T1",
    "cord",
    "nerve",
    "root",
    "L1-L2",
    "L2-L3",
    "L3-L4",
    "L4-L5",
    "L5-S1",
    "endplate",
    "facet",
    "joint",
    "ligament",
    "sagittal",
    "axial",
    "normal",
    "no",
    "is",
    "with",
    "and",
    "of",
    "the",
    "at",
    "degenerative",
    "slip",
    "percent",
    "mm",
    "degrees",
    "grade",
    "unremarkable",
    "shows",
    "there",
    "seen",
]


def cuts(content: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of the chunks of some bytes."""
    start = 0
    for place in _candidates(content):
        while place - start > MOST:
            yield start, start + MOST
            start += MOST
        if place - start >= LEAST:
            yield start, place
            start = place
    while start < len(content):
        stop = min(start + MOST, len(content))
        yield start, stop
        start = stop


def _candidates(content: NDArray[np.uint8]) -> Iterator[int]:
    """Yield places after which the gear hash of the last 64 bytes has its 16 high bits zero."""
    for begin in range(0, len(content), BLOCK):
        lead = min(begin, 63)
        hashes = GEAR[content[begin - lead : begin + BLOCK]]
        for width in (1, 2, 4, 8, 16, 32):  # sum of G[b[i - k]] << k over k, doubled six times
            hashes[width:] += hashes[:-width] << np.uint64(width)
        found = np.flatnonzero((hashes[lead:] & MASK) == 0)
        yield from (int(place) + begin + 1 for place in found)


def chunks(folder: Path) -> Counter[tuple[bytes, int]]:
    """Return (hash, length) -> how often, of all chunks of all files of a folder."""
    found: Counter[tuple[bytes, int]] = Counter()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size:
            content = np.fromfile(path, np.uint8)
            for start, stop in cuts(content):
                found[hashlib.sha256(content[start:stop].data).digest(), stop - start] += 1
    return found


def new_bytes(store: Counter[tuple[bytes, int]], folder: Path, files: Iterable[str]) -> dict[str, int]:
    """Return by kind of file how many bytes of chunks a store lacks for some files of a folder."""
    found: Counter[str] = Counter()
    known = set(store)
    for file in sorted(files):
        path = folder / file
        if not path.stat().st_size:
            continue
        name = file.split("/")[1] if SHARD.fullmatch(file) else file
        content = np.fromfile(path, np.uint8)
        for start, stop in cuts(content):
            key = hashlib.sha256(content[start:stop].data).digest(), stop - start
            if key not in known:
                known.add(key)
                found[name] += stop - start
    return dict(found)


def withdrawn_patients(folder: Path, share: float, seed: int) -> list[str]:
    """Return a share of the patients of each source, at least one, drawn by a seed."""
    of_source: dict[str, list[str]] = {}
    for path in sorted((folder / "data" / "studies").glob("*.parquet")):
        table = pq.read_table(path, columns=["source", "patient"])
        for row in table.to_pylist():
            of_source.setdefault(row["source"], []).append(row["patient"])
    rng = random.Random(seed)
    return [
        patient
        for source in sorted(of_source)
        for patient in rng.sample(
            sorted(set(of_source[source])), max(1, round(share * len(set(of_source[source]))))
        )
    ]


def finished(folder: Path, before: Manifest | None, release: ReleaseInfo) -> Manifest:
    """Return the manifest of made-up data; a lookup stands beside it, and no card."""
    write_lookup(folder)
    files = file_entries(folder)
    manifest = Manifest(
        name="made up",
        version=release.version,
        root=merkle_root(files),
        previous_root="" if before is None else before.root,
        seed=0,
        settings={},
        inputs={},
        code="",
        packages={},
        studies=0,
        rows={},
        kinds={},
        rejects={},
        image_bytes=0,
        parquet_bytes=0,
        files=files,
    )
    write_manifest(folder, manifest)
    return manifest


def made(folder: Path, buckets: int) -> None:
    """Write a corpus with the density of a full one: 17 imaging patients and 156 written cases a bucket."""
    rng = random.Random(1)
    patients = [f"phantom-{seed:06d}" for seed in range(1, 17 * buckets + 1)]
    patients += [f"written-{seed:06d}" for seed in range(100_000, 100_000 + 156 * buckets)]
    rows: dict[tuple[str, str, int], list[tuple[tuple[str, str], list[dict[str, Any]]]]] = {}
    for patient in patients:
        source = "phantom" if patient.startswith("phantom") else "casebook"
        draw = rng.random()
        split = "train" if draw < 0.7 else "validation" if draw < 0.8 else "test"
        for config, found in _made_rows(patient, source, split, rng).items():
            key = config, split, bucket_of(patient, buckets)
            rows.setdefault(key, []).append(((source, group_of(patient)), found))
    for (config, split, bucket), groups in sorted(rows.items()):
        schema = features(_config(config)).arrow_schema
        writer = TableWriter(folder / "data" / config / shard_name(split, bucket, buckets), schema)
        for _, group in sorted(groups, key=lambda one: one[0]):
            writer.add(pa.Table.from_pylist(group, schema=schema))
        writer.close()
    (folder / TOMBSTONES).touch()
    finished(folder, None, ReleaseInfo())


def _config(name: str) -> Config:
    for config in ("choice", "open", "dialogue", "report", "studies", "findings"):
        if config == name:
            return config
    raise ValueError(name)


def _said(rng: random.Random, count: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(count)) + "."


def _made_rows(patient: str, source: str, split: str, rng: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Return config -> rows of a patient: 35 pictures of 29 kB with two rows each, or 35 rows of text."""
    study = hashlib.sha256(patient.encode()).hexdigest()[:16]
    base = {name: "" for name, kind in features("open").items() if getattr(kind, "dtype", "") == "string"}
    base |= {"patient": patient, "study": study, "split": split, "source": source, "licence": "Apache-2.0"}
    base |= {"conditions": ["scoliosis"], "sites": ["L4"], "gates": ["levels_read_back", "one_answer"]}
    base |= {"synthetic": True, "axis": "level", "language": "en"}
    text = " ".join(_said(rng, 12) for _ in range(11))
    findings = [
        {"id": rng.randbytes(8).hex(), "study": study, "patient": patient, "split": split, "source": source}
        | {"licence": "Apache-2.0", "plane": "sagittal", "series": study, "slice_index": 0, "box": BOX}
        for _ in range(60)
    ]
    found: dict[str, list[dict[str, Any]]] = {"choice": [], "open": [], "dialogue": [], "report": []}
    quote = {"document": study, "start": 0, "end": 60, "text": text[:60]}
    for number in range(35):
        images = [_picture(rng)] if source == "phantom" else []
        for config in ("choice", "open") if images else [rng.choice(["choice", "choice", "open"])]:
            asked, answer = _said(rng, 14), rng.choice("ABCD")
            row = base | {"images": images, "task": config, "question": asked, "answer": answer}
            row |= {"kind": f"kind_{number % 30}", "template": f"kind_{number % 30}/en/{rng.randrange(6)}"}
            row |= {"level": rng.choice(["L3", "L4", "L4-L5"]), "findings": [rng.choice(findings)["id"]]}
            reply = answer
            if config == "choice":
                row["options"] = [_said(rng, 2) + letter for letter in "ABCD"]
                reply = f"{row['options']['ABCD'.index(answer)]} ({answer})"
            found[config].append(_row(row, [asked if images else f"{text}\n{asked}", reply], quote))
    for config, turns in (("dialogue", 6), ("report", 2)):
        images = found["open"][0]["images"] if source == "phantom" else []
        row = base | {"images": images, "task": config, "findings": [], "kind": config}
        found[config].append(_row(row, [_said(rng, 60) for _ in range(turns)], quote))
    study_row = {"id": study, "patient": patient, "split": split, "source": source, "synthetic": True}
    empty = {name: "" for name, kind in features("studies").items() if getattr(kind, "dtype", "") == "string"}
    study_row |= {"licence": "Apache-2.0", "text": text}
    return found | {"studies": [empty | study_row], "findings": findings}


def _picture(rng: random.Random) -> dict[str, Any]:
    content = rng.randbytes(29_000)
    return {"bytes": content, "path": f"{hashlib.sha256(content).hexdigest()}.png"}


def _row(row: dict[str, Any], said: list[str], quote: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its messages, evidence and id."""
    shown = [one["path"].removesuffix(".png") for one in row["images"]]
    row["messages"] = [{"role": ("user", "assistant")[n % 2], "content": one} for n, one in enumerate(said)]
    if shown:
        row |= {"modality": "CT", "series": f"2.25.{row['study']}", "plane": "sagittal", "slice_index": 3}
        row |= {"box": BOX, "spacing_mm": 1.0}
    else:
        row |= {"modality": "text", "quote": quote}
    row["id"] = content_id(row["kind"], row["language"], shown, *said)
    return row


def shuffled(folder: Path, into: Path) -> None:
    """Write the same files with the rows of each in an order drawn anew, as a careless release would."""
    rng = np.random.default_rng(0)
    for path in sorted(folder.glob("data/*/*.parquet")):
        table = pq.read_table(path)
        writer = TableWriter(into / path.relative_to(folder), table.schema)
        writer.add(table.take(rng.permutation(len(table))))
        writer.close()


def measured(folder: Path, share: float, repeats: int, is_made: bool) -> dict[str, Any]:
    """Return the bytes that change, for several draws of patients."""
    store = chunks(folder)
    total = sum(size * count for (_, size), count in store.items())
    draws = []
    for seed in range(repeats):
        patients = withdrawn_patients(folder, share, seed)
        stones = [
            Tombstone(kind="patient", key=one, reason="benchmark", date="2027-01-31") for one in patients
        ]
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            started = time.process_time()
            done = withdraw(folder, stones, Path(scratch, "next"), finished if is_made else None)
            seconds = time.process_time() - started
            changed = new_bytes(store, Path(scratch, "next"), [*done.changed, MANIFEST])
        files = sum(done.changed.values())
        draws.append(
            {
                "patients": len(patients),
                "rows": sum(done.rows.values()),
                "chunk_bytes_new": sum(changed.values()),
                "chunk_share": round(sum(changed.values()) / total, 4),
                "by_part": dict(sorted(changed.items(), key=lambda item: -item[1])),
                "file_share": round(files / total, 4),
                "cpu_seconds": round(seconds, 2),
            }
        )
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        shuffled(folder, Path(scratch, "next"))
        place = Path(scratch, "next")
        mixed = [path.relative_to(place).as_posix() for path in place.rglob("*.parquet")]
        again = sum(new_bytes(store, place, mixed).values())
    stored = sum(size for _, size in store)
    return {
        "bytes": total,
        "bytes_stored": stored,
        "chunks": len(store),
        "share_of_patients": share,
        "draws": draws,
        "worst_chunk_share": max(draw["chunk_share"] for draw in draws),
        "reshuffled_chunk_share": round(again / total, 4),
    }


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--made", type=int, default=0, help="buckets of a made-up corpus of full density")
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    if (given.corpus is None) == (given.made == 0):
        parser.error("name a corpus, or --made BUCKETS")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.corpus.absolute() if given.corpus else Path(scratch, "corpus")
        if given.made:
            made(folder, given.made)
        manifest = read_manifest(folder)
        name = "" if manifest is None else f"{manifest.name} {manifest.version}"
        found = {"corpus": name, **measured(folder, given.share, given.repeats, bool(given.made))}
    found["made_of"] = {one: version(one) for one in ("numpy", "pyarrow", "spinemed")}
    found["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    json.dump(found, sys.stdout, indent=1)
    given.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
