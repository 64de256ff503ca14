"""SPIDER: radiologists' gradings of lumbar discs with MetaImage volumes and masks as rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinemed.bench.data.foreign import Asked, foreign_row, refused, table
from spinemed.corpus.rows import Row
from spinemed.errors import SourceError
from spinemed.imaging.pictures import draw_ring, encode_png, resample_window
from spinemed.imaging.slices import sagittal, to_uint8
from spinemed.imaging.volume import read_labels, read_volume
from spinemed.level_labels import level_of
from spinemed.records import Reject

NAME = "spider"
LICENCE = "CC-BY-4.0"
COUNTED = "Levels are counted up from the sacrum, with five lumbar vertebrae."
PIXEL_MM, RING_MM, DISC = 0.8, 9.0, 200
ROMAN = ("I", "II", "III", "IV", "V")
GRADED = {  # column -> kind, question, value -> option
    "Pfirrman grade": (
        "disc_degeneration",
        "Grade the disc in the ring after Pfirrmann.",
        {str(place): f"Pfirrmann grade {roman}" for place, roman in enumerate(ROMAN, 1)},
    ),
    "Disc herniation": ("herniation", "Is the disc in the ring herniated?", {"1": "present", "0": "absent"}),
    "Disc narrowing": (
        "disc_narrowing",
        "Is the disc in the ring narrowed?",
        {"1": "present", "0": "absent"},
    ),
    "Spondylolisthesis": (
        "slip",
        "Has the vertebra above the disc in the ring slipped?",
        {"1": "present", "0": "absent"},
    ),
}
_NEIGHBOURS = 4


@dataclass(frozen=True)
class _Shown:
    """One disc in its best sagittal slice of the T2 series."""

    png: bytes
    marker: tuple[float, float, float]


def read(folder: Path) -> Iterator[Row | Reject]:
    """Yield questions about the graded discs of each patient with a T2 series, and about their levels.

    `folder` has radiological_gradings.csv, images and masks. A grading row belongs to mask value 200 + its
    IVD label, both counted from below. Label 0, a disc below "L5/S1", is a Reject and no level of that
    patient is asked or stated: the anatomy is transitional. Discs that the mask lacks, grades out of range,
    missing or unreadable volumes are Rejects. SourceError where the table or the folder images is missing.
    """
    columns = ("Patient", "IVD label", *GRADED)
    if not (folder / "images").is_dir():
        raise SourceError(f"{folder}: no folder images; give SPIDER as it was published")
    patients: defaultdict[str, list[tuple[int, Mapping[str, str]]]] = defaultdict(list)
    for line, row in table(folder / "radiological_gradings.csv", columns):
        patients[row["Patient"]].append((line, row))
    for patient, found in patients.items():
        yield from _patient(folder, patient, found)


def _patient(
    folder: Path, patient: str, found: list[tuple[int, Mapping[str, str]]]
) -> Iterator[Row | Reject]:
    transitional = any(row["IVD label"] == "0" for _, row in found)
    try:
        shown = _discs(folder, patient)
    except SourceError as error:
        yield refused(NAME, f"patient {patient}", str(error).replace(f"{folder}/", ""))
        return
    for line, row in found:
        place = f"radiological_gradings.csv:{line}"
        if row["IVD label"] == "0":
            yield refused(NAME, place, "a disc below L5/S1: transitional anatomy", "name its level by hand")
            continue
        try:
            label = int(row["IVD label"])
            if label not in shown:
                raise ValueError(f"the mask has no disc {DISC + label} of IVD label {label}")
            site = "" if transitional else level_of("spider_gradings", label)
            yield from _disc(patient, row, site, shown[label])
        except ValueError as error:
            yield refused(NAME, place, str(error))


def _disc(patient: str, row: Mapping[str, str], site: str, shown: _Shown) -> Iterator[Row | Reject]:
    shared = {
        "benchmark": NAME, "licence": LICENCE, "modality": "MR", "pictures": (shown.png,),
        "study": f"spider-{patient}", "patient": f"spider-{patient}", "level": site,
        "series": f"{patient}_t2", "plane": "sagittal", "marker": shown.marker, "spacing_mm": PIXEL_MM,
    }  # fmt: skip
    for column, (kind, question, options) in GRADED.items():
        value = row[column].removesuffix(".0")
        if value not in options:
            place = f"patient {patient} disc {row['IVD label']}"
            yield refused(NAME, place, f"{column} {value!r} is not one of {', '.join(options)}")
            continue
        yield foreign_row(
            Asked(
                axis="pathology", kind=kind, question=question, options=tuple(options.values()),
                right=(options[value],), **shared,  # type: ignore[arg-type]
            )
        )  # fmt: skip
    if site:
        yield foreign_row(
            Asked(
                axis="level", kind="marked_disc", question=f"Which disc is in the ring? {COUNTED}",
                options=_near_levels(int(row["IVD label"])), right=(site,), **shared,  # type: ignore[arg-type]
            )
        )  # fmt: skip


def _near_levels(label: int) -> tuple[str, ...]:
    """Return the level of a disc with its neighbours, from head to tail: four options.

    >>> _near_levels(1)
    ('L2-L3', 'L3-L4', 'L4-L5', 'L5-S1')
    """
    lowest = max(1, label - 1 - label % 2)
    return tuple(level_of("spider_gradings", one) for one in range(lowest + _NEIGHBOURS - 1, lowest - 1, -1))


def _discs(folder: Path, patient: str) -> dict[int, _Shown]:
    """Return IVD label -> disc in the T2 series; SourceError where image or mask cannot be read."""
    image, mask = (folder / part / f"{patient}_t2.mha" for part in ("images", "masks"))
    for path in (image, mask):
        if not path.is_file():
            raise SourceError(f"{path}: no T2 series of this patient")
    volume = read_volume(image)
    labels = read_labels(mask, volume)  # [z, y, x]
    present = sorted({int(value) - DISC for value in np.unique(labels) if DISC < value <= DISC + 25})
    return {one: _shown(volume.array, labels == DISC + one, volume.spacing_mm) for one in present}


def _shown(array: np.ndarray, disc: np.ndarray, spacing_mm: tuple[float, float, float]) -> _Shown:
    """Return the sagittal slice with most of a disc, whole, on square pixels, a ring on its middle."""
    index = int(disc.sum(axis=(0, 1)).argmax())
    rows, columns = np.nonzero(sagittal(disc, index))
    grey = to_uint8(np.maximum(sagittal(array, index), 0), "MR")  # some series are padded with -1000
    height, width = (round(n * mm / PIXEL_MM) for n, mm in zip(grey.shape, spacing_mm[:2], strict=True))
    window = resample_window(grey, spacing_mm[:2], 0, 0, height, width, PIXEL_MM)
    column = (float(columns.mean()) + 0.5) * spacing_mm[1] / PIXEL_MM - 0.5
    row = (float(rows.mean()) + 0.5) * spacing_mm[0] / PIXEL_MM - 0.5
    radius = RING_MM / PIXEL_MM
    ringed = draw_ring(np.asarray(window, dtype=np.uint8), column, row, radius, (255, 0, 0))
    return _Shown(encode_png(ringed), (round(column, 2), round(row, 2), radius))
