"""What is reached without looking at pixels: by chance, from the text alone, from the marker's place alone.

Text and place are learnt from the training items of the same kinds, with numpy only, and answer the very
items that the model answers. A model that does not beat them has shown nothing about the picture.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spinemed.answer_wording import words_of
from spinemed.bench.items import Item
from spinemed.levels import position

WIDTH = 1 << 16  # hashed features of the text model
STEPS, RATE, DECAY = 120, 0.5, 1e-4
NEIGHBOURS = (5, 10, 25, 50, 100)
TRIED = 500  # training items on which the number of neighbours is chosen
LAPLACE = 0.01  # weight of the overall share of an answer beside its share among the neighbours


def chance(items: Sequence[Item]) -> float:
    """Return the expected accuracy of guessing: the mean of 1 / number of options over choice items.

    >>> from dataclasses import replace
    >>> chance([])
    Traceback (most recent call last):
    ...
    ValueError: chance needs at least one item
    """
    if not items:
        raise ValueError("chance needs at least one item")
    return float(np.mean([1 / len(item.options) for item in items]))


def text_only(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Return the letter that question and options alone suggest for each item.

    A conditional logit over hashed features of each option (letter, rank, length, wording, wording with each
    word of the question), fitted on `train` by full-batch gradient steps. Deterministic.
    """
    weights = fit_logit(train)
    return [best_letter(item, option_scores(item, weights)) for item in items]


def fit_logit(train: Sequence[Item]) -> NDArray[np.float64]:
    """Return weights of hashed features after a fixed number of Adagrad steps; zeros untrained."""
    weights = np.zeros(WIDTH)
    if not train:
        return weights
    features, option_of_feature, item_of_option, right = design(train)
    squares = np.full(WIDTH, 1e-8)
    for _ in range(STEPS):
        scores = np.bincount(option_of_feature, weights=weights[features], minlength=len(item_of_option))
        scores -= np.maximum.reduceat(scores, starts_of(item_of_option))[item_of_option]
        grown = np.exp(scores)
        shares = grown / np.bincount(item_of_option, weights=grown)[item_of_option]
        errors = (shares - right) / len(train)
        slope = np.bincount(features, weights=errors[option_of_feature], minlength=WIDTH) + DECAY * weights
        squares += slope * slope
        weights -= RATE * slope / np.sqrt(squares)
    return weights


def design(
    items: Sequence[Item],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return active features, each feature's option, each option's item, and which is right."""
    features: list[int] = []
    owners: list[int] = []
    item_of_option: list[int] = []
    right: list[float] = []
    for number, item in enumerate(items):
        for letter in item.lettered:
            active = option_features(item, letter)
            features += active
            owners += [len(item_of_option)] * len(active)
            item_of_option.append(number)
            right.append(float(letter == item.answer))
    return np.array(features), np.array(owners), np.array(item_of_option), np.array(right)


def starts_of(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each run of equal values starts."""
    return np.flatnonzero(np.diff(groups, prepend=-1))


def option_features(item: Item, letter: str) -> list[int]:
    """Return the hashed features of one option as the text shows it: of its kind, and its style in any kind.

    Style is letter, length against the other options, words, last character and words shared with the
    question: what can give an answer away in kinds that are too rare to be learnt one by one.
    """
    text = item.lettered[letter]
    rank = sorted(item.options, key=anatomical).index(text)
    asked, said = set(words_of(item.question)), set(words_of(text))
    names = [f"rank {rank} of {len(item.options)}", f"text {text}"]
    names += [f"{word} > {text}" for word in asked]
    style = [
        f"letter {letter}",
        f"longer than {sum(len(other) < len(text) for other in item.options)}",
        f"shorter than {sum(len(other) > len(text) for other in item.options)}",
        f"ends {text[-1:]}",
        f"shares {len(asked & said)}",
        *(f"word {word}" for word in said),
    ]
    hashed = [f"{item.kind} {name}" for name in names + style] + [f"any {name}" for name in style]
    return [zlib.crc32(name.encode()) % WIDTH for name in hashed]


def anatomical(text: str) -> tuple[float, str]:
    """Return a key that sorts sites from head to tail and other texts after them, by letter.

    >>> sorted(["L1", "T12", "none"], key=anatomical)
    ['T12', 'L1', 'none']
    """
    try:
        return position(text), text
    except ValueError:
        return float("inf"), text


def option_scores(item: Item, weights: NDArray[np.float64]) -> dict[str, float]:
    """Return the score of each option's letter."""
    return {letter: float(weights[option_features(item, letter)].sum()) for letter in item.lettered}


def best_letter(item: Item, scores: dict[str, float]) -> str:
    """Return the letter with the highest score; ties go to the first, "" for an item without options."""
    return max(item.lettered, key=lambda letter: scores[letter], default="")


def place_only(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Return the letter that the marker's place, picture size and pixel spacing suggest for each item.

    The nearest training items of the same kind vote with their right answers; only options on offer can win.
    How many vote is what answers the training items best when their own patient is left out.
    """
    chosen = {}
    for kind in sorted({item.kind for item in items}):
        alike = [item for item in train if item.kind == kind]
        asked = [item for item in items if item.kind == kind]
        letters = neighbour_letters(alike, asked, best_count(alike))
        chosen.update({item.id: letter for item, letter in zip(asked, letters, strict=True)})
    return [chosen[item.id] for item in items]


def best_count(train: Sequence[Item]) -> int:
    """Return how many neighbours answer training items best, their own patient left out; ties: the fewest."""
    asked = train[:TRIED]
    right = {count: sum(map(is_right, neighbour_letters(train, asked, count), asked)) for count in NEIGHBOURS}
    return max(NEIGHBOURS, key=lambda count: right[count])


def is_right(letter: str, item: Item) -> bool:
    """Tell whether a letter is the key of an item."""
    return letter == item.answer


def neighbour_letters(train: Sequence[Item], items: Sequence[Item], count: int) -> list[str]:
    """Return the letter voted for by the `count` nearest training items of other patients, for each item."""
    if not train:
        return [best_letter(item, dict.fromkeys(item.lettered, 0.0)) for item in items]
    places = np.array([place(item) for item in train])
    spread = places.std(axis=0)
    places = places / np.where(spread > 0, spread, 1.0)
    patients = np.array([item.patient for item in train])
    overall = Counter(item.truth for item in train)
    letters = []
    for item in items:
        here = place(item) / np.where(spread > 0, spread, 1.0)
        distance = ((places - here) ** 2).sum(axis=1) + np.where(patients == item.patient, np.inf, 0.0)
        nearest = np.argsort(distance, kind="stable")[:count]
        votes = Counter(train[index].truth for index in nearest)
        scores = {
            letter: votes[text] / count + LAPLACE * overall[text] / len(train)
            for letter, text in item.lettered.items()
        }
        letters.append(best_letter(item, scores))
    return letters


def place(item: Item) -> NDArray[np.float64]:
    """Return column, row, width, height and spacing; without a marker, the middle of the picture."""
    column, row = item.marker if item.marker is not None else (item.width / 2, item.height / 2)
    return np.array([column, row, item.width, item.height, item.spacing_mm], dtype=np.float64)
