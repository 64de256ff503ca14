"""Does length earn points? The partial correlation of score and length given level F1 and language."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spinemed.bench.judge.cases import JudgeCase
from spinemed.bench.judge.variants import level_f1
from spinemed.case_bootstrap import bootstrap_cases
from spinemed.intervals import Interval, NotEstimable

DRAWS = 1000
LEAST_ROWS = 8


def length_effect(rows: Sequence[tuple[float, str, JudgeCase]]) -> tuple[float | None, Interval | None]:
    """Return the partial correlation of points with log length given level F1 and language.

    `rows` are (points, text, case); characters are counted. The interval is of the percentile bootstrap over
    patients. (None, None) with fewer than eight rows or two patients, or where score or length does not vary.
    """
    if len(rows) < LEAST_ROWS:
        return None, None
    table = np.array(
        [
            (points, math.log(1 + len(text)), level_f1(text, case.reference), case.language == "zh")
            for points, text, case in rows
        ],
        dtype=np.float64,
    )
    effect = partial_correlation(table)
    interval = bootstrap_cases(
        lambda places: partial_correlation(table[places]),
        [case.patient for _, _, case in rows],
        draws=DRAWS,
    )
    if isinstance(effect, NotEstimable) or isinstance(interval, NotEstimable):
        return None, None
    return effect, interval


def partial_correlation(table: NDArray[np.float64]) -> float | NotEstimable:
    """Return the correlation of the first two columns given the others, in [-1, 1].

    NotEstimable where nothing is left to vary in one of them.

    >>> partial_correlation(np.array([[1.0, 1, 0], [2, 2, 1], [3, 3, 0], [4, 4, 1]]))
    1.0
    """
    given = np.column_stack([np.ones(len(table)), table[:, 2:]])
    left = table[:, :2] - given @ np.linalg.lstsq(given, table[:, :2], rcond=None)[0]
    size = np.sqrt((left**2).sum(axis=0))
    if (size < 1e-9 * (1 + np.abs(table[:, :2]).sum(axis=0))).any():
        return NotEstimable("undefined, constant")
    return round(float(left[:, 0] @ left[:, 1] / (size[0] * size[1])), 12)
