"""The SpineBench total: published values, refusals, bounds, intervals that cover, two benchmarks apart."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from spinemed.intervals import wilson
from spinemed.score_total import Part, bounds, plain_mean, total, total_interval

FOLDER = Path(__file__).parent.parent / "evaluate_metrics" / "spinebench"


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import evaluate

    return evaluate.load(str(FOLDER), keep_in_memory=True, cache_dir=str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize(
    ("name", "questions", "reports", "wanted"),
    [
        ("Gemini-2.5-Pro", 88.50, 93.32, 89.23),
        ("GPT5-mini", 85.83, 93.56, 87.00),
        ("GPT5", 84.46, 91.60, 85.54),
        ("GLM-4.5V", 83.98, 79.24, 83.26),
        ("Qwen2.5-VL-72B", 82.75, 63.80, 79.88),
        ("SpineGPT with 426 right", 100 * 426 / 487, 87.24, 87.44),
        ("Qwen2.5-VL-7B", 74.95, 54.52, 71.85),
        ("Medgemma-27B", 82.34, 70.16, 80.49),
    ],
)
def test_the_published_totals_follow_from_their_parts(
    metric: Any, name: str, questions: float, reports: float, wanted: float
) -> None:
    result = metric.compute(predictions=[questions, reports], references=[487, 87])
    assert result["total"] == pytest.approx(wanted, abs=0.005)
    assert result["total_low"] == result["total_high"] == result["total"]
    split = metric.compute(predictions=[questions, questions, reports], references=[294, 193, 87])
    assert split["total"] == pytest.approx(result["total"])


def test_the_weights_are_those_of_294_193_and_87_items(metric: Any) -> None:
    parts = metric.compute(predictions=[1.0, 2.0, 3.0], references=[294, 193, 87])["parts"]
    assert [round(part["weight"], 4) for part in parts] == [0.5122, 0.3362, 0.1516]


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_missing_part_is_refused_or_gives_bounds_and_never_a_mean_of_the_rest(
    metric: Any, missing: float | None
) -> None:
    given = {"predictions": [88.5, missing], "references": [487, 87], "names": ["questions", "reports"]}
    with pytest.raises(ValueError, match="no score for the part 'reports'"):
        metric.compute(**given)
    result = metric.compute(**given, partial=True)
    assert result["total"] is None
    assert result["total_low"] == pytest.approx(487 * 88.5 / 574)
    assert result["total_high"] == pytest.approx((487 * 88.5 + 8700) / 574)
    assert result["interval_low"] is None
    assert not any(value == pytest.approx(88.5) for key, value in result.items() if key.startswith("total"))


def test_the_other_spinebench_has_a_result_of_another_name(metric: Any) -> None:
    other = metric.compute(predictions=[32.37, 9.35], references=[1758, 1000], benchmark="2510.12267")
    assert other["overall"] == pytest.approx(20.86)
    assert "total" not in other
    assert "overall" not in metric.compute(predictions=[32.37, 9.35], references=[1758, 1000])
    assert [part["name"] for part in other["parts"]] == ["diagnosis", "localisation"]
    half = metric.compute(
        predictions=[32.37, None], references=[1758, 1000], benchmark="2510.12267", partial=True
    )
    assert (half["overall"], half["overall_low"]) == (None, pytest.approx(16.185))
    assert plain_mean([Part("a", 10.0, 5, right=None), Part("b", 20.0, 50)]) == 15.0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"predictions": [101.0, 93.32]}, "scores run from 0 to 100"),
        ({"predictions": [-1.0, 93.32]}, "scores run from 0 to 100"),
        ({"references": [487, 0]}, "has 0 items"),
        ({"names": ["a"]}, "names has 1 entries for 2 parts"),
        ({"names": ["a", "a"]}, "two parts have one name"),
        ({"right": [428, None]}, "428 of 487 right are 87.89, but its score is 88.5"),
        ({"right": [488, None]}, "488 of 487"),
        ({"errors": [None, -1.0]}, "standard error"),
        ({"benchmark": "SpineBench"}, "benchmark is one of 2510.03160, 2510.12267"),
        ({"predictions": [1.0], "references": [1], "benchmark": "2510.12267"}, "has two parts"),
    ],
)
def test_impossible_input_is_refused_with_the_part(
    metric: Any, changed: dict[str, Any], message: str
) -> None:
    given = {"predictions": [88.5, 93.32], "references": [487, 87]}
    with pytest.raises(ValueError, match=message):
        metric.compute(**{**given, **changed})


def test_one_part_has_wilsons_interval_and_counts_are_needed_for_all(metric: Any) -> None:
    whole = metric.compute(predictions=[100 * 426 / 487], references=[487], right=[426])
    low, high = wilson(426, 487)
    assert (whole["interval_low"], whole["interval_high"]) == (
        pytest.approx(100 * low),
        pytest.approx(100 * high),
    )
    half = metric.compute(predictions=[87.47, 87.24], references=[487, 87], right=[426, None])
    assert half["interval_low"] is None
    assert half["parts"][0]["low"] == pytest.approx(100 * low)
    full = metric.compute(
        predictions=[87.47, 87.24], references=[487, 87], right=[426, None], errors=[None, 1.2]
    )
    assert full["interval_low"] < full["total"] < full["interval_high"]


def test_the_interval_of_a_perfect_score_is_no_point() -> None:
    interval = total_interval([Part("a", 100.0, 294, right=294), Part("b", 100.0, 193, right=193)])
    assert interval is not None
    assert interval.low < 99.5
    assert interval.high == 100


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.5), (0.9, 0.6), (0.97, 0.85), (0.2, 0.7)])
def test_the_interval_of_two_parts_covers_as_often_as_it_says(first: float, second: float) -> None:
    sizes = (29, 19)
    truth = 100 * (sizes[0] * first + sizes[1] * second) / sum(sizes)
    covered = 0.0
    for one in range(sizes[0] + 1):
        for two in range(sizes[1] + 1):
            parts = [Part("a", 100 * one / 29, 29, right=one), Part("b", 100 * two / 19, 19, right=two)]
            low, high = total_interval(parts)  # type: ignore[misc]
            covered += binom.pmf(one, 29, first) * binom.pmf(two, 19, second) * (low <= truth <= high)
    assert 0.93 < covered < 0.985  # exact: every pair of counts with its probability


def test_a_total_lies_between_its_parts_and_does_not_depend_on_their_order() -> None:
    generator = np.random.default_rng(4)
    for _ in range(50):
        parts = [
            Part(f"p{place}", float(score), int(size))
            for place, (score, size) in enumerate(
                zip(generator.uniform(0, 100, 4), generator.integers(1, 500, 4), strict=True)
            )
        ]
        scores = [part.score for part in parts if part.score is not None]
        assert min(scores) <= total(parts) <= max(scores)
        assert total(parts) == pytest.approx(total(parts[::-1]))
        gap = [parts[0]._replace(score=None), *parts[1:]]
        low, high = bounds(gap)
        assert low <= total(parts) <= high
        with pytest.raises(ValueError, match="no score for the part 'p0'"):
            total(gap)
