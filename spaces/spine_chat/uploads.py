"""Decodes a visitor's picture safely: bounded size, PNG and JPEG alone, nothing but pixels kept."""

from __future__ import annotations

import base64
import binascii
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 40_000_000
MAX_BYTES = 20_000_000
KEPT_PX = 1024  # longest side that is kept: more than any model here sees
CONSENT = (
    "This picture holds no patient data, no name in its pixels either; I use the answer for research only."
)


class RefusedPictureError(ValueError):
    """The file is not a picture that this page takes; the message tells the visitor why and what to do."""


def decode_picture(data: bytes) -> Image.Image:
    """Return the pixels of a PNG or JPEG as RGB, upright, at most `KEPT_PX` a side, without metadata.

    Raises:
        RefusedPictureError: too large, another format, or damaged.
    """
    if len(data) > MAX_BYTES:
        raise RefusedPictureError(f"The file has {len(data) / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB.")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise RefusedPictureError(too_many_pixels(f"{opened.width} x {opened.height}"))
            opened.load()
            return only_pixels(ImageOps.exif_transpose(opened))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedPictureError(too_many_pixels("far too many")) from error
    # What Pillow's readers raise on hostile bytes; an unknown format is an OSError too.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError,
            struct.error, zlib.error, OverflowError) as error:  # fmt: skip
        if isinstance(error, RefusedPictureError):
            raise
        raise RefusedPictureError(
            "This file cannot be read as PNG or JPEG (its content counts, not its name). Export it as PNG."
        ) from error


def too_many_pixels(seen: str) -> str:
    """Return the sentence for a picture whose header claims too many pixels."""
    return f"The picture has {seen} pixels; at most {MAX_PIXELS / 1e6:.0f} million. Make it smaller."


def only_pixels(picture: Image.Image) -> Image.Image:
    """Return `picture` as 8-bit RGB built from its pixels alone, so that EXIF and text chunks stay behind.

    Grey pictures of 16 or 32 bits are stretched from their own lowest to highest value.
    """
    if picture.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
        span = float(np.ptp(values)) or 1.0
        picture = Image.fromarray(((values - values.min()) / span * 255).astype(np.uint8))
    kept = Image.fromarray(np.asarray(picture.convert("RGB")))
    kept.thumbnail((KEPT_PX, KEPT_PX), Image.Resampling.LANCZOS)
    return kept


def take_upload(path: Path, consented: bool) -> Image.Image:
    """Return the uploaded picture; the uploaded file itself is deleted whatever happens."""
    try:
        if not consented:
            raise RefusedPictureError(f"Tick the box first: {CONSENT}")
        if path.stat().st_size > MAX_BYTES:
            raise RefusedPictureError(f"The file is larger than {MAX_BYTES / 1e6:.0f} MB.")
        return decode_picture(path.read_bytes())
    finally:
        path.unlink(missing_ok=True)


def from_base64(text: str, consented: bool) -> Image.Image:
    """Return the picture that a program sent as base64 of a PNG or JPEG file."""
    if not consented:
        raise RefusedPictureError(f"Set no_patient_data to true: {CONSENT}")
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise RefusedPictureError(f"The picture is larger than {MAX_BYTES / 1e6:.0f} MB.")
    try:
        return decode_picture(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise RefusedPictureError("The picture is not valid base64 of a PNG or JPEG file.") from error
