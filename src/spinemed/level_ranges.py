"""What numbers joined by a hyphen, slash, "to" or "on" mean as sites: segments, ranges of vertebrae, roots.

The rules, each stated once: an adjacent pair with a joiner is one segment; a pair that is not adjacent, or
one with "to", is a range of vertebrae; three or more joined numbers are consecutive segments. The word beside
them may say otherwise: discs and levels make a range of segments, vertebrae make vertebrae, roots make roots.
A range takes in T13 and L6 only where they are written: in one of its ends, or in brackets behind it.
A rank is a place in `ORDER`; C8 stands there because it exists as a root (never as a vertebra).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

from .level_words import DISC, ROOT, VERTEBRA
from .levels import DEFAULT_NUMBERING, Level

JOINED: Final = "-"
TO: Final = "to"
AND: Final = "and"
ON: Final = "on"
WITH: Final = "with"
BLANK: Final = " "
APART: Final = ""

_NAMES = [level.value for level in Level]
ORDER: tuple[str, ...] = (*_NAMES[:7], "C8", *_NAMES[7:])
RANK: dict[str, int] = {name.lower(): rank for rank, name in enumerate(ORDER)}
C8 = RANK["c8"]
S1 = RANK["s1"]
_USUAL = frozenset(RANK[level.value.lower()] for level in DEFAULT_NUMBERING.levels)
# T13 and L6 exist only with transitional anatomy.
EXTRA = frozenset({RANK["t13"], RANK["l6"]})
TRANSITIONAL = frozenset({"T13", "L6", "T12-T13", "T13-L1", "L5-L6", "L6-S1", "root:T13", "root:L6"})
REGION_NAMES = {"c": "cervical", "t": "thoracic", "l": "lumbar", "s": "sacral", "o": "coccygeal"}


@cache
def ranks_between(a: int, b: int, also: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """Return the ranks from a to b, cranial first; T13, L6 and C8 take part only as an end or in `also`.

    >>> [ORDER[rank] for rank in ranks_between(RANK["l1"], RANK["t11"])]
    ['T11', 'T12', 'L1']
    """
    low, high = min(a, b), max(a, b)
    return tuple(rank for rank in range(low, high + 1) if rank in _USUAL or rank in (a, b) or rank in also)


def are_adjacent(a: int, b: int) -> bool:
    """Return whether two ranks are neighbours, in the default numbering or by T13 or L6 itself.

    >>> are_adjacent(RANK["s1"], RANK["l5"]), are_adjacent(RANK["l3"], RANK["l5"])
    (True, False)
    """
    return len(ranks_between(a, b)) == 2


def _vertebrae(a: int, b: int, also: frozenset[int] = frozenset()) -> list[str]:
    return [ORDER[rank] for rank in ranks_between(a, b, also)]


def _segments(a: int, b: int, also: frozenset[int] = frozenset()) -> list[str]:
    names = _vertebrae(a, b, also)
    return [f"{upper}-{lower}" for upper, lower in pairwise(names)] or names


def _roots(a: int, b: int) -> list[str]:
    low, high = min(a, b), max(a, b)
    return [f"root:{ORDER[r]}" for r in range(low, high + 1) if r in _USUAL or r in (a, b, C8)]


def _joined_pair(a: int, b: int, head: str) -> list[str]:
    if head == ROOT or C8 in (a, b):
        return _roots(a, b)
    if head == VERTEBRA:
        return _vertebrae(a, b)
    if head == DISC or are_adjacent(a, b):
        return _segments(a, b)
    return _vertebrae(a, b)


def _is_range_of_segments(ranks: tuple[int, ...]) -> bool:
    """Whether four joined numbers are two segments with a range between them, such as L1/2-L4/5."""
    return (
        len(ranks) == 4
        and are_adjacent(ranks[0], ranks[1])
        and are_adjacent(ranks[2], ranks[3])
        and ranks[1] != ranks[2]
        and not are_adjacent(ranks[1], ranks[2])
    )


@lru_cache(maxsize=4096)
def sites_of(ranks: tuple[int, ...], joints: tuple[str, ...], head: str) -> tuple[str, ...]:
    """Return the site texts of joined ranks; `joints[i]` stands before `ranks[i]`, `head` is the word beside.

    >>> four, five, one = RANK["l4"], RANK["l5"], RANK["s1"]
    >>> sites_of((four, five, one), ("", "-", "-"), ""), sites_of((four, one), ("", "-"), "")
    (('L4-L5', 'L5-S1'), ('L4', 'L5', 'S1'))
    """
    if len(ranks) == 1:
        name = ORDER[ranks[0]]
        return (f"root:{name}" if head == ROOT or ranks[0] == C8 else name,)
    if TO in joints:
        return tuple(_range(ranks, joints, head))
    if ON in joints and not are_adjacent(ranks[0], ranks[-1]):
        return tuple(ORDER[rank] for rank in ranks)
    if ON not in joints and head == "" and _is_range_of_segments(ranks):
        return tuple(_segments(min(ranks), max(ranks)))
    found: dict[str, None] = {}
    for a, b in pairwise(ranks):
        if a != b:
            found.update(dict.fromkeys(_joined_pair(a, b, head)))
    return tuple(found) or (ORDER[ranks[0]],)


def takes_in(joints: Sequence[str], rank: int) -> bool:
    """Return whether a bracket behind joined numbers belongs to them: behind a range, about T13 or L6."""
    return TO in joints and rank in EXTRA


def _range(ranks: tuple[int, ...], joints: tuple[str, ...], head: str) -> list[str]:
    ends = [rank for rank, joint in zip(ranks, joints, strict=True) if joint != WITH]
    first, last, cut, written = min(ends), max(ends), joints.index(TO), frozenset(ranks)
    if head == ROOT or C8 in ranks:
        return _roots(first, last)
    names_segments = cut > 1 or len(ends) - cut > 1
    if head == DISC or (names_segments and head != VERTEBRA):
        return _segments(first, last, written)
    return _vertebrae(first, last, written)


@cache
def _segment_at(upper: int, lower: int) -> str:
    return f"{ORDER[upper]}-{ORDER[lower]}"


@cache
def neighbour(site: str, direction: int, head: str) -> str:
    """Return the disc (or vertebra) next to a site: `direction` -1 above, +1 below; the site at an end.

    >>> neighbour("L5", -1, "disc"), neighbour("L4-L5", 1, "disc"), neighbour("L4", 1, "vertebra")
    ('L4-L5', 'L5-S1', 'L5')
    """
    path = [rank for rank in range(len(ORDER)) if rank in _USUAL or ORDER[rank] in site.split("-")]
    ends = [path.index(RANK[name.lower()]) for name in site.split("-")]
    if head == VERTEBRA:
        near = (ends[0] if direction < 0 else ends[-1]) + (direction if len(ends) == 1 else 0)
        return ORDER[path[near]] if 0 <= near < len(path) else site
    upper = ends[0] - 1 if direction < 0 else ends[-1]
    return _segment_at(path[upper], path[upper + 1]) if 0 <= upper < len(path) - 1 else site


@cache
def order_key(site: str) -> tuple[int, float]:
    """Return the sort key of a site text: sites cranial to caudal, then roots, then regions.

    >>> sorted(["region:sacral", "root:S1", "L5-S1", "L5"], key=order_key)
    ['L5', 'L5-S1', 'root:S1', 'region:sacral']
    """
    if site.startswith("region:"):
        return 2, list(REGION_NAMES.values()).index(site.removeprefix("region:"))
    name = site.removeprefix("root:").split("-")[0]
    return int(site.startswith("root:")), RANK[name.lower()] + (0.5 if "-" in site else 0.0)
