"""Phantom T1 and T2 series in the folders and files of SPIDER, for readers that know SPIDER.

images/7_t2.mha, masks/7_t2.mha, overview.csv, radiological_gradings.csv. Labels: 1 to 25 vertebrae counted
from below (1 the lowest lumbar), 101 to 125 those that the picture cuts, 100 the canal, 201 to 225 the discs
from below (201 under vertebra 1). The sacrum bears no label.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.errors import OutputError
from spinemed.phantom.anatomy.measure import slip_percent
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.export.masks import write_volume
from spinemed.phantom.export.series import rendered_series
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.shapes import DiscShape
from spinemed.phantom.rendering.acquisition import SeriesKind
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.series import RenderedSeries

CANAL: Final[int] = 100
PARTLY: Final[int] = 100
DISCS: Final[int] = 200
OVERVIEW: Final[tuple[str, ...]] = (
    "new_file_name", "num_vertebrae", "num_discs", "sex", "birth_date", "subset", "EchoTime",
    "RepetitionTime", "PixelSpacing", "Manufacturer",
)  # fmt: skip
GRADINGS: Final[tuple[str, ...]] = (
    "Patient", "IVD label", "Modic", "UP endplate", "LOW endplate", "Spondylolisthesis", "Disc herniation",
    "Disc narrowing", "Disc bulging", "Pfirrman grade",
)  # fmt: skip
_KINDS: Final[tuple[SeriesKind, ...]] = ("t1", "t2")
_TIMES: Final[dict[str, tuple[int, int]]] = {"t1": (10, 600), "t2": (100, 4000)}
_SLIPPED_PERCENT: Final[float] = 5.0
_BULGE_MM: Final[float] = 1.5


def write_spider(seed: int, out_dir: Path, conditions: Sequence[str] | None = None) -> Path:
    """Return the T2 image of `seed` under `out_dir`, written with T1, both masks and its rows of the tables.

    The rows of `seed` in overview.csv and radiological_gradings.csv are replaced, others kept. Raises
    ConfigError for a seed out of range or an unknown condition and OutputError where nothing can be written.
    """
    patient = sample_patient(seed, conditions)
    overview: list[list[object]] = []
    gradings: list[list[object]] = []
    image = out_dir / "images" / f"{seed}_t2.mha"
    try:
        for folder in ("images", "masks"):
            (out_dir / folder).mkdir(parents=True, exist_ok=True)
        for made in rendered_series(patient, _KINDS):
            rendered = made.rendered
            if not isinstance(rendered, RenderedSeries):
                raise TypeError(f"{made.name} is no stack of slices")
            name, mask = f"{seed}_{made.name}", spider_mask(made.anatomy, rendered)
            write_volume(rendered.pixels, rendered.acquisition.grid, out_dir / "images" / f"{name}.mha")
            write_volume(mask, rendered.acquisition.grid, out_dir / "masks" / f"{name}.mha")
            overview.append(_overview(name, made.anatomy, rendered, mask))
            gradings = gradings or _gradings(seed, made.anatomy, mask)
        _replace_rows(out_dir / "overview.csv", OVERVIEW, f"{seed}_", overview)
        _replace_rows(out_dir / "radiological_gradings.csv", GRADINGS, str(seed), gradings)
    except OSError as error:
        raise OutputError(
            f"cannot write {image}: {error.strerror or error}; choose another --out folder"
        ) from error
    return image


def counted(anatomy: Anatomy) -> dict[str, int]:
    """Return level -> number from below as SPIDER counts: 1 is the lowest one not fused to the sacrum."""
    free = [bone.level for bone in anatomy.vertebrae]
    if anatomy.patient.variant == "L5_sacralised":
        free = free[1:]
    return {level: number for number, level in enumerate(free, start=1)}


def spider_mask(anatomy: Anatomy, rendered: RenderedSeries) -> NDArray[np.uint8]:
    """Return the labels of SPIDER for a rendered series, [slice, row, column]."""
    table = np.zeros(256, np.uint8)
    table[[100, 101]] = CANAL
    numbers = counted(anatomy)
    for level, number in numbers.items():
        value = verse_value(level)
        cut = _touches(rendered.mask == value)
        table[value] = number + (PARTLY if cut else 0)
        table[200 + value] = DISCS + number
    structures = rendered.structures.copy()
    structures[structures == 150] = CANAL
    return np.asarray(table[structures])


def _touches(here: NDArray[np.bool_]) -> bool:
    return bool(here[:, 0].any() or here[:, -1].any() or here[:, :, 0].any() or here[:, :, -1].any())


def _overview(name: str, anatomy: Anatomy, rendered: RenderedSeries, mask: NDArray[np.uint8]) -> list[object]:
    found = np.unique(mask)
    vertebrae = int(((found > 0) & (found < CANAL)).sum())
    echo, repetition = _TIMES[rendered.acquisition.kind]
    rows, columns = rendered.acquisition.grid.steps_mm[1:]
    return [
        name, vertebrae, int((found > DISCS).sum()), f"{anatomy.patient.sex} ", f"{anatomy.patient.age}.0",
        "training", echo, repetition, f"[{rows}, {columns}]", "SpineMed synthetic phantom",
    ]  # fmt: skip


def _gradings(seed: int, anatomy: Anatomy, mask: NDArray[np.uint8]) -> list[list[object]]:
    """One row for each disc in view, from below upwards."""
    numbers, found = counted(anatomy), set(np.unique(mask).tolist())
    rows: list[list[object]] = []
    for disc in anatomy.placed_discs:
        number = numbers.get(disc.above, 0)
        if disc.shape is None or DISCS + number not in found or not number:
            continue
        above, below = anatomy.vertebra(disc.above).shape, anatomy.vertebra(disc.below).shape
        shape: DiscShape = disc.shape
        upper = any(one.endplate == "lower" for one in above.defects) if above else False
        lower = any(one.endplate == "upper" for one in below.defects) if below else False
        slipped = abs(slip_percent(anatomy, disc.above)) >= _SLIPPED_PERCENT
        rows.append(
            [
                seed,
                number,
                shape.modic,
                int(upper),
                int(lower),
                int(slipped),
                int(shape.herniation is not None),
                int(shape.pfirrmann >= 4),
                int(shape.bulge_mm >= _BULGE_MM),
                shape.pfirrmann,
            ]
        )
    return rows


def _replace_rows(file: Path, header: Sequence[str], owner: str, rows: Iterable[Sequence[object]]) -> None:
    """Write a table with the rows of one patient replaced: their first cell is or starts with `owner`."""
    kept: list[list[str]] = []
    if file.is_file():
        with file.open(newline="", encoding="utf-8") as stream:
            kept = list(csv.reader(stream))[1:]
    is_file_name = owner.endswith("_")
    kept = [row for row in kept if not (row[0].startswith(owner) if is_file_name else row[0] == owner)]
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\r\n").writerows([list(header), *kept, *rows])
