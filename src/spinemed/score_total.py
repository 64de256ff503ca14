"""Totals of a benchmark from its parts: sample-weighted, with bounds for a missing part and an interval.

Two benchmarks are called SpineBench. That of arXiv 2510.03160 weights its parts by their items (`total`),
that of arXiv 2510.12267 takes the plain mean of two accuracies (`plain_mean`). Standard library and the
intervals beside it only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .intervals import Interval, normal_quantile, wilson

ROUNDED = 0.05  # a printed score may be rounded to one decimal
FULL = 100.0


class Part(NamedTuple):
    """One part: its score in 0 to 100 (None: missing), its items, and what its uncertainty is known from.

    `right` counts right items where an item is right or wrong; `error` is a standard error in points where it
    is not (reports).
    """

    name: str
    score: float | None
    size: int
    right: int | None = None
    error: float | None = None


def checked(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with NaN scores as None; ValueError names the part that is impossible and why."""
    if not parts:
        raise ValueError("a total needs at least one part, got none")
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise ValueError(f"two parts have one name: {names}")
    return [_checked(part) for part in parts]


def _checked(part: Part) -> Part:
    score = None if part.score is None or math.isnan(part.score) else float(part.score)
    if part.size < 1:
        raise ValueError(f"part {part.name!r} has {part.size} items; a part has one or more")
    if score is not None and not 0 <= score <= FULL:
        raise ValueError(f"part {part.name!r} has the score {score:g}; scores run from 0 to 100")
    if part.error is not None and not (math.isfinite(part.error) and part.error >= 0):
        raise ValueError(f"part {part.name!r} has the standard error {part.error!r}; it is 0 points or more")
    if part.right is not None:
        if not 0 <= part.right <= part.size:
            raise ValueError(f"part {part.name!r} has {part.right} of {part.size} items right")
        counted = FULL * part.right / part.size
        if score is not None and abs(counted - score) > ROUNDED:
            raise ValueError(
                f"part {part.name!r}: {part.right} of {part.size} right are {counted:.2f}, "
                f"but its score is {score:g}"
            )
    return part._replace(score=score)


def shares(parts: Sequence[Part]) -> list[float]:
    """Return the weight of each part: its share of all items.

    >>> [round(one, 4) for one in shares([Part("a", None, 294), Part("b", None, 193), Part("c", None, 87)])]
    [0.5122, 0.3362, 0.1516]
    """
    items = sum(part.size for part in parts)
    return [part.size / items for part in parts]


def total(parts: Sequence[Part]) -> float:
    """Return the mean of part scores weighted by their items, 0 to 100, higher is better.

    A missing part is a ValueError: what is there is not the benchmark. Use `bounds` for what it may be.

    >>> round(total([Part("closed questions", 88.50, 487), Part("reports", 93.32, 87)]), 2)
    89.23
    """
    parts = checked(parts)
    missing = [part.name for part in parts if part.score is None]
    if missing:
        raise ValueError(
            f"no score for the part {', '.join(map(repr, missing))}, so there is no total: a mean of the "
            "other parts would be another number; `bounds` says what it may be"
        )
    return bounds(parts).low


def bounds(parts: Sequence[Part]) -> Interval:
    """Return the lowest and the highest total that the missing parts allow; equal when none is missing.

    >>> parts = [Part("closed questions", 88.50, 487), Part("reports", None, 87)]
    >>> tuple(round(end, 2) for end in bounds(parts))
    (75.09, 90.24)
    """
    parts = checked(parts)
    ends = []
    for instead in (0.0, FULL):
        known = [instead if part.score is None else part.score for part in parts]
        ends.append(math.fsum(one * weight for one, weight in zip(known, shares(parts), strict=True)))
    return Interval(*ends)


def plain_mean(parts: Sequence[Part]) -> float:
    """Return the plain mean of the two accuracies of the other SpineBench (arXiv 2510.12267), 0 to 100.

    >>> round(plain_mean([Part("diagnosis", 32.37, 1758), Part("localisation", 9.35, 1000)]), 2)
    20.86
    """
    return total([part._replace(size=1, right=None) for part in _two(parts)])


def _two(parts: Sequence[Part]) -> list[Part]:
    parts = checked(parts)
    if len(parts) != 2:
        raise ValueError(
            f"the SpineBench of arXiv 2510.12267 has two parts, diagnosis and localisation, got {len(parts)}"
        )
    return parts


def part_interval(part: Part, confidence: float = 0.95) -> Interval | None:
    """Return the interval of a part's score in points: Wilson's from counts, normal from a standard error.

    None where neither is known or the score is missing.
    """
    if part.right is not None:
        low, high = wilson(part.right, part.size, confidence)
        return Interval(FULL * low, FULL * high)
    if part.error is None or part.score is None:
        return None
    half = normal_quantile(confidence) * part.error
    return Interval(max(0.0, part.score - half), min(FULL, part.score + half))


def total_interval(
    parts: Sequence[Part], weights: Sequence[float] | None = None, confidence: float = 0.95
) -> Interval | None:
    """Return the stratified interval of a total: the parts' intervals joined by squares of their halves.

    Square-and-add of score limits (Newcombe 1998; Zou and Donner 2008): it does not shrink to a point where
    every item is right, and with one part it is Wilson's. Items count as independent. None where a part has
    no interval of its own.

    >>> parts = [Part("text", 89.46, 294, right=263), Part("image", 84.46, 193, right=163)]
    >>> [round(end, 2) for end in total_interval(parts)]
    [84.13, 90.0]
    """
    parts = checked(parts)
    ends = [part_interval(part, confidence) for part in parts]
    low_square = high_square = middle = 0.0
    for part, end, weight in zip(parts, ends, weights or shares(parts), strict=True):
        if end is None:
            return None
        score = part.score if part.right is None or part.score is None else FULL * part.right / part.size
        if score is None:
            return None
        middle += weight * score
        low_square += (weight * (score - end.low)) ** 2
        high_square += (weight * (end.high - score)) ** 2
    return Interval(max(0.0, middle - math.sqrt(low_square)), min(FULL, middle + math.sqrt(high_square)))
