"""Which examinations a written case has, and which vertebrae they show: as a doctor would have asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spinemed.phantom.patient.later import may_bend
from spinemed.phantom.patient.shapes import Patient, Variant
from spinemed.phantom.written.fact import Draws, Exam

_FIELDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "whole": (("C2",), ("S1",)),
    "cervical": (("C2",), ("T1", "T2", "T3")),
    "thoracic": (("C7", "T1", "T2"), ("L1", "L2")),
    "lumbar": (("T10", "T11", "T12"), ("S1",)),
    "thoracolumbar": (("T6", "T7", "T8", "T9"), ("S1",)),
}
"""Field -> where it may begin and end, drawn."""
VARIANT_SITES: Final[dict[Variant, str]] = {
    "L6": "L6", "T13": "T13", "L4_only": "L4", "L5_sacralised": "L5",
}  # fmt: skip
"""Variant of numbering -> the vertebra at which it is told."""
_DEFORMED: Final = frozenset({"scoliosis", "kyphosis"})
_BY_CT: Final = frozenset(
    {"traumatic_fracture", "post_operative", "ankylosing_spondylitis", "spondylolisthesis", "metastasis"}
)


def exams_of(patient: Patient, draws: Draws) -> tuple[Exam, ...]:
    """Return one to three examinations; at least one shows what the patient's conditions changed most."""
    levels = levels_of_patient(patient)
    field = _field(patient, levels, draws)
    found = set(patient.conditions)
    with_ct = draws.chance(0.6 if found & _BY_CT else 0.15)
    without_mr = with_ct and draws.chance(0.2)
    exams = [] if without_mr else [Exam("mr", field)]
    if with_ct:
        exams.append(Exam("ct", field))
    if _is_injured(patient):
        return tuple(exams)  # nobody stands up or bends for a film with a fresh injury
    if found & _DEFORMED or (may_bend(patient) and draws.chance(0.5)) or draws.chance(0.1):
        standing = tuple(level for level in levels if level[0] != "C")
        exams.append(Exam("xr", standing))
    slipped = [disc.above for disc in patient.discs if disc.above[0] == "L" and disc.slip_mm > 0]
    if slipped and draws.chance(0.6) and _is_known(patient, slipped, exams):
        lumbar = tuple(level for level in levels if level[0] in "LS")
        exams.append(Exam("bending", lumbar))
    return tuple(exams)


def _is_known(patient: Patient, slipped: Sequence[str], exams: Sequence[Exam]) -> bool:
    """Whether slips and an unusual number of vertebrae, if any, are seen before lumbar films in bending.

    These show neither ribs nor what lies above, so that nobody can count on them, and no cause of a slip.
    """
    variant = VARIANT_SITES.get(patient.variant, slipped[0])
    return all(any(exam.shows(site) for exam in exams) for site in (*slipped, variant))


def _is_injured(patient: Patient) -> bool:
    broken = [shape.fracture for shape in patient.vertebrae if shape.fracture is not None]
    return any(one.fresh and one.cause == "traumatic" for one in broken)


def levels_of_patient(patient: Patient) -> tuple[str, ...]:
    """Return the vertebrae of a patient with bodies, from C2 down to S1."""
    return (*(shape.level for shape in reversed(patient.vertebrae[:-1])), "S1")


def _field(patient: Patient, levels: tuple[str, ...], draws: Draws) -> tuple[str, ...]:
    """The vertebrae in view: a field is drawn the more often, the more altered sites it holds."""
    altered = [place for place, level in enumerate(levels[:-1]) if _weight(patient, level) > 0]
    runs = {name: _run(levels, ends, draws) for name, ends in _FIELDS.items()}
    weights = [
        (0.3 if name == "whole" else 1.0) * (0.15 + sum(first <= place < last for place in altered) ** 1.5)
        for name, (first, last) in runs.items()
    ]
    first, last = runs[draws.weighed(list(runs), weights)]
    return levels[first:last]


def _weight(patient: Patient, level: str) -> int:
    """How much is altered at a vertebra and the disc below it; wear that age alone brings counts nothing."""
    shape, disc = patient.shape(level), patient.disc(level)
    narrow = max(disc.narrowing.flavum_mm, *disc.narrowing.recess_mm, *disc.narrowing.foramen)
    return sum(
        (
            shape.fracture is not None,
            shape.lesion is not None,
            shape.screws,
            disc.herniation is not None,
            disc.infected,
            narrow > 0,
            disc.pfirrmann >= 4,
            abs(disc.slip_mm) > 2,
            patient.myelopathy == level,
        )
    )


def _run(
    levels: tuple[str, ...], ends: tuple[tuple[str, ...], tuple[str, ...]], draws: Draws
) -> tuple[int, int]:
    """First and last place of a field among a patient's levels."""
    first, last = (draws.one([level for level in options if level in levels]) for options in ends)
    return levels.index(first), levels.index(last) + 1
