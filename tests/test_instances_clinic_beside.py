"""What lies beside the leading finding: hidden or cut, at the cord, at implants, in old age."""

from __future__ import annotations

from dataclasses import replace

import clinic_fixture as MADE
from clinic_fixture import FRESH, MODERATE, NARROW, slipped, some_case

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.instances.clinic import consultation, report
from spinemed.instances.clinic.consultation import cautions, uncleared
from spinemed.instances.clinic.further import further_needs
from spinemed.instances.clinic.history import LATEST_OPERATION, history
from spinemed.instances.clinic.limits import implant_sites, isthmic_by_gap, restrained, withheld
from spinemed.instances.clinic.pictures import _NEED_PICTURES
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.clinic.report import _metal_seen, _warning
from spinemed.instances.clinic.sins import sins_range
from spinemed.records import Reject

CASES = MADE.cases()


def needs_of(facts: CaseFacts, age: int = 60) -> dict[str, tuple[str, ...]]:
    return dict(further_needs(problem_of(facts), age))


def cut(facts: CaseFacts, site: str, pathology: str, series: str = "1.2.t2") -> CaseFacts:
    """Return the facts with a vertebra that the picture's edge cuts, and what it hides there."""
    whole = next(one for one in facts.findings if one.pathology == "vertebra")
    part = {"id": f"cut-{site}", "site": site, "pathology": "vertebra_in_part"}
    evidence = whole.evidence.model_copy(update={"series": series})
    edge = whole.model_copy(update={**part, "evidence": evidence})
    return replace(
        facts, findings=(*facts.findings, edge), hidden=frozenset({Hidden(series, site, pathology)})
    )


def test_a_danger_at_the_edge_of_a_picture_is_not_passed_over() -> None:
    for name in ("extrusion", "stenosis", "worn"):
        facts = CASES[name]
        for danger in ("fracture", "metastasis"):
            refused = [write(cut(facts, "T10", danger), "k", "en") for write in (consultation, report)]
            assert all(isinstance(one, Reject) and "T10" in one.reason for one in refused)
    # A vertebra that no picture holds is no matter of a pressed root.
    far = replace(CASES["extrusion"], hidden=frozenset({Hidden("1.2.t2", "T6", "fracture")}))
    assert not withheld(far, problem_of(far))


def test_the_conus_at_the_own_level_is_acted_on() -> None:
    disc = {"grade": "extrusion", "side": "central", "detail": "central", "value": 8.0, "unit": "mm"}
    facts = MADE.case([("L1-L2", "herniation", disc), ("L1-L2", "canal_stenosis", MODERATE)])
    case = some_case(facts)
    assert needs_of(facts)["conus"] == ("L1-L2",) and case.plan.act == "open.surgeon"
    narrow = MADE.case([("L1-L2", "canal_stenosis", NARROW)], age_band="60-69")
    assert "conus" not in needs_of(narrow)


def test_a_slip_is_isthmic_only_where_a_picture_shows_the_gap_of_the_arch() -> None:
    stated = [slipped("L5-S1", 20.0), ("L5", "pars_defect", {})]
    facts = MADE.case(stated)
    assert isthmic_by_gap(facts) == facts and problem_of(facts).lead == "isthmic_slip"
    dropped = tuple(one for one in facts.findings if one.pathology != "pars_defect")
    assert problem_of(isthmic_by_gap(replace(facts, findings=dropped))).lead == "slip"
    assert "pars_defect" in _NEED_PICTURES


def test_a_fracture_is_soothed_for_itself_alone_beside_a_surgeons_matter() -> None:
    slip = slipped("L4-L5", 60.0, "degenerative")
    facts = MADE.case([("L1", "fracture", FRESH), slip], age_band="70-79")
    case = some_case(facts)
    assert case.plan.act == "fragility.opened" and "itself" in case.say(f"plain.{case.plan.act}")
    assert some_case(CASES["fragile"]).plan.act == "fragility.non_operative"


def test_pain_belongs_to_the_tumour_that_hurts() -> None:
    levels = ("C6", "C7", *MADE.WHOLE[1:])
    tumours = [(site, "metastasis", {"grade": "lytic", "value": size, "unit": "mm"})
               for site, size in (("T5", 18.0), ("T4", 12.0), ("C7", 9.0))]  # fmt: skip
    facts = MADE.case(tumours, levels=levels, age_band="50-59")
    problem = problem_of(facts)
    clinical = next(one for one in (history(facts, problem, str(key)) for key in range(30))
                    if one.pain == "mechanical")  # fmt: skip
    points = {
        one.site: tuple(score.total for score in sins_range(problem, clinical, one))
        for one in facts.of("metastasis", present=True)
    }
    # 3 points for pain: all at T5, perhaps at T4 beside it, none at C7.
    assert points["T5"][0] - points["T4"][0] == 3 and points["T5"][1] == points["T4"][1]
    assert points["C7"][0] == 5


def test_old_age_and_the_neck_before_an_operation() -> None:
    old = MADE.case([("L3-L4", "canal_stenosis", NARROW)], age_band="80-89")
    assert "frail" in dict(cautions(some_case(old, stance="offer")))
    assert "frail" not in dict(cautions(some_case(CASES["stenosis"], stance="offer")))
    screws = MADE.case([("L4", "screws", {"side": "both"}), ("L5", "screws", {"side": "both"})],
                       age_band="90-99")  # fmt: skip
    told = [history(screws, problem_of(screws), str(key)) for key in range(20)]
    assert all(one.age - (one.operated_years or 0) <= LATEST_OPERATION for one in told)


def test_the_cord_goes_before_an_elective_operation_and_has_its_own_warning() -> None:
    levels = ("T8", "T9", "T10", *MADE.LUMBAR)
    stated = [("L3-L4", "canal_stenosis", {**NARROW, "value": 3.0}),
              ("T9-T10", "canal_stenosis", NARROW)]  # fmt: skip
    case = some_case(MADE.case(stated, levels=levels, age_band="60-69"), stance="offer")
    assert ("cord_first", ("T9-T10",)) in cautions(case)
    assert _warning(case) == "warning.cord_back"


def test_a_fresh_fracture_at_implants_goes_to_ct_and_the_operating_surgeon() -> None:
    screws = [(site, "screws", {"side": "both"}) for site in ("T11", "T12")]
    for site, asked in (("T12", True), ("L1", True), ("L3", False)):
        facts = MADE.case([*screws, (site, "fracture", FRESH)], age_band="70-79")
        assert ("fracture_implant" in needs_of(facts, 75)) is asked


def test_implants_that_reach_further_than_shown_are_not_counted_out() -> None:
    screws = [(site, "screws", {"side": "both"}) for site in ("L2", "L3")]
    facts = MADE.case(screws, age_band="60-69")
    further = replace(facts, hidden=frozenset({Hidden("1.2.t2", "L1", "screws")}))
    assert "L1" in withheld(further, problem_of(further)) and not withheld(facts, problem_of(facts))


def test_the_rest_of_the_spine_is_no_leave_to_get_up_before_fixation() -> None:
    assert "whole_spine_operated" in uncleared(some_case(CASES["injury_b2"], stance="operate"))
    assert "whole_spine" in uncleared(some_case(CASES["injury_a3"], act="injury.non_operative"))


def test_metal_artefact_is_told_where_a_series_holds_metal_whole() -> None:
    screws = [(site, "screws", {"side": "both"}) for site in ("T11", "T12")]
    case = some_case(MADE.case(screws, age_band="60-69"))
    seen = case.facts.seen_in("1.2.t2")
    assert implant_sites(case.facts) == ["T11", "T12"]
    assert _metal_seen(case, seen, ["T12", "L1"]) == ["T12"]
    assert not _metal_seen(case, seen, ["L1"]) and not _metal_seen(case, (), ["T12"])


def test_growth_is_told_of_the_young_alone() -> None:
    nodes = [(site, "endplate_defect", {"detail": "upper"}) for site in ("T6", "T7", "T8")]
    bent = ("T8", "thoracic_kyphosis", {"unit": "deg", "extent": ("T4", "T12"), "value": 60.0})
    facts = restrained(MADE.case([bent, *nodes], levels=MADE.WHOLE))
    assert "kyphosis_young" in needs_of(facts, 15) and "kyphosis_adult" in needs_of(facts, 31)


def test_a_far_slip_of_unknown_cause_is_followed() -> None:
    slip = slipped("L4-L5", 40.0, "")
    assert needs_of(MADE.case([slip]))["slip_unknown"] == ("L4-L5",)
    assert some_case(MADE.case([slip], age_band="60-69")).plan.act == "open.surgeon"
    for other in (slipped("L4-L5", 20.0, ""), slipped("L4-L5", 40.0, "degenerative")):
        assert "slip_unknown" not in needs_of(MADE.case([other]))
