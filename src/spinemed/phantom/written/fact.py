"""What a written report may state of a patient, before it has words: one fact a site and side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeVar

from spinemed.records import Pathology, Posture, Side

Method = Literal["mr", "ct", "xr", "bending"]
"""How a patient was examined: MRI, CT, films standing, films in flexion and extension."""
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement about one site, as in `records.Finding`, without words and without an id.

    `value` is the number as a report prints it, so already rounded. `healthy` is the number that the same
    measure would have in health (the depth of the sac in mm), None where a report has no use for it.
    """

    site: str
    pathology: Pathology
    method: Method
    grade: str = ""
    side: Side | None = None
    present: bool = True
    value: float | None = None
    unit: str = ""
    detail: str = ""
    extent: tuple[str, str] | None = None
    posture: Posture = "lying"
    error: float | None = None
    healthy: float | None = None


@dataclass(frozen=True, slots=True)
class Exam:
    """One examination: how, and which vertebrae it shows whole, from the head down, S1 at the end or not."""

    method: Method
    levels: tuple[str, ...]

    @property
    def posture(self) -> Posture:
        """Return the posture; films in bending have two, which their facts tell themselves."""
        return {"xr": "standing", "bending": "unknown"}.get(self.method, "lying")  # type: ignore[return-value]

    def shows(self, site: str) -> bool:
        """Return whether every vertebra of a site is shown."""
        return all(level in self.levels for level in site.split("-"))


class Draws:
    """The drawings of one written case: they follow from its seed alone, whatever Python draws them."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)

    def chance(self, share: float) -> bool:
        """Return True in a share of all draws."""
        return self._rng.random() < share

    def one(self, items: Sequence[Item]) -> Item:
        """Return one of the items, each alike likely; an IndexError where there is none."""
        return items[int(self._rng.random() * len(items))]

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both with them."""
        return low + int(self._rng.random() * (high - low + 1))

    def weighed(self, items: Sequence[Item], weights: Sequence[float]) -> Item:
        """Return one of the items by its weight."""
        place = self._rng.random() * sum(weights)
        for item, weight in zip(items, weights, strict=True):
            place -= weight
            if place < 0:
                return item
        return items[-1]

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        """Return so many of the items, or all, in their order."""
        left, kept = count, list[Item]()
        for place, item in enumerate(items):
            if self._rng.random() * (len(items) - place) < left:
                kept.append(item)
                left -= 1
        return kept
