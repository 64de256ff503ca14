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
from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.rendering.acquisition import SeriesKind, plan_axial
from spinemed.phantom.rendering.radiograph import RADIOGRAPH_KINDS, posture_of, project
from spinemed.phantom.rendering.radiograph_view import RadiographKind
from spinemed.phantom.rendering.series import RenderedSeries, render, render_session

SheetKind = SeriesKind | RadiographKind

SHEET_KINDS: Final[tuple[SheetKind, ...]] = ("ct", "t1", "t2", "stir", "t2_axial", "xr_lat", "xr_full_ap")

_TILE: Final[tuple[int, int]] = (300, 360)
_CAPTION_PX: Final[int] = 14
_GAP_PX: Final[int] = 4
_PAPER: Final[tuple[int, int, int]] = (18, 18, 22)
_CT_WINDOW: Final[tuple[float, float]] = (-250.0, 900.0)


def write_sheet(
    seeds: Sequence[int],
    file: Path,
    conditions: Sequence[str] | None = None,
    kinds: Sequence[SheetKind] = SHEET_KINDS,
    across: int | None = None,
) -> Path:
    """Return the PNG file that shows the middle slice or the film of every kind of every seed.

    Slices have names on the bodies. `conditions` forces exactly these on every patient. `across` pictures
    stand in a row: by default one patient's kinds. Raises ConfigError for a seed out of range or an unknown
    condition, and OutputError where the file cannot be written.
    """
    tiles = [tile for seed in seeds for tile in _tiles(sample_patient(seed, conditions), kinds)]
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


def _tiles(patient: Patient, kinds: Sequence[SheetKind]) -> list[Image.Image]:
    films: list[RadiographKind] = [kind for kind in kinds if kind in RADIOGRAPH_KINDS]
    slices: list[SeriesKind] = [kind for kind in kinds if kind not in RADIOGRAPH_KINDS]
    drawn: dict[SheetKind, Image.Image] = {}
    for posture in {posture_of(kind) for kind in films}:
        anatomy = place(patient, posture)
        drawn |= {kind: _film_tile(anatomy, kind) for kind in films if posture_of(kind) == posture}
    if slices:
        drawn |= zip(slices, _slice_tiles(place(patient), slices), strict=True)
    return [drawn[kind] for kind in kinds]


def window(values: NDArray[np.int16], kind: SeriesKind) -> NDArray[np.uint8]:
    """Return one slice as grey values: a bone window for CT, up to the brightest hundredth for MR."""
    low, high = _CT_WINDOW if kind == "ct" else (0.0, max(float(np.percentile(values, 99)), 1.0))
    scaled = (values.astype(np.float32) - low) / (high - low) * 255
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def _slice_tiles(anatomy: Anatomy, kinds: Sequence[SeriesKind]) -> list[Image.Image]:
    """One tile for each kind; series of one session share their label map."""
    sagittal: list[SeriesKind] = [kind for kind in kinds if kind != "t2_axial"]
    found: dict[SeriesKind, RenderedSeries] = render_session(anatomy, sagittal)
    if "t2_axial" in kinds:
        found["t2_axial"] = render(anatomy, plan_axial(anatomy, _telling_disc(anatomy)))
    return [_slice_tile(anatomy, found[kind]) for kind in kinds]


def _film_tile(anatomy: Anatomy, kind: RadiographKind) -> Image.Image:
    pixels = project(anatomy, kind, 512).pixels
    grey = np.asarray(pixels * (255.0 / max(float(np.percentile(pixels, 99.5)), 1.0)))
    return _tile(np.asarray(np.clip(grey, 0, 255), np.uint8), _caption(anatomy, kind))[0]


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


def _tile(grey: NDArray[np.uint8], caption: str) -> tuple[Image.Image, float, int]:
    """Return a picture in the middle of its captioned tile, its scale and its left edge."""
    scale = min(_TILE[0] / grey.shape[1], (_TILE[1] - _CAPTION_PX) / grey.shape[0])
    size = round(grey.shape[1] * scale), round(grey.shape[0] * scale)
    tile = Image.new("RGB", _TILE)
    left = (_TILE[0] - size[0]) // 2
    tile.paste(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR), (left, _CAPTION_PX))
    ImageDraw.Draw(tile).text((3, 1), caption, fill=(235, 235, 235))
    return tile, scale, left


def _slice_tile(anatomy: Anatomy, series: RenderedSeries) -> Image.Image:
    """One captioned slice with its level names."""
    grey = window(series.pixels[len(series.pixels) // 2], series.acquisition.kind)
    disc = series.acquisition.disc_above
    tile, scale, left = _tile(grey, _caption(anatomy, series.acquisition.kind, disc))
    draw = ImageDraw.Draw(tile)
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


def _caption(anatomy: Anatomy, kind: SheetKind, disc_above: str = "") -> str:
    patient = anatomy.patient
    what = f"below {disc_above}" if disc_above else " ".join(patient.conditions)
    return f"{patient.seed} {kind.upper()} {patient.sex}{patient.age} {what}"[:52]
