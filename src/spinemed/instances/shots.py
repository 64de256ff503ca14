"""Pictures of a case: the slice that a finding names, a random window on square pixels, a ring, a turn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from spinemed.errors import GeometryError
from spinemed.imaging.looks import picture_hash
from spinemed.imaging.pictures import draw_ring, encode_png, resample_window
from spinemed.imaging.radiograph import Radiograph
from spinemed.imaging.slices import sagittal, to_uint8
from spinemed.imaging.volume import Volume
from spinemed.instances.premise import Shown, are_neighbours, shown_of
from spinemed.instances.windows import HEIGHT_PX, LONGEST_PX, WIDTH_PX, Window
from spinemed.records import Finding, Locator, Marker, Picture, Plane, Series, Study, content_id

RED: Final = (255, 48, 48)
RING_PX: Final = (9.0, 13.0)
"""Radius of rings in close views, drawn at random so that its size tells nothing."""
SMALL_RING_PX: Final = (6.5, 9.0)
"""Radius of rings in views of many levels."""
_RING_WIDTH_PX: Final = 1.6
_RING_JITTER_PX: Final = 1.5
_MOST_BURNT: Final = 0.4
"""Share of the pixels inside a ring that may be black or white."""
_STACK_RATIO: Final = 1.5
"""The axis whose steps are this much longer than the others' is the one that slices follow each other on."""

Turn = Literal[0, 90, 180, 270]


@dataclass(frozen=True)
class CaseSeries:
    """One series of a study, read: its record, its volume or radiograph, and what was found in it."""

    series: Series
    volume: Volume | Radiograph
    findings: tuple[Finding, ...]
    _slices: dict[tuple[Plane, int], Slice] = field(default_factory=dict, compare=False, repr=False)

    def of(self, *pathologies: str) -> tuple[Finding, ...]:
        """Return the findings of these pathologies."""
        return tuple(finding for finding in self.findings if finding.pathology in pathologies)

    def bodies(self) -> dict[str, Finding]:
        """Return vertebra -> the finding that it is seen, whole or else in part."""
        found = {finding.site: finding for finding in self.of("vertebra_in_part")}
        found.update({finding.site: finding for finding in self.of("vertebra")})
        return found


@dataclass(frozen=True, eq=False)
class Slice:
    """One slice in 256 greys, its pixels' (row, column) size, and where it lies."""

    grey: NDArray[np.uint8]
    spacing_mm: tuple[float, float]
    plane: Plane
    index: int

    @property
    def size_mm(self) -> tuple[float, float]:
        """Return height and width."""
        return self.grey.shape[0] * self.spacing_mm[0], self.grey.shape[1] * self.spacing_mm[1]


@dataclass(frozen=True)
class Frame:
    """A window: upper and anterior edge in mm from the slice's corner, pixels in mm, size in pixels."""

    top_mm: float
    left_mm: float
    pixel_mm: float
    height_px: int
    width_px: int

    def within(self, cut: Slice) -> Frame:
        """Return the part of the window that lies on the slice, its edges on whole pixels of the window."""
        top, left = (max(0, math.floor(-start / self.pixel_mm)) for start in (self.top_mm, self.left_mm))
        height, width = cut.size_mm
        bottom = min(self.height_px, math.ceil((height - self.top_mm) / self.pixel_mm))
        right = min(self.width_px, math.ceil((width - self.left_mm) / self.pixel_mm))
        return Frame(
            round(self.top_mm + top * self.pixel_mm, 5),
            round(self.left_mm + left * self.pixel_mm, 5),
            self.pixel_mm,
            max(bottom - top, 1),
            max(right - left, 1),
        )

    @property
    def right_mm(self) -> float:
        """Return the posterior edge."""
        return self.left_mm + self.width_px * self.pixel_mm

    @property
    def bottom_mm(self) -> float:
        """Return the lower edge."""
        return self.top_mm + self.height_px * self.pixel_mm

    def pixel_of(self, row_mm: float, column_mm: float) -> tuple[float, float]:
        """Return (row, column) in the picture; the middle of the first pixel is (0, 0)."""
        return (
            (row_mm - self.top_mm) / self.pixel_mm - 0.5,
            (column_mm - self.left_mm) / self.pixel_mm - 0.5,
        )


@dataclass(frozen=True)
class Shot:
    """A picture with its place in the slice, as proofs need it.

    `burnt_out` says that the ring lies on pixels without grey, black or white: nothing is seen in it.
    """

    picture: Picture
    shown: Shown
    burnt_out: bool = False


def slice_of(case: CaseSeries, plane: Plane, index: int) -> Slice:
    """Return a slice as locators count it; GeometryError where the series has no such slice, or no scale."""
    if (plane, index) not in case._slices:
        case._slices[plane, index] = (
            _film(case, case.volume, index)
            if isinstance(case.volume, Radiograph)
            else _cut(case, case.volume, plane, index)
        )
    return case._slices[plane, index]


def _film(case: CaseSeries, film: Radiograph, index: int) -> Slice:
    if film.spacing_mm is None or index != 0:
        raise GeometryError(
            f"series {case.series.uid}: slice {index} of a radiograph with spacing {film.spacing_mm}; "
            "give slice 0 and a film with a scale"
        )
    return Slice(to_uint8(film.pixels, case.series.modality), film.spacing_mm, "radiograph", 0)


def _cut(case: CaseSeries, volume: Volume, plane: Plane, index: int) -> Slice:
    array, spacing = volume.array, volume.spacing_mm
    try:
        if plane == "sagittal":
            pixels, spacing_mm = sagittal(array, index), (spacing[0], spacing[1])
        elif plane == "axial" and spacing[1] > _STACK_RATIO * spacing[0]:
            # Slices along a steep disc: the reoriented volume counts them along y, from above.
            pixels, spacing_mm = (
                array[:, array.shape[1] - 1 - _checked(index, array.shape[1])],
                (
                    spacing[0],
                    spacing[2],
                ),
            )
        else:
            pixels, spacing_mm = array[_checked(index, array.shape[0])], (spacing[1], spacing[2])
    except IndexError:
        raise GeometryError(
            f"series {case.series.uid}: a finding names {plane} slice {index} of a volume of shape "
            f"{array.shape}; findings and image do not belong together"
        ) from None
    return Slice(to_uint8(pixels, case.series.modality), spacing_mm, plane, index)


def _checked(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise IndexError(index)
    return index


def place_of(case: CaseSeries, site: str) -> tuple[float, float] | None:
    """Return row and column, in pixels of the slice, of a body's middle or of the disc between two bodies.

    None where they are not seen. It rests on the bodies alone, so that no disease moves it.
    """
    bodies = case.bodies()
    if site in bodies:
        return _middle(bodies[site])
    upper, _, lower = site.partition("-")
    if upper not in bodies or lower not in bodies or not are_neighbours(upper, lower):
        return None
    above, below = bodies[upper].evidence.box, bodies[lower].evidence.box
    (row_a, column_a), (row_b, column_b) = _middle(bodies[upper]), _middle(bodies[lower])
    share = (above.bottom - above.top) / max(above.bottom - above.top + below.bottom - below.top, 1)
    row = (above.bottom + below.top) / 2 if above.bottom <= below.top else row_a + share * (row_b - row_a)
    return row, column_a + share * (column_b - column_a)


def _middle(finding: Finding) -> tuple[float, float]:
    box = finding.evidence.box
    return (box.top + box.bottom) / 2, (box.left + box.right) / 2


def frame_around(
    cut: Slice,
    middle_px: tuple[float, float],
    rng: np.random.Generator,
    side_mm: tuple[float, float],
    size_px: int = 256,
    spread: float = 0.2,
) -> Frame:
    """Return a square window of random size and place that holds a point (row, column in pixels).

    `side_mm` bounds the side; `spread` is how far the point may lie from the window's middle, as a share
    of the side. The window stays inside the slice, and is cut to it where the slice is smaller.
    """
    side = float(rng.uniform(*side_mm))
    shift = rng.uniform(-spread, spread, 2) * side
    corner = []
    for place, spacing, length, off in zip(middle_px, cut.spacing_mm, cut.size_mm, shift, strict=True):
        start = place * spacing + float(off) - side / 2
        low, high = sorted((0.0, length - side))
        corner.append(min(max(start, low), high))
    frame = Frame(round(corner[0], 3), round(corner[1], 3), round(side / size_px, 5), size_px, size_px)
    return frame.within(cut)


def frame_of(window: Window, scale: float = 1.0) -> Frame:
    """Return the frame of a window, drawn with `scale` times as many pixels."""
    return Frame(
        window.top_mm,
        window.left_mm,
        round(window.pixel_mm / scale, 5),
        round(HEIGHT_PX * scale),
        round(WIDTH_PX * scale),
    )


def whole_frame(cut: Slice, rng: np.random.Generator, longest_px: int = LONGEST_PX) -> Frame:
    """Return a window that holds the whole slice with a random margin of up to 6 % around it."""
    height, width = cut.size_mm
    margin = 1 + float(rng.uniform(0.0, 0.06))
    pixel = round(max(height, width) * margin / longest_px, 5)
    rows, columns = (max(32, round(length * margin / pixel)) for length in (height, width))
    top = -float(rng.uniform(0, max(rows * pixel - height, 0.0)))
    left = -float(rng.uniform(0, max(columns * pixel - width, 0.0)))
    return Frame(round(top, 3), round(left, 3), pixel, rows, columns)


def outline(
    case: CaseSeries, cut: Slice, frame: Frame, ring_at_px: tuple[float, float] | None = None
) -> Shown:
    """Return what a picture of this frame will show, without drawing it: for proofs that come first."""
    rows, columns = frame.pixel_mm / cut.spacing_mm[0], frame.pixel_mm / cut.spacing_mm[1]
    top, left = frame.top_mm / cut.spacing_mm[0], frame.left_mm / cut.spacing_mm[1]
    return Shown(
        series=case.series,
        plane=cut.plane,
        slice_index=cut.index,
        spacing_mm=cut.spacing_mm,
        top=top,
        left=left,
        bottom=top + frame.height_px * rows,
        right=left + frame.width_px * columns,
        ring=ring_at_px,
    )


def shoot(
    study: Study,
    case: CaseSeries,
    cut: Slice,
    frame: Frame,
    locator: Locator,
    rng: np.random.Generator,
    ring_at_px: tuple[float, float] | None = None,
    turn: Turn = 0,
    ring_px: tuple[float, float] = RING_PX,
) -> Shot:
    """Return the picture of a frame, with a ring about a point of the slice (row, column in pixels).

    `locator` is what the picture is asked about; its slice becomes the slice shown. A `turn` is
    counter-clockwise in degrees and stands in the picture's `view`; pictures with a ring are not turned.
    """
    pixels = resample_window(
        cut.grey, cut.spacing_mm, frame.top_mm, frame.left_mm, frame.height_px, frame.width_px, frame.pixel_mm
    ).astype(np.uint8)
    look = picture_hash(np.rot90(pixels, turn // 90))
    marker, burnt_out = None, False
    if ring_at_px is not None:
        marker = _ring(frame, cut, ring_at_px, rng, ring_px)
        burnt_out = is_burnt_out(pixels, marker)
        pixels = draw_ring(pixels, marker.column, marker.row, marker.radius, RED, _RING_WIDTH_PX)
    pixels = np.rot90(pixels, turn // 90)
    png = encode_png(np.ascontiguousarray(pixels))
    picture = Picture(
        id=sha256(png).hexdigest(),
        study=study.id,
        modality=case.series.modality,
        sequence=case.series.sequence,
        spacing_mm=frame.pixel_mm,
        width=pixels.shape[1],
        height=pixels.shape[0],
        left=round(frame.left_mm / cut.spacing_mm[1], 3),
        top=round(frame.top_mm / cut.spacing_mm[0], 3),
        right=round(frame.right_mm / cut.spacing_mm[1], 3),
        bottom=round(frame.bottom_mm / cut.spacing_mm[0], 3),
        view=f"turned {turn}" if turn else case.series.view,
        marker=marker,
        locator=locator.model_copy(update={"slice_index": cut.index, "plane": cut.plane})
        if (locator.slice_index, locator.plane) == (cut.index, cut.plane)
        else locator.model_copy(update={"slice_index": cut.index, "plane": cut.plane, "slice_id": ""}),
        png=png,
        look=look,
    )
    return Shot(picture, shown_of(picture, case.series, cut.spacing_mm), burnt_out)


def is_burnt_out(pixels: NDArray[np.uint8], marker: Marker) -> bool:
    """Return whether over 40 % of the pixels inside a ring are black or white, or none is in the picture.

    >>> is_burnt_out(np.full((9, 9), 255, np.uint8), Marker(column=4, row=4, radius=3))
    True
    """
    middle = (marker.row, marker.column)
    top, left = (max(0, math.floor(place - marker.radius)) for place in middle)
    bottom, right = (max(0, math.ceil(place + marker.radius) + 1) for place in middle)
    part = pixels[top:bottom, left:right]
    rows, columns = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
    inside = part[np.hypot(rows - marker.row, columns - marker.column) < marker.radius]
    return not inside.size or float(np.isin(inside, (0, 255)).mean()) > _MOST_BURNT


def _ring(
    frame: Frame,
    cut: Slice,
    at_px: tuple[float, float],
    rng: np.random.Generator,
    ring_px: tuple[float, float],
) -> Marker:
    row, column = frame.pixel_of(at_px[0] * cut.spacing_mm[0], at_px[1] * cut.spacing_mm[1])
    shift = rng.uniform(-_RING_JITTER_PX, _RING_JITTER_PX, 2)
    return Marker(
        column=round(column + float(shift[0]), 2),
        row=round(row + float(shift[1]), 2),
        radius=round(float(rng.uniform(*ring_px)), 2),
    )


def picture_of(
    study: Study,
    case: CaseSeries,
    finding: Finding,
    key: str,
    mark: bool = False,
    side_mm: tuple[float, float] = (90.0, 140.0),
) -> Picture:
    """Return a picture of a finding's slice around its evidence, drawn by `key`; with `mark`, a ring on it.

    A finding that covers most of its slice (a curve, an angle) is shown in the whole slice. GeometryError
    where the volume has no such slice.
    """
    cut = slice_of(case, finding.evidence.plane, finding.evidence.slice_index)
    rng = np.random.default_rng(int(content_id(key, finding.id), 16))
    box = finding.evidence.box
    longest = max((box.bottom - box.top) * cut.spacing_mm[0], (box.right - box.left) * cut.spacing_mm[1])
    middle = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    frame = whole_frame(cut, rng) if longest > 0.8 * side_mm[0] else frame_around(cut, middle, rng, side_mm)
    return shoot(study, case, cut, frame, finding.evidence, rng, middle if mark else None).picture


def usual_slice(findings: Sequence[Finding]) -> int:
    """Return the slice that most of the findings lie in, the lower of two; ValueError without findings.

    Vertebrae of a curved spine lie in several slices.
    """
    counts = [finding.evidence.slice_index for finding in findings]
    if not counts:
        raise ValueError("no finding to take a slice from")
    return max(sorted(set(counts)), key=counts.count)
