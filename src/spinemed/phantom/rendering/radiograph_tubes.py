"""How long the rays of a radiograph run inside bent tubes: ribs, screws, rods, the jaw.

A bent tube is a chain of straight ones, mitred: each ends at the plane that halves the bend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.solids import Array, Grid
from spinemed.phantom.rendering.radiograph_chords import (
    Chords,
    PixelList,
    Whole,
    counts_of,
    joined,
    pixel_lists,
    projected,
    rounded,
)

_LEVEL: Final[float] = 1e-6  # an axis drawn along its row: no column bounds it


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
    near = _Nearness.of(grid, pieces)
    found = []
    for box in pixel_lists(at, reach, grid.shape[1:], near.spans):
        pixels = near.narrowed(box)
        outer, inner = _piece_chords(grid, pieces, pixels)
        hits = np.flatnonzero(outer > 0)
        tube = pieces.owner.take(pixels.owner.take(hits))
        found.append(Chords(tube, pixels.place.take(hits), outer.take(hits), inner.take(hits)))
    return joined(found)


class _Nearness(NamedTuple):
    """Distance of a pixel from each piece's drawn axis: by_row * row + by_column * column + shift, in radii."""

    by_row: Array
    by_column: Array
    shift: Array

    @classmethod
    def of(cls, grid: Grid, pieces: _Segments) -> _Nearness:
        """Return the distances from the lines along which the pieces are drawn."""
        at = projected(grid, pieces.first)
        drawn = projected(grid, pieces.last) - at
        drawn /= np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), 1e-6)
        scale = np.asarray(grid.steps_mm[1]) / pieces.outer
        by_row, by_column = rounded(drawn[:, 1] * scale), rounded(-drawn[:, 0] * scale)
        return cls(by_row, by_column, rounded(-(by_row * at[:, 0] + by_column * at[:, 1])))

    def spans(self, owner: Whole, row: Whole) -> tuple[Array, Array]:
        """Return the columns that lie no farther from the axis than the radius."""
        steep = np.abs(self.by_column) > _LEVEL
        per_column = 1 / np.where(steep, self.by_column, 1.0)
        half = np.where(steep, np.abs(per_column), np.inf)[owner]
        middle = -(self.by_row[owner] * row + self.shift[owner]) * per_column[owner]
        return middle - half, middle + half

    def narrowed(self, pixels: PixelList) -> PixelList:
        """Return the pixels that lie no farther from the axis than the radius."""
        away = np.repeat(self.by_row[pixels.line_owner] * pixels.line_row, pixels.widths)
        across = np.repeat(self.by_column, pixels.counts)
        across *= pixels.column
        away += across
        away += np.repeat(self.shift, pixels.counts)
        near = np.abs(away, out=away) < 1
        chosen = np.flatnonzero(near)
        owner = pixels.owner.take(chosen)
        starts = np.cumsum(pixels.widths) - pixels.widths
        return pixels._replace(
            owner=owner,
            place=pixels.place.take(chosen),
            column=pixels.column.take(chosen),
            counts=counts_of(owner, len(pixels.counts)),
            widths=np.add.reduceat(near, starts, dtype=np.intp) if len(starts) else pixels.widths,
        )


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


def _piece_chords(grid: Grid, pieces: _Segments, pixels: PixelList) -> tuple[Array, Array]:
    """The infinite cylinder's interval on the ray, cut by the two mitre planes."""
    cosine = pieces.axis @ grid.directions[0]
    sine2 = np.maximum(1 - cosine**2, 1e-4)  # a tube seen exactly end on is taken as half a degree off
    along_row, along_column = pieces.axis @ grid.directions[1], pieces.axis @ grid.directions[2]
    at, step = rounded(projected(grid, pieces.first)), float(np.float32(grid.steps_mm[1]))
    down = (pixels.line_row - at[:, 0][pixels.line_owner]) * step
    across = pixels.column - np.repeat(at[:, 1], pixels.counts)
    across *= step

    def plane(by_row: Array, by_column: Array) -> Array:
        """What grows by these for each mm along the picture's axes."""
        lines = np.repeat(down * rounded(by_row)[pixels.line_owner], pixels.widths)
        lines += across * np.repeat(rounded(by_column), pixels.counts)
        return lines

    lengthwise = plane(along_row, along_column)
    low, high = _between_mitres(grid, pieces, pixels, down, across)
    away2 = np.repeat(down * down, pixels.widths)
    across *= across
    away2 += across
    away2 -= np.multiply(lengthwise, lengthwise, out=across)
    middle = lengthwise
    middle *= np.repeat(rounded(cosine / sine2), pixels.counts)
    squared, slanted = middle * middle, np.repeat(rounded(1 / sine2), pixels.counts)
    chords = []
    for radius in (pieces.outer, pieces.inner):
        half = away2 - np.repeat(rounded(radius**2), pixels.counts)
        half *= slanted
        np.subtract(squared, half, out=half)
        np.sqrt(np.maximum(half, 0, out=half), out=half)
        chord = middle + half
        np.minimum(chord, high, out=chord)
        np.subtract(middle, half, out=half)
        chord -= np.maximum(half, low, out=half)
        chords.append(np.maximum(chord, 0, out=chord))
    return chords[0], chords[1]


def _between_mitres(
    grid: Grid, pieces: _Segments, pixels: PixelList, down: Array, across: Array
) -> tuple[Array, Array]:
    """Where on the ray, in mm from the first point's depth, the piece lies between its two planes."""
    low, high = np.full((2, len(pixels.column)), -np.inf)
    np.negative(high, out=high)
    for normal, sign, point in (
        (pieces.start_normal, 1.0, pieces.first),
        (pieces.end_normal, -1.0, pieces.last),
    ):
        facing = sign * (normal @ grid.directions[0])
        facing = np.where(np.abs(facing) < 1e-6, 1e-6, facing)
        offset = rounded(sign * (normal * (pieces.first - point)).sum(axis=1))
        by_row = rounded(sign * (normal @ grid.directions[1]))[pixels.line_owner]
        limit = np.repeat(offset[pixels.line_owner] + down * by_row, pixels.widths)
        by_column = np.repeat(rounded(sign * (normal @ grid.directions[2])), pixels.counts)
        by_column *= across
        limit += by_column
        limit *= np.repeat(rounded(-1 / facing), pixels.counts)
        ahead = np.repeat(facing > 0, pixels.counts)
        np.maximum(low, limit, out=low, where=ahead)
        np.minimum(high, limit, out=high, where=~ahead)
    return low, high
