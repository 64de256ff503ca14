"""The exact truth of a phantom study, measured on the placed solids and the masks, never the intent."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from spinemed.facts.normal import genant_grade
from spinemed.phantom.anatomy.parts import Anatomy, Vertebra
from spinemed.phantom.patient.morphometry import Heights, expected_ratio, height_loss_percent
from spinemed.phantom.patient.shapes import Sex
from spinemed.phantom.rendering.acquisition import Kind
from spinemed.phantom.rendering.labels import verse_value
from spinemed.records import Record

Point = tuple[float, float, float]
Range = tuple[int, int]


class VertebraTruth(Record):
    """One vertebra as placed: its body's centre (LPS mm) and axes (unit vectors), its heights and grade.

    `expected_ratio` is the anterior over the posterior height of a healthy body of this level and sex;
    `height_loss_percent` is what the anterior height lacks against it.
    """

    level: str
    centre_mm: Point
    left: Point
    posterior: Point
    up: Point
    heights_mm: Heights
    expected_ratio: float
    height_loss_percent: float
    genant_grade: int


class BoxTruth(Record):
    """Where a vertebra's mask lies in one series: half-open ranges of voxels, and if it is whole.

    Slices run from the patient's left, as the series' InstanceNumber counts. `whole` means that no voxel
    lies on the picture's edge.
    """

    level: str
    slices: Range
    rows: Range
    columns: Range
    whole: bool


class SeriesTruth(Record):
    """One series: its kind, its UID and the vertebrae in view; `S1` stands for the sacrum's mask."""

    kind: Kind
    uid: str
    boxes: tuple[BoxTruth, ...]


class StudyTruth(Record):
    """What truth.json holds."""

    synthetic: Literal[True] = True
    generator_version: str
    seed: int
    patient: str
    sex: Sex
    age: int
    vertebrae: tuple[VertebraTruth, ...]
    series: tuple[SeriesTruth, ...]


def vertebra_truth(vertebra: Vertebra, sex: Sex) -> VertebraTruth:
    """Return the pose and the measured heights of a placed vertebra; lengths to 0.001 mm."""
    heights = vertebra.heights()
    expected = expected_ratio(vertebra.level, sex)
    loss = height_loss_percent(heights, expected)
    pose = vertebra.body.pose
    left, posterior, up = (_point(pose.rotation[:, axis], 6) for axis in range(3))
    return VertebraTruth(
        level=vertebra.level,
        centre_mm=_point(pose.origin_mm, 3),
        left=left,
        posterior=posterior,
        up=up,
        heights_mm=Heights(**{name: round(value, 3) for name, value in heights}),
        expected_ratio=round(expected, 4),
        height_loss_percent=round(loss, 2),
        genant_grade=genant_grade(loss),
    )


def series_truth(kind: Kind, uid: str, mask: NDArray[np.uint8], anatomy: Anatomy) -> SeriesTruth:
    """Return the boxes of all vertebrae that the mask [slice, row, column] shows, from above to below."""
    levels = [part.level for part in reversed(anatomy.vertebrae)] + ["S1"]
    found = find_objects(mask)
    boxes = []
    for level in levels:
        value = verse_value(level)
        if value > len(found) or found[value - 1] is None:
            continue
        slices, rows, columns = ((part.start, part.stop) for part in found[value - 1])
        inside = all(
            first > 0 and last < size
            for (first, last), size in zip((rows, columns), mask.shape[1:], strict=True)
        )
        boxes.append(BoxTruth(level=level, slices=slices, rows=rows, columns=columns, whole=inside))
    return SeriesTruth(kind=kind, uid=uid, boxes=tuple(boxes))


def study_truth(anatomy: Anatomy, series: tuple[SeriesTruth, ...]) -> StudyTruth:
    """Return the truth of a whole study; vertebrae from above to below."""
    patient = anatomy.patient
    return StudyTruth(
        generator_version=patient.version,
        seed=patient.seed,
        patient=patient.name,
        sex=patient.sex,
        age=patient.age,
        vertebrae=tuple(vertebra_truth(part, patient.sex) for part in reversed(anatomy.vertebrae)),
        series=series,
    )


def _point(values: NDArray[np.float64], digits: int) -> Point:
    x, y, z = (round(float(value), digits) + 0.0 for value in values)
    return x, y, z
