"""Discs in the label maps: annulus, nucleus by grade, bulge, herniation, infection, bridges and cages."""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemed.phantom.anatomy.canal_room import RIM_MM
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc
from spinemed.phantom.anatomy.solids import Box, Flags, Floats, Grid, Lump
from spinemed.phantom.rendering.lumps import Painted, boxes, met, table_of
from spinemed.phantom.rendering.maps import OWNED_BY_DISC, LabelMaps, put, verse_value
from spinemed.phantom.rendering.tissues import Tissue, TissueMap

_USUAL_FILL_MM: Final[float] = 3.2


def paint_discs(maps: LabelMaps, anatomy: Anatomy, grid: Grid) -> None:
    """Paint all discs; the bodies are painted over what of them reaches beyond the endplates."""
    for place in met(grid, [disc.solid for disc in anatomy.placed_discs]):
        disc = anatomy.placed_discs[place]
        solid = disc.solid
        box = grid.box_around(solid.pose.origin_mm, solid.extents(grid.directions))
        if box is not None:
            _paint_disc(maps, grid, box, disc)


def _paint_disc(maps: LabelMaps, grid: Grid, box: Box, disc: PlacedDisc) -> None:
    solid = disc.solid
    frame = solid.pose.rotation.T
    left, posterior, up = grid.coordinates(box, frame, -(frame @ solid.pose.origin_mm))
    half = np.float32(solid.height / 2) - np.float32(solid.tangent / 2) * posterior
    if solid.side_tangent:
        half += np.float32(solid.side_tangent / 2) * left
    high = np.abs(up)
    width2 = (left * np.float32(1 / (solid.half_width + solid.bulge))) ** 2
    depth2 = (posterior * np.float32(1 / (solid.half_depth + solid.bulge))) ** 2
    rounded = np.float32(0.62) * (width2 + depth2) + np.float32(0.38) * (width2 * width2 + depth2 * depth2)
    level = high < half + np.float32(solid.fill)
    inside = (rounded < 1) & level
    if not inside.any():
        return
    tissue, owner = maps.tissue[box], maps.owner[box]
    if disc.shape is not None and disc.shape.infected:
        put(tissue, Tissue.PHLEGMON, (rounded < 1.35) & (high < half + 7.0) & (posterior < 0))
    # The longitudinal ligaments run over the disc in front and behind.
    over = (rounded < 1.18) & (high < half) & (np.abs(left) < 0.5 * solid.half_width)
    put(tissue, Tissue.LIGAMENT, over)
    put(tissue, Tissue.ANNULUS, inside)
    if solid.fill > _USUAL_FILL_MM:  # what has broken through an endplate
        put(tissue, Tissue.HERNIATION, inside & (high > half + np.float32(_USUAL_FILL_MM - 0.8)))
    put(owner, OWNED_BY_DISC + verse_value(disc.above), inside)
    upright = abs(float(grid.directions[0] @ solid.pose.rotation[:, 2])) < 0.7
    _paint_core(tissue, disc, inside, left, posterior, up, half, upright)
    if disc.shape is not None and disc.shape.bridged:
        put(tissue, Tissue.BRIDGE, (rounded > 0.82) & (rounded < 1.12) & (high < half + 1.5))


def _paint_core(
    tissue: TissueMap,
    disc: PlacedDisc,
    inside: Flags,
    left: Floats,
    posterior: Floats,
    up: Floats,
    half: Floats,
    upright: bool,
) -> None:
    """The nucleus: bright and cleft in health, grey and without a border when worn, fluid when infected."""
    solid = disc.solid
    core = (left * np.float32(1 / (0.70 * solid.half_width))) ** 2
    core += ((posterior - 1.0) * np.float32(1 / (0.66 * solid.half_depth))) ** 2
    core *= core
    core += (up / (np.float32(0.95) * (half + np.float32(0.8)))) ** 2
    if disc.shape is not None and disc.shape.infected:
        put(tissue, Tissue.INFECTED_DISC, inside & (core < 1.5))
        return
    nucleus = Tissue.NUCLEUS_1 + solid.pfirrmann - 1
    if solid.pfirrmann < 4:  # towards the annulus it darkens by and by
        put(tissue, nucleus + 1, inside & (core < 1.45))
    put(tissue, nucleus, inside & (core < 1))
    if solid.pfirrmann == 2 and upright:  # the dark cleft of grade 2; slices along it average it away
        put(tissue, Tissue.NUCLEUS_3, inside & (core < 0.45) & (np.abs(up) < 0.5))


def paint_herniations(maps: LabelMaps, anatomy: Anatomy, grid: Grid) -> None:
    """Paint herniated disc tissue, bone pushed into the canal and bridges, but never over a body."""
    parts: list[Lump] = []
    painted: list[Painted] = []
    for disc in anatomy.placed_discs:
        if disc.herniation is not None:
            parts.append(disc.herniation)
            painted.append(Painted(OWNED_BY_DISC + verse_value(disc.above), Tissue.HERNIATION))
        for bridge in disc.bridges:
            parts.append(bridge)
            painted.append(Painted(0, Tissue.BRIDGE))
    for bone in anatomy.vertebrae:
        if bone.fragment is not None:
            parts.append(bone.fragment)
            painted.append(Painted(verse_value(bone.level), Tissue.MARROW))
    if not parts:
        return
    table = table_of(parts, painted)
    along = np.einsum("ga,nab->ngb", grid.directions, table.spreads)
    reach = np.where(table.squared[:, None], np.abs(along).sum(axis=2), np.sqrt((along * along).sum(axis=2)))
    hits, found = boxes(grid, table.centres_mm, reach + 1.5)
    for (low, high), number in zip(found.tolist(), hits.tolist(), strict=True):
        box = slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])
        _paint_pushed(maps, grid, box, parts[number], painted[number])


def _paint_pushed(maps: LabelMaps, grid: Grid, box: Box, part: Lump, painted: Painted) -> None:
    """The lump with a dark rim: displaced ligament around disc tissue, cortex around bone."""
    depth = part.depth_inside(grid, box)
    tissue, owner = maps.tissue[box], maps.owner[box]
    free = (owner == 0) | (owner >= 100)
    if painted.inside == Tissue.BRIDGE:
        put(tissue, Tissue.BRIDGE, (depth > 0) & free)
        return
    bone = painted.inside == Tissue.MARROW
    rim = (depth > -RIM_MM) & free & (tissue != Tissue.ANNULUS)
    put(tissue, Tissue.CORTEX if bone else Tissue.LIGAMENT, rim & (depth <= (1.1 if bone else 0)))
    inside = (depth > 0) & free
    put(tissue, painted.inside, inside & (depth > (1.1 if bone else 0)))
    put(owner, painted.owner, inside)
    put(owner, 0, rim & ~inside)
