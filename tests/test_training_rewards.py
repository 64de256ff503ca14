"""Tests of training/rewards.py: never another verdict than the metric's, and nothing for tricks."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from reward_fixture import DISCS, LEVELS, QUESTION, RANGES, SIDED, item, joined, replies, truth

from spinemed.bench.items import Item
from spinemed.bench.scoring.join import Answered, Asked
from spinemed.bench.scoring.measure import load_metrics, measure
from spinemed.bench.scoring.reading import Reading
from spinemed.records import Prediction
from spinemed.report_facts import compare, read_truth
from spinemed.training.rewards import (
    REWARDS,
    Truth,
    by_steps,
    form_of,
    grade_reward_of,
    graded_truth,
    is_repetitive,
    is_verifiable,
    level_of,
    plan_of,
    side_of,
)

METRICS = Path(__file__).parents[1] / "evaluate_metrics"

CHOICES = [
    item("C", LEVELS), item("D", LEVELS), item("A", DISCS), item("B", RANGES), item("A", SIDED),
    item("B", ("L5", "L6", "S1", "L4"), transitional="L6"),
    item("A", ("4", "5", "6", "7")), item("B", DISCS, axis="planning"),
    item("B", ("the left recess", "the right recess", "both recesses", "neither"), sites=("L4-L5",)),
]  # fmt: skip
OPENS = [
    item("L4"), item("T12"), item("L4-L5"), item("L3 to L5"), item("L4-L5, left"),
    item("L6", transitional="L6"), item("S1", transitional="L6"), item("T12", transitional="T13"),
    item("left", sites=("L4-L5",)), item("both sides", sites=("L5-S1",)), item("L4-L5", axis="planning"),
]  # fmt: skip


@cache
def metrics() -> dict[str, Any]:
    """Return the metrics of choice and open items, loaded as the benchmark does."""
    return load_metrics(METRICS, "choice")


def read(items: list[Item], said: list[str]) -> list[Reading]:
    """Return what the benchmark makes of these replies."""
    asked = tuple(
        Asked(
            replace(one, id=str(place)),
            Prediction(instance=str(place), model="m", text=text, status="answered", seconds=0, tokens=1),
        )
        for place, (one, text) in enumerate(zip(items, said, strict=True))
    )
    return measure(Answered(None, "", "m", asked, asked, {}), metrics())[1]


@pytest.mark.parametrize("known", [CHOICES, OPENS], ids=["choice", "open"])
def test_a_reward_is_whole_exactly_where_the_benchmark_counts_the_reply_as_right(known: list[Item]) -> None:
    pairs = [
        (one, text) for one in known for text in dict.fromkeys([*replies(one.options), *joined(one.options)])
    ]
    found = read([one for one, _ in pairs], [text for _, text in pairs])
    right = 0
    for (one, text), reading in zip(pairs, found, strict=True):
        rewards = [
            reward([QUESTION], [text], truth=[truth(one).model_dump_json()])[0] for reward in REWARDS.values()
        ]
        points = [value for value in rewards[:-1] if value is not None]
        assert points and all(0 <= value <= 1 for value in points), (one, text)
        assert (min(points) == 1) == reading.correct, (one.answer, one.options, text, rewards, reading)
        right += reading.correct
        level = rewards[0]
        if (
            level is not None
            and not reading.correct
            and reading.shift is not None
            and reading.status == "answered"
        ):
            assert level in (by_steps(abs(reading.shift)), 1.0 if truth(one).side else 0.0), (
                one,
                text,
                reading,
            )
        elif level is not None and not reading.correct and len(truth(one).sites) == 1 and not truth(one).side:
            assert level == 0, (one.answer, one.options, text, reading)
    assert right > 40


@pytest.mark.parametrize("one", [*CHOICES, *OPENS], ids=lambda one: f"{one.answer}-{'/'.join(one.options)}")
def test_no_trick_earns_as_much_as_the_plain_answer(one: Item) -> None:
    gold, letter = truth(one), one.answer if one.options else ""
    plain = f"{one.truth} ({letter})" if letter else one.truth
    shown = "\n".join(f"{key}. {text}" for key, text in one.lettered.items())
    tricks = [f"{plain}\n" * 50, f"{plain} " * 3, f"{QUESTION}\n{shown}\n{plain}", f"{QUESTION} {plain}"]
    tricks += [f"{plain} (Z)", "I cannot tell.", "", "(F)", "A B C D", "E, F, G", f"{QUESTION}\n{shown}"]
    if one.options or (len(gold.sites) == 1 and not gold.is_level_given):
        tricks += [f"{plain} or L1", f"{plain} or L1-L2", f"{plain}, C2", "L1 L2 L3 L4 L5 T12 S1"]
    whole = [value for value in score(plain, gold) if value is not None]
    assert set(whole) == {1.0}, "the plain answer earns everything"
    for trick in tricks:
        earned = score(trick, gold)
        assert earned[-1] == 0, f"form of {trick!r}"
        assert sum(value or 0 for value in earned) < len(whole), trick
    empty = ["", "  \n", "A B C D", f"{QUESTION}\n{shown}", "无法判断", "E, F, G", "ja", "🦴" * 200]
    assert all(not any(value for value in score(text, gold)) for text in empty)


def score(reply: str, gold: Truth) -> list[float | None]:
    """Return all rewards of one reply, as TRL asks for them."""
    prompt = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}]
    completion = [{"role": "assistant", "content": reply}]
    return [
        reward(
            prompts=[prompt], completions=[completion], completion_ids=[[1]], truth=[gold.model_dump_json()],
            images=[None], trainer_state=None, log_extra=None, log_metric=None,
        )[0]
        for reward in REWARDS.values()
    ]  # fmt: skip


def test_a_hedge_between_neighbours_earns_nothing() -> None:
    gold = truth(item("L4"))
    hedges = [
        "L4 or L5",
        "L3, L4, L5",
        "L4/L5?",
        "Perhaps L4, perhaps L5.",
        "L4 L5",
        "L3 to L5",
        "between L4 and L5",
    ]
    assert [level_of(text, gold) for text in hedges[:2]] == [0, 0]
    assert all(level_of(text, gold) in (0.0, 0.5) and level_of(text, gold) != 1 for text in hedges)
    choice = truth(item("C", LEVELS))
    hedges = ["C or D", "C, D", "L4 or T12", "C/D", "C (L4) or D (T12)", "Both C and D", "C and also D"]
    assert all(level_of(text, choice) == 0 for text in hedges)


def test_levels_count_less_by_steps_of_the_patients_own_numbering() -> None:
    gold = truth(item("L4"))
    assert [level_of(text, gold) for text in ("L4", "L3", "L5", "L2", "L1", "T12")] == [
        1,
        0.5,
        0.5,
        0.25,
        0.125,
        0,
    ]
    assert level_of("L4-L5", gold) == 0.5, "the disc for the vertebra is as wrong as its neighbour"
    six, five = item("L5", transitional="L6"), item("L5")
    assert level_of("S1", truth(six)) == 0.25 and level_of("S1", truth(five)) == 0.5
    assert level_of("S1", truth(item("L6", transitional="L6"))) == 0.5, "as labelled, not as renamed"
    sets = truth(item("L4 to L5"))
    assert [level_of(text, sets) for text in ("L4, L5", "L3 to L5", "L4", "L3, L4")] == [1, 0.25, 0.125, 0.5]


def test_sides_are_left_right_or_both_and_need_their_level() -> None:
    gold = truth(item("L4-L5, left"))
    said = ("L4/5 left", "左侧腰4/5", "L4-L5 right", "both sides at L4-L5", "left L5-S1", "left", "L4-L5")
    assert [side_of(text, gold) for text in said] == [1, 1, 0, 0, 0, 0, 0]
    both = truth(item("both sides", sites=("L5-S1",)))
    assert [side_of(text, both) for text in ("bilateral", "left", "on both sides", "L4-L5, both")] == [
        1,
        0,
        1,
        0,
    ]
    assert side_of("left", truth(item("L4"))) is None


GRADES = tuple(f"Pfirrmann grade {numeral}" for numeral in ("I", "II", "III", "IV"))
CANAL = (
    "no central narrowing",
    "mild central narrowing",
    "moderate central narrowing",
    "severe central narrowing",
)
MODIC = ("no Modic change", "Modic type 1 change", "Modic type 2 change", "Modic type 3 change")


def test_grades_of_a_choice_count_less_by_grades_off_and_types_do_not() -> None:
    for options, finding, expected in (
        (GRADES, "disc_degeneration", [0.25, 0.5, 1, 0.5]),
        (CANAL, "canal_stenosis", [0.25, 0.5, 1, 0.5]),
        (MODIC, "modic_change", [0, 0, 1, 0]),
    ):
        gold = graded_truth(Truth(answer="C", options=options, sites=("L4-L5",), graded=finding))
        assert gold is not None
        assert [grade_reward_of(f"({letter})", gold) for letter in "ABCD"] == expected
        assert [grade_reward_of(text, gold) for text in ("C or D", "", "A B C D", "E")] == [0, 0, 0, 0]
        assert level_of("C", gold) is None and side_of("C", gold) is None


def test_grades_of_an_open_reply_agree_with_the_metric_of_findings_and_hedges_earn_nothing() -> None:
    metric = load_metrics_of_findings()
    gold = graded_truth(Truth(answer="Pfirrmann grade III", sites=("L4-L5",), graded="disc_degeneration"))
    assert gold is not None and gold.grade == "3" and is_verifiable(gold, gold.answer)
    reference = '[{"site": "L4-L5", "finding": "disc_degeneration", "grade": "3"}]'
    for text in (
        "Pfirrmann III",
        "Pfirrmann grade 3",
        "L4/5: Pfirrmann 3",
        "Pfirrmann IV",
        "L5-S1: Pfirrmann III",
        "?",
    ):
        placed = text if "L" in text else f"L4-L5: {text}"
        told = metric.compute(predictions=[placed], references=[reference])["grades"].get("disc_degeneration")
        assert (grade_reward_of(text, gold) == 1) == (told is not None and told["exact"] == 1), text
    hedges = [
        "Pfirrmann II or III",
        "Pfirrmann III or IV",
        "Pfirrmann I, II, III, IV, V",
        "grade 3, perhaps 2",
    ]
    assert [grade_reward_of(text, gold) for text in hedges] == [0] * 4


@cache
def load_metrics_of_findings() -> Any:
    """Return the metric of findings."""
    import evaluate

    return evaluate.load(str(METRICS / "spine_findings"), keep_in_memory=True)


REPORT = """## 1. Findings
L4-L5: severe canal stenosis.
## 4. Treatment
{}
"""


def test_a_plan_is_right_where_the_metric_of_reports_says_so() -> None:
    gold = Truth(answer="", plan_levels=("L4-L5",))
    due = read_truth('{"findings": [], "plan_levels": ["L4-L5"]}')
    plans = [
        "Decompression at L4-L5.",
        "Decompression of L4 and L5.",
        "Decompression at L3-L4.",
        "No operation.",
    ]
    plans += ["Decompression at L4-L5 and L3-L4.", "If it fails, decompress L4-L5.", "Fuse L1 to S1.", ""]
    for plan in plans:
        report = REPORT.format(plan)
        assert plan_of(report, gold) == (compare(report, due).plan == "right"), plan
    assert [plan_of(REPORT.format(plan), gold) for plan in plans[:4]] == [1, 1, 0, 0]
    none = Truth(answer="", plan_levels=())
    assert [plan_of(REPORT.format(plan), none) for plan in plans[:4]] == [0, 0, 0, 1]
    empty = ["", "No operation.", "## 1. Findings\nNothing.", REPORT.format("")]
    assert all(plan_of(text, none) == 0 and form_of(text, none, QUESTION) == 0 for text in empty)


def test_the_form_is_told_without_the_key() -> None:
    for text in dict.fromkeys(replies(LEVELS)):
        assert len({form_of(text, truth(item(letter, LEVELS)), QUESTION) for letter in "ABCD"}) == 1
        assert len({form_of(text, truth(item(level)), QUESTION) for level in LEVELS}) == 1


def test_a_completion_may_be_text_or_turns_and_rows_without_a_question_get_none() -> None:
    gold = Truth(answer="the upper edge").model_dump_json()
    for name, reward in REWARDS.items():
        found = reward(prompts=["?"], completions=["the upper edge"], truth=[gold])
        assert found == [0.0 if name == "format" else None]
        assert pickle.loads(pickle.dumps(reward))(prompts=["?"], completions=[[]], truth=[gold])[0] in (
            None,
            0.0,
        )
    assert not is_verifiable(Truth(answer="the upper edge"), "the upper edge")
    assert is_repetitive("左侧左侧左侧") and not is_repetitive("the left side, the right side")


def test_long_spam_takes_no_time() -> None:
    import time

    start = time.monotonic()
    for text in ("L4 " * 20_000, "A" * 60_000, "(B)" * 20_000, "no " * 20_000):
        assert form_of(text, truth(item("C", LEVELS)), QUESTION) == 0
    assert time.monotonic() - start < 10
