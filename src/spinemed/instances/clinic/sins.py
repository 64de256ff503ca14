"""The SINS score of a metastasis as far as the findings and the history tell it: a lowest and a highest."""

from __future__ import annotations

from itertools import product

from spinemed.facts import planning
from spinemed.facts.planning.tumour import (
    SinsAlignment,
    SinsBone,
    SinsCollapse,
    SinsPain,
    SinsPosterolateral,
    SinsScore,
)
from spinemed.instances.clinic.history import Clinical
from spinemed.instances.clinic.problem import Problem, part_of
from spinemed.records import Finding


def sins_range(problem: Problem, clinical: Clinical, finding: Finding) -> tuple[SinsScore, SinsScore]:
    """Return the lowest and the highest SINS score of a metastasis.

    Posterolateral involvement and the share of the body are not measured: every value counts as possible.
    Pain belongs to the leading tumour, and may belong to others in the same part of the back.
    Collapse follows from the height loss at the site; alignment is normal without a collapse and a slip.
    A metastasis of unknown kind is a ValueError.
    """
    if finding.grade not in ("lytic", "blastic"):
        raise ValueError("SINS scores a lytic or blastic metastasis; this one is neither on the shown series")
    bone: SinsBone = "lytic" if finding.grade == "lytic" else "blastic"
    collapses, alignments = _collapse(problem, finding.site), _alignment(problem, finding.site)
    pains = _pains(problem, clinical, finding.site)
    posterolaterals: tuple[SinsPosterolateral, ...] = ("none", "unilateral", "bilateral")
    scores = [
        planning.sins(finding.site, pain, bone, alignment, collapse, posterolateral)
        for pain, collapse, alignment, posterolateral in product(
            pains, collapses, alignments, posterolaterals
        )
    ]
    return min(scores, key=lambda one: one.total), max(scores, key=lambda one: one.total)


def _pains(problem: Problem, clinical: Clinical, site: str) -> tuple[SinsPain, ...]:
    """Return the pains that SINS may count: the complaint is of the leading vertebra, or of one near it."""
    if site == problem.site:
        return (clinical.pain,)
    return ("none", clinical.pain) if part_of(site) == problem.part else ("none",)


def _collapse(problem: Problem, site: str) -> tuple[SinsCollapse, ...]:
    lost = [
        one.value
        for one in problem.others
        if one.pathology == "height_loss" and one.site == site and one.value is not None
    ]
    if not lost:
        return "none", "none_but_over_50_percent_of_body"
    return ("over_50_percent",) if max(lost) > 50 else ("under_50_percent",)


def _alignment(problem: Problem, site: str) -> tuple[SinsAlignment, ...]:
    """Return the alignments that SINS may count at a vertebra (Fisher 2010: translation at the lesion).

    A slip from wear or a pars defect may have been there before the tumour: it may count or not.
    """
    near = [one for one in problem.others if site in one.site.split("-")]
    slips = [one for one in near if one.pathology == "slip"]
    if slips:
        older = all(one.detail in ("degenerative", "isthmic", "retrolisthesis") for one in slips)
        return ("normal", "subluxation") if older else ("subluxation",)
    return ("normal", "deformity") if any(one.pathology == "height_loss" for one in near) else ("normal",)
