"""How long the rays of a radiograph run inside vertebral bodies, with and without their cortical shell.

A body is what lies inside its wall, below the upper and above the lower endplate. The wall's interval on a
ray is found by Newton's method from outside; a hollow endplate takes an interval that a quadratic gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.solids import Array, Body, Floats, Grid
from spinemed.phantom.rendering.radiograph_chords import (
    Chords,
    PixelList,
    counts_of,
    pixel_lists,
    places_of,
    projected,
)

_NEWTON_STEPS: Final[int] = 3
_INNER_STEPS: Final[int] = 2
_FAR_MM: Final[float] = 1e3
# 0.62 r^2 + 0.38 (x^4 + y^4) <= 1 lies inside r^2 <= this, as x^4 + y^4 >= r^4 / 2 (solids.Body).
_OUTER_RADIUS2: Final[float] = 1.19

Counts = NDArray[np.intp]
_Places = tuple[Array, Array, Array]
_Ways = tuple[Floats, Floats, Floats]


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
        start, way = _rays(grid, bodies, centres, pixels)
        first, last = _around_wall(outer, start, way, pixels.counts)
        near = np.flatnonzero(last > first)
        owner = pixels.owner.take(near)
        counts = counts_of(owner, len(bodies))
        start, first, last = _some(start, near), first.take(near), last.take(near)
        first, last = _wall(outer, start, way, (first, last), counts, _NEWTON_STEPS)
        found = _between_endplates(outer, start, way, (first, last), counts)
        hits = np.flatnonzero(found > 0)
        owner, start = owner.take(hits), _some(start, hits)
        counts = counts_of(owner, len(bodies))
        # Newton goes on from the outer wall to the inner one.
        ends = _wall(inner, start, way, (first.take(hits), last.take(hits)), counts, _INNER_STEPS)
        less = _between_endplates(inner, start, way, ends, counts)
        yield Chords(owner, places_of(pixels, near.take(hits), grid), found.take(hits), less)


def _some(three: _Places, chosen: NDArray[np.intp]) -> _Places:
    return three[0].take(chosen), three[1].take(chosen), three[2].take(chosen)


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


def _rays(grid: Grid, bodies: Sequence[Body], centres: Array, pixels: PixelList) -> tuple[_Places, _Ways]:
    """Start of each ray (in the plane through the body's centre) in the body's frame, and the way [body]."""
    turned = np.array([grid.directions @ body.pose.rotation for body in bodies], np.float32)
    step = np.float32(grid.steps_mm[1])
    line_owner, counts = pixels.line_owner, pixels.counts
    down = (pixels.line_row - centres[:, 0].astype(np.float32)[line_owner]) * step
    across = (pixels.column - np.repeat(centres[:, 1].astype(np.float32), counts)) * step
    start = [
        np.repeat(turned[:, 1, axis][line_owner] * down, pixels.widths)
        + np.repeat(turned[:, 2, axis], counts) * across
        for axis in range(3)
    ]
    return (start[0], start[1], start[2]), (turned[:, 0, 0], turned[:, 0, 1], turned[:, 0, 2])


def _between_endplates(
    sizes: _Sizes, start: _Places, way: _Ways, ends: tuple[Array, Array], counts: Counts
) -> Array:
    """Length of the ray's interval inside the wall that lies between both endplates."""
    first, last = ends
    slope, side_slope = sizes.slope, sizes.side_slope
    # The rim's height above the body's middle, where the ray starts and gained for each mm along it.
    rim = np.repeat(sizes.height, counts) + np.repeat(slope, counts) * start[1]
    rim += np.repeat(side_slope, counts) * start[0]
    gain = slope * way[1] + side_slope * way[0]
    # Under the upper and over the lower endplate.
    rooms = [(rim - start[2], gain - way[2]), (rim + start[2], gain + way[2])]
    for room, more in rooms:
        first, last = _below_rim(first, last, room, more, counts)
    chord = np.clip(last - first, 0, np.inf)
    for room, more in rooms:
        low, high = _hollow(sizes, room, more, start, way, counts)
        np.minimum(high, last, out=high)
        high -= np.maximum(low, first, out=low)
        chord -= np.clip(high, 0, np.inf, out=high)
    return np.clip(chord, 0, np.inf, out=chord)


def _below_rim(first: Array, last: Array, room: Array, gain: Floats, counts: Counts) -> tuple[Array, Array]:
    """Cut the interval where the room up to one endplate's rim, `room` + t `gain`, ends."""
    gain = np.where(np.abs(gain) < 1e-5, np.float32(1e-5), gain)
    at = -room / np.repeat(gain, counts)
    rising = np.repeat(gain > 0, counts)
    return np.where(rising, np.maximum(first, at), first), np.where(rising, last, np.minimum(last, at))


def _hollow(
    sizes: _Sizes, room: Array, gain: Floats, start: _Places, way: _Ways, counts: Counts
) -> tuple[Array, Array]:
    """The interval that one endplate's hollow takes, empty (high = low) where it takes nothing."""
    deep = np.maximum(sizes.hollow, np.float32(1e-3))
    to_width, to_depth = 1 / sizes.width, 1 / sizes.depth
    du, dv = way[0] * to_width, way[1] * to_depth
    u, v = start[0] * np.repeat(to_width, counts), start[1] * np.repeat(to_depth, counts)
    a = deep * (du * du + dv * dv)
    deeper = np.repeat(deep, counts)
    b = deeper * (u * np.repeat(du, counts) + v * np.repeat(dv, counts))
    b += np.repeat(np.float32(0.5) * gain, counts)
    c = room - deeper * (1 - u * u - v * v)
    return _roots(b, np.repeat(a, counts) * c, np.repeat(np.maximum(a, np.float32(1e-9)), counts))


def _roots(b: Array, product: Array, a: Floats) -> tuple[Array, Array]:
    """Where a t^2 + 2 b t + c is 0, `product` being a c; both at the lowest place where it never is."""
    root = b * b
    root -= product
    np.clip(root, 0, np.inf, out=root)
    np.sqrt(root, out=root)
    np.negative(b, out=b)
    low = b - root
    low /= a
    b += root
    b /= a
    return low, b


def _around_wall(sizes: _Sizes, start: _Places, way: _Ways, counts: Counts) -> tuple[Array, Array]:
    """Where the ray enters and leaves an ellipse around every section of the wall; equal where it misses."""
    to_width, to_depth = 1 / sizes.width, 1 / sizes.depth
    du, dv = way[0] * to_width, way[1] * to_depth
    u, v = start[0] * np.repeat(to_width, counts), start[1] * np.repeat(to_depth, counts)
    a = np.repeat(du * du + dv * dv, counts)
    b = u * np.repeat(du, counts) + v * np.repeat(dv, counts)
    widest = (1 + 0.09 * np.maximum(sizes.osteophyte, 0)) * (1 + np.abs(sizes.taper))
    widest *= 1 + np.maximum(-sizes.waist, 0)
    limit2 = np.repeat(np.float32(_OUTER_RADIUS2) * widest * widest, counts)
    return _roots(b, a * (u * u + v * v - limit2), a)


def _wall(
    sizes: _Sizes, start: _Places, way: _Ways, ends: tuple[Array, Array], counts: Counts, steps: int
) -> tuple[Array, Array]:
    """Where the ray enters and leaves the wall, found from ends outside it; last < first where it misses."""
    wall = _Wall(sizes, way, counts)
    enter = _newton_to_wall(wall, start, ends[0], np.float32(-1), steps)
    return enter, _newton_to_wall(wall, start, ends[1], np.float32(1), steps)


class _Wall:
    """What Newton's steps need of each ray's body and way, one entry a ray."""

    def __init__(self, sizes: _Sizes, way: _Ways, counts: Counts) -> None:
        to_width, to_depth = 1 / sizes.width, 1 / sizes.depth
        self.way = tuple(np.repeat(part, counts) for part in way)
        self.to_width, self.to_depth = np.repeat(to_width, counts), np.repeat(to_depth, counts)
        self.du = np.repeat(way[0] * to_width, counts)
        self.taper, self.waist = np.repeat(sizes.taper, counts), np.repeat(sizes.waist, counts)
        self.left_over = np.repeat(1 - sizes.waist, counts)
        self.spur = np.repeat(np.float32(0.09) * sizes.osteophyte, counts)
        self.height, self.slope = np.repeat(sizes.height, counts), np.repeat(sizes.slope, counts)
        self.side_slope = np.repeat(sizes.side_slope, counts)


def _newton_to_wall(wall: _Wall, start: _Places, end: Array, side: np.float32, steps: int) -> Array:
    """Walk from outside to the wall; its width at the end's own height is taken as fixed in each step.

    `side` is -1 where the ray enters and 1 where it leaves. A ray that misses meets no falling slope at
    last: its ends are then moved past each other.
    """
    missed = np.zeros(end.shape, bool)
    for _ in range(steps):
        posterior = start[1] + end * wall.way[1]
        left = start[0] + end * wall.way[0]
        rim = wall.height + wall.slope * posterior
        rim += wall.side_slope * left
        level = start[2] + end * wall.way[2]
        level /= np.clip(rim, 1, np.inf, out=rim)
        np.clip(level, -1, 1, out=level)
        level2 = level * level
        wide = wall.left_over + wall.waist * level2
        level2 *= level2
        wide += wall.spur * level2
        level *= wall.taper
        level += 1
        tapered = wall.to_depth / level
        u, v = np.multiply(left, wall.to_width, out=left), np.multiply(posterior, tapered, out=posterior)
        u2, v2 = u * u, v * v
        steep = _steepness(wall, (u, v), (u2, v2), tapered)
        steep *= side
        excess = np.float32(0.62) * (u2 + v2)
        u2 *= u2
        v2 *= v2
        u2 += v2
        u2 *= np.float32(0.38)
        excess += u2
        wide *= wide
        excess -= wide
        missed |= steep < np.float32(1e-4)
        excess /= np.clip(steep, np.float32(1e-4), np.inf, out=steep)
        excess *= ~missed
        excess *= side
        end = end - excess
    return np.where(missed, side * np.float32(-_FAR_MM), end)


def _steepness(
    wall: _Wall, place: tuple[Array, Array], squares: tuple[Array, Array], tapered: Array
) -> Array:
    """How fast the wall's function grows along the ray; `tapered` and `place` are used up."""
    u, v = place
    tapered *= wall.way[1]
    u *= wall.du
    v *= tapered
    for part, square in zip(place, squares, strict=True):
        growing = np.float32(1.52) * square
        growing += np.float32(1.24)
        part *= growing
    u += v
    return u
