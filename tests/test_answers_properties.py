"""The answer parser under changes that must not matter, and its short ways beside all rules."""

from __future__ import annotations

import inspect
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemed.answer_quick import quick
from spinemed.answers import STATUSES, parse_answer, read_by_rules, reader_of

LEVELS = {"A": "T12-L1", "B": "L1-L2", "C": "L4-L5", "D": "L5-S1"}
PLANS = {"A": "Observation", "B": "Laminectomy", "C": "Laminectomy and fusion", "D": "Bracing"}
GRADES = {
    "A": "normal",
    "B": "mild narrowing",
    "C": "moderate narrowing",
    "D": "severe narrowing",
    "E": "None of the above",
}
TEN = dict(zip("ABCDEFGHIJ", ["T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1"], strict=True))
YES_NO = {"A": "Yes", "B": "No"}
ODD = {"A": "B", "B": "the answer is C", "C": "A", "D": "not sure"}
HAN = {"A": "椎间盘突出", "B": "椎管狭窄", "C": "骨折", "D": "正常"}
ALL = [LEVELS, PLANS, GRADES, TEN, YES_NO, ODD, HAN]

WRAPPERS = [
    "{}", "({})", "[{}]", "**{}**", "*{}*", "`{}`", "${}$", "\\boxed{{{}}}", "$\\text{{{}}}$", "\"{}\"",
    "{}.", "<answer>{}</answer>", "【{}】", "<b>{}</b>", " {} ", "<think>A or D?</think>{}", "__{}__",
    "\\(\\mathrm{{{}}}\\)",
]  # fmt: skip
CARRIERS = [
    "{}", "Answer: {}", "The correct answer is {}", "答案是{}", "Die richtige Antwort ist {}",
    "La bonne réponse est {}", "La respuesta correcta es {}", "正解は{}", "정답: {}", "Ответ: {}",
    "A resposta correta é {}",
]  # fmt: skip
CUES = [
    "answer: {}", "the final answer is {}", "i choose {}", "antwort: {}", "conclusion: {}",
    "the best option is {}", "réponse : {}", "elijo {}", "respuesta: {}",
]  # fmt: skip
SENTENCES = ["The picture was read with care.", "This is not medical advice.", "More may be known later."]
REPLIES = [
    "Answer: {}", "{}", "({})", "The answer is not A, so {}.", "I would choose {}", "{} is correct.",
    "\\boxed{{{}}}", "Not A but {}.", "Option {}", "<answer>{}</answer>", "选{}",
]  # fmt: skip
TEXTS = [
    "Answer: {letter}", "{text}", "{text} ({letter})", "{letter}. {text}", "It shows: {text}.", "So {letter}",
    "**{letter}) {text}**", "<answer>{text}</answer>", '{{"answer": "{letter}"}}', "The answer is {text}.",
]  # fmt: skip


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_wrapper_does_not_change_the_answer(carrier: str) -> None:
    for wrapper, letter in itertools.product(WRAPPERS, "BCD"):
        reply = carrier.format(wrapper.format(letter))
        assert parse_answer(reply, LEVELS).letters == (letter,), reply


@pytest.mark.parametrize("reply", REPLIES)
def test_a_sentence_without_letters_does_not_change_the_answer(reply: str) -> None:
    for letter, more in itertools.product("BCD", SENTENCES):
        text = reply.format(letter)
        assert parse_answer(f"{text}\n{more}", LEVELS).letters == (letter,)
        assert parse_answer(f"{more}\n{text}", LEVELS).letters == (letter,)


@pytest.mark.parametrize("cue", CUES)
def test_the_case_of_the_cue_does_not_matter(cue: str) -> None:
    head, tail = cue.split("{}")
    for change in (str.upper, str.lower, str.title):
        assert parse_answer(change(head) + "C" + tail, LEVELS).letters == ("C",)


@pytest.mark.parametrize("options", [LEVELS, PLANS])
@pytest.mark.parametrize("reply", TEXTS)
def test_permuting_the_options_permutes_the_answer(options: dict[str, str], reply: str) -> None:
    for order in itertools.permutations(options.values()):
        turned = dict(zip("ABCD", order, strict=True))
        for letter, text in turned.items():
            assert parse_answer(reply.format(letter=letter, text=text), turned).letters == (letter,)


def test_a_denied_letter_is_never_the_answer() -> None:
    denials = [
        "The answer is not {}.", "It cannot be {}.", "{} is wrong.", "Not {}.", "I don't think it is {}.",
        "{} can be ruled out.", "Die Antwort ist nicht {}.", "La réponse n'est pas {}.",
        "答案不是{}。", "Anything except {}.",
    ]  # fmt: skip
    for denial, letter in itertools.product(denials, "ABCD"):
        assert parse_answer(denial.format(letter), LEVELS).letters == (), denial.format(letter)


def test_the_key_is_no_argument() -> None:
    names = set(inspect.signature(parse_answer).parameters)
    assert names == {"response", "options", "multiple", "cut_off", "strict"}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(max_size=200), st.sampled_from(ALL))
def test_any_text_gives_one_of_six_states_and_letters_only_when_answered(
    reply: str, options: dict[str, str]
) -> None:
    parsed = parse_answer(reply, options)
    assert parsed.status in STATUSES
    assert bool(parsed.letters) == (parsed.status == "answered")
    assert set(parsed.letters) <= set(options)
    assert 0 <= parsed.span[0] <= parsed.span[1] <= len(reply)
    assert parse_answer(reply, options) == parsed


PIECES = [
    "The answer is", "Answer:", "the correct answer is", "I would choose", "I pick", "The best option is",
    "so", "because", "not", "I don't think", "initially", "A", "B", "C", "D", "a", "I", "(C)", "B.",
    "**D**", "C)", "A,", "or", "and", "is wrong", "is correct", ".", ". ", "\n", "?", ":", "- ", "*",
    "the disc at L4-L5 is narrow", "L5-S1", "T12", "it's", "patient's", "can't", "I cannot say", "sorry",
    "no image is attached", "wait, no", "actually", "<answer>C</answer>", "\\boxed{B}", "<think>A</think>",
    "{\"answer\": \"B\"}", "Observation", "Laminectomy and fusion", "mild narrowing", "None of the above",
    "Yes", "no", "AC", "MRI", "if", "would be", "Type", "grade", "'C'", "rather than", "both", "either",
    "unknown", "option", "the right", "which", "A. T12-L1", "B. L1-L2", "A. Observation B. Laminectomy",
    "Q:", "E", "_", "~~A~~", "is", "100 %", "Thus, the answer is C.",
]  # fmt: skip


def test_the_short_ways_give_what_all_rules_give() -> None:
    chance = random.Random(7)
    decided = 0
    for _ in range(4_000):
        options = chance.choice(ALL)
        reader = reader_of(tuple(options.items()), chance.random() < 0.1)
        count = chance.choice([1, 2, 2, 3, 3, 4, 6, 9])
        reply = chance.choice(["", " "]).join(
            piece + chance.choice([" ", " ", "", "."]) for piece in chance.choices(PIECES, k=count)
        )
        short = quick(reply, reader)
        if short is not None:
            decided += 1
            assert (short, False) == read_by_rules(reader, reply), (reply, options)
    assert decided > 800


TEMPLATES = [
    "{why} Therefore, the answer is {k}.", "{why} **Answer: {k}**", "{k}", "({k})", "{k}. {t}",
    "{k}) {why}", "{why} The level is {t}.", "The correct answer is {k} because {why}",
    "I cannot determine this. {why}", "{why} I would choose {k}.", "{why} <answer>{k}</answer>",
    "<think>{why}</think>The answer is {k}.", "{why} \\boxed{{{k}}}", "It is {t}, as {why}",
    "{why} The answer is not {k}.", "At first I thought that {why} the answer is {k}.",
    "{why} Answer: {k} or {t}",
]  # fmt: skip
WHYS = [
    "the disc is low.", "A narrow canal is seen, which isn't normal.", "I see a change at L4/5.",
    "Option B can be ruled out.", "There is a bright signal on the right; the patient's pain fits.",
    "T12 is intact and the ribs are even.", "No fracture is seen",
]  # fmt: skip


def test_the_short_ways_decide_most_usual_replies_as_all_rules_do() -> None:
    chance = random.Random(3)
    decided = 0
    for _ in range(1_500):
        options = chance.choice([LEVELS, PLANS, GRADES, TEN])
        reader = reader_of(tuple(options.items()), False)
        key = chance.choice(list(options))
        reply = chance.choice(TEMPLATES).format(k=key, t=options[key], why=chance.choice(WHYS))
        short = quick(reply, reader)
        if short is not None:
            decided += 1
            assert (short, False) == read_by_rules(reader, reply), (reply, options)
    assert decided > 900
