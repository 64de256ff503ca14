"""The placed anatomy of a patient: bodies, arches, discs, sacrum, ribs, pelvis and implants in one LPS frame.

The origin is the middle of the upper endplate of S1. Postures of one patient share every bone; only discs
and the pelvis change.
"""

from __future__ import annotations

from itertools import pairwise

from spinemed.phantom.anatomy.growth import Grown, grow, left_behind_mm
from spinemed.phantom.anatomy.implants import place_metal
from spinemed.phantom.anatomy.midline import midline_of
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.pelvis import pelvis_pose
from spinemed.phantom.anatomy.posture import sacral_slope_deg
from spinemed.phantom.anatomy.ribs import place_ribs
from spinemed.phantom.anatomy.sacrum import Segment, place_sacrum
from spinemed.phantom.anatomy.solids import Body, Disc
from spinemed.phantom.anatomy.stacking import stack
from spinemed.phantom.patient.shapes import Patient, Posture


def place(patient: Patient, posture: Posture = "lying") -> Anatomy:
    """Return the patient's anatomy in a posture: stacked upwards from S1, the sacrum hung below.

    >>> from spinemed.phantom.patient.sample import sample_patient
    >>> anatomy = place(sample_patient(7))
    >>> bool(anatomy.vertebra("L1").body.pose.origin_mm[2] > anatomy.vertebra("L3").body.pose.origin_mm[2])
    True
    """
    slope = sacral_slope_deg(patient, posture)
    bodies, discs = stack(patient, posture, slope)
    segments = place_sacrum(patient, slope)
    parts = grow(patient, posture, bodies, discs, segments, pelvis_pose(patient, slope))
    vertebrae = _vertebrae(patient, posture, bodies, parts)
    sacrum = tuple(
        Vertebra(part.level, part.body, tuple(arch), part.canal_depth_mm, part.canal_width_mm)
        for part, arch in zip(segments, parts.sacral, strict=True)
    )
    placed = _discs(patient, discs, parts)
    return Anatomy(
        patient,
        posture,
        vertebrae,
        sacrum,
        (*placed, *_remnants(segments)),
        midline_of(vertebrae, sacrum, placed),
        place_ribs(patient, vertebrae),
        tuple(parts.pelvis),
        place_metal(patient, vertebrae, placed, sacrum[0]),
    )


def _vertebrae(patient: Patient, posture: Posture, bodies: list[Body], parts: Grown) -> tuple[Vertebra, ...]:
    return tuple(
        Vertebra(
            shape.level,
            body,
            tuple(parts.arches[place]),
            shape.canal_depth_mm,
            shape.canal_width_mm,
            shape,
            parts.fragments[place],
            left_behind_mm(patient, place, posture),
        )
        for place, (shape, body) in enumerate(zip(patient.vertebrae, bodies, strict=True))
    )


def _discs(patient: Patient, discs: list[Disc], parts: Grown) -> list[PlacedDisc]:
    names = ["S1", *(shape.level for shape in patient.vertebrae)]
    return [
        PlacedDisc(
            shape.above, names[place], solid, shape, parts.herniations[place], tuple(parts.bridges[place])
        )
        for place, (shape, solid) in enumerate(zip(patient.discs, discs, strict=True))
    ]


def _remnants(segments: list[Segment]) -> list[PlacedDisc]:
    return [
        PlacedDisc(part.level, below.level, part.remnant, None)
        for part, below in pairwise(segments)
        if part.remnant is not None
    ]
