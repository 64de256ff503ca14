"""Decision rules: canals, slips, discs and red flags on both sides of every cut, and what rulings share."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from spinemed.facts import planning
from spinemed.facts.planning import (
    CITATIONS,
    Part,
    Ruling,
    Scored,
    canal_thirds,
    cervical_canal,
    cervical_myelopathy_plan,
    cite,
    herniation_plan,
    lumbar_stenosis_plan,
    meyerding,
    mjoa_severity,
    most_urgent,
    msu,
    red_flag,
    schizas,
    slip_plan,
    slip_share_percent,
    torg,
)
from spinemed.facts.planning.red_flags import RedFlag
from spinemed.facts.planning.ruling import claim, in_range, one_of, whole_number


def test_every_public_name_is_exported_once_and_has_a_docstring() -> None:
    assert len(set(planning.__all__)) == len(planning.__all__)
    functions = [getattr(planning, name) for name in planning.__all__ if name != "CITATIONS"]
    assert all(function.__doc__ for function in functions)


def test_every_citation_names_a_place_where_it_can_be_found() -> None:
    places = ("doi:", "http://", "https://", "PMC", "PMID")
    without = [key for key, text in CITATIONS.items() if not any(place in text for place in places)]
    assert without == ["definition", "expert_opinion"]
    with pytest.raises(ValueError, match="known keys: acr_2021"):
        cite("nobody_1900")


def test_a_ruling_with_an_unknown_source_is_refused() -> None:
    with pytest.raises(ValidationError, match="no citation has the key 'nobody'"):
        Ruling(keyed=True, source="nobody")


def test_a_total_that_is_not_the_sum_of_its_parts_is_refused() -> None:
    with pytest.raises(ValidationError, match="is not the sum"):
        Scored(keyed=True, source="tlics_2005", parts=(Part(name="a", value="b", points=1),), total=2)


def test_a_ruling_is_frozen() -> None:
    with pytest.raises(ValidationError):
        meyerding(20).keyed = False  # type: ignore[misc]


def test_inputs_of_the_wrong_kind_are_refused_with_what_was_seen() -> None:
    for value in (True, "5", float("nan"), float("inf"), None, 11):
        with pytest.raises(ValueError, match=r"size is .* pass a number from 0 to 10"):
            in_range(value, 0, 10, "size")  # type: ignore[arg-type]
    for value in (True, 1.5, 11, -1):
        with pytest.raises(ValueError, match="pass a whole number"):
            whole_number(value, 0, 10, "size")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="pass one of 'a', 'b'"):
        one_of("c", ("a", "b"), "letter")
    with pytest.raises(ValueError, match="pass True or False"):
        claim(1, "claim")  # type: ignore[arg-type]


def test_meyerding_keeps_the_lower_grade_on_a_cut_and_is_high_above_half() -> None:
    seen = {slip: meyerding(slip).grade for slip in (0, 0.1, 25, 25.1, 50, 50.1, 75, 75.1, 100, 100.1, 200)}
    assert list(seen.values()) == ["0", "I", "I", "II", "II", "III", "III", "IV", "IV", "V", "V"]
    assert not meyerding(50).high_grade
    assert meyerding(50.1).high_grade
    for slip in (-1, 201):
        with pytest.raises(ValueError, match="slip_percent"):
            meyerding(slip)


def test_a_slip_is_measured_against_the_vertebra_below() -> None:
    assert slip_share_percent(18, 36) == 50
    with pytest.raises(ValueError, match="lower_depth_mm"):
        slip_share_percent(5, 0)
    with pytest.raises(ValueError, match="slip_mm"):
        slip_share_percent(-5, 36)


@pytest.mark.parametrize(
    ("slip", "growing", "symptoms", "failed", "plan", "keyed"),
    [
        (20, True, "none", False, "observe", True),
        (25, True, "none", False, "observe", True),
        (26, True, "none", False, "either", False),
        (40, False, "none", False, "observe", True),
        (20, True, "pain", False, "conservative", True),
        (20, True, "pain", True, "operate", True),
        (20, False, "pain", False, "conservative", True),
        (20, False, "pain", True, "either", False),
        (50, True, "pain", False, "conservative", True),
        (51, True, "pain", False, "operate", True),
        (51, True, "none", False, "either", False),
        (51, False, "none", False, "either", False),
        (51, False, "pain", True, "either", False),
        (20, True, "progressive_neurological_deficit", False, "operate", True),
        (80, False, "progressive_neurological_deficit", False, "operate", True),
    ],
)
def test_a_slip_is_planned_by_grade_growth_symptoms_and_failed_treatment(
    slip: float, growing: bool, symptoms: Any, failed: bool, plan: str, keyed: bool
) -> None:
    ruling = slip_plan(slip, growing, symptoms, failed)
    assert (ruling.plan, ruling.keyed) == (plan, keyed)


def test_a_slip_without_anything_to_decide_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to decide"):
        slip_plan(0, True, "pain", False)
    with pytest.raises(ValueError, match="nothing to decide"):
        slip_plan(20, True, "none", True)
    with pytest.raises(ValueError, match="symptoms is 'tired'"):
        slip_plan(20, True, "tired", False)  # type: ignore[arg-type]


def test_the_canal_is_graded_by_thirds() -> None:
    cuts = (0, 0.1, 100 / 3, 33.4, 200 / 3, 66.7, 100)
    grades = ["none", "mild", "mild", "moderate", "moderate", "severe", "severe"]
    assert [canal_thirds(lost).grade for lost in cuts] == grades
    with pytest.raises(ValueError, match="compromise_percent"):
        canal_thirds(101)


def test_schizas_words_follow_the_letter() -> None:
    words = {grade: schizas(grade).severity for grade in ("A1", "A2", "A3", "A4", "B", "C", "D")}
    assert set(list(words.values())[:4]) == {"none_or_minor"}
    assert [words["B"], words["C"], words["D"]] == ["moderate", "severe", "extreme"]
    with pytest.raises(ValueError, match="pass one of 'A1'"):
        schizas("A")  # type: ignore[arg-type]


def test_the_cervical_canal_is_narrow_to_13_mm_and_absolutely_below_10() -> None:
    seen = [cervical_canal(width).canal for width in (13.1, 13, 10, 9.9)]
    assert seen == ["normal", "relative_stenosis", "relative_stenosis", "absolute_stenosis"]
    assert [cervical_canal(width).keyed for width in (13.1, 13, 12, 11.9)] == [True, False, False, True]


def test_torg_is_narrow_below_eight_tenths_and_not_keyed_on_the_cut() -> None:
    assert torg(11.9, 15).narrow
    assert not torg(12.1, 15).narrow
    assert [torg(canal, 15).keyed for canal in (11.9, 12, 12.1)] == [True, False, True]
    with pytest.raises(ValueError, match="body_mm"):
        torg(12, 0)


def test_mjoa_grades_myelopathy_and_the_guideline_follows() -> None:
    bounds = {18: "none", 17: "mild", 15: "mild", 14: "moderate", 12: "moderate", 11: "severe", 0: "severe"}
    assert {points: mjoa_severity(points).severity for points in bounds} == bounds
    assert (cervical_myelopathy_plan(15).plan, cervical_myelopathy_plan(15).keyed) == ("either", False)
    assert (cervical_myelopathy_plan(14).plan, cervical_myelopathy_plan(14).keyed) == ("decompression", True)
    for points in (19, -1, 18):
        with pytest.raises(ValueError, match="mjoa is"):
            cervical_myelopathy_plan(points)


@pytest.mark.parametrize(
    ("symptoms", "cauda", "deficit", "weeks", "plan"),
    [
        ("none", False, False, 0, "observe"),
        ("none", True, False, 0, "emergency_decompression"),
        ("severe", True, True, 30, "emergency_decompression"),
        ("mild", False, True, 0, "urgent_decompression"),
        ("mild", False, False, 52, "conservative"),
        ("moderate", False, False, 11.9, "conservative"),
        ("moderate", False, False, 12, "either"),
        ("moderate", False, False, 52, "either"),
        ("severe", False, False, 11.9, "conservative"),
        ("severe", False, False, 12, "either"),
        ("severe", False, False, 25.9, "either"),
        ("severe", False, False, 26, "offer_decompression"),
    ],
)
def test_lumbar_stenosis_is_conservative_first_unless_urgent(
    symptoms: Any, cauda: bool, deficit: bool, weeks: float, plan: str
) -> None:
    ruling = lumbar_stenosis_plan(symptoms, cauda, deficit, weeks)
    assert ruling.plan == plan
    assert ruling.keyed is (plan != "either")


def test_msu_sizes_end_at_half_way_and_at_the_intra_facet_line() -> None:
    assert [msu(extent, "B").size for extent in (1, 50, 50.1, 100, 100.1)] == [1, 1, 2, 2, 3]
    assert [msu(extent, "B").surgical_candidate_by_size for extent in (50, 51)] == [False, True]
    assert msu(120, "AB").label == "3-AB"
    for extent, zone in ((0, "A"), (301, "A"), (50, "D")):
        with pytest.raises(ValueError, match=r"extent_percent|zone is"):
            msu(extent, zone)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cauda", "deficit", "pain", "weeks", "plan"),
    [
        (True, "progressive", True, 12, "emergency_decompression"),
        (False, "progressive", False, 0, "urgent_surgery"),
        (False, "none", True, 5.9, "conservative"),
        (False, "none", True, 6, "offer_surgery"),
        (False, "none", False, 12, "conservative"),
        (False, "stable", True, 5.9, "either"),
        (False, "stable", True, 6, "offer_surgery"),
        (False, "stable", False, 12, "either"),
    ],
)
def test_a_herniation_is_conservative_for_six_weeks_unless_it_is_urgent(
    cauda: bool, deficit: Any, pain: bool, weeks: float, plan: str
) -> None:
    ruling = herniation_plan(cauda, deficit, pain, weeks)
    assert ruling.plan == plan
    assert ruling.keyed is (plan != "either")


def test_every_red_flag_has_a_ruling_and_no_other_word_has() -> None:
    flags = get_args(RedFlag)
    assert {red_flag(flag).flag for flag in flags} == set(flags)
    with pytest.raises(ValueError, match="flag is 'hunger'"):
        red_flag("hunger")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flag", "concern", "urgency", "keyed"),
    [
        ("saddle_anaesthesia", "cauda_equina", "emergency", True),
        ("known_cancer_and_neurological_signs", "cord_compression", "within_24_hours", True),
        ("known_cancer_and_spinal_pain", "cancer", "within_1_week", True),
        ("spinal_pain_and_raised_crp_or_esr", "infection", "prompt", True),
        ("fever_and_new_neurological_symptoms", "infection", "prompt", False),
        ("loss_of_hand_dexterity", "myelopathy", "prompt", True),
        ("minor_trauma_and_osteoporosis", "fracture", "prompt", True),
        ("night_pain", "cancer", "prompt", False),
    ],
)
def test_a_red_flag_says_what_it_points_to_and_how_soon(
    flag: Any, concern: str, urgency: str, keyed: bool
) -> None:
    ruling = red_flag(flag)
    assert (ruling.concern, ruling.urgency, ruling.keyed) == (concern, urgency, keyed)


def test_the_most_urgent_flag_wins_in_any_order_and_ties_are_not_keyed() -> None:
    pair: list[RedFlag] = ["known_cancer_and_spinal_pain", "known_cancer_and_neurological_signs"]
    for flags in (pair, pair[::-1]):
        assert most_urgent(flags).urgency == "within_24_hours"
        assert most_urgent(flags).keyed
    assert not most_urgent(["loss_of_hand_dexterity", "spinal_pain_and_fever"]).keyed
    assert most_urgent(["saddle_anaesthesia", "urinary_retention"]).keyed
    assert most_urgent(["night_pain", "spinal_pain_and_fever"]).concern == "infection"
    assert not most_urgent(["night_pain"]).keyed
    with pytest.raises(ValueError, match="flags is empty"):
        most_urgent([])


def test_two_flags_never_beat_the_most_urgent_of_them() -> None:
    order = ["emergency", "within_24_hours", "within_1_week", "prompt"]
    for one, other in product(get_args(RedFlag), repeat=2):
        soonest = min((red_flag(one).urgency, red_flag(other).urgency), key=order.index)
        assert most_urgent([one, other]).urgency == soonest
