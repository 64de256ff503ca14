"""Where a picture lies in a slice: linear interpolation to its pixels, and normalised cross-correlation."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Pixels = NDArray[np.float32]

PAD_PX: Final = 40
"""Black margin around a slice, for pictures that reach beyond it."""
_SMALL_SHIFTS: Final = tuple(step / 8 for step in range(-6, 7))


def resampled(pixels: Pixels, spacing_mm: tuple[float, float], pixel_mm: float) -> Pixels:
    """Return a slice on square pixels of `pixel_mm` from its corner on, its least value 0, with a margin.

    >>> resampled(np.eye(2, dtype=np.float32), (2.0, 1.0), 1.0)[40:44, 40:42].round(2).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    counts = [max(1, round(pixels.shape[axis] * spacing_mm[axis] / pixel_mm)) for axis in (0, 1)]
    lowest = pixels - pixels.min()
    return np.pad(_sampled(lowest, spacing_mm, pixel_mm, (0.0, 0.0), (counts[0], counts[1])), PAD_PX)


def best_fit(field: Pixels, picture: Pixels, hidden: NDArray[np.bool_]) -> tuple[int, int, float]:
    """Return row, column and value of the greatest normalised cross-correlation of a picture in a field.

    What is `hidden` of the picture does not count. A picture larger than the field fits with -1.0.
    """
    pattern = _pattern(picture, hidden)
    height, width = pattern.shape
    if height > field.shape[0] or width > field.shape[1]:
        return 0, 0, -1.0
    shape = tuple(fft.next_fast_len(length, real=True) for length in field.shape)
    spectrum = fft.rfft2(field, shape) * np.conj(fft.rfft2(pattern, shape))
    product = fft.irfft2(spectrum, shape)[: field.shape[0] - height + 1, : field.shape[1] - width + 1]
    values = field.astype(np.float64)
    total, squares = _sums(values, height, width), _sums(values * values, height, width)
    spread = np.sqrt(np.maximum(squares - total**2 / (height * width), 0.0))
    # Where the field is flat the quotient is rounding error.
    flat = spread < 0.05 * spread.max()
    fit = np.where(flat, -1.0, product / (np.where(flat, 1.0, spread) * np.sqrt((pattern**2).sum()) + 1e-9))
    row, column = np.unravel_index(int(np.argmax(fit)), fit.shape)
    return int(row), int(column), float(fit[row, column])


def fine_fit(
    pixels: Pixels,
    spacing_mm: tuple[float, float],
    pixel_mm: float,
    corner_mm: tuple[float, float],
    picture: Pixels,
    hidden: NDArray[np.bool_],
) -> tuple[float, float, float]:
    """Return top and left in mm and the cross-correlation of the best place within a pixel of `corner_mm`.

    `best_fit` steps by whole pixels; where a picture has thin edges and its pixels are as large as the
    slice's, half a pixel aside costs much of the fit. What lies beyond the slice is black.
    """
    pattern = _pattern(picture, hidden)
    lowest = pixels - pixels.min()
    found = (-1.0, *corner_mm)
    for down in _SMALL_SHIFTS:
        for right in _SMALL_SHIFTS:
            at = corner_mm[0] + down * pixel_mm, corner_mm[1] + right * pixel_mm
            seen = _sampled(lowest, spacing_mm, pixel_mm, at, picture.shape)
            seen = seen * _within(pixels.shape, spacing_mm, pixel_mm, at, picture.shape)
            seen = seen - seen.mean()
            size = float(np.sqrt((seen * seen).sum() * (pattern * pattern).sum()))
            found = max(found, (float((seen * pattern).sum()) / (size + 1e-9), *at))
    return found[1], found[2], found[0]


def _within(
    slice_shape: tuple[int, ...],
    spacing_mm: tuple[float, float],
    pixel_mm: float,
    corner_mm: tuple[float, float],
    shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Which of a picture's pixels have their middle on the slice, [row, column]."""
    middles = (corner_mm[axis] + (np.arange(shape[axis]) + 0.5) * pixel_mm for axis in (0, 1))
    rows, columns = (
        (middle >= 0) & (middle <= slice_shape[axis] * spacing_mm[axis])
        for axis, middle in enumerate(middles)
    )
    return np.asarray(rows[:, np.newaxis] & columns)


def _pattern(picture: Pixels, hidden: NDArray[np.bool_]) -> Pixels:
    return np.where(hidden, np.float32(0), picture - picture[~hidden].mean())


def _sampled(
    pixels: Pixels,
    spacing_mm: tuple[float, float],
    pixel_mm: float,
    corner_mm: tuple[float, float],
    shape: tuple[int, ...],
) -> Pixels:
    for axis in (0, 1):
        pixels = _lerp(pixels, spacing_mm[axis], pixel_mm, corner_mm[axis], shape[axis], axis)
    return pixels


def _lerp(
    pixels: Pixels, spacing_mm: float, pixel_mm: float, corner_mm: float, wanted: int, axis: int
) -> Pixels:
    count = pixels.shape[axis]
    # Coarse pixels are the mean of three places inside them.
    inner = (-1 / 3, 0.0, 1 / 3) if pixel_mm > 1.2 * spacing_mm else (0.0,)
    total = np.zeros(1, np.float32)
    for shift in inner:
        at = (corner_mm + (np.arange(wanted) + 0.5 + shift) * pixel_mm) / spacing_mm - 0.5
        at = np.clip(at, 0, count - 1)
        below = np.minimum(at.astype(int), max(count - 2, 0))
        share = (at - below).astype(np.float32)
        share = share[:, np.newaxis] if axis == 0 else share[np.newaxis, :]
        above = np.minimum(below + 1, count - 1)
        total = total + pixels.take(below, axis) * (1 - share) + pixels.take(above, axis) * share
    return np.asarray(total / np.float32(len(inner)), dtype=np.float32)


def _sums(values: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    table = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return (
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )
