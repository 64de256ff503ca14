"""What a written case states, sentence by sentence: its findings with what the words tell of each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from spinemed.facts.normal import genant_grade
from spinemed.facts.planning.slip import meyerding
from spinemed.finding_grammar import Statement, read_findings
from spinemed.finding_words import DETAIL_WORDS, SAME, is_healthy
from spinemed.levels import Level
from spinemed.records import Finding, Study

DEGENERATED: Final = 3
"""Pfirrmann grade from which a disc counts as degenerated."""
MEASURES: Final = frozenset({"thoracic_kyphosis", "lumbar_lordosis"})
"""Findings that every spine has: angles, neither normal nor abnormal."""
UNSAID: Final = frozenset({"vertebra", "vertebra_in_part"})
"""Findings that no sentence is about."""
_SIDED: Final = frozenset({"herniation", "recess_stenosis", "foraminal_stenosis", "scoliosis"})
_ROMAN: Final = {"0": "0", "I": "1", "II": "2", "III": "3", "IV": "4", "V": "5"}


class Sentence(Protocol):
    """One sentence of a written case: characters [start, end) of the document, and the findings it states.

    `measured` are those whose number it tells, `described` those whose signs it tells, from which a reader
    can grade them, and not the grade.
    """

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def findings(self) -> tuple[str, ...]: ...
    @property
    def measured(self) -> tuple[str, ...]: ...
    @property
    def described(self) -> tuple[str, ...]: ...


class WrittenCase(Protocol):
    """A written case as `phantom.written.written_case` makes it."""

    @property
    def study(self) -> Study: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def sentences(self) -> Sequence[Sentence]: ...


class Said(NamedTuple):
    """A finding with what words tell of it: grade, side, detail ("" where untold) and the printed number.

    `lines` are the sentences that state it, by their place in the document.
    """

    finding: Finding
    grade: str
    side: str
    detail: str
    value: float | None
    lines: tuple[int, ...]

    @property
    def site(self) -> str:
        """Return where it is."""
        return self.finding.site

    @property
    def abnormal(self) -> bool:
        """Return whether it departs from normal."""
        one = self.finding
        if not one.present or one.pathology in MEASURES or is_healthy(one.pathology, one.grade):
            return False
        return one.pathology != "disc_degeneration" or one.grade >= str(DEGENERATED)


class Line(NamedTuple):
    """One sentence: its place, its span in the document, its words, and what it states."""

    place: int
    start: int
    end: int
    text: str
    said: tuple[Said, ...]


@dataclass(frozen=True)
class Facts:
    """What some sentences state, indexed by pathology."""

    said: tuple[Said, ...]

    @cached_property
    def by_pathology(self) -> Mapping[str, tuple[Said, ...]]:
        """Return pathology -> what is said of it, from the head down."""
        found = defaultdict(list)
        for one in sorted(self.said, key=lambda one: _rank(one.site)):
            found[one.finding.pathology].append(one)
        return {name: tuple(members) for name, members in found.items()}

    def of(self, pathology: str) -> tuple[Said, ...]:
        """Return all that is said of a pathology, its absence too."""
        return self.by_pathology.get(pathology, ())

    def abnormal(self, pathology: str) -> tuple[Said, ...]:
        """Return where a pathology is said to be."""
        return tuple(one for one in self.of(pathology) if one.abnormal)

    def at(self, pathology: str, site: str) -> tuple[Said, ...]:
        """Return what is said of a pathology at a site."""
        return tuple(one for one in self.of(pathology) if one.site == site)

    def status(self, pathology: str, site: str) -> str:
        """Return present, absent or unmentioned; "" for a disc that is merely not degenerated enough."""
        here = self.at(pathology, site)
        if not here:
            return "unmentioned"
        if any(one.abnormal for one in here):
            return "present"
        return "absent" if not any(one.finding.present for one in here) else ""


def site_rank(site: str) -> float:
    """Return the place of a site from the head down, a disc below its upper vertebra.

    >>> site_rank("L4") < site_rank("L4-L5") < site_rank("L5")
    True
    """
    return _rank(site)


def _rank(site: str) -> float:
    upper, _, lower = site.partition("-")
    return Level(upper).order + (0.5 if lower else 0.0)


def lines_of(case: WrittenCase) -> tuple[Line, ...]:
    """Return the sentences that state findings, in the order of the document.

    A sentence of which the grammar does not read every finding as the finding has it is left out.
    """
    by_id = {one.id: one for one in case.findings}
    lines = []
    for place, sentence in enumerate(case.sentences):
        text = case.study.text[sentence.start : sentence.end]
        read = _read(text) if sentence.findings else {}
        meant = [by_id[number] for number in sentence.findings if by_id[number].pathology not in UNSAID]
        said = [_said(one, text, read, sentence, place) for one in meant]
        known = tuple(one for one in said if one is not None)
        if known and len(known) == len(meant):
            lines.append(Line(place, sentence.start, sentence.end, text, known))
    return tuple(lines)


def facts_of(lines: Iterable[Line]) -> Facts:
    """Return what sentences state together, what several tell of one finding joined."""
    joined: dict[str, Said] = {}
    for line in lines:
        for one in line.said:
            before = joined.get(one.finding.id)
            joined[one.finding.id] = one if before is None else _joined(before, one)
    return Facts(tuple(joined.values()))


def _joined(one: Said, other: Said) -> Said:
    return Said(
        one.finding,
        one.grade or other.grade,
        one.side or other.side,
        one.detail or other.detail,
        other.value if one.value is None else one.value,
        one.lines + other.lines,
    )


def _read(text: str) -> dict[tuple[str, str], list[Statement]]:
    found: defaultdict[tuple[str, str], list[Statement]] = defaultdict(list)
    for one in read_findings(text):
        found[one.site, one.finding].append(one)
    return found


def _said(
    finding: Finding,
    text: str,
    read: Mapping[tuple[str, str], list[Statement]],
    sentence: Sentence,
    place: int,
) -> Said | None:
    value = _printed(finding, text) if finding.id in sentence.measured else None
    if finding.pathology in MEASURES or finding.pathology in ("scoliosis", "transitional"):
        return Said(finding, finding.grade, finding.side or "", finding.detail, value, (place,))
    stated = read.get((finding.site, finding.pathology), [])
    abnormal = finding.present and not is_healthy(finding.pathology, finding.grade)
    here = [one for one in stated if one.present == abnormal]
    if finding.pathology in _SIDED and finding.side and abnormal:
        here = [one for one in here if one.side in ("", finding.side, "both")]
    if not here:
        return None
    told = finding.id in sentence.described or any(one.grade == finding.grade for one in here)
    grade = finding.grade if told else ""
    side = finding.side or "" if any(one.side for one in here) else ""
    return Said(
        finding,
        grade or _derived(finding, value),
        side if finding.pathology in _SIDED else "",
        _detail(finding, text),
        value,
        (place,),
    )


def _detail(finding: Finding, text: str) -> str:
    """Return the detail where the words of the sentence tell it."""
    words = DETAIL_WORDS.get(finding.pathology)
    if words is None or not finding.detail:
        return ""
    told = {next(filter(None, match.groups())).lower() for match in words.finditer(text.lower())}
    return finding.detail if finding.detail in {SAME.get(one, one) for one in told} else ""


def _printed(finding: Finding, text: str) -> float | None:
    """Return the finding's number as the sentence prints it: whole or with one decimal."""
    if finding.value is None:
        return None
    size = abs(finding.value)
    numbers = {float(one) for one in re.findall(r"(?<![A-Za-z\d.])\d+(?:\.\d+)?(?![\d/])", text)}
    return next((one for one in (round(size, 1), float(round(size))) if one in numbers), None)


def _derived(finding: Finding, value: float | None) -> str:
    """Return the grade that follows from the printed number alone, "" where none does."""
    if value is None or not finding.grade:
        return ""
    grade = ""
    if finding.pathology == "height_loss":
        grade = str(genant_grade(value))
    elif finding.pathology == "slip" and value <= 200:
        grade = _ROMAN[meyerding(value).grade]
    return grade if grade == finding.grade else ""
