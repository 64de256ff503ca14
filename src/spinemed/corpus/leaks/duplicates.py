"""How much a corpus repeats itself, and which rows must go so that no two splits say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spinemed.corpus.leaks.contents import SPLITS
from spinemed.corpus.leaks.gate import TEXT_ALIKE
from spinemed.corpus.leaks.near_texts import MARGIN, near_pairs, same_words, verified
from spinemed.corpus.leaks.pictures import near_pictures
from spinemed.corpus.leaks.same_picture import is_copy, likeness, thumbnail
from spinemed.corpus.leaks.signatures import Signatures, words_in
from spinemed.errors import ConfigError
from spinemed.imaging.looks import Greys

THRESHOLDS: Final = (0.8, 0.9)


def duplicates(
    found: Signatures,
    labels: Mapping[str, Sequence[str]],
    keys: NDArray[np.uint64] | None = None,
) -> dict[str, float]:
    """Return name -> share of rows, 0 to 1, that repeat an earlier row; all 0 for no rows.

    Names are `exact` (the same words), `jaccard_0.8` and `jaccard_0.9` (an estimated index of the shingles of
    that much or more, chains included) and `same_facts_0.8` (moreover the same numbers, levels, sides, grades
    and negations), each alone and for every value of every label as `exact task=open`. A group of n
    look-alikes counts n - 1, in the order given. `keys` keep rows apart that show different pictures.

    >>> from spinemed.corpus.leaks.signatures import signatures
    >>> rates = duplicates(signatures(["a b c", "A b, c", "d"]), {"task": ["open", "open", "choice"]})
    >>> rates["exact task=open"], rates["exact task=choice"]
    (0.5, 0.0)
    """
    repeats = {"exact": _repeats(_linked(found, _exact(found, keys)))}
    for threshold in THRESHOLDS:
        repeats[f"jaccard_{threshold}"] = _repeats(_groups(found, threshold, False, keys))
    repeats["same_facts_0.8"] = _repeats(_groups(found, 0.8, True, keys))
    rates: dict[str, float] = {}
    for name, is_repeat in repeats.items():
        rates[name] = _share(is_repeat)
        for label, values in labels.items():
            given = np.asarray(values)
            for value in sorted(set(values)):
                rates[f"{name} {label}={value}"] = _share(is_repeat[given == value])
    return rates


def largest_groups(
    found: Signatures, threshold: float = 0.8, count: int = 20, same_facts: bool = False
) -> list[list[int]]:
    """Return the rows of the largest groups of look-alikes, largest first, for a person to read."""
    groups = _groups(found, threshold, same_facts, None)
    names, sizes = np.unique(groups, return_counts=True)
    order = np.lexsort((names, -sizes))[:count]
    return [np.flatnonzero(groups == names[place]).tolist() for place in order if sizes[place] > 1]


def drop_across_splits(
    found: Signatures,
    splits: Sequence[str],
    is_rule: Sequence[bool] | None = None,
    text: Callable[[int], str] | None = None,
) -> NDArray[np.bool_]:
    """Return which rows to leave out so that `gate.check` finds no words in two splits, (n,).

    Rows are the questions without a picture. Of two that say the same one stays: spinebench before test
    before validation before train. Rows that rest on a rule alone (`is_rule`) are judged by their exact
    words. With `text(i)` the exact Jaccard index decides, as in the check; without it all go whose estimate
    may reach the threshold, some more than needed. ConfigError for a split of another name.

    >>> from spinemed.corpus.leaks.signatures import signatures
    >>> drop_across_splits(signatures(["a b", "A, b", "c"]), ["train", "test", "train"]).tolist()
    [True, False, False]
    """
    ranks = _ranks(splits)
    dropped = np.zeros(len(ranks), bool)
    for rows in same_words(found):
        dropped[rows] = ranks[rows] < ranks[rows].max()
    free = np.ones(len(ranks), bool) if is_rule is None else ~np.asarray(is_rule, bool)
    while True:
        rows = np.flatnonzero(free & ~dropped)
        pairs = rows[near_pairs(found[rows], TEXT_ALIKE - MARGIN, groups=ranks[rows])]
        pairs = pairs if text is None else verified(pairs, TEXT_ALIKE, text)
        if not len(pairs):
            return dropped
        _give_way(pairs, ranks, dropped)
        _with_their_class(dropped, rows, found, ranks)


def drop_pictures_across_splits(
    hashes: Greys, splits: Sequence[str], picture: Callable[[int], bytes]
) -> NDArray[np.bool_]:
    """Return which pictures to leave out so that none looks the same in two splits, (n,).

    `hashes` are (n, 128), a row for each picture and split; `picture(i)` gives the bytes of one and is asked
    for near ones alone. Which split keeps its picture is decided as for texts; ConfigError as there.

    >>> drop_pictures_across_splits(np.zeros((0, 128), np.uint8), [], lambda row: b"").tolist()
    []
    """
    ranks = _ranks(splits)
    pairs, bits = _near_across(hashes, ranks)
    small = {row: thumbnail(picture(row)) for row in sorted(set(pairs.ravel().tolist()))}
    copies = [
        is_copy(apart, likeness(small[a], small[b]))
        for (a, b), apart in zip(pairs.tolist(), bits.tolist(), strict=True)
    ]
    dropped = np.zeros(len(ranks), bool)
    _give_way(pairs[np.array(copies, bool)], ranks, dropped)
    return dropped


def _near_across(hashes: Greys, ranks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of near pictures of different splits, and their bits; each split against higher ones."""
    pairs, bits = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
    for rank in range(len(SPLITS) - 1):
        mine, theirs = np.flatnonzero(ranks == rank), np.flatnonzero(ranks > rank)
        near, apart = near_pictures(hashes[mine], hashes[theirs])
        pairs.append(np.stack([mine[near[:, 0]], theirs[near[:, 1]]], axis=1))
        bits.append(apart)
    return np.concatenate(pairs), np.concatenate(bits)


def _ranks(splits: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each split in SPLITS; ConfigError for another."""
    unknown = sorted(set(splits) - set(SPLITS))
    if unknown:
        raise ConfigError(f"split {unknown[0]!r} is unknown; use one of {', '.join(SPLITS)}")
    return np.array([SPLITS.index(split) for split in splits], np.int64)


def _give_way(pairs: NDArray[np.int64], ranks: NDArray[np.int64], dropped: NDArray[np.bool_]) -> None:
    """Drop of each pair the row of the lower rank, unless the other is dropped; higher ranks first."""
    low = np.where(ranks[pairs[:, 0]] < ranks[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    high = pairs.sum(axis=1) - low
    for rank in range(len(SPLITS) - 2, -1, -1):
        here = (ranks[low] == rank) & ~dropped[high]
        dropped[low[here]] = True


def _with_their_class(
    dropped: NDArray[np.bool_], rows: NDArray[np.int64], found: Signatures, ranks: NDArray[np.int64]
) -> None:
    """Drop every row that says word for word what a dropped one of its split says."""
    words = words_in(found)
    for rank in range(len(SPLITS) - 1):
        mine = rows[ranks[rows] == rank]
        dropped[mine] |= np.isin(words[mine], words[mine[dropped[mine]]])


def _groups(
    found: Signatures, threshold: float, same_facts: bool, keys: NDArray[np.uint64] | None
) -> NDArray[np.int64]:
    """Return the number of the group of each row: rows joined by pairs, chains included."""
    near = near_pairs(found, threshold, same_facts=same_facts, keys=keys)
    return _linked(found, np.concatenate([_exact(found, keys), near]))


def _exact(found: Signatures, keys: NDArray[np.uint64] | None) -> NDArray[np.int64]:
    """Return pairs that join each row to the first with the same words (and key)."""
    pairs = [np.zeros((0, 2), np.int64)]
    for rows in same_words(found, keys):
        pairs.append(np.stack([np.full(len(rows) - 1, rows[0]), rows[1:]], axis=1))
    return np.concatenate(pairs)


def _linked(found: Signatures, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    shape = (len(found), len(found))
    links = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=shape)
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _repeats(groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for each row whether an earlier one is in its group."""
    is_repeat = np.ones(len(groups), bool)
    is_repeat[np.unique(groups, return_index=True)[1]] = False
    return is_repeat


def _share(is_repeat: NDArray[np.bool_]) -> float:
    return round(float(is_repeat.mean()), 6) if len(is_repeat) else 0.0
