"""The build at 4,500, 45,000 and 450,000 instances: wall and processor time, memory, and where the time goes.

    python benchmarks/scale.py --sizes 0.01 0.1 1

Each size is that share of the patients of dataset_scripts/spinemed_450k/build.yaml, built by `spinemed build`
in a process of its own with two workers. Memory is the sum of the proportional set sizes of all its
processes, sampled every two seconds; processor time is that of all of them. `--profile N` draws N studies and
20 N written cases in this process and tells which parts of the code took the time. Results go to
benchmarks/results/scale.json; `python benchmarks/scale_page.py` writes docs/scale.md from them.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from setting import setting

ROOT = Path(__file__).parents[1]
SETTINGS = ROOT / "dataset_scripts" / "spinemed_450k" / "build.yaml"
RESULT = Path(__file__).parent / "results" / "scale.json"
_TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """Processor seconds and memory of a session of processes, read from /proc."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._seconds: dict[int, float] = {}
        self.most_bytes = 0

    def look(self) -> None:
        """Read all processes of the session once."""
        total = 0
        for place in Path("/proc").iterdir():
            if not place.name.isdigit():
                continue
            try:
                fields = (place / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) != self._session:
                    continue
                self._seconds[int(place.name)] = (int(fields[11]) + int(fields[12])) / _TICKS
                rollup = (place / "smaps_rollup").read_text()
                total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1]) * 1024  # type: ignore[index]
            except (OSError, TypeError, IndexError):
                continue  # the process has ended
        self.most_bytes = max(self.most_bytes, total)

    @property
    def seconds(self) -> float:
        """Return the processor seconds of all processes seen."""
        return sum(self._seconds.values())


def settings_for(share: float, folder: Path) -> Path:
    """Return a copy of the full settings with a share of the patients, and no mix to fill."""
    content = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    content["phantoms"]["count"] = max(round(content["phantoms"]["count"] * share), 1)
    content["written"]["count"] = max(round(content["written"]["count"] * share), 1)
    if share != 1:
        content["mix"] = {}
    path = folder / "build.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def built(share: float, workers: int, folder: Path) -> dict[str, Any]:
    """Return what a build of a share of the full size took."""
    out = folder / "spinemed-450k"
    command = [sys.executable, "-m", "spinemed.cli", "build", "--config", str(settings_for(share, folder))]
    command += ["--out", str(out), "--workers", str(workers), "--json"]
    before = time.perf_counter()
    with (folder / "said").open("w+") as said, (folder / "told").open("w+") as told:
        running = subprocess.Popen(command, stdout=told, stderr=said, start_new_session=True)
        watch = Watch(running.pid)
        while running.poll() is None:
            watch.look()
            time.sleep(2)
        seconds = time.perf_counter() - before
        said.seek(0)
        words = said.read()
        if running.returncode:
            raise SystemExit(words[-2000:])
        told.seek(0)
        report = json.load(told)
    instances = sum(sum(report["rows"][name].values()) for name in ("choice", "open", "dialogue", "report"))
    stages = {name: float(took) for name, took in re.findall(r"(\w+): \d+ tasks in ([\d.]+) s", words)}
    return {
        "share": share,
        "instances": instances,
        "rows": report["rows"],
        "wall_seconds": round(seconds, 1),
        "processor_seconds": round(watch.seconds, 1),
        "instances_a_second": round(instances / seconds, 1),
        "processor_milliseconds_an_instance": round(1000 * watch.seconds / instances, 3),
        "most_memory_gb": round(watch.most_bytes / 1e9, 2),
        "parquet_bytes": report["parquet_bytes"],
        "picture_bytes": report["image_bytes"],
        "stage_seconds": stages,
        "shortfalls": report["shortfalls"],
        "duplicates": report["duplicates"],
        "root": report["root"],
    }


def profiled(studies: int) -> dict[str, float]:
    """Return the share of the time of drafts that each part of the library took, own time by folder."""
    from spinemed.corpus.config import load_config
    from spinemed.corpus.stages.drafting import drafted
    from spinemed.corpus.stages.inputs import units_of

    config = load_config(SETTINGS)
    config = config.model_copy(
        update={
            "phantoms": config.phantoms.model_copy(update={"count": studies}),
            "written": config.written.model_copy(update={"count": 20 * studies}),
        }
    )
    units = list(units_of(config, Path(), range(800_000), 1, lambda _: None))
    drafted(iter(units[:1]), config)
    watched = cProfile.Profile()
    watched.enable()
    drafted(iter(units), config)  # type: ignore[arg-type]
    watched.disable()
    parts: dict[str, float] = {}
    stats = pstats.Stats(watched).stats  # type: ignore[attr-defined]
    for (file, _, name), (_, _, own, _, _) in stats.items():
        found = re.search(r"spinemed/(\w+)/?(\w+)?", file)
        outside = re.search(r"site-packages/(\w+)", file)
        part = (
            "/".join(filter(None, found.groups())) if found else outside[1] if outside else name.split(" ")[0]
        )
        parts[part] = parts.get(part, 0) + own
    total = sum(parts.values())
    most = sorted(parts.items(), key=lambda item: -item[1])[:15]
    return {part: round(seconds / total, 3) for part, seconds in most}


def main() -> None:
    """Build all sizes and print what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.01, 0.1, 1])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--profile", type=int, default=0, metavar="N")
    parser.add_argument("--keep", type=Path, help="folder the corpus of the last size is moved to")
    given = parser.parse_args()
    sizes = []
    for share in given.sizes:
        with tempfile.TemporaryDirectory() as place:
            sizes.append(built(share, given.workers, Path(place)))
            print(json.dumps(sizes[-1]), file=sys.stderr)
            if given.keep and share == given.sizes[-1]:
                shutil.rmtree(given.keep, ignore_errors=True)
                shutil.move(Path(place) / "spinemed-450k", given.keep)
    result = {
        "workers": given.workers,
        "sizes": sizes,
        **({"where_draft_time_goes": profiled(given.profile)} if given.profile else {}),
        **setting("spinemed", "datatrove", "datasets", "pyarrow", "numpy"),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
