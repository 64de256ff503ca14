"""How long `load_dataset` takes the first time: every config with all its splits, each in a new process.

    python benchmarks/cold_load.py spinemed-450k

The cache of datasets is an empty folder, imports are included, and no network is asked. Results go to
benchmarks/results/cold_load.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from setting import setting

RESULT = Path(__file__).parent / "results" / "cold_load.json"
CONFIGS = ("choice", "open", "dialogue", "report")
_LOADED = (
    "import json, sys, datasets\n"
    "datasets.disable_progress_bars()\n"
    "loaded = datasets.load_dataset(sys.argv[1], sys.argv[2])\n"
    "print(json.dumps({split: rows.num_rows for split, rows in loaded.items()}))\n"
)


def loaded(corpus: Path, config: str, cache: Path) -> dict[str, Any]:
    """Return rows of each split of a config and the seconds of a process that loads it."""
    names = {**os.environ, "HF_HOME": str(cache), "HF_DATASETS_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    before = time.perf_counter()
    told = subprocess.run(
        [sys.executable, "-c", _LOADED, str(corpus), config],
        env=names, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {
        "seconds": round(time.perf_counter() - before, 1),
        "rows": sum(json.loads(told.stdout.splitlines()[-1]).values()),
    }


def main() -> None:
    """Load, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        configs = {config: loaded(given.corpus.resolve(), config, cache) for config in CONFIGS}
        size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    result = {
        "configs": configs,
        "rows": sum(one["rows"] for one in configs.values()),
        "seconds": round(sum(one["seconds"] for one in configs.values()), 1),
        "cache_gb": round(size / 1e9, 2),
        **setting("spinemed", "datasets", "pyarrow"),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
