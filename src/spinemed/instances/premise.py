"""What an item rests on when it is proven: pictures in their slices, stated fields, all facts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.levels import Level, Site, below
from spinemed.records import Finding, Kind, Pathology, Picture, Plane, Series

POSTURE_BOUND: Final[tuple[Pathology, ...]] = ("slip", "scoliosis", "thoracic_kyphosis", "lumbar_lordosis")
"""What changes with posture: only findings of the shown series count."""
_TURNED: Final = "turned "
_BENT_DEG: Final = 25.0
_BEYOND: Final = 0.7
"""A body's middle lies so many heights beyond the endplate of its neighbour: half a body and a disc."""


@dataclass(frozen=True)
class Shown:
    """One picture in the pixels of its slice: series, window (rows and columns), ring and turn in degrees.

    `spacing_mm` is the slice's (row, column); `ring` is (row, column) of the ring's centre.
    """

    series: Series
    plane: Plane
    slice_index: int
    spacing_mm: tuple[float, float]
    top: float
    left: float
    bottom: float
    right: float
    ring: tuple[float, float] | None
    turned: int = 0

    def holds(self, finding: Finding, clear_px: float = 0.0) -> bool:
        """Return whether the finding's box lies wholly in the window, `clear_px` inside its edges."""
        box = finding.evidence.box
        return (
            box.top - clear_px >= self.top
            and box.bottom + clear_px <= self.bottom
            and box.left >= self.left
            and box.right <= self.right
        )


class Known:
    """The facts of a study, indexed by pathology and site and by series; the findings keep their order.

    `variant` says that the numbering is, or may be, another than the usual 7-12-5: a variant is stated,
    its vertebrae are seen, or one was found that no series shows well enough to state it (`hidden`).
    `like_s1` says that L5 cannot be told from the sacrum: a disc of grade 5 below it looks like S1-S2.
    `bent` says that a curve of 25 degrees or more, or one held back, turns the bodies: a film from the side
    shows none cleanly.
    """

    def __init__(self, facts: CaseFacts) -> None:
        self.study = facts.study
        self.findings = facts.findings
        self._hidden: dict[str, list[Hidden]] = {}
        for one in facts.hidden:
            self._hidden.setdefault(one.pathology, []).append(one)
        self._by_site: dict[tuple[str, str], list[Finding]] = {}
        self._by_series: dict[str, list[Finding]] = {}
        self._by_pathology: dict[str, list[Finding]] = {}
        self._bodies: dict[str, Mapping[str, Finding]] = {}
        for finding in facts.findings:
            self._by_site.setdefault((finding.pathology, finding.site), []).append(finding)
            self._by_series.setdefault(finding.evidence.series, []).append(finding)
            self._by_pathology.setdefault(finding.pathology, []).append(finding)
        stated = any(finding.present for finding in self.of("transitional"))
        extra = any(finding.site in ("T13", "L6") for finding in facts.findings)
        self.variant = stated or extra or bool(self.hidden("transitional"))
        stated_grades = [one.grade for one in self.at("disc_degeneration", "L5-S1")]
        held_back = [one.grade for one in self.hidden("disc_degeneration") if one.site == "L5-S1"]
        self.like_s1 = "5" in (*stated_grades, *held_back)
        curved = any(abs(one.value or 0.0) >= _BENT_DEG for one in self.of("scoliosis") if one.present)
        self.bent = curved or bool(self.hidden("scoliosis"))

    def at(self, pathology: Pathology, site: str) -> Sequence[Finding]:
        """Return what is stated of a pathology at a site, in all series."""
        return self._by_site.get((pathology, site), ())

    def of(self, pathology: Pathology) -> Sequence[Finding]:
        """Return all that is stated of a pathology."""
        return self._by_pathology.get(pathology, ())

    def hidden(self, pathology: Pathology) -> Sequence[Hidden]:
        """Return where series hold back a pathology."""
        return self._hidden.get(pathology, ())

    def seen_in(self, series: str) -> Sequence[Finding]:
        """Return all that one series states."""
        return self._by_series.get(series, ())

    def bodies(self, series: str) -> Mapping[str, Finding]:
        """Return vertebra -> the finding that a series shows it, whole or else in part, cranial first."""
        if series not in self._bodies:
            found: dict[str, Finding] = {}
            for finding in self.seen_in(series):
                whole = finding.pathology == "vertebra"
                if whole or (finding.pathology == "vertebra_in_part" and finding.site not in found):
                    found[finding.site] = finding
            self._bodies[series] = dict(sorted(found.items(), key=lambda item: Level(item[0]).order))
        return self._bodies[series]


@dataclass(frozen=True)
class Premise:
    """A question's kind, the sites it marks, the fields it states, what is shown, and the study's facts."""

    kind: Kind
    sites: tuple[str, ...]
    fields: Mapping[str, str]
    shown: tuple[Shown, ...]
    facts: Known

    @property
    def site(self) -> str:
        """Return the first site, "" for a question about none."""
        return self.sites[0] if self.sites else ""

    def stated(self, pathology: Pathology, site: str) -> tuple[Finding, ...]:
        """Return what all series state about a site; of the shown series only where posture matters."""
        series = {shown.series.uid for shown in self.shown}
        return tuple(
            finding
            for finding in self.facts.at(pathology, site)
            if pathology not in POSTURE_BOUND or finding.evidence.series in series
        )

    def present(self, pathology: Pathology, site: str) -> bool | None:
        """Return whether a pathology is at a site; None where nothing or both is stated."""
        said = {finding.present for finding in self.stated(pathology, site)}
        return said.pop() if len(said) == 1 else None

    def grade(self, pathology: Pathology, site: str) -> str | None:
        """Return the one grade that is stated for a site; None where nothing or several are stated."""
        said = {finding.grade for finding in self.stated(pathology, site)}
        return said.pop() if len(said) == 1 else None

    def one(self, pathology: Pathology, site: str) -> Finding | None:
        """Return a finding of the site, from the shown series if there is one, None without any."""
        stated = self.stated(pathology, site)
        series = {shown.series.uid for shown in self.shown}
        return next((one for one in stated if one.evidence.series in series), next(iter(stated), None))

    def is_hidden(self, pathology: Pathology, sites: Collection[str] | None = None) -> bool:
        """Return whether every shown series holds back a pathology at one of `sites`; None is any."""
        by = {one.series for one in self.facts.hidden(pathology) if sites is None or one.site in sites}
        return bool(self.shown) and all(shown.series.uid in by for shown in self.shown)

    def sites_with(self, pathology: Pathology) -> tuple[str, ...]:
        """Return the sites where any series states that the pathology is present, cranial first."""
        series = {shown.series.uid for shown in self.shown}
        found = {
            one.site
            for one in self.facts.of(pathology)
            if one.present and (pathology not in POSTURE_BOUND or one.evidence.series in series)
        }
        return tuple(sorted(found, key=lambda site: Site.parse(site).upper.order))

    def bodies(self, shown: Shown) -> Mapping[str, Finding]:
        """Return vertebra -> the finding that it is seen, whole or in part, in the shown series."""
        return self.facts.bodies(shown.series.uid)


def shown_of(picture: Picture, series: Series, spacing_mm: tuple[float, float]) -> Shown:
    """Return a picture in the pixels of its slice, whose `spacing_mm` is (row, column)."""
    rows, columns = picture.spacing_mm / spacing_mm[0], picture.spacing_mm / spacing_mm[1]
    ring = None
    if picture.marker is not None:
        ring = (
            picture.top + (picture.marker.row + 0.5) * rows,
            picture.left + (picture.marker.column + 0.5) * columns,
        )
    return Shown(
        series=series,
        plane=picture.locator.plane,
        slice_index=picture.locator.slice_index,
        spacing_mm=spacing_mm,
        top=picture.top,
        left=picture.left,
        bottom=picture.top + picture.height * rows,
        right=picture.left + picture.width * columns,
        ring=ring,
        turned=int(picture.view.removeprefix(_TURNED)) if picture.view.startswith(_TURNED) else 0,
    )


def sites_in_view(premise: Premise, shown: Shown) -> tuple[str, ...]:
    """Return the vertebrae that touch the window and the segments between them."""
    bodies = premise.bodies(shown)
    seen = [
        site
        for site, one in bodies.items()
        if one.evidence.box.bottom > shown.top and one.evidence.box.top < shown.bottom and site != "C1"
    ]
    pairs = [f"{upper}-{lower}" for upper, lower in pairwise(seen) if are_neighbours(upper, lower)]
    return (*seen, *pairs)


def may_show_unseen(premise: Premise, shown: Shown) -> bool:
    """Return whether a body of the mask that is not stated may lie wholly in the window.

    Its middle is taken to lie half-way between the nearest stated bodies above and below, or half a body and
    a disc beyond the last one.
    """
    bodies = premise.bodies(shown)
    unseen = {one.site for one in premise.facts.hidden("vertebra") if one.series == shown.series.uid}
    return any(
        shown.top < _middle_row(site, bodies) < shown.bottom for site in unseen - {*bodies, "C1"} if bodies
    )


def _middle_row(site: str, bodies: Mapping[str, Finding]) -> float:
    upper = [one.evidence.box for level, one in bodies.items() if Level(level) < Level(site)]
    lower = [one.evidence.box for level, one in bodies.items() if Level(level) > Level(site)]
    if upper and lower:
        return (upper[-1].bottom + lower[0].top) / 2
    if upper:
        return upper[-1].bottom + _BEYOND * (upper[-1].bottom - upper[-1].top)
    return lower[0].top - _BEYOND * (lower[0].bottom - lower[0].top)


def view_of(series: Series) -> str:
    """Return modality or sequence with the plane of a series, radiographs frontal or lateral.

    Such as `CT sagittal`, `T2 axial`, `XR lateral`.
    """
    if series.modality == "XR":
        return "XR lateral" if "LAT" in series.view else "XR frontal"
    return f"{series.sequence or series.modality} {series.plane}"


def vertebra_in_ring(premise: Premise, shown: Shown) -> str:
    """Return the vertebra whose body's box holds the ring's centre, "" for none or several."""
    if shown.ring is None:
        return ""
    row, column = shown.ring
    hit = [
        site
        for site, finding in premise.bodies(shown).items()
        if finding.evidence.box.top <= row <= finding.evidence.box.bottom
        and finding.evidence.box.left <= column <= finding.evidence.box.right
    ]
    return hit[0] if len(hit) == 1 else ""


def segment_in_ring(premise: Premise, shown: Shown) -> str:
    """Return the segment between whose bodies the ring's centre lies, "" for none or several."""
    if shown.ring is None:
        return ""
    row, _ = shown.ring
    hit = [
        segment
        for segment, (top, bottom) in disc_rows(premise, shown)
        if min(top, bottom) - 2 <= row <= max(top, bottom) + 2
    ]
    return hit[0] if len(hit) == 1 else ""


def disc_rows(premise: Premise, shown: Shown) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield each segment of two seen neighbours with the lower row of one and the upper row of the other."""
    for (upper, above), (lower, under) in pairwise(premise.bodies(shown).items()):
        if are_neighbours(upper, lower):
            yield f"{upper}-{lower}", (above.evidence.box.bottom, under.evidence.box.top)


@cache
def are_neighbours(upper: str, lower: str) -> bool:
    """Return whether two vertebrae follow each other in any of the numberings that occur.

    >>> are_neighbours("T12", "L1"), are_neighbours("L6", "S1"), are_neighbours("L4", "S1")
    (True, True, True)
    """
    try:
        Site.parse(f"{upper}-{lower}")
    except ValueError:
        return False
    return True


def next_below(level: str) -> str:
    """Return the vertebra below in the usual numbering, "" where there is none.

    >>> next_below("L5"), next_below("Co")
    ('S1', '')
    """
    try:
        return below(Level(level)).value
    except ValueError:
        return ""
