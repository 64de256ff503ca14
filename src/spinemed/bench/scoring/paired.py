"""Shares and means with intervals over patients, and two answerers paired on the same items."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from spinemed.bench.items import Item
from spinemed.bench.scoring.scorecard import Measured, Paired, Rate, Span
from spinemed.comparisons import holm
from spinemed.intervals import (
    NotEstimable,
    bootstrap_mean,
    clustered_mean,
    mcnemar_exact,
    sign_flip_p,
    wilson,
)

FEW_PATIENTS = 30
"""Below this number the bootstrap over patients is too narrow, and CR1 with t stands in its place: of 95 %
intervals 84 to 85 % held the truth with 5 patients, by t 92 to 94; with 10 they were 86 to 91 and 87 to 94;
from 30 on both are alike within 1.5 points (benchmarks/patient_intervals.py)."""


def rate(hits: Sequence[bool]) -> Rate:
    """Return the share of hits with Wilson's interval; ValueError for none at all.

    >>> rate([True, False]).value
    0.5
    """
    if not hits:
        raise ValueError("a rate needs at least one item")
    interval = wilson(sum(hits), len(hits))
    return Rate(
        n=len(hits), correct=sum(hits), value=sum(hits) / len(hits), low=interval.low, high=interval.high
    )


def patient_span(
    values: Sequence[float], patients: Sequence[str], lowest: float = 0.0, highest: float = 1.0
) -> Span | None:
    """Return the interval of a mean over patients; None where one patient or equal values give none.

    Values lie between `lowest` and `highest`, which the interval is cut at. The method is named in it.

    >>> patient_span([1, 0, 1, 1], ["a", "a", "b", "b"])
    Span(low=0.0, high=1.0, method='t')
    """
    if len(set(patients)) < 2 or len(set(values)) < 2:
        return None
    numbers = [float(value) for value in values]
    if len(set(patients)) >= FEW_PATIENTS:
        interval = bootstrap_mean(numbers, patients)
        return Span(low=interval.low, high=interval.high, method="bootstrap")
    found = clustered_mean(numbers, patients)
    if isinstance(found, NotEstimable) or found.error == 0:
        return None
    return Span(low=max(lowest, found.low), high=min(highest, found.high), method="t")


def measured(values: Sequence[float], patients: Sequence[str], lowest: float = 0.0) -> Measured | None:
    """Return a mean with its interval over patients; None for no value at all.

    >>> measured([0.5, 0.5], ["a", "b"])
    Measured(n=2, value=0.5, span=None)
    """
    if not values:
        return None
    return Measured(
        n=len(values), value=sum(values) / len(values), span=patient_span(values, patients, lowest)
    )


def compare(name: str, items: Sequence[Item], points: Sequence[float], others: Sequence[float]) -> Paired:
    """Return the paired comparison of two lists of points (1 or 0, or factual scores) on the same items."""
    differences = [float(one) - float(other) for one, other in zip(points, others, strict=True)]
    wins, losses = sum(one > 0 for one in differences), sum(one < 0 for one in differences)
    by_patient: defaultdict[str, float] = defaultdict(float)
    for item, difference in zip(items, differences, strict=True):
        by_patient[item.patient] += difference
    patients = [item.patient for item in items]
    reach = 1.0 if set(differences) <= {-1.0, 0.0, 1.0} else 2.0
    return Paired(
        against=name,
        n=len(differences),
        patients=len(by_patient),
        wins=wins,
        losses=losses,
        difference=sum(differences) / len(differences),
        span=patient_span(differences, patients, -reach, reach),
        mcnemar_p=mcnemar_exact(wins, losses),
        patients_p=sign_flip_p(list(by_patient.values())),
    )


def corrected(pairs: Sequence[Paired]) -> tuple[Paired, ...]:
    """Return the pairs with their patient p corrected by Holm for their number."""
    adjusted = holm([pair.patients_p for pair in pairs])
    return tuple(pair.model_copy(update={"holm_p": p}) for pair, p in zip(pairs, adjusted, strict=True))
