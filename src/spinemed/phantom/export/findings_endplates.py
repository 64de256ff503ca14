"""Claims about the endplates of a vertebra: Schmorl nodes, seen against the marrow or by their rim."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy, Vertebra
from spinemed.phantom.anatomy.solids import Body, Flags, Floats
from spinemed.phantom.anatomy.solids import Box as GridBox
from spinemed.phantom.export.claim import Claim
from spinemed.phantom.export.evidence import Region, ShownSeries, contrast, in_frame, is_any, median
from spinemed.phantom.patient.shapes import EndplateDefect
from spinemed.phantom.rendering.tissues import Tissue

_DISC_TISSUES: Final[tuple[Tissue, ...]] = (
    Tissue.ANNULUS,
    *(Tissue(Tissue.NUCLEUS_1 + grade) for grade in range(5)),
    Tissue.HERNIATION,
)
_RIM_PX: Final = 2
"""So many pixels about a dent hold the cortex that rims it."""
_RIMMED_PIXELS: Final = 12
"""A dent of fewer pixels does not bend its rim visibly."""


def endplate_claims(shown: ShownSeries, bone: Vertebra, region: Region, apart: float) -> Iterator[Claim]:
    """Yield the dents in a vertebra's endplates, one claim each; one absent claim for a vertebra without any.

    `region` is the body's, `apart` how far it stands out. An endplate that infection has eaten is no Schmorl
    node: it is held back.
    """
    eaten = eaten_endplates(shown.anatomy, bone.level)
    defects = () if bone.shape is None else bone.shape.defects
    if not defects:
        yield Claim(bone.level, "endplate_defect", shown.locator(region), region.count, apart, present=False)
    for endplate in ("upper", "lower"):
        here = [defect for defect in defects if defect.endplate == endplate]
        if not here:
            continue
        seen = _dent(shown, bone.body, max(here, key=lambda one: one.depth_mm * one.radius_mm))
        yield Claim(
            bone.level,
            "endplate_defect",
            None if seen is None else shown.locator(seen),
            0 if seen is None else seen.count,
            0.0 if seen is None else dent_contrast(shown, seen),
            detail=endplate,
            hidden="infection has eaten the endplate" if endplate in eaten else "",
        )


def eaten_endplates(anatomy: Anatomy, level: str) -> frozenset[str]:
    """Return which endplates of a vertebra lie at an infected disc."""
    infected = [one for one in anatomy.placed_discs if one.shape is not None and one.shape.infected]
    lower = {"lower" for disc in infected if disc.above == level}
    return frozenset(lower | {"upper" for disc in infected if disc.below == level})


def dent_contrast(shown: ShownSeries, dent: Region) -> float:
    """Return how far a dent stands out from the marrow of its slice, on CT from its own rim if that is more.

    In standard deviations of noise. CT shows a dent by the white line that lines it: marrow poor in bone is
    as grey as a disc.
    """
    marrow = contrast(shown, dent, Tissue.MARROW)
    rimmed = shown.kind == "ct" and dent.count >= _RIMMED_PIXELS
    return max(marrow, _rim_contrast(shown, dent)) if rimmed else marrow


def _rim_contrast(shown: ShownSeries, dent: Region) -> float:
    box = dent.box
    rows = slice(max(box.top - _RIM_PX, 0), box.bottom + _RIM_PX)
    columns = slice(max(box.left - _RIM_PX, 0), box.right + _RIM_PX)
    cortex = shown.rendered.tissue[dent.index, rows, columns] == Tissue.CORTEX
    rim = shown.rendered.pixels[dent.index, rows, columns][cortex]
    if not rim.size:
        return 0.0
    inside = median(dent.values(shown.rendered.pixels))
    return round(abs(median(rim) - inside) / shown.noise(dent.index), 2)


def _dent(shown: ShownSeries, body: Body, defect: EndplateDefect) -> Region | None:
    """The disc tissue inside a body's hull about a defect, in the slice that shows most; None without any."""
    sign = 1.0 if defect.endplate == "upper" else -1.0
    rim = body.half_height + body.slope * defect.posterior_mm
    centre = (defect.left_mm, defect.posterior_mm, sign * (rim - defect.depth_mm / 2))
    reach = (defect.radius_mm + 1.0, defect.radius_mm + 1.0, defect.depth_mm + 1.0)
    return in_frame(shown, body.pose, centre, reach, None, _dented(shown, body, centre, reach))


def _dented(
    shown: ShownSeries, body: Body, centre: tuple[float, float, float], reach: tuple[float, float, float]
) -> Callable[[Floats, Floats, Floats, GridBox], Flags]:
    def dented(left: Floats, posterior: Floats, up: Floats, box: GridBox) -> Flags:
        hull = np.abs(up) < body.half_height + body.slope * posterior
        found = hull & is_any(shown.rendered.tissue[box], _DISC_TISSUES)
        for place, where, far in zip((left, posterior, up), centre, reach, strict=True):
            found &= np.abs(place - np.float32(where)) <= np.float32(far)
        return np.asarray(found)

    return dented
