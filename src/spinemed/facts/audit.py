"""Stated findings held against what label masks measure, as an independent check of both.

Arrays are in the order in which `records.Locator` counts: sagittal slices from the patient's right, row 0
cranial, column 0 anterior; axial slices from below, row 0 anterior, column 0 the patient's right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spinemed.errors import SourceError
from spinemed.facts.bodies import SACRUM, Body, bodies, tilts, whole_body
from spinemed.facts.heights import Heights, heights
from spinemed.facts.measure import SAC_VALUES, boxed_tilt, disc_line, endplates, sac_depth_mm, slip_percent
from spinemed.facts.measure_curves import cobb_deg, end_plates_cobb_deg, frontal_tilts, sagittal_curve_deg
from spinemed.facts.measure_losses import losses_of
from spinemed.facts.measure_sides import herniation_side
from spinemed.facts.normal import Sex
from spinemed.level_labels import SCHEMES
from spinemed.levels import Level
from spinemed.records import Box, Finding, Plane

_VALUES: Final[dict[str, int]] = {site: value for value, site in SCHEMES["verse"].items()}
_DISC: Final = 200
_BESIDE: Final = 2  # slices on either side of the middle that may show as much of a body
_BESIDE_SHARE: Final = 0.85
_BESIDE_SHARE_SLIP: Final = 0.97  # off the middle an endplate is less deep, and a slip a greater share of it
_STEEP_MM: Final = 1.2
_ASLANT: Final = math.sin(math.radians(10))


@dataclass(frozen=True, eq=False)
class MaskedSeries:
    """The masks of one series and the findings stated for it.

    `labels` holds VerSe values [slice, row, column], a radiograph's silhouettes as one slice; `structures`
    the sac and the discs besides, or is None. `spacing_mm` is (slice, row, column). `faces_right` says that
    a lateral radiograph shows the front on the right.
    """

    plane: Plane
    view: str
    labels: NDArray[np.uint8]
    structures: NDArray[np.uint16] | None
    spacing_mm: tuple[float, float, float]
    findings: tuple[Finding, ...]
    sex: Sex = "unknown"
    faces_right: bool = False

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Return (row, column) spacing."""
        return self.spacing_mm[1], self.spacing_mm[2]

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Return the labels of one slice, turned so that the front lies at column 0."""
        picture: NDArray[np.uint8] = self.labels[index]
        return np.asarray(picture[:, ::-1] if self.faces_right else picture)


@dataclass(frozen=True)
class Compared:
    """One finding beside its measurement: `error` is measured minus stated; for sides 0 (same) or 1."""

    quantity: str
    finding: Finding
    error: float


def audit(series: MaskedSeries) -> Iterator[Compared]:
    """Yield a comparison for every finding of a series that masks alone can measure.

    Quantities: level, height_loss (percent points), slip (percent points), cobb, lordosis, kyphosis
    (degrees), sac_depth (mm), scoliosis_side, herniation_side. Findings whose place cannot be measured
    (too few pixels of a body, say) are left out.
    """
    for finding in series.findings:
        for quantity, measure in _MEASURES.get(finding.pathology, ()):
            try:
                error = measure(series, finding)
            except (SourceError, KeyError, ValueError):
                continue
            if error is not None:
                yield Compared(quantity, finding, error)


def _seen(series: MaskedSeries, index: int) -> list[Body]:
    return bodies(series.picture(index), series.pixel_mm)


def _level(series: MaskedSeries, finding: Finding) -> float | None:
    """0 where the label that fills or fits the evidence's box best is the stated vertebra's, 1 otherwise."""
    box = finding.evidence.box
    picture = series.labels[finding.evidence.slice_index]
    part = picture[box.top : box.bottom, box.left : box.right]
    values, counts = np.unique(part[part > 0], return_counts=True)
    if not values.size:
        return 1.0
    fits = {int(value): _overlap(picture, int(value), box) for value in values}
    # A silhouette may be covered by its neighbour, the sacrum's label is more than the body of S1.
    named = {int(values[np.argmax(counts)]), max(fits, key=lambda value: fits[value])}
    return float(_VALUES[finding.site] not in named)


def _overlap(picture: NDArray[np.uint8], value: int, box: Box) -> float:
    """Common area of a label's box and another over the area of both."""
    body = whole_body(picture, value)
    if body is None:
        return 0.0
    own = body.box
    wide = min(own.right, box.right) - max(own.left, box.left)
    tall = min(own.bottom, box.bottom) - max(own.top, box.top)
    common = max(wide, 0) * max(tall, 0)
    areas = [(one.right - one.left) * (one.bottom - one.top) for one in (own, box)]
    return common / (sum(areas) - common)


def _bodies_of(series: MaskedSeries, index: int) -> list[Body]:
    """All bodies of a picture from the head down; silhouettes are bodies already."""
    if series.plane != "radiograph":
        seen = [body for body in _seen(series, index) if body.site != SACRUM]
        return sorted([*seen, *_first_sacral(series, index)], key=lambda body: Level(body.site).order)
    picture = series.picture(index)
    found = [whole_body(picture, int(value)) for value in np.unique(picture[picture > 0])]
    return sorted((body for body in found if body is not None), key=lambda body: Level(body.site).order)


def _first_sacral(series: MaskedSeries, index: int) -> list[Body]:
    """The body of S1 in a slice, cut from the sacrum's mask by the box in which it was stated."""
    for finding in series.findings:
        where = finding.evidence
        if finding.site == SACRUM and finding.pathology == "vertebra" and where.slice_index == index:
            inside = np.zeros(series.labels[index].shape, np.uint8)
            rows, columns = slice(where.box.top, where.box.bottom), slice(where.box.left, where.box.right)
            parts, count = ndimage.label(series.labels[index][rows, columns] == _VALUES[SACRUM])
            if count:
                sizes = np.bincount(parts.ravel())[1:]
                inside[rows, columns][parts == 1 + int(np.argmax(sizes))] = _VALUES[SACRUM]
            body = whole_body(inside, _VALUES[SACRUM])
            return [] if body is None else [body]
    return []


def _height_loss(series: MaskedSeries, finding: Finding) -> float | None:
    """The loss of the stated form, the median of the slices through the body's middle."""
    if series.plane == "radiograph":
        if finding.detail in ("biconcave", "crush"):
            return None  # the rims hide the hollow in a silhouette
        if _covered(series, finding.site):
            return None
    losses = []
    for seen in _through_middle(series, finding, (finding.site,)):
        tilt = tilts(seen, series.pixel_mm)
        sizes: dict[str, Heights] = {}
        for whole, lean in zip(seen, tilt, strict=True):
            if not whole.whole and whole.site != finding.site:
                continue  # cut by the picture's edge: no neighbour to compare heights with
            # Bone that is pushed out of the body bears its label and is none of its height.
            cropped = whole.site == finding.site and series.plane != "radiograph"
            body = _within(whole, finding.evidence.box) if cropped else whole
            if cropped and abs(lean) > _ASLANT and body.pixels.sum() < whole.pixels.sum():
                return None  # the box is upright: beside a wall that is aslant it cuts not all of that bone
            try:
                rows, columns = np.nonzero(body.pixels)
                rows_mm, columns_mm = rows * series.pixel_mm[0], columns * series.pixel_mm[1]
                sizes[body.site] = heights(
                    body.pixels, series.pixel_mm, boxed_tilt(rows_mm, columns_mm, lean)
                )
            except SourceError:
                continue
        if finding.site in sizes:
            found = losses_of(finding.site, sizes, series.sex)
            # A healthy body is stated with the loss of its front.
            losses.append(found[finding.detail or "wedge"])
    return None if not losses else max(0.0, float(np.median(losses))) - (finding.value or 0.0)


def _within(body: Body, box: Box) -> Body:
    """The part of a body inside a box of the picture."""
    pixels = body.pixels.copy()
    rows = np.arange(body.box.top, body.box.bottom)
    columns = np.arange(body.box.left, body.box.right)
    pixels[(rows < box.top) | (rows >= box.bottom)] = False
    pixels[:, (columns < box.left) | (columns >= box.right)] = False
    return Body(body.site, body.box, pixels, body.whole)


def _through_middle(
    series: MaskedSeries, finding: Finding, sites: Sequence[str], share: float = _BESIDE_SHARE
) -> list[list[Body]]:
    """The bodies in the slice of the evidence, and in those beside it that show as much of the ones named.

    Alone where one of them bears screws, whose way through the pedicles the slices beside it meet.
    """
    middle = finding.evidence.slice_index
    shown = _bodies_of(series, middle)
    screwed = {one.site for one in series.findings if one.pathology == "screws" and one.present}
    if series.plane == "radiograph" or screwed & set(sites):
        return [shown]
    wanted = {body.site: share * body.pixels.sum() for body in shown if body.site in sites}
    found = []
    for at in range(middle - _BESIDE, middle + _BESIDE + 1):
        seen = _bodies_of(series, at) if 0 <= at < len(series.labels) and at != middle else []
        sizes = {body.site: int(body.pixels.sum()) for body in seen}
        if seen and all(sizes.get(site, 0) > least for site, least in wanted.items()):
            found.append(seen)
    return [shown, *found]


def _covered(series: MaskedSeries, site: str) -> bool:
    """Whether another silhouette touches that of a vertebra and may hide its edge: a pixel has one label."""
    picture, value = series.labels[0], _VALUES[site]
    near = ndimage.binary_dilation(picture == value)
    return bool(((picture[near] > 0) & (picture[near] != value)).any())


def _slip(series: MaskedSeries, finding: Finding) -> float | None:
    """The slip, the median of the slices through the middle of both bodies."""
    upper, _, lower = finding.site.partition("-")
    if upper == "C2":
        return None  # the dens belongs to its mask: its lower endplate is not what is found first
    if series.plane == "radiograph" and (_covered(series, upper) or _covered(series, lower)):
        return None
    slips = []
    for seen in _through_middle(series, finding, (upper, lower), _BESIDE_SHARE_SLIP):
        places = {body.site: place for place, body in enumerate(seen)}
        if upper not in places or lower not in places:
            continue
        tilt = tilts(seen, series.pixel_mm)
        above = endplates(seen[places[upper]], series.pixel_mm, tilt[places[upper]])[1]
        below = endplates(seen[places[lower]], series.pixel_mm, tilt[places[lower]])[0]
        slips.append(slip_percent(above, below))
    return None if not slips else float(np.median(slips)) - (finding.value or 0.0)


def _curve(series: MaskedSeries, finding: Finding) -> float | None:
    if finding.extent is None:
        return None
    kyphosis = finding.pathology == "thoracic_kyphosis"
    angles = [
        sagittal_curve_deg(seen, series.pixel_mm, *finding.extent, lower_end=kyphosis)
        for seen in _through_middle(series, finding, finding.extent)
    ]
    angle = float(np.median(angles))
    return (-angle if kyphosis else angle) - (finding.value or 0.0)


def _cobb(series: MaskedSeries, finding: Finding) -> float | None:
    if finding.extent is None:
        return None
    tilt = frontal_tilts(series.labels[0], series.pixel_mm)
    # Whole bodies are the steadier measure, their outer edges the one that Cobb drew: the mean of both.
    of_bodies = cobb_deg(tilt, *finding.extent)
    of_edges = end_plates_cobb_deg(series.labels[0], series.pixel_mm, *finding.extent)
    return (of_bodies + of_edges) / 2 - (finding.value or 0.0)


def _convexity(series: MaskedSeries, finding: Finding) -> float | None:
    if finding.extent is None:
        return None
    tilt = frontal_tilts(series.labels[0], series.pixel_mm)
    upper, lower = finding.extent
    return float(("right" if tilt[upper] > tilt[lower] else "left") != finding.side)


def _sac(series: MaskedSeries, finding: Finding) -> float | None:
    """The sac's depth along the disc in a sagittal slice, or along the midline of an axial one."""
    if series.structures is None:
        return None
    value = _DISC + _VALUES[finding.site.split("-")[0]]
    picture = series.structures[finding.evidence.slice_index]
    if series.plane == "axial":
        # The sac's middle, not the disc's: a herniation reaches out to one side.
        columns = np.flatnonzero(np.isin(picture, SAC_VALUES).any(axis=0))
        if not columns.size or not (picture == value).any():
            raise SourceError(f"structure {value} or the sac is not in the slice")
        middle = (columns[0] + columns[-1] + 1) / 2 * series.pixel_mm[1]
        depths = [
            sac_depth_mm(picture, series.pixel_mm, (0.0, middle + aside), (1.0, 0.0), reach_mm=math.inf)
            for aside in (-series.pixel_mm[1], 0.0, series.pixel_mm[1])
        ]
        if abs(depths[2] - depths[0]) > _STEEP_MM:
            return None  # a sac pressed from one side: its middle is not the canal's
        return depths[1] - (finding.value or 0.0)
    start, backwards = disc_line(picture, series.pixel_mm, value)
    return sac_depth_mm(picture, series.pixel_mm, start, backwards) - (finding.value or 0.0)


def _herniated(series: MaskedSeries, finding: Finding) -> float | None:
    if series.structures is None or series.plane != "axial" or not finding.present:
        return None
    value = _DISC + _VALUES[finding.site.split("-")[0]]
    return float(herniation_side(series.structures, series.pixel_mm, value) != finding.side)


_Measure = Callable[[MaskedSeries, Finding], "float | None"]
_MEASURES: Final[dict[str, Sequence[tuple[str, _Measure]]]] = {
    "vertebra": (("level", _level),),
    "height_loss": (("height_loss", _height_loss),),
    "slip": (("slip", _slip),),
    "scoliosis": (("cobb", _cobb), ("scoliosis_side", _convexity)),
    "lumbar_lordosis": (("lordosis", _curve),),
    "thoracic_kyphosis": (("kyphosis", _curve),),
    "canal_stenosis": (("sac_depth", _sac),),
    "herniation": (("herniation_side", _herniated),),
}
