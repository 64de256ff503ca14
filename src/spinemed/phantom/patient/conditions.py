"""The conditions a phantom can have, read from conditions.yaml: how often, where and how bad."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

import numpy as np
import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from spinemed.errors import ConfigError
from spinemed.phantom.patient.shapes import Sex
from spinemed.records import Record

AGE_BANDS: Final[tuple[tuple[str, int, int], ...]] = (
    ("18-39", 18, 39),
    ("40-59", 40, 59),
    ("60-74", 60, 74),
    ("75-100", 75, 100),
)

_ORDER: Final[tuple[str, ...]] = (
    *(f"C{number}" for number in range(1, 8)),
    *(f"T{number}" for number in range(1, 14)),
    *(f"L{number}" for number in range(1, 7)),
)


# What the sampling asks of each condition; a name that the file lacks is refused when it is read.
_FORMS: Final[dict[str, str]] = {
    "disc_degeneration": "4 5 bulge_mm osteophyte schmorl_depth_mm schmorl_radius_mm",
    "disc_herniation": "protrusion extrusion central subarticular foraminal protrusion_mm extrusion_mm "
    "neck_mm width_mm migration_mm foramen_lost",
    "spinal_stenosis": "none mild moderate severe foramen_1 foramen_2 foramen_3",
    "spondylolisthesis": "isthmic degenerative retrolisthesis unstable isthmic_1 isthmic_2 isthmic_3 "
    "degenerative_1 degenerative_2 unstable_mm foramen_lost",
    "osteoporotic_fracture": "wedge biconcave crush fresh burst grade_1 grade_2 grade_3 retropulsion_mm",
    "traumatic_fracture": "A1 A2 A3 A4 B1 B2 C wedge_percent burst_percent retropulsion_mm splay_mm "
    "hinge_deg translation_percent",
    "scoliosis": "main_thoracic double_major thoracolumbar lumbar cobb_deg old_cobb_deg rotation_per_degree",
    "kyphosis": "kyphosis_deg wedge_deg schmorl_depth_mm",
    "metastasis": "lytic blastic pedicle radius",
    "spondylodiscitis": "height_left erosion_mm",
    "ankylosing_spondylitis": "",
    "cervical_myelopathy": "share_lost",
    "transitional_anatomy": "L6 T13 L4_only L5_sacralised I II III IV disc_left",
    "post_operative": "cage laminectomy",
}


class Condition(Record):
    """One condition: `prevalence` by sex and age band (0 to 1), `levels` with weights, severity ranges.

    `levels` keys are vertebrae (`L4`) or runs of them (`T5-T8`, each with that weight); for conditions of a
    disc the vertebra above it. `shares` weigh the forms that it takes, `severity` holds ranges (low, high).
    """

    name: str
    title: str
    prevalence: dict[Sex, dict[str, float]]
    levels: dict[str, float] = Field(default_factory=dict)
    count: tuple[int, int] = (1, 1)
    shares: dict[str, float] = Field(default_factory=dict)
    severity: dict[str, tuple[float, float]] = Field(default_factory=dict)
    source: str

    @field_validator("prevalence")
    @classmethod
    def _bands_are_whole(cls, value: dict[Sex, dict[str, float]]) -> dict[Sex, dict[str, float]]:
        names = {name for name, _, _ in AGE_BANDS}
        for sex in ("F", "M"):
            table = value.get(sex, {})
            if set(table) != names or not all(0.0 <= share <= 1.0 for share in table.values()):
                raise ValueError(f"prevalence of {sex} needs a share from 0 to 1 for each of {sorted(names)}")
        return value

    @field_validator("levels")
    @classmethod
    def _levels_are_spelt_out(cls, value: dict[str, float]) -> dict[str, float]:
        spelt: dict[str, float] = {}
        for key, weight in value.items():
            first, _, last = key.partition("-")
            unknown = [level for level in (first, last or first) if level not in _ORDER]
            if unknown or weight < 0:
                raise ValueError(
                    f"level {key!r} with weight {weight}: write C1 to L6, or T5-T8, and a weight >= 0"
                )
            start, end = _ORDER.index(first), _ORDER.index(last or first)
            spelt |= dict.fromkeys(_ORDER[start : end + 1], weight)
        return spelt

    @model_validator(mode="after")
    def _forms_are_there(self) -> Condition:
        missing = set(_FORMS.get(self.name, "").split()) - set(self.shares) - set(self.severity)
        if missing:
            raise ValueError(f"no {', '.join(sorted(missing))} among its shares and severity")
        return self

    def chance(self, sex: Sex, age: int) -> float:
        """Return the prevalence at an age."""
        for name, _, last in AGE_BANDS:
            if age <= last:
                return self.prevalence[sex][name]
        raise ConfigError(f"age {age} is out of range; the conditions know 18 to 100")

    def drawn(self, rng: np.random.Generator, name: str) -> float:
        """Return a number from one severity range, all alike likely."""
        low, high = self.severity[name]
        return low + (high - low) * float(rng.random())

    def how_many(self, rng: np.random.Generator) -> int:
        """Return how many levels are struck: small numbers more often."""
        low, high = self.count
        return min(low + int((high - low + 1) * float(rng.random()) ** 1.6), high)


@cache
def known_conditions() -> dict[str, Condition]:
    """Return all conditions by name, in the file's order.

    Raises ConfigError that names the condition and the field where the file is wrong.
    """
    text = resources.files("spinemed.phantom.patient").joinpath("conditions.yaml").read_text("utf-8")
    return check_complete(read_conditions(text))


def read_conditions(text: str) -> dict[str, Condition]:
    """Return the conditions of a YAML text by name; ConfigError where it is wrong."""
    found: dict[str, Condition] = {}
    for name, fields in yaml.safe_load(text).items():
        try:
            found[name] = Condition(name=name, **fields)
        except (ValidationError, TypeError) as error:
            raise ConfigError(f"conditions.yaml, {name}: {error}") from error
    return found


def check_complete(conditions: dict[str, Condition]) -> dict[str, Condition]:
    """Return the conditions; ConfigError where one that the phantom can draw is missing, or one too many."""
    odd = sorted(set(_FORMS) ^ set(conditions))
    if odd:
        raise ConfigError(f"conditions.yaml must name exactly the phantom's conditions; see {', '.join(odd)}")
    return conditions
