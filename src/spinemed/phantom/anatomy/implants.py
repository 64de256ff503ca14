"""Screws, rods and cages of a patient who was operated on."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from spinemed.phantom.anatomy.parts import Metal, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.solids import Array, Mould, lump
from spinemed.phantom.patient.shapes import Patient

_ROD_MM: Final[float] = 2.75


def place_metal(
    patient: Patient, vertebrae: tuple[Vertebra, ...], discs: list[PlacedDisc], sacrum: Vertebra
) -> tuple[Metal, ...]:
    """Return cages, pedicle screws and the rods that join the screw heads, from below upwards."""
    found: list[Metal] = []
    for disc in discs:
        if disc.shape is not None and disc.shape.cage:
            solid = disc.solid
            radii = (0.55 * solid.half_width, 0.36 * solid.half_depth, 0.46 * solid.height)
            cage = lump(solid.pose, Mould((0.0, -0.12 * solid.half_depth, 0.0), radii, squared=True))
            found.append(Metal("cage", disc.above, (cage.centre_mm, cage.centre_mm), radii[2], cage))
    held = [part for part in vertebrae if part.shape is not None and part.shape.screws]
    if patient.sacral_screws:
        held = [sacrum, *held]
    for side in (-1.0, 1.0):
        heads: list[tuple[str, Array]] = []
        for part in held:
            tip, head = _screw(part, side)
            radius = 2.2 if part.level[0] == "C" else 3.2
            found.append(Metal("screw", part.level, (tip, head), radius))
            heads.append((part.level, head))
        found += [Metal("rod", low[0], (low[1], high[1]), _ROD_MM) for low, high in pairwise(heads)]
    return tuple(found)


def _screw(part: Vertebra, side: float) -> tuple[Array, Array]:
    """Tip in the body and head behind the pedicle of one screw."""
    body = part.body
    up = 0.2 * 2 * body.half_height
    root = part.canal_width_mm / 2 + (2.0 if part.level[0] == "C" else 4.6)
    wall = body.half_depth
    head = body.pose.point(side * (root + 4.5), wall + 0.9 * part.canal_depth_mm + 9.0, up + 1.0)
    return body.pose.point(side * 0.45 * root, -0.35 * wall, up - 1.0), head
