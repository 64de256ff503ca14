"""How one series is taken: grid of slices, tilt, place in the frame and look, drawn anew for each.

Every series shows S1 and the five vertebrae above it whole, so a level can be counted from below. Where
in the frame they lie is as open as that leaves it, so that the place alone gives the level away as
little as possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import (
    Array,
    Grid,
    rotation_about_back,
    rotation_about_left,
    rotation_about_up,
)
from spinemed.phantom.patient.stream import stream

Kind = Literal["ct", "t2"]
KINDS: Final[tuple[Kind, Kind]] = ("ct", "t2")

_SLICES: Final[int] = 5
_ROWS: Final[int] = 320
_COLUMN_STEP: Final[int] = 16
_TALLEST_MM: Final[float] = 380.0
_LEAST_TALL_MM: Final[float] = 250.0
_MARGIN_MM: Final[float] = 4.0
# Sagittal slices as they lie on a straight patient: slice to the right, row downwards, column backwards.
_SAGITTAL: Final[Array] = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Look:
    """What differs from scanner to scanner: noise, sharpness, contrast, gain and shading."""

    noise: float
    blur_px: float
    contrast: float
    gain: float
    shading: tuple[float, ...]
    saturation_mm: float
    coil_falloff: float


@dataclass(frozen=True, eq=False)
class Acquisition:
    """One series to be rendered: its kind, its grid, its look and the stream its noise comes from."""

    kind: Kind
    grid: Grid
    thickness_mm: float
    look: Look
    noise: str


def plan(anatomy: Anatomy, kind: Kind) -> Acquisition:
    """Return how the series `kind` of this patient is taken; the same on every call."""
    rng = stream(anatomy.patient.seed, f"acquisition/{kind}")
    directions = _tilted(rng)
    spacing = float(rng.choice([4.0, 4.2, 4.5, 4.8, 5.0]))
    grid = _frame(rng, anatomy, directions, spacing)
    look = _sample_look(rng, kind)
    return Acquisition(kind, grid, round(spacing * 0.85, 2), look, noise=f"noise/{kind}")


def _tilted(rng: np.random.Generator) -> Array:
    """Slice, row and column directions, turned by up to 9 degrees in the picture and 2 out of it."""
    within = np.radians(np.clip(rng.normal(0.0, 4.5), -9.0, 9.0))
    around, aside = np.radians(np.clip(rng.normal(0.0, 0.8, 2), -1.6, 1.6))
    turn = rotation_about_left(within) @ rotation_about_back(aside) @ rotation_about_up(around)
    return np.asarray(_SAGITTAL @ turn.T)


def _frame(rng: np.random.Generator, anatomy: Anatomy, directions: Array, spacing_mm: float) -> Grid:
    """A frame of random size that holds what must be seen, at a random place among all that hold it."""
    (top, bottom), (front, back) = (_needed(anatomy, directions[axis]) for axis in (1, 2))
    least = max(bottom - top, _LEAST_TALL_MM)
    tall = least + (max(_TALLEST_MM, least + 20.0) - least) * float(rng.uniform(0.0, 1.0)) ** 0.6
    pixel = round(tall / _ROWS, 4)
    tall = pixel * _ROWS
    wide = max((back - front) + 2 * _COLUMN_STEP * pixel, tall * float(rng.uniform(0.62, 1.0)))
    columns = int(np.clip(round(wide / pixel / _COLUMN_STEP) * _COLUMN_STEP, 0, _ROWS + 2 * _COLUMN_STEP))
    wide = pixel * columns
    row_start = float(rng.uniform(bottom - tall, top))
    # At most 7 cm of air behind the back, as no technician would leave more.
    air = anatomy.patient.surroundings.fat_mm + 70.0
    column_start = float(rng.uniform(back - wide, min(front, back - wide + air)))
    middle = np.mean([part.body.pose.origin_mm for part in anatomy.vertebrae[:7]], axis=0)
    slice_start = float(directions[0] @ middle + rng.normal(0.0, 1.0)) - spacing_mm * (_SLICES - 1) / 2
    # Half a pixel: the grid's origin is the centre of its first pixel.
    start = np.array([slice_start, row_start + pixel / 2, column_start + pixel / 2])
    origin = np.round(directions.T @ start, 4)
    return Grid(origin, directions, (spacing_mm, pixel, pixel), (_SLICES, _ROWS, columns))


def _needed(anatomy: Anatomy, direction: Array) -> tuple[float, float]:
    """The least span along a direction, in mm, that shows L1 to L5 whole and the body of S1."""
    spans = [part.span(direction) for part in anatomy.vertebrae[:5]]
    sacral = anatomy.sacrum[0].body
    centre, reach = float(direction @ sacral.pose.origin_mm), float(sacral.extents(direction[None, :])[0])
    spans.append((centre - reach, centre + reach))
    return min(low for low, _ in spans) - _MARGIN_MM, max(high for _, high in spans) + _MARGIN_MM


def _sample_look(rng: np.random.Generator, kind: Kind) -> Look:
    return Look(
        noise=float(rng.uniform(10.0, 30.0) if kind == "ct" else rng.uniform(0.010, 0.030)),
        blur_px=float(rng.uniform(0.45, 0.8)),
        contrast=float(rng.uniform(0.85, 1.2)),
        gain=float(rng.uniform(500.0, 1400.0)),
        shading=tuple(float(value) for value in rng.normal(0.0, 0.09, 5)),
        saturation_mm=float(rng.uniform(25.0, 70.0) if rng.random() < 0.6 else 400.0),
        coil_falloff=float(rng.uniform(0.002, 0.007)),
    )
