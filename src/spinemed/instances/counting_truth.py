"""Whether an answer about what lies beside a marked vertebra holds, or how many bodies are whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from spinemed.instances.premise import Premise, are_neighbours, vertebra_in_ring
from spinemed.levels import Level

_NO_BODY: Final = "C1"
_SACRUM: Final = "S1"
_LAST_NECK: Final = "C7"


def disc_beside(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the disc above or below, as the question says, of the vertebra in the ring."""
    step = 1 if premise.fields["side"] == "below" else -1
    marked, other = vertebra_in_ring(premise, premise.shown[0]), _seen_beside(premise, step)
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
    site = vertebra_in_ring(premise, premise.shown[0])
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
    return str(len(whole)) == key if whole else None


def _seen_beside(premise: Premise, steps: int) -> str:
    """Return the vertebra that the shown series has so many steps below the ring's, "" without one.

    "" as well where one between is missing, so that steps cannot be counted.
    """
    seen = [site for site in premise.bodies(premise.shown[0]) if site != _NO_BODY]
    marked = vertebra_in_ring(premise, premise.shown[0])
    if marked not in seen:
        return ""
    start, end = sorted((seen.index(marked), seen.index(marked) + steps))
    run = seen[max(start, 0) : end + 1]
    if start < 0 or len(run) != abs(steps) + 1:
        return ""
    chained = all(are_neighbours(upper, lower) for upper, lower in pairwise(run))
    return (run[-1] if steps > 0 else run[0]) if chained else ""
