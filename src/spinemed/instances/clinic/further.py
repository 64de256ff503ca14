"""What needs action beside the leading finding: one sentence each in plan and report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.describe import by_level
from spinemed.instances.clinic.problem import Problem, severity
from spinemed.levels import Level, Site
from spinemed.records import Finding

BONE_AGE: Final = 50
"""From this age an old fracture asks for a measurement of bone density."""
MOVING_POINTS: Final = 10
"""Percentage points between positions from which a slip is told as changing."""


class Need(NamedTuple):
    """What has to be done besides, and where: `also.<name>` is its phrase."""

    name: str
    sites: tuple[str, ...]


def further_needs(problem: Problem, age: int) -> tuple[Need, ...]:
    """Return what needs action besides the leading problem, the most urgent first."""
    rest = by_level([one for one in problem.others if not _is_of_lead(one, problem)])
    needs = [
        Need(name, tuple(dict.fromkeys(one.site for one in rest if asks(one))))
        for name, asks in _NEEDS.items()
        if name != "fracture_old" or age >= BONE_AGE
    ]
    return tuple(need for need in needs if need.sites)


def moving_slips(facts: CaseFacts) -> dict[str, tuple[int, int]]:
    """Return site -> least and largest slip in percent, for slips that change between positions."""
    values: dict[str, list[float]] = {}
    for one in facts.findings:
        if one.pathology == "slip" and one.present and one.value is not None:
            values.setdefault(one.site, []).append(one.value)
    ranges = {site: (round(min(found)), round(max(found))) for site, found in values.items()}
    return {
        site: (low, high) for site, (low, high) in ranges.items() if high - low >= MOVING_POINTS and low >= 0
    }


def _is_of_lead(one: Finding, problem: Problem) -> bool:
    """Return whether the leading plan covers a finding: at its site, or of its kind at its sites."""
    lead = problem.finding
    if lead is None:
        return False
    return one.site == lead.site or (one.pathology == lead.pathology and one.site in problem.sites)


def _is_at_cord(one: Finding) -> bool:
    narrow = one.pathology == "canal_stenosis" and one.grade in ("moderate", "severe")
    return (narrow or one.pathology == "cord_signal") and Site.parse(one.site).upper < Level.L2


def _is_fracture(age: str) -> Callable[[Finding], bool]:
    return lambda one: one.pathology == "fracture" and one.detail == age


_NEEDS: Final[dict[str, Callable[[Finding], bool]]] = {
    "metastasis": lambda one: one.pathology == "metastasis",
    "fracture_fresh": _is_fracture("fresh"),
    "cord": _is_at_cord,
    "stenosis": lambda one: (
        one.pathology == "canal_stenosis" and one.grade == "severe" and Site.parse(one.site).upper >= Level.L2
    ),
    "fracture_unknown": _is_fracture(""),
    "slip_high": lambda one: one.pathology == "slip" and severity(one) >= 3000,
    "fracture_old": _is_fracture("old"),
}
