"""Random fields for organs, marrow and noise, cropped from banks that are built once a process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, Literal

import numpy as np

from spinemed.phantom.anatomy.solids import Floats

Weave = Literal["noise", "grain", "fine", "mottled", "medium", "coarse", "streak", "band"]

_BANK_SIZE: Final[int] = 768
# Pixels (row, column) over which each weave varies; "noise" is white, "grain" neighbours' mean.
_CELLS: Final[dict[Weave, tuple[int, int]]] = {
    "noise": (1, 1),
    "grain": (2, 2),
    "fine": (3, 3),
    "mottled": (4, 4),
    "medium": (8, 8),
    "coarse": (18, 18),
    "streak": (13, 4),
    "band": (3, 6),
}
# How fast a field changes from slice to slice: the angle in radians by which it turns into another one.
_TURN: Final[float] = 0.55


def field(rng: np.random.Generator, weave: Weave, shape: tuple[int, int, int]) -> Floats:
    """Return a field of about unit variance [slice, row, column], alike in slices that lie together.

    A read-only view where one slice is asked for. White noise is independent from slice to slice.

    >>> field(np.random.default_rng(0), "medium", (2, 30, 20)).shape
    (2, 30, 20)
    """
    layer = layers(rng, weave, shape)
    if shape[0] == 1:
        return layer(0)[None]
    found = np.empty(shape, np.float32)
    for number in range(shape[0]):
        found[number] = layer(number)
    return found


def layers(rng: np.random.Generator, weave: Weave, shape: tuple[int, int, int]) -> Callable[[int], Floats]:
    """Return what gives each slice [row, column] of a `field` by its number; all is drawn at once."""
    bank = _bank(weave)
    if weave in ("noise", "grain"):
        return [_crop(rng, bank, shape[1:]) for _ in range(shape[0])].__getitem__
    # As many draws for one slice as for many: what is drawn afterwards is the same on every grid.
    first, second = _crop(rng, bank, shape[1:]), _crop(rng, bank, shape[1:])
    angles = _TURN * np.arange(shape[0], dtype=np.float32)
    cosines, sines = np.cos(angles), np.sin(angles)

    def turned(number: int) -> Floats:
        if shape[0] == 1:
            return first
        found: Floats = cosines[number] * first
        found += sines[number] * second
        return found

    return turned


def _smooth_field(
    rng: np.random.Generator, shape: tuple[int, int, int], cell: tuple[int, int, int]
) -> Floats:
    """A fresh field of about unit variance [slice, row, column] that varies over `cell` pixels.

    Knots of white noise are joined by smoothed linear interpolation along each axis.
    """
    knots = rng.standard_normal(
        [size // step + 2 for size, step in zip(shape, cell, strict=True)], dtype=np.float32
    )
    along = [
        _interpolation(size, step, count) for size, step, count in zip(shape, cell, knots.shape, strict=True)
    ]
    slices = np.tensordot(along[0], knots, axes=1)  # [slice, knot row, knot column]
    smooth: Floats = np.matmul(along[1] @ slices, along[2].T, dtype=np.float32)
    smooth *= np.float32(1.35)  # interpolation between knots costs variance
    return smooth


@cache
def _bank(weave: Weave) -> Floats:
    """One square of a weave, the same in every process: a patient's stream chooses only where to crop."""
    rng = np.random.default_rng(sorted(_CELLS).index(weave) + 9001)
    size = _BANK_SIZE
    if weave == "noise":
        bank = rng.standard_normal((size, size), dtype=np.float32)
    elif weave == "grain":
        # Neighbours share noise, as a smooth kernel makes them.
        white = rng.standard_normal((size + 1, size + 1), dtype=np.float32)
        bank = (white[:-1, :-1] + white[1:, :-1] + white[:-1, 1:] + white[1:, 1:]) / np.float32(2)
    else:
        bank = _smooth_field(rng, (1, size, size), (1, *_CELLS[weave]))[0]
        if weave == "mottled":  # spots of several sizes, as marrow shows them
            bank = (bank + _smooth_field(rng, (1, size, size), (1, 9, 9))[0]) * np.float32(0.7)
    bank.setflags(write=False)
    return bank


def _crop(rng: np.random.Generator, bank: Floats, shape: tuple[int, int]) -> Floats:
    """A view of the bank at a random place, mirrored at random; pictures beyond its size repeat it."""
    if max(shape) >= _BANK_SIZE:
        bank = np.tile(bank, [size // _BANK_SIZE + 2 for size in shape])
    drawn = rng.random(3).tolist()
    mirrored = int(4 * drawn[2])
    row, column = (
        int(part * (whole - size)) for part, whole, size in zip(drawn[:2], bank.shape, shape, strict=True)
    )
    piece = bank[row : row + shape[0], column : column + shape[1]]
    return piece[:: -1 if mirrored & 1 else 1, :: -1 if mirrored & 2 else 1]


def _interpolation(size: int, step: int, knots: int) -> Floats:
    """Weights [pixel, knot] that ease from knot to knot."""
    place = np.arange(size) / step
    first = place.astype(int)
    part = place - first
    part = part * part * (3 - 2 * part)
    weights = np.zeros((size, knots), np.float32)
    rows = np.arange(size)
    weights[rows, first] = 1 - part
    weights[rows, first + 1] = part
    return weights
