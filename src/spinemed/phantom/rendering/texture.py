"""Random fields for organs, bias and noise, fast enough to be fresh for every series."""

from __future__ import annotations

import numpy as np

from spinemed.phantom.anatomy.solids import Floats


def smooth_field(rng: np.random.Generator, shape: tuple[int, int, int], cell: tuple[int, int, int]) -> Floats:
    """Return a field of about unit variance [slice, row, column] that varies over `cell` pixels.

    Knots of white noise are joined by smoothed linear interpolation along each axis.

    >>> smooth_field(np.random.default_rng(0), (2, 30, 20), cell=(1, 10, 10)).shape
    (2, 30, 20)
    """
    knots = rng.standard_normal(
        [size // step + 2 for size, step in zip(shape, cell, strict=True)], dtype=np.float32
    )
    along = [
        _interpolation(size, step, count) for size, step, count in zip(shape, cell, knots.shape, strict=True)
    ]
    slices = np.tensordot(along[0], knots, axes=1)  # [slice, knot row, knot column]
    field: Floats = np.matmul(along[1] @ slices, along[2].T, dtype=np.float32)
    field *= np.float32(1.35)  # interpolation between knots costs variance
    return field


def _interpolation(size: int, step: int, knots: int) -> Floats:
    """Weights [pixel, knot] that ease from knot to knot."""
    place = np.arange(size) / step
    first = place.astype(int)
    part = place - first
    part = part * part * (3 - 2 * part)
    weights = np.zeros((size, knots), np.float32)
    rows = np.arange(size)
    weights[rows, first] = 1 - part
    weights[rows, first + 1] = part
    return weights
