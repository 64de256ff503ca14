"""A sixth reading of the texts, held fast: touching sites, untold grades, what leads and what is named."""

from __future__ import annotations

from typing import Any

import pytest
from clinic_fixture import CERVICAL, EN, FRESH, LUMBAR, MODERATE, NARROW, Stated, some_case
from clinic_fixture import case as pictured
from test_written_questions import WORN, case, document, finding

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic import Draft, report
from spinemed.instances.clinic.consultation import explanation
from spinemed.instances.clinic.describe import normal_sentences, sentence
from spinemed.instances.clinic.further import free_canal
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.clinic.wording import LANGUAGES, Language, phrases
from spinemed.instances.written import KINDS
from spinemed.instances.written.gate import is_alone
from spinemed.instances.written.phrases import sites_of
from spinemed.instances.written.templates import questions
from spinemed.phantom.written import written_case
from spinemed.phantom.written.wording import phrases as told
from spinemed.records import Box, Finding, Kind

SLIPPED = (
    "L3-L4: degenerative spondylolisthesis, Meyerding grade I.",
    [finding("L3-L4", "slip", grade="1", detail="degenerative")],
)
SPURS = ("Large osteophytes at L3 and L4.", [finding(level, "osteophyte") for level in ("L3", "L4")])
EXTRUSION = {"grade": "extrusion", "side": "central", "detail": "central", "value": 5.0, "unit": "mm"}
BOX = Box(left=0, top=0, right=0, bottom=0)


def ideas(kind: Kind, *told: tuple[str, list[Finding]], **more: Any) -> list[Any]:
    """Return the ideas of a kind about a hand-made case."""
    return list(KINDS[kind].ideas(document(case(*told, **more))))


def as_text(facts: CaseFacts) -> CaseFacts:
    """Return the same facts as a text states them, which has no place in a picture."""
    found = [one.model_copy(update={"evidence": one.evidence.model_copy(update={"box": BOX})})
             for one in facts.findings]  # fmt: skip
    study = facts.study.model_copy(update={"text": "A report."})
    return CaseFacts(study, tuple(found))


def test_a_finding_is_not_alone_at_a_disc_whose_vertebrae_have_others() -> None:
    worn = ("Disc degeneration at L5-S1, Pfirrmann grade IV.", [WORN])
    free = [idea for idea in ideas("written_site_finding", SLIPPED, worn) if idea.group.startswith("alone")]
    beside = [idea for idea in ideas("written_site_finding", SLIPPED, worn, SPURS)
              if idea.group.startswith("alone")]  # fmt: skip
    assert {idea.sites[0] for idea in free} == {"L3-L4", "L5-S1"}
    assert {idea.sites[0] for idea in beside} == {"L5-S1"}
    tumour = ("L1: lytic metastasis.", [finding("L1", "metastasis", grade="lytic")])
    groups = {idea.sites[0]: idea.group for idea in ideas("written_site_finding", SLIPPED, tumour)}
    assert groups["L3-L4"] != groups["L1"]


def test_an_open_answer_about_a_disc_leaves_out_no_spur_of_its_vertebrae() -> None:
    one = ideas("written_site_finding", SLIPPED)[0]
    facts = document(case(SLIPPED)).facts
    assert is_alone("written_site_finding", one.fields, one.right, facts)
    assert not is_alone("written_site_finding", one.fields, one.right, document(case(SLIPPED, SPURS)).facts)


def test_no_later_slip_is_told_as_one_more_slip() -> None:
    wordings = questions()["written_later_slip"]
    assert not [
        words for words in (*wordings.en, *wordings.zh) if "slips forward by" in words or "向前滑移{" in words
    ]


def test_a_fracture_of_untold_type_may_be_the_graded_one() -> None:
    typed = ("Fresh fracture of L1, AO type A1.", [finding("L1", "fracture", grade="A1", detail="fresh")])
    untyped = ("Fresh compression fracture of L3.", [finding("L3", "fracture", detail="fresh")])
    old = ("Old fracture of L3.", [finding("L3", "fracture", detail="old")])
    key = "fracture|A1||fresh"
    assert sites_of(document(case(typed, untyped)).facts, key) == {"L1", "L3"}
    assert sites_of(document(case(typed, old)).facts, key) == {"L1"}
    named = {idea.fields["finding"] for idea in ideas("written_level_of", typed, untyped)}
    assert key not in named


def test_lateral_recesses_are_asked_of_in_the_lumbar_spine_alone() -> None:
    neck = ("No disc herniation at C4-C5.", [finding("C4-C5", "herniation", present=False)])
    low = ("No disc herniation at L3-L4.", [finding("L3-L4", "herniation", present=False)])
    asked = {(idea.sites[0], idea.fields["pathology"]) for _ in range(20)
             for idea in ideas("written_site_status", neck, low)}  # fmt: skip
    recess = {site for site, pathology in asked if pathology == "recess_stenosis"}
    assert recess <= {"L3-L4"} and any(site == "C4-C5" for site, _ in asked)


def test_levels_are_renumbered_to_other_numbers_alone() -> None:
    made = ideas("written_renumbered", SLIPPED)
    assert made and {idea.fields["count"] for idea in made} == {"four", "six"}
    assert all(idea.right != idea.sites[0] for idea in made)


def test_large_spurs_are_told_of_the_front_edge() -> None:
    words = [*phrases()["finding.osteophyte"].zh, *told("abnormal")["osteophyte"].zh]
    assert not [one for one in words if "边缘" in one]


def test_no_vertebra_of_a_bridge_is_said_to_have_no_spur() -> None:
    bridges = 0
    for seed in range(400_000, 400_120):
        one = written_case(seed)
        stiff = {level for each in one.findings if each.pathology == "bridging" and each.present
                 for level in each.site.split("-")}  # fmt: skip
        bridges += bool(stiff)
        spared = {each.site for each in one.findings if each.pathology == "osteophyte" and not each.present}
        assert stiff.isdisjoint(spared)
    assert bridges


def test_follow_up_questions_do_not_ask_for_a_yes_that_no_answer_gives() -> None:
    asked = [one for name, one in phrases().items() if name.startswith("ask.more.") and "count" not in name]
    closed = [words for one in asked for words in one.en if words.startswith(("Does ", "Can ", "Is "))]
    closed += [words for one in asked for words in one.zh if words.endswith(("变吗？", "等吗？", "等等吗？"))]
    assert not closed


def test_what_a_text_says_of_heights_and_mild_narrowing_is_told() -> None:
    mild = {"grade": "mild", "value": 11.0, "unit": "mm"}
    stated: list[Stated] = [("L3-L4", "canal_stenosis", mild)]
    facts = pictured(stated)
    findings = [one for one in facts.findings if (one.pathology, one.site) != ("fracture", "L1")]
    text = as_text(CaseFacts(facts.study, tuple(findings)))
    heights = "height loss"
    assert heights not in " ".join(normal_sentences(findings, EN, "k", findings))
    assert heights in " ".join(normal_sentences(text.findings, EN, "k", text.findings))
    narrow = [next(one for one in found if one.pathology == "canal_stenosis" and one.present)
              for found in (findings, text.findings)]  # fmt: skip
    assert ["11 mm" in sentence([one], EN, "k") for one in narrow] == [False, True]


def test_wear_is_led_by_a_disc_that_reaches_backwards() -> None:
    worn: Stated = ("C4-C5", "disc_degeneration", {"grade": "5"})
    disc: Stated = ("C5-C6", "herniation", EXTRUSION)
    canal: Stated = ("C6-C7", "canal_stenosis", MODERATE)
    narrow = problem_of(pictured([worn, canal], levels=CERVICAL))
    led = problem_of(pictured([worn, disc, canal], levels=CERVICAL))
    assert (led.lead, led.site, narrow.lead, narrow.site) == (
        "degeneration",
        "C5-C6",
        "degeneration",
        "C6-C7",
    )
    mild = problem_of(pictured([worn, ("C6-C7", "canal_stenosis", {"grade": "mild"})], levels=CERVICAL))
    assert mild.site == "C4-C5"


@pytest.mark.parametrize(("language", "words"), [("en", "reaches backwards"), ("zh", "的椎间盘向后凸")])
def test_the_patient_is_told_of_the_disc_that_leads_as_wear(language: Language, words: str) -> None:
    worn: Stated = ("C4-C5", "disc_degeneration", {"grade": "5"})
    facts = pictured([worn, ("C5-C6", "herniation", EXTRUSION)], levels=CERVICAL)
    made = [one for key in range(6) if isinstance(one := report(facts, str(key), language), Draft)]
    assert made and all(words in one.answer for one in made)


@pytest.mark.parametrize(("language", "words"), [("en", "take part in"), ("zh", "也可能与症状有关")])
def test_other_narrow_levels_perhaps_take_part(language: Language, words: str) -> None:
    alone: list[Stated] = [("L4-L5", "canal_stenosis", NARROW)]
    both = [*alone, ("L2-L3", "canal_stenosis", MODERATE)]
    assert words not in explanation(some_case(pictured(alone, levels=LUMBAR, age_band="70-79"), language))
    facts = pictured(both, levels=LUMBAR, age_band="70-79")
    told = explanation(some_case(facts, language))
    assert words in told and "2" in told.partition(words)[0][-12:]
    made = [one for key in range(6) if isinstance(one := report(facts, str(key), language), Draft)]
    found = {"en": "which may play a part", "zh": "可能也有影响"}[language]
    assert made and all(found in one.answer for one in made)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_outlook_praises_waiting_beside_an_offered_operation(language: Language) -> None:
    narrow = {"grade": "severe", "side": "left"}
    facts = pictured([("L4-L5", "recess_stenosis", narrow)], age_band="60-69")
    short, lasting = (getattr(phrases()[f"risk.{name}"], language) for name in ("root", "root_lasting"))
    offered = 0
    for key in range(60):
        made = report(facts, str(key), language)
        if isinstance(made, Draft):
            assert made.plan.rule == "stenosis"
            offered += made.plan.operates
            assert any(words in made.answer for words in (lasting if made.plan.operates else short))
    assert offered


def test_a_free_canal_is_told_first_after_a_fracture() -> None:
    facts = pictured([("L1", "fracture", FRESH)])
    told = free_canal(problem_of(facts), facts.findings)
    assert told and {one.pathology for one in told} == {"canal_stenosis"}
    tight = pictured([("L1", "fracture", FRESH), ("L1-L2", "canal_stenosis", MODERATE)])
    assert not free_canal(problem_of(tight), tight.findings)
