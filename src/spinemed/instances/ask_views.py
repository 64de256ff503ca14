"""Questions about an image as such: what it is, which way it lies, what it shows of all that could be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from spinemed.instances.ask_marked import middle_of
from spinemed.instances.drafts import SHARE_NORMAL, Case, Draft, the_right
from spinemed.instances.options import OPTIONS
from spinemed.instances.shots import (
    CaseSeries,
    Turn,
    frame_around,
    outline,
    shoot,
    slice_of,
    usual_slice,
    whole_frame,
)
from spinemed.instances.templates import template_of
from spinemed.instances.truth import PATHOLOGIES
from spinemed.records import Finding, Kind

_SIDE_MM: Final = (110.0, 170.0)
_RING_OFF_MM: Final = (22.0, 34.0)
_TURNS: Final[tuple[Turn, ...]] = (0, 90, 180, 270)
_FLAT_VIEWS: Final = ("CT sagittal", "T1 sagittal", "T2 sagittal", "STIR sagittal", "T2 axial")
_RADIOGRAPHS: Final = ("XR lateral", "XR frontal")
_FEWEST_BODIES: Final = 2
"""Whole bodies in a window that asks what an image is, or how it lies."""
_TRIES: Final = 6
_SHARE_NONE: Final = 0.25
"""Share of `which_seen` items in which nothing of what is offered is seen: one of four options."""


def view_drafts(case: Case) -> Iterator[Draft]:
    """Yield drafts of the kinds recognise, front_edge, ring_side and which_seen, few of each."""
    for kind in ("recognise", "front_edge"):
        rng = case.rng(kind)
        views = (*_FLAT_VIEWS, *_RADIOGRAPHS) if kind == "recognise" else _FLAT_VIEWS
        series = _one_of_each_view(case, views, rng)
        if series:
            draft = _of_view(case, kind, series[int(rng.integers(len(series)))], rng)
            if draft is not None:
                yield draft
    yield from _ring_sides(case)
    yield from _which_seen(case)


def _one_of_each_view(case: Case, views: tuple[str, ...], rng: np.random.Generator) -> list[CaseSeries]:
    """Return one series of every view that the case has, so that none is asked for more often."""
    found = []
    for view in views:
        of_view = case.seen_as(view)
        if of_view:
            found.append(of_view[int(rng.integers(len(of_view)))])
    return found


def _of_view(case: Case, kind: Kind, series: CaseSeries, rng: np.random.Generator) -> Draft | None:
    """Ask about a window that shows the spine: two whole bodies, or the canal of an axial slice."""
    axial = series.series.plane == "axial"
    seen = series.of("canal_stenosis" if axial else "vertebra")
    if not seen:
        return None
    index = usual_slice(seen)
    here = [one for one in seen if one.evidence.slice_index == index]
    cut = slice_of(series, here[0].evidence.plane, index)
    turn: Turn = _TURNS[int(rng.integers(4))] if kind == "front_edge" else 0
    for _ in range(_TRIES):
        evidence = here[int(rng.integers(len(here)))]
        middle = middle_of(series, evidence, cut)
        if middle is None:
            continue
        frame = frame_around(cut, middle, rng, _SIDE_MM, spread=0.12)
        shown = outline(series, cut, frame)
        if sum(shown.holds(one) for one in here) < (1 if axial else _FEWEST_BODIES):
            continue
        shot = shoot(case.study, series, cut, frame, evidence.evidence, rng, None, turn)
        answer = the_right(case, kind, (), template_of(kind).keys, (shot.shown,))
        return None if answer is None else Draft(kind, (), answer[1], answer[0], (shot,), (evidence.id,))
    return None


def _ring_sides(case: Case) -> Iterator[Draft]:
    kind: Kind = "ring_side"
    rng = case.rng(kind)
    axial = [(series, one) for series in case.seen_as("T2 axial") for one in series.of("canal_stenosis")]
    if not axial:
        return
    series, finding = axial[int(rng.integers(len(axial)))]
    cut = slice_of(series, finding.evidence.plane, finding.evidence.slice_index)
    box = finding.evidence.box
    row, column = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    off = float(rng.uniform(*_RING_OFF_MM))
    down, across = ((1, 0), (-1, 0), (0, 1), (0, -1))[int(rng.integers(4))]
    place = row + down * off / cut.spacing_mm[0], column + across * off / cut.spacing_mm[1]
    frame = frame_around(cut, (row, column), rng, _SIDE_MM, spread=0.1)
    shot = shoot(case.study, series, cut, frame, finding.evidence, rng, place)
    answer = the_right(case, kind, (), template_of(kind).keys, (shot.shown,))
    if answer is not None:
        yield Draft(kind, (), answer[1], answer[0], (shot,), (finding.id,))


def _which_seen(case: Case) -> Iterator[Draft]:
    """Ask which of three pathologies, or none of them, the whole slice shows."""
    kind: Kind = "which_seen"
    rng = case.rng(kind)
    there = [
        (series, one)
        for series in case.seen_as("CT sagittal", "T2 sagittal", "XR lateral")
        for one in series.of(*PATHOLOGIES)
        if one.present
    ]
    nothing = float(rng.random()) < (_SHARE_NONE if there else SHARE_NORMAL)
    if not there and not nothing:
        return
    if nothing:
        whole = [
            one for one in case.seen_as("CT sagittal", "T2 sagittal", "XR lateral") if one.of("vertebra")
        ]
        if not whole:
            return
        series = whole[int(rng.integers(len(whole)))]
        evidence: Finding = series.of("vertebra")[0]
    else:
        kinds = sorted({one.pathology for _, one in there})
        pathology = kinds[int(rng.integers(len(kinds)))]
        of_kind = [pair for pair in there if pair[1].pathology == pathology]
        series, evidence = of_kind[int(rng.integers(len(of_kind)))]
    draft = _seen_draft(case, series, evidence, nothing, rng)
    if draft is not None:
        yield draft


def _seen_draft(
    case: Case, series: CaseSeries, evidence: Finding, nothing: bool, rng: np.random.Generator
) -> Draft | None:
    cut = slice_of(series, evidence.evidence.plane, evidence.evidence.slice_index)
    shot = shoot(case.study, series, cut, whole_frame(cut, rng), evidence.evidence, rng)
    absent = [
        key
        for key in PATHOLOGIES
        if (verdict := the_right(case, "which_seen", (), (key, "none"), (shot.shown,))) is not None
        and verdict[0] == "none"
    ]
    wrong = [str(absent[int(place)]) for place in rng.permutation(len(absent))]
    count = OPTIONS - 1 if nothing else OPTIONS - 2
    if len(wrong) < count:
        return None
    offered = (*wrong[:count], *(() if nothing else (evidence.pathology,)), "none")
    answer = the_right(case, "which_seen", (), offered, (shot.shown,))
    if answer is None or (answer[0] == "none") != nothing:
        return None
    return Draft("which_seen", (), offered, answer[0], (shot,), (evidence.id,), offered=offered)
