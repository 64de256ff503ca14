"""What could be taken for the answer beside the right one is refused, and options lie near it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from case_fixture import Fabricated
from test_instances_hidden import changed, held_back, of_view, put, quiet, right, whole

from spinemed.facts.case import Hidden
from spinemed.instances.ask_levels import _is_told_apart, level_drafts, strip_of, told_by
from spinemed.instances.ask_plans import plan_drafts
from spinemed.instances.ask_text import text_draft
from spinemed.instances.drafts import Case, the_right
from spinemed.instances.gate import sites_between
from spinemed.instances.premise import Shown
from spinemed.instances.rules_truth import roots_of
from spinemed.instances.shots import CaseSeries
from spinemed.instances.templates import template_of, templates
from spinemed.instances.wording import SITE_STYLES, answer_key, answer_text, style_of
from spinemed.levels import Level
from spinemed.records import Finding, Kind

SEGMENTS = ("L1-L2", "L2-L3", "L3-L4", "L4-L5")


def between(series: CaseSeries, first: str, last: str) -> Shown:
    """Return a slice shown from the upper edge of one body to just below another."""
    bodies = series.bodies()
    bottom = bodies[last].evidence.box.bottom + 2
    return replace(whole(series), top=bodies[first].evidence.box.top - 2, bottom=bottom)


def found(case: Case, kind: Kind, pool: tuple[str, ...], shown: Shown) -> str | None:
    answer = the_right(case, kind, (), pool, (shown,), {"numbering": "sacrum"})
    return None if answer is None else answer[0]


def herniated(*sites: str) -> Case:
    case = quiet()
    for site in sites:
        case = changed(case, put(site, "herniation", grade="protrusion", detail="central", side="central"))
    return case


def test_a_second_herniation_that_the_edge_shows_is_refused() -> None:
    """The disc below the last vertebra of the window is seen though no option names it."""
    shown = between(of_view(quiet(), "T2 sagittal"), "L1", "L4")
    pool = ("L1-L2", "L2-L3", "L3-L4")
    assert found(herniated("L2-L3"), "herniation_level", pool, shown) == "L2-L3"
    assert found(herniated("L2-L3", "L4-L5"), "herniation_level", pool, shown) is None
    assert found(herniated("L2-L3", "L5-S1"), "herniation_level", pool, shown) == "L2-L3"


def test_a_lump_of_a_far_disc_that_reaches_into_the_window_is_refused() -> None:
    shown = between(of_view(quiet(), "T2 sagittal"), "L1", "L3")

    def long(one: Finding) -> Finding:
        if (one.site, one.pathology) != ("L4-L5", "herniation"):
            return one
        box = one.evidence.box.model_copy(update={"top": int(shown.bottom) - 2})
        return one.model_copy(update={"evidence": one.evidence.model_copy(update={"box": box})})

    case = herniated("L1-L2", "L4-L5")
    assert found(case, "herniation_level", ("L1-L2", "L2-L3"), shown) == "L1-L2"
    assert found(changed(case, long), "herniation_level", ("L1-L2", "L2-L3"), shown) is None


@pytest.mark.parametrize(
    ("pathology", "update", "answer"),
    [
        ("slip", {"grade": "1", "value": 18.0}, None),
        ("slip", {"grade": "1", "value": 9.0}, "L2-L3"),
        ("canal_stenosis", {"grade": "moderate"}, None),
        ("canal_stenosis", {"grade": "mild"}, "L2-L3"),
    ],
)
def test_a_disc_that_stands_out_otherwise_forbids_to_look_for_a_herniation(
    pathology: str, update: dict[str, object], answer: str | None
) -> None:
    shown = whole(of_view(quiet(), "T2 sagittal"))
    elsewhere = changed(herniated("L2-L3"), put("L4-L5", pathology, **update))
    assert found(elsewhere, "herniation_level", SEGMENTS, shown) == answer
    same = changed(herniated("L2-L3"), put("L2-L3", pathology, **update))
    assert found(same, "herniation_level", SEGMENTS, shown) == "L2-L3"


@pytest.mark.parametrize(("side", "answer"), [("left", "right"), ("right", None)])
def test_a_recess_beside_a_narrow_foramen_is_not_called_free(side: str, answer: str | None) -> None:
    """The right recess is narrow, the left one free; then the foramen of one side is narrow."""
    case = changed(quiet(), lambda one: _narrow(one, "recess_stenosis", "right", grade="severe"))
    series = next(one for one in case.series if one.series.uid.endswith("t2_axial L3-L4"))
    other = "left" if side == "right" else "right"
    assert right(case, "recess_side", ("L3-L4",), series) == "right"
    case = changed(case, lambda one: _narrow(one, "foraminal_stenosis", other, grade="2"))
    assert right(case, "recess_side", ("L3-L4",), series) == answer


@pytest.mark.parametrize(("grade", "answer"), [("mild", "right"), ("moderate", None)])
def test_a_recess_beside_a_narrow_canal_is_not_called_free(grade: str, answer: str | None) -> None:
    case = changed(quiet(), lambda one: _narrow(one, "recess_stenosis", "right", grade="severe"))
    series = next(one for one in case.series if one.series.uid.endswith("t2_axial L3-L4"))
    case = changed(case, put("L3-L4", "canal_stenosis", present=True, grade=grade))
    assert right(case, "recess_side", ("L3-L4",), series) == answer


def _narrow(one: Finding, pathology: str, side: str, grade: str) -> Finding:
    if (one.site, one.pathology, one.side) == ("L3-L4", pathology, side):
        return one.model_copy(update={"present": True, "grade": grade})
    if pathology == "recess_stenosis" and one.pathology == "foraminal_stenosis":
        return one.model_copy(update={"present": False, "grade": "0"})
    return one


def test_a_foramen_held_back_forbids_a_free_recess_unless_another_series_shows_it_open() -> None:
    case = changed(quiet(), lambda one: _narrow(one, "recess_stenosis", "right", grade="severe"))
    series = next(one for one in case.series if one.series.uid.endswith("t2_axial L3-L4"))
    hidden = held_back(case, Hidden("any", "L3-L4", "foraminal_stenosis"))
    assert right(hidden, "recess_side", ("L3-L4",), series) == "right"
    unsaid = tuple(one for one in case.facts.findings if one.pathology != "foraminal_stenosis")
    unsaid_case = replace(hidden, facts=replace(hidden.facts, findings=unsaid))
    assert right(unsaid_case, "recess_side", ("L3-L4",), series) is None


@pytest.mark.parametrize("kind", ["herniation_side", "herniation_zone"])
def test_no_herniation_is_keyed_between_open_foramina_alone(kind: Kind) -> None:
    case = changed(quiet(), lambda one: _narrow(one, "recess_stenosis", "none", grade="0"))
    series = next(one for one in case.series if one.series.uid.endswith("t2_axial L3-L4"))
    assert right(case, kind, ("L3-L4",), series) == "none"
    narrow = changed(case, lambda one: _narrow(one, "foraminal_stenosis", "right", grade="1"))
    assert right(narrow, kind, ("L3-L4",), series) is None
    beside = changed(narrow, put("L3-L4", "herniation", grade="protrusion", detail="central", side="central"))
    assert right(beside, kind, ("L3-L4",), series) == "central"


def test_no_ring_marks_an_upper_thoracic_body_on_a_frontal_film() -> None:
    levels = ("C7", "T1", "T6", "T7", "L5")
    assert [one for one in levels if _is_told_apart(one, "XR frontal")] == ["T7", "L5"]
    assert all(_is_told_apart(one, "CT sagittal") for one in levels)


def test_the_vertebra_that_a_question_names_is_not_its_answer() -> None:
    assert [told_by(one) for one in ("C2", "reference L2", "sacrum")] == ["C2", "L2", ""]
    drafts = [
        draft
        for seed in range(6)
        for draft in level_drafts(Fabricated(seed, "C2", "T9").case())
        if draft.fields.get("numbering") == "C2" and draft.kind in ("level_above", "level_below")
    ]
    assert len(drafts) > 5
    assert all("C2" not in draft.pool for draft in drafts)


@pytest.mark.parametrize("grade", ["protrusion", "extrusion"])
def test_a_base_is_asked_where_pixels_show_it(grade: str) -> None:
    case = changed(quiet(), put("L3-L4", "herniation", grade=grade))
    keys = template_of("herniation_type").keys
    shown = whole(of_view(case, "T2 sagittal"))
    for pixel_mm, answer in ((0.7, grade), (0.8, None)):
        fine = replace(shown, spacing_mm=(pixel_mm, pixel_mm))
        judged = the_right(case, "herniation_type", ("L3-L4",), keys, (fine,))
        assert (None if judged is None else judged[0]) == answer


def test_stir_shows_no_modic_change_but_oedema() -> None:
    for grade, asked in (("1", True), ("2", False), ("3", False)):
        case = changed(quiet(), put("L2-L3", "modic_change", grade=grade))
        for view, seen in (("T2 sagittal", True), ("STIR sagittal", asked)):
            shown = whole(of_view(case, view))
            assert (found(case, "modic_level", SEGMENTS, shown) == "L2-L3") == seen


@pytest.mark.parametrize(
    ("site", "pathology", "answer"),
    [
        ("L4-L5", "spondylodiscitis", None),
        ("L4", "fracture", None),
        ("L4", "metastasis", None),
        ("L4-L5", "slip", "L2-L3"),
    ],
)
def test_other_bright_marrow_in_view_forbids_to_look_for_a_modic_change(
    site: str, pathology: str, answer: str | None
) -> None:
    case = changed(quiet(), put("L2-L3", "modic_change", grade="1"))
    shown = whole(of_view(case, "T2 sagittal"))
    assert found(changed(case, put(site, pathology)), "modic_level", SEGMENTS, shown) == answer
    held = held_back(case, Hidden(shown.series.uid, site, pathology))
    assert found(held, "modic_level", SEGMENTS, shown) == answer


@pytest.mark.parametrize(
    ("view", "age", "loss", "dent", "answer"),
    [
        ("T2 sagittal", "old", 30.0, True, "L2"),
        ("T2 sagittal", "old", 5.0, False, None),
        ("T2 sagittal", "fresh", 5.0, False, "L2"),
        ("T2 sagittal", "fresh", 5.0, True, None),
        ("CT sagittal", "", 5.0, False, "L2"),
    ],
)
def test_a_fracture_is_looked_for_where_the_picture_shows_it(
    view: str, age: str, loss: float, dent: bool, answer: str | None
) -> None:
    case = changed(quiet(), put("L2", "fracture", grade="A1", detail=age))
    case = changed(case, put("L2", "height_loss", value=loss))
    if dent:
        dented = {"present": True, "pathology": "endplate_defect"}
        at = ("L4", "metastasis")
        case = changed(case, lambda one: _with(one, dented) if (one.site, one.pathology) == at else one)
    shown = whole(of_view(case, view))
    assert found(case, "fracture_level", ("L1", "L2", "L3"), shown) == answer


def _with(one: Finding, update: dict[str, object]) -> Finding:
    return one.model_copy(update=update)


@pytest.mark.parametrize(("age", "answer"), [("fresh", "3"), ("old", None)])
def test_a_healed_fracture_has_no_points(age: str, answer: str | None) -> None:
    case = changed(quiet(), put("L2", "fracture", grade="A1", detail=age))
    stated = {"ligaments": "indeterminate", "neurology": "intact"}
    pool = tuple(map(str, range(1, 11)))
    judged = the_right(case, "tlics_image", ("L2",), pool, (), stated)
    assert (None if judged is None else judged[0]) == answer


@pytest.mark.parametrize("kind", ["tlics_points", "tlics_plan"])
def test_a_compression_tears_no_ligament(kind: Kind) -> None:
    keys = tuple(map(str, range(1, 11)))
    for ligaments in ("intact", "indeterminate", "disrupted"):
        stated = {"morphology": "compression", "ligaments": ligaments, "neurology": "intact"}
        judged = the_right(quiet(), kind, (), keys, (), stated)
        assert (judged is None) == (ligaments == "disrupted")


def test_both_roots_of_a_disc_are_offered() -> None:
    rng = np.random.default_rng(0)
    case = Fabricated(1).case()
    text = [one for _ in range(60) if (one := text_draft(case, "root_of_disc", rng)) is not None]
    shown = [
        draft
        for seed in range(8)
        for draft in plan_drafts(Fabricated(seed).case())
        if draft.kind == "compressed_root"
    ]
    assert len(text) > 20
    assert len(shown) > 5
    for draft in (*text, *shown):
        assert len(draft.offered) == 4
        assert draft.right in roots_of(draft.fields["segment"])
        assert set(roots_of(draft.fields["segment"])) <= set(draft.offered)


def test_ranges_that_are_offered_end_near_the_right_one() -> None:
    drafts = [
        draft
        for seed in range(10)
        for draft in level_drafts(Fabricated(seed, "T3").case())
        if draft.kind == "levels_in_view"
    ]
    assert len(drafts) > 8
    for draft in drafts:
        lengths = sorted(len(sites_between(*key.split(":"))) for key in draft.pool)
        assert len(lengths) in (1, 4)
        assert lengths[0] > 1
        assert lengths[-1] - lengths[0] == len(lengths) - 1


def test_frontal_films_leave_a_quarter_of_a_body_free_above_the_highest() -> None:
    case = quiet()
    strip = strip_of(case, of_view(case, "XR frontal"))
    assert strip is not None
    assert strip.chain.clear_mm == pytest.approx(max(span.height for span in strip.chain.spans) / 4)
    assert Level(strip.chain.sites[0]) < Level.L1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_item_writes_levels_in_one_notation(language: str) -> None:
    template = template_of("compressed_root")
    for style in SITE_STYLES[language]:  # type: ignore[index]
        text = answer_text(template, language, "C4", style)  # type: ignore[arg-type]
        assert ("颈4" in text) == (style == "elided_chinese")
        assert answer_key(template, language, text) == "C4"  # type: ignore[arg-type]
    told = template_of("level_if_told")  # its wordings write C2
    styles = {style_of(told, language, str(number)) for number in range(50)}  # type: ignore[arg-type]
    assert "elided_chinese" not in styles


@pytest.mark.parametrize(
    ("kind", "scale"),
    [
        ("disc_degeneration", "Pfirrmann"),
        ("foraminal_grade", "Lee"),
        ("height_loss", "Genant"),
        ("slip_grade", "Meyerding"),
    ],
)
def test_questions_that_may_be_asked_without_options_name_their_scale(kind: Kind, scale: str) -> None:
    for sentence in (*templates()[kind].en, *templates()[kind].zh):
        assert scale in sentence


def test_a_retrolisthesis_has_no_meyerding_grade() -> None:
    def grade(**slip: object) -> str | None:
        case = changed(quiet(), put("L4-L5", "slip", grade="1", **slip))
        answer = the_right(case, "slip_grade", ("L4-L5",), ("0", "1", "2", "3"), (_film(case),), {})
        return None if answer is None else answer[0]

    assert grade(value=16.0, detail="isthmic") == "1"
    assert grade(value=-16.0) is None
    assert grade(value=16.0, detail="retrolisthesis") is None


def _film(case: Case) -> Shown:
    return replace(whole(of_view(case, "XR lateral")), ring=None)


def test_whole_bodies_are_not_counted_where_one_may_be_in_view_that_is_not_stated() -> None:
    case = quiet()
    series = of_view(case, "CT sagittal")
    shown = between(series, "T11", "L3")
    pool = ("4", "5", "6")

    def count(site: str) -> str | None:
        unseen = held_back(case, Hidden(series.series.uid, site, "vertebra"))
        answer = the_right(unseen, "count_in_view", (), pool, (shown,), {})
        return None if answer is None else answer[0]

    assert count("T6") == "5"  # far above the window
    assert count("C1") == "5"
    gone = changed(case, lambda one: one)
    gone = replace(
        gone,
        facts=replace(gone.facts, findings=tuple(one for one in gone.facts.findings if one.site != "T12")),
    )
    hidden = held_back(gone, Hidden(series.series.uid, "T12", "vertebra"))
    assert the_right(gone, "count_in_view", (), pool, (shown,), {}) is not None
    assert the_right(hidden, "count_in_view", (), pool, (shown,), {}) is None
