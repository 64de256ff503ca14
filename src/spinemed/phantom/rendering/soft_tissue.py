"""Soft tissue around the spine as a tissue map: skin, fat, muscles of back and flank, and what lies in front.

Painted at half resolution; only skin and fascia are drawn sharp. No landmark stands at a fixed level:
diaphragm, bifurcation, kidneys and the rest are the patient's own offsets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Flags, Floats, Grid
from spinemed.phantom.patient.stream import stream
from spinemed.phantom.rendering.maps import put
from spinemed.phantom.rendering.organs import paint_front, paint_head, skull
from spinemed.phantom.rendering.texture import field, layers
from spinemed.phantom.rendering.tissues import Tissue, TissueMap

_SPINOUS_REACH_MM: Final[float] = 36.0
_MIDLINE_HALF_WIDTH_MM: Final[float] = 3.4
_SKIN_MM: Final[float] = 2.2
_SKIN_STIFFNESS_MM: Final[float] = 28.0
_COARSE_ROWS: Final[int] = 8
# Slices nearer to the midline than this show none of these muscles: 66 - 19 and 92 - 38 mm, and a little.
_QUADRATUS_FROM_MM: Final[float] = 46.0
_GLUTEAL_FROM_MM: Final[float] = 53.0
# The psoas reaches 51 mm at most from 20 mm behind the bodies' front, the muscles of the back 14 mm forwards.
_PSOAS_WITHIN_MM: Final[float] = 60.0
_BACK_BEHIND_MM: Final[float] = -15.0


@dataclass(frozen=True, eq=False)
class Around:
    """Pixels in curve-relative millimetres, all [slice, row, column].

    `left` of the body's middle, `ahead` of its anterior wall, `behind` the canal, `neck` 0 at the trunk to
    1 at the neck, `skin` below the surface.
    """

    left: Floats
    aside: Floats
    ahead: Floats
    behind: Floats
    z: Floats
    neck: Floats
    skin: Floats
    fat_mm: Floats


def paint_soft_tissue(anatomy: Anatomy, grid: Grid) -> TissueMap:
    """Return the tissue map [slice, row, column] of everything but bones, discs and the canal."""
    coarse = _halved(grid)
    around = _surroundings(anatomy, coarse)
    tissue = np.full(coarse.shape, Tissue.FAT, np.uint8)
    deep = around.skin > around.fat_mm
    _paint_wall(tissue, around, deep)
    inner = deep & (around.ahead >= 0)
    rng = stream(anatomy.patient.seed, "soft tissue")
    muscles = float(rng.uniform(0.85, 1.2)), float(rng.normal(0.0, 14.0))
    _paint_back(tissue, anatomy, around, deep, rng)
    paint_front(tissue, anatomy, around, inner, rng)
    _paint_beside(tissue, anatomy, around, deep, *muscles)
    paint_head(tissue, anatomy, around)
    return _sharpened(tissue, around, grid)


def _halved(grid: Grid) -> Grid:
    """The grid with rows and columns of twice the size."""
    slices, rows, columns = grid.shape
    thick, high, wide = grid.steps_mm
    origin = grid.origin_mm + grid.directions.T @ np.array([0.0, high / 2, wide / 2])
    return Grid(
        origin, grid.directions, (thick, 2 * high, 2 * wide), (slices, (rows + 1) // 2, (columns + 1) // 2)
    )


def _surroundings(anatomy: Anatomy, grid: Grid) -> Around:
    x, y, z = grid.coordinates(grid.everywhere(), np.eye(3), np.zeros(3))
    line = anatomy.midline
    at = line.at(z)
    outline = _outline(anatomy)
    left = x - line.body_left.take(at)
    ahead = outline.front_wall.take(at) - y
    behind = y - outline.canal_back.take(at)
    aside = np.abs(left)
    fat, neck = outline.fat_mm.take(at), outline.neck.take(at)
    # The furrow over the spinous processes, the muscles beside it.
    bulge = 5.0 * np.minimum(aside * np.float32(1 / 32), 1.0) - 4.0 / (1 + (aside * np.float32(1 / 12)) ** 2)
    back = outline.back.take(at) + bulge - y
    half_deep = outline.half_deep.take(at)
    across = left * outline.per_half_wide.take(at)
    along = (outline.middle.take(at) - y) / half_deep
    across *= across
    along *= along
    oval = 1 - np.sqrt(across * across * across + along * along + across * along)
    skin = np.minimum(back, oval * half_deep)
    top = np.float32(anatomy.vertebrae[-1].body.pose.origin_mm[2])
    if float(z.max()) > top + 20.0:  # the back of the head is round
        scalp = (1.34 - skull(anatomy, left, behind, z)) * np.float32(36)
        np.minimum(skin, scalp, out=skin, where=(z > top + 20.0) & (behind > -50.0))
    return Around(left, aside, ahead, behind, z, neck, skin, fat)


@dataclass(frozen=True, eq=False)
class Outline:
    """The trunk, neck and head over z (rows as in `Midline`), in mm: what the skin's shape follows.

    `back` and `middle` are places front to back that follow the spine's curve only loosely, as skin does.
    """

    front_wall: Floats
    canal_back: Floats
    back: Floats
    half_deep: Floats
    middle: Floats
    per_half_wide: Floats
    fat_mm: Floats
    neck: Floats


@lru_cache(maxsize=4)
def _outline(anatomy: Anatomy) -> Outline:
    line, soft = anatomy.midline, anatomy.patient.surroundings
    z = line.low_mm + line.step_mm * np.arange(len(line.body_left))
    neck = _eased((z - anatomy.vertebra("T1").body.pose.origin_mm[2] + 25.0) / 95.0)
    head = _eased((z - anatomy.vertebrae[-1].body.pose.origin_mm[2] + 15.0) / 35.0)
    fat = soft.fat_mm * (1 - 0.55 * neck)
    back = _SPINOUS_REACH_MM - 3.0 * neck + 26.0 * head + fat
    front = 112.0 * soft.girth * (1 - neck) + 56.0 * neck + 35.0 * head + 0.8 * fat
    half_wide = 150.0 * soft.girth * (1 - neck) + 62.0 * neck + 14.0 * head + 0.6 * fat
    front_wall = line.body_posterior - line.body_half_depth
    canal_back = line.canal_posterior + line.canal_half_depth
    rows = np.arange(len(z))
    stiff = _SKIN_STIFFNESS_MM / (line.step_mm * _COARSE_ROWS)
    loose = [
        np.interp(
            rows,
            rows[::_COARSE_ROWS],
            gaussian_filter1d(wall[::_COARSE_ROWS], stiff, mode="nearest", truncate=2),
        )
        for wall in (front_wall, canal_back)
    ]
    # Never so loose that bone comes through the skin.
    # Where the spine leans, its spinous processes reach further back at one height.
    steep = np.minimum(np.hypot(1.0, np.gradient(loose[1], line.step_mm)), 2.0)
    back_mm = np.maximum(loose[1], canal_back - 8.0) + back * steep
    front_mm = loose[0] - front
    if anatomy.pelvis:
        low = _eased((anatomy.sacrum[0].body.pose.origin_mm[2] + 20.0 - z) / 70.0)
        ahead, aside = _pelvic_reach(anatomy)
        front_mm = np.minimum(front_mm, front_mm + low * (ahead - 16.0 - front_mm))
        half_wide = np.maximum(half_wide, half_wide + low * (aside + 24.0 - half_wide))
    half_deep = (back_mm - front_mm) / 2
    columns = (
        front_wall,
        canal_back,
        back_mm,
        half_deep,
        front_mm + half_deep,
        1 / half_wide,
        fat,
        neck,
    )
    return Outline(*(np.asarray(column, np.float32) for column in columns))


def _pelvic_reach(anatomy: Anatomy) -> tuple[float, float]:
    """How far the pelvis reaches to the front (a place, LPS y) and to the sides, in mm."""
    reach = [np.sqrt((part.spread * part.spread).sum(axis=1)) for part in anatomy.pelvis]
    ahead = min(part.centre_mm[1] - far[1] for part, far in zip(anatomy.pelvis, reach, strict=True))
    aside = max(abs(part.centre_mm[0]) + far[0] for part, far in zip(anatomy.pelvis, reach, strict=True))
    return float(ahead), float(aside)


def _eased(share: Floats) -> Floats:
    """0 below 0, 1 above 1, smooth between."""
    inside = np.clip(share, 0.0, 1.0)
    return np.asarray(inside * inside * (3 - 2 * inside))


def _paint_wall(tissue: TissueMap, around: Around, deep: Flags) -> None:
    """The muscles of the belly's and the chest's wall under the subcutaneous fat."""
    wall = deep & (around.skin < around.fat_mm + 11.0)
    put(tissue, Tissue.MUSCLE, wall)
    between = wall & (np.abs(around.skin - around.fat_mm - 5.5) < 0.9) & (around.ahead > 0)
    put(tissue, Tissue.FATTY_MUSCLE, between)


def _paint_beside(
    tissue: TissueMap, anatomy: Anatomy, around: Around, deep: Flags, size: float, start: float
) -> None:
    """Psoas and quadratus lumborum below the last rib, the long muscles of the neck above."""
    top, widest = float(anatomy.vertebra("T12").body.pose.origin_mm[2]) + start, float(around.aside.max())
    down = np.clip((top - around.z) * np.float32(1 / 130), 0, 1.5)
    if float(down.max()) > 0:
        _paint_psoas(tissue, around, deep & (down > 0), down, size)
        if widest > _QUADRATUS_FROM_MM:
            quadratus = ((around.aside - 66.0) / 19.0) ** 2
            quadratus += ((around.behind + 14.0 + 3.0 * size - 0.2 * around.aside) / 8.0) ** 2
            put(tissue, Tissue.MUSCLE, (quadratus < 1) & deep & (down > 0) & (down < 1.1))
    below = np.clip(
        (float(anatomy.sacrum[0].body.pose.origin_mm[2]) + 30.0 - around.z) * np.float32(1 / 45), 0, 1
    )
    if float(below.max()) > 0 and widest > _GLUTEAL_FROM_MM:
        gluteal = ((around.aside - 92.0) / 38.0) ** 2 + ((around.behind + 2.0) / 40.0) ** 2
        put(tissue, Tissue.MUSCLE, deep & (gluteal < below))
    if float(around.neck.max()) > 0.3:
        long = (around.neck > 0.3) & deep & (around.ahead > 0) & (around.ahead < 5.0) & (around.aside < 12.0)
        put(tissue, Tissue.MUSCLE, long)


def _paint_psoas(tissue: TissueMap, around: Around, here: Flags, down: Floats, size: float) -> None:
    """The psoas, which grows on its way down; only pixels beside the spine are looked at."""
    places = np.flatnonzero(here & (np.abs(around.ahead + 20.0) < _PSOAS_WITHIN_MM))
    aside, ahead, down = around.aside.take(places), around.ahead.take(places), down.take(places)
    wide, deep_mm = size * (8.0 + 10.0 * down), size * (9.0 + 13.0 * down)
    slanted = aside - 28.0 - 11.0 * down
    psoas = ((slanted + 0.25 * (ahead + 20.0)) / wide) ** 2
    psoas += ((ahead + 20.0 - 7.0 * down - 0.15 * slanted) / deep_mm) ** 2
    np.put(tissue, places[psoas < 1], Tissue.MUSCLE)


def _paint_back(
    tissue: TissueMap, anatomy: Anatomy, around: Around, deep: Flags, rng: np.random.Generator
) -> None:
    """Multifidus and erector spinae with streaks of fat; between the spinous processes a finer weave."""
    soft = anatomy.patient.surroundings
    shape = tissue.shape
    streaks = field(rng, "streak", (shape[0], shape[1], shape[2]))
    weave = layers(rng, "band", (shape[0], shape[1], shape[2]))
    places = np.flatnonzero(deep & (around.behind > _BACK_BEHIND_MM))
    aside, behind = around.aside.take(places), around.behind.take(places)
    painted, streaks = tissue.take(places), streaks.take(places)
    wide = 44.0 - 14.0 * around.neck.take(places)
    mass = ((aside - 0.72 * wide) / wide) ** 2
    mass += ((behind - 13.0) * np.float32(1 / 27.0)) ** 2
    back = (mass < 1) | ((behind > 6.0) & (aside < 0.7 * wide))
    # Fat gathers deep and near the midline, as it does in the multifidus.
    fatty = np.float32(1.65 - 2.3 * soft.muscle_fat) + np.float32(0.012) * (behind + aside)
    put(painted, Tissue.MUSCLE, back)
    put(painted, Tissue.FATTY_MUSCLE, back & (streaks > fatty))
    put(painted, Tissue.FAT, back & (streaks > fatty + np.float32(0.5)))
    septum = np.abs(aside - 20.0 - 0.35 * behind) < 1.1
    put(painted, Tissue.FAT, back & septum & (behind > 2.0) & (streaks > -0.4))
    np.put(tissue, places, painted)
    between = np.zeros(shape, np.bool_)
    np.put(between, places[back & (aside < _MIDLINE_HALF_WIDTH_MM) & (behind > 0)], True)
    _paint_between(tissue, anatomy, around, between, weave)


def _paint_between(
    tissue: TissueMap, anatomy: Anatomy, around: Around, between: Flags, weave: Callable[[int], Floats]
) -> None:
    """What lies between the spinous processes: ligament, muscle and fat in a fine weave."""
    for number, here in enumerate(between):
        if here.any():
            one, woven = tissue[number], weave(number)
            put(one, Tissue.MUSCLE, here & (woven <= -0.55))
            put(one, Tissue.FATTY_MUSCLE, here & (woven > -0.55))
            put(one, Tissue.FAT, here & (woven > 0.35))
    if between.any():
        put(tissue, Tissue.LIGAMENT, between & (around.behind > _SPINOUS_REACH_MM - 4.0))
        _paint_torn(tissue, anatomy, around, between)


def _paint_torn(tissue: TissueMap, anatomy: Anatomy, around: Around, between: Flags) -> None:
    """Fluid between spinous processes that an injury has torn apart, a scar where laminae were removed."""
    for bone in anatomy.vertebrae:
        shape = bone.shape
        if shape is None or not (shape.laminectomy or (shape.fracture and shape.fracture.splay_mm > 0)):
            continue
        near = np.abs(around.z - np.float32(bone.body.pose.origin_mm[2])) < 14.0
        if shape.laminectomy:
            streak = (around.aside < 7.0 - 0.08 * around.behind) & (around.behind > -2.0)
            put(tissue, Tissue.SCAR, near & streak & (around.skin > around.fat_mm - 1.0))
        else:
            put(tissue, Tissue.PHLEGMON, near & between)


def _sharpened(tissue: TissueMap, around: Around, grid: Grid) -> TissueMap:
    """The map at full size; air, skin and fascia follow the surface, which is smooth, at full sharpness."""
    full = np.empty(grid.shape, np.uint8)
    # Slice by slice, so that what is worked on stays in the processor's cache.
    for number in range(grid.shape[0]):
        one = slice(number, number + 1)
        _sharpened_slices(full[one], tissue[one], around.skin[one], around.fat_mm[one])
    return full


def _sharpened_slices(full: TissueMap, tissue: TissueMap, coarse_skin: Floats, fat_mm: Floats) -> None:
    _, rows, columns = full.shape
    full[:] = _enlarged(tissue)[:, :rows, :columns]
    skin = _doubled(coarse_skin)[:, :rows, :columns]
    fascia = _repeated(fat_mm)[:, :rows, :columns]
    fascia -= skin
    put(full, Tissue.FAT, (fascia > 0) & (full == Tissue.MUSCLE))
    put(full, Tissue.FASCIA, np.abs(fascia, out=fascia) < 0.9)
    put(full, Tissue.SKIN, skin <= _SKIN_MM)
    put(full, Tissue.AIR, skin <= 0)


def _enlarged(coarse: TissueMap) -> TissueMap:
    """The map at twice the rows and columns, stairs cut off: Scale2x (Mazzoleni 2001, scale2x.it)."""
    ring = np.pad(coarse, ((0, 0), (1, 1), (1, 1)), mode="edge")
    up, down = ring[:, :-2, 1:-1], ring[:, 2:, 1:-1]
    before, after = ring[:, 1:-1, :-2], ring[:, 1:-1, 2:]
    slices, rows, columns = coarse.shape
    full = np.empty((slices, rows, 2, columns, 2), np.uint8)
    slanted = (up != down) & (before != after)
    for row, across in ((0, up), (1, down)):
        for column, along in ((0, before), (1, after)):
            full[:, :, row, :, column] = coarse
            np.copyto(full[:, :, row, :, column], along, where=slanted & (across == along))
    return full.reshape(slices, 2 * rows, 2 * columns)


def _repeated(coarse: Floats) -> Floats:
    """The field at twice the rows and columns, each value four times."""
    slices, rows, columns = coarse.shape
    full = np.empty((slices, rows, 2, columns, 2), np.float32)
    full[:, :, 0, :, 0] = coarse
    full[:, :, 0, :, 1] = coarse
    full[:, :, 1] = full[:, :, 0]
    return full.reshape(slices, 2 * rows, 2 * columns)


def _doubled(coarse: Floats) -> Floats:
    """A smooth field at twice the rows and columns: each pixel a quarter of a coarse one off its centre."""
    tall = _interleaved(coarse, 1)
    return _interleaved(tall, 2)


def _interleaved(field: Floats, axis: int) -> Floats:
    """A field [slice, row, column] with two values for each along an axis, a quarter the neighbour's."""
    quarter = np.float32(0.25) * field
    before, after = np.float32(0.75) * field, np.float32(0.75) * field
    head, tail = (_part(axis, span) for span in (slice(1, None), slice(None, -1)))
    first, last = _part(axis, slice(None, 1)), _part(axis, slice(-1, None))
    before[head] += quarter[tail]
    before[first] += quarter[first]
    after[tail] += quarter[head]
    after[last] += quarter[last]
    shape = list(field.shape)
    shape[axis] *= 2
    return np.stack([before, after], axis=axis + 1).reshape(shape)


def _part(axis: int, span: slice) -> tuple[slice, ...]:
    return tuple(span if place == axis else slice(None) for place in range(3))
