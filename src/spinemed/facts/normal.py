"""What a healthy vertebral body measures, the wedge expected at each level, and Genant's grades."""

from __future__ import annotations

import math
from typing import Final, Literal

Sex = Literal["F", "M", "unknown"]

HEIGHT_POSITION: Final = 0.9
"""Anterior and posterior heights are taken at this share of the half depth, inside the rounded rim."""

GENANT_CUTS_PERCENT: Final = (20.0, 25.0, 40.0)
"""Where grades 1, 2 and 3 begin: Genant 1993, doi:10.1002/jbmr.5650080915."""

WEDGE_DEG: Final[dict[str, dict[str, float]]] = {
    "F": {
        "T9": 2.8,
        "T10": 2.6,
        "T11": 4.6,
        "T12": 3.5,
        "L1": 2.6,
        "L2": 0.7,
        "L3": -1.1,
        "L4": -3.1,
        "L5": -7.8,
    },
    "M": {
        "T9": 4.8,
        "T10": 3.8,
        "T11": 5.4,
        "T12": 4.9,
        "L1": 4.1,
        "L2": 2.6,
        "L3": 1.3,
        "L4": -0.7,
        "L5": -4.6,
    },
}
"""Mean sagittal wedge in degrees, lower in front positive: Masharawi 2010, PMC2899959 table 1 (T9 to L5)."""

# Mean depth over mean posterior height: Panjabi, Spine 1991;16:888 and 1992;17:299. Heights of T12 to L5 were
# read [V] in github.com/Gregory-Schwing-MD-PhD/CTSpinoPelvic1K, morphometrics/panjabi_reference.csv, which
# copies the papers' tables; all other heights and all depths [recalled; primary source not read].
_DEPTH_OVER_HEIGHT: Final[dict[str, float]] = {
    "T9": 29.3 / 19.3, "T10": 30.5 / 20.2, "T11": 31.9 / 21.3, "T12": 32.8 / 22.7, "L1": 34.1 / 23.8,
    "L2": 34.6 / 24.3, "L3": 35.2 / 23.8, "L4": 35.5 / 24.1, "L5": 34.7 / 22.9,
}  # fmt: skip

MEASURED_LEVELS: Final = tuple(_DEPTH_OVER_HEIGHT)
"""The levels with a published expected wedge; no height loss is stated for others."""


def expected_ratio(level: str, sex: Sex) -> float:
    """Return the anterior over the posterior height of a healthy body at `HEIGHT_POSITION`.

    An unknown sex takes the mean of both. KeyError for a level outside `MEASURED_LEVELS`.

    >>> round(expected_ratio("L1", "M"), 3), expected_ratio("L5", "F") > 1
    (0.908, True)
    """
    wedges = [table[level] for name, table in WEDGE_DEG.items() if sex in (name, "unknown")]
    wedge_deg = sum(wedges) / len(wedges)
    return 1 - HEIGHT_POSITION * _DEPTH_OVER_HEIGHT[level] * math.tan(math.radians(wedge_deg))


def genant_grade(loss_percent: float) -> int:
    """Return Genant's grade 0 to 3 of a loss in percent; a loss on a cut takes the higher grade.

    >>> [genant_grade(loss) for loss in (-3.0, 19.9, 20.0, 25.0, 40.0)]
    [0, 0, 1, 2, 3]
    """
    return sum(loss_percent >= cut for cut in GENANT_CUTS_PERCENT)


def distance_to_cut(loss_percent: float) -> float:
    """Return how far, in percent, a loss lies from the nearest cut between two grades.

    >>> distance_to_cut(23.0), distance_to_cut(60.0)
    (2.0, 20.0)
    """
    return min(abs(loss_percent - cut) for cut in GENANT_CUTS_PERCENT)
