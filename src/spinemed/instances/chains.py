"""The run of whole vertebrae that a series can be asked about, and what its numbering rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spinemed.instances.wordings import Anchor
from spinemed.levels import Level, below
from spinemed.records import Finding

SACRUM = "S1"
_FIRST = "C2"
_LAST = "L5"
_NOT_ASKED = ("C1", "T13", "L6")  # no body of its own, or not in the numbering that questions assume


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
    counted from it.
    """

    spans: tuple[Span, ...]
    sacrum: Span | None

    @property
    def sites(self) -> tuple[str, ...]:
        """Return the levels from the head down."""
        return tuple(span.site for span in self.spans)

    def anchors(self) -> tuple[Anchor, ...]:
        """Return the ways to count in this chain, the surest first."""
        found: list[Anchor] = []
        if self.sacrum is not None:
            found.append("sacrum")
        if self.spans[0].site == _FIRST:
            found.append("C2")
        found.append("reference")
        return tuple(found)


def chain_of(findings: Sequence[Finding], spacing_mm: tuple[float, float]) -> Chain | None:
    """Return the chain that `vertebra` findings of one slice form, None where fewer than two follow.

    `spacing_mm` is (row, column). Levels must follow each other in the numbering 7-12-5-5: a T13, an L6
    or a missing label ends a run. The run that ends at L5 above the sacrum wins, then the one that begins
    at C2, then the longest.
    """
    seen = {finding.site: finding for finding in findings if finding.pathology == "vertebra"}
    ordered = sorted((site for site in seen if site != SACRUM), key=Level)
    runs = _runs(ordered)
    if not runs:
        return None
    on_sacrum = SACRUM in seen and ordered[-1] == _LAST
    from_c2 = next((run for run in runs if run[0] == _FIRST), None)
    run = runs[-1] if on_sacrum else from_c2 or max(runs, key=len)
    if len(run) < 2:
        return None
    spans = tuple(_span(seen[site], spacing_mm) for site in run)
    return Chain(spans, _span(seen[SACRUM], spacing_mm) if on_sacrum else None)


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
