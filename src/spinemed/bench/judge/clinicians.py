"""Judge and clinicians on the same reports: agreement in each dimension, beside that among clinicians."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from pydantic import Field, ValidationError

from spinemed.agreement import bland_altman, exact_agreement, pearson, spearman, weighted_kappa
from spinemed.alt_test import alt_test
from spinemed.bench.judge.rubric import HIGHEST, LOWEST, POINTS, rubric
from spinemed.bench.judge.summary import judge_scores
from spinemed.bench.judge.verdict import Verdict
from spinemed.errors import SourceError
from spinemed.intervals import NotEstimable
from spinemed.records import Record
from spinemed.reliability import icc, icc_interval, krippendorff_alpha

LEAST: Final = 2
"""Reports that judge and clinicians must share."""
TRUSTED: Final = 0.7
"""From this ICC(A,1) on a judge is called usable for a dimension; the paper's threshold is not known."""


class ClinicianScore(Record):
    """One clinician's points for one dimension of one report."""

    case: str
    clinician: str
    dimension: str
    score: int = Field(ge=LOWEST, le=HIGHEST)


class Agreement(Record):
    """Judge against clinicians in one dimension. What cannot be estimated is None, its reason in `notes`.

    ICC(A,1), Pearson, Spearman and the bias (judge minus clinicians) are against the clinicians' mean.
    `kappa` (quadratic, scale 1 to 5) and `exact` are means over clinicians; `alpha` is Krippendorff's,
    ordinal, over judge and clinicians. `human_*` are the same among clinicians alone: a
    judge cannot be asked to beat them. `winning_rate` of 0.5 or more: by the alternative annotator test the
    judge may stand in.
    """

    dimension: str
    n: int
    clinicians: int
    icc: float | None = None
    icc_low: float | None = None
    icc_high: float | None = None
    alpha: float | None = None
    kappa: float | None = None
    exact: float | None = None
    pearson: float | None = None
    spearman: float | None = None
    bias: float | None = None
    low_limit: float | None = None
    high_limit: float | None = None
    human_alpha: float | None = None
    human_kappa: float | None = None
    winning_rate: float | None = None
    advantage: float | None = None
    is_trusted: bool = False
    notes: dict[str, str]


def read_clinicians(path: Path) -> list[ClinicianScore]:
    """Return the scores of a CSV (with a header) or JSON lines: case, clinician, dimension, score.

    SourceError with the line where one is wrong, unknown or given twice.
    """
    found: dict[tuple[str, str, str], ClinicianScore] = {}
    known = {name for names in rubric().groups.values() for name in names}
    for number, row in _rows(path):
        try:
            one = ClinicianScore.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            raise SourceError(f"{path}, line {number}: {first['loc']} {first['msg']}") from error
        key = one.case, one.clinician, one.dimension
        if one.dimension not in known or key in found:
            why = "is given twice" if key in found else f"is none of {sorted(known)}"
            raise SourceError(f"{path}, line {number}: {one.clinician}, {one.case}, {one.dimension} {why}")
        found[key] = one
    return list(found.values())


def agreements(verdicts: Iterable[Verdict], scores: Sequence[ClinicianScore]) -> list[Agreement]:
    """Return the agreement in each dimension, over the reports that judge and a clinician both scored."""
    by_judge = judge_scores(verdicts)
    given: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for one in scores:
        given[one.dimension][one.case][one.clinician] = one.score
    people = sorted({one.clinician for one in scores})
    found: list[Agreement] = []
    for names in rubric().groups.values():
        for name in names:
            cases = sorted(case for case in given[name] if by_judge.get(case, {}).get(name) is not None)
            judge = [points for case in cases if (points := by_judge[case][name]) is not None]
            table = [[given[name][case].get(person) for person in people] for case in cases]
            found.append(_agreement(name, judge, table))
    return found


def _agreement(name: str, judge: Sequence[float], table: Sequence[Sequence[int | None]]) -> Agreement:
    """Return the agreement of judge [case] with clinicians [case, person]."""
    columns = list(zip(*table, strict=True))
    people = sum(any(one is not None for one in column) for column in columns)
    if len(judge) < LEAST:
        notes = {"n": f"judge and clinicians share {len(judge)} reports; {LEAST} are needed"}
        return Agreement(dimension=name, n=len(judge), clinicians=people, notes=notes)
    points = [round(one) for one in judge]
    whole = [[mine, *row] for mine, row in zip(points, table, strict=True)]
    estimates = {
        **_against_mean(judge, table),
        **_stands_in(judge, table),
        "alpha": krippendorff_alpha(whole),
        "kappa": _mean_kappa([(points, column) for column in columns]),
        "exact": _mean_exact(points, columns),
        "human_alpha": krippendorff_alpha(table),
        "human_kappa": _mean_kappa(list(combinations(columns, 2))),
    }
    values = {what: one for what, one in estimates.items() if not isinstance(one, NotEstimable)}
    return Agreement(
        dimension=name,
        n=len(judge),
        clinicians=people,
        **values,
        is_trusted=values.get("icc", 0.0) >= TRUSTED,
        notes={what: one.reason for what, one in estimates.items() if isinstance(one, NotEstimable)},
    )


def _against_mean(
    judge: Sequence[float], table: Sequence[Sequence[int | None]]
) -> dict[str, float | NotEstimable]:
    """Return what compares a judge with the clinicians' mean, by field."""
    means = [fmean(one for one in row if one is not None) for row in table]
    pairs = list(zip(judge, means, strict=True))
    ends, spread = icc_interval(pairs), bland_altman(judge, means)
    lows: tuple[float | NotEstimable, ...] = (ends, ends) if isinstance(ends, NotEstimable) else ends
    limits = (
        (spread, spread, spread)
        if isinstance(spread, NotEstimable)
        else (spread.bias, spread.low_limit, spread.high_limit)
    )
    return {
        "icc": icc(pairs),
        **dict(zip(("icc_low", "icc_high"), lows, strict=True)),
        "pearson": pearson(judge, means),
        "spearman": spearman(judge, means),
        **dict(zip(("bias", "low_limit", "high_limit"), limits, strict=True)),
    }


def _stands_in(
    judge: Sequence[float], table: Sequence[Sequence[int | None]]
) -> dict[str, float | NotEstimable]:
    """Return the result of the alternative annotator test, by field."""
    test = alt_test(judge, table)
    if isinstance(test, NotEstimable):
        return {"winning_rate": test, "advantage": test}
    return {"winning_rate": test.winning_rate, "advantage": test.advantage}


def _mean_kappa(pairs: Sequence[tuple[Sequence[int | None], Sequence[int | None]]]) -> float | NotEstimable:
    """Return the mean weighted kappa of pairs of raters over the reports that both scored."""
    values = []
    for first, second in pairs:
        both = [
            (one, other)
            for one, other in zip(first, second, strict=True)
            if one is not None and other is not None
        ]
        if both:
            kappa = weighted_kappa([one for one, _ in both], [other for _, other in both], POINTS)
            if not isinstance(kappa, NotEstimable):
                values.append(kappa)
    return fmean(values) if values else NotEstimable("no two raters differ on shared reports")


def _mean_exact(points: Sequence[int], columns: Sequence[Sequence[int | None]]) -> float | NotEstimable:
    shares = []
    for column in columns:
        both = [(mine, one) for mine, one in zip(points, column, strict=True) if one is not None]
        if both:
            shares.append(exact_agreement([mine for mine, _ in both], [one for _, one in both]))
    return fmean(shares) if shares else NotEstimable("no report was scored by both")


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, row) of a CSV or JSON-lines file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{path} cannot be read ({error}); name a CSV or JSON-lines file of scores"
        ) from error
    if path.suffix == ".csv":
        yield from (
            (number, dict(row)) for number, row in enumerate(csv.DictReader(text.splitlines()), start=2)
        )
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SourceError(f"{path}, line {number} is no JSON: {error}") from error
            yield number, row
