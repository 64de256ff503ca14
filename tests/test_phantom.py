"""The phantom: same seed same bytes, truth that the pixels bear out, geometry that survives DICOM."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  the field's name
from typer.testing import CliRunner

import spinemed.phantom.export.study as study_module
from spinemed.cli import app
from spinemed.errors import ConfigError, OutputError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.dicom import series_uid, uid
from spinemed.phantom.export.study import write_studies, write_study
from spinemed.phantom.export.truth import StudyTruth
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.stream import GENERATOR_VERSION, stream
from spinemed.phantom.rendering.acquisition import SeriesKind, plan
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.series import render
from spinemed.sources.phantom import read

KINDS: tuple[SeriesKind, ...] = ("ct", "t2")


def anatomy_of(seed: int) -> Anatomy:
    return place(sample_patient(seed))


def all_bytes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(7, tmp_path_factory.mktemp("studies"))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_pixels(
    written: Path, tmp_path: Path
) -> None:
    again = write_study(7, tmp_path)
    assert all_bytes(again) == all_bytes(written)
    assert len(all_bytes(again)) == 5 + 7 + 3
    other = all_bytes(write_study(8, tmp_path))
    assert not set(other.values()) & set(all_bytes(again).values())


def test_two_workers_write_the_bytes_that_one_writes(written: Path, tmp_path: Path) -> None:
    folders = list(write_studies(6, 2, tmp_path, workers=2))
    assert [folder.name for folder in folders] == ["phantom-000006", "phantom-000007"]
    assert all_bytes(folders[1]) == all_bytes(written)


@pytest.mark.parametrize("kind", KINDS)
def test_simpleitk_reads_back_the_geometry_and_the_values_that_were_rendered(
    written: Path, kind: str
) -> None:
    rendered = render(anatomy_of(7), plan(anatomy_of(7), kind))  # type: ignore[arg-type]
    grid = rendered.acquisition.grid
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(written / kind)))
    image, mask = reader.Execute(), sitk.ReadImage(str(written / f"{kind}_seg.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image), rendered.pixels)
    assert np.array_equal(sitk.GetArrayFromImage(mask), rendered.mask)
    for found in (image, mask):
        assert found.GetSpacing()[::-1] == pytest.approx(grid.steps_mm, abs=1e-4)
        assert found.GetOrigin() == pytest.approx(tuple(grid.origin_mm), abs=1e-3)
        for index in ((0, 0, 0), (4, 200, 100)):
            point = found.TransformIndexToPhysicalPoint(index[::-1])
            assert np.allclose(grid.index_of(np.array(point)), index, atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_pydicom_reads_a_consistent_series_that_says_it_is_synthetic(written: Path, kind: str) -> None:
    slices = [pydicom.dcmread(file) for file in sorted((written / kind).glob("*.dcm"))]
    rendered = render(anatomy_of(7), plan(anatomy_of(7), kind))  # type: ignore[arg-type]
    step = np.diff([np.array(part.ImagePositionPatient, float) for part in slices], axis=0)
    assert np.allclose(np.linalg.norm(step, axis=1), float(slices[0].SpacingBetweenSlices), atol=1e-4)
    normal = np.cross(*np.array(slices[0].ImageOrientationPatient, float).reshape(2, 3))
    assert np.allclose(step @ normal, float(slices[0].SpacingBetweenSlices), atol=1e-4)
    for part, pixels in zip(slices, rendered.pixels, strict=True):
        slope, intercept = float(part.get("RescaleSlope", 1)), float(part.get("RescaleIntercept", 0))
        assert np.array_equal(part.pixel_array * slope + intercept, pixels)
    first = slices[0]
    assert len({part.SOPInstanceUID for part in slices}) == 5
    assert {part.SeriesInstanceUID for part in slices} == {series_uid(sample_patient(7), kind)}  # type: ignore[arg-type]
    assert {part.FrameOfReferenceUID for part in slices} == {uid(sample_patient(7), "frame")}
    assert "Synthetic" in first.ImageComments and "SYNTHETIC" in first.ImageType
    assert "SYNTHETIC" in first.DeviceSerialNumber and "synthetic" in first.Manufacturer
    assert str(first.PatientName) == "PHANTOM^7" and first.PatientID == "PHANTOM-000007"
    assert "PatientIdentityRemoved" not in first


def test_both_series_share_study_and_frame_of_reference(written: Path) -> None:
    ct, t2 = (pydicom.dcmread(written / kind / "001.dcm", stop_before_pixels=True) for kind in KINDS)
    assert ct.StudyInstanceUID == t2.StudyInstanceUID and ct.FrameOfReferenceUID == t2.FrameOfReferenceUID
    assert ct.SeriesInstanceUID != t2.SeriesInstanceUID
    assert (ct.Modality, t2.Modality) == ("CT", "MR")


def test_the_written_boxes_call_the_lumbar_vertebrae_whole_and_hold_their_masks(written: Path) -> None:
    truth = StudyTruth.model_validate_json((written / "truth.json").read_text())
    assert truth.synthetic and truth.seed == 7 and truth.generator_version == GENERATOR_VERSION
    for series in truth.series:
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(written / f"{series.kind}_seg.nii.gz")))
        boxes = {box.level: box for box in series.boxes}
        assert all(boxes[level].whole for level in ("L1", "L2", "L3", "L4", "L5"))
        assert {verse_value(level) for level in boxes} == set(np.unique(mask)) - {0}
        for level, box in boxes.items():
            part = mask[slice(*box.slices), slice(*box.rows), slice(*box.columns)] == verse_value(level)
            assert part.sum() == (mask == verse_value(level)).sum()


def test_heads_are_up_and_the_front_is_left_in_the_stored_picture(written: Path) -> None:
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(written / "t2_seg.nii.gz")))[2]
    rows = [np.nonzero(mask == verse_value(level))[0].mean() for level in ("L1", "L3", "L5", "S1")]
    assert rows == sorted(rows)
    cord_side = np.nonzero(mask == verse_value("L3"))[1]  # body in front, spinous process behind
    body_columns = np.bincount(cord_side, minlength=mask.shape[1])
    assert body_columns[: int(cord_side.mean())].sum() > 0.5 * body_columns.sum()


def test_noise_of_two_patients_and_of_two_series_is_not_shared() -> None:
    draws = {
        (seed, kind): stream(seed, f"noise/{kind}").standard_normal(1000)
        for seed in (1, 2, 3)
        for kind in KINDS
    }
    names = list(draws)
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            assert abs(np.corrcoef(draws[first], draws[second])[0, 1]) < 0.15


def test_a_failure_half_way_leaves_no_study_and_the_next_run_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = study_module.write_series

    def fails_on_t2(folder: Path, *rest: object) -> object:
        if folder.name == "t2":
            raise KeyboardInterrupt
        return real(folder, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(study_module, "write_series", fails_on_t2)
        write_study(3, tmp_path)
    assert list(tmp_path.iterdir()) == []
    killed = tmp_path / ".phantom-000003.partial" / "ct"
    killed.mkdir(parents=True)
    (killed / "009.dcm").write_bytes(b"left by a killed run")
    assert len(all_bytes(write_study(3, tmp_path))) == 13
    assert [path.name for path in tmp_path.iterdir()] == ["phantom-000003"]


def test_a_complete_study_is_kept_and_one_of_another_version_is_replaced(tmp_path: Path) -> None:
    folder = write_study(3, tmp_path)
    before = all_bytes(folder)
    stamp = (folder / "truth.json").stat().st_mtime_ns
    assert write_study(3, tmp_path) == folder
    assert (folder / "truth.json").stat().st_mtime_ns == stamp
    old = json.loads((folder / "truth.json").read_text()) | {"generator_version": "0"}
    (folder / "truth.json").write_text(json.dumps(old))
    (folder / "stale.txt").write_text("from the old version")
    assert all_bytes(write_study(3, tmp_path)) == before


def test_seeds_out_of_range_and_unusable_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seed -1 is out of range"):
        write_study(-1, tmp_path)
    with pytest.raises(ConfigError, match="workers 0"):
        list(write_studies(0, 1, tmp_path, workers=0))
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(OutputError, match="choose another --out folder"):
        write_study(1, blocked)


def test_the_command_writes_studies_and_a_contact_sheet(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    outcome = CliRunner().invoke(
        app, ["phantom", "--seed", "7", "--count", "2", "--out", str(tmp_path / "s"), "--png", str(sheet)]
    )
    assert outcome.exit_code == 0, outcome.output
    assert "2 synthetic studies" in outcome.output and sheet.read_bytes().startswith(b"\x89PNG")
    assert len(list(read(tmp_path / "s"))) == 2
