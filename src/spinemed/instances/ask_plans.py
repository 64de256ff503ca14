"""Planning questions on images: the decision follows by facts/planning, what no image shows is stated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, get_args

import numpy as np

from spinemed.facts.planning.trauma import Ligaments, TlicsNeurology
from spinemed.instances.ask_levels import SEARCH_SCALE, Strip, shot_of, strips, window_for
from spinemed.instances.ask_marked import rests_on
from spinemed.instances.ask_search import range_pool, search_draft, shows_alike, site_pool
from spinemed.instances.drafts import SHARE_NORMAL, Case, Draft, spread, the_right
from spinemed.instances.options import neighbours
from spinemed.instances.premise import Premise
from spinemed.instances.rules_truth import TLICS_OF_AO, roots_of, the_herniation
from spinemed.instances.shots import (
    CaseSeries,
    Shot,
    frame_around,
    frame_of,
    outline,
    place_of,
    shoot,
    slice_of,
    whole_frame,
)
from spinemed.instances.templates import template_of
from spinemed.levels import Level
from spinemed.records import Finding, Kind

_AXIAL_MM: Final = (75.0, 120.0)
_WEEKS: Final = (8, 24)
_RISSER: Final = (0, 1, 2, 4, 5)
_ROOTS: Final = ("C3", "C4", "C5", "C6", "C7", "C8", "L1", "L2", "L3", "L4", "L5", "S1")
_TRIES: Final = 6
_TLICS_TOTALS: Final = tuple(str(points) for points in range(1, 11))
_LIGAMENTS: Final[tuple[str, ...]] = get_args(Ligaments)


def plan_drafts(case: Case) -> Iterator[Draft]:
    """Yield drafts of all planning kinds with pictures, and of the root that a herniation compresses."""
    found = strips(case)
    yield from _roots(case)
    yield from _decompression(case, found)
    yield from _of_one_site(case, found)
    yield from _scoliosis(case)
    yield from _injury_points(case)


def _roots(case: Case) -> Iterator[Draft]:
    kind: Kind = "compressed_root"
    rng = case.rng(kind)
    for series in case.seen_as("T2 axial"):
        for finding in series.of("herniation"):
            if not finding.present:
                continue
            region = finding.site[0]
            pool = [root for root in _ROOTS if (root[0] == "C") == (region == "C")]
            stated = {"segment": finding.site}
            answer = the_right(case, kind, (finding.site,), pool, (), stated)
            if answer is not None:
                shot = _axial(case, series, finding, rng)
                offered = neighbours(answer[1], roots_of(finding.site), rng)
                yield Draft(
                    kind, (finding.site,), answer[1], answer[0], (shot,),
                    rests_on(case, kind, (finding.site,), series, finding), stated, offered,
                )  # fmt: skip


def _axial(case: Case, series: CaseSeries, finding: Finding, rng: np.random.Generator) -> Shot:
    cut = slice_of(series, finding.evidence.plane, finding.evidence.slice_index)
    middle = cut.grey.shape[0] / 2, cut.grey.shape[1] / 2
    return shoot(
        case.study, series, cut, frame_around(cut, middle, rng, _AXIAL_MM, spread=0.1), finding.evidence, rng
    )


def _decompression(case: Case, found: tuple[Strip, ...]) -> Iterator[Draft]:
    """Ask for segment and side, on a sagittal picture with levels and an axial one of the herniation."""
    kind: Kind = "decompression_level"
    rng = case.rng(kind)
    finding = the_herniation(Premise(kind, (), {}, (), case.known))
    if finding is None or finding.side not in ("left", "right") or finding.site[0] != "L":
        return  # the question speaks of pain in the leg
    axial = [
        (series, one)
        for series in case.seen_as("T2 axial")
        for one in series.of("herniation")
        if one.site == finding.site and one.present
    ]
    sagittal = [
        (strip, one)
        for strip in found
        if strip.series.series.sequence in ("T1", "T2")
        for one in strip.series.of("herniation")
        if one.site == finding.site and one.present
    ]
    upper = finding.site.split("-")[0]
    if not axial or not sagittal or upper not in sagittal[0][0].chain.sites:
        return
    strip, seen = sagittal[0]
    window = window_for(strip, strip.chain.sites.index(upper), rng)
    if window is None:
        return
    cut = slice_of(strip.series, seen.evidence.plane, seen.evidence.slice_index)
    if not shows_alike(case, strip, window, cut.index):
        return
    first = shot_of(case, strip, window, rng, seen, scale=SEARCH_SCALE, cut=cut)
    pool = [f"{site} {side}" for site in site_pool(strip, window, True) for side in ("left", "right")]
    stated = {"numbering": strip.numbering(window), "weeks": str(int(rng.integers(*_WEEKS)))}
    answer = the_right(case, kind, (finding.site,), pool, (first.shown,), stated)
    if answer is not None and first.shown.holds(seen):
        shots = (first, _axial(case, *axial[0], rng))
        offered = _decompression_options(answer[0], answer[1], rng)
        if offered:
            ids = (seen.id, axial[0][1].id)
            yield Draft(kind, (finding.site,), answer[1], answer[0], shots, ids, stated, offered)


def _decompression_options(right: str, pool: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """Return two neighbouring segments with both sides: each of the four as plausible as the others."""
    segments = list(dict.fromkeys(one.split(" ")[0] for one in pool))
    place = segments.index(right.split(" ")[0])
    others = [segments[other] for other in (place - 1, place + 1) if 0 <= other < len(segments)]
    if not others:
        return ()
    pair = (segments[place], others[int(rng.integers(len(others)))])
    offered = tuple(f"{segment} {side}" for segment in pair for side in ("left", "right"))
    return offered if set(offered) <= set(pool) else ()


def _of_one_site(case: Case, found: tuple[Strip, ...]) -> Iterator[Draft]:
    """Ask for the ends of a fracture's fixation, and for the segment of a slip's fusion."""
    rng = case.rng("plans")
    for strip in found:
        if strip.series.series.modality == "XR":
            continue
        for finding in strip.series.of("fracture"):
            if finding.present:
                construct = ("short", "long")[int(rng.integers(2))]
                draft = _fixation(case, strip, finding, construct, rng)
                if draft is not None:
                    yield draft
                    break
    for strip in found:
        slips = [one for one in strip.series.of("slip") if one.present]
        draft = search_draft(case, "slip_fusion", strip, slips[0], rng) if len(slips) == 1 else None
        if draft is not None:
            yield draft
            return


def _fixation(
    case: Case, strip: Strip, finding: Finding, construct: str, rng: np.random.Generator
) -> Draft | None:
    """Return the question for ranges of the right length alone: the length is stated."""
    kind: Kind = "fixation_levels"
    length = 3 if construct == "short" else 5
    if finding.site not in strip.chain.sites:
        return None
    cut = slice_of(strip.series, finding.evidence.plane, finding.evidence.slice_index)
    for _ in range(_TRIES):
        window = window_for(strip, strip.chain.sites.index(finding.site), rng)
        if window is None:
            return None
        if not shows_alike(case, strip, window, cut.index):
            continue
        stated = {"numbering": strip.numbering(window), "construct": construct}
        whole = site_pool(strip, window, False) + (["S1"] if window.anchor == "sacrum" else [])
        pool = [one for one in range_pool(strip, window) if _length(one, whole) == length]
        shown = outline(strip.series, cut, frame_of(window, SEARCH_SCALE).within(cut))
        answer = the_right(case, kind, (finding.site,), pool, (shown,), stated)
        if answer is not None and shown.holds(finding):
            shot = shot_of(case, strip, window, rng, finding, scale=SEARCH_SCALE, cut=cut)
            return Draft(kind, (finding.site,), answer[1], answer[0], (shot,), (finding.id,), stated)
    return None


def _length(key: str, whole: list[str]) -> int:
    first, last = key.split(":")
    return whole.index(last) - whole.index(first) + 1


def _scoliosis(case: Case) -> Iterator[Draft]:
    kind: Kind = "scoliosis_plan"
    rng = case.rng(kind)
    for series in case.seen_as("XR full frontal"):
        found = series.of("scoliosis")
        if not found:
            continue
        stated = {"risser": str(_RISSER[int(rng.integers(len(_RISSER)))])}
        cut = slice_of(series, found[0].evidence.plane, found[0].evidence.slice_index)
        shot = shoot(case.study, series, cut, whole_frame(cut, rng), found[0].evidence, rng)
        answer = the_right(case, kind, (), template_of(kind).keys, (shot.shown,), stated)
        if answer is not None and (found[0].present or float(rng.random()) < SHARE_NORMAL):
            ids = tuple(one.id for one in found)
            yield Draft(kind, (), answer[1], answer[0], (shot,), ids, stated)


def _neurology(site: str) -> tuple[TlicsNeurology, ...]:
    """Return what an injury of a level can do: the cord ends at L1, the cauda equina begins at T12."""
    level = Level(site)
    found: list[TlicsNeurology] = ["intact", "nerve_root"]
    if level <= Level.L1:
        found += ["complete_cord", "incomplete_cord"]
    return (*found, "cauda_equina") if level >= Level.T12 else tuple(found)


def _examined(case: Case, finding: Finding, rng: np.random.Generator) -> dict[str, str] | None:
    """Return ligaments and neurology that occur with a fracture, None where none were drawn."""
    for _ in range(_TRIES):
        stated = {"neurology": _pick(_neurology(finding.site), rng), "ligaments": _pick(_LIGAMENTS, rng)}
        if the_right(case, "tlics_image", (finding.site,), _TLICS_TOTALS, (), stated) is not None:
            return stated
    return None


def _pick(values: Sequence[str], rng: np.random.Generator) -> str:
    return values[int(rng.integers(len(values)))]


def _injury_points(case: Case) -> Iterator[Draft]:
    """Ask for TLICS of a marked fracture, ligaments and neurology drawn and stated."""
    kind: Kind = "tlics_image"
    rng = case.rng(kind)
    for series in case.seen_as("CT sagittal"):
        broken = {"all": [one for one in series.of("fracture") if one.present and one.grade in TLICS_OF_AO]}
        for finding in spread(broken, case.asking.items_per_kind, rng):
            place = place_of(series, finding.site)
            stated = _examined(case, finding, rng)
            if stated is None or place is None or finding.site[0] == "C":
                continue
            answer = the_right(case, kind, (finding.site,), _TLICS_TOTALS, (), stated)
            if answer is None:
                continue
            cut = slice_of(series, finding.evidence.plane, finding.evidence.slice_index)
            frame = frame_around(cut, place, rng, (90.0, 140.0))
            shot = shoot(case.study, series, cut, frame, finding.evidence, rng, place)
            yield Draft(kind, (finding.site,), answer[1], answer[0], (shot,), (finding.id,), stated)
