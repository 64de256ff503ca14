"""The dural sac as a table over z: its middle, its sizes, what pushes into it, and depths inside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.phantom.anatomy.solids import Floats

RECESS_PLACE: Final = 0.7
"""The lateral recess is measured at this share of the sac's half width."""


@dataclass(frozen=True, eq=False)
class SacTable:
    """The sac over z (rows as in `Midline`): normal centre, half depth and width, and what pushes into it.

    All in mm in planes of constant z. `front` and `back` are cut from the ellipse's front and back on the
    midline; `left` and `right` press the back of the patient's left and right half forwards.
    """

    low_mm: float
    step_mm: float
    centre_left: Floats
    centre_posterior: Floats
    half_depth: Floats
    half_width: Floats
    front: Floats
    back: Floats
    left: Floats
    right: Floats

    def at(self, z_mm: Floats) -> NDArray[np.intp]:
        """Return the table row of each height; heights beyond the ends take the end."""
        rows = ((z_mm - np.float32(self.low_mm)) * np.float32(1 / self.step_mm)).astype(np.int32)
        return np.clip(rows, 0, len(self.front) - 1).astype(np.intp)

    def depth_inside(self, x: Floats, y: Floats, z: Floats, *, healthy: bool = False) -> Floats:
        """Return how many mm inside the sac points of LPS space lie, front to back; negative outside.

        `healthy` leaves the pushes away: the sac as it would be without disease.
        """
        here = self.cut(self.at(z))
        left, behind = x - here.centre_left, y - here.centre_posterior
        return here.healthy_depth(left, behind) if healthy else here.depth(left, behind)

    def cut(self, at: NDArray[np.intp]) -> SacCut:
        """Return the sac's measures at table rows, each in the shape of `at`."""
        return SacCut(self, at)


class SacCut:
    """The sac beside some points: each measure of `SacTable` at their heights, looked up once."""

    def __init__(self, table: SacTable, at: NDArray[np.intp]) -> None:
        self._table, self._at = table, at

    @cached_property
    def centre_left(self) -> Floats:
        """Return the middle of the sac in mm, LPS x."""
        return self._table.centre_left.take(self._at)

    @cached_property
    def centre_posterior(self) -> Floats:
        """Return the middle of the healthy sac in mm, LPS y."""
        return self._table.centre_posterior.take(self._at)

    @cached_property
    def half_depth(self) -> Floats:
        """Return half of the healthy depth in mm."""
        return self._table.half_depth.take(self._at)

    @cached_property
    def half_width(self) -> Floats:
        """Return half of the width in mm."""
        return self._table.half_width.take(self._at)

    @cached_property
    def front(self) -> Floats:
        """Return what is cut from the front in mm."""
        return self._table.front.take(self._at)

    @cached_property
    def back(self) -> Floats:
        """Return what is cut from the back in mm."""
        return self._table.back.take(self._at)

    @cached_property
    def left(self) -> Floats:
        """Return the push on the patient's left half in mm."""
        return self._table.left.take(self._at)

    @cached_property
    def right(self) -> Floats:
        """Return the push on the patient's right half in mm."""
        return self._table.right.take(self._at)

    def healthy_depth(self, left: Floats, behind: Floats) -> Floats:
        """Return how many mm inside the healthy sac points so far left of and behind its middle lie."""
        share = left / self.half_width
        inside = self._back_of(share) - np.abs(behind)
        return np.where(np.abs(share) < 1.0, inside, np.float32(-1.0))

    def depth(self, left: Floats, behind: Floats) -> Floats:
        """Return the same in the sac with all that pushes into it."""
        share = left / self.half_width
        back_of, beside = self._back_of(share), np.abs(share)
        front_wall = np.maximum(-back_of, self.front - self.half_depth)
        side = np.where(share > 0, self.left, self.right)
        pressed = back_of - side * np.clip((beside - 0.25) / (RECESS_PLACE - 0.25), 0.0, 1.0)
        back_wall = np.minimum(pressed, self.half_depth - self.back)
        inside = np.minimum(behind - front_wall, back_wall - behind)
        return np.where(beside < 1.0, inside, np.float32(-1.0))

    def _back_of(self, share: Floats) -> Floats:
        """How far behind the middle the healthy wall lies at a share of the half width."""
        return np.asarray(self.half_depth * np.sqrt(np.clip(1.0 - share * share, 0.0, 1.0)))
