"""What belongs to which finding inside one sentence: sites, sides, grades and denials.

A sentence is read as a row of hits (words that name a finding), groups of sites, and modifiers. Rules: a
finding goes with the sites before it, or with those behind it where "at", "of" or "in" leads there; a
modifier goes with the finding behind it unless a comma or "with" stands between. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from .finding_modifiers import Modifier
from .finding_words import READ_WORDS, SIDED, FindingName
from .level_grammar import Mention

REACH: Final = 160  # characters over which a denial is looked for


@dataclass(slots=True)
class Hit:
    """One word that names a finding, `text[start:end]`, its shared tail up to `tail`, what belongs to it."""

    finding: FindingName
    start: int
    end: int
    tail: int
    denied: bool = False
    grades: list[str] = field(default_factory=list)
    sides: list[str] = field(default_factory=list)


def hits_of(text: str) -> list[Hit]:
    """Return what names a finding in a sentence, in order; of two that overlap the longer one.

    >>> [(hit.finding, hit.start, hit.end) for hit in hits_of("canal and foraminal stenosis")]
    [('canal_stenosis', 0, 5), ('foraminal_stenosis', 10, 19)]
    """
    found = []
    for name, words in READ_WORDS.items():
        for match in words.finditer(text):
            tails = [match.end(group) for group in range(1, words.groups + 1) if match.start(group) >= 0]
            found.append(Hit(name, match.start(), match.end(), max([match.end(), *tails])))
    found.sort(key=lambda hit: (hit.start, hit.start - hit.end))
    kept: list[Hit] = []
    for hit in found:
        if kept and hit.start < kept[-1].end:
            if hit.end - hit.start > kept[-1].end - kept[-1].start:
                kept[-1] = hit
            continue
        kept.append(hit)
    return kept


_JOINS: Final = re.compile(
    r"(?:[\s,，、/&()（）;-]|\band\b|\bor\b|\bto\b|\bat\b|\bleft\b|\bright\b|\bbilateral\b|\bboth\b|>"
    r"|\bon the\b"
    r"|\blevels?\b|\bvertebra\w*|\bdis[ck]s?\b|\bbod(?:y|ies)\b"
    r"|[左右双]侧?|及|和|与|或"
    r"|椎体|椎间盘|平面|节段|水平)*",
    re.IGNORECASE,
)


def groups_of(text: str, sites: Sequence[Mention], hits: Sequence[Hit]) -> list[list[Mention]]:
    """Return the sites in lists: sites with nothing but joiners and sides between stand together."""
    groups: list[list[Mention]] = []
    for one in sites:
        if groups:
            last = groups[-1][-1]
            gap = text[last.end : one.start] if one.start >= last.end else ""
            parted = any(last.end <= hit.start < one.start for hit in hits)
            if not parted and _JOINS.fullmatch(gap) and not gap.startswith(";"):
                groups[-1].append(one)
                continue
        groups.append([one])
    return groups


_LEADS_ON: Final = re.compile(
    r"(?:^|[\s(])(?:at|of|in|on|within|from|involving|affecting)\s+(?:both\s+|the\s+|each\s+)*"
    r"(?:(?:levels?|right|left|bilateral|upper|lower|superior|inferior|anterior|posterior|central|body|bodies"
    r"|vertebra\w*|dis[ck]s?|endplates?|aspect|side|corner|neural|foramen|spaces?|and|of|at|the|in)\s+)*$",
    re.IGNORECASE,
)
_BREAK: Final = re.compile(r"[,;，；。]|\bwith\b|\band\b|\bwhile\b|\bbut\b|\bwhereas\b|伴|合并|但")


def group_of(text: str, hit: Hit, groups: Sequence[list[Mention]], hits: Sequence[Hit]) -> list[Mention]:
    """Return the sites that a finding is stated of; empty where the sentence names none."""
    before = [group for group in groups if group[0].start < hit.start]
    behind = [group for group in groups if group[0].start >= hit.start]
    if not before or not behind:
        return before[-1] if before else (behind[0] if behind else [])
    past, following = before[-1], behind[0]
    gap = text[hit.tail : following[0].start]
    last = _last_before(hits, following[0].start)
    if not _LEADS_ON.search(text[last.tail : following[0].start]):
        return past
    parted = _BREAK.search(text[past[-1].end : hit.start])
    if last is hit:
        return following if parted or not _adjacent(text, past, hit) else past
    listed = parted and not re.search(r"[;；。]|\bwith\b|伴", gap) and _is_list(gap)
    return following if listed else past


def _last_before(hits: Sequence[Hit], place: int) -> Hit:
    return [hit for hit in hits if hit.start < place][-1]


def _adjacent(text: str, group: Sequence[Mention], hit: Hit) -> bool:
    """Whether a finding stands right behind its site: "L4-5 disc protrusion at ..."."""
    return len(text[group[-1].end : hit.start].split()) <= 3


def _is_list(gap: str) -> bool:
    return "," not in gap or bool(re.search(r"\b(?:and|or)\b", gap))


_MODIFIER_WORDS: Final = re.compile(
    r"\b(?:mild|minimal|slight|moderate|severe|marked|left|right|bilateral|both|central|to|grade|the)\b"
    r"|\d|[轻中重]度|[左右双]侧?|[>()]",
    re.IGNORECASE,
)
_STOPS: Final = re.compile(
    r"[,;，；。(（]|\bwith\b|\band\b|\bor\b|\bbut\b|\bof\b|\bcausing\b|\bat\b|\bresulting\b|伴|合并|及|和|与|、|致"
)


def bind_modifiers(text: str, modifiers: Sequence[Modifier], hits: Sequence[Hit]) -> None:
    """Give each modifier to the finding that it speaks of, in order.

    The side of a nerve root is that of a herniation before it if no other is told.
    """
    for one in modifiers:
        if one.kind == "root":
            continue
        hit = _hit_of(text, one, hits)
        if hit is None:
            continue
        if hit.finding not in one.only:
            continue
        (hit.grades if one.kind == "grade" else hit.sides).append(one.value)
    for one in modifiers:
        before = [hit for hit in hits if hit.finding == "herniation" and hit.end <= one.start]
        if one.kind == "root" and before and not before[-1].sides:
            before[-1].sides.append(one.value)


def _hit_of(text: str, one: Modifier, hits: Sequence[Hit]) -> Hit | None:
    touching = [
        hit for hit in hits if hit.start < one.end and one.start < hit.end and hit.finding in one.only
    ]
    if touching:
        return touching[0]
    inside = [hit for hit in hits if hit.start <= one.start and one.end <= hit.tail]
    if inside and not any(one.end <= hit.start < inside[-1].tail for hit in hits):
        return _first_fit(inside[::-1], one)
    before = [hit for hit in hits if hit.end <= one.start]
    behind = [hit for hit in hits if hit.start >= one.end]
    if behind and not (before and text[max(0, one.start - 4) : one.start].lower() == "the "):
        gap = _MODIFIER_WORDS.sub("", text[one.end : behind[0].start]).strip()
        bare = gap.strip(" ,") in ("", "and", "及", "和", "或", "or")
        if (bare and not gap.startswith(",")) or not _STOPS.search(gap):
            return behind[0]
    if before:
        return _first_fit(before[::-1], one) if one.kind == "side" else before[-1]
    return behind[0] if behind else None


def _first_fit(hits: Sequence[Hit], one: Modifier) -> Hit:
    return next((hit for hit in hits if hit.finding in one.only), hits[0])


_DENIAL: Final = re.compile(
    r"\b(?:no|not|without|neither|nor|absence of|negative for|free of|lack of|denies|w/o)\b"
    r"(?! (?:significant |interval |longer |further )*(?:change|longer|only|changed)\b)"
    r"|未见|未及|未发现|未显示|未提示|没有|无(?!法|菌|力|症)|不伴|否认",
    re.IGNORECASE,
)
_ENDS_DENIAL: Final = re.compile(
    r"[;；。:：]|\b(?:but|however|although|except|other than|apart from|there (?:is|are)|shows?|causing"
    r"|resulting|due to|with(?! no)|while|whereas|demonstrates?)\b|但|而|伴|可见|合并|除",
    re.IGNORECASE,
)
_DENIED_BEHIND: Final = re.compile(
    r"[^,;，；。]{0,40}?(?:\b(?:is|are|was|were) (?:not|absent|excluded|ruled out|normal)\b"
    r"|\bnot (?:seen|identified|present|evident|demonstrated|noted|shown)\b|\babsent\b"
    r"|\b(?:has|have) (?:since )?resolved\b"
    r"|: ?(?:none|no|absent|negative)\b)"
    r"|[^,;，；。]{0,6}(?:阴性|未见|无异常|正常|不明显)",
    re.IGNORECASE,
)
_NORMAL_CORD: Final = re.compile(r"\bnormal (?:\w+ )?$", re.IGNORECASE)


def mark_denials(text: str, hits: Sequence[Hit], groups: Sequence[list[Mention]]) -> None:
    """Set `denied` of the hits that a "no", "without" or 未见 before or behind them speaks of."""
    cues = [(match.start(), match.end()) for match in _DENIAL.finditer(text)]
    for place, hit in enumerate(hits):
        stop = hits[place + 1].start if place + 1 < len(hits) else len(text)
        within = text[hit.start : hit.tail]
        hit.denied = (
            any(_reaches(text, end, hit, groups) for start, end in cues if end <= hit.start)
            or bool(_DENIAL.search(within))
            or bool(_DENIED_BEHIND.match(text[hit.tail : max(hit.tail, stop)]))
            or (hit.finding == "cord_signal" and bool(_NORMAL_CORD.search(text[: hit.start])))
        )


def _reaches(text: str, end: int, hit: Hit, groups: Sequence[list[Mention]]) -> bool:
    """Whether a denial that ends at `end` speaks of a hit behind it."""
    gap = text[end : hit.start]
    if len(gap) > REACH or _ENDS_DENIAL.search(gap):
        return False
    if re.search(r"[,，]", gap):
        rest = text[end : end + REACH]
        listed = re.search(r"\b(?:or|nor)\b|或|及", re.split(r"[;；。]|\bbut\b|但", rest)[0])
        between = any(end <= group[0].start < hit.start for group in groups)
        return bool(listed) and (not between or bool(re.search(r"\bor\b|或", gap)))
    parted = any(end <= group[0].start < hit.start for group in groups)
    return not (parted and re.search(r"\band\b", gap))


def pairs_of(hit: Hit) -> list[tuple[str, str]]:
    """Return (grade, side) of a hit: two sides with two grades are told apart, else one pair.

    >>> pairs_of(Hit("foraminal_stenosis", 0, 1, 1, False, ["mild", "severe"], ["left", "right"]))
    [('mild', 'left'), ('severe', 'right')]
    """
    sides = list(dict.fromkeys(hit.sides))
    if hit.finding not in SIDED:
        sides = []
    if len(sides) == 2 and len(hit.grades) == 2 and set(sides) == {"left", "right"}:
        return list(zip(hit.grades, sides, strict=True))
    grade = hit.grades[-1] if hit.grades else ""
    return [(grade, side_of(sides))]


def side_of(sides: Sequence[str]) -> str:
    """Return one side for several words: left and right are both; central yields to a side.

    >>> side_of(["left", "right"]), side_of(["central", "left"]), side_of([])
    ('both', 'left', '')
    """
    named = set(sides)
    if "both" in named or {"left", "right"} <= named:
        return "both"
    return next((side for side in ("left", "right", "central") if side in named), "")


def runs_of(sites: Sequence[Mention]) -> list[list[Mention]]:
    """Return the mentions of one written range together: those with the same place in the text."""
    runs: list[list[Mention]] = [[one] for one in sites[:1]]
    for last, one in pairwise(sites):
        if (one.start, one.end) == (last.start, last.end):
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs
