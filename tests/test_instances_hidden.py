"""What is held back, cut or implausible is not asked: each refusal beside the case that is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from case_fixture import MIDDLE, Fabricated

from spinemed.facts.case import Hidden
from spinemed.facts.stated import hidden_by
from spinemed.instances.ask_levels import strip_of, window_for
from spinemed.instances.ask_marked import MARKED, bare, marked_drafts
from spinemed.instances.ask_search import search_draft, shows_alike
from spinemed.instances.ask_text import text_draft
from spinemed.instances.drafts import Case, the_right
from spinemed.instances.margins import is_clear
from spinemed.instances.premise import Premise, Shown, view_of
from spinemed.instances.proof import verdicts
from spinemed.instances.shots import CaseSeries, outline, slice_of, whole_frame
from spinemed.instances.templates import template_of
from spinemed.instances.truth import foraminal_grade
from spinemed.records import Finding, Kind, Reject

Change = Callable[[Finding], Finding]


def quiet(number: int = 0) -> Case:
    """Return a healthy straight spine from T9 to S1."""
    study = Fabricated(number, sick=0.0)
    study.truths["spine"].update(curve="", cobb="2")
    found = [replace(one, findings=tuple(map(_healthy, one.findings))) for one in study.series]
    return changed(replace(study.case(), series=tuple(found)), lambda one: one)


def _healthy(one: Finding) -> Finding:
    if one.pathology == "scoliosis":
        return one.model_copy(update={"present": False, "value": 2.0})
    if one.pathology in ("canal_stenosis", "recess_stenosis"):
        return one.model_copy(update={"present": False, "grade": "none"})
    if one.pathology == "modic_change":
        return one.model_copy(update={"present": False, "grade": "0"})
    if one.pathology == "screws":
        return one.model_copy(update={"present": False})
    return one.model_copy(update={"grade": "2"}) if one.pathology == "disc_degeneration" else one


def changed(case: Case, change: Change) -> Case:
    """Return the case with each finding changed."""
    series = [CaseSeries(one.series, one.volume, tuple(map(change, one.findings))) for one in case.series]
    findings = tuple(finding for one in series for finding in one.findings)
    return replace(case, series=tuple(series), facts=replace(case.facts, findings=findings))


def put(site: str, pathology: str, **update: object) -> Change:
    """Return the change that states a pathology at a site."""
    return lambda one: (
        one.model_copy(update={"present": True, **update})
        if (one.site, one.pathology) == (site, pathology)
        else one
    )


def held_back(case: Case, *hidden: Hidden) -> Case:
    return replace(case, facts=replace(case.facts, hidden=frozenset(hidden)))


def of_view(case: Case, view: str) -> CaseSeries:
    return next(one for one in case.series if view_of(one.series) == view)


def whole(series: CaseSeries, index: int = MIDDLE) -> Shown:
    """Return a slice shown whole."""
    plane = "radiograph" if series.series.modality == "XR" else "sagittal"
    cut = slice_of(series, plane, 0 if plane == "radiograph" else index)  # type: ignore[arg-type]
    return outline(series, cut, whole_frame(cut, np.random.default_rng(0)))


def right(case: Case, kind: Kind, sites: tuple[str, ...], series: CaseSeries, **fields: str) -> str | None:
    """Return the one answer of a kind with words, None where there is none."""
    answer = the_right(case, kind, sites, template_of(kind).keys, (whole(series),), fields)
    return None if answer is None else answer[0]


def test_rejects_say_what_is_held_back_of_which_series() -> None:
    ids = ("s/1.2/L4-L5/slip/", "s/1.2/L3/height_loss/", "s/1.2", "s/1.2/L3", "s/1.2/L3/no such")
    rejects = [Reject(id=one, source="t", step="visibility", reason="r") for one in ids]
    assert hidden_by(rejects) == {Hidden("1.2", "L4-L5", "slip"), Hidden("1.2", "L3", "height_loss")}
    reason = "L4-L5 left recess_stenosis severe: it covers 3 pixels"
    graded = rejects[0].model_copy(update={"id": "s/1.2/L4-L5/recess_stenosis/left", "reason": reason})
    assert hidden_by([graded]) == {Hidden("1.2", "L4-L5", "recess_stenosis", "left", "severe")}


def search(case: Case, kind: Kind, pathology: str, site: str, view: str) -> int:
    """Return of how many tries a search question comes out."""
    series = of_view(case, view)
    strip = strip_of(case, series)
    assert strip is not None
    finding = next(one for one in series.of(pathology) if one.site == site)
    rng = np.random.default_rng(0)
    return sum(search_draft(case, kind, strip, finding, rng) is not None for _ in range(8))


def test_nothing_is_looked_for_where_another_level_in_view_may_have_it() -> None:
    case = changed(quiet(), put("L2", "metastasis", grade="lytic", slice_index=MIDDLE))
    uid = of_view(case, "CT sagittal").series.uid
    assert search(case, "metastasis_level", "metastasis", "L2", "CT sagittal")
    assert not search(
        held_back(case, Hidden(uid, "L3", "metastasis")),
        "metastasis_level",
        "metastasis",
        "L2",
        "CT sagittal",
    )
    assert search(
        held_back(case, Hidden("other", "L3", "metastasis")),
        "metastasis_level",
        "metastasis",
        "L2",
        "CT sagittal",
    )


def test_a_body_that_the_edge_cuts_must_be_stated_free() -> None:
    """Of a T9 in part nothing is stated: windows that show some of it are refused, others are asked."""

    def in_part(one: Finding) -> Finding:
        if one.site == "T9" and one.pathology == "vertebra":
            return one.model_copy(update={"pathology": "vertebra_in_part"})
        return one

    case = changed(quiet(), put("T11", "metastasis", grade="lytic"))
    cut = changed(case, in_part)
    unknown = replace(
        cut,
        series=tuple(
            replace(
                one,
                findings=tuple(f for f in one.findings if (f.site, f.pathology) != ("T9", "metastasis")),
            )
            for one in cut.series
        ),
    )
    unknown = changed(unknown, lambda one: one)
    series = of_view(unknown, "CT sagittal")
    strip = strip_of(unknown, series)
    assert strip is not None
    finding = next(one for one in series.of("metastasis") if one.present)
    rng = np.random.default_rng(0)
    t9 = series.bodies()["T9"].evidence.box.bottom
    drafts = [search_draft(unknown, "metastasis_level", strip, finding, rng) for _ in range(30)]
    assert all(draft is None or draft.shown[0].top >= t9 for draft in drafts)


def test_a_slice_beside_the_one_counted_in_is_shown_of_straight_spines_alone() -> None:
    case = quiet()
    strip = strip_of(case, of_view(case, "CT sagittal"))
    assert strip is not None
    window = window_for(strip, strip.chain.sites.index("L3"), np.random.default_rng(0))
    assert window is not None
    assert shows_alike(case, strip, window, MIDDLE + 1)
    assert not shows_alike(case, strip, window, MIDDLE + 6)
    chest = replace(window, first=0, last=2)  # lumbar bodies alone are wider than deep
    assert shows_alike(case, strip, window, MIDDLE + 3) and not shows_alike(case, strip, chest, MIDDLE + 3)
    bent = changed(case, lambda one: put(one.site, "scoliosis", value=20.0)(one))
    assert shows_alike(bent, strip, window, MIDDLE)
    assert not shows_alike(bent, strip, window, MIDDLE + 1)
    assert not shows_alike(held_back(case, Hidden("xr", "T8", "scoliosis")), strip, window, MIDDLE + 1)


def test_screws_must_lie_in_the_slice_shown() -> None:
    def screwed(one: Finding) -> Finding:
        return put(one.site, "screws")(one) if one.site in ("L2", "L3") else one

    case = changed(quiet(), screwed)
    series = of_view(case, "CT sagittal")
    pool = ("L1:L2", "L2:L3", "L3:L4")
    stated = {"numbering": "sacrum"}
    assert the_right(case, "implant_levels", ("L2",), pool, (whole(series),), stated) is not None
    assert the_right(case, "implant_levels", ("L2",), pool, (whole(series, MIDDLE + 1),), stated) is None


@pytest.mark.parametrize(
    ("kind", "site", "view", "answer", "other"),
    [
        ("fracture_type", "L2", "CT sagittal", "none", Hidden("", "L2-L3", "spondylodiscitis")),
        ("fracture_type", "L2", "CT sagittal", "none", Hidden("", "L2", "metastasis")),
        ("modic_type", "L2-L3", "T2 sagittal", "0", Hidden("", "L3", "metastasis")),
        ("bridging", "L2-L3", "T2 sagittal", "none", Hidden("", "L2-L3", "cage")),
        ("disc_degeneration", "L2-L3", "T2 sagittal", "2", Hidden("", "L2-L3", "spondylodiscitis")),
    ],
)
def test_a_normal_site_is_not_asked_where_something_is_held_back(
    kind: Kind, site: str, view: str, answer: str, other: Hidden
) -> None:
    case = quiet()
    series = of_view(case, view)
    hidden = other._replace(series=series.series.uid)
    assert right(case, kind, (site,), series) == answer
    assert right(held_back(case, hidden), kind, (site,), series) is None
    assert right(held_back(case, hidden._replace(site="T10")), kind, (site,), series) == answer


def test_no_curve_is_the_largest_where_another_is_held_back() -> None:
    case = changed(quiet(), lambda one: put(one.site, "scoliosis", value=32.0, side="left")(one))
    film = of_view(case, "XR frontal")
    assert right(case, "scoliosis_severity", (), film) == "25"
    hidden = Hidden(film.series.uid, "T6", "scoliosis")
    for kind in ("scoliosis_severity", "scoliosis_side"):
        assert right(held_back(case, hidden), kind, (), film) is None  # type: ignore[arg-type]


def test_a_cobb_angle_lies_five_degrees_off_each_cut() -> None:
    curve = next(one for one in of_view(quiet(), "XR frontal").findings if one.pathology == "scoliosis")
    for value, clear in ((21.0, False), (19.0, True), (29.0, False), (31.0, True), (44.0, False)):
        assert is_clear(curve.model_copy(update={"value": value, "error": 1.0})) == clear


def test_a_plan_for_adolescents_needs_a_young_and_healthy_spine() -> None:
    def asked(number: int, *changes: Change) -> str | None:
        case = changed(quiet(number), lambda one: put(one.site, "scoliosis", value=32.0, side="left")(one))
        for change in changes:
            case = changed(case, change)
        return right(case, "scoliosis_plan", (), of_view(case, "XR frontal"), risser="0")

    assert asked(1) == "brace"
    assert asked(0) is None  # 60 years and older
    assert asked(1, put("L2", "fracture", grade="A3")) is None
    assert asked(1, put("L2-L3", "disc_degeneration", grade="4")) is None
    assert asked(1, put("L4-L5", "slip", grade="2", value=30.0)) is None


def test_a_fracture_that_nobody_fixes_or_beside_other_disease_has_no_fixation() -> None:
    def asked(*changes: Change, grade: str = "A4", age: str = "fresh") -> str | None:
        case = changed(quiet(), put("L2", "fracture", grade=grade, detail=age))
        for change in changes:
            case = changed(case, change)
        pool = ("T12:L2", "L1:L3", "L2:L4", "T12:L4")
        fields = {"numbering": "sacrum", "construct": "short"}
        answer = the_right(case, "fixation_levels", ("L2",), pool, (), fields)
        return None if answer is None else answer[0]

    assert asked() == "L1:L3"
    assert asked(grade="A1") is None
    assert asked(grade="") is None
    assert asked(age="old") is None
    assert asked(put("L4", "screws")) is None
    assert asked(put("T9", "metastasis", grade="lytic")) == "L1:L3"


def test_a_slip_beyond_half_or_beside_infection_is_not_fused_in_place() -> None:
    def asked(*changes: Change) -> bool:
        case = changed(quiet(), put("L4-L5", "slip", grade="1", value=18.0))
        for change in changes:
            case = changed(case, change)
        pool = ("L3-L4", "L4-L5")
        shown = (whole(of_view(case, "CT sagittal")),)
        return the_right(case, "slip_fusion", ("L4-L5",), pool, shown, {"numbering": "sacrum"}) is not None

    assert asked()
    assert not asked(put("L4-L5", "slip", grade="3", value=60.0))
    assert not asked(put("L4-L5", "slip", detail="traumatic"))
    assert not asked(put("L2-L3", "spondylodiscitis"))


def test_a_sacralised_vertebra_is_told_from_the_front_alone() -> None:
    case = quiet()
    for view, answer in (("XR frontal", "L5_sacralised"), ("XR lateral", None)):
        series = of_view(case, view)
        variant = series.findings[0].model_copy(
            update={"pathology": "transitional", "grade": "L5_sacralised", "site": "L5"}
        )
        facts = replace(case.facts, findings=(*case.facts.findings, variant))
        assert right(replace(case, facts=facts), "transitional", (), series) == answer


def test_two_pictures_are_matched_only_where_each_shows_an_anchor() -> None:
    case = quiet()
    series = [of_view(case, "CT sagittal"), of_view(case, "T2 sagittal")]
    box = series[0].bodies()["L3"].evidence.box
    ring = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    shown = [replace(whole(one), ring=ring) for one in series]
    high = [replace(one, bottom=series[0].bodies()["L4"].evidence.box.bottom + 2) for one in shown]
    keys = template_of("same_level").keys
    sites = ("L3", "L3")
    answer = the_right(case, "same_level", sites, keys, tuple(shown))
    assert answer is not None
    assert answer[0] == "same"
    assert the_right(case, "same_level", sites, keys, (shown[0], high[1])) is None


def test_a_small_slip_is_not_asked_beside_a_pars() -> None:
    for value, answer in ((12.0, None), (18.0, "slip")):
        case = changed(quiet(), put("L4-L5", "slip", grade="1", value=value))
        assert right(case, "pars", ("L4",), of_view(case, "CT sagittal")) == answer


def test_heights_beside_screws_are_not_graded_on_mr() -> None:
    case = quiet()
    grade = next(
        one.grade for one in case.facts.findings if (one.site, one.pathology) == ("L2", "height_loss")
    )
    screwed = changed(case, put("L2", "screws"))
    assert right(case, "height_loss", ("L2",), of_view(case, "T1 sagittal")) == grade
    assert right(screwed, "height_loss", ("L2",), of_view(case, "T1 sagittal")) is None
    assert right(screwed, "height_loss", ("L2",), of_view(case, "CT sagittal")) == grade


def test_an_open_c2_c3_is_not_asked_for_bridges() -> None:
    case = Fabricated(0, "C2", "T6", sick=0.0).case()
    series = of_view(case, "CT sagittal")
    assert right(case, "bridging", ("C3-C4",), series) == "none"
    assert right(case, "bridging", ("C2-C3",), series) is None


def test_pfirrmann_one_and_two_are_never_offered_together() -> None:
    pools = []
    mark = next(one for one in MARKED if one.kind == "disc_degeneration")
    for number in range(12):
        pools += [draft.pool for draft in marked_drafts(Fabricated(number).case(), [mark])]
    assert len(pools) > 8
    assert all(len({"1", "2"} & set(pool)) == 1 for pool in pools)


def test_tlics_plans_offer_two_treatments_and_no_injury_that_does_not_occur() -> None:
    case = Fabricated(1).case()
    rng = np.random.default_rng(0)
    drafts = [one for _ in range(60) if (one := text_draft(case, "tlics_plan", rng)) is not None]
    assert drafts
    for draft in drafts:
        assert sum(int(key) < 4 for key in draft.offered) == 2
        if draft.fields["morphology"] in ("distraction", "translation_rotation"):
            assert draft.fields["ligaments"] == "disrupted"
        if draft.fields["morphology"] == "compression":
            assert draft.fields["neurology"] == "intact"


@pytest.mark.parametrize(("percent", "asked"), [("24", False), ("27", False), ("28", True), ("101", False)])
def test_a_slip_beside_a_cut_is_not_graded_in_words(percent: str, asked: bool) -> None:
    keys = template_of("meyerding_rule").keys
    answer = the_right(quiet(), "meyerding_rule", (), keys, (), {"percent": percent})
    assert (answer is not None) == asked


def test_which_is_seen_is_not_asked_of_what_is_held_back() -> None:
    case = quiet()
    series = of_view(case, "CT sagittal")
    hidden = held_back(case, Hidden(series.series.uid, "L2", "metastasis"))
    for one, known in ((case, False), (hidden, None)):
        premise = Premise("which_seen", (), {}, (whole(series),), one.known)
        assert verdicts(premise, ["metastasis"])["metastasis"] is known


def test_a_ring_takes_a_foramen_in_whole_and_grades_of_the_root_need_fine_pixels() -> None:
    case = quiet()
    series = of_view(case, "T2 sagittal")
    finding = next(one for one in series.of("foraminal_stenosis") if one.site == "L4-L5")
    box = finding.evidence.box
    middle = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    coarse = replace(bare(series, finding), ring=middle, spacing_mm=(0.8, 0.8))

    def narrowed(grade: str) -> Case:
        return changed(
            case,
            lambda one: (
                one.model_copy(update={"grade": grade, "present": True}) if one.id == finding.id else one
            ),
        )

    for grade, holds in (("1", True), ("2", None), ("3", None)):
        premise = Premise("foraminal_grade", ("L4-L5",), {}, (coarse,), narrowed(grade).known)
        assert foraminal_grade(premise, grade) is holds
    marks = [one for one in MARKED if one.kind == "foraminal_grade"]
    shot = next(marked_drafts(narrowed("1"), marks)).shots[0]
    assert shot.picture.marker is not None
    assert shot.picture.marker.radius * shot.picture.spacing_mm >= 10.0
