"""Two answerers on the same items: rates, paired differences over patients, baselines, control runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from spinemed.bench.items import Item
from spinemed.bench.scoring.scorecard import Paired, Rate, Span
from spinemed.comparisons import holm
from spinemed.intervals import bootstrap_mean, mcnemar_exact, sign_flip_p, wilson


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


def patient_span(values: Sequence[float], items: Sequence[Item]) -> Span | None:
    """Return the bootstrap interval over patients; None where one patient or equal values give none."""
    patients = [item.patient for item in items]
    if len(set(patients)) < 2 or len(set(values)) < 2:
        return None
    interval = bootstrap_mean([float(value) for value in values], patients)
    return Span(low=interval.low, high=interval.high)


def compare(name: str, items: Sequence[Item], hits: Sequence[bool], others: Sequence[bool]) -> Paired:
    """Return the paired comparison of two lists of hits on the same items."""
    differences = [int(hit) - int(other) for hit, other in zip(hits, others, strict=True)]
    wins, losses = differences.count(1), differences.count(-1)
    by_patient: Counter[str] = Counter()
    for item, difference in zip(items, differences, strict=True):
        by_patient[item.patient] += difference
    return Paired(
        against=name,
        n=len(differences),
        patients=len(by_patient),
        wins=wins,
        losses=losses,
        difference=sum(differences) / len(differences),
        span=patient_span(differences, items),
        mcnemar_p=mcnemar_exact(wins, losses),
        patients_p=sign_flip_p(list(by_patient.values())),
    )


def corrected(pairs: Sequence[Paired]) -> tuple[Paired, ...]:
    """Return the pairs with their patient p corrected by Holm for their number."""
    adjusted = holm([pair.patients_p for pair in pairs])
    return tuple(pair.model_copy(update={"holm_p": p}) for pair, p in zip(pairs, adjusted, strict=True))


def shared(one: Sequence[Item], other: Mapping[str, object]) -> list[int]:
    """Return the places in `one` of the items that `other` has too."""
    return [place for place, item in enumerate(one) if item.id in other]
