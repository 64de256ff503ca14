"""What presses on the canal or bridges a disc, as lumps: herniated tissue, retropulsed bone, bony bridges."""

from __future__ import annotations

from typing import Final

from spinemed.phantom.anatomy.solids import Body, Disc, Mould
from spinemed.phantom.patient.shapes import DiscShape, VertebraShape, Zone

# Where a herniation's middle lies, as a share of the canal's half width, and mm further out.
_ZONES: Final[dict[Zone, tuple[float, float]]] = {
    "central": (0.0, 0.0),
    "subarticular": (0.58, 0.0),
    "foraminal": (1.0, 3.0),
}


def herniation_mould(shape: DiscShape, solid: Disc, above: VertebraShape) -> list[Mould]:
    """Return the herniated tissue in the disc's frame, centred on the posterior wall; empty without one."""
    herniation = shape.herniation
    if herniation is None:
        return []
    share, beyond = _ZONES[herniation.zone]
    aside = share * above.canal_width_mm / 2 + beyond
    left = {"left": aside, "right": -aside, "": 0.0}[herniation.side]
    # The posterior wall curves forwards at the sides.
    wall = solid.half_depth * (1.0 - 0.35 * (left / solid.half_width) ** 2)
    # A protrusion is no taller than the disc behind (Fardon 2014); an extrusion spreads beyond it.
    behind = max(0.5 * solid.height - solid.tangent / 2 * solid.half_depth, 1.5)
    tall = behind if herniation.kind == "protrusion" else 0.5 * solid.height + 3.0
    tall += abs(herniation.migration_mm) / 2
    centre = (left, wall, herniation.migration_mm / 2)
    return [Mould(centre, (herniation.width_mm / 2, herniation.reach_mm, tall))]


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
