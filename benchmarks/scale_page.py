"""The tables of docs/scale.md, written from benchmarks/results/scale.json.

    python benchmarks/scale_page.py            # writes the tables
    python benchmarks/scale_page.py --check    # ends with 1 where the page is not what the results say

Hours for ten million instances: the stages that are divided into tasks need their seconds times their
workers, shared by all cores; plan and release are one task each and keep their seconds, however many cores
there are. Both grow with the number of instances. No figure is typed by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "scale.md"
RESULT: Final = ROOT / "benchmarks" / "results" / "scale.json"
START: Final = "<!-- scale: written by python benchmarks/scale_page.py -->\n"
END: Final = "<!-- /scale -->"
WANTED: Final = 10_000_000
CORES: Final = (2, 16, 64, 256, 1024)
_SINGLE: Final = ("plan", "release")


def hours(size: Mapping[str, Any], workers: int, cores: int) -> float:
    """Return the wall hours of ten million instances on so many cores.

    >>> size = {"instances": 1_000_000, "stage_seconds": {"draft": 1800.0, "plan": 36.0}}
    >>> hours(size, 2, 2), hours(size, 2, 20)
    (5.1, 0.6)
    """
    seconds: Mapping[str, float] = size["stage_seconds"]
    single = sum(seconds.get(stage, 0.0) for stage in _SINGLE)
    divided = sum(took for stage, took in seconds.items() if stage not in _SINGLE)
    times = WANTED / size["instances"]
    return round(times * (divided * workers / cores + single) / 3600, 2)


def page(result: Mapping[str, Any]) -> str:
    """Return the two tables: what builds of three sizes took, and the hours that ten million would take."""
    sizes: Sequence[Mapping[str, Any]] = result["sizes"]
    lines = [
        f"Measured by `python benchmarks/scale.py` on {result['machine']['cores']} cores with "
        f"{result['workers']} workers; memory is that of all processes together.\n",
        "| instances | wall | core time an instance | instances a second | memory | Parquet an instance |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {size['instances']:,} | {size['wall_seconds'] / 60:.1f} min "
        f"| {size['processor_milliseconds_an_instance']:.2f} ms | {size['instances_a_second']:,.0f} "
        f"| {size['most_memory_gb']:.2f} GB | {size['parquet_bytes'] / size['instances']:,.0f} bytes |"
        for size in sizes
    ]
    last = sizes[-1]
    stages = ", ".join(f"{stage} {took:,.0f} s" for stage, took in last["stage_seconds"].items())
    lines += [
        f"\nWall seconds of the stages at {last['instances']:,} instances: {stages}.\n",
        f"Predicted from that for {WANTED:,} instances, synthetic patients, storage that keeps up:\n",
        "| cores | " + " | ".join(f"{cores:,}" for cores in CORES) + " |",
        "| --- |" + " ---: |" * len(CORES),
        "| hours | " + " | ".join(f"{hours(last, result['workers'], cores):.1f}" for cores in CORES) + " |",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or check it; 1 where it differs."""
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(START)
    tail = rest.split(END, 1)[1]
    new = head + START + page(json.loads(RESULT.read_text(encoding="utf-8"))) + END + tail
    if "--check" in sys.argv[1:]:
        return int(new != text)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
