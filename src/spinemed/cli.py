"""The `spinemed` command: thin Typer commands; heavy imports stand inside the command that needs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from spinemed.errors import SpinemedError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.callback()
def callback() -> None:
    """Level-aware spine vision-language: corpus, training, benchmark and pages."""


@app.command()
def phantom(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first study; a seed is a patient.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many studies, with seeds from --seed on.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the studies; complete ones in it are kept.")] = Path(
        "phantom-studies"
    ),
    png: Annotated[Path | None, typer.Option(help="Also draw a sheet of the first 12 studies.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 1,
) -> None:
    """Make synthetic spine studies: sagittal CT and T2 MR as DICOM, vertebra masks, and the truth.

    Example: spinemed phantom --seed 7 --count 1 --out phantom-studies --png sheet.png
    """
    from rich.console import Console
    from rich.progress import track

    from spinemed.phantom.sheet import write_sheet
    from spinemed.phantom.study import write_studies

    studies = write_studies(seed, count, out, workers)
    for _ in track(studies, description="phantom", total=count, console=Console(stderr=True)):
        pass
    typer.echo(f"{count} synthetic studies in {out}")
    if png is not None:
        typer.echo(f"contact sheet {write_sheet(range(seed, seed + min(count, 12)), png)}")
    typer.echo(f"next: spinemed build --source phantom={out}")


@app.command()
def build(
    config: Annotated[Path | None, typer.Option(help="Settings as YAML; see dataset_scripts.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER, repeatable: phantom, totalsegmentator or verse. None draws phantoms."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the corpus; it appears whole or not at all.")] = Path(
        "spinemed-450k"
    ),
    phantoms: Annotated[int | None, typer.Option(min=1, help="Synthetic patients drawn without a source.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Draws windows, wordings, options, letters.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 2,
    label_scheme: Annotated[
        str | None, typer.Option(help="Numbering of multi-label TotalSegmentator masks.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Build even where nothing changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Build the corpus: studies with vertebra masks become questions that load_dataset reads.

    Examples: spinemed build --phantoms 100

    spinemed build --source totalsegmentator=FOLDER --source verse=OTHER --out my-corpus
    """
    import json

    from spinemed.corpus import report
    from spinemed.corpus.build import build as build_corpus
    from spinemed.corpus.config import load_config, overridden

    settings = overridden(load_config(config), source or [], phantoms, seed, label_scheme)
    built = build_corpus(settings, out, workers, force, say=lambda text: typer.echo(text, err=True))
    typer.echo(json.dumps(report.as_json(built), indent=1) if as_json else "\n".join(report.lines(built)))


def main() -> None:
    """Run the command; a SpinemedError prints its message alone and exits with 1."""
    try:
        app()
    except SpinemedError as error:
        typer.echo(f"spinemed: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
