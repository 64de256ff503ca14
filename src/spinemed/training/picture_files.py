"""Pictures as the bytes of a file: their size from the header alone, their pixels as training sees them."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from spinemed.errors import SourceError

PNG = b"\x89PNG\r\n\x1a\n"
TURNED = (5, 6, 7, 8)  # orientations of EXIF that exchange rows and columns


def file_bytes(record: Mapping[str, Any] | None) -> bytes:
    """Return the bytes of an image column's record {"bytes", "path"}; SourceError where there are none."""
    if not record:
        raise SourceError("the picture is missing")
    data = record.get("bytes")
    if data:
        return bytes(data)
    path = record.get("path")
    if not path or not Path(path).is_file():
        raise SourceError(f"the picture has no bytes and no file ({path or 'no path'})")
    return Path(path).read_bytes()


def size_of(data: bytes) -> tuple[int, int]:
    """Return the height and width in pixels that `pixels_of` will give, without decoding.

    Raises SourceError where the header cannot be read; damage behind the header is not seen here.
    """
    try:
        return _png_size(data) or _size_by_pillow(data)
    except Exception as error:  # Pillow raises half a dozen kinds for broken files
        raise SourceError(f"the picture's header cannot be read: {error}") from error


def _png_size(data: bytes) -> tuple[int, int] | None:
    """Return the size of a PNG file without EXIF, None for any other."""
    if data[:8] != PNG or data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height = struct.unpack(">II", data[16:24])
    if not width or not height or width * height > (Image.MAX_IMAGE_PIXELS or width * height):
        return None
    place = 33
    while place + 8 <= len(data):  # chunk by chunk, to find EXIF wherever it stands
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        if kind == b"eXIf" or (kind in (b"tEXt", b"zTXt", b"iTXt") and b"exif" in data[place : place + 48]):
            return None
        place += length + 12
    return height, width


def _size_by_pillow(data: bytes) -> tuple[int, int]:
    with opened(data) as picture:
        if picture.format == "PNG":
            picture.load()  # its EXIF may stand behind the pixels
        width, height = picture.size
        if picture.getexif().get(ExifTags.Base.Orientation) in TURNED:
            return width, height
        return height, width


def opened(data: bytes) -> Image.Image:
    """Return Pillow's picture of a file, not decoded; a picture too large to be one raises its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(BytesIO(data))


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a picture's file: [row, column] where it is grey, else [row, column, 3].

    They are those that datasets and the stock processors see: turned as EXIF says, transparency laid on
    white. Raises SourceError where the file is damaged.
    """
    try:
        with opened(data) as picture:
            picture.load()
            if picture.getexif().get(ExifTags.Base.Orientation) is not None:
                picture = ImageOps.exif_transpose(picture)
            return plain_pixels(picture)
    except Exception as error:  # as above
        raise SourceError(f"the picture cannot be decoded: {error}") from error


def plain_pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of a decoded picture, transparency laid on white: one plane where it is grey."""
    if "A" in picture.getbands() or picture.info.get("transparency") is not None:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
    if picture.mode == "L":
        return np.asarray(picture)
    picture = picture.convert("RGB")
    return np.asarray(picture.getchannel(0) if _is_grey(picture) else picture)


def _is_grey(picture: Image.Image) -> bool:
    """Return whether the three channels are the same; a few rows tell most coloured pictures at once."""
    middle = picture.height // 2
    for part in (picture.crop((0, middle, picture.width, min(middle + 4, picture.height))), picture):
        red, green, blue = (channel.tobytes() for channel in part.split())
        if not red == green == blue:
            return False
    return True
