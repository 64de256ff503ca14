"""How long the rays of a radiograph run inside vertebral bodies, with and without their cortical shell.

A body is what lies inside its wall, below the upper and above the lower endplate. The wall's interval on a
ray is found by Newton's method from outside; a hollow endplate takes an interval that a quadratic gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from spinemed.phantom.anatomy.solids import Array, Body, Flags, Floats, Grid
from spinemed.phantom.rendering.radiograph_chords import Chords, Whole, pixel_lists, projected

_NEWTON_STEPS: Final[int] = 3
_INNER_STEPS: Final[int] = 2
_FAR_MM: Final[float] = 1e3
# 0.62 r^2 + 0.38 (x^4 + y^4) <= 1 lies inside r^2 <= this, as x^4 + y^4 >= r^4 / 2 (solids.Body).
_OUTER_RADIUS2: Final[float] = 1.19

_Triple = tuple[Floats, Floats, Floats]


def body_chords(grid: Grid, bodies: Sequence[Body], shell_mm: Array, endplate_mm: Array) -> Iterator[Chords]:
    """Yield the chords through bodies with walls and endplates that thick ([n] each), in several parts.

    The inner chord is that of the body without them. Owners count `bodies`.
    """
    if not bodies:
        return
    extents = np.array([body.extents(grid.directions)[1:] for body in bodies])
    centres = projected(grid, np.array([body.pose.origin_mm for body in bodies]))
    outer = _sizes(bodies, np.zeros(len(bodies)), np.zeros(len(bodies)))
    inner = _sizes(bodies, shell_mm, endplate_mm)
    for pixels in pixel_lists(centres, extents / np.asarray(grid.steps_mm[1:]) + 1, grid.shape[1:]):
        owner = pixels.owner
        place = pixels.row * np.int32(grid.shape[2]) + pixels.column
        start, way = _rays(grid, bodies, centres, owner, pixels.row, pixels.column)
        first, last = _around_wall(outer, owner, start, way)
        near = last > first
        owner, place, first, last = owner[near], place[near], first[near], last[near]
        start, way = _some(start, near), _some(way, near)
        first, last = _wall(outer, owner, start, way, (first, last), _NEWTON_STEPS)
        found = _between_endplates(outer, owner, start, way, (first, last))
        hits = found > 0
        owner, start, way = owner[hits], _some(start, hits), _some(way, hits)
        # Newton goes on from the outer wall to the inner one.
        ends = _wall(inner, owner, start, way, (first[hits], last[hits]), _INNER_STEPS)
        less = _between_endplates(inner, owner, start, way, ends)
        yield Chords(owner, place[hits], found[hits], less)


def _some(three: _Triple, chosen: Flags) -> _Triple:
    return three[0][chosen], three[1][chosen], three[2][chosen]


class _Sizes:
    """The bodies' measures as arrays [n], without a shell."""

    def __init__(self, table: Array) -> None:
        columns = np.ascontiguousarray(table.T, np.float32)
        (self.width, self.depth, self.height, self.slope) = columns[:4]
        (self.hollow, self.waist, self.taper, self.osteophyte, self.side_slope) = columns[4:]


def _sizes(bodies: Sequence[Body], shell_mm: Array, endplate_mm: Array) -> _Sizes:
    rows = [
        (
            body.half_width - shell,
            body.half_depth - shell,
            body.half_height - endplate,
            body.slope,
            body.concavity,
            body.waist,
            body.taper,
            body.osteophyte,
            body.side_slope,
        )
        for body, shell, endplate in zip(bodies, shell_mm, endplate_mm, strict=True)
    ]
    return _Sizes(np.array(rows))


def _rays(
    grid: Grid, bodies: Sequence[Body], centres: Array, owner: Whole, row: Whole, column: Whole
) -> tuple[_Triple, _Triple]:
    """Start (in the plane through the body's centre) and direction of each ray in the body's frame."""
    turned = np.array([grid.directions @ body.pose.rotation for body in bodies], np.float32)
    step = np.float32(grid.steps_mm[1])
    down = (row - centres[:, 0].astype(np.float32)[owner]) * step
    across = (column - centres[:, 1].astype(np.float32)[owner]) * step
    start, way = [], []
    for axis in range(3):
        start.append(turned[:, 1, axis][owner] * down + turned[:, 2, axis][owner] * across)
        way.append(turned[:, 0, axis][owner])
    return (start[0], start[1], start[2]), (way[0], way[1], way[2])


def _between_endplates(
    sizes: _Sizes, owner: Whole, start: _Triple, way: _Triple, ends: tuple[Floats, Floats]
) -> Floats:
    """Length of the ray's interval inside the wall that lies between both endplates."""
    first, last = ends
    slope, side_slope = sizes.slope[owner], sizes.side_slope[owner]
    # The rim's height above the body's middle, where the ray starts and gained for each mm along it.
    rim = sizes.height[owner] + slope * start[1] + side_slope * start[0]
    gain = slope * way[1] + side_slope * way[0]
    # Under the upper and over the lower endplate.
    rooms = [(rim - start[2], gain - way[2]), (rim + start[2], gain + way[2])]
    for room, more in rooms:
        first, last = _below_rim(first, last, room, more)
    chord = np.maximum(last - first, 0)
    for room, more in rooms:
        low, high = _hollow(sizes, owner, room, more, start, way)
        chord -= np.maximum(np.minimum(high, last) - np.maximum(low, first), 0)
    result: Floats = np.maximum(chord, 0)
    return result


def _below_rim(first: Floats, last: Floats, room: Floats, gain: Floats) -> tuple[Floats, Floats]:
    """Cut the interval where the room up to one endplate's rim, `room` + t `gain`, ends."""
    gain = np.where(np.abs(gain) < 1e-5, np.float32(1e-5), gain)
    at = -room / gain
    return np.where(gain > 0, np.maximum(first, at), first), np.where(gain > 0, last, np.minimum(last, at))


def _hollow(
    sizes: _Sizes, owner: Whole, room: Floats, gain: Floats, start: _Triple, way: _Triple
) -> tuple[Floats, Floats]:
    """The interval that one endplate's hollow takes, empty (high = low) where it takes nothing."""
    deep = np.maximum(sizes.hollow, np.float32(1e-3))[owner]
    to_width, to_depth = (1 / sizes.width)[owner], (1 / sizes.depth)[owner]
    u, v, du, dv = start[0] * to_width, start[1] * to_depth, way[0] * to_width, way[1] * to_depth
    a = deep * (du * du + dv * dv)
    b = deep * (u * du + v * dv) + np.float32(0.5) * gain
    c = room - deep * (1 - u * u - v * v)
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    a = np.maximum(a, np.float32(1e-9))
    return (-b - root) / a, (-b + root) / a


def _around_wall(sizes: _Sizes, owner: Whole, start: _Triple, way: _Triple) -> tuple[Floats, Floats]:
    """Where the ray enters and leaves an ellipse around every section of the wall; equal where it misses."""
    to_width, to_depth = (1 / sizes.width)[owner], (1 / sizes.depth)[owner]
    u, v, du, dv = start[0] * to_width, start[1] * to_depth, way[0] * to_width, way[1] * to_depth
    a, b = du * du + dv * dv, u * du + v * dv
    widest = (1 + 0.09 * np.maximum(sizes.osteophyte, 0)) * (1 + np.abs(sizes.taper))
    widest *= 1 + np.maximum(-sizes.waist, 0)
    limit2 = (np.float32(_OUTER_RADIUS2) * widest * widest)[owner]
    root = np.sqrt(np.maximum(b * b - a * (u * u + v * v - limit2), 0))
    return (-b - root) / a, (-b + root) / a


def _wall(
    sizes: _Sizes, owner: Whole, start: _Triple, way: _Triple, ends: tuple[Floats, Floats], steps: int
) -> tuple[Floats, Floats]:
    """Where the ray enters and leaves the wall, found from ends outside it; last < first where it misses."""
    first, last = ends
    enter = _newton_to_wall(sizes, owner, start, way, first, np.float32(-1), steps)
    return enter, _newton_to_wall(sizes, owner, start, way, last, np.float32(1), steps)


def _newton_to_wall(
    sizes: _Sizes, owner: Whole, start: _Triple, way: _Triple, end: Floats, side: np.float32, steps: int
) -> Floats:
    """Walk from outside to the wall; its width at the end's own height is taken as fixed in each step.

    `side` is -1 where the ray enters and 1 where it leaves. A ray that misses meets no falling slope at
    last: its ends are then moved past each other.
    """
    missed = np.zeros(end.shape, bool)
    to_width, to_depth = (1 / sizes.width)[owner], (1 / sizes.depth)[owner]
    taper, waist, spur = sizes.taper[owner], sizes.waist[owner], sizes.osteophyte[owner]
    height, slope, side_slope = sizes.height[owner], sizes.slope[owner], sizes.side_slope[owner]
    du = way[0] * to_width
    for _ in range(steps):
        posterior = start[1] + end * way[1]
        left = start[0] + end * way[0]
        rim = np.maximum(height + slope * posterior + side_slope * left, 1)
        level = np.clip((start[2] + end * way[2]) / rim, -1, 1)
        level2 = level * level
        wide = 1 - waist + waist * level2 + np.float32(0.09) * spur * (level2 * level2)
        tapered = to_depth / (1 + taper * level)
        u, v, dv = left * to_width, posterior * tapered, way[1] * tapered
        u2, v2 = u * u, v * v
        excess = np.float32(0.62) * (u2 + v2) + np.float32(0.38) * (u2 * u2 + v2 * v2) - wide * wide
        steep = u * du * (np.float32(1.24) + np.float32(1.52) * u2)
        steep += v * dv * (np.float32(1.24) + np.float32(1.52) * v2)
        steep *= side
        missed |= steep < np.float32(1e-4)
        excess /= np.maximum(steep, np.float32(1e-4))
        excess[missed] = 0
        end = end - side * excess
    return np.where(missed, side * np.float32(-_FAR_MM), end)
