"""The receive sensitivity of an MR coil under the back: bright behind, dark in front, shaded."""

from __future__ import annotations

import numpy as np

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Floats
from spinemed.phantom.rendering.acquisition import Acquisition


def sensitivity(anatomy: Anatomy, acquisition: Acquisition) -> Floats:
    """Return the sensitivity [row, column]: bright at the back, dark under the saturation band, shaded.

    Fall-off and band run along that axis of the picture which points backwards.
    """
    look, grid = acquisition.look, acquisition.grid
    axis = 2 if abs(grid.directions[2, 1]) > abs(grid.directions[1, 1]) else 1
    place = grid.origin_mm[1] + grid.directions[axis, 1] * grid.steps_mm[axis] * np.arange(grid.shape[axis])
    line = anatomy.midline
    other = 3 - axis
    middle = grid.origin_mm + grid.directions.T @ (np.asarray(grid.steps_mm) * np.asarray(grid.shape) / 2)
    height = (
        middle[2]
        + (np.arange(-4, 5) / 8) * grid.shape[other] * grid.steps_mm[other] * grid.directions[other, 2]
    )
    spine = line.body_posterior.take(line.at(height.astype(np.float32)))
    behind = place - float(spine.mean())
    falloff = np.exp(np.clip(look.coil_falloff * (behind - 15.0), -1.2, 0.5))
    band = 1 / (1 + np.exp(-(place - float(spine.min()) + 22.0 + look.saturation_mm) / 6.0))
    depth = (falloff * (0.12 + 0.88 * band)).astype(np.float32)
    down = np.linspace(-1, 1, grid.shape[1], dtype=np.float32)
    across = np.linspace(-1, 1, grid.shape[2], dtype=np.float32)
    a, b, c, d, e = (np.float32(value) for value in look.shading)
    shading: Floats = np.multiply.outer(c * down, across)
    shading += (1 + a * down + d * down * down)[:, None]
    shading += b * across + e * across * across
    shading *= depth if axis == 2 else depth[:, None]
    return shading
