"""Healthy vertebrae, discs and surroundings of a size and age: what conditions then change."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spinemed.facts.normal import HEIGHT_POSITION
from spinemed.phantom.patient.profile import Profile
from spinemed.phantom.patient.shapes import DiscShape, Surroundings, VertebraShape

_HEIGHT_LEFT: Final[dict[int, float]] = {1: 1.0, 2: 1.0, 3: 0.92, 4: 0.75, 5: 0.5}
# Between hollow endplates a disc is higher in its middle than at its rim: a collapsed one loses more there.
_LUMBAR_COLLAPSED: Final[float] = 0.27


def height_left(above: str, grade: int) -> float:
    """Return the share of its rim's height that the disc below a vertebra keeps by Pfirrmann grade.

    >>> height_left("L4", 3), height_left("L4", 5), height_left("T9", 5)
    (0.92, 0.27, 0.5)
    """
    return _LUMBAR_COLLAPSED if grade == 5 and above[0] == "L" else _HEIGHT_LEFT[grade]


def clipped_normals(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return normal numbers no further than 2 standard deviations from 0."""
    return np.asarray(np.clip(rng.standard_normal(shape), -2.0, 2.0))


def healthy_vertebrae(
    rng: np.random.Generator, mean: Profile, age: int, scale: float
) -> dict[str, VertebraShape]:
    """Return the vertebrae by level, from the last lumbar upwards, 2.5 % about the patient's own size."""
    count = len(mean.levels)
    normals, uniforms = clipped_normals(rng, (count, 9)), rng.random((count, 4))
    sizes = mean.sizes.copy()
    sizes[:, :3] *= scale * (1.0 + 0.025 * normals[:, :3])
    canal = 0.6 + 0.4 * scale
    sizes[:, 3] *= canal * (0.96 + 0.05 * normals[:, 3])
    sizes[:, 4] *= canal * (1.0 + 0.04 * normals[:, 4])
    wedges = np.tan(np.radians(mean.wedges_deg + 1.5 * normals[:, 5]))
    ratios = 1.0 - HEIGHT_POSITION * sizes[:, 1] * wedges / sizes[:, 0]
    # Beaks come with age: none before 35, small ones in half of the old; large ones belong to degeneration.
    beaks = (uniforms[:, 0] < (age - 35) / 90) * (0.1 + 0.4 * uniforms[:, 1])
    hollows = 0.5 + uniforms[:, 2] * (0.7 + age / 110)
    shaped = 1.0 + normals[:, 6:9] * (0.08, 0.1, 0.06) - (0.0, 0.0, 1.0)
    rows = zip(
        mean.levels,
        sizes.tolist(),
        ratios.tolist(),
        hollows.tolist(),
        beaks.tolist(),
        shaped.tolist(),
        strict=True,
    )
    return {
        level: VertebraShape(
            level,
            height,
            ratio,
            depth,
            width,
            canal_depth,
            canal_width,
            hollow if level[0] != "C" else 0.4 * hollow,
            beak,
            (long, tall, slant),
        )
        for level, (height, depth, width, canal_depth, canal_width), ratio, hollow, beak, (
            long,
            tall,
            slant,
        ) in rows
    }


def aged_discs(rng: np.random.Generator, mean: Profile, age: int, scale: float) -> dict[str, DiscShape]:
    """Return the discs by the vertebra above, worn by age alone: Pfirrmann 1 to 3, no wedge yet."""
    count = len(mean.levels) - 1
    normals, uniforms = clipped_normals(rng, (count, 2)), rng.random(count)
    lowest = np.zeros(count)
    lowest[:2] = 0.4
    grades = np.clip(np.rint(1.1 + age / 55 + lowest + 0.5 * normals[:, 0]), 1, 3).astype(int).tolist()
    heights = (scale * mean.disc_heights[:count] * (0.95 + 0.08 * normals[:, 1])).tolist()
    bulges = (0.7 * uniforms).tolist()
    names = ("S1", *mean.levels)
    return {
        level: DiscShape(level, height * height_left(level, grade), 0.0, grade, bulge, below)
        for level, below, height, grade, bulge in zip(names[1:], names, heights, grades, bulges, strict=False)
    }


def surroundings(rng: np.random.Generator, age: int) -> Surroundings:
    """Return the soft tissue and the landmarks' offsets, wide enough that none gives a level away."""
    numbers = clipped_normals(rng, (10,)).tolist()
    girth, fat, rib = rng.random(3).tolist()
    return Surroundings(
        girth=0.85 + 0.35 * girth,
        fat_mm=8.0 + 26.0 * fat,
        conus_offset_mm=14.0 * numbers[0],
        diaphragm_offset_mm=30.0 * numbers[1],
        bifurcation_offset_mm=18.0 * numbers[2],
        sac_end_offset_mm=12.0 * numbers[3],
        marrow=0.04 * numbers[4] + 0.0004 * (age - 50),
        muscle_fat=min(max(0.15 + age / 300 + 0.15 * numbers[5], 0.0), 0.8),
        rib_offset=0.15 * numbers[6],
        kidney_offset_mm=22.0 * numbers[7],
        crest_offset_mm=14.0 * numbers[8],
        # The twelfth rib measures 3 to 15 cm in life, sometimes next to nothing.
        last_rib=max(0.15, 0.2 + 1.5 * rib),
    )


def wedge_deg(shape: VertebraShape, ratio: float) -> float:
    """Return the sagittal angle between the endplates of a body of that height ratio, degrees."""
    slope = shape.posterior_height_mm * (1 - ratio) / (2 * HEIGHT_POSITION * shape.depth_mm)
    return 2 * math.degrees(math.atan(slope))
