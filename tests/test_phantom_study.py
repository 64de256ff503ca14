"""Phantom studies on disk: same seed same bytes, pixels as rendered, geometry that survives DICOM."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  the field's name
from PIL import Image
from typer.testing import CliRunner

import spinemed.phantom.export.study as study_module
from spinemed.cli import app
from spinemed.errors import ConfigError, OutputError
from spinemed.imaging.dicom import read_pixels, read_series
from spinemed.phantom.export.dicom import instance_uid, series_uid, uid
from spinemed.phantom.export.identity import STUDY_DATE, invented_identity
from spinemed.phantom.export.kinds import axial_discs, checked_kinds, default_kinds
from spinemed.phantom.export.series import StudySeries, rendered_series, series_names
from spinemed.phantom.export.study import write_studies, write_study
from spinemed.phantom.export.styles import write_in_style
from spinemed.phantom.export.truth import StudyTruth
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.stream import GENERATOR_VERSION, stream
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.phantom.rendering.series import RenderedSeries
from spinemed.phantom.rendering.sheet import write_sheet

SEED = 7
KINDS = ("ct", "t1", "t2", "stir", "t2_axial", "xr_lat")
FEW = ("ct", "t2")


def all_bytes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(SEED, tmp_path_factory.mktemp("studies"), KINDS)


@pytest.fixture(scope="module")
def rendered() -> dict[str, StudySeries]:
    return {one.name: one for one in rendered_series(sample_patient(SEED), checked_kinds(KINDS))}


def stack(one: StudySeries) -> RenderedSeries:
    assert isinstance(one.rendered, RenderedSeries)
    return one.rendered


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_pixels(
    written: Path, tmp_path: Path
) -> None:
    again = write_study(SEED, tmp_path, KINDS)
    assert all_bytes(again) == all_bytes(written)
    other = all_bytes(write_study(8, tmp_path, KINDS))
    shared = set(other.values()) & set(all_bytes(again).values())
    empty = hashlib.sha256(b"").hexdigest()
    assert shared <= {empty}


def test_two_workers_write_the_bytes_that_one_writes(tmp_path: Path) -> None:
    alone = [write_study(seed, tmp_path / "one", FEW) for seed in (6, 7)]
    together = list(write_studies(6, 2, tmp_path / "two", workers=2, kinds=FEW))
    assert [folder.name for folder in together] == ["phantom-000006", "phantom-000007"]
    assert [all_bytes(folder) for folder in together] == [all_bytes(folder) for folder in alone]


def test_a_study_has_a_folder_for_each_series_and_one_for_each_axial_stack(written: Path) -> None:
    folders = sorted(path.name for path in written.iterdir() if path.is_dir())
    assert folders == sorted(series_names(sample_patient(SEED), checked_kinds(KINDS)))
    assert len([name for name in folders if name.startswith("t2_axial_")]) >= 3
    for name in ("truth.json", "findings.jsonl", "rejects.jsonl"):
        assert (written / name).is_file()


def test_the_general_reader_gives_the_pixels_and_the_geometry_that_were_rendered(
    written: Path, rendered: dict[str, StudySeries]
) -> None:
    for name, one in rendered.items():
        if isinstance(one.rendered, RenderedRadiograph):
            continue
        series = read_series(written / name)
        image, grid = read_pixels(series), stack(one).acquisition.grid
        assert np.array_equal(sitk.GetArrayFromImage(image), stack(one).pixels), name
        mask = sitk.ReadImage(str(written / f"{name}_seg.nii.gz"))
        assert np.array_equal(sitk.GetArrayFromImage(mask), stack(one).mask), name
        for found in (image, mask):
            assert found.GetSpacing()[::-1] == pytest.approx(grid.steps_mm, abs=1e-4)
            for index in ((0, 0, 0), (1, 200, 100)):
                point = found.TransformIndexToPhysicalPoint(index[::-1])
                assert np.allclose(grid.index_of(np.array(point)), index, atol=2e-3), name
        assert [part.uid for part in series.slices] == [
            instance_uid(sample_patient(SEED), name, index) for index in range(len(series.slices))
        ]


def test_a_written_radiograph_holds_the_pixels_that_were_projected(
    written: Path, rendered: dict[str, StudySeries]
) -> None:
    film = rendered["xr_lat"].rendered
    assert isinstance(film, RenderedRadiograph)
    stored = pydicom.dcmread(written / "xr_lat" / "001.dcm")
    assert np.array_equal(stored.pixel_array, film.pixels)
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(written / "xr_lat_seg.nii.gz")))[0]
    assert np.array_equal(mask, film.masks)


def test_every_instance_bears_the_invented_person_and_says_that_it_is_synthetic(written: Path) -> None:
    who = invented_identity(sample_patient(SEED))
    for name in sorted(path.name for path in written.iterdir() if path.is_dir()):
        first = pydicom.dcmread(written / name / "001.dcm", stop_before_pixels=True)
        assert str(first.PatientName) == who.patient_name and first.PatientID == who.patient_id
        assert first.PatientBirthDate == who.birth_date and first.AccessionNumber == who.accession_number
        assert str(first.ReferringPhysicianName) == who.referring_physician
        assert first.InstitutionName == who.institution
        assert "Synthetic" in first.ImageComments and "SYNTHETIC" in first.ImageType
        assert "SYNTHETIC" in first.DeviceSerialNumber and "synthetic" in first.Manufacturer
        assert "PatientIdentityRemoved" not in first
        assert first.SeriesInstanceUID == series_uid(sample_patient(SEED), name)


def test_the_invented_birth_date_fits_the_age_at_the_study() -> None:
    for seed in range(30):
        patient = sample_patient(seed)
        birth = invented_identity(patient).birth_date
        passed = int(STUDY_DATE[:4]) - int(birth[:4]) - (STUDY_DATE[4:] < birth[4:])
        assert passed == patient.age


def test_identities_differ_between_patients_and_not_between_their_conditions() -> None:
    known = {invented_identity(sample_patient(seed)).patient_id for seed in range(50)}
    assert len(known) == 50
    ill, well = sample_patient(3, ["scoliosis"]), sample_patient(3, [])
    assert invented_identity(ill).patient_id == invented_identity(well).patient_id
    assert uid(ill, "study") != uid(well, "study")


def test_series_of_one_posture_share_a_frame_of_reference_and_postures_do_not(tmp_path: Path) -> None:
    folder = write_study(SEED, tmp_path, ("ct", "t2", "t2_axial"))
    headers = [
        pydicom.dcmread(path / "001.dcm", stop_before_pixels=True)
        for path in sorted(folder.iterdir())
        if path.is_dir()
    ]
    assert len({header.FrameOfReferenceUID for header in headers}) == 1
    assert len({header.StudyInstanceUID for header in headers}) == 1
    assert len({header.SeriesInstanceUID for header in headers}) == len(headers)
    patient = sample_patient(SEED)
    assert uid(patient, "frame", "lying") != uid(patient, "frame", "standing")


def test_the_written_boxes_hold_the_masks(written: Path) -> None:
    truth = StudyTruth.model_validate_json((written / "truth.json").read_text())
    assert truth.synthetic and truth.seed == SEED and truth.generator_version == GENERATOR_VERSION
    for series in truth.series:
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(written / f"{series.name}_seg.nii.gz")))
        assert {verse_value(box.level) for box in series.boxes} == set(np.unique(mask)) - {0}
        for box in series.boxes:
            value = verse_value(box.level)
            part = mask[slice(*box.slices), slice(*box.rows), slice(*box.columns)] == value
            assert part.sum() == (mask == value).sum()


def test_the_truth_names_conditions_and_measures_every_posture_that_was_imaged(written: Path) -> None:
    truth = StudyTruth.model_validate_json((written / "truth.json").read_text())
    patient = sample_patient(SEED)
    assert truth.conditions == patient.conditions and truth.variant == patient.variant
    assert {one.posture for one in truth.postures} == {"lying", "standing"}
    lying, standing = truth.placed("lying"), truth.placed("standing")
    assert [one.level for one in lying.vertebrae] == [shape.level for shape in reversed(patient.vertebrae)]
    assert [one.site for one in lying.discs] == [one.site for one in standing.discs]
    assert lying.curves.lordosis_deg != standing.curves.lordosis_deg


def test_heads_are_up_and_the_front_is_left_in_the_stored_picture(
    rendered: dict[str, StudySeries],
) -> None:
    mask = stack(rendered["t2"]).mask[3]
    values = [value for value in range(1, 27) if (mask == value).any() and value != 26]
    rows = [float(np.nonzero(mask == value)[0].mean()) for value in values]
    assert rows == sorted(rows)
    columns = np.nonzero(mask == values[len(values) // 2])[1]  # body in front, spinous process behind
    by_column = np.bincount(columns, minlength=mask.shape[1])
    assert by_column[: int(columns.mean())].sum() > 0.5 * by_column.sum()


def test_noise_of_two_patients_and_of_two_series_is_not_shared() -> None:
    draws = {
        (seed, kind): stream(seed, f"noise/{kind}").standard_normal(1000)
        for seed in (1, 2, 3)
        for kind in FEW
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
        write_study(3, tmp_path, FEW)
    assert list(tmp_path.iterdir()) == []
    killed = tmp_path / ".phantom-000003.partial" / "ct"
    killed.mkdir(parents=True)
    (killed / "009.dcm").write_bytes(b"left by a killed run")
    folder = write_study(3, tmp_path, FEW)
    assert not (folder / "ct" / "010.dcm").exists() and (folder / "truth.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["phantom-000003"]


def test_a_complete_study_is_kept_and_one_of_another_version_is_replaced(tmp_path: Path) -> None:
    folder = write_study(3, tmp_path, ("ct",))
    before = all_bytes(folder)
    stamp = (folder / "truth.json").stat().st_mtime_ns
    assert write_study(3, tmp_path, ("ct",)) == folder
    assert (folder / "truth.json").stat().st_mtime_ns == stamp
    old = json.loads((folder / "truth.json").read_text()) | {"generator_version": "0"}
    (folder / "truth.json").write_text(json.dumps(old))
    (folder / "stale.txt").write_text("from the old version")
    assert all_bytes(write_study(3, tmp_path, ("ct",))) == before


def test_a_study_with_other_series_or_of_a_patient_with_other_conditions_is_replaced(tmp_path: Path) -> None:
    first = all_bytes(write_study(3, tmp_path, ("ct",), []))
    assert set(all_bytes(write_study(3, tmp_path, ("ct", "t1"), []))) > set(first)
    assert all_bytes(write_study(3, tmp_path, ("ct",), [])) == first
    ill = all_bytes(write_study(3, tmp_path, ("ct",), ["metastasis"]))
    assert ill["ct/001.dcm"] != first["ct/001.dcm"]


def test_default_series_follow_the_conditions() -> None:
    healthy = default_kinds(sample_patient(1, []))
    assert {"ct", "t1", "t2", "stir", "t2_axial", "xr_ap", "xr_lat"} == set(healthy)
    assert {"xr_flexion", "xr_extension"} <= set(default_kinds(sample_patient(1, ["spondylolisthesis"])))
    assert {"xr_full_ap", "xr_full_lat"} <= set(default_kinds(sample_patient(1, ["scoliosis"])))


def test_axial_slices_go_through_the_lowest_discs_and_through_the_ill_ones() -> None:
    for seed in range(10):
        patient = sample_patient(seed, ["disc_herniation"])
        chosen = axial_discs(patient)
        assert chosen[:3] == tuple(disc.above for disc in patient.discs[:3])
        herniated = [disc.above for disc in patient.discs if disc.herniation is not None]
        assert set(herniated) <= set(chosen)


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seed -1 is out of range"):
        write_study(-1, tmp_path)
    with pytest.raises(ConfigError, match="workers 0"):
        list(write_studies(0, 1, tmp_path, workers=0))
    with pytest.raises(ConfigError, match="series pet cannot be made; choose from ct, t1"):
        write_study(1, tmp_path, ("ct", "pet"))
    with pytest.raises(ConfigError, match="hiccups"):
        write_study(1, tmp_path, ("ct",), ["hiccups"])
    with pytest.raises(ConfigError, match="style 'nrrd' is unknown; choose dicom, verse, spider"):
        write_in_style("nrrd", 1, 1, tmp_path)
    with pytest.raises(ConfigError, match="leave --kinds out"):
        write_in_style("verse", 1, 1, tmp_path, kinds="ct")
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for write in (write_study, lambda seed, out: next(iter(write_in_style("spider", seed, 1, out)))):
        with pytest.raises(OutputError, match="choose another --out folder"):
            write(1, blocked)


def test_the_command_writes_the_series_and_conditions_that_are_asked_for(tmp_path: Path) -> None:
    arguments = ["phantom", "--seed", "7", "--count", "2", "--out", str(tmp_path / "s")]
    outcome = CliRunner().invoke(app, [*arguments, "--kinds", "ct,t2", "--condition", "metastasis"])
    assert outcome.exit_code == 0, outcome.output
    assert "2 synthetic studies" in outcome.output
    truth = StudyTruth.model_validate_json((tmp_path / "s" / "phantom-000007" / "truth.json").read_text())
    assert [one.name for one in truth.series] == ["ct", "t2"] and truth.conditions == ("metastasis",)


def test_the_command_draws_a_contact_sheet(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    outcome = CliRunner().invoke(
        app, ["phantom", "--seed", "7", "--kinds", "ct", "--out", str(tmp_path / "s"), "--png", str(sheet)]
    )
    assert outcome.exit_code == 0, outcome.output
    assert sheet.read_bytes().startswith(b"\x89PNG")
    again = write_sheet([7], tmp_path / "again.png")
    assert sheet.read_bytes() == again.read_bytes()
    ill = write_sheet([7], tmp_path / "ill.png", ["spondylodiscitis"])
    assert ill.read_bytes() != again.read_bytes()
    shown = np.asarray(Image.open(sheet))
    assert shown.shape[1] // 7 >= 300  # CT, four series of MR, two films in one row
    assert (np.array_split(shown, 7, axis=1)[6] > 60).any()
