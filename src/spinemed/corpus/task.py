"""One task of a build: a study read from disk becomes findings, pictures, instances and rejects."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

import SimpleITK as sitk  # noqa: N813  the field's name

from spinemed.errors import SourceError
from spinemed.facts import find
from spinemed.imaging.slices import sagittal
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.instances import Asking, ask
from spinemed.records import Finding, Instance, Picture, Reject, Series, Study


@dataclass
class StudyRows:
    """All that one study gives, in a fixed order; `slices` holds the SHA-256 of each series' slice."""

    study: Study
    findings: list[Finding] = field(default_factory=list)
    pictures: dict[str, Picture] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    slices: dict[str, str] = field(default_factory=dict)


def rows_of(study: Study, asking: Asking) -> StudyRows:
    """Return everything that a study gives; a series that cannot be read is a Reject, never an exception."""
    rows = StudyRows(study)
    for series in study.series:
        try:
            _add_series(rows, study, series, asking)
        except SourceError as error:
            place = f"{study.id}/{series.uid}"
            reason = _without_folders(str(error), study)
            rows.rejects.append(
                Reject(
                    id=place, source=study.source, step="read", reason=reason, fix="mend or remove the series"
                )
            )
    return rows


def one_thread() -> None:
    """Keep a worker process to one thread: workers share the processors already."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def _add_series(rows: StudyRows, study: Study, series: Series, asking: Asking) -> None:
    volume = read_volume(series.image)
    mask = read_mask(series.mask, series.label_scheme, volume)
    found = find(study, volume, mask, series)
    findings = [one for one in found if isinstance(one, Finding)]
    rows.findings.extend(findings)
    rows.rejects.extend(one for one in found if isinstance(one, Reject))
    if not findings:
        return
    pixels = sagittal(volume.array, findings[0].evidence.slice_index)
    rows.slices[series.uid] = sha256(pixels.tobytes() + repr(pixels.shape).encode()).hexdigest()
    for one in ask(study, series, volume, findings, asking):
        if isinstance(one, Picture):
            rows.pictures[one.id] = one
        elif isinstance(one, Instance):
            rows.instances.append(one)
        else:
            rows.rejects.append(one)


def _without_folders(text: str, study: Study) -> str:
    """Return the text with folders of this machine cut from its paths: a corpus names none."""
    for series in study.series:
        for path in (series.image, *([series.mask] if not isinstance(series.mask, tuple) else series.mask)):
            text = text.replace(f"{path.parent}/", "")
    return text
