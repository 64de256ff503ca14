"""Means of verdicts with intervals and bounds: by dimension, by section, and the report score of all."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

from spinemed.bench.judge.rubric import HIGHEST, LOWEST, rubric
from spinemed.bench.judge.verdict import Judge, Verdict
from spinemed.errors import SourceError
from spinemed.intervals import Interval, bootstrap_mean
from spinemed.records import Record
from spinemed.report_rubric import rate

DRAWS = 2000


class Mean(Record):
    """A mean with its interval over patients, and what it could be where verdicts are missing.

    `worst` and `best` take every missing verdict as the lowest or the highest point. `mean` is of what is
    there, None without any; the interval is None with fewer than two patients.
    """

    mean: float | None
    low: float | None
    high: float | None
    worst: float
    best: float
    verdicts: int
    missing: int
    reports: int


class JudgeSummary(Record):
    """What one judge said of one candidate's reports.

    `score` is `report_rubric.rate` on the paper's scale, 20 to 100; reports with a missing verdict
    enter its bounds, not its mean. `repeat_sd` is the judge's spread over repeats in points, None without.
    """

    candidate: str
    judge: Judge
    dates: tuple[str, ...]
    reports: int
    score: Mean
    sections: dict[str, Mean]
    dimensions: dict[str, Mean]
    repeat_sd: float | None
    unsupported: int
    quoted: int
    absent: int
    to_judge: int
    own_family: bool
    reasons: dict[str, int]


def summarised(verdicts: Iterable[Verdict]) -> JudgeSummary:
    """Return the summary of one candidate by one judge; SourceError for none, or for several of either.

    Repeats of one report are averaged first: the report is the unit, its patient the cluster.
    """
    given = tuple(verdicts)
    if not given:
        raise SourceError("no verdict is given; run spinemed judge first")
    for what, names in (
        ("candidates", {one.candidate for one in given}),
        ("judges", {one.judge for one in given}),
    ):
        if len(names) > 1:
            raise SourceError(
                f"{len(names)} {what} in one summary: {sorted(map(str, names))}; split the file"
            )
    groups = rubric().groups
    reasons = Counter(_kind(one.reason) for one in given if one.status == "missing")
    return JudgeSummary(
        candidate=given[0].candidate,
        judge=given[0].judge,
        dates=tuple(sorted({one.date for one in given})),
        reports=len({one.case for one in given}),
        score=report_score(given),
        sections={name: mean_of([one for one in given if one.section == name]) for name in groups},
        dimensions={
            name: mean_of([one for one in given if one.dimension == name])
            for names in groups.values()
            for name in names
        },
        repeat_sd=repeat_sd(given),
        unsupported=sum(one.supported is False for one in given),
        quoted=sum(one.supported is not None for one in given),
        absent=sum(one.status == "absent" for one in given),
        to_judge=len({one.case for one in given if one.to_judge}),
        own_family=any(one.own_family for one in given),
        reasons=dict(reasons.most_common()),
    )


def mean_of(verdicts: Sequence[Verdict]) -> Mean:
    """Return the mean point of verdicts, each report counted once."""
    by_report: dict[str, list[int | None]] = defaultdict(list)
    for one in verdicts:
        by_report[one.case].append(one.score)
    there = {case: [one for one in scores if one is not None] for case, scores in by_report.items()}
    means = {case: fmean(scores) for case, scores in there.items() if scores}
    bounds = [
        [fmean(point if score is None else score for score in scores) for scores in by_report.values()]
        for point in (LOWEST, HIGHEST)
    ]
    return _mean(means, verdicts, *bounds)


def report_score(verdicts: Sequence[Verdict]) -> Mean:
    """Return the mean report score, 20 to 100, over the reports of which no verdict is missing."""
    rated = {case: rate(points).paper for case, points in judge_scores(verdicts).items()}
    whole = {case: score.value for case, score in rated.items() if score.value is not None}
    return _mean(whole, verdicts, [one.low for one in rated.values()], [one.high for one in rated.values()])


def judge_scores(verdicts: Iterable[Verdict]) -> dict[str, dict[str, float | None]]:
    """Return case -> dimension -> mean point of its repeats, None where one is missing.

    These are the points of `report_rubric.rate`.
    """
    points: dict[str, dict[str, list[int | None]]] = defaultdict(lambda: defaultdict(list))
    for one in verdicts:
        points[one.case][one.dimension].append(one.score)
    return {
        case: {name: _mean_point(scores) for name, scores in by_name.items()}
        for case, by_name in points.items()
    }


def metric_scores(verdicts: Iterable[Verdict], reports: Sequence[str]) -> list[str]:
    """Return the `judge_scores` of the metric spine_report: for each report, in order, its points as JSON.

    A report without verdicts has null for every dimension.
    """
    points = judge_scores(verdicts)
    none: dict[str, float | None] = dict.fromkeys(
        name for names in rubric().groups.values() for name in names
    )
    return [json.dumps(points.get(report, none)) for report in reports]


def _mean_point(scores: Sequence[int | None]) -> float | None:
    there = [score for score in scores if score is not None]
    return fmean(there) if len(there) == len(scores) else None


def repeat_sd(verdicts: Sequence[Verdict]) -> float | None:
    """Return the root mean variance of repeats of the same report and dimension; None without repeats."""
    variances = list(repeat_variances(verdicts).values())
    return fmean(variances) ** 0.5 if variances else None


def repeat_variances(verdicts: Sequence[Verdict]) -> dict[tuple[str, str], float]:
    """Return (case, dimension) -> variance of the scores of its repeats, where there are two or more."""
    scores: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in verdicts:
        if one.score is not None:
            scores[one.case, one.dimension].append(one.score)
    return {
        key: sum((score - fmean(own)) ** 2 for score in own) / (len(own) - 1)
        for key, own in scores.items()
        if len(own) > 1
    }


def _mean(
    by_report: dict[str, float], verdicts: Sequence[Verdict], worst: Sequence[float], best: Sequence[float]
) -> Mean:
    patients = {one.case: one.patient for one in verdicts}
    interval = _interval(list(by_report.values()), [patients[case] for case in by_report])
    return Mean(
        mean=fmean(by_report.values()) if by_report else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        worst=fmean(worst),
        best=fmean(best),
        verdicts=len(verdicts),
        missing=sum(one.score is None for one in verdicts),
        reports=len(by_report),
    )


def _interval(values: Sequence[float], patients: Sequence[str]) -> Interval | None:
    return bootstrap_mean(values, patients, draws=DRAWS) if len(set(patients)) > 1 else None


def _kind(reason: str) -> str:
    """Return a reason without the value seen, so that like reasons are counted together."""
    return reason.split(" '")[0][:80]
