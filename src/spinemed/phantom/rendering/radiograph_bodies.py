"""How long the rays of a radiograph run inside vertebral bodies, with and without their cortical shell.

A body is what lies inside its wall, below the upper and above the lower endplate. The wall's interval on a
ray is found by Newton's method from outside; a hollow endplate takes an interval that a quadratic gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.solids import Array, Body, Floats, Grid
from spinemed.phantom.rendering.radiograph_chords import (
    Chords,
    Whole,
    box_groups,
    box_sizes,
    joined,
    projected,
    rounded,
)

_NEWTON_STEPS: Final[int] = 3
_INNER_STEPS: Final[int] = 2
_FAR_MM: Final[float] = 1e3
# In single precision, as the bodies' measures are; doubles hold them, as numpy is quickest with one type.
_ROUND, _CORNERED, _GROWING, _FIRST_GROWING = np.array([0.62, 0.38, 1.52, 1.24], np.float32).tolist()
_LEAST_SLOPE, _LEVEL = np.array([1e-4, 1e-5], np.float32).tolist()
# 0.62 r^2 + 0.38 (x^4 + y^4) <= 1 lies inside r^2 <= this, as x^4 + y^4 >= r^4 / 2 (solids.Body).
_OUTER_RADIUS2: Final[float] = 1.19

_Ways = tuple[float, float, float]


class _Rays(NamedTuple):
    """Rays near one body: where they start (in the plane through its centre) in its frame; flat pixels."""

    left: Array
    posterior: Array
    up: Array
    place: Whole

    def take(self, chosen: NDArray[np.intp]) -> _Rays:
        """Return some of the rays."""
        left, posterior, up = (part.take(chosen) for part in (self.left, self.posterior, self.up))
        return _Rays(left, posterior, up, self.place.take(chosen))


class _Measures(NamedTuple):
    """One body's measures with or without its shell, and its ray's way; all rounded to single precision.

    `du`, `dv`: what the shares of half width and half depth gain along the ray. `ellipse` and `limit2` are
    the quadratic term and the bound of the ellipse around every section of the wall. `gains`: room gained
    along the ray under the upper and over the lower rim. `curve`, `least_curve`: the hollow's quadratic term.
    """

    height: float
    slope: float
    side_slope: float
    waist: float
    left_over: float
    taper: float
    spur: float
    to_width: float
    to_depth: float
    du: float
    dv: float
    ellipse: float
    limit2: float
    gains: tuple[float, float]
    deep: float
    curve: float
    least_curve: float


def body_chords(grid: Grid, bodies: Sequence[Body], shell_mm: Array, endplate_mm: Array) -> Iterator[Chords]:
    """Yield the chords through bodies with walls and endplates that thick ([n] each), in several parts.

    The inner chord is that of the body without them. Owners count `bodies`.
    """
    if not bodies:
        return
    extents = np.array([body.extents(grid.directions)[1:] for body in bodies])
    centres = projected(grid, np.array([body.pose.origin_mm for body in bodies]))
    turned = np.array([grid.directions @ body.pose.rotation for body in bodies], np.float32)
    outer = _measures(bodies, turned[:, 0], np.zeros(len(bodies)), np.zeros(len(bodies)))
    inner = _measures(bodies, turned[:, 0], shell_mm, endplate_mm)
    ways: list[_Ways] = turned[:, 0].tolist()
    low, size = box_sizes(centres, extents / np.asarray(grid.steps_mm[1:]) + 1, grid.shape[1:])
    for group in box_groups(size):
        found = []
        for number in group.tolist():
            rays = _rays(grid, turned[number], centres[number], low[number], size[number])
            place, whole, less = _through(outer[number], inner[number], ways[number], rays)
            found.append(Chords(np.full(len(place), number, np.int32), place, whole, less))
        yield joined(found)


def _through(outer: _Measures, inner: _Measures, way: _Ways, rays: _Rays) -> tuple[Whole, Array, Array]:
    """The pixels of the rays that meet one body, their chords with and without its shell."""
    rays, first, last = _around_wall(outer, rays)
    first, last = _wall(outer, rays, way, (first, last), _NEWTON_STEPS)
    found = _between_endplates(outer, rays, first, last)
    hits = np.flatnonzero(found > 0)
    rays = rays.take(hits)
    # Newton goes on from the outer wall to the inner one.
    ends = _wall(inner, rays, way, (first.take(hits), last.take(hits)), _INNER_STEPS)
    return rays.place, found.take(hits), _between_endplates(inner, rays, ends[0], ends[1])


def _measures(bodies: Sequence[Body], ways: Floats, shell_mm: Array, endplate_mm: Array) -> list[_Measures]:
    """The bodies' measures, `shell_mm` and `endplate_mm` thinner; `ways` [n, 3] in the bodies' frames."""
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
    columns = np.ascontiguousarray(np.array(rows).T, np.float32)
    width, depth, height, slope, hollow, waist, taper, osteophyte, side_slope = columns
    way = ways.T
    to_width, to_depth = 1 / width, 1 / depth
    du, dv = way[0] * to_width, way[1] * to_depth
    ellipse = du * du + dv * dv
    widest = (1 + 0.09 * np.maximum(osteophyte, 0)) * (1 + np.abs(taper))
    widest *= 1 + np.maximum(-waist, 0)
    limit2 = np.float32(_OUTER_RADIUS2) * widest * widest
    gain = slope * way[1] + side_slope * way[0]
    gains = zip((gain - way[2]).tolist(), (gain + way[2]).tolist(), strict=True)
    deep = np.maximum(hollow, np.float32(1e-3))
    curve = deep * ellipse
    spur, least = np.float32(0.09) * osteophyte, np.maximum(curve, np.float32(1e-9))
    plain = (height, slope, side_slope, waist, 1 - waist, taper, spur, to_width, to_depth, du, dv)
    first = (part.tolist() for part in (*plain, ellipse, limit2))
    last = (part.tolist() for part in (deep, curve, least))
    return list(map(_Measures._make, zip(*first, gains, *last, strict=True)))


def _rays(grid: Grid, turned: Floats, centre: Array, low: Whole, size: Whole) -> _Rays:
    """The rays of a box's pixels; `turned` [ray, row, column]: the grid's directions in the body's frame."""
    step = float(np.float32(grid.steps_mm[1]))
    (top, first), (tall, wide) = low.tolist(), size.tolist()
    middle = rounded(centre).tolist()
    down = (np.arange(top, top + tall) - middle[0]) * step
    across = (np.arange(first, first + wide) - middle[1]) * step
    by_row, by_column = turned[1].tolist(), turned[2].tolist()
    left, posterior, up = (
        np.add.outer(by_row[axis] * down, by_column[axis] * across).ravel() for axis in range(3)
    )
    rows = np.arange(top, top + tall, dtype=np.int32) * np.int32(grid.shape[2])
    place = np.add.outer(rows, np.arange(first, first + wide, dtype=np.int32)).ravel()
    return _Rays(left, posterior, up, place)


def _around_wall(body: _Measures, rays: _Rays) -> tuple[_Rays, Array, Array]:
    """The rays that meet an ellipse around every section of the wall; where they enter and leave it."""
    u, v = rays.left * body.to_width, rays.posterior * body.to_depth
    b = u * body.du
    b += v * body.dv
    u *= u
    v *= v
    u += v
    u -= body.limit2
    u *= body.ellipse
    near = np.flatnonzero(np.multiply(b, b, out=v) - u > 0)
    first, last = _roots(b.take(near), u.take(near), body.ellipse)
    apart = np.flatnonzero(last > first)
    if len(apart) < len(near):
        near, first, last = near.take(apart), first.take(apart), last.take(apart)
    return rays.take(near), first, last


def _between_endplates(body: _Measures, rays: _Rays, first: Array, last: Array) -> Array:
    """Length of the ray's interval inside the wall that lies between both endplates."""
    # The rim's height above the body's middle, where the ray starts and gained for each mm along it.
    rim = body.slope * rays.posterior
    rim += body.height
    if body.side_slope:
        rim += body.side_slope * rays.left
    # Under the upper and over the lower endplate.
    rooms = (rim - rays.up, rim + rays.up)
    for room, gain in zip(rooms, body.gains, strict=True):
        first, last = _below_rim(first, last, room, gain)
    chord = last - first
    np.maximum(chord, 0, out=chord)
    u, v = rays.left * body.to_width, rays.posterior * body.to_depth
    slanted = u * body.du
    slanted += v * body.dv
    slanted *= body.deep
    u *= u
    np.subtract(1, u, out=u)
    v *= v
    u -= v
    u *= body.deep
    for room, gain in zip(rooms, body.gains, strict=True):
        room -= u
        room *= body.curve
        low, high = _roots(slanted + float(np.float32(0.5) * np.float32(gain)), room, body.least_curve)
        np.minimum(high, last, out=high)
        high -= np.maximum(low, first, out=low)
        chord -= np.maximum(high, 0, out=high)
    return np.maximum(chord, 0, out=chord)


def _below_rim(first: Array, last: Array, room: Array, gain: float) -> tuple[Array, Array]:
    """Cut the interval where the room up to one endplate's rim, `room` + t `gain`, ends."""
    gain = _LEVEL if abs(gain) < 1e-5 else gain
    at = room / -gain
    if gain > 0:
        return np.maximum(first, at, out=at), last
    return first, np.minimum(last, at, out=at)


def _roots(b: Array, product: Array, a: float) -> tuple[Array, Array]:
    """Where a t^2 + 2 b t + c is 0, `product` being a c; both at the lowest place where it never is.

    `b` is used up.
    """
    root = b * b
    root -= product
    np.maximum(root, 0, out=root)
    np.sqrt(root, out=root)
    np.negative(b, out=b)
    low = b - root
    low /= a
    b += root
    b /= a
    return low, b


def _wall(body: _Measures, rays: _Rays, way: _Ways, ends: tuple[Array, Array], steps: int) -> Array:
    """Where the rays enter and leave the wall [2, ray], found from ends outside it; last < first for a miss.

    Newton's method, which takes the wall's width at the end's own height as fixed in each step. A ray that
    misses meets no falling slope at last: its ends are then moved past each other.
    """
    end = np.stack(ends)
    missed = np.zeros(end.shape, bool)
    for _ in range(steps):
        left, posterior, up = (_on_ray(start, end, part) for start, part in zip(rays[:3], way, strict=True))
        level = _level(body, left, posterior, up)
        wide2 = _width(body, level)
        wide2 *= wide2
        tapered = _tapered(body, level)
        u, v = np.multiply(left, body.to_width, out=left), np.multiply(posterior, tapered, out=posterior)
        u2, v2 = u * u, v * v
        steep = _steepness(body, way[1], (u, v), (u2, v2), tapered)
        np.negative(steep[0], out=steep[0])
        excess = np.add(u2, v2, out=up)
        excess *= _ROUND
        u2 *= u2
        v2 *= v2
        u2 += v2
        u2 *= _CORNERED
        excess += u2
        excess -= wide2
        missed |= steep < _LEAST_SLOPE
        excess /= np.clip(steep, _LEAST_SLOPE, np.inf, out=steep)
        excess[missed] = 0
        end[0] += excess[0]
        end[1] -= excess[1]
    end[0][missed[0]] = _FAR_MM
    end[1][missed[1]] = -_FAR_MM
    return end


def _on_ray(start: Array, end: Array, way: float) -> Array:
    found = end * way
    found += start
    return found


def _level(body: _Measures, left: Array, posterior: Array, up: Array) -> Array:
    """How high places lie, as a share of the rim's height there, -1 to 1; `up` is used up."""
    rim = body.slope * posterior
    rim += body.height
    if body.side_slope:
        rim += body.side_slope * left
    up /= np.clip(rim, 1, np.inf, out=rim)
    return np.clip(up, -1, 1, out=up)


def _width(body: _Measures, level: Array) -> Array:
    """How wide the wall is there, as a share of the width at the rims."""
    level2 = level * level
    wide = body.waist * level2
    wide += body.left_over
    if body.spur:
        level2 *= level2
        level2 *= body.spur
        wide += level2
    return wide


def _tapered(body: _Measures, level: Array) -> Array:
    """One over half the depth there; `level` is used up."""
    level *= body.taper
    level += 1
    return np.divide(body.to_depth, level, out=level)


def _steepness(
    body: _Measures, way: float, place: tuple[Array, Array], squares: tuple[Array, Array], tapered: Array
) -> Array:
    """How fast the wall's function grows along the ray; `tapered` and `place` are used up.

    `way` is how far backwards the ray goes.
    """
    u, v = place
    tapered *= way
    u *= body.du
    v *= tapered
    for part, square in zip(place, squares, strict=True):
        growing = _GROWING * square
        growing += _FIRST_GROWING
        part *= growing
    u += v
    return u
