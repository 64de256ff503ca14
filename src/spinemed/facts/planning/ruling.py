"""What every decision rule returns: whether it may key an item, its source, and the points by part."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TypeVar

from pydantic import Field, model_validator

from spinemed.facts.planning.sources import cite
from spinemed.records import Record

Name = TypeVar("Name", bound=str)


class Ruling(Record):
    """What a published rule says about one case.

    `keyed` is False where the sources leave a choice (a grey band, a tie, a number on a cut that the paper
    gives to neither side): no item may be generated on the recommendation then. Points and totals of a
    `Scored` ruling hold all the same.
    """

    keyed: bool = Field(description="whether the recommendation is the one answer of the source")
    source: str = Field(description="key of sources.CITATIONS")

    @model_validator(mode="after")
    def _source_is_known(self) -> Ruling:
        cite(self.source)
        return self


class Part(Record):
    """One line of a score: what was scored, the value seen, its points."""

    name: str
    value: str
    points: int


class Scored(Ruling):
    """A ruling with points; `total` is the sum of the parts."""

    parts: tuple[Part, ...]
    total: int

    @model_validator(mode="after")
    def _total_is_the_sum(self) -> Scored:
        if self.total != sum_of(self.parts):
            raise ValueError(f"total {self.total} is not the sum of {self.parts}; pass sum_of(parts)")
        return self


def sum_of(parts: tuple[Part, ...]) -> int:
    """Return the points of all parts together.

    >>> sum_of((Part(name="a", value="x", points=2), Part(name="b", value="y", points=3)))
    5
    """
    return sum(part.points for part in parts)


def one_of(value: Name, allowed: Collection[Name], name: str) -> Name:
    """Return the value if it is allowed; otherwise a ValueError that lists what is.

    >>> one_of("burst", ("compression", "burst"), "morphology")
    'burst'
    """
    if value not in allowed:
        known = ", ".join(repr(item) for item in allowed)
        raise ValueError(f"{name} is {value!r}, which this rule does not know; pass one of {known}")
    return value


def claim(value: bool, name: str) -> bool:
    """Return the value if it is True or False; anything else is a ValueError.

    >>> claim(True, "cauda_equina")
    True
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}; pass True or False, as the case states it")
    return value


def in_range(value: float, low: float, high: float, name: str) -> float:
    """Return the number if it lies in [low, high]; otherwise, or if it is not a number, a ValueError.

    >>> in_range(25.0, 0, 100, "slip_percent")
    25.0
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; pass a number from {low:g} to {high:g}")
    return value


def whole_number(value: int, low: int, high: int, name: str) -> int:
    """Return the whole number if it lies in [low, high]; otherwise a ValueError.

    >>> whole_number(7, 0, 18, "mjoa")
    7
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; pass a whole number from {low} to {high}")
    return value


def scored(name: str, value: Name, points: dict[Name, int]) -> Part:
    """Return one line of a score; a value without points is a ValueError that lists those with.

    >>> scored("morphology", "burst", {"compression": 1, "burst": 2}).points
    2
    """
    return Part(name=name, value=value, points=points[one_of(value, points, name)])
