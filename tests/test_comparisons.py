"""Paired tests and corrections for several of them, against published values and each other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemed.comparisons import (
    benjamini_hochberg,
    benjamini_yekutieli,
    cluster_flip_p,
    discordant,
    holm,
    mcnemar_exact,
    mcnemar_mid_p,
    sign_flip_p,
)

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(2, 0, 0.25), (5, 15, 0.026604), (1, 9, 0.011719), (10, 10, 1.0), (40, 60, 0.046044), (0, 0, 1.0)],
)
def test_mid_p_gives_the_reference_values(first: int, second: int, p: float) -> None:
    assert round(mcnemar_mid_p(first, second), 6) == p
    assert mcnemar_mid_p(first, second) == mcnemar_mid_p(second, first)


@given(st.integers(0, 700), st.integers(0, 700))
@settings(max_examples=50, deadline=None)
def test_mid_p_is_at_most_the_exact_p_and_never_zero(first: int, second: int) -> None:
    assert 0 < mcnemar_mid_p(first, second) <= mcnemar_exact(first, second) <= 1


def test_mid_p_has_no_step_where_whole_numbers_grow_too_long() -> None:
    below, above = mcnemar_mid_p(470, 530), mcnemar_mid_p(470, 531)
    assert 0 < above < below < 1.15 * above


def test_negative_counts_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_mid_p(-1, 3)
    with pytest.raises(ValueError, match="2 hits beside 1"):
        discordant([True, False], [True])


def test_items_of_one_patient_count_as_one() -> None:
    differences = [1] * 12
    assert sign_flip_p(differences) == 2 / 2**12
    assert cluster_flip_p(differences, ["a"] * 6 + ["b"] * 6) == 0.5
    assert cluster_flip_p(differences, ["a"] * 12) == 1.0
    assert cluster_flip_p(differences, range(12)) == sign_flip_p(differences)


@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 5)), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_permutation_p_lies_in_0_to_1_and_ignores_the_sign(pairs: list[tuple[int, int]]) -> None:
    differences, clusters = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    p = cluster_flip_p(differences, clusters)
    assert 0 < p <= 1
    assert cluster_flip_p([-value for value in differences], clusters) == p


def test_corrections_give_the_reference_values() -> None:
    p_values = [0.01, 0.04, 0.03, 0.005]
    assert holm(p_values) == pytest.approx([0.03, 0.06, 0.06, 0.02], abs=1e-12)
    assert benjamini_hochberg(p_values) == pytest.approx([0.02, 0.04, 0.04, 0.02], abs=1e-12)
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4
    assert benjamini_yekutieli(p_values) == pytest.approx(
        [0.02 * harmonic, 0.04 * harmonic, 0.04 * harmonic, 0.02 * harmonic], abs=1e-12
    )


@given(P_VALUES)
@settings(max_examples=80, deadline=None)
def test_holm_is_at_least_bh_is_at_least_the_raw_p_and_order_is_kept(p_values: list[float]) -> None:
    strict, rate = holm(p_values), benjamini_hochberg(p_values)
    any_dependence = benjamini_yekutieli(p_values)
    for raw, one, other, third in zip(p_values, strict, rate, any_dependence, strict=True):
        assert 1 >= one >= other - 1e-12 and 1 >= third >= other >= raw - 1e-12
    for corrected in (strict, rate, any_dependence):
        ranked = [corrected[place] for place in sorted(range(len(p_values)), key=p_values.__getitem__)]
        assert ranked == sorted(ranked)


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg, benjamini_yekutieli])
def test_a_p_that_is_none_is_named(correct: object) -> None:
    assert callable(correct)
    assert correct([]) == []
    for wrong in (1.5, -0.1, float("nan")):
        with pytest.raises(ValueError, match="at position 1"):
            correct([0.5, wrong])
