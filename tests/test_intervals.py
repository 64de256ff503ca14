"""Intervals and paired tests against published and independently computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spinemed.intervals import (
    bootstrap_mean,
    clustered_error,
    mcnemar_exact,
    normal_quantile,
    sign_flip_p,
    wilson,
)


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


@pytest.mark.parametrize(("hits", "count"), [(-1, 3), (4, 3)])
def test_wilson_refuses_impossible_counts(hits: int, count: int) -> None:
    with pytest.raises(ValueError, match="0 <= hits <= count"):
        wilson(hits, count)


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


def test_drawn_sign_flips_are_never_zero_and_near_the_exact_value() -> None:
    assert sign_flip_p([1.0] * 200, draws=999) == 1 / 1000
    assert sign_flip_p([1.0] * 18 + [-1.0] * 12, draws=20_000) == pytest.approx(
        mcnemar_exact(18, 12), abs=0.012
    )


def test_the_bootstrap_repeats_with_its_seed_and_widens_with_clusters() -> None:
    scores = [1, 1, 1, 1, 0, 0, 0, 0] * 10
    patients = [index // 4 for index in range(80)]
    clustered = bootstrap_mean(scores, patients, draws=2000, seed=3)
    assert clustered == bootstrap_mean(scores, patients, draws=2000, seed=3)
    alone = bootstrap_mean(scores, range(80), draws=2000, seed=3)
    assert clustered.high - clustered.low > 1.5 * (alone.high - alone.low)


def test_only_the_cluster_bootstrap_keeps_its_error_rate_when_items_share_a_patient() -> None:
    generator = np.random.default_rng(5)
    wrong_clustered = wrong_items = 0
    patients = np.repeat(np.arange(30), 8)
    for trial in range(150):
        values = np.repeat(generator.normal(0, 1.5, 30), 8) + generator.normal(0, 1, 240)
        clustered = bootstrap_mean(values.tolist(), patients.tolist(), draws=200, seed=trial)
        items = bootstrap_mean(values.tolist(), range(240), draws=200, seed=trial)
        wrong_clustered += not clustered.low <= 0 <= clustered.high
        wrong_items += not items.low <= 0 <= items.high
    assert wrong_clustered / 150 < 0.12
    assert wrong_items / 150 > 0.25
