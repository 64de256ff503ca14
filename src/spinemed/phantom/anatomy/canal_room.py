"""How much room the canal has: the dural sac's outline, what pushes into it, and what is left at a disc.

The painter draws the sac from the same table that the truth is measured on, so both agree. At each height
z the sac is an ellipse, cut flat by `front` and `back` and, behind at the sides, by `left` and `right`;
disc tissue that is herniated and broken bone (lumps of their own) take their room besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.sac import RECESS_PLACE
from spinemed.phantom.anatomy.sac import SacTable as SacTable
from spinemed.phantom.anatomy.solids import Array, Body, Disc, Flags, Floats, Lump

SAC_SHARE: Final = 0.88
"""Share of the bony canal's depth and width that the sac fills; the rest is fat, mostly behind it."""

SAC_FORWARD: Final = 0.10
"""How far in front of the canal's middle the sac lies, as a share of the canal's half depth."""

RIM_MM: Final = 0.8
"""How much of the ligament around herniated tissue and broken bone takes room besides."""

LEAST_LEFT_MM: Final = 4.0
"""What ligaments, facets and laminae leave of the sac's depth at least, across the canal.

A disc's bulge is cut across a little more obliquely: some 3 mm are left beside it.
"""

_NEAR_MM: Final[float] = 2.0
_FLAVUM_MM: Final = 0.4
_TAPER_MM: Final = 40.0
_LINE_STEP_MM: Final = 0.1
_ALONG: Final[Array] = np.arange(-30.0, 30.0, _LINE_STEP_MM)
_NOWHERE: Final[tuple[float, float, float, float]] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Room:
    """The sac's depth in the plane of a disc, in mm: healthy, and what disease leaves of it.

    `front_mm` and `back_mm` are what is taken on the midline, `near_share_lost` the greatest share that is
    lost some mm above or below: what narrows a neighbour may reach near. The recesses (left, right) are
    the sac's depth at `RECESS_PLACE` of its half width, `foramen_lost` (left, right) the share of fat lost.
    """

    normal_mm: float
    left_mm: float
    front_mm: float
    back_mm: float
    recess_normal_mm: tuple[float, float]
    recess_left_mm: tuple[float, float]
    foramen_lost: tuple[float, float]
    near_share_lost: float = 0.0

    @property
    def share_lost(self) -> float:
        """Return the share of the healthy depth that is lost on the midline, 0 to 1."""
        return 1.0 - self.left_mm / self.normal_mm if self.normal_mm else 0.0

    @property
    def recess_share_lost(self) -> tuple[float, float]:
        """Return the shares of the healthy recess depth that are lost, left and right."""
        first, second = (
            1.0 - left / normal if normal else 0.0
            for left, normal in zip(self.recess_left_mm, self.recess_normal_mm, strict=True)
        )
        return first, second


def encroachment(anatomy: Anatomy) -> SacTable:
    """Return the sac over z with all that pushes into it: bone, bulging discs, slips, yellow ligament.

    Herniations and retropulsed bone are not in it: they are lumps that are painted over the sac
    (`PlacedDisc.herniation`, `Vertebra.fragment`) and that `room` subtracts.
    """
    line = anatomy.midline
    z = (line.low_mm + line.step_mm * np.arange(len(line.canal_left))).astype(np.float32)
    end = (
        float(anatomy.vertebra("S2").body.pose.origin_mm[2]) + anatomy.patient.surroundings.sac_end_offset_mm
    )
    share = SAC_SHARE * np.sqrt(np.clip((z - end) / _TAPER_MM, 0.0, 1.0)) + 1e-3
    half_depth = (line.canal_half_depth * share).astype(np.float32)
    centre = line.canal_posterior - np.float32(SAC_FORWARD) * line.canal_half_depth
    table = SacTable(
        line.low_mm,
        line.step_mm,
        line.canal_left,
        centre,
        half_depth,
        (line.canal_half_width * share).astype(np.float32),
        *(np.zeros(len(z), np.float32) for _ in range(4)),
    )
    _press_bone(table, anatomy, z)
    for disc in anatomy.placed_discs:
        if disc.shape is not None:
            _press_ligament(table, disc, anatomy.vertebra(disc.above), z)
    for push in (table.front, table.back, table.left, table.right):
        np.clip(push, 0.0, 1.96 * half_depth, out=push)
    least = np.float32(LEAST_LEFT_MM) * np.hypot(1.0, np.gradient(line.canal_posterior, line.step_mm))
    np.minimum(table.back, np.maximum(2 * half_depth - table.front - least, 0.0), out=table.back)
    return table


def room(anatomy: Anatomy, disc_above: str, table: SacTable | None = None) -> Room:
    """Return the room at the disc below `disc_above`, measured in the disc's own plane at its mid height.

    Pass `table` to spare building it anew for each disc. KeyError for a level without a placed disc.
    """
    table = encroachment(anatomy) if table is None else table
    disc = anatomy.disc(disc_above)
    lumps = [] if disc.herniation is None else [disc.herniation]
    # Bone of a burst body reaches up or down to the disc beside it.
    bones = (anatomy.vertebra(disc.above), anatomy.vertebra(disc.below))
    lumps += [bone.fragment for bone in bones if bone.fragment is not None]
    centre = _canal_crossing(table, disc.solid.pose.origin_mm, disc.solid.pose.rotation[:, 2])
    lines = [(centre, 0.0), (centre, RECESS_PLACE), (centre, -RECESS_PLACE)]
    lines += [(centre + up, 0.0) for up in _beside(disc.solid)]
    middle, left, right, *near = _chords(table, lumps, lines, disc.solid.pose.rotation, disc.solid)
    lost = (0.0, 0.0) if disc.shape is None else disc.shape.narrowing.foramen
    return Room(
        *middle,
        (left[0], right[0]),
        (left[1], right[1]),
        lost,
        max(1.0 - line[1] / line[0] if line[0] else 0.0 for line in near),
    )


def _beside(disc: Disc) -> tuple[Array, Array]:
    """Steps from a disc's mid height to just outside it."""
    step = disc.pose.rotation[:, 2] * (disc.height / 2 + _NEAR_MM)
    return step, -step


def body_room(anatomy: Anatomy, level: str, table: SacTable | None = None) -> Room:
    """Return the room behind a body at its mid height, where broken bone is pushed back; no foramen lost."""
    table = encroachment(anatomy) if table is None else table
    bone = anatomy.vertebra(level)
    lumps = [] if bone.fragment is None else [bone.fragment]
    rotation = bone.body.pose.rotation
    base = bone.body.pose.origin_mm if bone.fragment is None else bone.fragment.centre_mm
    centre = _canal_crossing(table, base, rotation[:, 2])
    lines = [(centre, 0.0), (centre, RECESS_PLACE), (centre, -RECESS_PLACE)]
    middle, left, right = _chords(table, lumps, lines, rotation)
    return Room(*middle, (left[0], right[0]), (left[1], right[1]), (0.0, 0.0))


def _press_bone(table: SacTable, anatomy: Anatomy, z: Floats) -> None:
    """Posterior walls and discs press from the front, laminae of a slipped vertebra from behind."""
    wall = _wall_points(anatomy)
    heights = np.maximum.accumulate(wall[:, 2] + 1e-6 * np.arange(len(wall)))
    walls = np.interp(z, heights, wall[:, 1], left=-np.inf, right=-np.inf)
    np.maximum(
        walls - (table.centre_posterior - table.half_depth), 0.0, out=table.front, where=walls > -np.inf
    )
    for disc in anatomy.placed_discs:
        if disc.shape is not None and disc.shape.slip_mm > 0:
            _press_lamina(table, disc, anatomy.vertebra(disc.above), z)


def _wall_points(anatomy: Anatomy) -> Array:
    """Points [n, 3] up the canal's front wall from S1: corners of each body, and the disc between two."""
    bodies = [anatomy.sacrum[0].body, *(part.body for part in anatomy.vertebrae[:-1])]
    discs = [disc.solid for disc in anatomy.placed_discs if disc.shape is not None]
    poses = [*(body.pose for body in bodies), *(disc.pose for disc in discs)]
    rotations = np.array([pose.rotation for pose in poses])
    origins = np.array([pose.origin_mm for pose in poses])
    # An osteophyte widens the rim, so its ridge stands out into the canal (solids.Body: 9 % for each).
    rims = [1 + 0.075 * body.osteophyte for body in bodies]
    lower, upper = (
        [
            (body.half_depth * (rim + side * body.taper), side * _edge(body))
            for body, rim in zip(bodies, rims, strict=True)
        ]
        for side in (-1, 1)
    )
    bulges = [(disc.half_depth + disc.bulge, 0.0) for disc in discs]

    def placed(rows: slice, local: list[tuple[float, float]]) -> Array:
        return np.asarray(origins[rows] + (rotations[rows, :, 1:] @ np.array(local)[:, :, None])[:, :, 0])

    whole = slice(0, len(bodies))
    points = np.empty((3 * len(bodies) - 1, 3))
    points[0::3], points[1::3] = placed(whole, lower), placed(whole, upper)
    points[2::3] = placed(slice(len(bodies), None), bulges)
    return points


def _edge(body: Body) -> float:
    """Height in mm of the posterior rim above the body's middle."""
    return body.half_height + body.slope * body.half_depth


def _press_lamina(table: SacTable, disc: PlacedDisc, bone: Vertebra, z: Floats) -> None:
    """The laminae of a vertebra that slipped forward come with it, unless both partes are broken."""
    solid, edge = disc.solid, _edge(bone.body)
    back = bone.body.half_depth + bone.canal_depth_mm + bone.arch_back_mm
    high, low = (bone.body.pose.point(0.0, back, up) for up in (0.0, -edge - solid.height / 2 - 2.0))
    first, last = (int((point[2] - table.low_mm) / table.step_mm) for point in (low, high))
    rows = slice(max(first, 0), min(last + 1, len(z)))
    laminae = low[1] + (z[rows] - low[2]) * ((high[1] - low[1]) / max(float(high[2] - low[2]), 1e-3))
    push = (
        table.centre_posterior[rows]
        + table.half_depth[rows]
        - laminae.astype(np.float32)
        + np.float32(_FLAVUM_MM)
    )
    np.maximum(table.back[rows], push, out=table.back[rows])


def _press_ligament(table: SacTable, disc: PlacedDisc, above: Vertebra, z: Floats) -> None:
    """The yellow ligament and the facets of one disc's level press from behind."""
    shape = disc.shape
    if shape is None or (shape.narrowing.flavum_mm <= 0 and max(shape.narrowing.recess_mm) <= 0):
        return
    solid = disc.solid
    steep = 1.0 / max(float(solid.pose.rotation[2, 2]), 0.55)
    behind = solid.pose.point(0.0, solid.half_depth + 0.8 * above.canal_depth_mm, 0.0)[2]
    reach = solid.height / 2 + 8.0
    first, last = (int((behind + side * reach - table.low_mm) / table.step_mm) for side in (-1, 1))
    rows = slice(max(first, 0), min(last + 1, len(z)))
    bump = np.clip(1.4 * (1.0 - ((z[rows] - behind) / reach) ** 2), 0.0, 1.0) * steep
    table.back[rows] += (shape.narrowing.flavum_mm * bump).astype(np.float32)
    for push, amount in zip((table.left, table.right), shape.narrowing.recess_mm, strict=True):
        push[rows] += (amount * bump).astype(np.float32)


def _canal_crossing(table: SacTable, base: Array, up: Array) -> Array:
    """Where the sac's centre line crosses the plane through `base` across `up`."""
    z = table.low_mm + table.step_mm * np.arange(len(table.front))
    above = (
        (table.centre_left - base[0]) * up[0]
        + (table.centre_posterior - base[1]) * up[1]
        + (z - base[2]) * up[2]
    )
    row = int(np.argmin(np.abs(above)))
    return np.array([table.centre_left[row], table.centre_posterior[row], z[row]])


def _chords(
    table: SacTable,
    lumps: list[Lump],
    lines: Sequence[tuple[Array, float]],
    rotation: Array,
    disc: Disc | None = None,
) -> list[tuple[float, float, float, float]]:
    """Healthy depth, depth left, and what is taken in front and behind along lines through the sac.

    A line is its middle in mm and its place aside, in half widths of the sac there.
    """
    rows = table.at(np.array([centre[2] for centre, _ in lines]).astype(np.float32))
    starts = [
        centre + place * float(table.half_width[row]) * rotation[:, 0]
        for (centre, place), row in zip(lines, rows, strict=True)
    ]
    points = np.array(starts)[:, :, None] + rotation[:, 1][:, None] * _ALONG  # [line, axis, place on it]
    x, y, z = np.moveaxis(points.astype(np.float32), 1, 0)
    here = table.cut(table.at(z))
    normal = here.healthy_depth(x - here.centre_left, y - here.centre_posterior) > 0
    crossed = np.flatnonzero(normal.any(axis=0))
    if not crossed.size:
        return [_NOWHERE] * len(lines)
    # What disease leaves is asked for only where some line is in the healthy sac.
    part = slice(int(crossed[0]), int(crossed[-1]) + 1)
    normal, x, y, z = normal[:, part], x[:, part], y[:, part], z[:, part]
    here = table.cut(table.at(z))
    left = here.depth(x - here.centre_left, y - here.centre_posterior) > 0
    for lump in lumps:
        left &= ~_within_rim(lump, points, part)
    if disc is not None:
        left &= ~_within_disc(disc, points, part)
    return [_measured(*line, _ALONG[part]) for line in zip(normal, left, strict=True)]


def _measured(normal: Flags, left: Flags, along: Array) -> tuple[float, float, float, float]:
    """One line of `_chords` from what of it lies in the healthy sac and what disease leaves of that."""
    if not normal.any():
        return _NOWHERE
    lost, kept = along[normal & ~left], along[normal & left]
    middle = float(kept.mean()) if kept.size else float(along[normal].mean())
    front = _LINE_STEP_MM * int((lost < middle).sum())
    back = _LINE_STEP_MM * int((lost >= middle).sum())
    return _LINE_STEP_MM * int(normal.sum()), _LINE_STEP_MM * int(kept.size), front, back


def _within_rim(lump: Lump, points: Array, part: slice) -> Flags:
    """Which points [line, 3, part] lie in a lump or the ligament that it lifts off, both as painted."""
    local = (lump.matrix @ (points - lump.centre_mm[:, None]))[:, :, part]
    squares = local * local
    gradient = np.sqrt((squares / np.square(np.asarray(lump.radii))[:, None]).sum(axis=-2))
    return np.asarray((1.0 - squares.sum(axis=-2)) / (2.0 * gradient + 1e-3) > -RIM_MM)


def _within_disc(disc: Disc, points: Array, part: slice) -> Flags:
    """Which points [line, 3, part] lie in a disc with its bulge: the painter draws it over the sac."""
    local = (disc.pose.rotation.T @ (points - disc.pose.origin_mm[:, None]))[:, :, part]
    left, posterior, up = np.moveaxis(local, -2, 0)
    width2 = (left / (disc.half_width + disc.bulge)) ** 2
    depth2 = (posterior / (disc.half_depth + disc.bulge)) ** 2
    rounded = 0.62 * (width2 + depth2) + 0.38 * (width2 * width2 + depth2 * depth2)
    half = disc.height / 2 - disc.tangent / 2 * posterior + disc.side_tangent / 2 * left
    return np.asarray((rounded < 1.0) & (np.abs(up) < half))
