"""How one radiograph is taken: view, direction of the rays, field on the patient, collimation and marker.

The projection is parallel. Nothing here looks at findings, and no edge of a field lies at a fixed level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from spinemed.errors import ConfigError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import (
    Array,
    Grid,
    rotation_about_back,
    rotation_about_left,
    rotation_about_up,
)
from spinemed.phantom.patient.shapes import Posture
from spinemed.phantom.patient.stream import examination_stream, stream
from spinemed.phantom.rendering.framing import sample_region

RadiographKind = Literal["xr_ap", "xr_lat", "xr_flexion", "xr_extension", "xr_full_ap", "xr_full_lat"]
View = Literal["AP", "LAT", "FULL_AP", "FULL_LAT"]
Field = Literal["lumbar", "coned", "functional", "thoracolumbar", "thoracic", "cervical", "whole"]

RADIOGRAPH_KINDS: Final[tuple[RadiographKind, ...]] = (
    "xr_ap",
    "xr_lat",
    "xr_flexion",
    "xr_extension",
    "xr_full_ap",
    "xr_full_lat",
)
_VIEWS: Final[dict[str, View]] = {
    "xr_ap": "AP",
    "xr_lat": "LAT",
    "xr_flexion": "LAT",
    "xr_extension": "LAT",
    "xr_full_ap": "FULL_AP",
    "xr_full_lat": "FULL_LAT",
}
# Least and greatest height of a field on the patient in mm, and the levels between which its middle is
# drawn: the whole film's height follows the patient.
_HEIGHT_MM: Final[dict[Field, tuple[float, float]]] = {
    "lumbar": (300.0, 430.0),
    "coned": (150.0, 240.0),
    "functional": (190.0, 290.0),
    "thoracolumbar": (280.0, 420.0),
    "thoracic": (320.0, 430.0),
    "cervical": (170.0, 250.0),
}
_MIDDLE: Final[dict[Field, tuple[str, str]]] = {
    "lumbar": ("L4", "L2"),
    "coned": ("S1", "T12"),
    "functional": ("L5", "L2"),
    "thoracolumbar": ("L2", "T10"),
    "thoracic": ("T9", "T5"),
    "cervical": ("C6", "C3"),
}
_NATIVE_PIXELS: Final[tuple[int, ...]] = (768, 832, 896, 960)
_LEAST_PIXELS: Final[int] = 32
_MOST_PIXELS: Final[int] = 4096


@dataclass(frozen=True)
class Collimation:
    """The exposed rectangle in pixels (edges, as fractions) before it is turned about its middle."""

    left: float
    top: float
    right: float
    bottom: float
    turn_deg: float


@dataclass(frozen=True)
class SideMarker:
    """A lead letter: which, where its middle lies and how tall it is, in pixels."""

    letter: Literal["L", "R"]
    row: float
    column: float
    height: float


@dataclass(frozen=True, eq=False)
class Film:
    """One radiograph to be taken.

    `grid` has one slice: its slice direction is that of the rays, so `index_of` turns a point in LPS mm
    into (depth along the rays in mm, row, column). Its steps are mm on the patient; the detector's pixels
    are `magnification` times as large. `seams` are the rows at which the parts of a long film meet.
    """

    kind: RadiographKind
    view: View
    field: Field
    grid: Grid
    magnification: float
    collimation: Collimation
    marker: SideMarker
    orientation: tuple[str, str]
    seams: tuple[float, ...] = ()

    @property
    def frontal(self) -> bool:
        """Return whether the rays run from front to back."""
        return self.view in ("AP", "FULL_AP")


def posture_of(kind: RadiographKind) -> Posture:
    """Return the posture in which the patient has to be placed for this kind of radiograph.

    >>> posture_of("xr_flexion"), posture_of("xr_full_ap")
    ('flexion', 'standing')
    """
    if kind == "xr_flexion":
        return "flexion"
    return "extension" if kind == "xr_extension" else "standing"


def view_of(kind: RadiographKind) -> View:
    """Return the view: AP, LAT, FULL_AP or FULL_LAT; ConfigError for a kind that is no radiograph."""
    if kind not in _VIEWS:
        raise ConfigError(f"{kind!r} is no kind of radiograph; give one of {', '.join(RADIOGRAPH_KINDS)}")
    return _VIEWS[kind]


def plan_film(anatomy: Anatomy, kind: RadiographKind, pixels: int | None = None) -> Film:
    """Return how this radiograph of the patient is taken, the same on every call.

    `pixels` is the length of the film's longer side; None stands for that of the machine (768 to 960). The
    field on the patient does not depend on it. ConfigError for an unknown kind or fewer than 32 or more
    than 4096 pixels.
    """
    view = view_of(kind)
    if pixels is not None and not _LEAST_PIXELS <= pixels <= _MOST_PIXELS:
        raise ConfigError(f"{pixels} pixels asked; a radiograph has {_LEAST_PIXELS} to {_MOST_PIXELS}")
    rng = examination_stream(anatomy.patient, f"radiograph/{kind}")
    directions, orientation = _directions(rng, view)
    field = _field(anatomy, kind)
    first, last = _extent(rng, anatomy, view, field, directions)
    collimation = _collimation(rng)
    native = int(rng.choice(_NATIVE_PIXELS))
    grid, exposed = _grid(anatomy, directions, (first, last), collimation, pixels or native)
    frontal = view in ("AP", "FULL_AP")
    magnification = round(float(rng.uniform(1.04, 1.15) if frontal else rng.uniform(1.10, 1.35)), 3)
    marker = _marker(rng, frontal, grid, exposed)
    seams = _seams(rng, grid) if field == "whole" else ()
    return Film(kind, view, field, grid, magnification, exposed, marker, orientation, seams)


def _directions(rng: np.random.Generator, view: View) -> tuple[Array, tuple[str, str]]:
    """Ray, row and column directions, a few degrees oblique, and what DICOM calls PatientOrientation.

    A frontal film is seen as if the patient faced the viewer: columns run to the patient's left.
    """
    tilt = float(np.clip(rng.normal(0.0, 1.8), -4.5, 4.5))
    oblique, cranial = np.clip(rng.normal(0.0, (2.2, 1.4)), -5.0, 5.0)
    faces_right = rng.random() < 0.25
    frontal = view in ("AP", "FULL_AP")
    if frontal:
        straight = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
        about_left, about_back, towards = cranial, tilt, "L"
    else:
        way = -1.0 if faces_right else 1.0
        straight = np.array([[-way, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, way, 0.0]])
        about_left, about_back, towards = tilt, cranial, "A" if faces_right else "P"
    turn = (
        rotation_about_up(np.radians(oblique))
        @ rotation_about_left(np.radians(about_left))
        @ rotation_about_back(np.radians(about_back))
    )
    return np.asarray(straight @ turn.T), (towards, "F")


def _field(anatomy: Anatomy, kind: RadiographKind) -> Field:
    """What the patient's films show: the region of the other series, coned to a part or beyond it.

    Films in flexion and extension show the lumbar spine alone: the postures bend the trunk, not the neck.
    """
    if kind in ("xr_full_ap", "xr_full_lat"):
        return "whole"
    if kind in ("xr_flexion", "xr_extension"):
        return "functional"
    region, whole_lumbar = sample_region(stream(anatomy.patient.seed, "region"), anatomy)
    luck = float(examination_stream(anatomy.patient, "radiograph/field").random())
    if region == "cervical":
        return "cervical"
    if region == "lumbar":
        return "coned" if luck < 0.6 and not whole_lumbar else "lumbar"
    return "thoracic" if luck < 0.3 else "thoracolumbar"


def _extent(
    rng: np.random.Generator, anatomy: Anatomy, view: View, field: Field, directions: Array
) -> tuple[Array, Array]:
    """First and last (row, column) in mm along the directions of what is exposed."""
    bodies = np.array([part.body.pose.origin_mm for part in (*anatomy.sacrum[::-1], *anatomy.vertebrae)])
    rows, columns = bodies @ directions[1], bodies @ directions[2]
    if field == "whole":
        top = rows.min() - float(rng.uniform(15.0, 110.0))
        bottom = rows[len(anatomy.sacrum) - 1] + float(rng.uniform(70.0, 220.0))
    else:
        low, high = (float(directions[1] @ _origin(anatomy, level)) for level in _MIDDLE[field])
        middle = float(rng.uniform(min(low, high), max(low, high)) + rng.normal(0.0, 12.0))
        tall = float(rng.uniform(*_HEIGHT_MM[field]))
        top, bottom = middle - tall / 2, middle + tall / 2
    seen = (rows > top) & (rows < bottom)
    centre = float(columns[seen].mean() if seen.any() else columns.mean())
    wide, place = _width(rng, view, field, float(np.ptp(columns[seen])) if seen.any() else 0.0)
    if directions[2, 1] < -0.5:  # a lateral film that faces right
        place = 1.0 - place
    left = centre - place * wide
    return np.array([top, left]), np.array([bottom, left + wide])


def _origin(anatomy: Anatomy, level: str) -> Array:
    """The middle of a vertebra, or where a level that the patient has not would roughly lie."""
    try:
        return anatomy.vertebra(level).body.pose.origin_mm
    except KeyError:  # T12 or L5 of a transitional spine
        return anatomy.vertebrae[0 if level[0] == "L" else 5].body.pose.origin_mm


def _width(rng: np.random.Generator, view: View, field: Field, spread_mm: float) -> tuple[float, float]:
    """Width of the exposed field in mm and where in it, as a share, the bodies' mean lies."""
    if view in ("AP", "FULL_AP"):
        least, most = (300.0, 420.0) if field == "whole" else (150.0, 390.0)
        if field == "cervical":
            least, most = 150.0, 230.0
        return max(float(rng.uniform(least, most)), spread_mm + 110.0), float(rng.normal(0.5, 0.025))
    least, most = (300.0, 430.0) if field == "whole" else (170.0, 330.0)
    if field == "cervical":
        least, most = 160.0, 240.0
    wide = max(float(rng.uniform(least, most)), spread_mm + 130.0)
    return wide, float(rng.uniform(0.42, 0.60))


def _collimation(rng: np.random.Generator) -> Collimation:
    """Borders of the film that were not exposed, as shares of the exposed field; often none is left."""
    shares = rng.uniform(0.0, 0.07, 4) * (rng.random(4) < 0.8)
    turn = float(np.clip(rng.normal(0.0, 0.5), -1.2, 1.2))
    if rng.random() < 0.45:  # the machine cuts the picture to the field
        shares, turn = np.zeros(4), 0.0
    left, top, right, bottom = (float(share) for share in shares)
    return Collimation(left, top, right, bottom, turn)


def _grid(
    anatomy: Anatomy, directions: Array, extent: tuple[Array, Array], shares: Collimation, pixels: int
) -> tuple[Grid, Collimation]:
    """The film's pixels around the exposed field, and the exposed field in pixels."""
    size = extent[1] - extent[0]
    first = extent[0] - size * (shares.top, shares.left)
    last = extent[1] + size * (shares.bottom, shares.right)
    step = round(float((last - first).max()) / pixels, 5)
    rows, columns = (max(round(length / step), 16) for length in last - first)
    depth = float(directions[0] @ anatomy.vertebrae[len(anatomy.vertebrae) // 2].body.pose.origin_mm)
    start = np.array([depth, first[0] + step / 2, first[1] + step / 2])
    grid = Grid(np.round(directions.T @ start, 4), directions, (1.0, step, step), (1, rows, columns))
    top, left = (extent[0] - first) / step
    bottom, right = (extent[1] - first) / step
    return grid, Collimation(left, top, right, bottom, shares.turn_deg)


def _marker(rng: np.random.Generator, frontal: bool, grid: Grid, exposed: Collimation) -> SideMarker:
    """A letter near the field's border: in frontal films on its own side of the patient."""
    right_side = bool(rng.random() < 0.5)
    at_left = right_side if frontal else bool(rng.random() < 0.5)
    height = float(rng.uniform(10.0, 17.0)) / grid.steps_mm[1]
    wide, tall = exposed.right - exposed.left, exposed.bottom - exposed.top
    height = min(height, tall / 9, wide / 7)
    aside = height * float(rng.uniform(0.7, 1.3)) + 0.02 * wide
    column = exposed.left + aside if at_left else exposed.right - aside
    row = exposed.top + height + float(rng.uniform(0.0, 1.0)) * (tall - 2 * height)
    return SideMarker("R" if right_side else "L", float(row), float(column), float(height))


def _seams(rng: np.random.Generator, grid: Grid) -> tuple[float, ...]:
    """Where a long film's two or three shots overlap."""
    shots = 2 if rng.random() < 0.5 else 3
    places = [(shot + 1) / shots + float(rng.normal(0.0, 0.03)) for shot in range(shots - 1)]
    return tuple(place * grid.shape[1] for place in places)
