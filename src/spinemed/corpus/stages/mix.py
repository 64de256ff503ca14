"""The mix of a corpus: how many instances are wanted of each task, axis, modality, language and condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spinemed.records import Record

DIMENSIONS: Final = ("task", "axis", "modality", "language", "condition")
THINNED: Final = ("task", "axis", "modality", "language")
"""Dimensions whose surplus is left out; an instance may have several conditions, so those are counted."""

Dimension = Literal["task", "axis", "modality", "language", "condition"]


class Mix(Record):
    """How many instances are wanted, in all and by value of each dimension; where none is named, none is.

    A value may have up to `surplus` more than its target; beyond that instances are left out by the hash of
    their id, which tells nothing about their answer. What falls short is reported, never padded.
    """

    total: int = Field(0, ge=0)
    surplus: float = Field(0.1, ge=0)
    targets: dict[Dimension, dict[str, int]] = Field(default_factory=dict)


def chance_of(identity: str) -> float:
    """Return a number in [0, 1) that depends on an id alone, apart from every other use of its hash.

    >>> 0 <= chance_of("3f2a") < 1
    True
    """
    return int.from_bytes(sha256(f"mix:{identity}".encode()).digest()[:8], "big") / 2**64


def thinned(mix: Mix, values: Mapping[str, Sequence[str]], chances: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which instances stay, shape (n,): surplus over the targets is left out, dimension by dimension.

    `values` gives dimension -> the value of each of n instances, for the dimensions in `THINNED`; `chances`
    their `chance_of`. Of a value in surplus those with the smallest chances stay.

    >>> wanted = Mix(surplus=0, targets={"task": {"choice": 1}})
    >>> thinned(wanted, {"task": ["choice", "choice", "open"]}, np.array([0.9, 0.1, 0.5])).tolist()
    [False, True, True]
    """
    stays = np.ones(len(chances), dtype=bool)
    order = np.argsort(chances, kind="stable")
    for dimension in THINNED:
        for value, wanted in sorted(mix.targets.get(dimension, {}).items()):
            mine = np.asarray(values[dimension], dtype=object) == value
            most = round(wanted * (1 + mix.surplus))
            places = order[(mine & stays)[order]]
            stays[places[most:]] = False
    return stays


def shortfalls(mix: Mix, counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return "dimension: value" -> how many instances are missing of what is wanted, and "total".

    >>> shortfalls(Mix(total=5, targets={"task": {"open": 3}}), {"task": {"open": 2, "choice": 2}})
    {'total': 1, 'task: open': 1}
    """
    found = {"total": mix.total - sum(counts.get("task", {}).values())}
    for dimension, targets in mix.targets.items():
        for value, wanted in targets.items():
            found[f"{dimension}: {value}"] = wanted - counts.get(dimension, {}).get(value, 0)
    return {name: missing for name, missing in found.items() if missing > 0}
