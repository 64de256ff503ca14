"""Claims about the spinal canal: the sac's depth, the recesses, the foramina, and the signal of the cord."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np

from spinemed.phantom.anatomy.canal_room import Room, room
from spinemed.phantom.anatomy.measure import herniation_reach_mm, slip_percent
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc
from spinemed.phantom.anatomy.sac import RECESS_PLACE, SacTable
from spinemed.phantom.anatomy.solids import Box as GridBox
from spinemed.phantom.anatomy.solids import Flags, Floats
from spinemed.phantom.export.claim import Claim
from spinemed.phantom.export.evidence import (
    Region,
    ShownSeries,
    contrast,
    in_frame,
    is_any,
    median,
    region_where,
    structure_region,
    tissue_region,
)
from spinemed.phantom.export.visibility import Visibility, grade_of, off_cut
from spinemed.phantom.rendering.canal import sac_of
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.tissues import Tissue
from spinemed.records import Side

GRADES: Final[tuple[str, ...]] = ("none", "mild", "moderate", "severe")
_SAC: Final[tuple[int, ...]] = (100, 101)
_SIDES: Final[tuple[tuple[Side, float, int], ...]] = (("left", 1.0, 0), ("right", -1.0, 1))
_FATS: Final[tuple[Tissue, ...]] = (Tissue.FAT, Tissue.EPIDURAL_FAT)
_IN_FORAMEN: Final[tuple[Tissue, ...]] = (*_FATS, Tissue.ROOT, Tissue.HERNIATION, Tissue.SCAR)
_FILLERS: Final[tuple[Tissue, ...]] = (Tissue.ANNULUS, Tissue.NUCLEUS_4, Tissue.LIGAMENT)
_REACH_MM: Final[float] = 16.0
_SLAB_MM: Final[float] = 5.0
_LARGE_MM: Final[int] = 7
"""Reach of a herniation, as a report rounds it, beside which no canal is called free."""
_PEDICLE_REACH_MM: Final[float] = 2.5


def canal_claims(shown: ShownSeries, rules: Visibility) -> Iterator[Claim]:
    """Yield claims of canal, recess and foramen for every disc above the sacrum that the slices pass."""
    table = sac_of(shown.anatomy)
    for disc in discs_in_view(shown):
        found = _room(shown.anatomy, disc.above)
        if found.normal_mm <= 0:
            continue  # below the end of the sac
        yield _canal(shown, rules, disc, found, table)
        if shown.plane == "axial":
            yield from (_recess(shown, rules, disc, found, table, *side) for side in _SIDES)
        yield from (_foramen(shown, rules, disc, found, *side) for side in _SIDES)
    yield from _cord(shown, rules)


@lru_cache(maxsize=64)
def _room(anatomy: Anatomy, above: str) -> Room:
    return room(anatomy, above, sac_of(anatomy))


def discs_in_view(shown: ShownSeries) -> tuple[PlacedDisc, ...]:
    """Return the discs above the sacrum that this series is about: all, or the one of an axial stack."""
    above = shown.rendered.acquisition.disc_above
    return tuple(
        disc for disc in shown.anatomy.placed_discs if disc.shape is not None and above in ("", disc.above)
    )


def _sac(
    shown: ShownSeries, disc: PlacedDisc, table: SacTable, index: int | None, share: tuple[float, float]
) -> tuple[Region | None, Region | None]:
    """The sac as it would be in health beside a disc, and the part of it that disease has taken.

    `share` bounds the place across the canal, in half widths of the sac: left positive.
    """
    pose = disc.solid.pose
    centre = pose.point(0.0, disc.solid.half_depth + 9.0, 0.0)
    slab = max(disc.solid.height / 2, shown.pixel_mm, _SLAB_MM)
    reach = np.array([30.0, 30.0, 30.0])

    def healthy(box: GridBox) -> Flags:
        x, y, z = shown.grid.coordinates(box, np.eye(3), np.zeros(3))
        flags = table.depth_inside(x, y, z, healthy=True) > 0
        rows = table.at(z)
        across = (x - table.centre_left.take(rows)) / table.half_width.take(rows)
        flags &= (across > share[0]) & (across < share[1])
        if shown.plane == "sagittal":
            up = pose.rotation[:, 2]
            flags &= (
                np.abs((x - centre[0]) * up[0] + (y - centre[1]) * up[1] + (z - centre[2]) * up[2]) < slab
            )
        return np.asarray(flags)

    whole = region_where(shown.grid, centre, reach, index, healthy)
    if whole is None:
        return None, None
    rows, columns = whole.flags.shape
    here = shown.rendered.structures[
        whole.index, whole.top : whole.top + rows, whole.left : whole.left + columns
    ]
    lost = Region(whole.index, whole.top, whole.left, whole.flags & ~np.isin(here, _SAC))
    return whole, lost if lost.count else None


def _sac_contrast(shown: ShownSeries, disc: PlacedDisc, index: int) -> float:
    """How far the fluid of the sac stands out from the disc in one slice."""
    region = structure_region(shown, 200 + verse_value(disc.above), index)
    return 0.0 if region is None else contrast(shown, region, Tissue.CSF)


def _middle_slice(shown: ShownSeries, disc: PlacedDisc, reach_mm: float) -> int | None:
    """The slice through the canal's middle beside a disc: for axial stacks the one through the disc."""
    body = disc.solid
    place = (
        body.pose.origin_mm if shown.plane == "axial" else body.pose.point(0.0, body.half_depth + 9.0, 0.0)
    )
    return shown.slice_of(place, reach_mm)


def _depth_error(shown: ShownSeries, rules: Visibility) -> float:
    """Standard error in mm of the distance between two edges."""
    return float(rules.edge_error_px * shown.pixel_mm * 2**0.5)


def _canal(shown: ShownSeries, rules: Visibility, disc: PlacedDisc, found: Room, table: SacTable) -> Claim:
    # Off the midline the sac is less deep: a slice that passes it at a fifth of its half width errs by 2 %.
    narrow = 0.1 * shown.anatomy.vertebra(disc.above).canal_width_mm
    index = _middle_slice(shown, disc, shown.grid.steps_mm[0] if shown.plane == "axial" else narrow)
    grade = grade_of(found.share_lost, rules.canal_cuts)
    hidden = _without_depth(shown, rules, disc, found, grade)
    if hidden or not rules.shows(shown.kind, "canal_stenosis"):
        index = None  # what no series tells need not be looked for
    whole, lost = (None, None) if index is None else _sac(shown, disc, table, index, (-1.0, 1.0))
    region = lost if grade and lost is not None else whole
    error = _depth_error(shown, rules)
    return Claim(
        site=f"{disc.above}-{disc.below}",
        pathology="canal_stenosis",
        evidence=None if region is None or whole is None else shown.locator(whole),
        pixels=0 if region is None else region.count,
        contrast=0.0 if region is None else _sac_contrast(shown, disc, region.index),
        grade=GRADES[grade],
        present=grade > 0,
        value=found.left_mm,
        unit="mm",
        error=error,
        off_cut=off_cut(found.share_lost, rules.canal_cuts) * found.normal_mm,
        hidden=hidden,
        cut_off=whole is not None
        and (whole.touches(shown.grid.shape[1:]) or _is_cut(shown, disc, whole.index)),
    )


def _is_cut(shown: ShownSeries, disc: PlacedDisc, index: int) -> bool:
    """Whether the border of a sagittal slice cuts the disc in whose plane a depth is told."""
    seen = None if shown.plane == "axial" else structure_region(shown, 200 + verse_value(disc.above), index)
    return seen is not None and seen.touches(shown.grid.shape[1:])


def _without_depth(shown: ShownSeries, rules: Visibility, disc: PlacedDisc, found: Room, grade: int) -> str:
    """Why no depth of the sac is told beside a disc, "" where it is."""
    herniation = None if disc.shape is None else disc.shape.herniation
    if shown.plane == "sagittal" and herniation is not None and herniation.zone != "central":
        return "a herniation presses beside the midline: slices across it tell the depth"
    if shown.pixel_mm > rules.coarsest_sac_mm:
        return "the pixels are too coarse for a depth in mm"
    if grade == 0 and presses_beside(disc):
        return "a large herniation presses beside the midline: nobody calls the canal free"
    near = grade_of(found.near_share_lost, rules.canal_cuts)
    return "a narrowing beside the disc is greater than the one at it" if near > grade else ""


def presses_beside(disc: PlacedDisc) -> bool:
    """Return whether a large subarticular herniation presses: nobody believes that the canal there is free.

    Along its midline the sac may still be as deep as in health.
    """
    herniation = None if disc.shape is None else disc.shape.herniation
    beside = herniation is not None and herniation.zone == "subarticular"
    return beside and round(herniation_reach_mm(disc)) >= _LARGE_MM


def _recess(
    shown: ShownSeries,
    rules: Visibility,
    disc: PlacedDisc,
    found: Room,
    table: SacTable,
    side: Side,
    sign: float,
    place: int,
) -> Claim:
    normal, share = found.recess_normal_mm[place], found.recess_share_lost[place]
    index = _middle_slice(shown, disc, 0.5 * shown.grid.steps_mm[0] + 1.0)
    bounds = (RECESS_PLACE - 0.25, RECESS_PLACE + 0.25)
    bounds = bounds if sign > 0 else (-bounds[1], -bounds[0])
    whole, lost = (None, None) if index is None else _sac(shown, disc, table, index, bounds)
    grade = grade_of(share, rules.canal_cuts)
    region = lost if grade and lost is not None else whole
    return Claim(
        site=f"{disc.above}-{disc.below}",
        pathology="recess_stenosis",
        evidence=None if whole is None else shown.locator(whole),
        pixels=0 if region is None else region.count,
        contrast=0.0 if region is None else _sac_contrast(shown, disc, region.index),
        grade=GRADES[grade],
        side=side,
        present=grade > 0,
        error=_depth_error(shown, rules),
        off_cut=off_cut(share, rules.canal_cuts) * normal,
        cut_off=whole is not None and whole.touches(shown.grid.shape[1:]),
    )


def _foramen(
    shown: ShownSeries, rules: Visibility, disc: PlacedDisc, found: Room, side: Side, sign: float, place: int
) -> Claim:
    lost = found.foramen_lost[place]
    grade = grade_of(lost, rules.foramen_cuts)
    hidden = _without_foramen(shown, rules, disc)
    able = not hidden and rules.shows(shown.kind, "foraminal_stenosis")
    whole = foramen_region(shown, disc, sign) if able else None
    if whole is not None and not (whole.values(shown.rendered.tissue) == Tissue.ROOT).any():
        whole = None  # a slice beside the foramen: no grade without the root
    changed = None if whole is None else _filled(shown, whole)
    region = changed if grade else whole
    return Claim(
        site=f"{disc.above}-{disc.below}",
        pathology="foraminal_stenosis",
        evidence=None if whole is None else shown.locator(whole),
        pixels=0 if region is None else region.count,
        contrast=0.0 if whole is None else _fat_contrast(shown, whole),
        grade=str(grade),
        side=side,
        present=grade > 0,
        # A share of an area of n pixels, whose border of about 4 sqrt(n) pixels errs pixel by pixel.
        error=None if whole is None else 2 * rules.edge_error_px * whole.count**-0.75,
        off_cut=off_cut(lost, rules.foramen_cuts),
        hidden=hidden,
        cut_off=whole is not None and whole.touches(shown.grid.shape[1:]),
    )


def _without_foramen(shown: ShownSeries, rules: Visibility, disc: PlacedDisc) -> str:
    """Why no foramen is graded beside a disc, "" where it is."""
    anatomy = shown.anatomy
    if disc.above[0] != "L":
        return "Lee's grades are of lumbar foramina"
    if shown.pixel_mm > rules.coarsest_foramen_mm:
        return "the pixels are too coarse for the root in its foramen"
    if any(part.kind == "screw" and part.level in (disc.above, disc.below) for part in anatomy.metal):
        return "the artefact of screws lies over the foramen"
    if abs(slip_percent(anatomy, disc.above)) > rules.slip_none_percent:
        return "the slip changes the shape of the foramen"
    return ""


def foramen_region(shown: ShownSeries, disc: PlacedDisc, sign: float) -> Region | None:
    """Return fat, root and what has taken its place in one foramen, in the slice through the pedicle.

    None where no slice passes there.
    """
    beside = shown.anatomy.vertebra(disc.above).canal_width_mm / 2
    centre = (sign * (beside + 4.0), disc.solid.half_depth + 5.0, 5.0)
    index = shown.slice_of(disc.solid.pose.point(*centre), _PEDICLE_REACH_MM)
    if index is None or not _under_pedicle(shown, disc, sign, index):
        return None
    extents = (5.0, 8.0, 10.0)

    def inside(left: Floats, posterior: Floats, up: Floats, box: GridBox) -> Flags:
        tissue, owner = shown.rendered.tissue[box], shown.rendered.structures[box]
        flags = is_any(tissue, _IN_FORAMEN) | (is_any(tissue, _FILLERS) & (owner == 0))
        for where, middle, reach in zip((left, posterior, up), centre, extents, strict=True):
            flags &= np.abs(where - np.float32(middle)) <= np.float32(reach)
        return np.asarray(flags)

    return in_frame(shown, disc.solid.pose, centre, extents, index, inside)


def _under_pedicle(shown: ShownSeries, disc: PlacedDisc, sign: float, index: int) -> bool:
    """Whether a slice cuts the pedicle that roofs a foramen: in a curved spine it may pass beside it."""
    bone = shown.anatomy.vertebra(disc.above)
    aside = sign * (bone.canal_width_mm / 2 + 4.0)
    pedicle = bone.body.pose.point(aside, bone.body.half_depth + 5.0, 0.4 * bone.body.half_height)
    row, column = (round(float(place)) for place in shown.grid.index_of(pedicle)[1:])
    rows, columns = shown.grid.shape[1:]
    if not (0 <= row < rows and 0 <= column < columns):
        return False
    return bool(shown.rendered.mask[index, row, column] == verse_value(disc.above))


def _filled(shown: ShownSeries, whole: Region) -> Region | None:
    """What has taken the fat's place in a foramen."""
    rows, columns = whole.flags.shape
    here = shown.rendered.tissue[whole.index, whole.top : whole.top + rows, whole.left : whole.left + columns]
    flags = whole.flags & ~is_any(here, _FATS) & (here != Tissue.ROOT)
    return Region(whole.index, whole.top, whole.left, flags) if flags.any() else None


def _fat_contrast(shown: ShownSeries, region: Region) -> float:
    """How far the fat of a foramen, or of the slice, stands out from what else is in it; 0 for fat alone."""
    is_fat = is_any(np.asarray(region.values(shown.rendered.tissue), np.uint8), _FATS)
    values = region.values(shown.rendered.pixels)
    if is_fat.all():
        return 0.0
    fat = median(values[is_fat]) if is_fat.any() else shown.level_of(region.index, Tissue.FAT)
    return 0.0 if fat is None else abs(fat - median(values[~is_fat])) / shown.noise(region.index)


def _cord(shown: ShownSeries, rules: Visibility) -> Iterator[Claim]:
    """The cord's signal beside every disc where there is cord; bright at the level of a myelopathy."""
    ill = shown.anatomy.patient.myelopathy
    for disc in discs_in_view(shown):
        if not rules.shows(shown.kind, "cord_signal") and disc.above != ill:
            continue
        index = _middle_slice(shown, disc, 0.6 * shown.grid.steps_mm[0])
        pose, wall = disc.solid.pose, disc.solid.half_depth
        place, extents = (0.0, wall + 9.0, 0.0), (7.0, 12.0, 0.5 * disc.solid.height + 6.0)
        cord = tissue_region(shown, pose, place, extents, (Tissue.CORD, Tissue.CORD_LESION), index)
        if cord is None and disc.above != ill:
            continue
        present = disc.above == ill
        bright = tissue_region(shown, pose, place, extents, (Tissue.CORD_LESION,)) if present else None
        region = bright if present else cord
        if region is None:
            apart = 0.0
        elif present:
            apart = contrast(shown, region, Tissue.CORD)
        else:
            apart = contrast(shown, region, Tissue.CSF)
        yield Claim(
            site=f"{disc.above}-{disc.below}",
            pathology="cord_signal",
            evidence=None if region is None else shown.locator(region),
            pixels=0 if region is None else region.count,
            contrast=apart,
            present=present,
            cut_off=region is not None and region.touches(shown.grid.shape[1:]),
        )
