"""Bodies and discs stacked upwards from S1 as solids: where each stands and how its endplates incline."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from spinemed.facts.normal import HEIGHT_POSITION
from spinemed.phantom.anatomy.posture import disc_wedges_deg, slip_mm
from spinemed.phantom.anatomy.solids import Array, Body, Dent, Disc, Pose
from spinemed.phantom.patient.shapes import DiscShape, EndplateDefect, Patient, Posture, VertebraShape

# What the hollow of both endplates still takes away where anterior and posterior heights are taken.
_HOLLOW_LEFT: Final[float] = 1 - HEIGHT_POSITION**2
_WAIST: Final[float] = 0.10
_SQUARED_WAIST: Final[float] = 0.02
_LEAST_FILL_MM: Final[float] = 3.2
_BOW_LENGTH_MM: Final[float] = 300.0


class _Block(NamedTuple):
    """A vertebral body before it is stacked: half height on the rims, slopes and hollow of its endplates."""

    half_height: float
    slope: float
    side_slope: float
    hollow: float


def stack(patient: Patient, posture: Posture, slope_deg: float) -> tuple[list[Body], list[Disc]]:
    """Return the bodies from the last lumbar up to C1 (its anterior arch) and the discs below them.

    `slope_deg` is the sacral slope: the first disc stands on it.
    """
    wedges = disc_wedges_deg(patient, posture)
    shapes = patient.vertebrae[:-1]
    blocks = [_block(shape) for shape in shapes]
    poses = _poses(patient, posture, blocks, wedges, slope_deg)
    bodies = [
        _body(shape, block, pose) for shape, block, pose in zip(shapes, blocks, poses[1::2], strict=True)
    ]
    deepest = [
        0.0,
        *(body.concavity + max((dent.depth for dent in body.dents), default=0.0) for body in bodies),
    ]
    discs = [
        _disc(shape, above, pose, wedge, max(deepest[place : place + 2]) + 0.8)
        for place, (shape, above, pose, wedge) in enumerate(
            zip(patient.discs, bodies, poses[0::2], wedges, strict=True)
        )
    ]
    atlas = patient.vertebrae[-1]
    bodies.append(_body(atlas, _block(atlas), _atlas_pose(patient, bodies[-1])))
    return bodies, discs


def _block(shape: VertebraShape) -> _Block:
    """Sizes of a body from its heights; a low middle deepens the hollow, unequal heights slope the rims."""
    posterior = shape.posterior_height_mm
    edge = HEIGHT_POSITION * shape.depth_mm / 2
    slope = posterior * (1 - shape.height_ratio) / (4 * edge)
    mean = posterior * (1 + shape.height_ratio) / 2
    hollow, spared = shape.concavity_mm, 2 * (1 - _HOLLOW_LEFT)
    if shape.middle_ratio < 1.0:
        hollow = (mean - shape.middle_ratio * (mean - spared * hollow)) / spared
    side_slope = math.tan(math.radians(shape.tilt_deg / 2))
    return _Block(mean / 2 + _HOLLOW_LEFT * hollow, slope, side_slope, hollow)


def _poses(
    patient: Patient, posture: Posture, blocks: list[_Block], wedges: list[float], slope_deg: float
) -> list[Pose]:
    """The poses of discs and bodies in turn, from the disc on S1 up to C2's body.

    Each frame is a turn about up (twist), then about left (tip), then about back (lean), so that leans are
    angles in the coronal plane.
    """
    heights, turns, shifts = [], [], []
    # The posterior walls stand flush where nothing has slipped; S1's endplate is 0.95 of the last body.
    below = 0.95 * patient.vertebrae[0].depth_mm
    for disc, shape, block, wedge in zip(patient.discs, patient.vertebrae, blocks, wedges, strict=False):
        heights += [disc.height_mm, 2 * block.half_height]
        turns.append((-wedge, -disc.tilt_deg, disc.twist_deg))
        turns.append((2 * math.degrees(math.atan(block.slope)), -shape.tilt_deg, 0.0))
        shifts += [(disc.sway_mm, (below - shape.depth_mm) / 2 - slip_mm(disc, posture)), (0.0, 0.0)]
        below = shape.depth_mm
    angles, tall, aside = np.radians(turns), np.array(heights), np.array(shifts)
    tip, lean, twist = (np.cumsum(angles, axis=0) - angles / 2).T
    lean = lean + _bow(patient, np.cumsum(tall) - tall / 2)
    rotations = turned(tip + math.radians(slope_deg), lean, twist)
    moves = rotations[:, :, 2] * tall[:, None]
    moves += rotations[:, :, 0] * aside[:, :1] + rotations[:, :, 1] * aside[:, 1:]
    centres = np.cumsum(moves, axis=0) - moves / 2
    return [Pose(centre, rotation) for centre, rotation in zip(centres, rotations, strict=True)]


def _bow(patient: Patient, heights_mm: Array) -> Array:
    """The lean in radians that the slight lateral curve gives at each height."""
    bow, phase = patient.lateral_mm
    wave = 2 * math.pi / _BOW_LENGTH_MM
    return np.asarray(np.arctan(bow * wave * np.cos(wave * heights_mm + phase)))


def turned(tip: Array, lean: Array, twist: Array) -> Array:
    """Return rotations [n, 3, 3]: back(lean) @ left(tip) @ up(twist), angles in radians [n]."""
    (cos_t, cos_l, cos_w), (sin_t, sin_l, sin_w) = np.cos([tip, lean, twist]), np.sin([tip, lean, twist])
    rows = np.array(
        [
            [cos_l * cos_w + sin_l * sin_t * sin_w, -cos_l * sin_w + sin_l * sin_t * cos_w, sin_l * cos_t],
            [cos_t * sin_w, cos_t * cos_w, -sin_t],
            [-sin_l * cos_w + cos_l * sin_t * sin_w, sin_l * sin_w + cos_l * sin_t * cos_w, cos_l * cos_t],
        ]
    )
    return np.ascontiguousarray(rows.transpose(2, 0, 1))


def _body(shape: VertebraShape, block: _Block, pose: Pose) -> Body:
    return Body(
        pose,
        half_width=shape.width_mm / 2,
        half_depth=shape.depth_mm / 2,
        half_height=block.half_height,
        slope=block.slope,
        concavity=block.hollow,
        waist=_SQUARED_WAIST if shape.squared else _WAIST,
        osteophyte=shape.osteophyte,
        side_slope=block.side_slope,
        dents=tuple(_dent(defect) for defect in shape.defects),
    )


def _dent(defect: EndplateDefect) -> Dent:
    up = 1 if defect.endplate == "upper" else -1
    return Dent(up, defect.left_mm, defect.posterior_mm, defect.radius_mm, defect.depth_mm)


def _disc(shape: DiscShape, above: Body, pose: Pose, wedge_deg: float, hollow_mm: float) -> Disc:
    return Disc(
        pose,
        half_width=above.half_width,
        half_depth=above.half_depth,
        height=shape.height_mm,
        tangent=2 * math.tan(math.radians(wedge_deg / 2)),
        bulge=shape.bulge_mm,
        pfirrmann=shape.pfirrmann,
        side_tangent=2 * math.tan(math.radians(shape.tilt_deg / 2)),
        fill=max(_LEAST_FILL_MM, hollow_mm),
    )


def _atlas_pose(patient: Patient, axis: Body) -> Pose:
    """C1's anterior arch stands in front of the dens, a little above C2's body."""
    forward = 6.8 * patient.scale + patient.vertebrae[-1].depth_mm / 2
    origin = axis.pose.point(0.0, -0.5 - forward, axis.half_height + 8.5 * patient.scale)
    return Pose(origin, axis.pose.rotation)
