"""All series of a phantom study in memory, of both examinations: planned, rendered named, not written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.dicom import folder_name, series_uid, uid
from spinemed.phantom.export.kinds import axial_discs, axial_name, followed_discs, kinds_that_show_change
from spinemed.phantom.patient.later import later
from spinemed.phantom.patient.shapes import Patient, Posture
from spinemed.phantom.rendering.acquisition import (
    SAGITTAL_KINDS,
    Acquisition,
    SeriesKind,
    plan_axial,
    plan_session,
)
from spinemed.phantom.rendering.framing import FieldOfView
from spinemed.phantom.rendering.radiograph import (
    RADIOGRAPH_KINDS,
    RenderedRadiograph,
    posture_of,
    project,
)
from spinemed.phantom.rendering.series import RenderedSeries, render_together
from spinemed.records import content_id

Rendered = RenderedSeries | RenderedRadiograph


@dataclass(frozen=True, eq=False)
class StudySeries:
    """One series of a study: the anatomy as it was placed for it, and what was rendered."""

    anatomy: Anatomy
    rendered: Rendered

    @property
    def name(self) -> str:
        """Return the folder's name, such as t2, t2_axial_L4-L5 or t2_later."""
        return name_of(self.anatomy, self.rendered)

    @property
    def kind(self) -> SeriesKind:
        """Return the kind of series."""
        return (
            self.rendered.kind
            if isinstance(self.rendered, RenderedRadiograph)
            else self.rendered.acquisition.kind
        )

    @property
    def uid(self) -> str:
        """Return the SeriesInstanceUID."""
        return str(series_uid(self.anatomy.patient, self.name))


def study_id(patient: Patient) -> str:
    """Return the id that the study has in records; it follows from the StudyInstanceUID alone."""
    return content_id("study", "phantom", str(uid(patient, "study")))


def name_of(anatomy: Anatomy, rendered: Rendered) -> str:
    """Return the folder of a rendered series: its kind, with the disc for axial slices, then _later."""
    if isinstance(rendered, RenderedRadiograph):
        return folder_name(anatomy.patient, rendered.kind)
    return folder_name(anatomy.patient, acquisition_name(anatomy, rendered.acquisition))


def acquisition_name(anatomy: Anatomy, acquisition: Acquisition) -> str:
    """Return the folder of a series of slices that is planned."""
    if acquisition.kind != "t2_axial":
        return acquisition.kind
    return axial_name(acquisition.disc_above, anatomy.disc(acquisition.disc_above).below)


def series_names(patient: Patient, kinds: Sequence[SeriesKind], follow_up: bool = False) -> tuple[str, ...]:
    """Return the folders that a study of these kinds has, without placing or rendering anything."""
    return tuple(
        folder_name(one.patient, name)
        for one in examinations(patient, kinds, follow_up)
        for kind in one.kinds
        for name in (_axial_names(patient, one.discs) if kind == "t2_axial" else [kind])
    )


class Examination(NamedTuple):
    """The patient at one examination, the kinds of series taken, and the discs that get axial slices."""

    patient: Patient
    kinds: tuple[SeriesKind, ...]
    discs: tuple[str, ...]


def examinations(
    patient: Patient, kinds: Sequence[SeriesKind], follow_up: bool = False
) -> tuple[Examination, ...]:
    """Return the first examination and, with `follow_up`, the later one where the patient has one.

    The later one repeats those of the first's series that show what may have changed.
    """
    found = [Examination(patient, tuple(kinds), axial_discs(patient))]
    changed = later(patient) if follow_up else None
    repeated = () if changed is None else kinds_that_show_change(patient, kinds)
    if changed is not None and repeated:
        found.append(Examination(changed, repeated, followed_discs(patient)))
    return tuple(found)


def rendered_series(
    patient: Patient, kinds: Sequence[SeriesKind], field: FieldOfView = "any", follow_up: bool = False
) -> Iterator[StudySeries]:
    """Yield the series of the kinds, then those of the later examination; see `examinations`."""
    for one in examinations(patient, kinds, follow_up):
        yield from _examined(one, field)


def _examined(examination: Examination, field: FieldOfView) -> Iterator[StudySeries]:
    """Yield the series of one examination, sagittal ones first; each posture is placed once."""
    patient, kinds, discs = examination
    placed: dict[Posture, Anatomy] = {}

    def anatomy(posture: Posture) -> Anatomy:
        if posture not in placed:
            placed[posture] = place(patient, posture)
        return placed[posture]

    sagittal = [kind for kind in kinds if kind in SAGITTAL_KINDS]
    if sagittal:
        lying = anatomy("lying")
        for rendered in render_together(lying, plan_session(lying, sagittal, field)):
            yield StudySeries(lying, rendered)
    if "t2_axial" in kinds:
        lying = anatomy("lying")
        for above in discs:
            yield StudySeries(lying, render_together(lying, [plan_axial(lying, above)])[0])
    for kind in RADIOGRAPH_KINDS:
        if kind in kinds:
            taken = anatomy(posture_of(kind))
            yield StudySeries(taken, project(taken, kind))


def _axial_names(patient: Patient, discs: Sequence[str]) -> list[str]:
    levels = {shape.level: number for number, shape in enumerate(patient.vertebrae)}
    found = []
    for above in discs:
        number = levels[above]
        below = patient.vertebrae[number - 1].level if number else "S1"
        found.append(axial_name(above, patient.disc(above).below or below))
    return found
