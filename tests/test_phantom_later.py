"""The later examination of a phantom patient: its courses, bytes and headers; the first stays as it was."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from typer.testing import CliRunner

from spinemed.cli import app
from spinemed.errors import ConfigError
from spinemed.facts.stated import stated_findings
from spinemed.phantom.anatomy.measure import cobb, height_loss, herniation_reach_mm
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.identity import age_at_examination
from spinemed.phantom.export.kinds import default_kinds
from spinemed.phantom.export.series import series_names
from spinemed.phantom.export.study import write_study
from spinemed.phantom.export.styles import write_in_style
from spinemed.phantom.export.truth import StudyTruth
from spinemed.phantom.patient.later import later
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.patient.shapes import Patient
from spinemed.records import Study
from spinemed.sources.phantom import read

KINDS = ("t2", "xr_full_ap")
SEED = 24  # a herniation and a scoliosis


def all_bytes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def pairs(condition: str, age: int | None = None, count: int = 60) -> list[tuple[Patient, Patient]]:
    """Return patients with a condition who are examined again."""
    settings = PatientSettings(age=age)
    firsts = [sample_patient(seed, [condition], settings=settings) for seed in range(count)]
    return [(first, second) for first in firsts if (second := later(first)) is not None]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(SEED, tmp_path_factory.mktemp("later"), KINDS, later=True)


def header(folder: Path) -> pydicom.Dataset:
    return pydicom.dcmread(folder / "001.dcm", stop_before_pixels=True)


def test_fresh_fractures_become_old_and_sink_by_twelve_points_in_the_form_they_have() -> None:
    courses: Counter[str] = Counter()
    for first, second in pairs("osteoporotic_fracture", age=75):
        before, after = place(first, "lying"), place(second, "lying")
        for old, new in zip(first.vertebrae, second.vertebrae, strict=True):
            if old.fracture is None and new.fracture is not None:
                courses["new"] += 1
                assert new.fracture.fresh and height_loss(after, new.level).percent > 25
            if old.fracture is None or new.fracture is None:
                continue
            assert not new.fracture.fresh and new.fracture.form == old.fracture.form
            if replace(new, fracture=None) == replace(old, fracture=None):
                courses["same"] += 1
            else:
                courses["sunk"] += 1
                gained = height_loss(after, new.level).percent - height_loss(before, new.level).percent
                assert gained >= 12, (first.seed, new.level)
    assert min(courses[name] for name in ("new", "same", "sunk")) >= 3


def test_torn_displaced_and_operated_vertebrae_are_not_followed() -> None:
    seen: set[str] = set()
    for first, second in pairs("traumatic_fracture", age=40, count=120):
        for old, new in zip(first.vertebrae, second.vertebrae, strict=True):
            if old.fracture is not None:
                seen.add(old.fracture.ao)
                assert new.fracture is not None and not new.fracture.fresh
    assert seen == {"A1", "A2", "A3", "A4"}


def test_herniations_shrink_vanish_grow_or_stay() -> None:
    courses: Counter[str] = Counter()
    for first, second in pairs("disc_herniation", age=45):
        before, after = place(first, "lying"), place(second, "lying")
        for old, new in zip(first.discs, second.discs, strict=True):
            if old.herniation is None:
                assert new.herniation is None
            elif new == old:
                courses["same"] += 1
            elif new.herniation is None:
                courses["gone"] += 1
                assert new.narrowing.foramen == (0.0, 0.0)
            else:
                moved = herniation_reach_mm(after.disc(new.above)) - herniation_reach_mm(
                    before.disc(old.above)
                )
                courses["larger" if moved > 0 else "smaller"] += 1
                assert abs(moved) >= 3, (first.seed, new.above)
    assert min(courses[name] for name in ("same", "gone", "larger", "smaller")) >= 3


def test_metastases_grow_shrink_spread_or_stay_and_blastic_ones_do_not_shrink() -> None:
    courses: Counter[str] = Counter()
    for first, second in pairs("metastasis", age=65):
        kinds = {shape.lesion.kind for shape in first.vertebrae if shape.lesion is not None}
        for old, new in zip(first.vertebrae, second.vertebrae, strict=True):
            if old.lesion is None and new.lesion is not None:
                courses["new"] += 1
                assert new.lesion.kind in kinds
            if old.lesion is None or new.lesion is None:
                assert new.lesion is not None or old.lesion is None
                continue
            factor = new.lesion.radii[0] / old.lesion.radii[0]
            courses["same" if factor == 1 else "larger" if factor > 1 else "smaller"] += 1
            assert factor == 1 or factor >= 1.4 or (factor <= 0.6 and old.lesion.kind == "lytic")
    assert min(courses[name] for name in ("new", "same", "larger", "smaller")) >= 3


@pytest.mark.parametrize(("age", "progress"), [(18, True), (35, False), (70, True)])
def test_curves_progress_by_eight_degrees_in_the_young_and_the_old_alone(age: int, progress: bool) -> None:
    gained = []
    for first, second in pairs("scoliosis", age=age, count=12):
        main = cobb(place(first, "standing"))[0]
        then = cobb(place(second, "standing"))[0]
        assert second.months >= 12 and then.convex == main.convex
        gained.append(then.degrees - main.degrees)
    changed = [gain for gain in gained if abs(gain) > 1e-6]
    assert all(gain >= 8 for gain in changed)
    assert bool(changed) == progress and len(changed) < len(gained)


def test_about_a_third_stays_and_who_has_nothing_to_follow_is_not_seen_again() -> None:
    assert all(later(sample_patient(seed, [])) is None for seed in range(10))
    assert all(later(sample_patient(seed, ["spinal_stenosis"])) is None for seed in range(10))
    found = pairs("disc_herniation", count=200)
    sites = [
        (old, new)
        for one in found
        for old, new in zip(one[0].discs, one[1].discs, strict=True)
        if old.herniation
    ]
    assert 0.25 < sum(old == new for old, new in sites) / len(sites) < 0.42
    assert {second.months for _, second in found} == {3, 6, 12, 24}
    assert later(found[0][0]) == found[0][1]


def test_the_same_seed_gives_the_same_bytes_and_the_first_examination_does_not_know_of_the_later(
    written: Path, tmp_path: Path
) -> None:
    again = all_bytes(write_study(SEED, tmp_path / "again", KINDS, later=True))
    assert again == all_bytes(written)
    alone = all_bytes(write_study(SEED, tmp_path / "alone", KINDS))
    of_later = {name for name in again if "_later" in name}
    about = {"truth.json", "findings.jsonl", "rejects.jsonl"}
    assert of_later and {name: again[name] for name in again if name not in of_later | about} == {
        name: alone[name] for name in alone if name not in about
    }
    assert not {again[name] for name in of_later} & {alone[name] for name in alone}
    for name in ("findings.jsonl", "rejects.jsonl"):
        first = (tmp_path / "alone" / written.name / name).read_text()
        assert (written / name).read_text().startswith(first)


def test_the_headers_say_another_study_months_later_of_the_same_person(written: Path) -> None:
    patient = sample_patient(SEED)
    second = later(patient)
    assert second is not None and second.months == 24
    for name in KINDS:
        first, other = header(written / name), header(written / f"{name}_later")
        for same in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"):
            assert first[same].value == other[same].value
        for apart in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "AccessionNumber"):
            assert first[apart].value != other[apart].value
        if name == "t2":
            assert first.FrameOfReferenceUID != other.FrameOfReferenceUID
            assert first.ImagePositionPatient != other.ImagePositionPatient
        assert (first.StudyDate, other.StudyDate, other.SeriesDate) == ("20200101", "20220101", "20220101")
        assert int(other.PatientAge[:3]) == age_at_examination(second) == int(first.PatientAge[:3]) + 2


def test_follow_ups_are_written_by_default_and_with_named_series_only_where_asked_for(tmp_path: Path) -> None:
    patient = sample_patient(SEED)
    kinds = default_kinds(patient)
    assert [name for name in series_names(patient, kinds, follow_up=True) if name.endswith("_later")]
    assert not [name for name in series_names(patient, kinds) if name.endswith("_later")]
    out = str(tmp_path)
    for options, expected in (([], False), (["--later"], True), (["--no-later"], False)):
        command = ["phantom", "--seed", str(SEED), "--kinds", "xr_full_ap", "--out", out, *options]
        assert CliRunner().invoke(app, command).exit_code == 0
        assert (tmp_path / patient.name / "xr_full_ap_later").is_dir() == expected
    with pytest.raises(ConfigError, match="leave --later out"):
        write_in_style("verse", 1, 1, tmp_path, later=True)


def test_the_truth_measures_the_later_anatomy_under_its_own_key(written: Path) -> None:
    truth = StudyTruth.model_validate_json((written / "truth.json").read_text())
    assert truth.later is not None and truth.later.months == 24
    assert {one.name for one in truth.series} == set(KINDS)
    assert {one.name for one in truth.later.series} == {f"{name}_later" for name in KINDS}
    gained = truth.later.placed("standing").curves.cobb[0].degrees
    gained -= truth.placed("standing").curves.cobb[0].degrees
    assert gained >= 8


def test_the_source_counts_months_by_the_dates_in_the_headers(written: Path) -> None:
    (study,) = read(written.parent)
    assert isinstance(study, Study)
    assert [one.months for one in study.series] == [0, 0, 24, 24]
    assert {finding.evidence.series for finding in stated_findings(study)} == {
        one.uid for one in study.series
    }
    for file in (written / "t2_later").glob("*.dcm"):
        stored = pydicom.dcmread(file)
        stored.StudyDate = "20200601"
        stored.save_as(file)
    (moved,) = read(written.parent)
    assert isinstance(moved, Study)
    assert [(one.image.name, one.months) for one in moved.series] == [
        ("t2", 0), ("xr_full_ap", 0), ("t2_later", 5), ("xr_full_ap_later", 24),
    ]  # fmt: skip
