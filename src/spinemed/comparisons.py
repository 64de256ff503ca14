"""Tests of paired scores and corrections for several of them: McNemar, sign flips by cluster, Holm, BH, BY.

Numpy only. `mcnemar_exact` and `sign_flip_p` stand in `intervals` and are named here again, so that whoever
compares finds all tests in one place. Sources: Fagerland, Lydersen and Laake 2013 for mid-p; Holm 1979;
Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from .intervals import LARGEST_EXACT_BINOMIAL, cluster_sums
from .intervals import mcnemar_exact as mcnemar_exact
from .intervals import sign_flip_p as sign_flip_p


def discordant(first: Sequence[bool], second: Sequence[bool]) -> tuple[int, int]:
    """Return how many items only the first got right, and how many only the second.

    >>> discordant([True, True, False], [True, False, False])
    (1, 0)
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} hits beside {len(second)}; pair them item by item")
    pairs = [(bool(one), bool(other)) for one, other in zip(first, second, strict=True)]
    return pairs.count((True, False)), pairs.count((False, True))


def mcnemar_mid_p(only_first: int, only_second: int) -> float:
    """Return the two-sided mid-p of McNemar's test: the exact p less the chance of just what was seen.

    Less conservative than the exact p, and in practice still holds its level. No discordant pair gives 1.
    Raises ValueError on a negative count.

    >>> mcnemar_mid_p(2, 0), round(mcnemar_mid_p(5, 15), 6), mcnemar_mid_p(10, 10), mcnemar_mid_p(0, 0)
    (0.25, 0.026604, 1.0, 1.0)
    """
    exact = mcnemar_exact(only_first, only_second)
    count, fewer = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0
    if count <= LARGEST_EXACT_BINOMIAL:
        seen = math.comb(count, fewer) / (1 << count)
    else:
        logs = math.lgamma(count + 1) - math.lgamma(fewer + 1) - math.lgamma(count - fewer + 1)
        seen = math.exp(logs - count * math.log(2))
    return max(exact - seen, math.ulp(0.0))


def cluster_flip_p(
    differences: Sequence[float], clusters: Sequence[Hashable], *, draws: int = 20_000, seed: int = 0
) -> float:
    """Return the permutation p where all differences of a cluster (patient) change sign together.

    The unit is the cluster's sum, so that n items of one patient count as one. With C clusters no p below
    2 / 2**C is possible. One cluster gives 1: it can tell nothing. Raises ValueError as `cluster_sums` does.

    >>> cluster_flip_p([1, 1, 0, 1, -1, 1], ["a", "a", "b", "b", "c", "c"])
    0.5
    >>> cluster_flip_p([1, 1, 1], ["a", "a", "a"])
    1.0
    """
    if len(differences) == len(clusters) and len(set(clusters)) == 1:
        return sign_flip_p([float(sum(differences))])
    sums, _ = cluster_sums(differences, clusters)
    return sign_flip_p(sums.tolist(), draws=draws, seed=seed)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected by Holm's step-down, in the given order: the family-wise error is held.

    None gives none. Raises ValueError on a p outside [0, 1].

    >>> [round(p, 9) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    order = ascending(p_values)
    corrected, reached = [0.0] * len(order), 0.0
    for rank, place in enumerate(order):
        reached = max(reached, min(1.0, (len(order) - rank) * p_values[place]))
        corrected[place] = reached
    return corrected


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected by Benjamini and Hochberg, in the given order: the false discovery rate.

    Holds for independent or positively dependent tests. None gives none. ValueError on a p outside [0, 1].

    >>> [round(p, 9) for p in benjamini_hochberg([0.01, 0.04, 0.03, 0.005])]
    [0.02, 0.04, 0.04, 0.02]
    """
    order = ascending(p_values)
    corrected, reached = [0.0] * len(order), 1.0
    for rank, place in reversed(list(enumerate(order, 1))):
        reached = min(reached, len(order) / rank * p_values[place])
        corrected[place] = reached
    return corrected


def benjamini_yekutieli(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected by Benjamini and Yekutieli, in the given order: any dependence is allowed.

    None gives none. Raises ValueError on a p outside [0, 1].

    >>> [round(p, 6) for p in benjamini_yekutieli([0.01, 0.04, 0.03, 0.005])]
    [0.041667, 0.083333, 0.083333, 0.041667]
    """
    order = ascending(p_values)
    harmonic = sum(1 / rank for rank in range(1, len(order) + 1))
    corrected, reached = [0.0] * len(order), 1.0
    for rank, place in reversed(list(enumerate(order, 1))):
        reached = min(reached, harmonic * len(order) / rank * p_values[place])
        corrected[place] = reached
    return corrected


def ascending(p_values: Sequence[float]) -> list[int]:
    """Return the places of the p values from the smallest up; ValueError on one outside [0, 1]."""
    for place, p in enumerate(p_values):
        if not 0 <= p <= 1:
            raise ValueError(f"a p value lies in [0, 1], got {p} at position {place}")
    return sorted(range(len(p_values)), key=lambda place: p_values[place])
