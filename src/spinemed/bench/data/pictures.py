"""Perceptual hashes of pictures: which two show the same though their bytes differ."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE: Final = 16
BITS: Final = SIDE * SIDE
NEAR: Final = 30
"""Bits that two pictures may differ in to count as one, of 256. Measured by benchmarks/near_pictures.py on
2,500 pictures of 54 synthetic patients: the nearest picture of another patient is 43 bits away (1 % within
58); the same picture as JPEG, at two thirds of its size, brighter or noisier is at most 27 away. Of pictures
cropped by two pixels more than half are found."""

_AT_ONCE: Final = 512


def dhash(png: bytes) -> NDArray[np.uint8]:
    """Return 32 bytes: whether grey rises from each of 17 columns to the next in 16 rows, area means.

    >>> picture = io.BytesIO()
    >>> Image.new("L", (40, 60), 9).save(picture, "PNG")
    >>> int(dhash(picture.getvalue()).sum())
    0
    """
    with Image.open(io.BytesIO(png)) as picture:
        small = picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    greys = np.asarray(small, dtype=np.int16)  # [row, column]
    return np.packbits((greys[:, 1:] > greys[:, :-1]).ravel())


def nearest(
    asked: NDArray[np.uint8], among: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each hash in `asked` (n, 32) the bits to the nearest in `among` (m, 32), and its place.

    With nothing to compare all bits differ and the place is -1.
    """
    bits = np.full(len(asked), BITS, dtype=np.int64)
    places = np.full(len(asked), -1, dtype=np.int64)
    if not len(among):
        return bits, places
    for start in range(0, len(asked), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        for first in range(0, len(among), _AT_ONCE):
            differ = np.bitwise_count(asked[part, np.newaxis] ^ among[np.newaxis, first : first + _AT_ONCE])
            apart = differ.sum(axis=2, dtype=np.int64)
            best = apart.argmin(axis=1)
            closest = apart[np.arange(len(best)), best]
            better = closest < bits[part]
            bits[part] = np.where(better, closest, bits[part])
            places[part] = np.where(better, first + best, places[part])
    return bits, places


def stacked(hashes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return hashes as one array (n, 32); (0, 32) for none."""
    return np.array(hashes, dtype=np.uint8).reshape(len(hashes), BITS // 8)
