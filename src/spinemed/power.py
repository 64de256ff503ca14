"""How many items show a difference, and what difference a number of items can show, in a paired comparison.

All figures are of a two-sided test of the mean of paired differences by the normal
approximation: n = ((z(1 - alpha / 2) + z(power)) x spread / difference)**2. For items in clusters (patients)
every n is multiplied by the design effect 1 + (m - 1) x ICC (Kish 1965). Simulated t tests, mid-p and sign
flips have this power; the exact McNemar test has less, two points at 785 items and six at 87
(benchmarks/score_statistics.py).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

from .intervals import NotEstimable, clustered_error

NORMAL = NormalDist()


def paired_spread(first: float = 0.5, second: float = 0.5, correlation: float = 0.5) -> float:
    """Return the standard deviation of the difference of two scores with these standard deviations.

    A right-or-wrong score near 50 % has 0.5. Raises ValueError outside -1 <= correlation <= 1.

    >>> paired_spread(0.5, 0.5, 0.5)
    0.5
    """
    if first < 0 or second < 0 or not -1 <= correlation <= 1:
        raise ValueError(
            f"needs deviations >= 0 and a correlation in [-1, 1], got {first}, {second}, {correlation}"
        )
    return math.sqrt(max(0.0, first**2 + second**2 - 2 * correlation * first * second))


def discordant_spread(share: float, difference: float) -> float:
    """Return the standard deviation of right-or-wrong differences of which `share` are not zero.

    Raises ValueError unless |difference| <= share <= 1: the pairs that differ make the difference.

    >>> discordant_spread(0.25, 0.0)
    0.5
    """
    if not abs(difference) <= share <= 1:
        raise ValueError(f"needs |difference| <= share of discordant pairs <= 1, got {difference}, {share}")
    return math.sqrt(share - difference**2)


def required_items(
    difference: float, spread: float = 0.5, *, power: float = 0.8, alpha: float = 0.05, effect: float = 1.0
) -> int:
    """Return how many items show `difference` with this power; `effect` is the design effect of clusters.

    At least 2. Raises ValueError on a difference of zero or shares outside (0, 1).

    >>> required_items(0.05)
    785
    """
    check(spread, power, alpha, effect)
    if difference == 0 or not math.isfinite(difference):
        raise ValueError(f"a difference to be found is not zero, got {difference}")
    return max(2, math.ceil(effect * (both_quantiles(power, alpha) * spread / difference) ** 2 - 1e-9))


def detectable_difference(
    items: float, spread: float = 0.5, *, power: float = 0.8, alpha: float = 0.05, effect: float = 1.0
) -> float:
    """Return the smallest difference that so many items show with this power.

    >>> round(detectable_difference(487), 4), round(detectable_difference(87), 3)
    (0.0635, 0.15)
    """
    check(spread, power, alpha, effect)
    if not items >= 1:
        raise ValueError(f"needs one item or more, got {items}")
    return both_quantiles(power, alpha) * spread * math.sqrt(effect / items)


def detectable_by_discordance(
    items: float, share: float, *, power: float = 0.8, alpha: float = 0.05, effect: float = 1.0
) -> float | NotEstimable:
    """Return the smallest difference of right-or-wrong scores where `share` of the pairs are discordant.

    The spread depends on the difference here, and the equation is solved for it. NotEstimable where not even
    the largest possible difference, `share` itself, would be found.

    >>> round(detectable_by_discordance(487, 0.25), 4)
    0.063
    """
    check(share, power, alpha, effect)
    if not items >= 1 or not 0 < share <= 1:
        raise ValueError(f"needs one item or more and a share in (0, 1], got {items}, {share}")
    square = both_quantiles(power, alpha) ** 2 * effect / items
    found = math.sqrt(square * share / (1 + square))
    return (
        found if found <= share else NotEstimable("not estimable, too few items for so few discordant pairs")
    )


def power_of(
    difference: float, items: float, spread: float = 0.5, *, alpha: float = 0.05, effect: float = 1.0
) -> float:
    """Return the chance that so many items show `difference` (in its own direction).

    >>> round(power_of(0.05, 487), 4)
    0.5975
    """
    check(spread, 0.8, alpha, effect)
    if not items >= 1:
        raise ValueError(f"needs one item or more, got {items}")
    error = spread * math.sqrt(effect / items)
    return NORMAL.cdf(abs(difference) / error - NORMAL.inv_cdf(1 - alpha / 2))


def design_effect(cluster_size: float, icc: float) -> float:
    """Return by how much clusters of this mean size inflate the variance of a mean: 1 + (m - 1) x ICC.

    Raises ValueError unless cluster_size >= 1 and icc lies in [0, 1].

    >>> round(design_effect(10, 0.7), 9), design_effect(1, 0.7)
    (7.3, 1.0)
    """
    if not cluster_size >= 1 or not 0 <= icc <= 1:
        raise ValueError(f"needs a cluster size >= 1 and an ICC in [0, 1], got {cluster_size} and {icc}")
    return 1 + (cluster_size - 1) * icc


def observed_design_effect(scores: Sequence[float], clusters: Sequence[Hashable]) -> float | NotEstimable:
    """Return the squared ratio of the clustered error (CR1) to the error of independent items.

    NotEstimable where all scores are equal or of one cluster.

    >>> round(observed_design_effect([1, 1, 0, 0, 1, 1], ["a", "a", "b", "b", "c", "c"]), 6)
    2.5
    """
    if len(set(clusters)) < 2:
        return NotEstimable("not estimable, one cluster")
    alone = clustered_error(scores, range(len(scores)))
    if alone < 1e-12:
        return NotEstimable("undefined, constant")
    return (clustered_error(scores, clusters) / alone) ** 2


def both_quantiles(power: float, alpha: float) -> float:
    """Return the sum of the normal quantiles of the test and of its power."""
    return NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)


def check(spread: float, power: float, alpha: float, effect: float) -> None:
    """Raise ValueError on a value outside its range."""
    for name, value, holds in (
        ("spread", spread, spread > 0),
        ("power", power, 0 < power < 1),
        ("alpha", alpha, 0 < alpha < 1),
        ("design effect", effect, effect > 0),
    ):
        if not holds or not math.isfinite(value):
            raise ValueError(f"{name} is out of range: {value}")
