"""The content of the spinal canal in a tissue map: fat, ligaments, dural sac, cord, conus and roots."""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy, Midline
from spinemed.phantom.anatomy.solids import Floats, Grid
from spinemed.phantom.rendering.tissues import Tissue, TissueMap

_BAND_ROWS: Final[int] = 24
_REACH_MM: Final[float] = 24.0


def paint_canal(tissue: TissueMap, anatomy: Anatomy, grid: Grid) -> None:
    """Paint epidural fat, dural sac, cord and roots into the tissue map, in place.

    Works band by band along the canal, each band only as wide as the canal needs.
    """
    line = anatomy.midline
    heights = line.low_mm + line.step_mm * np.arange(len(line.canal_left))
    points = np.stack([line.canal_left, line.canal_posterior, heights], axis=1)
    places = (points - grid.origin_mm) @ grid.directions.T / np.asarray(grid.steps_mm)
    reach = int(_REACH_MM / grid.steps_mm[2])
    for start in range(0, grid.shape[1], _BAND_ROWS):
        stop = min(start + _BAND_ROWS, grid.shape[1])
        # Tilted slices: what shows in these rows may lie on the centre line a little above or below them.
        near = places[(places[:, 1] >= start - 12) & (places[:, 1] < stop + 12), 2]
        if near.size == 0:
            continue
        first, last = max(int(near.min()) - reach, 0), min(int(near.max()) + reach + 1, grid.shape[2])
        if first < last:
            box = slice(0, grid.shape[0]), slice(start, stop), slice(first, last)
            x, y, z = grid.coordinates(box, np.eye(3), np.zeros(3))
            _paint_band(tissue[box], anatomy, line, x, y, z)


def _paint_band(band: TissueMap, anatomy: Anatomy, line: Midline, x: Floats, y: Floats, z: Floats) -> None:
    """Epidural fat, yellow ligament, sac, cord down to the conus, roots behind and below it."""
    around = anatomy.patient.surroundings
    at = line.at(z)
    deep, wide = line.canal_half_depth[at], line.canal_half_width[at]
    left, back = x - line.canal_left[at], y - line.canal_posterior[at]
    lowest = anatomy.sacrum[-1].body.pose.origin_mm[2]
    canal = ((left / (wide + 1.0)) ** 2 + (back / (deep + 1.0)) ** 2 < 1) & (z > lowest)
    band[canal] = Tissue.EPIDURAL_FAT
    yellow = (np.abs(left) < wide * 0.8) & (back > deep * 0.95) & (back < deep + 2.6)
    band[yellow & (z > lowest)] = Tissue.LIGAMENT
    end = anatomy.vertebra("S2").body.pose.origin_mm[2] + around.sac_end_offset_mm
    narrowing = 0.88 * np.sqrt(np.clip((z - end) / 40.0, 0.0, 1.0)) + 1e-3
    sac_radius = (left / (wide * narrowing)) ** 2 + ((back + 0.10 * deep) / (deep * narrowing)) ** 2
    sac = sac_radius < 1
    band[canal & ~sac & (sac_radius < 1.4) & (z > end) & (back < 0)] = Tissue.LIGAMENT
    band[sac] = Tissue.CSF
    conus = (anatomy.vertebra("L1").body.pose.origin_mm[2] + around.conus_offset_mm) - 8.0
    swell = np.clip((z - conus) / 28.0, 0.0, 1.0) ** 0.5 + 1e-3
    cord_back = back + 0.05 * deep
    cord = (left / (5.2 * swell)) ** 2 + (cord_back / (3.9 * swell)) ** 2 < 1
    band[sac & cord] = Tissue.CORD
    strands = np.sin(2.1 * left + 0.05 * z) * np.sin(2.4 * back + 0.07 * z + 1.3 * np.sin(0.035 * z))
    lying_behind = back > deep * (-0.05 - 0.004 * (z - conus))
    roots = sac & ~cord & (z < conus + 14.0) & lying_behind & (sac_radius < 0.85) & (strands > 0.1)
    band[roots] = Tissue.CAUDA
