"""Shortcut probes: planted leaks are found, clean items stay near chance, counts are right."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from spinemed.bench.items import Item, read_items
from spinemed.bench.scoring.baselines import text_only
from spinemed.bench.scoring.probes import (
    across_splits,
    cross_validated,
    duplicates,
    geometry_probe,
    letter_balance,
    patient_folds,
    text_only_probe,
)

NAMES = ["T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5"]
SENTENCES = ["The canal is wide.", "The disc is dark.", "The body is wedged.", "The cord is bright."]


def made(count: int, patients: int = 60, seed: int = 0) -> list[Item]:
    """Return clean items: options, letters and places are drawn without a look at the answer."""
    draw = random.Random(seed)
    items = []
    for number in range(count):
        truth = draw.choice(NAMES)
        options = tuple(draw.sample([truth, *draw.sample([name for name in NAMES if name != truth], 3)], 4))
        items.append(
            Item(
                id=f"{seed}-{number}", question=draw.choice(["Which level?", "Name the ringed body."]),
                options=options, answer="ABCD"[options.index(truth)], level=truth, kind="marked_level",
                modality="MR", patient=f"p{number % patients}", synthetic=True,
                marker=(draw.uniform(20, 100), draw.uniform(20, 230)), spacing_mm=1.0, width=128, height=256,
            )
        )  # fmt: skip
    return items


def with_sentences(items: list[Item], right: str = "{}", wrong: str = "{}") -> list[Item]:
    """Return items whose options are sentences; the right one is dressed in another pattern than the rest."""
    draw = random.Random(1)
    changed = []
    for item in items:
        texts = draw.sample(SENTENCES, 4)
        place = "ABCD".index(item.answer)
        options = tuple((right if at == place else wrong).format(text) for at, text in enumerate(texts))
        changed.append(replace(item, options=options, kind="finding"))
    return changed


def test_clean_items_stay_near_chance_for_every_probe() -> None:
    items = made(700)
    for found in (text_only_probe(items), geometry_probe(items), text_only_probe(with_sentences(items))):
        assert found.chance == 0.25
        assert found.n == 700 and found.patients == 60
        assert abs(found.excess) < 0.06
        assert found.interval.low < found.accuracy < found.interval.high


def test_a_favoured_letter_is_found_by_text_and_by_the_balance() -> None:
    items = [
        replace(
            item, options=(item.truth, *(text for text in item.options if text != item.truth)), answer="A"
        )
        for item in made(400)
    ]
    assert text_only_probe(items).accuracy > 0.95
    assert letter_balance(items).counts == {"A": 400, "B": 0, "C": 0, "D": 0}
    assert letter_balance(items).p < 1e-6


def test_a_longer_right_option_is_found_though_no_word_repeats() -> None:
    draw = random.Random(3)

    def words(count: int) -> str:
        return " ".join("".join(draw.choices("abcdefgh", k=6)) for _ in range(count))

    items = [
        replace(
            item, options=tuple(words(9 if letter == item.answer else 6) for letter in "ABCD"), kind="told"
        )
        for item in made(400)
    ]
    assert text_only_probe(items).accuracy > 0.9


def test_a_word_that_only_right_options_carry_is_found() -> None:
    assert text_only_probe(with_sentences(made(500), right="Clearly: {}", wrong="Perhaps: {}")).accuracy > 0.9


def test_a_style_shared_by_kinds_too_small_to_learn_from_is_found() -> None:
    items = with_sentences(made(400), right="{} So it is.", wrong="{}")
    many_kinds = [replace(item, kind=f"kind {number % 100}") for number, item in enumerate(items)]
    assert text_only_probe(many_kinds).accuracy > 0.9


def test_a_level_that_the_question_names_is_found() -> None:
    items = [replace(item, question=f"Which level is {item.truth}-like?") for item in made(800)]
    assert text_only_probe(items).accuracy > 0.9


def test_a_ring_place_that_tells_the_level_is_found_and_its_absence_is_not_held_against_an_item() -> None:
    draw = random.Random(5)
    leaky = [
        replace(item, marker=(64.0, 20 + 28 * NAMES.index(item.level) + draw.uniform(-4, 4)))
        for item in made(500)
    ]
    assert geometry_probe(leaky).accuracy > 0.9
    unmarked = [replace(item, id=f"u{item.id}", marker=None) for item in leaky]
    assert geometry_probe([*leaky, *unmarked]).n == 500


def test_a_scale_that_tells_the_level_is_found() -> None:
    scaled = [replace(item, spacing_mm=0.9 + 0.05 * NAMES.index(item.level)) for item in made(500)]
    assert geometry_probe(scaled).accuracy > 0.8


def test_nothing_is_learnt_from_the_patient_who_is_asked() -> None:
    items = made(100, patients=10)

    def spying(train: object, asked: object) -> list[str]:
        assert isinstance(train, list) and isinstance(asked, list)
        assert not {item.patient for item in train} & {item.patient for item in asked}
        return [item.answer for item in asked]

    assert cross_validated(items, spying).accuracy == 1.0


def test_items_balanced_within_each_split_are_at_chance_across_splits_though_not_within_one() -> None:
    # Every option is right equally often in each half: a fold left out tips the rest against its answers.
    items = [replace(item, options=tuple(NAMES[:4])) for item in made(48, patients=24)]
    items = [replace(item, answer="ABCD"[place % 4]) for place, item in enumerate(items)]
    known = [item for item in items if int(item.patient[1:]) < 12]
    asked = [item for item in items if int(item.patient[1:]) >= 12]
    assert across_splits(known, asked, text_only).excess == pytest.approx(0.0, abs=0.15)
    assert text_only_probe(items, folds=12).excess < 0.0
    leaking = [replace(item, answer="A") for item in items]
    found = across_splits(leaking[:24], leaking[24:], text_only)
    assert found.accuracy == 1.0 and found.n == 48
    with pytest.raises(ValueError, match="no item has options"):
        across_splits(known, [], text_only)


def test_probes_repeat_and_do_not_depend_on_the_order_of_patients() -> None:
    items = made(300)
    assert text_only_probe(items) == text_only_probe(items)
    assert patient_folds(["b", "a", "c"], 2) == patient_folds(["c", "b", "a", "a"], 2)


@pytest.mark.parametrize("folds", [1, 7])
def test_too_few_patients_for_the_folds_are_refused(folds: int) -> None:
    with pytest.raises(ValueError, match="6 patients"):
        text_only_probe(made(30, patients=6), folds)


def test_open_items_are_passed_over_and_none_at_all_is_refused() -> None:
    items = made(200)
    opened = [replace(item, options=(), answer=item.truth) for item in items]
    assert text_only_probe([*items, *opened]).n == 200
    with pytest.raises(ValueError, match="0 patients"):
        text_only_probe(opened)
    with pytest.raises(ValueError, match="no item has options"):
        letter_balance(opened)


def test_letters_are_balanced_within_items_of_the_same_number_of_options() -> None:
    four = made(2000)
    two = [
        replace(item, options=("yes", "no"), answer="AB"[number % 2])
        for number, item in enumerate(made(600, seed=2))
    ]
    found = letter_balance([*four, *two])
    assert sum(found.counts.values()) == 2600
    assert found.p > 0.01


def test_duplicates_are_counted_and_opposed_answers_named() -> None:
    items = made(20)
    turned = replace(
        items[0],
        id="turned",
        options=items[0].options[::-1],
        answer="ABCD"[3 - "ABCD".index(items[0].answer)],
    )
    opposed = replace(items[1], id="opposed", answer="ABCD"[("ABCD".index(items[1].answer) + 1) % 4])
    found = duplicates([*items, turned, opposed, items[2]])
    assert (found.ids, found.asked, found.opposed) == (1, 3, 1)
    assert duplicates(items) == type(found)(0, 0, 0)


def test_the_phantom_corpus_gives_nothing_away_by_text_letters_or_the_place_of_rings(
    phantom_corpus: Path,
) -> None:
    folder = phantom_corpus / "data" / "choice"
    splits = sorted({file.name.partition("-")[0] for file in folder.glob("*.parquet")})
    items = [item for split in splits for item in read_items(phantom_corpus, "choice", split)]
    # Few patients: what is left of the bar of 3 points is chance's own spread.
    assert text_only_probe(items, folds=4).excess < 0.06
    assert geometry_probe(items, folds=4).accuracy < 0.45
    assert letter_balance(items).p > 0.001
    found = duplicates(items)
    assert (found.ids, found.opposed) == (0, 0)
