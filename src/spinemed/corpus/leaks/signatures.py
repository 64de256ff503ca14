"""MinHash signatures of texts: near-equal wording found without comparing every pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.corpus.leaks.tokens import Tokens, tokens_of

Signatures = NDArray[np.uint32]

WIDTH: Final = 64
"""Numbers in a signature: MINIMA minima, then the hash of the words and of the facts, two each."""
MINIMA: Final = 60
NO_SHINGLE: Final = np.uint32(0xFFFFFFFF)

_BATCH: Final = 256
_SEED: Final = 20_261_123
_DRAWN = np.random.Generator(np.random.PCG64(_SEED)).integers(0, 1 << 63, (2, MINIMA), dtype=np.uint64)
_FACTORS: Final = _DRAWN[0] * np.uint64(2) + np.uint64(1)
_SHIFTS: Final = _DRAWN[1] * np.uint64(2)


def signatures(texts: Sequence[str]) -> Signatures:
    """Return the signatures of texts, (n, 64) uint32, (0, 64) for none.

    Columns 0 to 59 are minima of multiply-shift hashes over the shingles of five words (of five characters
    where a text has Chinese ones): the share of equal columns estimates the Jaccard index of two texts with
    a standard error of 0.05 at 0.8. Columns 60 and 61 are one hash of the words in their order, 62 and 63 of
    the facts (numbers, levels, sides, grades, negations) in any order. Case, punctuation and white space do
    not count. `signature.tobytes()` fits a Parquet column; `from_bytes` reads it. Broder 1997; Dietzfelbinger
    et al. 1997 for the hashes.

    >>> same, other = signatures(["Slip at L4-L5, grade 2.", "slip at L4/L5: grade 2"]).tolist()
    >>> same == other
    True
    """
    result = np.empty((len(texts), WIDTH), np.uint32)
    for start in range(0, len(texts), _BATCH):
        batch = tokens_of(texts[start : start + _BATCH])
        rows = result[start : start + _BATCH]
        rows[:, :MINIMA] = _minima(batch)
        rows[:, MINIMA : MINIMA + 2] = _halves(batch.words)
        rows[:, MINIMA + 2 :] = _halves(batch.facts)
    return result


def from_bytes(stored: Sequence[bytes]) -> Signatures:
    """Return signatures that were stored as bytes, (n, 64).

    >>> bool((from_bytes([row.tobytes() for row in signatures(["a b"])]) == signatures(["a b"])).all())
    True
    """
    return np.frombuffer(b"".join(stored), np.uint32).reshape(len(stored), WIDTH)


def words_in(found: Signatures) -> NDArray[np.uint64]:
    """Return one number for the words of each text: equal where two texts say the same word for word."""
    return _whole(found[:, MINIMA : MINIMA + 2])


def facts_in(found: Signatures) -> NDArray[np.uint64]:
    """Return one number for the facts of each text: numbers, levels, sides, grades, negations."""
    return _whole(found[:, MINIMA + 2 :])


def jaccard(first: str, second: str) -> float:
    """Return the exact share of shingles that two texts have in common, 0 to 1; 0 where one has none.

    >>> jaccard("disc L4-L5 is narrow today", "disc L4/L5 is narrow today")
    1.0
    """
    return overlap(*shingle_sets([first, second]))


def shingle_sets(texts: Sequence[str]) -> list[NDArray[np.uint64]]:
    """Return the different shingles of each text as sorted numbers."""
    sets: list[NDArray[np.uint64]] = []
    for start in range(0, len(texts), _BATCH):
        batch = tokens_of(texts[start : start + _BATCH])
        sets += [np.unique(part) for part in np.split(batch.shingles, batch.starts[1:-1])]
    return sets


def overlap(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> float:
    """Return the share that two sets of sorted shingles have in common, 0 where both are empty."""
    together = len(np.union1d(first, second))
    return (len(first) + len(second) - together) / max(1, together)


def _minima(batch: Tokens) -> Signatures:
    filled = np.flatnonzero(np.diff(batch.starts))
    result = np.full((len(batch.starts) - 1, MINIMA), NO_SHINGLE)
    at = 0
    while at < len(filled):
        # Blocks that stay in the cache: about 8,000 shingles.
        last = int(np.searchsorted(batch.starts[filled], batch.starts[filled[at]] + 8000, "left"))
        rows = filled[at : max(last, at + 1)]
        begin, end = batch.starts[rows[0]], batch.starts[rows[-1] + 1]
        shingles, firsts = batch.shingles[begin:end], batch.starts[rows] - begin
        for column, (factor, shift) in enumerate(zip(_FACTORS, _SHIFTS, strict=True)):
            hashed = ((shingles * factor + shift) >> np.uint64(32)).astype(np.uint32)
            result[rows, column] = np.minimum.reduceat(hashed, firsts)
        at += len(rows)
    return result


def _halves(values: NDArray[np.uint64]) -> Signatures:
    return values.astype("<u8").view("<u4").reshape(len(values), 2)


def _whole(halves: Signatures) -> NDArray[np.uint64]:
    return np.ascontiguousarray(halves).view(np.uint64)[:, 0]
