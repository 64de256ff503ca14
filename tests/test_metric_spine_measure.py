"""evaluate_metrics/spine_measure with measured_values.py, vertebra_centroids.py and stenosis_loss.py."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemed.measured_values import error_scores, grade_of_percent, read_number, smape
from spinemed.stenosis_loss import clipped, group_of, loss_scores, read_study, weighted_loss
from spinemed.vertebra_centroids import Point, centroid_scores, compare, read_centroids

FOLDER = Path(__file__).parent.parent / "evaluate_metrics" / "spine_measure"
LUMBAR = {f"L{number}": (0.0, 0.0, 30.0 * number) for number in range(1, 6)}


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import evaluate

    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        for name in ("HF_HOME", "HF_MODULES_CACHE", "HF_EVALUATE_CACHE"):
            patch.setenv(name, str(cache))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield evaluate.load(str(FOLDER), keep_in_memory=True)


def moved(x: float, z: float) -> dict[str, Point]:
    return {name: (point[0] + x, point[1], point[2] + z) for name, point in LUMBAR.items()}


def rate(predicted: dict[str, Point], inclusive: bool = True) -> float:
    return float(centroid_scores([compare(predicted, LUMBAR, 20, inclusive)])["id_rate"])


def test_the_identification_rate_is_that_of_verse() -> None:
    shifted = dict(zip(LUMBAR, [*list(LUMBAR.values())[1:], (0.0, 0.0, 180.0)], strict=True))
    assert rate(shifted) == 0
    assert rate(moved(0, 14)) == 1
    assert rate(moved(0, 19)) == 0.2
    assert (rate(moved(20, 0)), rate(moved(20, 0), inclusive=False)) == (1, 0)
    assert rate({name: LUMBAR[name] for name in ("L1", "L2", "L4", "L5")}) == 0.8


def test_leaving_neighbours_out_can_raise_the_rate_as_in_the_original() -> None:
    far = moved(0, 19)
    assert rate({"L3": far["L3"]}) == 0.2 > 0
    assert rate({"L2": far["L2"], "L3": far["L3"]}) == 0.2


def test_distances_and_precision_are_pooled_over_scans() -> None:
    scans = [
        compare(moved(0, 4), LUMBAR),
        compare({}, LUMBAR),
        compare({**LUMBAR, "L6": (0, 0, 180)}, LUMBAR),
    ]
    scores = centroid_scores(scans)
    assert (scores["d_mean"], scores["d_mean_pooled"]) == (2, 2)
    assert scores["id_rate"] == scores["id_rate_pooled"] == pytest.approx(2 / 3)
    assert scores["precision_pooled"] == pytest.approx(10 / 11)
    assert scores["scans_all_right"] == pytest.approx(1 / 3)


def test_t13_stands_between_t12_and_l1_whatever_its_label() -> None:
    read = read_centroids('{"19": [0, 0, 0], "28": [0, 0, 30], "20": [0, 0, 60]}')
    assert list(read) == ["T12", "T13", "L1"]
    assert compare(read, read).hits == 3


@pytest.mark.parametrize("text", ["[1]", '{"L9": [0, 0, 0]}', '{"L1": [0, 0]}', '{"L1": [0, 0, NaN]}', "5"])
def test_unreadable_centroids_are_refused_or_empty(text: str) -> None:
    if text == "[1]":
        assert read_centroids(text) == {}
        return
    with pytest.raises(ValueError, match=r"L9|three|JSON object"):
        read_centroids(text)


def test_smape_sums_inside_the_image_first() -> None:
    assert smape([(30, 20, 10)], [(33, 18, 9)]) == 5
    assert smape([(30, 20, 10), (0, 0, 0)], [(33, 18, 9), (0, 0, 0)]) == 2.5
    assert smape([], []) is None
    with pytest.raises(ValueError, match="image 0 has 1 true and 2"):
        smape([(1,)], [(1, 2)])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 90), st.floats(0, 90)), min_size=1, max_size=8))
def test_smape_is_symmetric_and_at_most_100(pairs: list[tuple[float, float]]) -> None:
    one, other = [[a] for a, _ in pairs], [[b] for _, b in pairs]
    value = smape(one, other)
    assert value is not None and 0 <= value <= 100 + 1e-9
    assert value == pytest.approx(smape(other, one))


def test_a_constant_bias_lowers_the_icc() -> None:
    true = [10.0, 20.0, 30.0, 40.0]
    exact, biased = error_scores(true, true)["icc"], error_scores(true, [one + 10 for one in true])["icc"]
    assert exact == 1 and biased is not None and 0.5 < biased < 0.9
    assert error_scores([10.0], [10.0])["icc"] is None
    assert error_scores([5.0, 5.0], [5.0, 5.0])["icc"] is None


def test_grades_of_percentages_follow_their_published_limits() -> None:
    assert [grade_of_percent(value, "slip") for value in (-30, 0, 25, 50, 75, 100, 120)] == [
        2,
        0,
        1,
        2,
        3,
        4,
        5,
    ]
    assert [grade_of_percent(value, "height") for value in (0, 19, 20, 25, 26, 40, 60)] == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
    ]


@pytest.mark.parametrize(
    ("reply", "number"),
    [("12", 12), ("-7.6 %", -7.6), ("L5 slips by 12%", 12), ("12 to 15", None), ("", None), ("L4-5", None)],
)
def test_a_percentage_is_the_one_number_of_a_reply(reply: str, number: float | None) -> None:
    assert read_number(reply) == number


def test_thirds_lose_the_logarithm_of_three() -> None:
    third = (1 / 3,) * 3
    rows = (
        "spinal_canal_stenosis_l4_l5",
        "left_neural_foraminal_narrowing_l1_l2",
        "right_subarticular_stenosis_l5_s1",
    )
    studies = [(dict.fromkeys(rows, third), dict.fromkeys(rows, 2)), ({rows[0]: third}, {rows[0]: 0})]
    scores = loss_scores(studies)
    assert scores["loss_spinal"] == scores["loss_foraminal"] == pytest.approx(math.log(3))
    assert scores["loss_any_severe"] == pytest.approx((4 * math.log(3) - math.log(2 / 3)) / 5)
    assert scores["total"] == pytest.approx(1.063955, abs=1e-6)


def test_probabilities_are_clipped_and_made_to_sum_to_one() -> None:
    assert sum(clipped([0, 0, 5])) == pytest.approx(1)
    assert weighted_loss([([0, 0, 1], 0)]) == pytest.approx(-math.log(1e-15), rel=1e-6)
    for wrong in ([1, 1], [1, -1, 1], [math.nan, 1, 1]):
        with pytest.raises(ValueError, match="three probabilities"):
            clipped(wrong)


def test_a_group_without_rows_leaves_no_total() -> None:
    scores = loss_scores([({"spinal_canal_stenosis_l4_l5": (1, 0, 0)}, {"spinal_canal_stenosis_l4_l5": 0})])
    assert scores["total"] is scores["loss_foraminal"] is None
    with pytest.raises(ValueError, match="names none of spinal"):
        group_of("facet_l4_l5")


def test_missing_and_unreadable_rows_are_thirds_and_counted() -> None:
    row = "spinal_canal_stenosis_l4_l5"
    for said in ("{}", "nonsense", "[]", json.dumps({row: "awful"}), json.dumps({row: [1, 2]})):
        (chances, true), missing = read_study(said, json.dumps({row: "Severe"}))
        assert (chances[row], true[row], missing) == ((1 / 3,) * 3, 2, 1)
    assert read_study("{}", json.dumps({row: ""})) == (({}, {}), 0)


def test_the_likeliest_class_is_scored_with_its_weight(metric: Any) -> None:
    rows = [f"spinal_canal_stenosis_l{n}_l{n + 1}" for n in range(1, 5)]
    truth = dict(zip(rows, ["Severe", "Severe", "Moderate", "Normal/Mild"], strict=True))
    said = dict(zip(rows, ["Severe", "Moderate", "Moderate", [0.4, 0.4, 0.2]], strict=True))
    result = metric.compute(predictions=[json.dumps(said)], references=[json.dumps(truth)], task="rsna")
    assert result["weighted_accuracy"] == pytest.approx(7 / 11)
    assert result["severe_sensitivity"] == 0.5


def test_a_reply_with_another_number_of_angles_is_missing(metric: Any) -> None:
    result = metric.compute(predictions=["30 and 20", "-31, 20"], references=["[30, 20]"] * 2, task="cobb")
    assert (result["n_missing"], result["mae"]) == (0, 0.25)
    result = metric.compute(predictions=["30"], references=["[30, 20]"], task="cobb")
    assert (result["n_missing"], result["smape"], result["icc"]) == (1, None, None)


@pytest.mark.parametrize(
    ("task", "reference", "message"),
    [
        ("cobb", "thirty", "item 0"),
        ("cobb", "[-3]", "item 0: a Cobb angle is 0 or more"),
        ("slip", "much", "item 0"),
        ("centroids", "{", "item 0"),
        ("rsna", '{"facet": 1}', "item 0: row 'facet'"),
        ("depth", "1", "task 'depth' is unknown"),
    ],
)
def test_a_bad_reference_or_task_is_refused(metric: Any, task: str, reference: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=["1"], references=[reference], task=task)
