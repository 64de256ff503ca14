"""One task of a build: a study, read or drawn, becomes findings, pictures, instances and rejects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from spinemed.errors import SourceError
from spinemed.facts import find
from spinemed.facts.stated import hidden_by, stated_findings, stated_rejects
from spinemed.imaging.radiograph import Radiograph, read_radiograph
from spinemed.imaging.slices import sagittal
from spinemed.imaging.volume import Volume, read_mask, read_volume
from spinemed.instances import Asking, ask
from spinemed.instances.case import ask_case, ask_changes, case_of, follow_up_of
from spinemed.instances.chains import SACRUM
from spinemed.instances.clinic import ask_clinic
from spinemed.instances.key_pictures import key_pictures
from spinemed.instances.shots import CaseSeries
from spinemed.phantom.export.in_memory import Drawn, DrawnSeries
from spinemed.records import Finding, Instance, Picture, Reject, Series, Study

FROM_MASKS: Final = ("vertebra", "vertebra_in_part", "height_loss")
"""What `facts.find` measures on the masks of every source; a source need not state it."""

_NO_MASK: Final[NDArray[np.uint8]] = np.zeros(0, np.uint8)
_VARIANT: Final = "transitional"
_LOSING: Final = ("modic_change", "disc_degeneration", "spondylodiscitis")
"""What bodies are lost in that are counted: wear that is black on STIR, an infection that joins two."""


@dataclass
class StudyRows:
    """All that one study gives, in a fixed order; `slices` holds the SHA-256 of what each series shows."""

    study: Study
    findings: list[Finding] = field(default_factory=list)
    pictures: dict[str, Picture] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    slices: dict[str, str] = field(default_factory=dict)


def rows_of(given: Study | Drawn, asking: Asking) -> StudyRows:
    """Return everything that a study gives; a series that cannot be read is a Reject, never an exception.

    A study that was drawn in memory gives the same rows as the same study read from disk. Every sagittal
    series with a mask is asked for its levels; what the source states (`Study.stated`) is asked of all series
    together.
    """
    drawn = given if isinstance(given, Drawn) else None
    study = given.study if isinstance(given, Drawn) else given
    rows = StudyRows(study)
    try:
        stated, held_back = _stated(given)
        rows.rejects.extend(held_back)
    except SourceError as error:
        stated = ()
        _refuse(rows, study.id, error)
    variant = _has_variant(stated, rows.rejects)
    read: list[CaseSeries] = []
    for series in study.series:
        try:
            taken = _read(series) if drawn is None else drawn.series[series.uid]
            told = [one for one in stated if one.evidence.series == series.uid]
            one = _series_findings(rows, series, taken, told)
            if one.findings:
                read.append(one)
                _ask_levels(rows, one, asking, variant, stated)
        except SourceError as error:
            _refuse(rows, f"{study.id}/{series.uid}", error)
    if stated and asking.items_per_kind:
        _ask_case(rows, read, asking)
    return rows


def one_thread() -> None:
    """Keep this process to one thread: workers share the processors, and sums keep their order.

    numpy's BLAS splits sums among its threads, so that their number would change the last bits.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    threadpool_limits(1)


def _stated(given: Study | Drawn) -> tuple[tuple[Finding, ...], tuple[Reject, ...]]:
    """What the source states, and what it held back."""
    if isinstance(given, Drawn):
        return given.stated, given.rejects
    return stated_findings(given), stated_rejects(given)


def _read(series: Series) -> DrawnSeries:
    """The series from its files; masks are read of sagittal volumes alone, from which facts come."""
    if series.modality == "XR":
        return DrawnSeries(read_radiograph(only_file(series)), _NO_MASK)
    volume = read_volume(series.image)
    if series.plane != "sagittal":
        return DrawnSeries(volume, _NO_MASK)
    return DrawnSeries(volume, read_mask(series.mask, series.label_scheme, volume))


def _series_findings(
    rows: StudyRows, series: Series, taken: DrawnSeries, stated: Sequence[Finding]
) -> CaseSeries:
    """Return a series with its findings, and count them; what masks tell goes before what is stated."""
    volume = taken.picture
    if isinstance(volume, Radiograph):
        _check_side(series, volume)
        _note_pixels(rows, series, volume.pixels)
        rows.findings.extend(stated)
        return CaseSeries(series, volume, tuple(stated))
    findings: list[Finding] = []
    stack = series.plane != "sagittal"
    if not stack:
        found = find(rows.study, volume, taken.mask, series, taken.looked)
        if rows.study.stated is not None:
            found = list(_agreeing(rows.study, found, stated))
        findings += [one for one in found if isinstance(one, Finding)]
        rows.rejects.extend(one for one in found if isinstance(one, Reject))
        stated = [one for one in stated if one.pathology not in FROM_MASKS]
    findings += stated
    if findings:
        index = findings[0].evidence.slice_index
        _note_pixels(rows, series, volume.array if stack else sagittal(volume.array, index))
    rows.findings.extend(findings)
    return CaseSeries(series, volume, tuple(findings))


def _agreeing(
    study: Study, found: Sequence[Finding | Reject], stated: Sequence[Finding]
) -> Iterator[Finding | Reject]:
    """Yield what masks tell; a Reject for a loss of height of which the source does not state the grade."""
    grades = {one.site: one.grade for one in stated if one.pathology == "height_loss"}
    for one in found:
        if isinstance(one, Finding) and one.pathology == "height_loss" and grades.get(one.site) != one.grade:
            place = f"{study.id}/{one.evidence.series}/{one.site}"
            reason = "the source does not state the height loss that its mask gives"
            yield Reject(id=place, source=study.source, step="facts", reason=reason, fix="none needed")
        else:
            yield one


def _check_side(series: Series, radiograph: Radiograph) -> None:
    """SourceError for a frontal film whose header does not put the patient's left on the picture's right."""
    columns_run = radiograph.patient_orientation[0]
    if "AP" in series.view and not columns_run.startswith("L"):
        towards = columns_run or "nowhere named"
        raise SourceError(
            f"{series.image.name}: columns of this frontal film run towards {towards}, not "
            "to the patient's left; store it as it is read, PatientOrientation L\\F"
        )


def _note_pixels(rows: StudyRows, series: Series, pixels: NDArray[np.generic]) -> None:
    """Keep the hash of what a series shows, so that the same image in another study is found."""
    rows.slices[series.uid] = sha256(pixels.tobytes() + repr(pixels.shape).encode()).hexdigest()


def _has_variant(stated: Sequence[Finding], rejects: Sequence[Reject]) -> bool:
    """Whether the spine is numbered unusually, be it seen in a series or held back as not visible."""
    seen = any(finding.pathology == _VARIANT and finding.present for finding in stated)
    return seen or any(_VARIANT in reject.id.split("/") for reject in rejects)


def _ask_levels(
    rows: StudyRows, one: CaseSeries, asking: Asking, variant: bool, stated: Sequence[Finding]
) -> None:
    """Add the questions about levels of one sagittal series; `stated` is what all series state.

    With a variant of numbering nothing is counted from the sacrum: five lumbar vertebrae cannot be assumed.
    """
    measured = [finding for finding in one.findings if finding.pathology in FROM_MASKS]
    if variant:
        measured = [finding for finding in measured if finding.site != SACRUM]
    if not isinstance(one.volume, Volume) or one.series.plane != "sagittal" or not measured:
        return
    hidden = [body for body in hidden_by(rows.rejects) if body.pathology in (*FROM_MASKS, *_LOSING)]
    dark = [finding for finding in stated if finding.pathology in _LOSING]
    _take(rows, ask(rows.study, one.series, one.volume, measured, asking, one, hidden, dark))


def _ask_case(rows: StudyRows, read: Sequence[CaseSeries], asking: Asking) -> None:
    """Add the questions, consultations and reports about the first examination, and what changed after it."""
    case = case_of(rows.study, read, asking, rows.rejects)
    _take(rows, ask_case(case))
    pictures = key_pictures(case)
    rows.pictures.update({picture.id: picture for picture in pictures.values()})
    _take(rows, ask_clinic(case.facts, pictures, asking.seed))
    _take(rows, ask_changes(follow_up_of(rows.study, read, asking, rows.rejects)))


def _take(rows: StudyRows, given: Iterable[Picture | Instance | Reject]) -> None:
    for one in given:
        if isinstance(one, Picture):
            rows.pictures[one.id] = one
        elif isinstance(one, Instance):
            rows.instances.append(one)
        else:
            rows.rejects.append(one)


def only_file(series: Series) -> Path:
    """Return the one DICOM file of a radiograph; SourceError where there is none or several."""
    files = sorted(series.image.glob("*.dcm")) if series.image.is_dir() else [series.image]
    if len(files) != 1:
        raise SourceError(f"{series.image.name}: {len(files)} files; a radiograph is one")
    return files[0]


def _refuse(rows: StudyRows, place: str, error: SourceError) -> None:
    reason = _without_folders(str(error), rows.study)
    rows.rejects.append(
        Reject(
            id=place, source=rows.study.source, step="read", reason=reason, fix="mend or remove the series"
        )
    )


def _without_folders(text: str, study: Study) -> str:
    """Return the text with folders of this machine cut from its paths: a corpus names none."""
    if study.stated is not None:
        text = text.replace(f"{study.stated.parent}/", "")
    for series in study.series:
        for path in (series.image, *([series.mask] if not isinstance(series.mask, tuple) else series.mask)):
            text = text.replace(f"{path.parent}/", "")
    return text
