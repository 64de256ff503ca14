"""Which levels and which side a text states: vertebrae, motion segments, roots and regions, in four languages.

English, Chinese, German and Latin styles; conventions (what a hyphen, "and" or "levels" mean) stand in
`level_ranges`, negation and sides in `level_scope`, what only looks like a level in `level_lookalikes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from .level_lookalikes import is_lookalike
from .level_ranges import AND, APART, BLANK, JOINED, ORDER, REGION_NAMES, are_adjacent, neighbour, order_key, sites_of
from .level_scan import FORCED_ROOT, PELVIS, REGION_VALUES, SACRUM, WHOLE, Atom, Cue, Scan
from .level_scope import mark_polarity, mark_sides
from .level_words import BETWEEN, DISC, DOWN, FLAG, ROOT, UP, VERTEBRA
from .level_member import Member

Side = Literal["left", "right", "both", "central"]


class Mention(NamedTuple):
    """One site as the text names it; `text[start:end]` is where.

    `polarity` is negative for a negated or normal finding. `flags`: `transitional` (T13, L6 or a word that says
    so), `sacralisation`, `lumbarisation`, `general` (a region that a level of the same text makes precise).
    """

    site: str
    start: int
    end: int
    polarity: Literal["positive", "negative"]
    side: Side | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedLevels:
    """What a text states: `levels` sorted cranial to caudal without duplicates, then roots, then regions.

    `side` sums up the sides of these levels; `mentions` also holds what is negated, in the order of the text.
    """

    levels: tuple[str, ...]
    side: Side | None
    mentions: tuple[Mention, ...]


_NOTHING = ParsedLevels((), None, ())


def parse_levels(text: str) -> ParsedLevels:
    """Return the levels and the side that a text states, with every mention; empty where it states none.

    Never raises, in time linear in the length of the text.

    >>> parse_levels("L4/5 and L5-S1, left").levels, parse_levels("L4/5 (L)").side
    (('L4-L5', 'L5-S1'), 'left')
    >>> parse_levels("No fracture from T12 to L2; T2 hyperintense signal at L4, traversing L5 root").levels
    ('L4', 'root:L5')
    """
    scan = Scan(text)
    scan.run()
    if not scan.atoms:
        return _NOTHING
    members = _members(scan.atoms)
    if scan.cues or any(member.is_risky for member in members):
        members = [member for member in members if not is_lookalike(member, scan)]
        if not members:
            return _NOTHING
        _apply_heads(members, scan.cues, scan.low)
    for member in members:
        member.sites = _sites(member)
    if scan.cues:
        _apply_neighbours(members, scan)
        mark_polarity(members, scan.cues, scan.low)
        mark_sides(members, scan.cues, scan.low)
    return _result(members)
