"""Bones around the spine that only radiographs show: skull, jaw, shoulder girdle, breast bone, thigh bones.

They hang on the ends of the spine with offsets of the patient's own; the phantom's slices leave them out.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Array, Lump, Mould, Pose, lump
from spinemed.phantom.patient.stream import stream
from spinemed.phantom.rendering.radiograph_bones import CORTEX, SPONGY, Stuff
from spinemed.phantom.rendering.radiograph_tubes import Tube

_LONG_BONE: Final[Stuff] = Stuff(2.5, 0.5 * CORTEX, 0.3 * SPONGY)
_THIGH_BONE: Final[Stuff] = Stuff(4.0, 0.28 * CORTEX, 0.15 * SPONGY)
_FLAT_BONE: Final[Stuff] = Stuff(3.0, 0.55 * CORTEX, 0.0)


def surrounding_bones(anatomy: Anatomy, *, frontal: bool) -> list[tuple[Lump | Tube, Stuff]]:
    """Return bones that are no part of the anatomy, each with what it is made of.

    The arms hang in a frontal film and are lifted forwards in a lateral one.
    """
    rng = stream(anatomy.patient.seed, "radiograph/bones")
    return [
        *_head(anatomy, rng),
        *_shoulders(anatomy, rng, frontal=frontal),
        *_thighs(anatomy),
        *_crests(anatomy),
    ]


def _head(anatomy: Anatomy, rng: np.random.Generator) -> list[tuple[Lump | Tube, Stuff]]:
    """Skull, its base, and the jaw before the upper cervical spine."""
    # The body of C2 or, from C1's anterior arch, about where that lies.
    top = anatomy.vertebrae[-1].body.pose.origin_mm + np.array([0.0, 7.0, -20.0])
    nod = np.radians(float(rng.normal(0.0, 6.0)))
    rotation = np.array([[1.0, 0.0, 0.0], [0.0, np.cos(nod), -np.sin(nod)], [0.0, np.sin(nod), np.cos(nod)]])
    size = anatomy.patient.scale
    head = Pose(top, rotation)
    vault = lump(head, Mould((0.0, -6.0 * size, 84.0 * size), (73.0 * size, 92.0 * size, 76.0 * size)))
    base = lump(head, Mould((0.0, -18.0 * size, 27.0 * size), (42.0, 40.0, 9.0), slant=-0.25))
    bones: list[tuple[Lump | Tube, Stuff]] = [(vault, _FLAT_BONE), (base, Stuff(3.0, 0.4 * CORTEX, SPONGY))]
    for side in (-1.0, 1.0):
        # Joint, angle and chin of the jaw, mm from the topmost vertebra.
        points = np.array(
            [
                (side * 48.0, -14.0, 22.0),
                (side * 46.0, -16.0, -14.0),
                (side * 42.0, -24.0, -24.0),
                (side * 24.0, -64.0, -34.0),
                (side * 2.0, -80.0, -36.0),
            ]
        )
        bones.append((Tube(_placed(head, size * points), 7.0 * size, 2.2), Stuff(2.2, 0.5 * CORTEX, SPONGY)))
    return bones


def _shoulders(
    anatomy: Anatomy, rng: np.random.Generator, *, frontal: bool
) -> list[tuple[Lump | Tube, Stuff]]:
    """Collar bones, heads of the upper arms and the breast bone, near the top of the chest."""
    thoracic = [part for part in anatomy.vertebrae if part.level[0] == "T"]
    size = anatomy.patient.scale
    at = Pose(thoracic[-1].body.pose.origin_mm, np.eye(3))
    lift, raised = float(rng.normal(-20.0, 14.0)), float(rng.uniform(-140.0, 60.0))
    bones: list[tuple[Lump | Tube, Stuff]] = []
    for side in (-1.0, 1.0):
        collar = [
            (side * 12.0, -62.0, lift - 15.0),
            (side * 55.0, -66.0, lift - 4.0),
            (side * 100.0, -40.0, lift + 8.0),
            (side * 150.0, -25.0, lift + 12.0),
        ]
        bones.append((Tube(_placed(at, size * np.array(collar)), 5.5 * size, 1.8), _LONG_BONE))
        elbow = (side * 172.0, -34.0, lift - 200.0) if frontal else (side * 150.0, -200.0, lift + raised)
        arm = [(side * 165.0, -28.0, lift - 15.0), elbow]
        bones.append((Tube(_placed(at, size * np.array(arm)), 12.0 * size, 4.0), _LONG_BONE))
    breast = [
        (0.0, -68.0, lift - 20.0),
        (0.0, -98.0, lift - 100.0),
        (0.0, -112.0, lift - 170.0),
    ]
    bones.append(
        (Tube(_placed(at, size * np.array(breast)), 6.5 * size, 1.0), Stuff(1.0, 0.3 * CORTEX, SPONGY))
    )
    return bones


def _thighs(anatomy: Anatomy) -> list[tuple[Lump | Tube, Stuff]]:
    """Necks and shafts of the thigh bones, from the heads that the pelvis has."""
    size = anatomy.patient.scale
    bones: list[tuple[Lump | Tube, Stuff]] = []
    for part in anatomy.pelvis:
        if not part.radii[0] == part.radii[1] == part.radii[2]:
            continue  # the heads are the only balls
        side = 1.0 if part.centre_mm[0] > 0 else -1.0
        shaft = [(0.0, 0.0, 0.0), (side * 38.0, 3.0, -32.0), (side * 38.0, 0.0, -200.0)]
        points = part.centre_mm + size * np.array(shaft)
        bones.append((Tube(points, 15.0 * size, 4.0), _THIGH_BONE))
    return bones


def _crests(anatomy: Anatomy) -> list[tuple[Lump | Tube, Stuff]]:
    """The thick rims of the iliac wings: a tube along the upper edge of each thin plate of the pelvis."""
    turns = np.linspace(-0.15 * np.pi, 0.85 * np.pi, 13)
    rims: list[tuple[Lump | Tube, Stuff]] = []
    for part in anatomy.pelvis:
        wide, thin, tall = part.radii
        if thin > 0.3 * min(wide, tall):
            continue
        side = np.sign(part.centre_mm[0])
        edge = np.stack([side * np.cos(turns), np.zeros(13), np.sin(turns)], axis=1)
        points = part.centre_mm + 0.96 * edge @ part.spread.T
        rims.append((Tube(points, 5.0, 1.6), Stuff(1.6, 0.55 * CORTEX, 0.5 * SPONGY)))
    return rims


def _placed(pose: Pose, points: Array) -> Array:
    return np.asarray(pose.origin_mm + points @ pose.rotation.T)
