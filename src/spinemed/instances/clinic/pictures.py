"""Which findings give the key images of a case: its leading one in every series, a place for each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.describe import vertebrae_seen
from spinemed.instances.clinic.further import is_at_or_beside
from spinemed.instances.clinic.limits import isthmic_by_gap, of_series
from spinemed.instances.clinic.problem import Problem, is_abnormal, problem_of
from spinemed.instances.clinic.remembered import remembered
from spinemed.instances.clinic.told import told_findings
from spinemed.instances.counting_truth import looks_whole, nearest_whole
from spinemed.levels import Level
from spinemed.records import Finding, Pathology

MOST_PICTURES: Final = 6
_ANCHORS: Final = frozenset({Level.C2, Level.S1})
"""Vertebrae that are known by their shape; of the sacrum a part is enough."""


@remembered
def key_pictures(facts: CaseFacts, problem: Problem) -> tuple[str, ...]:
    """Return ids of the findings whose pictures are the key images: each series once, then the rest.

    No slice is shown twice. A series gives that of the finding told first that it shows, else of its best
    seen vertebra. A
    finding told that none of these slices shows takes a free place, or that of a series of its own whose
    finding another picture shows too.
    """
    told = told_findings(problem)
    chosen: dict[str, list[Finding]] = {}
    for series in facts.study.series:
        first = _first(facts.seen_in(series.uid), told)
        if first is not None:
            chosen[series.uid] = [first]
    alike = _by_statement(facts.findings)
    for one in told:
        showing = alike.get(_statement(one), [])
        if not any(_shows(finding, chosen) for finding in showing):
            _make_room(showing, chosen)
    spare = [one for told_one in told for one in alike.get(_statement(told_one), ())]
    pictures = [one for ones in chosen.values() for one in ones]
    if facts.study.text:  # a document has no slices
        return tuple(dict.fromkeys(one.id for one in (*pictures, *spare)))[:MOST_PICTURES]
    by_slice: dict[tuple[str, str, int | None], str] = {}
    for one in (*pictures, *spare):
        by_slice.setdefault((one.evidence.plane, *_slice(one)), one.id)
    return tuple(by_slice.values())[:MOST_PICTURES]


@remembered
def pictured(facts: CaseFacts, problem: Problem) -> tuple[Finding, ...]:
    """Return the findings that the key pictures show: their slice, or one next to it, is among them.

    A defect of an endplate or of the arch is small: its own slice must be. Modic change runs along a whole
    endplate: two slices off it is seen as well.
    Which vertebrae a series holds whole or in part is known of every series.
    """
    keys = set(key_pictures(facts, problem))
    slices = {_slice(one) for one in facts.findings if one.id in keys}
    return tuple(
        one
        for one in facts.findings
        if one.pathology in ("vertebra", "vertebra_in_part")
        or not _beside(one, _REACH.get(one.pathology, 1)).isdisjoint(slices)
    )


_CUT_BY_LITTLE: Final = 0.9
"""A body that has this share of its whole neighbour's height and depth, tilts included, looks whole."""
_AT_EDGE_PX: Final = 2
"""A whole body whose first row is nearer to the edge than this looks cut."""
_REACH: Final[Mapping[Pathology, int]] = {"endplate_defect": 0, "pars_defect": 0, "modic_change": 2}
"""How many slices off its own a finding is seen, where that is not one."""
_NEED_PICTURES: Final[tuple[Pathology, ...]] = (
    "foraminal_stenosis", "disc_degeneration", "modic_change", "osteophyte", "endplate_defect",
    "pars_defect",
)  # fmt: skip
"""What is left out where no key picture shows it: most of these are of midline slices."""


@remembered
def with_shown(facts: CaseFacts) -> CaseFacts:
    """Return the facts without the narrow foramina, gaps of the arch and wear that no key picture shows."""
    problem = problem_of(facts)
    shown = {one.id for one in pictured(facts, problem)}
    lead = problem.finding
    kept = tuple(
        one
        for one in facts.findings
        if one.pathology not in _NEED_PICTURES or one.id in shown or (lead is not None and is_same(one, lead))
    )
    return isthmic_by_gap(CaseFacts(facts.study, kept, facts.hidden))


def half_shown(facts: CaseFacts) -> str:
    """Return that a key picture may show what its text leaves out, or whole what is said to be cut; else "".

    A dent of an endplate reaches into the slices beside its own, less or as deep. A body of which the edge
    cuts a strip looks whole, one that ends at the edge looks cut.
    """
    if facts.study.text:
        return ""
    problem = problem_of(facts)
    shown = {one.id for one in pictured(facts, problem)}
    keys = set(key_pictures(facts, problem))
    slices = {_slice(one) for one in facts.findings if one.id in keys}
    dents = facts.of("endplate_defect", present=True)
    told = {one.site for one in facts.findings if one.pathology == "endplate_defect" and one.id in shown}
    for one in dents:
        if one.site not in told and not _beside(one).isdisjoint(slices):
            return f"the dent of {one.site} lies one slice beside a picture, which may show it"
    return _doubtful_edge(facts, {uid for uid, _ in slices})


def _doubtful_edge(facts: CaseFacts, series: Collection[str]) -> str:
    for uid in sorted(series):
        bodies = [one for one in facts.seen_in(uid) if one.pathology in ("vertebra", "vertebra_in_part")]
        whole = {one.site for one in bodies if one.pathology == "vertebra"}
        for one in bodies:
            box, near = one.evidence.box, nearest_whole(bodies, one.site)
            cut = one.site not in whole and Level.C2 < Level(one.site) < Level.S1
            high, deep = box.bottom - box.top, box.right - box.left
            if cut and near and looks_whole(high, deep, near.evidence.box, _CUT_BY_LITTLE):
                return f"the edge of a picture cuts so little of {one.site} that it looks whole"
            if one.site in whole and box.top < _AT_EDGE_PX and Level(one.site) < Level.S1:
                return f"{one.site} lies so close to the edge of a picture that it looks cut"
    return ""


def told_in(seen: Sequence[Finding], shown: Sequence[Finding]) -> list[Finding]:
    """Return the abnormal findings of a series that its pictures show, and those that no picture shows."""
    pictured_ids, told = {one.id for one in shown}, {_statement(one) for one in shown if one.present}
    ill = [one for one in seen if is_abnormal(one)]
    return [one for one in ill if one.id in pictured_ids or _statement(one) not in told]


def axial_sites(facts: CaseFacts, problem: Problem) -> dict[str, tuple[str, ...]]:
    """Return series -> the sites of its axial key pictures, in their order; {} of a text."""
    axial = {one.id: one for one in facts.findings if one.evidence.plane == "axial" and not facts.study.text}
    sites: dict[str, tuple[str, ...]] = {}
    for one in (axial[key] for key in key_pictures(facts, problem) if key in axial):
        sites[one.evidence.series] = (*sites.get(one.evidence.series, ()), one.site)
    return sites


def field_of(seen: Sequence[Finding], facts: CaseFacts, problem: Problem) -> list[Finding]:
    """Return which vertebrae the pictures of a series hold, whole or in part; all it has where none do."""
    keys = set(key_pictures(facts, problem))
    slices = {_slice(one) for one in facts.findings if one.id in keys}
    held = [one for one in seen if one.pathology in ("vertebra", "vertebra_in_part")]
    return [one for one in held if not _beside(one).isdisjoint(slices)] or held


def uncounted(facts: CaseFacts, problem: Problem) -> str:
    """Return why the level of the leading finding cannot be counted in the key pictures; "" where it can.

    An axial picture says nothing of its level. The request names it, which is enough for what is told beside
    the lead (`axial_sites`), but what leads must be found. So the finding must be seen from the side or on a
    film, or its level in a sagittal picture of the same modality (that of an axial MRI on MRI: CT and films
    show neither disc nor canal). A vertebra of it must be whole there, and the series hold one to count from:
    C2, the sacrum, or an end of the range in the text.
    """
    lead = problem.finding
    if lead is None:
        return ""
    keys = set(key_pictures(facts, problem))
    shown = [one for one in facts.findings if one.id in keys]
    slices = {_slice(one) for one in shown}
    seen = [one for one in facts.findings if is_same(one, lead) and not _beside(one).isdisjoint(slices)]
    modality = {series.uid: series.modality for series in facts.study.series}
    alike = {modality[one.evidence.series] for one in seen}
    aside = [one.evidence.series for one in seen if one.evidence.plane != "axial"]
    level = [one.evidence.series for one in shown if one.evidence.plane == "sagittal"]
    fields = [_field(facts, uid) for uid in {*aside, *(uid for uid in level if modality[uid] in alike)}]
    held = [(whole, part) for whole, part in fields if _is_held(lead.site, whole, part)]
    if not held and not aside:
        return "the leading finding is seen in axial pictures alone, and none from the side shows its level"
    if not held:
        return "the pictures of the leading finding do not show its vertebrae"
    ends = _ends(facts)
    if not any(whole & ends or (whole | part) & _ANCHORS for whole, part in held):
        return "the pictures of the leading finding show no vertebra to count from"
    return ""


def _field(facts: CaseFacts, series: str) -> tuple[set[Level], set[Level]]:
    """Return the vertebrae that a series holds whole, and those that it holds in part alone."""
    held: dict[str, set[Level]] = {"vertebra": set(), "vertebra_in_part": set()}
    for one in facts.seen_in(series):
        if one.pathology in held:
            held[one.pathology].add(Level(one.site))
    return held["vertebra"], held["vertebra_in_part"] - held["vertebra"]


def _is_held(site: str, whole: set[Level], part: set[Level]) -> bool:
    """Return whether a vertebra of a site is whole, or all are there in part beside one that is whole."""
    levels = {Level(level) for level in site.split("-")}
    beside = any(is_at_or_beside(level, other) for level in levels for other in whole)
    return not levels.isdisjoint(whole) or (levels <= part and beside)


def _ends(facts: CaseFacts) -> set[Level]:
    """Return the first and the last vertebra of each run of those that the text says are wholly in view."""
    seen = [Level(site) for site in vertebrae_seen(facts.findings)]
    gaps = [pair for pair in pairwise(seen) if not is_at_or_beside(*pair)]
    return {*seen[:1], *seen[-1:], *(level for pair in gaps for level in pair)}


def _beside(one: Finding, reach: int = 1) -> set[tuple[str, int | None]]:
    """Return the slice of a finding and those up to `reach` beside it."""
    series, index = _slice(one)
    if index is None:
        return {(series, index)}
    return {(series, index + step) for step in range(-reach, reach + 1)}


def is_same(one: Finding, told: Finding) -> bool:
    """Return whether two findings of different series state the same thing."""
    return one.present and _statement(one) == _statement(told)


def _statement(one: Finding) -> tuple[str, str, str | None]:
    """Return what a finding states, whichever series shows it."""
    return one.pathology, one.site, one.side


def _by_statement(findings: Sequence[Finding]) -> dict[tuple[str, str, str | None], list[Finding]]:
    """Return what is stated as present -> the findings that state it, in their order."""
    found: dict[tuple[str, str, str | None], list[Finding]] = {}
    for one in findings:
        if one.present:
            found.setdefault(_statement(one), []).append(one)
    return found


def telling_series(facts: CaseFacts, problem: Problem) -> CaseFacts:
    """Return the facts of at most six series: in turn, those that show each of the findings told."""
    alike = _by_statement(facts.findings)
    by_told = [
        list(dict.fromkeys(one.evidence.series for one in alike.get(_statement(told), ())))
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
