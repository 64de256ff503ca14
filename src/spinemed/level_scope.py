"""Negation and side: which levels of a text a "no", "intact" or "left" speaks of."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

from .level_members import Member
from .level_scan import Cue
from .level_words import ABSENT, NEGATION, NORMAL, NOT, SIDE

_REACH = 160  # characters; keeps the work linear in the length of the text

# A sentence or a main clause ends here; a comma is judged apart.
_BORDER = re.compile(
    r"[.](?=\s|$)|[;。；!?！？\n]|\b(?:but|however|although|though|while|whereas|except|yet|instead|other than|apart from"
    r"|aside from|besides|because|due to|secondary to|which|sondern|aber|jedoch|hingegen|während|außer|ausser)\b"
    r"|但|而是|除(?!外)|却|然而|外(?!侧|側)"
)
_COMMA = re.compile(r"[,，](?!\d)")
_GOES_ON = re.compile(r"(?:^|\s)(?:or|nor|and|oder|noch|und)\s|[或和及、]")
_STATES = re.compile(r"\b(?:there (?:is|are)|shows?|with|has|have|demonstrates?|noted|seen|es besteht|zeigt|mit)\b")
_FINDING = re.compile(
    r"fract|fraktur|herni|bulg|protru|protrus|extru|sequest|stenos|narrow|listhe|slip|degenerat|desicc|dehydrat|tear"
    r"|fissure|edema|oedem|ödem|lesion|collaps|metasta|compress|spondyl|defect|hemangioma|impinge|infect|discitis"
    r"|cyst|scolio|kypho|osteophyt|tumou?r|mass\b|loss|fus(?:ion|ed)|surg|ectomy|plasty|[tpax]lif|acdf|screw|cage|implant"
    r"|hardware|decompress|inject|vorfall|prolaps|vorwölb|läsion|stenose|gleiten|schmorl|modic|arthro|hypertroph|pain"
    r"|radiculopath|syndrome|abnormal|injur|burst|wedg|erosion|sclero|block|ablat|biops|instrument|laminot|cord signal"
    r"|突出|膨出|脱出|骨折|狭窄|滑脱|变性|退变|撕裂|水肿|病变|转移|压缩|增生|囊肿|肿瘤|侧弯|融合|术后|不稳|塌陷|压迫|损伤"
)
_OR = re.compile(r"\b(?:or|nor|oder|noch)\b|或")
_WITH = re.compile(r"\b(?:with|mit)\b|伴")
_NEW_STATEMENT = re.compile(r" ?(?!levels?|dis[ck]s?|respectively|and|or|is|are|was|were|either|的|水平|节段)[^\W\d_]")
_CLAUSE_START = re.compile(r"[,，]|" + _BORDER.pattern)
_SENTENCE_END = re.compile(r"[.](?=\s|$)|[。！？\n]")
_LINE_END = re.compile(r"\n")
_EXCEPT = re.compile(r"(?:\bexcept(?: for)?|other than|apart from|aside from|除)[^,.;，。；]{0,12}$")
_OPENS_CLAUSE = re.compile(r"(?:^|[,;.，；。:]|\band|\bund|和|及)\s*$")
_POLAR = frozenset({NEGATION, NOT, NORMAL, ABSENT})
_SHORT_REACH = re.compile(
    r"\s*(?:(?:at|the|in|on|of|involve[sd]?|affect(?:s|ed)?|extend(?:s|ing)?|to|reach(?:es)?|include[sd]?|seen|from"
    r"|present|located|necessarily|level|disc|vertebra|des|der|in|höhe|auf|bei|von)\s*)*"
)
_SUBJECT_COMMA = re.compile(r"[,，:]\s*(?:there (?:is|are|was|were)|we see|es besteht|both|also|again)?\s*")


def mark_polarity(members: list[Member], cues: list[Cue], low: str) -> None:
    """Set `negative` of the members whose finding is negated, normal or not seen.

    A cue speaks either of the list before it ("T12 is intact", "L4-5: no stenosis") or of the list behind it
    ("no fracture at L1", "not L4-5"). A finding named with the list keeps it positive ("L1 fracture without
    canal compromise"); so does a finding named after the negated one ("L4-5: no stenosis, mild bulge").
    """
    polar = [cue for cue in cues if cue[2] in _POLAR]
    if not polar:
        return
    starts = [member.start for member in members]
    for cue in polar:
        first = bisect_left(starts, cue[1])
        if cue[2] is NORMAL or cue[2] is ABSENT:
            if not _negate_subject(members, first, cue, polar, low) and cue[2] is NORMAL:
                _negate_object(members, first, cue, low)
        elif not _negate_object(members, first, cue, low):
            _negate_subject(members, first, cue, polar, low)


def _negate_object(members: list[Member], first: int, cue: Cue, low: str) -> bool:
    """Negate the list behind the cue; return whether the cue spoke of it."""
    start, end, kind, value = cue
    if first >= len(members) or members[first].start - end > _REACH or value == "post":
        return False
    if kind is NEGATION and low.startswith(("no. ", "no."), start) and low[end + 1 : end + 3].strip()[:1].isdigit():
        return False
    gap = low[end : members[first].start]
    if _BORDER.search(gap):
        return False
    last = _last_of_list(members, first)
    if kind is NOT and not _SHORT_REACH.fullmatch(gap):
        return False
    if kind is NORMAL and not _is_normal_object(gap, low[members[last].end : members[last].end + 28]):
        return False
    if kind is NEGATION and not _passes_commas(gap):
        return False
    if kind is not NORMAL:
        last = _own_part(members, first, last, low)
    _negate(members, first, last)
    while kind is NEGATION and last + 1 < len(members):
        between = low[members[last].end : members[last + 1].start][: _REACH + 1]
        if len(between) > _REACH or _BORDER.search(between) or not _OR.search(between):
            break
        first, last = last + 1, _last_of_list(members, last + 1)
        _negate(members, first, last)
    return True


def _is_normal_object(gap: str, behind: str) -> bool:
    """Whether "normal ... L4-5 ..." calls the level normal: no comma, no finding on either side."""
    if _COMMA.search(gap) or _FINDING.search(gap) or _WITH.search(gap):
        return False
    border = _BORDER.search(behind) or _COMMA.search(behind)
    return not _FINDING.search(behind[: border.start()] if border else behind)


def _passes_commas(gap: str) -> bool:
    """Whether a "no" reaches over the commas of "no fracture, listhesis or stenosis at"."""
    commas = list(_COMMA.finditer(gap))
    if not commas:
        return True
    last_part = gap[commas[-1].end() :]
    return bool(_GOES_ON.search(last_part)) and not _STATES.search(last_part)


def _last_of_list(members: list[Member], first: int) -> int:
    last = first
    while last + 1 < len(members) and members[last + 1].group == members[first].group:
        last += 1
    return last


def _own_part(members: list[Member], first: int, last: int, low: str) -> int:
    """Return the end of the negated part of a list: "no stenosis at L4-5, L5-S1 bulge" negates L4-5 alone."""
    if first == last or not _NEW_STATEMENT.match(low, members[last].end):
        return last
    gap = low[members[last - 1].end : members[last].start]
    return last - 1 if _COMMA.match(gap) and not gap.strip(",， \n") else last


def _negate(members: list[Member], first: int, last: int) -> None:
    for member in members[first : last + 1]:
        member.negative = True


def _negate_subject(members: list[Member], behind: int, cue: Cue, polar: list[Cue], low: str) -> bool:
    """Negate the list before the cue; return whether the cue spoke of it."""
    start, end, kind, value = cue
    last = behind - 1
    if last < 0 or value == "pre" or not 0 <= start - members[last].end <= 100:
        return False
    first = last
    while first > 0 and members[first - 1].group == members[last].group:
        first -= 1
    gap = low[members[last].end : start]
    if _BORDER.search(gap) or (_COMMA.search(gap) and not _SUBJECT_COMMA.fullmatch(gap)):
        return False
    if kind is ABSENT:
        _negate(members, first, last)
        return True
    since = max(members[first - 1].end if first else 0, members[first].start - 80)
    before = _CLAUSE_START.split(low[since : members[first].start])[-1]
    if _FINDING.search(gap) or _FINDING.search(before) or _EXCEPT.search(low, since, members[first].start):
        return False
    next_start = members[behind].start if behind < len(members) else len(low)
    if _has_own_finding(low, end, next_start, polar, is_heading=gap.lstrip().startswith(":")):
        return True
    _negate(members, first, last)
    return True


def _has_own_finding(low: str, end: int, next_start: int, polar: list[Cue], is_heading: bool) -> bool:
    """Whether a clause behind the negated one names a finding and no level, so that it speaks of the same level."""
    rest = low[end : min(next_start, end + _REACH)]
    stop = (_LINE_END if is_heading else _SENTENCE_END).search(rest)
    is_cut_by_level = stop is None and next_start < len(low)
    if stop:
        rest = rest[: stop.start()]
    clauses = list(_CLAUSE_START.finditer(rest))
    edges = [match.end() for match in clauses] + [len(rest) + 1]
    for begin, finish in zip(edges, edges[1:], strict=False):
        runs_into_level = is_cut_by_level and finish == len(rest) + 1
        negated = any(end + begin <= cue[0] < end + finish for cue in polar[bisect_left(polar, (end,)) :][:8])
        if not runs_into_level and not negated and _FINDING.search(rest, begin, min(finish, len(rest))):
            return True
    return False


def mark_sides(members: list[Member], cues: list[Cue], low: str) -> None:
    """Set `side` of the members: from the nearest word for a side in their sentence."""
    sides = [(start, end, value) for start, end, kind, value in cues if kind is SIDE]
    if not sides:
        return
    if members[0].group == members[-1].group and len({value for _, _, value in sides}) == 1:
        for member in members:
            member.side = sides[0][2]
        return
    starts = [member.start for member in members]
    found: dict[int, list[str]] = {}
    for start, end, value in sides:
        place = _place_of_side(members, bisect_left(starts, end), start, end, low)
        found.setdefault(place, []).append(value)
    _spread_sides(members, found)


def _place_of_side(members: list[Member], behind: int, start: int, end: int, low: str) -> int:
    """Return the index of the member that a side word speaks of."""
    if behind == 0:
        return 0
    if behind == len(members):
        return behind - 1
    gap_before, gap_behind = low[members[behind - 1].end : start], low[end : members[behind].start]
    opens = _OPENS_CLAUSE.search(gap_before[-12:]) is not None
    if opens and not _CLAUSE_START.search(gap_behind[:_REACH]):
        return behind
    cost_before = len(gap_before) + 1000 * bool(_CLAUSE_START.search(gap_before[-_REACH:]))
    cost_behind = len(gap_behind) + 1000 * bool(_CLAUSE_START.search(gap_behind[:_REACH]))
    return behind if cost_behind < cost_before else behind - 1


def _spread_sides(members: list[Member], found: dict[int, list[str]]) -> None:
    for place, values in found.items():
        members[place].side = one_side(values)
    groups = {members[place].group: [] for place in found}  # type: dict[int, list[int]]
    for place in found:
        groups[members[place].group].append(place)
    for places in groups.values():
        if len(places) == 1:  # one side for the whole list
            first = places[0]
            while first > 0 and members[first - 1].group == members[places[0]].group:
                first -= 1
            for member in members[first : _last_of_list(members, places[0]) + 1]:
                member.side = members[places[0]].side


def one_side(sides: Iterable[str | None]) -> str | None:
    """Return the side that several words name together: left and right are both; central yields to a side.

    >>> one_side(["left", "right"]), one_side(["central", "left"]), one_side([None])
    ('both', 'left', None)
    """
    named = set(sides)
    if "both" in named or {"left", "right"} <= named:
        return "both"
    return next((side for side in ("left", "right", "central") if side in named), None)
