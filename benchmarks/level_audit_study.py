"""A written study as its files show it: headers, masks, truth.json, and where a picture lies in a slice.

Nothing of the generator is used: DICOM by pydicom, masks by nibabel, the rest by numpy. Coordinates of a
slice are (row, column) of its pixels; millimetres of the patient are LPS.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from level_audit_match import PAD_PX, best_fit, fine_fit, resampled
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

LABELS = {
    **{number: f"C{number}" for number in range(1, 8)},
    **{number: f"T{number - 7}" for number in range(8, 20)},
    **{number: f"L{number - 19}" for number in range(20, 26)},
    26: "S1",
    27: "Co",
    28: "T13",
}
"""VerSe's numbers of vertebrae, as its data paper prints them."""
DISC, SAC, CORD = 200, 100, 101
_TO_RAS = np.array([-1.0, -1.0, 1.0])
_POOR_FIT = 0.93
_RING_RED = 30


@dataclass(frozen=True)
class Place:
    """Where a picture lies: the slice of the stack, its corner in mm from the slice's, how well it fits."""

    slice_number: int
    top_mm: float
    left_mm: float
    pixel_mm: float
    turned: int
    score: float


@dataclass(frozen=True)
class Middle:
    """A body's centre in a slice, and the direction to its back there, of length 1; pixels down and right."""

    row: float
    column: float
    back_down: float
    back_right: float


class SeriesFiles:
    """One series: its pixels and masks as stacks [slice, row, column] in the order of the mask's slices."""

    def __init__(self, folder: Path, named: dict[str, Any], truth: dict[str, Any]) -> None:
        self.folder = folder
        self.name = str(named["name"])
        self.kind = str(named["kind"])
        self.later = self.name.endswith("_later")
        postures = truth["later"]["postures"] if self.later else truth["postures"]
        self.posture: dict[str, Any] = next(one for one in postures if one["posture"] == named["posture"])
        self._resampled: dict[tuple[int, float], NDArray[np.float32]] = {}
        self._grey: dict[int, NDArray[np.float32]] = {}
        self.bodies: dict[int, dict[str, Any]] = {}
        """Bodies of the slices that were looked at (`level_audit_truth.bodies_in`)."""

    @cached_property
    def mask(self) -> NDArray[np.integer]:
        """Labels of vertebrae, [slice, row, column]."""
        return _stack(self.folder / f"{self.name}_seg.nii.gz")

    @cached_property
    def structures(self) -> NDArray[np.integer] | None:
        """Labels of all structures; None where the study has no such mask of this series."""
        path = self.folder / f"{self.name}_structures.nii.gz"
        return _stack(path) if path.is_file() else None

    @cached_property
    def affine(self) -> NDArray[np.float64]:
        """Matrix from (column, row, slice) to RAS millimetres."""
        return np.asarray(nib.load(self.folder / f"{self.name}_seg.nii.gz").affine)

    @cached_property
    def _read(self) -> tuple[NDArray[np.float32], tuple[float, float], Any]:
        headers = [pydicom.dcmread(path) for path in sorted((self.folder / self.name).glob("*.dcm"))]
        stack = np.zeros(self.mask.shape, np.float32)
        for header in headers:
            number = 0
            if "ImagePositionPatient" in header:
                corner = np.array(header.ImagePositionPatient, float) * _TO_RAS
                at = np.linalg.inv(self.affine) @ np.append(corner, 1.0)
                number = round(float(at[2]))
                if np.abs(at[:3] - (0, 0, number)).max() > 0.1:
                    raise ValueError(f"{self.name}: a slice's corner lies at {at[:3]} of the mask's grid")
            stack[number] = header.pixel_array.astype(np.float32)
        row_mm, column_mm = (float(value) for value in headers[0].PixelSpacing)
        return stack, (row_mm, column_mm), headers[0]

    @property
    def is_film(self) -> bool:
        """Whether the series is a radiograph."""
        return self.kind.startswith("xr")

    @property
    def header(self) -> Any:
        """The first instance's DICOM header."""
        return self._read[2]

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Size of a pixel, (row, column)."""
        return self._read[1]

    def grey(self, number: int) -> NDArray[np.float32]:
        """A slice's pixels, clipped as a reader's window would: CT to -400..1,000, the rest to its range."""
        if number not in self._grey:
            pixels = self._read[0][number]
            water = -float(self.header.get("RescaleIntercept", 0) or 0)
            window = (water - 450, water + 1050) if self.kind == "ct" else np.percentile(pixels, (0.5, 99.5))
            self._grey[number] = np.clip(pixels, *window).astype(np.float32)
        return self._grey[number]

    @cached_property
    def shuttered(self) -> NDArray[np.bool_]:
        """Where a film lies in its collimator's shadow, or within 4 pixels of it.

        The shadow has one value, that of the pixels clearly outside the edges in the header.
        """
        pixels = self._read[0][0]
        beyond = np.ones(pixels.shape, bool)
        beyond[self._exposed] = False
        if not beyond.any():
            return beyond
        values, counts = np.unique(pixels[beyond], return_counts=True)
        shadow = ndimage.binary_erosion(pixels == values[counts.argmax()], np.ones((3, 3)), border_value=1)
        return np.asarray(ndimage.binary_dilation(shadow, np.ones((3, 3)), iterations=5))

    @property
    def _exposed(self) -> tuple[slice, slice]:
        """Rows and columns inside the collimator's edges; the whole film where none is in the header."""
        rows, columns = self._read[0][0].shape
        edges = [
            int(self.header.get(f"Collimator{name}Edge", whole))
            for name, whole in (
                ("UpperHorizontal", 1),
                ("LowerHorizontal", rows),
                ("LeftVertical", 1),
                ("RightVertical", columns),
            )
        ]
        return slice(edges[0] - 1, edges[1]), slice(edges[2] - 1, edges[3])

    def resampled(self, number: int, pixel_mm: float) -> NDArray[np.float32]:
        """The slice on square pixels of `pixel_mm`, with a black margin of `PAD_PX`."""
        key = number, pixel_mm
        if key not in self._resampled:
            if len(self._resampled) > 24:
                self._resampled.clear()
            self._resampled[key] = resampled(self.grey(number), self.spacing_mm, pixel_mm)
        return self._resampled[key]

    def place(self, picture: NDArray[np.uint8], pixel_mm: float, index: int, turns: bool) -> Place:
        """Where the picture lies; slices are counted from either end, what fits better is taken."""
        best = self.place_by_pixels(picture, pixel_mm, index, turns)
        return best if best.score >= _POOR_FIT else self._finely(best, picture)

    def place_by_pixels(
        self, picture: NDArray[np.uint8], pixel_mm: float, index: int, turns: bool = False
    ) -> Place:
        """As `place`, to whole pixels of the picture."""
        found: list[Place] = []
        count = len(self.mask)
        hidden = ring_pixels(picture)
        grey = picture.astype(np.float32).mean(axis=2)
        for number in sorted({index, count - 1 - index} & set(range(count))):
            field = self.resampled(number, pixel_mm)
            for turn in range(4 if turns else 1):
                row, column, score = best_fit(field, np.rot90(grey, -turn), np.rot90(hidden, -turn))
                top, left = ((at - PAD_PX) * pixel_mm for at in (row, column))
                found.append(Place(number, top, left, pixel_mm, turn, score))
        return max(found, key=lambda one: one.score)

    def _finely(self, place: Place, picture: NDArray[np.uint8]) -> Place:
        """The place moved by parts of a pixel, where that fits better."""
        top, left, score = fine_fit(
            self.grey(place.slice_number),
            self.spacing_mm,
            place.pixel_mm,
            (place.top_mm, place.left_mm),
            np.rot90(picture.astype(np.float32).mean(axis=2), -place.turned),
            np.rot90(ring_pixels(picture), -place.turned),
        )
        better = replace(place, top_mm=top, left_mm=left, score=score)
        return max(place, better, key=lambda one: one.score)

    def pixel_of(self, place: Place, row: float, column: float) -> tuple[float, float]:
        """The slice's (row, column) under a picture's (row, column)."""
        row_mm = place.top_mm + (row + 0.5) * place.pixel_mm
        column_mm = place.left_mm + (column + 0.5) * place.pixel_mm
        return row_mm / self.spacing_mm[0] - 0.5, column_mm / self.spacing_mm[1] - 0.5

    def patient_mm(self, number: int, row: float, column: float) -> NDArray[np.float64]:
        """LPS millimetres of a slice's pixel."""
        return (self.affine @ (column, row, number, 1.0))[:3] * _TO_RAS

    def middle_px(self, level: str) -> Middle | None:
        """Where truth.json puts a body's centre, projected on the slices, its way back; None for films."""
        if self.is_film:
            return None
        to_pixels = np.linalg.inv(self.affine)
        for one in self.posture["vertebrae"]:
            if one["level"] == level:
                column, row, _ = to_pixels[:3, :3] @ (np.array(one["centre_mm"]) * _TO_RAS) + to_pixels[:3, 3]
                right, down, _ = to_pixels[:3, :3] @ (np.array(one["posterior"]) * _TO_RAS)
                far = float(np.hypot(down, right))
                return Middle(float(row), float(column), float(down) / far, float(right) / far)
        return None

    def from_disc_mm(self, site: str, at: NDArray[np.integer]) -> tuple[NDArray[np.float64], ...]:
        """How far to the left of and behind a disc's middle pixels (column, row, slice) lie, in mm.

        Middle and directions are truth.json's: of the disc, and the mean of its two vertebrae's.
        """
        centre = next(np.array(one["centre_mm"]) for one in self.posture["discs"] if one["site"] == site)
        away = (np.c_[at, np.ones(len(at))] @ self.affine.T)[:, :3] * _TO_RAS - centre
        ends = [one for one in self.posture["vertebrae"] if one["level"] in site.split("-")]
        axes = (np.sum([one[name] for one in ends], axis=0) for name in ("left", "posterior"))
        return tuple(away @ (axis / np.linalg.norm(axis)) for axis in axes)


class StudyFiles:
    """A study folder that `spinemed phantom` wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth: dict[str, Any] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        named = self.truth["series"] + (self.truth["later"] or {"series": []})["series"]
        self.series = {str(one["uid"]): SeriesFiles(folder, one, self.truth) for one in named}
        self.levels = [*(str(one["level"]) for one in self.truth["postures"][0]["vertebrae"]), "S1"]

    @cached_property
    def stated(self) -> list[dict[str, Any]]:
        """What the source states of lesions that no stored mask holds, from findings.jsonl."""
        lines = (self.folder / "findings.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def beside(self, level: str, steps: int) -> str | None:
        """The vertebra that lies so many below a level (above: negative); None beyond the spine."""
        at = self.levels.index(level) + steps
        return self.levels[at] if 0 <= at < len(self.levels) else None

    def find(self, picture: NDArray[np.uint8], besides: SeriesFiles) -> tuple[SeriesFiles, Place]:
        """Where a picture of unknown series and scale lies among an examination's sagittal middle slices."""
        coarse = picture[: len(picture) // 2 * 2, : picture.shape[1] // 2 * 2].astype(np.float32)
        coarse = coarse.reshape(len(coarse) // 2, 2, -1, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
        seen = [one for one in self.series.values() if one.later == besides.later and one is not besides]
        seen = [one for one in seen if one.kind in ("ct", "t1", "t2", "stir")]
        if not seen:
            raise ValueError("no other sagittal series")
        scales = np.geomspace(0.6, 1.6, 40)
        _, number, scale = max(
            (
                one.place_by_pixels(coarse, round(float(2 * scale), 4), len(one.mask) // 2).score,
                number,
                float(scale),
            )
            for number, one in enumerate(seen)
            for scale in scales
        )
        one = seen[number]
        near = [round(scale * (1 + step / 250), 5) for step in range(-8, 9)]
        middle = len(one.mask) // 2
        places = [
            one.place_by_pixels(picture, fine, middle + shift)
            for fine in near
            for shift in (-1, 0, 1)
            if 0 <= middle + shift < len(one.mask)
        ]
        return one, max(places, key=lambda place: place.score)


def ring_centre(picture: NDArray[np.uint8]) -> tuple[float, float]:
    """Row and column of the middle of all red; ValueError where the picture has none."""
    rows, columns = np.nonzero(ring_pixels(picture))
    if not len(rows):
        raise ValueError("no ring in the picture")
    return (float(rows.min()) + float(rows.max())) / 2, (float(columns.min()) + float(columns.max())) / 2


def decoded(png: bytes) -> NDArray[np.uint8]:
    """The picture as (height, width, 3)."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def ring_pixels(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where the picture is red, widened by one pixel."""
    red = picture[..., 0].astype(int) - picture[..., 1:].max(axis=2) > _RING_RED
    wide = np.pad(red, 1)
    for axis in (0, 1):
        wide = wide | np.roll(wide, 1, axis) | np.roll(wide, -1, axis)
    return wide[1:-1, 1:-1]


def _stack(path: Path) -> NDArray[np.integer]:
    return np.asarray(nib.load(path).dataobj).transpose(2, 1, 0).astype(np.int16)
