"""The diagnosis: planted faults are found and named, healthy answerers are left alone, few items say so."""

from __future__ import annotations

import random

import pytest

from spinemed.answers import parse_answer
from spinemed.bench.faults.blindness import blindness_signs
from spinemed.bench.faults.diagnosis import RULES, Statement, statements
from spinemed.bench.faults.evidence import Compared, contrast, estimate, sign_of, smallest_seen, upper_p
from spinemed.bench.faults.planted import Planted, answerers
from spinemed.bench.faults.signs import (
    form_signs,
    group_signs,
    habit_signs,
    level_signs,
    longest,
    side_of,
    side_sign,
    steps,
)
from spinemed.bench.items import Item
from spinemed.bench.scoring.baselines import place_only, text_only
from spinemed.bench.scoring.measure import Reading

NAMES = ["C5", "C6", "C7", "T1", "T2", "T11", "T12", "L1", "L2", "L3", "L4", "L5"]
SIDED = ("left of the canal", "right of the canal", "in front of the canal", "behind it, and further down")
FINDINGS = ("a wedge", "no fracture at all", "a burst", "an old one")


def made(count: int, seed: int = 0) -> list[Item]:
    """Return items about levels, sides and findings, of many patients, some with six lumbar vertebrae."""
    draw = random.Random(seed)
    items = []
    for number in range(count):
        kind = draw.choice(["marked_level", "marked_level", "marked_level", "ring_side", "fracture"])
        at = draw.randrange(len(NAMES) - 3)
        window = NAMES[at : at + 4] if draw.random() < 0.5 or at < 8 else ["L2", "L3", "L4", "L5"]
        pool = {"marked_level": tuple(window), "ring_side": SIDED, "fracture": FINDINGS}[kind]
        options = tuple(draw.sample(pool, 4))
        key = draw.randrange(4)
        patient = draw.randrange(60)
        items.append(
            Item(
                id=f"{seed}-{number}", question=draw.choice(["Which?", "Name it."]), options=options,
                answer="ABCD"[key], level=options[key] if kind == "marked_level" else "", kind=kind,
                modality=draw.choice(["CT", "MR"]), patient=f"{seed}p{patient}", synthetic=True,
                marker=(draw.uniform(0, 90), draw.uniform(0, 200)), spacing_mm=1.0, width=100, height=220,
                language=draw.choice(["en", "zh"]), transitional="L6" if patient < 15 else "",
            )
        )  # fmt: skip
    return items


def readings(planted: Planted, items: list[Item], *, blank: bool = False, seed: int = 0) -> list[Reading]:
    """Return what is read from the replies of an answerer."""
    draw = random.Random(f"{planted.name}{seed}{blank}")
    found = []
    for item in items:
        reply = planted.answer(item, blank, draw)
        parsed = parse_answer(reply.text, item.lettered, cut_off=reply.cut_off)
        letter = "".join(parsed.letters)
        text = item.lettered.get(letter, "")
        found.append(
            Reading(item, parsed.status, letter, text, letter == item.answer, parsed.conflict,
                    steps(text, item.truth), text)
        )  # fmt: skip
    return found


ITEMS, TRAIN = made(400), made(400, 1)
LETTERS = {"text": text_only(TRAIN, ITEMS), "place": place_only(TRAIN, ITEMS)}
EVERYONE = answerers(TRAIN, ITEMS)


def judged(planted: Planted, count: int = len(ITEMS), seed: int = 0) -> list[Statement]:
    """Return the statements about an answerer on the first items."""
    items = ITEMS[:count]
    normal = readings(planted, items, seed=seed)
    blank = readings(planted, items, blank=True, seed=seed)
    letters = {name: answers[:count] for name, answers in LETTERS.items()}
    signs = [*form_signs(normal), *level_signs(normal), *habit_signs(normal), side_sign(normal)]
    return statements([*signs, *blindness_signs(normal, letters, {"blank": blank}), *group_signs(normal)])


@pytest.mark.parametrize("planted", EVERYONE, ids=[one.name for one in EVERYONE])
def test_an_answerer_gets_the_diagnosis_it_deserves_and_no_other(planted: Planted) -> None:
    found = {one.rule for one in judged(planted) if one.state == "found"}
    assert found <= set(planted.deserves)
    assert bool(found) == bool(planted.deserves)


def test_every_rule_can_fire_and_every_rule_can_stay_silent() -> None:
    silent = {one.rule for one in judged(EVERYONE[0]) if one.state == "not_found"}
    assert {rule.name for rule in RULES} - silent <= {"transitional"}


def test_an_honest_reader_is_left_alone_with_any_seed() -> None:
    for seed in range(8):
        assert [one.words for one in judged(EVERYONE[0], 150, seed) if one.state == "found"] == []


def test_a_handful_of_items_tells_little_and_says_how_much() -> None:
    swaps = next(one for one in EVERYONE if one.name == "swaps sides")
    said = [one for count in (35, 40, 45, 50) for one in judged(swaps, count) if one.rule == "sides"]
    few = [one for one in said if one.state == "too_few" and one.smallest is not None]
    assert few
    for one in few:
        assert "Too few items to tell: an excess below" in one.words
        assert one.smallest is not None and one.smallest > one.threshold


def test_errors_that_go_both_ways_are_no_shift() -> None:
    draw = random.Random(4)

    def either_way(item: Item) -> str:
        ways = [letter for letter, text in item.lettered.items() if abs(steps(text, item.truth) or 0) == 1]
        return draw.choice(ways) if ways else item.answer

    found = []
    for item in ITEMS:
        letter = either_way(item)
        text = item.lettered[letter]
        shift = steps(text, item.truth)
        found.append(Reading(item, "answered", letter, text, letter == item.answer, False, shift, text))
    states = {one.state for one in statements(level_signs(found)) if one.rule == "shift"}
    assert "found" not in states and "not_found" in states


def test_what_follows_from_a_fault_is_said_with_its_cause() -> None:
    always_a = next(one for one in EVERYONE if one.name == "always A")
    follows = {one.rule: one.because_of for one in judged(always_a) if one.state == "follows"}
    assert follows["chance"] == follows["picture_ignored"] == "Prefers one letter"


def test_p_values_are_corrected_for_every_sign_that_could_be_tested() -> None:
    said = judged(EVERYONE[0])
    tested = [one for one in said if one.p is not None]
    assert all(one.holm_p is not None and one.p is not None and one.holm_p >= one.p for one in tested)
    least = min(tested, key=lambda one: one.p or 0.0)
    assert least.holm_p == pytest.approx(min(1.0, len(tested) * (least.p or 0.0)))


def test_equal_values_of_few_patients_keep_an_error() -> None:
    few, many = (estimate([1.0] * n, [str(place) for place in range(n)]) for n in (3, 100))
    assert few is not None and many is not None
    assert few.error == pytest.approx(0.2)
    assert many.error < 0.02
    assert estimate([1.0, 1.0], ["a", "a"]) is None


def test_the_error_follows_patients_not_items() -> None:
    values = [1.0] * 50 + [0.0] * 50
    alone = estimate(values, [str(place) for place in range(100)])
    clustered = estimate(values, [str(place // 10) for place in range(100)])
    assert alone is not None and clustered is not None
    assert clustered.error > 3 * alone.error


def test_groups_are_compared_within_kinds_of_questions() -> None:
    hard = [Compared("hard", place % 4 > 0, f"h{place}", float(place % 2)) for place in range(80)]
    easy = [Compared("easy", place % 4 == 0, f"e{place}", 0.0) for place in range(80)]
    alone = [Compared("own", True, f"o{place}", 1.0) for place in range(40)]
    found, inside, outside, count = contrast([*hard, *easy, *alone])
    assert found is not None
    assert count == 80
    within = sum(one.outcome for one in hard if one.inside) / 60 - 0.0
    assert inside - outside == pytest.approx(found.mean)
    assert 0 < found.mean < within


def test_false_alarms_stay_below_the_level_where_answers_of_a_patient_agree() -> None:
    draw = random.Random(1)
    alarms = 0
    for _ in range(400):
        leanings = [draw.choice((-0.6, 0.6)) for _ in range(30)]
        values = [float(draw.random() < 0.5 + lean / 2) - 0.5 for lean in leanings for _ in range(8)]
        found = estimate(values, [str(place // 8) for place in range(240)])
        assert found is not None
        alarms += upper_p(found, 0.0) < 0.05
    assert alarms / 400 < 0.08


def test_the_smallest_excess_seen_is_seen_in_four_of_five_cases() -> None:
    draw = random.Random(2)
    error = 0.05
    effect = smallest_seen(error, 1000, 1)
    seen = 0
    for _ in range(2000):
        sign = sign_of("r", "", None, n=0, share=0.0, expected=0.0)
        assert sign.p is None
        seen += draw.gauss(effect, error) / error > 1.6449
    assert 0.77 < seen / 2000 < 0.83


@pytest.mark.parametrize(
    ("text", "side"),
    [("left-sided", "left"), ("患者右侧", "right"), ("both the left and right ones", ""), ("上边缘", ""),
     ("the right edge", ""), ("leftover", ""), ("central", "")],
)  # fmt: skip
def test_a_side_is_the_patients_own_and_one_alone(text: str, side: str) -> None:
    assert side_of(text) == side


def test_the_length_of_a_levels_name_is_no_length() -> None:
    levels = next(item for item in ITEMS if item.kind == "marked_level")
    sides = next(item for item in ITEMS if item.kind == "ring_side")
    assert longest(levels) == ""
    assert longest(sides) == SIDED[3]


def test_statements_stand_in_the_order_of_the_rules() -> None:
    order = {rule.name: place for place, rule in enumerate(RULES)}
    places = [order[one.rule] for one in judged(EVERYONE[0])]
    assert places == sorted(places)
