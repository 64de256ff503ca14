"""What consultations and reports must not leave out, mix up or soothe away."""

from __future__ import annotations

import re
from dataclasses import replace

import clinic_fixture as MADE
import pytest
from clinic_fixture import FRESH, NARROW

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.facts.planning.sources import CITATIONS
from spinemed.instances.clinic import Draft, consultation, report, wanted_pictures
from spinemed.instances.clinic.case import Case, case_of, implants_text, is_counted
from spinemed.instances.clinic.further import further_needs, moving_slips
from spinemed.instances.clinic.history import contradiction, history, unfit
from spinemed.instances.clinic.limits import hidden_sites, restrained, withheld
from spinemed.instances.clinic.lint import _ARTICLE
from spinemed.instances.clinic.plan import Plan, plan_of
from spinemed.instances.clinic.problem import part_of, problem_of
from spinemed.instances.clinic.story import duration
from spinemed.instances.clinic.told import told_groups
from spinemed.instances.clinic.wording import LANGUAGES, Language, phrases, style_of
from spinemed.records import Reject

CASES = MADE.cases()


def made(facts: CaseFacts, language: Language = "en") -> tuple[Draft, Draft]:
    """Return the first dialogue and report for which a rule is keyed."""
    for key in range(20):
        both = consultation(facts, str(key), language), report(facts, str(key), language)
        if isinstance(both[0], Draft) and isinstance(both[1], Draft):
            return both[0], both[1]
    raise AssertionError(both)


def with_hidden(name: str, site: str, pathology: str, series: str = "1.2.ct") -> CaseFacts:
    """Return a made-up study of which a series holds something back."""
    return replace(CASES[name], hidden=frozenset({Hidden(series, site, pathology)}))


def said(draft: Draft) -> str:
    return " ".join(message.content for message in draft.messages)


def test_dangers_are_all_told_and_only_groups_of_wear_are_left_out() -> None:
    wear = [(f"L{n}", "osteophyte", {"grade": "large"}) for n in (1, 3)]
    worn = [(f"L{n}-L{n + 1}", "disc_degeneration", {"grade": str(n)}) for n in (3, 4)]
    screws = [(level, "screws", {}) for level in ("T11", "T12", "L1", "L2")]
    stated = [*wear, *worn, ("L1-L2", "modic_change", {"grade": "2"}),
              ("L5-S1", "modic_change", {"grade": "1"}),
              ("T12-L1", "canal_stenosis", NARROW), ("L3", "fracture", FRESH),
              ("L1", "fracture", {**FRESH, "detail": "old"}),
              ("L4", "metastasis", {"grade": "lytic"}), *screws]  # fmt: skip
    groups = told_groups(problem_of(MADE.case(stated, age_band="60-69")))
    names = [group[0].pathology for group in groups]
    assert names[:5] == ["metastasis", "fracture", "canal_stenosis", "fracture", "screws"]
    assert [one.site for one in groups[4]] == ["T11", "T12", "L1", "L2"]
    # All grades of three kinds of wear are told, the discs first and their worst grade first.
    assert names[5:] == ["disc_degeneration"] * 2 + ["modic_change"] * 2 + ["osteophyte"]
    assert [group[0].grade for group in groups[5:7]] == ["4", "3"]


def test_the_narrower_canal_and_the_lower_vertebra_lead_and_all_fresh_fractures_are_named() -> None:
    narrow = [(site, "canal_stenosis", {"grade": "moderate", "value": depth, "unit": "mm"})
              for site, depth in (("L3-L4", 8.6), ("L5-S1", 8.0))]  # fmt: skip
    assert problem_of(MADE.case(narrow, age_band="70-79")).site == "L5-S1"
    broken = [(level, "fracture", FRESH) for level in ("T12", "L1", "L2")]
    lost = [("L2", "height_loss", {"grade": "2", "value": 38.0, "unit": "%", "detail": "wedge"})]
    facts = MADE.case([*broken, *lost], age_band="70-79")
    problem = problem_of(facts)
    assert (problem.site, problem.sites) == ("L2", ("T12", "L1", "L2"))
    for draft in made(facts):
        assert re.search(r"T12 to L2", said(draft))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_does_not_lead_but_needs_action_stands_in_plan_and_report(language: Language) -> None:
    lytic = ("L4", "metastasis", {"grade": "lytic"})
    collapse = ("L4", "height_loss", {"grade": "3", "value": 56.0, "unit": "%", "detail": "crush"})
    facts = MADE.case([lytic, collapse, ("L1", "fracture", FRESH), ("T12-L1", "canal_stenosis", NARROW),
                       ("T11", "fracture", {**FRESH, "detail": "old"})], age_band="60-69")  # fmt: skip
    needs = further_needs(problem_of(facts), 65)
    assert [need.name for need in needs] == ["fracture_fresh", "conus", "fracture_old"]
    for draft in made(facts, language):
        assert said(draft).count("Also:" if language == "en" else "另需处理：") in (1, 2)
    assert "fracture_old" not in [need.name for need in further_needs(problem_of(facts), 40)]


def test_a_slip_that_changes_between_positions_is_told_as_a_range_and_needs_a_surgeon() -> None:
    first = {"grade": "1", "value": 8.0, "unit": "%", "detail": "degenerative"}
    facts = MADE.case([("L4-L5", "slip", first)], age_band="60-69")
    slip = next(one for one in facts.findings if one.pathology == "slip" and one.present)
    more = slip.model_copy(update={"id": "more", "value": 20.0, "posture": "flexion"})
    facts = CaseFacts(facts.study, (*facts.findings, more))
    assert moving_slips(facts) == {"L4-L5": (8, 20)}
    dialogue, _ = made(facts)
    assert "8%" in said(dialogue) and "20%" in said(dialogue) and "Also: the slip at L4" in said(dialogue)


def test_a_level_is_asked_for_only_where_one_level_decides_and_counted_only_where_all_are_seen() -> None:
    for name in ("kyphosis", "ankylosing", "worn", "normal"):
        for key in range(12):
            draft = consultation(CASES[name], str(key), "en")
            assert isinstance(draft, Draft) and "another level" not in said(draft)
    facts = MADE.case(
        [("C6-C7", "disc_degeneration", {"grade": "4"}), ("L4-L5", "disc_degeneration", {"grade": "5"})]
    )
    case = case_of(facts, "k", "en")
    assert isinstance(case, Case) and not is_counted(case)


def test_two_levels_that_press_on_one_root_are_refused() -> None:
    left = {"side": "left", "grade": "extrusion", "detail": "subarticular", "value": 6.0, "unit": "mm"}
    facts = MADE.case(
        [("L4-L5", "herniation", left), ("L5-S1", "foraminal_stenosis", {"grade": "3", "side": "left"})]
    )
    refused = case_of(facts, "k", "en")
    assert isinstance(refused, Reject) and "same root L5" in refused.reason


def test_lee_grades_and_recesses_are_lumbar_words() -> None:
    both = [("C5-C6", name, {"grade": grade, "side": side}) for side in ("left", "right")
            for name, grade in (("recess_stenosis", "severe"), ("foraminal_stenosis", "2"))]  # fmt: skip
    disc = {"grade": "protrusion", "side": "left", "detail": "foraminal"}
    facts = MADE.case([("C5-C6", "herniation", disc), *both], levels=MADE.CERVICAL)
    for language, words in (
        ("en", ("bilateral paracentral narrowing", "moderate")),
        ("zh", ("双侧", "旁中央区")),
    ):
        text = said(made(facts, language)[0])
        assert not re.search(r"Lee |lateral recess|侧隐窝", text)
        assert all(word in text.lower() for word in words)


def test_nothing_harmless_is_said_over_a_hidden_danger() -> None:
    for write in (consultation, report):
        refused = write(with_hidden("worn", "T12-L1", "spondylodiscitis"), "k", "en")
        assert isinstance(refused, Reject) and "spondylodiscitis is there" in refused.reason
        assert isinstance(write(with_hidden("extrusion", "T7-T8", "spondylodiscitis"), "k", "en"), Draft)
        same = write(with_hidden("extrusion", "L4-L5", "spondylodiscitis"), "k", "en")
        assert isinstance(same, Reject)


def test_what_is_stated_elsewhere_does_not_excuse_what_is_hidden_here() -> None:
    old = CASES["old"]
    assert isinstance(case_of(with_hidden("old", "T12", "fracture"), "k", "en"), Case)
    refused = case_of(with_hidden("old", "L3", "fracture"), "k", "en")
    assert isinstance(refused, Reject) and "fracture is there at L3" in refused.reason
    assert not hidden_sites(old, "fracture")


def test_where_a_curve_is_held_back_no_curve_is_told() -> None:
    young = with_hidden("scoliosis_young", "L3", "scoliosis", "1.2.full_ap")
    assert isinstance(case_of(young, "k", "en"), Reject)
    curve = {"side": "right", "extent": ("T5", "T12"), "unit": "deg", "value": 32.0}
    hernia = {"grade": "extrusion", "side": "left", "detail": "subarticular", "value": 7.2, "unit": "mm"}
    both = MADE.case([("L4-L5", "herniation", hernia), ("T9", "scoliosis", curve)], kinds=("t2", "full_ap"))
    assert "coliosis" in said(made(both)[0])
    held = replace(both, hidden=frozenset({Hidden("1.2.full_ap", "L3", "scoliosis")}))
    for draft in made(held):
        assert not re.search("coliosis|X-ray (?:frontal|whole)|curve", said(draft))
        assert all("full_ap" not in one for one in draft.pictures)
    assert all("full_ap" not in one for one in wanted_pictures(held))


def test_an_undated_fracture_in_a_shown_stir_series_is_refused() -> None:
    undated = ("L2", "fracture", {"grade": "A1"})
    hernia = {"grade": "extrusion", "side": "left", "detail": "subarticular", "value": 7.2, "unit": "mm"}
    facts = MADE.case([("L4-L5", "herniation", hernia), undated], kinds=("t2", "ct"))
    for draft in made(facts):
        assert re.search(r"STIR images that include L2|unknown age", said(draft))
    shown = MADE.case([("L4-L5", "herniation", hernia), undated], kinds=("t2", "ct", "stir"))
    held = replace(facts, hidden=frozenset({Hidden("1.2.t2", "L2", "fracture")}))
    for one in (shown, held):
        refused = case_of(one, "k", "en")
        assert isinstance(refused, Reject) and "has no age" in refused.reason


def test_nobody_is_treated_for_longer_than_ill_and_ages_fit() -> None:
    for name, facts in CASES.items():
        problem = problem_of(facts)
        for key in range(40):
            clinical = history(facts, problem, str(key))
            assert clinical.treated_weeks <= clinical.weeks, name
    spoiled = clinical.model_copy(update={"weeks": 1, "treated_weeks": 4})
    assert "treated for 4 weeks" in contradiction(spoiled, facts, problem)
    stenosis = CaseFacts(
        CASES["stenosis"].study.model_copy(update={"age_band": "20-29"}), CASES["stenosis"].findings
    )
    assert "below 40" in unfit(stenosis, problem_of(stenosis))
    assert duration(9, "en") == "2 months"


def test_weakness_needs_a_narrow_place_and_adults_are_not_judged_by_the_rule_for_the_young() -> None:
    plans = {}
    for name in ("isthmic", "isthmic_narrow"):
        problem = problem_of(CASES[name])
        rows = [history(CASES[name], problem, str(key)) for key in range(40)]
        plans[name] = {row.motor for row in rows}
        found = plan_of(problem, rows[0])
        assert isinstance(found, Plan) and (found.rule, found.source) == ("slip_adult", "expert_opinion")
    assert plans == {"isthmic": {"none"}, "isthmic_narrow": {"none", "progressive"}}


def test_a_cord_deficit_is_an_emergency_and_only_told_with_a_narrow_canal() -> None:
    torn = ("T12", "fracture", {"grade": "C", "detail": "fresh"})
    for stated, acts in (
        ([torn], {"injury.urgent"}),
        ([torn, ("T12-L1", "canal_stenosis", NARROW)], {"injury.urgent", "injury.emergency"}),
    ):
        facts = MADE.case(stated, age_band="20-29")
        problem = problem_of(facts)
        plans = [plan_of(problem, history(facts, problem, str(key))) for key in range(30)]
        assert {plan.act for plan in plans if isinstance(plan, Plan)} == acts


@pytest.mark.parametrize("name", ["extrusion", "stenosis"])
def test_urgent_surgery_is_not_grounded_on_the_waiting_time(name: str) -> None:
    problem = problem_of(CASES[name])
    plans = [plan_of(problem, history(CASES[name], problem, str(key))) for key in range(40)]
    urgent = {plan.rule for plan in plans if isinstance(plan, Plan) and plan.stance == "operate"}
    assert urgent == {f"{'herniation' if name == 'extrusion' else name}_urgent"}


def test_low_energy_fractures_are_not_scored_and_long_pain_is_not_promised_to_settle() -> None:
    fragile = plan_of(
        problem_of(CASES["fragile"]), history(CASES["fragile"], problem_of(CASES["fragile"]), "k")
    )
    assert isinstance(fragile, Plan) and fragile.points is None and fragile.rule == "fragility"
    problem = problem_of(CASES["worn"])
    clinical = history(CASES["worn"], problem, "k").model_copy(update={"weeks": 30})
    chronic = plan_of(problem, clinical)
    assert isinstance(chronic, Plan) and chronic.act == "screen.chronic"


def test_a_region_that_is_not_shown_is_never_called_free() -> None:
    facts = MADE.case([], levels=("T11", "T12", "L1", "L2", "L3"))
    for draft in made(facts):
        assert re.search(r"do not allow all of the lower back|Not all of the lower back", said(draft))
    assert [part_of(site) for site in ("T7", "T8", "T11")] == ["upper", "mid", "mid"]


def test_marrow_change_has_a_type_and_a_metastasis_a_kind_only_where_the_sequences_tell() -> None:
    facts = MADE.case([("L4-L5", "modic_change", {"grade": "2"})], kinds=("t2", "stir"))
    assert {one.grade for one in restrained(facts).findings if one.pathology == "modic_change"} == {""}
    assert "Modic type" not in said(made(facts)[0]) and "ndplate signal change" in said(made(facts)[0])


def test_normal_sentences_leave_out_what_is_broken_or_fused() -> None:
    text = report(CASES["fragile"], "k", "en")
    assert isinstance(text, Draft)
    for line in text.answer.splitlines():
        if re.match(r"- (?:There is n|N)o .*(?:height loss|fracture)", line):
            assert not re.search(r"\bL1\b|T11\b", line), line


def test_implants_are_named_by_their_extent_and_metal_spoils_the_mri() -> None:
    style = style_of("en", "x").model_copy(update={"name": "canonical"})
    assert implants_text(CASES["operated"], style) == "from L4 to L5"
    draft = report(CASES["operated"], "k", "en")
    assert isinstance(draft, Draft)
    assert (
        "Metal artefact from the implants at L4 and L5" in draft.answer and "Previous fusion" in draft.answer
    )


def test_notes_on_what_was_read_are_not_printed_and_articles_fit() -> None:
    notes = ("read at", "(abstract)", "as quoted", "no primary paper")
    assert [key for key, text in CITATIONS.items() if any(note in text for note in notes)] == []
    assert _ARTICLE.search("shows a extrusion") and not _ARTICLE.search("shows a uniform disc")


def test_patients_and_colleagues_are_spoken_to_in_their_own_words() -> None:
    for name, phrase in phrases().items():
        if name.endswith(".patient") and name.startswith(("reply.", "also.", "ask.")):
            assert not re.search(r"decompress \{|examine again|[Ii]mmobilise", " ".join(phrase.en)), name
        if name.endswith(".colleague") and name.startswith(("reply.", "ask.")):
            assert not re.search("发烧|变瘦|没劲|请马上去急诊", "".join(phrase.zh)), name


def test_a_foramen_that_is_narrow_on_the_other_side_and_not_stated_leaves_no_text() -> None:
    free = MADE.case(
        [("C5-C6", "recess_stenosis", {"grade": "severe", "side": "right"})], kinds=("t2_axial",)
    )
    problem = problem_of(free)
    assert (problem.lead, problem.side) == ("root_stenosis", "right")
    for side, refused in (("left", True), ("right", False)):
        hidden = frozenset({Hidden("1.2.t2_axial", "C5-C6", "foraminal_stenosis", side)})
        assert bool(withheld(replace(free, hidden=hidden), problem)) == refused


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fragile_fracture_without_an_ao_type_is_told_without_one(language: Language) -> None:
    broken = ("L1", "fracture", {"grade": "", "detail": "fresh"})
    facts = MADE.case([broken], kinds=("t2",), age_band="70-79")
    assert problem_of(facts).lead == "fragility"
    dialogue, written = made(facts, language)
    for text in (said(dialogue), written.answer):
        assert re.search("L1|腰1", text) and not re.search(
            r"AO (?:type )?[ABC]?\d?[.,，。]|AO分型|AO 型", text
        )
        assert re.search("compression fracture|压缩性骨折", text)
