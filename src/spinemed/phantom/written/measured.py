"""The placed spine of a written case, measured once; standing without growing it anew.

A posture moves bodies and discs alone here; arches and canal stay those of the lying spine, from which no
angle and no slip is measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from spinemed.phantom.anatomy.canal_room import Room, SacTable, encroachment, room
from spinemed.phantom.anatomy.measure import Loss, height_loss
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.anatomy.posture import sacral_slope_deg
from spinemed.phantom.anatomy.sacrum import place_sacrum
from spinemed.phantom.anatomy.stacking import stack
from spinemed.phantom.patient.shapes import Patient, Posture

_AROUND_MM: Final = 5.0
"""How far beyond a disc's mid height its narrowest place is looked for, besides half of its height."""


@dataclass(frozen=True)
class Spine:
    """One patient lying, with what pushes into the canal; other postures and rooms are made when asked."""

    patient: Patient

    @cached_property
    def lying(self) -> Anatomy:
        """Return the anatomy as it is placed for CT and MRI."""
        return place(self.patient, "lying")

    @cached_property
    def sac(self) -> SacTable:
        """Return the sac over z of the lying spine."""
        return encroachment(self.lying)

    @cached_property
    def standing(self) -> Anatomy:
        """Return the anatomy of standing films."""
        return moved(self.lying, "standing")

    @cached_property
    def _losses(self) -> dict[str, Loss]:
        return {}

    def loss(self, level: str) -> Loss:
        """Return how a vertebra has lost height, measured once."""
        if level not in self._losses:
            self._losses[level] = height_loss(self.lying, level)
        return self._losses[level]

    def room(self, above: str) -> Room:
        """Return the room at the disc below a vertebra, lying."""
        return room(self.lying, above, self.sac)

    def near_share_lost(self, above: str) -> float:
        """Return the greatest share of the sac's depth that is lost at and near a disc, in planes of z.

        Much cheaper than `room`, and enough to tell a wide canal: lumps (herniations, fragments) are not in
        it. 0 below the end of the sac.
        """
        solid = self.lying.disc(above).solid
        middle = float(solid.pose.point(0.0, solid.half_depth + 9.0, 0.0)[2])
        reach = solid.height / 2 + _AROUND_MM
        rows = self.sac.at(np.array([middle - reach, middle + reach], np.float32))
        inside = slice(int(rows[0]), int(rows[1]) + 1)
        depth = 2 * self.sac.half_depth[inside]
        lost = (self.sac.front[inside] + self.sac.back[inside]) / np.maximum(depth, 1e-3)
        return float(lost.max())


def moved(lying: Anatomy, posture: Posture) -> Anatomy:
    """Return an anatomy whose bodies, S1 and discs stand as in a posture; the rest stays as it lies."""
    patient = lying.patient
    slope = sacral_slope_deg(patient, posture)
    bodies, discs = stack(patient, posture, slope)
    sacrum = place_sacrum(patient, slope)
    placed = [
        replace(disc, solid=solid) for disc, solid in zip(lying.placed_discs, discs, strict=False)
    ]  # those in the sacrum are left out
    return replace(
        lying,
        posture=posture,
        vertebrae=tuple(replace(part, body=body) for part, body in zip(lying.vertebrae, bodies, strict=True)),
        sacrum=tuple(
            replace(part, body=segment.body) for part, segment in zip(lying.sacrum, sacrum, strict=True)
        ),
        placed_discs=tuple(placed),
    )
