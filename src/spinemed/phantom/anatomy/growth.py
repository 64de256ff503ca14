"""All ellipsoid parts of one anatomy, made in one go: arches, sacrum, pelvis, fragments, disc tissue."""

from __future__ import annotations

from typing import NamedTuple

from spinemed.phantom.anatomy.arch import arch_moulds, atlas_moulds
from spinemed.phantom.anatomy.disc_tissue import bridge_moulds, fragment_mould, herniation_mould
from spinemed.phantom.anatomy.pelvis import pelvis_moulds
from spinemed.phantom.anatomy.posture import slip_mm
from spinemed.phantom.anatomy.sacrum import Segment, sacral_moulds
from spinemed.phantom.anatomy.solids import Body, Disc, Lump, Mould, Pose, lumps
from spinemed.phantom.patient.shapes import Patient, Posture, VertebraShape


class Grown(NamedTuple):
    """Lumps of one anatomy by owner: places count vertebrae and discs from below."""

    arches: list[list[Lump]]
    sacral: list[list[Lump]]
    pelvis: list[Lump]
    fragments: list[Lump | None]
    herniations: list[Lump | None]
    bridges: list[list[Lump]]


class _Order:
    """Lumps that are wanted, group by group; making all at once is much faster than one by one."""

    def __init__(self) -> None:
        self._poses: list[Pose] = []
        self._owners: list[int] = []
        self._moulds: list[Mould] = []
        self._ends: list[int] = []

    def add(self, pose: Pose, moulds: list[Mould]) -> None:
        self._owners.extend([len(self._poses)] * len(moulds))
        self._poses.append(pose)
        self._moulds.extend(moulds)
        self._ends.append(len(self._moulds))

    def groups(self) -> list[list[Lump]]:
        made = lumps(self._poses, self._owners, self._moulds)
        return [made[start:end] for start, end in zip([0, *self._ends], self._ends, strict=False)]


def grow(
    patient: Patient,
    posture: Posture,
    bodies: list[Body],
    discs: list[Disc],
    sacrum: list[Segment],
    hips: Pose,
) -> Grown:
    """Return the lumps of an anatomy; bodies and discs from below, the sacrum from S1 down."""
    order = _Order()
    for place, (shape, body) in enumerate(zip(patient.vertebrae, bodies, strict=True)):
        order.add(body.pose, _arch(shape, body, left_behind_mm(patient, place, posture)))
    for part in sacrum:
        order.add(part.body.pose, sacral_moulds(part))
    order.add(hips, pelvis_moulds(patient))
    for shape, body in zip(patient.vertebrae, bodies, strict=True):
        order.add(body.pose, fragment_mould(shape, body))
    for disc, solid, above in zip(patient.discs, discs, patient.vertebrae, strict=False):
        order.add(*herniation_mould(disc, solid, above))
    for disc, solid in zip(patient.discs, discs, strict=True):
        order.add(solid.pose, bridge_moulds(solid) if disc.bridged else [])
    groups = iter(order.groups())
    arches = [next(groups) for _ in bodies]
    sacral = [next(groups) for _ in sacrum]
    pelvis = next(groups)
    fragments = [next(iter(next(groups)), None) for _ in bodies]
    herniations = [next(iter(next(groups)), None) for _ in discs]
    return Grown(arches, sacral, pelvis, fragments, herniations, list(groups))


def left_behind_mm(patient: Patient, place: int, posture: Posture) -> float:
    """Return how far the laminae stay behind a body that slipped forward over broken partes."""
    if not patient.vertebrae[place].pars_defect:
        return 0.0
    return max(slip_mm(patient.discs[place], posture), 2.0)


def _arch(shape: VertebraShape, body: Body, behind_mm: float) -> list[Mould]:
    if shape.level == "C1":
        return atlas_moulds(body.half_depth, shape.canal_depth_mm)
    height = shape.posterior_height_mm if shape.fracture is not None else 2 * body.half_height
    moulds = arch_moulds(shape, body.half_depth, height)
    if behind_mm <= 0:
        return moulds
    edge = body.half_depth + 0.9 * shape.canal_depth_mm
    return [
        part._replace(centre=(part.centre[0], part.centre[1] + behind_mm, part.centre[2]))
        if part.centre[1] > edge
        else part
        for part in moulds
    ]
