"""Label maps on disk: a rendered grid's masks as NIfTI or MetaImage, marked synthetic in the header."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray

from spinemed.phantom.anatomy.solids import Grid

_LEVEL: Final[int] = 1  # of compression: label maps shrink as well at the fastest


def mask_name(name: str) -> str:
    """Return the file name of a series' mask of vertebrae.

    >>> mask_name("ct"), mask_name("t2_axial_L4-L5")
    ('ct_seg.nii.gz', 't2_axial_L4-L5_seg.nii.gz')
    """
    return f"{name}_seg.nii.gz"


def structures_name(name: str) -> str:
    """Return the file name of a series' mask of all structures.

    >>> structures_name("t2")
    't2_structures.nii.gz'
    """
    return f"{name}_structures.nii.gz"


def write_volume(array: NDArray[np.generic], grid: Grid, file: Path) -> Path:
    """Return the file written from an array [slice, row, column] on its grid; OSError passes through.

    The ending of the name chooses the format: .nii.gz or .mha.
    """
    image = sitk.GetImageFromArray(array)
    # SimpleITK counts columns, rows, slices; its direction matrix has one axis a column.
    image.SetSpacing([float(step) for step in reversed(grid.steps_mm)])
    image.SetOrigin([float(value) for value in grid.origin_mm])
    image.SetDirection([float(value) for value in grid.directions[::-1].T.ravel()])
    image.SetMetaData("descrip", "SYNTHETIC spine phantom, no patient")
    _write(image, file)
    return file


def write_flat(array: NDArray[np.generic], spacing_mm: tuple[float, float], file: Path) -> Path:
    """Return the file written from a picture's mask [row, column] as one slice in the plane of the picture.

    `spacing_mm` is (row, column). The place in space is not kept: a radiograph has none.
    """
    image = sitk.GetImageFromArray(array[None])
    image.SetSpacing([float(spacing_mm[1]), float(spacing_mm[0]), 1.0])
    image.SetMetaData("descrip", "SYNTHETIC spine phantom, no patient")
    _write(image, file)
    return file


def _write(image: sitk.Image, file: Path) -> None:
    try:
        sitk.WriteImage(image, str(file), useCompression=True, compressionLevel=_LEVEL)
    except RuntimeError as error:
        raise OSError(f"{file.name} cannot be written") from error
