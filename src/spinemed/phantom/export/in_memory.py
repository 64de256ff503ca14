"""A phantom study drawn in memory: what reading the written study would give, without a disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.facts.find import Looked, look
from spinemed.imaging.dicom import stacked
from spinemed.imaging.grid import Grid
from spinemed.imaging.radiograph import Radiograph
from spinemed.imaging.volume import Volume, drawn_volume, turned, vertebra_table
from spinemed.phantom.export.dicom import slices_as_read, uid
from spinemed.phantom.export.findings import series_findings
from spinemed.phantom.export.identity import age_at_examination
from spinemed.phantom.export.kinds import checked_field, follows_up, kinds_for
from spinemed.phantom.export.radiograph_dicom import film_as_read
from spinemed.phantom.export.series import Rendered, StudySeries, rendered_series, study_id
from spinemed.phantom.export.study_record import Described, study_record
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.rendering.acquisition import SAGITTAL_KINDS
from spinemed.phantom.rendering.maps import renamed
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.records import Finding, Reject, Study

_VERTEBRAE: Final[bytes] = vertebra_table("verse")[:256].tobytes()
_KEPT_BYTES: Final[int] = 31 * 2**20  # below the greatest threshold, 32 MiB


@dataclass(frozen=True, eq=False)
class DrawnSeries:
    """One series as its readers would give it; `mask` holds VerSe labels with the axes of the picture.

    `looked` is what facts see in the mask, where several series share it; None where it was not looked at.
    """

    picture: Volume | Radiograph
    mask: NDArray[np.uint8]
    looked: Looked | None = None


_Masks = dict[tuple[int, Grid], tuple[NDArray[np.uint8], Looked | None]]
"""By the id of a label map and the grid that it is turned to."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A whole study in memory: its record, its series by SeriesInstanceUID, what the phantom states.

    The record's paths are relative, and nothing lies there.
    """

    study: Study
    series: dict[str, DrawnSeries]
    stated: tuple[Finding, ...]
    rejects: tuple[Reject, ...]


def drawn_study(
    seed: int,
    kinds: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    field: str = "any",
    later: bool | None = None,
) -> Drawn:
    """Return the study that `write_study` would write for these arguments, as its readers would read it.

    Nothing is written. Errors as `write_study`, but for those of the disk.
    """
    _keep_memory()
    patient = sample_patient(seed, conditions)
    wanted, whose = kinds_for(patient, kinds), study_id(patient)
    follow_up = follows_up(kinds) if later is None else later
    described: list[Described] = []
    series: dict[str, DrawnSeries] = {}
    found: list[Finding | Reject] = []
    masks: _Masks = {}
    kept: list[Rendered] = []  # so that no array's id is given to another one
    for one in rendered_series(patient, wanted, checked_field(field), follow_up):
        described.append(Described(one.name, one.uid, one.anatomy.patient.months))
        kept.append(one.rendered)
        series[one.uid] = _as_read(one, masks)
        found += series_findings(one.anatomy, one.rendered, whose, one.uid)
    study = study_record(
        Path(patient.name),
        str(uid(patient, "study")),
        patient.sex,
        f"{age_at_examination(patient):03d}Y",
        described,
        patient.conditions,
    )
    return Drawn(
        study,
        series,
        tuple(one for one in found if isinstance(one, Finding)),
        tuple(one for one in found if isinstance(one, Reject)),
    )


@cache
def _keep_memory() -> None:
    """Free one large array, once a process: glibc then keeps what is freed instead of handing it back.

    Pictures come and go by megabytes; fresh pages for each cost some 3 % of the time. Of freed memory about
    60 MiB are kept (mallopt(3), M_MMAP_THRESHOLD: it follows the largest block freed). Elsewhere no effect.
    """
    np.empty(_KEPT_BYTES, np.uint8)


def _as_read(one: StudySeries, masks: _Masks) -> DrawnSeries:
    """The series as its readers give it; `masks` keeps those of label maps that several series share."""
    patient, rendered = one.anatomy.patient, one.rendered
    if isinstance(rendered, RenderedRadiograph):
        return DrawnSeries(film_as_read(patient, rendered), rendered.masks)
    slices = slices_as_read(patient, rendered.acquisition, one.name)
    series = stacked(Path(one.name), slices)
    number = {part.uid: index for index, part in enumerate(slices)}
    order = [number[part.uid] for part in series.slices]
    volume = drawn_volume(rendered.pixels[order], series)
    key = id(rendered.mask), series.grid
    if key not in masks:
        mask = turned(renamed(rendered.mask[order], _VERTEBRAE), series.grid)
        sagittal = rendered.acquisition.kind in SAGITTAL_KINDS
        masks[key] = mask, look(mask, volume.spacing_mm[:2]) if sagittal else None
    return DrawnSeries(volume, *masks[key])
