"""How far a measured value must lie from a grade's cut before an item may ask for the grade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from spinemed.records import Finding, Pathology

CUTS: Final[Mapping[Pathology, tuple[float, ...]]] = {
    "height_loss": (20.0, 25.0, 40.0),  # Genant 1993, percent
    "slip": (25.0, 50.0, 75.0, 100.0),  # Meyerding 1932, percent
    "scoliosis": (10.0, 25.0, 40.0),  # degrees
}
"""Values at which the grade that items ask for changes, in the finding's unit."""


def is_clear(finding: Finding) -> bool:
    """Return whether the value lies further from every cut than its measuring error; True without either.

    Pathologies whose grade rests on what `value` does not hold are judged where they are found.
    """
    if finding.value is None or finding.error is None:
        return True
    value = abs(finding.value)
    return all(abs(value - cut) > finding.error for cut in CUTS.get(finding.pathology, ()))
