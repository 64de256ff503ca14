"""A seventh reading, held fast: round backs beside curves, bodies at the border, slips in bending, roots."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import clinic_fixture as MADE
import pytest
from test_written_questions import case, document, finding

from spinemed.facts.case import Hidden
from spinemed.instances.clinic.limits import withheld
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.written import KINDS

CURVE = {"value": 30.0, "unit": "deg", "side": "left", "extent": ("T5", "T12")}


@pytest.mark.parametrize("kinds", [("full_ap", "ct"), ("full_ap",)])
def test_a_curve_does_not_lead_where_a_round_back_is_seen_and_not_measured(kinds: tuple[str, ...]) -> None:
    facts = MADE.case([("T9", "scoliosis", CURVE)], levels=MADE.WHOLE, kinds=kinds, age_band="70-79")
    assert problem_of(facts).lead == "scoliosis"
    assert "kyphosis" not in withheld(facts, problem_of(facts))
    hidden = replace(facts, hidden=frozenset({Hidden("1.2.ct", "T4", "thoracic_kyphosis")}))
    assert ("kyphosis" in withheld(hidden, problem_of(hidden))) == ("ct" in kinds)


@pytest.mark.parametrize("held_back", [False, True])
def test_a_collapsed_disc_is_seen_though_the_body_above_lies_at_the_border(held_back: bool) -> None:
    facts = MADE.case([], levels=MADE.LUMBAR[3:], kinds=("ct",), age_band="50-59")
    hidden = {Hidden("1.2.ct", "L1-L2", "disc_degeneration", "", "5")}
    hidden |= {Hidden("1.2.ct", "L1", "vertebra")} if held_back else set()
    seen = replace(facts, hidden=frozenset(hidden))
    assert ("plain to see" in withheld(seen, problem_of(seen))) == held_back


def slip(**update: Any) -> Any:
    return finding("L5-S1", "slip", detail="isthmic").model_copy(update=update)


def test_a_slip_is_named_by_its_grade_at_rest_not_by_a_film_in_bending() -> None:
    at_rest = ("L5-S1: isthmic anterolisthesis of 38%, Meyerding grade II.", [slip(grade="2")])
    bent = ("In extension the slip at L5-S1 measures 24%.", [slip(grade="1", posture="extension", id="bent")])
    assert [key for key, _ in document(case(at_rest, bent)).named] == ["slip|2||isthmic"]


def test_signs_of_a_root_are_not_explained_where_two_findings_press_on_it() -> None:
    def hernia(site: str, side: str) -> tuple[str, list[Any]]:
        told = finding(site, "herniation", grade="protrusion", side=side, detail="subarticular")
        return f"{site}: {side}-sided subarticular protrusion.", [told]

    def narrow(*sites: str) -> tuple[str, list[Any]]:
        found = [finding(site, "foraminal_stenosis", grade="3", side="right") for site in sites]
        return "Right foraminal stenosis, Lee grade 3, at " + " and ".join(sites) + ".", found

    three = (hernia("L3-L4", "left"), hernia("L4-L5", "right"), hernia("L5-S1", "left"))
    kind = KINDS["written_explains"]
    alone = {idea.right.split("|")[0] for idea in kind.ideas(document(case(*three)))}
    assert alone == {"herniation"}
    # Those of L3-L4 and L4-L5 press on the roots L3 and L4; the second is that of the disc above as well.
    both = [idea.sites for idea in kind.ideas(document(case(*three, narrow("L4-L5", "L3-L4"))))]
    assert ("L3-L4",) not in both
