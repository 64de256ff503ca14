"""The phantom source: one Study a patient with all its series, Rejects for incomplete folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from spinemed.errors import SourceError
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.phantom.export.study import write_study
from spinemed.phantom.export.truth import StudyTruth
from spinemed.records import Finding, Reject, Study
from spinemed.sources.phantom import read

KINDS = ("ct", "t1", "t2", "stir", "t2_axial", "xr_ap", "xr_lat")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("studies")
    write_study(12, out, KINDS)
    write_study(3, out, ("ct", "t2"))
    return out


def studies(folder: Path) -> list[Study]:
    found = list(read(folder))
    assert all(isinstance(one, Study) for one in found)
    return [one for one in found if isinstance(one, Study)]


def test_studies_come_by_name_with_all_series_that_are_there(folder: Path) -> None:
    first, second = studies(folder)
    assert (first.patient, second.patient) == ("phantom-000003", "phantom-000012")
    assert second.synthetic and second.licence == "Apache-2.0" and second.numbering == "phantom_truth"
    assert [(part.modality, part.sequence) for part in first.series] == [("CT", ""), ("MR", "T2")]
    sagittal = [part for part in second.series if part.plane == "sagittal"]
    assert [(part.modality, part.sequence) for part in sagittal] == [
        ("CT", ""),
        ("MR", "T1"),
        ("MR", "T2"),
        ("MR", "STIR"),
    ]
    axial = [part for part in second.series if part.plane == "axial"]
    assert len(axial) >= 3 and all((part.modality, part.sequence) == ("MR", "T2") for part in axial)
    films = [part for part in second.series if part.plane == "radiograph"]
    assert [(part.modality, part.view, part.posture) for part in films] == [
        ("XR", "AP", "standing"),
        ("XR", "LAT", "standing"),
    ]
    assert {part.posture for part in (*sagittal, *axial)} == {"lying"}


def test_sex_age_band_and_uids_agree_with_the_truth_beside_the_study(folder: Path) -> None:
    for study in studies(folder):
        truth = StudyTruth.model_validate_json((folder / study.patient / "truth.json").read_text())
        assert study.sex == truth.sex
        assert int(study.age_band[:2]) <= truth.age < int(study.age_band[:2]) + 10
        assert {part.image.name: part.uid for part in study.series} == {
            part.name: part.uid for part in truth.series
        }


def test_the_study_names_what_the_phantom_states_and_every_finding_belongs_to_one_of_its_series(
    folder: Path,
) -> None:
    for study in studies(folder):
        assert study.stated == folder / study.patient / "findings.jsonl"
        lines = study.stated.read_text(encoding="utf-8").splitlines()
        findings = [Finding.model_validate_json(line) for line in lines]
        assert findings and {one.study for one in findings} == {study.id}
        assert {one.evidence.series for one in findings} == {part.uid for part in study.series}
        assert len({one.id for one in findings}) == len(findings)


def test_the_general_readers_give_image_and_mask_on_one_grid_with_the_truths_levels(folder: Path) -> None:
    for study in studies(folder):
        truth = StudyTruth.model_validate_json((folder / study.patient / "truth.json").read_text())
        boxes = {part.uid: part.boxes for part in truth.series}
        for series in study.series:
            if series.plane != "sagittal":
                continue
            volume = read_volume(series.image)
            assert isinstance(series.mask, Path)
            mask = read_mask(series.mask, series.label_scheme, volume)
            assert mask.shape == volume.array.shape
            levels = {box.level for box in boxes[series.uid]} - {"Co"}
            assert len(np.unique(mask)) - 1 == len(levels)


@pytest.mark.parametrize("lost", ["ct", "t2_seg.nii.gz", "t2/001.dcm", "findings.jsonl"])
def test_an_incomplete_folder_becomes_a_reject_that_names_what_to_do(
    folder: Path, tmp_path: Path, lost: str
) -> None:
    shutil.copytree(folder, tmp_path / "s")
    gone = tmp_path / "s" / "phantom-000003" / lost
    if gone.is_dir():
        shutil.rmtree(gone)
    elif gone.suffix == ".dcm":
        gone.write_bytes(b"broken")
    else:
        gone.unlink()
    reject, study = read(tmp_path / "s")
    assert isinstance(study, Study)
    assert isinstance(reject, Reject)
    assert "phantom-000003" in reject.reason and "run spinemed phantom again" in reject.fix


def test_a_missing_or_empty_folder_names_the_command_that_makes_it(tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(SourceError, match="spinemed phantom --out"):
            read(place)
