"""Pairs of texts with near-equal wording, found through bands of their signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spinemed.corpus.leaks.signatures import (
    MINIMA,
    NO_SHINGLE,
    Signatures,
    facts_in,
    overlap,
    shingle_sets,
    words_in,
)

Pairs = NDArray[np.int64]

MARGIN: Final = 0.1
"""An estimate below the threshold by two standard errors is still a candidate where texts can decide."""
_PAIRS_A_BAND: Final = 100_000
_PAIRS_A_ROW: Final = 2
_AT_ONCE: Final = 1 << 15


def near_pairs(
    found: Signatures,
    threshold: float,
    text: Callable[[int], str] | None = None,
    groups: NDArray[np.integer] | None = None,
    same_facts: bool = True,
    keys: NDArray[np.uint64] | None = None,
) -> Pairs:
    """Return pairs (i, j), i < j, of rows whose wording agrees by `threshold` or more, sorted, (n, 2).

    Rows with the same words are one class that its first row stands for (the first of each group, where
    `groups` are given): `same_words` lists its members. `text(i)` gives the text of a row and is asked for
    candidates alone, which the exact Jaccard index then judges; without it the estimate must reach
    `threshold`. With `groups` (splits, say) only pairs across groups count. With `same_facts` texts that
    differ in a number, level, side, grade or negation are no pair: the same wording about something else.
    Nor are rows with different `keys`.

    Bands: 15 of 4 minima from a threshold of 0.75 on, a pair at 0.8 is found with probability 0.9995; below
    it 20 of 3 (0.99 at 0.6), below 0.55 with the same facts 30 of 2 (0.99 at 0.4). In a band that holds very
    many look-alikes each is compared with its neighbours in the order of the next band alone, so that their
    number never counts squared.

    >>> from spinemed.corpus.leaks.signatures import signatures
    >>> told = "The disc at L4-L5 is narrowed and dark, and the sac at this segment is free of {}."
    >>> texts = [told.format("contact"), told.format("any contact"), told.format("contact at L3")]
    >>> near_pairs(signatures(texts), 0.5).tolist()
    [[0, 1]]
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold}: above 0, at most 1")
    rows = _representatives(found, [part for part in (groups, keys) if part is not None])
    minima = np.ascontiguousarray(found[rows, :MINIMA])
    labels = None if groups is None else np.asarray(groups)[rows]
    facts = facts_in(found)[rows] if same_facts else np.zeros(len(rows), np.uint64)
    if keys is not None:
        facts = facts * np.uint64(0x9FB21C651E98DF25) + keys[rows]
    least = threshold - (MARGIN if text else 0.0)
    short = minima.astype(np.uint8)  # one cache line a row
    codes = [np.zeros(0, np.int64)]
    for band in _candidates(minima, facts, labels, _band_rows(threshold, same_facts)):
        for part in band:
            near = _filtered(_filtered(part, short, least), minima, least)
            codes.append(near[:, 0] * len(rows) + near[:, 1])
    pairs = rows[np.stack(np.divmod(_distinct(codes), max(1, len(rows))), axis=1)]  # rows rise, so pairs do
    return pairs if text is None else verified(pairs, threshold, text)


def _band_rows(threshold: float, same_facts: bool) -> int:
    if threshold < 0.55 and same_facts:
        return 2
    return 3 if threshold < 0.75 else 4


def verified(pairs: Pairs, threshold: float, text: Callable[[int], str]) -> Pairs:
    """Return the pairs whose texts have a Jaccard index of `threshold` or more, exactly, (n, 2)."""
    rows = sorted(set(pairs.ravel().tolist()))
    sets = dict(zip(rows, shingle_sets([text(row) for row in rows]), strict=True))
    exact = [overlap(sets[first], sets[second]) for first, second in pairs.tolist()]
    return np.asarray(pairs[np.array(exact, np.float64) >= threshold])


def same_words(found: Signatures, keys: NDArray[np.uint64] | None = None) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of every class of two or more with the same words (and key), empty texts left out.

    >>> from spinemed.corpus.leaks.signatures import signatures
    >>> [rows.tolist() for rows in same_words(signatures(["", "A b.", "c", "a B", ""]))]
    [[1, 3]]
    """
    filled = np.flatnonzero(found[:, 0] != NO_SHINGLE)
    words = words_in(found)[filled]
    if keys is not None:
        words = words * np.uint64(0x9FB21C651E98DF25) + keys[filled]
    order = np.argsort(words, kind="stable")
    edges = np.flatnonzero(np.diff(words[order])) + 1
    lengths = np.diff(np.concatenate([[0], edges, [len(order)]]))
    starts = np.concatenate([[0], edges])
    for start, length in zip(starts[lengths > 1].tolist(), lengths[lengths > 1].tolist(), strict=True):
        yield filled[order[start : start + length]]


def _representatives(found: Signatures, apart: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Return the first row of each class of equal words (and group and key), without empty texts."""
    filled = np.flatnonzero(found[:, 0] != NO_SHINGLE)
    columns = [words_in(found)[filled], *(np.asarray(part)[filled] for part in apart)]
    order = np.lexsort((filled, *columns))
    is_first = np.zeros(len(order), bool)
    is_first[:1] = True
    for column in columns:
        is_first[1:] |= np.diff(column[order]) != 0
    return np.sort(filled[order[is_first]])


def _candidates(
    minima: Signatures, facts: NDArray[np.uint64], labels: NDArray[np.integer] | None, rows: int
) -> Iterator[Iterator[Pairs]]:
    """Yield for each band the pairs of rows that agree in it and in their facts, first < second."""
    bands = [_band(minima[:, start : start + rows], facts) for start in range(0, MINIMA, rows)]
    for number in range(len(bands)):
        yield _of_band(bands, number, labels)


def _of_band(
    bands: list[NDArray[np.uint64]], number: int, labels: NDArray[np.integer] | None
) -> Iterator[Pairs]:
    keys = bands[number]
    order = np.lexsort((bands[(number + 1) % len(bands)], keys))
    ends = np.concatenate([np.flatnonzero(np.diff(keys[order])) + 1, [len(order)]])
    lengths = np.diff(ends, prepend=0)
    after = np.repeat(ends, lengths) - np.arange(len(order))  # rows from here to the end of its run
    for offset in range(1, _reach(lengths, len(order)) + 1):
        firsts = np.flatnonzero(after > offset)
        for start in range(0, len(firsts), _AT_ONCE):
            here = firsts[start : start + _AT_ONCE]
            pairs = np.sort(np.stack([order[here], order[here + offset]], axis=1), axis=1)
            yield pairs if labels is None else pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]


def _band(minima: Signatures, facts: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return one number a row for some of its minima and its facts."""
    key = facts.copy()
    for column in minima.T:
        key = (key ^ column.astype(np.uint64)) * np.uint64(0x9FB21C651E98DF25)
        key ^= key >> np.uint64(29)
    return key


def _reach(lengths: NDArray[np.int64], count: int) -> int:
    """Return how many rows ahead in its run a row is compared with, so that a band has bounded work."""
    counts = np.bincount(lengths)
    pairs, reach, longest = 0, 0, len(counts) - 1
    runs = np.cumsum(counts[::-1])[::-1]  # runs of at least so many rows
    rows = np.cumsum((counts * np.arange(len(counts)))[::-1])[::-1]
    while reach < longest - 1:
        # At offset d a run of s rows gives s - d pairs.
        offset = reach + 1
        pairs += int(rows[offset + 1] - offset * runs[offset + 1])
        if pairs > _PAIRS_A_BAND + _PAIRS_A_ROW * count:
            break
        reach = offset
    return reach


def _distinct(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the different numbers of all parts, sorted."""
    numbers = np.sort(np.concatenate(parts))
    return np.asarray(numbers[np.diff(numbers, prepend=-1) != 0])


def _filtered(pairs: Pairs, minima: NDArray[np.unsignedinteger], least: float) -> Pairs:
    return pairs[_agreement(minima, pairs) >= least]


def _agreement(minima: NDArray[np.unsignedinteger], pairs: Pairs) -> NDArray[np.float64]:
    """Return the share of minima that are equal in each pair."""
    bits = np.packbits(minima[pairs[:, 0]] == minima[pairs[:, 1]], axis=1)
    return np.asarray(np.bitwise_count(bits).sum(axis=1, dtype=np.int64) / MINIMA)
