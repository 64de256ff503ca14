"""Command that prints the published SpineBench tables with our recomputation."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer()


@app.command("paper")
def paper(
    as_json: Annotated[bool, typer.Option("--json", help="Print data and checks as JSON.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
) -> None:
    """Show which published totals follow from their parts, for both benchmarks called SpineBench.

    Example: spinemed bench paper --markdown > published.md
    """
    from rich.console import Console

    from spinemed.bench.published import sheets as published_tables
    from spinemed.bench.published.checks import check_paper
    from spinemed.bench.published.values import published

    if as_json and as_markdown:
        raise typer.BadParameter("--json and --markdown are two outputs; give one")
    check = check_paper()
    if as_json:
        import json

        whole = {
            "warning": published_tables.WARNING,
            "published": published().model_dump(mode="json"),
            "checks": check.model_dump(mode="json"),
        }
        typer.echo(json.dumps(whole, ensure_ascii=False, indent=1))
    elif as_markdown:
        typer.echo(published_tables.as_markdown(check), nl=False)
    else:
        # A log has no width of its own, and eighty columns would cut the figures.
        Console(width=None if sys.stdout.isatty() else 140).print(published_tables.as_rich(check))
