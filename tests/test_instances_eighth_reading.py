"""An eighth reading, held fast: metal on MRI, the dens at the edge, and added words that reports deny."""

from __future__ import annotations

from dataclasses import replace

import clinic_fixture as MADE
import pytest
from test_instances_seventh_reading import slip
from test_written_questions import case, document, finding

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.instances.clinic.limits import withheld
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.written import KINDS
from spinemed.instances.written.ask_scores import is_alignment_open
from spinemed.records import Box

NECK = ("C2", "C3", "C4", "C5", "C6", "C7", "T1")


@pytest.mark.parametrize(("name", "site"), [("cage", "L4-L5"), ("screws", "L5")])
def test_metal_that_mri_shows_and_nobody_states_is_not_left_out(name: str, site: str) -> None:
    seen = MADE.case([], kinds=("t2",), age_band="40-49")
    facts = replace(seen, hidden=frozenset({Hidden("1.2.t2", site, name)}))  # type: ignore[arg-type]
    assert not withheld(seen, problem_of(seen))
    assert f"{name} is there at {site}" in withheld(facts, problem_of(facts))


def raised(facts: CaseFacts, top: int) -> CaseFacts:
    """Return facts whose C2 begins at this row; it is 20 high."""
    box = Box(left=10, top=top, right=40, bottom=top + 20)
    moved = [
        one.model_copy(update={"evidence": one.evidence.model_copy(update={"box": box})})
        if (one.site, one.pathology) == ("C2", "vertebra")
        else one
        for one in facts.findings
    ]
    return replace(facts, findings=tuple(moved))


def test_c2_is_not_told_whole_where_the_edge_cuts_its_dens() -> None:
    facts = MADE.case([], levels=NECK, kinds=("t2", "ct"))
    told = {top: "cuts its dens" in withheld(raised(facts, top), problem_of(facts)) for top in (4, 9, 10, 30)}
    assert told == {4: True, 9: True, 10: False, 30: False}


def test_no_vertebra_is_out_of_place_beside_a_disc_told_free_of_slip() -> None:
    tumour = finding("L1", "metastasis", grade="lytic")
    free = slip(present=False, grade="0", detail="", site="L1-L2")
    told = document(
        case(("Lytic metastasis in L1.", [tumour]), ("No spondylolisthesis at L1-L2.", [free]))
    ).facts
    alone = document(case(("Lytic metastasis in L1.", [tumour]))).facts
    assert is_alignment_open(alone, "L1", "subluxation") and not is_alignment_open(told, "L1", "subluxation")
    assert is_alignment_open(told, "L1", "deformity")


def test_no_tumour_presses_on_the_cord_where_the_report_denies_stenosis() -> None:
    tumour = finding("T11", "metastasis", grade="lytic")
    free = finding("T10-T11", "canal_stenosis").model_copy(update={"present": False, "grade": "none"})
    told = case(("Lytic metastasis in T11.", [tumour]), ("No canal stenosis at T10-T11.", [free]))
    alone = case(("Lytic metastasis in T11.", [tumour]))
    kind = KINDS["written_noms"]
    grades = [{idea.fields["escc"] for idea in kind.ideas(document(one))} for one in (alone, told)]
    assert grades == [{"1a", "2", "3"}, {"1a"}]


def test_what_a_text_denies_beside_a_narrow_canal_stays_denied() -> None:
    from spinemed.instances.clinic import describe

    narrow = finding("C6-C7", "canal_stenosis", grade="severe")
    drawn = narrow.model_copy(update={"evidence": MADE.locator("1.2.t2")})
    assert "C6-C7" in describe._altered([drawn])["herniation"]
    assert describe.is_of_text(narrow) and "C6-C7" not in describe._altered([narrow])["herniation"]
