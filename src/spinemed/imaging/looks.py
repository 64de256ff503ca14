"""How a picture looks: 128 bytes that stay nearly the same when it is scaled, recoded or ringed."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Greys = NDArray[np.uint8]

BITS: Final = 256
TRIMS: Final = (0.0, 0.012, 0.024, 0.036)
"""Shares of width and height that are cut from each edge before hashing, the whole picture first."""
HASH_BYTES: Final = len(TRIMS) * BITS // 8

_SIDE: Final = 32
_COLOURED: Final = 40
"""A pixel whose channels differ by more belongs to a drawn ring, not to a grey picture."""
_FLAT: Final = 1e-3

_ROWS, _COLUMNS = np.mgrid[:_SIDE, :_SIDE]
_ORDER = np.argsort((_ROWS + _COLUMNS).ravel(), kind="stable")[3 : 3 + BITS]
_PLACES: Final = (_ROWS.ravel()[_ORDER], _COLUMNS.ravel()[_ORDER])
_COSINES: Final = np.cos(
    np.pi
    * (np.arange(_SIDE) + 0.5)
    * np.arange(int(max(_PLACES[0].max(), _PLACES[1].max())) + 1)[:, np.newaxis]
    / _SIDE
).astype(np.float32)


def picture_hash(picture: bytes | Greys) -> bytes:
    """Return 128 bytes: the signs of 256 low cosine terms of the picture and of three that lack its edges.

    `picture` is a PNG or JPEG, or an array (height, width) or (height, width, 3). Coloured pixels (a ring)
    are filled from around them first. Terms are those with the smallest sum of row and column frequency but
    for the mean and the two slopes; a copy of another size, brightness, contrast or coding keeps nearly all
    signs, one without some edge pixels is met by the trimmed ones.

    >>> flat = picture_hash(np.full((40, 60), 9, np.uint8))
    >>> len(flat), sum(flat)
    (128, 0)
    """
    grey = Image.fromarray(grey_of(picture)).convert("F")
    width, height = grey.size
    small = np.stack(
        [
            np.asarray(
                grey.resize(
                    (_SIDE, _SIDE),
                    Image.Resampling.BOX,
                    box=(width * trim, height * trim, width * (1 - trim), height * (1 - trim)),
                )
            )
            for trim in TRIMS
        ]
    )
    terms = _COSINES @ (small - small.mean(axis=(1, 2), keepdims=True)) @ _COSINES.T
    return np.packbits(terms[:, _PLACES[0], _PLACES[1]] > _FLAT, axis=1).tobytes()


def grey_of(picture: bytes | Greys) -> Greys:
    """Return a picture as grey values (height, width), drawn rings filled from the pixels around them."""
    values = _opened(picture) if isinstance(picture, bytes) else np.asarray(picture)
    if values.ndim == 2:
        return np.ascontiguousarray(values, np.uint8)
    red, green, blue = (np.ascontiguousarray(values[..., channel]) for channel in range(3))
    most = np.maximum(np.maximum(red, green), blue)
    drawn = most - np.minimum(np.minimum(red, green), blue) > _COLOURED
    grey = np.asarray(Image.fromarray(np.ascontiguousarray(values[..., :3])).convert("L"))
    return _filled(grey, drawn) if drawn.any() else grey


def _opened(picture: bytes) -> Greys:
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image if image.mode == "L" else image.convert("RGB"))


def _filled(grey: Greys, drawn: NDArray[np.bool_]) -> Greys:
    """Return grey values with drawn pixels replaced by the mean of the others within four pixels."""
    rows, columns = np.nonzero(drawn)
    top, left = max(0, rows.min() - 6), max(0, columns.min() - 6)
    part = (slice(top, rows.max() + 7), slice(left, columns.max() + 7))
    hidden = drawn[part]
    for axis in (0, 1):  # one pixel wider: the soft edge of the line
        hidden = hidden | np.roll(hidden, 1, axis) | np.roll(hidden, -1, axis)
    shown = np.where(hidden, 0.0, 1.0)
    sums, weights = _box_sums(grey[part].astype(np.float64) * shown), _box_sums(shown)
    result = grey.copy()
    result[part] = np.where(hidden & (weights > 0), sums / np.maximum(weights, 1), result[part])
    return result


def _box_sums(values: NDArray[np.float64], reach: int = 4) -> NDArray[np.float64]:
    """Return sums over squares of 2 * reach + 1 pixels."""
    padded = np.pad(values, ((reach + 1, reach), (reach + 1, reach)))
    sums = padded.cumsum(0).cumsum(1)
    size = 2 * reach + 1
    return np.asarray(sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size])
