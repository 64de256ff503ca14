"""Vertebral bodies in the label maps: cortex, marrow and everything that alters the marrow."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.solids import Body, Box, Flags, Floats, Grid
from spinemed.phantom.patient.shapes import Fracture, Lesion
from spinemed.phantom.rendering.lumps import cortex_mm, met
from spinemed.phantom.rendering.maps import LabelMaps, put, verse_value
from spinemed.phantom.rendering.tissues import Tissue, TissueMap

_MODIC: Final[dict[int, Tissue]] = {1: Tissue.MODIC_1, 2: Tissue.MODIC_2, 3: Tissue.MODIC_3}
_MODIC_BAND_MM: Final[float] = 6.5
_INFECTED_BAND_MM: Final[float] = 11.0


class _Inside(NamedTuple):
    """One body's pixels: place in its frame in mm, depth below the surface, half height at that place."""

    left: Floats
    posterior: Floats
    up: Floats
    depth: Floats
    rim: Floats
    cortex: float

    @property
    def marrow(self) -> Flags:
        """The pixels within the cortex."""
        return np.asarray(self.depth >= self.cortex)


def paint_bodies(maps: LabelMaps, anatomy: Anatomy, grid: Grid) -> None:
    """Paint all bodies over what is there, from the sacrum upwards, each with its own ailments."""
    by_above = {disc.above: disc for disc in anatomy.placed_discs}
    by_below = {disc.below: disc for disc in anatomy.placed_discs}
    bones = (*anatomy.sacrum, *anatomy.vertebrae)
    for place in met(grid, [bone.body for bone in bones]):
        bone = bones[place]
        pixels = body_pixels(grid, bone.body)
        if pixels is not None:
            _paint_body(maps, grid, pixels, bone, by_below.get(bone.level), by_above.get(bone.level))


class BodyPixels(NamedTuple):
    """The part of a grid around a body: place in the body's frame and depth below its surface, in mm."""

    box: Box
    left: Floats
    posterior: Floats
    up: Floats
    depth: Floats


@lru_cache(maxsize=64)
def body_pixels(grid: Grid, body: Body) -> BodyPixels | None:
    """Return the pixels of a body and 2 mm around it, None where the grid shows none; not to be written to.

    Kept, because what is painted is looked at again for every series that shares the grid.
    """
    box = grid.box_around(body.pose.origin_mm, body.extents(grid.directions) + 2.0)
    if box is None:
        return None
    frame = body.pose.rotation.T
    places = grid.coordinates(box, frame, -(frame @ body.pose.origin_mm))
    return BodyPixels(box, *places, body.depth_inside(*places))


def _paint_body(
    maps: LabelMaps,
    grid: Grid,
    seen: BodyPixels,
    bone: Vertebra,
    above: PlacedDisc | None,
    below: PlacedDisc | None,
) -> None:
    """One body between the disc above it and the one below."""
    body = bone.body
    box, left, posterior, up, depth = seen
    inside = depth > 0
    if not inside.any():
        return
    tissue, owner = maps.tissue[box], maps.owner[box]
    cortex = cortex_mm(grid)
    # The anterior longitudinal ligament clings to the front wall.
    front = (depth > -1.4) & (posterior < 0) & (np.abs(up) < body.half_height)
    put(tissue, Tissue.LIGAMENT, front)
    value = verse_value(bone.level)
    # No wall where the pedicles join the body.
    put(tissue, Tissue.CORTEX, inside & ((owner != value) | (tissue != Tissue.MARROW)))
    put(tissue, Tissue.MARROW, depth >= cortex)
    put(owner, value, inside)
    if bone.shape is None:
        return
    notch = inside & (np.abs(up) < 0.4 + 0.07 * (posterior - 0.35 * body.half_depth))
    notch &= (posterior > 0.35 * body.half_depth) & (np.abs(left) < 4.5)
    put(tissue, Tissue.VEIN, notch)
    ill = bone.shape.fracture or bone.shape.lesion
    marked = [
        disc
        for disc in (above, below)
        if disc is not None and disc.shape and (disc.shape.modic or disc.shape.infected)
    ]
    if ill or marked:
        rim = body.half_height + body.slope * posterior + body.side_slope * left
        pixels = _Inside(left, posterior, up, depth, rim, cortex)
        _paint_ailments(tissue, bone, pixels, above, below)


def _paint_ailments(
    tissue: TissueMap, bone: Vertebra, pixels: _Inside, above: PlacedDisc | None, below: PlacedDisc | None
) -> None:
    for disc, side in ((above, 1.0), (below, -1.0)):
        if disc is not None and disc.shape is not None:
            if disc.shape.modic:
                _paint_band(tissue, pixels, side, _MODIC_BAND_MM, _MODIC[disc.shape.modic], bone.body)
            if disc.shape.infected:
                _paint_infection(tissue, pixels, side, bone.body)
    shape = bone.shape
    if shape is None:
        return
    if shape.fracture is not None:
        _paint_fracture(tissue, pixels, shape.fracture, bone.body)
    if shape.lesion is not None:
        _paint_lesion(tissue, pixels, shape.lesion, bone.body)


def _band(pixels: _Inside, side: float, thick_mm: float) -> Flags:
    """The pixels within some millimetres of the upper (side 1) or lower (-1) rim, with a wavy border."""
    wavy = np.sin(np.float32(0.23) * pixels.posterior + np.float32(0.17) * pixels.left + np.float32(side))
    wavy += np.sin(np.float32(0.61) * pixels.posterior - np.float32(0.35) * pixels.left) * np.float32(0.5)
    wavy *= np.float32(0.16 * thick_mm)
    wavy += np.float32(thick_mm)
    return np.asarray(pixels.rim - np.float32(side) * pixels.up < wavy)


def _paint_band(
    tissue: TissueMap, pixels: _Inside, side: float, thick_mm: float, kind: Tissue, body: Body
) -> None:
    thick = min(thick_mm, 0.55 * body.half_height) + body.concavity
    put(tissue, kind, _band(pixels, side, thick) & pixels.marrow)


def _paint_infection(tissue: TissueMap, pixels: _Inside, side: float, body: Body) -> None:
    """Oedema next to an infected disc; the endplate between them is eaten away in its middle."""
    thick = min(_INFECTED_BAND_MM, 0.95 * body.half_height)
    near = _band(pixels, side, thick + body.concavity)
    put(tissue, Tissue.INFECTED_MARROW, near & pixels.marrow)
    eaten = (pixels.depth > 0) & (np.abs(pixels.posterior) < 0.72 * body.half_depth)
    eaten &= np.float32(side) * pixels.up > 0.4 * body.half_height
    gnawed = np.sin(0.7 * pixels.posterior + 0.4 * pixels.left) + np.sin(1.7 * pixels.posterior) > -0.8
    put(tissue, Tissue.INFECTED_DISC, eaten & gnawed & (pixels.depth < pixels.cortex + 1.0))


def _paint_fracture(tissue: TissueMap, pixels: _Inside, fracture: Fracture, body: Body) -> None:
    """Oedema of a fresh fracture below the endplate, and the dark line of crushed bone in it."""
    marrow = pixels.marrow
    if fracture.fresh:
        put(tissue, Tissue.OEDEMA, marrow & (pixels.up > -0.35 * body.half_height))
    from_top = pixels.rim - body.concavity - pixels.up
    line = np.abs(from_top - 4.5 - 0.8 * np.sin(0.5 * pixels.posterior)) < (0.9 if fracture.fresh else 0.6)
    reach = 0.75 if fracture.ao in ("A1", "B1") else 0.95
    put(tissue, Tissue.FRACTURE_LINE, line & marrow & (pixels.posterior < reach * body.half_depth))
    if fracture.ao in ("A2", "A4"):  # split from endplate to endplate
        split = np.abs(pixels.posterior - 1.0 + 0.12 * pixels.up) < 0.8
        put(tissue, Tissue.FRACTURE_LINE, split & marrow)


def _paint_lesion(tissue: TissueMap, pixels: _Inside, lesion: Lesion, body: Body) -> None:
    sizes = np.array([body.half_width, body.half_depth, body.half_height])
    centre, radii = np.array(lesion.centre) * sizes, np.maximum(np.array(lesion.radii) * sizes, 1.0)
    function = ((pixels.left - np.float32(centre[0])) / np.float32(radii[0])) ** 2
    function += ((pixels.posterior - np.float32(centre[1])) / np.float32(radii[1])) ** 2
    function += ((pixels.up - np.float32(centre[2])) / np.float32(radii[2])) ** 2
    within = (function < 1) & (pixels.depth > (0.0 if lesion.kind == "lytic" else pixels.cortex))
    put(tissue, Tissue.LYTIC if lesion.kind == "lytic" else Tissue.BLASTIC, within)


def paint_pars_gaps(maps: LabelMaps, anatomy: Anatomy, grid: Grid) -> None:
    """Paint the gap of broken partes: a slanting cleft of scar between pedicle and lamina on both sides."""
    for bone in anatomy.vertebrae:
        if bone.shape is None or not bone.shape.pars_defect:
            continue
        body, wall = bone.body, bone.body.half_depth
        centre = body.pose.point(0.0, wall + 0.95 * bone.canal_depth_mm + 1.0, -0.1 * body.half_height)
        box = grid.box_around(centre, np.full(3, bone.canal_width_mm / 2 + 14.0))
        if box is None:
            continue
        frame = body.pose.rotation.T
        left, behind, up = grid.coordinates(box, frame, -(frame @ centre))
        aside = np.abs(left) - np.float32(bone.canal_width_mm / 2)
        gap = np.abs(0.80 * behind - 0.60 * up) < 1.3 + 0.25 * bone.arch_back_mm
        gap &= (aside > -4.0) & (aside < 10.0) & (np.abs(up) < 1.1 * body.half_height)
        gap &= maps.owner[box] == verse_value(bone.level)
        put(maps.tissue[box], Tissue.SCAR, gap)
        put(maps.owner[box], 0, gap)
