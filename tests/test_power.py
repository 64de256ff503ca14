"""Numbers of items and smallest differences, against published values, each other and the command."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from spinemed.bench.scoring.power_plan import plan
from spinemed.cli.statistics import app
from spinemed.errors import ConfigError
from spinemed.intervals import NotEstimable
from spinemed.power import (
    design_effect,
    detectable_by_discordance,
    detectable_difference,
    discordant_spread,
    observed_design_effect,
    paired_spread,
    power_of,
    required_items,
)


def test_the_reference_values_come_out() -> None:
    assert paired_spread(0.5, 0.5, 0.5) == pytest.approx(0.5, abs=1e-12)
    assert required_items(0.05) == 785
    assert round(100 * detectable_difference(487), 2) == 6.35
    assert round(100 * detectable_difference(87), 1) == 15.0
    assert round(power_of(0.05, 487), 4) == 0.5975


@given(st.floats(0.02, 0.4), st.floats(0.1, 1.0), st.floats(0.55, 0.95), st.floats(1, 8))
@settings(max_examples=60, deadline=None)
def test_items_difference_and_power_agree(
    difference: float, spread: float, power: float, effect: float
) -> None:
    items = required_items(difference, spread, power=power, effect=effect)
    if items > 2:
        assert power_of(difference, items, spread, effect=effect) >= power - 1e-9
        assert power_of(difference, items - 1, spread, effect=effect) < power
    least = detectable_difference(items, spread, power=power, effect=effect)
    assert power_of(least, items, spread, effect=effect) == pytest.approx(power, abs=1e-9)


def test_clusters_multiply_the_items_by_the_design_effect() -> None:
    assert design_effect(10, 0.2) == pytest.approx(2.8)
    assert required_items(0.05, effect=design_effect(10, 0.2)) == 2198
    assert observed_design_effect([1, 1, 0, 0], ["a", "a", "b", "b"]) == pytest.approx(3.0)
    assert observed_design_effect([1, 1], ["a", "a"]) == NotEstimable("not estimable, one cluster")
    assert observed_design_effect([1, 1], ["a", "b"]) == NotEstimable("undefined, constant")


def test_the_difference_of_discordant_pairs_solves_its_own_equation() -> None:
    found = detectable_by_discordance(487, 0.2)
    assert isinstance(found, float)
    assert found == pytest.approx(detectable_difference(487, discordant_spread(0.2, found)), abs=1e-12)
    assert isinstance(detectable_by_discordance(3, 0.02), NotEstimable)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: required_items(0.0), "not zero"),
        (lambda: required_items(0.1, 0.0), "spread"),
        (lambda: required_items(0.1, power=1.0), "power"),
        (lambda: detectable_difference(0), "one item"),
        (lambda: power_of(0.1, 10, alpha=0), "alpha"),
        (lambda: design_effect(0.5, 0.1), "cluster size"),
        (lambda: discordant_spread(0.02, 0.05), "discordant"),
        (lambda: paired_spread(0.5, 0.5, 1.2), "correlation"),
    ],
)
def test_values_out_of_range_are_named(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()


def test_the_plan_fills_in_what_is_missing() -> None:
    assert plan(0.05, None).items == 785
    assert plan(None, 487).difference == pytest.approx(0.0634766, abs=1e-6)
    assert plan(0.05, 487).power == pytest.approx(0.5975, abs=5e-5)
    clustered = plan(0.05, None, cluster_size=10, icc=0.2)
    assert (clustered.items, clustered.patients) == (2198, 220)
    assert plan(None, 3, discordance=0.02).difference is None
    with pytest.raises(ConfigError, match="name --difference"):
        plan(None, None)
    with pytest.raises(ConfigError, match="ICC"):
        plan(0.05, None, icc=2)


def test_the_command_says_it_in_a_sentence_and_in_json() -> None:
    said = CliRunner().invoke(app, ["power", "--difference", "0.05"])
    assert said.output.startswith("785 items show a difference of 0.0500 with 80.0% power")
    found = CliRunner().invoke(app, ["power", "--items", "487", "--difference", "0.05", "--json"])
    assert json.loads(found.output)["power"] == pytest.approx(0.5975, abs=5e-5)
