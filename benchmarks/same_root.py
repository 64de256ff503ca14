"""The same corpus built in several ways, kills among them: the Merkle roots must be one.

    python benchmarks/same_root.py --share 0.1

Builds that share of the patients of dataset_scripts/spinemed_450k/build.yaml with two workers, with two
workers killed (SIGKILL, the whole session) at three random moments and started again, by Ray with two
workers, and with one worker. Each Ray task starts a process of its own, so that there are fewer buckets here
than at full size (`--buckets`). Exits with 1 where roots differ.
Results go to benchmarks/results/same_root.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from scale import settings_for
from setting import setting

from spinemed.corpus.releases.manifest import read_manifest

RESULT: Final = Path(__file__).parent / "results" / "same_root.json"
WAYS: Final = {
    "two_workers": ("--workers", "2"),
    "killed_three_times": ("--workers", "2"),
    "ray": ("--workers", "2", "--executor", "ray"),
    "one_worker": ("--workers", "1"),
}
KILLS: Final = 3
_QUIET: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def with_buckets(settings: Path, buckets: int) -> Path:
    """Return the settings' file, with another number of files a split."""
    content = yaml.safe_load(settings.read_text(encoding="utf-8"))
    settings.write_text(yaml.safe_dump(content | {"buckets": buckets}), encoding="utf-8")
    return settings


def built(settings: Path, out: Path, options: Sequence[str], kill_after: Sequence[float]) -> dict[str, Any]:
    """Return the root of a build and its seconds; one is killed after each of some seconds before it."""
    command = [sys.executable, "-m", "spinemed.cli", "build", "--config", str(settings), "--out", str(out)]
    start, kept = time.monotonic(), []
    for seconds in [*kill_after, None]:
        running = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | _QUIET,
            start_new_session=True,
        )
        try:
            _, said = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
            kept.append(len(list(out.parent.glob(f"{out.name}.work-*/drafts/0*"))))
            continue
        if running.returncode:
            raise SystemExit(said[-2000:])
        break
    manifest = read_manifest(out)
    if manifest is None:
        raise SystemExit(f"{out}: no manifest")
    wall = round(time.monotonic() - start, 1)
    return {"root": manifest.root, "wall_seconds": wall, "killed_with_drafts_kept": kept}


def main() -> int:
    """Build in all ways, print and store; 1 where roots differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--buckets", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=0, help="length of one build, to place the kills")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--results", type=Path, default=RESULT)
    given = parser.parse_args()
    moments, long = random.Random(given.seed), given.seconds
    found: dict[str, Any] = {}
    for way in given.ways:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            kills: list[float] = []
            if way == "killed_three_times":
                kills = [moments.uniform(0.1, 0.45) * (long or 60) for _ in range(KILLS)]
            settings = with_buckets(settings_for(given.share, folder), given.buckets)
            made = built(settings, folder / "spinemed-450k", WAYS[way], kills)
        long = long or made["wall_seconds"]
        found[way] = made | {"killed_after_s": [round(one, 1) for one in kills]}
        print(way, found[way], flush=True)
    roots = {one["root"] for one in found.values()}
    result = {"share": given.share, "buckets": given.buckets, "same": len(roots) == 1, "ways": found}
    result |= setting("spinemed", "datatrove", "pyarrow", "numpy")
    given.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("one root" if len(roots) == 1 else f"{len(roots)} roots")
    return 0 if len(roots) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
