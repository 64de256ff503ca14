"""A patient in the making: healthy shapes that conditions change one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from spinemed.phantom.patient.conditions import Condition
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.patient.shapes import DiscShape, Sex, Side, Variant, VertebraShape


@dataclass
class Draft:
    """Shapes by level, from the last lumbar upwards, and what later steps need to know.

    `busy_bones` and `busy_discs` already carry a finding that no other condition may overwrite.
    `healthy_ratio` holds the height ratios from before any fracture. `kyphosis_deg` is a target that a
    condition set; `hinge_deg` are wedges that an injury adds to discs.
    """

    seed: int
    sex: Sex
    age: int
    scale: float
    variant: Variant
    settings: PatientSettings
    bones: dict[str, VertebraShape]
    discs: dict[str, DiscShape]
    busy_bones: set[str] = field(default_factory=set)
    busy_discs: set[str] = field(default_factory=set)
    healthy_ratio: dict[str, float] = field(default_factory=dict)
    hinge_deg: dict[str, float] = field(default_factory=dict)
    kyphosis_deg: float | None = None
    curved: bool = False
    myelopathy: str = ""
    sacral_screws: bool = False

    @property
    def levels(self) -> list[str]:
        """Return the levels of the vertebrae, from the last lumbar upwards."""
        return list(self.bones)

    def change_bone(self, level: str, *, busy: bool = True, **changes: Any) -> None:
        """Replace fields of one vertebra; marks it as busy unless told otherwise."""
        self.bones[level] = replace(self.bones[level], **changes)
        if busy:
            self.busy_bones.add(level)

    def change_disc(self, above: str, *, busy: bool = True, **changes: Any) -> None:
        """Replace fields of the disc below a vertebra; marks it as busy unless told otherwise."""
        self.discs[above] = replace(self.discs[above], **changes)
        if busy:
            self.busy_discs.add(above)

    def below(self, level: str) -> str:
        """Return the vertebra below a level, S1 below the last lumbar."""
        levels = self.levels
        place = levels.index(level)
        return levels[place - 1] if place else "S1"

    def depth_below_mm(self, above: str) -> float:
        """Return the depth of the endplate that the vertebra `above` stands on."""
        below = self.below(above)
        # S1's endplate is 0.95 times as deep as the last lumbar body.
        return 0.95 * self.bones[above].depth_mm if below == "S1" else self.bones[below].depth_mm

    def sac_depth_mm(self, above: str) -> float:
        """Return about how deep the dural sac is at a disc: 0.88 of the bony canal."""
        return 0.88 * self.bones[above].canal_depth_mm

    def pick_discs(
        self, rng: np.random.Generator, condition: Condition, count: int | None = None
    ) -> list[str]:
        """Return the free discs that a condition strikes (by the vertebra above), drawn by its weights."""
        free = {level: weight for level, weight in condition.levels.items() if level in self.discs}
        return self._picked(
            rng, condition, {k: w for k, w in free.items() if k not in self.busy_discs}, count
        )

    def pick_bones(
        self, rng: np.random.Generator, condition: Condition, count: int | None = None
    ) -> list[str]:
        """Return the free vertebrae that a condition strikes, drawn by its weights."""
        free = {level: weight for level, weight in condition.levels.items() if level in self.bones}
        return self._picked(
            rng, condition, {k: w for k, w in free.items() if k not in self.busy_bones}, count
        )

    def _picked(
        self, rng: np.random.Generator, condition: Condition, free: dict[str, float], count: int | None
    ) -> list[str]:
        found: list[str] = []
        if self.settings.level in free and self.settings.level is not None:
            found.append(self.settings.level)
            del free[self.settings.level]
        wanted = condition.how_many(rng) if count is None else count
        while free and len(found) < wanted:
            found.append(drawn(rng, free))
            del free[found[-1]]
        return found


def drawn(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """Return one key, drawn by its weight.

    >>> drawn(np.random.default_rng(0), {"a": 0.0, "b": 2.0})
    'b'
    """
    place = float(rng.random()) * sum(weights.values())
    for key, weight in weights.items():
        place -= weight
        if place < 0:
            return key
    return list(weights)[-1]


def drawn_side(rng: np.random.Generator) -> Side:
    """Return left or right, equally often."""
    return "left" if rng.random() < 0.5 else "right"
