"""The run of whole vertebrae that a series can be asked about, and what its numbering rests on."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from spinemed.instances.wordings import Anchor
from spinemed.levels import Level, below, levels_between
from spinemed.records import Finding

SACRUM = "S1"
_FIRST = "C2"
_LAST = "L5"
_NOT_ASKED = ("C1", "T13", "L6")  # no body of its own, or not in the numbering that questions assume
_UPPER_NECK = ("C2", "C3", "C4")
_BEHIND_OTHERS = tuple(f"T{number}" for number in range(1, 13))
_FAINT = 1.0
"""A silhouette that stands out by less than this many deviations of noise is not told from its neighbours."""
_SEEN_MM = 5.0
"""A cut vertebra can be counted from only if at least this height of it is seen ..."""
_SEEN_SHARE = 0.7
"""... and at most this share of its whole neighbour's height: clearly cut."""
_WHOLE_SHARE = 0.6
"""A body of less than this share of a neighbour's depth is a sliver: the slice passes beside its middle."""


@dataclass(frozen=True)
class Span:
    """Rows and columns of one vertebral body in millimetres from the upper and anterior edge of the slice."""

    site: str
    top: float
    bottom: float
    left: float
    right: float

    @property
    def height(self) -> float:
        """Return the height in millimetres."""
        return self.bottom - self.top


@dataclass(frozen=True)
class Chain:
    """Vertebrae that follow each other without a gap, from the head down, each wholly in the slice.

    `sacrum` is given where it lies directly below L5, the last of the chain: only then can levels be
    counted from it. A chain of one vertebra has no such anchor: it is counted from its neighbour `above`
    or `below` that the edge of the slice cuts, of which the span is what is seen.

    `ceiling` and `floor` are where, in mm, the next vertebra seen above ends and the one below begins, be
    they whole or not; None where none is seen. A whole vertebra keeps `clear_mm` from a window's edge, the
    first of the chain `dens_mm` more from the upper one.
    """

    spans: tuple[Span, ...]
    sacrum: Span | None
    above: Span | None = None
    below: Span | None = None
    ceiling: float | None = None
    floor: float | None = None
    clear_mm: float = 2.0
    dens_mm: float = 0.0

    @property
    def high(self) -> float:
        """Return where the upper edge of a window lies at the lowest that shows the first vertebra whole."""
        return self.spans[0].top - self.clear_mm - self.dens_mm

    @cached_property
    def sites(self) -> tuple[str, ...]:
        """Return the levels from the head down."""
        return tuple(span.site for span in self.spans)

    @property
    def seen(self) -> tuple[str, ...]:
        """Return the levels from the head down, the cut neighbours among them."""
        return tuple(span.site for span in (self.above, *self.spans, self.below) if span is not None)

    def anchors(self) -> tuple[Anchor, ...]:
        """Return the ways to count in this chain, the surest first."""
        if len(self.spans) == 1:
            return ("cut_above",) if self.above is not None else ("cut_below",)
        found: list[Anchor] = []
        if self.sacrum is not None:
            found.append("sacrum")
        if self.spans[0].site == _FIRST:
            found.append("C2")
        found.append("reference")
        return tuple(found)

    def beside(self, index: int, step: int) -> str:
        """Return the level seen next to vertebra `index`, above it (step -1) or below (1), "" without one."""
        return self.at(index + step)

    def at(self, index: int) -> str:
        """Return vertebra `index` of the chain; the cut neighbours lie at -1 and behind the last, else ""."""
        around = (self.above, *self.spans, self.below)
        span = around[index + 1] if -1 <= index < len(around) - 1 else None
        return "" if span is None else span.site


def free_ends(first: str, last: str, anchor: Anchor) -> list[str]:
    """Return where a range of two or more vertebrae could end, of which the anchor gives the other end.

    >>> free_ends("L2", "L5", "reference")
    ['L3', 'L4', 'L5']
    """
    order = [level.value for level in levels_between(_FIRST, _LAST)]
    return order[: order.index(last)] if anchor == "sacrum" else order[order.index(first) + 1 :]


def countable(findings: Iterable[Finding], view: str) -> list[Finding]:
    """Return the bodies that can be told apart and counted in a view such as `XR frontal`.

    In frontal films jaw and skull lie over the neck; on STIR the dens is dark before dark. In lateral films
    shoulders, ribs and diaphragm lie over T1 to T12: past one that does not stand out nothing is counted.
    """
    if view == "XR lateral":
        return [one for one in findings if not _is_drowned(one)]
    if view == "XR frontal":
        return [one for one in findings if one.site[0] != "C"]
    return [one for one in findings if not (one.site == _FIRST and view.startswith("STIR"))]


def grazed_neck(findings: Iterable[Finding]) -> frozenset[str]:
    """Return the bodies of the upper neck where a slice passes beside them: C2 is less tall than C3 there.

    With the dens C2 is half as tall again. Of C3 and C4 such a slice shows scraps as well.
    """
    heights = {
        one.site: one.evidence.box.bottom - one.evidence.box.top
        for one in findings
        if one.pathology == "vertebra" and one.evidence.plane == "sagittal"
    }
    passed = heights.get(_FIRST, math.inf) < heights.get("C3", 0)
    return frozenset(site for site in _UPPER_NECK if passed and site in heights)


def _is_drowned(finding: Finding) -> bool:
    """Return whether a whole body behind shoulders, ribs or diaphragm is too faint to be counted."""
    high = finding.site in _BEHIND_OTHERS and finding.pathology == "vertebra"
    return high and finding.contrast is not None and finding.contrast < _FAINT


def chain_of(
    findings: Sequence[Finding], spacing_mm: tuple[float, float], unseen: Collection[str] = ()
) -> Chain | None:
    """Return the chain that `vertebra` findings of one slice form, None where fewer than two follow.

    `spacing_mm` is (row, column). Levels must follow each other in the numbering 7-12-5-5: a T13, an L6
    or a missing label ends a run, and so does a sliver. The run that ends at L5 above the sacrum wins, then
    the one that begins at C2, then the longest. At an end where the next level is missing though one farther
    on is seen, or where it is one of `unseen` (labelled, but not stated), the picture may show a vertebra
    that nothing is known of: the run is one shorter there, and what it lost bounds the windows.
    """
    seen = _without_slivers({one.site: one for one in findings if one.pathology == "vertebra"})
    ordered = sorted((site for site in seen if site != SACRUM), key=Level)
    runs = _runs(ordered)
    if not runs:
        return None
    on_sacrum = SACRUM in seen and ordered[-1] == _LAST
    from_c2 = next((run for run in runs if run[0] == _FIRST), None)
    run = runs[-1] if on_sacrum else from_c2 or max(runs, key=len)
    run = _known_at_ends(run, {one.site for one in findings if _is_body(one)}, unseen)
    if len(run) < 2:
        return None
    spans = tuple(_span(seen[site], spacing_mm) for site in run)
    sacrum = _span(seen[SACRUM], spacing_mm) if on_sacrum else None
    others = [_span(one, spacing_mm) for one in findings if _is_body(one) and one.site not in run]
    over = [span.bottom for span in others if span.site != "C1" and Level(span.site) < Level(run[0])]
    under = [span.top for span in others if Level(span.site) > Level(run[-1])]
    return Chain(spans, sacrum, ceiling=max(over, default=None), floor=min(under, default=None))


def _known_at_ends(run: list[str], bodies: Collection[str], unseen: Collection[str]) -> list[str]:
    """Return a run without its ends behind which a vertebra may lie that is not stated."""
    around = {*bodies, *unseen} - {"C1"}
    upper = max((site for site in around if Level(site) < Level(run[0])), key=Level, default=None)
    lower = min((site for site in around if Level(site) > Level(run[-1])), key=Level, default=None)
    first = upper is not None and (upper in unseen or not _follow(upper, run[0]))
    last = lower is not None and (lower in unseen or not _follow(run[-1], lower))
    return run[int(first) : len(run) - int(last)]


def _follow(upper: str, lower: str) -> bool:
    """Return whether no vertebra lies between: a T13 or an L6 is next to both sides, S1 may be to L4."""
    if (upper, lower) == ("L4", SACRUM):
        return True
    return upper in _NOT_ASKED or lower in _NOT_ASKED or below(Level(upper)) == Level(lower)


def _is_body(finding: Finding) -> bool:
    return finding.pathology in ("vertebra", "vertebra_in_part")


def _without_slivers(seen: dict[str, Finding]) -> dict[str, Finding]:
    """Return the bodies that are about as deep as the deepest of their neighbours."""
    ordered = sorted(seen, key=Level)
    depths = [seen[site].evidence.box.right - seen[site].evidence.box.left for site in ordered]
    return {
        site: seen[site]
        for place, site in enumerate(ordered)
        if depths[place] >= _WHOLE_SHARE * max(depths[max(0, place - 1) : place + 2])
    }


def chain_beside_cut(findings: Sequence[Finding], spacing_mm: tuple[float, float], rows: int) -> Chain | None:
    """Return the chain of one whole vertebra whose neighbour the edge of the slice cuts, None without one.

    For slices where `chain_of` finds none. `spacing_mm` is (row, column), `rows` the slice's height in
    pixels. The neighbour is the next level in the numbering 7-12-5-5, nothing is seen between the two, and
    the upper or lower edge of the slice cuts it clearly. None where the sacrum or C2 is seen whole: they
    are counted from.
    """
    seen = [finding for finding in findings if _is_body(finding)]
    seen.sort(key=lambda finding: Level(finding.site))
    if any(one.pathology == "vertebra" and one.site in (SACRUM, _FIRST) for one in seen):
        return None
    for place, finding in enumerate(seen):
        if finding.pathology == "vertebra" and finding.site not in _NOT_ASKED:
            span = _span(finding, spacing_mm)
            upper = seen[place - 1] if place > 0 else None
            lower = seen[place + 1] if place + 1 < len(seen) else None
            above = _cut_span(upper, span, spacing_mm, rows)
            below = _cut_span(lower, span, spacing_mm, rows)
            if above is not None or below is not None:
                return Chain((span,), None, above, below)
    return None


def _cut_span(
    finding: Finding | None, whole: Span, spacing_mm: tuple[float, float], rows: int
) -> Span | None:
    """Return what is seen of a neighbour, None unless an edge of the slice above or below cuts it clearly."""
    if finding is None or finding.pathology != "vertebra_in_part" or finding.site in (*_NOT_ASKED, SACRUM):
        return None
    box, span = finding.evidence.box, _span(finding, spacing_mm)
    if Level(span.site) < Level(whole.site):
        at_edge = box.top == 0 and below(Level(span.site)) == Level(whole.site)
    else:
        at_edge = box.bottom == rows and below(Level(whole.site)) == Level(span.site)
    common = min(span.right, whole.right) - max(span.left, whole.left)
    in_line = common >= 0.5 * min(span.right - span.left, whole.right - whole.left)
    clear = _SEEN_MM <= span.height <= _SEEN_SHARE * whole.height
    return span if at_edge and in_line and clear else None


def _runs(ordered: Sequence[str]) -> list[list[str]]:
    """Return the levels in runs without a gap; a transitional vertebra ends a run and is in none."""
    runs: list[list[str]] = []
    broken = True
    for site in ordered:
        if site in _NOT_ASKED:
            broken = True
        elif broken or below(Level(runs[-1][-1])) != Level(site):
            runs.append([site])
            broken = False
        else:
            runs[-1].append(site)
    return runs


def _span(finding: Finding, spacing_mm: tuple[float, float]) -> Span:
    box = finding.evidence.box
    return Span(
        finding.site,
        top=box.top * spacing_mm[0],
        bottom=box.bottom * spacing_mm[0],
        left=box.left * spacing_mm[1],
        right=box.right * spacing_mm[1],
    )
