"""Questions in which something is looked for: a finding among the levels of a window, the reach of screws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

import numpy as np

from spinemed.instances.ask_levels import (
    OFF_SHARE,
    SEARCH_SCALE,
    Strip,
    shot_of,
    step_mm,
    strips,
    window_for,
)
from spinemed.instances.drafts import Case, Draft, the_right
from spinemed.instances.gate import sites_between
from spinemed.instances.premise import Premise, Shown, sites_in_view
from spinemed.instances.shots import frame_of, outline, slice_of
from spinemed.instances.truth import SEARCHED, searched
from spinemed.instances.windows import Window
from spinemed.records import Finding, Kind

_SACRUM: Final = "S1"
_TRIES: Final = 12
_OFF_SHARE_LUMBAR: Final = 0.4
"""`OFF_SHARE` of lumbar bodies, which are wider than deep: slices beside the canal still show them whole."""


def search_drafts(case: Case) -> Iterator[Draft]:
    """Yield drafts that ask where a pathology is among the levels in view, and how far screws reach."""
    found = strips(case)
    for kind in (*SEARCHED, "implant_levels"):
        rng = case.rng(kind)
        pathology = SEARCHED.get(kind, "screws")
        there = [
            (strip, finding)
            for strip in found
            for finding in strip.series.of(pathology)
            if finding.present and (kind != "stenosis_level" or finding.grade in ("moderate", "severe"))
        ]
        given = 0
        for place in rng.permutation(len(there)):
            draft = search_draft(case, kind, *there[int(place)], rng)
            if draft is not None:
                yield draft
                given += 1
            if given == case.asking.items_per_kind:
                break


def shows_alike(case: Case, strip: Strip, window: Window, index: int) -> bool:
    """Return whether another slice of the series shows each body of a window, and its anchor, as whole.

    In a curved spine, or one whose curve is held back, no other does.
    """
    if index == strip.cut.index:
        return True
    curves = [one.present for one in case.known.of("scoliosis")]
    if any(curves) or case.known.hidden("scoliosis"):
        return False
    shown = slice(window.first, window.last + 1)
    least_mm = min(
        (span.right - span.left) * (_OFF_SHARE_LUMBAR if site[0] == "L" else OFF_SHARE)
        for site, span in zip(strip.chain.sites[shown], strip.chain.spans[shown], strict=True)
    )
    return abs(index - strip.cut.index) * step_mm(strip.series) <= least_mm


def search_draft(
    case: Case,
    kind: Kind,
    strip: Strip,
    finding: Finding,
    rng: np.random.Generator,
    fields: Mapping[str, str] | None = None,
) -> Draft | None:
    """Return the question for one finding among the levels of a random window; None where none fits."""
    upper = finding.site.split("-")[0]
    if upper not in strip.chain.sites:
        return None
    cut = slice_of(strip.series, finding.evidence.plane, finding.evidence.slice_index)
    for _ in range(_TRIES):
        window = window_for(strip, strip.chain.sites.index(upper), rng)
        if window is None:
            return None
        shown = outline(strip.series, cut, frame_of(window, SEARCH_SCALE).within(cut))
        if not shows_alike(case, strip, window, cut.index) or not shown.holds(finding):
            continue
        if not _edges_are_clear(case, kind, strip, window, shown):
            continue
        pool = (
            range_pool(strip, window)
            if kind in ("implant_levels", "fixation_levels")
            else site_pool(strip, window, "-" in finding.site)
        )
        stated = {"numbering": strip.numbering(window), **(fields or {})}
        answer = the_right(case, kind, (finding.site,), pool, (shown,), stated)
        if answer is not None:
            offered = [key for key in answer[1] if ":" not in key or _length(key) == _length(answer[0])]
            shot = shot_of(case, strip, window, rng, finding, scale=SEARCH_SCALE, cut=cut)
            return Draft(kind, (finding.site,), tuple(offered), answer[0], (shot,), (finding.id,), stated)
    return None


def _length(key: str) -> int:
    """Return how many vertebrae a range has: the offered ones have as many as the right one."""
    return len(sites_between(*key.split(":")))


def site_pool(strip: Strip, window: Window, segments: bool) -> list[str]:
    """Return the whole vertebrae of a window, or the segments between them (and the sacrum in view)."""
    whole = list(strip.chain.sites[window.first : window.last + 1])
    if not segments:
        return whole
    if window.anchor == "sacrum":
        whole.append(_SACRUM)
    return [f"{upper}-{lower}" for upper, lower in pairwise(whole)]


def range_pool(strip: Strip, window: Window) -> list[str]:
    """Return ranges of two to six neighbours in a window, those of one length side by side."""
    whole = list(strip.chain.sites[window.first : window.last + 1])
    if window.anchor == "sacrum":
        whole.append(_SACRUM)
    return [
        f"{whole[start]}:{whole[start + length - 1]}"
        for length in range(2, 7)
        for start in range(len(whole) - length + 1)
    ]


def _edges_are_clear(case: Case, kind: Kind, strip: Strip, window: Window, shown: Shown) -> bool:
    """Return whether each level in view that is not offered, such as one cut by the edge, is stated free."""
    if kind not in SEARCHED:
        return True
    premise = Premise(kind, (), {}, (shown,), case.known)
    pathology = SEARCHED[kind]
    of_segments = any("-" in one.site for one in case.known.of(pathology))
    offered = site_pool(strip, window, of_segments)
    others = [
        site
        for site in sites_in_view(premise, shown)
        if ("-" in site) == of_segments and site not in offered and site != _SACRUM
    ]
    return all(searched(premise, site) is False for site in others)
