"""Whether an answer about what lies beside a marked vertebra holds, or how many bodies are whole."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from spinemed.facts.case import Hidden
from spinemed.instances.premise import (
    Premise,
    Shown,
    are_neighbours,
    sites_in_view,
    vertebra_in_ring,
    view_of,
)
from spinemed.instances.windows import LONGEST_PX
from spinemed.levels import Level
from spinemed.records import Box, Finding, Kind

_NO_BODY: Final = "C1"
_SACRUM: Final = "S1"
_FRONTAL: Final = "XR frontal"
_LATERAL: Final = "XR lateral"
_STACKED: Final = 0.3
"""Bodies of frontal films that share more of the lower one's height lie behind each other, in a round back:
straight and curved spines share up to 0.31 of it, backs of 65 degrees and more up to 0.5 at T3."""

_CLEAR_BODY: Final = 1.0
"""A body on a film is told from its neighbours where it stands out by so many deviations of noise."""
_LEANING: Final = 0.19
"""Lumbar bodies of whole-spine films that share more than this of their height show no disc between them."""
_COARSEST_MM: Final = 2.1
"""Pixels of a picture of the whole spine in which lumbar bodies and the last ribs are still counted."""
_COLLAPSED: Final = "5"
"""The grade of a disc that has lost its height."""
DENS_SHARE: Final = 0.5
"""On a film the box of C2 holds its body alone; above it the dens rises by this share of its height."""
_WITH_DENS: Final = "C2"
_MOST_LEAN_DEG: Final = 25.0
"""A spine that runs further off the vertical of its picture faces a corner, not an edge."""
_LEVEL_NAME: Final = re.compile(r"[CTLS]\d+")
_NEARLY: Final = 0.8
"""A body of which an edge leaves this share of the height and depth of a whole neighbour looks whole."""
_CLEAR_PX: Final = 1.5
"""A whole body that lies less inside the edge looks cut."""
_COUNTED: Final[frozenset[Kind]] = frozenset(
    {"levels_in_view", "count_in_view", "level_if_told", "same_level"}
)
"""Kinds that count bodies in view although no field says from where."""
_OF_WHOLE_BODIES: Final[frozenset[Kind]] = frozenset({"levels_in_view", "count_in_view"})
_FROM_THE_FRONT: Final = frozenset({"L5_sacralised", "T13", "L6"})


def disc_beside(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the disc above or below, as the question says, of the vertebra in the ring."""
    step = 1 if premise.fields["side"] == "below" else -1
    marked, other = marked_body(premise, premise.shown[0]), _seen_beside(premise, step)
    pair = (marked, other) if step > 0 else (other, marked)
    return f"{pair[0]}-{pair[1]}" == key if other and are_neighbours(*pair) else None


def level_two_away(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the second vertebra from the ring, up or down as the question says."""
    site = _seen_beside(premise, 2 if premise.fields["way"] == "down" else -2)
    return site == key if site else None


def exit_root(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the root that leaves below the vertebra in the ring.

    Eight roots leave beside seven cervical vertebrae, each above its own but the eighth; all others leave
    below the vertebra of their name. None with a variant of numbering.
    """
    site = marked_body(premise, premise.shown[0])
    return root_below(site) == key if site and not premise.facts.variant and root_below(site) else None


def root_below(vertebra: str) -> str:
    """Return the root that leaves between a vertebra and the next one below, "" for the sacrum and C1.

    >>> root_below("C5"), root_below("C7"), root_below("T4"), root_below("L5"), root_below("S1")
    ('C6', 'C8', 'T4', 'L5', '')
    """
    level = Level(vertebra)
    if level.region == "cervical":
        return "" if vertebra == _NO_BODY else f"C{level.number + 1}"
    return vertebra if level.region in ("thoracic", "lumbar") else ""


def count_in_view(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the number of bodies that lie wholly in the window, the sacrum left out."""
    shown = premise.shown[0]
    whole = [
        site
        for site, finding in premise.bodies(shown).items()
        if finding.pathology == "vertebra" and shown.holds(finding) and site not in (_NO_BODY, _SACRUM)
    ]
    return str(len(whole)) == key if whole and are_apart(premise, shown) else None


def is_dens_cut(premise: Premise, shown: Shown) -> bool:
    """Return whether a picture from the side shows the body of C2 whole, but its upper edge cuts the dens."""
    body = premise.bodies(shown).get(_WITH_DENS)
    aside = shown.plane == "sagittal" or view_of(shown.series) == _LATERAL
    if body is None or body.pathology != "vertebra" or not aside:
        return False
    box = body.evidence.box
    return shown.holds(body) and box.top - DENS_SHARE * (box.bottom - box.top) < max(shown.top, 0.0)


def marked_body(premise: Premise, shown: Shown) -> str:
    """Return the vertebra in the ring, "" for none, or where the bodies in view cannot be told apart."""
    return vertebra_in_ring(premise, shown) if are_apart(premise, shown) else ""


def are_apart(premise: Premise, shown: Shown) -> bool:
    """Return whether the whole bodies in view can be told apart; on frontal films alone they may not be."""
    if view_of(shown.series) != _FRONTAL:
        return True
    whole = [
        (site, finding.evidence.box)
        for site, finding in premise.bodies(shown).items()
        if finding.pathology == "vertebra" and shown.holds(finding) and site not in (_NO_BODY, _SACRUM)
    ]
    return not any(
        are_neighbours(upper, lower) and are_stacked(above, under)
        for (upper, above), (lower, under) in pairwise(whole)
    )


def are_stacked(above: Box, under: Box, share: float = _STACKED) -> bool:
    """Return whether a body's box reaches so far over the next one's that the two cannot be told apart.

    >>> first = Box(left=0, top=0, right=40, bottom=20)
    >>> [are_stacked(first, Box(left=0, top=top, right=40, bottom=top + 20)) for top in (22, 15, 13)]
    [False, False, True]
    """
    least = min(above.bottom - above.top, under.bottom - under.top)
    return above.bottom - under.top > share * least


def leans(premise: Premise, shown: Shown) -> bool:
    """Return whether the whole bodies of a sagittal window run far off its columns: the front is askew."""
    middles = [
        (
            (one.evidence.box.top + one.evidence.box.bottom) / 2 * shown.spacing_mm[0],
            (one.evidence.box.left + one.evidence.box.right) / 2 * shown.spacing_mm[1],
        )
        for site, one in premise.bodies(shown).items()
        if one.pathology == "vertebra" and shown.holds(one) and site != _NO_BODY
    ]
    if shown.plane != "sagittal" or len(middles) < 2:
        return False
    down, aside = (last - first for first, last in zip(middles[0], middles[-1], strict=True))
    return math.degrees(math.atan2(abs(aside), abs(down))) > _MOST_LEAN_DEG


def is_arguable(premise: Premise, answers: Sequence[str] = ()) -> bool:
    """Return whether nobody can count to what is asked: past an infection, or from a body just cut.

    `answers` are levels beyond those that the premise marks to which must be counted as well.
    """
    for shown in premise.shown:
        numbering = premise.fields.get("numbering", "")
        sites = () if premise.kind in _COUNTED else (*premise.sites, *answers)
        if premise.kind == "level_if_told":
            numbering, sites = _told_by(premise, shown), premise.sites
        elif premise.kind not in _COUNTED and not numbering:
            continue
        if sites and not numbering:
            continue
        if _is_past_infection(premise, shown, numbering, sites) or _is_past_ribs(
            premise, shown, numbering, sites
        ):
            return True
        if _has_doubtful_edge(premise, shown, numbering) or _is_fused_front(premise, shown, numbering):
            return True
    return False


def _told_by(premise: Premise, shown: Shown) -> str:
    """Return what tells a level that no field counts from: the sacrum, C2, or "" where neither is in view."""
    seen = sites_in_view(premise, shown)
    return "sacrum" if _SACRUM in seen else _WITH_DENS if _WITH_DENS in seen else ""


def _is_past_infection(premise: Premise, shown: Shown, numbering: str, sites: Sequence[str]) -> bool:
    """Return whether an infected disc in view lies on the way from what is counted from to one of `sites`.

    With the endplates it has eaten the disc itself, and made one block of two bodies. A marked vertebra that
    it has eaten counts as behind it, a marked disc that is infected does not. Without sites any disc counts.
    """
    stated = {one.site for one in premise.facts.of("spondylodiscitis") if one.present}
    infected = (stated | {one.site for one in premise.facts.hidden("spondylodiscitis")}) & set(
        sites_in_view(premise, shown)
    )
    if not sites or not numbering:
        return bool(infected)
    anchor, _, reference = numbering.partition(" ")
    start = Level(reference or {"sacrum": _SACRUM}.get(anchor, anchor))
    return any(_lies_between(disc, start, site) for disc in infected for site in sites if disc != site)


def _is_past_ribs(premise: Premise, shown: Shown, numbering: str, sites: Sequence[str]) -> bool:
    """Return whether an unusual spine is counted down past its last rib, which no picture need show.

    Without sites all bodies in view are counted.
    """
    anchor, _, reference = numbering.partition(" ")
    start = reference or anchor
    if not premise.facts.variant or start[:1] not in ("C", "T"):
        return False
    levels = [level for site in sites or sites_in_view(premise, shown) for level in _LEVEL_NAME.findall(site)]
    return any(Level(level) >= Level.T12 for level in levels)


def _lies_between(disc: str, start: Level, site: str) -> bool:
    """Return whether a disc must be passed from a vertebra to a site, or borders on the site's vertebra."""
    upper, lower = (Level(level) for level in disc.split("-"))
    levels = [start, *(Level(level) for level in site.replace(":", "-").split("-"))]
    touched = "-" not in site and levels[-1] in (upper, lower)
    return touched or (min(levels) <= upper and lower <= max(levels))


def _has_doubtful_edge(premise: Premise, shown: Shown, numbering: str) -> bool:
    """Return whether an edge of the picture leaves it open which bodies are whole, where that matters.

    That is where the whole ones are asked for, or the highest of them or one that is cut is counted from.
    """
    anchor, _, reference = numbering.partition(" ")
    bodies = premise.bodies(shown)
    if premise.kind not in _OF_WHOLE_BODIES:
        if not reference:
            return False
        bodies = {
            site: one
            for site, one in bodies.items()
            if site == reference or (anchor == "reference" and Level(site) < Level(reference))
        }
    counted = [one for site, one in bodies.items() if site not in (_NO_BODY, _SACRUM)]
    return any(_is_doubtful(premise, shown, one) for one in counted)


def _is_fused_front(premise: Premise, shown: Shown, numbering: str) -> bool:
    """Return whether a frontal film of bridged vertebrae hides which is the first whole body.

    Bridges stand out beside the discs, and of the endplates nothing is seen.
    """
    if view_of(shown.series) != _FRONTAL or not (premise.kind in _OF_WHOLE_BODIES or " " in numbering):
        return False
    stated = {one.site for one in premise.facts.of("bridging") if one.present}
    held_back = {one.site for one in premise.facts.hidden("bridging")}
    return not (stated | held_back).isdisjoint(sites_in_view(premise, shown))


def _is_doubtful(premise: Premise, shown: Shown, body: Finding) -> bool:
    if body.pathology == "vertebra" and shown.holds(body):
        return not shown.holds(body, clear_px=_CLEAR_PX)
    box = body.evidence.box
    high = min(box.bottom, shown.bottom) - max(box.top, shown.top)
    deep = min(box.right, shown.right) - max(box.left, shown.left)
    if body.pathology == "vertebra":
        return looks_whole(high, deep, box)
    near = nearest_whole(tuple(premise.bodies(shown).values()), body.site)
    return near is not None and looks_whole(high, deep, near.evidence.box)


def nearest_whole(bodies: Sequence[Finding], site: str) -> Finding | None:
    """Return the whole body nearest to a vertebra, without C1 and the sacrum; None without any."""
    whole = [one for one in bodies if one.pathology == "vertebra" and one.site not in (_NO_BODY, _SACRUM)]
    order = Level(site).order
    return min(whole, key=lambda one: abs(Level(one.site).order - order), default=None)


def looks_whole(high: float, deep: float, whole: Box, share: float = _NEARLY) -> bool:
    """Return whether what is seen of a cut body, so many pixels, is nearly as high and deep as a whole one.

    >>> [looks_whole(high, 40, Box(left=0, top=0, right=40, bottom=30)) for high in (29, 20)]
    [True, False]
    """
    is_high = high >= share * (whole.bottom - whole.top)
    return is_high and deep >= share * (whole.right - whole.left)


def _seen_beside(premise: Premise, steps: int) -> str:
    """Return the vertebra that the shown series has so many steps below the ring's, "" without one.

    "" as well where one between is missing, so that steps cannot be counted.
    """
    seen = [site for site in premise.bodies(premise.shown[0]) if site != _NO_BODY]
    marked = marked_body(premise, premise.shown[0])
    if marked not in seen:
        return ""
    start, end = sorted((seen.index(marked), seen.index(marked) + steps))
    run = seen[max(start, 0) : end + 1]
    if start < 0 or len(run) != abs(steps) + 1:
        return ""
    chained = all(are_neighbours(upper, lower) for upper, lower in pairwise(run))
    return (run[-1] if steps > 0 else run[0]) if chained else ""


def transitional(premise: Premise, key: str) -> bool | None:
    """Return whether the study's numbering is the variant `key`."""
    found = premise.facts.of("transitional")
    grades = {one.grade if one.present else "none" for one in found}
    # Ribs, and transverse processes that are joined to the sacrum, are told from the front alone.
    if view_of(premise.shown[0].series) != "XR frontal" and _FROM_THE_FRONT & {key, *grades}:
        return None
    if "T13" in {key, *grades} and not _ribs_can_be_counted(premise):
        return None
    if has_rudiment(premise.facts.findings, premise.facts.hidden("disc_degeneration")):
        return None
    if view_of(premise.shown[0].series) == _FRONTAL and not _lumbar_can_be_counted(premise):
        return None
    return key in grades if len(grades) == 1 else None


def has_rudiment(findings: Iterable[Finding], hidden: Iterable[Hidden]) -> bool:
    """Return whether a disc beside the sacrum or a transitional vertebra has collapsed, as if rudimentary.

    `hidden` are the discs that series hold back.
    """
    told = tuple(findings)
    variants = {one.site for one in told if one.pathology == "transitional" and one.present}
    collapsed = {one.site for one in told if one.pathology == "disc_degeneration" and one.grade == _COLLAPSED}
    collapsed |= {one.site for one in hidden if one.grade == _COLLAPSED}
    return any(not {_SACRUM, *variants}.isdisjoint(site.split("-")) for site in collapsed)


def _lumbar_can_be_counted(premise: Premise) -> bool:
    """Return whether a frontal film shows each body from T12 down clearly, in a picture fine enough."""
    shown = premise.shown[0]
    high = (shown.bottom - shown.top) * shown.spacing_mm[0]
    wide = (shown.right - shown.left) * shown.spacing_mm[1]
    bodies = premise.bodies(shown)
    low = [one for site, one in bodies.items() if Level.T12 <= Level(site) < Level.S1]
    clear = all(one.pathology == "vertebra" and (one.contrast or 0.0) >= _CLEAR_BODY for one in low)
    apart = all(
        not are_stacked(upper.evidence.box, lower.evidence.box, _LEANING) for upper, lower in pairwise(low)
    )
    return clear and apart and max(high, wide) <= LONGEST_PX * _COARSEST_MM


def _ribs_can_be_counted(premise: Premise) -> bool:
    """Return whether the shown film shows each thoracic body clearly, so that a thirteenth is told."""
    bodies = premise.bodies(premise.shown[0])
    thoracic = [bodies.get(f"T{number}") for number in range(1, 13)]
    return all(one is not None and (one.contrast or 0.0) >= _CLEAR_BODY for one in thoracic)
