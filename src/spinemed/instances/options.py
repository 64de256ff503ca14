"""Answer options that give nothing away: hard neighbours, none likelier than another by its text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np

OPTIONS = 4
LETTERS = "ABCD"
_SPREAD_COST = 1.5
_ROUNDS = 400
_MOST = 16
"""Of more candidates a run of `_BLOCK` is taken first: a design over all sets of four would be too large."""
_BLOCK = 10


def option_set(candidates: Sequence[str], right: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return four of `candidates`, in their order, among them `right`.

    `candidates` are all answers that are right equally often (the levels of a series, each asked once).
    Every candidate is offered equally often, so any of the four is right with the same chance whatever
    else the text says, while sets of close neighbours are preferred: exp(-1.5) for each level that a set
    spans beyond four. ValueError for fewer than four candidates or a `right` that is none of them.

    >>> option_set(("T12", "L1", "L2", "L3"), "L1", np.random.default_rng(0))
    ('T12', 'L1', 'L2', 'L3')
    """
    if right not in candidates:
        raise ValueError(f"{right!r} is not among the candidates {tuple(candidates)}")
    if len(candidates) > _MOST:
        candidates = _block(candidates, right, rng)
    sets, weights = _design(len(candidates))
    place = list(candidates).index(right)
    holding = [number for number, chosen in enumerate(sets) if place in chosen]
    chances = np.array([weights[number] for number in holding])
    chosen = sets[holding[int(rng.choice(len(holding), p=chances / chances.sum()))]]
    return tuple(candidates[index] for index in chosen)


def neighbours(ordered: Sequence[str], must: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """Return four that follow each other in `ordered` and hold all of `must`, anywhere among them alike.

    () where no four do.

    >>> neighbours(("L1", "L2", "L3", "L4"), ("L2", "L3"), np.random.default_rng(0))
    ('L1', 'L2', 'L3', 'L4')
    """
    starts = [
        start
        for start in range(len(ordered) - OPTIONS + 1)
        if set(must) <= set(ordered[start : start + OPTIONS])
    ]
    if not starts:
        return ()
    start = starts[int(rng.integers(len(starts)))]
    return tuple(ordered[start : start + OPTIONS])


def shuffled(options: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """Return the options in random order."""
    return tuple(options[index] for index in rng.permutation(len(options)))


def _block(candidates: Sequence[str], right: str, rng: np.random.Generator) -> Sequence[str]:
    """Return a run of candidates around `right`, cut so that it lies anywhere in its run alike."""
    phase = int(rng.integers(_BLOCK))
    start = (list(candidates).index(right) + phase) // _BLOCK * _BLOCK - phase
    start = min(max(start, 0), len(candidates) - _BLOCK)
    return candidates[start : start + _BLOCK]


@cache
def _design(count: int) -> tuple[tuple[tuple[int, ...], ...], tuple[float, ...]]:
    """Return all sets of four of `count` places, and weights that cover each place alike."""
    if count < OPTIONS:
        raise ValueError(f"{count} candidates; a choice needs at least {OPTIONS}")
    sets = tuple(combinations(range(count), OPTIONS))
    member = np.zeros((len(sets), count))
    for number, chosen in enumerate(sets):
        member[number, chosen] = 1
    base = np.array([math.exp(-_SPREAD_COST * (chosen[-1] - chosen[0] - OPTIONS + 1)) for chosen in sets])
    lift = np.zeros(count)
    for _ in range(_ROUNDS):
        weights = base * np.exp(member @ lift)
        lift -= 0.5 * np.log(member.T @ weights / np.mean(member.T @ weights))
    weights = base * np.exp(member @ lift)
    return sets, tuple(float(weight) for weight in weights / weights.sum())
