"""The sampled patient: reproducible, with the conditions asked for, and impossible wishes refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from spinemed.errors import ConfigError
from spinemed.levels import Level
from spinemed.phantom.patient.conditions import check_complete, known_conditions, read_conditions
from spinemed.phantom.patient.morphometry import FRACTURE_LEVELS
from spinemed.phantom.patient.profile import levels_of
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.patient.shapes import Patient, Variant
from spinemed.phantom.patient.stream import stream
from spinemed.phantom.patient.wedges import shared_out

VARIANTS: tuple[Variant, ...] = ("none", "L6", "T13", "L4_only", "L5_sacralised")
CONDITIONS = tuple(known_conditions())


def struck(patient: Patient, condition: str) -> list[str]:
    """Where the patient shows the condition, by vertebra or by the vertebra above a disc."""
    shows = {
        "disc_degeneration": [disc.above for disc in patient.discs if disc.pfirrmann >= 4],
        "disc_herniation": [disc.above for disc in patient.discs if disc.herniation],
        "spinal_stenosis": [
            disc.above
            for disc in patient.discs
            if disc.narrowing.flavum_mm > 0 or max(*disc.narrowing.recess_mm, *disc.narrowing.foramen) > 0
        ],
        "spondylolisthesis": [disc.above for disc in patient.discs if disc.slip_mm],
        "osteoporotic_fracture": [
            bone.level
            for bone in patient.vertebrae
            if bone.fracture and bone.fracture.cause == "osteoporotic"
        ],
        "traumatic_fracture": [
            bone.level for bone in patient.vertebrae if bone.fracture and bone.fracture.cause == "traumatic"
        ],
        "scoliosis": [disc.above for disc in patient.discs if abs(disc.tilt_deg) > 0.5],
        "kyphosis": [
            bone.level for bone in patient.vertebrae if bone.level[0] == "T" and bone.height_ratio < 0.9
        ],
        "metastasis": [bone.level for bone in patient.vertebrae if bone.lesion],
        "spondylodiscitis": [disc.above for disc in patient.discs if disc.infected],
        "ankylosing_spondylitis": [disc.above for disc in patient.discs if disc.bridged],
        "cervical_myelopathy": [patient.myelopathy] if patient.myelopathy else [],
        "transitional_anatomy": [patient.vertebrae[0].level] if patient.variant != "none" else [],
        "post_operative": [bone.level for bone in patient.vertebrae if bone.screws],
    }
    return shows[condition]


def test_a_patient_follows_from_one_integer() -> None:
    for seed in (0, 7, 999_999):
        assert sample_patient(seed) == sample_patient(seed)
    assert sample_patient(1) != sample_patient(2)


def test_purposes_never_share_random_numbers() -> None:
    draws = {
        name: stream(5, name).random(200).tolist() for name in ("anatomy", "conditions", "condition/kyphosis")
    }
    firsts = {values[0] for values in draws.values()}
    assert len(firsts) == 3


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_forced_condition_changes_the_patient_and_its_absence_does_not(condition: str) -> None:
    for seed in range(25):
        patient = sample_patient(seed, [condition])
        assert patient.conditions == (condition,)
        assert struck(patient, condition), seed
        if condition != "kyphosis":
            assert not struck(sample_patient(seed, []), condition), seed


@pytest.mark.parametrize("condition", [name for name in CONDITIONS if name != "transitional_anatomy"])
def test_no_condition_gives_the_level_away(condition: str) -> None:
    sites = Counter(
        site for seed in range(150) for site in struck(sample_patient(seed, [condition]), condition)
    )
    assert len(sites) >= 4, sites
    assert sites.most_common(1)[0][1] <= 0.5 * sites.total(), sites


def test_all_conditions_together_still_make_a_patient() -> None:
    for seed in range(40):
        patient = sample_patient(seed, CONDITIONS)
        assert set(patient.conditions) == set(CONDITIONS)
        assert len(patient.discs) == len(patient.vertebrae) - 1


def test_drawn_conditions_follow_prevalence_and_some_patients_are_healthy() -> None:
    patients = [sample_patient(seed) for seed in range(600)]
    counts = Counter(name for patient in patients for name in patient.conditions)
    assert set(counts) == set(CONDITIONS)
    assert 0.04 < sum(not patient.conditions for patient in patients) / 600 < 0.35
    for name, condition in known_conditions().items():
        expected = sum(condition.chance(patient.sex, patient.age) for patient in patients)
        assert abs(counts[name] - expected) < 4 * expected**0.5 + 3, name


def test_wear_and_fragile_bones_come_with_age() -> None:
    def share(name: str, ages: tuple[int, ...]) -> float:
        found = [
            name in sample_patient(s, settings=PatientSettings(age=a)).conditions
            for a in ages
            for s in range(120)
        ]
        return sum(found) / len(found)

    for name in ("disc_degeneration", "spinal_stenosis", "osteoporotic_fracture", "spondylolisthesis"):
        assert share(name, (25, 30)) < share(name, (66, 80)), name
    grades = [
        sum(
            d.pfirrmann
            for s in range(60)
            for d in sample_patient(s, [], settings=PatientSettings(age=a)).discs
        )
        for a in (20, 50, 80)
    ]
    assert grades[0] < grades[1] < grades[2]
    assert all(disc.pfirrmann <= 3 for disc in sample_patient(3, []).discs)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_has_its_vertebrae_in_order_from_below(variant: Variant) -> None:
    patient = sample_patient(4, settings=PatientSettings(variant=variant))
    levels = [bone.level for bone in patient.vertebrae]
    assert tuple(levels) == levels_of(variant) and patient.variant == variant
    assert [Level(level) for level in levels] == sorted((Level(level) for level in levels), reverse=True)
    assert [disc.above for disc in patient.discs] == levels[:-1]
    assert [disc.below for disc in patient.discs] == ["S1", *levels[:-2]]
    assert ("transitional_anatomy" in patient.conditions) == (variant != "none")


def test_last_lumbar_vertebrae_look_alike_whatever_they_are_called() -> None:
    def last(variant: Variant) -> float:
        bones = [
            sample_patient(s, [], settings=PatientSettings(variant=variant, scale=1.0)) for s in range(60)
        ]
        return sum(patient.vertebrae[0].height_ratio for patient in bones) / 60

    ratios = [last(variant) for variant in VARIANTS]
    assert max(ratios) - min(ratios) < 0.03, ratios


def test_numbers_of_vertebrae_choose_the_variant() -> None:
    assert sample_patient(1, settings=PatientSettings(lumbar=6)).variant == "L6"
    assert sample_patient(1, settings=PatientSettings(thoracic=13)).variant == "T13"
    assert sample_patient(1, settings=PatientSettings(thoracic=12, lumbar=5)).variant == "none"


def test_settings_fix_what_they_name() -> None:
    wish = PatientSettings(sex="F", age=71, scale=0.9, slip_percent=33.0, level="L4")
    patient = sample_patient(11, ["spondylolisthesis"], settings=wish)
    assert (patient.sex, patient.age, patient.scale) == ("F", 71, 0.9)
    disc = patient.disc("L4")
    assert disc.slip_mm == pytest.approx(0.33 * patient.shape("L5").depth_mm)


def test_isthmic_slips_break_the_partes_and_favour_the_last_disc() -> None:
    kinds = Counter()
    for seed in range(250):
        patient = sample_patient(seed, ["spondylolisthesis"])
        disc = next(disc for disc in patient.discs if disc.slip_mm)
        broken = patient.shape(disc.above).pars_defect
        assert not broken or (disc.slip_mm > 0 and disc.above[0] == "L")
        kinds["isthmic" if broken else "back" if disc.slip_mm < 0 else "worn", disc.above] += 1
    assert kinds["isthmic", "L5"] > kinds["isthmic", "L4"] > 0
    assert kinds["worn", "L4"] > kinds["worn", "L5"] > 0
    assert sum(count for (kind, _), count in kinds.items() if kind == "back") > 10


def test_every_kind_of_fracture_and_every_grade_occurs() -> None:
    old, torn = Counter(), Counter()
    for seed in range(200):
        for bone in sample_patient(seed, ["osteoporotic_fracture"]).vertebrae:
            if bone.fracture:
                old[bone.fracture.form, bone.fracture.grade] += 1
                assert bone.level in FRACTURE_LEVELS
        for bone in sample_patient(seed, ["traumatic_fracture"]).vertebrae:
            if bone.fracture:
                torn[bone.fracture.ao] += 1
                assert (bone.fracture.retropulsion_mm > 0) == (bone.fracture.ao in ("A3", "A4"))
                assert (bone.fracture.splay_mm > 0) == (bone.fracture.ao in ("B1", "B2", "C"))
    assert len(old) == 9 and min(old.values()) >= 5, old
    assert set(torn) == {"A1", "A2", "A3", "A4", "B1", "B2", "C"}, torn


def test_herniations_have_side_zone_and_a_reach_that_covers_pixels() -> None:
    seen = Counter()
    for seed in range(300):
        for disc in sample_patient(seed, ["disc_herniation"]).discs:
            part = disc.herniation
            if part is None:
                continue
            assert (part.side == "") == (part.zone == "central")
            assert 3.0 <= part.reach_mm <= 9.0 and part.kind in ("protrusion", "extrusion")
            assert part.kind == "extrusion" or part.migration_mm == 0
            seen[part.zone, part.side, part.kind] += 1
    assert len(seen) == 10, seen


def test_conditions_of_the_same_patient_do_not_overwrite_each_other() -> None:
    for seed in range(60):
        patient = sample_patient(seed, CONDITIONS)
        for disc in patient.discs:
            loud = [disc.infected, disc.bridged, disc.cage, disc.herniation is not None, bool(disc.slip_mm)]
            assert sum(loud) <= 1, (seed, disc)
        for bone in patient.vertebrae:
            assert not (bone.fracture and bone.lesion), (seed, bone.level)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"thoracic": 11, "lumbar": 6}, "11 thoracic with 6 lumbar"),
        ({"slip_percent": 120.0}, "slip_percent 120.0 is out of range; choose -25 to 100"),
        ({"scale": 2.0}, "scale 2.0 is out of range"),
        ({"age": 12}, "age 12 is out of range; choose 18 to 100"),
        ({"cobb_deg": 200.0}, "cobb_deg 200.0 is out of range"),
        ({"variant": "L7"}, "variant 'L7' is unknown"),
        ({"sex": "X"}, "sex 'X' is unknown"),
        ({"variant": "L6", "lumbar": 5}, "variant L6 does not go with"),
        ({"level": "L9"}, "level 'L9' is unknown"),
        ({"age": float("nan")}, "age nan is out of range"),
    ],
)
def test_impossible_wishes_are_refused(wish: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PatientSettings(**wish)  # type: ignore[arg-type]


def test_seeds_out_of_range_and_unknown_conditions_name_what_is_possible() -> None:
    for seed in (-1, 1_000_000):
        with pytest.raises(
            ConfigError, match=f"seed {seed} is out of range; choose an integer from 0 to 999999"
        ):
            sample_patient(seed)
    with pytest.raises(
        ConfigError, match="unknown condition 'gout'; choose among disc_degeneration, disc_herni"
    ):
        sample_patient(1, ["gout"])


def test_a_wrong_line_in_the_conditions_file_is_named() -> None:
    bands = "{18-39: 0.1, 40-59: 0.1, 60-74: 0.1, 75-100: 0.1}"
    good = f"gout:\n  title: t\n  source: s\n  prevalence:\n    F: {bands}\n    M: {bands}\n"
    assert read_conditions(good)["gout"].chance("F", 50) == 0.1
    for wrong in ("  levels: {L9: 1}\n", "  levels: {L4: -1}\n", "  colour: red\n"):
        with pytest.raises(ConfigError, match=r"conditions\.yaml, gout"):
            read_conditions(good + wrong)
    with pytest.raises(ConfigError, match="needs a share from 0 to 1"):
        read_conditions(good.replace("40-59: 0.1", "40-59: 1.5"))


def test_a_missing_condition_or_severity_is_named() -> None:
    known = known_conditions()
    with pytest.raises(ConfigError, match="see kyphosis"):
        check_complete({name: condition for name, condition in known.items() if name != "kyphosis"})
    bands = "{18-39: 0.1, 40-59: 0.1, 60-74: 0.1, 75-100: 0.1}"
    text = f"spondylodiscitis:\n  title: t\n  source: s\n  prevalence:\n    F: {bands}\n    M: {bands}\n"
    with pytest.raises(ConfigError, match="no erosion_mm, height_left among its shares and severity"):
        read_conditions(text)


def test_every_condition_cites_a_source_and_has_a_title() -> None:
    for condition in known_conditions().values():
        assert condition.title and (
            "[R]" in condition.source or "[assumed]" in condition.source or "." in condition.source
        )


def test_what_one_disc_cannot_take_goes_to_the_others() -> None:
    assert shared_out(6.0, [1, 1, 1], [-9, -9, -9], [1.0, 9, 9]) == pytest.approx([1.0, 2.5, 2.5])
    assert shared_out(99.0, [1, 1], [0, 0], [2.0, 3.0]) == [2.0, 3.0]
    assert shared_out(-4.0, [1, 3], [-9, -9], [9, 9]) == pytest.approx([-1.0, -3.0])


def test_shapes_stay_frozen_records() -> None:
    patient = sample_patient(2)
    assert replace(patient, age=40).vertebrae is patient.vertebrae
    with pytest.raises(AttributeError):
        patient.age = 3  # type: ignore[misc]


def test_an_osteoporotic_fracture_has_an_ao_type_only_where_one_fits() -> None:
    for seed in range(200):
        for bone in sample_patient(seed, ["osteoporotic_fracture"]).vertebrae:
            fracture = bone.fracture
            if fracture is not None and fracture.cause == "osteoporotic":
                usual = "A1" if fracture.form == "wedge" else ""
                assert fracture.ao == ("A3" if fracture.retropulsion_mm > 0 else usual), (seed, bone.level)


def test_a_sacralised_fifth_lumbar_vertebra_is_joined_to_the_sacrum() -> None:
    found: set[str] = set()
    for seed in range(260):
        patient = sample_patient(seed, ("transitional_anatomy",))
        if patient.variant == "L5_sacralised":
            found.add(patient.shape("L5").castellvi)
    assert len(found) > 2 and not {"Ia", "Ib", ""} & found
