"""Agreement, reliability, the alternative annotator test and its metric folder, against published values."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemed.agreement import (
    BlandAltman,
    bland_altman,
    exact_agreement,
    fleiss_kappa,
    kendall,
    pearson,
    spearman,
    weighted_kappa,
)
from spinemed.alt_test import AltTest, alt_test
from spinemed.case_bootstrap import bootstrap_cases
from spinemed.intervals import Interval, NotEstimable
from spinemed.reliability import icc, icc_interval, krippendorff_alpha

METRIC = Path(__file__).parent.parent / "evaluate_metrics" / "rater_agreement"
SCALE = range(1, 6)
FIRST, SECOND = [1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 3, 3], [1, 2, 3, 4, 5, 4, 4, 2, 2, 1, 5, 3]
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
TABLES = st.lists(st.lists(st.integers(1, 5), min_size=3, max_size=3), min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("weights", "value"), [("quadratic", 0.857143), ("linear", 0.777778), ("unweighted", 0.689655)]
)
def test_weighted_kappa_gives_the_reference_values(weights: Any, value: float) -> None:
    assert weighted_kappa(FIRST, SECOND, SCALE, weights) == pytest.approx(value, abs=5e-7)


def test_kappa_uses_the_whole_scale_and_not_the_points_that_were_used() -> None:
    assert weighted_kappa([1, 2, 5], [1, 2, 4], SCALE) == pytest.approx(0.9268, abs=5e-5)
    assert weighted_kappa([1, 2, 5], [1, 2, 4], [1, 2, 4, 5]) == pytest.approx(0.8571, abs=5e-5)
    with pytest.raises(ValueError, match="score 6 at position 1"):
        weighted_kappa([1, 6], [1, 5], SCALE)


def test_correlations_give_the_reference_values() -> None:
    assert pearson(FIRST, SECOND) == pytest.approx(0.858116, abs=5e-7)
    assert spearman(FIRST, SECOND) == pytest.approx(0.859245, abs=5e-7)
    assert kendall(FIRST, SECOND) == pytest.approx(0.796491, abs=5e-7)


@pytest.mark.parametrize("figure", [pearson, spearman, kendall])
def test_a_constant_list_has_no_correlation_and_says_so(figure: Any) -> None:
    for first, second in (([3, 3, 3], [1, 2, 3]), ([1, 2, 3], [0.1, 0.1, 0.1]), ([4, 4], [4, 4])):
        assert str(figure(first, second)) == "undefined, constant"
    assert str(figure([1], [2])) == "undefined, fewer than two cases"
    assert figure([1e-200, 2e-200, 3e-200], [1e200, 2e200, 3e200]) == pytest.approx(1.0)


def test_fleiss_kappa_gives_the_published_value() -> None:
    assert fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=5e-4)
    assert fleiss_kappa([[3, 0], [3, 0]]) == NotEstimable("undefined, constant")
    with pytest.raises(ValueError, match="equally many"):
        fleiss_kappa([[3, 0], [2, 0]])


def test_the_six_intraclass_correlations_give_the_published_values() -> None:
    forms = {"1,1": 0.166, "A,1": 0.290, "C,1": 0.715, "1,k": 0.443, "A,k": 0.620, "C,k": 0.909}
    for form, value in forms.items():
        assert icc(SHROUT_FLEISS, form) == pytest.approx(value, abs=5e-4)  # type: ignore[arg-type]


def test_the_interval_of_absolute_agreement_gives_the_published_value() -> None:
    span = icc_interval(SHROUT_FLEISS)
    assert isinstance(span, Interval)
    assert span == pytest.approx((0.0188, 0.7611), abs=5e-5)  # McGraw and Wong 1996, by pingouin


def test_an_icc_of_raters_that_never_differ_has_no_interval() -> None:
    assert icc([[1, 1], [2, 2], [5, 5]]) == 1.0
    assert icc_interval([[1, 1], [2, 2], [5, 5]]) == NotEstimable("not estimable, raters never differ")
    assert icc([[3, 3], [3, 3]]) == icc_interval([[3, 3], [3, 3]]) == NotEstimable("undefined, constant")
    assert str(icc([[1, 3], [3, 1]], "C,k")) == "undefined, cases do not differ"
    with pytest.raises(ValueError, match="gaps"):
        icc([[1, float("nan")], [2, 3]])
    with pytest.raises(ValueError, match="two cases"):
        icc([[1, 2]])


@given(TABLES, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_a_constant_bias_costs_agreement_but_no_consistency(table: list[list[int]], bias: int) -> None:
    ratings = np.array([[row[0], row[0] + bias] for row in table])
    agreement, consistency = icc(ratings), icc(ratings, "C,1")
    if np.ptp(ratings[:, 0]):
        assert consistency == pytest.approx(1.0)
        assert isinstance(agreement, float) and agreement < 1
        span = icc_interval(ratings)
        assert isinstance(span, NotEstimable) or span.low <= agreement <= span.high


@pytest.mark.parametrize(
    ("measure", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_gives_the_values_of_the_textbook(measure: Any, value: float) -> None:
    by_case = [list(row) for row in zip(*KRIPPENDORFF, strict=True)]
    assert krippendorff_alpha(by_case, measure) == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize(
    ("ratings", "measure", "value"),
    [
        ([[1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 1]], "nominal", 24 / 35),
        ([[0, 1], [1, 0], [0, 1], [1, 0]], "nominal", -0.75),
        ([[1, 1, 0], [0, 0]], "nominal", 1 / 3),
        ([[1, 2], [3, 4], [1, 1]], "interval", 19 / 24),
        ([[1, 1], [3, 4], [5, 5]], "ordinal", 94 / 99),
    ],
)
def test_alpha_gives_the_values_worked_by_hand(ratings: Any, measure: Any, value: float) -> None:
    assert krippendorff_alpha(ratings, measure) == pytest.approx(value, abs=1e-12)


@given(st.lists(st.lists(st.sampled_from([None, 1, 2, 3, 4, 5]), min_size=3, max_size=3), max_size=8))
@settings(max_examples=80, deadline=None)
def test_alpha_is_one_where_and_only_where_all_agree(table: list[list[int | None]]) -> None:
    pairable = [[value for value in row if value is not None] for row in table]
    pairable = [row for row in pairable if len(row) > 1]
    values = {value for row in pairable for value in row}
    for measure in ("nominal", "ordinal", "interval", "ratio"):
        alpha = krippendorff_alpha(table, measure)
        if len(values) < 2:
            assert isinstance(alpha, NotEstimable)
        elif all(len(set(row)) == 1 for row in pairable):
            assert alpha == pytest.approx(1.0, abs=1e-12)
        else:
            assert isinstance(alpha, float) and alpha < 1 - 1e-6


@given(TABLES)
@settings(max_examples=40, deadline=None)
def test_figures_of_two_raters_do_not_depend_on_who_comes_first(table: list[list[int]]) -> None:
    first, second = [row[0] for row in table], [row[1] for row in table]
    for figure in (pearson, spearman, kendall, lambda one, other: weighted_kappa(one, other, SCALE)):
        one, other = figure(first, second), figure(second, first)
        assert one == (other if isinstance(other, NotEstimable) else pytest.approx(other, abs=1e-12))
        assert isinstance(one, NotEstimable) or -1 <= one <= 1
    assert exact_agreement(first, second) <= exact_agreement(first, second, within=1)


def test_bias_and_limits_have_intervals_over_cases_and_not_over_items() -> None:
    draw = np.random.default_rng(3)
    per_case = np.repeat(draw.normal(0.5, 1.0, 30), 5)
    judge = per_case + draw.normal(0, 0.2, 150)
    cases = [str(place // 5) for place in range(150)]
    clustered, alone = bland_altman(judge, np.zeros(150), cases), bland_altman(judge, np.zeros(150))
    assert isinstance(clustered, BlandAltman) and isinstance(alone, BlandAltman)
    assert clustered.bias == pytest.approx(judge.mean()) and clustered.deviation == pytest.approx(
        judge.std(ddof=1)
    )
    assert clustered.high_limit - clustered.bias == pytest.approx(1.959963985 * clustered.deviation)
    assert isinstance(clustered.bias_interval, Interval) and isinstance(alone.bias_interval, Interval)
    wide, narrow = (np.diff(found.bias_interval)[0] for found in (clustered, alone))
    assert wide > 1.7 * narrow
    one_case = bland_altman([1, 2], [1, 1], ["a", "a"])
    assert isinstance(one_case, BlandAltman)
    assert one_case.bias_interval == NotEstimable("not estimable, one case")
    assert bland_altman([1], [1]) == NotEstimable("undefined, fewer than two cases")


def test_a_bootstrap_over_cases_is_as_wide_as_the_error_of_the_mean() -> None:
    scores = np.random.default_rng(4).normal(size=200)
    span = bootstrap_cases(lambda rows: float(scores[rows].mean()), range(200), draws=2000)
    assert isinstance(span, Interval)
    assert span.high - span.low == pytest.approx(2 * 1.96 * scores.std() / 200**0.5, rel=0.08)


def test_a_bootstrap_that_loses_its_statistic_too_often_gives_no_interval() -> None:
    scores = np.array([1.0, 1.0, 1.0, 2.0])

    def correlation(rows: np.ndarray) -> float | NotEstimable:
        return pearson(scores[rows], scores[rows])

    assert bootstrap_cases(correlation, range(4), draws=100) == NotEstimable(
        "not estimable, too few cases differ"
    )
    assert bootstrap_cases(lambda _: 0.5, ["a", "a"]) == NotEstimable("not estimable, 1 case")
    assert bootstrap_cases(lambda _: 0.5, ["a", "b"], draws=20) == (0.5, 0.5)


def panel(count: int, people: int, noise: float, seed: int) -> tuple[list[int], list[list[int]]]:
    """Return true scores and those of clinicians that miss by one with this chance."""
    draw = random.Random(seed)
    truth = [draw.randint(1, 5) for _ in range(count)]

    def seen(score: int) -> int:
        return min(5, max(1, score + draw.choice([-1, 1]))) if draw.random() < noise else score

    return truth, [[seen(score) for _ in range(people)] for score in truth]


def test_a_good_judge_wins_and_a_random_one_does_not() -> None:
    truth, clinicians = panel(80, 3, 0.4, seed=1)
    good, bad = alt_test(truth, clinicians), alt_test(truth[::-1], clinicians)
    assert isinstance(good, AltTest) and isinstance(bad, AltTest)
    assert (good.winning_rate, bad.winning_rate) == (1.0, 0.0)
    assert good.advantage > 0.9 > 0.5 > bad.advantage
    assert good.wins == (True, True, True) and len(good.p_values) == 3


def test_the_alternative_test_equals_a_t_test_worked_step_by_step() -> None:
    truth, clinicians = panel(40, 3, 0.5, seed=2)
    judge = [row[0] if place % 3 else truth[place] for place, row in enumerate(clinicians)]
    found = alt_test(judge, clinicians, epsilon=0.1)
    assert isinstance(found, AltTest)
    steps = []
    for mine, (left_out, one, other) in zip(judge, clinicians, strict=True):
        judged = ((mine - one) ** 2 + (mine - other) ** 2) ** 0.5
        person = ((left_out - one) ** 2 + (left_out - other) ** 2) ** 0.5
        steps.append(float(person <= judged) - float(judged <= person))
    t = (np.mean(steps) - 0.1) / (np.std(steps, ddof=1) / 40**0.5)
    from scipy.special import stdtr

    assert found.p_values[0] == pytest.approx(float(stdtr(39, t)), abs=1e-12)


def test_items_of_one_case_do_not_make_the_judge_surer() -> None:
    truth, clinicians = panel(40, 3, 0.5, seed=3)
    once = alt_test(truth, clinicians)
    thrice = alt_test(truth * 3, clinicians * 3, [str(place % 40) for place in range(120)])
    assert isinstance(once, AltTest) and isinstance(thrice, AltTest)
    assert thrice.p_values == pytest.approx(once.p_values, rel=1e-6)


def test_the_alternative_test_needs_three_clinicians_with_enough_cases() -> None:
    truth, clinicians = panel(40, 3, 0.5, seed=4)
    reason = "not estimable, needs three clinicians with 30 cases or more"
    assert alt_test(truth[:29], clinicians[:29]) == NotEstimable(reason)
    assert alt_test(truth, [row[:2] for row in clinicians]) == NotEstimable(reason)
    gaps = [[*row, None] if place < 20 else [None, *row[1:], 3] for place, row in enumerate(clinicians)]
    assert alt_test(truth, gaps) == NotEstimable(reason)
    assert isinstance(alt_test(truth, gaps, enough_cases=20), AltTest)
    with pytest.raises(ValueError, match="one entry a clinician"):
        alt_test([1, 2], [[1, 2], [1]])


@pytest.fixture
def metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("HF_HOME", "HF_MODULES_CACHE", "HF_EVALUATE_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import evaluate

    return evaluate.load(str(METRIC), keep_in_memory=True)


def test_the_metric_sets_the_judge_beside_the_clinicians_by_dimension(metric: Any) -> None:
    truth, clinicians = panel(40, 3, 0.5, seed=5)
    kind = [min(5, score + 1) for score in truth]
    result = metric.compute(
        predictions=truth + kind,
        references=clinicians * 2,
        cases=[str(place) for place in range(40)] * 2,
        dimensions=["relevance"] * 40 + ["coverage"] * 40,
        draws=200,
    )
    good, biased = result["by_dimension"]["relevance"], result["by_dimension"]["coverage"]
    assert good["n"] == biased["n"] == 40 and result["cases"] == 40
    assert good["icc"] > good["human"]["icc"] > biased["icc"]
    assert good["alt_test"]["passes"] and not biased["alt_test"]["passes"]
    assert biased["bias_low"] > 0.3 > good["bias_high"]
    assert result["icc_interval"] == "bootstrap over cases" and result["icc_low"] < result["icc"]


@pytest.mark.parametrize(
    ("predictions", "references", "changed", "message"),
    [
        (["x"], ["4"], {}, "item 0: a score is a number or null, got 'x'"),
        ([4, float("nan")], [4, 4], {}, "item 1: a score is a number or null, got nan"),
        ([4], [9], {}, "item 0: score 9 is off the scale 1 to 5"),
        ([4, 4], [[4, 5], [4]], {}, r"one place a clinician .* got \[1, 2\]"),
        ([4], ["[]"], {}, "item 0: no clinician"),
        ([4, 4], [4, 4], {"cases": ["a"]}, "cases has 1 entries for 2 items"),
        ([4], [4], {"scale_low": 5, "scale_high": 1}, "scale_low < scale_high"),
        ([], [], {}, "at least one item"),
    ],
)
def test_the_metric_names_the_item_with_bad_input(
    metric: Any, predictions: Any, references: Any, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=predictions, references=references, **changed)


def test_a_judge_that_failed_everywhere_has_no_figures_but_reasons(metric: Any) -> None:
    result = metric.compute(predictions=[None, None], references=[4, 5])
    assert (result["n"], result["missing_judge"], result["exact"], result["bias"]) == (0, 2, None, None)
    assert result["notes"]["exact"] == "not estimable, no item was scored by both"


def test_scores_between_the_points_have_no_kappa_but_the_rest(metric: Any) -> None:
    result = metric.compute(predictions=[4.5, 2, 3], references=[4, 2, 3])
    assert result["qwk"] is None and result["notes"]["qwk"] == "not estimable, scores are no whole numbers"
    assert result["icc"] > 0.9
