"""Commands that make data: levels of a text, synthetic studies, the corpus."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Kinds = Annotated[
    str | None,
    typer.Option(help="Series, such as ct,t2,xr_lat. Without it those that the patient's state asks for."),
]
Condition = Annotated[
    list[str] | None,
    typer.Option(help="Give every patient this condition and no other; repeatable, none for healthy."),
]
Later = Annotated[
    bool | None,
    typer.Option(
        "--later/--no-later",
        help="Write a follow-up examination of whom has one. Without either: where no --kinds are named.",
    ),
]
Source = Annotated[
    list[str] | None,
    typer.Option(help="NAME=FOLDER, repeatable: phantom, totalsegmentator or verse. None draws phantoms."),
]
Executor = Annotated[
    str, typer.Option(help="Where tasks run: local, slurm, ray or hfjobs. The bytes are the same.")
]
ExecutorConfig = Annotated[
    Path | None, typer.Option(help="Settings of the executor as YAML; see docs/scale.md.")
]
LabelScheme = Annotated[str | None, typer.Option(help="Numbering of multi-label TotalSegmentator masks.")]


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
    kinds: Kinds = None,
    condition: Condition = None,
    field: Annotated[
        str, typer.Option(help="Field of view of CT and MR: any (by seed), or lumbar (L1 to S1 whole).")
    ] = "any",
    later: Later = None,
    style: Annotated[str, typer.Option(help="dicom, verse or spider.")] = "dicom",
    png: Annotated[Path | None, typer.Option(help="Also draw the first 12 patients, films included.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 1,
) -> None:
    """Make synthetic spine studies: CT, MR and radiographs as DICOM, masks, findings and the truth.

    Seeds of 800000 and up are patients of benchmarks, which `spinemed bench build` draws itself.

    Examples: spinemed phantom --seed 7 --count 1 --out phantom-studies --png sheet.png

    spinemed phantom --condition scoliosis --kinds xr_full_ap,t2

    spinemed phantom --style verse --out verse-like
    """
    from rich.console import Console
    from rich.progress import track

    from spinemed.phantom.export.styles import forced_conditions, write_in_style
    from spinemed.phantom.patient.seeds import check_seeds
    from spinemed.phantom.rendering.sheet import write_sheet

    check_seeds(range(seed, seed + count), f"--seed {seed} --count {count}")
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
    source: Source = None,
    out: Annotated[Path, typer.Option(help="Folder of the corpus; it appears whole or not at all.")] = Path(
        "spinemed-450k"
    ),
    phantoms: Annotated[
        int | None, typer.Option(min=1, help="Synthetic patients drawn without a source.")
    ] = None,
    written: Annotated[
        int | None, typer.Option(min=0, help="Synthetic written cases, without pictures.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draws windows, wordings, options, letters.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Tasks that run at once.")] = 2,
    executor: Executor = "local",
    executor_config: ExecutorConfig = None,
    label_scheme: LabelScheme = None,
    force: Annotated[bool, typer.Option("--force", help="Build even where nothing changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Build the corpus: studies with vertebra masks become questions that load_dataset reads.

    A build that was killed goes on where it was when the same command is given again.

    Examples: spinemed build --phantoms 100

    spinemed build --source totalsegmentator=FOLDER --source verse=OTHER --out my-corpus

    spinemed build --config dataset_scripts/spinemed_450k/build.yaml --executor ray
    """
    import json

    from spinemed.corpus import report
    from spinemed.corpus.build import build as build_corpus
    from spinemed.corpus.config import load_config, overridden
    from spinemed.corpus.stages.executors import executor_settings

    settings = overridden(load_config(config), source or [], phantoms, seed, label_scheme, written)
    where = executor_settings(executor_config, executor, workers)
    built = build_corpus(
        settings, out, workers, force, say=lambda text: typer.echo(text, err=True), executor=where
    )
    typer.echo(json.dumps(report.as_json(built), indent=1) if as_json else "\n".join(report.lines(built)))
