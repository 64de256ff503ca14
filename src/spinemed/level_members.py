"""Members, the parts of a list of levels, and what the words beside them (disc, root) make of each."""

from __future__ import annotations

import re

from .level_ranges import (
    AND,
    APART,
    BLANK,
    JOINED,
    RANK,
    REGION_NAMES,
    WITH,
    are_adjacent,
    neighbour,
    sites_of,
    takes_in,
)
from .level_scan import FORCED_ROOT, LABEL, PELVIS, REGION_VALUES, SACRUM, WHOLE, Atom, Cue
from .level_words import BETWEEN, DISC, DOWN, FLAG, HEADS, ROOT, UP, VERTEBRA

_SEQUENCE_RANKS = frozenset({RANK["t1"], RANK["t2"]})


class Member:
    """One part of a list: a level or joined levels, with what the parser has found out about it.

    Members that "and" or a comma joins share `group`, which is the number of the list in the text.
    """

    head = ""  # ROOT, DISC or VERTEBRA, from the word beside
    sites: tuple[str, ...] = ()
    side: str | None = None
    negative = False
    flags: tuple[str, ...] = ()
    joints: tuple[str, ...] = (APART,)

    def __init__(self, atom: Atom, group: int) -> None:
        self.start, self.end, rank, _, self.form = atom
        self.ranks: tuple[int, ...] = (rank,)
        self.group = group
        if self.form == FORCED_ROOT:
            self.head = ROOT


def members_of(atoms: list[Atom], has_blanks: bool) -> list[Member]:
    """Return the atoms gathered into members, in the order of the text."""
    if has_blanks:
        atoms = _settle_blanks(atoms)
    members: list[Member] = []
    group = first = 0
    for place, atom in enumerate(atoms):
        joint = atom[3]
        if joint is WITH and not takes_in([one[3] for one in atoms[first:place]], atom[2]):
            joint = APART
        if joint in (APART, AND):
            if place - first > 1:
                _join(members[-1], atoms[first:place])
            group += joint == APART
            members.append(Member(atom, group))
            first = place
    if len(atoms) - first > 1:
        _join(members[-1], atoms[first:])
    return members


def _join(member: Member, run: list[Atom]) -> None:
    member.end = run[-1][1]
    member.ranks = tuple([atom[2] for atom in run])
    member.joints = (APART, *[atom[3] for atom in run[1:]])
    if BETWEEN in [atom[4] for atom in run]:
        member.form = BETWEEN


def _settle_blanks(atoms: list[Atom]) -> list[Atom]:
    """Decide what a blank means: "L5 S1" is a segment, "L4 L5 S1" a list, "T2 L4" an image and a level."""
    settled: list[Atom] = []
    for place, atom in enumerate(atoms):
        joint = atom[3]
        if joint is BLANK:
            before = atoms[place - 1]
            after = atoms[place + 1][3] if place + 1 < len(atoms) else APART
            if before[3] is APART and after is APART and are_adjacent(before[2], atom[2]):
                joint = JOINED
            elif {before[3], after} <= {APART, BLANK, AND} and not _SEQUENCE_RANKS & {before[2], atom[2]}:
                joint = AND
            else:
                joint = APART
        settled.append((*atom[:3], joint, atom[4]))
    return settled


# What may stand between a level and the word that says what it is.
_FILLER = (
    r"(?:(?:exiting|traversing|descending|left|right|bilateral|spinal|dorsal|ventral|lumbar|sacral"
    r"|cervical|thoracic|ipsilateral|motor|sensory|intervertebral|adjacent|both|the|und|lateral|posterior"
    r"|anterior|native)[ -]+)*"
)
_BEFORE_HEAD = re.compile(r"[ \-(]{0,2}" + _FILLER)
_AFTER_HEAD = re.compile(
    r"[ :(\-]{0,2}(?:(?:of|at|from|for|the|in|von|der|des|bei|on|s|both|left|right|bilateral) ?)*"
)
_AFTER_ROOT = re.compile(r"[ :(\-]{0,2}(?:(?:of|from|the|von|der|left|right|bilateral|both) ?)*")


def apply_heads(members: list[Member], cues: list[Cue], low: str) -> None:
    """Set `head` of the members that a word such as disc, levels, vertebrae or nerve root speaks of.

    A word behind a level speaks of it and of the list before it ("L4 and L5 nerve roots"), a word before a
    level of it and of the rest of its list ("discs L3-4 and L4-5").
    """
    behind = 0  # first member that starts behind the cue
    for cue in cues:
        if cue[2] not in HEADS:
            continue
        while behind < len(members) and members[behind].start < cue[1]:
            behind += 1
        if behind and cue[3] != "before" and _stands_behind(members[behind - 1].end, cue[0], low):
            place = behind - 1
            if cue[2] is DISC and low[cue[0]] > "~" and _merge_pair(members, place - 1, low, _LISTED):
                place, behind = place - 1, behind - 1
            _spread(members, place, -1, cue[2])
        elif behind < len(members) and _stands_before(cue, members[behind].start, low):
            if cue[3] == "one":
                _merge_pair(members, behind, low, _ADDED)
            _spread(members, behind, 1, cue[2])


def _stands_behind(end: int, start: int, low: str) -> bool:
    """Whether a word that starts at `start` speaks of the level that ends at `end`: little stands between."""
    if start - end < 2:
        return start == end or (start > end and low[end] in " -(")
    return start - end < 40 and _BEFORE_HEAD.fullmatch(low, end, start) is not None


def _stands_before(cue: Cue, start: int, low: str) -> bool:
    filler = _AFTER_HEAD if cue[2] is DISC else _AFTER_ROOT  # a root or vertebra "at L4-5" is another thing
    return start - cue[1] < 24 and filler.fullmatch(low, cue[1], start) is not None


_LISTED = re.compile(r"[、,] ?(?=\d)")  # 腰4、5椎间盘
_ADDED = re.compile(r" and (?:the )?")  # disc of L4 and L5


def _merge_pair(members: list[Member], place: int, low: str, gap: re.Pattern[str]) -> bool:
    """Make one segment of a list of just two neighbours with one disc between; return whether that was so."""
    if place < 0 or place + 1 >= len(members):
        return False
    upper, lower = members[place], members[place + 1]
    listed = [member for member in members[max(place - 1, 0) : place + 3] if member.group == upper.group]
    if listed != [upper, lower] or {upper.form, lower.form} != {LABEL} or len(upper.ranks + lower.ranks) > 2:
        return False
    match = gap.match(low, upper.end)
    if match is None or match.end() != lower.start or not are_adjacent(upper.ranks[0], lower.ranks[0]):
        return False
    upper.ranks, upper.joints, upper.end = (upper.ranks[0], lower.ranks[0]), (APART, JOINED), lower.end
    del members[place + 1]
    return True


def _spread(members: list[Member], place: int, step: int, head: str) -> None:
    group = members[place].group
    members[place].head = head
    place += step
    while 0 <= place < len(members) and members[place].group == group and not members[place].head:
        members[place].head = head
        place += step


def sites_of_member(member: Member) -> tuple[str, ...]:
    """Return the site texts of a member, empty for a word that names none alone (pelvis)."""
    if member.form == LABEL:
        return sites_of(member.ranks, member.joints, member.head)
    if member.form == WHOLE:
        return tuple(f"region:{REGION_NAMES[letter]}" for letter in REGION_VALUES[member.ranks[0]].split())
    if len(member.ranks) == 1 and member.form in (SACRUM, PELVIS):
        return ("region:sacral",) if member.form == SACRUM else ()
    head = "" if member.form == BETWEEN and member.head == VERTEBRA else member.head
    return sites_of(member.ranks, member.joints, head)


_NOUN_BEFORE = re.compile(
    r"(dis[ck]s?|spaces?|interspaces?|segments?|levels?|vertebrae?|body|bodies|bandscheibe|wirbel"
    r"|wirbelkörper) (?:(?:immediately|directly|just|right|located|lying|one level|next) )*(above and "
    r"|below and )?$"
)
_HAN_NOUN_AFTER = re.compile(r"的?(?:椎间盘|椎間盘|椎間盤|椎间隙|椎體間隙|间隙|节段|椎体|椎骨)")


def apply_neighbours(members: list[Member], cues: list[Cue], low: str) -> None:
    """Replace "the disc above L5" by L4-L5, "the vertebra below T12" by L1; a bare "above L5" stays L5."""
    place = 0
    for start, end, kind, value in cues:
        if kind is not UP and kind is not DOWN:
            continue
        while place < len(members) and members[place].end <= start:
            place += 1
        direction = -1 if kind is UP else 1
        if value == "after":
            _shift_after(members[place - 1] if place else None, start, end, direction, low)
        elif place < len(members) and low[end : members[place].start] in (" ", " the "):
            _shift_before(members[place], low[max(0, start - 40) : start], direction)


def _shift_before(member: Member, before: str, direction: int) -> None:
    noun = _NOUN_BEFORE.search(before)
    if noun is None or len(member.sites) != 1 or ":" in member.sites[0]:
        return
    site = member.sites[0]
    is_vertebra = noun[1].startswith(("vert", "bod", "wirbel")) or (
        noun[1][:5] == "level" and "-" not in site
    )
    head = VERTEBRA if is_vertebra else DISC
    directions = (-1, 1) if noun[2] else (direction,)
    member.sites = tuple(neighbour(site, step, head) for step in directions)


def _shift_after(member: Member | None, start: int, end: int, direction: int, low: str) -> None:
    if member is None or low[member.end : start] not in ("", "椎体", "椎間盤") or len(member.sites) != 1:
        return
    noun = _HAN_NOUN_AFTER.match(low, end)
    if noun and ":" not in member.sites[0]:
        head = VERTEBRA if noun[0].endswith(("椎体", "椎骨")) else DISC
        member.sites = (neighbour(member.sites[0], direction, head),)


def mark_flags(members: list[Member], cues: list[Cue]) -> None:
    """Set `flags` of the members beside a word such as sacralised, lumbarised or transitional."""
    place = 0
    for start, end, kind, value in cues:
        if kind is not FLAG:
            continue
        while place < len(members) and members[place].start < end:
            place += 1
        for near, distance in (
            (place, _distance(members, place, end)),
            (place - 1, _distance(members, place - 1, start)),
        ):
            if distance <= 24:
                members[near].flags = (*members[near].flags, value)
                break


def _distance(members: list[Member], place: int, point: int) -> int:
    if not 0 <= place < len(members):
        return 1000
    return abs(members[place].start - point if members[place].start >= point else point - members[place].end)
