"""How far a disc can be wedged before it closes, and how an angle is shared out between discs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from spinemed.phantom.patient.shapes import DiscShape, VertebraShape

_RIM_MM: Final[float] = 1.2
_ROUNDS: Final[int] = 4


def steepest_deg(disc: DiscShape, above: VertebraShape) -> float:
    """Return the greatest wedge, in degrees, that leaves 1.2 mm of disc at the rim in front or behind.

    A disc that is tilted sideways has less to give.
    """
    tilted = math.tan(math.radians(abs(disc.tilt_deg))) * above.width_mm / 2
    spare = max(disc.height_mm - _RIM_MM - 0.5 * tilted, 0.3)
    return math.degrees(math.atan(spare / (above.depth_mm / 2)))


def shared_out(
    total: float, weights: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> list[float]:
    """Return one addend a place that together give `total`, in proportion to the weights within limits.

    What one place cannot take goes to the others; a rest stays where all are full.

    >>> shared_out(10.0, [1.0, 1.0], [-9.0, -9.0], [2.0, 9.0])
    [2.0, 8.0]
    """
    taken = [0.0] * len(weights)
    for _ in range(_ROUNDS):
        rest = total - sum(taken)
        limits = high if rest > 0 else low
        free = [place for place, part in enumerate(taken) if weights[place] > 0 and part != limits[place]]
        whole = sum(weights[place] for place in free)
        if abs(rest) < 1e-6 or not free:
            break
        for place in free:
            wanted = taken[place] + rest * weights[place] / whole
            taken[place] = min(max(wanted, low[place]), high[place])
    return taken
