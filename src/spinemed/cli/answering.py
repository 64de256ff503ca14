"""Commands from a model's answers to a page: predict, score, report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def predict(
    model: Annotated[Path, typer.Option(help="Folder of a transformers vision-language model.")],
    out: Annotated[Path, typer.Option(help="JSON lines; a run that was stopped goes on where it was.")],
    adapter: Annotated[
        Path | None, typer.Option(help="Folder of a PEFT adapter trained on the model.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder of the corpus.")] = Path("spinemed-450k"),
    config: Annotated[str, typer.Option(help="choice or open.")] = "choice",
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind of question; repeatable.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="A fixed random sample of this size.")] = None,
    synthetic_only: Annotated[
        bool, typer.Option("--synthetic-only", help="Only synthetic patients.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Questions answered at once.")] = 16,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest reply in tokens.")] = 16,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    load_in_4bit: Annotated[bool, typer.Option(help="Load the language part as NF4.")] = False,
) -> None:
    """Answer held-out questions with a model, with or without its adapter.

    Example: spinemed predict --model models/spinemed-mini-base --adapter runs/mini --out tuned.jsonl
    """
    import os

    from spinemed.bench import predict as bench
    from spinemed.bench.progress import tracked

    dtype = bench.dtype_for(dtype, device)
    items = bench.sample(data, config, split, kind or [], synthetic_only, limit)
    run = bench.describe(
        model, adapter, data, config, split, kinds=kind or [], synthetic_only=synthetic_only,
        max_new_tokens=max_new_tokens, dtype=dtype, four_bit=load_in_4bit, items=len(items),
    )  # fmt: skip

    def load() -> bench.Answerer:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve a shared machine
        from spinemed.bench.backend import load

        return load(
            model, adapter, device=device, dtype=dtype, four_bit=load_in_4bit, max_new_tokens=max_new_tokens
        ).answer

    made = bench.predict(
        items, run, data, out, load, batch_size=batch_size, track=tracked("predict"),
        say=lambda text: typer.echo(text, err=True),
    )  # fmt: skip
    typer.echo(f"{len(items)} answers in {out}, {made} made now by {run.model} {run.adapter}".rstrip())
    typer.echo(f"next: spinemed score {out} --data {data} --config {config} --split {split}")


@app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="A file that spinemed predict wrote.")],
    against: Annotated[
        Path | None, typer.Option(help="Another run on the same items, to compare with.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder of the corpus.")] = Path("spinemed-450k"),
    config: Annotated[str, typer.Option(help="choice or open.")] = "choice",
    split: Annotated[str, typer.Option(help="The split that was predicted.")] = "test",
    out: Annotated[Path, typer.Option(help="Where the scorecard goes, as JSON.")] = Path("scorecard.json"),
    metrics: Annotated[Path, typer.Option(help="Folder of the metrics.")] = Path("evaluate_metrics"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the scorecard as JSON.")] = False,
) -> None:
    """Score predictions, beside baselines without pixels and, paired, beside another run.

    Example: spinemed score tuned.jsonl --against base.jsonl --out scorecard.json
    """
    from rich.console import Console

    from spinemed.bench.runs import write_whole
    from spinemed.bench.score import score as make_scorecard
    from spinemed.bench.table import table

    card = make_scorecard(predictions, against, data, config, split, metrics)
    write_whole(out, card.model_dump_json(indent=1) + "\n")
    if as_json:
        typer.echo(card.model_dump_json())
    else:
        # A log has no width of its own, and eighty columns would cut the figures.
        Console(width=None if sys.stdout.isatty() else 120).print(table(card))
        typer.echo(f"scorecard in {out}")


@app.command()
def report(
    scorecard: Annotated[Path, typer.Option(help="File that spinemed score wrote.")],
    predictions: Annotated[Path, typer.Option(help="Predictions of the scorecard's model.")],
    source: Annotated[list[str], typer.Option(help="NAME=FOLDER the corpus was built from, repeatable.")],
    against: Annotated[Path | None, typer.Option(help="Predictions of the model compared with.")] = None,
    data: Annotated[Path, typer.Option(help="Folder of the corpus.")] = Path("spinemed-450k"),
    training: Annotated[Path, typer.Option(help="Folder of the training run.")] = Path("runs/mini"),
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.png.")] = Path("demo"),
) -> None:
    """Write a page and a picture: scores, loss, accuracy by level, named bodies, one instance traced.

    Example: spinemed report --scorecard demo/scorecard.json --predictions demo/tuned.jsonl --against
    demo/base.jsonl --source phantom=phantom-studies
    """
    from spinemed.bench.report import write_report
    from spinemed.corpus.config import named_folders

    files = {"tuned": predictions} | ({"base": against} if against else {})
    picture, page = write_report(scorecard, files, data, training, named_folders(source), out)
    typer.echo(f"{page}\n{picture}")
