"""The `spinemed` command: thin Typer commands; heavy imports stand inside the command that needs them."""

from __future__ import annotations

import os
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
def levels(
    text: Annotated[
        list[str],
        typer.Argument(metavar="TEXT...", help="Texts; a single - reads one text a line from stdin."),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object a line, with every mention.")
    ] = False,
) -> None:
    """Tell which vertebral levels and which side a text states.

    Examples: spinemed levels "left L4/5 herniation, L5-S1 is normal"

    spinemed levels --json "from T10 to L2"

    cat reports.txt | spinemed levels - > levels.jsonl
    """
    from spinemed.level_lines import as_json_line, as_readable_line, texts_of

    if text == ["-"]:
        for line in texts_of(sys.stdin.buffer, "stdin"):
            sys.stdout.write(as_json_line(line) + "\n")
            sys.stdout.flush()
        return
    if "-" in text:
        raise typer.BadParameter("- stands for stdin and goes alone")
    for one in texts_of((os.fsencode(argument) for argument in text), "the command line"):
        typer.echo(as_json_line(one) if as_json else as_readable_line(one))


@app.command()
def phantom(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first study; a seed is a patient.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many studies, with seeds from --seed on.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the studies; complete ones in it are kept.")] = Path(
        "phantom-studies"
    ),
    kinds: Annotated[
        str | None,
        typer.Option(
            help="Series, such as ct,t2,xr_lat. Without it those that the patient's state asks for."
        ),
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(help="Give every patient this condition and no other; repeatable, none for healthy."),
    ] = None,
    field: Annotated[
        str, typer.Option(help="Field of view of CT and MR: any (by seed), or lumbar (L1 to S1 whole).")
    ] = "any",
    later: Annotated[
        bool | None,
        typer.Option(
            "--later/--no-later",
            help="Write a follow-up examination of whom has one. Without either: where no --kinds are named.",
        ),
    ] = None,
    style: Annotated[str, typer.Option(help="dicom, verse or spider.")] = "dicom",
    png: Annotated[Path | None, typer.Option(help="Also draw the first 12 patients, films included.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 1,
) -> None:
    """Make synthetic spine studies: CT, MR and radiographs as DICOM, masks, findings and the truth.

    Examples: spinemed phantom --seed 7 --count 1 --out phantom-studies --png sheet.png

    spinemed phantom --condition scoliosis --kinds xr_full_ap,t2

    spinemed phantom --style verse --out verse-like
    """
    from rich.console import Console
    from rich.progress import track

    from spinemed.phantom.export.styles import forced_conditions, write_in_style
    from spinemed.phantom.rendering.sheet import write_sheet

    studies = write_in_style(style, seed, count, out, workers, kinds, condition, field, later)
    for _ in track(studies, description="phantom", total=count, console=Console(stderr=True)):
        pass
    typer.echo(f"{count} synthetic studies in {out}")
    if png is not None:
        drawn = write_sheet(range(seed, seed + min(count, 12)), png, forced_conditions(condition))
        typer.echo(f"contact sheet {drawn}")
    source = "verse" if style == "verse" else "phantom"
    if style != "spider":
        typer.echo(f"next: spinemed build --source {source}={out}")


@app.command()
def build(
    config: Annotated[Path | None, typer.Option(help="Settings as YAML; see dataset_scripts.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FOLDER, repeatable: phantom, totalsegmentator or verse. None draws phantoms."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the corpus; it appears whole or not at all.")] = Path(
        "spinemed-450k"
    ),
    phantoms: Annotated[
        int | None, typer.Option(min=1, help="Synthetic patients drawn without a source.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draws windows, wordings, options, letters.")
    ] = None,
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


def main() -> None:
    """Run the command; a SpinemedError prints its message alone and exits with 1."""
    try:
        app()
    except SpinemedError as error:
        typer.echo(f"spinemed: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
