"""Where a finding is seen in a rendered series: pixels of a slice, their box, how far they stand out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.parts import Anatomy, Vertebra
from spinemed.phantom.anatomy.solids import Array, Flags, Floats, Grid, Lump, Pose
from spinemed.phantom.anatomy.solids import Box as GridBox
from spinemed.phantom.export.dicom import instance_uid
from spinemed.phantom.rendering.bodies import body_pixels
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.series import RenderedSeries
from spinemed.phantom.rendering.tissues import Tissue, TissueMap
from spinemed.records import Box, Locator, Plane

# Noise is read from neighbours this many pixels apart: closer ones share it through the kernel.
_LAG: Final[int] = 3
_TO_DEVIATION: Final[float] = 1.4826 / 2**0.5  # of the median absolute difference of two normal numbers
_CORTEX_MM: Final[float] = 2.5
_FEWEST_FOR_NOISE: Final[int] = 60
_SIDEWAYS_SHARE: Final[float] = 0.6


@dataclass(frozen=True, eq=False)
class Region:
    """Flagged pixels of one slice: `index` counts slices as they are stored, `flags` is [row, column]."""

    index: int
    top: int
    left: int
    flags: Flags

    @cached_property
    def count(self) -> int:
        """Return the number of flagged pixels."""
        return int(np.count_nonzero(self.flags))

    @cached_property
    def box(self) -> Box:
        """Return the least box that holds the flagged pixels; ValueError where none is flagged."""
        rows, columns = (np.flatnonzero(self.flags.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            raise ValueError(f"no pixel of slice {self.index} is flagged; keep regions with pixels only")
        return Box(
            left=self.left + int(columns[0]),
            top=self.top + int(rows[0]),
            right=self.left + int(columns[-1]) + 1,
            bottom=self.top + int(rows[-1]) + 1,
        )

    def touches(self, shape: tuple[int, ...]) -> bool:
        """Return whether a flagged pixel lies on the border of slices of this (rows, columns)."""
        box = self.box
        return box.left == 0 or box.top == 0 or box.right == shape[1] or box.bottom == shape[0]

    def values(self, stack: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the values of the flagged pixels in a stack [slice, row, column]."""
        rows, columns = self.flags.shape
        part = stack[self.index, self.top : self.top + rows, self.left : self.left + columns]
        return np.asarray(part[self.flags])


@dataclass(frozen=True, eq=False)
class ShownSeries:
    """A rendered stack of slices of a placed patient, as the findings look at it.

    `name` is the folder's: t2, or t2_axial_L4-L5. Arrays are [slice, row, column] as stored.
    """

    anatomy: Anatomy
    rendered: RenderedSeries
    study: str
    uid: str
    name: str
    noises: dict[int, float] = field(default_factory=dict)
    levels: dict[tuple[int, int], float | None] = field(default_factory=dict)
    edges: dict[tuple[str, int], float] = field(default_factory=dict)
    locators: dict[Region, Locator] = field(default_factory=dict)
    identifiers: dict[int, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Return the kind of series, such as t2."""
        return self.rendered.acquisition.kind

    @property
    def grid(self) -> Grid:
        """Return the grid of the slices."""
        return self.rendered.acquisition.grid

    @property
    def pixel_mm(self) -> float:
        """Return the size of a pixel."""
        return self.grid.steps_mm[1]

    @property
    def plane(self) -> Plane:
        """Return sagittal, or axial for slices along a disc."""
        return "axial" if self.kind == "t2_axial" else "sagittal"

    def locator(self, region: Region) -> Locator:
        """Return the place of a region as readers count it: sagittal slices from the patient's right."""
        slices = self.grid.shape[0]
        index = region.index if self.plane == "axial" else slices - 1 - region.index
        if region not in self.locators:
            if region.index not in self.identifiers:
                identifier = instance_uid(self.anatomy.patient, self.name, region.index)
                self.identifiers[region.index] = str(identifier)
            self.locators[region] = Locator(
                series=self.uid,
                plane=self.plane,
                slice_index=index,
                slice_id=self.identifiers[region.index],
                box=region.box,
            )
        return self.locators[region]

    def noise(self, index: int) -> float:
        """Return the standard deviation of noise inside healthy bone of a stored slice; never zero."""
        if index not in self.noises:
            self.noises[index] = _noise(self, index)
        return self.noises[index]

    def level_of(self, index: int, tissue: Tissue) -> float | None:
        """Return the median value of a tissue in a stored slice, None where the slice shows none of it."""
        key = index, int(tissue)
        if key not in self.levels:
            values = self.rendered.pixels[index][self.rendered.tissue[index] == tissue]
            self.levels[key] = median(values) if values.size else None
        return self.levels[key]

    def slice_of(self, point_mm: Array, reach_mm: float) -> int | None:
        """Return the stored slice nearest to a point, None where it lies further off than `reach_mm`."""
        place = float(self.grid.index_of(point_mm)[0])
        index = min(max(round(place), 0), self.grid.shape[0] - 1)
        return index if abs(place - index) * self.grid.steps_mm[0] <= reach_mm else None


def median(values: NDArray[np.generic]) -> float:
    """Return the upper median of some values: quicker than numpy's where they are few.

    >>> median(np.array([3, 1, 2, 10]))
    3.0
    """
    half = values.size // 2
    return float(np.partition(values, half, axis=None)[half])


def is_any(tissue: TissueMap, tissues: tuple[Tissue, ...]) -> Flags:
    """Return where a map shows one of some tissues."""
    return np.asarray(_among(tissues).take(tissue))


@lru_cache(maxsize=64)
def _among(tissues: tuple[Tissue, ...]) -> Flags:
    return np.isin(np.arange(256), tissues)


def contrast(shown: ShownSeries, region: Region, tissue: Tissue) -> float:
    """Return how far the medians of a region and of a tissue of its slice lie apart, in deviations of noise.

    Nothing to compare with gives 0.
    """
    inside = region.values(shown.rendered.pixels)
    other = shown.level_of(region.index, tissue)
    if not inside.size or other is None:
        return 0.0
    return round(abs(median(inside) - other) / shown.noise(region.index), 2)


def region_where(
    grid: Grid,
    centre_mm: Array,
    half_extents_mm: Array,
    index: int | None,
    inside: Callable[[GridBox], Flags],
) -> Region | None:
    """Return the pixels of a slice where `inside` holds, None without any.

    `half_extents_mm` bounds the place along the grid's axes. `index` None takes the slice that shows most.
    """
    box = grid.box_around(centre_mm, half_extents_mm)
    if box is None:
        return None
    if index is not None:
        if not box[0].start <= index < box[0].stop:
            return None
        box = (slice(index, index + 1), box[1], box[2])
    flags = inside(box)
    counts = flags.reshape(len(flags), -1).sum(axis=1)
    best = int(np.argmax(counts))
    if not counts[best]:
        return None
    return Region(box[0].start + best, box[1].start, box[2].start, flags[best])


def in_frame(
    shown: ShownSeries,
    pose: Pose,
    centre: tuple[float, float, float],
    half_extents: tuple[float, float, float],
    index: int | None,
    inside: Callable[[Floats, Floats, Floats, GridBox], Flags],
) -> Region | None:
    """Return the pixels where `inside(left, posterior, up, box)` holds, in mm in the frame of `pose`.

    `centre` and `half_extents` bound the place in that frame; `index` None takes the slice that shows most.
    """
    frame = pose.rotation.T
    reach = np.abs(shown.grid.directions @ pose.rotation) @ np.asarray(half_extents)

    def flagged(box: GridBox) -> Flags:
        return inside(*shown.grid.coordinates(box, frame, -(frame @ pose.origin_mm)), box)

    return region_where(shown.grid, pose.point(*centre), reach, index, flagged)


def body_slice(shown: ShownSeries, bone: Vertebra) -> int | None:
    """Return the slice nearest to a body's middle, None where the slices pass it too far to the side."""
    return shown.slice_of(bone.body.pose.origin_mm, _SIDEWAYS_SHARE * bone.body.half_width)


def body_region(
    shown: ShownSeries, bone: Vertebra, index: int | None = None, inner_mm: float = 0.0
) -> Region | None:
    """Return the pixels of a vertebral body more than `inner_mm` inside its surface; None without any.

    `index` None takes the slice nearest to its middle.
    """
    index = body_slice(shown, bone) if index is None else index
    if index is None:
        return None
    return _body_region(shown.grid, bone, index, inner_mm)


@lru_cache(maxsize=512)
def _body_region(grid: Grid, bone: Vertebra, index: int, inner_mm: float) -> Region | None:
    """The same for all series on one grid: T1, T2 and STIR share theirs."""
    body = bone.body
    seen = body_pixels(grid, body)
    if seen is None:
        return None

    def flagged(box: GridBox) -> Flags:
        within = tuple(slice(p.start - q.start, p.stop - q.start) for p, q in zip(box, seen.box, strict=True))
        return np.asarray(seen.depth[within] > inner_mm)

    return region_where(grid, body.pose.origin_mm, body.extents(grid.directions), index, flagged)


def lump_region(
    shown: ShownSeries, part: Lump, index: int | None, keep: Callable[[GridBox], Flags] | None = None
) -> Region | None:
    """Return the pixels inside a lump (and where `keep` holds), None without any."""

    def flagged(box: GridBox) -> Flags:
        found = part.depth_inside(shown.grid, box) > 0
        return np.asarray(found if keep is None else found & keep(box))

    return region_where(shown.grid, part.centre_mm, part.extents(shown.grid.directions), index, flagged)


def _noise(shown: ShownSeries, index: int) -> float:
    """Noise from differences of pixels a few apart inside the bodies of one slice, or all over it.

    Differences have 13 bits at most, and so have those of two of them: no overflow.
    """
    picture = shown.rendered.pixels[index]
    slices, within = _within_bones(shown.anatomy, shown.grid)
    places = within[slices == index]
    if places.size < _FEWEST_FOR_NOISE:
        values = (picture[:, _LAG:] - picture[:, :-_LAG]).ravel()
    else:
        values = picture.take(places + _LAG) - picture.take(places)
    return max(median(np.abs(values - np.int16(median(values)))) * _TO_DEVIATION, 1.0)


@lru_cache(maxsize=4)
def _within_bones(anatomy: Anatomy, grid: Grid) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pixels that lie deep in a healthy body as does the one `_LAG` further: slices, and places in them.

    A place counts the pixels of a slice row by row. The same for all series on one grid.
    """
    found = [(np.empty(0, np.intp), np.empty(0, np.intp))]
    for bone in (*anatomy.vertebrae, anatomy.sacrum[0]):
        shape = bone.shape
        if shape is not None and (shape.lesion or shape.fracture or shape.screws):
            continue
        seen = body_pixels(grid, bone.body)
        if seen is not None:
            deep = seen.depth > _CORTEX_MM
            slices, rows, columns = np.nonzero(deep[:, :, _LAG:] & deep[:, :, :-_LAG])
            first, top, left = (part.start for part in seen.box)
            found.append((slices + first, (rows + top) * grid.shape[2] + columns + left))
    slices, places = (np.concatenate(part) for part in zip(*found, strict=True))
    return slices, places


def tissue_region(
    shown: ShownSeries,
    pose: Pose,
    centre: tuple[float, float, float],
    half_extents: tuple[float, float, float],
    tissues: tuple[Tissue, ...],
    index: int | None = None,
) -> Region | None:
    """Return the pixels of some tissues within a box in the frame of `pose` (left, posterior, up; mm).

    `index` None takes the slice that shows most of them; None where no pixel is found.
    """

    def inside(left: Floats, posterior: Floats, up: Floats, box: GridBox) -> Flags:
        flags = is_any(shown.rendered.tissue[box], tissues)
        for place, middle, reach in zip((left, posterior, up), centre, half_extents, strict=True):
            flags &= np.abs(place - np.float32(middle)) <= np.float32(reach)
        return flags

    return in_frame(shown, pose, centre, half_extents, index, inside)


def structure_region(shown: ShownSeries, value: int, index: int) -> Region | None:
    """Return all pixels of one structure number in a stored slice, None without any."""
    flags = shown.rendered.structures[index] == value
    return Region(index, 0, 0, flags) if flags.any() else None


def edge_contrast(shown: ShownSeries, bone: Vertebra, region: Region) -> float:
    """Return how far a body stands out from the discs beside it, by its marrow or by its cortex.

    In standard deviations of noise; 0 where the slice shows no disc beside it.
    """
    key = bone.level, region.index
    if key not in shown.edges:
        shown.edges[key] = _edge_contrast(shown, bone, region)
    return shown.edges[key]


def _edge_contrast(shown: ShownSeries, bone: Vertebra, region: Region) -> float:
    value = verse_value(bone.level)
    beside = [
        200 + value,
        *(200 + verse_value(d.above) for d in shown.anatomy.placed_discs if d.below == bone.level),
    ]
    rows = slice(max(region.top - 12, 0), region.top + region.flags.shape[0] + 12)
    columns = slice(region.left, region.left + region.flags.shape[1])
    here = shown.rendered.structures[region.index, rows, columns]
    flags = here == beside[0]
    for other in beside[1:]:
        flags |= here == other
    discs = shown.rendered.pixels[region.index, rows, columns][flags]
    if not discs.size:
        return 0.0
    tissue = region.values(shown.rendered.tissue)
    values = region.values(shown.rendered.pixels)
    parts = [values[tissue == Tissue.CORTEX], values[tissue != Tissue.CORTEX]]
    apart = [abs(median(part) - median(discs)) for part in parts if part.size]
    return round(max(apart, default=0.0) / shown.noise(region.index), 2)
