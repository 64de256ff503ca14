"""Whether two pictures show the same image: they are laid on each other and their fine structure compared."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from spinemed.imaging.looks import Greys, grey_of

Thumbnail = NDArray[np.float64]

ALIKE: Final = 0.95
"""Least correlation of fine structure of two copies of one picture whose hashes are somewhat apart; that of
different patients was up to 0.88 (benchmarks/leak_recall.py)."""
ALIKE_WHERE_CLOSE: Final = 0.85
CLOSE: Final = 32
"""Within so many bits no two patients were found (51 at least), so a filled ring may cost more likeness."""

_SIDE: Final = 64
_STEPS: Final = 12
_MARGIN: Final = 5
_FLAT: Final = 0.5


def thumbnail(picture: bytes | Greys) -> Thumbnail:
    """Return a picture, without drawn rings, as 64 x 64 mean grey values."""
    small = Image.fromarray(grey_of(picture)).convert("F").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float64)


def is_copy(bits: int, alike: float) -> bool:
    """Tell whether two pictures show the same image, by the bits of their hashes and their likeness.

    >>> is_copy(20, 0.9), is_copy(50, 0.9), is_copy(50, 0.97)
    (True, False, True)
    """
    return alike >= (ALIKE_WHERE_CLOSE if bits <= CLOSE else ALIKE)


def likeness(first: Thumbnail, second: Thumbnail) -> float:
    """Return the correlation, -1 to 1, of the fine structure of two thumbnails laid on each other.

    The second is shifted and stretched by up to some percent (Gauss-Newton steps on the squared difference,
    Lucas and Kanade 1981), as a crop of a few pixels and another size ask for; grey levels and contrast are
    free. Fine structure is what a blur by 2.5 of 64 pixels takes away: broad shading, alike in all spines,
    does not count. Two flat pictures are alike (1), a flat one and another are not (0).

    >>> grid = np.add.outer(np.arange(64.0) ** 2 % 97, np.arange(64.0) ** 2 % 89)
    >>> round(likeness(grid, 3 * grid + 5), 6)
    1.0
    """
    flat = [thumb.std() < _FLAT for thumb in (first, second)]
    if any(flat):
        return 1.0 if all(flat) else 0.0
    goal, moving = (_standard(ndimage.gaussian_filter(thumb, 1.0)) for thumb in (first, second))
    best = -1.0
    place: NDArray[np.float64] = np.array([1.0, 0.0, 1.0, 0.0])  # rows: scale, shift; columns: scale, shift
    for _ in range(_STEPS):
        laid = _laid(moving, place)
        alike = _correlation(_fine(goal), _fine(laid))
        best = max(best, alike)
        place += _step(goal, laid)
        if abs(place[0] - 1) > 0.15 or abs(place[2] - 1) > 0.15 or max(abs(place[1]), abs(place[3])) > 6:
            break
    return best


def _step(goal: Thumbnail, laid: Thumbnail) -> NDArray[np.float64]:
    """Return the change of scales and shifts that brings `laid` nearest to `goal`, to first order."""
    inner = (slice(_MARGIN, -_MARGIN),) * 2
    by_row, by_column = (np.gradient(laid, axis=axis) for axis in (0, 1))
    offset = np.arange(_SIDE) - (_SIDE - 1) / 2
    terms = np.stack(
        [
            np.asarray(by_row * offset[:, np.newaxis])[inner].ravel(),
            by_row[inner].ravel(),
            np.asarray(by_column * offset)[inner].ravel(),
            by_column[inner].ravel(),
            laid[inner].ravel(),
            np.ones(laid[inner].size),
        ]
    )
    difference = (goal - laid)[inner].ravel()
    square = terms @ terms.T
    square += np.eye(len(square)) * 1e-6 * np.trace(square)
    return np.asarray(np.linalg.solve(square, terms @ difference)[:4])


def _laid(moving: Thumbnail, place: NDArray[np.float64]) -> Thumbnail:
    rows, columns = _weights(place[0], place[1]), _weights(place[2], place[3])
    return np.asarray(rows @ moving @ columns.T)


def _weights(scale: float, shift: float) -> NDArray[np.float64]:
    """Return the matrix that samples a line of 64 values at scaled and shifted places, linearly."""
    middle = (_SIDE - 1) / 2
    places = np.clip((np.arange(_SIDE) - middle) * scale + middle + shift, 0, _SIDE - 1)
    return np.asarray(np.maximum(0.0, 1 - np.abs(places[:, np.newaxis] - np.arange(_SIDE))))


def _standard(values: Thumbnail) -> Thumbnail:
    return np.asarray((values - values.mean()) / max(values.std(), _FLAT / 10))


def _fine(values: Thumbnail) -> Thumbnail:
    fine = values - ndimage.gaussian_filter(values, 2.5)
    return np.asarray(fine[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN])


def _correlation(first: Thumbnail, second: Thumbnail) -> float:
    a, b = first - first.mean(), second - second.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0
