"""The centre line of bodies and canal of a placed spine as a table over z."""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemed.phantom.anatomy.parts import Midline, Vertebra
from spinemed.phantom.anatomy.solids import Array

_STEP_MM: Final[float] = 0.5
_BEYOND_MM: Final[float] = 30.0
_LEAST_UPRIGHT: Final[float] = 0.55


def midline_of(vertebrae: tuple[Vertebra, ...], sacrum: tuple[Vertebra, ...]) -> Midline:
    """Return body and canal centres over z at half millimetres, from the coccyx to C1.

    The canal's half depth is that of a horizontal cut: deeper where the canal leans.
    """
    bones = [*reversed(sacrum), *vertebrae]
    table = np.array([_row(part) for part in bones])
    heights = np.arange(table[0, 0] - _BEYOND_MM, table[-1, 0] + _BEYOND_MM, _STEP_MM)
    over_body, over_canal = _rising(table[:, 0]), _rising(table[:, 4])
    body = [np.interp(heights, over_body, table[:, column]).astype(np.float32) for column in (1, 2, 3)]
    canal = [np.interp(heights, over_canal, table[:, column]).astype(np.float32) for column in (5, 6, 7, 8)]
    return Midline(float(heights[0]), _STEP_MM, *body, *canal)


def _rising(heights: Array) -> Array:
    """Heights that never fall: a steep sacrum or a fracture may set one canal centre below the last."""
    return np.asarray(np.maximum.accumulate(heights + 1e-6 * np.arange(len(heights))))


def _row(part: Vertebra) -> tuple[float, ...]:
    """Height, left, back and half depth of the body, then height, left, back and half sizes of the canal."""
    body, depth = part.body, part.canal_depth_mm
    # Behind C1's anterior arch lies the dens first; behind broken partes the canal is wider.
    behind = depth / 2 + 0.45 * part.arch_back_mm
    if part.level == "C1":
        behind, depth = 0.70 * depth, 0.60 * depth
    origin, rotation = body.pose
    x, y, z = origin.tolist()
    left, back, up = (origin + rotation[:, 1] * (body.half_depth + behind)).tolist()
    steep = 1 / max(float(rotation[2, 2]), _LEAST_UPRIGHT)
    return z, x, y, body.half_depth, up, left, back, depth / 2 * steep, part.canal_width_mm / 2
