"""Baselines without pixels: what they can learn, what they cannot, and that they repeat themselves."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from spinemed.bench.items import Item
from spinemed.bench.scoring.baselines import chance, place_only, text_only

NAMES = ["T11", "T12", "L1", "L2", "L3", "L4"]


def items(count: int, seed: int, question: str = "Which vertebra is marked?") -> list[Item]:
    """Items whose marker stands lower for lower levels, with shuffled options."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        truth = draw.choice(NAMES)
        options = tuple(draw.sample([truth, *draw.sample([name for name in NAMES if name != truth], 3)], 4))
        made.append(
            Item(
                id=f"{seed}-{number}", question=question.format(truth=truth), options=options,
                answer="ABCD"[options.index(truth)], level=truth, kind="marked_level", modality="CT",
                patient=f"p{number}", synthetic=True,
                marker=(28.0, 10 + 8 * NAMES.index(truth) + draw.random()),
                spacing_mm=1.0, width=56, height=64,
            )
        )  # fmt: skip
    return made


def accuracy(letters: list[str], asked: list[Item]) -> float:
    return sum(letter == item.answer for letter, item in zip(letters, asked, strict=True)) / len(asked)


def test_chance_is_the_mean_of_one_over_the_number_of_options() -> None:
    four = items(1, 0)[0]
    assert chance([four, replace(four, options=("L1", "L2"))]) == pytest.approx((1 / 4 + 1 / 2) / 2)


def test_the_marker_alone_tells_levels_that_stand_at_fixed_places() -> None:
    asked = items(100, 2)
    assert accuracy(place_only(items(300, 1), asked), asked) == 1.0


def test_the_marker_alone_is_no_better_than_chance_where_places_say_nothing() -> None:
    train = [replace(item, marker=(28.0, 28.0)) for item in items(300, 1)]
    asked = [replace(item, marker=(28.0, 28.0)) for item in items(300, 2)]
    assert accuracy(place_only(train, asked), asked) < 0.4


def test_text_alone_is_near_chance_on_balanced_questions() -> None:
    asked = items(300, 2)
    assert 0.15 < accuracy(text_only(items(300, 1), asked), asked) < 0.4


def test_text_alone_finds_an_answer_that_the_question_gives_away() -> None:
    train, asked = (items(400, seed, "The vertebra above is near {truth}x.") for seed in (1, 2))
    assert accuracy(text_only(train, asked), asked) > 0.95


def test_text_alone_finds_a_favoured_letter() -> None:
    def with_right_first(made: list[Item]) -> list[Item]:
        return [
            replace(item, options=(item.truth, *(o for o in item.options if o != item.truth)), answer="A")
            for item in made
        ]

    asked = with_right_first(items(200, 2))
    assert accuracy(text_only(with_right_first(items(200, 1)), asked), asked) > 0.95


def test_baselines_repeat_and_never_read_the_key() -> None:
    train, asked = items(100, 1), items(50, 2)
    hidden = [replace(item, answer="A", level="C1") for item in asked]
    for method in (text_only, place_only):
        assert method(train, asked) == method(train, asked) == method(train, hidden)


def test_without_training_items_the_first_option_is_taken() -> None:
    asked = items(5, 2)
    assert text_only([], asked) == place_only([], asked) == ["A"] * 5
