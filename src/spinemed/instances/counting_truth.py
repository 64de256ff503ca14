"""Whether an answer about what lies beside a marked vertebra holds, or how many bodies are whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from spinemed.instances.premise import Premise, Shown, are_neighbours, vertebra_in_ring, view_of
from spinemed.levels import Level
from spinemed.records import Box

_NO_BODY: Final = "C1"
_SACRUM: Final = "S1"
_FRONTAL: Final = "XR frontal"
_LATERAL: Final = "XR lateral"
_STACKED: Final = 0.3
"""Bodies of frontal films that share more of the lower one's height lie behind each other, in a round back:
straight and curved spines share up to 0.31 of it, backs of 65 degrees and more up to 0.5 at T3."""

_CLEAR_BODY: Final = 1.0
"""A body on a film is told from its neighbours where it stands out by so many deviations of noise."""
DENS_SHARE: Final = 0.5
"""On a film the box of C2 holds its body alone; above it the dens rises by this share of its height."""
_WITH_DENS: Final = "C2"
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
    """Return whether a lateral film shows the body of C2 whole, but its upper edge cuts the dens."""
    body = premise.bodies(shown).get(_WITH_DENS)
    if body is None or body.pathology != "vertebra" or view_of(shown.series) != _LATERAL:
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


def are_stacked(above: Box, under: Box) -> bool:
    """Return whether a body's box reaches so far over the next one's that the two cannot be told apart.

    >>> first = Box(left=0, top=0, right=40, bottom=20)
    >>> [are_stacked(first, Box(left=0, top=top, right=40, bottom=top + 20)) for top in (22, 15, 13)]
    [False, False, True]
    """
    least = min(above.bottom - above.top, under.bottom - under.top)
    return above.bottom - under.top > _STACKED * least


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
    return key in grades if len(grades) == 1 else None


def _ribs_can_be_counted(premise: Premise) -> bool:
    """Return whether the shown film shows each thoracic body clearly, so that a thirteenth is told."""
    bodies = premise.bodies(premise.shown[0])
    thoracic = [bodies.get(f"T{number}") for number in range(1, 13)]
    return all(one is not None and (one.contrast or 0.0) >= _CLEAR_BODY for one in thoracic)
