"""What consultations decide: the cord, slips, tumours, injuries, what is not shown, and time."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import clinic_fixture as MADE
import pytest
from clinic_fixture import EN, FRESH, MODERATE, NARROW, plans_of, slipped, some_case

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.instances.clinic import Draft, consultation, report
from spinemed.instances.clinic.case import Case, case_of, not_shown
from spinemed.instances.clinic.consultation import cautions, further, uncleared
from spinemed.instances.clinic.describe import normal_sentences
from spinemed.instances.clinic.further import further_needs, other_narrow_levels
from spinemed.instances.clinic.history import history
from spinemed.instances.clinic.limits import restrained
from spinemed.instances.clinic.pictures import field_of, told_in
from spinemed.instances.clinic.plan import NoPlan, Plan, plan_of
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.clinic.wording import LANGUAGES, Language
from spinemed.records import Box, Reject

CASES = MADE.cases()
LATERAL = {"grade": "extrusion", "side": "left", "detail": "subarticular", "value": 7.2, "unit": "mm"}
CENTRAL = {"grade": "protrusion", "side": "central", "detail": "central", "value": 5.0, "unit": "mm"}
ARM = ("C5-C6", "foraminal_stenosis", {"grade": "3", "side": "left"})
Stated = tuple[str, str, dict[str, Any]]


def lost(site: str, grade: str, percent: float) -> Stated:
    return site, "height_loss", {"grade": grade, "value": percent, "unit": "%", "detail": "wedge"}


def bent(facts: CaseFacts, percent: float) -> CaseFacts:
    """Return the facts with the first slip larger in flexion."""
    slip = next(one for one in facts.findings if one.pathology == "slip" and one.present)
    grade = "3" if percent > 50 else "2"
    more = slip.model_copy(update={"id": "more", "value": percent, "grade": grade, "posture": "flexion"})
    return CaseFacts(facts.study, (*facts.findings, more))


def texts(facts: CaseFacts, language: Language = "en") -> list[str]:
    """Return the dialogues and reports of some keys."""
    made = [write(facts, str(key), language) for key in range(8) for write in (consultation, report)]
    found = [" ".join(one.content for one in draft.messages) for draft in made if isinstance(draft, Draft)]
    assert found, made[0]
    return found


def needs_of(facts: CaseFacts, age: int) -> dict[str, tuple[str, ...]]:
    return {need.name: need.sites for need in further_needs(problem_of(facts), age)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_narrow_canal_at_the_level_of_a_painful_neck_root_is_for_a_surgeon(language: Language) -> None:
    facts = MADE.case([ARM, ("C5-C6", "canal_stenosis", MODERATE)], levels=MADE.CERVICAL, age_band="60-69")
    assert needs_of(facts, 65) == {"cord": ("C5-C6",)}
    assert some_case(facts).plan.act == "open.surgeon"
    soothing = "not need an operation|no operation now\\.|get better in weeks|不需要手术|多数人几周内好转"
    assert not [text for text in texts(facts, language) if re.search(soothing, text, re.IGNORECASE)]
    mild = MADE.case([ARM, ("C5-C6", "canal_stenosis", {**MODERATE, "grade": "mild"})], levels=MADE.CERVICAL)
    assert not needs_of(mild, 65)


def test_a_narrow_side_alone_is_no_narrow_cord_above_the_lumbar_spine() -> None:
    levels = ("T8", "T9", "T10", *MADE.LUMBAR)
    aside = ("T9-T10", "recess_stenosis", {"grade": "severe", "side": "left"})
    disc = ("L4-L5", "herniation", LATERAL)
    assert not needs_of(MADE.case([disc, aside], levels=levels), 45)
    both = MADE.case([disc, aside, ("T9-T10", "canal_stenosis", MODERATE)], levels=levels)
    assert needs_of(both, 45) == {"cord_back": ("T9-T10",)}


@pytest.mark.parametrize(
    ("stated", "site"),
    [
        ([slipped("L4-L5", 20.0, "degenerative")], "L4-L5"),
        ([slipped("L4-L5", 20.0), ("L4", "pars_defect", {})], "L4-L5"),
        ([("T9-T10", "cord_signal", {})], "T9-T10"),
    ],
)
def test_a_narrow_canal_that_decides_and_is_not_graded_is_not_passed_over(
    stated: list[Stated], site: str
) -> None:
    facts = MADE.case(stated, levels=("T9", "T10", *MADE.LUMBAR), age_band="40-49")
    assert isinstance(some_case(facts), Case)
    unsaid = replace(facts, hidden=frozenset({Hidden("1.2.t2", site, "canal_stenosis")}))
    refused = case_of(unsaid, "k", "en")
    assert isinstance(refused, Reject) and f"canal_stenosis is there at {site}" in refused.reason
    elsewhere = replace(facts, hidden=frozenset({Hidden("1.2.t2", "L2-L3", "canal_stenosis", "", "mild")}))
    assert isinstance(case_of(elsewhere, "k", "en"), Case)


@pytest.mark.parametrize(
    ("grade", "refused"), [("none", False), ("mild", False), ("moderate", True), ("", True)]
)
def test_a_harmless_reading_is_not_given_beside_a_narrow_canal_in_view(grade: str, refused: bool) -> None:
    facts = replace(CASES["worn"], hidden=frozenset({Hidden("1.2.t2", "L2-L3", "canal_stenosis", "", grade)}))
    assert isinstance(case_of(facts, "k", "en"), Reject) == refused
    # CT does not show the canal, and no series holds C4.
    beyond = Hidden("1.2.t2", "C4-C5", "canal_stenosis", "", "severe")
    assert isinstance(case_of(replace(facts, hidden=frozenset({beyond})), "k", "en"), Case)


@pytest.mark.parametrize(("grade", "refused"), [("0", False), ("1", True)])
def test_a_slip_in_view_that_no_series_measures_withholds_the_text(grade: str, refused: bool) -> None:
    facts = replace(CASES["extrusion"], hidden=frozenset({Hidden("1.2.t2", "L2-L3", "slip", "", grade)}))
    assert isinstance(case_of(facts, "k", "en"), Reject) == refused


def test_a_slip_is_judged_by_its_largest_value_in_any_position() -> None:
    isthmic = MADE.case([slipped("L5-S1", 45.0), ("L5", "pars_defect", {})], age_band="30-39")
    acts = {plan.act for plan in plans_of(isthmic) if isinstance(plan, Plan)}
    assert acts == {"slip.continued", "slip.observe"}
    led = problem_of(bent(isthmic, 57.0)).finding
    assert led is not None and (led.value, led.grade) == (57.0, "3")
    assert isinstance(case_of(bent(isthmic, 57.0), "k", "en"), Reject)
    worn = MADE.case([slipped("L4-L5", 40.0, "degenerative")], age_band="60-69")
    assert all(isinstance(plan, NoPlan) for plan in plans_of(bent(worn, 57.0)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_beside_a_moving_slip_no_plan_says_that_no_operation_is_needed(language: Language) -> None:
    worn = MADE.case([slipped("L4-L5", 12.0, "degenerative")], age_band="60-69")
    facts = bent(worn, 30.0)
    assert some_case(facts).plan.act == "open.surgeon" and some_case(worn).plan.act == "screen.chronic"
    for text in texts(facts, language):
        assert not re.search("No operation is needed|not need an operation|不需要手术", text)
        assert re.search("spine surgeon|脊柱外科", text)


def test_an_isthmic_slip_of_the_young_goes_before_a_disc_and_is_followed_where_it_does_not_lead() -> None:
    disc = ("L3-L4", "herniation", CENTRAL)
    pars = ("L4", "pars_defect", {})
    for percent, band, lead in (
        (29.0, "30-39", "isthmic_slip"),
        (12.0, "10-19", "isthmic_slip"),
        (12.0, "30-39", "central_herniation"),
    ):
        facts = MADE.case([disc, slipped("L4-L5", percent), pars], age_band=band)
        assert problem_of(facts).lead == lead
    assert needs_of(facts, 35) == {"slip_isthmic": ("L4-L5",)}
    severe = [disc, ("L3-L4", "canal_stenosis", NARROW), slipped("L4-L5", 29.0), pars]
    assert problem_of(MADE.case(severe, age_band="30-39")).lead == "central_herniation"


def test_scheuermann_disease_is_named_only_for_several_vertebrae_of_the_young() -> None:
    disc, collapse = ("L4-L5", "herniation", LATERAL), lost("T12", "2", 33.0)
    nodes = [(level, "endplate_defect", {"detail": "upper"}) for level in ("T11", "L1")]
    for stated, age, name in (
        ([disc, collapse], 35, "height_loss"),
        ([disc, collapse, *nodes], 35, "height_loss_young"),
        ([disc, collapse, *nodes], 45, "height_loss"),
        ([("L3", "metastasis", {"grade": "lytic"}), collapse], 65, "height_loss_tumour"),
    ):
        assert needs_of(MADE.case(stated, kinds=("t2", "ct")), age) == {name: ("T12",)}
    facts = MADE.case([("L3", "metastasis", {"grade": "lytic"}), collapse], age_band="60-69")
    said = further(some_case(facts), "colleague")
    assert "pathological fracture" in said and "Scheuermann" not in said


def test_sins_is_quoted_for_the_vertebra_with_the_highest_score() -> None:
    # L3 is larger, leads and hurts; the displaced L1 lies at a junction and scores more all the same.
    tumours = [(site, "metastasis", {"grade": "lytic", "value": size, "unit": "mm"})
               for site, size in (("L3", 20.0), ("L1", 12.0))]  # fmt: skip
    plain = some_case(MADE.case(tumours, age_band="60-69"), act="tumour.consult")
    assert (plain.problem.site, plain.plan.site, plain.plan.points) == ("L3", "L3", 7)
    tumours.append(slipped("L1-L2", 12.0, "traumatic"))
    case = some_case(MADE.case(tumours, age_band="60-69"), act="tumour.consult")
    assert (case.problem.site, case.plan.site, case.plan.points) == ("L3", "L1", 9)
    assert "L1: " in case.say("rule.sins") or "at L1" in case.say("rule.sins")
    worn = MADE.case([*tumours, slipped("L3-L4", 20.0, "degenerative")], age_band="60-69")
    assert some_case(worn, act="tumour.consult").plan.points == 9


def test_a_cord_beside_a_metastasis_is_for_the_same_day() -> None:
    tumour = ("C5", "metastasis", {"grade": "lytic"})
    facts = MADE.case([tumour, ("C4-C5", "cord_signal", {})], levels=MADE.CERVICAL, age_band="60-69")
    case = some_case(facts)
    assert (case.plan.act, case.plan.source) == ("tumour.urgent", "nice_ng234")
    assert needs_of(facts, 65) == {"cord_tumour": ("C4-C5",)}
    assert not [text for text in texts(facts) if "within a week" in text or "within one week" in text]
    apart = MADE.case([tumour, ("C2-C3", "cord_signal", {})], levels=MADE.CERVICAL, age_band="60-69")
    assert needs_of(apart, 65) == {"cord": ("C2-C3",)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_mri_of_the_whole_spine_is_not_asked_for_again(language: Language) -> None:
    levels = ("C2", "C3", "C4", "C5", "C6", *MADE.WHOLE, "S1")
    tumour = ("L1", "metastasis", {"grade": "lytic"})
    for kinds, asks in ((("t2", "ct"), False), (("ct",), True)):
        facts = MADE.case([tumour], levels=levels, kinds=kinds, age_band="60-69")
        told = [text for text in texts(facts, language) if re.search("within (?:a|one) week|一周内", text)]
        assert bool(told) is asks


def test_after_a_violent_injury_the_whole_spine_is_cleared_before_anybody_gets_up() -> None:
    facts = CASES["injury_a3"]
    case = some_case(facts)
    assert uncleared(case) == ["whole_spine"]
    patient = f"{case.say('plain.injury.non_operative')} {further(case, 'patient')}"
    assert re.search("lie still|lying still", patient) and "CT" in patient
    no_ct = MADE.case([("L1", "fracture", FRESH)], kinds=("t2",), age_band="30-39")
    assert uncleared(some_case(no_ct)) == ["fracture_ct", "whole_spine"]
    whole = MADE.case([("L1", "fracture", FRESH)], age_band="30-39",
                      levels=("C2", "C3", "C4", "C5", "C6", *MADE.WHOLE))  # fmt: skip
    assert uncleared(some_case(whole)) == []


def test_a_severe_stenosis_beside_an_operated_level_is_the_surgeons_to_decide() -> None:
    facts = MADE.case([("L3-L4", "herniation", LATERAL), ("L2-L3", "canal_stenosis", NARROW)])
    assert "treated as well" in further(some_case(facts, stance="offer"), "colleague")
    said = further(some_case(facts, act="open.surgeon"), "colleague")
    assert "treated as well" not in said and "sphincter" not in said
    aside = ("L2-L3", "recess_stenosis", {"grade": "severe", "side": "right"})
    stenosis = MADE.case([("L4-L5", "canal_stenosis", NARROW), aside], age_band="60-69")
    assert other_narrow_levels(problem_of(stenosis)) == ("L2-L3",)


@pytest.mark.parametrize(
    ("stated", "kinds", "name"),
    [
        ([("L4-L5", "herniation", LATERAL)], ("t2",), ""),
        ([("L4-L5", "disc_degeneration", {"grade": "4"})], ("t2", "ct"), ""),
        ([], ("ct",), ""),
        ([], ("full_ap",), "_any"),
    ],
)
def test_the_region_of_a_root_is_shown_by_mri_and_others_by_any_but_a_frontal_film(
    stated: list[Stated], kinds: tuple[str, ...], name: str
) -> None:
    assert not_shown(some_case(MADE.case(stated, kinds=kinds))) == name
    on_mr = MADE.case([("L4-L5", "herniation", LATERAL)], kinds=("t2", "ct"))
    gone = ("1.2.t2", "L2", "vertebra")
    cut = tuple(one for one in on_mr.findings if (one.evidence.series, one.site, one.pathology) != gone)
    case = some_case(CaseFacts(on_mr.study, cut), stance="conserve")
    assert not_shown(case) == "_mri" and ("whole_part_mri", ()) in cautions(case)


def test_a_report_lists_a_finding_only_for_the_series_whose_picture_shows_it() -> None:
    facts = CASES["extrusion"]
    seen, other = facts.seen_in("1.2.t2"), facts.seen_in("1.2.t2_axial")
    assert [one.pathology for one in told_in(seen, [*seen, *other])].count("herniation") == 1
    without = [one for one in seen if one.pathology != "herniation"]
    assert not [one for one in told_in(seen, [*without, *other]) if one.pathology == "herniation"]
    assert [one.pathology for one in told_in(seen, without)].count("herniation") == 1


def test_a_report_counts_the_vertebrae_of_the_pictured_slices_and_denies_nothing_of_a_cut_one() -> None:
    facts = CASES["extrusion"]
    far = {"slice_index": 11}
    moved = tuple(
        one.model_copy(update={"evidence": one.evidence.model_copy(update=far)})
        if (one.site, one.pathology, one.evidence.series) == ("T12", "vertebra", "1.2.t2")
        else one
        for one in facts.findings
    )
    apart = CaseFacts(facts.study, moved)
    field = field_of(apart.seen_in("1.2.t2"), apart, problem_of(apart))
    assert "T12" not in [one.site for one in field] and len(field) == len(MADE.LUMBAR) - 1
    half = facts.findings[0].evidence.model_copy(update={"box": Box(left=10, top=0, right=40, bottom=10)})
    cut = tuple(
        one.model_copy(
            update={
                "pathology": "vertebra_in_part",
                "evidence": half.model_copy(update={"series": one.evidence.series}),
            }
        )
        if (one.site, one.pathology, one.evidence.series) == ("T11", "vertebra", "1.2.t2")
        else one.model_copy(update={"pathology": "metastasis", "present": False})
        if (one.pathology, one.evidence.series) == ("height_loss", "1.2.t2")
        else one
        for one in facts.findings
    )
    made = [report(CaseFacts(facts.study, cut), str(key), "en") for key in range(9)]
    draft = next(one for one in made if isinstance(one, Draft))
    denied = [line for line in draft.answer.splitlines() if "etastasis" in line]
    assert denied and not [line for line in denied if "T11" in line]


def test_what_does_not_lead_is_acted_on_too() -> None:
    large = {"grade": "extrusion", "side": "central", "detail": "central", "value": 8.0, "unit": "mm"}
    disc = {"grade": "protrusion", "side": "left", "detail": "foraminal", "value": 3.2, "unit": "mm"}
    levels = ("C2", "C3", "C4", "C5", "C6", *MADE.WHOLE, "S1")
    facts = MADE.case([("C5-C6", "herniation", disc), ("L3-L4", "herniation", large),
                       ("L3-L4", "canal_stenosis", MODERATE)], levels=levels)  # fmt: skip
    assert ("saddle_beside", ("L3-L4",)) in cautions(some_case(facts))
    curve = {"unit": "deg", "extent": ("T4", "T12")}
    nodes = [(level, "endplate_defect", {"detail": "upper"}) for level in ("T6", "T7", "T8")]
    for angle, stated, age, names in (
        (74.0, [], 30, ["kyphosis_large"]),
        (60.0, nodes, 16, ["kyphosis_young"]),
        (60.0, [], 65, ["kyphosis_bone"]),
        (60.0, [], 45, []),
    ):
        kyphosis = ("T8", "thoracic_kyphosis", {**curve, "value": angle})
        assert list(needs_of(MADE.case([kyphosis, *stated], levels=MADE.WHOLE), age)) == names


def test_a_slip_next_to_implants_goes_back_to_the_surgeon() -> None:
    metal = [("L4-L5", "cage", {}), ("L4", "screws", {}), ("L5", "screws", {})]
    facts = MADE.case([*metal, slipped("L3-L4", 15.0, "degenerative")], age_band="60-69")
    assert needs_of(facts, 65) == {"slip_beside": ("L3-L4",)}
    assert some_case(facts).plan.act == "open.surgeon"
    apart = MADE.case([*metal, slipped("L2-L3", 15.0, "degenerative")], age_band="60-69")
    assert not needs_of(apart, 65)


def test_pain_of_twelve_weeks_is_long_standing_and_begun_treatment_goes_on() -> None:
    problem = problem_of(CASES["worn"])
    clinical = history(CASES["worn"], problem, "k")
    acts = {}
    for weeks in (11, 12):
        plan = plan_of(problem, clinical.model_copy(update={"weeks": weeks}))
        acts[weeks] = plan.act if isinstance(plan, Plan) else ""
    assert acts == {11: "screen.back", 12: "screen.chronic"}
    arm = problem_of(CASES["cervical"])
    ill = history(CASES["cervical"], arm, "k")
    for weeks, act in ((3, "screen.arm"), (7, "screen.arm_continued")):
        plan = plan_of(arm, ill.model_copy(update={"weeks": weeks, "treated_weeks": 2}))
        assert isinstance(plan, Plan) and plan.act == act


def test_a_blocked_canal_with_severe_complaints_is_seen_by_a_surgeon_now() -> None:
    facts = MADE.case([("L4-L5", "canal_stenosis", NARROW)], age_band="60-69")
    case = some_case(facts, act="open.surgeon")
    assert case.clinical.symptoms == "severe" and uncleared(case) == ["refer"]
    assert "spine surgeon now" in further(case, "patient")


@pytest.mark.parametrize(
    ("name", "wanted", "word"),
    [
        ("cervical", {}, "unsteady walking"),
        ("stenosis", {"act": "stenosis.urgent_decompression"}, "weakness that increases"),
        ("ankylosing", {}, "any fall"),
        ("worn", {}, "weakness in|new weakness"),
    ],
)
def test_the_warning_of_a_report_fits_the_case(name: str, wanted: dict[str, str], word: str) -> None:
    made = [report(CASES[name], str(key), "en") for key in range(60)]
    drafts = [one for one in made if isinstance(one, Draft)]
    fitting = [one for one in drafts if one.plan.act == wanted.get("act", one.plan.act)]
    assert fitting
    for draft in fitting:
        line = next(line for line in draft.answer.splitlines() if "get help at once" in line)
        assert re.search(word, line)


def test_a_slip_is_isthmic_only_where_the_defect_is_shown() -> None:
    facts = MADE.case([slipped("L5-S1", 15.0)], age_band="40-49")
    assert problem_of(restrained(facts)).lead == "slip"
    for text in texts(facts):
        assert "sthmic" not in text


def test_a_vertebra_that_has_lost_half_of_its_height_has_no_plan_from_a_type_of_fracture() -> None:
    for band in ("30-39", "70-79"):
        for percent, has_plan in ((45.0, True), (55.0, False)):
            facts = MADE.case([("L1", "fracture", FRESH), lost("L1", "3", percent)], age_band=band)
            assert {isinstance(plan, Plan) for plan in plans_of(facts)} == {has_plan}


def test_a_dialogue_denies_nothing_of_one_vertebra_or_far_away() -> None:
    findings = CASES["normal"].findings
    one = [finding for finding in findings if finding.site == "T11"]
    assert normal_sentences(one, EN, "k", findings) and not normal_sentences(one, EN, "k", findings, None, [])
    bridge = [("T12-L1", "bridging", {}), ("T12", "osteophyte", {"present": False, "grade": "none"}),
              ("L4", "osteophyte", {"present": False, "grade": "none"})]  # fmt: skip
    stiff = MADE.case(bridge, kinds=("ct",)).findings
    told = " ".join(normal_sentences(stiff, EN, "k", stiff))
    assert "steophytes at L4" in told.replace(" are seen", "") and "at T12" not in told


def test_a_fused_spine_took_years_and_began_before_45() -> None:
    for band in ("40-49", "70-79"):
        facts = MADE.case(
            [("T12-L1", "bridging", {}), ("L1-L2", "bridging", {})], kinds=("ct",), age_band=band
        )
        problem = problem_of(facts)
        for key in range(30):
            one = history(facts, problem, str(key))
            assert one.weeks >= 260 and 16 <= one.age - one.weeks / 52 < 45
