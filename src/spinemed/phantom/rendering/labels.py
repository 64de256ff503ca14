"""The label maps of one series: which tissue and which vertebra every pixel shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.level_labels import value_of
from spinemed.phantom.anatomy.parts import Anatomy, Vertebra
from spinemed.phantom.anatomy.solids import Body, Disc, Grid, Lump
from spinemed.phantom.rendering.canal import paint_canal
from spinemed.phantom.rendering.soft_tissue import paint_soft_tissue
from spinemed.phantom.rendering.tissues import Tissue, TissueMap

_LEAST_CORTEX_MM: Final[float] = 1.1


@dataclass(frozen=True, eq=False)
class LabelMaps:
    """Tissue numbers and VerSe labels on one grid, [slice, row, column] uint8; 0 is no vertebra."""

    tissue: TissueMap
    vertebra: NDArray[np.uint8]


@cache
def verse_value(level: str) -> int:
    """Return the VerSe label of a vertebra; any sacral segment gives S1's, which stands for the sacrum.

    >>> verse_value("C1"), verse_value("T8"), verse_value("L5"), verse_value("S1")
    (1, 15, 24, 26)
    """
    return int(value_of("verse", "S1" if level.startswith("S") else level))


def paint(anatomy: Anatomy, grid: Grid) -> LabelMaps:
    """Return the patient's label maps on a grid: soft tissue, then canal, arches, discs and bodies."""
    maps = LabelMaps(paint_soft_tissue(anatomy, grid), np.zeros(grid.shape, np.uint8))
    paint_canal(maps.tissue, anatomy, grid)
    bones = (*anatomy.sacrum, *anatomy.vertebrae)
    for bone in bones:
        for part in bone.arch:
            _paint_lump(maps, grid, part, verse_value(bone.level))
    for disc in anatomy.placed_discs:
        _paint_disc(maps, grid, disc.solid)
    for bone in bones:
        _paint_body(maps, grid, bone)
    return maps


def _cortex_mm(grid: Grid) -> float:
    """The cortex's thickness, never less than a pixel: a thinner one would break up into dashes."""
    return max(_LEAST_CORTEX_MM, grid.steps_mm[1])


def _paint_lump(maps: LabelMaps, grid: Grid, part: Lump, value: int) -> None:
    box = grid.box_around(part.centre_mm, part.extents(grid.directions))
    if box is None:
        return
    depth = part.depth_inside(grid, box)
    inside = depth > 0
    maps.tissue[box][inside] = np.where(depth[inside] < _cortex_mm(grid), Tissue.CORTEX, Tissue.MARROW)
    maps.vertebra[box][inside] = value


def _paint_disc(maps: LabelMaps, grid: Grid, disc: Disc) -> None:
    box = grid.box_around(disc.pose.origin_mm, disc.extents(grid.directions))
    if box is None:
        return
    frame = disc.pose.rotation.T
    left, posterior, up = grid.coordinates(box, frame, -(frame @ disc.pose.origin_mm))
    # The disc reaches into the hollow endplates; the bodies are painted over it.
    half = disc.height / 2 - disc.tangent * posterior / 2
    width2 = (left / (disc.half_width + disc.bulge)) ** 2
    depth2 = (posterior / (disc.half_depth + disc.bulge)) ** 2
    rounded = 0.62 * (width2 + depth2) + 0.38 * (width2 * width2 + depth2 * depth2)
    inside = (rounded < 1) & (np.abs(up) < half + 3.2)
    core = (left / (0.70 * disc.half_width)) ** 2 + ((posterior - 1.0) / (0.66 * disc.half_depth)) ** 2
    core = core * core + (up / (0.95 * (half + 0.8))) ** 2
    tissue = maps.tissue[box]
    tissue[inside] = Tissue.ANNULUS
    tissue[inside & (core < 1)] = Tissue.NUCLEUS_1 + disc.pfirrmann - 1
    if disc.pfirrmann <= 2:  # the dark intranuclear cleft of a healthy disc
        tissue[inside & (core < 0.45) & (np.abs(up) < 0.55)] = Tissue.NUCLEUS_3


def _paint_body(maps: LabelMaps, grid: Grid, bone: Vertebra) -> None:
    body: Body = bone.body
    box = grid.box_around(body.pose.origin_mm, body.extents(grid.directions) + 2.0)
    if box is None:
        return
    frame = body.pose.rotation.T
    left, posterior, up = grid.coordinates(box, frame, -(frame @ body.pose.origin_mm))
    depth = body.depth_inside(left, posterior, up)
    inside = depth > 0
    tissue = maps.tissue[box]
    tissue[(depth > -1.4) & ~inside & (posterior < 0) & (np.abs(up) < body.half_height)] = Tissue.LIGAMENT
    marrow = Tissue.MARROW
    tissue[inside] = np.where(depth[inside] < _cortex_mm(grid), Tissue.CORTEX, marrow)
    if bone.oedema:
        tissue[(depth >= _cortex_mm(grid)) & (up > -0.1 * body.half_height)] = Tissue.OEDEMA
    if bone.level[0] != "S":
        notch = inside & (np.abs(up) < 1.2) & (posterior > 0.4 * body.half_depth) & (np.abs(left) < 4.5)
        tissue[notch] = Tissue.VEIN
    maps.vertebra[box][inside] = verse_value(bone.level)
