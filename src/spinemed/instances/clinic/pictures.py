"""Which findings give the key images of a case: its leading one in every series, a place for each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.limits import isthmic_by_gap, of_series
from spinemed.instances.clinic.problem import Problem, is_abnormal, problem_of
from spinemed.instances.clinic.told import told_findings
from spinemed.records import Finding, Pathology

MOST_PICTURES: Final = 6


def key_pictures(facts: CaseFacts, problem: Problem) -> tuple[str, ...]:
    """Return ids of the findings whose pictures are the key images: each series once, then the rest.

    A series gives the slice of the finding told first that it shows, else of its best seen vertebra. A
    finding told that none of these slices shows takes a free place, or that of a series of its own whose
    finding another picture shows too.
    """
    told = told_findings(problem)
    chosen: dict[str, list[Finding]] = {}
    for series in facts.study.series:
        first = _first(facts.seen_in(series.uid), told)
        if first is not None:
            chosen[series.uid] = [first]
    for one in told:
        showing = [finding for finding in facts.findings if is_same(finding, one)]
        if not any(_shows(finding, chosen) for finding in showing):
            _make_room(showing, chosen)
    spare = [one for told_one in told for one in facts.findings if is_same(one, told_one)]
    pictures = [one for ones in chosen.values() for one in ones]
    extra = [one for one in spare if one not in pictures]
    return tuple(dict.fromkeys(one.id for one in (*pictures, *extra)))[:MOST_PICTURES]


def pictured(facts: CaseFacts, problem: Problem) -> tuple[Finding, ...]:
    """Return the findings that the key pictures show: their slice, or one next to it, is among them.

    Which vertebrae a series holds whole or in part is known of every series.
    """
    keys = set(key_pictures(facts, problem))
    slices = {_slice(one) for one in facts.findings if one.id in keys}
    return tuple(
        one
        for one in facts.findings
        if one.pathology in ("vertebra", "vertebra_in_part") or not _beside(one).isdisjoint(slices)
    )


_NEED_PICTURES: Final[tuple[Pathology, ...]] = (
    "foraminal_stenosis", "disc_degeneration", "modic_change", "osteophyte", "endplate_defect",
    "pars_defect",
)  # fmt: skip
"""What is left out where no key picture shows it: most of these are of midline slices."""


def with_shown(facts: CaseFacts) -> CaseFacts:
    """Return the facts without the narrow foramina, gaps of the arch and wear that no key picture shows."""
    problem = problem_of(facts)
    shown = pictured(facts, problem)
    lead = problem.finding
    kept = tuple(
        one
        for one in facts.findings
        if one.pathology not in _NEED_PICTURES or one in shown or (lead is not None and is_same(one, lead))
    )
    return isthmic_by_gap(CaseFacts(facts.study, kept, facts.hidden))


def told_in(seen: Sequence[Finding], shown: Sequence[Finding]) -> list[Finding]:
    """Return the abnormal findings of a series that its pictures show, and those that no picture shows."""
    ill = [one for one in seen if is_abnormal(one)]
    elsewhere = [one for one in ill if not any(is_same(other, one) for other in shown)]
    return [one for one in ill if one in shown or one in elsewhere]


def field_of(seen: Sequence[Finding], facts: CaseFacts, problem: Problem) -> list[Finding]:
    """Return which vertebrae the pictures of a series hold, whole or in part; all it has where none do."""
    keys = set(key_pictures(facts, problem))
    slices = {_slice(one) for one in facts.findings if one.id in keys}
    held = [one for one in seen if one.pathology in ("vertebra", "vertebra_in_part")]
    return [one for one in held if not _beside(one).isdisjoint(slices)] or held


def _beside(one: Finding) -> set[tuple[str, int | None]]:
    """Return the slice of a finding and its neighbours."""
    series, index = _slice(one)
    return {(series, index)} if index is None else {(series, index + step) for step in (-1, 0, 1)}


def is_same(one: Finding, told: Finding) -> bool:
    """Return whether two findings of different series state the same thing."""
    return (one.pathology, one.site, one.side) == (told.pathology, told.site, told.side) and one.present


def telling_series(facts: CaseFacts, problem: Problem) -> CaseFacts:
    """Return the facts of at most six series: in turn, those that show each of the findings told."""
    by_told = [
        list(dict.fromkeys(one.evidence.series for one in facts.findings if is_same(one, told)))
        for told in told_findings(problem)
    ]
    order = [*_in_turn(by_told), *(one.evidence.series for one in facts.findings)]
    kept = set(list(dict.fromkeys(order))[:MOST_PICTURES])
    return of_series(facts, kept)


def _in_turn(lists: Sequence[Sequence[str]]) -> Iterator[str]:
    for place in range(max(map(len, lists), default=0)):
        yield from (items[place] for items in lists if place < len(items))


def _first(seen: Sequence[Finding], told: Sequence[Finding]) -> Finding | None:
    shown = [one for wanted in told for one in seen if is_same(one, wanted)]
    whole = [one for one in seen if one.pathology == "vertebra"]
    if shown:
        return shown[0]
    return max(whole, key=lambda one: one.pixels or 0) if whole else None


def _slice(one: Finding) -> tuple[str, int | None]:
    return one.evidence.series, one.evidence.slice_index


def _shows(finding: Finding, chosen: dict[str, list[Finding]]) -> bool:
    return any(_slice(one) == _slice(finding) for ones in chosen.values() for one in ones)


def _make_room(showing: Sequence[Finding], chosen: dict[str, list[Finding]]) -> None:
    """Add the slice of a finding where a place is free, or give it the place of a repeated finding."""
    if sum(map(len, chosen.values())) < MOST_PICTURES:
        for finding in showing[:1]:
            chosen.setdefault(finding.evidence.series, []).append(finding)
        return
    for finding in showing:
        held = chosen.get(finding.evidence.series, [])
        others = [one for series, ones in chosen.items() if series != finding.evidence.series for one in ones]
        if held and any(is_same(one, held[0]) for one in others):
            held[0] = finding
            return
