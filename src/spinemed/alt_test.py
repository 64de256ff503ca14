"""The alternative annotator test: may a judge stand in for the clinicians? Winning rate and advantage.

Scipy for the t distribution. Calderon, Reichart and Dror 2025 (ACL, arXiv 2501.10970): each clinician in turn
is left out, judge and left-out clinician are compared with the rest, and the judge wins against a clinician
whose advantage is shown to be below epsilon, with the correction of Benjamini and Yekutieli over clinicians.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

from .comparisons import benjamini_yekutieli
from .intervals import NotEstimable, clustered_error

ENOUGH_CASES = 30  # of one clinician, for the t test; the paper and its code leave others out


class AltTest(NamedTuple):
    """Winning rate (0.5 or more: the judge may stand in), average advantage, and both by clinician.

    `p_values` are uncorrected; `left_out` counts clinicians with too few cases.
    """

    winning_rate: float
    advantage: float
    advantages: tuple[float, ...]
    p_values: tuple[float, ...]
    wins: tuple[bool, ...]
    left_out: int


def alt_test(
    judge: Sequence[float | None],
    clinicians: Sequence[Sequence[float | None]],
    cases: Sequence[Hashable] | None = None,
    *,
    epsilon: float = 0.2,
    alpha: float = 0.05,
    alignment: Literal["rmse", "accuracy"] = "rmse",
    enough_cases: int = ENOUGH_CASES,
) -> AltTest | NotEstimable:
    """Return the alternative annotator test of `judge` [item] against `clinicians` [item, clinician].

    None marks a missing score. An item counts for a clinician when the judge, the clinician and one other at
    least scored it. `alignment` with the rest is the negative root mean square error, or the share of equal
    scores. `epsilon` is 0.2 for experts, 0.15 for skilled people, 0.1 for crowds. Where `cases` names the
    case (report) of each item, items of a case are not taken as independent: the t test has the CR1 error,
    which is the ordinary one where every case has one item. NotEstimable where fewer than three clinicians
    scored `enough_cases`. Where all differences are equal, p is 0 or 1.

    >>> clinicians = [[case % 5, case % 5, (case + case % 2) % 5] for case in range(40)]
    >>> found = alt_test([case % 5 for case in range(40)], clinicians)
    >>> found.winning_rate, found.advantage
    (1.0, 1.0)
    """
    if len(judge) != len(clinicians) or (cases is not None and len(cases) != len(judge)):
        raise ValueError(
            f"{len(judge)} judge scores but {len(clinicians)} rows of clinicians, or other cases"
        )
    people = {len(row) for row in clinicians}
    if len(people) > 1:
        raise ValueError(f"every row needs one entry a clinician (None if missing), got {sorted(people)}")
    advantages, p_values = [], []
    for person in range(people.pop() if people else 0):
        pairs = alignments(judge, clinicians, person, alignment)
        groups = [place if cases is None else cases[place] for place, _, _ in pairs]
        if len(set(groups)) >= max(2, enough_cases):
            judge_at_least = [float(mine >= theirs) for _, mine, theirs in pairs]
            differences = [(theirs >= mine) - (mine >= theirs) for _, mine, theirs in pairs]
            advantages.append(sum(judge_at_least) / len(pairs))
            p_values.append(p_below(differences, groups, epsilon))
    if len(p_values) < 3:
        return NotEstimable(f"not estimable, needs three clinicians with {enough_cases} cases or more")
    wins = tuple(p <= alpha for p in benjamini_yekutieli(p_values))
    return AltTest(
        winning_rate=sum(wins) / len(wins),
        advantage=sum(advantages) / len(advantages),
        advantages=tuple(advantages),
        p_values=tuple(p_values),
        wins=wins,
        left_out=len(clinicians[0]) - len(p_values),
    )


def people_in(
    judge: Sequence[object], clinicians: Sequence[Sequence[object]], cases: Sequence[Hashable] | None
) -> int:
    """Return the number of clinicians; ValueError where lengths differ."""
    if len(judge) != len(clinicians) or (cases is not None and len(cases) != len(judge)):
        raise ValueError(
            f"{len(judge)} judge scores but {len(clinicians)} rows of clinicians, or other cases"
        )
    people = {len(row) for row in clinicians}
    if len(people) > 1:
        raise ValueError(f"every row needs one entry a clinician (None if missing), got {sorted(people)}")
    return people.pop() if people else 0


def alignments(
    judge: Sequence[float | None], clinicians: Sequence[Sequence[float | None]], person: int, alignment: str
) -> list[tuple[int, float, float]]:
    """Return the place of each usable item, and how well judge and left-out clinician fit the others."""
    found = []
    for item, (mine, row) in enumerate(zip(judge, clinicians, strict=True)):
        theirs = row[person]
        rest = [score for place, score in enumerate(row) if place != person and score is not None]
        if mine is not None and theirs is not None and rest:
            found.append((item, fit(mine, rest, alignment), fit(theirs, rest, alignment)))
    return found


def fit(score: float, rest: Sequence[float], alignment: str) -> float:
    """Return how well a score fits the others: higher is better."""
    if alignment == "accuracy":
        return sum(score == other for other in rest) / len(rest)
    if alignment != "rmse":
        raise ValueError(f"the alignment is rmse or accuracy, got {alignment!r}")
    return -math.sqrt(sum((score - other) ** 2 for other in rest) / len(rest))


def p_below(differences: Sequence[float], cases: Sequence[Hashable], epsilon: float) -> float:
    """Return the p of a one-sided t test that the mean difference lies below epsilon."""
    from scipy.special import stdtr

    mean, error = sum(differences) / len(differences), clustered_error(differences, cases)
    if error < 1e-12:
        return 0.0 if mean < epsilon else 1.0
    return float(stdtr(len(set(cases)) - 1, (mean - epsilon) / error))
