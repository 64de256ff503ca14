"""How many bytes change in a store of content-defined chunks when 1 % of a corpus's patients are withdrawn.

    python benchmarks/withdrawal.py spinemed-450k

The store is emulated: chunks of about 64 kB, cut where a gear hash of the last 64 bytes has 16 zero bits, at
least 8 kB and at most 128 kB long, as the Hub's Xet store cuts them; a chunk whose SHA-256 the store has
costs nothing. Beside it, what files as wholes would cost, and the same rows in an order drawn anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from setting import setting

from spinemed.corpus.releases.lookup import SHARD
from spinemed.corpus.releases.manifest import read_manifest
from spinemed.corpus.releases.publish import MANIFEST
from spinemed.corpus.releases.tombstones import Tombstone
from spinemed.corpus.releases.withdraw import withdraw
from spinemed.corpus.stages.shards import TableWriter

RESULTS = Path(__file__).parent / "results" / "withdrawal.json"
LEAST, MOST = 8 * 1024, 128 * 1024
MASK = np.uint64(0xFFFF000000000000)
BLOCK = 1 << 20
GEAR = np.frombuffer(np.random.default_rng(0).bytes(256 * 8), np.uint64)


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


def shuffled(folder: Path, into: Path) -> None:
    """Write the same files with the rows of each in an order drawn anew, as a careless release would."""
    rng = np.random.default_rng(0)
    for path in sorted(folder.glob("data/*/*.parquet")):
        table = pq.read_table(path)
        writer = TableWriter(into / path.relative_to(folder), table.schema)
        writer.add(table.take(rng.permutation(len(table))))
        writer.close()


def measured(folder: Path, share: float, repeats: int) -> dict[str, Any]:
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
            done = withdraw(folder, stones, Path(scratch, "next"))
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
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    folder = given.corpus.absolute()
    manifest = read_manifest(folder)
    name = "" if manifest is None else f"{manifest.name} {manifest.version}"
    found = {"corpus": name, **measured(folder, given.share, given.repeats)}
    found |= setting("spinemed", "numpy", "pyarrow")
    json.dump(found, sys.stdout, indent=1)
    given.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
