"""What lesions and endplate defects take from a vertebra as a radiograph sees it, as lumps in LPS mm."""

from __future__ import annotations

from typing import Final

from spinemed.phantom.anatomy.parts import Vertebra
from spinemed.phantom.anatomy.solids import Body, Dent, Lump, Mould, lump
from spinemed.phantom.patient.shapes import Lesion

_PEDICLE_REACH_MM: Final[float] = 7.0  # its middle lies no farther behind the posterior wall


def lesion_lump(body: Body, lesion: Lesion) -> Lump:
    """Return a lesion, given in shares of the body's half sizes, as a lump."""
    half = (body.half_width, body.half_depth, body.half_height)
    left, posterior, up = (share * size for share, size in zip(lesion.centre, half, strict=True))
    wide, deep, tall = (share * size for share, size in zip(lesion.radii, half, strict=True))
    return lump(body.pose, Mould((left, posterior, up), (wide, deep, tall)))


def dent_lump(body: Body, dent: Dent) -> Lump:
    """Return the ellipsoid, centred on the endplate, whose inner half is the hole that the disc fills."""
    rim = body.half_height + body.slope * dent.posterior + body.side_slope * dent.left
    away = (dent.left / body.half_width) ** 2 + (dent.posterior / body.half_depth) ** 2
    surface = rim - body.concavity * max(1.0 - away, 0.0)
    centre = (dent.left, dent.posterior, dent.up * surface)
    return lump(body.pose, Mould(centre, (dent.radius, dent.radius, dent.depth)))


def eaten_pedicle(vertebra: Vertebra) -> int:
    """Return which lump of the arch is the pedicle that a lytic lesion took (winking owl), or -1.

    The pedicle is the lump of its side that lies nearest behind the posterior wall, beside the canal.
    """
    lesion = vertebra.shape.lesion if vertebra.shape is not None else None
    if lesion is None or lesion.kind != "lytic" or not lesion.pedicle:
        return -1
    side = 1.0 if lesion.pedicle == "left" else -1.0
    body = vertebra.body
    nearest, found = body.half_depth + _PEDICLE_REACH_MM, -1
    for number, part in enumerate(vertebra.arch):
        left, posterior, _ = (part.centre_mm - body.pose.origin_mm) @ body.pose.rotation
        beside = 0.3 * vertebra.canal_width_mm < side * left < vertebra.canal_width_mm / 2 + 8.0
        if beside and 0 < posterior < nearest:
            nearest, found = float(posterior), number
    return found
