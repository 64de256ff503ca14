"""Rows a second of a corpus folder in datasets beside pyarrow, webdataset and litdata.

    python benchmarks/loaders.py spinemed-450k --config open --rows 3000
    python benchmarks/loaders.py spinemed-450k --peers-python OTHER/bin/python

The first files of the split that hold `--rows` rows are taken; the same rows (all columns, the same PNG
bytes) are written as webdataset tars and as litdata chunks. Each loader runs in a process of its own,
once a round, in turn, and the medians are told. Rows a second are of processor time of all threads, since
the machine may be shared; seconds to the first row are counted from the start of the process, imports
included, in wall and in processor time. Random rows are read in batches of 32, as a torch DataLoader asks
for them. What reads in order only is shuffled through a buffer of 1,000 rows, and how far that mixes is
told: the middle distance between two rows given one after the other, as a share of the data. Results go
to benchmarks/results/loaders.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from setting import machine

ROOT: Final = Path(__file__).resolve().parent.parent
RESULT: Final = ROOT / "benchmarks" / "results" / "loaders.json"
MEASURED: Final = Path(__file__).with_name("loaders_measured.py")
LOADERS: Final = (
    "datasets", "spinemed_by_number", "spinemed_by_number_in_memory",
    "datasets_streaming", "datasets_streaming_without_torch",
    "pyarrow", "pyarrow_streaming", "webdataset", "litdata", "litdata_streaming",
)  # fmt: skip


def taken(folder: Path, config: str, split: str, rows: int) -> list[Path]:
    """Return the first files of a split that hold as many rows, or all of them."""
    files, held = [], 0
    for path in sorted((folder / "data" / config).glob(f"{split}-*.parquet")):
        if held >= rows:
            break
        files.append(path)
        held += pq.ParquetFile(path).metadata.num_rows
    return files


def _run(python: str, arguments: Sequence[str], cache: Path, order: Path) -> dict[str, float] | str:
    names = {
        "HF_DATASETS_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "LOADERS_ORDER": str(order),
        "USE_TORCH": "0" if "datasets_streaming_without_torch" in arguments else "1",
    }
    done = subprocess.run(
        [python, str(MEASURED), *arguments],
        env=os.environ | names,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("told ")]
    return json.loads(lines[-1][5:]) if lines else (done.stderr.strip().splitlines() or ["nothing said"])[-1]


def measure(folder: Path, config: str, split: str, rows: int, rounds: int, peers: str) -> dict[str, Any]:
    """Return what all loaders gave, medians over the rounds, and sizes; a failed one by its last words."""
    files = [path.resolve() for path in taken(folder, config, split, rows)]
    result: dict[str, Any] = {"config": config, "split": split, "files": len(files)}
    shown = [pq.read_table(path, columns=["images"])["images"].combine_chunks() for path in files]
    result["pictures"] = sum(len(images.flatten()) for images in shown)
    result["parquet_bytes"] = sum(path.stat().st_size for path in files)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "ours").mkdir()
        (work / "ours" / "files.json").write_text(json.dumps([str(path) for path in files]))
        order = work / "order.json"
        order.write_text(
            json.dumps([i for path in files for i in pq.read_table(path, columns=["id"])["id"].to_pylist()])
        )
        stores = {"webdataset": work / "tars", "litdata": work / "chunks"}
        for peer, store in stores.items():
            written = _run(peers, ["--write", peer, str(work / "ours"), str(store)], work / "cache", order)
            result[f"{peer}_bytes"] = (
                sum(path.stat().st_size for path in store.glob("*")) if store.is_dir() else written
            )
        return result | {"loaders": _in_turn(work, stores, order, rounds, peers)}


def _in_turn(work: Path, stores: Mapping[str, Path], order: Path, rounds: int, peers: str) -> dict[str, Any]:
    told: dict[str, list[Any]] = {loader: [] for loader in LOADERS}
    for _ in range(rounds):
        for loader in LOADERS:
            peer = loader.split("_")[0]
            shutil.rmtree(work / "cache", ignore_errors=True)
            arguments = ["--measure", loader, str(stores.get(peer, work / "ours"))]
            python = peers if peer in stores else sys.executable
            told[loader].append(_run(python, [*arguments, str(time.time())], work / "cache", order))
    return {loader: _median(given) for loader, given in told.items()}


def _median(given: Sequence[Any]) -> dict[str, float] | str:
    if any(isinstance(one, str) for one in given):
        return next(str(one) for one in given if isinstance(one, str))
    return {key: round(statistics.median(one[key] for one in given), 4) for key in given[0]}


def versions(python: str) -> dict[str, str]:
    """Return the versions of the loaders, those of the peers as the other Python sees them."""
    found = {
        "datasets": version("datasets"),
        "pyarrow": version("pyarrow"),
    }
    asked = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    for name in ("webdataset", "litdata", "torch"):
        told = subprocess.run([python, "-c", asked, name], capture_output=True, text=True, check=False)
        found[name] = told.stdout.strip() or "not installed"
    try:
        found["torch_beside_datasets"] = version("torch")
    except PackageNotFoundError:
        found["torch_beside_datasets"] = "not installed"
    return found


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "spinemed-450k")
    parser.add_argument("--config", default="open")
    parser.add_argument("--split", default="train")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--peers-python", default=sys.executable, help="a Python that has webdataset and litdata"
    )
    given = parser.parse_args()
    result = measure(given.folder, given.config, given.split, given.rows, given.rounds, given.peers_python)
    result |= {"rounds": given.rounds, "versions": versions(given.peers_python), "machine": machine()}
    for loader, told in result["loaders"].items():
        print(f"{loader:20}", told)
    print({key: value for key, value in result.items() if key != "loaders"})
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
