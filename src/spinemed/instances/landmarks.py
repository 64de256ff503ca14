"""Levels that the wordings of a kind name themselves: landmarks to count from, limits of a region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from spinemed.records import Kind

LANDMARKS: Final[Mapping[Kind, frozenset[str]]] = {
    "level_if_told": frozenset({"C2"}),
    "transitional": frozenset({"L5-S1"}),
    "scoliosis_side": frozenset({"T11", "T12"}),
}
