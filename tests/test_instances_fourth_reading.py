"""A fourth reading of the texts, held fast: the cord, free canals, supposed tumours, times, wordings."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import clinic_fixture as MADE
import pytest
from clinic_fixture import some_case
from test_written_questions import case, document, finding

from spinemed.instances.clinic import Draft, consultation, report
from spinemed.instances.clinic.consultation import changes
from spinemed.instances.clinic.wording import LANGUAGES, Language, phrases
from spinemed.instances.written import KINDS, question_of
from spinemed.instances.written.gate import fault_of
from spinemed.instances.written.phrases import sites_of
from spinemed.instances.written.wording import answer_text, question_text
from spinemed.phantom.export.findings_canal import _without_depth
from spinemed.phantom.export.visibility import visibility
from spinemed.phantom.written import facts_discs as discs
from spinemed.phantom.written import written_case
from spinemed.phantom.written.sentences import _together
from spinemed.records import Kind

INFECTED = (
    "spinal_pain_and_fever",
    "spinal_pain_and_raised_crp_or_esr",
    "spinal_pain_and_bloodstream_infection",
)
TUMOUR = ("L2: lytic metastasis.", [finding("L2", "metastasis", grade="lytic")])
BROKEN = ("Fresh fracture of T8, AO type A1.", [finding("T8", "fracture", grade="A1", detail="fresh")])
WORN = ("Disc degeneration at L4-L5, Pfirrmann grade IV.", [finding("L4-L5", "disc_degeneration", grade="4")])
LAST = ("Disc degeneration at L3-L4, Pfirrmann grade V.", [finding("L3-L4", "disc_degeneration", grade="5")])
BONE = SimpleNamespace(fragment=None)
SIXTH = ("Transitional anatomy with L6.", [finding("L6", "transitional", grade="L6")])


def ideas(kind: Kind, one: Any) -> list[Any]:
    return list(KINDS[kind].ideas(document(one)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_who_has_neck_pain_is_told_of_clumsy_hands_and_unsteady_walking(language: Language) -> None:
    facts = MADE.cases()["normal_cervical"]
    assert changes(some_case(facts, language)) == ("general_neck",)
    signs = {"en": r"(?i)(clumsy hands|hand dexterity).*unsteady", "zh": "(手变笨|手部笨拙).*(走路|步态)不稳"}
    asked = tuple(phrases()["ask.more.general_neck.patient"].wordings(language))
    asked += tuple(phrases()["ask.more.general_neck.colleague"].wordings(language))
    replies = 0
    for key in range(60):
        made = consultation(facts, str(key), language)
        assert isinstance(made, Draft)
        for before, after in zip(made.messages, made.messages[1:], strict=False):
            if before.content in asked:
                assert re.search(signs[language], after.content), after.content
                replies += 1
    assert replies > 10
    said = report(facts, "1", language)
    assert isinstance(said, Draft)
    told = re.findall("clumsy hands|笨", said.messages[-1].content)
    assert len(told) == 2  # to the patient and to the doctor


def test_text_of_the_back_nobody_is_told_of_clumsy_hands() -> None:
    assert changes(some_case(MADE.cases()["normal"])) == ("general",)


@pytest.mark.parametrize(("reach", "zone", "told"), [(6.6, "subarticular", 0), (6.4, "subarticular", 1),
                                                     (7.2, "central", 1)])  # fmt: skip
def test_text_no_canal_is_called_free_beside_a_large_subarticular_herniation(
    reach: float, zone: str, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spinemed.phantom.export.findings_canal.herniation_reach_mm", lambda _: reach)
    room = SimpleNamespace(
        share_lost=0.0, near_share_lost=0.0, normal_mm=14.0, left_mm=14.0, recess_share_lost=(0.0, 0.0)
    )
    spine = SimpleNamespace(
        room=lambda _: room,
        patient=SimpleNamespace(myelopathy=None),
        lying=SimpleNamespace(vertebra=lambda _: BONE),
    )
    monkeypatch.setattr(discs, "slip_percent", lambda *_: 50.0)  # whose foramina are not told
    shape = SimpleNamespace(
        herniation=SimpleNamespace(zone=zone), narrowing=SimpleNamespace(recess_mm=(0, 0), foramen=(0, 0))
    )
    disc: Any = SimpleNamespace(above="L4", below="L5", shape=shape)
    facts = list(discs._canal(spine, disc, shape, "L4-L5"))  # type: ignore[arg-type]
    assert [one.pathology for one in facts].count("canal_stenosis") == told
    shown: Any = SimpleNamespace(plane="axial", pixel_mm=0.5)
    hidden = _without_depth(shown, visibility(), disc, room, 0)  # type: ignore[arg-type]
    assert bool(hidden) != bool(told)
    assert not _without_depth(shown, visibility(), disc, room, 1)  # type: ignore[arg-type]


def test_text_a_drawn_case_denies_no_stenosis_beside_a_large_extrusion() -> None:
    drawn = written_case(400_680)
    large = [one for one in drawn.findings if one.pathology == "herniation" and one.detail == "subarticular"]
    assert any(one.site == "L4-L5" and (one.value or 0) >= 7 for one in large)
    assert not [one for one in drawn.findings if one.site == "L4-L5" and one.pathology == "canal_stenosis"]


def test_text_no_tumour_is_supposed_where_one_is_described() -> None:
    beside = ("Old fracture of L2.", [finding("L2", "fracture", detail="old")])
    told = case(TUMOUR, BROKEN, beside)
    assert {idea.sites[0] for idea in ideas("written_sins_location", told)} == {"T8"}
    holds, facts = KINDS["written_sins_location"].holds, document(told).facts
    assert holds(facts, {"finding": "fracture|A1||fresh"}, "semirigid")
    assert not holds(facts, {"finding": "metastasis|lytic||"}, "mobile")
    assert not holds(facts, {"finding": "fracture|||old"}, "mobile")
    assert sites_of(facts, "fracture|||old") == {"L2"}


def test_text_no_location_is_told_near_the_junctions_of_another_numbering() -> None:
    lumbar = ("Disc degeneration at L2-L3, Pfirrmann grade III.", [
        finding("L2-L3", "disc_degeneration", grade="3")])  # fmt: skip
    told = (WORN, LAST, lumbar, BROKEN)
    key = "disc_degeneration|5||"
    holds = KINDS["written_sins_location"].holds
    usual, sixth = case(*told), case(*told, SIXTH)
    assert len(ideas("written_sins_location", usual)) == 3  # L4-L5 lies between two classes
    assert holds(document(usual).facts, {"finding": key}, "mobile")
    assert [idea.right for idea in ideas("written_sins_location", sixth)] == ["semirigid"]
    assert not holds(document(sixth).facts, {"finding": key}, "mobile")
    untold = case(*told, conditions=("transitional_anatomy",))
    assert [idea.right for idea in ideas("written_sins_location", untold)] == ["semirigid"]


def test_text_no_time_is_asked_of_an_infection_whose_guideline_names_none() -> None:
    told = case(WORN)
    holds, facts = KINDS["written_red_flag_urgency"].holds, document(told).facts
    flags = {idea.fields["flag"] for idea in ideas("written_red_flag_urgency", told)}
    assert flags.isdisjoint(INFECTED) and {"saddle_anaesthesia", "loss_of_hand_dexterity"} <= flags
    assert not any(holds(facts, {"flag": flag, "months": "3"}, "prompt") for flag in INFECTED)
    assert set(INFECTED) <= {idea.fields["flag"] for idea in ideas("written_red_flag", told)}
    asked = question_of("written_red_flag_urgency")
    assert not [words for words in (*asked.en, *asked.zh) if re.search("time limit|时限|多长时间", words)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_beyond_the_last_grade_of_discs_there_is_none(language: Language) -> None:
    kind: Kind = "written_graded_count"
    told = document(case(WORN, LAST)).facts
    for grade, right in (("3", "2"), ("4", "2"), ("5", "1")):
        for number in range(4):
            fields = {"grade": grade}
            asked = question_text(kind, language, number, fields, "canonical")
            beyond = re.search("or more|or higher|or beyond|at least|及以上|或更高|不低于|至少", asked)
            assert bool(beyond) == (grade != "5"), asked
            answer = [answer_text(kind, language, right, "canonical")]
            assert fault_of(kind, language, asked, fields, answer, right, told) == ""


def test_text_a_measure_between_commas_is_closed_before_what_follows() -> None:
    voice: Any = SimpleNamespace(language="en", draws=SimpleNamespace(chance=lambda _: True))
    first: Any = SimpleNamespace(pathology="herniation")
    measured = ["left subarticular disc extrusion, 8 mm beyond the posterior margin", "Modic type 1 changes"]
    assert ", 8 mm beyond the posterior margin, and Modic" in _together("L4-L5", measured, first, voice)
    plain = ["left subarticular disc extrusion of 8 mm", "Modic type 1 changes"]
    assert "of 8 mm and Modic" in _together("L4-L5", plain, first, voice)


def test_text_a_patient_is_not_warned_of_clumsy_hands_that_become_clumsy() -> None:
    words = phrases()["warning.cord"]
    assert not re.search("clumsier|更笨", " ".join((*words.en, *words.zh)))
