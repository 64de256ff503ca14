"""Commands from a model's answers to a page: score, report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Only = Annotated[
    Path | None,
    typer.Option(help="Only these items: one id a line, or what spinemed bench contamination wrote."),
]


@app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="A file that spinemed predict wrote.")],
    against: Annotated[
        list[Path] | None, typer.Option(help="Another run on the same items, to compare with; repeatable.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="The model's own control run (blank, text, ...), FILE or NAME=FILE; repeatable."),
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder of the corpus.")] = Path("spinemed-450k"),
    config: Annotated[str, typer.Option(help="choice, open or report.")] = "choice",
    split: Annotated[str, typer.Option(help="The split that was predicted.")] = "test",
    out: Annotated[Path, typer.Option(help="Where the scorecard goes, as JSON.")] = Path("scorecard.json"),
    metrics: Annotated[Path, typer.Option(help="Folder of the metrics.")] = Path("evaluate_metrics"),
    train: Annotated[
        Path | None,
        typer.Option(help="Corpus that was trained on, where --data has no training split of its own."),
    ] = None,
    only: Only = None,
    judge: Annotated[
        Path | None, typer.Option(help="Verdicts on these reports, as spinemed judge writes them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scorecard as JSON.")] = False,
) -> None:
    """Score predictions and say what is wrong with them, beside baselines, controls and other runs.

    Example: spinemed score tuned.jsonl --against base.jsonl --control blank.jsonl --out scorecard.json

    Example: spinemed score reports.jsonl --config report --judge verdicts.jsonl --train spinemed-450k
    """
    from rich.console import Console

    from spinemed.bench.pages.table import table
    from spinemed.bench.running.runs import write_whole
    from spinemed.bench.score import score as make_scorecard

    card = make_scorecard(
        predictions, against or (), data, config, split, metrics, control or (), train=train, only=only,
        judge=judge,
    )  # fmt: skip
    write_whole(out, card.model_dump_json(indent=1) + "\n")
    if as_json:
        typer.echo(card.model_dump_json())
    else:
        # A log has no width of its own, and eighty columns would cut the figures.
        Console(width=None if sys.stdout.isatty() else 120).print(table(card))
        typer.echo(f"scorecard in {out}")


@app.command()
def report(
    run: Annotated[
        Path | None, typer.Argument(help="Folder of spinemed bench run; or name the files by options.")
    ] = None,
    scorecard: Annotated[Path | None, typer.Option(help="File that spinemed score wrote.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Predictions of the scorecard's model.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER the corpus was built from, to trace pictures; repeatable."),
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="Predictions of a model compared with; repeatable.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder of the corpus.")] = Path("spinemed-450k"),
    training: Annotated[
        Path | None, typer.Option(help="Folder of the training run, to draw its loss.")
    ] = None,
    only: Only = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html and report.png; default: that of the run.")
    ] = None,
) -> None:
    """Write a page and a picture: diagnosis, scores, levels, confusion, controls, comparison, answers.

    Examples: spinemed report runs/bench-name --data spinemed-450k

    spinemed report --scorecard demo/scorecard.json --predictions demo/tuned.jsonl --against
    demo/base.jsonl --training runs/mini --source phantom=phantom-studies --out demo
    """
    from spinemed.bench.pages.report import named, report_folder, write_report
    from spinemed.corpus.config import named_folders

    if run is not None and scorecard is None and predictions is None:
        written = report_folder(run, data, out or run, only)
    elif run is None and scorecard is not None and predictions is not None:
        files = named([predictions, *(against or [])])
        folder = out or scorecard.parent
        pair = write_report(
            scorecard, files, data, folder, training=training, sources=named_folders(source or []), only=only
        )
        written = [*pair]
    else:
        raise typer.BadParameter("name the folder of a run, or --scorecard and --predictions")
    typer.echo("\n".join(str(path) for path in reversed(written)))
