"""The label maps of one grid: which tissue every pixel shows, and which structure it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.level_labels import value_of
from spinemed.phantom.rendering.tissues import TissueMap

OWNED_BY_SAC: Final = 100
OWNED_BY_CORD: Final = 101
OWNED_BY_EPIDURAL_FAT: Final = 110
OWNED_BY_DISC: Final = 128
"""A disc's owner is this plus the VerSe label of the vertebra above it."""

LAST_VERTEBRA: Final = 28
SAC, CORD, EPIDURAL_FAT, DISC = 100, 101, 150, 200
"""Structure numbers; a disc's is `DISC` plus the VerSe label of the vertebra above it."""


def _structure(owner: int) -> int:
    if owner > OWNED_BY_DISC:
        return owner - OWNED_BY_DISC + DISC
    known = {OWNED_BY_SAC: SAC, OWNED_BY_CORD: CORD, OWNED_BY_EPIDURAL_FAT: EPIDURAL_FAT}
    return known.get(owner, owner if owner <= LAST_VERTEBRA else 0)


_MASK_OF_OWNER: Final[bytes] = bytes(owner if owner <= LAST_VERTEBRA else 0 for owner in range(256))
# Owners are discs of VerSe labels up to 28, so that all structure numbers fit into a byte.
_STRUCTURE_OF_OWNER: Final[bytes] = bytes(min(_structure(owner), 255) for owner in range(256))


@dataclass(frozen=True, eq=False)
class LabelMaps:
    """Tissue numbers and owners on one grid, [slice, row, column] uint8.

    Owners: 0 nothing, 1 to 28 a vertebra by VerSe label, and the constants of this file.
    """

    tissue: TissueMap
    owner: NDArray[np.uint8]

    @cached_property
    def vertebra(self) -> NDArray[np.uint8]:
        """Return the VerSe labels; 0 is no vertebra. All series of these maps share the array."""
        return renamed(self.owner, _MASK_OF_OWNER)

    @cached_property
    def structures(self) -> NDArray[np.uint16]:
        """Return the structure numbers as `RenderedSeries.structures` explains them; shared as well."""
        return renamed(self.owner, _STRUCTURE_OF_OWNER).astype(np.uint16)


def renamed(numbers: NDArray[np.uint8], names: bytes) -> NDArray[np.uint8]:
    """Return the numbers with each replaced by its entry in 256 `names`.

    >>> renamed(np.array([0, 2], np.uint8), bytes([7, 8, 9]) + bytes(253)).tolist()
    [7, 9]
    """
    return np.frombuffer(bytearray(numbers).translate(names), np.uint8).reshape(numbers.shape)


def put(numbers: NDArray[np.uint8], value: int, where: NDArray[np.bool_]) -> None:
    """Write a tissue or an owner into part of a map, in place."""
    np.copyto(numbers, np.uint8(value), where=where)


@cache
def verse_value(level: str) -> int:
    """Return the VerSe label of a vertebra; any sacral segment gives S1's, which stands for the sacrum.

    >>> verse_value("C1"), verse_value("T8"), verse_value("L5"), verse_value("S1")
    (1, 15, 24, 26)
    """
    return int(value_of("verse", "S1" if level.startswith("S") else level))
