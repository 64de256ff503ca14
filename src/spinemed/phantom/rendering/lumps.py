"""All ellipsoids of a patient painted together: boxes and quadratic forms in one go, then pixel by pixel.

On a grid the surface function of an ellipsoid is a quadratic form of slice, row and column; its
coefficients come from one matrix product for all solids, so that only those that the slices meet cost time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.parts import Anatomy, Vertebra
from spinemed.phantom.anatomy.solids import Array, Body, Box, Disc, Flags, Floats, Grid, Lump
from spinemed.phantom.rendering.maps import LAST_VERTEBRA, LabelMaps, put, verse_value
from spinemed.phantom.rendering.tissues import Tissue

_LEAST_CORTEX_MM: Final[float] = 1.1
_LEAST_RADIUS: Final[float] = 0.02


class Painted(NamedTuple):
    """What a lump leaves in the maps: its owner, and its tissue inside the cortex."""

    owner: int
    inside: Tissue


@dataclass(frozen=True, eq=False)
class LumpTable:
    """Lumps as stacked arrays: centres [n, 3] in mm, matrices and their inverses [n, 3, 3], radii [n, 3]."""

    centres_mm: Array
    matrices: Array
    spreads: Array
    radii_mm: Array
    squared: Flags
    painted: tuple[Painted, ...]


def table_of(lumps: Sequence[Lump], painted: Sequence[Painted]) -> LumpTable:
    """Return lumps as one table, in order."""
    return LumpTable(
        centres_mm=np.concatenate([part.centre_mm for part in lumps]).reshape(-1, 3),
        matrices=np.concatenate([part.matrix for part in lumps]).reshape(-1, 3, 3),
        spreads=np.concatenate([part.spread for part in lumps]).reshape(-1, 3, 3),
        radii_mm=np.array([part.radii for part in lumps]),
        squared=np.array([part.squared for part in lumps]),
        painted=tuple(painted),
    )


@lru_cache(maxsize=4)
def arches(anatomy: Anatomy) -> LumpTable:
    """Return the lumps of sacrum, vertebrae and pelvis, in the order in which they are painted."""
    lumps: list[Lump] = []
    painted: list[Painted] = []
    for part in anatomy.pelvis:
        lumps.append(part)
        painted.append(Painted(0, Tissue.MARROW))
    for bone in (*anatomy.sacrum, *anatomy.vertebrae):
        usual = Painted(verse_value(bone.level), Tissue.MARROW)
        taken = _taken_pedicle(bone)
        lumps += bone.arch
        painted += [
            usual if part is not taken else usual._replace(inside=_lesion_of(bone)) for part in bone.arch
        ]
    return table_of(lumps, painted)


def _lesion_of(bone: Vertebra) -> Tissue:
    lesion = None if bone.shape is None else bone.shape.lesion
    if lesion is None:
        return Tissue.MARROW
    return Tissue.LYTIC if lesion.kind == "lytic" else Tissue.BLASTIC


def _taken_pedicle(bone: Vertebra) -> Lump | None:
    """The pedicle that a metastasis takes as well: the lump next to where that pedicle lies."""
    if bone.shape is None or bone.shape.lesion is None or not bone.shape.lesion.pedicle or not bone.arch:
        return None
    side = 1.0 if bone.shape.lesion.pedicle == "left" else -1.0
    where = bone.body.pose.point(
        side * (bone.canal_width_mm / 2 + 4.0), bone.body.half_depth + 4.5, 0.4 * bone.body.half_height
    )
    return min(bone.arch, key=lambda part: float(np.linalg.norm(part.centre_mm - where)))


def cortex_mm(grid: Grid) -> float:
    """Return the cortex's thickness, never less than a pixel: a thinner one would break up into dashes."""
    return max(_LEAST_CORTEX_MM, grid.steps_mm[1])


def met(grid: Grid, solids: Sequence[Body | Disc]) -> list[int]:
    """Return the places in `solids` of those that the grid may meet; a sphere around each decides."""
    centres = np.concatenate([part.pose.origin_mm for part in solids]).reshape(-1, 3)
    radii = np.array(
        [
            part.half_width
            + part.half_depth * 0.5
            + (part.height if isinstance(part, Disc) else part.half_height)
            for part in solids
        ]
    )
    hits, _ = boxes(grid, centres, np.repeat(radii[:, None], 3, axis=1))
    return [int(hit) for hit in hits]


def boxes(grid: Grid, centres_mm: Array, reach_mm: Array) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return which solids the grid meets, and their boxes [hit, first or end, axis] in its pixels.

    `reach_mm` [n, 3] is how far each reaches along the grid's directions.
    """
    steps = np.asarray(grid.steps_mm)
    places = (centres_mm - grid.origin_mm) @ grid.directions.T / steps
    reach = reach_mm / steps
    low = np.maximum(np.ceil(places - reach), 0).astype(np.int64)
    high = np.minimum(np.floor(places + reach) + 1, grid.shape).astype(np.int64)
    hits = np.flatnonzero((low < high).all(axis=1))
    return hits, np.stack([low[hits], high[hits]], axis=1)


def paint_lumps(maps: LabelMaps, grid: Grid, table: LumpTable) -> None:
    """Paint every lump that the grid meets: cortex, marrow within, a joint where two vertebrae overlap."""
    along = np.abs(np.einsum("ga,nab->ngb", grid.directions, table.spreads))
    reach = np.where(table.squared[:, None], along.sum(axis=2), np.sqrt((along * along).sum(axis=2)))
    hits, found = boxes(grid, table.centres_mm, reach)
    if hits.size == 0:
        return
    millimetres = grid.directions * np.asarray(grid.steps_mm)[:, None]
    matrices = table.matrices[hits]
    steps = matrices @ millimetres.T  # [hit, coordinate, axis of the grid]
    starts = np.einsum("nab,nb->na", matrices, grid.origin_mm - table.centres_mm[hits])
    starts += np.einsum("nab,nb->na", steps, found[:, 0].astype(np.float64))  # at the box's first pixel
    radii = table.radii_mm[hits]
    shrunk = radii / np.maximum(radii - cortex_mm(grid), _LEAST_RADIUS)  # outer over inner radius
    scaled = steps * shrunk[:, :, None]
    outer, inner = _forms(steps, starts), _forms(scaled, starts * shrunk)
    for number, hit in enumerate(hits.tolist()):
        (s0, r0, c0), (s1, r1, c1) = found[number].tolist()
        box = slice(s0, s1), slice(r0, r1), slice(c0, c1)
        size = (s1 - s0, r1 - r0, c1 - c0)
        if table.squared[hit]:
            within = _squared(steps[number], starts[number], size) < 1
            core = _squared(scaled[number], starts[number] * shrunk[number], size) < 1
        else:
            within, core = _ellipsoid(outer[number], size) < 1, _ellipsoid(inner[number], size) < 1
        _fill(maps, box, within, core, table.painted[hit])


def _forms(steps: Array, starts: Array) -> list[list[float]]:
    """Ten coefficients of |start + steps @ (slice, row, column)|^2 for each solid."""
    gram = steps.transpose(0, 2, 1) @ steps
    linear = 2 * np.einsum("na,nab->nb", starts, steps)
    constant = (starts * starts).sum(axis=1)
    squares = gram[:, (0, 1, 2), (0, 1, 2)]
    products = 2 * gram[:, (0, 0, 1), (1, 2, 2)]
    found: list[list[float]] = np.column_stack([squares, products, linear, constant]).tolist()
    return found


def _fill(maps: LabelMaps, box: Box, within: Flags, core: Flags, painted: Painted) -> None:
    """Cortex around marrow; inside the marrow of a part of the same bone no wall, against another a joint."""
    tissue, owner = maps.tissue[box], maps.owner[box]
    value = painted.owner
    walled = within & ((owner != value) | (tissue != Tissue.MARROW))
    if value and owner.any():
        other = walled & ~core & (owner != value) & (owner > 0) & (owner <= LAST_VERTEBRA)
        put(tissue, Tissue.CORTEX, walled)
        put(tissue, Tissue.JOINT, other)
    else:
        put(tissue, Tissue.CORTEX, walled)
    put(tissue, painted.inside, core)
    put(owner, value, within)


def _ellipsoid(form: list[float], size: tuple[int, int, int]) -> Floats:
    """The quadratic form over the box."""
    ss, rr, cc, sr, sc, rc, s, r, c, constant = form
    rows, columns = _counts(size[1]), _counts(size[2])
    plane: Floats = np.multiply.outer(rows * np.float32(rc), columns)
    plane += columns * (columns * np.float32(cc) + np.float32(c))
    plane += (rows * (rows * np.float32(rr) + np.float32(r)) + np.float32(constant))[:, None]
    if size[0] == 1:
        return plane[None]
    slices = _counts(size[0])
    by_slice = slices * (slices * np.float32(ss) + np.float32(s))
    tilt = np.float32(sr) * rows[:, None] + np.float32(sc) * columns
    whole: Floats = plane + by_slice[:, None, None] + slices[:, None, None] * tilt
    return whole


@cache
def _counts(size: int) -> Floats:
    """0, 1, 2 and on; shared, so never written to."""
    counts = np.arange(size, dtype=np.float32)
    counts.setflags(write=False)
    return counts


def _squared(steps: Array, start: Array, size: tuple[int, int, int]) -> Floats:
    """u0^2 + sqrt(u1^4 + u2^4): an ellipsoid with flat faces seen from the side."""
    lines = [_counts(count) for count in size]
    squares: list[Floats] = []
    for coordinate in range(3):
        by_slice, by_row, by_column = (
            line * np.float32(steps[coordinate, axis]) for axis, line in enumerate(lines)
        )
        by_slice += np.float32(start[coordinate])
        place = (by_slice[:, None, None] + by_row[:, None]) + by_column
        squares.append(np.multiply(place, place, out=place))
    flat: Floats = squares[1] * squares[1]
    flat += squares[2] * squares[2]
    np.sqrt(flat, out=flat)
    flat += squares[0]
    return flat
