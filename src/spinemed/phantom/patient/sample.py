"""A synthetic patient as a frozen record that follows from the generator version and one integer alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from spinemed.errors import ConfigError
from spinemed.phantom.patient.alignment import align
from spinemed.phantom.patient.conditions import Condition, known_conditions
from spinemed.phantom.patient.deformity import bend_forward, curve_sideways, slip
from spinemed.phantom.patient.disc_disease import degenerate, herniate, narrow, squeeze_cord
from spinemed.phantom.patient.draft import Draft
from spinemed.phantom.patient.fractures import break_by_force, break_osteoporotic
from spinemed.phantom.patient.healthy import aged_discs, clipped_normals, healthy_vertebrae, surroundings
from spinemed.phantom.patient.lesions import fuse_discs, infect, seed_metastases
from spinemed.phantom.patient.profile import profile
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.patient.shapes import Patient, Sex, Variant
from spinemed.phantom.patient.stream import GENERATOR_VERSION, stream
from spinemed.phantom.patient.surgery import drawn_variant, join_sacrum, operate

_LAST_SEED: Final[int] = 999_999
_TRANSITIONAL: Final[str] = "transitional_anatomy"
_SCALES: Final[dict[Sex, float]] = {"F": 0.94, "M": 1.03}
# In the order in which they are applied: rare and local ones first, as each takes its levels from the rest.
_STEPS: Final[dict[str, Callable[[Draft, Condition, np.random.Generator], None]]] = {
    _TRANSITIONAL: join_sacrum,
    "scoliosis": curve_sideways,
    "kyphosis": bend_forward,
    "spondylodiscitis": infect,
    "traumatic_fracture": break_by_force,
    "osteoporotic_fracture": break_osteoporotic,
    "cervical_myelopathy": squeeze_cord,
    "spondylolisthesis": slip,
    "post_operative": operate,
    "ankylosing_spondylitis": fuse_discs,
    "disc_herniation": herniate,
    "spinal_stenosis": narrow,
    "metastasis": seed_metastases,
    "disc_degeneration": degenerate,
}


def sample_patient(
    seed: int, conditions: Sequence[str] | None = None, *, settings: PatientSettings | None = None
) -> Patient:
    """Return the patient of `seed`, the same on every call.

    `conditions` None draws them by prevalence, a sequence forces exactly these; `settings` fixes traits.
    Raises ConfigError for a seed that is negative or of more than six digits and for unknown conditions.

    >>> sample_patient(7).name, sample_patient(7) == sample_patient(7)
    ('phantom-000007', True)
    """
    if not 0 <= seed <= _LAST_SEED:
        raise ConfigError(f"phantom seed {seed} is out of range; choose an integer from 0 to {_LAST_SEED}")
    fixed = settings or PatientSettings()
    rng = stream(seed, "anatomy")
    sex: Sex = fixed.sex or ("F" if rng.random() < 0.5 else "M")
    age = int(rng.integers(18, 92)) if fixed.age is None else fixed.age
    chosen = _conditions(seed, conditions, sex, age, fixed)
    draft = _healthy(seed, rng, sex, age, _variant(seed, chosen, fixed), fixed)
    for name in chosen:
        _STEPS[name](draft, known_conditions()[name], stream(seed, f"condition/{name}"))
    pelvis = align(draft, stream(seed, "alignment"))
    bow, phase, curve = rng.random(3).tolist()
    return Patient(
        seed=seed,
        version=GENERATOR_VERSION,
        sex=sex,
        age=age,
        scale=draft.scale,
        sacral_slope_deg=pelvis.slope_deg,
        sacral_curve=0.7 + 0.6 * curve,
        lateral_mm=(0.0, 0.0) if draft.curved else (3.2 * bow, 2 * math.pi * phase),
        vertebrae=tuple(draft.bones.values()),
        discs=tuple(draft.discs.values()),
        surroundings=surroundings(stream(seed, "surroundings"), age),
        conditions=chosen,
        variant=draft.variant,
        pelvic_incidence_deg=pelvis.incidence_deg,
        standing_lordosis_deg=pelvis.standing_gain_deg,
        myelopathy=draft.myelopathy,
        sacral_screws=draft.sacral_screws,
    )


def _healthy(
    seed: int, rng: np.random.Generator, sex: Sex, age: int, variant: Variant, fixed: PatientSettings
) -> Draft:
    """The patient before any condition: size, vertebrae and discs as age alone leaves them."""
    varied = _SCALES[sex] * (1.0 + 0.04 * float(clipped_normals(rng, (1,))[0]))
    scale = varied if fixed.scale is None else fixed.scale
    mean = profile(variant, sex)
    bones, discs = healthy_vertebrae(rng, mean, age, scale), aged_discs(rng, mean, age, scale)
    return Draft(seed, sex, age, scale, variant, fixed, bones, discs)


def _conditions(
    seed: int, asked: Sequence[str] | None, sex: Sex, age: int, fixed: PatientSettings
) -> tuple[str, ...]:
    """The patient's conditions in the order of `_STEPS`."""
    known = known_conditions()
    if asked is None:
        chances = stream(seed, "conditions").random(len(known)).tolist()
        wanted = {
            name for name, chance in zip(known, chances, strict=True) if chance < known[name].chance(sex, age)
        }
    else:
        unknown = [name for name in asked if name not in known]
        if unknown:
            raise ConfigError(f"unknown condition {unknown[0]!r}; choose among {', '.join(known)}")
        wanted = set(asked)
    if fixed.placed_variant == "none":
        wanted.discard(_TRANSITIONAL)
    elif fixed.placed_variant is not None:
        wanted.add(_TRANSITIONAL)
    return tuple(name for name in _STEPS if name in wanted)


def _variant(seed: int, chosen: tuple[str, ...], fixed: PatientSettings) -> Variant:
    if _TRANSITIONAL not in chosen:
        return "none"
    return fixed.placed_variant or drawn_variant(known_conditions()[_TRANSITIONAL], stream(seed, "variant"))
