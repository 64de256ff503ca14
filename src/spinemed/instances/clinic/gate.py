"""The gate: every level, side, grade and number of a consultation or report must stand in the findings.

The level parser reads each clause; the words of `lexicon` say which pathology, grade and side it states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.facts.planning import cite
from spinemed.instances.clinic.case import rejected
from spinemed.instances.clinic.dermatomes import root_hit
from spinemed.instances.clinic.describe import has_four_lumbar, is_lumbar
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.further import further_needs, moving_slips, other_narrow_levels
from spinemed.instances.clinic.history import contradiction
from spinemed.instances.clinic.lexicon import (
    APEX,
    BOTH,
    CLAUSE_END,
    COBB,
    CONDITION,
    COUNTED,
    CURVES,
    DETAIL_WORDS,
    DOSE,
    GRADE_WORDS,
    LEFT,
    NEGATED,
    NUMBERS,
    PATHOLOGY_WORDS,
    RIGHT,
    SAME,
    SIDED,
)
from spinemed.instances.clinic.limits import implant_sites
from spinemed.instances.clinic.problem import is_abnormal
from spinemed.instances.clinic.report import SECTIONS, parse_sections, sources_named
from spinemed.level_grammar import Mention, parse_levels
from spinemed.levels import Level, Site
from spinemed.records import Finding, Pathology, Reject


@dataclass(frozen=True)
class Clause:
    """One clause of a text with what is read from it: sites, roots, pathologies and sides."""

    text: str
    sites: tuple[Mention, ...]
    roots: tuple[Mention, ...]
    pathologies: tuple[Pathology, ...]
    sides: frozenset[str]


def checked(draft: Draft, facts: CaseFacts) -> Draft | Reject:
    """Return the draft if all that it states is supported, otherwise a Reject with the first fault."""
    wrong = fault(draft, facts)
    if not wrong:
        return draft
    fix = "mend the wording in instances/clinic/*.yaml, or the findings that contradict each other"
    return rejected(facts, f"{draft.task}:{draft.language}", f"{draft.kind} ({draft.language}): {wrong}", fix)


def fault(draft: Draft, facts: CaseFacts) -> str:
    """Return the first thing that a draft states and the facts do not support, "" where there is none."""
    wrong = contradiction(draft.clinical, facts, draft.problem)
    if wrong:
        return wrong
    support = Support(facts, draft)
    for message in draft.messages:
        # A reference may hold words such as "Right"; it is the table's own text, not a statement.
        for clause in clauses(_without_references(message.content, draft.plan.source)):
            wrong = support.fault(clause)
            if wrong:
                return f"{wrong}: {clause.text!r}"
        dose = DOSE.search(message.content)
        if dose:
            return f"a drug dose is given: {dose.group()!r}"
    return _sections_fault(draft, facts) if draft.task == "report" else ""


def _without_references(text: str, source: str) -> str:
    """Return a text without the references that it quotes: the plan's own and those that steps name."""
    for key in (source, *sources_named(text)):
        text = text.replace(cite(key), "")
    return text


def clauses(text: str) -> Iterator[Clause]:
    """Yield the clauses of a text with what the parser and the lexicon read from each."""
    for piece in CLAUSE_END.split(text):
        if piece and piece.strip() and not piece.lstrip().startswith("#"):
            yield _read_clause(piece)


@lru_cache(maxsize=4096)
def _read_clause(piece: str) -> Clause:
    """Return what one clause says; drafts of all patients share many of theirs."""
    mentions = parse_levels(piece).mentions
    return Clause(
        text=piece.strip(),
        sites=tuple(one for one in mentions if ":" not in one.site),
        roots=tuple(one for one in mentions if one.site.startswith("root:")),
        pathologies=tuple(name for name, words in PATHOLOGY_WORDS.items() if words.search(piece)),
        sides=_sides(piece),
    )


_AXIAL: Final = re.compile("axial|轴位")
"""The request names the levels that axial pictures run through."""
_SACRUM: Final = "S1"
_UPPER_SACRUM: Final = re.compile("upper part of the sacrum|骶骨上部")
"""How texts name what is counted as S1: it is not shown completely."""


class Support:
    """What the facts of one case allow a clause to state."""

    def __init__(self, facts: CaseFacts, draft: Draft) -> None:
        self.limb_side = draft.clinical.limb_side
        self.ill = [one for one in facts.findings if is_abnormal(one)]
        self.seen = {one.site for one in facts.findings}
        if has_four_lumbar(facts.findings):
            self.seen.add("L5")  # Texts name it to say that it does not exist.
        self.curves = [one for one in facts.findings if one.pathology in CURVES]
        self.by_place: dict[tuple[Pathology, str], list[Finding]] = {}
        for one in facts.findings:
            if one.pathology not in CURVES:
                self.by_place.setdefault((one.pathology, one.site), []).append(one)
        implants = {one.site for one in self.ill if one.pathology in ("cage", "screws")}
        needs = further_needs(draft.problem, draft.clinical.age, draft.clinical.t_score is not None)
        self.meant = {*draft.problem.sites, *implants, *_span(implant_sites(facts)), *moving_slips(facts)}
        self.meant |= {site for need in needs for site in need.sites}
        self.meant |= {*other_narrow_levels(draft.problem)}
        axial = [one for one in facts.findings if one.evidence.plane == "axial"]
        self.through = {one.site for one in axial if one.id in draft.pictures}
        self.roots: dict[str, set[tuple[str, str]]] = {}
        for one in self.ill:
            if root_hit(one):
                self.roots.setdefault(root_hit(one), set()).add((one.site, one.side or ""))

    def fault(self, clause: Clause) -> str:
        """Return what a clause states without support, "" where all is supported."""
        if clause.sites and clause.pathologies:
            return self._stated(clause)
        return (
            self._named(clause)
            or self._apex(clause)
            or self._roots(clause)
            or self._free_sides(clause)
            or self._denied(clause)
        )

    def _named(self, clause: Clause) -> str:
        """Levels without a pathology: the leading finding, implants, or which vertebrae are seen."""
        counted = COUNTED.search(clause.text) is not None
        for one in clause.sites:
            if one.site not in self.seen | self.meant and not self._in_curve(one.site):
                return f"{one.site} has no finding"
            if one.site == _SACRUM and _UPPER_SACRUM.search(clause.text):
                return "S1 is named beside the upper part of the sacrum, which it is"
            if one.site in self.through and _AXIAL.search(clause.text):
                continue
            if one.site not in self.meant and not (counted and "-" not in one.site):
                return f"{one.site} is named, but the plan and the complaint are about {sorted(self.meant)}"
        return ""

    def _stated(self, clause: Clause) -> str:
        """Sites with pathologies: each site has one of them, each pathology one of the sites, as written."""
        for one in clause.sites:
            if not any(self._findings(one, pathology, clause) for pathology in clause.pathologies):
                return f"{one.polarity} {'/'.join(clause.pathologies)} at {one.site} is not in the findings"
        meant: list[Finding] = []
        for pathology in clause.pathologies:
            here = [one for site in clause.sites for one in self._findings(site, pathology, clause)]
            if not here:
                return f"no {pathology} is found at the sites named"
            meant += here
        if all(one.polarity == "negative" for one in clause.sites):
            return ""
        return self._grades(clause) or self._numbers(clause, meant) or self._roots(clause)

    def _findings(self, mention: Mention, pathology: Pathology, clause: Clause) -> list[Finding]:
        """Return the findings that bear out one mention: abnormal ones, or for a denial normal ones alone.

        Where the clause names sides, findings of other sides are left out.
        """
        here = list(self.by_place.get((pathology, mention.site), ()))
        here += [one for one in self.curves if one.pathology == pathology and _covers(one, mention.site)]
        if mention.polarity == "negative":
            return [] if any(is_abnormal(one) for one in here) else here
        if clause.sides and pathology in SIDED:
            here = [one for one in here if one.side in clause.sides]
        return [one for one in here if is_abnormal(one) or pathology in CURVES]

    def _grades(self, clause: Clause) -> str:
        """Every site named must have the grade and the detail that are written, and no other be written."""
        for pathology in clause.pathologies:
            for words in (GRADE_WORDS, DETAIL_WORDS):
                read = _read(words, pathology, clause.text)
                have: set[str] = set()
                for site in clause.sites:
                    mine = [_written(one, words) for one in self._findings(site, pathology, clause)]
                    if read and mine and not read & set(mine):
                        return f"{pathology} at {site.site} is written {sorted(read)}, found {sorted(mine)}"
                    have |= set(mine)
                if read - have:
                    return f"{pathology} is written {sorted(read)}, found {sorted(have)}"
        return ""

    def _numbers(self, clause: Clause, meant: Sequence[Finding]) -> str:
        values = {round(abs(one.value)) for one in meant if one.value is not None}
        for number in NUMBERS.findall(clause.text):
            if round(float(number)) not in values:
                return f"the number {number} is not measured here ({sorted(values)})"
        return self._apex(clause) or self._sides(clause)

    def _apex(self, clause: Clause) -> str:
        """The apex and the Cobb angle that a clause names must be those of a curve."""
        curves = [one for one in self.ill if one.pathology == "scoliosis"]
        named = {site for hit in APEX.findall(clause.text) for site in parse_levels("".join(hit)).levels}
        if named - {one.site for one in curves}:
            return f"the apex is written {sorted(named)}"
        angles = {int(number) for number in COBB.findall(clause.text)}
        if curves and angles - {round(one.value or 0.0) for one in curves}:
            return f"the Cobb angle is written {sorted(angles)}"
        return ""

    def _sides(self, clause: Clause) -> str:
        """Sides of a clause with sites: those of its sided findings, which must all be written."""
        sided = [
            one
            for one in self.ill
            if one.pathology in SIDED
            and one.pathology in clause.pathologies
            and any(_covers(one, site.site) for site in clause.sites)
        ]
        have = {one.side for one in sided if one.side in ("left", "right")}
        if not sided:
            return self._free_sides(clause)
        if clause.sides - have:
            return f"side {sorted(clause.sides)}, found {sorted(str(side) for side in have)}"
        if have and not clause.sides:
            return f"the side is missing ({sorted(str(side) for side in have)})"
        return ""

    def _roots(self, clause: Clause) -> str:
        """Roots must be compressed by a finding, on the sides and at the sites that the clause names."""
        for one in clause.roots:
            root = one.site.removeprefix("root:")
            if root not in self.roots:
                return f"no finding compresses root {root}"
            places = {place for place, _ in self.roots[root]}
            sides = {side for _, side in self.roots[root]}
            if not clause.sides <= sides:
                return f"root {root} is compressed on {sorted(sides)}, written {sorted(clause.sides)}"
            if {site.site for site in clause.sites} - places:
                return f"root {root} is compressed at {sorted(places)}"
        return ""

    def _free_sides(self, clause: Clause) -> str:
        """A side without a pathology: where the limb hurts, or a side of a finding at the sites named."""
        near = [
            one for one in self.ill if not clause.sites or any(_covers(one, m.site) for m in clause.sites)
        ]
        have = {one.side for one in near if one.side in ("left", "right")} | {self.limb_side}
        if not clause.sites and self.limb_side is not None:
            have = {self.limb_side}
        return f"side {sorted(clause.sides)} without a finding" if clause.sides - have else ""

    def _denied(self, clause: Clause) -> str:
        """A pathology denied without a level must be absent from all findings."""
        if clause.sites or CONDITION.search(clause.text):
            return ""
        for pathology in clause.pathologies:
            for match in PATHOLOGY_WORDS[pathology].finditer(clause.text):
                denied = NEGATED.search(clause.text[: match.start()])
                if denied and any(one.pathology == pathology for one in self.ill):
                    return f"{pathology} is denied but found"
        return ""

    def _in_curve(self, site: str) -> bool:
        return any(_covers(one, site) for one in self.curves)


def _span(levels: Sequence[str]) -> set[str]:
    """Return all vertebrae from the first to the last, as texts name the extent of implants."""
    known = [Level(level) for level in levels]
    return {level.value for level in Level if known and min(known) <= level <= max(known)}


def _covers(finding: Finding, site: str) -> bool:
    """Return whether a finding speaks of a site: its own, or for a curve one between its end vertebrae."""
    if finding.site == site:
        return True
    if finding.extent is None or finding.pathology not in CURVES:
        return False
    first, last = (Level(end) for end in finding.extent)
    return first <= Site.parse(site).upper <= last


def _written(finding: Finding, words: Mapping[Pathology, re.Pattern[str]]) -> str:
    """Return a finding's grade, or its detail for words of details; a herniation without one is central."""
    if words is GRADE_WORDS:
        words_of_lee = finding.pathology == "foraminal_stenosis" and not is_lumbar(finding)
        return ("none", "mild", "moderate", "severe")[int(finding.grade)] if words_of_lee else finding.grade
    return finding.detail or ("central" if finding.pathology == "herniation" else "")


def _read(words: Mapping[Pathology, re.Pattern[str]], pathology: Pathology, text: str) -> set[str]:
    pattern = words.get(pathology)
    if pattern is None:
        return set()
    found = set()
    for groups in pattern.findall(text):
        word = next(part for part in ((groups,) if isinstance(groups, str) else groups) if part)
        lowered = word if word.isupper() or not word.isascii() else word.lower()
        found.add(SAME.get(lowered, lowered))
    return found


def _sides(text: str) -> frozenset[str]:
    both = BOTH.search(text)
    left, right = both or LEFT.search(text), both or RIGHT.search(text)
    return frozenset([*(["left"] if left else []), *(["right"] if right else [])])


def _sections_fault(draft: Draft, facts: CaseFacts) -> str:
    """Return what contradicts between the six sections, or which is missing."""
    parts = parse_sections(draft.answer)
    headings = SECTIONS[draft.language]
    missing = [heading for heading in headings if not parts.get(heading)]
    if missing:
        return f"sections without text: {', '.join(missing)}"
    curves = [one for one in facts.findings if one.pathology in CURVES]
    read = [_positive(parts[heading]) for heading in headings]
    for heading, sites in zip(headings[1:], read[1:], strict=True):
        more = {site for site in sites - read[0] if not any(_covers(one, site) for one in curves)}
        if more:
            return f"section {heading!r} names {sorted(more)}, the findings do not"
    lead = draft.problem.site
    if lead and lead not in read[1]:
        return f"the diagnosis does not name {lead}"
    return ""


def _positive(text: str) -> set[str]:
    return {
        mention.site for clause in clauses(text) for mention in clause.sites if mention.polarity == "positive"
    }
