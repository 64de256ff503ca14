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
    # Every solid twice: its surface, and where its cortex ends.
    both_steps = np.stack([steps, steps * shrunk[:, :, None]], axis=1)
    both_starts = np.stack([starts, starts * shrunk], axis=1)
    sizes = found[:, 1] - found[:, 0]
    forms = _Forms(both_steps, both_starts, sizes.max(axis=0).tolist())
    for number, hit in enumerate(hits.tolist()):
        (s0, r0, c0), (s1, r1, c1) = found[number].tolist()
        size = (s1 - s0, r1 - r0, c1 - c0)
        if table.squared[hit]:
            surfaces = _squared(both_steps[number], both_starts[number], size)
        else:
            surfaces = forms.over_box(number, size)
        within, core = surfaces < 1
        _fill(maps, (slice(s0, s1), slice(r0, r1), slice(c0, c1)), within, core, table.painted[hit])


class _Forms:
    """|start + steps @ (slice, row, column)|^2 of solids, two of each: as sums of parts along the axes.

    `steps` is [solid, 2, coordinate, axis], `starts` [solid, 2, coordinate]; `most` the largest box's sizes.
    """

    def __init__(self, steps: Array, starts: Array, most: Sequence[int]) -> None:
        shape = starts.shape[:2]
        steps, starts = steps.reshape(-1, 3, 3), starts.reshape(-1, 3)
        gram = steps.transpose(0, 2, 1) @ steps
        linear = 2 * np.einsum("na,nab->nb", starts, steps)
        constant = (starts * starts).sum(axis=1).astype(np.float32)
        squares = gram[:, (0, 1, 2), (0, 1, 2)].astype(np.float32)
        products = (2 * gram[:, (0, 0, 1), (1, 2, 2)]).astype(np.float32)
        slices, rows, columns = (np.arange(count, dtype=np.float32) for count in most)

        def along(places: Floats, axis: int) -> Floats:
            first = linear[:, axis, None].astype(np.float32)
            return np.asarray(places * (places * squares[:, axis, None] + first))

        parts = (
            along(slices, 0),
            along(rows, 1) + constant[:, None],
            along(columns, 2),
            products[:, 0, None] * rows,
            products[:, 1, None] * columns,
            products[:, 2, None] * rows,
        )
        self._slices, self._columns = slices[:, None, None], columns
        self._parts = [part.reshape(*shape, -1) for part in parts]

    def over_box(self, number: int, size: tuple[int, int, int]) -> Floats:
        """Return the two forms of one solid over its box: [2, slice, row, column]."""
        slices, rows, columns = size
        by_slice, by_row, by_column, tilt_of_row, tilt_of_column, mixed = (
            part[number] for part in self._parts
        )
        plane = mixed[:, :rows, None] * self._columns[:columns]
        plane += by_column[:, None, :columns]
        plane += by_row[:, :rows, None]
        if slices == 1:
            return np.asarray(plane[:, None])
        tilt = tilt_of_row[:, :rows, None] + tilt_of_column[:, None, :columns]
        whole = plane[:, None] + by_slice[:, :slices, None, None]
        whole += self._slices[:slices] * tilt[:, None]
        return np.asarray(whole)


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


@cache
def _counts(size: int) -> Floats:
    """0, 1, 2 and on; shared, so never written to."""
    counts = np.arange(size, dtype=np.float32)
    counts.setflags(write=False)
    return counts


def _squared(steps: Array, start: Array, size: tuple[int, int, int]) -> Floats:
    """u0^2 + sqrt(u1^4 + u2^4): two ellipsoids with flat faces seen from the side, [2, slice, row, column].

    `steps` is [2, coordinate, axis], `start` [2, coordinate].
    """
    by_slice, by_row, by_column = (
        _counts(count) * steps[:, :, axis, None].astype(np.float32) for axis, count in enumerate(size)
    )
    by_slice += start[:, :, None].astype(np.float32)
    places = (by_slice[..., :, None] + by_row[..., None, :])[..., None] + by_column[:, :, None, None, :]
    squares = np.multiply(places, places, out=places)
    flat: Floats = squares[:, 1] * squares[:, 1]
    squares[:, 2] *= squares[:, 2]
    flat += squares[:, 2]
    np.sqrt(flat, out=flat)
    flat += squares[:, 0]
    return flat
