"""What metal does to a picture: streaks and blooming in CT, a void with a bright rim in MR."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter, uniform_filter1d

from spinemed.phantom.anatomy.solids import Flags, Floats
from spinemed.phantom.rendering.tissues import Tissue, TissueMap

_STREAK_PX: Final[int] = 81
_DIRECTIONS: Final[int] = 5


def metal_in_ct(image: Floats, tissue: TissueMap, rng: np.random.Generator) -> Floats:
    """Return the CT with blooming metal and dark and bright streaks that run out from it."""
    metal = (tissue == Tissue.METAL).astype(np.float32)
    bloom = gaussian_filter(metal, (0, 1.1, 1.1), truncate=3)
    streaks = np.zeros_like(image)
    for weight in rng.normal(0.0, 1.0, _DIRECTIONS):
        slope = float(rng.uniform(-0.8, 0.8))
        streaks += np.float32(weight) * _smeared(metal, slope)
    dark = _smeared(metal, 0.0)
    changed: Floats = image + 1500 * bloom + 900 * streaks - 1100 * dark
    np.copyto(changed, 3071, where=metal > 0)
    return changed


def _smeared(metal: Floats, slope: float) -> Floats:
    """The metal drawn out along a line of that slope (rows a column), without the metal itself."""
    columns = np.arange(metal.shape[2])
    shift = np.round(slope * (columns - columns.mean())).astype(int)
    rows = np.arange(metal.shape[1])[:, None]
    sheared = metal[:, (rows - shift) % metal.shape[1], columns]
    sheared = uniform_filter1d(sheared, _STREAK_PX, axis=2, mode="constant")
    back: Floats = sheared[:, (rows + shift) % metal.shape[1], columns]
    return back


def metal_in_mr(image: Floats, tissue: TissueMap) -> Floats:
    """Return the MR signal with a void twice as wide as the metal and signal piled up at its edge."""
    metal: Flags = tissue == Tissue.METAL
    disc = _disc(3)
    void = binary_dilation(metal, disc)
    rim = binary_dilation(void, _disc(2)) & ~void
    changed = image.copy()
    changed[void] *= 0.04
    # The field is bent along the readout, so one side of the rim gains what the other loses.
    lean = gaussian_filter(void.astype(np.float32), (0, 2, 2), truncate=2)
    slope = np.gradient(lean, axis=1)
    gain = 1 + np.clip(9 * slope, -0.7, 1.6)
    changed[rim] = (changed * gain + 0.25 * float(image.max()) * (slope > 0.02))[rim]
    return changed


def _disc(radius: int) -> Flags:
    place = np.arange(-radius, radius + 1)
    return np.asarray((place[:, None] ** 2 + place[None, :] ** 2 <= radius * radius + 0.5)[None])
