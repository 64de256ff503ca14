"""A third reading of pictures and texts, held fast: round backs, torn bone, one age, diagnoses."""

from __future__ import annotations

from dataclasses import replace

import clinic_fixture as MADE
import pytest
from test_instances_hidden import changed, of_view, put, quiet, right, whole

from spinemed.facts.case import CaseFacts, Hidden
from spinemed.instances.ask_levels import level_drafts, strip_of
from spinemed.instances.clinic.case import Case as ClinicCase
from spinemed.instances.clinic.case import case_of
from spinemed.instances.clinic.describe import normal_sentences
from spinemed.instances.clinic.history import contradiction, history, unfit
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.clinic.report import report
from spinemed.instances.clinic.wording import Style, phrases
from spinemed.instances.drafts import Case, the_right
from spinemed.level_grammar import parse_levels
from spinemed.records import Box, Finding, Reject

CASES = MADE.cases()
CURVE = {"value": 30.0, "unit": "deg", "side": "right", "extent": ("T5", "T11")}
KYPHOSIS = {"unit": "deg", "extent": ("T4", "T12"), "value": 66.0}


def hidden_bend(levels: tuple[str, ...], kind: str = "ct") -> ClinicCase | Reject:
    """Return the case of a normal study of some levels, of which a round back is held back."""
    facts = MADE.case([], levels=levels, kinds=(kind,))
    uid = facts.study.series[0].uid
    return case_of(replace(facts, hidden=frozenset({Hidden(uid, "T4", "thoracic_kyphosis")})), "k", "en")


def test_nothing_is_called_normal_where_a_round_back_is_seen_that_nobody_measured() -> None:
    seen = hidden_bend(MADE.WHOLE)
    assert isinstance(seen, Reject) and "thoracic_kyphosis is there at T4" in seen.reason
    assert isinstance(hidden_bend(("T7", "T8", "T9", "T10", "T11")), Reject)


def test_a_round_back_outside_the_picture_or_stated_forbids_no_text() -> None:
    assert isinstance(hidden_bend(MADE.LUMBAR), ClinicCase)
    assert isinstance(hidden_bend(MADE.WHOLE, "full_ap"), ClinicCase)
    facts = MADE.case([("T4", "thoracic_kyphosis", KYPHOSIS)], levels=MADE.WHOLE, kinds=("ct",))
    hidden = frozenset({Hidden("1.2.film", "T4", "thoracic_kyphosis")})
    assert isinstance(case_of(replace(facts, hidden=hidden), "k", "en"), ClinicCase)


def stacked(rows: int) -> Case:
    """Return a straight spine from T9 to S1 on whose frontal film T11 and what lies above share rows."""
    down = {"T9": 2 * rows, "T10": rows}

    def lower(one: Finding) -> Finding:
        box = one.evidence.box
        by = down.get(one.site, 0)
        moved = Box(left=box.left, top=box.top + by, right=box.right, bottom=box.bottom + by)
        return one.model_copy(update={"evidence": one.evidence.model_copy(update={"box": moved})})

    case = quiet()
    made = []
    for one in case.series:
        frontal = one.series.view == "FULL_AP"
        made.append(replace(one, findings=tuple(map(lower, one.findings))) if frontal else one)
    return changed(replace(case, series=tuple(made)), lambda one: one)


def told(case: Case, view: str, kind: str) -> bool:
    """Return whether a view shown whole tells how many bodies it holds, or from where to where."""
    shown = (replace(whole(of_view(case, view)), ring=None),)
    pool = {"count_in_view": [str(number) for number in range(3, 12)], "levels_in_view": ["T9:L5", "T10:L5"]}
    return the_right(case, kind, (), pool[kind], shown, {}) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["count_in_view", "levels_in_view"])
def test_bodies_that_lie_behind_each_other_on_a_frontal_film_are_not_counted(kind: str) -> None:
    assert told(stacked(4), "XR frontal", kind)
    assert not told(stacked(9), "XR frontal", kind)
    assert told(stacked(9), "CT sagittal", kind)


def test_no_question_of_a_frontal_film_counts_through_such_bodies() -> None:
    for rows, first in ((4, "T9"), (9, "T12")):
        case = stacked(rows)
        strip = strip_of(case, of_view(case, "XR frontal"))
        assert strip is not None and strip.chain.sites[0] == first
    frontal = [one for one in case.series if one.series.view == "FULL_AP"]
    alone = replace(case, series=tuple(frontal))
    drafts = list(level_drafts(alone))
    assert drafts
    for draft in (more for one in drafts for more in (one, *one.beside)):
        assert not {"T9", "T10"} & {*draft.sites, draft.right, *draft.right.split(":")}
        if draft.right != "cannot_tell":
            again = the_right(alone, draft.kind, draft.sites, draft.pool, draft.shown, draft.fields)
            assert again is not None and again[0] == draft.right


def test_a_ring_among_such_bodies_names_none() -> None:
    for rows, answer in ((4, "T10"), (9, None)):
        case = stacked(rows)
        series = of_view(case, "XR frontal")
        box = series.bodies()["T10"].evidence.box
        ring = (box.top + box.bottom) / 2, (box.left + box.right) / 2
        shown = (replace(whole(series), ring=ring),)
        found = the_right(case, "marked_level", ("T10",), ("T9", "T10"), shown, {"numbering": "sacrum"})
        assert (found and found[0]) == answer


def test_of_a_tear_through_bone_no_picture_tells_the_type() -> None:
    for grade, answer in (("A3", "A3"), ("B2", "B2"), ("B1", None)):
        case = changed(quiet(), put("L2", "fracture", grade=grade))
        assert right(case, "fracture_type", ("L2",), of_view(case, "CT sagittal")) == answer


@pytest.mark.parametrize(("grade", "given"), [("B2", True), ("B1", False)])
def test_no_text_about_pictures_names_a_type_that_they_do_not_tell(grade: str, given: bool) -> None:
    broken = {"grade": grade, "detail": "fresh"}
    facts = MADE.case([("T12", "fracture", broken)], age_band="20-29", kinds=("ct", "stir"))
    made = [case_of(facts, str(key), "en") for key in range(12)]
    assert any(isinstance(one, ClinicCase) for one in made) == given
    assert given or all(isinstance(one, Reject) and "no picture tells" in one.reason for one in made)


def test_a_patient_has_one_age_in_all_texts() -> None:
    for name in ("normal", "extrusion", "stenosis", "scoliosis_adult", "fragile"):
        facts = CASES[name]
        assert len({history(facts, problem_of(facts), str(key)).age for key in range(20)}) == 1
    ages = set()
    for number in range(40):
        study = CASES["normal"].study.model_copy(update={"patient": f"p{number}"})
        facts = CaseFacts(study, CASES["normal"].findings)
        ages.add(history(facts, problem_of(facts), "k").age)
    assert ages == set(range(40, 50))


def test_of_one_patient_all_series_have_the_same_age_and_a_youth_without_a_curve_is_grown() -> None:
    young = MADE.case([], age_band="10-19")
    for number in range(30):
        update = {"patient": f"p{number}", "conditions": ("kyphosis",)}
        facts = CaseFacts(young.study.model_copy(update=update), young.findings)
        bent = MADE.case([("T8", "scoliosis", CURVE)], age_band="10-19", kinds=("full_ap",))
        curved = CaseFacts(bent.study.model_copy(update=update), bent.findings)
        made = [history(one, problem_of(one), "k") for one in (facts, curved)]
        assert made[0].age == made[1].age >= 16
        assert not contradiction(made[1], curved, problem_of(curved)) and not unfit(
            curved, problem_of(curved)
        )


def test_a_diagnosis_names_what_is_there_and_not_that_it_is_seen() -> None:
    worn = [("L3-L4", "disc_degeneration", {"grade": "4"}), ("L4", "osteophyte", {"grade": "large"})]
    seen = {"en": 0, "zh": 0}
    for name in ("worn", "stenosis", "fragile"):
        facts = CASES[name] if name != "worn" else MADE.case(worn)
        for key in range(12):
            for language, begins in (("zh", "可见"), ("en", "There ")):
                made = report(facts, str(key), language)  # type: ignore[arg-type]
                if isinstance(made, Reject):
                    continue
                text = made.messages[-1].content
                first, second = text.split("## 2.")[0], text.split("## 2.")[1].split("## 3.")[0]
                seen[language] += begins in first
                assert f"**：{begins}" not in second and f": {begins}" not in second
    assert min(seen.values()) > 0  # findings may say so


def test_patients_are_told_of_warning_signs_and_promised_no_cure() -> None:
    rule, plain = phrases()["rule.screen"], phrases()["plain.screen.chronic"]
    assert all("危险信号" in one and "红旗" not in one for one in rule.zh)
    assert all("warning sign" in one for one in rule.en)
    assert all("多数" in one for one in plain.zh) and all("most people" in one for one in plain.en)


def test_a_normal_disc_is_denied_its_wear_in_the_order_of_chinese() -> None:
    assert not [one for one in phrases()["normal.disc_degeneration"].zh if one.startswith("未见")]


def neck(grade: str) -> Case:
    """Return the straight spine as a neck from C2 down, with Modic change of a grade at C3-C4."""
    names = dict(
        zip(("T9", "T10", "T11", "T12", "L1", "L2"), ("C2", "C3", "C4", "C5", "C6", "C7"), strict=True)
    )

    def renamed(one: Finding) -> Finding:
        site = "-".join(names.get(level, level) for level in one.site.split("-"))
        return one.model_copy(update={"site": site})

    case = quiet()
    made = [replace(one, findings=tuple(map(renamed, one.findings))) for one in case.series]
    return changed(replace(case, series=tuple(made)), put("C3-C4", "modic_change", grade=grade))


@pytest.mark.parametrize("numbering", ["C2", "reference C2"])
def test_no_level_is_counted_on_mr_past_a_body_of_the_neck_that_is_lost_in_black(numbering: str) -> None:
    for view, grade, answer in (
        ("T2 sagittal", "2", "C6"),
        ("T2 sagittal", "3", None),
        ("CT sagittal", "3", "C6"),
    ):
        case = neck(grade)
        series = of_view(case, view)
        box = series.bodies()["C6"].evidence.box
        shown = (replace(whole(series), ring=((box.top + box.bottom) / 2, (box.left + box.right) / 2)),)
        found = the_right(case, "marked_level", ("C6",), ("C5", "C6"), shown, {"numbering": numbering})
        assert (found and found[0]) == answer


def test_a_thirteenth_rib_is_told_only_where_the_film_shows_every_thoracic_body() -> None:
    case = quiet()
    body = next(one for one in of_view(case, "XR frontal").findings if one.pathology == "vertebra")
    for contrast, answer in ((2.0, "T13"), (0.4, None)):
        chest = [
            body.model_copy(update={"site": f"T{number}", "contrast": contrast}) for number in range(1, 13)
        ]
        extra = body.model_copy(update={"pathology": "transitional", "site": "T13", "grade": "T13"})
        made = [
            replace(one, findings=(*chest, extra)) if one.series.view == "FULL_AP" else one
            for one in case.series
        ]
        given = changed(replace(case, series=tuple(made)), lambda one: one)
        given = changed(given, lambda one: one.model_copy(update={"grade": "T13", "present": True})
                        if one.pathology == "transitional" else one)  # fmt: skip
        assert right(given, "transitional", (), of_view(given, "XR frontal")) == answer


def test_no_herniation_is_denied_where_the_canal_is_narrow() -> None:
    for grade, given in (("mild", True), ("moderate", False), ("severe", False)):
        narrow = ("L4-L5", "canal_stenosis", {"grade": grade})
        facts = MADE.case([narrow], levels=MADE.LUMBAR)
        said = normal_sentences(facts.findings, Style(language="en", name="canonical"), "k", facts.findings)
        denied = [one for one in said if "herniation" in one]
        assert denied and all(
            ({m.site for m in parse_levels(one).mentions} >= {"L4-L5"}) == given for one in denied
        )
        case = quiet()
        series = of_view(case, "T2 sagittal")
        absent = {"present": False, "grade": "none", "site": "L2-L3"}
        there = {"pathology": "canal_stenosis", "present": True, "grade": grade, "site": "L2-L3"}
        made = [{**absent, "pathology": "herniation"}, {**absent, "pathology": "spondylodiscitis"}, there]
        free = [one for one in case.facts.findings if one.site != "L2-L3"]
        put_in = [series.findings[0].model_copy(update=update) for update in made]
        case = replace(case, facts=replace(case.facts, findings=(*free, *put_in)))
        shown = (replace(whole(series), spacing_mm=(0.5, 0.5)),)
        found = the_right(case, "herniation_type", ("L2-L3",), ("none", "extrusion"), shown)
        answer = found and found[0]
        assert (answer == "none") == given


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_shown_of_the_sacrum_is_called_its_upper_part(language: str) -> None:
    style = Style(language=language, name="canonical")  # type: ignore[arg-type]
    wanted = {"en": "L2 to L5 and the upper part of the sacrum", "zh": "L2至L5和骶骨上部"}[language]
    assert style.span(["L2", "L3", "L4", "L5", "S1"]) == wanted
    assert style.span(["S1"]) == {"en": "the upper part of the sacrum", "zh": "骶骨上部"}[language]
    made = report(CASES["normal"], "k", language)  # type: ignore[arg-type]
    assert not isinstance(made, Reject)
    assert {"en": "the upper part of the sacrum", "zh": "骶骨上部"}[language] in made.messages[1].content
