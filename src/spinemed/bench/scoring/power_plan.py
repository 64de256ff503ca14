"""What a planned paired comparison can show: items for a difference, difference for items, or its power."""

from __future__ import annotations

import math

from pydantic import Field

from spinemed.errors import ConfigError
from spinemed.intervals import NotEstimable
from spinemed.power import (
    design_effect,
    detectable_by_discordance,
    detectable_difference,
    discordant_spread,
    paired_spread,
    power_of,
    required_items,
)
from spinemed.records import Record


class Plan(Record):
    """A paired comparison as planned; of difference, items and power two were given."""

    difference: float | None = Field(description="null where so few items cannot show any")
    items: int
    power: float
    alpha: float
    spread: float | None = Field(description="standard deviation of the paired differences")
    discordance: float | None = Field(description="share of items on which just one is right, if given")
    cluster_size: float
    icc: float
    design_effect: float
    patients: int = Field(description="clusters that hold the items")


def plan(
    difference: float | None,
    items: int | None,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    deviation: float = 0.5,
    correlation: float = 0.5,
    discordance: float | None = None,
    cluster_size: float = 1.0,
    icc: float = 0.0,
) -> Plan:
    """Return the plan with the missing one of difference, items and power; with both given, its power.

    `deviation` is of each score, `correlation` of the two scores of an item; `discordance` takes the place of
    both for right-or-wrong scores. Raises ConfigError where nothing is given or a value is out of range.
    """
    if difference is None and items is None:
        raise ConfigError("name --difference to get the items, --items to get the difference, or both")
    asked = difference is not None
    try:
        effect = design_effect(cluster_size, icc)
        if difference is None:
            found = smallest(items or 0, power, alpha, effect, deviation, correlation, discordance)
            difference = None if isinstance(found, NotEstimable) else found
        spread = spread_of(deviation, correlation, discordance, difference or 0.0)
        if items is None:
            items = required_items(difference or 0.0, spread, power=power, alpha=alpha, effect=effect)
        elif asked:
            power = power_of(difference or 0.0, items, spread, alpha=alpha, effect=effect)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return Plan(
        difference=difference,
        items=items,
        power=power,
        alpha=alpha,
        spread=None if difference is None else spread,
        discordance=discordance,
        cluster_size=cluster_size,
        icc=icc,
        design_effect=effect,
        patients=math.ceil(items / cluster_size),
    )


def smallest(
    items: int,
    power: float,
    alpha: float,
    effect: float,
    deviation: float,
    correlation: float,
    discordance: float | None,
) -> float | NotEstimable:
    """Return the smallest difference that the items show."""
    if discordance is not None:
        return detectable_by_discordance(items, discordance, power=power, alpha=alpha, effect=effect)
    spread = paired_spread(deviation, deviation, correlation)
    return detectable_difference(items, spread, power=power, alpha=alpha, effect=effect)


def spread_of(deviation: float, correlation: float, discordance: float | None, difference: float) -> float:
    """Return the standard deviation of the paired differences."""
    if discordance is not None:
        return discordant_spread(discordance, difference)
    return paired_spread(deviation, deviation, correlation)


def sentence(found: Plan) -> str:
    """Return the plan in one plain sentence."""
    items = f"{found.items:,} items"
    if found.cluster_size > 1:
        items += f" of {found.patients:,} patients (design effect {found.design_effect:.2f})"
    if found.difference is None:
        return f"{items} show no difference with {found.power:.0%} power: too few pairs would be discordant."
    return (
        f"{items} show a difference of {found.difference:.4f} with {found.power:.1%} power "
        f"in a paired test at alpha {found.alpha:g}."
    )
