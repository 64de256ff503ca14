"""The pelvis as lumps: iliac wings, acetabula, femoral heads, sit bones and pubis, turned about the hips."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from spinemed.phantom.anatomy.solids import Mould, Pose, rotation_about_left
from spinemed.phantom.patient.shapes import Patient

HIP_TO_SACRUM_MM: Final[float] = 108.0
"""From the axis of the hips to the middle of S1's endplate [assumed]."""

_HIP_ASIDE_MM: Final[dict[str, float]] = {"F": 87.0, "M": 90.0}
_HEAD_RADIUS_MM: Final[dict[str, float]] = {"F": 22.5, "M": 25.5}


def pelvis_pose(patient: Patient, slope_deg: float) -> Pose:
    """Return the pelvis's frame: origin in the middle between the hips, its up towards S1's endplate.

    Pelvic tilt = pelvic incidence - sacral slope: the further it tilts back, the further in front of the
    sacrum the hips lie.
    """
    tilt = math.radians(patient.pelvic_incidence_deg - slope_deg)
    rotation = rotation_about_left(-tilt)
    return Pose(-rotation[:, 2] * HIP_TO_SACRUM_MM * patient.scale, np.asarray(rotation))


def pelvis_moulds(patient: Patient) -> list[Mould]:
    """Return the pelvis's lumps in its frame; the iliac crests stand as high as the patient's own offset."""
    size = patient.scale
    aside, radius = _HIP_ASIDE_MM[patient.sex] * size, _HEAD_RADIUS_MM[patient.sex] * size
    crest = 62.0 * size + 0.5 * patient.surroundings.crest_offset_mm
    moulds = [Mould((0.0, -62.0 * size, -22.0 * size), (17.0, 9.0, 17.0))]
    for side in (-1.0, 1.0):
        socket = [
            Mould((side * aside, 0.0, 0.0), (radius, radius, radius)),
            Mould((side * (aside - 12.0), 2.0, 22.0 * size), (20.0, 24.0, 18.0), lift=0.4 * side),
            Mould((side * (aside - 17.0), 6.0, -4.0), (7.0, 24.0, 26.0)),
        ]
        # The wing runs from the joint with the sacrum outwards and forwards to the front of the crest.
        wing = [
            Mould(
                (side * 88.0 * size, 6.0, 84.0 * size),
                (40.0 * size, 9.0, crest),
                flare=0.95 * side,
                lift=0.25 * side,
            ),
            Mould(
                (side * 54.0 * size, 42.0 * size, 84.0 * size), (15.0, 17.0, 36.0 * size), flare=0.6 * side
            ),
        ]
        front = [
            Mould((side * 64.0 * size, 22.0, -48.0 * size), (11.0, 14.0, 26.0), lift=0.2 * side),
            Mould(
                (side * 40.0 * size, -42.0 * size, -12.0 * size), (34.0 * size, 6.5, 6.5), flare=-0.6 * side
            ),
            Mould(
                (side * 40.0 * size, -22.0 * size, -52.0 * size), (28.0 * size, 6.0, 7.0), flare=-0.6 * side
            ),
        ]
        moulds += [*socket, *wing, *front]
    return moulds
