"""Where the slices of one series lie: fields of view that give a level away as little as possible.

Four regions: lumbar with the sacrum (a level can be counted from below), and lumbar, thoracolumbar and
cervical crops or the whole spine at random zoom and place. What is in view is measured on the masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy, Vertebra
from spinemed.phantom.anatomy.solids import (
    Array,
    Grid,
    rotation_about_back,
    rotation_about_left,
    rotation_about_up,
)

Region = Literal["lumbar", "thoracolumbar", "cervical", "whole"]
FieldOfView = Literal["any", "lumbar"]
"""`any` is drawn by seed; `lumbar` holds L1 to S1 whole in every sagittal series, so that one can count."""

_COLUMN_STEP: Final[int] = 16
_TALLEST_MM: Final[float] = 430.0
_LEAST_TALL_MM: Final[float] = 250.0
_MARGIN_MM: Final[float] = 4.0
# Sagittal slices as they lie on a straight patient: slice to the right, row downwards, column backwards.
_SAGITTAL: Final[Array] = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
# Heights of crops in mm, shortest and tallest.
_CROP_MM: Final[dict[Region, tuple[float, float]]] = {
    "lumbar": (130.0, 380.0),
    "thoracolumbar": (130.0, 430.0),
    "cervical": (130.0, 230.0),
    "whole": (480.0, 640.0),
}
# The vertebra in the middle of a crop, counted from the lowest.
_MIDDLES: Final[dict[Region, tuple[int, int]]] = {
    "lumbar": (0, 5),
    "thoracolumbar": (0, 11),
    "cervical": (17, 22),
    "whole": (8, 13),
}


def sample_region(
    rng: np.random.Generator, anatomy: Anatomy, field: FieldOfView = "any"
) -> tuple[Region, bool]:
    """Return which part of the spine is imaged and whether the frame must hold L1 to S1 whole.

    The neck is imaged where the neck is ill, as a doctor would ask for; else the draw knows no finding.
    """
    if field == "lumbar":
        return "lumbar", True
    place = float(rng.random())
    if "cervical_myelopathy" in anatomy.patient.conditions and place < 0.85:
        return "cervical", False
    if place < 0.24:
        return "lumbar", True
    region: Region = "lumbar" if place < 0.40 else "thoracolumbar" if place < 0.88 else "cervical"
    return ("whole" if place >= 0.95 else region), False


def sagittal_directions(rng: np.random.Generator) -> Array:
    """Return slice, row and column directions, turned by up to 9 degrees in the picture and 2 out of it."""
    within = np.radians(np.clip(rng.normal(0.0, 4.5), -9.0, 9.0))
    around, aside = np.radians(np.clip(rng.normal(0.0, 0.8, 2), -1.6, 1.6))
    turn = rotation_about_left(within) @ rotation_about_back(aside) @ rotation_about_up(around)
    return np.asarray(_SAGITTAL @ turn.T)


def sagittal_frame(
    rng: np.random.Generator,
    anatomy: Anatomy,
    region: Region,
    whole_lumbar: bool,
    slices: int,
    rows: int,
    spacing_mm: float,
    square: bool = False,
) -> Grid:
    """Return a stack of sagittal slices: a frame of random size at a random place that shows the region.

    `rows` pixels high (more for the whole spine), of a random width, or as wide as high with `square`.
    """
    directions = sagittal_directions(rng)
    if whole_lumbar:
        window = _around_lumbar(rng, anatomy, directions, rows, square)
        aimed_at: Sequence[Vertebra] = anatomy.vertebrae[:7]
    else:
        window, aimed_at = _around_crop(rng, anatomy, directions, region, rows, square)
    row_start, column_start, pixel, columns = window
    middle = np.mean([part.body.pose.origin_mm for part in aimed_at], axis=0)
    slice_start = float(directions[0] @ middle + rng.normal(0.0, 1.0)) - spacing_mm * (slices - 1) / 2
    # Half a pixel: the grid's origin is the centre of its first pixel.
    start = np.array([slice_start, row_start + pixel / 2, column_start + pixel / 2])
    origin = np.round(directions.T @ start, 4)
    return Grid(origin, directions, (spacing_mm, pixel, pixel), (slices, rows, columns))


def repositioned(rng: np.random.Generator, grid: Grid) -> Grid:
    """Return sagittal slices as they lie when the same field is asked for again, months later.

    Turned by up to 6 degrees, moved by a centimetre or so, and a little larger or smaller.
    """
    within = np.radians(np.clip(rng.normal(0.0, 3.0), -6.0, 6.0))
    around, aside = np.radians(np.clip(rng.normal(0.0, 0.8, 2), -1.6, 1.6))
    turn = rotation_about_left(within) @ rotation_about_back(aside) @ rotation_about_up(around)
    directions = np.asarray(grid.directions @ turn.T)
    pixel = round(grid.steps_mm[1] * float(rng.uniform(0.92, 1.12)), 4)
    steps = (grid.steps_mm[0], pixel, pixel)
    to_middle = (np.array(grid.shape) - 1) / 2
    middle = grid.origin_mm + grid.directions.T @ (to_middle * grid.steps_mm)
    moved = rng.normal(0.0, (1.0, 8.0, 5.0))
    origin = np.round(middle + directions.T @ (moved - to_middle * steps), 4)
    return Grid(origin, directions, steps, grid.shape)


def axial_frame(
    rng: np.random.Generator, anatomy: Anatomy, disc_above: str, slices: int, pixels: int, spacing_mm: float
) -> Grid:
    """Return slices parallel to a disc, the first below it: rows run backwards, columns to the left.

    KeyError for a level without a disc.
    """
    solid = anatomy.disc(disc_above).solid
    tip, roll, around = np.radians(np.clip(rng.normal(0.0, 1.3, 3), -2.5, 2.5))
    turn = rotation_about_left(tip) @ rotation_about_back(roll) @ rotation_about_up(around)
    frame = solid.pose.rotation @ turn
    directions = np.stack([frame[:, 2], frame[:, 1], frame[:, 0]])
    wide = float(rng.uniform(4.2, 6.4)) * max(solid.half_depth * 2, 22.0)
    pixel = round(wide / pixels, 4)
    wide = pixel * pixels
    # The spine lies behind the middle of the picture or, zoomed, around it.
    aside = float(np.clip(rng.normal(0.0, 6.0), -12.0, 12.0))
    ahead = wide * float(rng.uniform(0.45, 0.62)) - 1.2 * solid.half_depth
    corner = np.array([-spacing_mm * (slices - 1) / 2, -ahead - 0.0, aside - wide / 2])
    origin = np.round(
        solid.pose.origin_mm + directions.T @ (corner + np.array([0.0, pixel / 2, pixel / 2])), 4
    )
    return Grid(origin, directions, (spacing_mm, pixel, pixel), (slices, pixels, pixels))


Window = tuple[float, float, float, int]
"""First row and first column in mm along their directions, pixel size in mm, number of columns."""


def _around_lumbar(
    rng: np.random.Generator, anatomy: Anatomy, directions: Array, rows: int, square: bool
) -> Window:
    """A window that holds L1 to L5 whole and the body of S1, at a random place among all that do."""
    spans = [_needed(anatomy, directions[axis]) for axis in (1, 2)]
    (top, bottom), (front, back) = spans
    least = max(bottom - top, _LEAST_TALL_MM, (back - front) * 1.1 if square else 0.0)
    tall = least + (max(_TALLEST_MM, least + 20.0) - least) * float(rng.uniform(0.0, 1.0)) ** 0.6
    pixel = round(tall / rows, 4)
    tall = pixel * rows
    wide = max((back - front) + 2 * _COLUMN_STEP * pixel, tall * float(rng.uniform(0.62, 1.0)))
    columns = _columns(wide, pixel, rows, square)
    wide = pixel * columns
    row_start = float(rng.uniform(bottom - tall, top))
    return row_start, _column_start(rng, anatomy, front, back, wide), pixel, columns


def _around_crop(
    rng: np.random.Generator, anatomy: Anatomy, directions: Array, region: Region, rows: int, square: bool
) -> tuple[Window, tuple[Vertebra, ...]]:
    """A window of random size around a random vertebra of the region, and the vertebrae in it."""
    shortest, tallest = _CROP_MM[region]
    tall = shortest * (tallest / shortest) ** float(rng.uniform(0.0, 1.0))
    first, last = _MIDDLES[region]
    top_vertebra = len(anatomy.vertebrae) - 1
    middle = anatomy.vertebrae[int(rng.integers(min(first, top_vertebra), min(last, top_vertebra) + 1))]
    pixel = round(tall / rows, 4)
    tall = pixel * rows
    centre = float(directions[1] @ middle.body.pose.origin_mm)
    row_start = centre - tall * float(rng.uniform(0.25, 0.75))
    in_view = tuple(
        part
        for part in (*anatomy.vertebrae, anatomy.sacrum[0])
        if row_start <= float(directions[1] @ part.body.pose.origin_mm) <= row_start + tall
    )
    spans = [_body_span(part, directions[2]) for part in in_view]
    front, back = min(low for low, _ in spans), max(high for _, high in spans) + 30.0
    wide = max((back - front) + 2 * _COLUMN_STEP * pixel, tall * float(rng.uniform(0.62, 1.0)))
    columns = _columns(wide, pixel, rows, square)
    start = _column_start(rng, anatomy, front, back, pixel * columns)
    return (row_start, start, pixel, columns), in_view


def _columns(wide_mm: float, pixel_mm: float, rows: int, square: bool) -> int:
    if square:
        return rows
    return int(np.clip(round(wide_mm / pixel_mm / _COLUMN_STEP) * _COLUMN_STEP, 96, rows + 2 * _COLUMN_STEP))


def _column_start(
    rng: np.random.Generator, anatomy: Anatomy, front: float, back: float, wide: float
) -> float:
    """A random first column; no more air behind the back or before the belly than a technician leaves."""
    air = anatomy.patient.surroundings.fat_mm + 70.0
    latest = min(front, back - wide + air)
    earliest = max(back - wide, front - 140.0 * anatomy.patient.surroundings.girth)
    return float(rng.uniform(min(earliest, latest), latest))


def _body_span(part: Vertebra, direction: Array) -> tuple[float, float]:
    centre = float(direction @ part.body.pose.origin_mm)
    reach = float(part.body.extents(direction[None, :])[0])
    return centre - reach, centre + reach


def _needed(anatomy: Anatomy, direction: Array) -> tuple[float, float]:
    """The least span along a direction, in mm, that shows L1 to L5 whole and the body of S1."""
    spans = [part.span(direction) for part in anatomy.vertebrae[:5]]
    spans.append(_body_span(anatomy.sacrum[0], direction))
    return min(low for low, _ in spans) - _MARGIN_MM, max(high for _, high in spans) + _MARGIN_MM
