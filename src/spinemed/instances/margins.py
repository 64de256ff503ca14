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

LEAST: Final[Mapping[Pathology, float]] = {"scoliosis": 5.0}
"""Measuring error that a reader has at least, whatever the finding's own: of a Cobb angle 5 degrees."""


def error_of(finding: Finding) -> float:
    """Return the error with which a finding's value is to be read, 0 where none is known."""
    return max(finding.error or 0.0, LEAST.get(finding.pathology, 0.0))


def is_clear(finding: Finding) -> bool:
    """Return whether the value lies further from every cut than its measuring error; True without either.

    Pathologies whose grade rests on what `value` does not hold are judged where they are found.
    """
    error = error_of(finding)
    if finding.value is None or not error:
        return True
    value = abs(finding.value)
    return all(abs(value - cut) > error for cut in CUTS.get(finding.pathology, ()))
