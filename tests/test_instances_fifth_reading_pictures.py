"""A fifth reading of pictures, held fast: dents, plain wear, edges, infected blocks, variants, S1."""

from __future__ import annotations

from dataclasses import replace

import clinic_fixture as MADE
import pytest
from test_instances_hidden import changed, held_back, of_view, put, quiet, whole

from spinemed.corpus.stages.task import rows_of
from spinemed.facts.case import Hidden
from spinemed.facts.stated import hidden_by
from spinemed.instances import Asking
from spinemed.instances.clinic import pictures
from spinemed.instances.clinic.case import Case as ClinicCase
from spinemed.instances.clinic.case import case_of
from spinemed.instances.clinic.limits import withheld
from spinemed.instances.clinic.pictures import half_shown
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.counting_truth import has_rudiment, is_arguable, transitional
from spinemed.instances.drafts import Case, the_right
from spinemed.instances.premise import Known, Premise, Shown
from spinemed.phantom.export.in_memory import Drawn, drawn_study
from spinemed.records import Box, Finding

FORWARD = {"grade": "1", "value": 14.0, "unit": "%", "detail": "degenerative"}


@pytest.fixture(scope="module")
def dented() -> Drawn:
    """Return a CT whose node at L2 is as grey as the marrow about it, and seen by its white rim."""
    return drawn_study(20009, ("ct",))


def test_ct_shows_a_node_by_its_rim_where_marrow_is_as_grey_as_a_disc(dented: Drawn) -> None:
    [node] = [one for one in dented.stated if one.pathology == "endplate_defect" and one.present]
    assert (node.site, node.detail) == ("L2", "upper")
    assert (node.contrast or 0.0) > 5 and (node.pixels or 0) >= 12
    assert not [one for one in dented.rejects if "endplate_defect" in one.id]


def test_a_node_of_few_pixels_is_not_told_by_its_rim() -> None:
    few = [
        one
        for seed in (20042, 20090, 20246)
        for one in drawn_study(seed, ("ct",)).stated
        if one.pathology == "endplate_defect" and one.present
    ]
    assert few and all((one.pixels or 0) >= 12 for one in few)


@pytest.mark.parametrize(
    ("site", "beside", "given"), [("L2", "", False), ("C5", "", True), ("L2", "L2-L3", True)]
)
def test_a_hidden_node_in_view_leaves_no_text_complete(site: str, beside: str, given: bool) -> None:
    stated: list[MADE.Stated] = [("L4-L5", "slip", FORWARD)]
    stated += [(beside, "spondylodiscitis", {})] if beside else []
    facts = MADE.case(stated, kinds=("t2", "ct"), age_band="60-69")
    hidden = frozenset({Hidden("1.2.ct", site, "endplate_defect")})
    reason = withheld(replace(facts, hidden=hidden), problem_of(facts))
    assert ("endplate_defect" in reason) != given


@pytest.mark.parametrize(("own", "said"), [(5, False), (6, True), (4, True), (7, False)])
def test_a_node_one_slice_beside_the_picture_leaves_no_text_complete(
    own: int, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    node: MADE.Stated = ("L2", "endplate_defect", {"detail": "upper"})
    facts = MADE.case([("L4-L5", "slip", FORWARD), node], kinds=("t2",), age_band="60-69")

    def moved(one: Finding) -> Finding:
        place = one.evidence.model_copy(update={"slice_index": own})
        return one.model_copy(update={"evidence": place}) if one.pathology == "endplate_defect" else one

    facts = replace(facts, findings=tuple(map(moved, facts.findings)))
    [slip] = [one.id for one in facts.findings if one.pathology == "slip" and one.present]
    monkeypatch.setattr(pictures, "key_pictures", lambda *_: (slip,))
    assert bool(half_shown(facts)) == said
    assert not (said and isinstance(case_of(facts, "k", "en"), ClinicCase))


@pytest.mark.parametrize(
    ("stated", "levels", "kinds"),
    [
        (("L4-L5", "slip", FORWARD), MADE.LUMBAR, ("ct",)),
        (("L6", "transitional", {"grade": "L6"}), (*MADE.LUMBAR[:-1], "L6", "S1"), ("full_ap", "ct")),
    ],
)
def test_narrowed_discs_in_view_leave_no_explanation_of_axial_pain_complete(
    stated: MADE.Stated, levels: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    facts = MADE.case([stated], levels=levels, kinds=kinds, age_band="60-69")
    for grade, given in (("4", True), ("5", False)):
        hidden = frozenset({Hidden("1.2.ct", "L1-L2", "disc_degeneration", "", grade)})
        reason = withheld(replace(facts, hidden=hidden), problem_of(facts))
        assert ("plain to see" not in reason) == given, reason


@pytest.mark.parametrize(
    ("hidden", "site", "given"),
    [("5", "L5-L6", False), ("5", "L6-S1", False), ("5", "L3-L4", True), ("4", "L6-S1", True)],
)
def test_no_variant_is_told_beside_a_collapsed_disc(hidden: str, site: str, given: bool) -> None:
    six = (*MADE.LUMBAR[:-1], "L6", "S1")
    facts = MADE.case([("L6", "transitional", {"grade": "L6"})], levels=six, kinds=("full_ap",))
    held = Hidden("1.2.full_ap", site, "disc_degeneration", "", hidden)
    assert has_rudiment(facts.findings, [held]) != given
    reason = withheld(replace(facts, hidden=frozenset({held})), problem_of(facts))
    assert ("rudimentary" not in reason) == given


@pytest.mark.parametrize(
    ("infected", "ring", "numbering", "told"),
    [
        ("L3-L4", "L1", "sacrum", False),
        ("L3-L4", "L5", "sacrum", True),
        ("L3-L4", "L3", "sacrum", False),
        ("L3-L4", "T12", "reference T9", True),
        ("T10-T11", "T12", "reference T9", False),
    ],
)
def test_nothing_is_counted_past_an_infected_disc(
    infected: str, ring: str, numbering: str, told: bool
) -> None:
    stated = changed(quiet(), put(infected, "spondylodiscitis"))
    hidden = held_back(quiet(), Hidden("other", infected, "spondylodiscitis"))
    for case in (stated, hidden):
        shown = ringed(case, ring)
        found = the_right(case, "marked_level", (ring,), (ring, "S1"), (shown,), {"numbering": numbering})
        assert (found is not None) == told
        counted = (replace(shown, ring=None),)
        assert the_right(quiet(), "count_in_view", (), ("8", "9"), counted, {}) is not None
        assert the_right(case, "count_in_view", (), ("8", "9"), counted, {}) is None


def ringed(case: Case, site: str, view: str = "CT sagittal") -> Shown:
    series = of_view(case, view)
    box = series.bodies()[site].evidence.box
    shown = whole(series)
    return replace(shown, ring=((box.top + box.bottom) / 2, (box.left + box.right) / 2))


def test_an_infected_disc_itself_is_counted_to() -> None:
    case = changed(quiet(), put("L3-L4", "spondylodiscitis"))
    fields = {"numbering": "sacrum"}
    shown = whole(of_view(case, "T2 sagittal"))
    known = Known(case.facts)
    assert not is_arguable(Premise("discitis_level", (), fields, (shown,), known), ("L3-L4",))
    assert is_arguable(Premise("herniation_level", (), fields, (shown,), known), ("L1-L2",))


@pytest.mark.parametrize(("cut", "told"), [(1, False), (6, True)])
def test_bodies_are_not_told_whole_where_the_edge_cuts_a_strip(cut: int, told: bool) -> None:
    def part(one: Finding) -> Finding:
        if one.site != "T9" or one.pathology != "vertebra":
            return one
        box = one.evidence.box
        place = one.evidence.model_copy(update={"box": box.model_copy(update={"top": box.top + cut})})
        return one.model_copy(update={"pathology": "vertebra_in_part", "evidence": place})

    case = changed(quiet(), part)
    shown = ringed(case, "L1")
    fields = {"numbering": "reference T10"}
    assert (the_right(case, "marked_level", ("L1",), ("L1", "L2"), (shown,), fields) is not None) == told
    whole_ones, counted = ("7", "8", "9"), (replace(shown, ring=None),)
    assert (the_right(case, "count_in_view", (), whole_ones, counted, {}) is not None) == told
    assert the_right(case, "marked_level", ("L1",), ("L1", "L2"), (shown,), {"numbering": "sacrum"})


@pytest.mark.parametrize(("margin", "told"), [(1.0, False), (2.0, True)])
def test_bodies_that_end_at_the_edge_are_not_told_whole(margin: float, told: bool) -> None:
    case = quiet()
    series = of_view(case, "CT sagittal")
    shown = replace(whole(series), top=series.bodies()["L1"].evidence.box.top - margin)
    assert (the_right(case, "count_in_view", (), ("4", "5", "6"), (shown,), {}) is not None) == told


@pytest.mark.parametrize(
    ("part", "height", "top", "said"),
    [("T11", 19, 0, True), ("T11", 9, 0, False), ("T11", 20, 1, True), ("S1", 19, 0, False)],
)
def test_a_text_names_no_range_that_the_edge_leaves_open(
    part: str, height: int, top: int, said: bool
) -> None:
    facts = MADE.case([], kinds=("t2",))
    kept = "vertebra_in_part" if top == 0 else "vertebra"

    def cut(one: Finding) -> Finding:
        if (one.site, one.pathology) != (part, "vertebra"):
            return one
        box = one.evidence.box.model_copy(update={"top": top, "bottom": top + height})
        place = one.evidence.model_copy(update={"box": box})
        return one.model_copy(update={"pathology": kept, "evidence": place})

    assert bool(half_shown(replace(facts, findings=tuple(map(cut, facts.findings))))) == said


@pytest.mark.parametrize(
    ("overlap", "contrast", "mm", "told"),
    [(0, 2.0, 1.8, True), (8, 2.0, 1.8, False), (0, 0.7, 1.8, False), (0, 2.0, 2.3, False)],
)
def test_a_variant_is_asked_of_films_on_which_the_lumbar_bodies_can_be_counted(
    overlap: int, contrast: float, mm: float, told: bool
) -> None:
    levels = ("T12", "L1", "L2", "L3", "L4", "L5", "L6", "S1")
    facts = MADE.case([("L6", "transitional", {"grade": "L6"})], levels=levels, kinds=("full_ap",))
    step = 30 - overlap

    def placed(one: Finding) -> Finding:
        if one.pathology != "vertebra":
            return one
        top = 100 + step * levels.index(one.site)
        box = Box(left=10, top=top, right=60, bottom=top + 28)
        place = one.evidence.model_copy(update={"box": box, "plane": "radiograph"})
        return one.model_copy(update={"evidence": place, "contrast": contrast})

    facts = replace(facts, findings=tuple(map(placed, facts.findings)))
    [film] = facts.study.series
    shown = Shown(film, "radiograph", 0, (1.0, 1.0), 0.0, 0.0, 384 * mm, 200.0, None)
    premise = Premise("transitional", (), {}, (shown,), Known(facts))
    assert transitional(premise, "L6") is (True if told else None)


def test_the_slip_above_the_sacrum_is_measured_against_its_endplate() -> None:
    free = [one.site for one in drawn_study(30029, ("ct",)).stated if one.pathology == "slip"]
    assert "L5-S1" in free and "L3-L4" in free


def test_no_break_is_looked_for_beside_a_dent_that_is_held_back() -> None:
    case = changed(quiet(), put("L2", "fracture", grade="A1"))
    uid = of_view(case, "CT sagittal").series.uid
    shown = whole(of_view(case, "CT sagittal"))
    fields = {"numbering": "sacrum"}
    dent = held_back(case, Hidden(uid, "L4", "endplate_defect"))
    found = [
        the_right(one, "fracture_level", (), ("L2", "L3", "L1"), (shown,), fields) for one in (case, dent)
    ]
    assert found[0] is not None and found[1] is None


def test_a_series_alone_knows_of_infections_that_it_does_not_show() -> None:
    drawn = drawn_study(40007, ("ct",))
    [disc] = {one.site for one in hidden_by(drawn.rejects) if one.pathology == "spondylodiscitis"}
    asked = [one for one in rows_of(drawn, Asking(0, 0.5, 2)).instances if one.kind == "marked_level"]
    assert disc == "L2-L3"
    assert not {"L2", "L3"} & {site for one in asked for site in one.sites}


@pytest.mark.parametrize(
    ("site", "side", "grade", "kinds", "given"),
    [
        ("L4-L5", "right", "2", ("t2",), False),
        ("L4-L5", "left", "2", ("t2",), True),
        ("L5-S1", "right", "3", ("t2",), True),
        ("L5-S1", "right", "2", ("t2",), False),
        ("L4-L5", "right", "2", ("t2", "t2_axial"), True),
    ],
)
def test_a_side_that_no_picture_tells_is_known_from_the_complaint_or_not_told(
    site: str, side: str, grade: str, kinds: tuple[str, ...], given: bool
) -> None:
    lead: MADE.Stated = ("L5-S1", "foraminal_stenosis", {"grade": "3", "side": "left"})
    beside: MADE.Stated = (site, "foraminal_stenosis", {"grade": grade, "side": side})
    facts = MADE.case([lead, beside], kinds=kinds, age_band="60-69")
    problem = problem_of(facts)
    assert problem.lead == "root_stenosis" and problem.side == "left"
    assert ("no slice tells the side" not in withheld(facts, problem)) == given
