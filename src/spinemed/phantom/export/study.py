"""Phantom studies on disk: DICOM series, their masks, the truth and the findings, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from spinemed.errors import ConfigError, OutputError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.dicom import write_series
from spinemed.phantom.export.findings import series_findings
from spinemed.phantom.export.kinds import checked_field, follows_up, kinds_for
from spinemed.phantom.export.masks import mask_name, structures_name, write_flat, write_volume
from spinemed.phantom.export.processes import in_processes
from spinemed.phantom.export.radiograph_dicom import write_radiograph
from spinemed.phantom.export.series import StudySeries, rendered_series, series_names, study_id
from spinemed.phantom.export.study_record import STATED_FILE, STATEMENT_FILE, write_statement
from spinemed.phantom.export.truth import (
    SeriesTruth,
    anatomy_mark,
    later_truth,
    series_truth,
    study_truth,
)
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.shapes import Patient, Posture
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.phantom.rendering.acquisition import SeriesKind
from spinemed.phantom.rendering.framing import FieldOfView
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.records import Finding, Record, Reject

TRUTH_FILE: Final[str] = "truth.json"
FINDINGS_FILE: Final[str] = STATED_FILE
REJECTS_FILE: Final[str] = "rejects.jsonl"
# Structures tell the sac and the discs; T1, STIR and T2 share theirs.
_WITH_STRUCTURES: Final[tuple[SeriesKind, ...]] = ("ct", "t2", "t2_axial")


class _Plan(NamedTuple):
    """What a study is to hold."""

    kinds: tuple[SeriesKind, ...]
    field: FieldOfView
    follow_up: bool


@dataclass
class _Taken:
    """What one examination has given so far."""

    placed: dict[Posture, Anatomy] = dataclass_field(default_factory=dict)
    series: list[SeriesTruth] = dataclass_field(default_factory=list)


def write_study(
    seed: int,
    out_dir: Path,
    kinds: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    field: str = "any",
    later: bool | None = None,
) -> Path:
    """Return the folder of the study of `seed` under `out_dir`, written unless it is already there.

    `kinds` names the series; None writes those that the patient's conditions ask for, ("referral",) those
    of one realistic referral among them. `conditions` forces
    exactly these. `field` is the field of view of the sagittal series: `any`, drawn by seed, or `lumbar`,
    with L1 to S1 whole. `later` says whether the later examination is written where the patient has one;
    None writes it where `kinds` does not name series. A complete study of this generator version and these
    arguments is kept, any other is replaced. The folder appears by one rename, so a killed run leaves no half
    study. Same arguments, same bytes. Raises ConfigError for a seed out of range, an unknown series or
    condition, and OutputError where the folder cannot be written.
    """
    patient = sample_patient(seed, conditions)
    wanted = kinds_for(patient, kinds)
    target = out_dir / patient.name
    plan = _Plan(wanted, checked_field(field), follows_up(kinds) if later is None else later)
    if _is_complete(target, patient, plan):
        return target
    partial_dir = out_dir / f".{target.name}.partial"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial_dir, ignore_errors=True)
        partial_dir.mkdir()
        _write_files(patient, plan, partial_dir)
        if target.exists():
            shutil.rmtree(target)
        partial_dir.rename(target)
    except OSError as error:
        raise OutputError(
            f"cannot write the phantom study {target}: {error.strerror or error}; choose another --out folder"
        ) from error
    finally:
        shutil.rmtree(partial_dir, ignore_errors=True)
    return target


def write_studies(
    first_seed: int,
    count: int,
    out_dir: Path,
    workers: int = 1,
    kinds: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    field: str = "any",
    later: bool | None = None,
) -> Iterator[Path]:
    """Yield the folders of `count` studies from `first_seed` on, in order, as they are finished.

    `workers` processes share the work; 1 stays in this process. `kinds`, `conditions`, `field` and `later`
    as in `write_study`. Raises as `write_study`, and ConfigError for a negative count or less than one
    worker.
    """
    if count < 0 or workers < 1:
        raise ConfigError(f"phantom count {count} and workers {workers} must be at least 0 and 1")
    write = partial(
        write_study, out_dir=out_dir, kinds=kinds, conditions=conditions, field=field, later=later
    )
    yield from in_processes(write, range(first_seed, first_seed + count), workers)


def _write_files(patient: Patient, plan: _Plan, folder: Path) -> None:
    first, follow_up = _Taken(), _Taken()
    stated: list[Finding] = []
    rejected: list[Reject] = []
    for one in rendered_series(patient, plan.kinds, plan.field, plan.follow_up):
        taken = follow_up if one.anatomy.patient.months else first
        taken.placed[one.anatomy.posture] = one.anatomy
        _write_series(one, folder)
        for found in series_findings(one.anatomy, one.rendered, study_id(patient), one.uid):
            if isinstance(found, Finding):
                stated.append(found)
            else:
                rejected.append(found)
        taken.series.append(series_truth(one))
    if "lying" not in first.placed:
        first.placed["lying"] = place(patient, "lying")
    later = later_truth(follow_up.placed, tuple(follow_up.series)) if follow_up.series else None
    truth = study_truth(patient, first.placed, tuple(first.series), plan.field, later)
    (folder / TRUTH_FILE).write_text(truth.model_dump_json(indent=1) + "\n", encoding="utf-8")
    write_statement(folder, patient.conditions)
    _write_lines(folder / FINDINGS_FILE, stated)
    _write_lines(folder / REJECTS_FILE, rejected)


def _write_lines(file: Path, records: Sequence[Record]) -> None:
    lines = "".join(record.model_dump_json(exclude_defaults=True) + "\n" for record in records)
    file.write_text(lines, encoding="utf-8")


def _write_series(one: StudySeries, folder: Path) -> None:
    """The DICOM folder of a series and its masks beside it."""
    patient, rendered = one.anatomy.patient, one.rendered
    series_dir = folder / one.name
    series_dir.mkdir()
    if isinstance(rendered, RenderedRadiograph):
        write_radiograph(series_dir, patient, rendered)
        write_flat(rendered.masks, rendered.spacing_mm, folder / mask_name(one.name))
        return
    write_series(series_dir, patient, rendered.acquisition, rendered.pixels, one.name)
    write_volume(rendered.mask, rendered.acquisition.grid, folder / mask_name(one.name))
    if rendered.acquisition.kind in _WITH_STRUCTURES:
        write_volume(rendered.structures, rendered.acquisition.grid, folder / structures_name(one.name))


def _is_complete(target: Path, patient: Patient, plan: _Plan) -> bool:
    """Whether the folder holds this very study: version, patient and series."""
    try:
        found = json.loads((target / TRUTH_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(found, dict) or not (target / STATEMENT_FILE).is_file():
        return False
    parts = [*found.get("series", []), *(found.get("later") or {}).get("series", [])]
    names = [str(part.get("name")) for part in parts if isinstance(part, dict)]
    wanted = {"generator_version": GENERATOR_VERSION, "mark": anatomy_mark(patient), "field": plan.field}
    same = all(found.get(name) == value for name, value in wanted.items())
    return same and sorted(names) == sorted(series_names(patient, plan.kinds, plan.follow_up))
