"""A bootstrap interval of any statistic over cases: all rows of a case are drawn together.

Numpy only. For means `intervals.bootstrap_mean` is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from .intervals import Interval, NotEstimable, normal_quantile, percentile_ends

LARGEST_LOST_SHARE = 0.05  # an interval from the draws that are left would be too short beyond that


def bootstrap_cases(
    statistic: Callable[[NDArray[np.int64]], float | NotEstimable],
    cases: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Interval | NotEstimable:
    """Return the percentile interval of a statistic of rows when cases are drawn with replacement.

    `statistic` gets the places of the drawn rows; `cases` names the case of every row. Draws in which it is
    not estimable are left out; NotEstimable where these are more than 5 % of all, or with fewer than two
    cases.

    >>> scores = np.array([1.0, 2.0, 3.0, 4.0])
    >>> low, high = bootstrap_cases(lambda rows: float(np.median(scores[rows])), range(4), draws=200)
    >>> 1 <= low <= 2.5 <= high <= 4
    True
    """
    normal_quantile(confidence)
    rows_of: dict[Hashable, list[int]] = {}
    for place, case in enumerate(cases):
        rows_of.setdefault(case, []).append(place)
    if len(rows_of) < 2:
        return NotEstimable(f"not estimable, {len(rows_of)} case{'s' * (len(rows_of) != 1)}")
    groups = [np.array(rows, dtype=np.int64) for rows in rows_of.values()]
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        picked = generator.integers(0, len(groups), size=len(groups))
        value = statistic(np.concatenate([groups[place] for place in picked]))
        if not isinstance(value, NotEstimable):
            drawn.append(value)
    if len(drawn) < (1 - LARGEST_LOST_SHARE) * draws:
        return NotEstimable("not estimable, too few cases differ")
    return percentile_ends(np.array(drawn), confidence)
