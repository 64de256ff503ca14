"""The command that reads choices out of replies: answers."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def answers(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON lines; - reads them from stdin as they come.")
    ],
    strict: Annotated[
        bool, typer.Option("--strict", help="A letter whose wording disagrees is ambiguous.")
    ] = False,
) -> None:
    """Tell which option each reply chooses, without ever seeing the key.

    A line in: {"options": {"A": "L3", "B": "L4"}, "response": "L4 (B)"} with optional "id", "multiple"
    (several letters may be right) and "finish_reason" ("length": cut off). A line out, in the same order:
    "id", "status" (answered, no_answer, refusal, ambiguous, out_of_range or truncated), "letters", "rule",
    "span" in the reply and "conflict". A line that cannot be read gives {"error", "line"}; the exit code is
    then 1.

    Examples: spinemed answers replies.jsonl > choices.jsonl

    cat replies.jsonl | spinemed answers -
    """
    from pathlib import Path

    from spinemed.answer_lines import answer_lines
    from spinemed.errors import SourceError

    if source != "-" and not Path(source).is_file():
        raise SourceError(f"no file {source}; name a file of JSON lines, or - for stdin")
    good = bad = 0
    with sys.stdin.buffer if source == "-" else Path(source).open("rb") as lines:
        for line, is_read in answer_lines(lines, strict=strict):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            good, bad = good + is_read, bad + (not is_read)
    typer.echo(f"{good} replies read, {bad} lines with errors", err=True)
    if bad:
        raise typer.Exit(1)
