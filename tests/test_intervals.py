"""Intervals and paired tests against published and independently computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemed.intervals import (
    NotEstimable,
    bca_ends,
    bootstrap_mean,
    clopper_pearson,
    clustered_error,
    clustered_mean,
    count_extreme_flips,
    mcnemar_exact,
    normal_quantile,
    sign_flip_p,
    wilson,
)

COUNTS = st.integers(1, 400).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count)))


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table 1
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
        (0, 1, 0.0, 0.7935),
        (263, 487, 0.4956, 0.5838),
        (54, 87, 0.5157, 0.7155),
    ],
)
def test_wilson_gives_the_printed_digits(hits: int, count: int, low: float, high: float) -> None:
    interval = wilson(hits, count)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_wilson_ends_solve_the_score_equation() -> None:
    z = normal_quantile(0.95)
    for hits, count in [(81, 263), (1, 29), (199, 200)]:
        for end in wilson(hits, count):
            assert abs(hits / count - end) == pytest.approx(z * math.sqrt(end * (1 - end) / count), abs=1e-9)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776), (81, 263, 0.2527, 0.3676), (0, 0, 0.0, 1.0)],
)
def test_clopper_pearson_gives_the_printed_digits(hits: int, count: int, low: float, high: float) -> None:
    interval = clopper_pearson(hits, count)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_clopper_pearson_ends_solve_the_binomial_equation() -> None:
    low, high = clopper_pearson(7, 30, 0.9)
    chances = [math.comb(30, k) for k in range(31)]
    assert sum(c * low**k * (1 - low) ** (30 - k) for k, c in enumerate(chances) if k >= 7) == pytest.approx(
        0.05, abs=1e-12
    )
    assert sum(
        c * high**k * (1 - high) ** (30 - k) for k, c in enumerate(chances) if k <= 7
    ) == pytest.approx(0.05, abs=1e-12)


@pytest.mark.parametrize(("hits", "count"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(hits: int, count: int) -> None:
    for interval in (wilson, clopper_pearson):
        with pytest.raises(ValueError, match="0 <= hits <= count"):
            interval(hits, count)


@given(COUNTS, st.floats(0.5, 0.98))
@settings(max_examples=60, deadline=None)
def test_intervals_of_shares_lie_in_0_to_1_hold_the_share_nest_and_mirror(
    counts: tuple[int, int], confidence: float
) -> None:
    hits, count = counts
    for interval in (wilson, clopper_pearson):
        low, high = interval(hits, count, confidence)
        assert 0 <= low <= hits / count <= high <= 1
        wider = interval(hits, count, confidence + 0.01)
        assert wider.low <= low + 1e-12 and high <= wider.high + 1e-12
        mirrored = interval(count - hits, count, confidence)
        assert (mirrored.low, mirrored.high) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(2, 0, 0.5), (5, 15, 0.041389), (1, 9, 0.021484), (10, 10, 1.0), (40, 60, 0.056888), (0, 0, 1.0)],
)
def test_mcnemar_gives_the_reference_values(first: int, second: int, p: float) -> None:
    assert round(mcnemar_exact(first, second), 6) == p
    assert mcnemar_exact(first, second) == mcnemar_exact(second, first)


def test_mcnemar_equals_the_binomial_tail_to_nine_digits() -> None:
    n, k = 61, 17
    tail = sum(math.comb(n, i) for i in range(k + 1)) / 2**n
    assert mcnemar_exact(k, n - k) == pytest.approx(2 * tail, abs=1e-12)
    assert 0 < mcnemar_exact(0, 900) < 1e-200  # no overflow, no zero


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 2)


SCORES = [1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0]
PATIENTS = [1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5]


def test_clustered_error_is_the_one_with_the_cluster_factor() -> None:
    assert round(clustered_error(SCORES, PATIENTS), 6) == 0.216283


def test_clustered_errors_of_each_kind_are_the_reference_values() -> None:
    assert round(clustered_error(SCORES, PATIENTS, "CR0"), 6) == 0.193450
    assert round(clustered_error(SCORES, PATIENTS, "Miller"), 6) == 0.198152
    with pytest.raises(ValueError, match="CR1, CR0 or Miller"):
        clustered_error(SCORES, PATIENTS, "HC3")  # type: ignore[arg-type]


def test_a_mean_of_one_cluster_has_no_error_rather_than_none() -> None:
    assert clustered_mean([1, 0, 1], ["p", "p", "p"]) == NotEstimable("not estimable, one cluster")
    found = clustered_mean(SCORES, PATIENTS)
    assert not isinstance(found, NotEstimable)
    assert (found.mean, found.clusters) == (pytest.approx(7 / 12), 5)
    assert found.high - found.mean == pytest.approx(2.7764451051977987 * found.error, abs=1e-12)  # t, 4 df


def test_clustered_error_of_single_item_clusters_is_the_ordinary_one() -> None:
    naive = np.std(SCORES, ddof=1) / math.sqrt(len(SCORES))
    assert clustered_error(SCORES, range(12)) == pytest.approx(float(naive), abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "clusters", "message"),
    [
        ([1, 0], ["a", "a"], "two clusters"),
        ([1, 0], ["a"], "2 scores but 1"),
        ([1, float("nan")], ["a", "b"], "not finite at position 1"),
        ([1, 0], ["a", None], "missing"),
    ],
)
def test_bad_clusters_raise(scores: list[float], clusters: list[str | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clustered_error(scores, clusters)
    with pytest.raises(ValueError, match=message):
        bootstrap_mean(scores, clusters, draws=10)


@pytest.mark.parametrize(
    ("differences", "p"), [([1, 1, 1, -1, 0, 0, 1, 1], 0.21875), ([0, 0], 1.0), ([1] * 5, 2 / 32), ([], 1.0)]
)
def test_sign_flips_are_counted_exactly(differences: list[float], p: float) -> None:
    assert sign_flip_p(differences) == p


def test_sign_flips_of_equal_size_are_mcnemars_test_and_never_zero() -> None:
    assert sign_flip_p([1.0] * 200) == pytest.approx(2 / 2**200)
    assert sign_flip_p([0.3] * 18 + [-0.3] * 12) == mcnemar_exact(18, 12)
    assert 0 < sign_flip_p([1.0] * 5000) < 1e-300
    assert sign_flip_p([1.0] * 5100 + [-1.0] * 4900) == pytest.approx(0.04658552770494645, abs=1e-9)  # scipy


@given(st.lists(st.integers(-6, 6), max_size=14))
@settings(max_examples=60, deadline=None)
def test_sign_flips_of_whole_numbers_equal_the_count_of_all_patterns(differences: list[int]) -> None:
    values = np.array([value for value in differences if value], dtype=float)
    p = count_extreme_flips(values, abs(float(values.sum())) - 1e-9) / 2 ** len(values)
    assert sign_flip_p(differences) == pytest.approx(p, abs=1e-12)
    assert 0 < sign_flip_p(differences) <= 1


def test_drawn_sign_flips_are_never_zero_and_near_the_exact_value() -> None:
    values = np.arange(1, 31) / 30 + 0.001 * np.sin(np.arange(30))  # thirty different sizes
    assert sign_flip_p(values.tolist(), draws=999) == 1 / 1000
    whole = np.arange(1, 31) * np.where(np.arange(30) % 3, 1, -1)
    exact = sign_flip_p(whole.tolist())
    assert sign_flip_p((whole * 0.1).tolist(), draws=20_000) == pytest.approx(exact, abs=0.012)


def test_a_difference_that_is_not_finite_is_named() -> None:
    with pytest.raises(ValueError, match="position 1"):
        sign_flip_p([1.0, float("nan")])


def test_few_kinds_of_clusters_are_drawn_as_counts_with_the_same_result() -> None:
    generator = np.random.default_rng(1)
    scores = (generator.random(900) < 0.3).astype(float)
    counted = bootstrap_mean(scores.tolist(), draws=20_000)  # two kinds, binomial
    single = bootstrap_mean((scores + 1e-9 * generator.random(900)).tolist(), draws=20_000)  # all different
    assert counted == pytest.approx(single, abs=0.002)
    error = math.sqrt(scores.var() / 900)
    assert counted.high - counted.low == pytest.approx(2 * 1.96 * error, rel=0.03)


def test_the_corrected_bootstrap_moves_towards_the_skew_and_refuses_nonsense() -> None:
    values = np.exp(np.random.default_rng(2).normal(size=60)).tolist()
    plain, corrected = bootstrap_mean(values), bootstrap_mean(values, kind="bca")
    assert corrected.low > plain.low and corrected.high > plain.high
    assert bootstrap_mean([1.0] * 9, kind="bca") == (1.0, 1.0)
    with pytest.raises(ValueError, match="percentile or bca"):
        bootstrap_mean(values, kind="studentized")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one draw"):
        bootstrap_mean(values, draws=0)


def test_without_bias_and_skew_the_corrected_interval_is_the_percentile_one() -> None:
    drawn = np.linspace(-1, 1, 2001)
    ends = bca_ends(drawn, 0.0, np.array([-1.0, 1.0]), 0.9)
    assert ends == pytest.approx((-0.9, 0.9), abs=1e-9)


def test_the_bootstrap_repeats_with_its_seed_and_widens_with_clusters() -> None:
    scores = [1, 1, 1, 1, 0, 0, 0, 0] * 10
    patients = [index // 4 for index in range(80)]
    clustered = bootstrap_mean(scores, patients, draws=2000, seed=3)
    assert clustered == bootstrap_mean(scores, patients, draws=2000, seed=3)
    alone = bootstrap_mean(scores, range(80), draws=2000, seed=3)
    assert clustered.high - clustered.low > 1.5 * (alone.high - alone.low)


def test_only_intervals_over_clusters_keep_their_error_rate_when_items_share_a_patient() -> None:
    generator = np.random.default_rng(7)
    wrong = {"patients": 0, "items": 0, "CR1": 0}
    patients = np.repeat(np.arange(50), 10).tolist()
    for trial in range(400):
        values = np.repeat(generator.normal(0, 1.5, 50), 10) + generator.normal(0, 1, 500)  # ICC 0.69
        estimated = clustered_mean(values.tolist(), patients)
        assert not isinstance(estimated, NotEstimable)
        wrong["CR1"] += not estimated.low <= 0 <= estimated.high
        for name, clusters in (("patients", patients), ("items", None)):
            low, high = bootstrap_mean(values, clusters, draws=200, seed=trial)
            wrong[name] += not low <= 0 <= high
    assert wrong["patients"] / 400 < 0.08
    assert wrong["CR1"] / 400 < 0.08
    assert wrong["items"] / 400 > 0.25
