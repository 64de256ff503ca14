"""Does a judge favour its own family? What it gives beyond what other judges give to the same reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

from spinemed.bench.judge.checks import MOST_RISE, CheckResult, change_result
from spinemed.bench.judge.verdict import Judge, Verdict

NAME = "self_preference"


def self_preference(verdicts: Iterable[Verdict], judge: Judge) -> CheckResult:
    """Return by how much a judge lifts reports of its own family above others, compared with other judges.

    For each report of the benchmark: (own - others) by this judge, minus the same by the other judges
    whose family wrote none of the reports. One judge alone cannot tell favour from quality: then the result
    is undecided. Verdicts of all judges and candidates on the same reports are needed; repeats are averaged.
    """
    points: dict[tuple[Judge, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    patients: dict[str, str] = {}
    candidates: set[str] = set()
    for one in verdicts:
        candidates.add(one.candidate)
        patients[one.case] = one.patient
        if one.score is not None:
            points[one.judge, one.candidate][one.case].append(one.score)
    own = {name for name in candidates if judge.is_candidate(name)}
    others = sorted(
        {other for other, _ in points if other != judge and not any(map(other.is_candidate, candidates))},
        key=lambda other: other.model_dump_json(),
    )
    if not own or own == candidates:
        return change_result(NAME, {}, patients, MOST_RISE, "no candidates of its own and of another family")
    if not others:
        return change_result(
            NAME,
            {},
            patients,
            MOST_RISE,
            "one judge alone cannot tell favour from quality; add a second judge",
        )

    def lead(by: Judge, case: str) -> float | None:
        """Return own minus others in points of one judge on one report."""
        means = {name: points[by, name].get(case) for name in candidates}
        mine = [fmean(scores) for name in own if (scores := means[name])]
        rest = [fmean(scores) for name in candidates - own if (scores := means[name])]
        return fmean(mine) - fmean(rest) if mine and rest else None

    effects: dict[str, float] = {}
    for case in patients:
        mine = lead(judge, case)
        theirs = [value for other in others if (value := lead(other, case)) is not None]
        if mine is not None and theirs:
            effects[case] = mine - fmean(theirs)
    return change_result(NAME, effects, patients, MOST_RISE)
