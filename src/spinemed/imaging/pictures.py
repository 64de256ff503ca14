"""Pictures made from slices: windows in millimetres, rings, PNG bytes, contact sheets with level names."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from spinemed.errors import SourceError

Colour = tuple[int, int, int]
YELLOW: Colour = (255, 214, 0)


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
    values = pixels.astype(np.float32)
    blur = [max(0.0, (pixel_mm / spacing - 1) / 2) for spacing in spacing_mm]
    if max(blur) > 0:
        values = ndimage.gaussian_filter(values, blur, mode="nearest")
    places = np.meshgrid(rows, columns, indexing="ij")
    window = ndimage.map_coordinates(values, places, order=1, mode="nearest")
    window[~_within(rows, columns, pixels.shape)] = 0
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
    rgb = as_rgb(picture)
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    from_line = np.abs(np.hypot(columns - column, rows - row) - radius)
    cover = np.clip(width / 2 + 0.5 - from_line, 0, 1)[..., np.newaxis]
    return np.asarray(np.rint(rgb * (1 - cover) + np.array(colour) * cover), dtype=np.uint8)


def as_rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture with three channels, (height, width, 3)."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., np.newaxis], 3, axis=2)


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Return an RGB PNG without metadata: the same pixels give the same bytes (with the same zlib)."""
    stream = io.BytesIO()
    # Level 3 made noisy slices smaller than level 6 and took a third of the time.
    Image.fromarray(np.ascontiguousarray(as_rgb(picture))).save(stream, format="PNG", compress_level=3)
    return stream.getvalue()


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
