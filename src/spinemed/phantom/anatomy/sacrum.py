"""The sacrum and the coccyx: segments that taper and curve away below S1, with wings, crest and remnants."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from spinemed.phantom.anatomy.solids import Body, Disc, Mould, Pose, rotation_about_back, rotation_about_left
from spinemed.phantom.patient.shapes import Patient

# Segments from S1 down: height in mm, depth and width as shares of the last lumbar vertebra's, turn
# against the one above in degrees [assumed]; the coccyx is three small segments of one name.
_SEGMENTS: Final[tuple[tuple[str, float, float, float, float], ...]] = (
    ("S1", 29.0, 0.95, 1.00, 0.0),
    ("S2", 25.0, 0.68, 0.80, -2.0),
    ("S3", 21.0, 0.51, 0.66, -13.0),
    ("S4", 18.0, 0.42, 0.58, -20.0),
    ("S5", 15.0, 0.35, 0.50, -17.0),
    ("Co", 11.0, 0.27, 0.38, -9.0),
    ("Co", 9.0, 0.22, 0.28, -7.0),
    ("Co", 7.0, 0.17, 0.18, -5.0),
)
_SACRAL: Final = 5


class Segment(NamedTuple):
    """One placed segment and the remnant of disc below it (None below the last)."""

    level: str
    place: int
    body: Body
    remnant: Disc | None
    canal_depth_mm: float
    canal_width_mm: float


def place_sacrum(patient: Patient, slope_deg: float) -> list[Segment]:
    """Return S1 to S5 and the coccyx, hung from the origin with S1's endplate at the sacral slope."""
    last = patient.vertebrae[0]
    bow, phase = patient.lateral_mm
    lean = rotation_about_back(math.atan(bow * (2 * math.pi / 300.0) * math.cos(phase)))
    base, tip, above_half_depth = np.zeros(3), math.radians(slope_deg), 0.0
    segments: list[Segment] = []
    for place, (level, height, deep, wide, turn) in enumerate(_SEGMENTS):
        tip += math.radians(turn) * patient.sacral_curve
        rotation = lean @ rotation_about_left(tip)
        half_height, half_depth = height * patient.scale / 2, deep * last.depth_mm / 2
        # The walls run on from segment to segment: each tapers to the next one's depth, set back by half
        # the step.
        below = _SEGMENTS[place + 1][2] if place + 1 < len(_SEGMENTS) else 0.8 * deep
        taper = (deep - below) / (deep + below)
        half_depth *= 1 / (1 + taper)
        step = max(above_half_depth - half_depth * (1 + taper), 0.0) * 0.3
        base = base + rotation[:, 1] * step
        body = Body(
            Pose(base - rotation[:, 2] * half_height, rotation),
            half_width=wide * last.width_mm / 2,
            half_depth=half_depth,
            half_height=half_height - 0.7,
            slope=0.0,
            concavity=0.5,
            waist=0.04,
            taper=taper,
        )
        base = base - rotation[:, 2] * (2 * half_height)
        above_half_depth = half_depth * (1 - taper)
        remnant = None
        if place + 1 < len(_SEGMENTS):
            remnant = Disc(
                Pose(base, rotation), body.half_width * 0.7, above_half_depth * 0.8, 1.6, 0.0, 0.0, 5
            )
        depth = max(last.canal_depth_mm * (0.85 - 0.15 * place), 5.0 if place < _SACRAL else 2.0)
        width = last.canal_width_mm * max(1.0 - 0.14 * place, 0.15)
        segments.append(Segment(level, place, body, remnant, depth, width))
    return segments


def sacral_moulds(part: Segment) -> list[Mould]:
    """Return the lumps of one segment: median crest, roof, and down to S3 the wings with the joint's face."""
    if part.level == "Co":
        return []
    body, canal = part.body, part.canal_depth_mm
    wall, height, small = body.half_depth, 2 * body.half_height, 1.0 - 0.15 * part.place
    crest = (0.0, wall + canal + 4.0 * small, 0.0)
    moulds = [Mould(crest, (5.0, 5.5 * small, 0.42 * height), squared=True)]
    for side in (-1.0, 1.0):
        roof = (side * part.canal_width_mm * 0.42, wall + canal + 2.0, 0.0)
        moulds.append(Mould(roof, (7.0, 3.2, 0.48 * height)))
        if part.place == 0:
            # The wing of S1 falls away to the side from the promontory; the process faces L5's.
            wing = (side * (body.half_width + 10.0), 0.30 * wall, -0.12 * height)
            moulds.append(Mould(wing, (23.0, 15.5, 0.50 * height), flare=-0.15 * side, lift=-0.28 * side))
            facet = (side * (part.canal_width_mm / 2 + 5.0), wall + 0.85 * canal + 2.0, 0.46 * height)
            moulds.append(Mould(facet, (5.0, 4.2, 0.26 * height)))
        elif part.place < 3:
            wing = (side * (body.half_width + 8.0 * small), wall * 0.5, 0.0)
            moulds.append(Mould(wing, (19.0 * small, 14.0 * small, 0.56 * height), flare=-0.2 * side))
    return moulds
