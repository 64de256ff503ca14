"""Published sizes and angles of the adult spine, level by level: the means the phantom varies around.

Millimetres and degrees. Values marked [R] in the comments are recalled from the named paper and are not
yet checked against it; they shape a synthetic picture and are no clinical reference.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from spinemed.facts.normal import HEIGHT_POSITION, WEDGE_DEG
from spinemed.phantom.patient.shapes import Sex
from spinemed.records import Record

PLACED_LEVELS: Final[tuple[str, ...]] = (
    *(f"L{number}" for number in range(5, 0, -1)),
    *(f"T{number}" for number in range(12, 0, -1)),
    *(f"C{number}" for number in range(7, 2, -1)),
)
"""Vertebrae the phantom places, from L5 upwards to C3."""

FRACTURE_LEVELS: Final[tuple[str, ...]] = ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")


class BodySize(NamedTuple):
    """Mean size of one vertebra: body height behind, depth, width, and the canal's depth and width, in mm."""

    height: float
    depth: float
    width: float
    canal_depth: float
    canal_width: float


# Panjabi et al., Spine 1991;16:861 (cervical), 1991;16:888 (thoracic), 1992;17:299 (lumbar) [R]; levels that
# the notes leave out (T2, T4, T5, T7, T8) are interpolated. The first number is the posterior height.
BODY_SIZES: Final[dict[str, BodySize]] = {
    "C3": BodySize(11.6, 15.0, 15.8, 16.2, 22.9),
    "C4": BodySize(11.4, 15.3, 17.2, 17.0, 24.7),
    "C5": BodySize(11.4, 15.2, 17.5, 17.4, 24.9),
    "C6": BodySize(10.9, 16.4, 18.5, 17.5, 25.8),
    "C7": BodySize(12.8, 18.1, 21.8, 15.2, 24.5),
    "T1": BodySize(14.1, 18.5, 24.5, 16.4, 21.8),
    "T2": BodySize(14.9, 20.6, 24.5, 15.8, 20.0),
    "T3": BodySize(15.7, 22.7, 24.6, 16.0, 18.3),
    "T4": BodySize(16.3, 23.8, 25.0, 16.3, 17.6),
    "T5": BodySize(16.8, 24.9, 25.6, 16.6, 17.4),
    "T6": BodySize(17.4, 26.0, 26.2, 17.0, 17.3),
    "T7": BodySize(18.0, 27.1, 27.7, 16.8, 17.4),
    "T8": BodySize(18.7, 28.2, 29.1, 16.7, 17.6),
    "T9": BodySize(19.3, 29.3, 30.6, 16.5, 17.8),
    "T10": BodySize(20.2, 30.5, 31.9, 16.3, 18.2),
    "T11": BodySize(21.3, 31.9, 34.9, 16.8, 19.4),
    "T12": BodySize(22.7, 32.8, 39.0, 18.1, 22.2),
    "L1": BodySize(23.8, 34.1, 41.2, 19.0, 23.7),
    "L2": BodySize(24.3, 34.6, 42.6, 18.2, 23.8),
    "L3": BodySize(23.8, 35.2, 44.1, 17.5, 24.3),
    "L4": BodySize(24.1, 35.5, 46.6, 18.6, 25.4),
    "L5": BodySize(22.9, 34.7, 47.3, 19.7, 27.1),
}

# Middle height of the disc below each vertebra. Lumbar: MRI of 106 adults, L1-2 7.9 rising to L4-5 12.0,
# L5-S1 11.1. Thoracic: CT of 128 adults, doi:10.1007/s00586-015-3925-y. Cervical: CT of 1000 adults,
# PMC11225399.
DISC_HEIGHTS: Final[dict[str, float]] = {
    **dict.fromkeys(("C3", "C4", "C5", "C6", "C7"), 4.1),
    **{
        "T1": 3.4,
        "T2": 3.0,
        "T3": 2.8,
        "T4": 2.9,
        "T5": 3.2,
        "T6": 3.6,
        "T7": 4.0,
        "T8": 4.4,
        "T9": 4.9,
        "T10": 5.4,
    },
    **{"T11": 6.0, "T12": 6.9, "L1": 7.9, "L2": 9.2, "L3": 10.6, "L4": 12.0, "L5": 11.1},
}

# Above T9, where Masharawi 2010 (facts.normal) ends, one wedge stands for all: about 3 degrees a level add
# up to the usual kyphosis [R].
_UPPER_THORACIC_WEDGE: Final[float] = 3.0

# Share of the lordosis in the discs that each disc below a vertebra takes; most of it lies between L4 and S1
# (PMC6680033: 71 % of the standing lordosis in L4-S1, bodies and discs together).
LORDOSIS_SHARES: Final[dict[str, float]] = {
    "T12": 0.05,
    "L1": 0.08,
    "L2": 0.12,
    "L3": 0.17,
    "L4": 0.25,
    "L5": 0.33,
}


class Alignment(NamedTuple):
    """Mean and standard deviation, in degrees, of a lying person's curves."""

    mean: float
    deviation: float


# Lying lordosis T12-S1 36.8 +- 13.2, women more than men: n = 627, PMC6680033; narrowed so that no tail
# is absurd.
LORDOSIS: Final[dict[Sex, Alignment]] = {"F": Alignment(39.0, 10.0), "M": Alignment(34.5, 10.0)}
# Sacral slope = pelvic incidence - pelvic tilt, 52 - 16 standing (ijssurgery.com 16/5/868); a little
# flatter lying [R].
SACRAL_SLOPE: Final[Alignment] = Alignment(33.0, 4.0)
# Thoracic kyphosis 30 to 50 degrees.
KYPHOSIS: Final[Alignment] = Alignment(39.0, 7.0)


class Heights(Record):
    """Anterior, middle and posterior height of one vertebral body in the mid-sagittal plane, in mm."""

    anterior: float
    middle: float
    posterior: float


def expected_wedge_deg(level: str, sex: Sex) -> float:
    """Return the mean sagittal wedge of a healthy body in degrees, lower in front positive.

    >>> expected_wedge_deg("L5", "F"), expected_wedge_deg("T11", "M"), expected_wedge_deg("C4", "F")
    (-7.8, 5.4, 0.0)
    """
    if level.startswith("C"):
        return 0.0
    return WEDGE_DEG[sex].get(level, _UPPER_THORACIC_WEDGE)


def expected_ratio(level: str, sex: Sex) -> float:
    """Return the anterior over the posterior height expected of a healthy body at `HEIGHT_POSITION`.

    The ratio follows from the level's mean wedge, depth and posterior height; size cancels out.

    >>> round(expected_ratio("L1", "M"), 3), expected_ratio("L5", "M") > 1
    (0.908, True)
    """
    size = BODY_SIZES[level]
    fall = 2 * HEIGHT_POSITION * (size.depth / 2) * math.tan(math.radians(expected_wedge_deg(level, sex)))
    return (size.height - fall) / size.height


def height_loss_percent(heights: Heights, expected: float) -> float:
    """Return the anterior height lost, in percent of what `expected` times the posterior height would be.

    A body as high as expected loses 0; a higher one gives a negative number.

    >>> round(height_loss_percent(Heights(anterior=15, middle=18, posterior=20), expected=1.0), 1)
    25.0
    """
    return 100.0 * (1.0 - heights.anterior / (heights.posterior * expected))
