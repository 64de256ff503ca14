"""Straight tubes with round ends in a label map: ribs, nerve roots, screws and rods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from spinemed.phantom.anatomy.solids import Array, Floats, Grid
from spinemed.phantom.rendering.lumps import boxes
from spinemed.phantom.rendering.maps import LabelMaps


class Tubes(NamedTuple):
    """Tubes as stacked arrays: both ends [n, 3] in LPS mm, radii [n] in mm."""

    first_mm: Array
    last_mm: Array
    radius_mm: Array


def tubes_of(parts: Sequence[tuple[Array, Array, float]]) -> Tubes:
    """Return tubes given as (end, end, radius)."""
    if not parts:
        return Tubes(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
    first, last, radii = zip(*parts, strict=True)
    return Tubes(np.array(first), np.array(last), np.array(radii, float))


def paint_tubes(
    maps: LabelMaps,
    grid: Grid,
    tubes: Tubes,
    fill: Callable[[LabelMaps, tuple[slice, ...], Floats, int], None],
) -> None:
    """Call `fill(maps, box, distance, number)` for every tube that the grid meets.

    `distance` [slice, row, column] is how many mm each pixel of the box lies from the tube's axis.
    """
    if len(tubes.radius_mm) == 0:
        return
    half = (tubes.last_mm - tubes.first_mm) / 2
    reach = np.abs(half @ grid.directions.T) + tubes.radius_mm[:, None]
    centres = tubes.first_mm + half
    hits, found = boxes(grid, centres, reach)
    for (low, high), number in zip(found.tolist(), hits.tolist(), strict=True):
        box = slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])
        fill(maps, box, _distance(grid, box, centres[number], half[number]), number)


def _distance(grid: Grid, box: tuple[slice, slice, slice], centre: Array, half: Array) -> Floats:
    """How far the box's pixels lie from the segment centre - half .. centre + half, in mm."""
    x, y, z = grid.coordinates(box, np.eye(3), -centre)
    length2 = max(float(half @ half), 1e-9)
    a, b, c = (np.float32(part) for part in half)
    share = a * x
    share += b * y
    share += c * z
    share /= np.float32(length2)
    np.maximum(share, -1, out=share)
    np.minimum(share, 1, out=share)
    distance = np.zeros(share.shape, np.float32)
    for place, part in ((x, a), (y, b), (z, c)):
        off = place - part * share
        off *= off
        distance += off
    return np.sqrt(distance, out=distance)
