"""Claims of a radiograph: silhouettes, heights, slips, curves, beaks, bridges, metal, what it cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, find_objects

from spinemed.facts.normal import HEIGHT_POSITION, distance_to_cut, genant_grade
from spinemed.phantom.anatomy.measure import height_loss
from spinemed.phantom.anatomy.parts import Anatomy, Metal, PlacedDisc, Vertebra
from spinemed.phantom.anatomy.solids import Flags
from spinemed.phantom.export.claim import Claim
from spinemed.phantom.export.dicom import instance_uid
from spinemed.phantom.export.findings_bodies import (
    is_graded,
    stated_loss,
    too_small_beak,
    turned,
    without_height,
)
from spinemed.phantom.export.findings_curves import frontal_claims, lateral_claims
from spinemed.phantom.export.findings_discs import is_altered, is_collapsed
from spinemed.phantom.export.visibility import Visibility
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.records import Box, Locator, Pathology

_RIM_PIXELS: Final[int] = 3
_LAG: Final[int] = 4
_CLEAR_MM: Final[float] = 2.0
_SURE_EXTENT: Final[float] = 0.75
_TO_DEVIATION: Final[float] = 1.4826 / 2**0.5


@dataclass(frozen=True, eq=False)
class Silhouette:
    """One vertebral body on a film: box, pixels, contrast at its rim, and whether it is wholly in view.

    `doubt` says why that cannot be told, "" where it can: then it is no whole one.
    """

    level: str
    box: Box
    pixels: int
    contrast: float
    whole: bool
    doubt: str


@dataclass(frozen=True, eq=False)
class ShownFilm:
    """A radiograph as the findings look at it: silhouettes by level, from below upwards."""

    anatomy: Anatomy
    rendered: RenderedRadiograph
    uid: str
    noise: float
    silhouettes: dict[str, Silhouette] = field(default_factory=dict)

    @property
    def pixel_mm(self) -> float:
        """Return the size of a pixel on the patient."""
        return self.rendered.spacing_mm[0]

    def locator(self, box: Box) -> Locator:
        """Return a box of the film as evidence."""
        identifier = str(instance_uid(self.anatomy.patient, self.rendered.kind, 0))
        return Locator(series=self.uid, plane="radiograph", slice_index=0, slice_id=identifier, box=box)


def radiograph_claims(
    anatomy: Anatomy, rendered: RenderedRadiograph, series_uid: str, rules: Visibility
) -> Iterator[Claim]:
    """Yield all claims of one radiograph."""
    film = shown_film(anatomy, rendered, series_uid)
    for bone in (anatomy.sacrum[0], *anatomy.vertebrae):
        seen = film.silhouettes.get(bone.level)
        if seen is None:
            continue
        pathology: Pathology = "vertebra" if seen.whole or seen.doubt else "vertebra_in_part"
        yield _claim(film, seen, pathology, hidden=seen.doubt)
        if seen.whole:
            yield _screws(film, bone, seen)
        if seen.whole and bone.shape is not None and not rendered.film.frontal:
            yield from _of_body(film, rules, bone, seen)
    for disc in anatomy.placed_discs:
        if disc.shape is not None:
            yield from _of_disc(film, disc)
    yield from _untold(anatomy)
    if rendered.film.frontal:
        yield from frontal_claims(film, rules)
    else:
        yield from lateral_claims(film, rules)


def _untold(anatomy: Anatomy) -> Iterator[Claim]:
    """What is there that no film tells: fractures, metastases, ill discs and the signal of the cord.

    Without these claims a study of films alone would pass for one without red flags.
    """
    for bone in anatomy.vertebrae:
        if bone.shape is not None and bone.shape.fracture is not None:
            yield Claim(bone.level, "fracture", evidence=None, grade=bone.shape.fracture.ao)
        if bone.shape is not None and bone.shape.lesion is not None:
            yield Claim(bone.level, "metastasis", evidence=None, grade=bone.shape.lesion.kind)
    for disc in anatomy.placed_discs:
        if disc.shape is not None and disc.shape.infected:
            yield Claim(f"{disc.above}-{disc.below}", "spondylodiscitis", evidence=None)
        if disc.shape is not None and is_collapsed(disc) and not is_altered(disc):  # none of the sacrum
            yield Claim(f"{disc.above}-{disc.below}", "disc_degeneration", evidence=None, grade="5")
        if disc.above == anatomy.patient.myelopathy:
            yield Claim(f"{disc.above}-{disc.below}", "cord_signal", evidence=None)


def shown_film(anatomy: Anatomy, rendered: RenderedRadiograph, series_uid: str) -> ShownFilm:
    """Return the film with the silhouettes of all bodies that lie on it."""
    found = _boxes(rendered.masks)
    levels = {verse_value(bone.level): bone.level for bone in (anatomy.sacrum[0], *anatomy.vertebrae)}
    film = ShownFilm(anatomy, rendered, series_uid, _noise(rendered))
    for value, level in levels.items():
        where = found[value - 1] if value <= len(found) else None
        if level != "C1" and where is not None:
            film.silhouettes[level] = _silhouette(film, level, value, where)
    return film


def _boxes(masks: NDArray[np.uint8]) -> list[tuple[slice, slice] | None]:
    """The box of each label in order, None for one that is not there; looked for where any label is."""
    rows, columns = (np.flatnonzero(masks.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return []
    top, left = int(rows[0]), int(columns[0])
    inner = find_objects(masks[top : rows[-1] + 1, left : columns[-1] + 1])
    return [
        box
        and (
            slice(box[0].start + top, box[0].stop + top),
            slice(box[1].start + left, box[1].stop + left),
        )
        for box in inner
    ]


def _silhouette(film: ShownFilm, level: str, value: int, where: tuple[slice, slice]) -> Silhouette:
    masks, pixels = film.rendered.masks, film.rendered.pixels
    rows, columns = (slice(max(part.start - _RIM_PIXELS, 0), part.stop + _RIM_PIXELS) for part in where)
    inside: Flags = masks[rows, columns] == value
    rim = inside & ~binary_erosion(inside, iterations=_RIM_PIXELS)
    outside = binary_dilation(inside, iterations=_RIM_PIXELS) & (masks[rows, columns] == 0)
    values = pixels[rows, columns]
    apart = 0.0
    if rim.any() and outside.any():
        apart = abs(float(np.median(values[rim])) - float(np.median(values[outside]))) / film.noise
    box = Box(left=where[1].start, top=where[0].start, right=where[1].stop, bottom=where[0].stop)
    clear = _clear_mm(film, level, box) >= _CLEAR_MM
    doubt = "" if clear or _is_cut(film, level) else "an edge of it lies at the border of what was exposed"
    return Silhouette(level, box, int(inside.sum()), apart, clear, doubt)


def _clear_mm(film: ShownFilm, level: str, box: Box) -> float:
    """How far a body's silhouette lies inside the exposed field, whose rectangle is turned, and the film."""
    part = film.rendered.masks[box.top : box.bottom, box.left : box.right]
    down, across = np.nonzero(part == verse_value(level))
    field, (rows, columns) = film.rendered.collimation, film.rendered.masks.shape
    middle = (field.top + field.bottom) / 2, (field.left + field.right) / 2
    turn = np.radians(field.turn_deg)
    below, aside = box.top + down + 0.5 - middle[0], box.left + across + 0.5 - middle[1]
    farthest_down = np.abs(np.cos(turn) * below + np.sin(turn) * aside).max() + 0.5
    farthest_across = np.abs(np.cos(turn) * aside - np.sin(turn) * below).max() + 0.5
    clear_px = min(
        (field.bottom - field.top) / 2 - farthest_down,
        (field.right - field.left) / 2 - farthest_across,
        box.top,
        box.left,
        rows - box.bottom,
        columns - box.right,
    )
    return float(clear_px) * film.pixel_mm


def _is_cut(film: ShownFilm, level: str) -> bool:
    """Whether clearly less than all of the body was exposed: it would end outside the exposed field."""
    body = film.anatomy.vertebra(level).body
    grid = film.rendered.grid
    _, row, column = grid.index_of(body.pose.origin_mm)
    _, tall, wide = body.extents(grid.directions) / np.asarray(grid.steps_mm)
    exposed = film.rendered.collimation
    return bool(
        row - _SURE_EXTENT * tall < exposed.top
        or row + _SURE_EXTENT * tall > exposed.bottom
        or column - _SURE_EXTENT * wide < exposed.left
        or column + _SURE_EXTENT * wide > exposed.right
    )


def _noise(rendered: RenderedRadiograph) -> float:
    """Noise from differences of pixels a few apart inside the silhouettes; never zero."""
    same = (rendered.masks[:, _LAG:] == rendered.masks[:, :-_LAG]) & (rendered.masks[:, _LAG:] > 0)
    apart = rendered.pixels[:, _LAG:][same].astype(np.float64)
    apart -= rendered.pixels[:, :-_LAG][same]
    if not apart.size:
        return 1.0
    return max(float(np.median(np.abs(apart - np.median(apart)))) * _TO_DEVIATION, 1.0)


def _claim(
    film: ShownFilm, seen: Silhouette, pathology: Pathology, *, present: bool = True, hidden: str = ""
) -> Claim:
    evidence = film.locator(seen.box)
    return Claim(seen.level, pathology, evidence, seen.pixels, seen.contrast, present=present, hidden=hidden)


def _of_body(film: ShownFilm, rules: Visibility, bone: Vertebra, seen: Silhouette) -> Iterator[Claim]:
    """What a lateral film tells of a body."""
    if is_graded(bone.level):
        yield _height(film, rules, bone, seen)
    yield _osteophyte(film, rules, bone, seen)


def _screws(film: ShownFilm, bone: Vertebra, seen: Silhouette) -> Claim:
    screws = [part for part in film.anatomy.metal if part.kind == "screw" and part.level == bone.level]
    if screws:
        return _metal(film, bone.level, "screws", screws)
    evidence = film.locator(seen.box)
    return Claim(bone.level, "screws", evidence, seen.pixels, max(seen.contrast, 4.0), present=False)


def _height(film: ShownFilm, rules: Visibility, bone: Vertebra, seen: Silhouette) -> Claim:
    found = height_loss(film.anatomy, bone.level)
    grade = genant_grade(found.percent)
    error = 100 * rules.edge_error_px * film.pixel_mm * 2**0.5 / bone.heights().posterior
    return Claim(
        bone.level,
        "height_loss",
        film.locator(seen.box),
        seen.pixels,
        seen.contrast,
        grade=str(grade),
        present=grade > 0,
        value=stated_loss(film.anatomy, bone),
        unit="%",
        detail=found.form if grade else "",
        # The rays cross both rims of a tilted body: the outline is blurred by more than a pixel.
        error=max(error, _FILM_LOSS_ERROR),
        off_cut=distance_to_cut(found.percent),
        hidden=without_height(film.anatomy, bone, film.pixel_mm, rules.coarsest_film_height_mm)
        or turned(bone, film.rendered.grid, rules.film_turned_deg)
        or _blurred(film, rules, bone),
    )


def _blurred(film: ShownFilm, rules: Visibility, bone: Vertebra) -> str:
    """Why no loss of height is told of a body whose outline is both its rims, and no hollow; "" else."""
    sideways = abs(float(film.rendered.grid.directions[1] @ bone.body.pose.rotation[:, 0]))
    hollow = 2 * bone.body.concavity * (1 - HEIGHT_POSITION**2)
    added = 2 * bone.body.half_width * sideways + hollow
    heights = bone.heights()
    wedge_percent = 100 * abs(1 - heights.anterior / heights.posterior)
    hidden = wedge_percent * added / (heights.posterior + added)
    return "the rims of the body hide part of the loss" if hidden > rules.film_loss_points else ""


_FILM_LOSS_ERROR: Final[float] = 1.0


def _osteophyte(film: ShownFilm, rules: Visibility, bone: Vertebra, seen: Silhouette) -> Claim:
    size = bone.body.osteophyte
    large = size >= rules.osteophyte_large
    between = rules.osteophyte_none < size < rules.osteophyte_large
    small = too_small_beak(bone, rules, film.pixel_mm) if large else ""
    return Claim(
        bone.level,
        "osteophyte",
        film.locator(seen.box),
        _beak_pixels(film, bone, seen) if large else seen.pixels,
        seen.contrast,
        grade="large" if large else "none",
        present=large or between,
        hidden="it is neither large nor absent" if between else small,
    )


def _beak_pixels(film: ShownFilm, bone: Vertebra, seen: Silhouette) -> int:
    """Return how many pixels of a silhouette lie in front of the body's own outline."""
    grid, box = film.rendered.grid, seen.box
    inside = film.rendered.masks[box.top : box.bottom, box.left : box.right] == verse_value(bone.level)
    _, row, column = grid.index_of(bone.body.pose.origin_mm)
    _, tall, wide = grid.steps_mm
    _, down, across = grid.directions @ bone.body.pose.rotation[:, 1]
    rows, columns = np.nonzero(inside)
    behind = (rows + box.top - row) * tall * down + (columns + box.left - column) * wide * across
    return int((behind / np.hypot(down, across) < -bone.body.half_depth).sum())


def _of_disc(film: ShownFilm, disc: PlacedDisc) -> Iterator[Claim]:
    """Cages, and bridges where the film is lateral; the evidence is the gap between both bodies."""
    above, below = (film.silhouettes.get(level) for level in (disc.above, disc.below))
    if above is None or below is None or not (above.whole and below.whole) or disc.shape is None:
        return
    site = f"{disc.above}-{disc.below}"
    gap = gap_box(above.box, below.box)
    pixels = (gap.right - gap.left) * (gap.bottom - gap.top)
    apart = min(above.contrast, below.contrast)
    cages = [part for part in film.anatomy.metal if part.kind == "cage" and part.level == disc.above]
    if disc.shape.cage and cages:
        yield _metal(film, site, "cage", cages)
    elif not disc.shape.cage:
        yield Claim(site, "cage", film.locator(gap), pixels, max(apart, 4.0), present=False)
    if not film.rendered.film.frontal:
        yield Claim(site, "bridging", film.locator(gap), pixels, apart, present=disc.shape.bridged)


def gap_box(above: Box, below: Box) -> Box:
    """Return the box of the gap between two bodies, at least as tall as the overlap of their boxes."""
    top, bottom = sorted((above.bottom, below.top))
    return Box(
        left=min(above.left, below.left),
        top=max(top - 2, 0),
        right=max(above.right, below.right),
        bottom=bottom + 2,
    )


def _metal(film: ShownFilm, site: str, pathology: Pathology, parts: list[Metal]) -> Claim:
    """Metal on the film: the box around its ends, its brightness against the bone beside it."""
    grid, size = film.rendered.grid, film.rendered.pixels.shape
    ends = [end for part in parts for end in part.ends_mm]
    if parts[0].lump is not None:
        middle = parts[0].lump.centre_mm
        reach = parts[0].lump.extents(grid.directions)
        ends = [middle + sign * reach @ grid.directions for sign in (-1.0, 1.0)]
    places = np.array([grid.index_of(end)[1:] for end in ends])
    low = np.floor(places.min(axis=0)).astype(int)
    high = np.ceil(places.max(axis=0)).astype(int) + 1
    inside = bool((low >= 0).all() and (high <= size).all() and (high > low).all())
    box = Box(left=int(low[1]), top=int(low[0]), right=int(high[1]), bottom=int(high[0])) if inside else None
    pixels, apart = 0, 0.0
    if box is not None:
        part = film.rendered.pixels[box.top : box.bottom, box.left : box.right].astype(np.float64)
        bone = film.rendered.pixels[film.rendered.masks > 0]
        bright = np.percentile(part, 90)
        apart = max(float(bright - np.median(bone)), 0.0) / film.noise
        pixels = int((part > (bright + np.median(bone)) / 2).sum())
    return Claim(
        site,
        pathology,
        None if box is None else film.locator(box),
        pixels,
        apart,
        side="both" if pathology == "screws" else None,
    )
