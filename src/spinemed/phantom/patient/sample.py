"""A synthetic patient as a frozen record that follows from the generator version and one integer alone.

Numbering is always 7 cervical, 12 thoracic, 5 lumbar and 5 sacral vertebrae: transitional anatomy is not
drawn yet. The only pathology is the wedge fracture.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from spinemed.errors import ConfigError
from spinemed.facts.normal import HEIGHT_POSITION
from spinemed.phantom.patient.morphometry import (
    BODY_SIZES,
    DISC_HEIGHTS,
    FRACTURE_LEVELS,
    KYPHOSIS,
    LORDOSIS,
    LORDOSIS_SHARES,
    PLACED_LEVELS,
    SACRAL_SLOPE,
    expected_ratio,
    expected_wedge_deg,
)
from spinemed.phantom.patient.shapes import DiscShape, Fracture, Patient, Sex, Surroundings, VertebraShape
from spinemed.phantom.patient.stream import GENERATOR_VERSION, stream

# Losses in percent, drawn away from Genant's cuts at 20, 25 and 40 so that a measuring error does not
# change the grade.
_LOSS_RANGES: Final[dict[int, tuple[float, float]]] = {1: (21.0, 24.0), 2: (28.0, 37.0), 3: (43.0, 60.0)}
_FRACTURED_SHARE: Final[float] = 0.4
_DISC_HEIGHT_LEFT: Final[dict[int, float]] = {1: 1.0, 2: 1.0, 3: 0.92, 4: 0.75, 5: 0.5}


def sample_patient(seed: int) -> Patient:
    """Return the patient of `seed`, the same on every call.

    Raises ConfigError for a negative seed or one of more than six digits.

    >>> sample_patient(7).name, sample_patient(7) == sample_patient(7)
    ('phantom-000007', True)
    """
    if not 0 <= seed <= 999_999:
        raise ConfigError(f"phantom seed {seed} is out of range; choose an integer from 0 to 999999")
    rng = stream(seed, "anatomy")
    sex: Sex = "F" if rng.random() < 0.5 else "M"
    age = int(rng.integers(22, 88))
    # Women about 0.94, men 1.03 of the cadaver means; 4 % between patients of one sex.
    scale = (0.94 if sex == "F" else 1.03) * _normal(rng, 1.0, 0.04)
    lordosis = _normal(rng, *LORDOSIS[sex])
    slope = (
        SACRAL_SLOPE.mean + 0.55 * (lordosis - LORDOSIS[sex].mean) + _normal(rng, 0.0, SACRAL_SLOPE.deviation)
    )
    kyphosis = _normal(rng, *KYPHOSIS)
    healthy = tuple(_sample_vertebra(rng, level, sex, age, scale) for level in PLACED_LEVELS)
    discs = _sample_discs(rng, healthy, sex, age, scale, lordosis, kyphosis)
    vertebrae = _fracture(stream(seed, "fractures"), healthy, sex, scale)
    return Patient(
        seed=seed,
        version=GENERATOR_VERSION,
        sex=sex,
        age=age,
        scale=scale,
        sacral_slope_deg=slope,
        sacral_curve=_normal(rng, 1.0, 0.25),
        lateral_mm=(_normal(rng, 0.0, 2.0), float(rng.uniform(0.0, 2 * math.pi))),
        vertebrae=vertebrae,
        discs=_compensated(discs, healthy, vertebrae),
        surroundings=_sample_surroundings(rng, age),
    )


def _normal(rng: np.random.Generator, mean: float, deviation: float) -> float:
    """A normal number no further than 2 standard deviations from its mean."""
    return mean + deviation * float(np.clip(rng.normal(), -2.0, 2.0))


def _sample_vertebra(rng: np.random.Generator, level: str, sex: Sex, age: int, scale: float) -> VertebraShape:
    size = BODY_SIZES[level]
    height, depth, width = (scale * mean * _normal(rng, 1.0, 0.025) for mean in size[:3])
    wedge = math.radians(expected_wedge_deg(level, sex) + float(np.clip(rng.normal(0.0, 1.5), -3.0, 4.0)))
    fall = HEIGHT_POSITION * depth * math.tan(wedge)
    canal_scale = 0.6 + 0.4 * scale
    return VertebraShape(
        level=level,
        posterior_height_mm=height,
        height_ratio=(height - fall) / height,
        depth_mm=depth,
        width_mm=width,
        canal_depth_mm=size.canal_depth * canal_scale * _normal(rng, 0.96, 0.05),
        canal_width_mm=size.canal_width * canal_scale * _normal(rng, 1.0, 0.04),
        concavity_mm=float(rng.uniform(0.5, 1.2 + age / 110)) * (1.0 if level[0] != "C" else 0.4),
        osteophyte=float(rng.random() < age / 160) * float(rng.uniform(0.4, 1.0)),
        process=(_normal(rng, 1.0, 0.08), _normal(rng, 1.0, 0.1), _normal(rng, 0.0, 0.06)),
    )


def _sample_discs(
    rng: np.random.Generator,
    vertebrae: tuple[VertebraShape, ...],
    sex: Sex,
    age: int,
    scale: float,
    lordosis_deg: float,
    kyphosis_deg: float,
) -> tuple[DiscShape, ...]:
    """Discs below each vertebra; their wedges add up, with the mean bodies, to the patient's curves."""
    in_lumbar_discs = lordosis_deg + sum(expected_wedge_deg(f"L{number}", sex) for number in range(1, 6))
    in_thoracic_discs = kyphosis_deg - sum(expected_wedge_deg(f"T{number}", sex) for number in range(1, 13))
    discs = []
    for shape in vertebrae:
        level = shape.level
        wear = 1.2 + age / 34 + (0.6 if level in ("L4", "L5") else 0.0)
        pfirrmann = int(np.clip(round(_normal(rng, wear, 0.8)), 1, 5))
        height = scale * DISC_HEIGHTS[level] * _normal(rng, 0.95, 0.08) * _DISC_HEIGHT_LEFT[pfirrmann]
        if level in LORDOSIS_SHARES:
            wedge = in_lumbar_discs * LORDOSIS_SHARES[level] + _normal(rng, 0.0, 1.0)
        else:
            wedge = 3.0 if level[0] == "C" else -in_thoracic_discs / 11
        # A disc never closes behind or in front: at least 1.2 mm stay at the rim.
        steepest = math.degrees(math.atan((height - 1.2) / (shape.depth_mm / 2)))
        bulge = float(rng.uniform(0.0, 0.8)) + (0.9 * (pfirrmann - 2) if pfirrmann > 2 else 0.0) * float(
            rng.random()
        )
        discs.append(DiscShape(level, height, float(np.clip(wedge, -steepest, steepest)), pfirrmann, bulge))
    return tuple(discs)


def _fracture(
    rng: np.random.Generator, healthy: tuple[VertebraShape, ...], sex: Sex, scale: float
) -> tuple[VertebraShape, ...]:
    """The vertebrae, in 40 % of patients one or two of T10 to L5 wedged; levels and grades alike likely."""
    if rng.random() >= _FRACTURED_SHARE:
        return healthy
    count = 1 if rng.random() < 0.7 else 2
    grades = {
        str(level): int(rng.integers(1, 4)) for level in rng.choice(FRACTURE_LEVELS, count, replace=False)
    }
    return tuple(
        _wedged(rng, shape, grades[shape.level], sex, scale) if shape.level in grades else shape
        for shape in healthy
    )


def _wedged(
    rng: np.random.Generator, shape: VertebraShape, grade: int, sex: Sex, scale: float
) -> VertebraShape:
    """The vertebra with the anterior height lost that its grade asks for."""
    loss = float(rng.uniform(*_LOSS_RANGES[grade])) / 100.0
    return replace(
        shape,
        posterior_height_mm=shape.posterior_height_mm * float(rng.uniform(0.96, 1.0)),
        height_ratio=expected_ratio(shape.level, sex) * (1.0 - loss),
        concavity_mm=shape.concavity_mm + float(rng.uniform(0.0, 0.6)) * scale,
        fracture=Fracture("wedge", "A1", grade, "osteoporotic", fresh=bool(rng.random() < 0.5)),
    )


def _compensated(
    discs: tuple[DiscShape, ...], healthy: tuple[VertebraShape, ...], vertebrae: tuple[VertebraShape, ...]
) -> tuple[DiscShape, ...]:
    """The discs, those beside a wedged body opened in front to take back a quarter of its angle each [R]."""
    gained = [
        math.degrees((before.height_ratio - after.height_ratio) * after.posterior_height_mm / after.depth_mm)
        for before, after in zip(healthy, vertebrae, strict=True)
    ]
    # The disc at an index lies below the vertebra of that index and above the one before it.
    beside = [own + below for own, below in zip(gained, [0.0, *gained[:-1]], strict=True)]
    return tuple(
        replace(disc, wedge_deg=disc.wedge_deg + 0.25 * angle) if angle > 0.5 else disc
        for disc, angle in zip(discs, beside, strict=True)
    )


def _sample_surroundings(rng: np.random.Generator, age: int) -> Surroundings:
    return Surroundings(
        girth=float(rng.uniform(0.85, 1.2)),
        fat_mm=float(rng.uniform(8.0, 34.0)),
        conus_offset_mm=_normal(rng, 0.0, 14.0),
        diaphragm_offset_mm=_normal(rng, 0.0, 30.0),
        bifurcation_offset_mm=_normal(rng, 0.0, 18.0),
        sac_end_offset_mm=_normal(rng, 0.0, 12.0),
        marrow=_normal(rng, 0.0, 0.04) + 0.0004 * (age - 50),
        muscle_fat=float(np.clip(rng.normal(0.15 + age / 300, 0.15), 0.0, 0.8)),
    )
