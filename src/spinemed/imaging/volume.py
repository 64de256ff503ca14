"""Volumes and vertebra masks with their axes turned to the patient's, whatever order the file stores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray

from spinemed.errors import GeometryError, SourceError
from spinemed.imaging.dicom import DicomSeries, read_pixels, read_series
from spinemed.imaging.grid import Grid, grid_of, lps_axes, orientation, same_grid, to_lps
from spinemed.imaging.image_files import SUFFIXES, read_image
from spinemed.level_labels import SCHEMES, covers_whole_sacrum, value_of

Scalar = TypeVar("Scalar", bound=np.generic)

_SAGITTAL_AXIS = 0  # x in ITK's order
_FEW = 32
_VERSE_VALUES = {site: value for value, site in SCHEMES["verse"].items()}


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume whose axes run as the patient's.

    `array` is [z, y, x]: z from inferior to superior, y from anterior to posterior, x from the patient's
    right to the left (SimpleITK's array of the image reoriented to LPS); int16 or float32, HU for CT.
    `spacing_mm` is in the same order z, y, x. `origin_mm` (x, y, z) and `direction` (nine cosines) are the
    reoriented image's; the axes of an oblique scan run only nearly as the patient's. `slice_ids` names the
    SOPInstanceUID of each sagittal slice where the series is stored in sagittal instances, and is empty
    otherwise. `notes` says what was odd but usable.
    """

    array: NDArray[np.int16] | NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: tuple[float, ...]
    stored_orientation: str
    slice_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def grid(self) -> Grid:
        """Return the grid of the reoriented volume in ITK's order."""
        z, y, x = self.array.shape
        return Grid(
            (x, y, z),
            (self.spacing_mm[2], self.spacing_mm[1], self.spacing_mm[0]),
            self.origin_mm,
            self.direction,
        )

    def slice_id(self, index: int) -> str:
        """Return the SOPInstanceUID of sagittal slice `index`, "" where no stored instance is that slice."""
        return self.slice_ids[index] if self.slice_ids else ""


def read_volume(path: Path) -> Volume:
    """Return the volume in a NIfTI or MetaImage file or in a folder that holds one DICOM series.

    SourceError names the file, what was seen and the way out.
    """
    if path.is_dir():
        series = read_series(path)
        return _volume(read_pixels(series), _sagittal_ids(series), series.notes)
    return _volume(read_image(path), (), ())


def drawn_volume(array: NDArray[np.int16], series: DicomSeries) -> Volume:
    """Return the volume that reading a series would give whose real-world values are in memory already.

    `array` is [slice, row, column] in the order of `series.slices`.
    """
    grid = to_lps(series.grid)
    x, y, z = grid.spacing_mm
    return Volume(
        turned(array, series.grid),
        (z, y, x),
        grid.origin_mm,
        grid.direction,
        orientation(series.grid),
        _sagittal_ids(series),
        series.notes,
    )


def turned(array: NDArray[Scalar], grid: Grid) -> NDArray[Scalar]:
    """Return an array [slice, row, column] on a grid with its axes turned to [z, y, x] in LPS, a copy."""
    order, flips = lps_axes(grid.direction)
    # ITK's axes x, y, z are columns, rows, slices of the array.
    moved = np.transpose(array, [2 - order[axis] for axis in (2, 1, 0)])
    steps = tuple(slice(None, None, -1 if flips[axis] else 1) for axis in (2, 1, 0))
    if moved.shape[2] > _FEW:
        return np.ascontiguousarray(moved[steps])
    copied: NDArray[Scalar] = np.empty(moved.shape, array.dtype)
    for place in range(moved.shape[2]):  # quicker than all at once where the innermost axis is short
        copied[:, :, place] = moved[steps][:, :, place]
    return copied


def read_mask(paths: Path | tuple[Path, ...], scheme: str, like: Volume) -> NDArray[np.uint8]:
    """Return vertebra labels in VerSe numbering on the grid of `like`, axes as `like.array`, 0 elsewhere.

    `paths` is one multi-label file in the numbering `scheme`, or one binary file a vertebra whose name ends
    in the level (`vertebrae_L1.nii.gz`). Labels of the scheme that are not vertebrae (discs, cord, organs)
    become 0. GeometryError where a mask lies on another grid; SourceError where labels are not whole numbers
    or files overlap.
    """
    if isinstance(paths, Path):
        return vertebra_table(scheme)[read_labels(paths, like)]
    merged = np.zeros(like.array.shape, dtype=np.uint8)
    for path, value in _named_vertebrae(paths):
        inside = read_labels(path, like) > 0
        taken = int(np.count_nonzero(merged[inside]))
        if taken:
            raise SourceError(
                f"{path}: {taken} voxels already belong to another vertebra's file; make the masks disjoint"
            )
        merged[inside] = value
    return merged


def read_labels(path: Path, like: Volume) -> NDArray[np.uint16]:
    """Return the label file's values as stored, turned to the axes of `like`; errors as in `read_mask`."""
    image = sitk.DICOMOrient(read_image(path), "LPS")
    if not same_grid(grid_of(image), like.grid):
        raise GeometryError(
            f"{path}: the mask lies on {grid_of(image)}, the image on {like.grid} (both turned to LPS); "
            "resample the mask to the image's grid with nearest neighbours, or give the image it was drawn on"
        )
    return _whole_numbers(sitk.GetArrayFromImage(image), path)


def vertebra_table(scheme: str) -> NDArray[np.uint8]:
    """Return 65,536 entries: label value in `scheme` -> VerSe value of the vertebra, 0 for all else."""
    if scheme not in SCHEMES:
        raise SourceError(f"unknown label scheme {scheme!r}; give one of {', '.join(sorted(SCHEMES))}")
    table = np.zeros(2**16, dtype=np.uint8)
    for value, site in vertebrae_of(scheme).items():
        table[value] = _VERSE_VALUES.get(site, 0)
    return table


def vertebrae_of(scheme: str) -> dict[int, str]:
    """Return label value -> vertebra for a mask's numbering.

    Where S1 has its own label, the label of the rest of the sacrum is left out: its upper end is not S1.

    >>> vertebrae_of("totalsegmentator_v2")[26], 25 in vertebrae_of("totalsegmentator_v2")
    ('S1', False)
    """
    return {
        value: site
        for value, site in SCHEMES[scheme].items()
        if _is_vertebra(site) and (value_of(scheme, site) == value or not covers_whole_sacrum(scheme, value))
    }


def level_in_name(path: Path) -> str:
    """Return the vertebra that a binary mask's file name ends in, "" where it names none.

    >>> level_in_name(Path("vertebrae_L1.nii.gz")), level_in_name(Path("liver.nii.gz"))
    ('L1', '')
    """
    stem = path.name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        stem = stem.removesuffix(suffix)
    match = re.search(r"(?:^|_)([CTLS]\d{1,2})$", stem)
    return match.group(1) if match and match.group(1) in _VERSE_VALUES else ""


def _is_vertebra(site: str) -> bool:
    return re.fullmatch(r"[CTLS]\d{1,2}", site) is not None


def _named_vertebrae(paths: tuple[Path, ...]) -> Iterator[tuple[Path, int]]:
    for path in paths:
        level = level_in_name(path)
        if not level:
            raise SourceError(
                f"{path}: the name does not end in a vertebra such as vertebrae_L1.nii.gz; "
                "rename it or leave it out"
            )
        yield path, _VERSE_VALUES[level]


def _volume(image: sitk.Image, ids: tuple[str, ...], notes: tuple[str, ...]) -> Volume:
    stored = orientation(grid_of(image))
    turned = sitk.DICOMOrient(image, "LPS")
    grid = grid_of(turned)
    array, more = _compact(sitk.GetArrayFromImage(turned))
    x, y, z = grid.spacing_mm
    return Volume(array, (z, y, x), grid.origin_mm, grid.direction, stored, ids, notes + more)


def _sagittal_ids(series: DicomSeries) -> tuple[str, ...]:
    """Return the instances' UIDs from the patient's right to the left, () where slices are not sagittal."""
    order, flips = lps_axes(series.grid.direction)
    stored_slice_axis = 2
    if order[_SAGITTAL_AXIS] != stored_slice_axis:
        return ()
    ids = tuple(part.uid for part in series.slices)
    return ids[::-1] if flips[_SAGITTAL_AXIS] else ids


def _compact(array: NDArray[np.generic]) -> tuple[NDArray[np.int16] | NDArray[np.float32], tuple[str, ...]]:
    """Return the array as int16 where nothing is lost, else as float32; NaN becomes the lowest value."""
    if np.issubdtype(array.dtype, np.integer):
        fits = array.size == 0 or (int(array.min()) >= -(2**15) and int(array.max()) < 2**15)
        return (array.astype(np.int16), ()) if fits else (array.astype(np.float32), ())
    values = array.astype(np.float32)
    finite = np.isfinite(values)
    if finite.all():
        return values, ()
    if not finite.any():
        raise SourceError("every voxel of the volume is NaN or infinite; export the file again")
    values[~finite] = values[finite].min()
    return values, (f"{int((~finite).sum())} voxels were not numbers and became the lowest value",)


def _whole_numbers(array: NDArray[np.generic], path: Path) -> NDArray[np.uint16]:
    """Return the labels as uint16; SourceError where a value is no whole number from 0 to 65,535."""
    if np.issubdtype(array.dtype, np.floating):
        whole = np.isfinite(array) & (array == np.floor(array))
        if not whole.all():
            raise SourceError(
                f"{path}: label {array[~whole].ravel()[0]} is not a whole number (an interpolated or "
                "probability map?); give the label map itself"
            )
    low, high = array.min(), array.max()
    if low < 0 or high >= 2**16:
        raise SourceError(
            f"{path}: labels run from {low} to {high}, 0 to 65,535 can be read; "
            "is this the image instead of the mask?"
        )
    return array.astype(np.uint16)
