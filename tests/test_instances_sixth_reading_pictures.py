"""A sixth reading of pictures, held fast: what leans, unusual spines, grazed necks, old age, safety nets."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import clinic_fixture as MADE
import pytest
from test_instances_hidden import changed, held_back, of_view, quiet, whole

from spinemed.facts.case import Hidden
from spinemed.instances.chains import grazed_neck
from spinemed.instances.clinic.case import Case, case_of
from spinemed.instances.clinic.consultation import consultation
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.limits import as_told, withheld
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.clinic.report import report
from spinemed.instances.drafts import the_right
from spinemed.phantom.export.findings import series_findings
from spinemed.phantom.export.kinds import checked_kinds
from spinemed.phantom.export.series import rendered_series
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.records import Box, Finding, Locator, Reject


def leaning(degrees: float) -> Any:
    """Return a change that moves each body aside, so that the spine runs so far off the vertical."""

    def change(one: Finding) -> Finding:
        box = one.evidence.box
        aside = round((box.top + box.bottom) / 2 * math.tan(math.radians(degrees)))
        moved = box.model_copy(update={"left": box.left + aside, "right": box.right + aside})
        evidence = one.evidence.model_copy(update={"box": moved})
        return one.model_copy(update={"evidence": evidence}) if one.pathology == "vertebra" else one

    return change


@pytest.mark.parametrize(("degrees", "asked"), [(0.0, True), (15.0, True), (40.0, False)])
def test_the_front_of_a_spine_that_leans_is_at_no_edge(degrees: float, asked: bool) -> None:
    case = changed(quiet(), leaning(degrees))
    shown = whole(of_view(case, "CT sagittal"))
    wide = replace(shown, left=-1000.0, right=1000.0)
    found = the_right(case, "front_edge", (), ("left", "right", "up", "down"), (wide,), {})
    assert (found is not None) == asked


@pytest.mark.parametrize(
    ("variant", "ring", "numbering", "told"),
    [(True, "L2", "reference T9", False), (True, "T11", "reference T9", True),
     (True, "L3", "reference L1", True), (False, "L2", "reference T9", True)],
)  # fmt: skip
def test_an_unusual_spine_is_not_counted_down_past_its_ribs(
    variant: bool, ring: str, numbering: str, told: bool
) -> None:
    hidden = [Hidden("other", "L4", "transitional")] if variant else []
    case = held_back(quiet(), *hidden)
    series = of_view(case, "CT sagittal")
    box, shown = series.bodies()[ring].evidence.box, whole(series)
    first = series.bodies()[numbering.split()[-1]].evidence.box
    marked = replace(
        shown, top=first.top - 6.0, ring=((box.top + box.bottom) / 2, (box.left + box.right) / 2)
    )
    found = the_right(case, "marked_level", (ring,), (ring, "S1"), (marked,), {"numbering": numbering})
    assert (found is not None) == told


def test_the_first_body_of_a_frontal_film_with_bridges_is_not_counted() -> None:
    for bridged in (False, True):
        hidden = [Hidden("other", "T10-T11", "bridging")] if bridged else []
        case = held_back(quiet(), *hidden)
        shown = whole(of_view(case, "XR frontal"))
        found = the_right(case, "count_in_view", (), tuple("6789"), (shown,), {})
        assert (found is None) == bridged
        aside = whole(of_view(case, "CT sagittal"))
        assert the_right(case, "count_in_view", (), tuple("6789"), (aside,), {}) is not None


def neck(heights: dict[str, int]) -> list[Finding]:
    """Return whole bodies of so many rows."""
    [model] = [one for one in MADE.case([], levels=("C2", "C3"), kinds=("t2",)).findings
               if (one.site, one.pathology) == ("C2", "vertebra")]  # fmt: skip
    place = {"series": "1.2", "slice_index": 3}
    return [
        model.model_copy(
            update={
                "site": site,
                "evidence": Locator(**place, box=Box(left=0, top=0, right=12, bottom=high)),
            }
        )
        for site, high in heights.items()
    ]


def test_where_c2_is_less_tall_than_c3_the_slice_passes_beside_the_neck() -> None:
    assert grazed_neck(neck({"C2": 9, "C3": 10, "C4": 10, "C5": 11})) == {"C2", "C3", "C4"}
    assert not grazed_neck(neck({"C2": 17, "C3": 10, "C4": 10}))
    assert not grazed_neck(neck({"C3": 10, "C4": 10}))


@pytest.mark.parametrize("kind", ["xr_full_lat", "xr_full_ap"])
@pytest.mark.parametrize("variant", ["T13", "L6", "L5_sacralised", "L4_only"])
def test_a_film_from_the_side_tells_no_rib(kind: str, variant: Any) -> None:
    told, held_back = 0, ""
    for seed in range(4, 16):
        patient = sample_patient(seed, [], settings=PatientSettings(variant=variant))
        (series,) = rendered_series(patient, checked_kinds([kind]))
        for one in series_findings(series.anatomy, series.rendered, "s", series.uid):
            if isinstance(one, Reject):
                held_back += one.reason if "transitional" in one.reason else ""
            else:
                told += one.pathology == "transitional" and one.present
    from_the_front = variant != "L4_only" and kind == "xr_full_lat"
    assert (told == 0) == from_the_front
    assert ("told from the front alone" in held_back) == from_the_front


@pytest.mark.parametrize(
    ("kinds", "age_band", "given"),
    [(("ct",), "80-89", False), (("ct",), "60-69", True), (("t2", "ct"), "80-89", True)],
)
def test_an_old_patients_ct_alone_is_no_proof_of_whole_bones(
    kinds: tuple[str, ...], age_band: str, given: bool
) -> None:
    facts = MADE.case([], kinds=kinds, age_band=age_band)
    reason = withheld(facts, problem_of(facts))
    assert ("fragility" not in reason) == given


def test_age_and_a_thoracic_site_are_named_as_weak_flags() -> None:
    rules = {}
    for name, levels, band in (
        ("", MADE.LUMBAR, "30-39"), ("_age", MADE.LUMBAR, "60-69"),
        ("_site", MADE.WHOLE[1:9], "30-39"), ("_age_site", MADE.WHOLE[1:9], "60-69"),
    ):  # fmt: skip
        made = case_of(MADE.case([], levels=levels, age_band=band), "k", "en")
        assert isinstance(made, Case)
        rules[f"screen{name}"] = made.plan.rule
    assert rules == {name: name for name in rules}


def test_stir_tells_no_fat_of_an_endplate() -> None:
    facts = MADE.case([("L4-L5", "modic_change", {"grade": "2"}), ("L1-L2", "modic_change", {"grade": "1"})],
                      kinds=("stir",))  # fmt: skip
    told = as_told(facts.findings, {"1.2.stir": "STIR"})
    assert [one.site for one in told if one.pathology == "modic_change" and one.present] == ["L1-L2"]


def test_nobody_below_thirty_is_told_that_worn_discs_are_common() -> None:
    worn: MADE.Stated = ("L4-L5", "disc_degeneration", {"grade": "5"})
    for band, given in (("10-19", False), ("30-39", True)):
        made = case_of(MADE.case([worn], age_band=band), "k", "en")
        assert isinstance(made, Case) == given


@pytest.mark.parametrize(("language", "words"), [("en", "Seek help at once"), ("zh", "请立即就诊")])
def test_a_short_consultation_of_a_patient_ends_with_what_to_watch_for(language: Any, words: str) -> None:
    facts = MADE.case([], levels=MADE.WHOLE[1:9])
    short = 0
    for key in range(40):
        made = consultation(facts, str(key), language)
        assert isinstance(made, Draft)
        said = [message.content for message in made.messages]
        lay = any(word in said[0] for word in ("Hello", "doctor", "医生", "您好", "你好"))
        if len(said) <= 6 and lay and words in said[-1]:
            short += 1
            assert "stiff" in said[-1] or "发僵" in said[-1]
    assert short


def test_a_thoracic_complaint_is_warned_of_the_cord() -> None:
    made = report(MADE.case([], levels=MADE.WHOLE[1:9]), "k", "en")
    assert isinstance(made, Draft) and "unsteady walking" in made.messages[-1].content
