"""Questions about a marked body, disc or foramen, or about one axial slice: grades, types, sides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from spinemed.imaging.radiograph import Radiograph
from spinemed.instances.ask_levels import is_shown
from spinemed.instances.drafts import NORMAL, Case, Draft, spread, the_right
from spinemed.instances.premise import Shown, view_of
from spinemed.instances.shots import (
    RING_PX,
    CaseSeries,
    Frame,
    Shot,
    Slice,
    frame_around,
    place_of,
    shoot,
    slice_of,
    whole_frame,
)
from spinemed.instances.templates import template_of
from spinemed.records import Finding, Kind, Pathology

Ring = Literal["site", "finding", "none"]
_AXIAL_BEHIND_MM: Final = 12.0
"""The middle of axial pictures lies this far behind the middle of the body, about the canal's front."""
_ABSENT_SPREAD_MM: Final[Mapping[str, float]] = {"C": 3.0, "T": 9.0, "L": 9.0}
"""Normal sites are shown up to this far beside their middle, since findings are shown where they are seen."""
_PASSING_SHARE: Final[Mapping[str, float]] = {"C": 0.35, "T": 0.35, "L": 0.45, "S": 0.45}
"""A slice up to this share of a body's depth beside its middle still runs through it, off its side walls."""
_FORAMEN_RING_MM: Final = (10.0, 12.0)
"""Rings around a foramen take it in whole: one on its middle would lie on the root, or beside it."""
_SHARE_NORMAL_BESIDE: Final = 0.3
"""Share of normal sites that are asked beside another question of the same picture: most sites are normal."""
_FEWEST_PIXELS: Final = 25
"""A finding must cover at least this many pixels of the picture."""


@dataclass(frozen=True)
class Marked:
    """A kind with the pathology whose findings are asked, the views that show it, and the picture.

    `ring` on the site (body or disc), on the finding's box, or none; `side_mm` bounds the window's side,
    None shows the whole slice. Where findings lie beside the middle (`beside`), normal sites are shown there
    as well. `regions` are those for which the grades were published. `alike` are two answers of which no
    item offers both.
    """

    kind: Kind
    pathology: Pathology
    views: tuple[str, ...]
    ring: Ring = "site"
    side_mm: tuple[float, float] | None = (90.0, 140.0)
    beside: bool = False
    regions: str = "CTL"
    alike: tuple[str, ...] = ()


_MR: Final = ("T1 sagittal", "T2 sagittal", "STIR sagittal")
_SIDE_VIEWS: Final = ("CT sagittal", "T1 sagittal", "T2 sagittal", "XR lateral")
MARKED: Final[tuple[Marked, ...]] = (
    Marked("height_loss", "height_loss", (*_SIDE_VIEWS, "STIR sagittal")),
    Marked("disc_degeneration", "disc_degeneration", ("T2 sagittal",), regions="L", alike=("1", "2")),
    Marked("herniation_type", "herniation", ("T2 sagittal",), beside=True),
    Marked("herniation_side", "herniation", ("T2 axial",), "none", (75.0, 120.0)),
    Marked("herniation_zone", "herniation", ("T2 axial",), "none", (75.0, 120.0)),
    Marked("canal_stenosis", "canal_stenosis", ("T2 axial",), "none", (75.0, 120.0)),
    Marked("recess_side", "recess_stenosis", ("T2 axial",), "none", (75.0, 120.0), regions="L"),
    Marked("foraminal_grade", "foraminal_stenosis", ("T1 sagittal", "T2 sagittal"), "finding", regions="L"),
    Marked("slip_grade", "slip", _SIDE_VIEWS, regions="L"),
    Marked("bridging", "bridging", ("CT sagittal", "XR lateral"), beside=True),
    Marked("bridging", "spondylodiscitis", _MR, beside=True),
    # On T1 alone lytic and blastic lesions are dark alike.
    Marked("metastasis_kind", "metastasis", ("CT sagittal", "T2 sagittal"), beside=True),
    Marked("fracture_type", "fracture", ("CT sagittal",), regions="TL"),
    Marked("scoliosis_side", "scoliosis", ("XR full frontal",), "none", None),
    Marked("scoliosis_severity", "scoliosis", ("XR full frontal",), "none", None),
    Marked("transitional", "transitional", ("XR full frontal",), "none", None),
)

Asked = tuple[CaseSeries, Finding, str, tuple[str, ...]]


def marked_drafts(case: Case, marks: Sequence[Marked] = MARKED) -> Iterator[Draft]:
    """Yield drafts of all these kinds, each class of answer as often as another where the study has it."""
    for mark in marks:
        by_answer: dict[str, list[Asked]] = {}
        for series in case.seen_as(*mark.views):
            for asked in _asked(case, mark, series):
                by_answer.setdefault(asked[2], []).append(asked)
        rng = case.rng(mark.kind, mark.pathology)
        for asked in spread(by_answer, case.asking.items_per_kind, rng):
            draft = _draft(case, mark, asked, rng)
            if draft is not None:
                yield draft


def _asked(case: Case, mark: Marked, series: CaseSeries) -> Iterator[Asked]:
    """Yield each site of a series with the one answer that holds there and all that can be judged."""
    keys = template_of(mark.kind).keys
    seen: set[str] = set()
    for finding in series.of(mark.pathology):
        if (mark.ring != "finding" and finding.site in seen) or finding.site[0] not in mark.regions:
            continue
        seen.add(finding.site)
        sites = () if mark.side_mm is None else (finding.site,)
        shown = _ground(mark, series, finding)
        answer = the_right(case, mark.kind, sites, keys, (bare(series, shown, mark.ring == "finding"),))
        if answer is not None:
            yield series, shown, *answer
        if mark.side_mm is None:
            return


def _ground(mark: Marked, series: CaseSeries, finding: Finding) -> Finding:
    """Return what the answer at a finding's site rests on: a present one of the kind's facts, else itself."""
    if finding.present or mark.ring == "finding":
        return finding
    facts = series.of(*template_of(mark.kind).facts)
    return next((one for one in facts if one.present and one.site == finding.site), finding)


def bare(series: CaseSeries, finding: Finding, ring: bool = False) -> Shown:
    """Return what is shown as far as an answer needs it: the slice, and a ring on the finding's box."""
    where, box = finding.evidence, finding.evidence.box
    middle = ((box.top + box.bottom) / 2, (box.left + box.right) / 2) if ring else None
    spacing_mm = slice_of(series, where.plane, where.slice_index).spacing_mm
    return Shown(series.series, where.plane, where.slice_index, spacing_mm, 0, 0, math.inf, math.inf, middle)


def _draft(case: Case, mark: Marked, asked: Asked, rng: np.random.Generator) -> Draft | None:
    series, finding, right, pool = asked
    others = [key for key in mark.alike if key != right]
    if others:
        left_out = others[int(rng.integers(len(others)))]
        pool = tuple(key for key in pool if key != left_out)
    shot = _shot(case, mark, series, finding, rng)
    if shot is None or (finding.present and not _is_seen(finding, shot)):
        return None
    sites = () if mark.side_mm is None else (finding.site,)
    rests = rests_on(case, mark.kind, sites, series, finding)
    beside = tuple(_beside(case, mark, series, finding.site, shot, rng))
    return Draft(mark.kind, sites, pool, right, (shot,), rests, beside=beside)


def _beside(
    case: Case, mark: Marked, series: CaseSeries, site: str, shot: Shot, rng: np.random.Generator
) -> Iterator[Draft]:
    """Yield what else the picture of a site is asked: other kinds of the same views, ring and window.

    What is there is asked of the slice that shows it best, as in a picture of its own.
    """
    view, sites = view_of(series.series), () if mark.side_mm is None else (site,)
    for other in MARKED:
        alike = (other.ring, other.side_mm) == (mark.ring, mark.side_mm) and mark.ring != "finding"
        if other.kind == mark.kind or not alike or view not in other.views or site[0] not in other.regions:
            continue
        found = next((one for one in series.of(other.pathology) if not sites or one.site == site), None)
        ground = None if found is None else _ground(other, series, found)
        if ground is None or not _is_shown(other, ground, shot):
            continue
        answer = the_right(case, other.kind, sites, template_of(other.kind).keys, (shot.shown,))
        if answer is None:
            continue
        told = other.pathology == mark.pathology  # that the same thing is absent is no other fact
        if answer[0] in NORMAL and (told or float(rng.random()) > _SHARE_NORMAL_BESIDE):
            continue
        left_out = [key for key in other.alike if key != answer[0]]
        pool = tuple(key for key in answer[1] if not left_out or key != left_out[-1])
        rests = rests_on(case, other.kind, sites, series, ground)
        yield Draft(other.kind, sites, pool, answer[0], (shot,), rests)


def _is_shown(mark: Marked, ground: Finding, shot: Shot) -> bool:
    """Return whether a picture shows a site as a picture of this kind would: its slice, all of it."""
    where, slice_index = ground.evidence, shot.shown.slice_index
    own = (where.plane, where.slice_index) == (shot.shown.plane, slice_index)
    if not ground.present:
        return own or mark.beside
    return own and shot.shown.holds(ground) and _is_seen(ground, shot)


def rests_on(
    case: Case, kind: Kind, sites: Sequence[str], series: CaseSeries, finding: Finding
) -> tuple[str, ...]:
    """Return the ids of the findings that an answer rests on: of the series first, else of any."""
    found = [finding.id]
    for pathology in template_of(kind).facts:
        for site in sites:
            stated = case.known.at(pathology, site)
            here = [one.id for one in stated if one.evidence.series == series.series.uid]
            found += here or [one.id for one in stated[:1]]
    return tuple(dict.fromkeys(found))


def _is_seen(finding: Finding, shot: Shot) -> bool:
    """Return whether the picture's pixels still show enough of a finding that its slice shows."""
    spacing = shot.shown.spacing_mm
    share = spacing[0] * spacing[1] / shot.picture.spacing_mm**2
    if finding.pixels is None:
        return True
    return finding.pixels * min(share, 1.0) >= min(_FEWEST_PIXELS, finding.pixels / 2)


def _shot(
    case: Case, mark: Marked, series: CaseSeries, finding: Finding, rng: np.random.Generator
) -> Shot | None:
    """Return the picture; None without a place for ring or middle, or where the slice misses the bodies."""
    box = finding.evidence.box
    cut = slice_of(series, finding.evidence.plane, _slice_index(mark, series, finding, rng))
    if mark.ring == "site" and not _passes_bodies(series, finding.site, cut):
        return None
    if mark.side_mm is None:
        return shoot(case.study, series, cut, whole_frame(cut, rng), finding.evidence, rng)
    middle = middle_of(series, finding, cut)
    if middle is None:
        return None
    if mark.ring == "finding":
        middle = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    frame: Frame = frame_around(cut, middle, rng, mark.side_mm)
    ring_px = RING_PX
    if mark.ring == "finding":
        ring_px = _FORAMEN_RING_MM[0] / frame.pixel_mm, _FORAMEN_RING_MM[1] / frame.pixel_mm
    ring = None if mark.ring == "none" else middle
    return shoot(case.study, series, cut, frame, finding.evidence, rng, ring, ring_px=ring_px)


def _passes_bodies(series: CaseSeries, site: str, cut: Slice) -> bool:
    """Return whether a slice runs through the marked body, or through both bodies of a marked segment."""
    bodies = series.bodies()
    return all(
        level in bodies and is_shown(series, bodies[level], cut.index, _PASSING_SHARE[level[0]])
        for level in site.split("-")
    )


def _slice_index(mark: Marked, series: CaseSeries, finding: Finding, rng: np.random.Generator) -> int:
    index = finding.evidence.slice_index
    if finding.present or finding.evidence.plane != "sagittal" or not mark.beside:
        return index
    if isinstance(series.volume, Radiograph):
        return index
    spacing, count = series.volume.spacing_mm[2], series.volume.array.shape[2]
    off = round(float(rng.uniform(-1, 1)) * _ABSENT_SPREAD_MM[finding.site[0]] / float(spacing))
    return int(min(max(index + off, 0), count - 1))


def middle_of(series: CaseSeries, finding: Finding, cut: Slice) -> tuple[float, float] | None:
    """Return what the picture is drawn around, as (row, column) of the slice: nothing that disease moves."""
    if cut.plane != "axial":
        return place_of(series, finding.site)
    bodies = list(series.bodies().values())
    if not bodies:
        return cut.grey.shape[0] / 2, cut.grey.shape[1] / 2
    boxes = [body.evidence.box for body in bodies]
    row = sum(box.top + box.bottom for box in boxes) / (2 * len(boxes))
    column = sum(box.left + box.right for box in boxes) / (2 * len(boxes))
    return row + _AXIAL_BEHIND_MM / cut.spacing_mm[0], column
