"""Which levels and which side a text states: vertebrae, motion segments, roots and regions.

English, Chinese, German and Latin styles; conventions (what a hyphen, "and" or "levels" mean) stand in
`level_ranges`, negation and sides in `level_scope`, what only looks like a level in `level_lookalikes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .level_lookalikes import drop_lookalikes
from .level_members import Member, apply_heads, apply_neighbours, mark_flags, members_of, sites_of_member
from .level_patterns import may_name_level
from .level_ranges import BLANK, REGION_NAMES, TRANSITIONAL, order_key
from .level_scan import Scan
from .level_scope import POLAR, mark_polarity, mark_sides, one_side
from .level_words import DOWN, FLAG, HEADS, REGION, SIDE, UP


class Mention(NamedTuple):
    """One site as the text names it; `text[start:end]` is where.

    `polarity` is negative for a negated or normal finding. `flags`: `transitional` (T13, L6 or a word that
    says so), `sacralisation`, `lumbarisation`, `general` (a region that a level of the text makes precise).
    """

    site: str
    start: int
    end: int
    polarity: Literal["positive", "negative"]
    side: str | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedLevels:
    """What a text states: `levels` sorted cranial to caudal without duplicates, then roots, then regions.

    `side` sums up the sides of these levels.
    """

    levels: tuple[str, ...]
    side: str | None
    _members: tuple[Member, ...] = field(default=(), repr=False, compare=False)

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """Every site that the text names, negated ones too, in the order of the text; made when asked for."""
        return tuple([self._mention(site, member) for member in self._members for site in member.sites])

    def _mention(self, site: str, member: Member) -> Mention:
        flags = member.flags
        if site in TRANSITIONAL and "transitional" not in flags:
            flags = (*flags, "transitional")
        if not member.negative and site not in self.levels:
            flags = (*flags, "general")
        polarity: Literal["positive", "negative"] = "negative" if member.negative else "positive"
        return Mention(site, member.start, member.end, polarity, member.side, flags)


_NOTHING = ParsedLevels((), None)


def parse_levels(text: str) -> ParsedLevels:
    """Return the levels and the side that a text states, with every mention; empty where it states none.

    Never raises, in time linear in the length of the text.

    >>> parse_levels("L4/5 and L5-S1, left").levels, parse_levels("L4/5 (L)").side
    (('L4-L5', 'L5-S1'), 'left')
    >>> parse_levels("No fracture from T12 to L2; T2 hyperintense signal at L4, traversing L5 root").levels
    ('L4', 'root:L5')
    """
    scan = Scan(text)
    if not may_name_level(scan.low):
        return _NOTHING
    scan.run()
    if not scan.atoms:
        return _NOTHING
    kinds, low = scan.kinds, scan.low
    members = members_of(scan.atoms, BLANK in kinds)
    members = drop_lookalikes(members, scan.cues, kinds, low)
    if not members:
        return _NOTHING
    if not kinds.isdisjoint(HEADS):
        apply_heads(members, scan.cues, low)
    for member in members:
        member.sites = sites_of_member(member)
    if kinds:
        _apply_cues(members, scan)
    return _result(members, kinds)


def _apply_cues(members: list[Member], scan: Scan) -> None:
    kinds, cues, low = scan.kinds, scan.cues, scan.low
    if UP in kinds or DOWN in kinds:
        apply_neighbours(members, cues, low)
    if not kinds.isdisjoint(POLAR):
        mark_polarity(members, cues, low)
    if SIDE in kinds:
        mark_sides(members, cues, low)
    if FLAG in kinds:
        mark_flags(members, cues)


def _result(members: list[Member], kinds: set[str]) -> ParsedLevels:
    levels: set[str] = set()
    for member in members:
        if not member.negative:
            levels.update(member.sites)
    if REGION in kinds:
        levels -= _general_regions(levels)
    if not levels:
        return ParsedLevels((), None, tuple(members))
    side = None
    if SIDE in kinds:
        side = one_side([member.side for member in members if member.sites and not member.negative])
    ordered = tuple(sorted(levels, key=order_key) if len(levels) > 1 else levels)
    return ParsedLevels(ordered, side, tuple(members))


def _general_regions(sites: set[str]) -> set[str]:
    """Return the regions among the sites that a level of the same region makes precise."""
    precise = {f"region:{REGION_NAMES[site[0].lower()]}" for site in sites if ":" not in site}
    return sites & precise
