"""Which of many pictures look the same, by their hashes, without comparing bytes."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.imaging.looks import HASH_BYTES, TRIMS, Greys

Pairs = NDArray[np.int64]

NEAR: Final = 56
"""Bits that two pictures may differ in to be looked at as one. Measured by benchmarks/leak_recall.py: copies
stay within it, and so do 3 of 4 million pairs of different patients; `same_picture` decides."""

_AT_ONCE: Final = 256


def hashes_of(stored: list[bytes]) -> Greys:
    """Return hashes as `near_pictures` takes them, (n, 128).

    >>> hashes_of([]).shape
    (0, 128)
    """
    return np.frombuffer(b"".join(stored), np.uint8).reshape(len(stored), HASH_BYTES)


def near_pictures(
    first: Greys, second: Greys | None = None, max_distance: int = NEAR
) -> tuple[Pairs, NDArray[np.int64]]:
    """Return pairs of places (i in `first`, j in `second`) within `max_distance` bits, and their bits.

    Both are (n, 128) as `hashes_of` gives them; without `second` pairs lie within `first`, i < j. The
    distance is the least between one's whole picture and the other whole or trimmed. Every pair is compared
    (no index can miss one), in blocks, the first half of the bits before the second.

    >>> hashes = hashes_of([bytes(128), bytes(127) + b"x", b"y" * 128])
    >>> near_pictures(hashes)[0].tolist()
    [[0, 1]]
    """
    mine = np.ascontiguousarray(first).view(np.uint64).reshape(len(first), len(TRIMS), 4)
    theirs = (
        mine if second is None else np.ascontiguousarray(second).view(np.uint64).reshape(-1, len(TRIMS), 4)
    )
    codes, bits = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    passes = [(0, trim) for trim in range(len(TRIMS))]
    if second is not None:
        passes += [(trim, 0) for trim in range(1, len(TRIMS))]
    for a, b in passes:
        places, apart = _within(mine[:, a], theirs[:, b], max_distance)
        if second is None:
            places, apart = places[places[:, 0] != places[:, 1]], apart[places[:, 0] != places[:, 1]]
            places = np.sort(places, axis=1)
        codes.append(places[:, 0] * max(1, len(theirs)) + places[:, 1])
        bits.append(apart)
    every, apart = np.concatenate(codes), np.concatenate(bits)
    order = np.lexsort((apart, every))
    firsts = order[np.diff(every[order], prepend=-1) != 0]
    return np.stack(np.divmod(every[firsts], max(1, len(theirs))), axis=1), apart[firsts]


def _within(
    mine: NDArray[np.uint64], theirs: NDArray[np.uint64], max_distance: int
) -> tuple[Pairs, NDArray[np.int64]]:
    pairs, bits = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
    columns = [np.ascontiguousarray(theirs[:, word]) for word in range(4)]
    for start in range(0, len(mine), _AT_ONCE):
        block = mine[start : start + _AT_ONCE]
        for begin in range(0, len(theirs), _AT_ONCE * 8):
            part = slice(begin, begin + _AT_ONCE * 8)
            half = np.bitwise_count(block[:, 0, np.newaxis] ^ columns[0][part])
            half += np.bitwise_count(block[:, 1, np.newaxis] ^ columns[1][part])
            rows, places = np.nonzero(half <= max_distance)
            apart = half[rows, places].astype(np.int64)
            for word in (2, 3):
                apart += np.bitwise_count(block[rows, word] ^ columns[word][part][places])
            close = apart <= max_distance
            pairs.append(np.stack([rows[close] + start, places[close] + begin], axis=1))
            bits.append(apart[close])
    return np.concatenate(pairs), np.concatenate(bits)
