"""The spinal canal and the foramina in the label maps: fat, ligaments, dural sac, cord, roots.

The sac's outline comes from `anatomy.canal_room`, where the truth is measured: picture and truth agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.canal_room import encroachment
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.sac import SacCut, SacTable
from spinemed.phantom.anatomy.solids import Array, Flags, Floats, Grid
from spinemed.phantom.rendering.maps import (
    OWNED_BY_CORD,
    OWNED_BY_EPIDURAL_FAT,
    OWNED_BY_SAC,
    LabelMaps,
    put,
)
from spinemed.phantom.rendering.tissues import Tissue, TissueMap
from spinemed.phantom.rendering.tubes import Tubes, paint_tubes

_FRONT_MM: Final[float] = 16.0
_BACK_MM: Final[float] = 20.0
_ASIDE_MM: Final[float] = 34.0
_LESION_HALF_MM: Final[float] = 8.0
_CAUDA_LEAD_MM: Final[float] = 14.0
_FORAMEN_OUT_MM: Final[float] = 9.5
_CLEFT_MM: Final[float] = 3.0
# How far the dark ligament around a root and its fat reaches, in squares of their half axes.
_SHEATH: Final[float] = 2.6


@dataclass(frozen=True, eq=False)
class CanalPixels:
    """The pixels in and around the canal, gathered from a grid, and what the sac's table says of each.

    `places` counts the grid's pixels slice by slice and row by row; the rest are mm. `left` and `behind`
    are counted from the middle of the healthy sac; `deep` and `wide` are half of the bony canal.
    """

    places: NDArray[np.intp]
    x: Floats
    y: Floats
    z: Floats
    table_row: NDArray[np.intp]
    left: Floats
    behind: Floats
    deep: Floats
    wide: Floats

    def only(self, where: Flags) -> CanalPixels:
        """Return the flagged pixels alone, each array with one axis: few of what is gathered is painted."""
        flat = np.flatnonzero(where)
        measures = (self.x, self.y, self.z, self.left, self.behind, self.deep, self.wide)
        x, y, z, left, behind, deep, wide = (measure.take(flat) for measure in measures)
        places, table_row = self.places.take(flat), self.table_row.take(flat)
        return CanalPixels(places, x, y, z, table_row, left, behind, deep, wide)


@lru_cache(maxsize=4)
def sac_of(anatomy: Anatomy) -> SacTable:
    """Return the sac's table of a placed patient, built once."""
    return encroachment(anatomy)


def gather(anatomy: Anatomy, grid: Grid) -> CanalPixels | None:
    """Return the pixels of the grid in and around the canal; None where it is out of view."""
    line = anatomy.midline
    heights = line.low_mm + line.step_mm * np.arange(len(line.canal_left))
    points = np.stack([line.canal_left, line.canal_posterior, heights], axis=1)[::4]
    places = (points - grid.origin_mm) @ grid.directions.T / np.asarray(grid.steps_mm)
    upright = abs(float(grid.directions[1, 2])) > abs(float(grid.directions[0, 2]))
    window = _ribbon(grid, places) if upright else _square(grid, places)
    if window is None:
        return None
    rows, columns = window
    slices = np.arange(grid.shape[0])[:, None, None]
    index = (slices, rows[None], columns[None])
    x, y, z = (_coordinate(grid, axis, *index) for axis in range(3))
    at = line.at(z)
    return CanalPixels(
        (slices * grid.shape[1] + index[1]) * grid.shape[2] + index[2],
        x,
        y,
        z,
        at,
        x - line.canal_left.take(at),
        y - line.canal_posterior.take(at),
        line.canal_half_depth.take(at),
        line.canal_half_width.take(at),
    )


def _ribbon(grid: Grid, places: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Rows [r, 1] and columns [r, w] that follow the canal down an upright picture."""
    order = np.argsort(places[:, 1])
    rows = np.arange(grid.shape[1])
    # Beyond the ends of the canal nothing is painted; interp holds the last column there.
    centre = np.interp(rows, places[order, 1], places[order, 2])
    before, after = (int(reach / grid.steps_mm[2]) + 1 for reach in (_FRONT_MM, _BACK_MM))
    columns = np.round(centre).astype(np.intp)[:, None] + np.arange(-before, after + 1)
    seen = (columns[:, -1] >= 0) & (columns[:, 0] < grid.shape[2])
    seen &= (rows >= places[:, 1].min()) & (rows <= places[:, 1].max())
    if not seen.any():
        return None
    return rows[seen][:, None], np.clip(columns[seen], 0, grid.shape[2] - 1)


def _square(grid: Grid, places: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Rows [r, 1] and columns [1, c] around the place where the canal goes through a lying picture."""
    middle = places[int(np.argmin(np.abs(places[:, 0] - (grid.shape[0] - 1) / 2)))]
    spans = []
    for axis, before, after in ((1, _FRONT_MM, _BACK_MM), (2, _ASIDE_MM, _ASIDE_MM)):
        step = grid.steps_mm[axis]
        first = max(int(middle[axis] - before / step), 0)
        last = min(int(middle[axis] + after / step) + 1, grid.shape[axis])
        if first >= last:
            return None
        spans.append(np.arange(first, last))
    return spans[0][:, None], spans[1][None, :]


def _coordinate(
    grid: Grid, axis: int, slices: NDArray[np.intp], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> Floats:
    """One coordinate in LPS mm of the indexed pixels."""
    steps = grid.directions[:, axis] * np.asarray(grid.steps_mm)
    by_slice = (grid.origin_mm[axis] + slices * steps[0]).astype(np.float32)
    by_row, by_column = (rows * steps[1]).astype(np.float32), (columns * steps[2]).astype(np.float32)
    return np.asarray(by_slice + by_row + by_column, np.float32)


def paint_around_canal(maps: LabelMaps, anatomy: Anatomy, pixels: CanalPixels) -> None:
    """Paint what the arches cover: fat of the foramina and between the laminae, yellow ligament."""
    aside = np.abs(pixels.left)
    lowest = anatomy.sacrum[-1].body.pose.origin_mm[2]
    here = (pixels.z > lowest) & (pixels.z < _top(anatomy))
    behind = pixels.behind - pixels.deep
    _paint_foramina(maps, anatomy, pixels, aside, here)
    # Seen from above the yellow ligaments are a V; a wedge of fat lies in front of it.
    flavum = here & (aside < pixels.wide * 0.95) & (behind > -0.30 * aside) & (behind < 5.4 - 0.42 * aside)
    wedge = here & (behind > -2.0) & (behind < 3.4 - 0.75 * aside)
    for kind, flags in ((Tissue.FLAVUM, flavum), (Tissue.EPIDURAL_FAT, wedge)):
        np.put(maps.tissue, pixels.places[flags], kind)


def _paint_foramina(
    maps: LabelMaps, anatomy: Anatomy, pixels: CanalPixels, aside: Floats, here: Flags
) -> None:
    """Fat beside the canal; in a narrowed foramen disc, facet and ligament take its place."""
    beyond = aside - pixels.wide
    oval = ((beyond - 2.0) / 10.0) ** 2 + ((pixels.behind + 2.0) / (pixels.deep + 2.0)) ** 2
    outlet = pixels.only(here & (beyond > -3.0) & (oval < 1))
    tissue = np.full(outlet.z.shape, Tissue.FAT, np.uint8)
    for disc in anatomy.placed_discs:
        if disc.shape is None:
            continue
        for lost, side in zip(disc.shape.narrowing.foramen, (1.0, -1.0), strict=True):
            if lost > 0.05:
                near = np.abs(outlet.z - np.float32(disc.solid.pose.origin_mm[2])) < 40.0
                _narrow_foramen(tissue, anatomy.vertebra(disc.above), disc, outlet, near, lost, side)
    np.put(maps.tissue, outlet.places, tissue)


def _narrow_foramen(
    tissue: TissueMap,
    bone: Vertebra,
    disc: PlacedDisc,
    pixels: CanalPixels,
    near: Flags,
    lost: float,
    side: float,
) -> None:
    """Fill a foramen around its root by Lee's grades: 1 two opposed sides, 2 all four, 3 the root as well.

    Between the grades the gaps of fat that are left beside the root shrink with the share lost (cuts as
    visibility.yaml): in front and behind up to 0.2, above and below up to 0.5. Farther below, a cleft of fat
    is left between the disc in front and the facet behind; beyond the pedicle's outer wall all fat is left.
    """
    frame = bone.body.pose.rotation.T.astype(np.float32)
    origin = bone.body.pose.origin_mm.astype(np.float32)
    points = (pixels.x - origin[0], pixels.y - origin[1], pixels.z - origin[2])
    left, posterior, up = (sum(row[axis] * points[axis] for axis in range(3)) for row in frame)
    out = np.float32(side) * left - np.float32(bone.canal_width_mm / 2)
    # The root's way under the pedicle, as `roots_of` lays it.
    share = np.clip((out + 0.5) / 5.5, 0.0, 1.0)
    before = np.abs(posterior - np.float32(bone.body.half_depth + 3.2) - 0.2 * share)
    above = up + np.float32(bone.body.half_height) * (0.25 + 0.53 * share)
    radius = 1.3 * root_radius_mm(bone.level)
    tall = 1.4 * radius  # cut obliquely
    aside_mm = 0.0 if lost >= 0.2 else 1.8 + 12.0 * (0.2 - lost)
    along_mm = 0.0 if lost >= 0.5 else 1.8 + 12.0 * (0.5 - lost)
    # From the disc's lower rim up to the pedicle.
    foramen = near & (out > 1.0) & (out < _FORAMEN_OUT_MM) & (up < 0.0)
    foramen &= up > np.float32(-bone.body.half_height - disc.solid.height - 4.0)
    away = (before / (radius + aside_mm)) ** 2 + (above / (tall + along_mm)) ** 2
    low = above < -tall - 3.0
    cleft = low & (before < _CLEFT_MM * (1.0 - lost))
    filled = foramen & (away >= 1) & ~cleft
    put(tissue, Tissue.ANNULUS, filled)
    put(tissue, Tissue.NUCLEUS_4, filled & (posterior < bone.body.half_depth + 3.4))
    put(tissue, Tissue.LIGAMENT, filled & ~low & (away < _SHEATH))
    if lost >= 0.8:  # flattened from below
        pressed = foramen & (above < 0.3 * radius) & ~low
        put(tissue, Tissue.ANNULUS, pressed)
        put(tissue, Tissue.LIGAMENT, pressed & (above > 0.3 * radius - 1.2))


def paint_canal(maps: LabelMaps, anatomy: Anatomy, pixels: CanalPixels) -> None:
    """Paint epidural fat, dural sac, cord and roots over bones that reach into the canal."""
    lowest = anatomy.sacrum[-1].body.pose.origin_mm[2]
    canal = (pixels.left / (pixels.wide + 1.0)) ** 2 + (pixels.behind / (pixels.deep + 0.8)) ** 2 < 1
    canal &= (pixels.z > lowest) & (pixels.z < _top(anatomy))
    seen_mm = float(pixels.z.min()), float(pixels.z.max())
    pixels = pixels.only(canal)
    tissue = np.full(pixels.z.shape, Tissue.EPIDURAL_FAT, np.uint8)
    owner = np.full(pixels.z.shape, OWNED_BY_EPIDURAL_FAT, np.uint8)
    here = sac_of(anatomy).cut(pixels.table_row)
    normal = pixels.y - here.centre_posterior
    inside = here.depth(pixels.left, normal)
    sac = inside > 0
    _paint_pressing(tissue, owner, ~sac, normal, pixels, here)
    dura = ~sac & (inside > -0.9) & (normal < 0) & (np.abs(pixels.left) < 0.8 * pixels.wide)
    put(tissue, Tissue.LIGAMENT, dura)
    put(owner, 0, dura)
    put(tissue, Tissue.CSF, sac)
    put(owner, OWNED_BY_SAC, sac)
    depth_left = np.asarray(2 * here.half_depth - here.front - here.back, np.float32)
    middle = np.asarray(normal - (here.front - here.back) / 2, np.float32)
    _paint_nerves(tissue, owner, anatomy, pixels, seen_mm, sac, inside, middle, depth_left)
    np.put(maps.tissue, pixels.places, tissue)
    np.put(maps.owner, pixels.places, owner)


def _paint_pressing(
    tissue: TissueMap,
    owner: NDArray[np.uint8],
    outside: Flags,
    normal: Floats,
    pixels: CanalPixels,
    here: SacCut,
) -> None:
    """What takes the sac's room: yellow ligament and facets behind, disc and bone in front (drawn later)."""
    side = np.where(pixels.left > 0, here.left, here.right)
    thick = (here.back > 1.2) | ((side > 0.6) & (np.abs(pixels.left) > 0.25 * pixels.wide))
    pressing = outside & (normal > 0) & thick
    put(tissue, Tissue.FLAVUM, pressing)
    put(owner, 0, pressing)
    fronted = outside & (normal < 0) & (here.front > 0.8)
    put(tissue, Tissue.LIGAMENT, fronted)
    put(owner, 0, fronted)


def _paint_nerves(
    tissue: TissueMap,
    owner: NDArray[np.uint8],
    anatomy: Anatomy,
    pixels: CanalPixels,
    seen_mm: tuple[float, float],
    sac: Flags,
    inside: Floats,
    middle: Floats,
    depth_left: Floats,
) -> None:
    """Cord down to the conus, roots behind and below it; in a narrow sac the roots fill what is left."""
    conus = float(anatomy.vertebra("L1").body.pose.origin_mm[2]) - 8.0
    conus += anatomy.patient.surroundings.conus_offset_mm
    above = pixels.z - np.float32(conus)
    lowest, highest = (float(np.float32(end) - np.float32(conus)) for end in seen_mm)
    if highest > -1.0:
        neck = np.clip((pixels.z - np.float32(_height(anatomy, "T3"))) * np.float32(1 / 40), 0, 1)
        swell = np.sqrt(np.clip(above * np.float32(1 / 28), 0.0, 1.0)) + np.float32(1e-3)
        half_wide = (4.4 + 2.2 * neck) * swell
        half_deep = np.minimum((3.3 + 0.6 * neck) * swell, np.maximum(0.46 * depth_left, 0.8))
        cord = sac & ((pixels.left / half_wide) ** 2 + (middle / half_deep) ** 2 < 1)
        put(tissue, Tissue.CORD, cord)
        put(owner, OWNED_BY_CORD, cord)
        _paint_cord_lesion(tissue, anatomy, pixels, cord, middle, half_wide, half_deep)
    if lowest >= _CAUDA_LEAD_MM:
        return
    bent = 1.3 * np.sin(0.035 * pixels.z)
    strands = np.sin(1.9 * pixels.left + 0.05 * pixels.z + 1.5 * np.sin(0.8 * pixels.behind))
    strands *= np.sin(2.2 * pixels.behind + 0.07 * pixels.z + bent + 1.5 * np.sin(0.7 * pixels.left))
    crowded = depth_left < 0.55 * 2 * pixels.deep
    lying_behind = (middle > pixels.deep * (-0.05 - 0.004 * above)) | crowded
    roots = sac & (owner == OWNED_BY_SAC) & (above < _CAUDA_LEAD_MM) & lying_behind
    roots &= (inside > 0.8) | crowded
    put(tissue, Tissue.CAUDA, roots & (strands > np.where(crowded, -0.35, 0.1)))


def _paint_cord_lesion(
    tissue: TissueMap,
    anatomy: Anatomy,
    pixels: CanalPixels,
    cord: Flags,
    middle: Floats,
    half_wide: Floats,
    half_deep: Floats,
) -> None:
    """The bright cord of a myelopathy at one disc."""
    if not anatomy.patient.myelopathy:
        return
    pose = anatomy.disc(anatomy.patient.myelopathy).solid.pose
    x, y, z = pose.origin_mm.astype(np.float32)
    up = (pose.rotation[:, 2] / _LESION_HALF_MM).astype(np.float32)
    along = (pixels.x - x) * up[0] + (pixels.y - y) * up[1] + (pixels.z - z) * up[2]
    spot = (pixels.left / half_wide) ** 2 + (middle / half_deep) ** 2 + along * along < 0.72
    put(tissue, Tissue.CORD_LESION, cord & spot)


def _top(anatomy: Anatomy) -> np.float32:
    """The height up to which the canal is drawn: the foramen magnum."""
    return np.float32(anatomy.vertebrae[-1].body.pose.origin_mm[2] + 20.0)


def _height(anatomy: Anatomy, level: str) -> float:
    return float(anatomy.vertebra(level).body.pose.origin_mm[2])


def root_radius_mm(level: str) -> float:
    """Return the radius of the nerve roots that leave below a vertebra, before they swell in the foramen."""
    return 1.7 if level[0] == "L" else 1.2


@lru_cache(maxsize=4)
def roots_of(anatomy: Anatomy) -> Tubes:
    """Return the nerve roots below the neck as tubes: from the sac's shoulder past the pedicle, outwards."""
    bones = [bone for bone in anatomy.vertebrae if bone.level[0] != "C"]
    rotations = np.concatenate([bone.body.pose.rotation for bone in bones]).reshape(-1, 3, 3)
    origins = np.concatenate([bone.body.pose.origin_mm for bone in bones]).reshape(-1, 3)
    half, wall, high = np.array(
        [(bone.canal_width_mm / 2, bone.body.half_depth, bone.body.half_height) for bone in bones]
    ).T
    radius = np.array([root_radius_mm(bone.level) for bone in bones])
    # Shoulder of the sac, bend under the pedicle, ganglion, and a place outside: left, posterior, up.
    course = (
        (0.86 * half, wall + 4.0, 0.9 * high),
        (half - 0.5, wall + 3.2, -0.25 * high),
        (half + 5.0, wall + 3.4, -0.78 * high),
        (half + 17.0, wall - 3.0, -1.35 * high),
    )
    points = np.array([np.stack(place, axis=1) for place in course])
    both = np.concatenate([points, points * np.array([-1.0, 1.0, 1.0])], axis=1)
    both = np.einsum("nij,pnj->pni", np.concatenate([rotations, rotations]), both)
    both += np.concatenate([origins, origins])
    thick = np.concatenate([radius, radius])
    return Tubes(
        both[:-1].reshape(-1, 3), both[1:].reshape(-1, 3), np.concatenate([thick, 1.3 * thick, 1.2 * thick])
    )


_ROOM_FOR_ROOTS: Final[Flags] = np.isin(
    np.arange(256), [Tissue.FAT, Tissue.EPIDURAL_FAT, Tissue.MUSCLE, Tissue.FATTY_MUSCLE]
)


def paint_roots(maps: LabelMaps, anatomy: Anatomy, grid: Grid) -> None:
    """Paint the nerve roots where there is fat for them to lie in."""

    def fill(maps: LabelMaps, box: tuple[slice, ...], distance: Floats, number: int) -> None:
        tissue, owner = maps.tissue[box], maps.owner[box]
        root = (distance < tubes.radius_mm[number]) & _ROOM_FOR_ROOTS[tissue]
        put(tissue, Tissue.ROOT, root)
        put(owner, 0, root)

    tubes = roots_of(anatomy)
    paint_tubes(maps, grid, tubes, fill)
