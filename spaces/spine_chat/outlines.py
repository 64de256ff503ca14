"""Draws a picture with the named levels outlined, each level's name printed beside its box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#F0E442")  # Okabe and Ito; all carry black text
DISPLAY_PX = 720  # long side after enlarging, near the size on screen, so that lines and letters stay crisp
LINE_PX = 2


@dataclass(frozen=True)
class Region:
    """One vertebra seen whole in a picture; `box` is (left, top, right, bottom) in the picture's pixels."""

    site: str
    box: tuple[float, float, float, float]


def vertebrae_of(site: str) -> tuple[str, ...]:
    """Return the vertebrae that a site touches: one for a vertebra, two for a motion segment.

    >>> vertebrae_of("L4"), vertebrae_of("L5-S1")
    (('L4',), ('L5', 'S1'))
    """
    return tuple(site.split("-"))


def split_by_view(sites: Sequence[str], regions: Sequence[Region]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (vertebrae to outline, vertebrae named but without a box), each once.

    >>> split_by_view(["L4-L5", "T1"], [Region("L4", (0, 0, 9, 9)), Region("L5", (0, 9, 9, 18))])
    (('L4', 'L5'), ('T1',))
    """
    known = {region.site for region in regions}
    named = tuple(dict.fromkeys(part for site in sites for part in vertebrae_of(site)))
    return tuple(n for n in named if n in known), tuple(n for n in named if n not in known)


def colour_of(number: int) -> str:
    """Return the colour of the `number`-th outlined level; colours repeat, the printed name does not."""
    return COLOURS[number % len(COLOURS)]


def outlined(
    picture: Image.Image, regions: Sequence[Region], named: Sequence[str], directions: bool
) -> Image.Image:
    """Return an RGB copy of `picture`, enlarged to about `DISPLAY_PX`, with the boxes of `named` outlined.

    `named` holds vertebrae that have a region. `directions` prints H, F, A, P at the rims: only for pictures
    whose orientation is known to be sagittal with the patient's front on the left.
    """
    scale = max(1.0, DISPLAY_PX / max(picture.size))
    size = (round(picture.width * scale), round(picture.height * scale))
    canvas = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(canvas)
    boxes = {region.site: region.box for region in regions}
    for number, site in enumerate(named):
        left, top, right, bottom = (round(edge * scale) for edge in boxes[site])
        pen.rectangle((left, top, right - 1, bottom - 1), outline=colour_of(number), width=LINE_PX)
        print_name(pen, site, (left, top, right, bottom), size[0], colour_of(number))
    if directions:
        print_directions(pen, size)
    return canvas


def print_name(
    pen: ImageDraw.ImageDraw, name: str, box: tuple[int, int, int, int], width: int, colour: str
) -> None:
    """Print `name` on a plate of the box's colour: right of the box, or left of it where there is no room."""
    font = ImageFont.load_default(size=20)
    text_width = round(pen.textlength(name, font=font))
    left, top, right, bottom = box
    plate = text_width + 12
    x = right + 4 if right + 4 + plate <= width else max(0, left - 4 - plate)
    y = (top + bottom) // 2
    pen.rounded_rectangle((x, y - 14, x + plate, y + 14), radius=4, fill=colour)
    pen.text((x + plate / 2, y), name, fill="black", font=font, anchor="mm")


def print_directions(pen: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
    """Print head, foot, anterior and posterior at the rims of a sagittal picture."""
    (width, height), font = size, ImageFont.load_default(size=18)
    middle, centre = width // 2, height // 2
    places = {"H": (middle, 16), "F": (middle, height - 16), "A": (14, centre), "P": (width - 14, centre)}
    for letter, at in places.items():
        pen.text(at, letter, fill="white", stroke_fill="black", stroke_width=2, anchor="mm", font=font)
