"""spine_choice: groups, rotations, letters, limits of tokens, strict reading, errors that name the item."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from spinemed.intervals import wilson

FOLDER = Path(__file__).parent.parent / "evaluate_metrics" / "spine_choice"
TWO = '["L3", "L4"]'
FOUR = json.dumps({"A": "L2", "B": "L3", "C": "L4", "D": "L5"})


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HOME", "HF_MODULES_CACHE", "HF_EVALUATE_CACHE"):
            patch.setenv(name, str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        import evaluate

        return evaluate.load(str(FOLDER), keep_in_memory=True)


@pytest.fixture
def score(metric: Any) -> Callable[..., dict[str, Any]]:
    def compute(
        replies: str | list[str], keys: str | list[str], options: str = FOUR, **more: Any
    ) -> dict[str, Any]:
        result: dict[str, Any] = metric.compute(
            predictions=list(replies), references=list(keys), options=[options] * len(keys), **more
        )
        assert json.loads(json.dumps(result, allow_nan=False)) == result  # plain Python values
        return result

    return compute


def test_every_kind_of_group_has_its_own_accuracy(score: Callable[..., dict[str, Any]]) -> None:
    names = {
        "levels": "by_level", "modalities": "by_modality", "axes": "by_axis", "languages": "by_language",
        "conditions": "by_condition",
    }  # fmt: skip
    result = score("AAAB", "AABB", **{name: ["x", "y", "x", "x"] for name in names})
    for key in names.values():
        low, high = wilson(2, 3)
        assert result[key] == {
            "x": {"n": 3, "correct": 2, "accuracy": 2 / 3, "accuracy_low": low, "accuracy_high": high},
            "y": {
                "n": 1,
                "correct": 1,
                "accuracy": 1.0,
                "accuracy_low": wilson(1, 1).low,
                "accuracy_high": 1.0,
            },
        }
    assert not [key for key in score("A", "A") if key.startswith("by_")]


def test_position_tells_a_model_that_always_says_a(score: Callable[..., dict[str, Any]]) -> None:
    position = score("A" * 40, "ABCD" * 10)["position"]
    assert position["chosen"] == {"A": 1.0, "B": 0.0, "C": 0.0, "D": 0.0}
    assert position["keyed"] == dict.fromkeys("ABCD", 0.25)
    assert position["recall"] == {"A": 1.0, "B": 0.0, "C": 0.0, "D": 0.0}
    assert position["bias"] == 1.0
    assert position["chosen_p"] == pytest.approx(stats.chisquare([40, 0, 0, 0]).pvalue, rel=1e-9)


def test_position_of_a_model_that_is_always_right_has_no_bias(score: Callable[..., dict[str, Any]]) -> None:
    position = score("ABCD" * 5, "ABCD" * 5)["position"]
    assert (position["bias"], position["chosen_p"]) == (0.0, 1.0)


def test_position_is_none_where_nothing_can_be_said(score: Callable[..., dict[str, Any]]) -> None:
    few = score("ABAB", "ABBB")["position"]
    assert few["bias"] is None  # A is the key once
    assert few["recall"]["C"] is None
    assert few["chosen_p"] is not None
    silent = score(["", ""], "AB")["position"]
    assert (silent["chosen_p"], silent["chosen"]["A"]) == (None, 0.0)
    assert score("CC", "AB")["position"]["chosen_p"] is None  # C is never the key


@pytest.mark.parametrize("counts", [[3, 9], [4, 5, 6], [10, 3, 7, 12], [1, 2, 3, 4, 20], [9, 9, 9, 9, 9, 30]])
def test_the_chi_squared_p_is_scipys(metric: Any, counts: list[int]) -> None:
    module = sys.modules[type(metric).__module__]
    expected = [sum(counts) / len(counts)] * len(counts)
    assert module.chi_squared_p(counts, expected) == pytest.approx(stats.chisquare(counts).pvalue, rel=1e-9)


def test_circles_count_a_question_only_when_all_its_rotations_are_right(
    score: Callable[..., dict[str, Any]],
) -> None:
    # one: all of three right; two: the first and one more; three: not the first, one later
    circular = score("ABCABABCA", "ABCABCDDA", circles=["one"] * 3 + ["two"] * 3 + ["three"] * 3)["circular"]
    low, high = wilson(1, 3)
    assert {key: value for key, value in circular.items() if key != "pass_k"} == {
        "n": 3, "rotations": 3, "all_right": 1 / 3, "all_right_low": low, "all_right_high": high,
        "vanilla": 2 / 3,
    }  # fmt: skip
    assert circular["pass_k"] == {
        "1": pytest.approx(6 / 9),
        "2": pytest.approx((1 + 1 / 3) / 3),
        "3": pytest.approx(1 / 3),
    }


def test_the_published_value_of_pass_k_comes_out(score: Callable[..., dict[str, Any]]) -> None:
    # n = 5, c = 2, k = 2 gives 0.1
    assert score("AABBB", "AAAAA", circles=["q"] * 5)["circular"]["pass_k"]["2"] == pytest.approx(0.1)


def test_a_reply_at_the_limit_without_an_answer_is_truncated(score: Callable[..., dict[str, Any]]) -> None:
    replies = ["Counting from the", "Counting from the", "A", "I cannot say."]
    result = score(replies, "AAAA", finish_reasons=["length", "stop", "length", "length"])
    assert (result["truncated_rate"], result["no_answer_rate"], result["refusal_rate"]) == (0.25, 0.25, 0.25)
    assert result["correct"] == 1


def test_strict_takes_back_letters_that_their_wording_contradicts(
    score: Callable[..., dict[str, Any]],
) -> None:
    replies = ["Answer: A. L4", "Answer: C. L4", "B"]
    loose, strict = score(replies, "ACB"), score(replies, "ACB", strict=True)
    assert (loose["correct"], loose["ambiguous_rate"], loose["conflict_rate"]) == (3, 0.0, 1 / 3)
    assert (strict["correct"], strict["ambiguous_rate"], strict["conflict_rate"]) == (2, 1 / 3, 1 / 3)


def test_items_are_returned_when_asked_for(score: Callable[..., dict[str, Any]]) -> None:
    items = score(["L4 (C)", "?"], "CA", return_items=True)["items"]
    assert items[0] == {
        "status": "answered", "choice": "C", "correct": True, "conflict": False, "rule": "whole",
        "span": [4, 5],
    }  # fmt: skip
    assert (items[1]["status"], items[1]["choice"], items[1]["correct"]) == ("no_answer", "", False)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"ids": ["x", "x"]}, r"item 1 \('x'\): the same id as item 0"),
        ({"ids": ["x"]}, "ids got 1 names for 2 items"),
        ({"levels": ["L1"]}, "by_level got 1 names for 2 items"),
        ({"circles": ["q"]}, "circles got 1 names"),
        ({"finish_reasons": ["stop"] * 3}, "finish_reasons got 3 names"),
        ({"ids": ["x", "y"], "references": ["A", "C"]}, r"item 1 \('y'\): the reference 'C' is not one of"),
        ({"ids": ["x", "y"], "options": [TWO, "{}"]}, r"item 1 \('y'\): options need two or more"),
        ({"options": [TWO, '{"A": "L3", "B": " "}']}, "item 1: option B has no wording"),
        ({"options": [TWO, "L3 or L4"]}, "item 1: "),
        ({"confidence": 1.5}, "confidence lies strictly between 0 and 1"),
    ],
)
def test_bad_input_names_the_item(metric: Any, inputs: dict[str, Any], message: str) -> None:
    good = {"predictions": ["A", "B"], "references": ["A", "B"], "options": [TWO, TWO]}
    with pytest.raises(ValueError, match=message):
        metric.compute(**(good | inputs))


def test_circles_of_unequal_size_are_refused(metric: Any) -> None:
    with pytest.raises(ValueError, match="circle 'two' has 1 rotations and others 2"):
        metric.compute(
            predictions=["A"] * 3, references=["A"] * 3, options=[TWO] * 3, circles=["one", "one", "two"]
        )


def test_the_metric_and_the_library_read_alike(score: Callable[..., dict[str, Any]]) -> None:
    answers = importlib.import_module("spinemed.answers")
    data = json.loads((Path(__file__).parent / "data" / "choice_answers.json").read_text(encoding="utf-8"))
    cases = [case for case in data["single"] if "\ud800" not in case["response"]][:120]
    for case in cases[::10]:
        item = score([case["response"]], "A", json.dumps(case["options"]), return_items=True)["items"][0]
        parsed = answers.parse_answer(case["response"], case["options"])
        assert (item["status"], item["rule"], item["span"]) == (parsed.status, parsed.rule, list(parsed.span))


def test_what_was_added_bit_by_bit_counts_as_whole_lists_do(metric: Any) -> None:
    replies, keys = ["A", "not B", "It is L4.", "I cannot say."], ["A", "B", "B", "A"]
    options = ['{"A": "L3", "B": "L4"}'] * 4
    whole = metric.compute(predictions=replies, references=keys, options=options, return_items=True)
    for place in range(4):
        one = slice(place, place + 1)
        metric.add_batch(predictions=replies[one], references=keys[one], options=options[one])
    assert metric.compute(return_items=True) == whole
    assert metric.compute(predictions=tuple(replies), references=keys, options=options)["n"] == 4
    with pytest.raises(ValueError, match="Mismatch"):
        metric.compute(predictions=replies[:3], references=keys, options=options)
