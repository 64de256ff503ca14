"""evaluate_metrics/spine_level: sets of sites, cases, sides, plans, numberings."""

from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "evaluate_metrics" / "spine_level"


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import evaluate

    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        for name in ("HF_HOME", "HF_MODULES_CACHE", "HF_EVALUATE_CACHE"):
            patch.setenv(name, str(cache))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield evaluate.load(str(FOLDER), keep_in_memory=True)


def test_plain_use_has_no_cases_sides_or_plans(metric: Any) -> None:
    result = metric.compute(predictions=["L4", "L4/5"], references=["L4", "L5-S1"])
    assert (result["exact"], result["set_exact"], result["n_single"]) == (0.5, 0.5, 2)
    assert result["shift_rates"] is result["side_accuracy"] is result["wrong_level_plan_rate"] is None
    assert result["transitional"]["n_subset"] == 0 and result["transitional"]["subset"] is None


def test_references_may_be_one_site_several_or_none_in_either_spelling(metric: Any) -> None:
    replies = ["L4-L5, L5-S1", "L5/S1 and L4/5", "no level", "none"]
    references = ["L4-L5, L5-S1", '["L4-L5", "L5-S1"]', "", "[]"]
    result = metric.compute(predictions=replies, references=references)
    assert result["set_f1"] == result["set_exact"] == result["set_f1_macro"] == 1
    assert result["n_single"] == 0 and result["exact"] is None and result["coverage"] is None


def test_the_macro_average_is_over_cases(metric: Any) -> None:
    replies, references = ["L4", "L5", "L1"], ["L4", "L5", "L2"]
    plain = metric.compute(predictions=replies, references=references)
    cases = metric.compute(predictions=replies, references=references, cases=["a", "a", "b"])
    assert plain["set_f1_macro"] == pytest.approx(2 / 3)
    assert cases["set_f1_macro"] == 0.5
    assert cases["cases_all_right"] == 0.5


def test_a_patient_counted_one_off_is_one_numbering_error(metric: Any) -> None:
    result = metric.compute(
        predictions=["L5", "S1", "L4/5", "L2", "L3"],
        references=["L4", "L5", "L3-L4", "L2", "L3"],
        cases=["a", "a", "a", "b", "b"],
    )
    assert result["shift_rates"] == {"-2": 0, "-1": 0.5, "0": 0.5, "1": 0, "2": 0}
    assert (result["numbering_error_rate"], result["cases_all_right"]) == (0.5, 0.5)


def test_a_side_counts_where_the_level_is_right(metric: Any) -> None:
    result = metric.compute(
        predictions=["L4/5 left", "L4/5 right", "L5/S1 left", "L4/5"],
        references=["L4-L5"] * 4,
        sides=["left", "left", "left", ""],
    )
    assert (result["n_sides"], result["side_accuracy"]) == (3, 0.5)
    assert result["side_joint"] == pytest.approx(1 / 3)


def test_a_plan_with_one_level_too_many_is_wrong(metric: Any) -> None:
    result = metric.compute(
        predictions=["Fuse L4-L5", "Fuse L4-L5 and L5-S1", "L1"],
        references=["L4-L5", "L4-L5", "L2"],
        plans=[True, "1", "0"],
    )
    assert (result["n_plans"], result["wrong_level_plan_rate"]) == (2, 0.5)
    assert 0 < result["wrong_level_plan_low"] < 0.5 < result["wrong_level_plan_high"] < 1


def test_distances_follow_the_numbering_of_the_item(metric: Any) -> None:
    given = {"predictions": ["S1"], "references": ["L4"]}
    assert metric.compute(**given)["mean_shift"] == 2
    assert metric.compute(**given, numberings=["7-12-6"])["mean_shift"] == 3
    assert metric.compute(**given, numberings=["L4_only"])["mean_shift"] == 1


def test_renaming_helps_transitional_items_alone(metric: Any) -> None:
    given = {"predictions": ["L6", "L6"], "references": ["S1", "S1"]}
    assert metric.compute(**given)["transitional"]["renamed"] == 0
    parts = metric.compute(**given, lstv=["1", "0"])["transitional"]
    assert parts == {"as_labelled": 0, "renamed": 0.5, "subset": 0, "subset_renamed": 1, "n_subset": 1}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"sides": ["up", ""]}, "item 0: side 'up'"),
        ({"numberings": ["", "8-12-5"]}, "item 1: numbering '8-12-5'"),
        ({"plans": ["1", "maybe"]}, "item 1: a flag"),
        ({"cases": ["a"]}, "cases has 1 entries for 2 items"),
        ({"cases": ["a", ""]}, "item 1: its case has no name"),
    ],
)
def test_bad_input_names_the_item(metric: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=["L4", "L5"], references=["L4", "L5"], **more)


def test_rows_tell_all_sites_that_were_read(metric: Any) -> None:
    result = metric.compute(
        predictions=["L5/S1 and L4/5, left"], references=["L4-L5, L5-S1"], return_items=True
    )
    assert result["items"] == [
        {"site": "", "truth": "", "stated": 2, "shift": None, "sites": ["L4-L5", "L5-S1"], "side": "left"}
    ]
