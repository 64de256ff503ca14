"""The ribs as bent tubes on the thoracic vertebrae; the last ones are as long as the patient has them."""

from __future__ import annotations

import math
from functools import cache
from typing import Final, Literal

import numpy as np

from spinemed.phantom.anatomy.parts import Rib, Vertebra
from spinemed.phantom.anatomy.solids import Array
from spinemed.phantom.patient.shapes import Patient

_POINTS: Final = 12
# Half width of the chest at each pair of ribs counted from the first, in mm; how far round the rib runs
# (1: to the breastbone's side), and how steeply it falls, mm down for each mm forwards [assumed].
_HALF_WIDTH_MM: Final = (48, 66, 82, 96, 107, 116, 123, 127, 127, 123, 112, 100, 88)
_ROUND: Final = (0.95, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.97, 0.93, 0.86, 0.55, 0.34, 0.22)
_FALL: Final = (0.40, 0.48, 0.56, 0.63, 0.68, 0.72, 0.76, 0.80, 0.84, 0.86, 0.80, 0.75, 0.60)
_RADIUS_MM: Final = 4.2


@cache
def _templates(count: int) -> Array:
    """Unit curves [rib, point, 3] (aside, back, up) of the left ribs, from the head on."""
    along = np.linspace(0.0, 1.0, _POINTS)
    curves = []
    for place in range(count):
        turn = math.pi * (0.03 + 0.93 * along * _ROUND[place])
        aside, back = np.sin(turn) ** 0.85, 0.50 * np.cos(turn)
        # First back to the angle of the rib, then round the side to the front, falling all the way.
        back = back + 0.28 * np.exp(-(((along * _ROUND[place] - 0.17) / 0.13) ** 2))
        steps = np.diff(back, prepend=back[0])
        fall = np.cumsum(np.where(steps > 0, 0.5 * steps, -steps))
        curves.append(np.stack([aside, back, -_FALL[place] * fall - 0.12 * along], axis=1))
    return np.array(curves)


def place_ribs(patient: Patient, vertebrae: tuple[Vertebra, ...]) -> tuple[Rib, ...]:
    """Return left and right rib of each thoracic vertebra, from the lowest pair upwards."""
    bearers = [part for part in reversed(vertebrae) if part.level[0] == "T"]
    around, count = patient.surroundings, len(bearers)
    curves = _templates(count).copy()
    curves *= (np.array(_HALF_WIDTH_MM[:count]) * patient.scale * (0.5 + 0.5 * around.girth))[:, None, None]
    curves[:, :, 2] *= 1.0 + around.rib_offset
    # The last two pairs end free: shortened or drawn out along their own course.
    for place, share in ((count - 2, 0.6 + 0.4 * around.last_rib), (count - 1, around.last_rib)):
        curves[place] = _along(curves[place], np.linspace(0.0, share, _POINTS) * (_POINTS - 1))
    bodies = [part.body for part in bearers]
    heads = np.array(
        [(0.92 * body.half_width, 0.75 * body.half_depth, 0.35 * body.half_height) for body in bodies]
    )
    rotations = np.array([body.pose.rotation for body in bodies]).transpose(0, 2, 1)
    origins = np.array([body.pose.origin_mm for body in bodies])[:, None]
    local = curves - curves[:, :1] + heads[:, None]
    left, right = origins + local @ rotations, origins + (local * (-1.0, 1.0, 1.0)) @ rotations
    return tuple(
        Rib(bearers[place].level, side, points[place], _RADIUS_MM)
        for place in reversed(range(count))
        for side, points in _sides(left, right)
    )


def _sides(left: Array, right: Array) -> tuple[tuple[Literal["left"], Array], tuple[Literal["right"], Array]]:
    return ("left", left), ("right", right)


def _along(curve: Array, reach: Array) -> Array:
    """The curve [point, 3] at fractional places, drawn out in its last direction beyond its end."""
    last = len(curve) - 1
    places = np.arange(len(curve))
    inner = np.stack(
        [np.interp(np.minimum(reach, last), places, curve[:, axis]) for axis in range(3)], axis=1
    )
    return np.asarray(inner + np.maximum(reach - last, 0.0)[:, None] * (curve[-1] - curve[-2]))
