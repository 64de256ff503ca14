"""The lead letter on a film and the edge of the exposed field, both with soft pixel edges."""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemed.phantom.anatomy.solids import Floats
from spinemed.phantom.rendering.radiograph_view import Collimation, SideMarker

# Strokes of the letters in a box of height 1, (column, row) from the letter's middle.
_STROKES: Final[dict[str, tuple[tuple[float, float, float, float], ...]]] = {
    "L": ((-0.28, -0.5, -0.28, 0.5), (-0.28, 0.5, 0.28, 0.5)),
    "R": (
        (-0.28, -0.5, -0.28, 0.5),
        (-0.28, -0.5, 0.12, -0.5),
        (0.12, -0.5, 0.27, -0.38),
        (0.27, -0.38, 0.27, -0.14),
        (0.27, -0.14, 0.12, -0.02),
        (0.12, -0.02, -0.28, -0.02),
        (-0.02, -0.02, 0.28, 0.5),
    ),
}
_STROKE_WIDTH: Final[float] = 0.15


def draw_letter(shape: tuple[int, int], marker: SideMarker) -> Floats:
    """Return the lead letter, 1 on its strokes and 0 elsewhere, [row, column]."""
    lead = np.zeros(shape, np.float32)
    half_stroke = max(_STROKE_WIDTH * marker.height, 1.3) / 2
    reach = 0.8 * marker.height + 1.0
    rows = slice(max(int(marker.row - reach), 0), min(int(marker.row + reach) + 1, shape[0]))
    columns = slice(max(int(marker.column - reach), 0), min(int(marker.column + reach) + 1, shape[1]))
    down = (np.arange(rows.start, rows.stop) - marker.row)[:, None]
    across = (np.arange(columns.start, columns.stop) - marker.column)[None, :]
    for stroke in _STROKES[marker.letter]:
        x0, y0, x1, y1 = (value * marker.height for value in stroke)
        length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = np.clip(((across - x0) * (x1 - x0) + (down - y0) * (y1 - y0)) / length2, 0, 1)
        away = np.hypot(across - x0 - along * (x1 - x0), down - y0 - along * (y1 - y0))
        ink = np.clip(half_stroke + 0.5 - away, 0, 1)
        np.maximum(lead[rows, columns], ink.astype(np.float32), out=lead[rows, columns])
    return lead


def exposed_share(shape: tuple[int, int], field: Collimation) -> Floats:
    """Return how much of each pixel lies inside the exposed rectangle, 0 to 1, [row, column]."""
    middle_row, middle_column = (field.top + field.bottom) / 2, (field.left + field.right) / 2
    down = (np.arange(shape[0], dtype=np.float32) - np.float32(middle_row - 0.5))[:, None]
    across = (np.arange(shape[1], dtype=np.float32) - np.float32(middle_column - 0.5))[None, :]
    cosine, sine = np.cos(np.radians(field.turn_deg)), np.sin(np.radians(field.turn_deg))
    turned_down = np.abs(np.float32(cosine) * down + np.float32(sine) * across)
    turned_across = np.abs(np.float32(cosine) * across - np.float32(sine) * down)
    inside_rows = np.clip(np.float32((field.bottom - field.top) / 2 + 0.5) - turned_down, 0, 1)
    share: Floats = inside_rows * np.clip(
        np.float32((field.right - field.left) / 2 + 0.5) - turned_across, 0, 1
    )
    return share
