"""Intervals and paired tests of scores: Wilson, exact McNemar, sign flips, bootstrap over patients.

Standard library and numpy only, so that a pushed metric folder can carry this file. Formulas and reference
values: Wilson 1927 and Newcombe 1998; McNemar 1947 in its exact binomial form; Miller 2024 (arXiv 2411.00640)
for clustered errors with the factor C / (C - 1), known as CR1.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LARGEST_EXACT_FLIP = 20  # 2**20 sign patterns are counted one by one; beyond that they are drawn
PATTERNS_AT_ONCE = 4096


class Interval(NamedTuple):
    """A closed interval, low to high."""

    low: float
    high: float


def wilson(hits: int, count: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval for a share of `hits` in `count` independent trials, within [0, 1].

    No trial gives [0, 1]: nothing is known. Raises ValueError unless 0 <= hits <= count.

    >>> [round(end, 4) for end in wilson(81, 263)]
    [0.2553, 0.3662]
    >>> wilson(0, 0)
    Interval(low=0.0, high=1.0)
    """
    if not 0 <= hits <= count:
        raise ValueError(f"wilson needs 0 <= hits <= count, got {hits} of {count}")
    if count == 0:
        return Interval(0.0, 1.0)
    z = normal_quantile(confidence)
    share, spread = hits / count, z * z / count
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    return Interval(low, 1.0 if hits == count else min(1.0, centre + half))


def normal_quantile(confidence: float) -> float:
    """Return the two-sided standard normal quantile of `confidence`, a share strictly between 0 and 1.

    >>> round(normal_quantile(0.95), 6)
    1.959964
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies strictly between 0 and 1, got {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p of McNemar's test on the two counts of discordant pairs.

    p = min(1, 2 P(X <= smaller count)) with X binomial(n, 1/2). No discordant pair gives 1: no evidence.
    Raises ValueError on a negative count.

    >>> mcnemar_exact(2, 0), round(mcnemar_exact(5, 15), 6), mcnemar_exact(0, 0)
    (0.5, 0.041389, 1.0)
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"counts of pairs cannot be negative, got {only_first} and {only_second}")
    count = only_first + only_second
    term = tail = 1
    for drawn in range(min(only_first, only_second)):
        term = term * (count - drawn) // (drawn + 1)
        tail += term
    return min(1.0, (2 * tail) / (1 << count)) if count else 1.0


def clustered_error(scores: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Return the standard error of the mean of `scores` that lie in `clusters` (CR1: factor C / (C - 1)).

    Raises ValueError when lengths differ, a score is not finite, or fewer than two clusters are given: with
    one cluster the error cannot be estimated, and 0 would be a lie.

    >>> round(clustered_error([1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0], [1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5]), 6)
    0.216283
    """
    sums, counts = cluster_sums(scores, clusters)
    deviations = sums - counts * (sums.sum() / counts.sum())
    size = len(sums)
    return float(math.sqrt(size / (size - 1) * float(deviations @ deviations)) / counts.sum())


def bootstrap_mean(
    scores: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of the mean when whole clusters (patients) are drawn with replacement.

    The same seed gives the same interval. For a paired difference pass the differences item by item. Raises
    as `clustered_error` does.

    >>> low, high = bootstrap_mean([1, 1, 0, 0, 1, 0], ["a", "a", "b", "b", "c", "c"], draws=2000)
    >>> 0 <= low < 0.5 < high <= 1
    True
    """
    normal_quantile(confidence)
    sums, counts = cluster_sums(scores, clusters)
    generator = np.random.default_rng(seed)
    means = np.empty(draws)
    step = max(1, 2_000_000 // len(sums))
    for start in range(0, draws, step):
        stop = min(start + step, draws)
        picked = generator.integers(0, len(sums), size=(stop - start, len(sums)))
        means[start:stop] = sums[picked].sum(axis=1) / counts[picked].sum(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def cluster_sums(
    scores: Sequence[float], clusters: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of scores and the number of scores of each cluster, in order of first appearance."""
    if len(scores) != len(clusters):
        raise ValueError(f"{len(scores)} scores but {len(clusters)} cluster names")
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"a score is not finite at position {int(np.argmin(np.isfinite(values)))}")
    names = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    if None in names:
        raise ValueError("a cluster name is missing (None); name the patient of every item")
    if len(names) < 2:
        raise ValueError(f"an error over clusters needs two clusters or more, got {len(names)}")
    places = np.array([names[name] for name in clusters])
    counts = np.bincount(places).astype(np.float64)
    return np.bincount(places, weights=values).astype(np.float64), counts


def sign_flip_p(differences: Sequence[float], *, draws: int = 20_000, seed: int = 0) -> float:
    """Return the two-sided permutation p of each difference having had either sign with equal chance.

    Pass one difference a patient to respect clustering. All patterns are counted up to 20 non-zero
    differences, drawn beyond that, where p = (count + 1) / (draws + 1) and so never 0. No difference gives 1.

    >>> sign_flip_p([1, 1, 1, -1, 0, 0, 1, 1])
    0.21875
    """
    values = np.array([value for value in differences if value != 0], dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a difference is not finite")
    if len(values) == 0:
        return 1.0
    bound = abs(float(values.sum())) - 1e-9 * float(np.abs(values).sum())
    if len(values) <= LARGEST_EXACT_FLIP:
        return count_extreme_flips(values, bound) / (1 << len(values))
    generator = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, draws, PATTERNS_AT_ONCE):
        size = (min(PATTERNS_AT_ONCE, draws - start), len(values))
        signs = generator.integers(0, 2, size=size) * 2.0 - 1.0
        extreme += int((np.abs(signs @ values) >= bound).sum())
    return (extreme + 1) / (draws + 1)


def count_extreme_flips(values: NDArray[np.float64], bound: float) -> int:
    """Return how many of the 2**n sign patterns of `values` have a sum of at least `bound` in size."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return int((np.abs(sums) >= bound).sum())
