"""Ribs and implants in the label maps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Array, Floats, Grid
from spinemed.phantom.rendering.lumps import boxes, cortex_mm, table_of
from spinemed.phantom.rendering.maps import LabelMaps, put
from spinemed.phantom.rendering.tissues import Tissue
from spinemed.phantom.rendering.tubes import Tubes, paint_tubes, tubes_of


@lru_cache(maxsize=4)
def ribs_of(anatomy: Anatomy) -> Tubes:
    """Return the ribs as chains of straight tubes."""
    parts: list[tuple[Array, Array, float]] = []
    for rib in anatomy.ribs:
        parts += [
            (first, last, rib.radius_mm)
            for first, last in zip(rib.points_mm[:-1], rib.points_mm[1:], strict=True)
        ]
    return tubes_of(parts)


def paint_ribs(maps: LabelMaps, anatomy: Anatomy, grid: Grid) -> None:
    """Paint the ribs, cortex around marrow; they belong to no vertebra."""
    if not anatomy.ribs:
        return
    tubes = ribs_of(anatomy)
    cortex = cortex_mm(grid)

    def fill(maps: LabelMaps, box: tuple[slice, ...], distance: Floats, number: int) -> None:
        radius = tubes.radius_mm[number]
        tissue, owner = maps.tissue[box], maps.owner[box]
        free = owner == 0
        # Marrow of the neighbouring piece of the same rib stays.
        rim = (distance < radius) & free & (tissue != Tissue.MARROW)
        put(tissue, Tissue.CORTEX, rim)
        put(tissue, Tissue.MARROW, (distance < max(radius - cortex, 0.4 * radius)) & free)

    paint_tubes(maps, grid, tubes, fill)


def paint_metal(maps: LabelMaps, anatomy: Anatomy, grid: Grid) -> None:
    """Paint screws and rods as metal and cages as what cages are made of; they belong to no vertebra."""
    straight = [part for part in anatomy.metal if part.lump is None]
    tubes = tubes_of([(*part.ends_mm, part.radius_mm) for part in straight])

    def fill(maps: LabelMaps, box: tuple[slice, ...], distance: Floats, number: int) -> None:
        within = distance < tubes.radius_mm[number]
        _put(maps, box, within, Tissue.METAL)

    paint_tubes(maps, grid, tubes, fill)
    _paint_cages(maps, anatomy, grid)


def _paint_cages(maps: LabelMaps, anatomy: Anatomy, grid: Grid) -> None:
    cages = [part.lump for part in anatomy.metal if part.lump is not None]
    if not cages:
        return
    table = table_of(cages, [])
    along = np.abs(np.einsum("ga,nab->ngb", grid.directions, table.spreads))
    hits, found = boxes(grid, table.centres_mm, along.sum(axis=2))
    for (low, high), number in zip(found.tolist(), hits.tolist(), strict=True):
        box = slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])
        depth = cages[number].depth_inside(grid, box)
        _put(maps, box, depth > 0, Tissue.CAGE)
        _put(maps, box, (depth > 0) & (depth < 0.9), Tissue.METAL_RIM)


def _put(maps: LabelMaps, box: tuple[slice, ...], within: NDArray[np.bool_], kind: Tissue) -> None:
    put(maps.tissue[box], kind, within)
    put(maps.owner[box], 0, within)
