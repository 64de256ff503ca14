"""A fourth reading of pictures, held fast: plain wear, the arch of C1, the dens on films, black discs."""

from __future__ import annotations

from dataclasses import replace

import clinic_fixture as MADE
import numpy as np
import pytest
from test_instances import spine
from test_instances_hidden import changed, held_back, of_view, put, quiet, whole
from test_instances_windows import HEIGHT, chain, column

from spinemed.facts import find
from spinemed.facts.case import Hidden
from spinemed.facts.stated import hidden_by
from spinemed.instances import Asking, ask
from spinemed.instances.ask_levels import strip_of
from spinemed.instances.clinic import pictures
from spinemed.instances.clinic.case import Case as ClinicCase
from spinemed.instances.clinic.case import case_of
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.drafts import Case, the_right
from spinemed.instances.windows import draw_window
from spinemed.levels import Level
from spinemed.phantom.export.claim import Claim, judged
from spinemed.phantom.export.in_memory import Drawn, drawn_study
from spinemed.phantom.export.visibility import visibility
from spinemed.records import Finding, Instance, Reject


@pytest.fixture(scope="module")
def sclerosed() -> Drawn:
    """Return a study of CT alone, of whose wear CT grades none: L1-L2 is sclerosed, L3-L4 collapsed."""
    return drawn_study(8206, ("referral",))


def normal_case(hidden: Hidden, kind: str = "ct", part: str = "") -> ClinicCase | Reject:
    """Return the case of a normal lumbar study that holds something back; `part` is not in view."""
    facts = MADE.case([], levels=MADE.LUMBAR, kinds=(kind,))
    findings = tuple(one for one in facts.findings if one.site != part)
    hidden = hidden._replace(series=facts.study.series[0].uid)
    return case_of(replace(facts, findings=findings, hidden=frozenset({hidden})), "k", "en")


@pytest.mark.parametrize(
    ("pathology", "grade", "site", "given"),
    [
        ("modic_change", "3", "L1-L2", False),
        ("modic_change", "2", "L1-L2", True),
        ("modic_change", "3", "C5-C6", True),
        ("disc_degeneration", "5", "L3-L4", False),
        ("disc_degeneration", "4", "L3-L4", True),
    ],
)
def test_no_picture_with_plain_wear_is_called_normal(
    pathology: str, grade: str, site: str, given: bool
) -> None:
    made = normal_case(Hidden("", site, pathology, "", grade))
    assert isinstance(made, ClinicCase) == given
    assert given or (isinstance(made, Reject) and f"{site} and plain to see" in made.reason)


def test_wear_is_plain_where_both_its_vertebrae_are_in_a_picture_that_shows_it() -> None:
    black = Hidden("", "L1-L2", "modic_change", "", "3")
    assert isinstance(normal_case(black, part="L1"), ClinicCase)
    assert isinstance(normal_case(black, "full_ap"), ClinicCase)
    assert isinstance(normal_case(black._replace(pathology="disc_degeneration", grade="5"), "t2"), Reject)


@pytest.mark.parametrize(
    ("grade", "hidden", "told"), [("5", "", True), ("4", "", False), ("5", "why", False)]
)
def test_a_collapsed_disc_that_no_series_grades_is_held_back(grade: str, hidden: str, told: bool) -> None:
    claim = Claim("L3-L4", "disc_degeneration", None, grade=grade, hidden=hidden)
    for kind in ("ct", "xr_lat"):
        made = judged(claim, "s", "1.2", kind, "lying", visibility())
        assert isinstance(made, Reject) == told
        assert not told or hidden_by([made]) == {Hidden("1.2", "L3-L4", "disc_degeneration", "", "5")}  # type: ignore[list-item]


def test_ct_holds_back_the_collapsed_disc_that_it_shows(sclerosed: Drawn) -> None:
    [series] = sclerosed.study.series
    assert series.modality == "CT"
    hidden = hidden_by(sclerosed.rejects)
    assert Hidden(series.uid, "L3-L4", "disc_degeneration", "", "5") in hidden
    assert Hidden(series.uid, "L1-L2", "modic_change", "", "3") in hidden


def test_films_hold_back_the_same_collapsed_discs_and_none_of_the_sacrum(sclerosed: Drawn) -> None:
    films = drawn_study(8206, ("xr_lat",))
    held = [
        {one.site for one in hidden_by(drawn.rejects) if one.pathology == "disc_degeneration"}
        for drawn in (sclerosed, films)
    ]
    assert held[0] == held[1] and "L3-L4" in held[0]


def test_the_arch_of_c1_is_no_body_of_the_line() -> None:
    study = drawn_study(8245, ("ct",))
    [series] = study.study.series
    taken = study.series[series.uid]
    found = find(study.study, taken.picture, taken.mask, series, taken.looked)  # type: ignore[arg-type]
    whole_ones = [one.site for one in found if isinstance(one, Finding) and one.pathology == "vertebra"]
    assert min(whole_ones, key=Level) == "C2"


def test_a_window_from_c2_on_a_film_holds_the_dens() -> None:
    found = chain(column(["C2", "C3", "C4", "C5", "C6", "C7", "T1", "T2", "T3", "T4"]))
    tops = {}
    for dens in (0.0, 12.0):
        rng = np.random.default_rng(0)
        drawn = [draw_window(replace(found, dens_mm=dens), "C2", (HEIGHT, 200.0), rng) for _ in range(200)]
        tops[dens] = max(window.top_mm for window in drawn if window is not None)
    assert tops[0.0] > 60 - 12 >= tops[12.0]


def neck() -> Case:
    """Return the straight spine as a neck from C2 down."""
    old = ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")
    new = ("C2", "C3", "C4", "C5", "C6", "C7", "T1", "T2", "T3", "T4")
    names = dict(zip(old, new, strict=True))

    def renamed(one: Finding) -> Finding:
        site = "-".join(names.get(level, level) for level in one.site.split("-"))
        box = one.evidence.box
        lower = box.model_copy(update={"top": box.top + 10, "bottom": box.bottom + 10})
        place = one.evidence.model_copy(update={"box": lower})
        return one.model_copy(update={"site": site, "evidence": place})

    case = quiet()
    made = [replace(one, findings=tuple(map(renamed, one.findings))) for one in case.series]
    return changed(replace(case, series=tuple(made)), lambda one: one)


@pytest.mark.parametrize("view", ["XR lateral", "CT sagittal"])
@pytest.mark.parametrize(("above", "told"), [(0.6, True), (0.3, False)])
def test_c2_is_not_counted_on_a_picture_that_cuts_its_dens(view: str, above: float, told: bool) -> None:
    case = neck()
    series = of_view(case, view)
    strip = strip_of(case, series)
    assert strip is not None and strip.chain.dens_mm > 0
    box = series.bodies()["C2"].evidence.box
    shown = replace(whole(series), ring=None, top=box.top - above * (box.bottom - box.top))
    pool = [str(number) for number in range(3, 14)]
    assert (the_right(case, "count_in_view", (), pool, (shown,), {}) is not None) == told


@pytest.mark.parametrize(
    ("view", "grade", "told"),
    [("STIR sagittal", "4", True), ("STIR sagittal", "5", False), ("T2 sagittal", "5", True)],
)
def test_nothing_is_counted_on_stir_past_a_black_disc(view: str, grade: str, told: bool) -> None:
    stated = changed(quiet(), put("L2-L3", "disc_degeneration", grade=grade))
    series = of_view(quiet(), view)
    hidden = held_back(quiet(), Hidden(series.series.uid, "L2-L3", "disc_degeneration", "", grade))
    box = series.bodies()["L1"].evidence.box
    ring = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    pool = ("T12", "L1")
    for case in (stated, hidden):
        shown = replace(whole(of_view(case, view)), ring=ring)
        found = the_right(case, "marked_level", ("L1",), pool, (shown,), {"numbering": "sacrum"})
        assert (found is not None) == told
        below = replace(shown, top=series.bodies()["L4"].evidence.box.top - 2.0, ring=None)
        counted = the_right(case, "count_in_view", (), ("1", "2", "3"), (below,), {})
        assert counted is not None and counted[0] == "2"


def numberings(grade: str, site: str, sequence: str) -> tuple[int, int]:
    """Return how many questions of a series alone count from the sacrum, and how many else."""
    study, volume, _, findings = spine(("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1"), 3)
    series = study.series[0].model_copy(update={"modality": "MR", "sequence": sequence})
    disc = findings[0].model_copy(
        update={"id": "d", "site": site, "pathology": "disc_degeneration", "grade": grade, "present": True}
    )
    made = ask(study, series, volume, findings, Asking(0, 0.5, 12), None, (), (disc,))
    asked = [one.question for one in made if isinstance(one, Instance)]
    return sum("sacrum" in one for one in asked), sum("sacrum" not in one for one in asked)


def test_questions_of_a_series_alone_know_of_collapsed_discs() -> None:
    assert numberings("4", "L3-L4", "STIR")[0] > 0
    assert numberings("5", "L3-L4", "STIR")[0] == 0
    assert numberings("5", "L3-L4", "T2")[0] > 0
    on_sacrum, others = numberings("5", "L5-S1", "T2")
    assert on_sacrum == 0 and others > 0


@pytest.mark.parametrize(
    ("pathology", "site", "off", "seen"),
    [("modic_change", "T12-L1", 2, True), ("modic_change", "T12-L1", 3, False), ("slip", "T12-L1", 2, False),
     ("endplate_defect", "L1", 1, False)],
)  # fmt: skip
def test_modic_change_is_told_of_a_series_whose_picture_lies_two_slices_off(
    pathology: str, site: str, off: int, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    worn = [("L4-L5", "disc_degeneration", {"grade": "5"}), (site, pathology, {"grade": "1"})]
    facts = MADE.case(worn, levels=MADE.LUMBAR, kinds=("t2",))  # type: ignore[arg-type]

    def aside(one: Finding) -> Finding:
        place = one.evidence.model_copy(update={"slice_index": 5 + off})
        return one.model_copy(update={"evidence": place}) if one.pathology == pathology else one

    facts = replace(facts, findings=tuple(map(aside, facts.findings)))
    problem = problem_of(facts)
    [disc] = [one.id for one in facts.findings if one.pathology == "disc_degeneration" and one.present]
    monkeypatch.setattr(pictures, "key_pictures", lambda *_: (disc,))
    told = {one.id for one in pictures.pictured(facts, problem)}
    assert any(one.id in told for one in facts.findings if one.pathology == pathology) == seen
