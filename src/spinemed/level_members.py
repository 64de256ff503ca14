"""Members: the parts of a list of levels, and what the words beside them make of each (disc, vertebra, root)."""

from __future__ import annotations

import re

from .level_ranges import AND, APART, BLANK, JOINED, RANK, REGION_NAMES, are_adjacent, neighbour, sites_of
from .level_scan import FORCED_ROOT, PELVIS, REGION_VALUES, SACRUM, WHOLE, Atom, Cue, Scan
from .level_words import BETWEEN, DISC, DOWN, FLAG, ROOT, UP, VERTEBRA

_SEQUENCE_RANKS = frozenset({RANK["t1"], RANK["t2"]})


class Member:
    """One part of a list: a level or joined levels, with what the parser has found out about it.

    Members that "and" or a comma joins share `group`, which is the number of the list in the text.
    """

    __slots__ = ("end", "flags", "form", "group", "head", "joints", "negative", "ranks", "side", "sites", "start")

    def __init__(self, atom: Atom, group: int) -> None:
        self.start, self.end, rank, _, self.form = atom
        self.group = group
        self.ranks: tuple[int, ...] = (rank,)
        self.joints: tuple[str, ...] = (APART,)
        self.head = ROOT if self.form == FORCED_ROOT else ""
        self.sites: tuple[str, ...] = ()
        self.side: str | None = None
        self.negative = False
        self.flags: tuple[str, ...] = ()


def members_of(atoms: list[Atom]) -> list[Member]:
    """Return the atoms gathered into members, in the order of the text."""
    if any(atom[3] is BLANK for atom in atoms):
        atoms = _settle_blanks(atoms)
    members: list[Member] = []
    run: list[Atom] = []  # atoms joined into the last member
    group = 0
    for atom in atoms:
        joint = atom[3]
        if joint is APART or joint is AND:
            group += joint is APART
            _close(members, run)
            members.append(Member(atom, group))
            run = [atom]
        else:
            run.append(atom)
    _close(members, run)
    return members


def _close(members: list[Member], run: list[Atom]) -> None:
    if len(run) > 1:
        member = members[-1]
        member.end = run[-1][1]
        member.ranks = tuple([atom[2] for atom in run])
        member.joints = (APART, *[atom[3] for atom in run[1:]])
        member.form = BETWEEN if any(atom[4] == BETWEEN for atom in run) else member.form


def _settle_blanks(atoms: list[Atom]) -> list[Atom]:
    """Decide what a mere blank means: "L5 S1" is a segment, "L4 L5 S1" a list, "T2 L4" (an image and a level) two."""
    settled: list[Atom] = []
    for place, atom in enumerate(atoms):
        joint = atom[3]
        if joint is BLANK:
            before = atoms[place - 1]
            after = atoms[place + 1][3] if place + 1 < len(atoms) else APART
            if before[3] is APART and after is APART and are_adjacent(before[2], atom[2]):
                joint = JOINED
            elif {before[3], after} <= {APART, BLANK, AND} and before[2] not in _SEQUENCE_RANKS:
                joint = AND
            else:
                joint = APART
        settled.append((*atom[:3], joint, atom[4]))
    return settled


# What may stand between a level and the word that says what it is.
_FILLER = (
    r"(?:(?:exiting|traversing|descending|left|right|bilateral|spinal|dorsal|ventral|lumbar|sacral|cervical|thoracic"
    r"|ipsilateral|motor|sensory|intervertebral|adjacent|both|the|und|lateral|posterior|anterior|native)[ -]+)*"
)
_BEFORE_HEAD = re.compile(r"[ \-(]{0,2}" + _FILLER)
_AFTER_HEAD = re.compile(r"[ :(\-]{0,2}(?:(?:of|at|from|for|the|in|von|der|des|bei|on|s|both|left|right|bilateral) ?)*")
_AFTER_ROOT = re.compile(r"[ :(\-]{0,2}(?:(?:of|from|the|von|der|left|right|bilateral|both) ?)*")


def apply_heads(members: list[Member], cues: list[Cue], low: str) -> None:
    """Set `head` of the members that a word such as disc, levels, vertebrae or nerve root speaks of.

    A word behind a level speaks of it and of the list before it ("L4 and L5 nerve roots"), a word before a
    level of it and of the rest of its list ("discs L3-4 and L4-5").
    """
    after = 0  # first member that starts behind the cue
    for start, end, kind, value in cues:
        if kind not in (ROOT, DISC, VERTEBRA):
            continue
        while after < len(members) and members[after].start < end:
            after += 1
        before = after - 1
        if before >= 0 and members[before].end <= start and value != "before" and start - members[before].end < 40:
            if _BEFORE_HEAD.fullmatch(low, members[before].end, start):
                _spread(members, before, -1, kind)
                continue
        if after < len(members) and members[after].start - end < 24:
            filler = _AFTER_ROOT if kind == ROOT else _AFTER_HEAD
            if filler.fullmatch(low, end, members[after].start):
                _spread(members, after, 1, kind)


def _spread(members: list[Member], place: int, step: int, head: str) -> None:
    group = members[place].group
    members[place].head = head
    place += step
    while 0 <= place < len(members) and members[place].group == group and not members[place].head:
        members[place].head = head
        place += step


def sites_of_member(member: Member) -> tuple[str, ...]:
    """Return the site texts of a member, empty for a word that names none alone (pelvis)."""
    if member.form == WHOLE:
        return tuple(f"region:{REGION_NAMES[letter]}" for letter in REGION_VALUES[member.ranks[0]].split())
    if len(member.ranks) == 1 and member.form in (SACRUM, PELVIS):
        return ("region:sacral",) if member.form == SACRUM else ()
    head = "" if member.form == BETWEEN and member.head == VERTEBRA else member.head
    return sites_of(member.ranks, member.joints, head)


_NOUN_BEFORE = re.compile(
    r"(dis[ck]s?|spaces?|interspaces?|segments?|levels?|vertebrae?|body|bodies|bandscheibe|wirbel|wirbelkörper)"
    r" (?:(?:immediately|directly|just|right|located|lying|one level|next) )*(above and |below and )?$"
)
_HAN_NOUN_AFTER = re.compile(r"的?(?:椎间盘|椎間盘|椎間盤|椎间隙|椎體間隙|间隙|节段|椎体|椎骨)")


def apply_neighbours(members: list[Member], scan: Scan) -> None:
    """Replace "the disc above L5" by L4-L5, "the vertebra below T12" by L1; a bare "above L5" stays L5."""
    place = 0
    for start, end, kind, value in scan.cues:
        if kind is not UP and kind is not DOWN:
            continue
        while place < len(members) and members[place].end <= start:
            place += 1
        direction = -1 if kind is UP else 1
        if value == "after":
            _shift_after(members[place - 1] if place else None, start, end, direction, scan.low)
        elif place < len(members) and scan.low[end : members[place].start] in (" ", " the "):
            _shift_before(members[place], scan.low[max(0, start - 40) : start], direction)


def _shift_before(member: Member, before: str, direction: int) -> None:
    noun = _NOUN_BEFORE.search(before)
    if noun is None or len(member.sites) != 1 or ":" in member.sites[0]:
        return
    site = member.sites[0]
    is_vertebra = noun[1].startswith(("vert", "bod", "wirbel")) or (noun[1][:5] == "level" and "-" not in site)
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


def mark_flags(members: list[Member], cues: list[Cue], low: str) -> None:
    """Set `flags` of the members beside a word such as sacralised, lumbarised or transitional."""
    place = 0
    for start, end, kind, value in cues:
        if kind is not FLAG:
            continue
        while place < len(members) and members[place].start < end:
            place += 1
        for near, distance in ((place, _distance(members, place, end)), (place - 1, _distance(members, place - 1, start))):
            if distance <= 24:
                members[near].flags = (*members[near].flags, value)
                break


def _distance(members: list[Member], place: int, point: int) -> int:
    if not 0 <= place < len(members):
        return 1000
    return abs(members[place].start - point if members[place].start >= point else point - members[place].end)
