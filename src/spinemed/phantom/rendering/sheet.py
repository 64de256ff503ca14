"""A contact sheet of phantoms: middle CT and T2 slice of each patient, names on the bodies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from spinemed.errors import OutputError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.study import RenderedSeries, render
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.rendering.acquisition import KINDS

_TILE: Final[tuple[int, int]] = (380, 470)
_ZOOM: Final[float] = 1.5
_PAIRS_ACROSS: Final[int] = 2


def write_sheet(seeds: Sequence[int], file: Path) -> Path:
    """Return the PNG file that shows CT and T2 of every seed, two patients a row, names on the bodies.

    Raises ConfigError for a seed out of range and OutputError where the file cannot be written.
    """
    wide, high = _TILE
    rows = max(-(-len(seeds) // _PAIRS_ACROSS), 1)
    sheet = Image.new("RGB", (wide * 2 * _PAIRS_ACROSS, high * rows))
    for number, seed in enumerate(seeds):
        anatomy = place(sample_patient(seed))
        row, pair = divmod(number, _PAIRS_ACROSS)
        for column, kind in enumerate(KINDS):
            sheet.paste(_tile(anatomy, render(anatomy, kind)), ((2 * pair + column) * wide, row * high))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(file, format="PNG")
    except OSError as error:
        raise OutputError(
            f"cannot write the contact sheet {file}: {error.strerror or error}; choose another --png"
        ) from error
    return file


def _tile(anatomy: Anatomy, series: RenderedSeries) -> Image.Image:
    """One captioned picture with its level names."""
    middle = len(series.pixels) // 2
    values = series.pixels[middle].astype(np.float32)
    low, high = (
        (-250.0, 900.0) if series.acquisition.kind == "ct" else (0.0, float(np.percentile(values, 99)))
    )
    grey = np.clip((values - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    scale = min(_ZOOM, _TILE[0] / grey.shape[1], (_TILE[1] - 14) / grey.shape[0])
    size = round(grey.shape[1] * scale), round(grey.shape[0] * scale)
    tile = Image.new("RGB", _TILE)
    tile.paste(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR), (0, 14))
    draw = ImageDraw.Draw(tile)
    draw.text((2, 1), _caption(anatomy, series), fill=(255, 255, 255))
    fractured = {shape.level for shape in anatomy.patient.vertebrae if shape.fracture_grade}
    for part in (*anatomy.vertebrae, *anatomy.sacrum):
        _, row, column = series.acquisition.grid.index_of(part.body.pose.origin_mm)
        if 0 <= row < grey.shape[0] and 0 <= column < grey.shape[1]:
            colour = (255, 140, 140) if part.level in fractured else (255, 220, 90)
            draw.text((column * scale, row * scale + 14), part.level, fill=colour, anchor="mm")
    return tile


def _caption(anatomy: Anatomy, series: RenderedSeries) -> str:
    patient, acquisition = anatomy.patient, series.acquisition
    fractured = " ".join(f"{v.level}:G{v.fracture_grade}" for v in patient.vertebrae if v.fracture_grade)
    pixel_mm = acquisition.grid.steps_mm[1]
    return (
        f"{patient.seed} {acquisition.kind.upper()} {patient.sex}{patient.age} {pixel_mm:.2f} mm {fractured}"
    )
