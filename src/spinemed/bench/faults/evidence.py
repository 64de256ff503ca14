"""How certain a share is: its excess over what was expected, tested and bounded with patients as clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from spinemed.bench.scoring.scorecard import Sign

ALPHA = 0.05
POWER = 0.8


class Estimate(NamedTuple):
    """A mean with its standard error and the number of patients that it rests on."""

    mean: float
    error: float
    patients: int


class Compared(NamedTuple):
    """One item of a contrast between a group and the rest: its stratum, side, patient and outcome."""

    stratum: str
    inside: bool
    patient: str
    outcome: float


def estimate(values: Sequence[float], patients: Sequence[str]) -> Estimate | None:
    """Return mean and standard error of `values`, clustered by patient (CR1); None below two patients.

    The error is never below that of values spread by one more item on each side, so that a handful of equal
    values is not taken for certainty.

    >>> found = estimate([1.0, 1.0, 1.0], ["a", "b", "c"])
    >>> found.mean, round(found.error, 2)
    (1.0, 0.2)
    """
    found = np.asarray(values, dtype=np.float64)
    if len(set(patients)) < 2:
        return None
    mean = float(found.mean())
    deviations = found - mean
    floor = math.sqrt((float(deviations @ deviations) + 1) / (len(found) + 2) ** 2)
    return Estimate(mean, max(clustered(deviations / len(found), patients), floor), len(set(patients)))


def clustered(influences: NDArray[np.float64], patients: Sequence[str]) -> float:
    """Return the standard error that items' influences on an estimate make, summed by patient (CR1)."""
    names = {name: place for place, name in enumerate(dict.fromkeys(patients))}
    sums = np.bincount([names[name] for name in patients], weights=influences)
    size = len(names)
    return math.sqrt(size / (size - 1) * float(sums @ sums)) if size > 1 else math.inf


def contrast(items: Sequence[Compared]) -> tuple[Estimate | None, float, float, int]:
    """Return outcome inside minus outside within strata, the two means so weighted, and n inside.

    Strata that lie on one side alone say nothing and are left out. Each weighs by Mantel and Haenszel. None
    where fewer than two patients or no stratum is left on either side.
    """
    strata: dict[str, tuple[list[Compared], list[Compared]]] = {}
    for item in items:
        strata.setdefault(item.stratum, ([], []))[item.inside].append(item)
    kept = [(outside, inside) for outside, inside in strata.values() if outside and inside]
    weights = np.array([len(o) * len(i) / (len(o) + len(i)) for o, i in kept])
    count = sum(len(inside) for _, inside in kept)
    if len({one.patient for _, inside in kept for one in inside}) < 2:
        return None, 0.0, 0.0, count
    if len({one.patient for outside, _ in kept for one in outside}) < 2:
        return None, 0.0, 0.0, count
    weights = weights / weights.sum()
    means = [tuple(float(np.mean([one.outcome for one in side])) for side in pair) for pair in kept]
    influences: list[float] = []
    patients: list[str] = []
    floor = 0.0
    for weight, pair, middle in zip(weights, kept, means, strict=True):
        for sign, side, mean in zip((-1, 1), pair, middle, strict=True):
            influences += [sign * weight * (one.outcome - mean) / len(side) for one in side]
            patients += [one.patient for one in side]
            spread = sum((one.outcome - mean) ** 2 for one in side) + 0.5
            floor += weight**2 * spread / (len(side) + 1) ** 2
    outside, inside = (float(np.dot(weights, [mean[at] for mean in means])) for at in (0, 1))
    error = max(clustered(np.array(influences), patients), math.sqrt(floor))
    fewest = min(len({one.patient for pair in kept for one in pair[at]}) for at in (0, 1))
    return Estimate(inside - outside, error, fewest), inside, outside, count


def sign_of(rule: str, about: str, found: Estimate | None, *, n: int, share: float, expected: float) -> Sign:
    """Return the sign of an excess; without an estimate its figures are null."""
    if found is None:
        return nothing(rule, about, n)
    low, high = bounds(found)
    return Sign(
        rule=rule, about=about, n=n, patients=found.patients, share=share, expected=expected,
        excess=found.mean, error=found.error, low=low, high=high, p=upper_p(found, 0.0),
    )  # fmt: skip


def absence_of(
    rule: str, about: str, gain: Estimate | None, *, n: int, share: float, expected: float,
    margin: float, both: bool = False,
) -> Sign:  # fmt: skip
    """Return the sign of a gain looked for in vain; with `both`, a loss of `margin` must be excluded too."""
    if gain is None:
        return nothing(rule, about, n)
    low, high = bounds(gain)
    below = upper_p(Estimate(-gain.mean, gain.error, gain.patients), -margin)
    above = upper_p(gain, -margin) if both else 0.0
    return Sign(
        rule=rule, about=about, n=n, patients=gain.patients, share=share, expected=expected,
        excess=gain.mean, error=gain.error, low=low, high=high, p=max(below, above), margin=margin,
        gain_p=upper_p(gain, 0.0),
    )  # fmt: skip


def nothing(rule: str, about: str, n: int) -> Sign:
    """Return the sign of something that could not be estimated."""
    return Sign(
        rule=rule, about=about, n=n, patients=0, share=None, expected=None, excess=None, error=None,
        low=None, high=None, p=None,
    )  # fmt: skip


def upper_p(found: Estimate, null: float) -> float:
    """Return the one-sided p that the mean is no higher than `null`: t with patients - 1 degrees."""
    return float(stdtr(found.patients - 1, -(found.mean - null) / found.error))


def bounds(found: Estimate) -> tuple[float, float]:
    """Return the two-sided 95 % interval of an estimate."""
    half = float(stdtrit(found.patients - 1, 1 - ALPHA / 2)) * found.error
    return found.mean - half, found.mean + half


def smallest_seen(error: float, patients: int, looks: int) -> float:
    """Return the smallest excess that a one-sided test at 5 %, shared among `looks`, sees in 80 % of cases.

    >>> round(smallest_seen(0.05, 40, 1), 3)
    0.126
    """
    level = float(stdtrit(max(1, patients - 1), 1 - ALPHA / looks))
    return (level + NormalDist().inv_cdf(POWER)) * error
