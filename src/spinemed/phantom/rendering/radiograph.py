"""One radiograph of a placed patient, from the anatomy straight to the stored picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.errors import ConfigError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Array, Grid
from spinemed.phantom.patient.shapes import Posture
from spinemed.phantom.rendering.radiograph_bones import project_bones
from spinemed.phantom.rendering.radiograph_display import developed, enlarged
from spinemed.phantom.rendering.radiograph_marker import draw_letter, exposed_share
from spinemed.phantom.rendering.radiograph_soft import soft_tissue
from spinemed.phantom.rendering.radiograph_surround import surrounding_bones
from spinemed.phantom.rendering.radiograph_view import (
    RADIOGRAPH_KINDS,
    Collimation,
    Film,
    RadiographKind,
    SideMarker,
    View,
    plan_film,
    posture_of,
    view_of,
)

__all__ = ["RADIOGRAPH_KINDS", "RenderedRadiograph", "plan_film", "posture_of", "project", "view_of"]

_COARSE_PIXELS: Final[int] = 144  # soft tissue is drawn with at least as many on the longer side
_COARSER: Final[int] = 3  # and with one for this many of the film's


@dataclass(frozen=True, eq=False)
class RenderedRadiograph:
    """A radiograph as it is stored and displayed: 12 bits, bone bright, frontal films seen from the front.

    `pixels` and `masks` are [row, column]; `masks` holds the silhouettes of the vertebral bodies as VerSe
    labels, drawn from below upwards, S1 alone for the sacrum, nothing outside the exposed field. `grid` has
    one slice and turns LPS mm into rows and columns; its steps are mm on the patient.
    """

    film: Film
    posture: Posture
    pixels: NDArray[np.uint16]
    masks: NDArray[np.uint8]

    @property
    def kind(self) -> RadiographKind:
        """Return the kind of radiograph, which also names its folder."""
        return self.film.kind

    @property
    def view(self) -> View:
        """Return AP, LAT, FULL_AP or FULL_LAT."""
        return self.film.view

    @property
    def grid(self) -> Grid:
        """Return the plane of the picture; its slice direction is that of the rays."""
        return self.film.grid

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Return the distance of rows and of columns on the patient in mm."""
        return self.film.grid.steps_mm[1], self.film.grid.steps_mm[2]

    @property
    def collimation(self) -> Collimation:
        """Return the exposed rectangle in pixels."""
        return self.film.collimation

    @property
    def marker(self) -> SideMarker:
        """Return the lead letter."""
        return self.film.marker

    def place_of(self, point_mm: Array) -> tuple[float, float]:
        """Return (row, column), as fractions, at which a point in LPS mm appears; maybe outside."""
        _, row, column = self.film.grid.index_of(point_mm)
        return float(row), float(column)


def project(anatomy: Anatomy, kind: RadiographKind, pixels: int | None = None) -> RenderedRadiograph:
    """Return one radiograph of the patient, the same on every call.

    The anatomy must be placed in the posture that `posture_of` names. `pixels` is the length of the longer
    side; None stands for the machine's own (768 to 960). ConfigError for an unknown kind, a number of
    pixels outside 32 to 4096, or an anatomy in another posture.
    """
    film = plan_film(anatomy, kind, pixels)
    if anatomy.posture != posture_of(kind):
        raise ConfigError(
            f"{kind} is taken {posture_of(kind)}, the anatomy is placed {anatomy.posture}; "
            f"call place(patient, {posture_of(kind)!r})"
        )
    shape = film.grid.shape[1:]
    exposed = exposed_share(shape, film.collimation)
    bones = project_bones(anatomy, film.grid, surrounding_bones(anatomy, frontal=film.frontal))
    coarse = _coarse(film.grid)
    tissue = np.maximum(enlarged(soft_tissue(anatomy, film, coarse), shape), 0)
    lead = draw_letter(shape, film.marker)
    picture = developed(anatomy, film, tissue, bones.bone + bones.metal, lead, exposed)
    masks = np.where(exposed > 0.5, bones.silhouettes, np.uint8(0))
    return RenderedRadiograph(film, anatomy.posture, picture, masks)


def _coarse(grid: Grid) -> Grid:
    """The same plane with larger pixels."""
    _, rows, columns = grid.shape
    longer = max(rows, columns)
    share = min(max(_COARSE_PIXELS, longer // _COARSER) / longer, 1.0)
    few = (max(round(rows * share), 8), max(round(columns * share), 8))
    steps = (grid.steps_mm[1] * rows / few[0], grid.steps_mm[2] * columns / few[1])
    corner = (steps[0] - grid.steps_mm[1]) / 2 * grid.directions[1]
    corner = corner + (steps[1] - grid.steps_mm[2]) / 2 * grid.directions[2]
    return Grid(grid.origin_mm + corner, grid.directions, (1.0, *steps), (1, *few))
