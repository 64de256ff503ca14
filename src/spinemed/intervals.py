"""Intervals and paired tests of scores: Wilson, Clopper-Pearson, clustered errors, bootstrap, sign flips.

Standard library and numpy, so that a pushed metric folder can carry this file; the few functions that need a
quantile of another distribution than the normal one import scipy themselves. Formulas: Wilson 1927 and
Newcombe 1998; Clopper and Pearson 1934; McNemar 1947 in its exact binomial form; Miller 2024 (arXiv
2411.00640) for clustered errors; Efron 1987 for the corrected bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST_EXACT_FLIP = 20  # 2**20 sign patterns are counted one by one; beyond that they are drawn
LARGEST_EXACT_SUM = 200_000_000  # steps of the exact distribution of a sum of whole numbers, under a second
LARGEST_EXACT_BINOMIAL = 1000  # beyond that whole numbers grow too long, and scipy gives the tail
NUMBERS_AT_ONCE = 100_000  # held while drawing, few enough to stay in the processor's cache
DRAWN_COST = 32  # drawing one binomial number costs about as much as drawing this many single clusters


class Interval(NamedTuple):
    """A closed interval, low to high."""

    low: float
    high: float


class NotEstimable(NamedTuple):
    """What stands in place of a number that the data cannot give; `reason` can be printed as it is."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class ClusteredMean(NamedTuple):
    """A mean with its CR1 error over clusters and the t interval with clusters - 1 degrees of freedom."""

    mean: float
    error: float
    low: float
    high: float
    clusters: int


def wilson(hits: int, count: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval for a share of `hits` in `count` independent trials, within [0, 1].

    No trial gives [0, 1]: nothing is known. Raises ValueError unless 0 <= hits <= count.

    >>> [round(end, 4) for end in wilson(81, 263)]
    [0.2553, 0.3662]
    >>> wilson(0, 0)
    Interval(low=0.0, high=1.0)
    """
    check_hits("wilson", hits, count)
    z = normal_quantile(confidence)
    if count == 0:
        return Interval(0.0, 1.0)
    share, spread = hits / count, z * z / count
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    return Interval(low, 1.0 if hits == count else min(1.0, centre + half))


def clopper_pearson(hits: int, count: int, confidence: float = 0.95) -> Interval:
    """Return the exact binomial interval of Clopper and Pearson, never shorter than its confidence promises.

    No trial gives [0, 1]. Raises ValueError unless 0 <= hits <= count.

    >>> [round(end, 4) for end in clopper_pearson(81, 263)]
    [0.2527, 0.3676]
    """
    from scipy.special import betaincinv

    check_hits("clopper_pearson", hits, count)
    normal_quantile(confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, count - hits + 1, tail))
    return Interval(low, 1.0 if hits == count else float(betaincinv(hits + 1, count - hits, 1 - tail)))


def check_hits(name: str, hits: int, count: int) -> None:
    """Raise ValueError unless 0 <= hits <= count."""
    if not 0 <= hits <= count:
        raise ValueError(f"{name} needs 0 <= hits <= count, got {hits} of {count}")


def normal_quantile(confidence: float) -> float:
    """Return the two-sided standard normal quantile of `confidence`, a share strictly between 0 and 1.

    >>> round(normal_quantile(0.95), 6)
    1.959964
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies strictly between 0 and 1, got {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def clustered_error(
    scores: Sequence[float],
    clusters: Sequence[Hashable],
    kind: Literal["CR1", "CR0", "Miller"] = "CR1",
) -> float:
    """Return the standard error of the mean of `scores` that lie in `clusters`.

    With e_c the sum of deviations of cluster c and C clusters of n scores in all: CR0 is sqrt(sum e_c**2) /
    n; CR1 has the factor C / (C - 1) under the root; Miller is equation 4 of Miller 2024, the ordinary error
    plus the products within clusters. Raises ValueError when lengths differ, a score is not finite, or fewer
    than two clusters are given: with one cluster the error cannot be estimated, and 0 would be a lie.

    >>> scores, patients = [1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0], [1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5]
    >>> [round(clustered_error(scores, patients, kind), 6) for kind in ("CR1", "CR0", "Miller")]
    [0.216283, 0.19345, 0.198152]
    """
    sums, counts = cluster_sums(scores, clusters)
    count = float(counts.sum())
    deviations = sums - counts * (sums.sum() / count)
    squares, size = float(deviations @ deviations), len(sums)
    if kind == "CR1":
        return math.sqrt(size / (size - 1) * squares) / count
    if kind == "CR0":
        return math.sqrt(squares) / count
    if kind != "Miller":
        raise ValueError(f"the kind of clustered error is CR1, CR0 or Miller, got {kind!r}")
    values = np.asarray(scores, dtype=np.float64)
    alone = float(((values - values.mean()) ** 2).sum())
    return math.sqrt(alone / (count - 1) * count + squares - alone) / count


def clustered_mean(
    scores: Sequence[float], clusters: Sequence[Hashable], confidence: float = 0.95
) -> ClusteredMean | NotEstimable:
    """Return the mean with its CR1 error and t interval; NotEstimable where all scores are of one cluster.

    The interval may leave the range of the scores. Raises ValueError as `clustered_error` does otherwise.

    >>> clustered_mean([1, 0, 1], ["p1", "p1", "p1"]).reason
    'not estimable, one cluster'
    >>> round(clustered_mean([1, 0, 1, 1], ["p1", "p1", "p2", "p2"]).error, 6)
    0.25
    """
    from scipy.special import stdtrit

    normal_quantile(confidence)
    if len(scores) == len(clusters) > 0 and len(set(clusters)) == 1 and None not in clusters:
        return NotEstimable("not estimable, one cluster")
    error, size = clustered_error(scores, clusters), len(set(clusters))
    mean = float(np.mean(np.asarray(scores, dtype=np.float64)))
    half = float(stdtrit(size - 1, (1 + confidence) / 2)) * error
    return ClusteredMean(mean, error, mean - half, mean + half, size)


def cluster_sums(
    scores: Sequence[float], clusters: Sequence[Hashable] | None = None
) -> tuple[Floats, Floats]:
    """Return the sum of scores and the number of scores of each cluster, in order of first appearance.

    Without `clusters` each score is a cluster of its own.
    """
    if clusters is not None and len(scores) != len(clusters):
        raise ValueError(f"{len(scores)} scores but {len(clusters)} cluster names")
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"a score is not finite at position {int(np.argmin(np.isfinite(values)))}")
    if clusters is None and len(values) > 1:
        return values, np.ones(len(values))
    names = {name: place for place, name in enumerate(dict.fromkeys(clusters or ()))}
    if None in names:
        raise ValueError("a cluster name is missing (None); name the patient of every item")
    if len(names) < 2:
        raise ValueError(f"an error over clusters needs two clusters or more, got {len(names)}")
    places = np.fromiter((names[name] for name in clusters or ()), dtype=np.int64, count=len(values))
    counts = np.bincount(places).astype(np.float64)
    return np.bincount(places, weights=values).astype(np.float64), counts


def bootstrap_mean(
    scores: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
    kind: Literal["percentile", "bca"] = "percentile",
) -> Interval:
    """Return the bootstrap interval of the mean when whole clusters (patients) are drawn with replacement.

    Without `clusters` single scores are drawn. "bca" corrects bias and skewness (Efron 1987). The same seed
    gives the same interval. For a paired difference pass the differences item by item. Equal scores give an
    interval without width: use `wilson` for shares near 0 or 1. Raises as `clustered_error` does.

    >>> low, high = bootstrap_mean([1, 1, 0, 0, 1, 0], ["a", "a", "b", "b", "c", "c"], draws=2000)
    >>> 0 <= low < 0.5 < high <= 1
    True
    """
    normal_quantile(confidence)
    if draws < 1:
        raise ValueError(f"a bootstrap needs one draw or more, got {draws}")
    sums, counts = cluster_sums(scores, clusters)
    means = resampled_means(sums, counts, draws, seed)
    if kind == "percentile":
        return percentile_ends(means, confidence)
    if kind != "bca":
        raise ValueError(f"the kind of bootstrap is percentile or bca, got {kind!r}")
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    return bca_ends(means, float(sums.sum() / counts.sum()), left_out, confidence)


def resampled_means(sums: Floats, counts: Floats, draws: int, seed: int) -> Floats:
    """Return the means of `draws` resamples of clusters with these sums and counts.

    Clusters with equal sum and count cannot be told apart, so where few kinds occur (binary scores) the
    number of each kind is drawn, which is multinomial: the same distribution, at a cost that does not grow
    with size.
    """
    generator = np.random.default_rng(seed)
    kinds, frequency = np.unique(sums + 1j * counts, return_counts=True)
    few = len(kinds) * DRAWN_COST < len(sums)
    even = bool((counts == counts[0]).all())
    means = np.empty(draws)
    step = max(1, NUMBERS_AT_ONCE // (len(kinds) if few else len(sums)))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        if few:
            picked = generator.multinomial(len(sums), frequency / len(sums), size=size)
            means[start : start + size] = (picked @ kinds.real) / (picked @ kinds.imag)
        else:
            drawn = generator.integers(0, len(sums), size=(size, len(sums)))
            total = len(sums) * counts[0] if even else counts.take(drawn).sum(axis=1)
            means[start : start + size] = sums.take(drawn).sum(axis=1) / total
    return means


def percentile_ends(drawn: Floats, confidence: float) -> Interval:
    """Return the interval that leaves equal shares of the drawn values outside on both sides."""
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def bca_ends(drawn: Floats, observed: float, left_out: Floats, confidence: float) -> Interval:
    """Return the bias-corrected and accelerated interval of drawn values.

    `left_out` holds the value without each cluster in turn. Drawn values equal to the observed one count
    half.
    """
    normal, half = NormalDist(), 0.5 / len(drawn)
    below = float((drawn < observed).mean() + (drawn <= observed).mean()) / 2
    bias = normal.inv_cdf(min(max(below, half), 1 - half))
    deviations = left_out.mean() - left_out
    spread = float((deviations**2).sum())
    bend = float((deviations**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    ends = []
    for share in ((1 - confidence) / 2, (1 + confidence) / 2):
        shifted = bias + normal.inv_cdf(share)
        ends.append(normal.cdf(bias + shifted / (1 - bend * shifted)))
    low, high = np.quantile(drawn, ends)
    return Interval(float(low), float(high))


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p of McNemar's test on the two counts of discordant pairs.

    p = min(1, 2 P(X <= smaller count)) with X binomial(n, 1/2). No discordant pair gives 1: no evidence.
    Raises ValueError on a negative count.

    >>> mcnemar_exact(2, 0), round(mcnemar_exact(5, 15), 6), mcnemar_exact(0, 0)
    (0.5, 0.041389, 1.0)
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"counts of pairs cannot be negative, got {only_first} and {only_second}")
    count, fewer = only_first + only_second, min(only_first, only_second)
    if count > LARGEST_EXACT_BINOMIAL:
        from scipy.special import bdtr

        return min(1.0, max(2 * float(bdtr(fewer, count, 0.5)), math.ulp(0.0)))
    term = tail = 1
    for drawn in range(fewer):
        term = term * (count - drawn) // (drawn + 1)
        tail += term
    return min(1.0, (2 * tail) / (1 << count)) if count else 1.0


def sign_flip_p(differences: Sequence[float], *, draws: int = 20_000, seed: int = 0) -> float:
    """Return the two-sided permutation p of each difference having had either sign with equal chance.

    Pass one difference a patient to respect clustering. Whole numbers, and up to 20 others that are not zero,
    are counted exactly; else signs are drawn and p = (count + 1) / (draws + 1). So p is never 0. No
    difference gives 1. Raises ValueError on a difference that is not finite.

    >>> sign_flip_p([1, 1, 1, -1, 0, 0, 1, 1])
    0.21875
    """
    values = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"a difference is not finite at position {int(np.argmin(np.isfinite(values)))}")
    values = values[values != 0]
    sizes = np.abs(values)
    if len(values) == 0:
        return 1.0
    if (sizes == sizes[0]).all():
        return mcnemar_exact(int((values > 0).sum()), int((values < 0).sum()))
    if (sizes == np.rint(sizes)).all() and float(sizes.sum()) * len(sizes) <= LARGEST_EXACT_SUM:
        return whole_flip_p(sizes.astype(np.int64), abs(int(values.sum())))
    bound = abs(float(values.sum())) - 1e-9 * float(sizes.sum())
    if len(values) <= LARGEST_EXACT_FLIP:
        return count_extreme_flips(values, bound) / (1 << len(values))
    generator = np.random.default_rng(seed)
    extreme, step = 0, max(1, NUMBERS_AT_ONCE // len(values))
    for start in range(0, draws, step):
        signs = (
            generator.integers(0, 2, size=(min(step, draws - start), len(values)), dtype=np.int8) * 2.0 - 1
        )
        extreme += int((np.abs(signs @ values) >= bound).sum())
    return (extreme + 1) / (draws + 1)


def whole_flip_p(sizes: NDArray[np.int64], observed: int) -> float:
    """Return the exact chance that signed `sizes` sum to at least `observed` in size.

    The sum is total - 2 x (sum of those with a minus), whose distribution is built one size after the other.
    """
    total = int(sizes.sum())
    chances = np.zeros(total + 1)
    chances[0], reached = 1.0, 0
    for size in sizes.tolist():
        reached += size
        chances[size : reached + 1] += chances[: reached + 1 - size].copy()
        chances[: reached + 1] /= 2
    return min(1.0, max(2 * float(chances[: (total - observed) // 2 + 1].sum()), math.ulp(0.0)))


def count_extreme_flips(values: Floats, bound: float) -> int:
    """Return how many of the 2**n sign patterns of `values` have a sum of at least `bound` in size."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return int((np.abs(sums) >= bound).sum())
