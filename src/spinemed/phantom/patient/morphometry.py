"""Published sizes and angles of the adult spine, level by level: the means the phantom varies around.

Millimetres and degrees. Marks in the comments: [V] read in the public source named before it, [recalled;
primary source not read] from memory, [assumed] set here. All shape a synthetic picture and are no clinical
reference.
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
    *(f"C{number}" for number in range(7, 0, -1)),
)
"""Vertebrae of the usual 7-12-5 spine, from L5 upwards to C1."""

FRACTURE_LEVELS: Final[tuple[str, ...]] = (
    *(f"T{number}" for number in range(5, 13)),
    *(f"L{number}" for number in range(1, 6)),
)
"""Where osteoporotic fractures occur; an L6 or T13 is spared."""


class BodySize(NamedTuple):
    """Mean size of one vertebra: body height behind, depth, width, and the canal's depth and width, in mm."""

    height: float
    depth: float
    width: float
    canal_depth: float
    canal_width: float


# Panjabi et al., Spine 1991;16:861 (cervical), 1991;16:888 (thoracic), 1992;17:299 (lumbar). Height, width
# and canal of L1 to L5, height of T12, canals of T11 and T12 as copied from the papers' pages into
# github.com/Gregory-Schwing-MD-PhD/CTSpinoPelvic1K, morphometrics/panjabi_reference.csv [V]. That has 16.0
# for the depth of T11's canal (here 16.8) and 14.3 for the height of T1 (here 14.1): both departures
# [assumed]. All other numbers, every depth of a body among them, [recalled; primary source not read]; T2, T4,
# T5, T7 and T8 are interpolated. The first number is the posterior height. C2's height is the body's without
# the dens; C1's numbers are the anterior arch and the ring within, dens included [assumed]. T13 lies between
# T12 and L1, L6 is like L5.
BODY_SIZES: Final[dict[str, BodySize]] = {
    "C1": BodySize(10.5, 6.0, 21.0, 30.0, 27.0),
    "C2": BodySize(18.5, 15.4, 16.5, 18.6, 24.5),
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
    "T13": BodySize(23.2, 33.4, 40.0, 18.6, 23.0),
    "L1": BodySize(23.8, 34.1, 41.2, 19.0, 23.7),
    "L2": BodySize(24.3, 34.6, 42.6, 18.2, 23.8),
    "L3": BodySize(23.8, 35.2, 44.1, 17.5, 24.3),
    "L4": BodySize(24.1, 35.5, 46.6, 18.6, 25.4),
    "L5": BodySize(22.9, 34.7, 47.3, 19.7, 27.1),
    "L6": BodySize(22.9, 34.7, 47.3, 19.7, 27.1),
}

# Middle height of the disc below each vertebra. Lumbar: MRI of 106 adults, L1-2 7.9 rising to L4-5 12.0,
# L5-S1 11.1. Thoracic: CT of 128 adults, doi:10.1007/s00586-015-3925-y. Cervical: CT of 1000 adults,
# PMC11225399.
DISC_HEIGHTS: Final[dict[str, float]] = {
    **dict.fromkeys(("C2", "C3", "C4", "C5", "C6", "C7"), 4.1),
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
    **{
        "T11": 6.0,
        "T12": 6.9,
        "T13": 7.3,
        "L1": 7.9,
        "L2": 9.2,
        "L3": 10.6,
        "L4": 12.0,
        "L5": 11.1,
        "L6": 11.1,
    },
}

# Above T9, where Masharawi 2010 (facts.normal) ends, one wedge stands for all [assumed]. Read: the bodies
# make up 99 % of the standing kyphosis (doi:10.1007/s00586-025-09392-w) [V], which is 44 degrees from T1 to
# T12 (J Spinal Disord Tech 2002;15:213, abstract) [V], so 3.7 a level; the wedge peaks at T7
# (doi:10.1002/ca.20532) [V].
_UPPER_THORACIC_WEDGE: Final[float] = 3.0

# Share of the lumbar discs' lordosis that each disc takes, from the one on the sacrum upwards: with the
# bodies' own wedges 71 % of the standing lordosis come to lie between L4 and S1 (PMC6680033).
LORDOSIS_SHARES: Final[tuple[float, ...]] = (0.33, 0.26, 0.19, 0.13, 0.09, 0.06)


class Alignment(NamedTuple):
    """Mean and standard deviation of a curve, in degrees."""

    mean: float
    deviation: float


# Pelvic incidence and tilt, standing: mean +- 2 SD 35.5 to 68.8 and 2.5 to 29.6 (ijssurgery.com 16/5/868).
PELVIC_INCIDENCE: Final[Alignment] = Alignment(52.0, 8.0)
PELVIC_TILT: Final[Alignment] = Alignment(16.0, 5.0)
# A lying pelvis has this much less sacral slope [assumed].
LYING_SLOPE_LOSS_DEG: Final[float] = 4.0
# Standing lordosis 49.8 +- 11.2, women more than men: n = 627, PMC6680033. It follows the sacral slope;
# the slope's spread times the gain and the rest add up to 11.2 [assumed split].
LORDOSIS: Final[dict[Sex, float]] = {"F": 51.6, "M": 48.0}
LORDOSIS_PER_SLOPE: Final[float] = 0.8
LORDOSIS_REST_DEG: Final[float] = 8.0
# Lying 36.8 against 49.8 standing, same source.
STANDING_GAIN: Final[Alignment] = Alignment(13.0, 2.5)
# Thoracic kyphosis T4 upper to T12 lower endplate, lying; published ranges of 30 to 50 degrees are for
# T2-T12 standing.
KYPHOSIS: Final[Alignment] = Alignment(30.0, 7.0)
KYPHOSIS_PER_LEAN: Final[float] = 0.5
USUAL_BACK_DEG: Final[float] = 4.8
# Neck C2 to C7 lower endplate: lordotic in 64 %, these with 12.7 degrees, men more (PMC6003173). One
# normal law gives both: the neck bends back for each degree that the chest leans further forward than
# usual, which keeps the gaze level [assumed split].
NECK_LORDOSIS: Final[dict[Sex, Alignment]] = {"F": Alignment(5.8, 5.0), "M": Alignment(7.8, 5.0)}
NECK_PER_LEAN: Final[float] = 0.85
USUAL_LEAN_DEG: Final[float] = 28.0


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
    table = WEDGE_DEG[sex]
    if level == "T13":
        return (table["T12"] + table["L1"]) / 2
    return table.get("L5" if level == "L6" else level, _UPPER_THORACIC_WEDGE)


def usual_hollow_mm(level: str, age: int) -> float:
    """Return how deep each endplate of a healthy body is hollowed in the middle, in mm: more with age.

    >>> round(usual_hollow_mm("L3", 55), 2), usual_hollow_mm("C5", 55) < 0.5
    (1.1, True)
    """
    hollow = 0.5 + 0.5 * (0.7 + age / 110)
    return hollow if level[0] != "C" else 0.4 * hollow


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
