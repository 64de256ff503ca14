"""Slip and the depth of the dural sac, measured on label masks alone: an independent check of findings.

Slices are [row, column] with row 0 cranial and column 0 anterior; `spacing_mm` is (row, column).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemed.errors import SourceError
from spinemed.facts.bodies import SACRUM, Body
from spinemed.facts.heights import endplate_angle

Floats = NDArray[np.floating[Any]]
Point = tuple[float, float]

SAC_VALUES: Final = (100, 101)
"""Structure values of the dural sac: what swims in it, and the cord."""

_BAND: Final = 0.3  # of the body's height: how much beside an endplate tells where its corners are
_INNER: Final = 0.4  # of the depth, to both sides of the middle: endplates are fitted there
_WALL_PERCENT: Final = (2.0, 98.0)
_SACRAL_MM: Final = 15.0
_LINE_STEP_MM: Final = 0.05
_ASIDE_MM: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Endplate:
    """One endplate in a slice: its front and rear corner as (row, column) in mm from the slice's corner."""

    front: Point
    rear: Point

    @property
    def depth_mm(self) -> float:
        """Return the distance between the corners."""
        return math.dist(self.front, self.rear)

    @property
    def angle_deg(self) -> float:
        """Return how far it falls from front to back, in degrees; rising is negative."""
        return math.degrees(math.atan2(self.rear[0] - self.front[0], self.rear[1] - self.front[1]))


def endplates(body: Body, spacing_mm: tuple[float, float], tilt: float) -> tuple[Endplate, Endplate]:
    """Return the upper and the lower endplate of a body; `tilt` as `bodies.tilts` gives it, in radians.

    Lines are fitted to the mask's upper and lower edge, corners lie where the walls beside them stand.
    SourceError for a body too small to measure.
    """
    rows, columns = np.nonzero(body.pixels)
    down: Floats = (rows + body.box.top + 0.5) * spacing_mm[0]
    back: Floats = (columns + body.box.left + 0.5) * spacing_mm[1]
    if body.site == SACRUM:
        angle, kept = _upper_part(down, back, max(spacing_mm))
        down, back = down[kept], back[kept]
    else:
        angle = endplate_angle(body.pixels, spacing_mm, boxed_tilt(down, back, tilt))
    cosine, sine = math.cos(angle), math.sin(angle)
    along, across = back * cosine + down * sine, down * cosine - back * sine
    found = []
    for upper in (True, False):
        places, edge = _edge(along, across, max(spacing_mm), upper)
        slope, offset = np.polyfit(places, edge, 1)
        height = float(np.percentile(across, 99) - np.percentile(across, 1))
        from_edge = (across - (slope * along + offset)) * (1 if upper else -1)
        front, rear = np.percentile(along[from_edge < _BAND * height], _WALL_PERCENT)
        # Between these percentiles lies 96 % of an even band; single stray pixels are left out.
        left_out = (rear - front) * _WALL_PERCENT[0] / (_WALL_PERCENT[1] - _WALL_PERCENT[0])
        points = [(place, slope * place + offset) for place in (front - left_out, rear + left_out)]
        found.append([(a * sine + c * cosine, a * cosine - c * sine) for a, c in points])
    upper_points, lower_points = found
    return Endplate(*upper_points), Endplate(*lower_points)


def _upper_part(down: Floats, back: Floats, strip: float) -> tuple[float, NDArray[np.bool_]]:
    """The tilt of the sacrum's upper endplate and the points within some mm of it: what lies below tapers.

    The endplate is the longest straight edge that faces upwards.
    """
    best, angle, kept = -1, 0.0, np.ones(len(down), bool)
    for candidate in np.radians(np.arange(-80.0, 16.0, 2.0)):
        along = back * math.cos(candidate) + down * math.sin(candidate)
        across = down * math.cos(candidate) - back * math.sin(candidate)
        bins = np.floor((along - along.min()) / strip).astype(int)
        edge = np.full(bins.max() + 1, np.inf)
        np.minimum.at(edge, bins, across)
        top = float(np.percentile(edge[np.isfinite(edge)], 10))
        straight = int((np.abs(edge - top) < strip).sum())
        if straight > best:
            best, angle, kept = straight, float(candidate), across < top + _SACRAL_MM
    return angle, kept


def boxed_tilt(down: Floats, back: Floats, prior: float) -> float:
    """Return the tilt in radians of the least rectangle around points, within 40 degrees of a prior.

    `down` and `back` are the points' coordinates in mm. Beside a slip the line through the neighbours'
    centres, which the prior comes from, leans with the slip and not with the body.

    >>> points = np.mgrid[0:20, 0:30].reshape(2, -1).astype(float)
    >>> round(boxed_tilt(points[0], points[1], 0.4), 1)
    0.0
    """
    angles = prior + np.radians(np.arange(-40.0, 40.1, 2.0))
    # Away from the prior only for a clear gain: a body as high as deep has no least rectangle.
    areas = [_boxed_area(down, back, angle) * (1 + 0.1 * abs(angle - prior)) for angle in angles]
    return float(angles[int(np.argmin(areas))])


def _boxed_area(down: Floats, back: Floats, angle: float) -> float:
    cosine, sine = math.cos(angle), math.sin(angle)
    return float(np.ptp(back * cosine + down * sine) * np.ptp(down * cosine - back * sine))


def _edge(along: Floats, across: Floats, strip: float, upper: bool) -> tuple[Floats, Floats]:
    """Strip centres and the outermost edge of each strip, over the inner part of the depth."""
    low, high = float(along.min()), float(along.max())
    bins = np.floor((along - low) / strip).astype(int)
    edge = np.full(bins.max() + 1, np.inf if upper else -np.inf)
    (np.minimum if upper else np.maximum).at(edge, bins, across)
    places = low + (np.arange(len(edge)) + 0.5) * strip
    inner = np.isfinite(edge) & (np.abs(places - (low + high) / 2) <= _INNER * (high - low))
    if inner.sum() < 4:
        raise SourceError("the body is too short in the image to measure; give a finer image")
    return places[inner], edge[inner]


def slip_percent(above: Endplate, below: Endplate) -> float:
    """Return how far the vertebra above stands forward, in percent of the endplate's depth below.

    `above` is the lower endplate of the upper vertebra, `below` the upper endplate of the lower one. The
    rear corners are compared along the disc, midway between both endplates (Meyerding); backward is
    negative.

    >>> round(slip_percent(Endplate((0, 2), (0, 32)), Endplate((10, 5), (10, 35))), 1)
    10.0
    """
    along = math.radians((above.angle_deg + below.angle_deg) / 2)
    down, back = below.rear[0] - above.rear[0], below.rear[1] - above.rear[1]
    return 100 * (back * math.cos(along) + down * math.sin(along)) / below.depth_mm


def sac_depth_mm(
    structures: NDArray[np.uint16],
    spacing_mm: tuple[float, float],
    start: Point,
    backwards: Point,
    reach_mm: float = 60.0,
) -> float:
    """Return the depth of the dural sac in mm along one line of a slice: sagittal, or axial.

    The line runs from `start` (row, column, in mm from the slice's corner) along the unit vector
    `backwards` (row, column), `reach_mm` far at most; the mean of five lines side by side, so that it is
    finer than a pixel. 0 where they meet no sac.
    """
    across = math.hypot(structures.shape[0] * spacing_mm[0], structures.shape[1] * spacing_mm[1])
    along = np.arange(0.0, min(reach_mm, across), _LINE_STEP_MM)
    depths = []
    for aside in _ASIDE_MM:
        first = (start[0] + aside * backwards[1], start[1] - aside * backwards[0])
        rows = np.floor((first[0] + along * backwards[0]) / spacing_mm[0]).astype(int)
        columns = np.floor((first[1] + along * backwards[1]) / spacing_mm[1]).astype(int)
        height, width = structures.shape
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        met = structures[rows[inside], columns[inside]]
        depths.append(_LINE_STEP_MM * int(np.isin(met, SAC_VALUES).sum()))
    return float(np.mean(depths))


def disc_line(
    structures: NDArray[np.uint16], spacing_mm: tuple[float, float], value: int
) -> tuple[Point, Point]:
    """Return the middle of a disc in a sagittal slice (mm) and the unit vector along it to the back.

    `value` is the disc's number in the structures. SourceError where the slice shows too little of it.
    """
    rows, columns = np.nonzero(structures == value)
    if len(rows) < 12:
        raise SourceError(f"structure {value} has {len(rows)} pixels in the slice; choose another slice")
    points = np.stack([(rows + 0.5) * spacing_mm[0], (columns + 0.5) * spacing_mm[1]], axis=1)
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    along = axes[0] if axes[0][1] > 0 else -axes[0]
    return (float(middle[0]), float(middle[1])), (float(along[0]), float(along[1]))
