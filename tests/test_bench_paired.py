"""Means and differences over patients: which method, cut at what is possible, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spinemed.bench.items import Item
from spinemed.bench.scoring.paired import FEW_PATIENTS, compare, measured, patient_span
from spinemed.intervals import ClusteredMean, bootstrap_mean, clustered_mean

ITEM = Item("i", "?", ("L1", "L2"), "A", "L1", "k", "CT", "p", True, None, 1.0, 9, 9)


def answers(patients: int) -> tuple[list[float], list[str]]:
    """Return three answers of each patient, every fourth of them wrong."""
    values = [float(place % 4 > 0) for place in range(3 * patients)]
    return values, [f"p{place // 3}" for place in range(3 * patients)]


def test_few_patients_have_the_t_interval_and_many_the_bootstrap() -> None:
    values, patients = answers(FEW_PATIENTS - 1)
    few, by_t = patient_span(values, patients), clustered_mean(values, patients)
    assert few is not None and isinstance(by_t, ClusteredMean)
    assert (few.method, few.low, few.high) == ("t", by_t.low, by_t.high)
    values, patients = answers(FEW_PATIENTS)
    many = patient_span(values, patients)
    assert many is not None and many.method == "bootstrap"
    assert (many.low, many.high) == bootstrap_mean(values, patients)


def test_an_interval_ends_where_values_end() -> None:
    values, patients = [1.0, 1.0, 1.0, 0.0], ["a", "b", "c", "d"]
    cut, free = patient_span(values, patients), clustered_mean(values, patients)
    assert cut is not None and isinstance(free, ClusteredMean)
    assert free.high > 1.0
    assert (cut.low, cut.high) == (0.0, 1.0)
    below = patient_span(values, patients, lowest=-1.0)
    assert below is not None and below.low == free.low < 0.0


@pytest.mark.parametrize(
    ("values", "patients"),
    [([1.0, 0.0], ["a", "a"]), ([1.0, 1.0], ["a", "b"]), ([1.0, 0.0, 0.0, 1.0], ["a", "a", "b", "b"])],
)
def test_one_patient_and_equal_patients_have_no_interval(values: list[float], patients: list[str]) -> None:
    assert patient_span(values, patients) is None
    mean = measured(values, patients)
    assert mean is not None and mean.span is None and mean.n == len(values)


def test_scores_between_right_and_wrong_are_compared_by_who_is_higher() -> None:
    items = [replace(ITEM, id=str(place), patient=f"p{place}") for place in range(4)]
    found = compare("other", items, [1.0, 0.5, -0.5, 0.2], [0.5, 0.5, 0.0, -0.6])
    assert (found.wins, found.losses, found.n) == (2, 1, 4)
    assert found.difference == pytest.approx(0.2)
    assert found.span is not None and -2.0 <= found.span.low < 0.2 < found.span.high <= 2.0
    assert measured([], []) is None
