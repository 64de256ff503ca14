"""What needs action beside the leading finding: one sentence each in plan and report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.describe import by_level, is_lumbar
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


def further_needs(problem: Problem, age: int, osteoporotic: bool = False) -> tuple[Need, ...]:
    """Return what needs action besides the leading problem, the most urgent first.

    Where osteoporosis is known, an old fracture does not ask for a measurement of bone density.
    """
    rest = by_level([one for one in problem.others if not _is_of_lead(one, problem)])
    needs = [
        Need(name, tuple(dict.fromkeys(one.site for one in rest if asks(one))))
        for name, asks in _NEEDS.items()
        if name != "fracture_old" or age >= BONE_AGE
    ]
    if osteoporotic:
        needs = [need._replace(name="fracture_old_known") if need.name == "fracture_old" else need
                 for need in needs]  # fmt: skip
    if problem.lead == "myelopathy":
        needs = [need._replace(name="cord_more") if need.name == "cord" else need for need in needs]
    covered = {site for need in needs for site in need.sites} | set(problem.sites)
    needs.append(Need("height_loss", _collapsed(rest, covered)))
    return tuple(need for need in needs if need.sites)


def _collapsed(findings: Sequence[Finding], covered: Collection[str]) -> tuple[str, ...]:
    """Return the vertebrae that have lost much height while nothing else is done about them."""
    lost = [one for one in findings if one.pathology == "height_loss" and one.grade in ("2", "3")]
    return tuple(dict.fromkeys(one.site for one in lost if one.site not in covered))


def other_narrow_levels(problem: Problem) -> tuple[str, ...]:
    """Return the narrow lumbar levels beside those that a leading stenosis is operated at."""
    narrow = [
        one.site
        for one in by_level(problem.others)
        if one.pathology == "canal_stenosis" and one.grade in ("moderate", "severe") and is_lumbar(one)
    ]
    return tuple(site for site in narrow if problem.lead == "stenosis" and site not in problem.sites)


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


def _is_at_cord(first: Level, last: Level) -> Callable[[Finding], bool]:
    """Return a test for what narrows or harms the cord or the conus between two vertebrae."""

    def asks(one: Finding) -> bool:
        narrow = one.pathology == "canal_stenosis" and one.grade in ("moderate", "severe")
        aside = one.pathology == "recess_stenosis" and one.grade == "severe"
        there = narrow or aside or one.pathology == "cord_signal"
        return there and first <= Site.parse(one.site).upper <= last

    return asks


def _is_fracture(age: str) -> Callable[[Finding], bool]:
    return lambda one: one.pathology == "fracture" and one.detail == age


_NEEDS: Final[dict[str, Callable[[Finding], bool]]] = {
    "metastasis": lambda one: one.pathology == "metastasis",
    "fracture_fresh": _is_fracture("fresh"),
    "cord": _is_at_cord(Level.C1, Level.C7),
    "cord_back": _is_at_cord(Level.T1, Level.T11),
    "conus": _is_at_cord(Level.T12, Level.L1),
    "stenosis": lambda one: (
        one.pathology == "canal_stenosis" and one.grade == "severe" and Site.parse(one.site).upper >= Level.L2
    ),
    "fracture_unknown": _is_fracture(""),
    "slip_high": lambda one: one.pathology == "slip" and severity(one) >= 3000,
    "fracture_old": _is_fracture("old"),
}
