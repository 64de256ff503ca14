"""The checks of the published SpineBench tables as sheets for people: rich tables or Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from spinemed.bench.pages.table import grid_of
from spinemed.bench.published.checks import OtherCheck, PaperCheck, RowCheck


class Sheet(NamedTuple):
    """One table: its title, heads, lines of cells, and notes below it."""

    title: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


WARNING = (
    "TWO DIFFERENT BENCHMARKS ARE CALLED SpineBench. Ours is that of arXiv 2510.03160 (487 closed questions "
    "and 87 reports, total weighted by items). The other one is arXiv 2510.12267 (diagnosis and "
    "localisation, plain mean of two accuracies). Their numbers must never be compared."
)


_TOTAL_HEADS: Final = (
    "model", "source", "questions", "reports", "printed total", "from parts", "from counts", "plain mean",
    "verdict", "rank", "again",
)  # fmt: skip
_OTHER_HEADS: Final = (
    "model", "diagnosis", "95 % Wilson", "above chance", "printed", "plain mean", "verdict", "rank", "again",
)  # fmt: skip
_QUESTION_HEADS: Final = ("right", "text", "image", "pooled", "printed average", "95 % Wilson")


def sheets(check: PaperCheck) -> Iterator[Sheet]:
    """Yield the sheets of the first benchmark, then those of the other."""
    totals = tuple(_total_line(row) for row in check.rows if row.printed is not None)
    yield Sheet(f"Totals: {check.ours}", _TOTAL_HEADS, totals, tuple(_total_notes(check)))
    yield Sheet(
        f"Closed questions: {check.ours}, {check.sizes['questions']} items",
        ("model", *_QUESTION_HEADS),
        tuple(_question_line(row, check) for row in check.rows),
        tuple(_split_notes(check)),
    )
    yield Sheet(
        f"Ablation of training data: {check.ours}, closed questions",
        ("data", *_QUESTION_HEADS),
        tuple(_question_line(row, check) for row in check.ablation),
        tuple(_ablation_notes(check)),
    )
    yield _claims(check)
    others = tuple(map(_other_line, check.other_rows))
    yield Sheet(f"THE OTHER SpineBench: {check.other}", _OTHER_HEADS, others, tuple(_other_notes(check)))


def _claims(check: PaperCheck) -> Sheet:
    """Return what the paper claims about its tables beside what they give."""
    lines = tuple(
        (
            one.says,
            f"{one.claimed:.2f}",
            f"{one.computed:.2f}",
            "follows" if one.follows else "does not follow",
        )
        for one in check.claims
    )
    return Sheet(f"Claims: {check.ours}", ("claim", "claimed", "from the table", "verdict"), lines)


def _two(value: float | None) -> str:
    return "" if value is None else f"{value + 1e-9:.2f}"  # 64.735 is printed as 64.74


def _total_line(row: RowCheck) -> tuple[str, ...]:
    values = (row.questions, row.reports, row.printed, row.as_printed, row.recomputed, row.plain_mean)
    return (
        row.model,
        row.tags,
        *map(_two, values),
        row.verdict,
        str(row.printed_rank),
        str(row.recomputed_rank or ""),
    )


def _total_notes(check: PaperCheck) -> Iterator[str]:
    for row in check.rows:
        if row.verdict == "plain mean":
            yield (
                f"{row.model}: {row.printed} is the plain mean of questions and reports; by the paper's "
                f"own formula the total is {_two(row.recomputed)}."
            )
        elif row.verdict == "follows from counts":
            yield (
                f"{row.model}: {row.printed} follows from the counts ({_two(row.pooled)} on the "
                f"questions), not from the printed average, which would give {_two(row.as_printed)}."
            )
        elif row.verdict == "does not follow":
            yield f"{row.model}: no formula gives {row.printed}; its parts give {_two(row.recomputed)}."
    moved = [row for row in check.rows if row.printed_rank != row.recomputed_rank]
    if moved:
        places = ", ".join(f"{row.model} {row.printed_rank} -> {row.recomputed_rank}" for row in moved)
        yield f"Ranks that change with recomputed totals: {places}."
    yield "No total has an interval: the reports' spread was not published. See the questions below."


def _count(right: dict[str, int | None], column: str, items: int) -> str:
    if column not in right:
        return ""
    return f"no count of {items}" if right[column] is None else f"{right[column]}/{items}"


def _question_line(row: RowCheck, check: PaperCheck) -> tuple[str, ...]:
    counts = [_count(row.right, column, check.sizes[column]) for column in ("questions", "text", "image")]
    said = "" if row.questions_verdict == "no parts" else row.questions_verdict
    around = "" if row.low is None else f"{row.low:.1f} to {row.high:.1f}"
    return (row.model, *counts, _two(row.pooled), said, around)


def _split_notes(check: PaperCheck) -> Iterator[str]:
    text = " or ".join(f"{one} text and {two} image" for one, two in check.split.splits)
    yield (
        f"Split: of all splits of {check.sizes['questions']} only {text} makes the percentages of "
        f"{', '.join(check.split.fitted)} whole counts at once (the next best split fits "
        f"{check.split.runner_up} row)."
        if len(check.split.splits) == 1
        else f"Split: {text} fit equally well."
    )
    for name in check.split.misfits:
        yield f"{name}: its two percentages are no counts in any split (averaged runs, or swapped digits)."
    for row in check.rows:
        if row.questions_verdict == "does not follow" and row.right.get("questions") is not None:
            yield (
                f"{row.model}: text and image give {_two(row.pooled)} ({_sum(row)} right); the printed "
                f"average stands for {row.right['questions']} right."
            )
    yield "Intervals are on the pooled count, else on the count nearest to the printed average."


def _sum(row: RowCheck) -> int:
    return (row.right.get("text") or 0) + (row.right.get("image") or 0)


def _ablation_notes(check: PaperCheck) -> Iterator[str]:
    for row in check.ablation:
        if row.as_text is not None:
            yield (
                f"{row.model}: its average is no count of {check.sizes['questions']} but is {row.as_text} of "
                f"{check.sizes['text']}; it may be a score on the text questions alone."
            )


def _other_line(row: OtherCheck) -> tuple[str, ...]:
    return (
        row.model,
        _two(row.diagnosis),
        f"{row.low:.1f} to {row.high:.1f}",
        "yes" if row.above_chance else "no",
        _two(row.printed),
        _two(row.recomputed),
        row.verdict,
        str(row.printed_rank),
        str(row.recomputed_rank),
    )


def _other_notes(check: PaperCheck) -> Iterator[str]:
    for row in check.other_rows:
        if row.verdict != "follows":
            yield f"{row.model}: printed {row.printed}, its parts give {_two(row.recomputed)}."
    moved = [row for row in check.other_rows if row.printed_rank != row.recomputed_rank]
    if moved:
        places = ", ".join(f"{row.model} {row.printed_rank} -> {row.recomputed_rank}" for row in moved)
        yield f"Ranks that change with recomputed overalls: {places}."
    for name, items in check.other_sizes.items():
        whole = sum(row.right[name] is not None for row in check.other_rows)
        yield (
            f"Only {whole} of {len(check.other_rows)} {name} accuracies are whole counts of the {items} "
            "items that the paper states, so the items that were scored differ or runs were averaged; "
            "intervals use the nearest count."
        )


def as_rich(check: PaperCheck) -> Group:
    """Return all sheets as something that rich prints, the warning first."""
    parts: list[RenderableType] = [Panel(Text(WARNING, style="bold"))]
    for sheet in sheets(check):
        grid = grid_of(*sheet.heads, title=sheet.title)
        for line in sheet.lines:
            grid.add_row(*line)
        parts += [grid, *(Text(f"- {note}") for note in sheet.notes), Text("")]
    parts.append(Text(_sources(check)))
    return Group(*parts)


def as_markdown(check: PaperCheck) -> str:
    """Return all sheets as Markdown, the warning first."""
    parts = [f"> **{WARNING}**"]
    for sheet in sheets(check):
        parts += [f"## {sheet.title}", _markdown_table(sheet.heads, sheet.lines)]
        if sheet.notes:
            parts.append("\n".join(f"- {note}" for note in sheet.notes))
    return "\n\n".join([*parts, _sources(check)]) + "\n"


def _markdown_table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _sources(check: PaperCheck) -> str:
    return (
        "Sources of the values: " + "; ".join(f"[{tag}] {text}" for tag, text in check.sources.items()) + "."
    )
