"""How long `spinemed trace` takes for random instances of a corpus, and whether every one is complete.

    python benchmarks/tracing.py spinemed-450k --count 100

Each id is traced alone, by a new reader as a command does it, and all in one call; a whole command in a new
process is timed for five. Complete: a series and the bytes of its picture, or a quote that its document
holds or that cites a rule. Results go to benchmarks/results/tracing.json.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
from setting import setting

from spinemed.corpus.releases.trace import Trace, Tracer

RESULT = Path(__file__).parent / "results" / "tracing.json"


def is_complete(trace: Trace) -> bool:
    """Return whether a trace ends in pixels or in words that its document holds."""
    evidence = trace.facts["evidence"]
    if "quote" in evidence:
        quote = evidence["quote"]
        return bool(quote["text"]) and (quote.get("is_in_document") or quote["document"].startswith("rule:"))
    return bool(evidence.get("series")) and bool(trace.pictures)


def main() -> None:
    """Trace and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--count", type=int, default=100)
    given = parser.parse_args()
    known = pq.read_table(given.corpus / "lookup.parquet", columns=["id"])["id"].to_pylist()
    ids = random.Random(5).sample(known, min(given.count, len(known)))
    seconds, complete = [], 0
    for one in ids:
        before = time.perf_counter()
        [trace] = Tracer(given.corpus).traces([one])
        seconds.append(time.perf_counter() - before)
        complete += is_complete(trace)
    before = time.perf_counter()
    together = len(list(Tracer(given.corpus).traces(ids)))
    in_one_call = time.perf_counter() - before
    commands = []
    for one in ids[:5]:
        before = time.perf_counter()
        command = [sys.executable, "-m", "spinemed.cli", "trace", one, "--corpus", str(given.corpus)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        commands.append(time.perf_counter() - before)
    result = {
        "instances": len(known),
        "traced": len(ids),
        "complete": complete,
        "seconds_median": round(statistics.median(seconds), 4),
        "seconds_most": round(max(seconds), 4),
        "seconds_of_all_in_one_call": round(in_one_call, 2) if together == len(ids) else None,
        "seconds_of_a_command_most": round(max(commands), 2),
        **setting("spinemed", "pyarrow"),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
