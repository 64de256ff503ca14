"""On which side of the midline something lies, measured on axial label masks alone.

Slices are [row, column] with row 0 anterior and column 0 the patient's right: columns run to the left.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from spinemed.errors import SourceError
from spinemed.facts.measure import SAC_VALUES

_FEWEST_PIXELS: Final = 60
_MOST: Final = 0.15
_LEAST_MM2: Final = 3.0
_CENTRAL_MM: Final = 2.5
_BEYOND_MM: Final = 1.0  # of a mirrored outline: less is the tilt of the slice and the pixels' edge


def herniation_side(
    structures: NDArray[np.uint16], spacing_mm: tuple[float, float], value: int
) -> Literal["left", "right", "central", "none"]:
    """Return where disc tissue reaches behind the outline that the disc's front half, mirrored, lets expect.

    `structures` is one axial slice or a stack [slice, row, column] of them, `value` the disc's number.
    "none" where nothing reaches behind it; SourceError where the disc is not in the slices.
    """
    masks = (structures if structures.ndim == 3 else structures[None]) == value
    areas = masks.sum(axis=(1, 2))
    if areas.max() < _FEWEST_PIXELS:
        raise SourceError(f"structure {value} is not in the slices; choose slices along this disc")
    # A slice that leaves the disc for a body shows a part of its outline: what is missing in front would
    # be taken for tissue behind. The slice with most of the disc shows most of its outline.
    mask = masks[int(areas.argmax())]
    places = _excess_mm(mask, spacing_mm)
    if len(places) >= _MOST * mask.sum():
        raise SourceError(f"no slice shows structure {value} whole; choose slices parallel to the disc")
    if places.size * spacing_mm[0] * spacing_mm[1] < _LEAST_MM2:
        return "none"
    middle = float(np.median(places))
    if abs(middle) < _CENTRAL_MM:
        return "central"
    return "left" if middle > 0 else "right"


def _excess_mm(mask: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
    """How far to the left of the midline (mm) the pixels behind the mirrored front outline lie."""
    wide = mask.sum(axis=1)
    # The widest rows are the disc's middle; what is herniated is narrower than the disc.
    waist = float(np.flatnonzero(wide >= 0.97 * wide.max()).mean())
    widest = np.flatnonzero(mask[round(waist)])
    midline = (widest[0] + widest[-1]) / 2
    columns = np.flatnonzero(mask.any(axis=0))
    front = mask[:, columns].argmax(axis=0)
    expected = 2 * waist - front + _BEYOND_MM / spacing_mm[0]
    rows = np.arange(mask.shape[0])[:, None]
    behind = mask[:, columns] & (rows > expected[None, :])
    return np.asarray((columns[np.nonzero(behind)[1]] - midline) * spacing_mm[1], np.float64)


def recess_depths_mm(
    structures: NDArray[np.uint16], spacing_mm: tuple[float, float], midline: float, half_width_mm: float
) -> tuple[float, float]:
    """Return the sac's depth in mm at `half_width_mm` to the left and to the right of a midline column."""
    sac = np.isin(structures, SAC_VALUES)
    depths = []
    for sign in (1.0, -1.0):
        column = round(midline + sign * half_width_mm / spacing_mm[1])
        inside = 0 <= column < sac.shape[1]
        depths.append(float(sac[:, column].sum()) * spacing_mm[0] if inside else 0.0)
    return depths[0], depths[1]
