"""RSNA 2024 lumbar degenerative classification: grades at marked points of DICOM slices as rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from spinemed.bench.data.foreign import Asked, foreign_row, refused, table
from spinemed.corpus.rows import Row
from spinemed.errors import SourceError
from spinemed.imaging.dicom import decoded
from spinemed.imaging.pictures import draw_ring, encode_png
from spinemed.imaging.slices import to_uint8
from spinemed.level_labels import level_of
from spinemed.records import Reject

NAME = "rsna-2024-lumbar"
LICENCE = "LicenseRef-RSNA-2024-non-commercial-no-redistribution"
GRADES = ("Normal/Mild", "Moderate", "Severe")
LEVELS = ("L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")
RING_MM = 9.0
CONDITIONS = {
    "spinal_canal_stenosis": ("canal_stenosis", "the spinal canal"),
    "left_neural_foraminal_narrowing": ("foraminal_stenosis", "the patient's left neural foramen"),
    "right_neural_foraminal_narrowing": ("foraminal_stenosis", "the patient's right neural foramen"),
    "left_subarticular_stenosis": ("recess_stenosis", "the patient's left subarticular zone"),
    "right_subarticular_stenosis": ("recess_stenosis", "the patient's right subarticular zone"),
}
_POINT = ("study_id", "series_id", "instance_number", "condition", "level", "x", "y")


def read(folder: Path) -> Iterator[Row | Reject]:
    """Yield a grading question for each labelled point, and for canal points one about the level.

    `folder` has train.csv, train_label_coordinates.csv, train_series_descriptions.csv and train_images. The
    two spellings of condition and level are joined; x and y are column and row of the DICOM slice, which is
    shown whole with a ring of 9 mm. A point without a grade, a series without a description, a missing or
    unreadable slice are Rejects. A condition without a point is not asked: it is not "normal". SourceError
    where a table is missing.
    """
    grades = {row["study_id"]: row for _, row in table(folder / "train.csv", ("study_id",))}
    described = {
        (row["study_id"], row["series_id"]): row["series_description"]
        for _, row in table(
            folder / "train_series_descriptions.csv", ("study_id", "series_id", "series_description")
        )
    }
    for line, point in table(folder / "train_label_coordinates.csv", _POINT):
        place = f"train_label_coordinates.csv:{line}"
        try:
            yield from _rows(folder, point, grades, described)
        except (ValueError, SourceError) as error:
            yield refused(NAME, place, str(error).replace(f"{folder}/", ""))


def _rows(
    folder: Path,
    point: Mapping[str, str],
    grades: Mapping[str, Mapping[str, str]],
    described: Mapping[tuple[str, str], str],
) -> Iterator[Row]:
    condition, level = _condition(point["condition"]), _level(point["level"])
    study, series = point["study_id"], point["series_id"]
    grade = grades.get(study, {}).get(f"{condition}_{_column_of(level)}", "")
    if grade not in GRADES:
        raise ValueError(f"no grade of {condition} at {level}: {grade!r} in train.csv")
    description = described.get((study, series))
    if description is None:
        raise ValueError("the series has no row in train_series_descriptions.csv")
    png, marker, spacing_mm = _slice(folder, point)
    kind, structure = CONDITIONS[condition]
    plane = "axial" if description.lower().startswith("axial") else "sagittal"
    shared = {
        "benchmark": NAME, "licence": LICENCE, "modality": "MR", "pictures": (png,), "study": f"rsna-{study}",
        "patient": f"rsna-{study}", "level": level, "series": series, "plane": plane, "marker": marker,
        "spacing_mm": spacing_mm,
    }  # fmt: skip
    yield foreign_row(
        Asked(
            axis="pathology",
            kind=kind,
            question=f"{description} slice of a lumbar MR. How narrow is {structure} at the ring?",
            options=GRADES,
            right=(grade,),
            **shared,  # type: ignore[arg-type]
        )
    )
    if kind == "canal_stenosis" and plane == "sagittal":
        yield foreign_row(
            Asked(
                axis="level",
                kind="marked_disc",
                question=f"{description} slice of a lumbar MR. At which disc level is the ring?",
                options=LEVELS,
                right=(level,),
                **shared,  # type: ignore[arg-type]
            )
        )


def _condition(text: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
    if name not in CONDITIONS:
        raise ValueError(f"unknown condition {text!r}")
    return name


def _level(text: str) -> str:
    return level_of("rsna_2024_coordinates", text.strip().upper().replace("-", "/").replace("_", "/"))


def _column_of(level: str) -> str:
    return level.lower().replace("-", "_")


def _slice(folder: Path, point: Mapping[str, str]) -> tuple[bytes, tuple[float, float, float], float | None]:
    """Return the slice as PNG with its ring, the ring, and the pixel spacing in mm where it is square."""
    name = f"{int(float(point['instance_number']))}.dcm"
    path = folder / "train_images" / point["study_id"] / point["series_id"] / name
    if not path.is_file():
        raise SourceError(f"{path}: no such slice")
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        shape = int(header.Rows), int(header.Columns)
        spacing = [float(value) for value in header.get("PixelSpacing", [])]
    except (InvalidDicomError, AttributeError, OSError, TypeError) as error:
        raise SourceError(f"{path}: not readable as DICOM ({error})") from error
    column, row = float(point["x"]), float(point["y"])
    if not (0 <= column < shape[1] and 0 <= row < shape[0]):
        raise ValueError(f"the point ({column}, {row}) lies outside the slice of {shape[1]} x {shape[0]}")
    square = len(spacing) == 2 and spacing[0] > 0 and abs(spacing[0] - spacing[1]) < 0.01 * spacing[0]
    radius = RING_MM / spacing[0] if square else 0.03 * shape[0]
    grey = to_uint8(np.asarray(decoded(path, shape)), "MR")
    ringed = draw_ring(grey, column, row, radius, (255, 0, 0))
    return encode_png(ringed), (column, row, radius), spacing[0] if square else None
