"""The `spinemed` command: thin Typer commands; heavy imports stand inside the command that needs them."""

from __future__ import annotations

import sys

import typer

from spinemed.cli import (
    answers,
    benchdata,
    corpus,
    judging,
    paper,
    preflight,
    push,
    release,
    running,
    scoring,
    statistics,
)
from spinemed.errors import SpinemedError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for part in (corpus, release, preflight, running, scoring, answers, statistics, judging):
    app.add_typer(part.app)
for part in (benchdata, paper):
    running.bench_app.add_typer(part.app)
app.add_typer(running.bench_app, name="bench")
app.add_typer(push.app, name="push")


@app.callback()
def callback() -> None:
    """Level-aware spine vision-language: corpus, training, benchmark and pages."""


def main() -> None:
    """Run the command; a SpinemedError prints its message alone and exits with 1."""
    try:
        app()
    except SpinemedError as error:
        typer.echo(f"spinemed: {error}", err=True)
        sys.exit(1)
