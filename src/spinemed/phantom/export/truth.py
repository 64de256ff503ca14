"""The exact truth of a phantom study, measured on the placed solids and the masks, never the intent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from spinemed.facts.normal import genant_grade
from spinemed.phantom.anatomy.canal_room import SacTable, encroachment, room
from spinemed.phantom.anatomy.measure import cobb, height_loss, kyphosis, lordosis, slip_percent
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc, Vertebra
from spinemed.phantom.export.findings_bodies import is_graded
from spinemed.phantom.export.series import StudySeries
from spinemed.phantom.patient.morphometry import Heights, expected_ratio
from spinemed.phantom.patient.shapes import FractureForm, Patient, Posture, Sex, Variant
from spinemed.phantom.rendering.acquisition import SeriesKind
from spinemed.phantom.rendering.framing import FieldOfView
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.records import Record, content_id

Point = tuple[float, float, float]
Range = tuple[int, int]


class VertebraTruth(Record):
    """One vertebra as placed: its body's centre (LPS mm) and axes (unit vectors), its heights and grade.

    `expected_ratio` is the anterior over the posterior height of a healthy body of this level and sex;
    `height_loss_percent` is the greatest loss of front, middle and back (`form` says which), graded from T4
    down; None above.
    """

    level: str
    centre_mm: Point
    left: Point
    posterior: Point
    up: Point
    heights_mm: Heights
    expected_ratio: float
    height_loss_percent: float | None
    form: FractureForm | None
    genant_grade: int | None


class DiscTruth(Record):
    """One disc as placed: its middle (LPS mm), height, slip, and the room of the canal beside it in mm.

    `sac_normal_mm` and `sac_left_mm` are the sac's depth in health and with disease; 0 below its end.
    """

    site: str
    centre_mm: Point
    height_mm: float
    pfirrmann: int
    slip_percent: float
    sac_normal_mm: float
    sac_left_mm: float
    recess_share_lost: tuple[float, float]
    foramen_share_lost: tuple[float, float]


class CobbTruth(Record):
    """One frontal curve of at least 10 degrees: end vertebrae, apex, Cobb angle, side of its convexity."""

    upper: str
    lower: str
    apex: str
    degrees: float
    convex: Literal["left", "right"]


class CurvesTruth(Record):
    """The curves in degrees as placed: lordosis L1 to S1, kyphosis T4 to T12, Cobb the greatest first."""

    lordosis_deg: float
    kyphosis_deg: float
    cobb: tuple[CobbTruth, ...]


class PostureTruth(Record):
    """The anatomy as placed in one posture: vertebrae and discs from above to below, and the curves."""

    posture: Posture
    vertebrae: tuple[VertebraTruth, ...]
    discs: tuple[DiscTruth, ...]
    curves: CurvesTruth


class BoxTruth(Record):
    """Where a vertebra's mask lies in one series: half-open ranges of voxels, and if it is whole.

    Slices run as the series' InstanceNumber counts: sagittal ones from the patient's left. `whole` means
    that no voxel lies on the picture's edge.
    """

    level: str
    slices: Range
    rows: Range
    columns: Range
    whole: bool


class SeriesTruth(Record):
    """One series: folder, kind, UID, posture and the vertebrae in view.

    `S1` stands for the mask of the whole sacrum, `Co` for the coccyx.
    """

    name: str
    kind: SeriesKind
    uid: str
    posture: Posture
    view: str = ""
    boxes: tuple[BoxTruth, ...]


class LaterTruth(Record):
    """The later examination: how many months after the first, the anatomy as placed then, its series."""

    months: int
    postures: tuple[PostureTruth, ...]
    series: tuple[SeriesTruth, ...]

    def placed(self, posture: Posture = "lying") -> PostureTruth:
        """Return the anatomy in one posture; KeyError for a posture that no series was taken in."""
        return {one.posture: one for one in self.postures}[posture]


class StudyTruth(Record):
    """What truth.json holds; `mark` tells two patients of one seed with other conditions apart.

    All but `later` is of the first examination.
    """

    synthetic: Literal[True] = True
    generator_version: str
    seed: int
    mark: str
    patient: str
    sex: Sex
    age: int
    conditions: tuple[str, ...]
    variant: Variant
    field: FieldOfView
    postures: tuple[PostureTruth, ...]
    series: tuple[SeriesTruth, ...]
    later: LaterTruth | None = None

    def placed(self, posture: Posture = "lying") -> PostureTruth:
        """Return the anatomy in one posture; KeyError for a posture that no series was taken in."""
        return {one.posture: one for one in self.postures}[posture]


def anatomy_mark(patient: Patient) -> str:
    """Return 16 hexadecimal digits that follow from everything that makes the patient."""
    return content_id(repr(patient))


def vertebra_truth(anatomy: Anatomy, vertebra: Vertebra) -> VertebraTruth:
    """Return the pose and the measured heights of a placed vertebra; lengths to 0.001 mm."""
    heights = vertebra.heights()
    expected = expected_ratio(vertebra.level, anatomy.patient.sex)
    loss = height_loss(anatomy, vertebra.level) if is_graded(vertebra.level) else None
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
        height_loss_percent=None if loss is None else round(loss.percent, 2),
        form=None if loss is None else loss.form,
        genant_grade=None if loss is None else genant_grade(loss.percent),
    )


def posture_truth(anatomy: Anatomy) -> PostureTruth:
    """Return everything that is measured on the anatomy of one posture."""
    table = encroachment(anatomy)
    discs = []
    for disc in reversed(anatomy.placed_discs):
        if disc.shape is not None:
            discs.append(_disc_truth(anatomy, disc, table))
    return PostureTruth(
        posture=anatomy.posture,
        vertebrae=tuple(vertebra_truth(anatomy, part) for part in reversed(anatomy.vertebrae)),
        discs=tuple(discs),
        curves=CurvesTruth(
            lordosis_deg=round(lordosis(anatomy), 2),
            kyphosis_deg=round(kyphosis(anatomy), 2),
            cobb=tuple(
                CobbTruth(
                    upper=curve.upper,
                    lower=curve.lower,
                    apex=curve.apex,
                    degrees=round(curve.degrees, 2),
                    convex=curve.convex,
                )
                for curve in cobb(anatomy)
            ),
        ),
    )


def _disc_truth(anatomy: Anatomy, disc: PlacedDisc, table: SacTable) -> DiscTruth:
    found = room(anatomy, disc.above, table)
    left, right = found.recess_share_lost
    return DiscTruth(
        site=f"{disc.above}-{disc.below}",
        centre_mm=_point(disc.solid.pose.origin_mm, 3),
        height_mm=round(disc.solid.height, 3),
        pfirrmann=disc.solid.pfirrmann,
        slip_percent=round(slip_percent(anatomy, disc.above), 2),
        sac_normal_mm=round(found.normal_mm, 2),
        sac_left_mm=round(found.left_mm, 2),
        recess_share_lost=(round(left, 3), round(right, 3)),
        foramen_share_lost=(round(found.foramen_lost[0], 3), round(found.foramen_lost[1], 3)),
    )


def series_truth(series: StudySeries) -> SeriesTruth:
    """Return the boxes of all vertebrae that a series' mask shows, from above to below."""
    rendered, anatomy = series.rendered, series.anatomy
    mask = rendered.masks[None] if isinstance(rendered, RenderedRadiograph) else rendered.mask
    return SeriesTruth(
        name=series.name,
        kind=series.kind,
        uid=series.uid,
        posture=anatomy.posture,
        view=rendered.view if isinstance(rendered, RenderedRadiograph) else "",
        boxes=_boxes(mask, anatomy),
    )


def _boxes(mask: NDArray[np.uint8], anatomy: Anatomy) -> tuple[BoxTruth, ...]:
    found = find_objects(mask)
    boxes = []
    for level in [part.level for part in reversed(anatomy.vertebrae)] + ["S1", "Co"]:
        value = verse_value(level)
        if value > len(found) or found[value - 1] is None:
            continue
        slices, rows, columns = ((part.start, part.stop) for part in found[value - 1])
        inside = all(
            first > 0 and last < size
            for (first, last), size in zip((rows, columns), mask.shape[1:], strict=True)
        )
        boxes.append(BoxTruth(level=level, slices=slices, rows=rows, columns=columns, whole=inside))
    return tuple(boxes)


def study_truth(
    patient: Patient,
    placed: Mapping[Posture, Anatomy],
    series: tuple[SeriesTruth, ...],
    field: FieldOfView = "any",
    later: LaterTruth | None = None,
) -> StudyTruth:
    """Return the truth of a whole study from its anatomy in every posture that it was imaged in."""
    return StudyTruth(
        generator_version=patient.version,
        seed=patient.seed,
        mark=anatomy_mark(patient),
        patient=patient.name,
        sex=patient.sex,
        age=patient.age,
        conditions=patient.conditions,
        variant=patient.variant,
        field=field,
        postures=tuple(posture_truth(anatomy) for anatomy in placed.values()),
        series=series,
        later=later,
    )


def later_truth(placed: Mapping[Posture, Anatomy], series: tuple[SeriesTruth, ...]) -> LaterTruth:
    """Return the truth of the later examination; ValueError without any anatomy."""
    if not placed:
        raise ValueError("a later examination without series has no truth")
    return LaterTruth(
        months=next(iter(placed.values())).patient.months,
        postures=tuple(posture_truth(anatomy) for anatomy in placed.values()),
        series=series,
    )


def _point(values: NDArray[np.float64], digits: int) -> Point:
    x, y, z = (round(float(value), digits) + 0.0 for value in values)
    return x, y, z
