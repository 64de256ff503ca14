"""The answer parser on worded pairs, under changes that must not matter, and on hostile replies."""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemed.answers import STATUSES, ParsedAnswer, parse_answer

LEVELS = {"A": "T12-L1", "B": "L1-L2", "C": "L4-L5", "D": "L5-S1"}
PLANS = {"A": "Observation", "B": "Laminectomy", "C": "Laminectomy and fusion", "D": "Bracing"}


def pairs(path: Path) -> list[tuple[dict[str, Any], bool]]:
    cases = json.loads(path.read_text(encoding="utf-8"))
    return [(case, False) for case in cases["single"]] + [(case, True) for case in cases["multiple"]]


def outcome(parsed: ParsedAnswer, multiple: bool) -> str | list[str]:
    if parsed.status != "answered":
        return parsed.status.upper()
    return list(parsed.letters) if multiple else parsed.letters[0]


OWN = pairs(Path(__file__).parent / "data" / "choice_answers.json")


@pytest.mark.parametrize(("case", "multiple"), OWN, ids=[case["id"] for case, _ in OWN])
def test_own_pair(case: dict[str, Any], multiple: bool) -> None:
    assert (
        outcome(parse_answer(case["response"], case["options"], multiple=multiple), multiple)
        == case["expected"]
    )


def test_shared_pairs_all_pass() -> None:
    root = Path(__file__).parent.parent
    data = Path(os.environ.get("SPINEMED_DATA", root.parent / "shared" / "data"))
    path = data.parent / "cases" / "choice_answers.json"
    if not path.exists():
        pytest.skip("the shared cases are not beside SPINEMED_DATA")
    wrong = [
        (
            case["id"],
            case["expected"],
            outcome(parse_answer(case["response"], case["options"], multiple=m), m),
        )
        for case, m in pairs(path)
    ]
    assert [line for line in wrong if line[1] != line[2]] == []


WRAPPERS = [
    "{}", "({})", "[{}]", "**{}**", "*{}*", "`{}`", "${}$", "\\boxed{{{}}}", "$\\text{{{}}}$", '"{}"', "{}.",
    "<answer>{}</answer>", "【{}】", "<b>{}</b>", " {} ", "<think>A or D?</think>{}",
]  # fmt: skip


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("carrier", ["{}", "Answer: {}", "The correct answer is {}", "答案是{}"])
def test_a_wrapper_does_not_change_the_answer(wrapper: str, carrier: str) -> None:
    for letter in LEVELS:
        assert parse_answer(carrier.format(wrapper.format(letter)), LEVELS).letters == (letter,)


@pytest.mark.parametrize(
    "reply",
    ["Answer: {}", "{}", "({})", "The answer is not A, so {}.", "I would choose {}", "{} is correct."],
)
def test_a_sentence_without_letters_does_not_change_the_answer(reply: str) -> None:
    for letter in "BCD":
        text = reply.format(letter)
        assert parse_answer(text + "\nThis is not medical advice.", LEVELS).letters == (letter,)
        assert parse_answer(text + "\nThe picture was read with care.", LEVELS).letters == (letter,)
        assert parse_answer("The picture was read with care.\n" + text, LEVELS).letters == (letter,)


@pytest.mark.parametrize(
    "cue", ["answer: {}", "the final answer is {}", "i choose {}", "antwort: {}", "conclusion: {}"]
)
def test_the_case_of_the_cue_does_not_matter(cue: str) -> None:
    head, tail = cue.split("{}")
    for change in (str.upper, str.lower, str.title):
        assert parse_answer(change(head) + "C" + tail, LEVELS).letters == ("C",)


@pytest.mark.parametrize("options", [LEVELS, PLANS])
@pytest.mark.parametrize(
    "reply",
    [
        "Answer: {letter}",
        "{text}",
        "{text} ({letter})",
        "{letter}. {text}",
        "It shows: {text}.",
        "So {letter}",
    ],
)
def test_permuting_the_options_permutes_the_answer(options: dict[str, str], reply: str) -> None:
    for order in itertools.permutations(options.values()):
        turned = dict(zip("ABCD", order, strict=True))
        for letter, text in turned.items():
            assert parse_answer(reply.format(letter=letter, text=text), turned).letters == (letter,)


def test_letter_and_wording_that_disagree_give_the_letter_and_a_conflict() -> None:
    for reply in ["Answer: C. L5-S1", "L5-S1 (C)", "C) L5-S1", "C: L5/S1"]:
        parsed = parse_answer(reply, LEVELS)
        assert (parsed.letters, parsed.conflict) == (("C",), True), reply
    for reply in ["Answer: D. L5-S1", "L5-S1 (D)", "D", "Answer: C because L5-S1 is normal"]:
        assert parse_answer(reply, LEVELS).conflict is False, reply


def test_the_span_points_into_the_raw_reply() -> None:
    raw = "<think>B</think>\u200b正确答案是 Ｃ。"
    parsed = parse_answer(raw, LEVELS)
    assert raw[slice(*parsed.span)] == "Ｃ"
    assert parsed.rule == "declaration"
    long = "word " * 4000 + "The answer is D."
    assert long[slice(*parse_answer(long, LEVELS).span)] == "D"


def test_a_reply_cut_at_the_limit_without_an_answer_is_truncated() -> None:
    assert parse_answer("Counting upwards from the", LEVELS, cut_off=True).status == "truncated"
    assert parse_answer("Answer: B", LEVELS, cut_off=True).letters == ("B",)


@pytest.mark.parametrize("reply", [float("nan"), None, 3, b"C"])
def test_a_reply_that_is_not_text_raises(reply: Any) -> None:
    with pytest.raises(TypeError, match="a reply is text"):
        parse_answer(reply, LEVELS)


@pytest.mark.parametrize(
    "options", [{}, {"A": "L1"}, {"a": "L1", "b": "L2"}, {"A": "L1", "B": " "}, {"1": "L1", "2": "L2"}]
)
def test_unusable_options_raise(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="option"):
        parse_answer("A", options)


@pytest.mark.parametrize(
    "piece",
    [
        "A ",
        "B, ",
        "answer: ",
        "<think>",
        "<answer>",
        "\\boxed{",
        '"answer": "',
        "答案",
        "\u200b",
        "not ",
        "L4 ",
        "\ud800",
    ],
)
def test_a_reply_of_a_megabyte_is_read_in_seconds(piece: str) -> None:
    reply = piece * (1_000_000 // len(piece))
    start = time.perf_counter()
    assert parse_answer(reply, LEVELS).status in STATUSES
    assert time.perf_counter() - start < 10


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(max_size=200), st.sampled_from([LEVELS, PLANS, {"A": "Yes", "B": "No"}]))
def test_any_text_gives_one_of_six_states_and_letters_only_when_answered(
    reply: str, options: dict[str, str]
) -> None:
    parsed = parse_answer(reply, options)
    assert parsed.status in STATUSES
    assert bool(parsed.letters) == (parsed.status == "answered")
    assert set(parsed.letters) <= set(options)
    assert 0 <= parsed.span[0] <= parsed.span[1] <= len(reply)
    assert parse_answer(reply, options) == parsed


def test_random_prose_without_letters_never_wins_an_option() -> None:
    words = [
        "the",
        "image",
        "shows",
        "vertebral",
        "bodies",
        "with",
        "normal",
        "height",
        "and",
        "signal",
        "of",
        "marrow",
        "near",
        "lower",
        "endplates",
    ]
    chance = random.Random(1)
    for _ in range(300):
        reply = " ".join(chance.choices(words, k=12)).capitalize() + "."
        assert parse_answer(reply, LEVELS).status == "no_answer"
