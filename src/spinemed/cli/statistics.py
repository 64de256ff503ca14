"""Commands about differences: compare files of answers or scores, and plan how many items show one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from spinemed.bench.scoring.compare import Comparison

app = typer.Typer()
FEW_PATIENTS = 20  # below, a 95 % bootstrap interval misses in 8 % and more (benchmarks/score_statistics.py)


@app.command()
def compare(
    files: Annotated[
        list[Path],
        typer.Argument(help='Predictions, or JSON lines of {"id", "score", "patient"}; two or more.'),
    ],
    data: Annotated[Path, typer.Option(help="Folder of the corpus that was predicted.")] = Path(
        "spinemed-450k"
    ),
    config: Annotated[str, typer.Option(help="choice or open.")] = "choice",
    split: Annotated[str, typer.Option(help="The split that was predicted.")] = "test",
    common: Annotated[
        bool, typer.Option("--common", help="Leave out items that not every file has, and count them.")
    ] = False,
    alpha: Annotated[float, typer.Option(help="Two-sided level of the tests.")] = 0.05,
    power: Annotated[float, typer.Option(help="Power of the smallest detectable difference.")] = 0.8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare two or more files item by item: paired tests over patients, corrected for all pairs.

    Example: spinemed compare tuned.jsonl base.jsonl --data spinemed-450k --config choice
    """
    from rich.console import Console

    from spinemed.bench.scoring.compare import compare_files

    found = compare_files(files, data, config, split, common=common, alpha=alpha, power=power)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    typer.echo(f"{found.n} items of {found.patients} patients")
    for each in found.candidates:
        span = interval(each.low, each.high, found.right_or_wrong)
        left = f"; {each.left_out} items left out, not in every file" if each.left_out else ""
        left += (
            f"; {each.unscored} with neither sites nor a side as answer, not scored" if each.unscored else ""
        )
        typer.echo(f"  {each.name}: {share(each.mean, found.right_or_wrong)} {span}{left}")
    # A log has no width of its own, and eighty columns would cut the figures.
    Console(width=None if sys.stdout.isatty() else 140).print(pairs_table(found))
    for pair in found.pairs:
        typer.echo(pair.conclusion)
    if found.patients < FEW_PATIENTS:
        typer.echo(f"{found.patients} patients are few: bootstrap intervals are too short, read those of t.")


def pairs_table(found: Comparison) -> Table:
    """Return one row a pair."""
    from rich.table import Table

    from spinemed.bench.scoring.compare import amount

    table = Table(title=f"First minus second, {found.confidence:.0%} intervals over patients")
    table.add_column("pair")
    for name in (
        "difference", "bootstrap", "t, CR1", "wins/losses", "McNemar", "mid-p", "p patients", "Holm",
        f"found at {found.power:.0%}",
    ):  # fmt: skip
        table.add_column(name, justify="right")
    binary = found.right_or_wrong
    for pair in found.pairs:
        table.add_row(
            f"{pair.first} - {pair.second}",
            amount(pair.difference, binary),
            interval(pair.low, pair.high, binary),
            interval(pair.t_low, pair.t_high, binary),
            f"{pair.wins}/{pair.losses}",
            p_value(pair.mcnemar_p),
            p_value(pair.mcnemar_mid_p),
            p_value(pair.patients_p),
            p_value(pair.holm_p),
            "-" if pair.detectable is None else amount(pair.detectable, binary),
        )
    return table


def share(value: float, binary: bool) -> str:
    """Return a mean, in percent where scores are right or wrong."""
    return f"{100 * value:.1f} %" if binary else f"{value:.4g}"


def interval(low: float | None, high: float | None, binary: bool) -> str:
    """Return an interval, or a dash where there is none."""
    if low is None or high is None:
        return "-"
    if not binary:
        return f"{low:.4g} to {high:.4g}"
    low, high = (round(100 * end, 1) + 0.0 for end in (low, high))  # never "-0.0"
    return f"{low:.1f} to {high:.1f}"


def p_value(p: float | None) -> str:
    """Return a p with two figures, or a dash."""
    return "-" if p is None else "<0.0001" if p < 0.0001 else f"{p:.2g}"


@app.command()
def power(
    difference: Annotated[
        float | None, typer.Option(help="Difference of the two means, as a share: 0.05 is five points.")
    ] = None,
    items: Annotated[int | None, typer.Option(min=1, help="Items that both answer.")] = None,
    at: Annotated[float, typer.Option(help="Wanted power, where it is not asked for.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="Two-sided level of the test.")] = 0.05,
    deviation: Annotated[float, typer.Option(help="Standard deviation of each score.")] = 0.5,
    correlation: Annotated[float, typer.Option(help="Correlation of the two scores of an item.")] = 0.5,
    discordance: Annotated[
        float | None, typer.Option(help="Share of items that just one gets right, instead of the two above.")
    ] = None,
    cluster_size: Annotated[float, typer.Option(help="Mean number of items a patient.")] = 1.0,
    icc: Annotated[float, typer.Option(help="Intraclass correlation of the differences.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Say how many items show a difference, what difference so many items show, or with what power.

    Example: spinemed power --difference 0.05 --cluster-size 10 --icc 0.2
    """
    from spinemed.bench.scoring.power_plan import plan, sentence

    found = plan(
        difference, items, power=at, alpha=alpha, deviation=deviation, correlation=correlation,
        discordance=discordance, cluster_size=cluster_size, icc=icc,
    )  # fmt: skip
    typer.echo(found.model_dump_json() if as_json else sentence(found))
