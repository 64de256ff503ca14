"""The placed anatomy of a patient: bodies, arches, discs, sacrum and canal as solids in one LPS frame.

The origin is the middle of the upper endplate of S1. The lumbar curve is that of a lying person.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from spinemed.facts.normal import HEIGHT_POSITION
from spinemed.phantom.anatomy.parts import Anatomy, Midline, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.solids import (
    Array,
    Body,
    Disc,
    Lump,
    Pose,
    lump,
    rotation_about_back,
    rotation_about_left,
)
from spinemed.phantom.patient.shapes import DiscShape, Patient, Posture, VertebraShape

# Share of the upper-endplate half depth at which the anterior and posterior heights are taken, and what
# the hollow of both endplates still takes away there.
_HOLLOW_LEFT: Final[float] = 2 * (1 - HEIGHT_POSITION**2)
# Sacral segments from S1 down: height in mm, depth and width as shares of L5's, turn against the one
# above in degrees.
_SACRUM: Final[tuple[tuple[str, float, float, float, float], ...]] = (
    ("S1", 29.0, 0.95, 1.00, 0.0),
    ("S2", 25.0, 0.68, 0.80, -2.0),
    ("S3", 21.0, 0.51, 0.66, -13.0),
    ("S4", 18.0, 0.42, 0.58, -20.0),
    ("S5", 15.0, 0.35, 0.50, -17.0),
)


def place(patient: Patient, posture: Posture = "lying") -> Anatomy:
    """Return the patient's anatomy: bodies and discs stacked upwards from S1, the sacrum hung below.

    >>> from spinemed.phantom.patient.sample import sample_patient
    >>> anatomy = place(sample_patient(7))
    >>> bool(anatomy.vertebra("L1").body.pose.origin_mm[2] > anatomy.vertebra("L5").body.pose.origin_mm[2])
    True
    """
    base = np.zeros(3)
    tip = math.radians(patient.sacral_slope_deg)
    vertebrae: list[Vertebra] = []
    discs: list[PlacedDisc] = []
    for shape, disc in zip(patient.vertebrae, patient.discs, strict=True):
        placed_disc, base, tip = _place_disc(disc, shape, base, tip, patient)
        below = vertebrae[-1].level if vertebrae else "S1"
        discs.append(PlacedDisc(shape.level, below, placed_disc, disc))
        vertebra, base, tip = _place_vertebra(shape, base, tip, patient)
        vertebrae.append(vertebra)
    sacrum, remnants = _place_sacrum(patient)
    return Anatomy(
        patient, posture, tuple(vertebrae), sacrum, (*discs, *remnants), _midline(tuple(vertebrae), sacrum)
    )


def _turn(tip: float, height_mm: float, patient: Patient) -> Array:
    """The rotation of a solid tipped forwards, leaning sideways with the slight lateral curve."""
    bow, phase = patient.lateral_mm
    lean = math.atan(bow * (2 * math.pi / 300.0) * math.cos(2 * math.pi * height_mm / 300.0 + phase))
    return rotation_about_back(lean) @ rotation_about_left(tip)


def _place_disc(
    shape: DiscShape, above: VertebraShape, base: Array, tip: float, patient: Patient
) -> tuple[Disc, Array, float]:
    wedge = math.radians(shape.wedge_deg)
    rotation = _turn(tip - wedge / 2, float(base[2]), patient)
    up = rotation @ np.array([0.0, 0.0, shape.height_mm])
    disc = Disc(
        Pose(base + up / 2, rotation),
        half_width=above.width_mm / 2,
        half_depth=above.depth_mm / 2,
        height=shape.height_mm,
        tangent=math.tan(wedge),
        bulge=shape.bulge_mm,
        pfirrmann=shape.pfirrmann,
    )
    return disc, base + up, tip - wedge


def _place_vertebra(
    shape: VertebraShape, base: Array, tip: float, patient: Patient
) -> tuple[Vertebra, Array, float]:
    posterior = shape.posterior_height_mm
    edge = HEIGHT_POSITION * shape.depth_mm / 2
    slope = posterior * (1 - shape.height_ratio) / (4 * edge)
    half_height = (posterior * (1 + shape.height_ratio) / 2 + _HOLLOW_LEFT * shape.concavity_mm) / 2
    angle = 2 * math.atan(slope)  # between the endplates; the frame halves it
    rotation = _turn(tip + angle / 2, float(base[2]), patient)
    up = rotation @ np.array([0.0, 0.0, 2 * half_height])
    body = Body(
        Pose(base + up / 2, rotation),
        half_width=shape.width_mm / 2,
        half_depth=shape.depth_mm / 2,
        half_height=half_height,
        slope=slope,
        concavity=shape.concavity_mm,
        osteophyte=shape.osteophyte,
    )
    vertebra = Vertebra(
        shape.level, body, _arch(shape, body), shape.canal_depth_mm, shape.canal_width_mm, shape
    )
    return vertebra, base + up, tip + angle


def _arch(shape: VertebraShape, body: Body) -> tuple[Lump, ...]:
    """Pedicles, laminae, facets, transverse and spinous processes; sizes follow the region."""
    region = shape.level[0]
    long, tall, slant = shape.process
    height = 2 * body.half_height if shape.fracture_grade == 0 else shape.posterior_height_mm
    wall = body.half_depth
    depth, width = shape.canal_depth_mm, shape.canal_width_mm
    stout = 1.0 if region == "L" or shape.level in ("T11", "T12") else 0.75
    parts: list[Lump] = []
    for side in (-1.0, 1.0):
        at = body.pose
        pedicle = side * (width / 2 + 4.6 * stout)
        parts += [
            lump(at, (pedicle, wall + 4.5, 0.20 * height), (4.8 * stout, 10.0, 0.28 * height)),
            lump(
                at,
                (side * (width / 4 + 2.0), wall + depth + 3.4, -0.20 * height),
                (width / 4 + 4.5, 3.4, 0.42 * height),
                flare=0.45 * side,
            ),
            lump(
                at,
                (side * (width / 2 + 5.0), wall + 0.85 * depth + 2.5, 0.50 * height),
                (5.5, 4.2, 0.34 * height),
            ),
            lump(
                at,
                (side * (width / 2 + 3.0), wall + 0.95 * depth + 5.0, -0.60 * height),
                (4.8, 4.0, 0.36 * height),
            ),
            lump(
                at,
                (pedicle + side * 15.0 * stout, wall + 8.0, 0.12 * height),
                (16.0 * stout, 4.2, 5.0),
                flare=-0.15 * side,
            ),
        ]
    length, rise, half_tall = _SPINOUS[region]
    length *= long * (0.85 if shape.level == "L5" else 1.0) * (1.4 if shape.level == "C7" else 1.0)
    half_tall *= tall * shape.posterior_height_mm * (0.85 if shape.level == "L5" else 1.0)
    rise = rise * (0.45 if shape.level in ("T11", "T12") else 1.0) + slant
    centre = (0.0, wall + depth + 2.0 + length / 2, -0.22 * height + rise * length / 2)
    parts.append(
        lump(body.pose, centre, (3.2 * stout + 0.4, length / 2 + 2.5, half_tall), slant=rise, squared=True)
    )
    return tuple(parts)


# Spinous process by region: length in mm, mm up for each mm backwards, half of its height as a share of
# the body's.
_SPINOUS: Final[dict[str, tuple[float, float, float]]] = {
    "L": (29.0, -0.12, 0.42),
    "T": (32.0, -0.70, 0.30),
    "C": (21.0, -0.35, 0.36),
}


def _place_sacrum(patient: Patient) -> tuple[tuple[Vertebra, ...], tuple[PlacedDisc, ...]]:
    last = patient.vertebrae[0]
    base, tip = np.zeros(3), math.radians(patient.sacral_slope_deg)
    segments: list[Vertebra] = []
    remnants: list[PlacedDisc] = []
    above_half_depth = 0.0
    for index, (level, height, deep, wide, turn) in enumerate(_SACRUM):
        tip += math.radians(turn) * patient.sacral_curve
        rotation = _turn(tip, 0.0, patient)
        half_height, half_depth = height * patient.scale / 2, deep * last.depth_mm / 2
        # The walls run on from segment to segment: each tapers to the next one's depth, set back by half
        # the step.
        next_deep = _SACRUM[index + 1][2] if index < 4 else 0.8 * deep
        taper = (deep - next_deep) / (deep + next_deep)
        half_depth *= 1 / (1 + taper)
        base = base + rotation @ np.array(
            [0.0, max(above_half_depth - half_depth * (1 + taper), 0.0) * 0.3, 0.0]
        )
        body = Body(
            Pose(base + rotation @ np.array([0.0, 0.0, -half_height]), rotation),
            half_width=wide * last.width_mm / 2,
            half_depth=half_depth,
            half_height=half_height - 0.7,
            slope=0.0,
            concavity=0.5,
            waist=0.04,
            taper=taper,
        )
        canal_depth = max(last.canal_depth_mm * (0.85 - 0.15 * index), 5.0)
        arch = _sacral_arch(body, index, canal_depth, last.canal_width_mm)
        segments.append(Vertebra(level, body, arch, canal_depth, last.canal_width_mm * (1.0 - 0.14 * index)))
        base = base + rotation @ np.array([0.0, 0.0, -2 * half_height])
        above_half_depth = half_depth * (1 - taper)
        if index < 4:
            solid = Disc(
                Pose(base, rotation), body.half_width * 0.7, above_half_depth * 0.8, 1.6, 0.0, 0.0, 5
            )
            remnants.append(PlacedDisc(level, f"S{index + 2}", solid, None))
    return tuple(segments), tuple(remnants)


def _sacral_arch(body: Body, index: int, canal_depth: float, width: float) -> tuple[Lump, ...]:
    """Median crest, lateral masses and, down to S3, the wings."""
    wall, height = body.half_depth, 2 * body.half_height
    small = 1.0 - 0.15 * index
    parts = [lump(body.pose, (0.0, wall + canal_depth + 4.0 * small, 0.0), (6.0, 5.5 * small, 0.42 * height))]
    for side in (-1.0, 1.0):
        parts.append(
            lump(body.pose, (side * width * 0.42, wall + canal_depth + 2.0, 0.0), (7.0, 3.5, 0.48 * height))
        )
        if index < 3:
            centre = (side * (body.half_width + 9.0), wall * 0.4, 0.0)
            parts.append(lump(body.pose, centre, (20.0, 15.0 * small, 0.55 * height), flare=0.25 * side))
    return tuple(parts)


def _midline(vertebrae: tuple[Vertebra, ...], sacrum: tuple[Vertebra, ...]) -> Midline:
    """Interpolate body and canal centres over z at half millimetres, from S5 to the topmost vertebra."""
    knots: list[tuple[float, ...]] = []
    bodies = [*reversed(sacrum), *vertebrae]
    for part in bodies:
        body, depth = part.body, part.canal_depth_mm
        steep = 1 / max(float(body.pose.rotation[2, 2]), 0.55)
        canal = body.pose.point(0.0, body.half_depth + depth / 2, 0.0)
        centre = body.pose.origin_mm
        knots.append(
            (
                float(centre[2]),
                float(centre[0]),
                float(centre[1]),
                body.half_depth * steep,
                float(canal[2]),
                float(canal[0]),
                float(canal[1]),
                depth / 2 * steep,
                part.canal_width_mm / 2,
            )
        )
    table = np.array(knots)
    low, step = float(table[0, 0]) - 30.0, 0.5
    heights = np.arange(low, float(table[-1, 0]) + 30.0, step)
    over_body = [np.interp(heights, table[:, 0], table[:, column]).astype(np.float32) for column in (1, 2, 3)]
    over_canal = [
        np.interp(heights, table[:, 4], table[:, column]).astype(np.float32) for column in (5, 6, 7, 8)
    ]
    return Midline(low, step, *over_body, *over_canal)
