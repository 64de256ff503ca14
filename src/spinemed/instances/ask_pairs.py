"""Questions that need two pictures: two weightings, two postures, two slices, CT beside MR."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from spinemed.imaging.radiograph import Radiograph
from spinemed.instances.ask_levels import Strip, shot_of, strips, window_for
from spinemed.instances.ask_marked import bare, rests_on
from spinemed.instances.drafts import Case, Draft, spread, the_right
from spinemed.instances.shots import CaseSeries, Shot, frame_around, outline, place_of, shoot, slice_of
from spinemed.instances.templates import template_of
from spinemed.records import Finding, Kind, Pathology

_SIDE_MM = (90.0, 140.0)
_FARTHEST = 2
"""`same_level` asks for up to this many vertebrae apart."""
_TRIES = 8

Seen = tuple[CaseSeries, Finding]
Postures = tuple[Seen, Seen, str, tuple[str, ...]]
Pair = tuple[CaseSeries, CaseSeries, Finding, str, tuple[str, ...]]


def pair_drafts(case: Case) -> Iterator[Draft]:
    """Yield drafts of all kinds with two pictures."""
    yield from _weightings(case, "modic_type", "modic_change", "T1 sagittal", "T2 sagittal")
    yield from _weightings(case, "fracture_age", "fracture", "T1 sagittal", "STIR sagittal")
    yield from _postures(case)
    yield from _pars(case)
    yield from _same_level(case)


def _weightings(case: Case, kind: Kind, pathology: Pathology, first: str, second: str) -> Iterator[Draft]:
    """Ask for a site on two weightings of one session: the same slice and window."""
    for one, other in _sessions(case, first, second):
        by_answer: dict[str, list[Pair]] = {}
        for finding in other.of(pathology):
            answer = the_right(case, kind, (finding.site,), template_of(kind).keys)
            if answer is not None:
                by_answer.setdefault(answer[0], []).append((one, other, finding, *answer))
        rng = case.rng(kind, one.series.uid)
        for pair in spread(by_answer, case.asking.items_per_kind, rng):
            shots = _both(case, (one, other), pair[2], rng)
            if shots:
                rests = rests_on(case, kind, (pair[2].site,), other, pair[2])
                yield Draft(kind, (pair[2].site,), pair[4], pair[3], shots, rests)


def _sessions(case: Case, first: str, second: str) -> Iterator[tuple[CaseSeries, CaseSeries]]:
    """Yield series of two weightings that share one grid."""
    for one in case.seen_as(first):
        for other in case.seen_as(second):
            if isinstance(one.volume, Radiograph) or isinstance(other.volume, Radiograph):
                continue
            if one.volume.array.shape == other.volume.array.shape and one.volume.grid == other.volume.grid:
                yield one, other


def _both(
    case: Case, pair: Sequence[CaseSeries], finding: Finding, rng: np.random.Generator
) -> tuple[Shot, ...]:
    """Return the same window of both series with a ring on the finding's site, () where it has no place."""
    place = place_of(pair[1], finding.site)
    if place is None:
        return ()
    cuts = [slice_of(series, finding.evidence.plane, finding.evidence.slice_index) for series in pair]
    frame = frame_around(cuts[0], place, rng, _SIDE_MM)
    return tuple(
        shoot(
            case.study,
            series,
            cut,
            frame,
            finding.evidence.model_copy(update={"series": series.series.uid, "slice_id": ""}),
            rng,
            place,
        )
        for series, cut in zip(pair, cuts, strict=True)
    )


def _postures(case: Case) -> Iterator[Draft]:
    """Ask for the slip of a lumbar segment in flexion and extension."""
    kind: Kind = "unstable_slip"
    lateral = case.seen_as("XR lateral")
    flexions = [one for one in lateral if one.series.posture == "flexion"]
    extensions = [one for one in lateral if one.series.posture == "extension"]
    rng = case.rng(kind)
    by_answer: dict[str, list[Postures]] = {}
    for first, second in zip(flexions, extensions, strict=False):
        twins = {one.site: one for one in second.of("slip")}
        for finding in first.of("slip"):
            twin = twins.get(finding.site)
            if twin is None or finding.site[0] != "L":
                continue
            shown = bare(first, finding), bare(second, twin)
            answer = the_right(case, kind, (finding.site,), template_of(kind).keys, shown)
            if answer is not None:
                by_answer.setdefault(answer[0], []).append(((first, finding), (second, twin), *answer))
    for one, other, right, pool in spread(by_answer, case.asking.items_per_kind, rng):
        shots = [_own(case, series, finding, rng) for series, finding in (one, other)]
        whole = tuple(shot for shot in shots if shot is not None)
        if len(whole) == 2:
            yield Draft(kind, (one[1].site,), pool, right, whole, (one[1].id, other[1].id))


def _own(case: Case, series: CaseSeries, finding: Finding, rng: np.random.Generator) -> Shot | None:
    """Return a window of its own with a ring on the site."""
    place = place_of(series, finding.site)
    if place is None:
        return None
    cut = slice_of(series, finding.evidence.plane, finding.evidence.slice_index)
    frame = frame_around(cut, place, rng, _SIDE_MM)
    return shoot(case.study, series, cut, frame, finding.evidence, rng, place)


def _pars(case: Case) -> Iterator[Draft]:
    """Ask for pars and alignment on a slice through the pars and one through the middle."""
    kind: Kind = "pars"
    rng = case.rng(kind)
    by_answer: dict[str, list[tuple[CaseSeries, Finding, Finding, str, tuple[str, ...]]]] = {}
    for series in case.seen_as("CT sagittal"):
        slips = {one.site.split("-")[0]: one for one in series.of("slip")}
        for finding in series.of("pars_defect"):
            slip = slips.get(finding.site)
            if slip is None:
                continue
            place = place_of(series, finding.site)
            cut = slice_of(series, slip.evidence.plane, slip.evidence.slice_index)
            if place is None:
                continue
            shown = outline(series, cut, frame_around(cut, place, rng, _SIDE_MM))
            answer = the_right(case, kind, (finding.site,), template_of(kind).keys, (shown,))
            if answer is not None:
                by_answer.setdefault(answer[0], []).append((series, finding, slip, *answer))
    for series, finding, slip, right, pool in spread(by_answer, case.asking.items_per_kind, rng):
        shots = [_at_body(case, series, one, finding.site, rng) for one in (finding, slip)]
        whole = tuple(shot for shot in shots if shot is not None)
        if len(whole) == 2:
            yield Draft(kind, (finding.site,), pool, right, whole, (finding.id, slip.id))


def _at_body(
    case: Case, series: CaseSeries, finding: Finding, site: str, rng: np.random.Generator
) -> Shot | None:
    """Return the finding's slice with a ring on a body."""
    place = place_of(series, site)
    if place is None:
        return None
    cut = slice_of(series, finding.evidence.plane, finding.evidence.slice_index)
    return shoot(
        case.study, series, cut, frame_around(cut, place, rng, _SIDE_MM), finding.evidence, rng, place
    )


def _same_level(case: Case) -> Iterator[Draft]:
    """Ask how the vertebra marked on a second examination lies to the one marked on a first."""
    kind: Kind = "same_level"
    rng = case.rng(kind)
    found = strips(case)
    pairs = [
        (one, other)
        for one in found
        for other in found
        if one.series.series.modality != other.series.series.modality and one.cut.plane == other.cut.plane
    ]
    keys = template_of(kind).keys
    given = 0
    for _ in range(_TRIES if pairs else 0):
        one, other = pairs[int(rng.integers(len(pairs)))]
        # The distance is drawn before the vertebrae, so that each is asked as often.
        steps = int(rng.integers(-_FARTHEST, _FARTHEST + 1))
        draft = _two_rings(case, kind, one, other, steps, keys, rng)
        if draft is not None:
            yield draft
            given += 1
        if given == case.asking.items_per_kind:
            return


def _told(strip: Strip) -> list[str]:
    """Return the vertebrae that windows of a series show together with the sacrum or C2."""
    return [strip.chain.sites[place] for place, anchor in strip.groups.items() if anchor in ("sacrum", "C2")]


def _two_rings(
    case: Case,
    kind: Kind,
    one: Strip,
    other: Strip,
    steps: int,
    keys: Sequence[str],
    rng: np.random.Generator,
) -> Draft | None:
    sites = [
        (site, other.chain.sites[place])
        for site in _told(one)
        if site in other.chain.sites
        for place in [other.chain.sites.index(site) + steps]
        if 0 <= place < len(other.chain.sites) and other.chain.sites[place] in _told(other)
    ]
    if not sites:
        return None
    chosen: tuple[str, ...] = sites[int(rng.integers(len(sites)))]
    shots = []
    for strip, site in zip((one, other), chosen, strict=True):
        window = window_for(strip, strip.chain.sites.index(site), rng)
        if window is None:
            return None
        body = strip.series.bodies()[site]
        shots.append(shot_of(case, strip, window, rng, body, place_of(strip.series, site)))
    answer = the_right(case, kind, chosen, keys, tuple(shot.shown for shot in shots))
    if answer is None:
        return None
    ids = tuple(strip.series.bodies()[site].id for strip, site in zip((one, other), chosen, strict=True))
    return Draft(kind, chosen, answer[1], answer[0], tuple(shots), ids)
