"""What presses on the canal or bridges a disc, as lumps: herniated tissue, retropulsed bone, bony bridges."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from spinemed.phantom.anatomy.solids import Array, Body, Disc, Mould, Pose, rotation_about_up
from spinemed.phantom.patient.shapes import DiscShape, VertebraShape, Zone

# Where a herniation's middle lies aside: as a share of the canal's half width and mm further out, but no
# further than a share of the disc's half width, because the canal of the neck is wider than its discs.
_ZONES: Final[dict[Zone, tuple[float, float, float]]] = {
    "central": (0.0, 0.0, 0.0),
    "subarticular": (0.58, 0.0, 0.45),
    "foraminal": (1.0, 3.0, 0.8),
}


def herniation_mould(shape: DiscShape, solid: Disc, above: VertebraShape) -> tuple[Pose, list[Mould]]:
    """Return the herniated tissue with its frame: on the disc's margin, turned to where it faces outwards."""
    herniation = shape.herniation
    if herniation is None:
        return solid.pose, []
    share, beyond, most = _ZONES[herniation.zone]
    aside = min(share * above.canal_width_mm / 2 + beyond, most * solid.half_width)
    left = {"left": aside, "right": -aside, "": 0.0}[herniation.side]
    wall = float(margin_mm(solid, np.array(left)))
    # A protrusion is no taller than the disc behind (Fardon 2014); an extrusion spreads beyond it.
    behind = max(0.5 * solid.height - solid.tangent / 2 * wall, 1.5)
    tall = behind if herniation.kind == "protrusion" else 0.5 * solid.height + 3.0
    tall += abs(herniation.migration_mm) / 2
    outwards = solid.pose.rotation @ rotation_about_up(-_outward(solid, left, wall))
    frame = Pose(solid.pose.point(left, wall, 0.0), outwards)
    return frame, [
        Mould((0.0, 0.0, herniation.migration_mm / 2), (herniation.width_mm / 2, herniation.reach_mm, tall))
    ]


def margin_mm(solid: Disc, left_mm: Array) -> Array:
    """Return how far behind a disc's middle its posterior margin lies at places aside of it, bulge left out.

    >>> pose = Pose(np.zeros(3), np.eye(3))
    >>> disc = Disc(pose, half_width=20.0, half_depth=15.0, height=8.0, tangent=0.0, bulge=0.0, pfirrmann=1)
    >>> margin_mm(disc, np.array([0.0, 20.0])).tolist()
    [15.0, 0.0]
    """
    width2 = np.square(left_mm / solid.half_width)
    rest = np.maximum(1.0 - 0.62 * width2 - 0.38 * width2 * width2, 0.0)
    return np.asarray(solid.half_depth * np.sqrt((np.sqrt(0.62**2 + 4 * 0.38 * rest) - 0.62) / (2 * 0.38)))


def _outward(solid: Disc, left: float, posterior: float) -> float:
    """The angle in radians by which the margin faces to the left of straight back."""
    wide, deep = left / solid.half_width, posterior / solid.half_depth
    aside = (0.62 * wide + 0.76 * wide**3) / solid.half_width
    return math.atan2(aside, (0.62 * deep + 0.76 * deep**3) / solid.half_depth)


def fragment_mould(shape: VertebraShape, body: Body) -> list[Mould]:
    """Return the bone pushed back from the upper posterior corner of a burst body; empty without."""
    if shape.fracture is None or shape.fracture.retropulsion_mm <= 0:
        return []
    tall = 0.42 * shape.posterior_height_mm
    centre = (0.0, body.half_depth - 1.0, 0.22 * shape.posterior_height_mm)
    return [Mould(centre, (0.32 * shape.canal_width_mm, shape.fracture.retropulsion_mm + 1.0, tall))]


def bridge_moulds(solid: Disc) -> list[Mould]:
    """Return the bony bridges around a disc: in front, and on both sides."""
    tall = solid.height / 2 + 3.5
    front = Mould((0.0, -solid.half_depth + 0.5, 0.0), (0.62 * solid.half_width, 2.6, tall), squared=True)
    sides = [
        Mould((side * (solid.half_width - 0.5), 0.0, 0.0), (2.4, 0.5 * solid.half_depth, tall))
        for side in (-1.0, 1.0)
    ]
    return [front, *sides]
