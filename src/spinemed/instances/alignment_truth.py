"""Whether an answer about alignment holds: slips with pars and motion, and curves of the whole spine."""

from __future__ import annotations

from typing import Final

from spinemed.instances.margins import is_clear
from spinemed.instances.premise import Premise, next_below
from spinemed.levels import Level, Site
from spinemed.records import Finding

SMALLEST_CHANGE_PERCENT: Final = 8.0
"""The change of a slip between flexion and extension that the question says counts."""

SMALLEST_SLIP_PERCENT: Final = 15.0
"""A slip that is to be told from none beside a pars must reach this."""

_LEAST_CURVE_LEAD_DEG: Final = 6.0
_AT_LIMIT_MM: Final = 2.0
"""An apex is told from the vertebra across the limit of its region by lying this much further out."""


def slip_grade(premise: Premise, key: str) -> bool | None:
    """Return whether the slip of the marked segment has the Meyerding grade `key`, off its cuts.

    Meyerding grades forward slips: not stated for a retrolisthesis.
    """
    stated = premise.stated("slip", premise.site)
    if any(one.detail == "retrolisthesis" or (one.present and (one.value or 0.0) < 0) for one in stated):
        return None
    grades = {one.grade or "0" for one in stated}
    return key in grades if len(grades) == 1 and all(is_clear(one) for one in stated) else None


def pars(premise: Premise, key: str) -> bool | None:
    """Return whether the marked vertebra has a pars defect, a clear slip, both or none."""
    segment = f"{premise.site}-{next_below(premise.site)}"
    cut = premise.present("pars_defect", premise.site)
    slipped, slip = premise.present("slip", segment), premise.one("slip", segment)
    if cut is None or slipped is None or slip is None:
        return None
    if slipped and abs(slip.value or 0.0) < SMALLEST_SLIP_PERCENT:
        return None
    said = {(True, True): "both", (True, False): "pars", (False, True): "slip", (False, False): "none"}
    return said[cut, slipped] == key


def unstable_slip(premise: Premise, key: str) -> bool | None:
    """Return how the slip differs between the first image (flexion) and the second (extension)."""
    by_series = {one.evidence.series: one for one in premise.stated("slip", premise.site)}
    pair = [by_series.get(shown.series.uid) for shown in premise.shown]
    first, second = (pair[0], pair[1]) if len(pair) == 2 else (None, None)
    if first is None or second is None or first.value is None or second.value is None:
        return None
    if not first.present and not second.present:
        small = abs(first.value - second.value) < SMALLEST_CHANGE_PERCENT / 2
        return key == "none" if small else None
    if first.value * second.value < 0:
        return None
    growth = abs(first.value) - abs(second.value)
    if abs(abs(growth) - SMALLEST_CHANGE_PERCENT) <= (first.error or 0.0) + (second.error or 0.0):
        return None
    if abs(growth) < SMALLEST_CHANGE_PERCENT:
        return key == "stable" if first.present and second.present else None
    return key == ("flexion" if growth > 0 else "extension")


def largest_curve(premise: Premise) -> Finding | None:
    """Return the scoliosis finding of the largest angle in the shown series; None for none or a near tie."""
    return _largest_in(premise, premise.shown[0].series.uid)


def _largest_in(premise: Premise, series: str) -> Finding | None:
    found = [one for one in premise.facts.of("scoliosis") if one.evidence.series == series]
    found.sort(key=lambda one: -abs(one.value or 0.0))
    if not found:
        return None
    lead = abs(found[0].value or 0.0) - abs(found[1].value or 0.0) if len(found) > 1 else 180.0
    return found[0] if lead >= _LEAST_CURVE_LEAD_DEG or not found[0].present else None


def curve_key(finding: Finding) -> str:
    """Return region and side of a curve, `none` without one, "" where its apex is no such region."""
    if not finding.present:
        return "none"
    level = Site.parse(finding.site).upper
    if level.region not in ("thoracic", "lumbar") or finding.side not in ("left", "right"):
        return ""
    return f"{'thoracic' if level < Level.T12 else 'lumbar'} {finding.side}"


def scoliosis_side(premise: Premise, key: str) -> bool | None:
    """Return whether the largest curve has the region and convex side `key`, in all films that show one."""
    finding = largest_curve(premise)
    if finding is None or not is_clear(finding) or _is_at_limit(premise, finding):
        return None
    films = {one.evidence.series for one in premise.facts.of("scoliosis")}
    curves = [one for film in films if (one := _largest_in(premise, film)) is not None and one.present]
    said = curve_key(finding)
    if not said or (finding.present and any(curve_key(one) != said for one in curves)):
        return None
    return key == said


def _is_at_limit(premise: Premise, finding: Finding) -> bool:
    """Return whether the vertebra across the limit of both regions lies about as far out as the apex."""
    shown = premise.shown[0]
    bodies, limit = premise.bodies(shown), {Level.T11: Level.T12, Level.T12: Level.T11}
    apex = Site.parse(finding.site).upper
    pair = [bodies.get(level.value) for level in (apex, limit[apex])] if apex in limit else []
    columns = [(one.evidence.box.left + one.evidence.box.right) / 2 for one in pair if one is not None]
    if len(columns) < 2 or not finding.present:
        return False
    return abs(columns[0] - columns[1]) * shown.spacing_mm[1] <= _AT_LIMIT_MM


def cobb_band(finding: Finding) -> str:
    """Return the lower end of the band of an angle."""
    angle = abs(finding.value or 0.0)
    return next(str(low) for low in (40, 25, 10, 0) if angle >= low)


def scoliosis_severity(premise: Premise, key: str) -> bool | None:
    """Return whether the largest curve's angle lies in the band that begins at `key` degrees."""
    finding = largest_curve(premise)
    if finding is None or finding.value is None or not is_clear(finding):
        return None
    return key == cobb_band(finding)
