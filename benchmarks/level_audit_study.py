"""A written study as its files show it: headers, masks, truth.json, and where a picture lies in a slice.

Nothing of the generator is used: DICOM by pydicom, masks by nibabel, the rest by numpy. Coordinates of a
slice are (row, column) of its pixels; millimetres of the patient are LPS.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image

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
_PAD_PX = 40
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
        pixels = self._read[0][number]
        if self.kind == "ct":
            low = -float(self.header.get("RescaleIntercept", 0) or 0)
            return np.clip(pixels, low - 450, low + 1050)
        low, high = np.percentile(pixels, (0.5, 99.5))
        return np.clip(pixels, low, high)

    @cached_property
    def shuttered(self) -> NDArray[np.bool_]:
        """Where a film is in its collimator's shadow, dark and without noise, or within 4 pixels of it."""
        pixels = self._read[0][0]
        near = pixels < np.median(pixels)
        for axis in (0, 1):
            near = np.all([near, *(pixels == np.roll(pixels, step, axis) for step in (1, 2, 3))], axis=0)
        for axis in (0, 1):
            near = np.any([np.roll(near, step, axis) for step in range(-4, 5)], axis=0)
        return near

    def resampled(self, number: int, pixel_mm: float) -> NDArray[np.float32]:
        """The slice on square pixels of `pixel_mm`, with a black margin of `_PAD_PX`."""
        key = number, pixel_mm
        if key not in self._resampled:
            if len(self._resampled) > 24:
                self._resampled.clear()
            pixels = self.grey(number)
            pixels = pixels - pixels.min()
            for axis in (0, 1):
                pixels = _lerp(pixels, self.spacing_mm[axis], pixel_mm, axis)
            self._resampled[key] = np.pad(pixels, _PAD_PX)
        return self._resampled[key]

    def place(self, picture: NDArray[np.uint8], pixel_mm: float, index: int, turns: bool) -> Place:
        """Where the picture lies; slices are counted from either end, what fits better is taken."""
        found: list[Place] = []
        count = len(self.mask)
        hidden = ring_pixels(picture)
        grey = picture.astype(np.float32).mean(axis=2)
        for number in sorted({index, count - 1 - index} & set(range(count))):
            field = self.resampled(number, pixel_mm)
            for turn in range(4 if turns else 1):
                row, column, score = _match(field, np.rot90(grey, -turn), np.rot90(hidden, -turn))
                top, left = ((at - _PAD_PX) * pixel_mm for at in (row, column))
                found.append(Place(number, top, left, pixel_mm, turn, score))
        return max(found, key=lambda one: one.score)

    def pixel_of(self, place: Place, row: float, column: float) -> tuple[float, float]:
        """The slice's (row, column) under a picture's (row, column)."""
        row_mm = place.top_mm + (row + 0.5) * place.pixel_mm
        column_mm = place.left_mm + (column + 0.5) * place.pixel_mm
        return row_mm / self.spacing_mm[0] - 0.5, column_mm / self.spacing_mm[1] - 0.5

    def patient_mm(self, number: int, row: float, column: float) -> NDArray[np.float64]:
        """LPS millimetres of a slice's pixel."""
        return (self.affine @ (column, row, number, 1.0))[:3] * _TO_RAS

    def centre_px(self, level: str) -> tuple[float, float] | None:
        """(row, column) where truth.json puts a body's centre, projected on the slices; None for films."""
        if self.is_film:
            return None
        for one in self.posture["vertebrae"]:
            if one["level"] == level:
                at = np.linalg.inv(self.affine) @ np.append(np.array(one["centre_mm"]) * _TO_RAS, 1.0)
                return float(at[1]), float(at[0])
        return None


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
                one.place(coarse, round(float(2 * scale), 4), len(one.mask) // 2, turns=False).score,
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
            one.place(picture, fine, middle + shift, turns=False)
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


def _lerp(pixels: NDArray[np.float32], spacing: float, pixel_mm: float, axis: int) -> NDArray[np.float32]:
    count = pixels.shape[axis]
    wanted = max(1, round(count * spacing / pixel_mm))
    # Coarse pixels are the mean of three places inside them.
    inner = (-1 / 3, 0.0, 1 / 3) if pixel_mm > 1.2 * spacing else (0.0,)
    total = np.zeros(1, np.float32)
    for shift in inner:
        at = np.clip((np.arange(wanted) + 0.5 + shift) * pixel_mm / spacing - 0.5, 0, count - 1)
        below = np.minimum(at.astype(int), max(count - 2, 0))
        share = (at - below).astype(np.float32)
        share = share[:, np.newaxis] if axis == 0 else share[np.newaxis, :]
        above = np.minimum(below + 1, count - 1)
        total = total + pixels.take(below, axis) * (1 - share) + pixels.take(above, axis) * share
    return np.asarray(total / len(inner), dtype=np.float32)


def _match(
    field: NDArray[np.float32], picture: NDArray[np.float32], hidden: NDArray[np.bool_]
) -> tuple[int, int, float]:
    """Row, column and value of the greatest normalised cross-correlation of a picture inside a field."""
    seen = ~hidden
    pattern = np.where(seen, picture - picture[seen].mean(), 0.0)
    height, width = pattern.shape
    if height > field.shape[0] or width > field.shape[1]:
        return 0, 0, -1.0
    shape = tuple(_smooth_size(length) for length in field.shape)
    spectrum = np.fft.rfft2(field, shape) * np.conj(np.fft.rfft2(pattern, shape))
    product = np.fft.irfft2(spectrum, shape)[: field.shape[0] - height + 1, : field.shape[1] - width + 1]
    total = _sums(field.astype(np.float64), height, width)
    squares = _sums(field.astype(np.float64) ** 2, height, width)
    spread = np.sqrt(np.maximum(squares - total**2 / (height * width), 0.0))
    # Where the field is flat the quotient is rounding error.
    flat = spread < 0.05 * spread.max()
    fit = np.where(flat, -1.0, product / (np.where(flat, 1.0, spread) * np.sqrt((pattern**2).sum()) + 1e-9))
    row, column = np.unravel_index(int(np.argmax(fit)), fit.shape)
    return int(row), int(column), float(fit[row, column])


def _sums(values: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    table = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return (
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )


def _smooth_size(length: int) -> int:
    """The next length of factors 2, 3 and 5."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1
