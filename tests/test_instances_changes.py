"""Items that compare two examinations: true by both, never mixed with others, exactly one right option."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from spinemed.corpus.stages.task import StudyRows, rows_of
from spinemed.facts.case import CaseFacts
from spinemed.imaging.volume import Volume
from spinemed.instances import Asking, change_truth
from spinemed.instances.ask_changes import FOLLOWED, same_slices
from spinemed.instances.lint import faults
from spinemed.instances.premise import Known, Premise, Shown
from spinemed.instances.proof import TRUTHS, verdicts
from spinemed.instances.shots import CaseSeries
from spinemed.instances.templates import LANGUAGES, template_of
from spinemed.instances.wording import answer_key, fields_read
from spinemed.phantom.export.study import write_study
from spinemed.phantom.export.truth import StudyTruth
from spinemed.phantom.patient.later import later
from spinemed.phantom.patient.sample import sample_patient
from spinemed.records import Box, Finding, Instance, Locator, Pathology, Series, Study
from spinemed.sources.phantom import read

KINDS = (*dict.fromkeys(one.kind for one in FOLLOWED), "new_metastasis")
# Condition, series, field of view and seeds in which something followed is seen at both examinations.
WRITTEN = (
    ("osteoporotic_fracture", ("ct",), "any", (11, 22)),
    ("disc_herniation", ("t2", "t2_axial"), "lumbar", (2, 4, 5, 6, 7)),
    ("metastasis", ("t2",), "any", (1, 2, 3, 16)),
    ("scoliosis", ("xr_full_ap",), "any", (0, 1, 2, 3, 4, 5)),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[StudyRows, StudyTruth]]:
    """Return what the studies of all conditions give, with the truth of both examinations."""
    found = []
    for condition, kinds, field, seeds in WRITTEN:
        folder = tmp_path_factory.mktemp(condition)
        for seed in seeds:
            write_study(seed, folder, kinds, [condition], field, later=True)
        for study in read(folder):
            assert isinstance(study, Study)
            truth = StudyTruth.model_validate_json((folder / study.patient / "truth.json").read_text())
            found.append((rows_of(study, Asking(0, 0.3, 2, items_per_kind=4)), truth))
    return found


def asked(built: list[tuple[StudyRows, StudyTruth]]) -> Iterator[tuple[Instance, str, StudyRows, StudyTruth]]:
    """Yield each item about a change with the key of its answer."""
    for rows, truth in built:
        for one in rows.instances:
            if one.kind in KINDS:
                text = one.options["ABCDE".index(one.answer)] if one.options else one.answer
                yield one, answer_key(template_of(one.kind), one.language, text), rows, truth


def test_every_kind_is_asked_with_more_than_one_answer(
    built: list[tuple[StudyRows, StudyTruth]],
) -> None:
    answers = {kind: {key for one, key, _, _ in asked(built) if one.kind == kind} for kind in KINDS}
    assert answers.pop("new_metastasis")
    assert all(len(keys) >= 2 for keys in answers.values()), answers


def test_the_keyed_option_agrees_with_what_is_measured_on_both_anatomies(
    built: list[tuple[StudyRows, StudyTruth]],
) -> None:
    for one, key, rows, truth in asked(built):
        place = (one.kind, one.study, one.sites, key)
        assert truth.later is not None, place
        if one.kind == "change_height":
            levels = [
                {bone.level: bone.height_loss_percent or 0.0 for bone in placed.vertebrae}
                for placed in (truth.placed(), truth.later.placed())
            ]
            gained = levels[1][one.sites[0]] - levels[0][one.sites[0]]
            assert gained >= 12 if key in ("more", "new") else abs(gained) < 1, place
        elif one.kind == "change_curve":
            curves = [
                placed.curves.cobb[0] for placed in (truth.placed("standing"), truth.later.placed("standing"))
            ]
            assert key.startswith(curves[0].convex), place
            gained = curves[1].degrees - curves[0].degrees
            assert gained >= 8 if key.endswith("more") else abs(gained) < 0.01, place
        elif one.kind == "new_metastasis":
            patient = sample_patient(truth.seed, truth.conditions)
            second = later(patient)
            assert second is not None and second.shape(key).lesion and not patient.shape(key).lesion, place
        else:
            value = {finding.id: finding.value or 0.0 for finding in rows.findings}
            first, second = (value[name] for name in one.findings[:2])
            courses = {"gone": second == 0, "new": first == 0 < second, "same": abs(second - first) < 2}
            courses |= {"larger": second > first > 0, "smaller": 0 < second < first}
            assert courses[key], (place, first, second)


def test_pictures_run_from_the_first_to_the_later_examination_and_the_text_says_the_months(
    built: list[tuple[StudyRows, StudyTruth]],
) -> None:
    for one, _, rows, truth in asked(built):
        months = {series.uid: series.months for series in rows.study.series}
        shown = [months[rows.pictures[picture].locator.series] for picture in one.pictures]
        assert truth.later is not None and shown == [0, truth.later.months]
        assert fields_read(one.kind, one.language, one.question)["months"] == str(truth.later.months)
        assert str(truth.later.months) in one.question


def test_both_pictures_of_what_is_compared_in_size_have_one_scale(
    built: list[tuple[StudyRows, StudyTruth]],
) -> None:
    sized = {one.kind for one in FOLLOWED if one.side_mm is not None}
    scales = [
        {rows.pictures[picture].spacing_mm for picture in one.pictures}
        for one, _, rows, _ in asked(built)
        if one.kind in sized
    ]
    assert scales and all(len(one) == 1 for one in scales)


def test_all_other_items_know_of_one_examination_alone(built: list[tuple[StudyRows, StudyTruth]]) -> None:
    seen = 0
    for rows, _ in built:
        months = {series.uid: series.months for series in rows.study.series}
        taken = {finding.id: months[finding.evidence.series] for finding in rows.findings}
        for one in rows.instances:
            if one.kind in KINDS:
                continue
            shown = {months[rows.pictures[picture].locator.series] for picture in one.pictures}
            rests = {taken[name] for name in one.findings if name in taken}
            # A single series may be asked for its levels, whenever it was taken.
            allowed = [{0}, set()] if one.provenance.step != "instances" else [{0}, {max(months.values())}]
            assert shown in allowed and rests in allowed, (one.kind, one.id)
            seen += bool(shown)
    assert seen > 100


def series(uid: str, months: int, view: str = "", plane: str = "sagittal") -> Series:
    modality = "XR" if view else "MR"
    return Series(
        uid=uid, modality=modality, sequence="" if view else "T2", image=Path(uid), mask=Path(uid),
        label_scheme="verse", plane="radiograph" if view else plane, view=view, months=months,
    )  # fmt: skip


def finding(uid: str, pathology: Pathology, site: str, value: float | None, **changes: object) -> Finding:
    side = round(10 * (value or 1.0))  # in pixels of a tenth of a millimetre
    where = Locator(series=uid, slice_index=3, box=Box(left=0, top=0, right=side, bottom=side))
    name = f"{uid}{site}{pathology}{changes.get('side')}"
    made = Finding(id=name, study="s", site=site, pathology=pathology, value=value, error=0.5, evidence=where)
    return made.model_copy(update=changes)


def premise(
    kind: str, sites: tuple[str, ...], pair: tuple[Series, Series], known: list[Finding], **fields: str
) -> Premise:
    study = Study(
        id="s", patient="p", source="x", licence="MIT", synthetic=True, numbering="phantom_truth", series=pair
    )
    shown = tuple(Shown(one, one.plane, 3, (0.1, 0.1), 0, 0, 999, 999, None) for one in pair)
    return Premise(kind, sites, {"months": "6", **fields}, shown, Known(CaseFacts(study, tuple(known))))


PAIR = series("a", 0), series("b", 6)
FILMS = series("a", 0, "FULL_AP"), series("b", 6, "FULL_AP")


def premises(kind: str) -> Iterator[Premise]:
    """Yield every combination of states at both examinations."""
    if kind == "change_height":
        for broken, lost in product(
            product((False, True), repeat=2), product((0.0, 5.0, 22.0, 35.0, 50.0), repeat=2)
        ):
            known = [
                one
                for uid, is_broken, loss in zip("ab", broken, lost, strict=True)
                for one in (
                    finding(uid, "fracture", "L1", None, present=is_broken),
                    finding(uid, "height_loss", "L1", loss, grade="0" if loss < 20 else "2"),
                )
            ]
            yield premise(kind, ("L1",), PAIR, known)
    elif kind == "change_curve":
        for sides, angles in product(
            product(("left", "right"), repeat=2), product((12.0, 14.0, 30.0, 44.0), repeat=2)
        ):
            known = [
                finding(uid, "scoliosis", "T9", angle, side=side)
                for uid, side, angle in zip("ab", sides, angles, strict=True)
            ]
            yield premise(kind, (), FILMS, known)
    else:
        pathology: Pathology = "herniation" if kind == "change_herniation" else "metastasis"
        site = "L4-L5" if pathology == "herniation" else "L4"
        fields = {"disc": "ring"} if pathology == "herniation" else {}
        for values in product((None, 4.0, 6.0, 8.0, 12.0, 20.0), repeat=2):
            known = [
                finding(uid, pathology, site, value, present=value is not None)
                for uid, value in zip("ab", values, strict=True)
            ]
            yield premise(kind, (site,), PAIR, known, **fields)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "new_metastasis"])
def test_at_most_one_answer_holds_in_any_state_and_each_in_some(kind: str) -> None:
    keys = template_of(kind).keys
    right: list[str] = []
    for one in premises(kind):
        judged = verdicts(one, keys)
        held = [key for key, holds in judged.items() if holds]
        assert len(held) == 1 or set(judged.values()) == {None}, (one, judged)
        right += held
    assert set(right) == set(keys)


def test_a_new_metastasis_is_the_one_that_the_first_examination_states_as_absent() -> None:
    def states(*laters: bool) -> list[Finding]:
        firsts = (True, False, False, False)
        return [
            finding(uid, "metastasis", site, None, present=there)
            for uid, states in (("a", firsts), ("b", laters))
            for site, there in zip(("L1", "L2", "L3", "L4"), states, strict=True)
        ]

    sites = ("L1", "L2", "L3", "L4")
    one_new = premise("new_metastasis", ("L3",), PAIR, states(True, False, True, False))
    assert {key: change_truth.new_metastasis(one_new, key) for key in sites} == {
        "L1": False, "L2": False, "L3": True, "L4": False,
    }  # fmt: skip
    two_new = premise("new_metastasis", ("L3",), PAIR, states(True, True, True, False))
    unstated = premise("new_metastasis", ("L3",), PAIR, states(True, False, True, False)[1:])
    assert {change_truth.new_metastasis(two_new, key) for key in sites} == {None}
    assert change_truth.new_metastasis(unstated, "L1") is None


def test_nothing_holds_where_the_order_the_months_or_the_kind_of_image_are_wrong() -> None:
    known = [finding(uid, "metastasis", "L4", 9.0) for uid in "ab"]
    fine = premise("change_metastasis", ("L4",), PAIR, known)
    turned = premise("change_metastasis", ("L4",), (PAIR[1], PAIR[0]), known)
    other = premise("change_metastasis", ("L4",), (PAIR[0], series("b", 6, plane="axial")), known)
    late = premise("change_metastasis", ("L4",), (PAIR[0], series("b", 12)), known)
    assert verdicts(fine, ["same", "new"]) == {"same": True, "new": False}
    for one in (turned, other, late):
        assert set(verdicts(one, ["same", "new"]).values()) == {None}


def test_a_change_between_error_and_threshold_is_neither_changed_nor_unchanged() -> None:
    for value, key in ((14.0, "same"), (14.5, "same"), (15.6, None), (17.2, "larger"), (9.6, "smaller")):
        known = [finding("a", "metastasis", "L4", 14.0), finding("b", "metastasis", "L4", value)]
        judged = verdicts(premise("change_metastasis", ("L4",), PAIR, known), ["same", "larger", "smaller"])
        assert [one for one, holds in judged.items() if holds] == ([key] if key else [])


def judged_of(first: Finding, second: Finding, *others: Finding) -> set[bool | None]:
    known = [first, second, *others]
    return set(verdicts(premise("change_metastasis", ("L4",), PAIR, known), ["same", "larger"]).values())


def test_a_lesion_is_compared_by_its_longest_side_in_slices_where_it_was_measured() -> None:
    first, second = (finding(uid, "metastasis", "L4", value) for uid, value in (("a", 10.0), ("b", 15.0)))
    assert judged_of(first, second) == {True, False}
    small = second.evidence.model_copy(update={"box": first.evidence.box})
    elsewhere = second.evidence.model_copy(update={"slice_index": 4})
    for where in (small, elsewhere):
        assert judged_of(first, second.model_copy(update={"evidence": where})) == {None}


def test_a_lesion_that_runs_into_the_pedicle_in_one_picture_alone_is_not_compared() -> None:
    first, second = (finding(uid, "metastasis", "L4", 10.0) for uid in "ab")
    deep, shallow = (finding(uid, "vertebra", "L4", value) for uid, value in (("a", 30.0), ("b", 5.0)))
    assert judged_of(first, second, deep) == {True, False}
    assert judged_of(first, second, deep, shallow) == {None}


def seen(uid: str, months: int, middle: int, own: int, there: bool) -> tuple[CaseSeries, Finding]:
    """Return a series of seven slices whose bodies have their middle in one, and its lesion in another."""
    lesion = finding(uid, "metastasis", "L4", 10.0 if there else None, present=there)
    at = lesion.evidence.model_copy(update={"slice_index": own})
    lesion = lesion.model_copy(update={"evidence": at})
    bodies = [finding(uid, "fracture", site, None, present=False) for site in ("L3", "L4", "L5")]
    middles = [
        one.model_copy(update={"evidence": one.evidence.model_copy(update={"slice_index": middle})})
        for one in bodies
    ]
    volume = Volume(
        np.zeros((8, 8, 7), np.int16), (1.0, 1.0, 4.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1), "LPS"
    )
    return CaseSeries(series(uid, months), volume, (lesion, *middles)), lesion


@pytest.mark.parametrize(
    ("first", "second", "cuts"),
    [
        ((3, 3, True), (3, 3, True), (3, 3)),
        ((3, 2, True), (4, 3, True), (2, 3)),  # the grid has moved by a slice
        ((3, 3, True), (3, 2, True), None),  # one through the canal, one beside it
        ((3, 3, False), (4, 2, True), (1, 2)),  # absent: shown where the new one lies
        ((3, 1, True), (4, 4, False), (1, 2)),
        ((0, 0, False), (4, 2, True), None),  # no such slice
    ],
)
def test_both_slices_pass_the_vertebra_at_the_same_place(
    first: tuple[int, int, bool], second: tuple[int, int, bool], cuts: tuple[int, int] | None
) -> None:
    (one, before), (other, after) = seen("a", 0, *first), seen("b", 6, *second)
    assert same_slices((one, other), (before, after)) == cuts


def test_the_kinds_are_worded_six_times_in_both_languages_without_fault() -> None:
    assert set(KINDS) <= set(TRUTHS)
    for kind in KINDS:
        for language in LANGUAGES:
            assert len(set(template_of(kind).sentences(language))) >= 6
    assert not [fault for fault in faults() if fault.startswith(KINDS)]
