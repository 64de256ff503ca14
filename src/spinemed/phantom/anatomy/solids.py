"""Analytic solids in LPS millimetres, the grid of parallel slices that samples them, and membership in boxes.

A solid is never voxelised as a whole: its bounding box on the grid is found first and only there a
formula decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Grid:
    """Parallel slices in space. Axis order everywhere: slice, row, column.

    `origin_mm` is the centre of the first pixel of the first slice; `directions` holds one unit vector a
    row, in axis order; slices follow each other along row x column as in DICOM, so for sagittal slices
    from the patient's left.
    """

    origin_mm: Array
    directions: Array
    steps_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    @cached_property
    def _steps(self) -> Array:
        return np.asarray(self.steps_mm)

    @cached_property
    def _millimetres(self) -> Array:
        """[axis of the grid, axis of space]: what one step adds."""
        return np.asarray(self.directions * np.asarray(self.steps_mm)[:, None])

    def index_of(self, point_mm: Array) -> Array:
        """Return the (slice, row, column) of a point in space, as fractions."""
        return np.asarray(self.directions @ (point_mm - self.origin_mm) / self._steps)

    def box_around(self, centre_mm: Array, half_extents_mm: Array) -> Box | None:
        """Return the part of the grid within `half_extents_mm` (one a grid axis) of a point, or None."""
        centre = self.index_of(centre_mm)
        reach = half_extents_mm / self._steps
        low = [max(math.ceil(first), 0) for first in (centre - reach).tolist()]
        ends = zip((centre + reach).tolist(), self.shape, strict=True)
        high = [min(math.floor(last) + 1, size) for last, size in ends]
        if low[0] >= high[0] or low[1] >= high[1] or low[2] >= high[2]:
            return None
        return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])

    def coordinates(self, box: Box, matrix: Array, offset: Array) -> tuple[Floats, Floats, Floats]:
        """Return `matrix @ point + offset` for every pixel of the box: three arrays [slice, row, column]."""
        steps = matrix @ self._millimetres.T  # [coordinate, axis of the grid]
        start = matrix @ self.origin_mm + offset
        by_slice, by_row, by_column = (
            (steps[:, axis, None] * _counted(part.stop)[part.start :]).astype(np.float32)
            for axis, part in enumerate(box)
        )
        by_slice += start.astype(np.float32)[:, None]
        planes = by_slice[:, :, None] + by_row[:, None, :]
        found: Floats = planes[..., None] + by_column[:, None, None, :]
        return found[0], found[1], found[2]

    def everywhere(self) -> Box:
        """Return the box that is the whole grid."""
        return slice(0, self.shape[0]), slice(0, self.shape[1]), slice(0, self.shape[2])


@lru_cache(maxsize=4096)
def _counted(stop: int) -> Array:
    """0, 1, 2 and on; shared, so never written to."""
    counted = np.arange(stop, dtype=np.float64)
    counted.setflags(write=False)
    return counted


class Pose(NamedTuple):
    """Where a solid's own frame lies: origin in mm and a matrix whose columns are left, posterior and up."""

    origin_mm: Array
    rotation: Array

    def point(self, left: float, posterior: float, up: float) -> Array:
        """Return a point of the solid's frame in space."""
        return np.asarray(self.origin_mm + self.rotation @ np.array([left, posterior, up]))


class Dent(NamedTuple):
    """A hollow in one endplate (`up` 1 the upper, -1 the lower): centre, radius and depth in mm."""

    up: int
    left: float
    posterior: float
    radius: float
    depth: float


@dataclass(frozen=True, eq=False)
class Body:
    """A vertebral body: a waisted, rounded-off cylinder between two inclined, hollowed endplates.

    `slope` and `side_slope` are how much the upper rim rises for each mm backwards and to the left (the
    lower one falls as much). `dents` are holes in the endplates that the disc fills.
    """

    pose: Pose
    half_width: float
    half_depth: float
    half_height: float
    slope: float
    concavity: float
    waist: float = 0.10
    taper: float = 0.0
    osteophyte: float = 0.0
    side_slope: float = 0.0
    dents: tuple[Dent, ...] = ()

    def extents(self, directions: Array) -> Array:
        """Return how far the body reaches from its origin along each direction (rows), in mm."""
        tilts = abs(self.slope) * self.half_depth + abs(self.side_slope) * self.half_width
        top = self.half_height + tilts
        reach = np.array([self.half_width, self.half_depth * (1 + abs(self.taper)), top]) * (
            1 + 0.1 * self.osteophyte
        )
        return np.asarray(np.abs(directions @ self.pose.rotation) @ reach)

    def height_at(self, posterior_mm: float) -> float:
        """Return the mid-sagittal height in mm between the endplates, that far behind the centre."""
        share = min((posterior_mm / self.half_depth) ** 2, 1.0)
        return 2 * (self.half_height + self.slope * posterior_mm - self.concavity * (1 - share))

    def depth_inside(self, left: Floats, posterior: Floats, up: Floats) -> Floats:
        """Return about how many mm inside the surface points of the body's frame lie; negative outside."""
        rim = self.half_height + self.slope * posterior
        if self.side_slope:
            rim = rim + self.side_slope * left
        level = np.clip(up / np.maximum(rim, 1.0), -1.0, 1.0)
        level2 = level * level
        width2 = left * (1.0 / self.half_width)
        width2 *= width2
        depth2 = posterior / (self.half_depth * (1 + self.taper * level))
        depth2 *= depth2
        around = width2 + depth2
        rounded = width2 * width2 + depth2 * depth2
        rounded *= 0.38
        rounded += 0.62 * around
        np.sqrt(rounded, out=rounded)
        rounded /= 1.0 - self.waist + level2 * (self.waist + 0.09 * self.osteophyte * level2)
        hollow = self.concavity * np.clip(1.0 - around, 0.0, 1.0)
        for dent in self.dents:
            hollow += _dented(dent, left, posterior, up)
        inside: Floats = np.minimum((1.0 - rounded) * self.half_depth, rim - hollow - np.abs(up))
        return inside


def _dented(dent: Dent, left: Floats, posterior: Floats, up: Floats) -> Floats:
    """What one dent adds to the hollow of its endplate."""
    away = ((left - dent.left) ** 2 + (posterior - dent.posterior) ** 2) * dent.radius**-2
    return np.where(up * dent.up > 0, dent.depth * np.clip(1.3 - 1.3 * away, 0.0, 1.0), np.float32(0.0))


@dataclass(frozen=True, eq=False)
class Disc:
    """An intervertebral disc: its rim, its wedges and what it fills of the hollow endplates.

    Half its height at a place is height / 2 - tangent / 2 * posterior + side_tangent / 2 * left; `fill`
    mm more lie in the hollows of the bodies, which are painted over it. `bulge` is beyond the rim.
    """

    pose: Pose
    half_width: float
    half_depth: float
    height: float
    tangent: float
    bulge: float
    pfirrmann: int
    side_tangent: float = 0.0
    fill: float = 3.2

    def extents(self, directions: Array) -> Array:
        """Return how far the disc reaches from its origin along each direction (rows), in mm."""
        tilts = abs(self.tangent) * self.half_depth + abs(self.side_tangent) * self.half_width
        top = (self.height + tilts) / 2 + self.fill
        reach = [self.half_width + self.bulge, self.half_depth + self.bulge, top]
        return np.asarray(np.abs(directions @ self.pose.rotation) @ np.array(reach))


class Lump(NamedTuple):
    """An ellipsoid, or with `squared` one with flat faces: points where |matrix @ (x - centre)| < 1.

    `spread` is the inverse of `matrix`: its columns reach from the centre to the surface. A tuple, because
    hundreds are made for each patient.
    """

    centre_mm: Array
    matrix: Array
    radii: tuple[float, float, float]
    squared: bool
    spread: Array

    def extents(self, directions: Array) -> Array:
        """Return how far the lump reaches from its centre along each direction (rows), in mm."""
        along = directions @ self.spread
        return np.asarray(np.abs(along).sum(axis=1) if self.squared else np.sqrt((along * along).sum(axis=1)))

    def depth_inside(self, grid: Grid, box: Box) -> Floats:
        """Return about how many mm inside the surface the box's pixels lie; negative outside.

        The distance is the surface function over the length of its gradient: good near the surface.
        """
        places = grid.coordinates(box, self.matrix, -(self.matrix @ self.centre_mm))
        squares = [place * place for place in places]
        if self.squared:
            round_off = np.sqrt(squares[1] * squares[1] + squares[2] * squares[2]) + np.float32(1e-6)
            function = squares[0] + round_off
            squares[1:] = [square**3 / (round_off * round_off) for square in squares[1:]]
        else:
            function = squares[0] + squares[1] + squares[2]
        gradient2 = sum(
            square * np.float32(radius**-2) for square, radius in zip(squares, self.radii, strict=True)
        )
        depth: Floats = (1 - function) / (2 * np.sqrt(gradient2) + np.float32(1e-3))
        return depth


class Mould(NamedTuple):
    """A lump in the frame of some pose: centre and radii (left, posterior, up) in mm, and its shears.

    `slant` raises it (mm up for each mm backwards), `flare` moves it backwards for each mm to the left
    when negative, `lift` raises it for each mm to the left.
    """

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    slant: float = 0.0
    flare: float = 0.0
    lift: float = 0.0
    squared: bool = False


def lumps(poses: Sequence[Pose], owners: Sequence[int], moulds: Sequence[Mould]) -> list[Lump]:
    """Return the lumps of all moulds, each in the frame of the pose that its owner number points at."""
    if not moulds:
        return []
    owner = np.asarray(owners)
    rotations = np.array([pose.rotation for pose in poses])[owner]
    origins = np.array([pose.origin_mm for pose in poses])[owner]
    rows = np.array([(*mould.centre, *mould.radii, *mould[2:5]) for mould in moulds])
    radii, (slant, flare, lift) = rows[:, 3:6], rows[:, 6:].T
    centres = origins + (rotations @ rows[:, :3, None])[:, :, 0]
    shear = np.zeros((len(moulds), 3, 3))
    back = np.zeros((len(moulds), 3, 3))
    shear[:, (0, 1, 2), (0, 1, 2)] = back[:, (0, 1, 2), (0, 1, 2)] = 1.0
    shear[:, 1, 0], back[:, 1, 0] = flare, -flare
    shear[:, 2, 1], back[:, 2, 1] = -slant, slant
    shear[:, 2, 0], back[:, 2, 0] = -slant * flare - lift, lift
    matrices = (shear / radii[:, :, None]) @ rotations.transpose(0, 2, 1)
    spreads = rotations @ (back * radii[:, None, :])
    flat = [mould.squared for mould in moulds]
    sizes = [mould.radii for mould in moulds]
    return list(map(Lump._make, zip(centres, matrices, sizes, flat, spreads, strict=True)))


def lump(pose: Pose, mould: Mould) -> Lump:
    """Return one lump in the frame of a pose."""
    return lumps([pose], [0], [mould])[0]


def rotation_about_left(radians: float) -> Array:
    """Return the turn about the left axis that tips `up` towards the front for positive angles."""
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])


def rotation_about_back(radians: float) -> Array:
    """Return the turn about the posterior axis that tips `up` to the patient's left for positive angles."""
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])


def rotation_about_up(radians: float) -> Array:
    """Return the turn about the upright axis that tips `left` towards the back for positive angles."""
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
