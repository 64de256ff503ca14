"""Commands about a published corpus: trace, verify, stats, withdraw, diff."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Corpus = Annotated[Path, typer.Argument(help="Folder of a built corpus.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT = Path("spinemed-450k")


def _say(text: str) -> None:
    typer.echo(text, err=True)


@app.command()
def trace(
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Ids of instances; a single - reads one a line from stdin."),
    ],
    corpus: Annotated[Path, typer.Option(help="Folder of a built corpus.")] = DEFAULT,
    out: Annotated[
        Path | None, typer.Option(help="Folder for pictures, evidence boxes and marked quotes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:
    """Tell everything about instances: question, source, pixels or quote, findings, checks, licence, place.

    Examples: spinemed trace 0123456789abcdef --corpus spinemed-450k --out traced

    cut -f1 ids.tsv | spinemed trace - --json > traces.jsonl
    """
    from spinemed.corpus.releases.trace import Tracer
    from spinemed.corpus.releases.trace_lines import lines, write_trace

    if ids == ["-"]:
        ids = [line.strip() for line in sys.stdin if line.strip()]
    elif "-" in ids:
        raise typer.BadParameter("- stands for stdin and goes alone")
    for number, one in enumerate(Tracer(corpus).traces(ids)):
        if as_json:
            typer.echo(json.dumps(one.facts, ensure_ascii=False))
        else:
            typer.echo(("\n" if number else "") + "\n".join(lines(one)))
        if out is not None:
            for path in write_trace(one, out):
                _say(f"wrote {path}")


@app.command()
def verify(
    corpus: Corpus = DEFAULT,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that share the work; 0 stays in this one.")
    ] = 2,
    as_json: AsJson = False,
) -> None:
    """Check a corpus against its manifest, row by row; every failed check is a line, and the exit code 1.

    Examples: spinemed verify spinemed-450k

    spinemed verify spinemed-450k --json > verdict.json
    """
    from spinemed.corpus.releases.verify import as_json as plain
    from spinemed.corpus.releases.verify import lines
    from spinemed.corpus.releases.verify import verify as verified

    verdict = verified(corpus, workers, say=_say)
    typer.echo(json.dumps(plain(verdict), indent=1) if as_json else "\n".join(lines(verdict, corpus)))
    if not verdict.sound:
        raise typer.Exit(1)


@app.command()
def stats(
    corpus: Corpus = DEFAULT,
    out: Annotated[Path, typer.Option(help="Folder for tables and plots.")] = Path("stats"),
    as_json: AsJson = False,
) -> None:
    """Count a corpus per task, axis, level, side, modality, language, condition and source, with plots.

    Examples: spinemed stats spinemed-450k --out stats
    """
    from spinemed.corpus.releases.counts import counts_of
    from spinemed.corpus.releases.stats import DIMENSIONS, lines, table_by, write_stats

    counts = counts_of(corpus)
    written = write_stats(counts, corpus.absolute().name, out)
    if as_json:
        tables = {name: table_by(counts, name) for name in DIMENSIONS}
        found = {
            name: {value: dict(zip(table.columns, row, strict=True)) for value, row in table.rows.items()}
            for name, table in tables.items()
        }
        typer.echo(json.dumps({"instances": counts.instances, **found}, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(lines(counts, written)))


@app.command()
def withdraw(
    corpus: Corpus,
    reason: Annotated[str, typer.Option(help="Why; it is published in tombstones.jsonl.")],
    date: Annotated[str, typer.Option(help="Day of the withdrawal, such as 2027-01-31.")],
    out: Annotated[Path, typer.Option(help="Folder of the next release; appears whole or not at all.")],
    patient: Annotated[list[str] | None, typer.Option(help="Patient key, repeatable.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Source, repeatable.")] = None,
    identity: Annotated[
        list[str] | None, typer.Option("--id", help="Id of one instance, repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the next release without a patient, a source or single instances.

    Examples: spinemed withdraw spinemed-450k --patient phantom-000007 --reason "asked for" --date 2027-01-31
    --out spinemed-450k-1.1
    """
    from spinemed.corpus.releases.tombstones import tombstones_of
    from spinemed.corpus.releases.withdraw import as_json as plain
    from spinemed.corpus.releases.withdraw import lines
    from spinemed.corpus.releases.withdraw import withdraw as withdrawn

    keys = {"patient": patient or [], "source": source or [], "id": identity or []}
    done = withdrawn(corpus, tombstones_of(keys, reason, date), out, say=_say)
    typer.echo(json.dumps(plain(done), indent=1) if as_json else "\n".join(lines(done)))


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Folder of a release.")],
    new: Annotated[Path, typer.Argument(help="Folder of another, later as a rule.")],
    as_json: AsJson = False,
) -> None:
    """Tell what differs between two releases: rows, files, bytes, withdrawals, whether they are chained.

    Examples: spinemed diff spinemed-450k spinemed-450k-1.1
    """
    from spinemed.corpus.releases.diff import as_json as plain
    from spinemed.corpus.releases.diff import difference, lines

    found = difference(old, new)
    typer.echo(json.dumps(plain(found), indent=1, ensure_ascii=False) if as_json else "\n".join(lines(found)))
