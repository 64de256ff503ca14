"""Anterior, middle and posterior height of a vertebral body, measured on its mask along its own axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinemed.errors import SourceError
from spinemed.facts.normal import HEIGHT_POSITION

Floats = NDArray[np.floating[Any]]

_ROUNDS = 4
_FREEDOM = math.radians(25)
_FEWEST_PIXELS = 40
_FEWEST_STRIPS = 8
_FITTED_SHARE = 0.85
"""Heights are fitted within this share of the half depth: walls are hollow, corners are blunt."""


@dataclass(frozen=True)
class Heights:
    """Heights of one body in millimetres: in front, in the middle, behind, and the body's depth."""

    anterior: float
    middle: float
    posterior: float
    depth: float

    @property
    def ratio(self) -> float:
        """Return the anterior over the posterior height."""
        return self.anterior / self.posterior


def heights(pixels: NDArray[np.bool_], spacing_mm: tuple[float, float], tilt: float = 0.0) -> Heights:
    """Return the heights of the body whose mask is `pixels` ([row, column], column 0 anterior), in mm.

    `spacing_mm` is (row, column); `tilt` is about how far, in radians, the depth runs down from front to
    back; the endplates refine it. A height is the area of a strip across the body over the strip's width,
    so that it is finer than a pixel. SourceError for a body of fewer than 40 pixels.

    >>> heights(np.ones((20, 30), bool), (1.0, 1.0))
    Heights(anterior=20.0, middle=20.0, posterior=20.0, depth=30.0)
    """
    if pixels.sum() < _FEWEST_PIXELS:
        raise SourceError(f"a body of {int(pixels.sum())} pixels is too small to measure; give a finer image")
    rows, columns = np.nonzero(pixels)
    down: Floats = (rows + 0.5) * spacing_mm[0]
    back: Floats = (columns + 0.5) * spacing_mm[1]
    angle = _axis(down, back, spacing_mm, tilt)
    along, _ = _turned(down, back, angle)
    front, rear = _walls(along, spacing_mm)
    middle, half = (front + rear) / 2, (rear - front) / 2
    places, strip_heights = _profile(along, max(spacing_mm), spacing_mm)
    share = (places - middle) / half
    inner = np.abs(share) <= _FITTED_SHARE
    if inner.sum() < _FEWEST_STRIPS:
        raise SourceError("the body is too short in the image to measure; give a finer image")
    # Hollow endplates are parabolas, wedges are slopes: one parabola averages over all strips.
    anterior, central, posterior = np.polyval(
        np.polyfit(share[inner], strip_heights[inner], 2), (-HEIGHT_POSITION, 0.0, HEIGHT_POSITION)
    )
    return Heights(
        anterior=round(float(anterior), 3),
        middle=round(float(central), 3),
        posterior=round(float(posterior), 3),
        depth=round(float(2 * half), 3),
    )


def endplate_angle(pixels: NDArray[np.bool_], spacing_mm: tuple[float, float], tilt: float = 0.0) -> float:
    """Return the angle of the body's depth against the columns in radians, midway between both endplates.

    Arguments as in `heights`; down from front to back is positive.

    >>> endplate_angle(np.ones((20, 30), bool), (1.0, 1.0))
    0.0
    """
    rows, columns = np.nonzero(pixels)
    return _axis((rows + 0.5) * spacing_mm[0], (columns + 0.5) * spacing_mm[1], spacing_mm, tilt)


def _turned(down: Floats, back: Floats, angle: float) -> tuple[Floats, Floats]:
    """Return coordinates along the body's depth (front to back) and along its height (head to foot)."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return back * cosine + down * sine, down * cosine - back * sine


def _axis(down: Floats, back: Floats, spacing_mm: tuple[float, float], tilt: float) -> float:
    """Return the angle of the body's depth against the columns, in radians: midway between both endplates."""
    angle = tilt
    for _ in range(_ROUNDS):
        along, across = _turned(down, back, angle)
        angle += _tilt(along, across, max(spacing_mm))
        angle = min(max(angle, tilt - _FREEDOM), tilt + _FREEDOM)
    return angle


def _tilt(along: Floats, across: Floats, strip: float) -> float:
    """Return the mean slope of both endplates in radians, fitted over the inner four fifths of the depth."""
    low, high = along.min(), along.max()
    bins = np.floor((along - low) / strip).astype(int)
    upper = np.full(bins.max() + 1, np.inf)
    lower = np.full(bins.max() + 1, -np.inf)
    np.minimum.at(upper, bins, across)
    np.maximum.at(lower, bins, across)
    places = low + (np.arange(len(upper)) + 0.5) * strip
    used = np.isfinite(upper) & (np.abs(places - (low + high) / 2) <= 0.4 * (high - low))
    centred = places[used] - places[used].mean()
    slopes = [float(centred @ edge[used] / (centred @ centred)) for edge in (upper, lower)]
    return sum(math.atan(slope) for slope in slopes) / 2


def _walls(along: Floats, spacing_mm: tuple[float, float]) -> tuple[float, float]:
    """Return where the anterior and the posterior wall stand, single stray pixels left out."""
    front, rear = np.percentile(along, (0.5, 99.5))
    half_pixel = min(spacing_mm) / 2
    return float(front) - half_pixel, float(rear) + half_pixel


def _profile(along: Floats, strip: float, spacing_mm: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return strip centres and the body's height in each strip: its area over its width."""
    # Half a strip early: columns of an upright body fall into the middle of strips, not on their borders.
    low = along.min() - strip / 2
    bins = np.floor((along - low) / strip).astype(int)
    areas = np.bincount(bins) * spacing_mm[0] * spacing_mm[1]
    return low + (np.arange(len(areas)) + 0.5) * strip, areas / strip
