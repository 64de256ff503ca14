"""How far the phantom's stated findings lie from what an independent path measures on the masks.

    python benchmarks/phantom_truth.py [--studies 500] [--workers 2] [--written-every 20]

Every condition is forced in turn, every fifteenth patient is drawn by prevalence. Most studies are rendered
in memory; every `--written-every`th is written as DICOM with NIfTI masks and read back, and its findings
come from findings.jsonl. Prints a table and writes benchmarks/results/phantom_truth.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray
from setting import setting

from spinemed.facts.audit import MaskedSeries, audit
from spinemed.phantom.export.findings import series_findings
from spinemed.phantom.export.kinds import checked_kinds
from spinemed.phantom.export.masks import structures_name
from spinemed.phantom.export.series import StudySeries, rendered_series, study_id
from spinemed.phantom.export.study import write_study
from spinemed.phantom.patient.conditions import known_conditions
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.phantom.rendering.acquisition import SeriesKind
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.records import Finding, Plane, Series, Study
from spinemed.sources.phantom import read

RESULTS = Path(__file__).parent / "results" / "phantom_truth.json"
BARS = {
    "level": 0.0, "height_loss": 3.0, "slip": 3.0, "cobb": 2.0, "lordosis": 3.0, "kyphosis": 3.0,
    "sac_depth": 1.0, "scoliosis_side": 0.0, "herniation_side": 0.0,
}  # fmt: skip
UNITS = {"height_loss": "points", "slip": "points", "cobb": "deg", "lordosis": "deg", "kyphosis": "deg"}
FIRST_SEED = 500_000

Row = tuple[str, str, str, float, str]
"""Quantity, kind of series, how it was read, error, and what it belongs to."""


def patient_of(number: int) -> tuple[int, list[str] | None]:
    """Return seed and forced condition of one study: each condition in turn, then one by prevalence."""
    names: list[list[str] | None] = [[name] for name in known_conditions()]
    names.append(None)
    return FIRST_SEED + number, names[number % len(names)]


def kinds_of(patient: Patient, number: int) -> list[SeriesKind]:
    """Return the series of one study: T2 or CT in turn, axial slices, a lateral or a frontal film in turn.

    A scoliosis always has its whole-spine film, a slip its two bending films.
    """
    kinds = ["t2", "t2_axial", "xr_lat"] if number % 2 else ["ct", "t2_axial", "xr_ap"]
    if "scoliosis" in patient.conditions:
        kinds.append("xr_full_ap")
    if "spondylolisthesis" in patient.conditions:
        kinds += ["xr_flexion", "xr_extension"]
    return list(checked_kinds(kinds))


def in_memory(one: StudySeries, patient: Patient) -> MaskedSeries:
    """Return a rendered series as the audit takes it; sagittal slices from the patient's right."""
    stated = series_findings(one.anatomy, one.rendered, study_id(patient), one.uid)
    findings = tuple(found for found in stated if isinstance(found, Finding))
    rendered = one.rendered
    if isinstance(rendered, RenderedRadiograph):
        faces_right = not rendered.film.frontal and bool(rendered.grid.directions[2, 1] < 0)
        spacing = (1.0, *rendered.spacing_mm)
        return MaskedSeries(
            "radiograph",
            rendered.view,
            rendered.masks[None],
            None,
            spacing,
            findings,
            patient.sex,
            faces_right,
        )
    steps = rendered.acquisition.grid.steps_mm
    way = 1 if one.kind == "t2_axial" else -1
    plane: Plane = "axial" if one.kind == "t2_axial" else "sagittal"
    return MaskedSeries(
        plane, "", rendered.mask[::way], rendered.structures[::way], steps, findings, patient.sex
    )


def written(study: Study, series: Series, findings: Sequence[Finding]) -> MaskedSeries:
    """Return a series read back from its files: masks turned as the general reader turns volumes."""
    assert isinstance(series.mask, Path)
    name = series.image.name
    masks = [series.mask, series.mask.with_name(structures_name(name))]
    arrays: list[NDArray[Any] | None] = []
    spacing = (1.0, 1.0, 1.0)
    for file in masks:
        if not file.is_file():
            arrays.append(None)
            continue
        image = sitk.ReadImage(str(file))
        if series.plane == "sagittal":
            image = sitk.DICOMOrient(image, "RIP")  # columns right, rows down, slices back: turned below
        array = sitk.GetArrayFromImage(image)
        x, y, z = image.GetSpacing()
        spacing = (z, y, x)
        if series.plane == "sagittal":
            # [back, down, right] of RIP becomes [slice from the right, row down, column back].
            array, spacing = np.transpose(array, (2, 1, 0))[::-1], (x, y, z)
        arrays.append(array)
    here = tuple(one for one in findings if one.evidence.series == series.uid)
    faces_right = series.view.endswith("LAT") and _faces_right(series.image)
    labels, structures = arrays
    assert labels is not None
    return MaskedSeries(series.plane, series.view, labels, structures, spacing, here, study.sex, faces_right)


def _faces_right(folder: Path) -> bool:
    import pydicom

    header = pydicom.dcmread(next(folder.glob("*.dcm")), stop_before_pixels=True)
    return str(header.PatientOrientation[0]).startswith("A")


def rows_of(number: int, written_every: int) -> list[Row]:
    """Return the comparisons of one study."""
    seed, conditions = patient_of(number)
    patient = sample_patient(seed, conditions)
    kinds = kinds_of(patient, number)
    how = "written" if number % written_every == 0 else "memory"
    series = _written_series(seed, conditions, kinds) if how == "written" else _rendered(patient, kinds)
    rows: list[Row] = []
    for kind, one in series:
        for compared in audit(one):
            found = compared.finding
            what = f"{seed} {conditions} {kind} {found.site} {found.pathology} {found.grade} {found.value}"
            rows.append((compared.quantity, kind, how, compared.error, what))
    return rows


def _rendered(patient: Patient, kinds: Sequence[SeriesKind]) -> Iterator[tuple[str, MaskedSeries]]:
    for one in rendered_series(patient, kinds):
        yield one.kind, in_memory(one, patient)


def _written_series(
    seed: int, conditions: list[str] | None, kinds: Sequence[str]
) -> Iterator[tuple[str, MaskedSeries]]:
    with tempfile.TemporaryDirectory() as folder:
        write_study(seed, Path(folder), kinds, conditions)
        for study in read(Path(folder)):
            assert isinstance(study, Study) and study.stated is not None
            lines = study.stated.read_text(encoding="utf-8").splitlines()
            findings = [Finding.model_validate_json(line) for line in lines]
            for series in study.series:
                kind = series.image.name.split("_L")[0].split("_T")[0].split("_C")[0]
                yield kind, written(study, series, findings)


def table(rows: Sequence[Row]) -> dict[str, dict[str, float | int]]:
    """Return quantity -> n, mean and greatest absolute error, bias, and the share within the bar."""
    by: dict[str, list[float]] = defaultdict(list)
    for quantity, kind, _, error, _ in rows:
        by[quantity].append(error)
        by[f"{quantity}/{kind}"].append(error)
    found: dict[str, dict[str, float | int]] = {}
    for name in sorted(by):
        errors, bar = np.array(by[name]), BARS[name.split("/")[0]]
        found[name] = {
            "n": len(errors),
            "mean_error": round(float(np.abs(errors).mean()), 3),
            "bias": round(float(errors.mean()), 3),
            "p95": round(float(np.percentile(np.abs(errors), 95)), 3),
            "max": round(float(np.abs(errors).max()), 3),
            "bar": bar,
            "share_within": round(float((np.abs(errors) <= bar).mean()), 4),
        }
    return found


def run(studies: int, workers: int, written_every: int) -> list[Row]:
    """Return the comparisons of all studies, shared among processes."""
    work = partial(rows_of, written_every=written_every)
    if workers == 1:
        return [row for number in range(studies) for row in work(number)]
    with ProcessPoolExecutor(workers) as pool:
        return [row for rows in pool.map(work, range(studies), chunksize=5) for row in rows]


def main() -> None:
    """Run the audit, print the table and the worst of each quantity, write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--written-every", type=int, default=20)
    parser.add_argument("--worst", type=int, default=3)
    options = parser.parse_args()
    start = time.perf_counter()
    rows = run(options.studies, options.workers, options.written_every)
    seconds = time.perf_counter() - start
    found = table(rows)
    print(f"{'quantity':28}{'n':>7}{'mean':>8}{'bias':>8}{'p95':>8}{'max':>8}{'bar':>6}{'within':>9}")
    for name, line in found.items():
        print(
            f"{name:28}{line['n']:7}{line['mean_error']:8.2f}{line['bias']:8.2f}{line['p95']:8.2f}"
            f"{line['max']:8.2f}{line['bar']:6.1f}{line['share_within']:9.2%}"
        )
    for quantity in BARS:
        worst = sorted((row for row in rows if row[0] == quantity), key=lambda row: -abs(row[3]))
        for row in worst[: options.worst]:
            if abs(row[3]) > BARS[quantity]:
                print(f"worst {quantity}: {row[3]:+.2f} {row[2]} {row[4]}")
    RESULTS.parent.mkdir(exist_ok=True)
    result = {
        "generator_version": GENERATOR_VERSION,
        "studies": options.studies,
        "written_and_read_back": -(-options.studies // options.written_every),
        "seconds": round(seconds, 1),
        "workers": options.workers,
        **setting("spinemed", "numpy", "SimpleITK"),
        "quantities": found,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{options.studies} studies in {seconds:.0f} s; results in {RESULTS.name}")


if __name__ == "__main__":
    main()
