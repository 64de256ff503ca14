"""The label maps of one grid, painted from outside in: soft tissue, arches, canal, discs, bodies, metal."""

from __future__ import annotations

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Grid
from spinemed.phantom.rendering.bodies import paint_bodies, paint_pars_gaps
from spinemed.phantom.rendering.canal import gather, paint_around_canal, paint_canal, paint_roots
from spinemed.phantom.rendering.discs import paint_discs, paint_herniations
from spinemed.phantom.rendering.lumps import arches, paint_lumps
from spinemed.phantom.rendering.maps import LabelMaps, verse_value
from spinemed.phantom.rendering.metal import paint_metal, paint_ribs
from spinemed.phantom.rendering.soft_tissue import paint_soft_tissue

__all__ = ["LabelMaps", "paint", "verse_value"]


def paint(anatomy: Anatomy, grid: Grid) -> LabelMaps:
    """Return the patient's label maps on a grid; later parts cover earlier ones."""
    maps = LabelMaps(paint_soft_tissue(anatomy, grid), np.zeros(grid.shape, np.uint8))
    canal = gather(anatomy, grid)
    if canal is not None:
        paint_around_canal(maps, anatomy, canal)
    paint_ribs(maps, anatomy, grid)
    paint_lumps(maps, grid, arches(anatomy))
    paint_pars_gaps(maps, anatomy, grid)
    if canal is not None:
        paint_canal(maps, anatomy, canal)
    paint_roots(maps, anatomy, grid)
    paint_discs(maps, anatomy, grid)
    paint_bodies(maps, anatomy, grid)
    paint_herniations(maps, anatomy, grid)
    paint_metal(maps, anatomy, grid)
    return maps
