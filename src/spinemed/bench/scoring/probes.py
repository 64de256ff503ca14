"""Shortcut probes: how far question text or the marker's place alone gives answers away.

For the gate in continuous integration: on clean choice items both stay near what guessing reaches. Every
item is answered by a probe that has learnt from the items of other patients; same items, same numbers.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.special import gammaincc

from spinemed.bench.items import Item
from spinemed.bench.scoring.baselines import chance, is_right, place_only, text_only
from spinemed.intervals import Interval, bootstrap_mean

FOLDS = 5
DRAWS = 2000

Answerer = Callable[[Sequence[Item], Sequence[Item]], list[str]]


@dataclass(frozen=True)
class ProbeResult:
    """Accuracy of a probe on `n` items, its 95 % interval over `patients`, and what guessing reaches."""

    accuracy: float
    n: int
    patients: int
    interval: Interval
    chance: float

    @property
    def excess(self) -> float:
        """Return the accuracy above chance."""
        return self.accuracy - self.chance


@dataclass(frozen=True)
class LetterBalance:
    """How often each letter is right, and the chi-square test that all on offer are right equally often."""

    counts: dict[str, int]
    p: float


@dataclass(frozen=True)
class Duplicates:
    """Items that repeat another: the same id; the same question of the same place in the same patient.

    `opposed` of the latter have another right answer than the item they repeat.
    """

    ids: int
    asked: int
    opposed: int


def text_only_probe(items: Sequence[Item], folds: int = FOLDS) -> ProbeResult:
    """Return what question and options alone reach, cross-validated by patient.

    Items without options are passed over. ValueError where none is left, or fewer patients than folds.
    """
    return cross_validated(items, text_only, folds)


def geometry_probe(items: Sequence[Item], folds: int = FOLDS) -> ProbeResult:
    """Return what ring place, picture size and pixel spacing alone reach, cross-validated by patient.

    Items without options or without a marker are passed over. Errors as in `text_only_probe`.
    """
    return cross_validated([item for item in items if item.marker is not None], place_only, folds)


def cross_validated(items: Sequence[Item], answerer: Answerer, folds: int = FOLDS) -> ProbeResult:
    """Return the accuracy of a method that learns from all patients but the fold's; errors as above."""
    asked = [item for item in items if item.options]
    fold_of = patient_folds([item.patient for item in asked], folds)
    right: dict[int, bool] = {}
    for fold in range(folds):
        held = [place for place, item in enumerate(asked) if fold_of[item.patient] == fold]
        train = [item for item in asked if fold_of[item.patient] != fold]
        letters = answerer(train, [asked[place] for place in held])
        right.update(
            {place: is_right(letter, asked[place]) for place, letter in zip(held, letters, strict=True)}
        )
    return _result(asked, [right[place] for place in range(len(asked))])


def across_splits(one: Sequence[Item], other: Sequence[Item], answerer: Answerer) -> ProbeResult:
    """Return the accuracy on two sets of other patients of a method that learns each time from the other set.

    The measure where answers are balanced within each split: leaving patients out of a balanced set tips the
    rest against their answers, so that cross-validation falls below chance. ValueError where no item has
    options, or one of the sets none.
    """
    halves = [[item for item in half if item.options] for half in (one, other)]
    if not all(halves):
        raise ValueError("no item has options in one of the sets; give choice items of both")
    asked = [item for half in halves for item in half]
    letters = [letter for half, known in (halves, halves[::-1]) for letter in answerer(known, half)]
    return _result(asked, [is_right(letter, item) for letter, item in zip(letters, asked, strict=True)])


def _result(asked: Sequence[Item], right: Sequence[bool]) -> ProbeResult:
    if not asked:
        raise ValueError("no item has options to probe; give choice items")
    patients = [item.patient for item in asked]
    scores = [float(one) for one in right]
    return ProbeResult(
        accuracy=sum(scores) / len(scores),
        n=len(scores),
        patients=len(set(patients)),
        interval=bootstrap_mean(scores, patients, draws=DRAWS),
        chance=chance(asked),
    )


def patient_folds(patients: Sequence[str], folds: int) -> dict[str, int]:
    """Return the fold of each patient, folds of equal size; the same whatever else is asked.

    >>> sorted(patient_folds(["a", "b", "a", "c", "d"], 2).values())
    [0, 0, 1, 1]
    """
    names = sorted(set(patients), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    if not 2 <= folds <= len(names):
        raise ValueError(
            f"{len(names)} patients with choice items cannot make {folds} folds; give at least 2 folds and "
            "as many patients, or probe a larger corpus"
        )
    return {name: place % folds for place, name in enumerate(names)}


def letter_balance(items: Sequence[Item]) -> LetterBalance:
    """Return how often each letter is right, tested within items of the same number of options.

    ValueError without choice items.
    """
    asked = [item for item in items if item.options]
    if not asked:
        raise ValueError("no item has options; letters can only be counted in choice items")
    by_size: dict[int, list[Item]] = defaultdict(list)
    for item in asked:
        by_size[len(item.options)].append(item)
    statistic, freedom = 0.0, 0
    for size, alike in by_size.items():
        counts = Counter(item.answer for item in alike)
        expected = len(alike) / size
        statistic += sum((counts[letter] - expected) ** 2 / expected for letter in alike[0].lettered)
        freedom += size - 1
    letters = sorted(max(asked, key=lambda item: len(item.options)).lettered)
    total = Counter(item.answer for item in asked)
    p = float(gammaincc(freedom / 2, statistic / 2)) if freedom else 1.0
    return LetterBalance({letter: total[letter] for letter in letters}, p)


def duplicates(items: Sequence[Item]) -> Duplicates:
    """Return how many items repeat an earlier one; options count as the same in any order."""
    ids = len(items) - len({item.id for item in items})
    asked = opposed = 0
    seen: dict[tuple[object, ...], str] = {}
    for item in items:
        key = _asked(item)
        if key in seen:
            asked += 1
            opposed += seen[key] != item.truth
        else:
            seen[key] = item.truth
    return Duplicates(ids, asked, opposed)


def _asked(item: Item) -> tuple[object, ...]:
    """Return what an item asks of which place: all of it but the order of options and the answer."""
    picture = item.modality, item.marker, item.spacing_mm, item.width, item.height
    return item.patient, item.kind, picture, item.question, tuple(sorted(item.options))
