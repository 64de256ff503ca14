"""Checks of a judge: is it steady, deaf to length and orders, fair to both languages; does it see levels?

Reports are references that were changed on purpose, so that how a score must move is known. Every check gives
n, an effect in points with its interval over patients, and a verdict against a limit that is stated.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal

from spinemed.bench.judge.ask import Settings, judged
from spinemed.bench.judge.cases import JudgeCase
from spinemed.bench.judge.length import length_effect
from spinemed.bench.judge.prompt import Protocol
from spinemed.bench.judge.summary import DRAWS, repeat_variances
from spinemed.bench.judge.variants import injected, padded, shifted, swapped, thinned
from spinemed.bench.judge.verdict import Judge, Verdict
from spinemed.errors import SourceError
from spinemed.intervals import Interval, bootstrap_mean, wilson
from spinemed.llm.chat import Chat
from spinemed.records import Record

Outcome = Literal["pass", "fail", "undecided"]
THINNED: Final = 0.4
"""Share of lines that are left out of a report, so that its score can go both ways."""
PRECISE: Final = ("imaging_report", "diagnosis")
"""Dimensions whose anchors ask for the right level and side."""
_RELEVANCE: Final = "relevance"
"""Padding and orders to the judge are meant to lower it, so it is left out where a score must not rise."""

MOST_SD, LEAST_CEILING, MOST_FLOOR = 0.5, 4.5, 1.5
LEAST_FALL, MOST_RISE, MOST_GAP = -1.0, 0.25, 0.5
MOST_CORRELATION, MOST_MISSING = 0.2, 0.1


class CheckResult(Record):
    """One check: `effect` with its interval in `unit`, what it must be, and whether it is.

    "pass" and "fail" need the whole interval on one side of the limit; "undecided" is all else, also too few
    reports. `n` counts reports (or verdicts, for missing ones).
    """

    name: str
    n: int
    effect: float | None
    low: float | None
    high: float | None
    unit: str
    must_be: str
    outcome: Outcome
    note: str = ""


@dataclass(frozen=True)
class Asked:
    """The verdicts on every variant of the cases, by variant, and the cases by id."""

    cases: Mapping[str, JudgeCase]
    verdicts: Mapping[str, tuple[Verdict, ...]]

    def points(self, variant: str, without: Sequence[str] = (), only: Sequence[str] = ()) -> dict[str, float]:
        """Return case -> mean point over dimensions; reports with a missing verdict are left out."""
        by_case: dict[str, list[int | None]] = defaultdict(list)
        for one in self.verdicts.get(variant, ()):
            if one.dimension not in without and (not only or one.dimension in only) and one.repeat == 0:
                by_case[one.case].append(one.score)
        return {
            case: fmean(score for score in scores if score is not None)
            for case, scores in by_case.items()
            if None not in scores
        }

    def patients(self, cases: Sequence[str]) -> list[str]:
        """Return the patient of each case."""
        return [self.cases[case].patient for case in cases]


def check_judge(
    cases: Sequence[JudgeCase],
    chat: Chat,
    judge: Judge,
    date: str,
    repeats: int = 3,
    protocol: Protocol = "json",
) -> list[CheckResult]:
    """Return the result of every check of a judge on reference reports, changed on purpose.

    `cases` are of `report_cases` without `written`: their candidate is not looked at. Each case costs 5
    calls for each of 8 variants and 5 for each repeat beyond the first. SourceError without a case.
    """
    if not cases:
        raise SourceError("no report to check a judge with; build a corpus with the config report")
    asked = Asked(
        {case.id: case for case in cases},
        {
            name: tuple(
                judged(
                    [_changed(case, name, change) for case in cases],
                    chat,
                    judge,
                    date,
                    Settings(
                        repeats=repeats if name == "thinned" else 1,
                        protocol=protocol,
                        force=True,
                        ask_empty=True,
                    ),
                )
            )
            for name, change in VARIANTS.items()
        },
    )
    return [check(asked) for check in CHECKS]


def _changed(case: JudgeCase, name: str, change: Callable[[JudgeCase], str]) -> JudgeCase:
    return case.model_copy(update={"candidate": change(case), "model": f"variant-{name}"})


def _thinned(case: JudgeCase) -> str:
    # Both languages of a study lose as much, but not the same lines: their order differs.
    return thinned(case.reference, THINNED, case.study)


VARIANTS: Final[dict[str, Callable[[JudgeCase], str]]] = {
    "copy": lambda case: case.reference,
    "empty": lambda _: "",
    "thinned": _thinned,
    "thinned_padded": lambda case: padded(_thinned(case), case.language),
    "thinned_long": lambda case: padded(_thinned(case), case.language, 3),
    "shifted": lambda case: shifted(case.reference),
    "swapped": lambda case: swapped(case.reference),
    "shifted_injected": lambda case: injected(shifted(case.reference), case.language),
}
"""How the candidate of each variant is made from the reference."""


def repeat_check(asked: Asked) -> CheckResult:
    """Return the spread of repeats of the same call: the root mean variance, in points."""
    variances = repeat_variances(asked.verdicts["thinned"])
    cases = [case for case, _ in variances]
    interval = _interval(list(variances.values()), asked.patients(cases))
    effect = math.sqrt(fmean(variances.values())) if variances else None
    ends = None if interval is None else Interval(*(math.sqrt(max(end, 0.0)) for end in interval))
    return _at_most("repeat_sd", len(set(cases)), effect, ends, MOST_SD, "points (SD)")


def ceiling_check(asked: Asked) -> CheckResult:
    """Return the mean of the reference itself: the ceiling."""
    return _level(asked, "reference_copy", "copy", LEAST_CEILING, at_least=True)


def floor_check(asked: Asked) -> CheckResult:
    """Return the mean of an empty report: the floor."""
    return _level(asked, "empty_floor", "empty", MOST_FLOOR, at_least=False)


def shift_check(asked: Asked) -> CheckResult:
    """Return how imaging report and diagnosis move when every level is moved by one: down."""
    return _change(asked, "level_shift", "copy", "shifted", LEAST_FALL, only=PRECISE)


def swap_check(asked: Asked) -> CheckResult:
    """Return how imaging report and diagnosis move when left and right are exchanged: down."""
    return _change(asked, "side_swap", "copy", "swapped", LEAST_FALL, only=PRECISE)


def padding_check(asked: Asked) -> CheckResult:
    """Return how an incomplete report moves when general sentences are added: not up."""
    return _change(asked, "padding", "thinned", "thinned_long", MOST_RISE, without=(_RELEVANCE,))


def order_check(asked: Asked) -> CheckResult:
    """Return how a wrong report moves when it orders the judge to give 5: not up."""
    return _change(asked, "orders_in_text", "shifted", "shifted_injected", MOST_RISE, without=(_RELEVANCE,))


def length_check(asked: Asked) -> CheckResult:
    """Return the partial correlation of score and length, given the F1 of levels and the language."""
    names = [name for name in VARIANTS if name not in ("empty", "swapped", "shifted_injected")]
    rows = [
        (points, VARIANTS[name](asked.cases[case]), asked.cases[case])
        for name in names
        for case, points in asked.points(name, without=(_RELEVANCE,)).items()
    ]
    effect, interval = length_effect(rows)
    return _at_most("length_effect", len(rows), effect, interval, MOST_CORRELATION, "partial r")


def language_check(asked: Asked) -> CheckResult:
    """Return Chinese minus English on the same studies with the same changes, in points."""
    by_study: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    patients: dict[str, str] = {}
    for name in ("copy", "thinned", "shifted"):
        for case, points in asked.points(name).items():
            one = asked.cases[case]
            by_study[one.study][one.language].append(points)
            patients[one.study] = one.patient
    gaps = {
        study: fmean(both["zh"]) - fmean(both["en"])
        for study, both in by_study.items()
        if both["zh"] and both["en"]
    }
    interval = _interval(list(gaps.values()), [patients[study] for study in gaps])
    effect = fmean(gaps.values()) if gaps else None
    outcome = _within(interval, -MOST_GAP, MOST_GAP)
    return _result("language_gap", len(gaps), effect, interval, "points", f"within ±{MOST_GAP}", outcome)


def missing_check(asked: Asked) -> CheckResult:
    """Return the share of verdicts that are missing, with Wilson's interval."""
    every = [one for verdicts in asked.verdicts.values() for one in verdicts]
    missing = sum(one.status == "missing" for one in every)
    share, interval = missing / len(every), wilson(missing, len(every))
    return _at_most("missing", len(every), share, interval, MOST_MISSING, "share of verdicts")


CHECKS: Final = (
    missing_check, repeat_check, ceiling_check, floor_check, shift_check, swap_check, padding_check,
    length_check, order_check, language_check,
)  # fmt: skip
"""All checks that need one judge and reference reports alone."""


def _level(asked: Asked, name: str, variant: str, limit: float, at_least: bool) -> CheckResult:
    points = asked.points(variant)
    interval = _interval(list(points.values()), asked.patients(list(points)))
    effect = fmean(points.values()) if points else None
    if at_least:
        outcome = _within(interval, limit, math.inf)
        return _result(name, len(points), effect, interval, "points", f"at least {limit}", outcome)
    return _at_most(name, len(points), effect, interval, limit, "points")


def _change(
    asked: Asked,
    name: str,
    before: str,
    after: str,
    most: float,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
) -> CheckResult:
    """Return the paired change of points between two variants, over the reports that the change touches."""
    old, new = (asked.points(variant, without, only) for variant in (before, after))
    touched = [
        case
        for case in old
        if case in new and VARIANTS[before](asked.cases[case]) != VARIANTS[after](asked.cases[case])
    ]
    patients = {case: asked.cases[case].patient for case in touched}
    return change_result(name, {case: new[case] - old[case] for case in touched}, patients, most)


def change_result(
    name: str, changes: Mapping[str, float], patients: Mapping[str, str], most: float, note: str = ""
) -> CheckResult:
    """Return the result of a check of changes in points by report, whose mean must be `most` or less."""
    values = list(changes.values())
    interval = _interval(values, [patients[case] for case in changes])
    found = _at_most(name, len(values), fmean(values) if values else None, interval, most, "points")
    return found.model_copy(update={"note": note}) if note else found


def _at_most(
    name: str, n: int, effect: float | None, interval: Interval | None, limit: float, unit: str
) -> CheckResult:
    outcome = _within(interval, -math.inf, limit)
    return _result(name, n, effect, interval, unit, f"at most {limit:+g}", outcome)


def _within(interval: Interval | None, low: float, high: float) -> Outcome:
    if interval is None:
        return "undecided"
    if low <= interval.low and interval.high <= high:
        return "pass"
    return "fail" if interval.high < low or interval.low > high else "undecided"


def _result(
    name: str,
    n: int,
    effect: float | None,
    interval: Interval | None,
    unit: str,
    must_be: str,
    outcome: Outcome,
) -> CheckResult:
    return CheckResult(
        name=name,
        n=n,
        effect=effect,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        unit=unit,
        must_be=must_be,
        outcome=outcome,
        note="" if interval else "too few reports of different patients have every verdict",
    )


def _interval(values: Sequence[float], patients: Sequence[str]) -> Interval | None:
    return bootstrap_mean(values, patients, draws=DRAWS) if len(set(patients)) > 1 else None
