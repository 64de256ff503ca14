"""Which levels and which side a text states: vertebrae, motion segments, roots and regions, in four languages.

English, Chinese, German and Latin styles; conventions (what a hyphen, "and" or "levels" mean) stand in
`level_ranges`, negation and sides in `level_scope`, what only looks like a level in `level_lookalikes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from .level_lookalikes import drop_lookalikes
from .level_members import Member, apply_heads, apply_neighbours, mark_flags, members_of, sites_of_member
from .level_ranges import REGION_NAMES, order_key
from .level_scan import Scan
from .level_scope import mark_polarity, mark_sides, one_side


class Mention(NamedTuple):
    """One site as the text names it; `text[start:end]` is where.

    `polarity` is negative for a negated or normal finding. `flags`: `transitional` (T13, L6 or a word that says
    so), `sacralisation`, `lumbarisation`, `general` (a region that a level of the same text makes precise).
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

    `side` sums up the sides of these levels; `mentions` also holds what is negated, in the order of the text.
    """

    levels: tuple[str, ...]
    side: str | None
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
    members = members_of(scan.atoms)
    cues, low = scan.cues, scan.low
    members = drop_lookalikes(members, cues, low)
    if not members:
        return _NOTHING
    if cues:
        apply_heads(members, cues, low)
    for member in members:
        member.sites = sites_of_member(member)
    if cues:
        apply_neighbours(members, scan)
        mark_polarity(members, cues, low)
        mark_sides(members, cues, low)
        mark_flags(members, cues, low)
    return _result(members)


def _result(members: list[Member]) -> ParsedLevels:
    positive = {site for member in members if not member.negative for site in member.sites}
    general = _general_regions(positive)
    mentions = tuple(
        [
            Mention(
                site,
                member.start,
                member.end,
                "negative" if member.negative else "positive",
                member.side,
                _flags(member, site, general),
            )
            for member in members
            for site in member.sites
        ]
    )
    side = one_side(member.side for member in members if not member.negative and member.sites)
    levels = positive - general if general else positive
    ordered = tuple(levels) if len(levels) < 2 else tuple(sorted(levels, key=order_key))
    return ParsedLevels(ordered, side if ordered else None, mentions)


def _general_regions(sites: set[str]) -> set[str]:
    """Return the regions among the sites that a level of the same region makes precise."""
    if not any(site.startswith("region:") for site in sites):
        return set()
    precise = {f"region:{REGION_NAMES[site[0].lower()]}" for site in sites if ":" not in site}
    return sites & precise


def _flags(member: Member, site: str, general: set[str]) -> tuple[str, ...]:
    flags = member.flags
    if ("T13" in site or "L6" in site) and "transitional" not in flags:
        flags = (*flags, "transitional")
    return (*flags, "general") if site in general else flags
