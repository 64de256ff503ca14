"""Consultations held and scored: doctors come out as they deserve, and each fault shows where it belongs."""

from __future__ import annotations

import json
from functools import cache

import pytest
from consultation_fixture import doctor, every, some

from spinemed.bench.consultation.cases import ConsultationCase
from spinemed.bench.consultation.doctors import DOCTORS, Doctor, scripted_doctor
from spinemed.bench.consultation.score import (
    ConsultationScore,
    ConsultationSummary,
    contradictions,
    history_share,
    scored,
    summarised,
)
from spinemed.bench.consultation.talk import Talk, Turn, first_messages, held
from spinemed.errors import ConfigError
from spinemed.llm.chat import Failure, Request
from spinemed.llm.ledger import Identity, key_of

FINAL = "FINAL ASSESSMENT\nLevels: L4-L5\nSide: left\nPlan: conserve"


@cache
def summary(kind: Doctor) -> ConsultationSummary:
    cases = {case.id: case for case in every()}
    talks = held(every(), scripted_doctor(kind, every()), kind)
    return summarised([scored(talk, cases[talk.case]) for talk in talks])


def mean(kind: Doctor, name: str = "score") -> float:
    found = summary(kind).parts[name] if name in summary(kind).parts else getattr(summary(kind), name)
    assert found.mean is not None
    return float(found.mean)


def one_talk(case: ConsultationCase, *said: str | Failure, turns: int = 10) -> Talk:
    return next(held([case], doctor(lambda turn: said[min(turn, len(said) - 1)]), "m", turns))


def score_of(case: ConsultationCase, *said: str | Failure) -> ConsultationScore:
    return scored(one_talk(case, *said), case)


def test_the_ideal_doctor_has_the_full_score() -> None:
    assert mean("ideal") == 1.0
    assert summary("ideal").failed == 0
    assert mean("ideal", "concluded") == 1.0


@pytest.mark.parametrize("kind", [one for one in DOCTORS if one != "ideal"])
def test_every_other_doctor_has_less(kind: Doctor) -> None:
    assert mean(kind) < mean("ideal") - 0.1


def test_doctors_come_in_the_order_that_they_deserve() -> None:
    order: tuple[Doctor, ...] = ("ideal", "changes_level", "forgets_red_flags", "never_asks", "endless")
    assert [mean(kind) for kind in order] == sorted((mean(kind) for kind in order), reverse=True)


def test_each_fault_shows_in_its_own_figure() -> None:
    assert mean("forgets_red_flags", "missed_danger") > 0.1 == 0.1 > mean("ideal", "missed_danger")
    assert mean("never_asks", "history") == 0.0
    assert mean("forgets_red_flags", "red_flags") == 0.0 < 1.0 == mean("soothes", "red_flags")
    assert mean("changes_level", "contradicted") > 0.8 > mean("ideal", "contradicted") == 0.0
    assert mean("endless", "concluded") == 0.0
    assert mean("endless", "asked_twice") > 5
    assert mean("endless", "turns") == 10
    assert mean("soothes", "unsafe_plan") > 0.1 > mean("ideal", "unsafe_plan") == 0.0


def test_a_missed_danger_makes_the_score_zero_whatever_else_is_right() -> None:
    case = some("discitis")
    final = FINAL.replace("L4-L5", "L3-L4").replace("left", "none").replace("conserve", "investigate")
    found = score_of(case, "Any weakness?", final)
    assert (found.level, found.plan, found.missed_dangers, found.score) == (1.0, 1.0, ("fever",), 0.0)
    assert found.quality is not None and found.quality > 0.5
    asked = score_of(case, "Any fever?", final)
    assert asked.missed_dangers == () and asked.score is not None and asked.score > 0.5


def test_letting_a_case_wait_that_must_not_is_unsafe() -> None:
    case = some("cauda_equina", act="herniation.emergency_decompression")
    found = score_of(case, "Are bladder and bowel normal?", FINAL)
    assert (found.is_unsafe, found.score) == (True, 0.0)


def test_a_wrong_level_or_side_costs_its_part_alone() -> None:
    case = some("extrusion", stance="conserve")
    right = score_of(case, FINAL)
    assert (right.level, right.side, right.plan) == (1.0, 1.0, 1.0)
    assert score_of(case, FINAL.replace("L4-L5", "L5-S1")).level == 0.0
    assert score_of(case, FINAL.replace("L4-L5", "L4-L5, L5-S1")).level == pytest.approx(2 / 3)
    assert score_of(case, FINAL.replace("left", "right")).side == 0.0


def test_a_case_without_a_side_has_no_score_for_it() -> None:
    assert score_of(some("discitis"), FINAL).side is None


def test_a_normal_spine_is_right_only_without_a_level() -> None:
    assert score_of(some("normal"), FINAL.replace("L4-L5", "none")).level == 1.0
    assert score_of(some("normal"), FINAL).level == 0.0


def turn(text: str, *revealed: str) -> Turn:
    return Turn(doctor=text, patient="", revealed=revealed)


@pytest.mark.parametrize(
    ("turns", "changes"),
    [
        ([turn("The disc at L4-L5 is narrow."), turn("So L5-S1 it is.")], 1),
        ([turn("L4-L5 left."), turn("L4-L5 right.")], 1),
        ([turn("L4-L5."), turn("L4-L5 and L5-S1.")], 0),
        ([turn("L4-L5."), turn("Does L5-S1 hurt?"), turn("L4-L5.")], 0),
        ([turn("L4-L5.", "sensation"), turn("L5-S1.")], 0),
        ([turn("L4-L5.", "fever"), turn("L5-S1.")], 1),
        ([turn("L4-L5.", "sensation"), turn("L4-L5."), turn("L5-S1.")], 1),
        ([turn("L4-L5."), turn("Fine."), turn("L5-S1."), turn("L4-L5.")], 2),
        ([turn("腰4/5突出。"), turn("应为腰5/骶1。")], 1),
        ([turn("No fracture at L1. L4-L5 is narrow."), turn("L4-L5.")], 0),
        ([], 0),
    ],
)
def test_changes_of_level_or_side_count_unless_the_patient_told_something_new(
    turns: list[Turn], changes: int
) -> None:
    assert contradictions(turns) == changes


def test_a_failure_has_no_score_and_widens_the_bounds() -> None:
    case = some("extrusion", stance="conserve")
    failed = score_of(case, "Any fever?", Failure("no server"))
    assert (failed.failure, failed.score, failed.turns) == ("no server", None, 1)
    good = score_of(case, FINAL)
    found = summarised([good, failed])
    assert found.failed == 1
    assert found.score.mean == good.score
    assert good.score is not None
    assert (found.score_worst, found.score_best) == (good.score / 2, (good.score + 1) / 2)


def test_a_chat_that_forgets_a_turn_is_a_failure_too() -> None:
    talk = next(held([some("normal")], lambda _: iter(()), "m"))
    assert talk.failure


def test_a_talk_ends_after_its_last_turn_and_the_patient_asks_for_the_end_before_it() -> None:
    talk = one_talk(some("extrusion"), "Any fever?", turns=3)
    assert len(talk.turns) == 3
    assert "final assessment now" in talk.turns[1].patient
    assert talk.turns[2].patient == ""
    with pytest.raises(ConfigError, match="turns is 0"):
        next(held([some("normal")], doctor(lambda _: ""), "m", turns=0))


def test_facts_asked_for_in_the_last_turn_are_not_gathered() -> None:
    case = some("extrusion")
    talk = one_talk(case, f"Any weakness?\n{FINAL}")
    assert talk.revealed == ()
    assert history_share(case, talk.revealed) == 0.0


def test_images_stand_in_the_first_message_alone_and_the_truth_in_none() -> None:
    seen: list[Request] = []
    case = some("extrusion", stance="offer")

    def say(requests):  # type: ignore[no-untyped-def]
        seen.extend(requests)
        yield from doctor(lambda turn: "Any fever?" if turn < 2 else FINAL)(requests)

    list(held([case], say, "m"))
    last = seen[-1].messages
    assert [type(one["content"]) for one in last] == [str, list, str, str, str, str]
    assert sum(part["type"] == "image_url" for part in last[1]["content"]) == len(case.images)
    text = json.dumps(last, ensure_ascii=False)
    assert case.act not in text and "L4-L5" not in text and "L4/5" not in text
    assert key_of(seen[-1], Identity("m")) is not None, "a ledger can keep it"


def test_the_model_is_told_how_to_conclude() -> None:
    system = first_messages(some("normal"), 7)[0]["content"]
    assert "FINAL ASSESSMENT" in system and "7 times" in system


def test_odd_unicode_of_a_model_is_kept_out_of_the_record() -> None:
    talk = one_talk(some("normal"), "\ud800\u202eAny fe\u200bver?\x00", FINAL)
    assert talk.turns[0].doctor == "?Any fever?"
    assert Talk.model_validate_json(talk.model_dump_json()) == talk


def test_a_scripted_doctor_does_not_know_other_patients() -> None:
    talk = next(held([some("normal")], scripted_doctor("ideal", [some("extrusion")]), "m"))
    assert talk.failure == "this doctor does not know the patient"


def test_two_models_are_not_summarised_together() -> None:
    case = some("normal")
    other = scored(one_talk(case, FINAL).model_copy(update={"model": "n"}), case)
    with pytest.raises(ValueError, match="2 models"):
        summarised([score_of(case, FINAL), other])
