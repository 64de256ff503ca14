"""Phantom studies on disk: DICOM series, their masks, the truth and the findings, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from spinemed.errors import ConfigError, OutputError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.dicom import write_series
from spinemed.phantom.export.findings import series_findings
from spinemed.phantom.export.kinds import checked_field, checked_kinds, default_kinds
from spinemed.phantom.export.masks import mask_name, structures_name, write_flat, write_volume
from spinemed.phantom.export.processes import in_processes
from spinemed.phantom.export.radiograph_dicom import write_radiograph
from spinemed.phantom.export.series import StudySeries, rendered_series, series_names, study_id
from spinemed.phantom.export.truth import SeriesTruth, anatomy_mark, series_truth, study_truth
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.shapes import Patient, Posture
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.phantom.rendering.acquisition import SeriesKind
from spinemed.phantom.rendering.framing import FieldOfView
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.records import Finding, Record, Reject

TRUTH_FILE: Final[str] = "truth.json"
FINDINGS_FILE: Final[str] = "findings.jsonl"
REJECTS_FILE: Final[str] = "rejects.jsonl"
# Structures tell the sac and the discs; T1, STIR and T2 share theirs.
_WITH_STRUCTURES: Final[tuple[SeriesKind, ...]] = ("ct", "t2", "t2_axial")


def write_study(
    seed: int,
    out_dir: Path,
    kinds: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    field: str = "any",
) -> Path:
    """Return the folder of the study of `seed` under `out_dir`, written unless it is already there.

    `kinds` names the series; None writes those that the patient's conditions ask for. `conditions` forces
    exactly these. `field` is the field of view of the sagittal series: `any`, drawn by seed, or `lumbar`,
    with L1 to S1 whole. A complete study of this generator version and these arguments is kept, any other
    is replaced. The folder appears by one rename, so a killed run leaves no half study. Same
    arguments, same bytes. Raises ConfigError for a seed out of range, an unknown series or condition, and
    OutputError where the folder cannot be written.
    """
    patient = sample_patient(seed, conditions)
    wanted = default_kinds(patient) if kinds is None else checked_kinds(kinds)
    target = out_dir / patient.name
    seen = checked_field(field)
    if _is_complete(target, patient, wanted, seen):
        return target
    partial_dir = out_dir / f".{target.name}.partial"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial_dir, ignore_errors=True)
        partial_dir.mkdir()
        _write_files(patient, wanted, seen, partial_dir)
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
) -> Iterator[Path]:
    """Yield the folders of `count` studies from `first_seed` on, in order, as they are finished.

    `workers` processes share the work; 1 stays in this process. `kinds`, `conditions` and `field` as in
    `write_study`. Raises as `write_study`, and ConfigError for a negative count or less than one worker.
    """
    if count < 0 or workers < 1:
        raise ConfigError(f"phantom count {count} and workers {workers} must be at least 0 and 1")
    write = partial(write_study, out_dir=out_dir, kinds=kinds, conditions=conditions, field=field)
    yield from in_processes(write, range(first_seed, first_seed + count), workers)


def _write_files(patient: Patient, kinds: Sequence[SeriesKind], field: FieldOfView, folder: Path) -> None:
    series: list[SeriesTruth] = []
    stated: list[Finding] = []
    rejected: list[Reject] = []
    placed: dict[Posture, Anatomy] = {}
    for one in rendered_series(patient, kinds, field):
        placed[one.anatomy.posture] = one.anatomy
        _write_series(one, folder)
        for found in series_findings(one.anatomy, one.rendered, study_id(patient), one.uid):
            if isinstance(found, Finding):
                stated.append(found)
            else:
                rejected.append(found)
        series.append(series_truth(one))
    if "lying" not in placed:
        placed["lying"] = place(patient, "lying")
    truth = study_truth(patient, placed, tuple(series), field)
    (folder / TRUTH_FILE).write_text(truth.model_dump_json(indent=1) + "\n", encoding="utf-8")
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


def _is_complete(target: Path, patient: Patient, kinds: Sequence[SeriesKind], field: FieldOfView) -> bool:
    """Whether the folder holds this very study: version, patient and series."""
    try:
        found = json.loads((target / TRUTH_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(found, dict):
        return False
    names = [str(part.get("name")) for part in found.get("series", []) if isinstance(part, dict)]
    wanted = {"generator_version": GENERATOR_VERSION, "mark": anatomy_mark(patient), "field": field}
    same = all(found.get(name) == value for name, value in wanted.items())
    return same and sorted(names) == sorted(series_names(patient, kinds))
