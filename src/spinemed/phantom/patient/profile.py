"""The mean spine of one sex and variant: levels from below, sizes, disc heights and wedges as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.patient.morphometry import BODY_SIZES, DISC_HEIGHTS, expected_wedge_deg
from spinemed.phantom.patient.shapes import Sex, Variant

_COUNTS: Final[dict[Variant, tuple[int, int]]] = {"L6": (12, 6), "T13": (13, 5), "L4_only": (12, 4)}


@dataclass(frozen=True, eq=False)
class Profile:
    """Mean values a level, from the last lumbar up to C1: sizes [level, 5] as in BodySize, mm and degrees."""

    levels: tuple[str, ...]
    sizes: NDArray[np.float64]
    disc_heights: NDArray[np.float64]
    wedges_deg: NDArray[np.float64]


def counts_of(variant: Variant) -> tuple[int, int]:
    """Return the numbers of thoracic and lumbar vertebrae of a variant."""
    return _COUNTS.get(variant, (12, 5))


def levels_of(variant: Variant) -> tuple[str, ...]:
    """Return the vertebrae of a variant, from the last lumbar up to C1.

    >>> levels_of("L6")[0], levels_of("L4_only")[0], levels_of("T13")[5], len(levels_of("none"))
    ('L6', 'L4', 'T13', 24)
    """
    thoracic, lumbar = counts_of(variant)
    return (
        *(f"L{number}" for number in range(lumbar, 0, -1)),
        *(f"T{number}" for number in range(thoracic, 0, -1)),
        *(f"C{number}" for number in range(7, 0, -1)),
    )


@cache
def profile(variant: Variant, sex: Sex) -> Profile:
    """Return the mean spine of a variant and sex.

    With four or six lumbar vertebrae the shapes follow the place between T12 and the sacrum, not the name:
    the last lumbar vertebra looks like an L5 whatever it is called.
    """
    levels = levels_of(variant)
    lumbar = counts_of(variant)[1]
    rows = []
    for level in levels:
        place = 1 + (int(level[1:]) - 1) * 4 / (lumbar - 1) if level[0] == "L" else 0.0
        lower = f"L{int(place)}" if place else level
        upper = f"L{min(int(place) + 1, 5)}" if place else level
        share = place - int(place)
        rows.append(
            [(1 - share) * a + share * b for a, b in zip(_row(lower, sex), _row(upper, sex), strict=True)]
        )
    table = np.array(rows)
    return Profile(levels, table[:, :5], table[:, 5], table[:, 6])


def _row(level: str, sex: Sex) -> tuple[float, ...]:
    return (*BODY_SIZES[level], DISC_HEIGHTS.get(level, 0.0), expected_wedge_deg(level, sex))
