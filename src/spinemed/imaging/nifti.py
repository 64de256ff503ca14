"""Whether a NIfTI file is whole and says how the patient lies; ITK fills a cut-off file with zeros."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from spinemed.errors import SourceError

_CHUNK = 2**22


class _Layout(NamedTuple):
    """Where one version of the header keeps its fields, each as struct format and offset."""

    size: int
    dim: tuple[str, int]
    bitpix: int
    pixdim: tuple[str, int]
    vox_offset: tuple[str, int]
    codes: tuple[str, int]


_LAYOUTS = {
    348: _Layout(348, ("8h", 40), 72, ("8f", 76), ("f", 108), ("2h", 252)),
    540: _Layout(540, ("8q", 16), 14, ("8d", 104), ("q", 168), ("2i", 344)),
}


def check_nifti(path: Path) -> None:
    """Raise SourceError where the file is cut off, has no spacing, or does not state its orientation.

    Source: nifti1.h and nifti2.h (NIH); qform_code and sform_code of 0 mean that left and right are unknown.
    """
    try:
        with _opened(path) as file:
            header = file.read(max(_LAYOUTS))
    except (EOFError, OSError, zlib.error) as error:
        raise SourceError(f"{path}: the gzip stream is broken ({error}); copy the file again") from error
    layout, order = _layout(header, path)
    dim = _fields(header, layout.dim, order)
    spacing = _fields(header, layout.pixdim, order)[1:4]
    if not all(math.isfinite(value) for value in spacing):
        raise SourceError(f"{path}: the spacing in the header is {spacing}; export the file again")
    if not any(_fields(header, layout.codes, order)):
        raise SourceError(
            f"{path}: the header does not say how the patient lies (qform_code, sform_code are 0), so left "
            "and right are unknown; write the affine of the original scan into it"
        )
    voxels = math.prod(int(n) for n in dim[1 : int(dim[0]) + 1])
    (bits,) = _fields(header, ("h", layout.bitpix), order)
    (offset,) = _fields(header, layout.vox_offset, order)
    _check_length(path, int(offset) + voxels * int(bits) // 8)


def _opened(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _layout(header: bytes, path: Path) -> tuple[_Layout, str]:
    """Return the header's layout and byte order."""
    for order in ("<", ">"):
        size = struct.unpack_from(order + "i", header)[0] if len(header) >= 4 else 0
        if size in _LAYOUTS and len(header) >= size:
            return _LAYOUTS[size], order
    raise SourceError(f"{path}: not a NIfTI file, or its header is cut off; export or copy it again")


def _fields(header: bytes, field: tuple[str, int], order: str) -> tuple[float, ...]:
    return struct.unpack_from(order + field[0], header, field[1])


def _check_length(path: Path, expected: int) -> None:
    """Raise SourceError where the file holds fewer bytes than the header promises.

    A gzip file ends in its length modulo 2**32; only where that does not fit, the stream is read to its end.
    """
    actual = path.stat().st_size
    if path.name.lower().endswith(".gz"):
        with path.open("rb") as file:
            file.seek(-4, 2)
            (stated,) = struct.unpack("<I", file.read(4))
        if stated >= expected % 2**32 and stated - expected % 2**32 < _CHUNK:
            return
        actual = _unpacked_length(path)
    if actual < expected:
        raise SourceError(
            f"{path}: {actual:,} bytes where the header promises {expected:,}; "
            "the file is cut off, copy it again"
        )


def _unpacked_length(path: Path) -> int:
    length = 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read(_CHUNK):
                length += len(chunk)
    except (EOFError, OSError, zlib.error):
        return length
    return length
