"""What the placed spine measures: Cobb angles, lordosis, kyphosis, slips, herniations and height losses.

Everything is taken from the placed solids, never from what was drawn for the patient.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from spinemed.facts.normal import HEIGHT_POSITION
from spinemed.phantom.anatomy.disc_tissue import margin_mm
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.solids import Array
from spinemed.phantom.patient.morphometry import BODY_SIZES, expected_ratio, usual_hollow_mm
from spinemed.phantom.patient.shapes import FractureForm, Side

LEAST_COBB_DEG: Final = 10.0
"""A curve of less is no scoliosis."""

_FEWEST_STEPS: Final = 2
_MARGIN_POINTS: Final = 201
_SEEN_ON: Final = 0.3  # upward share of an endplate's normal below which it is seen on its face
# How much lower the middle is than the mean of front and back, for each mm that one endplate is hollow.
_RIMS: Final = 2 * HEIGHT_POSITION**2


class Curve(NamedTuple):
    """One coronal curve: its end vertebrae and apex, the Cobb angle, the side that it bulges to."""

    upper: str
    lower: str
    apex: str
    degrees: float
    convex: Side


class Loss(NamedTuple):
    """How a body has lost height: the form by the height that lost most, and the loss in percent."""

    form: FractureForm
    percent: float


def endplate_normal(bone: Vertebra, *, upper: bool) -> Array:
    """Return the normal of an endplate in LPS, pointing up along the spine; a unit vector."""
    body = bone.body
    sign = -1.0 if upper else 1.0
    normal = body.pose.rotation @ np.array([sign * body.side_slope, sign * body.slope, 1.0])
    return np.asarray(normal / np.linalg.norm(normal))


def _tip_deg(bone: Vertebra, *, upper: bool) -> float:
    """How far an endplate's normal leans forwards in the sagittal plane, degrees."""
    normal = endplate_normal(bone, upper=upper)
    return math.degrees(math.atan2(-normal[1], normal[2]))


def _lean_deg(bone: Vertebra, *, upper: bool) -> float:
    """How far an endplate's normal leans to the left in the coronal plane, degrees."""
    normal = endplate_normal(bone, upper=upper)
    return math.degrees(math.atan2(normal[0], normal[2]))


def lordosis(anatomy: Anatomy) -> float:
    """Return the lumbar lordosis in degrees: L1 upper to S1 upper endplate, in the anatomy's posture."""
    return _tip_deg(anatomy.vertebra("S1"), upper=True) - _tip_deg(anatomy.vertebra("L1"), upper=True)


def kyphosis(anatomy: Anatomy) -> float:
    """Return the thoracic kyphosis in degrees: T4 upper to T12 lower endplate, in the anatomy's posture."""
    return _tip_deg(anatomy.vertebra("T4"), upper=True) - _tip_deg(anatomy.vertebra("T12"), upper=False)


def neck_lordosis(anatomy: Anatomy) -> float:
    """Return the cervical lordosis in degrees: C2 lower to C7 lower endplate; negative for a kyphosis."""
    return _tip_deg(anatomy.vertebra("C7"), upper=False) - _tip_deg(anatomy.vertebra("C2"), upper=False)


def cobb(anatomy: Anatomy) -> list[Curve]:
    """Return the coronal curves of at least 10 degrees between T1 and the last lumbar, the greatest first.

    The greatest curve is found first, then those above its upper and below its lower end vertebra. Empty
    for a spine that is straight, and for one bent so far forwards that no frontal view shows its endplates.
    """
    bones = [part for part in anatomy.vertebrae if part.level[0] != "C"]
    if any(endplate_normal(part, upper=upper)[2] < _SEEN_ON for part in bones for upper in (False, True)):
        return []
    leans = [(_lean_deg(part, upper=False), _lean_deg(part, upper=True)) for part in bones]
    found: list[Curve] = []
    stretches = [(0, len(bones) - 1)]
    while stretches:
        first, last = stretches.pop()
        best = _greatest(leans, first, last)
        if best is None:
            continue
        low, high, degrees = best
        apex = _apex(bones[low : high + 1])
        found.append(
            Curve(bones[high].level, bones[low].level, apex, abs(degrees), "right" if degrees > 0 else "left")
        )
        stretches += [(first, low), (high, last)]
    return sorted(found, key=lambda curve: -curve.degrees)


def _greatest(leans: list[tuple[float, float]], first: int, last: int) -> tuple[int, int, float] | None:
    """The greatest angle between a lower endplate and an upper one further up, at least 10 degrees."""
    best: tuple[int, int, float] | None = None
    for low in range(first, last - _FEWEST_STEPS + 1):
        for high in range(low + _FEWEST_STEPS, last + 1):
            degrees = leans[high][1] - leans[low][0]
            if abs(degrees) >= LEAST_COBB_DEG and (best is None or abs(degrees) > abs(best[2])):
                best = low, high, degrees
    return best


def _apex(bones: list[Vertebra]) -> str:
    """The vertebra furthest to the side of the line between the first and the last."""
    start, end = bones[0].body.pose.origin_mm, bones[-1].body.pose.origin_mm
    lean = (end[0] - start[0]) / (end[2] - start[2])
    away = [
        abs(float(p[0] - start[0] - lean * (p[2] - start[2]))) for p in (b.body.pose.origin_mm for b in bones)
    ]
    return bones[int(np.argmax(away))].level


def slip_percent(anatomy: Anatomy, disc_above: str) -> float:
    """Return how far a vertebra stands in front of the one below, in percent of the endplate's depth below.

    The step between the posterior walls' corners at the disc, along the disc's own plane; backwards is
    negative. KeyError for a level without a disc.
    """
    disc = anatomy.disc(disc_above)
    upper, lower = anatomy.vertebra(disc.above).body, anatomy.vertebra(disc.below).body
    corner_above = upper.pose.point(
        0.0, upper.half_depth, -(upper.half_height + upper.slope * upper.half_depth)
    )
    half_depth = lower.half_depth * (1 + lower.taper)
    corner_below = lower.pose.point(0.0, half_depth, lower.half_height + lower.slope * half_depth)
    step = float(disc.solid.pose.rotation[:, 1] @ (corner_below - corner_above))
    return 100.0 * step / (2 * half_depth)


def herniation_reach_mm(disc: PlacedDisc) -> float:
    """Return how far herniated tissue reaches beyond a disc's margin where it faces, in mm; 0 without any."""
    tissue, solid = disc.herniation, disc.solid
    if tissue is None:
        return 0.0
    outwards = tissue.spread[:, 1] / np.linalg.norm(tissue.spread[:, 1])
    left = np.linspace(-solid.half_width, solid.half_width, _MARGIN_POINTS)
    local = solid.pose.rotation.T @ outwards
    margin = float((local[0] * left + local[1] * margin_mm(solid, left)).max())
    tip = float(outwards @ (tissue.centre_mm - solid.pose.origin_mm) + tissue.extents(outwards[None, :])[0])
    return max(tip - margin, 0.0)


def height_loss(anatomy: Anatomy, level: str) -> Loss:
    """Return the loss of height of a body from C3 down: the greatest of front, middle and back.

    Front against the height behind times the level's expected ratio (wedge), middle against the mean of
    front and back less the usual hollow (biconcave), back against the neighbours' backs in the level's usual
    proportion (crush).
    """
    heights = anatomy.vertebra(level).heights()
    mean = (heights.anterior + heights.posterior) / 2
    losses: dict[FractureForm, float] = {
        "wedge": 1 - heights.anterior / (heights.posterior * expected_ratio(level, anatomy.patient.sex)),
        "biconcave": 1 - heights.middle / (mean - _RIMS * usual_hollow_mm(level, anatomy.patient.age)),
        "crush": 1 - heights.posterior / _expected_back_mm(anatomy, level),
    }
    form = max(losses, key=lambda name: losses[name])
    return Loss(form, 100.0 * losses[form])


def _expected_back_mm(anatomy: Anatomy, level: str) -> float:
    backs = [
        bone.heights().posterior * BODY_SIZES[level].height / BODY_SIZES[bone.level].height
        for bone in _sound_neighbours(anatomy, level)
    ]
    return sum(backs) / len(backs)


def _sound_neighbours(anatomy: Anatomy, level: str) -> list[Vertebra]:
    """The four nearest unbroken vertebrae from C3 down, with bodies that can be compared."""
    bones = [part for part in anatomy.vertebrae if part.level not in ("C1", "C2")]
    place = [part.level for part in bones].index(level)
    sound = [
        (abs(index - place), index)
        for index, part in enumerate(bones)
        if index != place and part.shape is not None and part.shape.fracture is None
    ]
    return [bones[index] for _, index in sorted(sound)[:4]]
