"""Claims about discs and segments: degeneration, herniation, Modic change, infection, bridging, cages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from spinemed.phantom.anatomy.measure import herniation_reach_mm
from spinemed.phantom.anatomy.parts import PlacedDisc
from spinemed.phantom.export.claim import Claim
from spinemed.phantom.export.evidence import (
    Region,
    ShownSeries,
    body_region,
    contrast,
    edge_contrast,
    lump_region,
    median,
    structure_region,
    tissue_region,
)
from spinemed.phantom.export.findings_canal import discs_in_view
from spinemed.phantom.export.visibility import Visibility
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.tissues import Tissue
from spinemed.records import Pathology, Side

# T2 signal of a healthy and of a dry nucleus as shares of the fluid's: what a disc is told apart from.
_HEALTHY: Final[float] = 0.85
_DRY: Final[float] = 0.30
_COLLAPSED: Final[int] = 5
_MODIC: Final[tuple[Tissue, ...]] = (Tissue.MODIC_1, Tissue.MODIC_2, Tissue.MODIC_3)
_INFECTED: Final[tuple[Tissue, ...]] = (Tissue.INFECTED_DISC, Tissue.INFECTED_MARROW, Tissue.PHLEGMON)
_CHANGES: Final[dict[Pathology, tuple[Tissue, ...]]] = {
    "modic_change": _MODIC,
    "spondylodiscitis": _INFECTED,
    "bridging": (Tissue.BRIDGE,),
    "cage": (Tissue.CAGE, Tissue.METAL),
}
_SIDEWAYS_SHARE: Final[float] = 0.6


def disc_claims(shown: ShownSeries, rules: Visibility) -> Iterator[Claim]:
    """Yield claims about every disc above the sacrum."""
    for disc in discs_in_view(shown):
        yield _herniation(shown, rules, disc)
        if shown.plane == "axial":
            continue
        region = disc_region(shown, disc)
        able = rules.shows(shown.kind, "disc_degeneration")
        if able or is_collapsed(disc):
            yield _degeneration(shown, disc, region if able else None)
        for what, tissues in _CHANGES.items():
            able = rules.shows(shown.kind, what)
            if able or _has(disc, what):
                yield _of_tissue(shown, disc, region if able else None, what, tissues)


def is_collapsed(disc: PlacedDisc) -> bool:
    """Return whether a disc has Pfirrmann's grade 5: what is lost of its height shows in any series."""
    return disc.solid.pfirrmann == _COLLAPSED


def is_altered(disc: PlacedDisc) -> bool:
    """Return whether a disc is infected, replaced or bridged, so that it has no grade."""
    shape = disc.shape
    return shape is not None and (shape.infected or shape.cage or shape.bridged)


def disc_region(shown: ShownSeries, disc: PlacedDisc) -> Region | None:
    """Return a disc's pixels in the slice nearest to its middle, None where the slices pass it."""
    solid = disc.solid
    index = shown.slice_of(solid.pose.origin_mm, _SIDEWAYS_SHARE * solid.half_width)
    return None if index is None else structure_region(shown, 200 + verse_value(disc.above), index)


def _site(disc: PlacedDisc) -> str:
    return f"{disc.above}-{disc.below}"


def _cut(shown: ShownSeries, region: Region | None) -> bool:
    return region is not None and region.touches(shown.grid.shape[1:])


def _degeneration(shown: ShownSeries, disc: PlacedDisc, region: Region | None) -> Claim:
    """Pfirrmann's grade; the nucleus must stand out from what the opposite state would show."""
    grade = disc.solid.pfirrmann
    apart = 0.0
    if region is not None:
        tissue = region.values(shown.rendered.tissue).astype(np.uint8)
        values = region.values(shown.rendered.pixels)
        nucleus = values[(tissue >= Tissue.NUCLEUS_1) & (tissue <= Tissue.NUCLEUS_5)]
        fluid = shown.level_of(region.index, Tissue.CSF)
        if nucleus.size and fluid is not None:
            other = fluid * (_HEALTHY if grade >= 3 else _DRY)
            apart = abs(median(nucleus) - other) / shown.noise(region.index)
    return Claim(
        site=_site(disc),
        pathology="disc_degeneration",
        evidence=None if region is None else shown.locator(region),
        pixels=0 if region is None else region.count,
        contrast=apart,
        grade=str(grade),
        present=grade >= 3,
        cut_off=_cut(shown, region),
        hidden="the disc is infected, replaced or bridged, so it has no grade" if is_altered(disc) else "",
    )


def _herniation(shown: ShownSeries, rules: Visibility, disc: PlacedDisc) -> Claim:
    shape = None if disc.shape is None else disc.shape.herniation
    error = rules.edge_error_px * shown.pixel_mm * 2**0.5
    if shape is None or disc.herniation is None:
        return _no_herniation(shown, disc, rules.shows(shown.kind, "herniation"))

    def painted(box: tuple[slice, slice, slice]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return np.asarray(shown.rendered.tissue[box] == Tissue.HERNIATION)

    region = lump_region(shown, disc.herniation, None, painted)
    apart = 0.0
    if region is not None:
        apart = contrast(shown, region, Tissue.EPIDURAL_FAT if shape.zone == "foraminal" else Tissue.CSF)
    side: Side = shape.side if shape.side else "central"
    reach = herniation_reach_mm(disc)
    hidden = "" if reach >= rules.herniation_least_mm else "it reaches less far than counts as a herniation"
    if shown.plane == "sagittal" and shape.zone == "foraminal" and region is None:
        hidden = "no slice passes the foramen"
    return Claim(
        site=_site(disc),
        pathology="herniation",
        evidence=None if region is None else shown.locator(region),
        pixels=0 if region is None else region.count,
        contrast=apart,
        grade=shape.kind,
        side=side,
        value=reach,
        unit="mm",
        detail=shape.zone,
        error=error,
        off_cut=abs(reach - rules.herniation_least_mm),
        cut_off=_cut(shown, region),
        hidden=hidden,
    )


def _no_herniation(shown: ShownSeries, disc: PlacedDisc, able: bool) -> Claim:
    """A disc without herniated tissue: seen where the disc stands out from the sac behind it."""
    if not able:
        return Claim(_site(disc), "herniation", None, grade="none", present=False)
    region = disc_region(shown, disc)
    if shown.plane == "axial" and region is None:
        index = shown.slice_of(disc.solid.pose.origin_mm, shown.grid.steps_mm[0])
        region = None if index is None else structure_region(shown, 200 + verse_value(disc.above), index)
    apart = 0.0
    if region is not None:
        apart = contrast(shown, region, Tissue.CSF)
    return Claim(
        site=_site(disc),
        pathology="herniation",
        evidence=None if region is None else shown.locator(region),
        pixels=0 if region is None else region.count,
        contrast=apart,
        grade="none",
        present=False,
        cut_off=_cut(shown, region),
    )


def _of_tissue(
    shown: ShownSeries,
    disc: PlacedDisc,
    seen: Region | None,
    what: Pathology,
    tissues: tuple[Tissue, ...],
) -> Claim:
    """A change at a segment that has a tissue of its own; absent where the discs and bodies are seen without.

    `seen` is the disc itself, the evidence of a normal site.
    """
    shape, solid, there = disc.shape, disc.solid, _has(disc, what)
    above = shown.anatomy.vertebra(disc.above)
    extents = (
        solid.half_width + 4.0,
        solid.half_depth + (8.0 if what == "bridging" else 4.0),
        solid.height / 2 + (0.2 if what in ("cage", "bridging") else 0.9) * above.body.half_height + 2.0,
    )
    region = seen
    if there:
        region = tissue_region(shown, solid.pose, (0.0, 0.0, 0.0), extents, tissues)
    return Claim(
        site=_site(disc),
        pathology=what,
        evidence=None if region is None else shown.locator(region),
        pixels=0 if region is None else region.count,
        contrast=0.0 if region is None else _against_health(shown, disc, region, there, what),
        grade=str(0 if shape is None else shape.modic) if what == "modic_change" else "",
        present=there,
        cut_off=_cut(shown, region),
    )


def _has(disc: PlacedDisc, what: Pathology) -> bool:
    """Whether the disc was placed with a change."""
    shape = disc.shape
    if shape is None:
        return False
    there: dict[Pathology, bool] = {
        "modic_change": shape.modic > 0,
        "spondylodiscitis": shape.infected,
        "bridging": shape.bridged,
        "cage": shape.cage,
    }
    return there[what]


def _against_health(shown: ShownSeries, disc: PlacedDisc, region: Region, there: bool, what: str) -> float:
    """Changed pixels against healthy marrow or disc of the same slice; a normal disc against the bone."""
    above = shown.anatomy.vertebra(disc.above)
    body = body_region(shown, above, region.index)
    if not there:
        return 0.0 if body is None else edge_contrast(shown, above, body)
    healthy = Tissue.MARROW if what in ("modic_change", "spondylodiscitis") else Tissue.ANNULUS
    return contrast(shown, region, healthy)
