"""Reliability of several raters: the six intraclass correlations and Krippendorff's alpha.

Numpy; the interval of ICC(A,1) takes its quantiles from scipy. Sources: Shrout and Fleiss 1979; McGraw and
Wong 1996, whose names are used here (A for absolute agreement, C for consistency); Krippendorff 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .intervals import Floats, Interval, NotEstimable, normal_quantile

IccForm = Literal["1,1", "A,1", "C,1", "1,k", "A,k", "C,k"]
CONSTANT = NotEstimable("undefined, constant")


class MeanSquares(NamedTuple):
    """Mean squares of a table of ratings: between cases, between raters, residual, within cases."""

    cases: float
    raters: float
    residual: float
    within: float
    n: int
    k: int


def mean_squares(ratings: ArrayLike) -> MeanSquares:
    """Return the mean squares of `ratings` [case, rater]; ValueError on gaps or fewer than two of either."""
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ValueError(f"an ICC needs two cases and two raters or more, got a table of {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("an ICC needs every rating of every case; leave cases with gaps out")
    n, k = table.shape
    moved = table - table.mean()
    by_case, by_rater = moved.mean(axis=1), moved.mean(axis=0)
    residual = moved - by_case[:, None] - by_rater[None, :]
    within = moved - by_case[:, None]
    return MeanSquares(
        cases=k * float(by_case @ by_case) / (n - 1),
        raters=n * float(by_rater @ by_rater) / (k - 1),
        residual=float((residual**2).sum()) / ((n - 1) * (k - 1)),
        within=float((within**2).sum()) / (n * (k - 1)),
        n=n,
        k=k,
    )


def icc(ratings: ArrayLike, form: IccForm = "A,1") -> float | NotEstimable:
    """Return an intraclass correlation of `ratings` [case, rater], at most 1 and perhaps negative.

    "1" is the one-way model, "A" absolute agreement, "C" consistency (a constant bias costs nothing); "1"
    after the comma is of a single rater, "k" of the mean of all. NotEstimable where ratings do not differ.

    >>> ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> [round(icc(ratings, form), 3) for form in ("1,1", "A,1", "C,1", "1,k", "A,k", "C,k")]
    [0.166, 0.29, 0.715, 0.443, 0.62, 0.909]
    """
    if np.ptp(np.asarray(ratings, dtype=np.float64)) == 0:
        return CONSTANT
    ms = mean_squares(ratings)
    left = {"1": ms.within, "A": ms.residual, "C": ms.residual}[form[0]]
    bias = (ms.raters - ms.residual) / ms.n if form[0] == "A" else 0.0
    below = ms.cases + bias if form.endswith("k") else ms.cases + (ms.k - 1) * left + ms.k * bias
    if below <= 1e-12 * (ms.cases + ms.within):
        return NotEstimable("undefined, cases do not differ")
    return (ms.cases - left) / below


def icc_interval(ratings: ArrayLike, confidence: float = 0.95) -> Interval | NotEstimable:
    """Return the interval of ICC(A,1) by McGraw and Wong, for cases independent of each other.

    NotEstimable where ratings do not differ at all, or raters never differ: an interval from no disagreement
    would be a point.

    >>> ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> [round(end, 3) for end in icc_interval(ratings)]
    [0.019, 0.761]
    """
    from scipy.special import fdtri

    normal_quantile(confidence)
    value = icc(ratings)
    if isinstance(value, NotEstimable):
        return value
    ms = mean_squares(ratings)
    if ms.within <= 1e-12 * ms.cases:
        return NotEstimable("not estimable, raters never differ")
    n, k = ms.n, ms.k
    bias_part = k * value / (n * (1 - value)) * ms.raters
    rest_part = (1 + k * value * (n - 1) / (n * (1 - value))) * ms.residual
    spread = bias_part**2 / (k - 1) + rest_part**2 / ((n - 1) * (k - 1))
    degrees = (bias_part + rest_part) ** 2 / spread
    upper, others = (1 + confidence) / 2, k * ms.raters + (k * n - k - n) * ms.residual
    below, above = float(fdtri(n - 1, degrees, upper)), float(fdtri(degrees, n - 1, upper))
    low = n * (ms.cases - below * ms.residual) / (below * others + n * ms.cases)
    high = n * (above * ms.cases - ms.residual) / (others + n * above * ms.cases)
    if not np.isfinite([low, high]).all():
        return NotEstimable("not estimable, too few cases")
    return Interval(low, high)


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | None]],
    measure: Literal["nominal", "ordinal", "interval", "ratio"] = "ordinal",
) -> float | NotEstimable:
    """Return Krippendorff's alpha of `ratings` [case, rater], None where a rating is missing; at most 1.

    1 - observed / expected disagreement over the cases that have two ratings or more. NotEstimable where
    there is no such case or all their ratings are equal. Raises ValueError on a rating that is not finite,
    and for "ratio" on a negative one.

    >>> krippendorff_alpha([[1, 1, None], [3, 4, None], [5, 5, None]]) == 94 / 99
    True
    >>> round(krippendorff_alpha([[1, 1, 0], [0, 0]], "nominal"), 6)
    0.333333
    """
    units = [[float(rating) for rating in row if rating is not None] for row in ratings]
    units = [row for row in units if len(row) > 1]
    if not units:
        return NotEstimable("not estimable, no case was rated twice")
    values, places = np.unique(np.concatenate(units), return_inverse=True)
    if not np.isfinite(values).all() or (measure == "ratio" and values[0] < 0):
        raise ValueError(
            f"ratings are finite numbers, for a ratio not negative; got {values[[0, -1]].tolist()}"
        )
    if len(values) == 1:
        return CONSTANT
    rows = np.repeat(np.arange(len(units)), [len(row) for row in units])
    table = np.zeros((len(units), len(values)))
    np.add.at(table, (rows, places), 1.0)
    share = table / (table.sum(axis=1, keepdims=True) - 1)
    together = table.T @ share - np.diag(share.sum(axis=0))
    counts = table.sum(axis=0)
    distance = squared_distances(values, counts, measure)
    expected = float(counts @ distance @ counts) / (float(counts.sum()) - 1)
    observed = float((distance * together).sum())
    return 1 - observed / expected


def squared_distances(values: Floats, counts: Floats, measure: str) -> Floats:
    """Return the squared distance of every pair of values; for "ordinal" by how many ratings lie between."""
    if measure == "nominal":
        return np.asarray(1.0 - np.eye(len(values)))
    if measure == "ordinal":
        middle = np.cumsum(counts) - counts / 2
        return np.asarray(np.subtract.outer(middle, middle) ** 2)
    if measure == "interval":
        return np.asarray(np.subtract.outer(values, values) ** 2)
    if measure != "ratio":
        raise ValueError(f"the measure is nominal, ordinal, interval or ratio, got {measure!r}")
    total = np.add.outer(values, values)
    return np.asarray((np.subtract.outer(values, values) / np.where(total == 0, 1.0, total)) ** 2)
