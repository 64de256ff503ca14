"""Questions that need two examinations of one patient, months apart: what grew, shrank, sank or came new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from spinemed.imaging.radiograph import Radiograph
from spinemed.instances.ask_levels import (
    SEARCH_SCALE,
    Strip,
    shot_of,
    step_mm,
    strip_of,
    told_by,
    window_for,
)
from spinemed.instances.ask_marked import bare, middle_of
from spinemed.instances.ask_search import shows_alike, site_pool
from spinemed.instances.drafts import Case, Draft, spread, the_right
from spinemed.instances.options import OPTIONS
from spinemed.instances.premise import view_of
from spinemed.instances.shots import (
    CaseSeries,
    Shot,
    Slice,
    frame_around,
    frame_of,
    outline,
    shoot,
    slice_of,
    whole_frame,
)
from spinemed.instances.templates import template_of
from spinemed.instances.windows import Window
from spinemed.levels import Level
from spinemed.records import Finding, Kind, Pathology

_TRIES: Final = 24
_AT_ITS_MIDDLE: Final[Pathology] = "fracture"
"""What is stated of each body, broken or not, in the slice through its own middle."""
_NEAR: Final = 2
_SPREAD, _AXIAL_SPREAD = 0.2, 0.1
"""How far what is asked about lies from a window's middle, in its sides; behind a disc lies the canal."""
_NEAREST_SLICES: Final = 1
"""A metastasis is seen in slices at most so many beside the one that shows most of it."""


@dataclass(frozen=True)
class Followed:
    """A kind with the pathology that is compared, the views that show it, and the window's side in mm.

    Without `side_mm` the whole slice is shown and nothing marked. `healthy` is the answer of sites without
    any finding: it is asked only beside others.
    """

    kind: Kind
    pathology: Pathology
    views: tuple[str, ...]
    side_mm: tuple[float, float] | None = (90.0, 140.0)
    healthy: str = ""


_BONE_VIEWS: Final = ("CT sagittal", "T2 sagittal", "STIR sagittal")
FOLLOWED: Final[tuple[Followed, ...]] = (
    Followed("change_height", "height_loss", _BONE_VIEWS, healthy="intact"),
    Followed("change_herniation", "herniation", ("T2 sagittal",)),
    Followed("change_herniation", "herniation", ("T2 axial",), (75.0, 120.0)),
    Followed("change_metastasis", "metastasis", _BONE_VIEWS, (60.0, 90.0)),
    Followed("change_curve", "scoliosis", ("XR full frontal",), None),
)

Pair = tuple[CaseSeries, CaseSeries]
Twins = tuple[Finding, Finding]
Cuts = tuple[int, int]
Asked = tuple[Pair, Twins, Cuts, tuple[str, tuple[str, ...]]]


def change_drafts(case: Case) -> Iterator[Draft]:
    """Yield drafts of all kinds that compare a later examination with the first; none where there is one."""
    for followed in FOLLOWED:
        rng = case.rng(followed.kind, *followed.views)
        by_answer: dict[str, list[Asked]] = {}
        for pair in _pairs(case, followed.views):
            for asked in _asked(case, followed, pair):
                by_answer.setdefault(asked[3][0], []).append(asked)
        if set(by_answer) <= {followed.healthy}:
            continue
        for asked in spread(by_answer, case.asking.items_per_kind, rng):
            draft = _draft(case, followed, asked, rng)
            if draft is not None:
                yield draft
    yield from _new_metastases(case)


def _pairs(case: Case, views: tuple[str, ...]) -> Iterator[Pair]:
    """Yield each series of the first examination with each later one of its kind."""
    found = case.seen_as(*views)
    firsts = [one for one in found if not one.series.months]
    laters = [one for one in found if one.series.months]
    for first in firsts:
        yield from ((first, other) for other in laters if view_of(first.series) == view_of(other.series))


def _fields(kind: Kind, pair: Pair) -> dict[str, str]:
    """Return what the question says: the months between, and of a disc if it is ringed or cut along."""
    first, second = pair
    fields = {"months": str(second.series.months - first.series.months)}
    if kind == "change_herniation":
        fields["disc"] = "slice" if second.series.plane == "axial" else "ring"
    return fields


def _asked(case: Case, followed: Followed, pair: Pair) -> Iterator[Asked]:
    """Yield each site that both series state, with the one answer that holds there."""
    keys = template_of(followed.kind).keys
    for twins in _twins(followed, pair):
        cuts = same_slices(pair, twins)
        if cuts is None:
            continue
        sites = () if followed.side_mm is None else (twins[0].site,)
        shown = tuple(
            replace(bare(series, twin), slice_index=cut)
            for series, twin, cut in zip(pair, twins, cuts, strict=True)
        )
        answer = the_right(case, followed.kind, sites, keys, shown, _fields(followed.kind, pair))
        if answer is not None:
            yield pair, twins, cuts, answer


def _twins(followed: Followed, pair: Pair) -> Iterator[Twins]:
    """Yield the findings of one site in both series; of curves the largest, whose apex may have moved."""
    found = [one.of(followed.pathology) for one in pair]
    if followed.side_mm is None:
        largest = [max(ones, key=lambda one: abs(one.value or 0.0), default=None) for ones in found]
        if largest[0] is not None and largest[1] is not None:
            yield largest[0], largest[1]
        return
    later = {one.site: one for one in found[1]}
    yield from ((one, later[one.site]) for one in found[0] if one.site in later)


def same_slices(pair: Pair, twins: Twins) -> Cuts | None:
    """Return the slices of both series that show their findings of one site at the same lateral place.

    A finding is shown where it is seen best. One that is absent is absent in every slice, and a body has its
    height in all: it is shown where the other lies. None where the slices of two that are there pass the
    site more than half a step apart, or where a series has no such slice. Axial slices and films are taken
    as they are.
    """
    first, second = (twin.evidence for twin in twins)
    if "sagittal" not in (first.plane, second.plane):
        return first.slice_index, second.slice_index
    site = twins[0].site
    if twins[1].present and not twins[0].present:
        index = _slice_beside(pair[1], second.slice_index, pair[0], site)
        return None if index is None else (index, second.slice_index)
    index = _slice_beside(pair[0], first.slice_index, pair[1], site)
    only_there = twins[1].present and twins[1].pathology != "height_loss"
    if index is None or (only_there and index != second.slice_index):
        return None
    return first.slice_index, index


def _slice_beside(one: CaseSeries, index: int, other: CaseSeries, site: str) -> int | None:
    """Return the slice of another series that passes a site where slice `index` of the first does.

    Both are counted from the middles of the bodies around the site that both series state. One middle is
    known to a slice, the mean of several to a part of one.
    """
    if isinstance(other.volume, Radiograph):
        return None
    middles_mm = [
        {body.site: body.evidence.slice_index * step_mm(series) for body in series.of(_AT_ITS_MIDDLE)}
        for series in (one, other)
    ]
    order = Level(site.split("-")[0]).order
    shifts_mm = [
        middles_mm[1][level] - middle_mm
        for level, middle_mm in middles_mm[0].items()
        if level in middles_mm[1] and abs(Level(level).order - order) <= _NEAR
    ]
    if not shifts_mm:
        return None
    place = round((index * step_mm(one) + sum(shifts_mm) / len(shifts_mm)) / step_mm(other))
    return place if 0 <= place < other.volume.array.shape[2] else None


def _draft(case: Case, followed: Followed, asked: Asked, rng: np.random.Generator) -> Draft | None:
    pair, twins, cuts, (right, pool) = asked
    shots = _shots(case, followed, pair, twins, cuts, rng)
    if shots is None:
        return None
    sites = () if followed.side_mm is None else (twins[0].site,)
    return Draft(
        followed.kind,
        sites,
        pool,
        right,
        shots,
        _rests_on(followed.kind, pair, twins),
        _fields(followed.kind, pair),
    )


def _rests_on(kind: Kind, pair: Pair, twins: Twins) -> tuple[str, ...]:
    """Return the ids of the findings that an answer rests on: of both examinations."""
    others = [
        one.id
        for series, twin in zip(pair, twins, strict=True)
        for one in series.of(*template_of(kind).facts)
        if one.site == twin.site
    ]
    return tuple(dict.fromkeys((*(one.id for one in twins), *others)))


def _shots(
    case: Case, followed: Followed, pair: Pair, twins: Twins, cuts: Cuts, rng: np.random.Generator
) -> tuple[Shot, ...] | None:
    """Return both pictures: windows of one scale that hold the findings, ringed where seen from the side.

    A size is judged with the eye, so a pixel is as many mm in the later picture as in the earlier one. None
    where no window holds a finding.
    """
    seen = [
        (series, twin, slice_of(series, twin.evidence.plane, index))
        for series, twin, index in zip(pair, twins, cuts, strict=True)
    ]
    if followed.side_mm is None:
        return tuple(
            shoot(case.study, series, cut, whole_frame(cut, rng), twin.evidence, rng)
            for series, twin, cut in seen
        )
    middles = [middle for one in seen if (middle := middle_of(*one)) is not None]
    if len(middles) < len(seen):
        return None
    for _ in range(_TRIES):
        side = float(rng.uniform(*followed.side_mm))
        frames = [
            frame_around(cut, middle, rng, (side, side), spread=_spread(cut))
            for (_, _, cut), middle in zip(seen, middles, strict=True)
        ]
        drawn = list(zip(seen, middles, frames, strict=True))
        if all(outline(series, cut, frame).holds(twin) for (series, twin, cut), _, frame in drawn):
            return tuple(
                shoot(case.study, series, cut, frame, twin.evidence, rng, _ring_at(cut, middle))
                for (series, twin, cut), middle, frame in drawn
            )
    return None


def _spread(cut: Slice) -> float:
    return _AXIAL_SPREAD if cut.plane == "axial" else _SPREAD


def _ring_at(cut: Slice, middle: tuple[float, float]) -> tuple[float, float] | None:
    return None if cut.plane == "axial" else middle


def _new_metastases(case: Case) -> Iterator[Draft]:
    """Yield drafts that ask which vertebra has a metastasis that the first examination did not show."""
    rng = case.rng("new_metastasis")
    found: list[tuple[Pair, Finding]] = []
    for first, second in _pairs(case, _BONE_VIEWS):
        before = {one.site: one.present for one in first.of("metastasis")}
        new = [one for one in second.of("metastasis") if one.present and before.get(one.site) is False]
        found += [((first, second), one) for one in new]
    given = 0
    for place in rng.permutation(len(found)):
        draft = _search_draft(case, *found[int(place)], rng)
        if draft is not None:
            yield draft
            given += 1
        if given == case.asking.items_per_kind:
            return


def _search_draft(case: Case, pair: Pair, finding: Finding, rng: np.random.Generator) -> Draft | None:
    """Return the question about one window of each examination, counted from the same place in both."""
    first, second = (strip_of(case, series) for series in pair)
    before = next(one for one in pair[0].of("metastasis") if one.site == finding.site)
    found = same_slices(pair, (before, finding))
    if first is None or second is None or found is None or not _old_ones_are_shown(pair, found):
        return None
    cuts = [slice_of(series, "sagittal", index) for series, index in zip(pair, found, strict=True)]
    for _ in range(_TRIES):
        windows = _window(first, finding.site, rng), _window(second, finding.site, rng)
        if windows[0] is None or windows[1] is None:
            return None
        fields = {**_fields("new_metastasis", pair), "numbering": second.numbering(windows[1])}
        shared = site_pool(first, windows[0], segments=False)
        pool = [site for site in site_pool(second, windows[1], segments=False) if site in shared]
        pool = [site for site in pool if site != told_by(fields["numbering"])]
        if first.numbering(windows[0]) != fields["numbering"] or len(pool) < OPTIONS:
            continue
        if not shows_alike(case, first, windows[0], found[0]) or not shows_alike(
            case, second, windows[1], found[1]
        ):
            continue
        shown = tuple(
            outline(series, cut, frame_of(window, SEARCH_SCALE).within(cut))
            for series, cut, window in zip(pair, cuts, windows, strict=True)
            if window is not None
        )
        answer = the_right(case, "new_metastasis", (finding.site,), pool, shown, fields)
        if answer is None or not shown[1].holds(finding):
            continue
        shots = (
            shot_of(case, first, windows[0], rng, before, scale=SEARCH_SCALE, cut=cuts[0]),
            shot_of(case, second, windows[1], rng, finding, scale=SEARCH_SCALE, cut=cuts[1]),
        )
        ids = (before.id, finding.id)
        return Draft("new_metastasis", (finding.site,), answer[1], answer[0], shots, ids, fields)
    return None


def _window(strip: Strip, site: str, rng: np.random.Generator) -> Window | None:
    return window_for(strip, strip.chain.sites.index(site), rng) if site in strip.chain.sites else None


def _old_ones_are_shown(pair: Pair, cuts: Cuts) -> bool:
    """Return whether the slices shown pass the metastases that were there before: none looks new."""
    old = {one.site for one in pair[0].of("metastasis") if one.present}
    return all(
        abs(one.evidence.slice_index - shown) <= _NEAREST_SLICES
        for series, shown in zip(pair, cuts, strict=True)
        for one in series.of("metastasis")
        if one.present and one.site in old
    )
