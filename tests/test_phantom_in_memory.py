"""A study drawn in memory gives the rows of the same study written and read; what referrals ask for."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from spinemed.corpus.stages.task import StudyRows, rows_of
from spinemed.errors import ConfigError
from spinemed.imaging.radiograph import Radiograph, read_radiograph
from spinemed.imaging.volume import Volume, read_mask, read_volume
from spinemed.instances import Asking
from spinemed.phantom.export.in_memory import Drawn, drawn_study
from spinemed.phantom.export.kinds import ALL_KINDS, checked_names, default_kinds, follows_up, kinds_for
from spinemed.phantom.export.referral import REFERRAL, referral_kinds
from spinemed.phantom.export.study import write_study
from spinemed.phantom.patient.conditions import known_conditions
from spinemed.phantom.patient.sample import sample_patient
from spinemed.records import Reject, Study
from spinemed.sources.phantom import read

ASKING = Asking(0, 0.5, 3, items_per_kind=1)
# Every kind of slices, films of several views and postures, a follow-up; an ill patient and a healthy one.
WHOLE_KINDS = ("ct", "t1", "t2", "stir", "t2_axial", "xr_ap", "xr_flexion", "xr_full_lat")
WHOLE = (31, WHOLE_KINDS, ("metastasis",), "any", True)
LUMBAR = (32, ("ct", "xr_lat"), (), "lumbar", False)


def read_one(folder: Path) -> Study:
    (study,) = read(folder)
    assert isinstance(study, Study)
    return study


@pytest.fixture(scope="module", params=[WHOLE, LUMBAR], ids=["whole", "lumbar"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Drawn, Study]:
    seed, kinds, conditions, field, later = request.param
    folder = tmp_path_factory.mktemp("studies")
    write_study(seed, folder, kinds, conditions, field, later)
    return drawn_study(seed, kinds, conditions, field, later), read_one(folder)


def placeless(study: Study) -> Study:
    """The study with file names alone."""
    series = tuple(
        one.model_copy(update={"image": one.image.name, "mask": Path(str(one.mask)).name})
        for one in study.series
    )
    assert study.stated is not None
    return study.model_copy(update={"series": series, "stated": study.stated.name})


def test_the_record_is_that_of_the_written_study_with_its_conditions(both: tuple[Drawn, Study]) -> None:
    drawn, study = both
    assert placeless(drawn.study) == placeless(study)
    assert study.conditions in {("metastasis",), ("healthy",)}
    assert not drawn.study.series[0].image.is_absolute()


def test_rows_are_the_same_of_both_down_to_the_bytes_of_pictures(both: tuple[Drawn, Study]) -> None:
    drawn, study = both
    mine, written = rows_of(drawn, ASKING), rows_of(study, ASKING)
    assert len(written.instances) > 5 and len(written.pictures) > 3
    for part in ("findings", "pictures", "instances", "rejects", "slices"):
        assert getattr(mine, part) == getattr(written, part), part
    assert lines_of(mine) == lines_of(written)
    assert all(one.evidence.slice_id for one in mine.findings if one.evidence.plane != "sagittal")


def lines_of(rows: StudyRows) -> list[str]:
    records = [*rows.findings, *rows.instances, *rows.rejects]
    return [one.model_dump_json() for one in records]


def test_each_series_is_what_its_readers_give(both: tuple[Drawn, Study]) -> None:
    drawn, study = both
    for series in study.series:
        mine = drawn.series[series.uid]
        if series.modality == "XR":
            film = read_radiograph(series.image)
            assert isinstance(mine.picture, Radiograph)
            assert np.array_equal(mine.picture.pixels, film.pixels)
            assert mine.picture.pixels.dtype == film.pixels.dtype
            for name in ("spacing_mm", "patient_orientation", "view", "uid", "series_uid", "window", "notes"):
                assert getattr(mine.picture, name) == getattr(film, name), name
            continue
        volume = read_volume(series.image)
        assert isinstance(mine.picture, Volume)
        assert (
            np.array_equal(mine.picture.array, volume.array)
            and mine.picture.array.dtype == volume.array.dtype
        )
        for name in ("spacing_mm", "direction", "stored_orientation", "slice_ids", "notes"):
            assert getattr(mine.picture, name) == getattr(volume, name), name
        assert np.allclose(mine.picture.origin_mm, volume.origin_mm, atol=1e-6)
        assert isinstance(series.mask, Path)
        assert np.array_equal(mine.mask, read_mask(series.mask, "verse", volume))


def test_a_study_names_its_conditions_in_a_file_of_its_own_that_must_be_whole(tmp_path: Path) -> None:
    folder = write_study(33, tmp_path / "s", ("xr_lat",), ("kyphosis",))
    assert json.loads((folder / "study.json").read_text()) == {"synthetic": True, "conditions": ["kyphosis"]}
    assert read_one(tmp_path / "s").conditions == ("kyphosis",)
    for broken in ("{", "{}", '{"conditions": 3}', None):
        if broken is None:
            (folder / "study.json").unlink()
        else:
            (folder / "study.json").write_text(broken)
        (found,) = read(tmp_path / "s")
        assert isinstance(found, Reject) and "study.json" in found.reason, broken
    # A study without it is not complete: it is written anew.
    write_study(33, tmp_path / "s", ("xr_lat",), ("kyphosis",))
    assert read_one(tmp_path / "s").conditions == ("kyphosis",)


def test_a_referral_asks_for_some_of_the_series_by_the_patients_seed_alone() -> None:
    patients = [sample_patient(seed) for seed in range(200)]
    asked = [kinds_for(patient, [REFERRAL]) for patient in patients]
    assert asked == [kinds_for(patient, [REFERRAL]) for patient in patients]
    for kinds in asked:
        assert kinds == tuple(kind for kind in ALL_KINDS if kind in kinds)
        assert "t2_axial" not in kinds or "t2" in kinds
    mean = sum(map(len, asked)) / len(asked)
    assert mean < 0.6 * sum(len(default_kinds(patient)) for patient in patients) / len(patients)
    modalities: Counter[str] = Counter()
    for kinds in asked:
        films = any(kind.startswith("xr") for kind in kinds)
        modalities.update(CT="ct" in kinds, XR=films, MR=bool({"t1", "t2", "stir"} & set(kinds)))
    assert min(modalities.values()) > 0.3 * len(patients), modalities
    assert {kind for kinds in asked for kind in kinds} == set(ALL_KINDS)


def test_every_condition_can_be_referred_and_gets_series_that_show_it() -> None:
    wanted = {"scoliosis": "xr_full_ap", "spondylolisthesis": "xr_flexion", "traumatic_fracture": "ct"}
    wanted |= {"metastasis": "stir", "cervical_myelopathy": "t2", "disc_herniation": "t2_axial"}
    for condition in known_conditions():
        kinds = [referral_kinds(sample_patient(seed, [condition])) for seed in range(30)]
        assert len(set(kinds)) >= 3, condition
        shown = sum(wanted.get(condition, "t1") in one for one in kinds)
        assert shown >= 0.1 * len(kinds), condition


def test_the_name_referral_stands_alone() -> None:
    assert checked_names(["referral"]) == (REFERRAL,) and checked_names(["t2", "ct"]) == ("ct", "t2")
    assert follows_up(None) and follows_up(["referral"]) and not follows_up(["ct"])
    for names in (["referral", "ct"], [], ["referrals"]):
        with pytest.raises(ConfigError, match="referral alone"):
            checked_names(names)
        with pytest.raises(ConfigError, match="referral alone"):
            kinds_for(sample_patient(1), names)


def test_a_referral_is_written_as_it_is_drawn(tmp_path: Path) -> None:
    seed = next(seed for seed in range(100) if kinds_for(sample_patient(seed), [REFERRAL]) == ("ct",))
    folder = write_study(seed, tmp_path, [REFERRAL])
    stamp = (folder / "truth.json").stat().st_mtime_ns
    assert write_study(seed, tmp_path, [REFERRAL]) == folder
    assert (folder / "truth.json").stat().st_mtime_ns == stamp
    assert placeless(drawn_study(seed, [REFERRAL]).study) == placeless(read_one(tmp_path))


def test_a_bent_back_is_not_called_normal_where_its_angle_cannot_be_measured() -> None:
    rows = rows_of(drawn_study(8043, ("ct", "xr_full_lat"), ("kyphosis",)), ASKING)
    assert not any(one.pathology == "thoracic_kyphosis" for one in rows.findings)
    assert any("thoracic_kyphosis is there at T4" in one.reason for one in rows.rejects)
    assert not any(one.kind.endswith("_normal") for one in rows.instances)


def test_in_a_round_back_that_runs_level_no_body_is_called_the_highest_beside_a_higher_one() -> None:
    """Of this patient T3 was named, with C7 to T2 whole beside it in the picture."""
    rows = rows_of(drawn_study(750, (REFERRAL,)), ASKING)
    first = [one.question for one in rows.instances if re.search("highest|最上", one.question)]
    assert not [one for one in first if re.search("T3|胸3", one)]
