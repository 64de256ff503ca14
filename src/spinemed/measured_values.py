"""Agreement of measured numbers: Cobb angles (SMAPE), slip and height loss in percent, errors and ICC.

Sources: SMAPE as the AASCE 2019 challenge computes it; Meyerding 1932; Genant 1993. Numpy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Final

from .agreement import weighted_kappa
from .intervals import NotEstimable
from .reliability import icc

CUTS: Final = {"slip": (0.0, 25.0, 50.0, 75.0, 100.0), "height": (20.0, 25.0, 40.0)}
"""Upper ends of the lower grades in percent: Meyerding 0 to 5 and Genant 0 to 3."""
_NUMBER: Final = re.compile(r"(?<![A-Za-z\d./-])[+-]?\d+(?:\.\d+)?(?!\d|\.\d)")


def smape(true: Sequence[Sequence[float]], measured: Sequence[Sequence[float]]) -> float | None:
    """Return the symmetric mean absolute percentage error over images, 0 to 100; lower is better.

    (100 / N) sum over images of [sum of |a - b| over the angles / sum of (a + b)], so without the factor 2,
    and summed inside the image first. An image whose angles are all 0 in both has no error. None without an
    image; ValueError on a negative angle and on images with different numbers of angles.

    >>> smape([(30, 20, 10)], [(33, 18, 9)])
    5.0
    """
    shares = []
    for place, (one, other) in enumerate(zip(true, measured, strict=True)):
        if len(one) != len(other):
            raise ValueError(f"image {place} has {len(one)} true and {len(other)} measured angles")
        if min([*one, *other], default=0) < 0:
            raise ValueError(f"image {place} has a negative angle; SMAPE is of Cobb angles of 0 or more")
        whole = sum(one) + sum(other)
        parted = sum(abs(a - b) for a, b in zip(one, other, strict=True))
        shares.append(parted / whole if whole else 0.0)
    return 100 * fmean(shares) if shares else None


def error_scores(true: Sequence[float], measured: Sequence[float]) -> dict[str, float | None]:
    """Return the mean absolute error, the bias (measured - true) and ICC(A,1); None without a pair.

    ICC(A,1) is absolute agreement, so a constant bias lowers it; None where it cannot be estimated.

    >>> error_scores([10, 20, 30], [12, 22, 32])["bias"]
    2.0
    """
    if not true:
        return {"mae": None, "bias": None, "icc": None}
    gaps = [b - a for a, b in zip(true, measured, strict=True)]
    value: float | NotEstimable = NotEstimable("fewer than two pairs")
    if len(true) > 1:
        value = icc(list(zip(true, measured, strict=True)), "A,1")
    return {
        "mae": fmean(map(abs, gaps)),
        "bias": fmean(gaps),
        "icc": None if isinstance(value, NotEstimable) else float(value),
    }


def circular_error(true: Sequence[float], measured: Sequence[float]) -> float | None:
    """Return the mean absolute difference of directions in degrees, wrapped to at most 180; None without one.

    >>> circular_error([359], [2])
    3.0
    """
    gaps = [abs((b - a + 180) % 360 - 180) for a, b in zip(true, measured, strict=True)]
    return float(fmean(gaps)) if gaps else None


def grade_of_percent(percent: float, kind: str) -> int:
    """Return the Meyerding grade of a slip, or the Genant grade of a height loss, given in percent.

    Slip 0: none, 1 to 25 %: I, to 50 %: II, to 75 %: III, to 100 %: IV, beyond: V; the sign (backward) does
    not count. Height loss below 20 %: 0, 20 to 25 %: 1, above 25 to 40 %: 2, above 40 %: 3.

    >>> [grade_of_percent(value, "slip") for value in (0, 12, 25, 26, 101)]
    [0, 1, 1, 2, 5]
    >>> [grade_of_percent(value, "height") for value in (19.9, 20, 25, 25.1, 40, 41)]
    [0, 1, 1, 2, 2, 3]
    """
    size = abs(percent)
    if kind == "height" and size == CUTS[kind][0]:
        return 1
    return sum(size > cut for cut in CUTS[kind])


def grade_scores(true: Sequence[float], measured: Sequence[float], kind: str) -> dict[str, Any]:
    """Return agreement of the grades that percentages amount to: exact, within one, QWK on the full scale."""
    if not true:
        return {"grade_exact": None, "grade_within_one": None, "grade_qwk": None}
    right = [grade_of_percent(value, kind) for value in true]
    said = [grade_of_percent(value, kind) for value in measured]
    steps = [abs(a - b) for a, b in zip(right, said, strict=True)]
    kappa = weighted_kappa(right, said, range(len(CUTS[kind]) + 1))
    return {
        "grade_exact": fmean(step == 0 for step in steps),
        "grade_within_one": fmean(step <= 1 for step in steps),
        "grade_qwk": None if isinstance(kappa, NotEstimable) else float(kappa),
    }


def read_number(reply: str) -> float | None:
    """Return the one number that a reply states, None where there is none or several different ones.

    >>> read_number("about 12 %"), read_number("12 or 15"), read_number("none at L5")
    (12.0, None, None)
    """
    found = {float(word) for word in _NUMBER.findall(reply)}
    number = found.pop() if len(found) == 1 else math.nan
    return number if math.isfinite(number) else None


def read_numbers(reply: str) -> list[float] | None:
    """Return all numbers of a reply in their order, None where there is none.

    >>> read_numbers("[33, 18.5, 9]"), read_numbers("Cobb 30°, 20° and 10°")
    ([33.0, 18.5, 9.0], [30.0, 20.0, 10.0])
    """
    found = [float(word) for word in _NUMBER.findall(reply)]
    return found if found and all(map(math.isfinite, found)) else None
