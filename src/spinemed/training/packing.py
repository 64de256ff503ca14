"""Which rows train together: packs by best fit, or batches of like length, from lengths alone.

A plan is a pure function of lengths, limits, seed and epoch. The rows are shuffled, taken in windows, sorted
within the window, longest first, and placed; what a window leaves open stays open for the next one, so that
little is lost at the seams. Packing is best fit decreasing ("Fewer Truncations Improve Language Modeling",
arXiv 2404.10830); without a limit on pictures and with one window over all rows it makes as many packs as
TRL's own. With such a limit rows are sorted by the sum of their shares of both limits, since long rows first
would leave packs of short rows full of pictures and half empty. Batch i goes to rank i % world, as accelerate
deals them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinemed.errors import ConfigError
from spinemed.training.open_packs import OpenPacks

WINDOW = 512
WINDOW_GROUPED = 8192
Batches = list[list[int]]


class Refused(NamedTuple):
    """A row that no batch may hold, and why."""

    row: int
    reason: str


@dataclass(frozen=True, eq=False)
class Plan:
    """The batches of one epoch, in the order of training.

    batches : row numbers of every batch; each kept row stands in one batch, once
    tokens  : real tokens of every batch
    images  : pictures of every batch
    paid    : tokens of every batch as the budget counts them: the whole budget of a pack, the rectangle of
              rows times the longest row of a padded batch
    refused : rows left out, in rising order
    """

    batches: tuple[tuple[int, ...], ...]
    tokens: NDArray[np.int64]
    images: NDArray[np.int64]
    paid: NDArray[np.int64]
    budget: int
    refused: tuple[Refused, ...]

    @property
    def waste(self) -> float:
        """Return the share of the paid tokens that are not real, from 0 to 1; 0 for an empty plan."""
        return 1 - float(self.tokens.sum() / self.paid.sum()) if self.batches else 0.0

    @property
    def fill(self) -> float:
        """Return real tokens over what all batches could hold, from 0 to 1; 0 for an empty plan."""
        return float(self.tokens.sum() / (len(self.batches) * self.budget)) if self.batches else 0.0


def pack_plan(
    tokens: ArrayLike,
    images: ArrayLike,
    *,
    budget: int,
    rows: ArrayLike | None = None,
    most_images: int | None = None,
    window: int | None = WINDOW,
    seed: int = 0,
    epoch: int = 0,
    world: int = 1,
    at_least: int = 0,
) -> Plan:
    """Return packs of at most `budget` tokens and `most_images` pictures, by best fit decreasing.

    `tokens` and `images` hold the length and the pictures of every row; `rows` numbers those to use (None:
    all), such as `LengthPlan.kept`. They are placed in windows of `window` (None: all at once, which fills
    best and mixes least). The number of packs is a multiple of `world` (the processes, or processes times
    accumulation steps, so that no step of an epoch is short) and not below `at_least`: the emptiest packs are
    split in two until it is, so no row is dropped or repeated. Rows that fit no pack are refused. Raises
    ConfigError for a limit below 1, and where there are fewer rows than batches are needed.

    >>> plan = pack_plan([5, 3, 4, 4, 9], [0, 0, 0, 0, 0], budget=8)
    >>> sorted(sorted(batch) for batch in plan.batches), plan.fill, plan.refused[0].row
    ([[0, 1], [2, 3]], 1.0, 4)
    """
    lengths, pictures = _checked(tokens, images, budget, most_images, window)
    kept, refused = _kept(lengths, pictures, rows, budget, most_images)
    random = np.random.default_rng([seed, epoch])
    need = lengths if most_images is None else lengths * most_images + pictures * budget
    packs: Batches = []
    open_packs = OpenPacks(budget, most_images)
    for part in _windows(random.permutation(kept), need, window):
        sizes, shown = lengths[part].tolist(), pictures[part].tolist()
        for row, size, pictured in zip(part.tolist(), sizes, shown, strict=True):
            place = open_packs.place(size, pictured)
            if place == len(packs):
                packs.append([row])
            else:
                packs[place].append(row)
    packs = _split_up(packs, lengths, _wanted(packs, world, at_least), len(kept))
    return _plan(_shuffled(packs, random), lengths, pictures, budget, refused, padded=False)


def grouped_plan(
    tokens: ArrayLike,
    images: ArrayLike,
    *,
    budget: int,
    rows: ArrayLike | None = None,
    most_images: int | None = None,
    window: int | None = WINDOW_GROUPED,
    seed: int = 0,
    epoch: int = 0,
    world: int = 1,
    at_least: int = 0,
) -> Plan:
    """Return padded batches of rows of like length, at most `budget` tokens each, padding included.

    A batch is a rectangle: its rows times its longest row. Arguments and errors are those of `pack_plan`; a
    batch that a window leaves unfilled waits for the next one.

    >>> plan = grouped_plan([2, 4, 4, 2, 2, 2], [0] * 6, budget=8)
    >>> sorted(sorted(batch) for batch in plan.batches), plan.waste
    ([[0, 3, 4, 5], [1, 2]], 0.0)
    """
    lengths, pictures = _checked(tokens, images, budget, most_images, window)
    kept, refused = _kept(lengths, pictures, rows, budget, most_images)
    random = np.random.default_rng([seed, epoch])
    batches: Batches = []
    left: list[int] = []
    for part in _windows(random.permutation(kept), lengths, window):
        part = np.concatenate([np.array(left, np.int64), part])
        part = part[np.argsort(-lengths[part], kind="stable")]
        *full, left = _grouped(part, lengths[part].tolist(), pictures[part].tolist(), budget, most_images)
        batches += full
    batches += [left] if left else []
    batches = _split_up(batches, lengths, _wanted(batches, world, at_least), len(kept))
    return _plan(_shuffled(batches, random), lengths, pictures, budget, refused, padded=True)


def _checked(
    tokens: ArrayLike, images: ArrayLike, budget: int, most_images: int | None, window: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    lengths, pictures = np.asarray(tokens, np.int64), np.asarray(images, np.int64)
    if lengths.ndim != 1 or lengths.shape != pictures.shape:
        raise ConfigError(
            f"tokens of shape {lengths.shape}, images of {pictures.shape}: a row has one of each"
        )
    if budget < 1 or (most_images is not None and most_images < 1) or (window is not None and window < 1):
        raise ConfigError(
            f"budget {budget}, most_images {most_images}, window {window}: all must be 1 or more"
        )
    if lengths.size and pictures.min() < 0:
        raise ConfigError(f"row {pictures.argmin()} has {pictures.min()} pictures")
    return lengths, pictures


def _kept(
    tokens: NDArray[np.int64],
    images: NDArray[np.int64],
    rows: ArrayLike | None,
    budget: int,
    most_images: int | None,
) -> tuple[NDArray[np.int64], tuple[Refused, ...]]:
    asked = np.ones(len(tokens), np.bool_)
    if rows is not None:
        asked[:] = False
        asked[np.asarray(rows, np.int64)] = True
    bad = (tokens > budget) | (tokens < 1)
    if most_images is not None:
        bad |= images > most_images
    refused = []
    for row in np.flatnonzero(bad & asked).tolist():
        if tokens[row] < 1:
            reason = "no tokens"
        elif tokens[row] > budget:
            reason = f"{tokens[row]:,} tokens, a batch holds {budget:,}"
        else:
            reason = f"{images[row]} pictures, a batch holds {most_images}"
        refused.append(Refused(row, reason))
    return np.flatnonzero(~bad & asked), tuple(refused)


def _windows(
    rows: NDArray[np.int64], need: NDArray[np.int64], window: int | None
) -> Iterator[NDArray[np.int64]]:
    step = window or max(1, len(rows))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        yield part[np.argsort(-need[part], kind="stable")]


def _grouped(
    rows: NDArray[np.int64],
    tokens: Sequence[int],
    images: Sequence[int],
    budget: int,
    most_images: int | None,
) -> Batches:
    batches: Batches = []
    room, shown = 0, 0
    for row, size, pictured in zip(rows.tolist(), tokens, images, strict=True):
        shown += pictured
        if room and (most_images is None or shown <= most_images):
            batches[-1].append(row)
            room -= 1
        else:
            batches.append([row])
            room, shown = budget // size - 1, pictured
    return batches


def _wanted(batches: Sequence[Sequence[int]], world: int, at_least: int) -> int:
    if world < 1:
        raise ConfigError(f"world {world}: there is at least one process")
    return -(-max(len(batches), at_least) // world) * world


def _split_up(batches: Batches, tokens: NDArray[np.int64], wanted: int, rows: int) -> Batches:
    if not rows or len(batches) == wanted:
        return batches
    if wanted > rows:
        raise ConfigError(
            f"{rows:,} rows cannot make {wanted:,} batches without repeating one: use fewer processes, or "
            "fewer accumulation steps"
        )
    done = [batch for batch in batches if len(batch) == 1]
    several = [batch for batch in batches if len(batch) > 1]
    heap = list(zip(_sums(tokens, several).tolist(), several, strict=True))
    heapq.heapify(heap)
    while len(done) + len(heap) < wanted:
        _, batch = heapq.heappop(heap)
        for half in _halves(batch, tokens):
            if len(half) > 1:
                heapq.heappush(heap, (int(tokens[half].sum()), half))
            else:
                done.append(half)
    return done + [batch for _, batch in heap]


def _halves(batch: Sequence[int], tokens: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    one: list[int] = []
    other: list[int] = []
    lead = 0
    for row in sorted(batch, key=lambda row: (-tokens[row], row)):
        (one if lead <= 0 else other).append(row)
        lead += int(tokens[row]) if lead <= 0 else -int(tokens[row])
    return one, other


def _shuffled(batches: Batches, random: np.random.Generator) -> Batches:
    return [batches[place] for place in random.permutation(len(batches)).tolist()]


def _plan(
    batches: Batches,
    tokens: NDArray[np.int64],
    images: NDArray[np.int64],
    budget: int,
    refused: tuple[Refused, ...],
    *,
    padded: bool,
) -> Plan:
    paid = np.full(len(batches), budget, np.int64)
    if padded and batches:
        paid = np.array([len(batch) for batch in batches]) * _sums(tokens, batches, np.maximum)
    held = tuple(map(tuple, batches))
    return Plan(held, _sums(tokens, batches), _sums(images, batches), paid, budget, refused)


def _sums(
    values: NDArray[np.int64], batches: Sequence[Sequence[int]], of: np.ufunc = np.add
) -> NDArray[np.int64]:
    counts = np.array([len(batch) for batch in batches], np.int64)
    if not batches:
        return counts
    rows = np.fromiter(chain.from_iterable(batches), np.int64, int(counts.sum()))
    sums: NDArray[np.int64] = of.reduceat(values[rows], np.cumsum(counts) - counts)
    return sums
