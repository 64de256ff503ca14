"""Where the voxels of a volume lie in the patient, and whether two grids are the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray

from spinemed.errors import SourceError

MAX_VOXELS = 2**31
# Corners of equal grids may lie apart by this share of a voxel: NIfTI headers store float32.
_CORNER_TOLERANCE = 0.1
# The letters of an axis that runs as x, y and z of LPS do, and of one that runs the other way.
_PAIRS = ("LR", "PA", "SI")


@dataclass(frozen=True)
class Grid:
    """Size, spacing and place of a voxel grid in ITK's order x, y, z.

    The patient's axes are DICOM's and ITK's: left, posterior, superior. `direction` holds nine cosines row by
    row, as SimpleITK gives them: column k is the way that axis k runs.
    """

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: tuple[float, ...]

    def __str__(self) -> str:
        """Return the grid in one line for a message."""
        size = " x ".join(str(n) for n in self.size)
        spacing = " x ".join(f"{s:.4g}" for s in self.spacing_mm)
        origin = ", ".join(f"{o:.5g}" for o in self.origin_mm)
        cosines = ", ".join(f"{c:.3g}" for c in self.direction)
        return f"{size} voxels of {spacing} mm at ({origin}) mm with axes ({cosines})"


def orientation(grid: Grid) -> str:
    """Return three letters for the ways that the stored axes run most nearly, such as LPS or PIR.

    >>> orientation(Grid((1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    'LPS'
    """
    return _letters(grid.direction)


@lru_cache(maxsize=512)
def _letters(direction: tuple[float, ...]) -> str:
    return str(sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(direction))


def check_grid(grid: Grid, place: str) -> None:
    """Raise SourceError where the numbers cannot belong to a volume; `place` names the file."""
    numbers = (*grid.spacing_mm, *grid.origin_mm, *grid.direction)
    if not np.all(np.isfinite(numbers)):
        raise SourceError(
            f"{place}: the header holds a spacing, origin or direction that is not a number "
            f"({grid.spacing_mm}); export the file again"
        )
    if min(grid.size) < 1 or min(grid.spacing_mm) <= 0:
        raise SourceError(
            f"{place}: size {grid.size} and spacing {grid.spacing_mm} mm must be above zero; "
            "export the file again"
        )
    voxels = int(np.prod([int(n) for n in grid.size], dtype=object))
    if voxels > MAX_VOXELS:
        raise SourceError(
            f"{place}: the header promises {voxels:,} voxels, more than {MAX_VOXELS:,}; "
            "crop or resample the volume, or repair its header"
        )
    cosines = np.reshape(grid.direction, (3, 3))
    if abs(abs(np.linalg.det(cosines)) - 1) > 1e-3:
        raise SourceError(
            f"{place}: the axes in the header are not at right angles ({grid.direction}); "
            "resample to a rectangular grid"
        )


def same_grid(first: Grid, second: Grid) -> bool:
    """Return whether both grids put the same voxel indices at the same places, within a tenth of a voxel.

    >>> grid = Grid((4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    >>> moved = Grid((4, 4, 4), (1.0, 1.0, 1.0), (0.5, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    >>> same_grid(grid, grid), same_grid(grid, moved)
    (True, False)
    """
    if first.size != second.size:
        return False
    apart = np.linalg.norm(_corners(first) - _corners(second), axis=1).max()
    return bool(apart <= _CORNER_TOLERANCE * min(*first.spacing_mm, *second.spacing_mm))


def to_lps(grid: Grid) -> Grid:
    """Return the grid that `grid` becomes when its volume is reoriented to LPS; no pixels are needed."""
    order, flips = lps_axes(grid.direction)
    cosines = np.reshape(grid.direction, (3, 3))
    size = tuple(grid.size[axis] for axis in order)
    spacing = tuple(grid.spacing_mm[axis] for axis in order)
    cosines = cosines[:, list(order)]
    origin = np.array(grid.origin_mm)
    for axis, flipped in enumerate(flips):
        if flipped:
            origin = origin + cosines[:, axis] * spacing[axis] * (size[axis] - 1)
            cosines[:, axis] *= -1
    return Grid(
        (size[0], size[1], size[2]),
        (spacing[0], spacing[1], spacing[2]),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        tuple(float(c) for c in cosines.ravel()),
    )


def lps_axes(direction: tuple[float, ...]) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Return, for the axes x, y, z of LPS, the stored axis each comes from and whether it is flipped."""
    letters = _letters(direction)
    order = [next(axis for axis, letter in enumerate(letters) if letter in pair) for pair in _PAIRS]
    flips = [letters[axis] != pair[0] for axis, pair in zip(order, _PAIRS, strict=True)]
    return (order[0], order[1], order[2]), (flips[0], flips[1], flips[2])


def grid_of(image: sitk.Image) -> Grid:
    """Return the grid of a SimpleITK image, or of a SimpleITK reader that has read a header."""
    x, y, z = (int(n) for n in image.GetSize()[:3])
    spacing = tuple(float(s) for s in image.GetSpacing()[:3])
    origin = tuple(float(o) for o in image.GetOrigin()[:3])
    side = round(len(image.GetDirection()) ** 0.5)
    cosines = np.reshape(image.GetDirection(), (side, side))[:3, :3]
    direction = tuple(float(c) for c in cosines.ravel())
    return Grid((x, y, z), (spacing[0], spacing[1], spacing[2]), (origin[0], origin[1], origin[2]), direction)


def _corners(grid: Grid) -> NDArray[np.float64]:
    """Return the centres of the eight corner voxels in millimetres, shape (8, 3)."""
    axes = np.reshape(grid.direction, (3, 3)) * np.array(grid.spacing_mm)
    corners = np.array(list(product(*[(0, n - 1) for n in grid.size])), dtype=np.float64)
    return np.asarray(corners @ axes.T + np.array(grid.origin_mm), dtype=np.float64)
