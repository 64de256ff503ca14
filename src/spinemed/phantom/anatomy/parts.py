"""The placed parts of a patient: vertebrae, tubes, the canal's centre line, and the whole anatomy.

All in one LPS frame in mm; its origin is the middle of the upper endplate of S1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spinemed.facts.normal import HEIGHT_POSITION
from spinemed.phantom.anatomy.solids import Array, Body, Disc, Floats, Lump
from spinemed.phantom.patient.morphometry import Heights
from spinemed.phantom.patient.shapes import DiscShape, Patient, Posture, VertebraShape

Implant = Literal["screw", "rod", "cage"]


@dataclass(frozen=True, eq=False)
class Vertebra:
    """One placed vertebra, or one segment of sacrum or coccyx: its body and the lumps of its arch.

    `shape` is what it was made from; None below the last lumbar. C1 has no body of its own: its anterior
    arch stands for it; the dens is a lump of C2's arch. `fragment` is bone of a burst body pushed into the
    canal. `arch_back_mm` is how far the laminae stay behind the body where both partes are broken.
    """

    level: str
    body: Body
    arch: tuple[Lump, ...]
    canal_depth_mm: float
    canal_width_mm: float
    shape: VertebraShape | None = None
    fragment: Lump | None = None
    arch_back_mm: float = 0.0

    @property
    def oedema(self) -> bool:
        """Return whether the marrow is oedematous."""
        return self.shape is not None and self.shape.oedema

    def heights(self) -> Heights:
        """Return the heights of the placed body in its mid-sagittal plane, in mm."""
        edge = HEIGHT_POSITION * self.body.half_depth
        anterior, middle, posterior = (self.body.height_at(place) for place in (-edge, 0.0, edge))
        return Heights(anterior=anterior, middle=middle, posterior=posterior)

    def span(self, direction: Array) -> tuple[float, float]:
        """Return the least and greatest place in mm along a unit vector that the vertebra reaches."""
        rows = direction[None, :]
        solids: list[tuple[Array, Body | Lump]] = [(self.body.pose.origin_mm, self.body)]
        solids += [(part.centre_mm, part) for part in self.arch]
        places = [(float(direction @ centre), float(solid.extents(rows)[0])) for centre, solid in solids]
        return min(place - reach for place, reach in places), max(place + reach for place, reach in places)


@dataclass(frozen=True, eq=False)
class PlacedDisc:
    """A placed disc with the shape it was made from; None for the remnants inside the sacrum.

    `herniation` is the tissue behind it that presses on the sac or fills the foramen, `bridges` the bone
    around it where it is fused (ankylosing).
    """

    above: str
    below: str
    solid: Disc
    shape: DiscShape | None
    herniation: Lump | None = None
    bridges: tuple[Lump, ...] = ()


@dataclass(frozen=True, eq=False)
class Rib:
    """One rib as a bent tube: points [n, 3] in LPS mm from its head on, and its radius in mm."""

    level: str
    side: Literal["left", "right"]
    points_mm: Array
    radius_mm: float


@dataclass(frozen=True, eq=False)
class Metal:
    """An implant: a straight tube between two points (screw, rod) or, for a cage, a lump."""

    kind: Implant
    level: str
    ends_mm: tuple[Array, Array]
    radius_mm: float
    lump: Lump | None = None


@dataclass(frozen=True, eq=False)
class Midline:
    """The bodies' and the canal's centre line as a table over z; `at` turns heights into its rows."""

    low_mm: float
    step_mm: float
    body_left: Floats
    body_posterior: Floats
    body_half_depth: Floats
    canal_left: Floats
    canal_posterior: Floats
    canal_half_depth: Floats
    canal_half_width: Floats

    def at(self, z_mm: Floats) -> NDArray[np.intp]:
        """Return the table row of each height; heights beyond the ends take the end."""
        rows = ((z_mm - np.float32(self.low_mm)) * np.float32(1 / self.step_mm)).astype(np.int32)
        return np.clip(rows, 0, len(self.body_left) - 1).astype(np.intp)


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A patient placed in one posture.

    Vertebrae run from the last lumbar upwards to C1, the sacrum from S1 down to the coccyx, `placed_discs`
    from the one above S1 upwards, then the remnants in the sacrum. `midline` is filled by `place`.
    """

    patient: Patient
    posture: Posture
    vertebrae: tuple[Vertebra, ...]
    sacrum: tuple[Vertebra, ...]
    placed_discs: tuple[PlacedDisc, ...]
    midline: Midline
    ribs: tuple[Rib, ...] = ()
    pelvis: tuple[Lump, ...] = ()
    metal: tuple[Metal, ...] = ()

    @cached_property
    def _by_level(self) -> dict[str, Vertebra]:
        return {part.level: part for part in (*self.vertebrae, *self.sacrum)}

    def vertebra(self, level: str) -> Vertebra:
        """Return one vertebra or sacral segment by its level; KeyError for a level that is not placed."""
        return self._by_level[level]

    def disc(self, above: str) -> PlacedDisc:
        """Return the disc below a vertebra; KeyError for a level without one."""
        return {disc.above: disc for disc in self.placed_discs}[above]
