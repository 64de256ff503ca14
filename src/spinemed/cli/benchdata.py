"""Commands that make and keep the benchmark's data: build, verify, contamination, convert, hub-results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def build(
    config: Annotated[
        Path | None, typer.Option(help="Settings as YAML; see dataset_scripts/spinebench.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of the benchmark; it appears whole or not at all.")
    ] = Path("spinebench-2510.03160"),
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A corpus folder that nothing may be shared with; repeatable."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FOLDER, repeatable: phantom, totalsegmentator or verse. None draws phantoms."
        ),
    ] = None,
    patients: Annotated[int | None, typer.Option(min=1, help="Synthetic patients at most.")] = None,
    scale: Annotated[float | None, typer.Option(help="Multiplies every size, such as 0.1.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Draws wordings, letters, items.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="A new test set of patients that were never published.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Replace a frozen benchmark.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Build a frozen benchmark that load_dataset reads: patients of its own, strata filled, leaks refused.

    Examples: spinemed bench build --against spinemed-450k

    spinemed bench build --fresh --scale 0.1 --out fresh-set --against spinemed-450k
    """
    import secrets

    from spinemed.bench.data.build import build as build_benchmark
    from spinemed.bench.data.lines import build_lines
    from spinemed.bench.data.settings import BenchSettings, overridden
    from spinemed.corpus.config import load_settings

    if fresh and seed is None:
        seed = secrets.randbelow(2**31)
    settings = overridden(load_settings(config, BenchSettings), source or [], patients, seed, scale)
    frozen = build_benchmark(
        settings, out, against or [], fresh=fresh, workers=workers, force=force,
        say=lambda text: typer.echo(text, err=True),
    )  # fmt: skip
    shown = frozen.model_dump_json(exclude={"items", "files"})
    typer.echo(shown if as_json else "\n".join(build_lines(frozen, out)))


@app.command()
def verify(
    benchmark: Annotated[Path, typer.Argument(help="Folder of a benchmark.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Recompute the hash of every item of a frozen benchmark; ends with 1 where one differs.

    Example: spinemed bench verify spinebench-2510.03160
    """
    from spinemed.bench.data.frozen import verify as verify_benchmark
    from spinemed.bench.data.lines import verify_lines

    found = verify_benchmark(benchmark)
    typer.echo(found.model_dump_json() if as_json else "\n".join(verify_lines(found)))
    if not found.sound:
        sys.exit(1)


@app.command()
def contamination(
    benchmark: Annotated[Path, typer.Argument(help="Folder of a benchmark.")],
    against: Annotated[Path, typer.Option(help="The corpus that was trained on.")],
    split: Annotated[list[str] | None, typer.Option(help="Its splits; train by default, repeatable.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where findings and the ids of clean items go, as JSON.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Tell which items share patients, pictures or text with a corpus, and which are clean.

    Example: spinemed bench contamination spinebench-2510.03160 --against spinemed-450k --out clean.json
    """
    from spinemed.bench.data.contamination import check
    from spinemed.bench.data.lines import contamination_lines
    from spinemed.bench.running.runs import write_whole

    found = check(benchmark, against, tuple(split or ("train",)))
    if out is not None:
        write_whole(out, found.model_dump_json(indent=1) + "\n")
    typer.echo(
        found.model_dump_json(exclude={"clean", "clean_strict", "items"})
        if as_json
        else "\n".join(contamination_lines(found, out))
    )


@app.command()
def convert(
    name: Annotated[
        str, typer.Argument(help="spinebench-2510.12267, rsna-2024-lumbar, spider or verse-levels.")
    ],
    folder: Annotated[Path, typer.Argument(help="Its folder, laid out as it was published.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the rows; the name by default.")] = None,
) -> None:
    """Turn another benchmark into a folder that is scored as ours is, under its own name.

    Two things are called SpineBench: spinebench-2510.12267 is Silversorrow/SpineBench, not ours.

    Example: spinemed bench convert rsna-2024-lumbar rsna-2024 --out rsna-rows
    """
    from spinemed.bench.data.convert import convert as convert_benchmark
    from spinemed.bench.data.lines import convert_lines

    place = out or Path(name)
    frozen, reasons = convert_benchmark(name, folder, place, say=lambda text: typer.echo(text, err=True))
    typer.echo("\n".join(convert_lines(frozen, reasons, place)))


@app.command("hub-results")
def hub_results(
    scorecard: Annotated[Path, typer.Argument(help="File that spinemed score wrote, of choice items.")],
    dataset: Annotated[str, typer.Option(help="The benchmark on the Hub, OWNER/NAME.")],
    date: Annotated[str, typer.Option(help="Day of the evaluation, YYYY-MM-DD.")],
    outcomes: Annotated[
        Path | None,
        typer.Option(help="JSON lines of report and level_f1: task_id, value, low, high, n, scorer."),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Commit of the benchmark.")] = None,
    source_url: Annotated[str | None, typer.Option(help="Where the scorecard can be seen.")] = None,
    native_only: Annotated[
        bool, typer.Option("--native-only", help="Only the tasks that eval.yaml names.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder of the model's files.")] = Path(),
) -> None:
    """Write .eval_results/NAME.yaml, which a model repository on the Hub shows beside the benchmark.

    Example: spinemed bench hub-results scorecard.json --dataset me/spinebench --date 2026-11-22
    """
    from spinemed.bench.data import hub_results as hub
    from spinemed.bench.running.runs import write_whole
    from spinemed.bench.scoring.scorecard import read_scorecard

    found = hub.outcomes_of(read_scorecard(scorecard))
    found = hub.with_total([*found, *(hub.read_outcomes(outcomes) if outcomes else [])])
    if native_only:
        found = [one for one in found if one.task_id in hub.NATIVE]
    text = hub.entries_yaml(found, dataset, revision, date, source_url)
    place = out / hub.FOLDER / f"{dataset.partition('/')[2]}.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_whole(place, text)
    for one in found:
        typer.echo(f"{one.task_id}: {one.value:.2f} ({hub.notes(one)})")
    typer.echo(f"where: {place}")
