"""What a plan must add, must not advise, and how texts name several sites and the vertebrae in view."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import clinic_fixture as MADE
import pytest
from clinic_fixture import EN, FRESH, NARROW, OLD, ZH, plans_of, some_case

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic import Draft, consultation, report
from spinemed.instances.clinic.case import Case, case_of
from spinemed.instances.clinic.consultation import cautions, explanation, further, uncleared
from spinemed.instances.clinic.describe import normal_sentences, sentence
from spinemed.instances.clinic.further import further_needs
from spinemed.instances.clinic.history import history
from spinemed.instances.clinic.limits import restrained
from spinemed.instances.clinic.pictures import with_shown
from spinemed.instances.clinic.plan import Plan
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.clinic.story import person
from spinemed.instances.clinic.told import is_cut_short, told_groups
from spinemed.instances.clinic.wording import LANGUAGES, Language
from spinemed.level_grammar import parse_levels
from spinemed.records import Reject

CASES = MADE.cases()


def lost(site: str, grade: str, percent: float) -> tuple[str, str, dict[str, Any]]:
    return site, "height_loss", {"grade": grade, "value": percent, "unit": "%", "detail": "wedge"}


def test_pain_of_a_neck_root_is_never_months_old() -> None:
    narrow = ("C5-C6", "foraminal_stenosis", {"grade": "3", "side": "left"})
    facts = MADE.case([narrow], levels=MADE.CERVICAL, age_band="50-59")
    problem = problem_of(facts)
    assert problem.lead == "root_stenosis"
    rows = [history(facts, problem, str(key)) for key in range(40)]
    assert max(row.weeks for row in rows) <= 8 and max(row.treated_weeks for row in rows) <= 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_bone_density_is_not_asked_for_where_it_was_told(language: Language) -> None:
    facts = MADE.case([("L1", "fracture", FRESH), ("T12", "fracture", OLD)], age_band="70-79")
    for voice in ("patient", "colleague"):
        said = further(some_case(facts, language), voice)  # type: ignore[arg-type]
        assert not re.search("density|测骨密度|查过骨密度", said)
        assert re.search("one more reason|更需要", said)


@pytest.mark.parametrize(
    ("site", "pathology", "name"),
    [
        ("C5-C6", "canal_stenosis", "cord"),
        ("C7-T1", "canal_stenosis", "cord"),
        ("T1-T2", "canal_stenosis", "cord_back"),
        ("T11-T12", "canal_stenosis", "cord_back"),
        ("T12-L1", "canal_stenosis", "conus"),
        ("L1-L2", "recess_stenosis", "conus"),
        ("L2-L3", "canal_stenosis", "stenosis"),
    ],
)
def test_the_warning_fits_the_part_of_the_cord(site: str, pathology: str, name: str) -> None:
    levels = ("C2", "C3", "C4", "C5", "C6", *MADE.WHOLE)
    aside = {"grade": "severe", "side": "left"}
    found = [(site, pathology, aside if pathology == "recess_stenosis" else NARROW)]
    facts = MADE.case([*found, ("L4", "metastasis", {"grade": "lytic"})], levels=levels, age_band="60-69")
    assert [need.name for need in further_needs(problem_of(facts), 65)] == [name]


def test_fractures_are_denied_in_vertebrae_that_are_seen_whole_alone_and_lists_end_with_or() -> None:
    findings = [one for one in CASES["normal"].findings if (one.site, one.pathology) != ("L3", "vertebra")]
    told = normal_sentences(findings, EN, "k", findings)
    fracture = next(line for line in told if "fracture" in line)
    assert re.search(r"T11 to L2, L4, L5 or S1|T11 to L2 or L4 to S1", fracture)


def test_discs_are_told_in_all_grades_and_what_is_left_out_is_said() -> None:
    worn = [(f"L{n}-L{n + 1}", "disc_degeneration", {"grade": str(n + 1)}) for n in (2, 3, 4)]
    other = [("L2-L3", "modic_change", {"grade": "2"}), ("L2", "endplate_defect", {"detail": "upper"}),
             ("L4", "osteophyte", {"grade": "large"})]  # fmt: skip
    problem = problem_of(MADE.case([*worn, *other]))
    assert [group[0].grade for group in told_groups(problem)[:3]] == ["5", "4", "3"]
    assert is_cut_short(problem)
    draft = consultation(MADE.case([*worn, *other], kinds=("t2", "ct")), "k", "zh")
    assert isinstance(draft, Draft)


def test_a_collapsed_fragile_burst_and_a_small_herniation_are_not_planned() -> None:
    burst = ("L1", "fracture", {"grade": "A3", "detail": "fresh"})
    for percent, has_plan in ((30.0, True), (45.0, False)):
        facts = MADE.case([burst, lost("L1", "2", percent)], age_band="70-79")
        assert {isinstance(plan, Plan) for plan in plans_of(facts)} == {has_plan}
    small = {"grade": "protrusion", "side": "left", "detail": "subarticular", "value": 2.4, "unit": "mm"}
    plans = plans_of(MADE.case([("L4-L5", "herniation", small)]))
    assert {plan.stance for plan in plans if isinstance(plan, Plan)} == {"conserve"}


def test_no_operation_is_offered_at_a_level_that_is_not_seen_whole() -> None:
    whole = CASES["extrusion"]
    cut = CaseFacts(
        whole.study, tuple(one for one in whole.findings if (one.site, one.pathology) != ("L4", "vertebra"))
    )
    stances = set()
    for key in range(40):
        case = case_of(cut, str(key), "en")
        if isinstance(case, Reject):
            assert "no operation at L4-L5" in case.reason
        else:
            stances.add(case.plan.stance)
    assert stances == {"conserve"}


def _keyed(facts: CaseFacts) -> Callable[[int], Case]:
    def made(key: int) -> Case:
        case = case_of(facts, str(key), "en")
        assert isinstance(case, Case)
        return case

    return made


def test_an_osteophyte_alone_leads_no_text_and_stands_behind_other_wear() -> None:
    large = ("L4", "osteophyte", {"grade": "large"})
    alone = case_of(MADE.case([large], kinds=("t2", "ct")), "1", "en")
    assert isinstance(alone, Reject)
    assert "osteophytes alone" in alone.reason
    worn = ("L2-L3", "disc_degeneration", {"grade": "3"})
    led = some_case(MADE.case([large, worn], kinds=("t2", "ct"))).problem.finding
    assert led is not None
    assert led.pathology == "disc_degeneration"


def _names(case: Case) -> list[str]:
    return [name for name, _ in cautions(case)]


def test_plans_do_not_leave_out_their_cautions() -> None:
    assert _names(some_case(CASES["central"])) == ["saddle"]
    assert uncleared(some_case(CASES["injury_b2"])) == ["whole_spine_operated"]
    part = MADE.case([], levels=("T11", "T12", "L1", "L2", "L3"))
    [later] = _names(some_case(part))
    assert later in ("whole_part_later", "whole_part_lasting")
    names = {(case.clinical.weeks >= 6, *_names(case)) for case in map(_keyed(part), range(30))}
    assert names == {(False, "whole_part_later"), (True, "whole_part_lasting")}
    worn = ("L4-L5", "disc_degeneration", {"grade": "4"})
    undated = MADE.case([worn, ("L2", "fracture", {"grade": "A1"})], kinds=("t2", "ct"))
    hernia = {"grade": "extrusion", "side": "left", "detail": "subarticular", "value": 7.2, "unit": "mm"}
    undated = MADE.case([("L4-L5", "herniation", hernia), ("L2", "fracture", {"grade": "A1"})])
    assert _names(some_case(undated, stance="conserve")) == ["training"]
    assert "training" not in _names(some_case(undated, stance="offer"))
    far = {"grade": "2", "value": 31.0, "unit": "%", "detail": "degenerative"}
    slipped = MADE.case([("L4-L5", "canal_stenosis", NARROW), ("L4-L5", "slip", far)], age_band="60-69")
    assert _names(some_case(slipped, stance="offer")) == ["fusion"]
    assert _names(some_case(slipped, stance="conserve")) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_marked_height_loss_of_the_young_is_explained_and_also_is_said_once(language: Language) -> None:
    worn = ("L4-L5", "disc_degeneration", {"grade": "4"})
    facts = MADE.case(
        [
            ("L4-L5", "canal_stenosis", NARROW),
            ("T12-L1", "canal_stenosis", NARROW),
            worn,
            lost("T12", "2", 33.0),
        ],
        age_band="40-49",
    )
    assert [need.name for need in further_needs(problem_of(facts), 45)] == ["conus", "height_loss"]
    for key in range(6):
        for write, times in ((consultation, 1), (report, 2)):
            draft = write(facts, str(key), language)
            if isinstance(draft, Draft):
                text = " ".join(message.content for message in draft.messages)
                assert text.count("Also:" if language == "en" else "另需处理：") == times


@pytest.mark.parametrize(
    ("levels", "four", "en", "zh"),
    [
        (
            ["L3", "L4", "S1"],
            True,
            "L3, L4 and the upper part of the sacrum (four lumbar vertebrae, no L5)",
            "L3、L4和骶骨上部（腰椎四个，无L5）",
        ),
        (["T12", "L1", "L2", "L3", "L4", "L5", "L6"], False, "T12 to L6", "T12至L6"),
        (["T11", "T12", "T13"], False, "T11 to T13", "T11至T13"),
        (["L4", "L5", "L6", "S1"], False, "L4 to L6 and the upper part of the sacrum", "L4至L6和骶骨上部"),
        (["T11", "T12", "T13", "L1"], False, "T11 to L1 (including T13)", "T11至L1（含T13）"),
        (["T12", "T13", "L1", "L3"], False, "T12 to L1 (including T13) and L3", "T12至L1（含T13）和L3"),
        (["T13", "L1", "L2", "L3"], False, "T13 to L3", "T13至L3"),
    ],
)
def test_the_vertebrae_in_view_are_one_range(levels: list[str], four: bool, en: str, zh: str) -> None:
    assert (EN.span(levels, four), ZH.span(levels, four)) == (en, zh)


def test_an_extra_vertebra_inside_a_denied_range_is_denied_too() -> None:
    said = EN.sites(["T11", "T12", "T13", "L1", "L3"], denied=True)
    assert said == "T11 to L1 (including T13) or L3"
    assert {one.polarity for one in parse_levels(f"No fracture of {said}.").mentions} == {"negative"}


def test_a_segment_over_a_missing_vertebra_ends_a_range() -> None:
    assert EN.sites(["L1-L2", "L2-L3", "L3-L4", "L4-S1"]) == "L1-L2 to L3-L4 and L4-S1"


def test_several_sites_stand_in_the_plural() -> None:
    facts = MADE.case([("T12", "fracture", OLD), ("L2", "fracture", OLD)], age_band="60-69")
    found = [one for one in facts.findings if one.pathology == "fracture" and one.present]
    both = [one for one in found if one.evidence.series == found[0].evidence.series]
    for key in range(8):
        assert "fractures" in sentence(both, EN, str(key))
        assert "fractures" not in sentence(both[:1], EN, str(key))


def test_narrowing_beside_the_cord_is_no_lumbar_stenosis_and_a_root_goes_before_a_curve() -> None:
    levels = ("T9", "T10", *MADE.LUMBAR)
    narrow = {"grade": "moderate", "value": 8.0, "unit": "mm"}
    facts = MADE.case([(site, "canal_stenosis", narrow) for site in ("T10-T11", "L3-L4", "L4-L5")],
                      levels=levels, age_band="60-69")  # fmt: skip
    assert problem_of(facts).sites == ("L3-L4", "L4-L5")
    led, *others = told_groups(problem_of(facts))
    assert {one.site for one in led} == {"L3-L4", "L4-L5"}
    assert [one.site for one in others[0]] == ["T10-T11"]
    assert [need.name for need in further_needs(problem_of(facts), 65)] == ["cord_back"]
    curve = ("L3", "scoliosis", {"side": "left", "extent": ("L1", "L4"), "value": 17.0, "unit": "deg"})
    disc = {"grade": "protrusion", "side": "left", "detail": "subarticular", "value": 4.0, "unit": "mm"}
    both = MADE.case([("L4-L5", "herniation", disc), curve], kinds=("t2", "full_ap"), age_band="40-49")
    assert problem_of(both).lead == "herniation"


def test_the_infected_are_told_to_stay_in_hospital() -> None:
    draft = report(CASES["discitis"], "k", "zh")
    assert isinstance(draft, Draft)
    assert "建议住院" in draft.answer and "请马上告诉医护人员" in draft.answer


def test_the_pain_is_matched_with_the_levels_of_its_own_part_alone() -> None:
    levels = ("T7", "T8", "T9", "T10", *MADE.LUMBAR)
    lost_most = lost("T12", "2", 30.0)
    broken = [("T8", "fracture", FRESH), ("T12", "fracture", FRESH), lost_most]
    case = some_case(MADE.case(broken, levels=levels, age_band="70-79"))
    assert case.problem.sites == ("T8", "T12")
    assert "T12" in explanation(case) and "T8" not in explanation(case)


def test_beside_metal_an_mri_tells_nothing_normal_and_no_grade_of_a_disc_between_it() -> None:
    worn = [(site, "disc_degeneration", {"grade": "4"}) for site in ("L2-L3", "L3-L4", "L4-L5", "L5-S1")]
    metal = [("L4-L5", "cage", {}), ("L4", "screws", {}), ("L5", "screws", {})]
    facts = restrained(MADE.case([*worn, *metal], kinds=("t2", "ct")))
    on_mr = [one for one in facts.findings if one.evidence.series == "1.2.t2" and one.pathology != "vertebra"]
    beside = [one for one in on_mr if not {"L4", "L5"}.isdisjoint(one.site.split("-"))]
    assert {(one.site, one.grade) for one in beside} == {("L3-L4", "4"), ("L5-S1", "4")} and len(beside) == 2
    assert any(one.site == "L5" and one.pathology == "fracture" for one in facts.findings)


def test_another_narrow_level_of_a_myelopathy_or_a_stenosis_is_for_the_surgeon_to_decide() -> None:
    neck = [("C4-C5", "canal_stenosis", NARROW), ("C4-C5", "cord_signal", {}),
            ("C5-C6", "canal_stenosis", {"grade": "moderate", "value": 7.0, "unit": "mm"})]  # fmt: skip
    facts = MADE.case(neck, levels=MADE.CERVICAL, age_band="60-69")
    assert [need.name for need in further_needs(problem_of(facts), 65)] == ["cord_more"]
    back = [("L4-L5", "canal_stenosis", NARROW),
            ("L3-L4", "canal_stenosis", {"grade": "moderate", "value": 7.0, "unit": "mm"})]  # fmt: skip
    case = some_case(MADE.case(back, age_band="60-69"), stance="offer")
    assert cautions(case) == [("levels", ("L3-L4",))]


def test_a_variant_is_counted_before_an_operation_and_a_sacralised_level_is_no_ankylosis() -> None:
    sacralised = ("L5", "transitional", {"grade": "L5_sacralised"})
    case = some_case(
        MADE.case(
            [("L3-L4", "canal_stenosis", NARROW), sacralised], kinds=("t2", "full_ap"), age_band="60-69"
        ),
        stance="offer",
    )
    assert _names(case) == ["variant"]
    bridge = [("L4-L5", "bridging", {"present": False}), ("L5-S1", "bridging", {"present": False})]
    findings = MADE.case([*bridge, sacralised], kinds=("ct", "full_ap")).findings
    told = " ".join(normal_sentences(findings, EN, "k", findings))
    assert re.search(r"(?:bridging|ankylosis).* at L4-L5\.", told.replace("is seen ", ""))


def test_nobody_with_an_unstable_fracture_stands_for_a_film() -> None:
    broken = ("T12", "fracture", {"grade": "B2", "detail": "fresh"})
    facts = MADE.case([broken], kinds=("ct", "full_ap"), age_band="30-39")
    assert {one.evidence.series for one in restrained(facts).findings} == {"1.2.ct"}
    for band, series in (("30-39", {"1.2.ct"}), ("70-79", {"1.2.ct", "1.2.full_ap"})):
        whole = MADE.case([("T12", "fracture", FRESH)], kinds=("ct", "full_ap"), age_band=band)
        assert {one.evidence.series for one in restrained(whole).findings} == series


def test_a_foraminal_herniation_has_no_reach_and_an_old_fracture_goes_before_its_height() -> None:
    facts = CASES["foraminal"]
    disc = next(one for one in facts.findings if one.pathology == "herniation" and one.present)
    assert "mm" not in sentence([disc], EN, "k")
    old = MADE.case([lost("T12", "2", 30.0), ("T12", "fracture", OLD)], age_band="60-69")
    led = problem_of(old).finding
    assert led is not None and led.pathology == "fracture"


def test_only_what_a_picture_shows_is_called_normal() -> None:
    facts = CASES["extrusion"]
    far = tuple(
        one.model_copy(update={"evidence": one.evidence.model_copy(update={"slice_index": 11})})
        if one.pathology == "slip"
        else one
        for one in facts.findings
    )
    for write in (consultation, report):
        draft = write(CaseFacts(facts.study, far), "k", "en")
        assert isinstance(draft, Draft)
        assert not re.search("listhesis|slip", draft.answer)


def test_a_narrow_foramen_is_told_only_where_a_picture_shows_it() -> None:
    narrow = {"grade": "2", "side": "right"}
    facts = MADE.case([("L4-L5", "canal_stenosis", NARROW), ("L2-L3", "foraminal_stenosis", narrow)],
                      kinds=("t2",), age_band="60-69")  # fmt: skip
    shown = with_shown(facts)
    assert any(one.pathology == "foraminal_stenosis" for one in shown.findings)
    # Six findings that are told first take all the places for pictures.
    crowd = [(site, "canal_stenosis", NARROW) for site in ("T11-T12", "T12-L1", "L1-L2", "L3-L4", "L5-S1")]
    facts = MADE.case([("L4-L5", "canal_stenosis", NARROW), *crowd, ("L2-L3", "foraminal_stenosis", narrow)],
                      kinds=("t2",), age_band="60-69")  # fmt: skip
    apart = tuple(
        one.model_copy(update={"evidence": one.evidence.model_copy(update={"slice_index": 10 * number})})
        if one.present and one.pathology != "vertebra"
        else one
        for number, one in enumerate(facts.findings)
    )
    kept = with_shown(CaseFacts(facts.study, apart)).findings
    assert not any(one.pathology == "foraminal_stenosis" for one in kept)


def test_treatment_that_has_begun_goes_on() -> None:
    acts = {plan.act for plan in plans_of(CASES["stenosis"]) if isinstance(plan, Plan)}
    assert "stenosis.continued" in acts


def test_girls_and_boys_are_below_18() -> None:
    clinical = history(CASES["scoliosis_young"], problem_of(CASES["scoliosis_young"]), "k")
    words = [person(clinical.model_copy(update={"age": age, "sex": "F"}), "en") for age in (17, 18)]
    assert words == ["girl", "woman"]
