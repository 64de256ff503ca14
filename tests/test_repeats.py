"""Scores of questions answered several times, against values counted by hand and by enumeration."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemed.intervals import NotEstimable
from spinemed.repeats import all_rotations, consistency, pass_at_k, pass_hat_k


def test_the_reference_values_come_out() -> None:
    assert pass_at_k(5, 2, 2) == pytest.approx(0.7, abs=1e-12)
    assert pass_hat_k(5, 2, 2) == pytest.approx(0.1, abs=1e-12)


@given(st.integers(1, 8), st.integers(0, 8), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_both_equal_the_share_of_all_samples_of_k(attempts: int, right: int, k: int) -> None:
    right, k = min(right, attempts), min(k, attempts)
    samples = list(combinations([place < right for place in range(attempts)], k))
    assert pass_at_k(attempts, right, k) == pytest.approx(sum(map(any, samples)) / len(samples), abs=1e-12)
    assert pass_hat_k(attempts, right, k) == pytest.approx(sum(map(all, samples)) / len(samples), abs=1e-12)


def test_fewer_attempts_than_k_are_not_estimable_rather_than_right() -> None:
    for score in (pass_at_k, pass_hat_k):
        assert score(3, 3, 4) == NotEstimable("not estimable, 3 attempts for k = 4")


@pytest.mark.parametrize(("attempts", "right", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 0)])
def test_impossible_counts_are_refused(attempts: int, right: int, k: int) -> None:
    for score in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match="0 <= right <= attempts"):
            score(attempts, right, k)


def test_all_rotations_right_is_pass_hat_k_of_all_rotations() -> None:
    hits = [[True] * 4, [True, True, True, False], [False] * 4]
    assert all_rotations(hits) == [True, False, False]
    assert [float(right) for right in all_rotations(hits)] == [pass_hat_k(4, sum(row), 4) for row in hits]


@pytest.mark.parametrize("hits", [[[True, True], [True]], [[]]])
def test_items_with_fewer_rotations_are_refused(hits: list[list[bool]]) -> None:
    with pytest.raises(ValueError, match="same number of rotations"):
        all_rotations(hits)


def test_consistency_counts_the_most_frequent_answer() -> None:
    assert consistency([["A", "A", "B", "A"], ["C", "C"]]) == 0.875
    assert consistency([["A"]]) == 1
    for empty in ([], [[]]):
        with pytest.raises(ValueError, match="at least one item"):
            consistency(empty)
