"""The answer parser on worded pairs, ours, shared and other tools', and on hostile replies."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from spinemed.answers import STATUSES, ParsedAnswer, may_extract, parse_answer

LEVELS = {"A": "T12-L1", "B": "L1-L2", "C": "L4-L5", "D": "L5-S1"}
PLANS = {"A": "Observation", "B": "Laminectomy", "C": "Laminectomy and fusion", "D": "Bracing"}


def pairs(path: Path) -> list[tuple[dict[str, Any], bool]]:
    cases = json.loads(path.read_text(encoding="utf-8"))
    return [(case, False) for case in cases["single"]] + [(case, True) for case in cases["multiple"]]


def outcome(parsed: ParsedAnswer, multiple: bool) -> str | list[str]:
    if parsed.status != "answered":
        return parsed.status.upper()
    return list(parsed.letters) if multiple else parsed.letters[0]


DATA = Path(__file__).parent / "data"


def wrong(path: Path) -> list[tuple[Any, ...]]:
    found = []
    for case, multiple in pairs(path):
        seen = outcome(parse_answer(case["response"], case["options"], multiple=multiple), multiple)
        if seen != case["expected"]:
            found.append((case["id"], case["response"], case["expected"], seen))
    return found


def test_own_pairs_all_pass() -> None:
    assert len(pairs(DATA / "choice_answers.json")) > 450
    assert wrong(DATA / "choice_answers.json") == []


def test_cases_of_other_tools_pass_but_for_the_stated_differences() -> None:
    peers = json.loads((DATA / "peer_answers.json").read_text(encoding="utf-8"))
    agreed = 0
    for case in peers["cases"]:
        options, multiple = peers["options"][case["options"]], case.get("multiple", False)
        letters = list(parse_answer(case["response"], options, multiple=multiple).letters)
        seen = letters if multiple else "".join(letters)
        assert seen == case.get("ours", case["expected"]), case
        agreed += seen == case["expected"]
        assert ("ours" in case) == ("why" in case)
    assert (len(peers["cases"]), agreed) == (379, 372)


def test_shared_pairs_all_pass() -> None:
    root = Path(__file__).parent.parent
    data = Path(os.environ.get("SPINEMED_DATA", root.parent / "shared" / "data"))
    path = data.parent / "cases" / "choice_answers.json"
    if not path.exists():
        pytest.skip("the shared cases are not beside SPINEMED_DATA")
    assert wrong(path) == []


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


def test_strict_makes_a_letter_that_its_wording_contradicts_ambiguous() -> None:
    parsed = parse_answer("Answer: C. L5-S1", LEVELS, strict=True)
    assert (parsed.status, parsed.letters, parsed.conflict) == ("ambiguous", (), True)
    assert parse_answer("Answer: D. L5-S1", LEVELS, strict=True).letters == ("D",)


def test_a_language_model_may_be_asked_only_after_no_answer_or_an_ambiguous_one() -> None:
    asked = {status for status in STATUSES if may_extract(ParsedAnswer(status))}
    assert asked == {"no_answer", "ambiguous"}


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
        "_A",
        "~~A",
        "</think>",
        "<answer><answer>",
        "\\boxed{{",
        "[",
        "\n",
        "A\n",
        "I can't ",
    ],
)
def test_a_reply_of_four_megabytes_is_read_in_bounded_time(piece: str) -> None:
    reply = piece * (4_000_000 // len(piece))
    start = time.process_time()
    assert parse_answer(reply, LEVELS).status in STATUSES
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "piece", ["A ", "answer: ", "<answer>", "\\boxed{", "_A", "(A", "not ", "A, ", "'a':", "答案", "I can't "]
)
def test_a_reply_just_below_the_cut_does_not_backtrack_without_end(piece: str) -> None:
    start = time.process_time()
    parse_answer(piece * (9_900 // len(piece)), LEVELS)
    assert time.process_time() - start < 5


def test_a_very_long_reply_keeps_its_answer_and_its_place() -> None:
    for reply in [
        "word " * 60_000 + "The answer is D.",
        "<think>" + "A? " * 80_000 + "</think>The answer is D.",
    ]:
        parsed = parse_answer(reply, LEVELS)
        assert (parsed.letters, reply[slice(*parsed.span)]) == (("D",), "D")
    assert parse_answer("<think>" + "A? " * 80_000, LEVELS).status == "truncated"
    assert parse_answer("C. " + "word " * 60_000, LEVELS).letters == ("C",)


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


DISCS = {"A": "L2-L3", "B": "L3-L4", "C": "L4-L5", "D": "L5-S1"}
CARE = {"A": "Decompression and fusion", "B": "Decompression", "C": "Physiotherapy", "D": "Observation"}
STENOSIS = {"A": "Normal", "B": "Mild stenosis", "C": "Moderate stenosis", "D": "Severe stenosis"}
MENDED = [
    (DISCS, "Option B is wrong. C.", "C"),
    (DISCS, "Option A, option B and option C are wrong. D.", "D"),
    (DISCS, "First I thought B, but on review it's C.", "C"),
    (DISCS, "I would rule out A and B. Between C and D, C fits best.", "C"),
    (DISCS, "After eliminating A, B and D, C is the only one left.", "C"),
    (DISCS, "My pick would have to be B.", "B"),
    (DISCS, "Answer with the letter only: A, B, C, or D. C", "C"),
    (DISCS, "<C>", "C"),
    (DISCS, "<B>", "B"),
    (DISCS, "A、B、C都不对，D对", "D"),
    (DISCS, "A项不符合，C项也不符合，所以是D项。", "D"),
    (DISCS, "我选择第二个选项，即B。", "B"),
    (DISCS, "虽然B有可能，但最符合的是A。", "A"),
    (DISCS, "選C", "C"),
    (DISCS, "A matches the description best.", "A"),
    (DISCS, "only B remains", "B"),
    (DISCS, "只有C符合。", "C"),
    (DISCS, "Die Antwort ist entweder A oder B.", "ambiguous"),
    (DISCS, "A、B、C、D都不对。", "no_answer"),
    (DISCS, "B对比度不足。", "no_answer"),
    (DISCS, "None of A, B and C fits best practice.", "no_answer"),
    (DISCS, "我認為是C", "C"),
    (CARE, "Decompression (B) would be premature, so I'd go for physiotherapy (C).", "C"),
    (DISCS, "Answer with the letter only: A, B, C, or D.", "no_answer"),
    (DISCS, "A) L2-L3 is normal\nB) L3-L4 shows herniation", "no_answer"),
    (DISCS, "Both A and B can be excluded.", "no_answer"),
    (DISCS, "选项A和选项B都不对。", "no_answer"),
    (DISCS, "Option A and option B are wrong.", "no_answer"),
    (CARE, "I recommend decompression with fusion", "no_answer"),
    (STENOSIS, "Stenosis is graded as normal, mild, moderate or severe.", "no_answer"),
    (DISCS, "無法判斷", "refusal"),
    (DISCS, "作为一个人工智能，我没办法分析医学影像。", "refusal"),
    (DISCS, "Please provide the image.", "refusal"),
    (DISCS, "No picture came with your message, so please upload it.", "refusal"),
    (DISCS, "I won't be able to identify the level from this picture.", "refusal"),
    (DISCS, "I'm not a doctor; please see a specialist.", "refusal"),
]


@pytest.mark.parametrize(("options", "reply", "expected"), MENDED)
def test_replies_once_misread_are_read(options: dict[str, str], reply: str, expected: str) -> None:
    parsed = parse_answer(reply, options)
    assert (parsed.letters[0] if parsed.letters else parsed.status) == expected


def test_a_walk_through_options_leaves_what_follows_it_to_decide() -> None:
    walk = "A) L2-L3 is normal.\nB) L3-L4 is normal.\n"
    assert parse_answer(walk + "The herniation is at L5/S1.", DISCS).letters == ("D",)


def test_a_copy_of_the_options_that_breaks_off_anywhere_is_no_answer() -> None:
    for options in (DISCS, CARE):
        listed = "\n".join(f"{letter}. {text}" for letter, text in options.items())
        for end in range(listed.index("\nC"), len(listed) + 1):
            assert parse_answer(listed[:end], options).letters == (), listed[:end]
            assert parse_answer(f"{listed}\nAnswer: B", options).letters == ("B",)
