"""Makes the micro model: `python -m spinemed.training.micro --out models/micro`.

Corpus first: spinemed build --config recipes/micro/build.yaml --out spinemed-micro
A killed run goes on after its last finished phase; a finished one is kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import transformers
import typer

from spinemed.errors import SpinemedError
from spinemed.training.micro.run import Settings, make
from spinemed.training.micro.steps import Budget

PHASES = {"vision": 3.5, "language": 2.0, "sft": 4.0}
"""Minutes by default: after the prototype on two threads, but for language, where copying formed slower."""


def settings_of(words: list[str] | None = None) -> tuple[Path, Settings, int | None]:
    """Return folder, settings and threads of a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m spinemed.training.micro",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("models/micro"))
    parser.add_argument("--corpus", type=Path, default=Path("spinemed-micro"))
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("recipes/micro/build.yaml"),
        help="build.yaml of the corpus: how its phantoms are drawn",
    )
    for phase, minutes in PHASES.items():
        parser.add_argument(f"--minutes-{phase}", type=float, default=minutes)
        parser.add_argument(f"--steps-{phase}", type=int, help="just so many steps, whatever the minutes")
    parser.add_argument("--most-items", type=int, help="items of the split train at most; all by default")
    parser.add_argument("--held-items", type=int, default=1000, help="items of the split test at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="threads of torch")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw phantoms")
    given = parser.parse_args(words)
    budgets = {
        phase: Budget(getattr(given, f"minutes_{phase}"), getattr(given, f"steps_{phase}"))
        for phase in PHASES
    }
    settings = Settings(
        corpus=given.corpus,
        config=given.config,
        seed=given.seed,
        most=(given.most_items, given.held_items),
        workers=given.workers,
        vision=budgets["vision"],
        language=budgets["language"],
        sft=budgets["sft"],
    )
    return given.out, settings, given.threads


def main() -> None:
    """Make the model from the command line."""
    out, settings, threads = settings_of()
    if threads:
        torch.set_num_threads(threads)
    transformers.logging.disable_progress_bar()
    start = time.monotonic()
    try:
        made = make(out, settings)
    except SpinemedError as error:
        sys.exit(f"spinemed: {error}")
    state = "made" if made else "already there"
    typer.echo(json.dumps({"model": str(out), "state": state, "seconds": round(time.monotonic() - start, 1)}))


if __name__ == "__main__":
    main()
