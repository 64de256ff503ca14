"""The phantom source: one Study a patient, Rejects for incomplete folders, an error for a missing one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from spinemed.errors import SourceError
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.phantom.export.study import write_study
from spinemed.phantom.export.truth import StudyTruth
from spinemed.records import Reject, Study
from spinemed.sources.phantom import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("studies")
    for seed in (12, 3):
        write_study(seed, out)
    return out


def test_studies_come_by_name_with_two_series_each(folder: Path) -> None:
    studies = list(read(folder))
    assert all(isinstance(study, Study) for study in studies)
    assert [study.patient for study in studies if isinstance(study, Study)] == [
        "phantom-000003",
        "phantom-000012",
    ]
    first = studies[0]
    assert isinstance(first, Study)
    assert first.synthetic and first.licence == "Apache-2.0" and first.numbering == "phantom_truth"
    assert [(part.modality, part.sequence, part.label_scheme) for part in first.series] == [
        ("CT", "", "verse"),
        ("MR", "T2", "verse"),
    ]


def test_sex_age_band_and_uids_agree_with_the_truth_beside_the_study(folder: Path) -> None:
    for study in read(folder):
        assert isinstance(study, Study)
        truth = StudyTruth.model_validate_json((folder / study.patient / "truth.json").read_text())
        assert study.sex == truth.sex
        assert int(study.age_band[:2]) <= truth.age < int(study.age_band[:2]) + 10
        assert [part.uid for part in study.series] == [part.uid for part in truth.series]


def test_the_general_readers_give_image_and_mask_on_one_grid_with_the_truths_levels(folder: Path) -> None:
    study = next(iter(read(folder)))
    assert isinstance(study, Study)
    truth = StudyTruth.model_validate_json((folder / study.patient / "truth.json").read_text())
    for series, expected in zip(study.series, truth.series, strict=True):
        volume = read_volume(series.image)
        assert isinstance(series.mask, Path)
        mask = read_mask(series.mask, series.label_scheme, volume)
        assert mask.shape == volume.array.shape
        assert len(np.unique(mask)) - 1 == len(expected.boxes)


@pytest.mark.parametrize("lost", ["ct", "t2_seg.nii.gz", "t2/001.dcm"])
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
