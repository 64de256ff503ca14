"""Pictures show what their answer rests on: its own slice, through the marked bodies, the spine in view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from case_fixture import MIDDLE, Fabricated
from test_instances_hidden import Change, changed, of_view, put, quiet, right, whole

from spinemed.instances.ask_marked import MARKED, marked_drafts
from spinemed.instances.ask_views import view_drafts
from spinemed.instances.drafts import Case, Draft, the_right
from spinemed.instances.templates import template_of
from spinemed.records import Box, Finding

NAMED = {"fracture": "fracture", "lytic": "metastasis", "blastic": "metastasis"}


def moved(site: str, pathology: str, index: int) -> Change:
    """Return the change that puts a finding into another slice."""

    def change(one: Finding) -> Finding:
        if (one.site, one.pathology) != (site, pathology) or one.evidence.plane != "sagittal":
            return one
        return one.model_copy(update={"evidence": one.evidence.model_copy(update={"slice_index": index})})

    return change


def drafts(case: Case, kind: str, view: str) -> Iterator[Draft]:
    marks = [replace(mark, views=(view,)) for mark in MARKED if mark.kind == kind and view in mark.views]
    for number in range(12):
        asking = replace(case.asking, seed=number)
        yield from marked_drafts(replace(case, asking=asking), marks)


def test_a_segment_is_shown_in_the_slice_of_what_the_answer_names() -> None:
    """A cage lies beside the middle, where alone the picture may not be taken."""
    case = changed(changed(quiet(), put("L3-L4", "cage")), moved("L3-L4", "cage", 4))
    asked = [one for one in drafts(case, "bridging", "CT sagittal") if one.right == "cage"]
    assert len(asked) > 5
    assert {one.shown[0].slice_index for one in asked} == {4}


@pytest.mark.parametrize("view", ["CT sagittal", "T2 sagittal"])
def test_vertebrae_are_shown_in_the_slice_of_what_the_answer_names(view: str) -> None:
    asked = 0
    for seed in range(4):
        case = Fabricated(seed).case()
        findings = {one.id: one for one in case.facts.findings}
        for draft in drafts(case, "metastasis_kind", view):
            if draft.right == "none":
                continue
            first = findings[draft.findings[0]]
            assert (first.pathology, first.present) == (NAMED[draft.right], True)
            assert first.evidence.slice_index == draft.shown[0].slice_index
            asked += 1
    assert asked > 20


@pytest.mark.parametrize(("index", "answer"), [(MIDDLE, "cage"), (MIDDLE - 1, None)])
def test_another_slice_does_not_prove_what_is_there(index: int, answer: str | None) -> None:
    case = changed(quiet(), put("L3-L4", "cage"))
    shown = whole(of_view(case, "CT sagittal"), index)
    judged = the_right(case, "bridging", ("L3-L4",), template_of("bridging").keys, (shown,))
    assert (None if judged is None else judged[0]) == answer


@pytest.mark.parametrize(("index", "is_asked"), [(MIDDLE + 1, True), (MIDDLE + 3, False)])
def test_a_slice_beside_the_bodies_is_not_marked(index: int, is_asked: bool) -> None:
    """Slices lie 4 mm apart, bodies are 32 mm deep: the third beside the middle runs along a side wall."""
    case = changed(changed(quiet(), put("T11-T12", "bridging")), moved("T11-T12", "bridging", index))
    asked = [one for one in drafts(case, "bridging", "CT sagittal") if one.right == "bridging"]
    assert bool(asked) == is_asked


@pytest.mark.parametrize(("contrast", "answer"), [(5.0, "lytic"), (2.5, None)])
def test_a_faint_lesion_is_not_told(contrast: float, answer: str | None) -> None:
    case = changed(quiet(), put("L2", "metastasis", grade="lytic", contrast=contrast))
    case = changed(case, moved("L2", "metastasis", MIDDLE))
    assert right(case, "metastasis_kind", ("L2",), of_view(case, "CT sagittal")) == answer


def test_t1_alone_does_not_tell_lytic_from_blastic() -> None:
    assert not any("T1 sagittal" in mark.views for mark in MARKED if mark.kind == "metastasis_kind")


@pytest.mark.parametrize("kind", ["recognise", "front_edge"])
def test_what_an_image_is_is_asked_where_it_shows_the_spine(kind: str) -> None:
    """Only the upper vertebrae are seen, above the middle of the slices."""
    asked = 0
    for seed in range(30):
        case = _without_lower_bodies(Fabricated(seed).case(seed=seed))
        series = {one.series.uid: one for one in case.series}
        for draft in view_drafts(case):
            if draft.kind == kind:
                shown = draft.shown[0]
                axial = shown.plane == "axial"
                seen = series[shown.series.uid].of("canal_stenosis" if axial else "vertebra")
                assert sum(shown.holds(one) for one in seen) >= (1 if axial else 2)
                asked += 1
    assert asked > 15


def _without_lower_bodies(case: Case) -> Case:
    found = [
        replace(one, findings=tuple(f for f in one.findings if f.pathology != "vertebra" or f.site[0] == "T"))
        for one in case.series
    ]
    return changed(replace(case, series=tuple(found)), lambda one: one)


@pytest.mark.parametrize(
    ("site", "shift_px", "answer"),
    [("T10", 0, "thoracic right"), ("T12", 0, None), ("T12", 8, "lumbar right")],
)
def test_an_apex_at_the_limit_of_both_regions_is_not_asked(
    site: str, shift_px: int, answer: str | None
) -> None:
    def change(one: Finding) -> Finding:
        if one.pathology == "scoliosis":
            return one.model_copy(update={"site": site, "present": True, "value": 32.0, "side": "right"})
        if one.pathology == "vertebra" and one.site in ("T11", "T12"):
            left = 40 + (shift_px if one.site == "T12" else 0)
            box = Box(left=left, top=one.evidence.box.top, right=left + 20, bottom=one.evidence.box.bottom)
            return one.model_copy(update={"evidence": one.evidence.model_copy(update={"box": box})})
        return one

    case = changed(quiet(), change)
    assert right(case, "scoliosis_side", (), of_view(case, "XR frontal")) == answer


def test_films_that_disagree_on_the_region_are_not_asked() -> None:
    curve = {"present": True, "site": "T10", "value": 32.0, "side": "right"}
    case = changed(quiet(), lambda one: one.model_copy(update=curve) if _is_curve(one) else one)
    film = of_view(case, "XR frontal")
    assert right(case, "scoliosis_side", (), film) == "thoracic right"
    found = next(one for one in film.findings if _is_curve(one))
    where = found.evidence.model_copy(update={"series": "another film"})
    second = found.model_copy(update={"id": "second", "site": "L2", "evidence": where})
    facts = replace(case.facts, findings=(*case.facts.findings, second))
    assert right(replace(case, facts=facts), "scoliosis_side", (), film) is None


def _is_curve(one: Finding) -> bool:
    return one.pathology == "scoliosis"
