"""What follows from the parts of the published SpineBench tables: counts, totals, ranks, intervals, split.

Percentages are printed with two decimals, so a value stands for all numbers within half a hundredth; a total
is said not to follow only when no such numbers give it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from spinemed.bench.published.values import OtherRow, Ours, Published, Row, published
from spinemed.intervals import wilson
from spinemed.records import Record
from spinemed.score_total import Part, plain_mean, total

HALF_UNIT: Final = 0.005  # values are printed with two decimals
SLACK: Final = 1e-9
Verdict = Literal["follows", "follows from counts", "plain mean", "does not follow", "no parts"]
"""`plain mean`: the unweighted mean of questions and reports, which is not the paper's formula."""


def whole(percent: float, items: int) -> int | None:
    """Return how many of `items` a percentage with two decimals stands for, None where no count gives it.

    >>> whole(89.46, 294), whole(79.97, 193), whole(87.89, 487)
    (263, None, 428)
    """
    count = round(percent * items / 100)
    return count if abs(100 * count / items - percent) <= HALF_UNIT + SLACK else None


def fitting_splits(
    rows: Sequence[tuple[float, float]], items: int, only: int | None = None
) -> list[tuple[int, int]]:
    """Return every split of `items` into text and image questions that makes all percentages counts.

    `rows` are (text, image) percentages; each must be a count of right answers in its part. `only` tries one
    number of text questions.

    >>> fitting_splits([(85.71, 81.35), (75.51, 74.09), (83.67, 77.20), (89.46, 84.46)], 487)
    [(294, 193)]
    """
    return [
        (text, items - text)
        for text in (range(1, items) if only is None else [only])
        if all(whole(one, text) is not None and whole(two, items - text) is not None for one, two in rows)
    ]


class RowCheck(Record):
    """What follows from the parts of one row; `tags` are the sources of its printed values.

    `right` are the counts that percentages stand for (None: no whole number), by column; `pooled` is the
    percentage of both question parts together where both are counts. `recomputed` uses `pooled` where it is
    there and the printed questions otherwise; `as_printed` always uses the printed questions. `low` and
    `high` are Wilson's interval of the questions in percent, on the pooled or nearest count.
    """

    model: str
    tags: str
    questions: float | None
    reports: float | None
    right: dict[str, int | None]
    as_text: int | None = None
    pooled: float | None = None
    questions_verdict: Verdict
    low: float | None = None
    high: float | None = None
    printed: float | None = None
    as_printed: float | None = None
    recomputed: float | None = None
    plain_mean: float | None = None
    verdict: Verdict = "no parts"
    printed_rank: int | None = None
    recomputed_rank: int | None = None


def check_rows(rows: Sequence[Row], sizes: dict[str, int]) -> list[RowCheck]:
    """Return the check of each row; `sizes` are the items of text, image, questions and reports."""
    checks = [_check(row, sizes) for row in rows]
    printed = ranks([one.printed for one in checks])
    again = ranks([None if one.printed is None else one.recomputed for one in checks])
    return [
        one.model_copy(update={"printed_rank": first, "recomputed_rank": second})
        for one, first, second in zip(checks, printed, again, strict=True)
    ]


def _check(row: Row, sizes: dict[str, int]) -> RowCheck:
    right = {
        column: whole(value.value, sizes[column])
        for column in ("text", "image", "questions")
        if (value := getattr(row, column)) is not None
    }
    text, image = right.get("text"), right.get("image")
    pooled = None if text is None or image is None else 100 * (text + image) / sizes["questions"]
    questions = row.questions.value if row.questions else None
    misfit = right.get("questions", 0) is None
    count = None if questions is None else round(questions * sizes["questions"] / 100)
    if text is not None and image is not None:
        count = text + image
    around = None if count is None else wilson(count, sizes["questions"])
    check = RowCheck(
        model=row.model,
        tags="".join(row.questions.tags) if row.questions else "",
        questions=questions,
        reports=row.reports.value if row.reports else None,
        right=right,
        as_text=whole(row.questions.value, sizes["text"]) if misfit and row.questions else None,
        pooled=pooled,
        questions_verdict=_questions_verdict(row, pooled, sizes),
        low=around and 100 * around.low,
        high=around and 100 * around.high,
    )
    if questions is None or row.reports is None:
        return check.model_copy(update={"printed": row.total.value if row.total else None})
    return check.model_copy(update=_totals(row, questions, row.reports.value, pooled, sizes))


def _questions_verdict(row: Row, pooled: float | None, sizes: dict[str, int]) -> Verdict:
    if row.questions is None or row.text is None or row.image is None:
        return "no parts"
    mean = total(
        [Part("text", row.text.value, sizes["text"]), Part("image", row.image.value, sizes["image"])]
    )
    if agree(pooled if pooled is not None else mean, row.questions.value):
        return "follows"
    return "does not follow"


def _totals(
    row: Row, questions: float, reports: float, pooled: float | None, sizes: dict[str, int]
) -> dict[str, Any]:
    """Return the totals of a row by each formula, and which of them the printed one is."""
    part = Part("reports", reports, sizes["reports"])
    printed = Part("questions", questions, sizes["questions"])
    counted = printed._replace(score=questions if pooled is None else pooled)
    values: dict[Verdict, float] = {
        "follows": total([printed, part]),
        "follows from counts": total([counted, part]),
        "plain mean": plain_mean([printed, part]),
    }
    verdict: Verdict = "no parts"
    if row.total is not None:
        said = row.total.value
        verdict = next((name for name, value in values.items() if agree(value, said)), "does not follow")
    return {
        "printed": row.total.value if row.total else None,
        "as_printed": values["follows"],
        "recomputed": values["follows from counts"],
        "plain_mean": values["plain mean"],
        "verdict": verdict,
    }


def agree(computed: float, printed: float) -> bool:
    """Tell whether a mean of rounded values may have been printed so: half a unit for them, half for itself.

    >>> agree(87.0016, 87.01), agree(87.79, 87.44)
    (True, False)
    """
    return abs(computed - printed) <= 2 * HALF_UNIT + SLACK


def ranks(values: Sequence[float | None]) -> list[int | None]:
    """Return the rank of each value, 1 for the highest; None stays None, and equal values share a rank.

    >>> ranks([3.0, None, 5.0, 3.0])
    [2, None, 1, 2]
    """
    known = sorted((value for value in values if value is not None), reverse=True)
    return [None if value is None else known.index(value) + 1 for value in values]


class ClaimCheck(Record):
    """A claimed difference, and what the printed cells give."""

    says: str
    claimed: float
    computed: float
    follows: bool


class OtherCheck(Record):
    """What follows from the two accuracies of one row of the other SpineBench.

    `right` are counts of the items that the paper states (None: no whole number of them). `low` and `high`
    are Wilson's interval of the diagnosis accuracy in percent on the nearest count of those items.
    """

    model: str
    diagnosis: float
    right: dict[str, int | None]
    low: float
    high: float
    above_chance: bool
    printed: float
    recomputed: float
    verdict: Verdict
    printed_rank: int
    recomputed_rank: int


class SplitCheck(Record):
    """Splits of the questions into text and image that make the most rows whole counts, and by how many rows.

    `runner_up` is how many rows the best other split fits.
    """

    splits: tuple[tuple[int, int], ...]
    fitted: tuple[str, ...]
    misfits: tuple[str, ...]
    runner_up: int


class PaperCheck(Record):
    """All checks of both tables, apart from each other."""

    ours: str
    sizes: dict[str, int]
    split: SplitCheck
    rows: tuple[RowCheck, ...]
    ablation: tuple[RowCheck, ...]
    claims: tuple[ClaimCheck, ...]
    other: str
    other_sizes: dict[str, int]
    other_rows: tuple[OtherCheck, ...]
    sources: dict[str, str]


def check_paper(data: Published | None = None) -> PaperCheck:
    """Return every check of the published tables (those of the package unless given)."""
    data = data or published()
    ours, other = data.ours, data.other
    sizes = {
        "text": int(ours.text_questions.value),
        "image": int(ours.image_questions.value),
        "questions": int(ours.questions.value),
        "reports": int(ours.reports.value),
    }
    other_sizes = {
        "diagnosis": int(other.diagnosis_questions.value),
        "localisation": int(other.localisation_questions.value),
    }
    return PaperCheck(
        ours=ours.name,
        sizes=sizes,
        split=check_split([*ours.rows, *ours.ablation], sizes["questions"]),
        rows=tuple(check_rows(ours.rows, sizes)),
        ablation=tuple(check_rows(ours.ablation, sizes)),
        claims=tuple(_claims(ours)),
        other=other.name,
        other_sizes=other_sizes,
        other_rows=tuple(check_other(other.rows, other_sizes, other.chance_diagnosis.value)),
        sources=data.sources,
    )


def check_split(rows: Sequence[Row], items: int) -> SplitCheck:
    """Return the splits that fit most rows; rows with the same two percentages count once."""
    pairs: dict[tuple[float, float], str] = {}
    for row in rows:
        if row.text is not None and row.image is not None:
            pairs.setdefault((row.text.value, row.image.value), row.model)
    fits = {
        text: [name for pair, name in pairs.items() if fitting_splits([pair], items, only=text)]
        for text in range(1, items)
    }
    most = max(map(len, fits.values()), default=0)
    best = [text for text, names in fits.items() if len(names) == most]
    return SplitCheck(
        splits=tuple((text, items - text) for text in best),
        fitted=tuple(fits[best[0]]),
        misfits=tuple(name for name in pairs.values() if name not in fits[best[0]]),
        runner_up=max((len(names) for text, names in fits.items() if text not in best), default=0),
    )


def _claims(ours: Ours) -> Iterator[ClaimCheck]:
    """Yield each claimed difference with what the printed cells give; a cell that was not read is an "
    "error."""
    cells = {row.model: row for row in ours.rows}
    for claim in ours.claims:
        ends = [getattr(cells[model], column) for model, column in (claim.minuend, claim.subtrahend)]
        computed = ends[0].value - ends[1].value
        yield ClaimCheck(
            says=claim.says,
            claimed=claim.value.value,
            computed=computed,
            follows=agree(computed, claim.value.value),
        )


def check_other(rows: Sequence[OtherRow], sizes: dict[str, int], chance: float) -> list[OtherCheck]:
    """Return the check of each row of the other SpineBench; `chance` is the accuracy of guessing, in "
    "percent."""
    again = [
        plain_mean(
            [Part("diagnosis", row.diagnosis.value, 1), Part("localisation", row.localisation.value, 1)]
        )
        for row in rows
    ]
    printed_ranks, again_ranks = ranks([row.overall.value for row in rows]), ranks(again)
    checks = []
    for row, value, first, second in zip(rows, again, printed_ranks, again_ranks, strict=True):
        around = wilson(round(row.diagnosis.value * sizes["diagnosis"] / 100), sizes["diagnosis"])
        checks.append(
            OtherCheck(
                model=row.model,
                diagnosis=row.diagnosis.value,
                right={name: whole(getattr(row, name).value, size) for name, size in sizes.items()},
                low=100 * around.low,
                high=100 * around.high,
                above_chance=100 * around.low > chance,
                printed=row.overall.value,
                recomputed=value,
                verdict="follows" if agree(value, row.overall.value) else "does not follow",
                printed_rank=first or 0,
                recomputed_rank=second or 0,
            )
        )
    return checks
