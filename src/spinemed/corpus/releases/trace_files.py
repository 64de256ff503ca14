"""Pictures of a trace, the evidence box drawn on the first."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw

from spinemed.errors import OutputError

_COLOUR = (64, 224, 255)
_LARGER = 3


def pictures_of(row: Mapping[str, Any], images: list[dict[str, Any]]) -> dict[str, bytes]:
    """Return file name -> picture; the first comes again with its evidence box where its window is known."""
    found: dict[str, bytes] = {}
    for number, one in enumerate(images, 1):
        if one["bytes"] is not None:
            found[f"{row['id']}-{number}.png"] = one["bytes"]
    if images and images[0]["bytes"] is not None and row.get("window") is not None:
        boxed = with_box(images[0]["bytes"], row["box"], row["window"], row.get("turn") or 0)
        found[f"{row['id']}-1-box.png"] = boxed
    return found


def with_box(png: bytes, box: Mapping[str, int], window: Mapping[str, float], turn: int = 0) -> bytes:
    """Return a picture, `_LARGER` times as large, with a box of the slice drawn on it.

    `box` and `window` are in pixels of the slice; the window is what the picture shows of it, before it was
    turned counter-clockwise by `turn` degrees. OutputError for bytes that are no picture.
    """
    try:
        with Image.open(io.BytesIO(png)) as opened:
            picture = opened.convert("RGB").rotate(-turn, expand=True)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise OutputError(f"a picture cannot be read ({error}); run spinemed verify") from error
    across = picture.width * _LARGER / (window["right"] - window["left"])
    down = picture.height * _LARGER / (window["bottom"] - window["top"])
    picture = picture.resize((picture.width * _LARGER, picture.height * _LARGER), Image.Resampling.NEAREST)
    edges = (
        (box["left"] - window["left"]) * across,
        (box["top"] - window["top"]) * down,
        (box["right"] - window["left"]) * across,
        (box["bottom"] - window["top"]) * down,
    )
    ImageDraw.Draw(picture).rectangle(edges, outline=_COLOUR, width=2)
    stream = io.BytesIO()
    picture.rotate(turn, expand=True).save(stream, "png")
    return stream.getvalue()
