"""Questions about levels in sagittal and frontal views: a ring to name, bodies in view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from spinemed.imaging.radiograph import Radiograph
from spinemed.instances.chains import Chain, chain_beside_cut, chain_of, countable, free_ends
from spinemed.instances.counting_truth import DENS_SHARE, are_stacked
from spinemed.instances.draft import further_kinds, with_beside
from spinemed.instances.drafts import Case, Draft, the_right
from spinemed.instances.gate import sites_between
from spinemed.instances.options import OPTIONS, neighbours, option_set
from spinemed.instances.premise import are_neighbours, view_of
from spinemed.instances.series import anchor_groups
from spinemed.instances.shots import (
    SMALL_RING_PX,
    CaseSeries,
    Shot,
    Slice,
    frame_of,
    outline,
    place_of,
    shoot,
    slice_of,
    usual_slice,
)
from spinemed.instances.windows import Window, draw_window, windows_open
from spinemed.instances.wordings import Anchor
from spinemed.levels import Level
from spinemed.records import Finding, Kind

VIEWS: Final = ("CT sagittal", "T1 sagittal", "T2 sagittal", "STIR sagittal", "XR lateral", "XR frontal")
SEARCH_SCALE: Final = 1.5
"""Pictures in which something is looked for have this many times the pixels, for the same millimetres."""
_SHARE_UNTOLD: Final = 0.2
"""Share of `level_if_told` items in which neither sacrum nor C2 is in view: one of five options."""
_TRIES: Final = 6
OFF_SHARE: Final = 0.25
"""A slice that lies further than this share of a body's depth beside its middle does not show it whole."""
_CLEAR_OF_FILMS: Final = 0.25
"""Endplates of frontal films lean: a whole vertebra keeps this share of a body's height from the edge."""
_SACRUM: Final = "S1"
_FRONTAL: Final = "XR frontal"
_LATERAL: Final = "XR lateral"
_HIGHEST_ON_FRONTAL: Final = Level.T7
"""Above it a round back projects the pedicles of frontal films a level higher: no ring marks a body there."""


@dataclass(frozen=True, eq=False)
class Strip:
    """One series as a chain of bodies: the slice shown, the chain, and how each body can be counted to."""

    series: CaseSeries
    cut: Slice
    chain: Chain
    groups: Mapping[int, Anchor]

    def numbering(self, window: Window) -> str:
        """Return the value of the field `numbering`: the anchor, and the vertebra that it names."""
        if window.anchor == "reference":
            return f"reference {self.chain.sites[window.first]}"
        cut = {"cut_above": self.chain.above, "cut_below": self.chain.below}.get(window.anchor)
        return window.anchor if cut is None else f"{window.anchor} {cut.site}"


def strip_of(case: Case, series: CaseSeries) -> Strip | None:
    """Return the series as a chain; None where too few whole bodies follow each other.

    With a variant of numbering, or a last disc like S1-S2, nothing is counted from the sacrum.
    """
    view = view_of(series.series)
    bodies = countable(series.of("vertebra", "vertebra_in_part"), view)
    whole = [one for one in bodies if one.pathology == "vertebra"]
    if not whole:
        return None
    cut = slice_of(series, whole[0].evidence.plane, usual_slice(whole))
    bodies = _told_apart([one for one in bodies if is_shown(series, one, cut.index)], view)
    unseen = [one.site for one in case.known.hidden("vertebra") if one.series == series.series.uid]
    chain = chain_of(bodies, cut.spacing_mm, unseen) or chain_beside_cut(
        bodies, cut.spacing_mm, cut.grey.shape[0]
    )
    if chain is None:
        return None
    if chain.sacrum is not None and (case.known.variant or case.known.like_s1):
        chain = replace(chain, sacrum=None)
    if view == _FRONTAL:
        chain = replace(chain, clear_mm=_CLEAR_OF_FILMS * max(span.height for span in chain.spans))
    if (view == _LATERAL or view.endswith("sagittal")) and chain.sites[0] == "C2":
        chain = replace(chain, dens_mm=DENS_SHARE * chain.spans[0].height)
    groups = anchor_groups(chain, cut.size_mm[0])
    marked = {place: anchor for place, anchor in groups.items() if _is_told_apart(chain.sites[place], view)}
    return Strip(series, cut, chain, marked) if marked else None


def _told_apart(bodies: Sequence[Finding], view: str) -> list[Finding]:
    """Return bodies, of which a frontal film's that lie behind each other count as seen in part."""
    if view != _FRONTAL:
        return list(bodies)
    whole = [one for one in bodies if one.pathology == "vertebra" and one.site != _SACRUM]
    whole.sort(key=lambda one: Level(one.site))
    stacked = {
        site
        for upper, lower in pairwise(whole)
        if are_neighbours(upper.site, lower.site) and are_stacked(upper.evidence.box, lower.evidence.box)
        for site in (upper.site, lower.site)
    }
    return [
        one.model_copy(update={"pathology": "vertebra_in_part"}) if one.site in stacked else one
        for one in bodies
    ]


def _is_told_apart(site: str, view: str) -> bool:
    """Return whether a view shows which body a ring on a vertebra marks."""
    return view != _FRONTAL or Level(site) >= _HIGHEST_ON_FRONTAL


def is_shown(series: CaseSeries, body: Finding, index: int, share: float = OFF_SHARE) -> bool:
    """Return whether a slice runs about through the middle of a body, which its evidence's slice does.

    `share` of the body's depth is how far beside it the slice may lie.
    """
    box, spacing_mm = body.evidence.box, slice_of(series, body.evidence.plane, index).spacing_mm
    depth_mm = (box.right - box.left) * spacing_mm[1]
    return abs(body.evidence.slice_index - index) * step_mm(series) <= share * depth_mm


def step_mm(series: CaseSeries) -> float:
    """Return how far two sagittal slices of a series lie apart, 0 for a film."""
    return 0.0 if isinstance(series.volume, Radiograph) else float(series.volume.spacing_mm[2])


def strips(case: Case) -> tuple[Strip, ...]:
    """Return all series of a case that show a chain of bodies."""
    found = (strip_of(case, series) for series in case.seen_as(*VIEWS))
    return tuple(strip for strip in found if strip is not None)


def window_for(strip: Strip, index: int, rng: np.random.Generator) -> Window | None:
    """Return a random window in which body `index` is whole and can be counted to, None where none fits."""
    if index not in strip.groups:
        return None
    references = [place for place, anchor in strip.groups.items() if anchor == "reference"]
    return draw_window(
        strip.chain,
        strip.groups[index],
        strip.cut.size_mm,
        rng,
        holding=index,
        reference=min(references, default=1) - 1,
    )


def shot_of(
    case: Case,
    strip: Strip,
    window: Window,
    rng: np.random.Generator,
    evidence: Finding,
    ring_at: tuple[float, float] | None = None,
    scale: float = 1.0,
    cut: Slice | None = None,
) -> Shot:
    """Return the picture of a window, with `scale` times as many pixels, of another slice if one is given."""
    shown = cut or strip.cut
    frame = frame_of(window, scale).within(shown)
    return shoot(
        case.study, strip.series, shown, frame, evidence.evidence, rng, ring_at, ring_px=SMALL_RING_PX
    )


def level_drafts(case: Case) -> Iterator[Draft]:
    """Yield drafts of the kinds that name a level: marked, above, below, in view, disc, if told."""
    found = strips(case)
    if not found:
        return
    kinds = ("marked_level", "level_above", "level_below", "marked_disc", "level_if_told", "levels_in_view")
    for kind in kinds:
        rng = case.rng(kind)
        for _ in range(case.asking.items_per_kind):
            # Drawn before the tries, of which more fail without an anchor: otherwise fewer would be untold.
            untold = kind == "level_if_told" and float(rng.random()) < _SHARE_UNTOLD
            for _ in range(3 * _TRIES if untold else _TRIES):
                strip = found[int(rng.integers(len(found)))]
                draft = _untold(case, strip, rng) if untold else _level_draft(case, kind, strip, rng)
                if draft is not None:
                    yield draft
                    break


def _level_draft(case: Case, kind: Kind, strip: Strip, rng: np.random.Generator) -> Draft | None:
    if kind == "levels_in_view":
        return _in_view(case, strip, rng)
    if kind == "level_if_told":
        return _told(case, strip, rng)
    indices = sorted(strip.groups)
    index = indices[int(rng.integers(len(indices)))]
    window = window_for(strip, index, rng)
    if window is None:
        return None
    sites, anchor = strip.chain.sites, strip.groups[index]
    group = [sites[place] for place in indices if strip.groups[place] == anchor]
    if kind == "marked_disc":
        return _marked_disc(case, strip, window, index, group, rng)
    shot = _ringed(case, strip, window, sites[index], rng)
    step = {"level_above": -1, "level_below": 1}.get(kind, 0)
    pool = [
        strip.chain.beside(place, step) if step else sites[place]
        for place in indices
        if strip.groups[place] == anchor
    ]
    numbering = strip.numbering(window)
    pool = [site for site in pool if site and site != told_by(numbering)]
    draft = _drafted(case, kind, (sites[index],), pool, shot, {"numbering": numbering})
    places = [place for place in indices if strip.groups[place] == anchor]
    further = _further(case, strip, index, places, shot, numbering, rng)
    return with_beside([one for one in (draft, *further) if one is not None]) if draft else None


def _further(
    case: Case,
    strip: Strip,
    index: int,
    places: Sequence[int],
    shot: Shot,
    numbering: str,
    rng: np.random.Generator,
) -> list[Draft | None]:
    """Return further questions of a picture that marks body `index` of all `places` that could be marked."""
    drafts = []
    for asked in further_kinds(rng):
        found = [asked.answer(strip.chain, place) for place in places]
        pool = [answer for answer in found if answer and answer != told_by(numbering)]
        fields = {"numbering": numbering, **dict(asked.fields)}
        site = strip.chain.sites[index]
        drafts.append(_drafted(case, asked.kind, (site,), pool, shot, fields))
    return drafts


def told_by(numbering: str) -> str:
    """Return the vertebra that a numbering names, which is therefore no answer; "" for the sacrum.

    >>> told_by("reference L2"), told_by("C2"), told_by("sacrum")
    ('L2', 'C2', '')
    """
    anchor, _, reference = numbering.partition(" ")
    return anchor if anchor == "C2" else reference


def _drafted(
    case: Case, kind: Kind, sites: tuple[str, ...], pool: Sequence[str], shot: Shot, fields: Mapping[str, str]
) -> Draft | None:
    answer = the_right(case, kind, sites, pool, (shot.shown,), fields)
    if answer is None:
        return None
    named = dict.fromkeys((*sites, answer[0]))
    bodies = [
        one
        for site in named
        for level in site.replace(":", "-").split("-")
        for one in case.known.seen_in(shot.shown.series.uid)
        if one.site == level and one.pathology in ("vertebra", "vertebra_in_part")
    ]
    return Draft(kind, sites, answer[1], answer[0], (shot,), tuple(one.id for one in bodies), fields)


def _ringed(
    case: Case, strip: Strip, window: Window, site: str, rng: np.random.Generator, scale: float = 1.0
) -> Shot:
    place = place_of(strip.series, site)
    return shot_of(case, strip, window, rng, strip.series.bodies()[site.split("-")[0]], place, scale)


def _marked_disc(
    case: Case, strip: Strip, window: Window, index: int, group: Sequence[str], rng: np.random.Generator
) -> Draft | None:
    """Ask for the disc below body `index`, or above it where none is below."""
    sites = strip.chain.sites
    lowers = {site: _below(strip, site) for site in group}
    pool = [f"{site}-{lower}" for site, lower in lowers.items() if lower]
    site, whole = sites[index], sites[window.first : window.last + 1]
    lower = lowers.get(site, "")
    if not lower or (lower not in whole and lower != _SACRUM):
        return None
    shot = _ringed(case, strip, window, f"{site}-{lower}", rng, SEARCH_SCALE)
    return _drafted(
        case, "marked_disc", (f"{site}-{lower}",), pool, shot, {"numbering": strip.numbering(window)}
    )


def _below(strip: Strip, site: str) -> str:
    sites = strip.chain.sites
    place = sites.index(site)
    if place + 1 < len(sites):
        return sites[place + 1]
    return _SACRUM if strip.chain.sacrum is not None else ""


def _in_view(case: Case, strip: Strip, rng: np.random.Generator) -> Draft | None:
    chain = strip.chain
    if len(chain.spans) == 1:
        return None
    for anchor in chain.anchors():
        ends = windows_open(chain, anchor, strip.cut.size_mm[0])
        if not ends:
            continue
        end = ends[int(rng.integers(len(ends)))]
        window = draw_window(chain, anchor, strip.cut.size_mm, rng, free_end=end)
        if window is None:
            continue
        first, last = chain.sites[window.first], chain.sites[window.last]
        free = chain.sites[window.first] if anchor == "sacrum" else chain.sites[window.last]
        near = neighbours(free_ends(first, last, anchor), (free,), rng) if len(ends) >= OPTIONS else ()
        pool = [f"{one}:{last}" if anchor == "sacrum" else f"{first}:{one}" for one in near or (free,)]
        shot = shot_of(case, strip, window, rng, strip.series.bodies()[first])
        but_sacrum = {"but_sacrum": "yes" if anchor == "sacrum" else "no"}
        fields = {"numbering": strip.numbering(window), **but_sacrum}
        draft = _drafted(case, "levels_in_view", (), pool, shot, fields)
        counts = [str(len(sites_between(*one.split(":")))) for one in pool]
        count = _drafted(case, "count_in_view", (), counts, shot, but_sacrum)
        if draft is None or count is None:
            return draft
        return with_beside([draft, replace(count, findings=draft.findings)])
    return None


def _told(case: Case, strip: Strip, rng: np.random.Generator) -> Draft | None:
    """Ask for a level that the sacrum or C2 in view tell."""
    told = [place for place, anchor in strip.groups.items() if anchor in ("sacrum", "C2")]
    if not told:
        return None
    index = told[int(rng.integers(len(told)))]
    return _if_told(case, strip, window_for(strip, index, rng), index, rng)


def _untold(case: Case, strip: Strip, rng: np.random.Generator) -> Draft | None:
    """Ask for a level that nothing in view tells: a window from any vertebra on, without sacrum and C2."""
    index = int(rng.integers(len(strip.chain.spans)))
    first = int(rng.integers(0, index + 1))
    window = draw_window(strip.chain, "reference", strip.cut.size_mm, rng, holding=index, reference=first)
    draft = _if_told(case, strip, window, index, rng)
    return draft if draft is not None and draft.right == "cannot_tell" else None


def _if_told(
    case: Case, strip: Strip, window: Window | None, index: int, rng: np.random.Generator
) -> Draft | None:
    site = strip.chain.sites[index]
    near = [one for one in strip.chain.sites if one != "C2"]
    apart = _is_told_apart(site, view_of(strip.series.series))
    if window is None or len(near) < OPTIONS or site not in near or not apart:
        return None
    shown = outline(strip.series, strip.cut, frame_of(window).within(strip.cut), place_of(strip.series, site))
    offered = (*option_set(near, site, rng), "cannot_tell")
    answer = the_right(case, "level_if_told", (site,), offered, (shown,))
    if answer is None or set(answer[1]) != set(offered):
        return None
    body = strip.series.bodies()[site]
    shot = _ringed(case, strip, window, site, rng)
    return Draft("level_if_told", (site,), offered, answer[0], (shot,), (body.id,), offered=offered)
