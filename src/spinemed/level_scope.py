"""Negation and side: which levels of a text a "no", "intact" or "left" speaks of."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from .level_members import Member
from .level_patterns import trie
from .level_scan import Cue
from .level_words import ABSENT, BORDER, NEGATION, NORMAL, NOT, SIDE

_REACH = 160  # characters; keeps the work linear in the length of the text

# Ends of sentences and clauses; words such as "but" are cues of the scanner. A comma is judged apart.
# Spelled as alternatives, not as a set, because then the engine skips to the next candidate.
_FULL_STOP = r"\.(?=\s|$)|。|！|？|\n"
_STOP = re.compile(rf"{_FULL_STOP}|;|；|!|\?")
_CLAUSE_END = re.compile(rf"{_STOP.pattern}|,|，")
_SENTENCE_END = re.compile(_FULL_STOP)
_COMMA = re.compile(r"[,，](?!\d)")
_LINE_END = re.compile(r"\n")
_AND = re.compile(r"\b(?:and|und)\b")
_OR = re.compile(r"\b(?:or|nor|oder|noch)\b|或")
_WITH = re.compile(r"\b(?:with|mit)\b|伴")
_GOES_ON = re.compile(r"(?:^|\s)(?:or|nor|and|oder|noch|und)\s|[或和及、]")
_STATES = re.compile(
    r"\b(?:there (?:is|are)|shows?|with|has|have|demonstrates?|noted|seen|es besteht|zeigt|mit)\b"
)
_NEW_STATEMENT = re.compile(
    r" ?(?!levels?|dis[ck]s?|respectively|and|or|is|are|was|were|either|的|水平|节段)[^\W\d_]"
)
_EXCEPT = re.compile(r"(?:\bexcept(?: for)?|other than|apart from|aside from|除)[^,.;，。；]{0,12}$")
_OPENS_CLAUSE = re.compile(r"(?:^|[,;.，；。:]|\band|\bund|和|及)\s*$")
_SHORT_REACH = re.compile(
    r"\s*(?:(?:at|the|in|on|of|involve[sd]?|affect(?:s|ed)?|extend(?:s|ing)?|to|reach(?:es)?|include[sd]?"
    r"|seen|from|present|located|necessarily|level|disc|vertebra|des|der|in|höhe|auf|bei|von)\s*)*"
)
_SUBJECT_COMMA = re.compile(r"[,，:]\s*(?:there (?:is|are|was|were)|we see|es besteht|both|also|again)?\s*")

POLAR = frozenset({NEGATION, NOT, NORMAL, ABSENT})

# Beginnings of words that name a finding or an operation; a level named with one is not called normal.
_FINDINGS = """
    fract fraktur herni bulg protru extru sequest stenos narrow listhe anterolisthe retrolisthe
    laterolisthe slip
    spondyl degenerat desicc dehydrat tear torn fissure edema oedem ödem lesion läsion collaps metasta
    compress
    defect hemangioma haemangioma impinge infect discitis cyst scolio kypho osteophyt tumor tumour mass
    loss fusion
    fused surg laminec discec corpec foraminot laminot facetec vertebrop kyphop laminop tlif plif alif
    xlif acdf
    screw cage implant hardware decompress inject vorfall bandscheibenvor prolaps vorwölb protrusion stenose
    spinalkanalsten gleiten schmorl modic arthro hypertroph pain radiculopath syndrome abnormal injur
    burst wedg
    erosion sclero block ablat biops instrument signal_change kompression deckplattenein osteochondr
"""
_HAN_FINDINGS = """
    突出 膨出 脱出 骨折 狭窄 滑脱 变性 退变 撕裂 水肿 病变 转移 压缩 增生 囊肿 肿瘤 侧弯 融合 术后 不稳
    塌陷 压迫 损伤
    狹窄 滑脫 變性 退變 水腫 病變 轉移 壓縮 腫瘤 融合 壓迫 損傷
"""


@cache
def _finding() -> re.Pattern[str]:
    latin = trie([word.replace("_", " ") for word in _FINDINGS.split()], "")
    return re.compile(rf"\b{latin}|(?![\x00-\x7f]){trie(_HAN_FINDINGS.split(), '')}")


def mark_polarity(members: list[Member], cues: list[Cue], low: str) -> None:
    """Set `negative` of the members whose finding is negated, normal or not seen.

    A cue speaks either of the list before it ("T12 is intact", "L4-5: no stenosis") or of the list behind it
    ("no fracture at L1", "not L4-5"). A finding named with the list keeps it positive ("L1 fracture without
    canal compromise"); so does a finding named after the negated one ("L4-5: no stenosis, mild bulge").
    """
    _Polarity(members, cues, low).mark()


class _Polarity:
    """The members of one text with what limits the reach of its negations."""

    def __init__(self, members: list[Member], cues: list[Cue], low: str) -> None:
        self.members, self.low = members, low
        self.polar = [cue for cue in cues if cue[2] in POLAR]
        self.borders = [cue[0] for cue in cues if cue[2] is BORDER]

    def mark(self) -> None:
        starts = [member.start for member in self.members]
        for cue in self.polar:
            first = bisect_left(starts, cue[1])
            if cue[2] is NORMAL or cue[2] is ABSENT:
                if not self.negate_subject(first, cue) and cue[2] is NORMAL:
                    self.negate_object(first, cue)
            elif not self.negate_object(first, cue):
                self.negate_subject(first, cue)

    def is_cut(self, start: int, end: int) -> bool:
        """Whether a sentence ends or a "but" stands between two places."""
        if self.borders:
            place = bisect_left(self.borders, start)
            if place < len(self.borders) and self.borders[place] < end:
                return True
        return _STOP.search(self.low, start, end) is not None

    def negate(self, first: int, last: int) -> None:
        for member in self.members[first : last + 1]:
            member.negative = True

    def negate_object(self, first: int, cue: Cue) -> bool:
        """Negate the list behind the cue; return whether the cue spoke of it."""
        start, end, kind, value = cue
        if first >= len(self.members) or self.members[first].start - end > _REACH or value == "post":
            return False
        if self.is_cut(end, self.members[first].start) or (
            kind is NEGATION and _is_number_sign(self.low, start)
        ):
            return False
        gap = self.low[end : self.members[first].start]
        last = last_of_list(self.members, first)
        if kind is NORMAL:
            reaches = self.is_normal_object(gap, self.members[last].end)
        else:
            reaches = _SHORT_REACH.fullmatch(gap) is not None if kind is NOT else _passes_commas(gap)
            last = self.own_part(first, last)
        if not reaches:
            return False
        self.negate(first, last)
        if kind is NEGATION:
            self.negate_alternatives(last)
        return True

    def negate_alternatives(self, last: int) -> None:
        """Go on over "or": no fracture at T12 or listhesis at L5."""
        while last + 1 < len(self.members):
            start, end = self.members[last].end, self.members[last + 1].start
            goes_on = (
                end - start <= _REACH and _OR.search(self.low, start, end) and not self.is_cut(start, end)
            )
            if self.members[last + 1].negative or not goes_on:
                return
            first, last = last + 1, last_of_list(self.members, last + 1)
            self.negate(first, last)

    def is_normal_object(self, gap: str, end: int) -> bool:
        """Whether "normal ... L4-5 ..." calls the level normal: no comma, no finding on either side."""
        if _COMMA.search(gap) or _finding().search(gap) or _WITH.search(gap):
            return False
        stop = _CLAUSE_END.search(self.low, end, end + 28)
        return not _finding().search(self.low, end, stop.start() if stop else end + 28)

    def own_part(self, first: int, last: int) -> int:
        """Return the end of the negated part of a list: "no stenosis at L4-5, L5-S1 bulge" is about L4-5."""
        if first == last or not _NEW_STATEMENT.match(self.low, self.members[last].end):
            return last
        gap = self.low[self.members[last - 1].end : self.members[last].start]
        return last - 1 if _COMMA.match(gap) and not gap.strip(",， \n") else last

    def negate_subject(self, behind: int, cue: Cue) -> bool:
        """Negate the list before the cue; return whether the cue spoke of it."""
        start, end, kind, value = cue
        members, low, last = self.members, self.low, behind - 1
        if last < 0 or value == "pre" or not 0 <= start - members[last].end <= 100:
            return False
        first = first_of_list(members, last)
        gap = low[members[last].end : start]
        if self.is_cut(members[last].end, start) or (
            _COMMA.search(gap) and not _SUBJECT_COMMA.fullmatch(gap)
        ):
            return False
        if kind is ABSENT:
            self.negate(first, last)
            return True
        if _finding().search(gap) or self.has_finding_before(first):
            return False
        next_start = members[behind].start if behind < len(members) else len(low)
        if not self.has_finding_behind(end, next_start, is_heading=gap.lstrip().startswith(":")):
            self.negate(first, last)
        return True

    def has_finding_before(self, first: int) -> bool:
        """Whether the clause has a finding (or an exception) before the list: "fusion at L4-5 is intact"."""
        start = self.members[first].start
        since = max(self.members[first - 1].end if first else 0, start - 80)
        for pattern in (_CLAUSE_END, _AND) if first else (_CLAUSE_END,):
            for match in pattern.finditer(self.low, since, start):
                since = match.end()
        place = bisect_left(self.borders, since)
        if place < len(self.borders) and self.borders[place] < start:
            return bool(_EXCEPT.search(self.low[since:start]))
        return bool(_finding().search(self.low, since, start))

    def has_finding_behind(self, end: int, next_start: int, is_heading: bool) -> bool:
        """Whether a later clause names a finding and no level, so that it speaks of the same level.

        Behind a heading ("L4-5: no stenosis. Mild bulge.") later sentences of the line count as well.
        """
        low, stop_at = self.low, min(next_start, end + _REACH)
        stop = (_LINE_END if is_heading else _SENTENCE_END).search(low, end, stop_at)
        runs_into_level = stop is None and next_start <= end + _REACH and next_start < len(low)
        last = stop.start() if stop else stop_at
        for listed in _OR.finditer(low, end, last):  # no bulge, stenosis, or narrowing: one negated list
            end = listed.end()
        edges = [match.end() for match in _CLAUSE_END.finditer(low, end, last)]
        edges += self.borders[bisect_left(self.borders, end) : bisect_left(self.borders, last)]
        edges = [*sorted(edges), last]
        for begin, finish in pairwise(edges):
            if finish == last and runs_into_level:
                return False
            place = bisect_left(self.polar, (begin,))
            is_negated = place < len(self.polar) and self.polar[place][0] < finish
            if not is_negated and _finding().search(low, begin, finish):
                return True
        return False


def _is_number_sign(low: str, start: int) -> bool:
    """Whether "no" abbreviates "number": no. 4."""
    return low.startswith("no.", start) and low[start + 3 : start + 5].strip()[:1].isdigit()


def _passes_commas(gap: str) -> bool:
    """Whether a "no" reaches over the commas of "no fracture, listhesis or stenosis at"."""
    commas = list(_COMMA.finditer(gap))
    if not commas:
        return True
    last_part = gap[commas[-1].end() :]
    return bool(_GOES_ON.search(last_part)) and not _STATES.search(last_part)


def last_of_list(members: list[Member], place: int) -> int:
    """Return the index of the last member of the list that a member belongs to."""
    while place + 1 < len(members) and members[place + 1].group == members[place].group:
        place += 1
    return place


def first_of_list(members: list[Member], place: int) -> int:
    """Return the index of the first member of the list that a member belongs to."""
    while place > 0 and members[place - 1].group == members[place].group:
        place -= 1
    return place


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
    if behind == 0 or behind == len(members):
        return max(behind - 1, 0)
    before, after = members[behind - 1].end, members[behind].start
    if start - before < 2 or after - end < 2:
        return behind - 1 if start - before < 2 else behind
    is_cut_behind = _CLAUSE_END.search(low, end, min(after, end + _REACH)) is not None
    if not is_cut_behind and _OPENS_CLAUSE.search(low[max(before, start - 12) : start]):
        return behind
    is_cut_before = _CLAUSE_END.search(low, max(before, start - _REACH), start) is not None
    cost_before, cost_behind = start - before + 1000 * is_cut_before, after - end + 1000 * is_cut_behind
    return behind if cost_behind < cost_before else behind - 1


def _spread_sides(members: list[Member], found: dict[int, list[str]]) -> None:
    lists: dict[int, list[int]] = {}
    for place, values in found.items():
        members[place].side = one_side(values)
        lists.setdefault(members[place].group, []).append(place)
    for places in lists.values():
        if len(places) == 1:  # one side for the whole list
            place = places[0]
            for member in members[first_of_list(members, place) : last_of_list(members, place) + 1]:
                member.side = members[place].side


def one_side(sides: Iterable[str | None]) -> str | None:
    """Return the side that several words name together: left and right are both; central yields to a side.

    >>> one_side(["left", "right"]), one_side(["central", "left"]), one_side([None])
    ('both', 'left', None)
    """
    named = set(sides)
    if len(named) == 1:
        return named.pop()
    if "both" in named or {"left", "right"} <= named:
        return "both"
    return next((side for side in ("left", "right", "central") if side in named), None)
