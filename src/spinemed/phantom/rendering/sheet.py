"""Contact sheets of phantoms: one row of modalities a patient, or one modality of many patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from spinemed.errors import OutputError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.rendering.acquisition import SeriesKind, plan_axial
from spinemed.phantom.rendering.series import RenderedSeries, render, render_session

SHEET_KINDS: Final[tuple[SeriesKind, ...]] = ("ct", "t1", "t2", "stir", "t2_axial")

_TILE: Final[tuple[int, int]] = (300, 360)
_CAPTION_PX: Final[int] = 14
_GAP_PX: Final[int] = 4
_PAPER: Final[tuple[int, int, int]] = (18, 18, 22)
_CT_WINDOW: Final[tuple[float, float]] = (-250.0, 900.0)


def write_sheet(
    seeds: Sequence[int], file: Path, kinds: Sequence[SeriesKind] = SHEET_KINDS, across: int | None = None
) -> Path:
    """Return the PNG file that shows the middle slice of every kind of every seed, names on the bodies.

    `across` pictures stand in a row: by default one patient's kinds. Raises ConfigError for a seed out of
    range and OutputError where the file cannot be written.
    """
    tiles = [tile for seed in seeds for tile in _tiles(place(sample_patient(seed)), kinds)]
    columns = across or len(kinds)
    wide, high = _TILE[0] + _GAP_PX, _TILE[1] + _GAP_PX
    sheet = Image.new(
        "RGB", (wide * columns + _GAP_PX, high * max(-(-len(tiles) // columns), 1) + _GAP_PX), _PAPER
    )
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(tile, (column * wide + _GAP_PX, row * high + _GAP_PX))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(file, format="PNG")
    except OSError as error:
        raise OutputError(
            f"cannot write the contact sheet {file}: {error.strerror or error}; choose another --png"
        ) from error
    return file


def window(values: NDArray[np.int16], kind: SeriesKind) -> NDArray[np.uint8]:
    """Return one slice as grey values: a bone window for CT, up to the brightest hundredth for MR."""
    low, high = _CT_WINDOW if kind == "ct" else (0.0, max(float(np.percentile(values, 99)), 1.0))
    scaled = (values.astype(np.float32) - low) / (high - low) * 255
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def _tiles(anatomy: Anatomy, kinds: Sequence[SeriesKind]) -> list[Image.Image]:
    """One tile for each kind; series of one session share their label map."""
    sagittal: list[SeriesKind] = [kind for kind in kinds if kind != "t2_axial"]
    found: dict[SeriesKind, RenderedSeries] = render_session(anatomy, sagittal)
    if "t2_axial" in kinds:
        found["t2_axial"] = render(anatomy, plan_axial(anatomy, _telling_disc(anatomy)))
    return [_tile(anatomy, found[kind]) for kind in kinds]


def _telling_disc(anatomy: Anatomy) -> str:
    """The lumbar disc with something to see, by the vertebra above it; else the one above the last."""
    discs = anatomy.patient.discs[:5]
    return max(
        discs,
        key=lambda disc: (
            disc.herniation is not None,
            max(disc.narrowing.flavum_mm, *disc.narrowing.recess_mm),
            disc.above == anatomy.patient.vertebrae[1].level,
        ),
    ).above


def _tile(anatomy: Anatomy, series: RenderedSeries) -> Image.Image:
    """One captioned picture with its level names, in the middle of its tile."""
    grey = window(series.pixels[len(series.pixels) // 2], series.acquisition.kind)
    scale = min(_TILE[0] / grey.shape[1], (_TILE[1] - _CAPTION_PX) / grey.shape[0])
    size = round(grey.shape[1] * scale), round(grey.shape[0] * scale)
    tile = Image.new("RGB", _TILE)
    left = (_TILE[0] - size[0]) // 2
    tile.paste(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR), (left, _CAPTION_PX))
    draw = ImageDraw.Draw(tile)
    draw.text((3, 1), _caption(anatomy, series), fill=(235, 235, 235))
    if series.acquisition.disc_above:
        return tile
    ill = {shape.level for shape in anatomy.patient.vertebrae if shape.fracture or shape.lesion}
    for part in (*anatomy.vertebrae, anatomy.sacrum[0]):
        _, row, column = series.acquisition.grid.index_of(part.body.pose.origin_mm)
        if 0 <= row < grey.shape[0] and 0 <= column < grey.shape[1]:
            colour = (255, 140, 140) if part.level in ill else (255, 220, 90)
            place_px = (left + column * scale, row * scale + _CAPTION_PX)
            draw.text(place_px, part.level, fill=colour, anchor="mm")
    return tile


def _caption(anatomy: Anatomy, series: RenderedSeries) -> str:
    patient, acquisition = anatomy.patient, series.acquisition
    what = f"below {acquisition.disc_above}" if acquisition.disc_above else " ".join(patient.conditions)
    return f"{patient.seed} {acquisition.kind.upper()} {patient.sex}{patient.age} {what}"[:52]
