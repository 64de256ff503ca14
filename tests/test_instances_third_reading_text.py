"""A third reading of the texts, held fast: bodies lost in black, broken bones, fused discs, and wordings."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random
from typing import Any

import clinic_fixture as MADE
import pytest
from clinic_fixture import some_case
from test_instances import spine
from test_written_questions import case, document, finding

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.instances import Asking, ask
from spinemed.instances.clinic import Draft, consultation, report
from spinemed.instances.clinic.consultation import _advice, _reading, changes, further, ranges
from spinemed.instances.clinic.further import Need, infected_implants
from spinemed.instances.clinic.gate import checked
from spinemed.instances.clinic.wording import LANGUAGES, Language, phrases
from spinemed.instances.premise import Known, Premise, Shown
from spinemed.instances.proof import is_miscounted
from spinemed.instances.written import KINDS, question_of
from spinemed.instances.written.ask_rules import _flag
from spinemed.instances.written.compose import _told_apart
from spinemed.instances.written.document import document_of, spared_of
from spinemed.instances.written.gate import fault_of
from spinemed.instances.written.stated import facts_of
from spinemed.instances.written.templates import questions
from spinemed.instances.written.wording import answer_text, fields_read, question_text
from spinemed.records import Finding, Instance, Kind

SLIP = {"grade": "1", "value": 14.0, "unit": "%", "detail": "degenerative"}
SCLEROSED = ("C3-C4", "modic_change", {"grade": "3"})
OLD = finding("T12", "fracture", grade="A1", detail="old")
LOST = finding("T12", "height_loss", grade="2", value=32.0, unit="%", detail="wedge")
WHOLE = finding("T11", "fracture", present=False)
SCREWED = [finding(site, "screws") for site in ("L4", "L5", "S1")]
CENTRAL = finding("L5-S1", "herniation", grade="extrusion", detail="central", value=7.0)
RECESS = finding("L5-S1", "recess_stenosis", grade="moderate", side="left")
SLIGHT = finding("L5-S1", "recess_stenosis", grade="mild", side="left")
UPPER = finding("L3-L4", "recess_stenosis", grade="severe", side="left")
BROKEN = case(
    ("T12: old wedge compression fracture (AO type A1), with wedge height loss of about 32%.", [OLD, LOST]),
    ("No fracture of T11.", [WHOLE]),
    measured=(LOST.id,),
)
FUSED = case(
    ("L4 to S1: pedicle screws with rods.", SCREWED),
    ("No spondylodiscitis at L2-L3.", [finding("L2-L3", "spondylodiscitis", present=False)]),
)


def ideas(kind: Kind, one: Any) -> list[Any]:
    return list(KINDS[kind].ideas(document(one)))


def lost(facts: CaseFacts, series: str, kind: Kind = "level_below", **fields: str) -> bool:
    """Return whether a picture of a series is refused for what is counted from or in it."""
    shown = Shown(MADE.series_of(series), "sagittal", 5, (1.0, 1.0), 0.0, 0.0, 90.0, 90.0, None)
    return is_miscounted(Premise(kind, ("C6", "C7"), fields, (shown,), Known(facts)))


def test_text_on_mr_nothing_is_counted_from_a_body_that_is_lost_in_black() -> None:
    facts = MADE.case([SCLEROSED], levels=MADE.CERVICAL, kinds=("t2", "stir"))
    assert lost(facts, "stir", numbering="reference C3") and lost(facts, "t2", numbering="reference C3")
    assert lost(facts, "stir", numbering="reference C2")  # and not past it in the neck
    assert lost(facts, "stir", "count_in_view")
    fatty = MADE.case([("C3-C4", "modic_change", {"grade": "2"})], levels=MADE.CERVICAL, kinds=("stir",))
    assert not lost(fatty, "stir", numbering=f"reference {MADE.CERVICAL[0]}")
    assert lost(fatty, "stir", numbering=f"reference {MADE.CERVICAL[1]}")  # a higher one is whole in view
    held = frozenset({Hidden("1.2.stir", "C3-C4", "modic_change", "", "3")})
    assert lost(replace(fatty, hidden=held), "stir", numbering="reference C3")


def test_text_larger_bodies_are_counted_past_a_black_endplate_but_not_from_it() -> None:
    facts = MADE.case([("L2-L3", "modic_change", {"grade": "3"})], kinds=("stir",))
    assert lost(facts, "stir", numbering="reference L2")
    assert not lost(facts, "stir", numbering=f"reference {MADE.LUMBAR[0]}") and not lost(
        facts, "stir", "count_in_view"
    )


@pytest.mark.parametrize("kind", ["written_later_sins", "written_later_noms"])
def test_text_no_later_tumour_is_imagined_in_a_broken_vertebra(kind: Kind) -> None:
    found = ideas(kind, BROKEN)
    assert {idea.fields["site"] for idea in found} == {"T11"}
    holds, facts = KINDS[kind].holds, document(BROKEN).facts
    assert all(holds(facts, idea.fields, idea.right) for idea in found)
    assert not any(holds(facts, {**idea.fields, "site": "T12"}, idea.right) for idea in found)


def test_text_signs_are_explained_by_no_new_herniation_within_a_fusion() -> None:
    assert {idea.right for idea in ideas("written_sign_disc", FUSED)} == {"L2-L3", "L3-L4"}
    one = document(FUSED)
    assert {"L4-L5", "L5-S1"} <= one.spared == spared_of(one.facts)
    fields = {"sign": "L5_motor"}
    assert not KINDS["written_sign_disc"].holds(one.facts, fields, "L4-L5")
    assert KINDS["written_sign_disc"].holds(facts_of(()), fields, "L4-L5")


def test_text_a_recess_explains_nothing_beside_a_herniation_or_a_tight_canal() -> None:
    tight = finding("L3-L4", "canal_stenosis", grade="moderate")
    recess = "recess_stenosis|{}|left|"
    for extra, expected in (
        ([], {recess.format("severe"), recess.format("moderate")}),
        ([CENTRAL], {recess.format("severe")}),
        ([tight], {recess.format("moderate")}),
    ):
        words = {CENTRAL.id: "L5-S1: central disc extrusion.", tight.id: "Moderate canal stenosis at L3-L4."}
        told = case(
            ("Moderate left lateral recess stenosis at L5-S1.", [RECESS]),
            ("Severe left lateral recess stenosis at L3-L4.", [UPPER]),
            *((words[one.id], [one]) for one in extra),
        )
        found = ideas("written_explains", told)
        assert {idea.right for idea in found} == expected
        facts = document(told).facts
        for key, root in ((recess.format("severe"), "L4"), (recess.format("moderate"), "S1")):
            fields = {"sign": f"{root}_sensory", "side": "left"}
            assert KINDS["written_explains"].holds(facts, fields, key) == (key in expected)


def test_text_a_slightly_narrow_recess_explains_no_signs() -> None:
    told = case(("Mild left lateral recess stenosis at L5-S1.", [SLIGHT]))
    assert not ideas("written_explains", told)
    fields = {"sign": "S1_sensory", "side": "left"}
    assert not KINDS["written_explains"].holds(document(told).facts, fields, "recess_stenosis|mild|left|")


def test_text_a_central_herniation_is_a_rival_of_the_foramen_below() -> None:
    foramen = finding("L5-S1", "foraminal_stenosis", grade="3", side="left")
    central = finding("L4-L5", "herniation", grade="extrusion", detail="central")
    told = ("L5-S1: left foraminal stenosis, Lee grade 3.", [foramen])
    rival = ("L4-L5: central disc extrusion.", [central])
    assert {idea.fields["sign"] for idea in ideas("written_explains", case(told))} == {
        "L5_motor",
        "L5_sensory",
    }
    assert not ideas("written_explains", case(told, rival))


def test_text_the_side_to_decompress_is_not_told_by_the_question() -> None:
    herniation = finding("L4-L5", "herniation", grade="extrusion", side="left", detail="subarticular")
    told = case(("L4/5: left subarticular disc extrusion.", [herniation]))
    [idea] = ideas("written_decompression", told)
    assert idea.right == "L4-L5 left" and idea.fields == {"finding": "herniation|extrusion||subarticular"}
    asked = question_text("written_decompression", "en", 0, idea.fields, "canonical")
    assert "left" not in asked and "a subarticular disc extrusion" in asked
    other = finding("L5-S1", "herniation", grade="extrusion", side="right", detail="subarticular")
    both = case(
        ("L4/5: left subarticular disc extrusion.", [herniation]),
        ("L5/S1: right subarticular disc extrusion.", [other]),
    )
    assert not ideas("written_decompression", both)
    assert not KINDS["written_decompression"].holds(document(both).facts, idea.fields, "L4-L5 left")


def test_text_infection_is_looked_for_by_the_rule_for_spines_without_implants() -> None:
    def rules(one: Any) -> set[str]:
        return {_flag(idea.fields["flag"])[2] for idea in ideas("written_red_flag", one)}

    assert "idsa_2015" in rules(BROKEN) and "idsa_2015" not in rules(FUSED) and rules(FUSED)


def test_text_no_injury_of_a_neck_that_was_operated_on_is_scored() -> None:
    held = case(("C5 to C6: pedicle screws.", [finding("C5", "screws"), finding("C6", "screws")]))
    assert ideas("written_slic", FUSED) and not ideas("written_slic", held)


def bent(values: tuple[float | None, float | None], text: str, unit: str = "%") -> CaseFacts:
    """Return a slip with films in flexion and extension that measure it so."""
    facts = MADE.case([("L4-L5", "slip", SLIP)], kinds=("t2",), age_band="60-69")
    first = next(one for one in facts.findings if one.pathology == "slip" and one.present)
    whole = next(one for one in facts.findings if one.pathology == "vertebra")
    films, stated = [], list[Finding]()
    for posture, value in zip(("flexion", "extension"), values, strict=True):
        uid, update = f"1.2.{posture}", {"posture": posture, "evidence": MADE.locator(f"1.2.{posture}")}
        film = {"uid": uid, "view": "LAT", "posture": posture}
        films.append(MADE.series_of("full_ap").model_copy(update=film))
        stated.append(whole.model_copy(update={**update, "id": f"{posture}-body"}))
        if value is not None:
            more = {"id": f"{posture}-slip", "value": value, "unit": unit}
            stated.append(first.model_copy(update={**update, **more}))
    series = (*facts.study.series, *films)
    study = facts.study.model_copy(update={"series": series, "text": text, "language": "en"})
    return CaseFacts(study, (*facts.findings, *stated))


def test_text_a_document_that_measures_a_slip_twice_says_that_it_does_not_move() -> None:
    assert "no relevant change" in " ".join(ranges(some_case(bent((14.0, 15.0), "text"))))
    assert not ranges(some_case(bent((14.0, None), "text")))
    assert not ranges(some_case(bent((14.0, 15.0), "text", unit="")))
    assert "cannot be measured" in " ".join(ranges(some_case(bent((14.0, None), ""))))


def test_text_of_a_slip_the_free_canal_is_told_first() -> None:
    discitis = [(one, "spondylodiscitis", {"present": False}) for one in MADE.segments(MADE.LUMBAR)]
    slipped = MADE.case([("L4-L5", "slip", SLIP), *discitis], kinds=("t2",), age_band="60-69")
    said = _reading(some_case(slipped))
    assert "canal stenosis at" in said and "fracture" not in said
    worn = ("L4-L5", "disc_degeneration", {"grade": "4"})
    other = MADE.case([worn, *discitis], kinds=("t2",), age_band="60-69")
    assert "canal stenosis" not in _reading(some_case(other))


def test_text_wordings_name_surgery_ordinals_and_no_symptoms_beside_a_cauda_equina() -> None:
    assert answer_text("written_slip_plan", "en", "operate", "canonical") == "surgery"
    fields = {"finding": "modic_change|2||", "steps": "2", "way": "below"}
    for language, words in (("en", "second"), ("zh", "第二个")):
        for number in range(4):
            asked = question_text("written_offset_disc", language, number, fields, "canonical")  # type: ignore[arg-type]
            assert words in asked and fields_read("written_offset_disc", language, asked) == fields  # type: ignore[arg-type]
    stenosis = question_of("written_stenosis_plan").fields["state"]
    assert "symptoms" not in stenosis.en["cauda"] and "症状" not in stenosis.zh["cauda"]  # type: ignore[union-attr]
    narrow = case(("Severe canal stenosis at L2-L3.", [finding("L2-L3", "canal_stenosis", grade="severe")]))
    plans = {idea.fields["state"]: idea.right for idea in ideas("written_stenosis_plan", narrow)}
    assert (
        plans["cauda"] == "emergency_decompression" and plans["severe_progressive"] == "urgent_decompression"
    )
    assert not any(
        "number {" in words or "rename" in words for one in questions().values() for words in one.en
    )


def test_text_a_series_alone_knows_of_the_modic_change_that_hides_its_first_body() -> None:
    study, volume, _, findings = spine(("C3", "C4", "C5", "C6", "C7", "T1", "T2"), 3)
    stir = study.series[0].model_copy(update={"modality": "MR", "sequence": "STIR"})
    black = findings[0].model_copy(
        update={"id": "m", "site": "C3-C4", "pathology": "modic_change", "grade": "3", "present": True}
    )

    def counted(*beside: object) -> int:
        made = ask(study, stir, volume, findings, Asking(0, 0.5, 12), None, (), beside)  # type: ignore[arg-type]
        return sum("C3" in one.question for one in made if isinstance(one, Instance))

    assert counted() and not counted(black)


def operated(*levels: str) -> CaseFacts:
    """Return a discitis at L4-L5 with screws in some vertebrae."""
    screws: list[MADE.Stated] = [(level, "screws", {}) for level in levels]
    return MADE.case([("L4-L5", "spondylodiscitis", {}), *screws], age_band="60-69")


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_an_infection_beside_implants_has_a_surgeon_from_the_start(language: Language) -> None:
    beside = operated("L2", "L3")  # next to L4, though L4 itself is free
    one = some_case(beside, language)
    assert one.problem.lead == "discitis" and one.plan.act == "infection.workup"
    assert (one.plan.rule, one.plan.source) == ("infection_implant", "expert_opinion")
    assert Need("infection_implant", ("L4-L5",)) in one.needs and changes(one) == ("infection_implant",)
    for said in (further(one, "patient"), further(one, "colleague")):
        assert ("spine surgeon" if language == "en" else "脊柱外科") in said
        assert ("from the start" if language == "en" else "从一开始") in said
    assert not re.search("on native vertebral|原发性椎体", _advice(one))
    far = some_case(operated("L2"), language)
    assert far.plan.rule == "infection" and changes(far) == ("infection",)
    assert not infected_implants(far.problem) and re.search("IDSA", _advice(far))
    for make in (consultation, report):
        drafts = [make(beside, str(key), language) for key in range(12)]
        made = [checked(draft, beside) for draft in drafts if isinstance(draft, Draft)]
        assert made and all(isinstance(draft, Draft) for draft in made)
    texts = " ".join(draft.messages[-1].content for draft in made if isinstance(draft, Draft))
    assert not re.search("yearly|每年复查|good outlook|预后良好|most heal|多在数月内愈合", texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_a_fresh_fracture_beside_implants_passes_the_gate(language: Language) -> None:
    broken: MADE.Stated = ("L1", "fracture", {"grade": "A1", "detail": "fresh"})
    screws: list[MADE.Stated] = [(level, "screws", {}) for level in ("L2", "L3")]
    facts = MADE.case([broken, *screws], age_band="70-79")
    assert Need("fracture_implant", ("L1",)) in some_case(facts, language).needs
    drafts = [report(facts, str(key), language) for key in range(8)]
    made = [checked(draft, facts) for draft in drafts if isinstance(draft, Draft)]
    assert made and all(isinstance(draft, Draft) for draft in made)


ALIKE = {
    "written_stenosis_plan": {"finding": "canal_stenosis|mild||", "state": "mild", "weeks": "4"},
    "written_slip_plan": {"site": "L5-S1", "symptoms": "none"},
    "written_curve_plan": {"risser": "0", "growth": "2"},
}


@pytest.mark.parametrize("kind", ALIKE)
def test_text_two_answers_that_may_both_be_defended_are_never_offered_together(kind: Kind) -> None:
    [pair] = question_of(kind).answers.alike
    every = set(question_of(kind).answers.en)
    documents = [document_of(BROKEN, Random(number)) for number in range(20)]
    kept = {tuple(_told_apart(one, kind, every)) for one in documents}
    assert kept == {tuple(sorted(every - {one})) for one in pair}
    for language in LANGUAGES:
        asked = question_text(kind, language, 0, ALIKE[kind], "canonical")
        options = [answer_text(kind, language, key, "canonical") for key in sorted(every)]
        fault = fault_of(kind, language, asked, ALIKE[kind], options, pair[0], facts_of(()))
        assert fault == "two options are offered that may both be defended"


def test_text_discs_are_not_counted_by_grade_where_one_that_is_ill_has_none() -> None:
    worn = finding("L5-S1", "disc_degeneration", grade="4")
    graded = ("Disc degeneration at L5-S1, Pfirrmann grade IV.", [worn])
    herniated = (
        "L3-L4: central disc extrusion.",
        [finding("L3-L4", "herniation", grade="extrusion", detail="central")],
    )
    asked = ideas("written_graded_count", case(graded))
    assert {idea.fields["grade"] for idea in asked} == {"3", "4", "5"}
    assert not ideas("written_graded_count", case(graded, herniated))
    holds = KINDS["written_graded_count"].holds
    assert holds(document(case(graded)).facts, {"grade": "3"}, "1")
    assert not holds(document(case(graded, herniated)).facts, {"grade": "3"}, "1")
    told = question_of("written_graded_count")
    assert all(
        re.search("(?:stated|graded) or described|写明或描述", words) for words in (*told.en, *told.zh)
    )


def test_text_what_a_rule_is_asked_of_at_a_level_is_later_or_supposed() -> None:
    later = re.compile(
        r"(?i)later|follow-up|\bif |suppose|years (?:on|apart)|\bnew|next|another|after this|car accident"
        r"|复查|随访|若|新的|新发|新鲜|另一次|假[设如]|不同日期|下[一]?次|[年周]后|[日此之随]后|次年|报告之?后|复诊"
    )
    for kind, one in questions().items():
        sited = {"disc", "vertebra"} & {form for form in one.fields.values() if isinstance(form, str)}
        for words in (*one.en, *one.zh) if one.rule and sited else ():
            assert later.search(words), (kind, words)
    asked = question_of("written_slip_share").zh[3]
    assert "后复查" in asked and asked.startswith("数年后")


def test_text_later_slips_are_of_lumbar_vertebrae() -> None:
    slip = {"grade": "1", "value": 14.0, "unit": "%", "detail": "degenerative"}
    neck = case(("Slip of C4 on C5, Meyerding grade I.", [finding("C4-C5", "slip", **slip)]))
    lumbar = case(("Spondylolisthesis at L4-L5, Meyerding grade I.", [finding("L4-L5", "slip", **slip)]))
    assert ideas("written_later_slip", lumbar) and not ideas("written_later_slip", neck)


def test_text_chinese_wordings_that_read_oddly_are_gone() -> None:
    every = " ".join(words for one in questions().values() for words in (*one.zh, *one.open.zh))
    every += " ".join(words for one in phrases().values() for words in one.zh)
    odd = (
        "数到的为", "需要几步", "需要{answer}步", "相差几级", "出现以下情况：{flag}", "出现{flag}",
        "而实际为",
        "亲属，特发性", "避免负重", "及负重。", "疼痛宜视为",
    )  # fmt: skip
    assert not [words for words in odd if words in every]
    signals = question_of("written_modic_rule").fields["first"].zh  # type: ignore[union-attr]
    assert all(words.endswith("信号") for words in signals.values())
    fields = {"finding": "canal_stenosis|severe||", "state": "cauda", "weeks": "8"}
    for number in range(4):
        asked = question_text("written_stenosis_plan", "zh", number, fields, "canonical")
        assert "出现马尾综合征" in asked and "新发" not in asked
    counts = question_of("written_renumbered").fields["count"].zh  # type: ignore[union-attr]
    assert all(words.isdigit() for words in counts.values())
