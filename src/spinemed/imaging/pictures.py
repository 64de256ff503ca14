"""Pictures made from slices: windows in millimetres, rings, PNG bytes, contact sheets with level names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from spinemed.errors import SourceError
from spinemed.imaging.png import png_bytes

Colour = tuple[int, int, int]
YELLOW: Colour = (255, 214, 0)
_GREYS, _SHARES, _TONES = 192, 7, 9
_BLENDS = _SHARES * _TONES
_GREY_INDEX = ((np.arange(256) * (_GREYS - 1) + 127) // 255).astype(np.uint8)
_STEPS = ((np.arange(_GREYS) * 255 + (_GREYS - 1) // 2) // (_GREYS - 1)).astype(np.uint8)
_RAMP = np.repeat(_STEPS[:, np.newaxis], 3, axis=1)
_FARTHEST = 48
"""Levels that a blend of the ring's rim may be off in a channel, a quarter of the way to its colour."""
_TRUNCATED = 4.0
"""Standard deviations at which scipy's Gaussian filter ends."""


def resample_window(
    pixels: NDArray[np.generic],
    spacing_mm: tuple[float, float],
    top_mm: float,
    left_mm: float,
    height_px: int,
    width_px: int,
    pixel_mm: float,
    order: int = 1,
) -> NDArray[np.generic]:
    """Return a window of a slice with square pixels of `pixel_mm`, (height_px, width_px), dtype as given.

    Millimetres count from the outer edge of pixel [0, 0] of `pixels`, whose `spacing_mm` is (row, column):
    the centre of window pixel [r, c] lies at (top_mm + (r + 0.5) * pixel_mm, left_mm + (c + 0.5) * pixel_mm).
    `order` 0 takes the nearest pixel (label maps), 1 is linear; a linear window coarser than the slice is
    smoothed first. Outside is 0.

    >>> resample_window(np.array([[1, 2], [3, 4]], np.uint8), (2.0, 2.0), 0, 0, 2, 4, 1.0, order=0).tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    if order not in (0, 1):
        raise ValueError(f"order {order}: 0 (nearest) or 1 (linear)")
    if min(*spacing_mm, pixel_mm) <= 0 or min(height_px, width_px) < 1:
        raise ValueError(
            f"spacing {spacing_mm} mm, pixel {pixel_mm} mm and size {height_px} x {width_px} must be above "
            "zero"
        )
    rows = (top_mm + (np.arange(height_px) + 0.5) * pixel_mm) / spacing_mm[0] - 0.5
    columns = (left_mm + (np.arange(width_px) + 0.5) * pixel_mm) / spacing_mm[1] - 0.5
    if order == 0:
        return _nearest(pixels, rows, columns)
    window = _linear(pixels, rows, columns, [max(0.0, (pixel_mm / one - 1) / 2) for one in spacing_mm])
    within = _within(rows, columns, pixels.shape)
    if not within.all():
        window[~within] = 0
    if np.issubdtype(pixels.dtype, np.integer):
        window = np.rint(window)
    return np.asarray(window.astype(pixels.dtype))


def draw_ring(
    picture: NDArray[np.uint8],
    column: float,
    row: float,
    radius: float,
    colour: Colour = YELLOW,
    width: float = 2.0,
) -> NDArray[np.uint8]:
    """Return the picture as RGB with an anti-aliased ring; `picture` is (height, width), grey, or has RGB.

    Centre and radius are in pixels, the middle of pixel [0, 0] is (0.0, 0.0); what leaves the picture is cut.
    """
    rgb = picture.copy() if picture.ndim == 3 else as_rgb(picture)
    reach = radius + width / 2 + 1
    top, left = (max(0, math.floor(place - reach)) for place in (row, column))
    part = rgb[top : max(0, math.ceil(row + reach) + 1), left : max(0, math.ceil(column + reach) + 1)]
    rows, columns = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
    from_line = np.abs(np.hypot(columns - column, rows - row) - radius)
    cover = np.clip(width / 2 + 0.5 - from_line, 0, 1)[..., np.newaxis]
    part[...] = np.rint(part * (1 - cover) + np.array(colour) * cover)
    return rgb


def as_rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture with three channels, (height, width, 3)."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., np.newaxis], 3, axis=2)


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Return a PNG of a picture, (height, width) or RGB, without metadata: the same pixels, the same bytes.

    Greys are stored as such, exactly. A picture with a ring has a palette: `_GREYS` even steps of grey, none
    further than one level from the true one, then the ring's colour and up to `_BLENDS` means of it with
    what lies below. Where that would show (other colours than one and grey), the picture is stored as RGB.
    The bytes also depend on the version of zlib, see `imaging.png`.

    >>> encode_png(np.zeros((2, 2), np.uint8)) == encode_png(np.zeros((2, 2, 3), np.uint8))
    True
    """
    if picture.ndim == 2:
        return png_bytes(picture)
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    coloured = (red != green) | (green != blue)
    if not coloured.any():
        return png_bytes(np.ascontiguousarray(red))
    palette, places = _blends(picture[coloured])
    if np.abs(palette[places].astype(np.int16) - picture[coloured]).max() > _FARTHEST:
        return png_bytes(np.ascontiguousarray(picture))
    indices = np.take(_GREY_INDEX, red)
    indices[coloured] = _GREYS + places
    return png_bytes(indices, np.concatenate([_RAMP, palette]))


def _blends(colours: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Return a palette of coloured pixels, (number, 3), the strongest colour first, and each one's place.

    A blend's channels differ by the share that the colour has in it: pixels are gathered by that share and
    by how dark they are.
    """
    lowest = colours.min(axis=1)
    spread = colours.max(axis=1) - lowest
    strongest = int(spread.argmax())
    share = np.minimum(spread.astype(np.intp) * _SHARES // int(spread[strongest]), _SHARES - 1)
    bins = 1 + share * _TONES + lowest.astype(np.intp) * _TONES // 256
    bins[(colours == colours[strongest]).all(axis=1)] = 0
    _, places = np.unique(bins, return_inverse=True)
    counts = np.bincount(places)
    means = [np.rint(np.bincount(places, weights=colours[:, channel]) / counts) for channel in range(3)]
    return np.stack(means, axis=1).astype(np.uint8), places


@dataclass(frozen=True)
class Name:
    """A level's name and the pixel (row, column) it belongs to."""

    text: str
    row: float
    column: float


@dataclass(frozen=True)
class Tile:
    """One picture of a contact sheet: title above, names on it, and a label map whose outlines are drawn."""

    picture: NDArray[np.uint8]
    title: str
    names: Sequence[Name] = ()
    outlines: NDArray[np.integer] | None = field(default=None)


def contact_sheet(tiles: Sequence[Tile], columns: int = 4, text_px: int = 13) -> NDArray[np.uint8]:
    """Return all tiles in one RGB picture, `columns` a row, with level names for a person to check."""
    if not tiles:
        raise SourceError("a contact sheet needs at least one picture")
    height = max(tile.picture.shape[0] for tile in tiles)
    width = max(tile.picture.shape[1] for tile in tiles)
    title_px = text_px + 6
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * (width + 4), rows * (height + title_px + 4)), (24, 24, 24))
    for place, tile in enumerate(tiles):
        left, top = place % columns * (width + 4), place // columns * (height + title_px + 4)
        _draw_tile(sheet, tile, left, top, title_px, text_px)
    return np.asarray(sheet)


def _draw_tile(sheet: Image.Image, tile: Tile, left: int, top: int, title_px: int, text_px: int) -> None:
    font = ImageFont.load_default(text_px)
    draw = ImageDraw.Draw(sheet)
    draw.text((left + 3, top + 2), tile.title, fill=(230, 230, 230), font=font)
    sheet.paste(Image.fromarray(np.ascontiguousarray(_outlined(tile))), (left, top + title_px))
    for name in tile.names:
        at = (left + name.column, top + title_px + name.row)
        draw.text(at, name.text, fill=YELLOW, font=font, anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0))


def _outlined(tile: Tile) -> NDArray[np.uint8]:
    rgb = as_rgb(tile.picture).copy()
    if tile.outlines is not None:
        labels = tile.outlines
        inner = ndimage.minimum_filter(labels, 3) == ndimage.maximum_filter(labels, 3)
        rgb[(labels > 0) & ~inner] = (0, 190, 190)
    return rgb


def _linear(
    pixels: NDArray[np.generic],
    rows: NDArray[np.floating],
    columns: NDArray[np.floating],
    blur: Sequence[float],
) -> NDArray[np.float32]:
    """Return the values at crossing rows and columns, linear between pixels, those of the edge outside.

    `blur` smooths the slice first. The same bits as `scipy.ndimage.map_coordinates` of order 1 and mode
    nearest over the whole slice, in half the time: only what the window needs is read, and the rows are
    weighted once for all columns.
    """
    places = []
    within: list[slice] = []
    for axis, (wanted, sigma) in enumerate(zip((rows, columns), blur, strict=True)):
        length = pixels.shape[axis]
        clipped = np.clip(wanted, 0, length - 1)
        first = np.floor(clipped).astype(np.intp)
        reach = int(_TRUNCATED * sigma + 0.5) + 1
        low, high = max(0, int(first[0]) - reach), min(length, int(first[-1]) + 2 + reach)
        within.append(slice(low, high))
        second = np.minimum(first + 1, length - 1)
        places.append((first - low, second - low, 1 - (clipped - first), clipped - first))
    values = pixels[tuple(within)].astype(np.float32)
    if max(blur) > 0:
        values = ndimage.gaussian_filter(values, blur, mode="nearest", truncate=_TRUNCATED)
    (top, bottom, of_top, of_bottom), (left, right, of_left, of_right) = places
    upper = values[top] * of_top[:, np.newaxis]
    lower = values[bottom] * of_bottom[:, np.newaxis]
    window = upper.take(left, axis=1)
    window *= of_left
    rest = ((upper, right, of_right), (lower, left, of_left), (lower, right, of_right))
    for weighted, places_along, share in rest:
        part = weighted.take(places_along, axis=1)
        part *= share
        window += part
    return np.asarray(window, dtype=np.float32)


def _nearest(
    pixels: NDArray[np.generic], rows: NDArray[np.floating], columns: NDArray[np.floating]
) -> NDArray[np.generic]:
    window = np.zeros((len(rows), len(columns)), dtype=pixels.dtype)
    inside = _within(rows, columns, pixels.shape)
    row_index = np.clip(np.floor(rows + 0.5).astype(int), 0, pixels.shape[0] - 1)
    column_index = np.clip(np.floor(columns + 0.5).astype(int), 0, pixels.shape[1] - 1)
    window[inside] = pixels[np.ix_(row_index, column_index)][inside]
    return window


def _within(
    rows: NDArray[np.floating], columns: NDArray[np.floating], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return which window pixels have their centre on a pixel of the slice."""
    in_rows = (rows >= -0.5) & (rows < shape[0] - 0.5)
    in_columns = (columns >= -0.5) & (columns < shape[1] - 0.5)
    return np.asarray(in_rows[:, np.newaxis] & in_columns[np.newaxis, :])
