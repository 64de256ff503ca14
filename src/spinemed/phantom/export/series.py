"""All series of one phantom study in memory: planned, rendered and named, without a file being written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.dicom import series_uid, uid
from spinemed.phantom.export.kinds import axial_discs, axial_name
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
        """Return the folder's name, such as t2 or t2_axial_L4-L5."""
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
    """Return the folder of a rendered series: its kind, with the disc for axial slices."""
    if isinstance(rendered, RenderedRadiograph):
        return rendered.kind
    return acquisition_name(anatomy, rendered.acquisition)


def acquisition_name(anatomy: Anatomy, acquisition: Acquisition) -> str:
    """Return the folder of a series of slices that is planned."""
    if acquisition.kind != "t2_axial":
        return acquisition.kind
    return axial_name(acquisition.disc_above, anatomy.disc(acquisition.disc_above).below)


def series_names(patient: Patient, kinds: Sequence[SeriesKind]) -> tuple[str, ...]:
    """Return the folders that a study of these kinds has, without placing or rendering anything."""
    names: list[str] = []
    for kind in kinds:
        names += _axial_names(patient) if kind == "t2_axial" else [kind]
    return tuple(names)


def rendered_series(
    patient: Patient, kinds: Sequence[SeriesKind], field: FieldOfView = "any"
) -> Iterator[StudySeries]:
    """Yield the series of the kinds, sagittal ones first; each posture is placed once."""
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
        for above in axial_discs(patient):
            yield StudySeries(lying, render_together(lying, [plan_axial(lying, above)])[0])
    for kind in RADIOGRAPH_KINDS:
        if kind in kinds:
            taken = anatomy(posture_of(kind))
            yield StudySeries(taken, project(taken, kind))


def _axial_names(patient: Patient) -> list[str]:
    levels = {shape.level: number for number, shape in enumerate(patient.vertebrae)}
    found = []
    for above in axial_discs(patient):
        number = levels[above]
        below = patient.vertebrae[number - 1].level if number else "S1"
        found.append(axial_name(above, patient.disc(above).below or below))
    return found
