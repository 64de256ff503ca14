"""Claims about alignment: slips, lumbar lordosis, thoracic kyphosis and scoliosis, in slices and on films."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from spinemed.phantom.anatomy.measure import (
    Curve,
    cobb,
    endplate_normal,
    kyphosis,
    lordosis,
    slip_percent,
)
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.solids import Grid
from spinemed.phantom.export.claim import Claim, union
from spinemed.phantom.export.evidence import Region, ShownSeries, body_region, body_slice, edge_contrast
from spinemed.phantom.export.findings_bodies import turned
from spinemed.phantom.export.visibility import Visibility
from spinemed.records import Box, Locator, Pathology

if TYPE_CHECKING:
    from spinemed.phantom.export.findings_radiograph import ShownFilm

_MEYERDING: Final[tuple[float, ...]] = (25.0, 50.0, 75.0, 100.0)
_KYPHOSIS: Final[tuple[str, str]] = ("T4", "T12")
_LORDOSIS: Final[tuple[str, str]] = ("L1", "S1")


@dataclass(frozen=True)
class Seen:
    """A body that is wholly in view: where (the slice without a box's union), pixels and contrast."""

    evidence: Locator
    pixels: int
    contrast: float


def slice_curve_claims(shown: ShownSeries, rules: Visibility) -> Iterator[Claim]:
    """Yield the claims of alignment that a sagittal stack supports."""
    bones = [bone for bone in (shown.anatomy.sacrum[0], *shown.anatomy.vertebrae) if bone.level != "C1"]
    middles = {bone.level: body_slice(shown, bone) for bone in bones}
    by_slice: dict[int, dict[str, tuple[Vertebra, Region]]] = {}
    for index in sorted({index for index in middles.values() if index is not None}):
        found = [(bone, _in_slice(shown, bone, index)) for bone in bones]
        by_slice[index] = {bone.level: (bone, region) for bone, region in found if region is not None}
    for disc in _slipping(shown.anatomy):
        # The slice through the middle of the lower body, where it shows both.
        at = [middles[level] for level in (disc.below, disc.above) if middles.get(level) is not None]
        all_here = by_slice.get(at[0] if at and at[0] is not None else -1, {})
        here = _seen(
            shown, {level: all_here[level] for level in (disc.above, disc.below) if level in all_here}
        )
        yield _slip(shown.anatomy, disc, here, rules, shown.grid, rules.turned_deg)
    most = _seen(shown, max(by_slice.values(), key=len, default={}))
    yield from _sagittal_curves(shown.anatomy, most, rules, shown.grid, rules.turned_deg)
    yield from transitional_claims(shown.anatomy, most)


def _seen(shown: ShownSeries, bodies: Mapping[str, tuple[Vertebra, Region]]) -> dict[str, Seen]:
    return {
        level: Seen(shown.locator(region), region.count, edge_contrast(shown, bone, region))
        for level, (bone, region) in bodies.items()
    }


def _in_slice(shown: ShownSeries, bone: Vertebra, index: int) -> Region | None:
    """A body in one slice, None where it is cut or met too far from its middle."""
    aside = abs(float(shown.grid.index_of(bone.body.pose.origin_mm)[0]) - index) * shown.grid.steps_mm[0]
    if aside > 0.6 * bone.body.half_width:
        return None
    region = body_region(shown, bone, index)
    return None if region is None or region.touches(shown.grid.shape[1:]) else region


_TOLD_BY_RIBS: Final = ("L6", "T13", "L5_sacralised")
"""Variants that ribs or transverse processes tell, not the number of bodies alone."""


def lateral_claims(film: ShownFilm, rules: Visibility) -> Iterator[Claim]:
    """Yield the claims of alignment that a lateral radiograph supports."""
    seen = _whole(film)
    for disc in _slipping(film.anatomy):
        yield _slip(film.anatomy, disc, seen, rules, film.rendered.grid, rules.film_turned_deg)
    yield from _sagittal_curves(film.anatomy, seen, rules, film.rendered.grid, rules.film_turned_deg)
    yield from transitional_claims(film.anatomy, seen, aside=True)


def frontal_claims(film: ShownFilm, rules: Visibility) -> Iterator[Claim]:
    """Yield the claims of a frontal radiograph: scoliosis, or none."""
    seen = _whole(film)
    yield from _scoliosis(film, seen, rules)
    yield from transitional_claims(film.anatomy, seen)


def _whole(film: ShownFilm) -> dict[str, Seen]:
    return {
        level: Seen(film.locator(one.box), one.pixels, one.contrast)
        for level, one in film.silhouettes.items()
        if one.whole
    }


def _slipping(anatomy: Anatomy) -> tuple[PlacedDisc, ...]:
    """The discs between bodies at which a slip is told; C1 and C2 have no disc between them."""
    return tuple(disc for disc in anatomy.placed_discs if disc.shape is not None)


def _slip(
    anatomy: Anatomy,
    disc: PlacedDisc,
    seen: Mapping[str, Seen],
    rules: Visibility,
    grid: Grid,
    turned_deg: float,
) -> Claim:
    percent = slip_percent(anatomy, disc.above)
    size = abs(percent)
    below = anatomy.vertebra(disc.below).body
    depth = 2 * below.half_depth * (1 + below.taper)  # of its upper endplate: S1 tapers
    grade = 0 if size < rules.slip_none_percent else 1 + sum(size > cut for cut in _MEYERDING)
    error = 100 * rules.edge_error_px * grid.steps_mm[1] * 2**0.5 / depth
    bodies = [seen.get(disc.above), seen.get(disc.below)]
    both = [one for one in bodies if one is not None]
    return Claim(
        site=f"{disc.above}-{disc.below}",
        pathology="slip",
        evidence=_joined(both) if len(both) == 2 else None,
        pixels=sum(one.pixels for one in both),
        contrast=min((one.contrast for one in both), default=0.0),
        grade=str(grade),
        present=grade > 0,
        value=percent,
        unit="%",
        detail=_kind_of_slip(anatomy, disc, percent) if grade else "",
        error=error,
        off_cut=min(abs(size - cut) for cut in (rules.slip_none_percent, *_MEYERDING)),
        hidden=_unmeasured(anatomy, disc)
        or ("the pixels are too coarse for a slip" if error > rules.slip_error_percent else "")
        or turned(anatomy.vertebra(disc.above), grid, turned_deg)
        or turned(anatomy.vertebra(disc.below), grid, turned_deg),
    )


def _unmeasured(anatomy: Anatomy, disc: PlacedDisc) -> str:
    """Why no slip is told beside a broken body that was not torn off its neighbour, "" elsewhere."""
    bones = [anatomy.vertebra(level) for level in (disc.above, disc.below)]
    if any(bone.fragment is not None for bone in bones):
        return "broken bone in the canal hides the posterior wall"
    breaks = {bone.shape.fracture.ao for bone in bones if bone.shape is not None and bone.shape.fracture}
    return "a broken endplate is no edge to measure from" if breaks and "C" not in breaks else ""


def _kind_of_slip(anatomy: Anatomy, disc: PlacedDisc, percent: float) -> str:
    """Isthmic, traumatic, degenerative, or backwards."""
    if percent < 0:
        return "retrolisthesis"
    shape, below = anatomy.vertebra(disc.above).shape, anatomy.vertebra(disc.below).shape
    if shape is not None and shape.pars_defect:
        return "isthmic"
    torn = [one for one in (shape, below) if one is not None and one.fracture and one.fracture.ao == "C"]
    return "traumatic" if torn else "degenerative"


def _sagittal_curves(
    anatomy: Anatomy, seen: Mapping[str, Seen], rules: Visibility, grid: Grid, turned_deg: float
) -> Iterator[Claim]:
    """Lordosis L1 to S1 and kyphosis T4 to T12, where all bodies between the ends are wholly in view."""
    wanted: list[tuple[Pathology, tuple[str, str], Callable[[Anatomy], float]]] = [
        ("lumbar_lordosis", _LORDOSIS, lordosis),
        ("thoracic_kyphosis", _KYPHOSIS, kyphosis),
    ]
    for pathology, (upper, lower), measure in wanted:
        levels = levels_from(anatomy, upper, lower)
        if not levels:
            continue
        here = [seen[level] for level in levels if level in seen]
        whole = len(here) == len(levels)
        depth = min(2 * anatomy.vertebra(level).body.half_depth for level in (upper, lower))
        yield Claim(
            site=upper,
            pathology=pathology,
            evidence=_joined(here) if whole else None,
            pixels=sum(one.pixels for one in here),
            contrast=min((one.contrast for one in here), default=0.0),
            value=measure(anatomy),
            unit="deg",
            extent=(upper, lower),
            error=angle_error_deg(rules, grid.steps_mm[1], depth),
            hidden=_eaten(anatomy, (upper, lower))
            or too_coarse(rules, grid.steps_mm[1])
            or turned(anatomy.vertebra(upper), grid, turned_deg)
            or turned(anatomy.vertebra(lower), grid, turned_deg),
        )


def _eaten(anatomy: Anatomy, ends: tuple[str, str]) -> str:
    """Why no angle is told between two end vertebrae, "" where their endplates are whole."""
    for disc in anatomy.placed_discs:
        if disc.shape is not None and disc.shape.infected and {disc.above, disc.below} & set(ends):
            return "infection has eaten an endplate that it is measured on"
    return ""


def _scoliosis(film: ShownFilm, seen: Mapping[str, Seen], rules: Visibility) -> Iterator[Claim]:
    """Every curve of at least 10 degrees; or none, told of the bodies that are on the film."""
    curves = cobb(film.anatomy)
    for curve in curves:
        yield _curve(film, curve, seen, rules)
    levels = [level for level in seen if level[0] in "TL"]
    greatest = _greatest_lean_deg(film, levels)
    if curves or len(levels) < 4:
        return
    here = [seen[level] for level in levels]
    yield Claim(
        site=levels[len(levels) // 2],
        pathology="scoliosis",
        evidence=_joined(here),
        pixels=sum(one.pixels for one in here),
        contrast=_usual_contrast(here),
        present=False,
        value=greatest,
        unit="deg",
        error=angle_error_deg(rules, film.pixel_mm, _width_mm(film.anatomy, levels)),
        hidden=too_coarse(rules, film.pixel_mm),
        off_cut=rules.scoliosis_cut_deg - greatest,
    )


def _curve(film: ShownFilm, curve: Curve, seen: Mapping[str, Seen], rules: Visibility) -> Claim:
    levels = levels_from(film.anatomy, curve.upper, curve.lower)
    here = [seen[level] for level in levels if level in seen]
    # As the film shows it: a few degrees oblique it mixes some of the sagittal curve in.
    degrees = abs(
        film_lean_deg(film, curve.upper, upper=True) - film_lean_deg(film, curve.lower, upper=False)
    )
    # The planes of the endplates themselves, which a tilted and turned outline departs from.
    planes = abs(
        _plane_lean_deg(film, curve.upper, upper=True) - _plane_lean_deg(film, curve.lower, upper=False)
    )
    between = abs(planes - degrees) > rules.film_outline_deg
    return Claim(
        site=curve.apex,
        pathology="scoliosis",
        evidence=_joined(here) if len(here) == len(levels) else None,
        pixels=sum(one.pixels for one in here),
        contrast=_usual_contrast(here),
        side=curve.convex,
        value=degrees,
        unit="deg",
        extent=(curve.upper, curve.lower),
        error=angle_error_deg(rules, film.pixel_mm, _width_mm(film.anatomy, levels)),
        hidden=too_coarse(rules, film.pixel_mm)
        or ("its end vertebrae are turned too far for an angle" if between else ""),
        off_cut=degrees - rules.scoliosis_cut_deg,
    )


def _usual_contrast(seen: Sequence[Seen]) -> float:
    """A curve is seen where most of its bodies are, behind heart or liver too."""
    return float(np.median([one.contrast for one in seen])) if seen else 0.0


def _greatest_lean_deg(film: ShownFilm, levels: Sequence[str]) -> float:
    """The greatest angle between an upper endplate and a lower one further down, on the film."""
    leans = [
        (film_lean_deg(film, level, upper=True), film_lean_deg(film, level, upper=False))
        for level in reversed(levels)  # from the head down
    ]
    apart = [
        abs(leans[upper][0] - leans[lower][1])
        for upper in range(len(leans))
        for lower in range(upper + 1, len(leans))
    ]
    return max(apart, default=0.0)


def film_lean_deg(film: ShownFilm, level: str, *, upper: bool) -> float:
    """Return how far an endplate falls along the columns of a film, in degrees.

    Between the ends of its outline, as it is drawn on a film: the rim is an ellipse, and that of a turned
    and tilted body reaches farthest to either side where it also rises or falls with its depth.
    """
    body = film.anatomy.vertebra(level).body
    sign = 1.0 if upper else -1.0
    axes = np.array([[1.0, 0.0, sign * body.side_slope], [0.0, 1.0, sign * body.slope]]).T
    reach = body.pose.rotation @ axes * np.array([body.half_width, body.half_depth])
    down, along = film.rendered.grid.directions[1:] @ reach
    return math.degrees(math.atan(float(down @ along) / float(along @ along)))


def _plane_lean_deg(film: ShownFilm, level: str, *, upper: bool) -> float:
    """How far the line falls that an endplate's plane has in common with the plane of the film, degrees."""
    directions = film.rendered.grid.directions  # ray, row, column
    line = np.cross(endplate_normal(film.anatomy.vertebra(level), upper=upper), directions[0])
    return math.degrees(math.atan(float(directions[1] @ line) / float(directions[2] @ line)))


def _width_mm(anatomy: Anatomy, levels: Sequence[str]) -> float:
    return min(2 * anatomy.vertebra(level).body.half_width for level in levels)


def transitional_claims(
    anatomy: Anatomy, seen: Mapping[str, Seen], *, aside: bool = False
) -> Iterator[Claim]:
    """Numbering that departs from 12 and 5: told only where the spine is in view from C2 to the sacrum.

    A film from the side (`aside`) shows neither the last ribs nor transverse processes.
    """
    levels = levels_from(anatomy, "C2", "S1")
    here = [seen[level] for level in levels if level in seen]
    variant = anatomy.patient.variant
    last = anatomy.vertebrae[0].level
    site = {"none": last, "L6": "L6", "T13": "T13", "L4_only": "L4", "L5_sacralised": "L5"}[variant]
    yield Claim(
        site=site,
        pathology="transitional",
        evidence=_joined(here) if here and len(here) == len(levels) else None,
        pixels=sum(one.pixels for one in here),
        contrast=min((one.contrast for one in here), default=0.0),
        grade=variant,
        present=variant != "none",
        hidden=_uncountable(variant, whole=len(here) == len(levels), aside=aside),
    )


def _uncountable(variant: str, *, whole: bool, aside: bool) -> str:
    if not whole:
        return "the spine is not in view from C2 to the sacrum to count"
    from_the_front = aside and variant in _TOLD_BY_RIBS
    return "ribs and transverse processes are told from the front alone" if from_the_front else ""


def levels_from(anatomy: Anatomy, upper: str, lower: str) -> list[str]:
    """Return the levels between two, both with them, from the head down; empty where one is not placed."""
    levels = [bone.level for bone in reversed((anatomy.sacrum[0], *anatomy.vertebrae))]
    if upper not in levels or lower not in levels:
        return []
    return levels[levels.index(upper) : levels.index(lower) + 1]


def too_coarse(rules: Visibility, pixel_mm: float) -> str:
    """Return why no angle is told at that size of a pixel, "" where it is."""
    return "the pixels are too coarse for an angle" if pixel_mm > rules.coarsest_angle_mm else ""


def angle_error_deg(rules: Visibility, pixel_mm: float, length_mm: float) -> float:
    """Return the standard error in degrees of the angle between two lines fitted to edges of that length.

    A line fitted to n independent edge points has a slope error of sqrt(12 / n) edge errors over its length.
    """
    points = max(length_mm / pixel_mm, 2.0)
    one = rules.edge_error_px * pixel_mm / length_mm * math.sqrt(12 / points)
    return math.degrees(math.sqrt(2) * one) + 0.3  # 0.3: hollow endplates and oblique views


def _joined(seen: Sequence[Seen]) -> Locator:
    first = seen[0].evidence
    box: Box = union([one.evidence.box for one in seen])
    return first.model_copy(update={"box": box})
