"""How long the rays of a radiograph run inside bent tubes: ribs, screws, rods, the jaw.

A bent tube is a chain of straight ones, mitred: each ends at the plane that halves the bend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from spinemed.phantom.anatomy.solids import Array, Flags, Grid
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
    near, drawn = _Nearness.of(grid, pieces), _drawn(grid, pieces)
    found = []
    for box in pixel_lists(at, reach, grid.shape[1:], near.spans):
        pixels = near.narrowed(box)
        outer, inner = _piece_chords(drawn, pixels)
        hits = np.flatnonzero(outer > 0)
        tube = pieces.owner.take(pixels.owner.take(hits))
        found.append(Chords(tube, pixels.place.take(hits), outer.take(hits), inner.take(hits)))
    return joined(found)


class _Nearness(NamedTuple):
    """How far pixels lie from each piece's drawn axis: by_row * row + by_column * column + shift radii."""

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


class _Mitre(NamedTuple):
    """One end's plane, for each piece: its height over the pixels in mm, and what turns height into a limit.

    `ahead` says that the ray enters the piece there, else it leaves it.
    """

    offset: Array
    by_row: Array
    by_column: Array
    per_height: Array
    ahead: Flags


class _Drawn(NamedTuple):
    """Pieces as the rays see them [n], in single precision: `at` [n, 2] is where the first point appears."""

    at: Array
    step: float
    along_row: Array
    along_column: Array
    tilt: Array
    slant: Array
    squares: tuple[Array, Array]
    mitres: tuple[_Mitre, _Mitre]


def _drawn(grid: Grid, pieces: _Segments) -> _Drawn:
    ray, row, column = grid.directions
    cosine = pieces.axis @ ray
    sine2 = np.maximum(1 - cosine**2, 1e-4)  # a tube seen exactly end on is taken as half a degree off
    mitres = []
    for normal, sign, point in (
        (pieces.start_normal, 1.0, pieces.first),
        (pieces.end_normal, -1.0, pieces.last),
    ):
        facing = sign * (normal @ ray)
        facing = np.where(np.abs(facing) < 1e-6, 1e-6, facing)
        offset = sign * (normal * (pieces.first - point)).sum(axis=1)
        by_row, by_column = rounded(sign * (normal @ row)), rounded(sign * (normal @ column))
        mitres.append(_Mitre(rounded(offset), by_row, by_column, rounded(-1 / facing), facing > 0))
    return _Drawn(
        rounded(projected(grid, pieces.first)),
        float(np.float32(grid.steps_mm[1])),
        rounded(pieces.axis @ row),
        rounded(pieces.axis @ column),
        rounded(cosine / sine2),
        rounded(1 / sine2),
        (rounded(pieces.outer**2), rounded(pieces.inner**2)),
        (mitres[0], mitres[1]),
    )


def _piece_chords(drawn: _Drawn, pixels: PixelList) -> tuple[Array, Array]:
    """The infinite cylinder's interval on the ray, cut by the two mitre planes; with and without its wall."""
    owner, counts = pixels.line_owner, pixels.counts
    down = (pixels.line_row - drawn.at[:, 0][owner]) * drawn.step
    across: Array = np.subtract(pixels.column, np.repeat(drawn.at[:, 1], counts), dtype=np.float64)
    across *= np.float64(drawn.step)
    lengthwise = np.repeat(down * drawn.along_row[owner], pixels.widths)
    lengthwise += across * np.repeat(drawn.along_column, counts)
    low, high = _between_mitres(drawn, pixels, down, across)
    away2 = np.repeat(down * down, pixels.widths)
    across *= across
    away2 += across
    away2 -= np.multiply(lengthwise, lengthwise, out=across)
    middle = lengthwise
    middle *= np.repeat(drawn.tilt, counts)
    squared, slanted = middle * middle, np.repeat(drawn.slant, counts)
    chords = []
    for radius2 in drawn.squares:
        half = away2 - np.repeat(radius2, counts)
        half *= slanted
        np.subtract(squared, half, out=half)
        np.sqrt(np.clip(half, 0, np.inf, out=half), out=half)
        chord = middle + half
        np.minimum(chord, high, out=chord)
        np.subtract(middle, half, out=half)
        chord -= np.maximum(half, low, out=half)
        chords.append(np.clip(chord, 0, np.inf, out=chord))
    return chords[0], chords[1]


def _between_mitres(drawn: _Drawn, pixels: PixelList, down: Array, across: Array) -> tuple[Array, Array]:
    """Where on the ray, in mm from the first point's depth, the piece lies between its two planes."""
    low, high = np.full((2, len(pixels.column)), -np.inf)
    np.negative(high, out=high)
    owner = pixels.line_owner
    for mitre in drawn.mitres:
        limit = np.repeat(mitre.offset[owner] + down * mitre.by_row[owner], pixels.widths)
        by_column = np.repeat(mitre.by_column, pixels.counts)
        by_column *= across
        limit += by_column
        limit *= np.repeat(mitre.per_height, pixels.counts)
        ahead = np.repeat(mitre.ahead, pixels.counts)
        np.maximum(low, limit, out=low, where=ahead)
        np.minimum(high, limit, out=high, where=~ahead)
    return low, high
