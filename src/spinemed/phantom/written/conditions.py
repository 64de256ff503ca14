"""Conditions of written cases: one or two more for a patient who has few, and those that a report shows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from spinemed.phantom.patient.conditions import known_conditions
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.written.fact import Draws, Fact

_LEFT_AS_DRAWN: Final = 0.06
"""Share of patients with fewer than two conditions who stay so: reports of healthy spines are needed too."""


def enriched(patient: Patient, draws: Draws) -> Patient:
    """Return the patient with at least two conditions, drawn by their prevalence; few stay as they are."""
    few, stays = len(patient.conditions) < 2, draws.chance(_LEFT_AS_DRAWN)
    if not few or stays:
        return patient
    names = [name for name in known_conditions() if name not in patient.conditions]
    weights = [known_conditions()[name].chance(patient.sex, patient.age) ** 0.5 for name in names]
    chosen = list(patient.conditions)
    while len(chosen) < 2:
        name = draws.weighed(names, weights)
        if name not in chosen:
            chosen.append(name)
    return sample_patient(patient.seed, chosen)


_SHOWN: Final[dict[str, Callable[[Fact], bool]]] = {
    "disc_degeneration": lambda one: one.pathology == "disc_degeneration" and one.grade in ("4", "5"),
    "disc_herniation": lambda one: one.pathology == "herniation",
    "spinal_stenosis": lambda one: one.pathology.endswith("_stenosis"),
    "spondylolisthesis": lambda one: one.pathology == "slip",
    "osteoporotic_fracture": lambda one: one.pathology in ("fracture", "height_loss"),
    "traumatic_fracture": lambda one: one.pathology in ("fracture", "height_loss"),
    "scoliosis": lambda one: one.pathology == "scoliosis",
    "kyphosis": lambda one: one.pathology == "thoracic_kyphosis",
    "metastasis": lambda one: one.pathology == "metastasis",
    "spondylodiscitis": lambda one: one.pathology == "spondylodiscitis",
    "ankylosing_spondylitis": lambda one: one.pathology == "bridging",
    "cervical_myelopathy": lambda one: one.pathology == "cord_signal",
    "transitional_anatomy": lambda one: one.pathology == "transitional",
    "post_operative": lambda one: one.pathology in ("cage", "screws"),
}


def shown_conditions(patient: Patient, stated: Collection[Fact]) -> tuple[str, ...]:
    """Return which of a patient's conditions have an abnormal fact among those that a report states."""
    return tuple(name for name in patient.conditions if any(_SHOWN[name](fact) for fact in stated))
