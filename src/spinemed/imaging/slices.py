"""Sagittal slices of a volume: the cut, the best one, and its grey window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spinemed.errors import SourceError
from spinemed.records import Modality

Scalar = TypeVar("Scalar", bound=np.generic)

CT_BONE_LEVEL_HU = 400.0
CT_BONE_WIDTH_HU = 1800.0
_CT_RANGE = CT_BONE_LEVEL_HU - CT_BONE_WIDTH_HU / 2, CT_BONE_LEVEL_HU + CT_BONE_WIDTH_HU / 2
_MR_PERCENTILES = (1.0, 99.5)
# Whole numbers that lie closer together than this are shown by a table.
_FEW_VALUES = 1 << 16
# Of a vertebra's depth: holds the body's front and none of the processes behind it.
_ANTERIOR_SHARE = 0.4
# A vertebra with fewer voxels than this share of the usual one is cut off by the edge of the scan.
_SLIVER_SHARE = 0.2


def sagittal(array: NDArray[Scalar], index: int) -> NDArray[Scalar]:
    """Return sagittal slice `index` of a [z, y, x] array in LPS: row 0 cranial, column 0 anterior.

    One pixel a voxel; a view, not a copy. `index` counts from the patient's right. IndexError where it lies
    outside.

    >>> sagittal(np.arange(8).reshape(2, 2, 2), 0).tolist()
    [[4, 6], [0, 2]]
    """
    if not 0 <= index < array.shape[2]:
        raise IndexError(f"sagittal slice {index} of a volume with {array.shape[2]}")
    return array[::-1, :, index]


def best_sagittal(mask: NDArray[np.uint8]) -> int:
    """Return the index of the sagittal slice that runs nearest to the middle of most vertebral bodies.

    `mask` is [z, y, x] in LPS, one value a vertebra. Each vertebra votes with a parabola over the width of
    its front, where only the body lies; so processes do not pull the slice sideways, and in a scoliosis the
    slice that meets most bodies wins. SourceError for a mask without a vertebra.
    """
    return nearest_slice(body_fronts(mask), mask.shape[2])


def nearest_slice(fronts: Mapping[int, tuple[float, float]], slices: int) -> int:
    """Return the slice of so many that `best_sagittal` chooses by the fronts that `body_fronts` found."""
    votes = np.zeros(slices)
    for middle, half_width in fronts.values():
        off = (np.arange(slices) - middle) / half_width
        votes += np.clip(1 - off**2, 0, None)
    return int(np.argmax(votes))


def to_uint8(pixels: NDArray[np.generic], modality: Modality) -> NDArray[np.uint8]:
    """Return the slice in 256 greys: CT in a bone window (level 400, width 1800 HU), MR by percentiles.

    >>> to_uint8(np.array([[-1000, 400, 3000]]), "CT").tolist()
    [[0, 128, 255]]
    """
    lowest, highest = (int(pixels.min()), int(pixels.max())) if pixels.size else (0, 0)
    if not np.issubdtype(pixels.dtype, np.integer) or highest - lowest >= _FEW_VALUES:
        values = pixels.astype(np.float32)
        return _greys(values, *(_CT_RANGE if modality == "CT" else _mr_range(values)))
    places = np.subtract(pixels, lowest, dtype=np.intp)
    shown = _CT_RANGE if modality == "CT" else _counted_range(places, lowest)
    if shown is None:
        shown = _mr_range(pixels.astype(np.float32))
    table = _greys(np.arange(lowest, highest + 1, dtype=np.float32), *shown)
    return np.asarray(table.take(places), np.uint8)


def _greys(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    scaled = (values - low) / max(high - low, 1e-6) * 255
    return np.asarray(np.clip(np.rint(scaled), 0, 255), dtype=np.uint8)


def _mr_range(values: NDArray[np.float32]) -> tuple[float, float]:
    low, high = np.percentile(values, _MR_PERCENTILES)
    return float(low), float(high)


def _counted_range(places: NDArray[np.intp], lowest: int) -> tuple[float, float] | None:
    """Return the percentiles of whole numbers by counting, a tenth of the time of sorting them.

    None where one lies between two values, which the caller leaves to numpy's own rule.
    """
    below = np.bincount(places.ravel()).cumsum()
    found = []
    for percent in _MR_PERCENTILES:
        place = (places.size - 1) * percent / 100
        ends = [max(math.floor(place - 0.01), 0), min(math.ceil(place + 0.01), places.size - 1)]
        first, last = np.searchsorted(below, ends, side="right")
        if first != last:
            return None
        found.append(float(first + lowest))
    return found[0], found[1]


def body_fronts(mask: NDArray[np.uint8]) -> dict[int, tuple[float, float]]:
    """Return label -> middle and half width, in voxels along x, of each vertebra's front; slivers left out.

    `mask` as in `best_sagittal`; the front holds the body alone. SourceError for a mask without a vertebra.
    """
    across = np.flatnonzero(mask.max(axis=0).any(axis=1))
    # Elsewhere from front to back there is nothing to be found.
    spine = mask[:, across[0] : across[-1] + 1] if across.size else mask
    boxes = ndimage.find_objects(spine)
    parts = {value: spine[box] == value for value, box in enumerate(boxes, start=1) if box is not None}
    if not parts:
        raise SourceError("the mask holds no vertebra; check its label scheme")
    counts = {value: int(np.count_nonzero(part)) for value, part in parts.items()}
    usual = float(np.median(list(counts.values())))
    fronts = {}
    for value, part in parts.items():
        if counts[value] < _SLIVER_SHARE * usual:
            continue
        depth = max(1, round(_ANTERIOR_SHARE * part.shape[1]))
        counts_along = np.count_nonzero(part[:, :depth], axis=(0, 1))
        columns = np.repeat(np.arange(len(counts_along)), counts_along)
        low, high = np.percentile(columns, (2, 98))
        offset = boxes[value - 1][2].start
        fronts[value] = offset + float(np.median(columns)), max((high - low) / 2, 1.0)
    return fronts
