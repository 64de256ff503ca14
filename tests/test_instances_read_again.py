"""A second reading of the pictures, held fast: what films cannot tell, what is not counted, which slices."""

from __future__ import annotations

from dataclasses import replace

import clinic_fixture as MADE
import numpy as np
import pytest
from case_fixture import MIDDLE
from clinic_fixture import some_case
from test_instances_hidden import changed, held_back, of_view, put, quiet, right, whole
from test_instances_windows import body, chain, column

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.facts.stated import hidden_by
from spinemed.instances.ask_levels import strip_of
from spinemed.instances.ask_marked import MARKED
from spinemed.instances.chains import countable
from spinemed.instances.clinic.case import case_of, not_shown
from spinemed.instances.clinic.consultation import further, ranges
from spinemed.instances.clinic.further import by_film, further_needs
from spinemed.instances.clinic.limits import hidden_sites
from spinemed.instances.clinic.pictures import key_pictures, pictured
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.compose import composed
from spinemed.instances.drafts import Draft, the_right
from spinemed.instances.shots import is_burnt_out
from spinemed.instances.windows import draw_window
from spinemed.phantom.export.findings import series_findings
from spinemed.phantom.export.kinds import checked_kinds
from spinemed.phantom.export.series import rendered_series
from spinemed.phantom.patient.sample import sample_patient
from spinemed.records import Finding, Marker, Reject

SLIP = {"grade": "1", "value": 14.0, "unit": "%", "detail": "degenerative"}


@pytest.mark.parametrize(
    ("condition", "pathology"),
    [
        ("osteoporotic_fracture", "fracture"),
        ("metastasis", "metastasis"),
        ("spondylodiscitis", "spondylodiscitis"),
        ("cervical_myelopathy", "cord_signal"),
    ],
)
def test_a_film_holds_back_what_it_cannot_tell(condition: str, pathology: str) -> None:
    [film] = rendered_series(sample_patient(3, [condition]), checked_kinds(["xr_lat"]))
    found = series_findings(film.anatomy, film.rendered, "s", film.uid)
    hidden = hidden_by(one for one in found if isinstance(one, Reject))
    assert pathology in {one.pathology for one in hidden}
    assert pathology not in {one.pathology for one in found if isinstance(one, Finding)}


def on_film(facts: CaseFacts) -> CaseFacts:
    """Return the facts as of lateral films alone."""
    series = [one.model_copy(update={"modality": "XR", "view": "LAT"}) for one in facts.study.series]
    study = facts.study.model_copy(update={"series": tuple(series)})
    return CaseFacts(study, facts.findings, facts.hidden)


def test_a_fracture_on_films_is_hidden_but_where_the_height_it_has_cost_is_stated() -> None:
    facts = on_film(MADE.case([("T12", "height_loss", {"grade": "2", "value": 30.0})], kinds=("ct",)))
    uid = facts.study.series[0].uid
    hidden = frozenset({Hidden(uid, "T12", "fracture"), Hidden(uid, "C6", "fracture")})
    assert hidden_sites(replace(facts, hidden=hidden), "fracture") == {"C6"}
    beyond = Hidden("1.2.t2", "T12", "fracture")
    assert hidden_sites(replace(facts, hidden=hidden | {beyond}), "fracture") == {"C6", "T12"}
    normal = replace(on_film(MADE.case([], kinds=("ct",))), hidden=frozenset({Hidden(uid, "C6", "fracture")}))
    made = case_of(normal, "k", "en")
    assert isinstance(made, Reject) and "fracture is there at C6" in made.reason


def test_a_bent_back_on_films_alone_may_hide_fractures() -> None:
    kyphosis = ("T8", "thoracic_kyphosis", {"unit": "deg", "extent": ("T4", "T12"), "value": 60.0})
    facts = MADE.case([kyphosis], levels=MADE.WHOLE, kinds=("ct",), age_band="60-69")
    needs = further_needs(problem_of(facts), 65)
    assert [one.name for one in by_film(needs, facts)] == ["kyphosis_bone"]
    frontal = MADE.case([kyphosis], levels=MADE.WHOLE, kinds=("full_ap",), age_band="60-69")
    assert [one.name for one in by_film(needs, frontal)] == ["kyphosis_film"]
    assert "cannot exclude vertebral fractures" in further(some_case(frontal), "colleague")
    assert [one.name for one in by_film(needs, on_film(facts))] == ["kyphosis_bone"]  # every height is stated


def test_a_variant_is_asked_of_frontal_films_and_so_proven() -> None:
    [asked] = [mark for mark in MARKED if mark.pathology == "transitional"]
    assert asked.views == ("XR full frontal",)
    case = quiet()
    for grade, told in (("L5_sacralised", "L5_sacralised"), ("L6", "L6"), ("T13", None)):  # T1 is not shown
        for view, answer in (("XR frontal", told), ("XR lateral", None)):
            series = of_view(case, view)
            variant = series.findings[0].model_copy(
                update={"pathology": "transitional", "grade": grade, "site": "L5"}
            )
            facts = replace(case.facts, findings=(*case.facts.findings, variant))
            assert right(replace(case, facts=facts), "transitional", (), series) == answer


def test_above_a_last_disc_of_grade_5_nothing_is_counted_from_the_sacrum() -> None:
    case = quiet()
    uid = of_view(case, "T2 sagittal").series.uid
    for one in (
        changed(case, put("L5-S1", "disc_degeneration", grade="5")),
        held_back(case, Hidden(uid, "L5-S1", "disc_degeneration", "", "5")),
    ):
        strip = strip_of(one, of_view(one, "CT sagittal"))
        assert strip is None or strip.chain.sacrum is None
        assert counted(one, "sacrum") is None
    strip = strip_of(case, of_view(case, "CT sagittal"))
    assert strip is not None and strip.chain.sacrum is not None
    assert counted(case, "sacrum") == "L3"


def counted(case: object, numbering: str) -> str | None:
    series = of_view(case, "CT sagittal")  # type: ignore[arg-type]
    box = series.bodies()["L3"].evidence.box
    shown = replace(whole(series, MIDDLE), ring=((box.top + box.bottom) / 2, (box.left + box.right) / 2))
    fields = {"numbering": numbering}
    answer = the_right(case, "marked_level", ("L3",), ("L2", "L3"), (shown,), fields)  # type: ignore[arg-type]
    return None if answer is None else answer[0]


def test_whole_bodies_of_a_bent_spine_are_not_told_on_a_lateral_film() -> None:
    def told(degrees: float, view: str) -> bool:
        bent = changed(
            quiet(),
            lambda one: (
                one.model_copy(update={"present": degrees >= 10, "value": degrees})
                if one.pathology == "scoliosis"
                else one
            ),
        )
        shown = (replace(whole(of_view(bent, view)), ring=None),)
        pool = tuple(str(number) for number in range(3, 12))
        return the_right(bent, "count_in_view", (), pool, shown, {}) is not None

    assert told(14.0, "XR lateral") and told(32.0, "CT sagittal")
    assert not told(32.0, "XR lateral")


def test_a_ring_on_black_or_white_is_refused() -> None:
    marker = Marker(column=20, row=20, radius=9)
    grey = np.full((41, 41), 90, np.uint8)
    half = grey.copy()
    half[:20] = 255
    assert not is_burnt_out(grey, marker) and is_burnt_out(half, marker)
    half[:12] = 90  # what lies outside the ring does not count
    half[12:15] = 255
    half[15:] = 90
    assert not is_burnt_out(half, marker)


def test_a_draft_with_a_burnt_out_ring_is_a_reject() -> None:
    class Burnt:
        burnt_out = True
        picture = type("Drawn", (), {"id": "p"})

    draft = Draft("marked_level", ("L3",), ("L2", "L3"), "L3", (Burnt(),), ())  # type: ignore[arg-type]
    [made] = composed(quiet(), draft)
    assert isinstance(made, Reject) and "black or white" in made.reason


def test_on_a_lateral_film_nothing_is_counted_past_a_body_that_the_shoulders_hide() -> None:
    sites = ["C5", "C6", "C7", "T1", "T2", "T3", "T7", "T8"]
    faint = {"T2": 0.4, "T8": 0.4}
    bodies = [
        one.model_copy(update={"contrast": faint.get(one.site, 3.0)})
        for one in column(["C2", "C3", "C4", *sites[:6]])
    ]
    left = countable(bodies, "XR lateral")
    assert "T2" not in {one.site for one in left} and len(left) == len(bodies) - 1
    assert chain(left).sites[-1] == "C7"  # one shorter: the picture may show T2
    assert len(countable(bodies, "CT sagittal")) == len(bodies)
    low = column(["L2", "L3"])
    assert countable([one.model_copy(update={"contrast": 0.4}) for one in low], "XR lateral")


def test_of_a_leaning_neighbour_so_much_less_is_shown_as_the_boxes_overlap() -> None:
    sites = ["T9", "T10", "T11", "T12", "L1"]
    found = chain([body(site, 60 + 20 * place, 84 + 20 * place) for place, site in enumerate(sites)])
    rng = np.random.default_rng(0)
    windows = [draw_window(found, "reference", (400.0, 200.0), rng, reference=1) for _ in range(100)]
    tops = [one.top_mm for one in windows if one is not None]
    assert tops and min(tops) >= 84 - 0.6 * (24 - 4) - 0.001


def test_no_slice_is_shown_twice_and_a_small_defect_on_its_own_slice_alone() -> None:
    node = ("L3", "endplate_defect", {"detail": "upper"})
    facts = MADE.case([("L4-L5", "disc_degeneration", {"grade": "4"}), node])

    def moved(one: Finding, by: int) -> Finding:
        evidence = one.evidence.model_copy(update={"slice_index": 5 + by})
        return one.model_copy(update={"evidence": evidence}) if one.pathology == "endplate_defect" else one

    shown = key_pictures(facts, problem_of(facts))
    place = {one.id: (one.evidence.series, one.evidence.slice_index) for one in facts.findings}
    assert len({place[one] for one in shown}) == len(shown) == 2
    for by, seen in ((0, True), (1, False)):
        beside = CaseFacts(facts.study, tuple(moved(one, by) for one in facts.findings))
        problem = problem_of(facts)  # its pictures are those of the disc
        bare = problem.model_copy(update={"others": ()})
        found = {one.pathology for one in pictured(beside, bare)}
        assert ("endplate_defect" in found) == seen


def test_the_low_back_reaches_to_the_sacrum() -> None:
    worn = [("L3-L4", "disc_degeneration", {"grade": "4"})]
    assert not not_shown(some_case(MADE.case(worn)))
    assert not_shown(some_case(MADE.case(worn, levels=MADE.LUMBAR[:-1]))) == "_any"


def test_a_slip_that_does_not_move_or_is_not_measured_is_told_so() -> None:
    facts = MADE.case([("L4-L5", "slip", SLIP)], kinds=("ct", "t2"), age_band="60-69")

    def bent(values: tuple[float | None, float | None]) -> CaseFacts:
        first = next(one for one in facts.findings if one.pathology == "slip" and one.present)
        whole = next(one for one in facts.findings if one.pathology == "vertebra")
        films, stated = [], []
        for posture, value in zip(("flexion", "extension"), values, strict=True):
            uid = f"1.2.{posture}"
            films.append(MADE.series_of("full_ap").model_copy(
                update={"uid": uid, "view": "LAT", "posture": posture}))  # fmt: skip
            update = {"posture": posture, "evidence": MADE.locator(uid)}
            stated.append(whole.model_copy(update={**update, "id": f"{posture}-body"}))
            if value is not None:
                stated.append(first.model_copy(update={**update, "id": f"{posture}-slip", "value": value}))
        study = facts.study.model_copy(update={"series": (*facts.study.series, *films)})
        return CaseFacts(study, (*facts.findings, *stated))

    def said(values: tuple[float | None, float | None]) -> str:
        return " ".join(ranges(some_case(bent(values))))

    assert "no relevant change" in said((15.0, 13.0))
    assert "cannot be measured reliably" in said((15.0, None))
    assert "ranges from" in said((28.0, 12.0)) or "in one view" in said((28.0, 12.0))
    assert not ranges(some_case(facts))
