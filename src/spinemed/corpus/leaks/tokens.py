"""Words, word runs and facts of many texts at once, as numbers: what signatures of texts are made of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]
Places = NDArray[np.int64]

SHINGLE: Final = 5
FACT_WORDS: Final = frozenset(
    [
        "left",
        "right",
        "both",
        "bilateral",
        "central",
        "midline",
        "no",
        "not",
        "none",
        "without",
        "absent",
        "mild",
        "moderate",
        "severe",
        "upper",
        "lower",
        "above",
        "below",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "i",
        "ii",
        "iii",
        "iv",
        "v",
    ]
)
"""Words that decide what a text says, beside every word with a digit in it."""
FACT_CHARACTERS: Final = "左右双无未非轻中重上下一二三四五六七八九十两零"

_SEPARATOR, _LETTER, _DIGIT, _CHINESE = 0, 1, 2, 3
_BASE: Final = 0x9E3779B97F4A7C15
_STEPS: Final = np.array(
    [0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3],
    dtype=np.uint64,
)
_POINT: Final = ord(".")
_SEGMENT: Final = re.compile(r"[-/–](?:(?<=([ctls])\d.)|(?<=([ctls])1\d.))(?=1?\d(?!\d))")


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch of texts, in order.

    `shingles` are hashes of SHINGLE tokens in a row, `starts` (texts + 1) bounds each text's; a text with
    fewer tokens has one shingle of all, an empty one none. `words` is one hash of all tokens of a text in
    order, `facts` one of its numbers, levels, sides, grades and negations in any order.
    """

    shingles: Numbers
    starts: Places
    words: Numbers
    facts: Numbers


def tokens_of(texts: Sequence[str]) -> Tokens:
    """Return the tokens of texts: words of a text without Chinese characters, else single characters.

    Case, punctuation, width and white space do not count; a point between digits does; L4-5 is L4-L5. The
    hashes depend on the text alone: no library, process or machine changes them.

    >>> a, b, c = tokens_of(["No slip at L4/5.", "no slip at  L4-L5", "no slip at L3-5"]).words.tolist()
    >>> a == b, a == c
    (True, False)
    """
    if not texts:
        empty = np.zeros(0, np.uint64)
        return Tokens(empty, np.zeros(1, np.int64), empty, empty)
    characters, bounds = _characters(texts)
    kinds = _kinds(characters)
    run_starts, run_ends = _runs(kinds, characters, bounds)
    hashes = _Hashes(characters)
    runs = hashes.between(run_starts, run_ends)
    is_chinese = np.add.reduceat((kinds == _CHINESE).astype(np.int64), bounds[:-1]) > 0
    owner = np.repeat(np.arange(len(texts)), np.diff(bounds))  # the text of a character
    facts = _facts(kinds, characters, owner, (run_starts, run_ends, runs), len(texts))
    single = np.flatnonzero(is_chinese[owner] & (kinds != _SEPARATOR))
    of_words = ~is_chinese[owner[run_starts]]
    places = np.concatenate([single, run_starts[of_words]])
    order = np.argsort(places, kind="stable")
    all_hashes = np.concatenate([_mixed(characters[single].astype(np.uint64)), runs[of_words]])[order]
    text_of = owner[places[order]]
    firsts = np.searchsorted(text_of, np.arange(len(texts) + 1))
    shingles, starts = _shingles(all_hashes, text_of, firsts)
    return Tokens(shingles, starts, _in_order(all_hashes, firsts), facts)


def _characters(texts: Sequence[str]) -> tuple[NDArray[np.uint32], Places]:
    """Return the characters of all normalised texts, each text with a blank behind, and their bounds."""
    joined = "\0".join(text.replace("\0", " ") for text in texts)
    joined = unicodedata.normalize("NFKC", joined).lower() + "\0"
    joined = _SEGMENT.sub(lambda found: "-" + (found[1] or found[2]), joined)
    characters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    ends = np.flatnonzero(characters == 0) + 1
    return characters, np.concatenate([np.zeros(1, np.int64), ends])


@cache
def _table() -> NDArray[np.uint8]:
    """Return the kind of each character of the basic plane."""
    table = np.zeros(0x10000, np.uint8)
    for code in range(0x10000):
        character = chr(code)
        if character.isalnum():
            table[code] = _DIGIT if character.isdigit() else _LETTER
    table[0x3400:0xA000] = _CHINESE
    table[0xF900:0xFB00] = _CHINESE
    return table


def _kinds(characters: NDArray[np.uint32]) -> NDArray[np.uint8]:
    kinds = _table()[np.minimum(characters, 0xFFFF)]
    kinds[characters > 0xFFFF] = _CHINESE
    points = np.flatnonzero(characters == _POINT)
    points = points[(points > 0) & (points < len(characters) - 1)]
    kinds[points[(kinds[points - 1] == _DIGIT) & (kinds[points + 1] == _DIGIT)]] = _DIGIT
    return kinds


def _runs(kinds: NDArray[np.uint8], characters: NDArray[np.uint32], bounds: Places) -> tuple[Places, Places]:
    """Return the first character and the one behind the last of every run of letters and digits."""
    del characters, bounds  # texts end with a separator, so no run crosses them
    inside = (kinds == _LETTER) | (kinds == _DIGIT)
    edges = np.diff(inside.astype(np.int8), prepend=np.int8(0))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


class _Hashes:
    """Polynomial hashes of any run of characters, modulo 2^64."""

    def __init__(self, characters: NDArray[np.uint32]) -> None:
        self.inverse = _powers(len(characters) + 1, pow(_BASE, -1, 1 << 64))
        weighted = (characters.astype(np.uint64) + np.uint64(1)) * _powers(len(characters), _BASE)
        self.sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighted, dtype=np.uint64)])

    def between(self, starts: Places, ends: Places) -> Numbers:
        """Return one mixed hash for each run [start, end)."""
        return _mixed((self.sums[ends] - self.sums[starts]) * self.inverse[starts])


def _powers(count: int, base: int) -> Numbers:
    """Return base ** 0, 1, ... modulo 2^64, `count` of them."""
    return _table_of_powers(max(count, 1).bit_length(), base)[:count]


@lru_cache(maxsize=8)
def _table_of_powers(bits: int, base: int) -> Numbers:
    factors = np.full(1 << bits, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors, dtype=np.uint64)


def _mixed(values: Numbers) -> Numbers:
    """Return values with their bits spread (the finaliser of SplitMix64, public domain)."""
    mixed = values + np.uint64(_BASE)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@cache
def _fact_hashes() -> Numbers:
    words = sorted(FACT_WORDS)
    characters = np.frombuffer("\0".join([*words, ""]).encode("utf-32-le"), np.uint32)
    ends = np.flatnonzero(characters == 0)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    return np.sort(_Hashes(characters).between(starts, ends))


def _is_among(values: Numbers, known: Numbers) -> NDArray[np.bool_]:
    """Tell which values are in the sorted array `known`."""
    places = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.asarray(known[places] == values)


def _facts(
    kinds: NDArray[np.uint8],
    characters: NDArray[np.uint32],
    owner: Places,
    runs: tuple[Places, Places, Numbers],
    texts: int,
) -> Numbers:
    """Return for each text the sum of the hashes of its facts."""
    starts, ends, hashes = runs
    digits = np.concatenate([np.zeros(1, np.int64), np.cumsum(kinds == _DIGIT)])
    told = (digits[ends] > digits[starts]) | _is_among(hashes, _fact_hashes())
    chinese = np.flatnonzero(kinds == _CHINESE)
    known = np.array([ord(character) for character in FACT_CHARACTERS], np.uint32)
    chinese = chinese[np.isin(characters[chinese], known)]
    facts = np.zeros(texts, np.uint64)
    np.add.at(facts, owner[starts[told]], _mixed(hashes[told]))
    np.add.at(facts, owner[chinese], _mixed(characters[chinese].astype(np.uint64)))
    return facts


def _in_order(hashes: Numbers, firsts: Places) -> Numbers:
    """Return one hash of each text's tokens in their order."""
    weighted = hashes * _powers(len(hashes), _BASE)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighted, dtype=np.uint64)])
    inverse = _powers(len(hashes) + 1, pow(_BASE, -1, 1 << 64))
    return _mixed((sums[firsts[1:]] - sums[firsts[:-1]]) * inverse[firsts[:-1]])


def _shingles(hashes: Numbers, text_of: Places, firsts: Places) -> tuple[Numbers, Places]:
    """Return the hashes of all runs of SHINGLE tokens, and where each text's begin."""
    count = len(hashes)
    room = firsts[text_of + 1] - np.arange(count)  # tokens from here to the end of the text
    short = np.diff(firsts) < SHINGLE
    keep = (room >= SHINGLE) | (short[text_of] & (np.arange(count) == firsts[text_of]))
    begins = np.flatnonzero(keep)
    total = np.zeros(len(begins), np.uint64)
    for offset, step in enumerate(_STEPS):
        there = np.minimum(begins + offset, count - 1)
        total += np.where(room[begins] > offset, hashes[there] * step, np.uint64(0))
    return _mixed(total), np.searchsorted(begins, firsts)
