"""NIfTI and MetaImage files: the header is checked first, then the pixels are read."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk  # noqa: N813  the field's name

from spinemed.errors import SourceError
from spinemed.imaging.grid import Grid, check_grid, grid_of
from spinemed.imaging.nifti import check_nifti

SUFFIXES = (".nii", ".nii.gz", ".mha", ".mhd")


def is_image_file(path: Path) -> bool:
    """Return whether the name ends as one of the files that `read_image` reads.

    >>> is_image_file(Path("ct.nii.gz")), is_image_file(Path("ct.json"))
    (True, False)
    """
    return path.name.lower().endswith(SUFFIXES)


def read_grid(path: Path) -> Grid:
    """Return the grid that the file's header describes; SourceError where the header cannot be used."""
    return grid_of(_read_header(path))


def is_stored_as_bytes(path: Path) -> bool:
    """Return whether the voxels are 8-bit unsigned integers, as label maps mostly are and CT never is."""
    return bool(_read_header(path).GetPixelID() == sitk.sitkUInt8)


def read_image(path: Path) -> sitk.Image:
    """Return the file's volume as stored, one number a voxel; SourceError names the file and the way out."""
    reader = _read_header(path)
    if reader.GetDimension() == 4:
        reader.SetExtractSize([*reader.GetSize()[:3], 0])
    try:
        return reader.Execute()
    except RuntimeError as error:
        raise SourceError(
            f"{path}: the voxels cannot be read ({_last_line(error)}); the file may be cut off, copy it again"
        ) from error


def _read_header(path: Path) -> sitk.ImageFileReader:
    if not path.is_file():
        raise SourceError(f"{path}: no such file; check the path")
    if not is_image_file(path):
        raise SourceError(
            f"{path}: not a file this reader knows; "
            f"give one of {', '.join(SUFFIXES)} or a folder of DICOM instances"
        )
    if path.stat().st_size == 0:
        raise SourceError(f"{path}: the file is empty; copy it again")
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise SourceError(
            f"{path}: the header cannot be read ({_last_line(error)}); export the file again"
        ) from error
    _check_header(reader, path)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        check_nifti(path)
    return reader


def _check_header(reader: sitk.ImageFileReader, path: Path) -> None:
    size = tuple(int(n) for n in reader.GetSize())
    if len(size) not in (3, 4) or (len(size) == 4 and size[3] != 1):
        raise SourceError(
            f"{path}: {len(size)}-dimensional (size {size}); "
            "a volume of three dimensions is needed, extract one"
        )
    if reader.GetNumberOfComponents() != 1:
        raise SourceError(
            f"{path}: {reader.GetNumberOfComponents()} numbers a voxel (colour or vectors); "
            "one grey value or label is needed"
        )
    check_grid(grid_of(reader), str(path))


def _last_line(error: RuntimeError) -> str:
    """Return the one line of an ITK exception that says what was wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
