"""Cobb angles measured on masks alone: of the frontal curve in an AP silhouette, of lordosis and kyphosis.

Pictures are [row, column] with row 0 cranial. In an AP picture column 0 is the patient's right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.facts.bodies import Body, tilts, whole_body
from spinemed.facts.heights import endplate_angle
from spinemed.facts.measure import endplates
from spinemed.levels import Level

_FEWEST_PIXELS: Final = 60


@dataclass(frozen=True)
class FrontalCurve:
    """A curve between its end vertebrae: the Cobb angle in degrees, and the side of its convexity."""

    upper: str
    lower: str
    cobb_deg: float
    convex: str


def frontal_tilts(silhouettes: NDArray[np.uint8], spacing_mm: tuple[float, float]) -> dict[str, float]:
    """Return level -> tilt of each body in an AP silhouette, in degrees, from the head down.

    Falling to the patient's left is positive. `silhouettes` holds VerSe labels of bodies. Bodies cut by the
    border of the picture and slivers are left out.
    """
    seen = [whole_body(silhouettes, int(value)) for value in np.unique(silhouettes[silhouettes > 0])]
    bodies = sorted((body for body in seen if body is not None), key=lambda body: Level(body.site).order)
    leans = tilts(bodies, spacing_mm)
    return {
        body.site: math.degrees(endplate_angle(body.pixels, spacing_mm, lean))
        for body, lean in zip(bodies, leans, strict=True)
        if body.whole and body.pixels.sum() >= _FEWEST_PIXELS
    }


def cobb_deg(tilt_deg: Mapping[str, float], upper: str, lower: str) -> float:
    """Return the angle between two bodies of `frontal_tilts`, in degrees, never negative.

    >>> cobb_deg({"T6": -10.0, "T12": 15.0}, "T6", "T12")
    25.0
    """
    return abs(tilt_deg[lower] - tilt_deg[upper])


def end_plates_cobb_deg(
    silhouettes: NDArray[np.uint8], spacing_mm: tuple[float, float], upper: str, lower: str
) -> float:
    """Return the angle between the upper edge of one silhouette and the lower edge of another, in degrees.

    As Cobb measured: bodies of a curve are wedged themselves. KeyError for a body that is not on the film.
    """
    seen = [whole_body(silhouettes, int(value)) for value in np.unique(silhouettes[silhouettes > 0])]
    bodies = sorted((body for body in seen if body is not None), key=lambda body: Level(body.site).order)
    leans = dict(zip((body.site for body in bodies), tilts(bodies, spacing_mm), strict=True))
    named = {body.site: body for body in bodies}
    first = endplates(named[upper], spacing_mm, leans[upper])[0]
    second = endplates(named[lower], spacing_mm, leans[lower])[1]
    return abs(first.angle_deg - second.angle_deg)


def largest_curve(tilt_deg: Mapping[str, float]) -> FrontalCurve | None:
    """Return the curve with the greatest Cobb angle between any two of the bodies; None for fewer than two.

    A vertebra that falls to the patient's left above one that falls to the right bounds a curve convex to
    the right: its middle lies to the right of its ends.
    """
    levels = list(tilt_deg)
    pairs = [(abs(tilt_deg[a] - tilt_deg[b]), a, b) for i, a in enumerate(levels) for b in levels[i + 1 :]]
    if not pairs:
        return None
    angle, upper, lower = max(pairs)
    convex = "left" if tilt_deg[upper] < tilt_deg[lower] else "right"
    return FrontalCurve(upper, lower, angle, convex)


def sagittal_curve_deg(
    seen: Sequence[Body], spacing_mm: tuple[float, float], upper: str, lower: str, *, lower_end: bool
) -> float:
    """Return the Cobb angle in degrees from the upper endplate of one body to an endplate of another.

    `seen` are the bodies of a sagittal slice or a lateral picture, from the head down. `lower_end` takes the
    lower endplate of `lower` (kyphosis T4 to T12), else its upper one (lordosis L1 to S1). Positive for a
    lordosis. KeyError for a body that is not seen.
    """
    places = {body.site: place for place, body in enumerate(seen)}
    tilt = tilts(seen, spacing_mm)
    first, second = places[upper], places[lower]
    above = endplates(seen[first], spacing_mm, tilt[first])[0]
    below = endplates(seen[second], spacing_mm, tilt[second])[1 if lower_end else 0]
    return above.angle_deg - below.angle_deg
