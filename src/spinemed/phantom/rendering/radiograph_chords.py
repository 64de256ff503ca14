"""How long the rays of a radiograph run inside each analytic solid, in closed form and many solids at once.

All pixels of all solids' boxes stand in one flat list, so the cost does not lie in the number of solids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.solids import Array, Floats, Grid, Lump

Whole = NDArray[np.int32]

_AT_ONCE: Final[int] = 60_000  # pixels of the boxes in one flat list, so that it stays in the cache
_NEWTON_STEPS: Final[int] = 5
_LEAST_SLOPE: Final[float] = float(np.float32(1e-5))
_LEAST_ROUND_OFF: Final[float] = float(np.float32(1e-9))
_MARGIN: Final[float] = 1.5  # pixels that a line is drawn wider than the solid's shadow, for round-off


class Chords(NamedTuple):
    """Chords in mm: for each entry the solid's number, the flat index of the pixel, outer and inner chord.

    The inner chord is that of the same solid without its shell.
    """

    owner: Whole
    place: Whole
    outer: Array
    inner: Array


class PixelList(NamedTuple):
    """Pixels of several boxes, box after box and row after row: number of the box, place and column.

    `place` is the flat index in the picture. `counts` holds how many pixels each box has here. A line is one
    row of one box: `line_owner` and `line_row` [line] say which, `widths` how many pixels it has.
    """

    owner: Whole
    place: Whole
    column: Whole
    counts: NDArray[np.intp]
    line_owner: Whole
    line_row: Whole
    widths: NDArray[np.intp]


Spans = Callable[[Whole, Whole], tuple[Array, Array]]
"""From owner and row of lines to the columns, as fractions, that their solids may reach at most."""


def pixel_lists(centres: Array, reaches: Array, shape: tuple[int, int], spans: Spans) -> Iterator[PixelList]:
    """Yield the pixels within `reaches` of `centres` (both [n, 2]: row, column), some boxes at a time.

    Of each box's rows only what `spans` gives is listed, and a little more.
    """
    low, size = box_sizes(centres, reaches, shape)
    for some in box_groups(size):
        yield _listed(some, low, size, shape[1], spans)


def box_sizes(centres: Array, reaches: Array, shape: tuple[int, int]) -> tuple[Whole, Whole]:
    """Return the first pixel and the size of boxes, both [n, 2]: row, column; 0 outside the picture."""
    low = np.maximum(np.ceil(centres - reaches), 0).astype(np.int32)
    high = np.minimum(np.floor(centres + reaches) + 1, shape).astype(np.int32)
    return low, np.maximum(high - low, 0)


def box_groups(size: Whole) -> Iterator[Whole]:
    """Yield the numbers of boxes with pixels, as many at a time as are worked on together."""
    counts = size.prod(axis=1)
    boxes = np.flatnonzero(counts).astype(np.int32)
    start = 0
    while start < len(boxes):
        filled = np.cumsum(counts[boxes[start:]])
        stop = start + max(int(np.searchsorted(filled, _AT_ONCE, side="right")), 1)
        yield boxes[start:stop]
        start = stop


def _listed(some: Whole, low: Whole, size: Whole, row_length: int, spans: Spans) -> PixelList:
    """The pixels of the boxes numbered `some`, which begin at `low` and are `size` large ([n, 2] both)."""
    heights = size[some, 0]
    owner = np.repeat(some, heights)
    first = low[some, 0] - (np.cumsum(heights) - heights).astype(np.int32)
    row = np.arange(len(owner), dtype=np.int32) + np.repeat(first, heights)
    begin, end = spans(owner, row)
    left, right = low[owner, 1], low[owner, 1] + size[owner, 1]
    left = np.clip(np.floor(begin - _MARGIN), left, right).astype(np.int32)
    width = np.clip(np.ceil(end + _MARGIN) + 1, left, right).astype(np.intp) - left
    kept = np.flatnonzero(width)
    owner, row, left, width = owner.take(kept), row.take(kept), left.take(kept), width.take(kept)
    ends = np.cumsum(width)
    column = np.arange(int(ends[-1]) if len(ends) else 0, dtype=np.int32)
    column += np.repeat((left - (ends - width)).astype(np.int32), width)
    counts = np.bincount(owner, width, len(size)).astype(np.intp)
    place = np.repeat(row * np.int32(row_length), width)
    place += column
    return PixelList(np.repeat(owner, width), place, column, counts, owner, row, width)


def counts_of(owner: Whole, solids: int) -> NDArray[np.intp]:
    """Return how often each solid's number stands in a sorted list of owners.

    >>> counts_of(np.array([0, 0, 2], np.int32), 4).tolist()
    [2, 0, 1, 0]
    """
    return np.diff(np.searchsorted(owner, np.arange(solids + 1)))


def joined(parts: Sequence[Chords]) -> Chords:
    """Return several lists as one."""
    if not parts:
        nothing, none = np.zeros(0, np.int32), np.zeros(0)
        return Chords(nothing, nothing, none, none)
    return Chords(*(np.concatenate([part[field] for part in parts]) for field in range(4)))


def lump_chords(grid: Grid, lumps: Sequence[Lump], shell_mm: Array) -> Chords:
    """Return the chords through lumps whose shells are `shell_mm` [n] thick; owners count `lumps`."""
    squared = np.array([part.squared for part in lumps], bool)
    found = []
    for kind, chords in ((False, _ellipsoid_chords), (True, _squared_chords)):
        chosen = np.flatnonzero(squared == kind)
        if len(chosen):
            some = [part for part in lumps if part.squared == kind]
            centres = np.array([part.centre_mm for part in some])
            matrices = np.array([part.matrix for part in some])
            radii = np.array([part.radii for part in some])
            smaller = np.maximum(radii - shell_mm[chosen, None], 0.12 * radii)
            inner = matrices * (radii / smaller)[:, :, None]
            for part in chords(grid, centres, matrices, inner):
                found.append(part._replace(owner=chosen[part.owner].astype(np.int32)))
    return joined(found)


def projected(grid: Grid, points_mm: Array) -> Array:
    """Return [n, 2]: row and column, as fractions, at which points in LPS mm appear."""
    steps = np.asarray(grid.steps_mm)
    return np.asarray(((points_mm - grid.origin_mm) @ grid.directions.T / steps)[:, 1:])


def _ellipsoid_chords(grid: Grid, centres: Array, matrices: Array, inner: Array) -> Iterator[Chords]:
    """Chord = 2 sqrt(1 - Q) / |matrix @ ray| with Q a quadratic form of the pixel's place."""
    at = projected(grid, centres)
    forms, lengths = _shadow(grid, matrices)
    inner_forms, inner_lengths = _shadow(grid, inner)
    for pixels in pixel_lists(at, _shadow_reach(forms), grid.shape[1:], _shadow_spans(at, forms)):
        down, across = _off_centre(pixels, at)
        products = (
            np.repeat(down * down, pixels.widths),
            np.repeat(down, pixels.widths) * across,
            across * across,
        )
        outer = _round_chord(products, forms, lengths, pixels.counts)
        hits = np.flatnonzero(outer > 0)
        owner = pixels.owner.take(hits)
        kept = (products[0].take(hits), products[1].take(hits), products[2].take(hits))
        inside = _round_chord(kept, inner_forms, inner_lengths, counts_of(owner, len(at)))
        yield Chords(owner, pixels.place.take(hits), outer.take(hits), inside)


def _shadow_spans(at: Array, forms: Array) -> Spans:
    """The columns in which an ellipsoid's shadow lies on a line."""
    a, b, c = forms.T
    least = np.maximum(c, 1e-12)

    def spans(owner: Whole, row: Whole) -> tuple[Array, Array]:
        down = row - at[owner, 0]
        tilt = b[owner] * down / 2
        half = np.sqrt(np.maximum(tilt * tilt - least[owner] * (a[owner] * down * down - 1), 0))
        middle = at[owner, 1] - tilt / least[owner]
        half /= least[owner]
        return middle - half, middle + half

    return spans


def _off_centre(pixels: PixelList, at: Array) -> tuple[Array, Array]:
    """How far each line lies below its solid's centre, and each pixel beside it, in pixels."""
    row, column = at.astype(np.float32).T.astype(np.float64)
    return pixels.line_row - row[pixels.line_owner], pixels.column - np.repeat(column, pixels.counts)


def _shadow(grid: Grid, matrices: Array) -> tuple[Array, Array]:
    """Quadratic form [n, 3] of an ellipsoid's shadow over (row, column) and the longest chord [n].

    Both are rounded to single precision.
    """
    ray, row, column = np.moveaxis(matrices @ (grid.directions * np.asarray(grid.steps_mm)[:, None]).T, 2, 0)
    along = (ray * ray).sum(axis=1, keepdims=True)
    row = row - ray * ((row * ray).sum(axis=1, keepdims=True) / along)
    column = column - ray * ((column * ray).sum(axis=1, keepdims=True) / along)
    form = np.stack(
        [(row * row).sum(axis=1), 2 * (row * column).sum(axis=1), (column * column).sum(axis=1)], 1
    )
    return rounded(form), rounded(2 / np.sqrt(along[:, 0]))


def rounded(values: Array) -> Array:
    """Return doubles that hold the values in single precision: numpy is quickest with one type throughout.

    >>> float(rounded(np.array([0.1]))[0]) == float(np.float32(0.1))
    True
    """
    return values.astype(np.float32).astype(np.float64)


def _shadow_reach(forms: Array) -> Array:
    """How many (rows, columns) the shadow reaches from its centre."""
    a, b, c = forms.T
    least = np.maximum(a * c - b * b / 4, 1e-12)
    return np.asarray(np.sqrt(np.stack([c / least, a / least], 1)))


def _round_chord(
    products: tuple[Array, Array, Array], forms: Array, lengths: Array, counts: NDArray[np.intp]
) -> Array:
    form = np.repeat(forms[:, 0], counts)
    form *= products[0]
    for place in (1, 2):
        part = np.repeat(forms[:, place], counts)
        part *= products[place]
        form += part
    np.subtract(1, form, out=form)
    np.clip(form, 0, np.inf, out=form)
    np.sqrt(form, out=form)
    form *= np.repeat(lengths, counts)
    return form


def _squared_chords(grid: Grid, centres: Array, matrices: Array, inner: Array) -> Iterator[Chords]:
    """Lumps with flat faces, x^2 + sqrt(y^4 + z^4) < 1: Newton from the ellipsoid around them.

    sqrt(y^4 + z^4) >= (y^2 + z^2) / sqrt 2, and the function is convex along the ray: from outside the
    steps close in on the surface without leaping over it.
    """
    wider = np.array([1.0, 2**-0.25, 2**-0.25])[:, None]
    at = projected(grid, centres)
    forms, _ = _shadow(grid, matrices * wider)
    for pixels in pixel_lists(at, _shadow_reach(forms), grid.shape[1:], _shadow_spans(at, forms)):
        by_line, across = _off_centre(pixels, at)
        down = np.repeat(by_line, pixels.widths)
        start, way = _rays(grid, matrices, pixels.counts, down, across)
        ends = _ellipsoid_ends(start, way, wider[:, 0].astype(np.float32))
        near = np.flatnonzero(ends[1] > ends[0])
        start, way = [part.take(near) for part in start], [part.take(near) for part in way]
        enter, leave = _squared_ends(start, way, (ends[0].take(near), ends[1].take(near)))
        hits = np.flatnonzero(leave > enter)
        both = near.take(hits)
        owner, place = pixels.owner.take(both), pixels.place.take(both)
        enter, leave = enter.take(hits), leave.take(hits)
        start, way = _rays(grid, inner, counts_of(owner, len(at)), down.take(both), across.take(both))
        first, last = _squared_ends(start, way, (enter, leave))
        yield Chords(owner, place, leave - enter, np.maximum(last - first, 0))


def _rays(
    grid: Grid, matrices: Array, counts: NDArray[np.intp], down: Array, across: Array
) -> tuple[list[Array], list[Array]]:
    """Start and direction of each ray in the lump's own coordinates; `counts` rays of each lump in turn."""
    steps = (grid.directions * np.asarray(grid.steps_mm)[:, None]).T
    ray, row, column = np.moveaxis(rounded(matrices @ steps), 2, 0)
    way = [np.repeat(ray[:, axis], counts) for axis in range(3)]
    start = []
    for axis in range(3):
        by_row, by_column = np.repeat(row[:, axis], counts), np.repeat(column[:, axis], counts)
        by_row *= down
        by_column *= across
        by_row += by_column
        start.append(by_row)
    return start, way


def _squared_ends(start: list[Array], way: list[Array], ends: tuple[Array, Array]) -> tuple[Array, Array]:
    enter = _newton_to_surface(start, way, ends[0], -1.0)
    return enter, _newton_to_surface(start, way, ends[1], 1.0)


def _ellipsoid_ends(start: list[Array], way: list[Array], scale: Floats) -> tuple[Array, Array]:
    """Where the ray enters and leaves |scale * point| < 1; both the same where it misses."""
    a = sum((w.astype(np.float32) * s) ** 2 for w, s in zip(way, scale, strict=True))
    b = sum(p * w * s * s for p, w, s in zip(start, way, scale, strict=True))
    c = sum((p * s) ** 2 for p, s in zip(start, scale, strict=True)) - np.float32(1)
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    return (-b - root) / a, (-b + root) / a


def _newton_to_surface(start: list[Array], way: list[Array], end: Array, side: float) -> Array:
    """Walk from outside to the surface; `side` is -1 where the ray enters and 1 where it leaves.

    A ray that misses meets no falling slope at last: its ends are then moved past each other.
    """
    missed = np.zeros(end.shape, bool)
    for _ in range(_NEWTON_STEPS):
        x, y, z = (_on_ray(p, end, w) for p, w in zip(start, way, strict=True))
        y2, z2 = y * y, z * z
        y *= y2
        y *= way[1]
        z *= z2
        z *= way[2]
        y += z  # how fast y^4 + z^4 grows along the ray, a quarter
        y2 *= y2
        z2 *= z2
        y2 += z2
        round_off = np.sqrt(y2, out=y2)
        round_off += _LEAST_ROUND_OFF
        y /= round_off
        slope = np.multiply(x, way[0], out=z2)
        slope += y
        slope *= side * 2
        missed |= slope < _LEAST_SLOPE
        x *= x
        x += round_off
        x -= 1
        x /= np.clip(slope, _LEAST_SLOPE, np.inf, out=slope)
        x[missed] = 0
        end = np.subtract(end, x, out=x) if side > 0 else np.add(end, x, out=x)
    end[missed] = side * -1e3
    return end


def _on_ray(start: Array, end: Array, way: Array) -> Array:
    found = end * way
    found += start
    return found
