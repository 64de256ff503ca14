"""Agreement and correlation of two or more lists of scores: kappas, exact agreement, correlations, bias.

Numpy only. What cannot be computed is a `NotEstimable` that says why, never NaN. Sources: Cohen 1968 for the
weighted kappa; Fleiss 1971; Bland and Altman 1986.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .intervals import (
    Floats,
    Interval,
    NotEstimable,
    cluster_sums,
    normal_quantile,
    percentile_ends,
)

CONSTANT = NotEstimable("undefined, constant")
TOO_FEW = NotEstimable("undefined, fewer than two cases")


class BlandAltman(NamedTuple):
    """Mean difference, its standard deviation, limits of agreement, and intervals over cases of all three."""

    bias: float
    deviation: float
    low_limit: float
    high_limit: float
    bias_interval: Interval | NotEstimable
    low_limit_interval: Interval | NotEstimable
    high_limit_interval: Interval | NotEstimable


def exact_agreement(first: ArrayLike, second: ArrayLike, within: float = 0.0) -> float:
    """Return the share of pairs that differ by at most `within`. Raises ValueError without a pair.

    >>> exact_agreement([1, 2, 5], [1, 2, 4]), exact_agreement([1, 2, 5], [1, 2, 4], within=1)
    (0.6666666666666666, 1.0)
    """
    one, other = paired(first, second)
    if not len(one):
        raise ValueError("agreement needs at least one pair of scores")
    return float((np.abs(one - other) <= within + 1e-12).mean())


def weighted_kappa(
    first: ArrayLike,
    second: ArrayLike,
    scale: Sequence[float],
    weights: Literal["quadratic", "linear", "unweighted"] = "quadratic",
) -> float | NotEstimable:
    """Return Cohen's kappa of two raters on the full `scale`, whose points are one step apart each.

    Points that nobody used count, else the weights would depend on the data. NotEstimable where both raters
    gave one and the same score throughout, and with fewer than two pairs. Raises ValueError on a score that
    is not on the scale.

    >>> round(weighted_kappa([1, 2, 5], [1, 2, 4], range(1, 6)), 4)
    0.9268
    >>> weighted_kappa([3, 3], [3, 3], range(1, 6)).reason
    'undefined, constant'
    """
    one, other = paired(first, second)
    if len(one) < 2:
        return TOO_FEW
    size = len(scale)
    table = np.zeros((size, size))
    np.add.at(table, (places_on(one, scale), places_on(other, scale)), 1.0)
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    cost = {"quadratic": steps**2, "linear": steps, "unweighted": (steps > 0).astype(np.float64)}[weights]
    chance = float((cost * np.outer(table.sum(axis=1), table.sum(axis=0))).sum()) / len(one)
    return 1 - float((cost * table).sum()) / chance if chance > 0 else CONSTANT


def places_on(scores: Floats, scale: Sequence[float]) -> NDArray[np.int64]:
    """Return the place of each score on the scale; ValueError on one that is not there."""
    known = {float(point): place for place, point in enumerate(scale)}
    for position, score in enumerate(scores.tolist()):
        if score not in known:
            raise ValueError(f"score {score:g} at position {position} is not on the scale {list(scale)}")
    return np.array([known[score] for score in scores.tolist()], dtype=np.int64)


def fleiss_kappa(counts: ArrayLike) -> float | NotEstimable:
    """Return Fleiss' kappa of `counts` [case, category]: how many raters put the case into the category.

    Every case has the same number of raters, two or more, else ValueError. NotEstimable where one category
    took all.

    >>> fleiss_kappa([[2, 0], [0, 2], [2, 0]])
    1.0
    """
    table = np.asarray(counts, dtype=np.float64)
    raters = table.sum(axis=1) if table.ndim == 2 and len(table) else np.zeros(1)
    if raters[0] < 2 or not (raters == raters[0]).all() or (table < 0).any():
        raise ValueError("Fleiss' kappa needs two raters or more, equally many of every case")
    count = float(raters[0])
    observed = float(((table**2).sum(axis=1) - count).mean()) / (count * (count - 1))
    shares = table.sum(axis=0) / table.sum()
    chance = float((shares**2).sum())
    return CONSTANT if (shares == 1).any() else (observed - chance) / (1 - chance)


def pearson(first: ArrayLike, second: ArrayLike) -> float | NotEstimable:
    """Return Pearson's correlation in [-1, 1]; NotEstimable where a list is constant or too short.

    >>> round(pearson([1, 2, 3], [1, 2, 4]), 6), str(pearson([1, 2, 3], [4, 4, 4]))
    (0.981981, 'undefined, constant')
    """
    one, other = paired(first, second)
    if len(one) < 2:
        return TOO_FEW
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return CONSTANT
    # Divided by their range, scores however small or large have products that neither vanish nor overflow.
    one, other = (one - one.mean()) / np.ptp(one), (other - other.mean()) / np.ptp(other)
    value = float(one @ other) / math.sqrt(float(one @ one) * float(other @ other))
    return min(1.0, max(-1.0, value))


def spearman(first: ArrayLike, second: ArrayLike) -> float | NotEstimable:
    """Return Spearman's rank correlation (ties get their mean rank); NotEstimable as `pearson` is.

    >>> spearman([1, 2, 3], [1, 4, 9]), str(spearman([1, 1], [1, 2]))
    (1.0, 'undefined, constant')
    """
    one, other = paired(first, second)
    return pearson(mean_ranks(one), mean_ranks(other))


def mean_ranks(scores: Floats) -> Floats:
    """Return the rank of each score from 1 up, equal scores with the mean of their ranks."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places])


def kendall(first: ArrayLike, second: ArrayLike) -> float | NotEstimable:
    """Return Kendall's tau-b; NotEstimable as `pearson` is. Time grows with the square of the pairs.

    >>> round(kendall([1, 2, 3, 4], [1, 3, 2, 4]), 6)
    0.666667
    """
    one, other = paired(first, second)
    if len(one) < 2:
        return TOO_FEW
    agreed = ties_one = ties_other = 0.0
    for place in range(len(one) - 1):
        left, right = np.sign(one[place + 1 :] - one[place]), np.sign(other[place + 1 :] - other[place])
        agreed += float(left @ right)
        ties_one += float((left == 0).sum())
        ties_other += float((right == 0).sum())
    pairs = len(one) * (len(one) - 1) / 2
    if pairs in (ties_one, ties_other):
        return CONSTANT
    return agreed / math.sqrt((pairs - ties_one) * (pairs - ties_other))


def bland_altman(
    scores: ArrayLike,
    references: ArrayLike,
    cases: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> BlandAltman | NotEstimable:
    """Return bias (scores minus references) and limits of agreement, with bootstrap intervals over cases.

    The limits are bias -+ 1.96 standard deviations (n - 1). Without `cases` every pair is a case. Intervals
    are NotEstimable with one case, all of it with fewer than two pairs.

    >>> found = bland_altman([2, 3, 5], [1, 3, 3])
    >>> found.bias, found.deviation, round(found.low_limit, 6), round(found.high_limit, 6)
    (1.0, 1.0, -0.959964, 2.959964)
    """
    one, other = paired(scores, references)
    if len(one) < 2:
        return TOO_FEW
    differences = one - other
    values = limits(np.array([differences.sum()]), np.array([(differences**2).sum()]), np.array([len(one)]))
    bias, deviation, low, high = (float(value[0]) for value in values)
    if cases is not None and len(set(cases)) < 2:
        spans: list[Interval | NotEstimable] = [NotEstimable("not estimable, one case")] * 3
    else:
        sums, counts = cluster_sums(differences.tolist(), cases)
        squares, _ = cluster_sums((differences**2).tolist(), cases)
        picked = np.random.default_rng(seed).integers(0, len(sums), size=(draws, len(sums)), dtype=np.int32)
        drawn = limits(sums[picked].sum(axis=1), squares[picked].sum(axis=1), counts[picked].sum(axis=1))
        spans = [percentile_ends(drawn[place], confidence) for place in (0, 2, 3)]
    return BlandAltman(bias, deviation, low, high, spans[0], spans[1], spans[2])


def limits(sums: Floats, squares: Floats, counts: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return bias, standard deviation and both limits of differences with these sums and sums of squares."""
    bias = sums / counts
    deviation = np.sqrt(np.maximum(squares - counts * bias**2, 0.0) / (counts - 1))
    half = normal_quantile(0.95) * deviation
    return bias, deviation, bias - half, bias + half


def paired(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    """Return both lists as arrays; ValueError unless equally long and finite."""
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(f"{one.shape} scores beside {other.shape}; pair them case by case")
    for values in (one, other):
        if not np.isfinite(values).all():
            raise ValueError(f"a score is not finite at position {int(np.argmin(np.isfinite(values)))}")
    return one, other
