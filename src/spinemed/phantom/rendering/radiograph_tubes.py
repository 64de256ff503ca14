"""How long the rays of a radiograph run inside bent tubes: ribs, screws, rods, the jaw.

A bent tube is a chain of straight ones, mitred: each ends at the plane that halves the bend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from spinemed.phantom.anatomy.solids import Array, Floats, Grid
from spinemed.phantom.rendering.radiograph_chords import (
    Chords,
    PixelList,
    Whole,
    joined,
    pixel_lists,
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
        pixels = _near_axes(grid, pieces, box)
        outer, inner = _piece_chords(grid, pieces, pixels.owner, pixels.row, pixels.column)
        hits = outer > 0
        place = pixels.row[hits] * np.int32(grid.shape[2]) + pixels.column[hits]
        found.append(Chords(pieces.owner[pixels.owner[hits]], place, outer[hits], inner[hits]))
    return joined(found)


def _near_axes(grid: Grid, pieces: _Segments, pixels: PixelList) -> PixelList:
    """The pixels of the boxes that lie no farther from the drawn axis than the radius."""
    at = projected(grid, pieces.first)
    drawn = projected(grid, pieces.last) - at
    drawn /= np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), 1e-6)
    # Distance of (row, column) from the line through `at` along `drawn`, in units of the radius.
    scale = np.asarray(grid.steps_mm[1]) / pieces.outer
    by_row, by_column = (drawn[:, 1] * scale).astype(np.float32), (-drawn[:, 0] * scale).astype(np.float32)
    shift = (-(by_row * at[:, 0] + by_column * at[:, 1])).astype(np.float32)
    owner = pixels.owner
    away = by_row[owner] * pixels.row + by_column[owner] * pixels.column + shift[owner]
    near = np.abs(away) < 1
    return PixelList(owner[near], pixels.row[near], pixels.column[near])


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
    grid: Grid, pieces: _Segments, owner: Whole, row: Whole, column: Whole
) -> tuple[Floats, Floats]:
    """The infinite cylinder's interval on the ray, cut by the two mitre planes."""
    ray = grid.directions[0]
    at = projected(grid, pieces.first)
    step = np.float32(grid.steps_mm[1])
    down = (row - at[:, 0].astype(np.float32)[owner]) * step
    across = (column - at[:, 1].astype(np.float32)[owner]) * step
    cosine = pieces.axis @ ray
    sine2 = np.maximum(1 - cosine**2, 1e-4)  # a tube seen exactly end on is taken as half a degree off
    along_row, along_column = pieces.axis @ grid.directions[1], pieces.axis @ grid.directions[2]

    def of(values: Array) -> Floats:
        return values.astype(np.float32)[owner]

    lengthwise = down * of(along_row) + across * of(along_column)
    away2 = down * down + across * across - lengthwise * lengthwise
    middle = lengthwise * of(cosine / sine2)
    low, high = _between_mitres(grid, pieces, down, across, of)
    chords = []
    for radius in (pieces.outer, pieces.inner):
        inside = middle * middle - (away2 - of(radius**2)) * of(1 / sine2)
        half = np.sqrt(np.maximum(inside, 0))
        chords.append(np.maximum(np.minimum(middle + half, high) - np.maximum(middle - half, low), 0))
        chords[-1][inside <= 0] = 0
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
