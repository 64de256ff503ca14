"""Checks of a judge: each finds the fault that it is for, and is silent for a sound judge."""

from __future__ import annotations

from functools import cache

import pytest
from judge_fixture import DAY, chat_of, made_case, made_cases, some_judge

from spinemed.bench.judge.ask import Settings, judge_of, judged
from spinemed.bench.judge.checks import CHECKS, MOST_RISE, CheckResult, check_judge
from spinemed.bench.judge.own_family import self_preference
from spinemed.bench.judge.scripted import FAULTS, Habits, scripted_judge
from spinemed.bench.judge.variants import level_f1, padded, shifted, swapped, thinned, words
from spinemed.bench.judge.verdict import Verdict
from spinemed.errors import SourceError
from spinemed.level_grammar import parse_levels
from spinemed.llm.chat import Failure

NAMES = ("foraminal", "cervical", "root_stenosis")


@cache
def results(fault: str) -> dict[str, CheckResult]:
    found = check_judge(made_cases(*NAMES), scripted_judge(FAULTS[fault]), some_judge(), DAY, repeats=2)
    return {one.name: one for one in found}


def outcomes(fault: str) -> dict[str, str]:
    return {name: one.outcome for name, one in results(fault).items()}


def test_every_check_passes_a_sound_judge() -> None:
    assert set(outcomes("sound").values()) == {"pass"}
    assert len(outcomes("sound")) == len(CHECKS) == 10


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("lenient", "empty_floor"),
        ("harsh", "reference_copy"),
        ("constant", "empty_floor"),
        ("constant", "level_shift"),
        ("constant", "side_swap"),
        ("length_loving", "padding"),
        ("length_loving", "length_effect"),
        ("level_blind", "level_shift"),
        ("side_blind", "side_swap"),
        ("obedient", "orders_in_text"),
        ("wavering", "repeat_sd"),
        ("against_chinese", "language_gap"),
        ("broken_json", "missing"),
        ("out_of_range", "missing"),
    ],
)
def test_each_check_catches_its_fault(fault: str, check: str) -> None:
    found = results(fault)[check]
    assert found.outcome == "fail", found


def test_every_fault_is_caught_and_every_check_catches_one() -> None:
    caught = {fault: {name for name, one in outcomes(fault).items() if one == "fail"} for fault in FAULTS}
    assert not caught.pop("sound")
    assert all(caught.values())
    assert set.union(*caught.values()) == set(outcomes("sound"))


def test_a_blind_judge_fails_what_it_is_blind_to_and_nothing_else() -> None:
    assert {name for name, one in outcomes("side_blind").items() if one == "fail"} == {"side_swap"}
    assert {name for name, one in outcomes("obedient").items() if one == "fail"} == {"orders_in_text"}


def test_a_judge_without_answers_is_undecided_everywhere_but_in_what_is_missing() -> None:
    found = results("broken_json")
    assert {one.outcome for name, one in found.items() if name != "missing"} == {"undecided"}
    assert found["level_shift"].n == 0 and found["level_shift"].effect is None


def test_one_patient_decides_nothing() -> None:
    found = check_judge([made_case("extrusion")], scripted_judge(), some_judge(), DAY, repeats=2)
    assert {one.outcome for one in found if one.name != "missing"} == {"undecided"}


def test_checks_without_a_report_are_refused() -> None:
    with pytest.raises(SourceError, match="no report"):
        check_judge([], scripted_judge(), some_judge(), DAY)


def test_reports_without_a_side_do_not_enter_the_swap_of_sides() -> None:
    cases = [made_case("extrusion"), made_case("foraminal"), made_case("discitis")]
    found = check_judge(cases, scripted_judge(), some_judge(), DAY, repeats=2)
    n = {one.name: one.n for one in found}
    assert (n["level_shift"], n["side_swap"]) == (3, 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_shift_changes_the_levels_that_a_report_states(name: str) -> None:
    for case in made_cases(name):
        assert level_f1(shifted(case.reference), case.reference) < 0.95


def test_a_shift_goes_down_where_nothing_lies_above() -> None:
    assert shifted("C1 to C3; C2/3") == "C2 to C4; C3/4"


def test_what_only_looks_like_a_level_is_not_shifted() -> None:
    text = "T2-weighted MRI, T1加权, TLICS 4, S100, CRP 12, L4.5"
    assert shifted(text) == text


def test_swapping_sides_twice_gives_the_text_back() -> None:
    for case in made_cases(*NAMES):
        assert swapped(case.reference) != case.reference
        assert swapped(swapped(case.reference)) == case.reference


def test_padding_adds_no_level_and_no_word_of_a_finding() -> None:
    for language in ("en", "zh"):
        filler = " ".join(words().padding[language])
        assert parse_levels(filler).levels == () or all(
            one.startswith("region:") for one in parse_levels(filler).levels
        )
    case = made_case("extrusion")
    assert case.reference.splitlines()[0] in padded(case.reference, "en")


def test_thinning_depends_on_the_key_alone_and_keeps_headings() -> None:
    text = made_case("extrusion").reference
    assert thinned(text, 0.5, "a") == thinned(text, 0.5, "a") != thinned(text, 0.5, "b")
    assert thinned(text, 1.0, "a").count("\n## ") == 5
    assert thinned(text, 0.0, "a") == text.strip()
    with pytest.raises(ValueError, match="share lies from 0 to 1"):
        thinned(text, 1.5, "a")


def _marked(name: str, mark: str) -> str:
    """An incomplete report with a phrase at the end of every part."""
    text = thinned(made_case(name).reference, 0.5, name)
    return text.replace("\n## ", f"\n{mark}\n\n## ") + f"\n{mark}"


def own_and_others(habits: Habits, judge: str) -> list[Verdict]:
    """Verdicts of one judge on reports of two writers; those of "mine-1" have a phrase of their own."""
    cases = [
        made_case(name).model_copy(update={"model": writer, "candidate": _marked(name, mark)})
        for writer, mark in (("mine-1", "Indeed."), ("other-1", ""))
        for name in NAMES
    ]
    return list(judged(cases, scripted_judge(habits), judge_of(judge, ""), DAY, Settings(force=True)))


def test_a_judge_that_loves_its_own_words_is_caught_beside_a_second_judge() -> None:
    mine = judge_of("mine-2", "")
    neutral = own_and_others(Habits(), "neutral-1")
    found = self_preference([*own_and_others(Habits(own_words="Indeed."), "mine-2"), *neutral], mine)
    assert (found.n, found.outcome) == (len(NAMES), "fail")
    assert found.effect is not None and found.effect > MOST_RISE
    assert self_preference([*own_and_others(Habits(), "mine-2"), *neutral], mine).outcome == "pass"


def test_one_judge_alone_cannot_tell_favour_from_quality() -> None:
    mine = judge_of("mine-2", "")
    found = self_preference(own_and_others(Habits(own_words="Indeed."), "mine-2"), mine)
    assert (found.outcome, found.n) == ("undecided", 0)
    assert "second judge" in found.note


def test_a_scripted_judge_answers_nothing_but_the_judges_request() -> None:
    from spinemed.llm.chat import Request

    (_, got), *_ = scripted_judge()([Request([{"role": "user", "content": "Hello"}], 5)])
    assert isinstance(got, Failure)


def test_every_variant_is_asked_the_stated_number_of_times() -> None:
    chat, asked = chat_of(lambda _: Failure("off"))
    check_judge([made_case("extrusion")], chat, some_judge(), DAY, repeats=3)
    assert len(asked) == 2 * 5 * (8 + 2), "each call is made again once"
