"""How long the rays of a radiograph run inside bent tubes: ribs, screws, rods, the jaw.

A bent tube is a chain of straight ones, mitred: each ends at the plane that halves the bend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.solids import Array, Floats, Grid
from spinemed.phantom.rendering.radiograph_chords import (
    Chords,
    PixelList,
    Whole,
    counts_of,
    joined,
    pixel_lists,
    places_of,
    projected,
)


class Tube(NamedTuple):
    """Points [n, 3] in LPS mm along a tube, its radius and the thickness of its wall in mm."""

    points_mm: Array
    radius_mm: float
    wall_mm: float


class _Segments(NamedTuple):
    """Straight pieces [n]: first point, axis, the two mitre planes' normals, last point, radii, owner."""

    first: Array
    axis: Array
    start_normal: Array
    end_normal: Array
    last: Array
    outer: Array
    inner: Array
    owner: Whole


def tube_chords(grid: Grid, tubes: Sequence[Tube]) -> Chords:
    """Return the chords through tubes; the owner of each is the tube's number."""
    if not tubes:
        return joined([])
    pieces = _segments(tubes)
    at = projected(grid, (pieces.first + pieces.last) / 2)
    half = np.abs(projected(grid, pieces.last) - projected(grid, pieces.first)) / 2
    # A mitre reaches beyond the end by at most the radius for bends below 90 degrees.
    reach = half + 1.25 * pieces.outer[:, None] / np.asarray(grid.steps_mm[1:])
    found = []
    for box in pixel_lists(at, reach, grid.shape[1:]):
        near = _near_axes(grid, pieces, box)
        owner = box.owner.take(near)
        outer, inner = _piece_chords(
            grid, pieces, box.row.take(near), box.column.take(near), counts_of(owner, len(at))
        )
        hits = np.flatnonzero(outer > 0)
        tube = pieces.owner.take(owner.take(hits))
        found.append(Chords(tube, places_of(box, near.take(hits), grid), outer.take(hits), inner.take(hits)))
    return joined(found)


def _near_axes(grid: Grid, pieces: _Segments, pixels: PixelList) -> NDArray[np.intp]:
    """Which pixels of the boxes lie no farther from the drawn axis than the radius."""
    at = projected(grid, pieces.first)
    drawn = projected(grid, pieces.last) - at
    drawn /= np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), 1e-6)
    # Distance of (row, column) from the line through `at` along `drawn`, in units of the radius.
    scale = np.asarray(grid.steps_mm[1]) / pieces.outer
    by_row, by_column = (drawn[:, 1] * scale).astype(np.float32), (-drawn[:, 0] * scale).astype(np.float32)
    shift = (-(by_row * at[:, 0] + by_column * at[:, 1])).astype(np.float32)
    away = np.repeat(by_row[pixels.line_owner] * pixels.line_row, pixels.widths)
    away += np.repeat(by_column, pixels.counts) * pixels.column
    away += np.repeat(shift, pixels.counts)
    return np.flatnonzero(np.abs(away, out=away) < 1)


def _segments(tubes: Sequence[Tube]) -> _Segments:
    """All tubes' points in one list; the steps from one tube's end to the next one's start are left out."""
    points = np.concatenate([tube.points_mm for tube in tubes])
    tube_of = np.repeat(np.arange(len(tubes)), [len(tube.points_mm) for tube in tubes])
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    within = np.flatnonzero((tube_of[1:] == tube_of[:-1]) & (lengths > 0))
    axes = steps[within] / lengths[within, None]
    owner = tube_of[within]
    normals = [axes.copy(), axes.copy()]
    meet = np.flatnonzero(owner[1:] == owner[:-1])  # a piece whose next one is of the same tube
    normals[0][meet + 1] += axes[meet]
    normals[1][meet] += axes[meet + 1]
    start_normal, end_normal = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in normals)
    radii = np.array([tube.radius_mm for tube in tubes])
    cavities = np.array([max(tube.radius_mm - tube.wall_mm, 0.0) for tube in tubes])
    return _Segments(
        points[within],
        axes,
        start_normal,
        end_normal,
        points[within + 1],
        radii[owner],
        cavities[owner],
        owner.astype(np.int32),
    )


def _piece_chords(
    grid: Grid, pieces: _Segments, row: Whole, column: Whole, counts: NDArray[np.intp]
) -> tuple[Array, Array]:
    """The infinite cylinder's interval on the ray, cut by the two mitre planes; `counts` pixels a piece."""
    ray = grid.directions[0]
    at = projected(grid, pieces.first)
    step = np.float32(grid.steps_mm[1])

    def of(values: Array) -> Floats:
        return np.repeat(values.astype(np.float32), counts)

    down = (row - of(at[:, 0])) * step
    across = (column - of(at[:, 1])) * step
    cosine = pieces.axis @ ray
    sine2 = np.maximum(1 - cosine**2, 1e-4)  # a tube seen exactly end on is taken as half a degree off
    along_row, along_column = pieces.axis @ grid.directions[1], pieces.axis @ grid.directions[2]

    lengthwise = down * of(along_row) + across * of(along_column)
    away2 = down * down + across * across - lengthwise * lengthwise
    middle = lengthwise * of(cosine / sine2)
    low, high = _between_mitres(grid, pieces, down, across, of)
    chords = []
    squared, slanted = middle * middle, of(1 / sine2)
    for radius in (pieces.outer, pieces.inner):
        inside = squared - (away2 - of(radius**2)) * slanted
        half = np.sqrt(np.clip(inside, 0, np.inf))
        chord = np.minimum(middle + half, high)
        chord -= np.maximum(middle - half, low)
        np.clip(chord, 0, np.inf, out=chord)
        chord *= inside > 0
        chords.append(chord)
    return chords[0], chords[1]


def _between_mitres(
    grid: Grid, pieces: _Segments, down: Floats, across: Floats, of: Callable[[Array], Floats]
) -> tuple[Floats, Floats]:
    """Where on the ray, in mm from the first point's depth, the piece lies between its two planes."""
    limits: tuple[list[Floats], list[Floats]] = ([], [])
    for normal, sign, point in (
        (pieces.start_normal, 1.0, pieces.first),
        (pieces.end_normal, -1.0, pieces.last),
    ):
        facing = sign * (normal @ grid.directions[0])
        facing = np.where(np.abs(facing) < 1e-6, 1e-6, facing)
        offset = sign * (normal * (pieces.first - point)).sum(axis=1)
        height = (
            of(offset)
            + down * of(sign * (normal @ grid.directions[1]))
            + across * of(sign * (normal @ grid.directions[2]))
        )
        limit = -height * of(1 / facing)
        ahead = of(facing) > 0
        limits[0].append(np.where(ahead, limit, np.float32(-np.inf)))
        limits[1].append(np.where(ahead, np.float32(np.inf), limit))
    return np.maximum(*limits[0]), np.minimum(*limits[1])
