"""Consultations and reports about written cases: the document is handed over, and nothing else is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from spinemed.facts.case import CaseFacts
from spinemed.instances.asking import Asking
from spinemed.instances.clinic import parse_sections
from spinemed.instances.clinic.case import case_of
from spinemed.instances.clinic.consultation import consultation
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.gate import checked
from spinemed.instances.clinic.report import report
from spinemed.instances.clinic.wording import Language, phrases
from spinemed.instances.written.clinic import GATES, ask_written_clinic, first_described
from spinemed.instances.written.clinic_facts import clinic_facts
from spinemed.phantom.written import WrittenCase, written_case
from spinemed.records import Instance, Message, Reject

ASKING = Asking(seed=7, open_share=0.5, marks_per_series=1)
CASES = {seed: written_case(seed) for seed in range(170_000, 170_030)}
ASKED = {seed: tuple(ask_written_clinic(case, ASKING)) for seed, case in CASES.items()}
MEASURED = re.compile(r"(\d+)\s?(?:mm|%|°)")
PICTURED = re.compile(
    r"\b(?:images? show|picture|in these images|attached)|阅片结果|片子带来|我的片子|所附图|图像已阅",
    re.IGNORECASE,
)


def made() -> list[tuple[WrittenCase, Instance]]:
    """Return all instances with the case that they are of."""
    return [(CASES[seed], one) for seed, found in ASKED.items() for one in found if isinstance(one, Instance)]


def test_each_case_gives_a_dialogue_and_a_report_or_says_why_not() -> None:
    for found in ASKED.values():
        assert len(found) == 2
        assert all(one.reason for one in found if isinstance(one, Reject))
    assert len(made()) > 35


def test_a_dialogue_has_two_to_six_turns_and_a_report_six_sections() -> None:
    for _, one in made():
        users = [message for message in one.messages if message.role == "user"]
        if one.task == "dialogue":
            assert 2 <= len(users) <= 6
        else:
            assert len(parse_sections(one.answer)) == 6


def test_one_user_turn_carries_the_document_that_is_quoted() -> None:
    for case, one in made():
        quote = one.provenance.quote
        assert quote is not None
        assert quote.document == case.study.id
        assert case.study.text[quote.start : quote.end] == quote.text
        turns = [message for message in one.messages if quote.text in message.content]
        assert [turn.role for turn in turns] == ["user"]


def test_the_history_is_told_by_the_user_alone_and_not_by_the_document() -> None:
    for case, one in made():
        header = case.study.text[: first_described(case)]
        assert all(
            line not in message.content for message in one.messages for line in header.split("\n") if line
        )


def test_instances_say_that_they_are_of_text_and_hold_what_records_allow() -> None:
    for case, one in made():
        assert (one.modality, one.pictures, one.language) == ("text", (), case.study.language)
        assert one.gates == GATES[one.task]
        assert one.template.startswith(f"{one.kind}/{one.language}/")
        assert set(one.findings) <= {finding.id for finding in case.findings}
        assert Instance.model_validate(one.model_dump()) == one


def test_no_number_is_told_that_the_document_does_not_tell() -> None:
    for case, one in made():
        if one.task != "report":
            continue
        findings = next(iter(parse_sections(one.answer).values()))
        assert set(MEASURED.findall(findings)) <= set(MEASURED.findall(case.study.text))


def test_nobody_speaks_of_pictures() -> None:
    for _, one in made():
        for message in one.messages:
            assert not PICTURED.search(message.content), message.content


def test_the_same_asking_gives_the_same_instances() -> None:
    seed = next(iter(CASES))
    assert tuple(ask_written_clinic(written_case(seed), ASKING)) == ASKED[seed]


@pytest.mark.parametrize(("language", "here", "there"), [("en", "left", "right"), ("zh", "左侧", "右侧")])
def test_the_gate_refuses_a_dialogue_with_the_other_side(language: str, here: str, there: str) -> None:
    facts, draft = _sided(language, here)
    spoilt = [
        one.model_copy(update={"content": one.content.replace(here, there)})
        if one.role == "assistant"
        else one
        for one in draft.messages
    ]
    assert isinstance(checked(draft, facts), Draft)
    assert isinstance(checked(_with(draft, spoilt), facts), Reject)


def _sided(language: str, side: str) -> tuple[CaseFacts, Draft]:
    """Return facts and an unchecked dialogue that names one side alone."""
    for seed in range(170_000, 170_100):
        facts = clinic_facts(written_case(seed, "en" if language == "en" else "zh"))
        draft = consultation(facts, "gate", "en" if language == "en" else "zh")
        sides = {one.side for one in facts.findings} & {"left", "right"}
        if (
            isinstance(draft, Draft)
            and sides == {"left"}
            and any(side in one.content for one in draft.messages)
        ):
            return facts, draft
    raise AssertionError("no dialogue names one side alone")


def _with(draft: Draft, messages: Sequence[Message]) -> Draft:
    return replace(draft, messages=tuple(messages))


def test_every_written_phrase_has_one_that_it_stands_for() -> None:
    known = phrases()
    for name in known:
        if name.endswith(".written"):
            assert name.removesuffix(".written") in known


def test_nothing_is_decompressed_where_no_text_says_that_the_canal_is_narrow() -> None:
    facts = clinic_facts(written_case(130_103))
    unsaid = tuple(one for one in facts.findings if one.pathology != "canal_stenosis")
    drafts = [consultation(facts, str(key), "en") for key in range(4)]
    assert any(isinstance(one, Draft) and one.kind == "consultation_myelopathy" for one in drafts)
    refused = consultation(CaseFacts(facts.study, unsaid), "0", "en")
    assert isinstance(refused, Reject)
    assert "canal_stenosis" in refused.reason


@pytest.mark.parametrize(("language", "words"), [("en", "flat back"), ("zh", "平背")])
def test_a_flat_back_after_a_long_fusion_is_named_and_metal_spoils_no_text(
    language: Language, words: str
) -> None:
    facts = clinic_facts(written_case(130_176, language))
    made = report(facts, "0", language)
    assert isinstance(made, Draft)
    sections = list(parse_sections(made.messages[-1].content).values())
    assert words in sections[1]
    assert words in sections[2].lower()
    assert not re.search("artefact|伪影", sections[0])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_patient_is_told_no_type_of_a_classification(language: Language) -> None:
    facts = clinic_facts(written_case(130_142, language))
    typed = {"patient": 0, "colleague": 0}
    for key in range(12):
        case, made = case_of(facts, str(key), language), consultation(facts, str(key), language)
        if isinstance(made, Draft) and not isinstance(case, Reject):
            typed[case.voice] += any("SRS-Schwab" in one.content for one in made.messages)
    assert typed["colleague"] > 0
    assert typed["patient"] == 0
