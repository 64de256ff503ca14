"""Which findings a text states: site, finding, grade, side, and whether it is there or denied.

English and Chinese, clause by clause. Levels come from `level_grammar`, words from `finding_words`, and what
belongs together from `finding_scope`. What is only asked, feared or planned ("if", "risk of", "rule out") is
no statement. Standard library only, so that metric folders can carry it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from .finding_modifiers import modifiers_of
from .finding_scope import (
    Hit,
    bind_modifiers,
    group_of,
    groups_of,
    hits_of,
    mark_denials,
    pairs_of,
    runs_of,
)
from .finding_words import CLAUSE_END, CURVES, SCALES, SIDED, FindingName, is_healthy
from .level_grammar import Mention, parse_levels
from .levels import Level, Site, below


class Statement(NamedTuple):
    """One finding at one site as a text states it; "" where it tells no grade or side.

    `side` is left, right, both, central or ""; `grade` is spelled as in `records.Finding`.
    """

    site: str
    finding: FindingName
    grade: str = ""
    side: str = ""
    present: bool = True


def read_findings(text: str) -> tuple[Statement, ...]:
    """Return what a text states, sites from the head down, each (site, finding, side) once; never raises.

    A finding that is stated in one place and denied in another is stated. Findings without a site are left
    out. Time grows with the length of the text.

    >>> [tuple(one) for one in read_findings("L4/5: left foraminal disc extrusion without canal stenosis.")]
    [('L4-L5', 'herniation', 'extrusion', 'left', True), ('L4-L5', 'canal_stenosis', '', '', False)]
    >>> read_findings("L5/S1椎间盘退变，Pfirrmann Ⅳ级。")[0]
    Statement(site='L5-S1', finding='disc_degeneration', grade='4', side='', present=True)
    """
    found: list[Statement] = []
    for sentence, context in sentences(text):
        found.extend(statements_of(sentence, context))
    return merged(found)


_ROMAN: Final = {0x2160 + place: numeral for place, numeral in enumerate(["I", "II", "III", "IV", "V"])}
_MARKS: Final = re.compile(r"^[\s>*#•·–-]+|\*\*|^\s*\d{1,2}[.)、](?!\d)\s*")
_HEADING: Final = re.compile(
    r"^[^:：]{1,40}[:：]|^(?:at|on) (?:the )?[^,.:，。]{2,24}?(?= level|,| there)", re.IGNORECASE
)
_HERE: Final = re.compile(
    r"\b(?:this|that|same|these) (?:levels?|segments?|dis[ck]s?|vertebra\w*)\b"
    r"|^(?:associated|resulting|there is)\b"
    r"|该(?:节段|平面|水平|椎体|椎间盘)|(?:同一|本)(?:节段|平面)|^相应",
    re.IGNORECASE,
)
_LONGEST: Final = 600  # characters of a sentence
_CONDITION: Final = re.compile(r"(?:if|unless|whether|should|what if|in case)\b|如|若|要是", re.IGNORECASE)
_NOT_STATED: Final = re.compile(
    r"\b(?:if|unless|whether|rule out|to exclude|risk of|risks|watch for|in case of|should|would"
    r"|cannot be excluded"
    r"|recommend\w*|what if|history of|clinical(?:ly)? suspicion|question of|may develop)\b|\?|？"
    r"|如果|要是|若|是否|排除|风险|警惕|建议|可能出现|不除外|病史",
    re.IGNORECASE,
)


def sentences(text: str) -> Iterator[tuple[str, list[Mention]]]:
    """Yield each sentence that may state a finding and the sites it stands under: a heading, "this level"."""
    headed: list[Mention] = []
    for line in text.translate(_ROMAN).split("\n"):
        line = _MARKS.sub("", re.sub(r"[ \t\u3000]+", " ", line)).strip()
        if not line:
            headed = []
            continue
        sites = _sites_of_heading(line)
        if sites and line.endswith((":", "：")):
            headed = sites
            continue
        under, last = sites or headed, list[Mention]()
        for piece in _pieces(line):
            stated = _stated_part(piece)
            if stated:
                yield stated, under or (last if _HERE.search(piece) else [])
            last = list(sites_in(piece)) or last


def _pieces(line: str) -> Iterator[str]:
    """Yield the sentences of a line; what is longer than any sentence is cut, so that time stays linear."""
    for sentence in CLAUSE_END.split(line):
        for start in range(0, len(sentence), _LONGEST):
            yield sentence[start : start + _LONGEST]


def _stated_part(sentence: str) -> str:
    """Return a sentence without the clauses that only ask, fear or plan; "" if it opens with a condition."""
    if not sentence or not _NOT_STATED.search(sentence):
        return sentence
    if _CONDITION.match(sentence):
        return ""
    return ", ".join(clause for clause in re.split(r"[,，]", sentence) if not _NOT_STATED.search(clause))


def _sites_of_heading(line: str) -> list[Mention]:
    heading = _HEADING.match(line)
    if heading is None or hits_of(heading.group()):
        return []
    return sites_in(heading.group())


def sites_in(text: str) -> list[Mention]:
    """Return the vertebrae and segments that a text names, roots and regions left out."""
    return [one for one in parse_levels(text).mentions if ":" not in one.site]


def statements_of(sentence: str, context: Sequence[Mention] = ()) -> Iterator[Statement]:
    """Yield what one sentence states; `context` are the sites that it stands under if it names none."""
    hits = hits_of(sentence)
    if not hits:
        return
    sites = sites_in(sentence)
    groups = groups_of(sentence, sites, hits)
    bind_modifiers(sentence, modifiers_of(sentence), hits)
    mark_denials(sentence, hits, groups)
    _share_grades(hits, sites)
    for hit in hits:
        group = group_of(sentence, hit, groups, hits) or list(context)
        if hit.finding in CURVES:
            group = _curve_site(sentence, hit, group)
        elif hit.finding == "transitional":
            group = _transitional(sentence, hit, group)
        own_sides = len(hits) == 1 and len({one.side for one in group}) > 1
        for run in runs_of(group):
            for site, mention in _fitting(hit.finding, run):
                yield from _stated(hit, site, mention, len(hits) == 1 and bool(sites), own_sides)


def _stated(hit: Hit, site: str, mention: Mention, alone: bool, own_sides: bool) -> Iterator[Statement]:
    denied = hit.denied or (alone and mention.polarity == "negative")
    for written, side in pairs_of(hit):
        grade = _LEE.get(written, written) if hit.finding == "foraminal_stenosis" else written
        if own_sides and hit.finding in SIDED:
            side = mention.side or ""
        healthy = is_healthy(hit.finding, grade)
        present = not denied and not healthy
        yield Statement(
            site, hit.finding, grade if present or healthy else "", side if present else "", present
        )


def _share_grades(hits: Sequence[Hit], sites: Sequence[Mention]) -> None:
    """Give the grade of "Pfirrmann IV" to the "disc degeneration" beside it: both name one finding."""
    for one, other in pairwise(hits):
        parted = any(one.end <= site.start < other.start for site in sites)
        if one.finding == other.finding and not parted and bool(one.grades) != bool(other.grades):
            one.grades = other.grades = one.grades or other.grades


_LEE: Final = {"none": "0", "mild": "1", "moderate": "2", "severe": "3"}
_AT_SEGMENTS: Final[frozenset[FindingName]] = frozenset(
    {"disc_degeneration", "herniation", "canal_stenosis", "recess_stenosis", "foraminal_stenosis", "slip",
     "modic_change", "spondylodiscitis", "bridging", "cage"}
)  # fmt: skip
_AT_VERTEBRAE: Final[frozenset[FindingName]] = frozenset({"fracture", "height_loss", "metastasis", "screws"})


def _fitting(finding: FindingName, run: Sequence[Mention]) -> Iterator[tuple[str, Mention]]:
    """Yield sites of a finding's kind: discs of L3 to S1 are three, a fracture of T12-L1 is two vertebrae."""
    sites = [Site.parse(one.site) for one in run]
    if finding in _AT_SEGMENTS and len(sites) > 1 and not any(site.is_segment for site in sites):
        for upper, lower, one in zip(sites, sites[1:], run, strict=False):
            if are_neighbours(upper.upper, lower.upper):
                yield f"{upper}-{lower}", one
        return
    for site, one in zip(sites, run, strict=True):
        if finding == "slip" and not site.is_segment and site.upper is not Level.Co:
            yield _below(site.upper), one
        elif finding in _AT_VERTEBRAE and site.lower is not None:
            yield site.upper.value, one
            yield site.lower.value, one
        else:
            yield (site.upper.value if finding == "pars_defect" else str(site)), one


def are_neighbours(upper: Level, lower: Level) -> bool:
    """Tell whether two levels make a motion segment in some numbering.

    >>> are_neighbours(Level.L5, Level.S1), are_neighbours(Level.L3, Level.L5)
    (True, False)
    """
    try:
        Site(upper, lower)
    except ValueError:
        return False
    return True


def _below(level: Level) -> str:
    if level in (Level.T13, Level.L6):
        return f"{level.value}-{'L1' if level is Level.T13 else 'S1'}"
    return f"{level.value}-{below(level).value}"


_APEX: Final = re.compile(
    r"\bapex\w*,?(?: (?:at|is|of|around))*(?: the)? ([^\s,.;()]{2,9})|顶椎(?:位于|为|在)?([^\s，。；、]{2,5})"
)


def _curve_site(sentence: str, hit: Hit, group: list[Mention]) -> list[Mention]:
    """Return the apex of a scoliosis, or the first vertebra of a curve that is measured."""
    apex = _APEX.search(sentence)
    if hit.finding == "scoliosis" and apex:
        return sites_in("".join(part or "" for part in apex.groups()))[:1]
    return [] if hit.finding == "scoliosis" and not hit.denied else group[:1]


_VARIANTS: Final = (
    ("L5_sacralised", "L5", re.compile(r"sacrali[sz]|骶化", re.IGNORECASE)),
    ("L6", "L6", re.compile(r"\bL6\b|\bsix\b|sixth|lumbari[sz]|六|腰6|腰化", re.IGNORECASE)),
    ("T13", "T13", re.compile(r"\bT13\b|thirteen|十三|胸13", re.IGNORECASE)),
    ("L4_only", "L4", re.compile(r"\bfour\b|四个", re.IGNORECASE)),
)


def _transitional(sentence: str, hit: Hit, group: list[Mention]) -> list[Mention]:
    """Set which variant a sentence means, and return its site."""
    for grade, site, words in _VARIANTS:
        if words.search(sentence) and not hit.denied:
            hit.grades = [grade]
            return [Mention(site, hit.start, hit.end, "positive", None)]
    return group[:1]


def merged(found: Sequence[Statement]) -> tuple[Statement, ...]:
    """Return statements without repetition: stated beats denied, worse beats better, told beats untold.

    >>> one, two = Statement("L4", "fracture", "", "", False), Statement("L4", "fracture", "A1")
    >>> merged([one, two]) == (two,)
    True
    """
    groups: dict[tuple[str, FindingName], list[Statement]] = {}
    for one in found:
        groups.setdefault((one.site, one.finding), []).append(one)
    kept = [one for group in groups.values() for one in _merged_group(group)]
    order = {key: place for place, key in enumerate(dict.fromkeys((one.finding) for one in kept))}
    return tuple(sorted(kept, key=lambda one: (_place(one.site), order[one.finding])))


def _merged_group(group: Sequence[Statement]) -> Iterator[Statement]:
    stated = [one for one in group if one.present]
    if not stated:
        yield next((one for one in group if one.grade), group[0])
        return
    grade = _worst(group[0].finding, [one.grade for one in stated])
    sides = list(dict.fromkeys(one.side for one in stated if one.side)) or [""]
    if len(sides) > 1 and "central" in sides:
        sides.remove("central")
    for side in sides:
        own = _worst(group[0].finding, [one.grade for one in stated if one.side == side]) or grade
        yield stated[0]._replace(grade=own, side=side)


def _worst(finding: FindingName, grades: Sequence[str]) -> str:
    """Return the worst of several grades that a text gives one finding (a slip differs between positions)."""
    scale = SCALES.get(finding, ())
    told = [grade for grade in grades if grade]
    return max(told, key=lambda grade: scale.index(grade) if grade in scale else -1, default="")


def _place(site: str) -> tuple[int, bool]:
    parsed = Site.parse(site)
    return parsed.upper.order, parsed.is_segment
