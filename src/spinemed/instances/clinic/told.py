"""Which findings a text names and in which order: by danger, like ones gathered, wear last and capped."""

from __future__ import annotations

from typing import Final

from spinemed.instances.clinic.describe import grouped
from spinemed.instances.clinic.problem import HIGH_SLIP, Problem, part_of, severity
from spinemed.levels import Site
from spinemed.records import Finding, Pathology

MOST_WEAR: Final = 3
"""Kinds of wear that a dialogue names, each with all its grades, and groups of mild narrowing; a report
names all."""
_WEAR: Final[tuple[Pathology, ...]] = ("disc_degeneration", "modic_change", "endplate_defect", "osteophyte")
"""Kinds of wear as they are named: the discs first."""
SLIGHT: Final = 99
_DANGER: Final[dict[Pathology, int]] = {
    "transitional": 0, "spondylodiscitis": 1, "metastasis": 1, "cord_signal": 3, "canal_stenosis": 4,
    "fracture": 5, "height_loss": 5, "herniation": 7, "recess_stenosis": 8, "foraminal_stenosis": 8,
    "slip": 9, "pars_defect": 9, "scoliosis": 10, "thoracic_kyphosis": 10, "bridging": 11, "cage": 12,
    "screws": 12,
}  # fmt: skip
"""Variants of numbering first, since they say how levels are named; then from the most dangerous on."""
_MILD: Final = ("mild", "1")


def danger(finding: Finding, problem: Problem) -> int:
    """Return how early a finding is named: 0 first, SLIGHT for wear and mild narrowing."""
    if finding.pathology == "fracture" and finding.detail == "fresh":
        return 2
    if finding.pathology == "height_loss":
        here = [one for one in problem.found if one.pathology in ("fracture", "metastasis")]
        return min([5, *(danger(one, problem) for one in here if one.site == finding.site)])
    if is_minor(finding):
        return SLIGHT
    if finding.pathology == "slip" and severity(finding) >= HIGH_SLIP:
        return 6
    return _DANGER.get(finding.pathology, SLIGHT)


def is_minor(finding: Finding) -> bool:
    """Return whether a finding is wear or mild narrowing, which weighs less than anything else."""
    mild = finding.pathology.endswith("_stenosis") and finding.grade in _MILD
    return mild or finding.pathology in _WEAR


def told_groups(problem: Problem) -> tuple[tuple[Finding, ...], ...]:
    """Return the abnormal findings that a dialogue names, gathered as they share sentences.

    The group of the leading finding comes first, then variants of numbering, then by danger. All are told
    but the mild narrowing far from the complaint and the kinds of wear beyond three.
    """
    ordered = _ordered(problem)
    slight = [group for group in ordered[1:] if all(danger(one, problem) == SLIGHT for one in group)]
    mild = [group for group in slight if group[0].pathology not in _WEAR]
    worn = [group for group in slight if group not in mild]
    kinds = list(dict.fromkeys(group[0].pathology for group in worn))[:MOST_WEAR]
    left = [*mild[MOST_WEAR:], *(group for group in worn if group[0].pathology not in kinds)]
    return tuple(group for group in ordered if group not in left)


def _ordered(problem: Problem) -> list[tuple[Finding, ...]]:
    lead = problem.finding

    def rank(group: tuple[Finding, ...]) -> tuple[bool, int, int, bool, float, int]:
        """Wear by its kind, the worst grade of a kind first; then mild narrowing by nearness."""
        pathology = group[0].pathology
        first = min(danger(one, problem) for one in group)
        kind = _WEAR.index(pathology) if pathology in _WEAR else len(_WEAR) * (first == SLIGHT)
        far = pathology not in _WEAR and all(part_of(one.site) != problem.part for one in group)
        worst = -max(map(severity, group)) if pathology in _WEAR else 0.0
        return lead not in group, first, kind, far, worst, Site.parse(group[0].site).upper.order

    return sorted(grouped(problem.found), key=rank)


def is_cut_short(problem: Problem) -> bool:
    """Return whether wear or mild narrowing is left out of a dialogue."""
    return len(told_groups(problem)) < len(_ordered(problem))


def _is_of_lead(group: tuple[Finding, ...], problem: Problem) -> bool:
    """Return whether all findings of a group share the leading diagnosis, as several fresh fractures do."""
    lead = problem.finding
    if lead is None or lead.pathology != group[0].pathology or len(problem.sites) < 2:
        return False
    return all(one.site in problem.sites for one in group) and (
        lead.pathology != "fracture" or (lead.detail == "fresh") == (group[0].detail == "fresh")
    )


def by_danger(
    problem: Problem,
) -> tuple[tuple[tuple[Finding, ...], ...], tuple[tuple[Finding, ...], ...]]:
    """Return the groups of the leading diagnosis, and all other groups, each by danger."""
    ordered = _ordered(problem)
    lead = problem.finding
    alike = [group for group in ordered if lead in group or _is_of_lead(group, problem)]
    return tuple(alike), tuple(group for group in ordered if group not in alike)


def told_findings(problem: Problem) -> tuple[Finding, ...]:
    """Return the findings of the groups that are told, the leading one first."""
    told = [one for group in told_groups(problem) for one in group]
    lead = problem.finding
    return tuple(told) if lead is None else (lead, *(one for one in told if one.id != lead.id))
