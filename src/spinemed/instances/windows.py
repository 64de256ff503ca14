"""Windows of a slice that pictures show: whole vertebrae clearly whole, others clearly cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinemed.instances.chains import Chain, Span
from spinemed.instances.wordings import Anchor

HEIGHT_PX = 256
WIDTH_PX = 128
LONGEST_PX = 384
"""The longer side of a picture that holds a whole slice or film."""
FINEST_MM = 0.9
COARSEST_MM = 1.35
FEWEST_WHOLE = 2
"""A window may show as few whole vertebrae as this. With four, a low vertebra lay never high in a picture,
and the ring's place alone chose 49 % of four options right; with two 37 % (benchmarks/phantom_learn.py)."""
_SHOWN_SHARE = 0.6
"""At most this share of the height of a vertebra that is not whole lies inside."""
SACRUM_MM = 34.0
"""A window counts from the sacrum if it reaches so far below the upper edge of S1: past S1 into S2.
With 45 mm, where half of S2 shows, the ring's place alone chose 46 % of four options right."""
_ABOVE_C2 = 0.4
"""At most this share of a window that is counted from C2 lies above it: it shows skull and air."""
_BEYOND_MM = 10.0
_WIDEST_GAP = 0.5
"""A disc is no higher than this share of its vertebra: what lies further off is not the neighbour."""
_SHIFT_MM = 22.0
_TRIES = 60

Rows = tuple[float, float, int, int]
"""Upper edge in mm, pixel in mm, and the chain's indices of the highest and the lowest whole vertebra."""


@dataclass(frozen=True)
class Window:
    """A window of HEIGHT_PX x WIDTH_PX square pixels, placed in mm from the slice's upper and anterior edge.

    `first` and `last` are the chain's indices of the highest and the lowest vertebra that is wholly in it.
    """

    top_mm: float
    left_mm: float
    pixel_mm: float
    anchor: Anchor
    first: int
    last: int

    @property
    def bottom_mm(self) -> float:
        """Return the lower edge in mm."""
        return self.top_mm + HEIGHT_PX * self.pixel_mm

    def column_row(self, span: Span) -> tuple[float, float]:
        """Return the centre of a body in picture pixels; the middle of the first pixel is (0, 0)."""
        column = ((span.left + span.right) / 2 - self.left_mm) / self.pixel_mm - 0.5
        row = ((span.top + span.bottom) / 2 - self.top_mm) / self.pixel_mm - 0.5
        return column, row


def windows_open(chain: Chain, anchor: Anchor, slice_height: float) -> tuple[int, ...]:
    """Return which vertebrae can be the free end of a window with this anchor, as indices of the chain.

    With the sacrum the free end is the highest whole vertebra, with C2 the lowest; with a reference, the
    topmost vertebra named, it is the lowest. Ends whose neighbour cannot be cut clearly are left out;
    empty where the anchor cannot be held in the tallest window. `slice_height` is in mm.
    """
    tallest = HEIGHT_PX * COARSEST_MM
    fewest = min(FEWEST_WHOLE, len(chain.spans))
    spans = chain.spans
    if anchor == "sacrum":
        low = _below_sacrum(chain)
        if low is None or low > slice_height:
            return ()
        return tuple(
            index
            for index in range(len(spans) - fewest + 1)
            if low - (spans[index].top - chain.clear_mm) <= tallest and _is_open(_edge_above(chain, index))
        )
    return tuple(
        index
        for index in range(fewest - 1, len(spans))
        if spans[index].bottom + chain.clear_mm - chain.high <= tallest
        and _is_open(_edge_below(chain, index, slice_height))
    )


def _below_sacrum(chain: Chain) -> float | None:
    """Return down to where a window must reach that shows S1; None without a sacrum to count from."""
    if chain.sacrum is None:
        return None
    return max(chain.sacrum.bottom + chain.clear_mm, chain.sacrum.top + SACRUM_MM)


def _is_open(edge: tuple[float, float]) -> bool:
    return edge[0] <= edge[1]


def draw_window(
    chain: Chain,
    anchor: Anchor,
    slice_mm: tuple[float, float],
    rng: np.random.Generator,
    free_end: int | None = None,
    holding: int | None = None,
    reference: int = 0,
) -> Window | None:
    """Return a random window, or None where none fits.

    `slice_mm` is the slice's height and width; `free_end` fixes the free end (see `windows_open`),
    otherwise it is drawn so that vertebra `holding` lies wholly within. With the anchor `reference`, vertebra
    `reference` of the chain is the highest whole one; with `cut_above` or `cut_below` the chain has one
    vertebra, and that edge of the slice lies in the window.
    """
    for _ in range(_TRIES):
        if anchor == "sacrum":
            drawn = _rows_from_sacrum(chain, slice_mm[0], rng, free_end, holding)
        elif anchor == "C2":
            drawn = _rows_from_c2(chain, slice_mm[0], rng, free_end, holding)
        elif anchor in ("cut_above", "cut_below"):
            drawn = _rows_from_cut(chain, anchor, slice_mm[0], rng)
        else:
            drawn = _rows_from_reference(chain, slice_mm[0], rng, free_end, holding, reference)
        if drawn is None:
            continue
        top, pixel, first, last = drawn
        left = _left(chain, first, last, anchor, pixel, rng)
        if left is not None:
            return Window(round(top, 3), round(left, 3), round(pixel, 5), anchor, first, last)
    return None


def _rows_from_sacrum(
    chain: Chain, slice_height: float, rng: np.random.Generator, free_end: int | None, holding: int | None
) -> Rows | None:
    ends = windows_open(chain, "sacrum", slice_height)
    end = _pick([end for end in ends if holding is None or end <= holding], free_end, rng)
    low = _below_sacrum(chain)
    if end is None or low is None:
        return None
    top = float(rng.uniform(*_edge_above(chain, end)))
    pixel = _zoom((low - top) / HEIGHT_PX, rng)
    return None if pixel is None else (top, pixel, end, len(chain.spans) - 1)


def _rows_from_c2(
    chain: Chain, slice_height: float, rng: np.random.Generator, free_end: int | None, holding: int | None
) -> Rows | None:
    ends = windows_open(chain, "C2", slice_height)
    end = _pick([end for end in ends if holding is None or end >= holding], free_end, rng)
    if end is None:
        return None
    bottom = float(rng.uniform(*_edge_below(chain, end, slice_height)))
    pixel = _zoom((bottom - chain.high) / HEIGHT_PX, rng)
    if pixel is None:
        return None
    top = bottom - HEIGHT_PX * pixel
    seen_from = max(top, 0.0)
    shows_c2 = chain.spans[0].top - seen_from <= _ABOVE_C2 * (bottom - seen_from)
    return (top, pixel, 0, end) if shows_c2 else None


def _rows_from_reference(
    chain: Chain,
    slice_height: float,
    rng: np.random.Generator,
    free_end: int | None,
    holding: int | None,
    first: int,
) -> Rows | None:
    spans, edge = chain.spans, _edge_above(chain, first)
    if not _is_open(edge):
        return None
    top = float(rng.uniform(*edge))
    if free_end is not None:
        pixel = (float(rng.uniform(*_edge_below(chain, free_end, slice_height))) - top) / HEIGHT_PX
        return (top, pixel, first, free_end) if FINEST_MM <= pixel <= COARSEST_MM else None
    pixel = float(rng.uniform(FINEST_MM, COARSEST_MM))
    last = first
    while last + 1 < len(spans) and spans[last + 1].bottom + chain.clear_mm <= top + HEIGHT_PX * pixel:
        last += 1
    if last - first + 1 < min(FEWEST_WHOLE, len(spans) - first) or (holding is not None and holding > last):
        return None
    return top, pixel, first, last


def _rows_from_cut(
    chain: Chain, anchor: Anchor, slice_height: float, rng: np.random.Generator
) -> Rows | None:
    """Return rows that show the whole slice, or as much of it as they hold from the cutting edge on."""
    pixel = float(rng.uniform(FINEST_MM, COARSEST_MM))
    room = float(rng.uniform(0, max(0.0, HEIGHT_PX * pixel - slice_height)))
    top = -room if anchor == "cut_above" else slice_height + room - HEIGHT_PX * pixel
    [span] = chain.spans
    is_whole = top < span.top and span.bottom + chain.clear_mm <= top + HEIGHT_PX * pixel
    return (top, pixel, 0, 0) if is_whole else None


def _pick(ends: Sequence[int], fixed: int | None, rng: np.random.Generator) -> int | None:
    if fixed is not None:
        return fixed if fixed in ends else None
    return int(ends[int(rng.integers(len(ends)))]) if ends else None


def _zoom(finest: float, rng: np.random.Generator) -> float | None:
    low = max(FINEST_MM, finest)
    return None if low > COARSEST_MM else float(rng.uniform(low, COARSEST_MM))


def _edge_above(chain: Chain, index: int) -> tuple[float, float]:
    """Return where the upper edge may lie so that vertebra `index` is the highest whole one.

    Nowhere (the first lies below the second) where the slice itself ends too close above the vertebra.
    """
    span = chain.spans[index]
    high = span.top - chain.clear_mm if index else chain.high
    if high < 0:
        return 0.0, high
    if index > 0:
        upper = chain.spans[index - 1]
        return upper.bottom - _SHOWN_SHARE * _clear_height(upper, upper.bottom - span.top), high
    # What is seen of the next one above, labelled or not, is as tall as this one where it is whole.
    ends = _near(chain.ceiling, span.top, -_WIDEST_GAP * span.height)
    clear = _clear_height(span, ends - span.top)
    return min(max(ends - _SHOWN_SHARE * clear, -_BEYOND_MM), high), high


def _edge_below(chain: Chain, index: int, slice_height: float) -> tuple[float, float]:
    """Return where the lower edge may lie so that vertebra `index` is the lowest whole one."""
    span = chain.spans[index]
    low = span.bottom + chain.clear_mm
    if index < len(chain.spans) - 1:
        lower = chain.spans[index + 1]
        return low, lower.top + _SHOWN_SHARE * _clear_height(lower, span.bottom - lower.top)
    begins = _near(chain.floor, span.bottom, _WIDEST_GAP * span.height)
    clear = _clear_height(span, span.bottom - begins)
    return low, max(min(begins + _SHOWN_SHARE * clear, slice_height + _BEYOND_MM), low)


def _clear_height(span: Span, overlap: float) -> float:
    """Return the height of a leaning body that its neighbour's box does not overlap: all that is its own."""
    return span.height - max(0.0, overlap)


def _near(seen: float | None, rim: float, gap: float) -> float:
    """Return where the neighbour's endplate lies: where it is seen if that is near, else at a rim.

    `rim` is the vertebra's own, `gap` how far off the neighbour may begin, signed. The boxes of bodies that
    lean overlap: up to as far past the rim the neighbour counts as seen.
    """
    near, far = sorted((rim - gap, rim + gap))
    if seen is not None and near <= seen <= far:
        return seen
    return max(rim, rim + gap) if seen is None or seen > far else min(rim, rim + gap)


def _left(
    chain: Chain, first: int, last: int, anchor: Anchor, pixel: float, rng: np.random.Generator
) -> float | None:
    """Return the anterior edge, shifted at random while whole bodies, sacrum and cut neighbours stay in."""
    shown = [span for span in (chain.above, *chain.spans[first : last + 1], chain.below) if span is not None]
    if anchor == "sacrum" and chain.sacrum is not None:
        shown.append(chain.sacrum)
    width = WIDTH_PX * pixel
    low = max(span.right for span in shown) + chain.clear_mm - width
    high = min(span.left for span in shown) - chain.clear_mm
    if low > high:
        return None
    middle = float(
        np.clip(sum(span.left + span.right for span in shown) / (2 * len(shown)) - width / 2, low, high)
    )
    return float(rng.uniform(max(low, middle - _SHIFT_MM), min(high, middle + _SHIFT_MM)))
