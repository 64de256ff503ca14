"""The centre line of bodies and canal of a placed spine as a table over z."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from spinemed.phantom.anatomy.parts import Midline, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.solids import Array, Pose

_STEP_MM: Final[float] = 0.5
_BEYOND_MM: Final[float] = 30.0
_LEAST_UPRIGHT: Final[float] = 0.55


def midline_of(
    vertebrae: tuple[Vertebra, ...], sacrum: tuple[Vertebra, ...], discs: Sequence[PlacedDisc]
) -> Midline:
    """Return body and canal centres over z at half millimetres, from the coccyx to C1.

    The line passes through the middle of every body and every disc (`discs` from the one on S1 upwards).
    The canal's half depth is that of a horizontal cut: deeper where the canal leans.
    """
    knots = [_in_bone(part) for part in (*reversed(sacrum), vertebrae[0])]
    for disc, low, high in zip(discs, (sacrum[0], *vertebrae), vertebrae, strict=False):
        if high is not vertebrae[0]:
            knots.append(_in_bone(high))
        knots.insert(-1, _in_disc(disc, low, high))
    knots.append(_in_bone(vertebrae[-1]))
    table = np.array([_row(knot) for knot in knots])
    heights = np.arange(table[0, 0] - _BEYOND_MM, table[-1, 0] + _BEYOND_MM, _STEP_MM)
    over_body, over_canal = _rising(table[:, 0]), _rising(table[:, 4])
    body = [np.interp(heights, over_body, table[:, column]).astype(np.float32) for column in (1, 2, 3)]
    canal = [np.interp(heights, over_canal, table[:, column]).astype(np.float32) for column in (5, 6, 7, 8)]
    return Midline(float(heights[0]), _STEP_MM, *body, *canal)


def _rising(heights: Array) -> Array:
    """Heights that never fall: a steep sacrum or a fracture may set one canal centre below the last."""
    return np.asarray(np.maximum.accumulate(heights + 1e-6 * np.arange(len(heights))))


class _Knot(NamedTuple):
    """A place on the line: pose and half depth of bone or disc, the canal's sizes and place."""

    pose: Pose
    half_depth: float
    depth: float
    width: float
    behind: float


def _in_bone(part: Vertebra) -> _Knot:
    depth = part.canal_depth_mm
    # Behind C1's anterior arch lies the dens first; behind broken partes the canal is wider.
    if part.level == "C1":
        return _Knot(part.body.pose, part.body.half_depth, 0.6 * depth, part.canal_width_mm, 0.7 * depth)
    behind = depth / 2 + 0.45 * part.arch_back_mm
    return _Knot(part.body.pose, part.body.half_depth, depth, part.canal_width_mm, behind)


def _in_disc(disc: PlacedDisc, low: Vertebra, high: Vertebra) -> _Knot:
    below, above = _in_bone(low), _in_bone(high)
    depth, width, behind = ((one + other) / 2 for one, other in zip(below[2:], above[2:], strict=True))
    return _Knot(disc.solid.pose, disc.solid.half_depth, depth, width, behind)


def _row(knot: _Knot) -> tuple[float, ...]:
    """Height, left, back and half depth of the body, then height, left, back and half sizes of the canal."""
    origin, rotation = knot.pose
    x, y, z = origin.tolist()
    left, back, up = (origin + rotation[:, 1] * (knot.half_depth + knot.behind)).tolist()
    steep = 1 / max(float(rotation[2, 2]), _LEAST_UPRIGHT)
    return z, x, y, knot.half_depth, up, left, back, knot.depth / 2 * steep, knot.width / 2
