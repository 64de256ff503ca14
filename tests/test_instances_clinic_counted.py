"""Leads that can be told: a slip of the low back alone, and no level that the pictures do not let count."""

from __future__ import annotations

import clinic_fixture as MADE
import pytest

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic import Draft, report
from spinemed.instances.clinic.case import Case, case_of
from spinemed.instances.clinic.further import further_needs
from spinemed.instances.clinic.problem import problem_of
from spinemed.records import Finding, Reject

CASES = MADE.cases()
SLIP = {"grade": "1", "value": 13.0, "unit": "%"}
WORN = {"grade": "4"}


def placed(facts: CaseFacts, plane: str, *pathologies: str) -> CaseFacts:
    """Return facts whose abnormal findings of some pathologies are seen in another plane."""

    def moved(one: Finding) -> Finding:
        if not one.present or one.pathology not in pathologies:
            return one
        evidence = one.evidence.model_copy(update={"plane": plane})
        return one.model_copy(update={"evidence": evidence})

    return CaseFacts(facts.study, tuple(map(moved, facts.findings)))


def without(facts: CaseFacts, *levels: str) -> CaseFacts:
    """Return facts of which no series shows some vertebrae."""
    kept = (one for one in facts.findings if one.pathology != "vertebra" or one.site not in levels)
    return CaseFacts(facts.study, tuple(kept))


def reason(facts: CaseFacts) -> str:
    """Return why a study has no case, "" where it has one."""
    made = case_of(facts, "k", "en")
    return made.reason if isinstance(made, Reject) else ""


@pytest.mark.parametrize("site", ["C6-C7", "T2-T3", "T12-L1"])
@pytest.mark.parametrize("detail", ["", "retrolisthesis", "isthmic"])
def test_a_slip_above_the_lumbar_spine_does_not_lead_but_is_told(site: str, detail: str) -> None:
    levels = MADE.CERVICAL if site[0] == "C" else MADE.WHOLE
    worn = "C3-C4" if site[0] == "C" else "L4-L5"
    facts = MADE.case(
        [(site, "slip", {**SLIP, "detail": detail}), (worn, "disc_degeneration", WORN)], levels=levels
    )
    problem = problem_of(facts)
    assert (problem.lead, problem.site) == ("degeneration", worn)
    assert site in {one.site for one in problem.others if one.pathology == "slip"}
    draft = report(facts, "k", "en")
    assert isinstance(draft, Draft) and site in draft.sites and "13%" in draft.answer


def test_a_lumbar_slip_leads_and_a_slip_of_the_neck_alone_has_no_history() -> None:
    assert problem_of(MADE.case([("L5-S1", "slip", SLIP)])).lead == "slip"
    neck = MADE.case([("C6-C7", "slip", SLIP)], levels=MADE.CERVICAL)
    assert "no history is written for a slip" in reason(neck)


def test_a_far_slip_of_the_neck_is_for_a_surgeon_beside_the_worn_disc_of_its_level() -> None:
    stated = [("C6-C7", "slip", {**SLIP, "grade": "3", "value": 55.0}), ("C6-C7", "disc_degeneration", WORN)]
    problem = problem_of(MADE.case(stated, levels=MADE.CERVICAL))
    assert problem.lead == "degeneration"
    assert "slip_high" in {need.name for need in further_needs(problem, 45)}


def test_a_lead_that_axial_pictures_alone_show_needs_its_level_in_a_sagittal_one_of_its_modality() -> None:
    facts = CASES["extrusion"]
    axial = placed(facts, "axial", "herniation")
    assert isinstance(case_of(facts, "k", "en"), Case)
    assert isinstance(case_of(axial, "k", "en"), Case)
    lumbar = [one for one in axial.findings if "L" in one.site and one.evidence.plane == "sagittal"]
    kept = (one for one in axial.findings if one not in lumbar or one.evidence.series == "1.2.ct")
    in_ct_alone = CaseFacts(axial.study, tuple(kept))
    assert "in axial pictures alone" in reason(in_ct_alone)


def test_a_lead_is_counted_in_its_own_pictures_beside_a_whole_vertebra() -> None:
    facts = MADE.case([("L2-L3", "disc_degeneration", WORN)])
    assert not reason(facts) and not reason(without(facts, "L2"))
    assert "do not show its vertebrae" in reason(without(facts, "L2", "L3"))


def test_a_series_without_c2_sacrum_or_an_end_of_the_range_counts_nothing() -> None:
    levels = ("T9", "T10", *MADE.LUMBAR)
    facts = MADE.case([("L2-L3", "disc_degeneration", WORN)], levels=levels)

    def cut(*ends: str) -> CaseFacts:
        """Return facts in which the MRI does not show some vertebrae, but the CT does."""
        on_mri = [one for one in facts.findings if one.pathology == "vertebra" and one.site in ends]
        on_mri = [one for one in on_mri if "t2" in one.evidence.series]
        kept = (one for one in facts.findings if one not in on_mri)
        return CaseFacts(facts.study, tuple(kept))

    assert not reason(cut("S1")) and not reason(cut("T9", "T10"))
    assert "no vertebra to count from" in reason(cut("T9", "S1"))
