"""Claims about single vertebrae: seen whole or in part, height, fracture, tumour, endplates, pars, metal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from spinemed.facts.normal import distance_to_cut, genant_grade
from spinemed.phantom.anatomy.measure import height_loss
from spinemed.phantom.anatomy.parts import Anatomy, Vertebra
from spinemed.phantom.anatomy.solids import Box as GridBox
from spinemed.phantom.anatomy.solids import Flags, Floats, Grid
from spinemed.phantom.export.claim import Claim
from spinemed.phantom.export.evidence import (
    Region,
    ShownSeries,
    body_region,
    contrast,
    edge_contrast,
    in_frame,
    is_any,
    median,
    tissue_region,
)
from spinemed.phantom.export.findings_endplates import eaten_endplates, endplate_claims
from spinemed.phantom.export.visibility import Visibility
from spinemed.phantom.patient.morphometry import expected_ratio, height_loss_percent
from spinemed.phantom.rendering.tissues import Tissue
from spinemed.records import Pathology

_PARS_REACH_MM: Final[float] = 3.0
_LESIONS: Final[tuple[Tissue, ...]] = (Tissue.LYTIC, Tissue.BLASTIC)
_ARCH: Final[tuple[Tissue, ...]] = (Tissue.CORTEX, Tissue.MARROW, Tissue.JOINT, Tissue.MUSCLE, Tissue.FAT)


def body_claims(shown: ShownSeries, rules: Visibility) -> Iterator[Claim]:
    """Yield claims about every vertebra that has a body, and about the body of S1, from below upwards."""
    for bone in (shown.anatomy.sacrum[0], *shown.anatomy.vertebrae):
        if bone.level == "C1":
            continue
        region = body_region(shown, bone)
        if region is None:
            if bone.shape is not None:
                yield from _unseen(bone)
            continue
        cut = region.touches(shown.grid.shape[1:])
        apart = edge_contrast(shown, bone, region)
        seen: Pathology = "vertebra_in_part" if cut else "vertebra"
        yield _claim(shown, bone, seen, region, apart)
        if cut:
            yield from _unseen(bone)
        elif bone.shape is None:
            yield _screws(shown, bone, region, apart)
        else:
            yield from _whole(shown, rules, bone, region, apart)


def _whole(
    shown: ShownSeries, rules: Visibility, bone: Vertebra, region: Region, apart: float
) -> Iterator[Claim]:
    """All claims about a vertebra whose body is wholly in view."""
    height = _height(shown, rules, bone, region, apart)
    if height is not None:
        yield height
    yield _fracture(shown, bone, region, apart)
    yield _metastasis(shown, rules, bone, region, apart)
    yield from endplate_claims(shown, bone, region, apart)
    if rules.shows(shown.kind, "osteophyte"):
        yield _osteophyte(shown, rules, bone, region, apart)
    yield _screws(shown, bone, region, apart)
    if rules.shows(shown.kind, "pars_defect") or (bone.shape is not None and bone.shape.pars_defect):
        yield _pars(shown, bone)


def _unseen(bone: Vertebra) -> Iterator[Claim]:
    """What a vertebra has that lies outside the picture or that its border cuts."""
    shape = bone.shape
    if shape is None:
        return
    there: list[tuple[Pathology, bool]] = [
        ("fracture", shape.fracture is not None),
        ("metastasis", shape.lesion is not None),
        ("endplate_defect", bool(shape.defects)),
        ("pars_defect", shape.pars_defect),
        ("screws", shape.screws),
    ]
    for pathology, present in there:
        if present:
            yield Claim(site=bone.level, pathology=pathology, evidence=None)


def _claim(
    shown: ShownSeries, bone: Vertebra, pathology: Pathology, region: Region | None, apart: float
) -> Claim:
    return Claim(
        site=bone.level,
        pathology=pathology,
        evidence=None if region is None else shown.locator(region),
        pixels=0 if region is None else region.count,
        contrast=apart,
    )


def _height(
    shown: ShownSeries, rules: Visibility, bone: Vertebra, region: Region, apart: float
) -> Claim | None:
    """Genant's grade from the placed heights; None above T4, where Genant's method ends."""
    if not is_graded(bone.level):
        return None
    found = height_loss(shown.anatomy, bone.level)
    grade = genant_grade(found.percent)
    error = 100 * rules.edge_error_px * shown.pixel_mm * 2**0.5 / bone.heights().posterior
    return Claim(
        site=bone.level,
        pathology="height_loss",
        evidence=shown.locator(region),
        pixels=region.count,
        contrast=apart,
        grade=str(grade),
        present=grade > 0,
        value=stated_loss(shown.anatomy, bone),
        unit="%",
        detail=found.form if grade else "",
        error=error,
        off_cut=distance_to_cut(found.percent),
        hidden=without_height(shown.anatomy, bone, shown.pixel_mm, rules.coarsest_height_mm)
        or _behind_metal(shown, bone)
        or turned(bone, shown.grid, rules.turned_deg),
    )


def _behind_metal(shown: ShownSeries, bone: Vertebra) -> str:
    """Why no loss of height is told of a body with screws in MR, "" elsewhere."""
    return (
        "its screws hide its endplates" if shown.kind != "ct" and _screwed(shown.anatomy, bone.level) else ""
    )


def _screwed(anatomy: Anatomy, level: str) -> bool:
    return any(one.kind == "screw" and one.level == level for one in anatomy.metal)


def stated_loss(anatomy: Anatomy, bone: Vertebra) -> float:
    """Return the greatest loss of a broken body, the loss of the front of a sound one; percent, never < 0."""
    found = height_loss(anatomy, bone.level)
    if genant_grade(found.percent):
        return found.percent
    front = height_loss_percent(bone.heights(), expected_ratio(bone.level, anatomy.patient.sex))
    return max(front, 0.0)


def turned(bone: Vertebra, grid: Grid, most_deg: float) -> str:
    """Return why heights and slips are not told of a body in a picture, "" where it lies in its plane."""
    aside = abs(float(grid.directions[0] @ bone.body.pose.rotation[:, 0]))
    out_of_plane = math.degrees(math.acos(min(aside, 1.0)))
    return "it is turned out of the picture's plane" if out_of_plane > most_deg else ""


def without_height(anatomy: Anatomy, bone: Vertebra, pixel_mm: float, coarsest_mm: float) -> str:
    """Return why no loss of height is told of a body, "" where it is: coarse pixels, endplates not whole."""
    if pixel_mm > coarsest_mm:
        return "the pixels are too coarse for a grade of height loss"
    if bone.shape is not None and bone.shape.defects:
        return "a dent in its endplate hides what height was lost"
    return "infection has eaten its endplate" if eaten_endplates(anatomy, bone.level) else ""


def is_graded(level: str) -> bool:
    """Return whether Genant's grades are given to a level: from T4 down.

    >>> is_graded("T3"), is_graded("T4"), is_graded("L5"), is_graded("C7")
    (False, True, True, False)
    """
    return level[0] in "TL" and level not in ("T1", "T2", "T3")


def _fracture(shown: ShownSeries, bone: Vertebra, region: Region, apart: float) -> Claim:
    """AO type; fresh only where oedema is seen, which CT does not show."""
    fracture = None if bone.shape is None else bone.shape.fracture
    if fracture is None:
        return Claim(bone.level, "fracture", shown.locator(region), region.count, apart, present=False)
    detail = "" if shown.kind == "ct" else "fresh" if fracture.fresh else "old"
    if fracture.fresh and shown.kind != "ct":
        pose, body = bone.body.pose, bone.body
        extents = (body.half_width, body.half_depth, body.half_height + 4.0)
        oedema = tissue_region(shown, pose, (0.0, 0.0, 0.0), extents, (Tissue.OEDEMA,), region.index)
        apart = 0.0 if oedema is None else contrast(shown, oedema, Tissue.MARROW)
    return Claim(
        bone.level, "fracture", shown.locator(region), region.count, apart, grade=fracture.ao, detail=detail
    )


def _metastasis(shown: ShownSeries, rules: Visibility, bone: Vertebra, region: Region, apart: float) -> Claim:
    lesion = None if bone.shape is None else bone.shape.lesion
    if lesion is None:
        return Claim(bone.level, "metastasis", shown.locator(region), region.count, apart, present=False)
    body = bone.body
    extents = (body.half_width + 4.0, body.half_depth + 14.0, body.half_height + 6.0)
    seen = tissue_region(shown, body.pose, (0.0, 6.0, 0.0), extents, _LESIONS)
    other = 0.0
    if seen is not None:
        other = contrast(shown, seen, Tissue.MARROW)
    return Claim(
        bone.level,
        "metastasis",
        None if seen is None else shown.locator(seen),
        0 if seen is None else seen.count,
        other,
        grade=lesion.kind,
        value=None if seen is None else across_mm(seen.count, shown.pixel_mm),
        unit="mm",
        error=None if seen is None else _across_error_mm(shown, rules, seen.count),
        cut_off=seen is not None and seen.touches(shown.grid.shape[1:]),
    )


def across_mm(pixels: int, pixel_mm: float) -> float:
    """Return the diameter of the circle that has the area of so many pixels.

    >>> round(across_mm(314, 1.0), 1)
    20.0
    """
    return 2 * pixel_mm * math.sqrt(pixels / math.pi)


def _across_error_mm(shown: ShownSeries, rules: Visibility, pixels: int) -> float:
    """By how much a diameter errs: two edges, and a slice that passes a ball beside its middle."""
    edges = rules.edge_error_px * shown.pixel_mm * 2**0.5
    beside = rules.slice_error * shown.grid.steps_mm[0]
    return math.hypot(edges, 2 * beside**2 / across_mm(pixels, shown.pixel_mm))


def _osteophyte(shown: ShownSeries, rules: Visibility, bone: Vertebra, region: Region, apart: float) -> Claim:
    """A large beak at the rim: its cortex must be seen in front of the body's own outline."""
    size = bone.body.osteophyte
    large = size >= rules.osteophyte_large
    between = rules.osteophyte_none < size < rules.osteophyte_large
    small = too_small_beak(bone, rules, shown.pixel_mm) if large else ""
    seen: Region | None = region
    if large:
        body = bone.body

        def beak(_left: Floats, posterior: Floats, up: Floats, box: GridBox) -> Flags:
            bone_there = is_any(shown.rendered.tissue[box], (Tissue.CORTEX, Tissue.MARROW))
            return np.asarray(
                bone_there & (posterior < -body.half_depth) & (np.abs(up) < body.half_height + 3.0)
            )

        centre, reach = (0.0, -body.half_depth - 3.0, 0.0), (body.half_width, 5.0, body.half_height + 4.0)
        seen = in_frame(shown, body.pose, centre, reach, region.index, beak)
    return Claim(
        bone.level,
        "osteophyte",
        None if seen is None else shown.locator(seen),
        0 if seen is None else seen.count,
        apart,
        grade="large" if large else "none",
        present=large or between,
        hidden="it is neither large nor absent" if between else small,
    )


_BEAK_SHARE: Final = 0.09
_BEAK_PIXELS: Final = 3


def too_small_beak(bone: Vertebra, rules: Visibility, pixel_mm: float) -> str:
    """Return why a beak at the front is not called large: it stands out too little; "" else."""
    beak_mm = _BEAK_SHARE * bone.body.osteophyte * bone.body.half_depth
    seen = beak_mm >= max(rules.osteophyte_least_mm, _BEAK_PIXELS * pixel_mm)
    return "" if seen else "the beak is too small to be seen"


def _screws(shown: ShownSeries, bone: Vertebra, region: Region, apart: float) -> Claim:
    if not _screwed(shown.anatomy, bone.level):
        return Claim(
            bone.level, "screws", shown.locator(region), region.count, max(apart, 4.0), present=False
        )
    body = bone.body
    extents = (body.half_width + 8.0, body.half_depth + 26.0, body.half_height + 8.0)
    seen = tissue_region(shown, body.pose, (0.0, 16.0, 0.0), extents, (Tissue.METAL,))
    marrow = 0.0
    if seen is not None:
        marrow = contrast(shown, seen, Tissue.MARROW)
    return Claim(
        bone.level,
        "screws",
        None if seen is None else shown.locator(seen),
        0 if seen is None else seen.count,
        marrow,
        side="both",
    )


def _pars(shown: ShownSeries, bone: Vertebra) -> Claim:
    """Both partes interarticulares, looked at in the slice nearest to one of them; lumbar levels alone."""
    present = bone.shape is not None and bone.shape.pars_defect
    region, apart = pars_region(shown, bone), 0.0
    if region is not None:
        bone_tissue = region.values(shown.rendered.tissue)
        values = region.values(shown.rendered.pixels).astype(np.float64)
        cortex, other = values[bone_tissue == Tissue.CORTEX], values[bone_tissue != Tissue.CORTEX]
        if cortex.size and other.size:
            apart = abs(median(cortex) - median(other)) / shown.noise(region.index)
    return Claim(
        bone.level,
        "pars_defect",
        None if region is None else shown.locator(region),
        0 if region is None else region.count,
        apart,
        present=present,
        hidden=""
        if bone.level.startswith("L") or present
        else "no pars is looked for above the lumbar spine",
    )


def pars_region(shown: ShownSeries, bone: Vertebra) -> Region | None:
    """Return the surroundings of one pars interarticularis, in the slice that passes nearest to one."""
    height, wall = 2 * bone.body.half_height, bone.body.half_depth
    found: list[Region] = []
    for sign in (1.0, -1.0):
        centre = (
            sign * (bone.canal_width_mm / 2 + 4.0),
            wall + 0.85 * bone.canal_depth_mm + 3.0,
            -0.05 * height,
        )
        index = shown.slice_of(bone.body.pose.point(*centre), _PARS_REACH_MM)
        if index is None:
            continue
        region = tissue_region(shown, bone.body.pose, centre, (6.0, 8.0, 0.45 * height), _ARCH, index)
        if region is not None:
            found.append(region)
    return max(found, key=lambda region: region.count, default=None)
