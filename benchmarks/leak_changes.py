"""How a picture or a text is changed before a leak gate looks for it."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spinemed.imaging.pictures import draw_ring

Greys = NDArray[np.uint8]


def as_jpeg(grey: Greys) -> Greys:
    """Return the picture after JPEG at quality 70."""
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "JPEG", quality=70)
    return np.asarray(Image.open(stream))


def smaller(grey: Greys) -> Greys:
    """Return the picture at nine tenths of its size."""
    size = (round(grey.shape[1] * 0.9), round(grey.shape[0] * 0.9))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))


def brighter(grey: Greys) -> Greys:
    """Return the picture ten grey levels brighter."""
    return np.minimum(grey.astype(np.int16) + 10, 255).astype(np.uint8)


def ringed(grey: Greys) -> Greys:
    """Return the picture with a ring in its middle third."""
    height, width = grey.shape
    return draw_ring(grey, width * 0.45, height * 0.55, 0.12 * width)


PICTURE_CHANGES: dict[str, Callable[[Greys], Greys]] = {
    "jpeg_70": as_jpeg,
    "nine_tenths": smaller,
    "ten_greys_brighter": brighter,
    "three_pixels_off_each_edge": lambda grey: grey[3:-3, 3:-3],
    "three_pixels_off_the_left": lambda grey: grey[:, 3:],
    "ring": ringed,
    "all_but_ring": lambda grey: as_jpeg(smaller(brighter(grey[3:-3, 3:-3]))),
}


def shouted(text: str) -> str:
    """Return the text with other case and punctuation."""
    text = re.sub(r"(?<!\d)[.,](?!\d)", " ;", text.upper())
    return text.replace("，", "、").replace("：", " ").replace("。", "；")


def shuffled(text: str) -> str:
    """Return the text with the sentences of every line in another order."""
    draw = random.Random(text)
    lines = []
    for line in text.split("\n"):
        parts = [part for part in re.split(r"(?<=[.!?])\s+|(?<=[。；])", line) if part]
        draw.shuffle(parts)
        lines.append(("" if "。" in line else " ").join(parts))
    return "\n".join(lines)


def renumbered(text: str) -> str:
    """Return the text with one number one higher."""
    found = list(re.finditer(r"\d+", text))
    if not found:
        return text
    one = random.Random(text).choice(found)
    return f"{text[: one.start()]}{int(one[0]) + 1}{text[one.end() :]}"


TEXT_CHANGES: dict[str, Callable[[str], str]] = {
    "case_and_punctuation": shouted,
    "sentences_shuffled": shuffled,
    "a_number_changed_must_not_count": renumbered,
}
