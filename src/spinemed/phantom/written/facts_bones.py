"""Facts about vertebrae: fractures, height, metastases, endplates, osteophytes, partes, screws."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from spinemed.facts.normal import distance_to_cut, genant_grade
from spinemed.phantom.export.findings_bodies import is_graded
from spinemed.phantom.export.visibility import visibility
from spinemed.phantom.patient.shapes import VertebraShape
from spinemed.phantom.written.fact import Exam, Fact
from spinemed.phantom.written.measured import Spine
from spinemed.records import Side

ROUNDED: Final = 0.5
"""Greatest error of a number that is rounded to a whole one: the stated error of such values."""
_OFF_CUT: Final = 1.0
_INSIDE: Final = 0.9
"""Share of a half size within which a lesion lies wholly in its body."""


def bone_facts(spine: Spine, exam: Exam) -> Iterator[Fact]:
    """Yield what an examination tells of its vertebrae, from the head down; bending tells which alone."""
    if exam.method == "bending":
        yield from (Fact(level, "vertebra", "bending", posture=exam.posture) for level in exam.levels)
        return
    eaten, joined = _eaten(spine), _joined(spine)
    shapes = {shape.level: shape for shape in spine.patient.vertebrae}
    for level in exam.levels:
        yield Fact(level, "vertebra", exam.method, posture=exam.posture)
        shape = shapes.get(level)
        if shape is None:  # the sacrum
            if exam.method != "mr":
                yield _screws(exam, level, spine.patient.sacral_screws)
            continue
        if is_graded(level) and not shape.defects and level not in eaten:
            yield from _height(spine, exam, shape)
        if exam.method != "xr":
            yield _fracture(exam, shape)
            yield _metastasis(exam, shape)
            yield from _endplates(exam, shape, level in eaten)
        yield from _pars(exam, shape)
        if exam.method != "mr":
            yield _screws(exam, level, shape.screws)
            yield from _osteophyte(exam, shape, level in joined)


def _eaten(spine: Spine) -> set[str]:
    """The vertebrae beside an infected disc: their endplates tell nothing else."""
    infected = [disc.above for disc in spine.patient.discs if disc.infected]
    return {level for above in infected for level in (above, spine.lying.disc(above).below)}


def _joined(spine: Spine) -> set[str]:
    """The vertebrae that a bridge of bone joins to another."""
    bridged = [disc.above for disc in spine.patient.discs if disc.bridged]
    return {level for above in bridged for level in (above, spine.lying.disc(above).below)}


def _height(spine: Spine, exam: Exam, shape: VertebraShape) -> Iterator[Fact]:
    """Genant's grade; none where the loss lies at a cut, or behind screws on MRI."""
    if exam.method == "mr" and shape.screws:
        return
    found = spine.loss(shape.level)
    grade = genant_grade(found.percent)
    if distance_to_cut(found.percent) < _OFF_CUT:
        return
    yield Fact(
        shape.level,
        "height_loss",
        exam.method,
        grade=str(grade),
        present=grade > 0,
        value=float(round(found.percent)) if grade else None,
        unit="%" if grade else "",
        detail=found.form if grade else "",
        posture=exam.posture,
        error=ROUNDED if grade else None,
    )


def _fracture(exam: Exam, shape: VertebraShape) -> Fact:
    """AO type, and the age: by the marrow on MRI, of an injury by its sharp margins on CT too."""
    broken = shape.fracture
    if broken is None:
        return Fact(shape.level, "fracture", exam.method, present=False)
    told = exam.method == "mr" or (broken.fresh and broken.cause == "traumatic")
    age = "" if not told else "fresh" if broken.fresh else "old"
    return Fact(shape.level, "fracture", exam.method, grade=broken.ao, detail=age)


def _metastasis(exam: Exam, shape: VertebraShape) -> Fact:
    """Its kind, and its size in a middle sagittal slice where the body's walls do not cut it."""
    lesion = shape.lesion
    if lesion is None:
        return Fact(shape.level, "metastasis", exam.method, present=False)
    across = _across_mm(shape)
    return Fact(
        shape.level,
        "metastasis",
        exam.method,
        grade=lesion.kind,
        value=across,
        unit="mm" if across else "",
        error=None if across is None else 1.0,
    )


def _across_mm(shape: VertebraShape) -> float | None:
    """Diameter of the circle of a lesion's area in its middle sagittal slice; None where walls cut it."""
    lesion = shape.lesion
    if lesion is None or lesion.pedicle or shape.fracture is not None:
        return None
    if any(abs(at) + radius > _INSIDE for at, radius in zip(lesion.centre, lesion.radii, strict=True)):
        return None
    height = shape.posterior_height_mm * (1 + shape.height_ratio) / 2
    return float(round(math.sqrt(lesion.radii[1] * shape.depth_mm * lesion.radii[2] * height)))


def _endplates(exam: Exam, shape: VertebraShape, eaten: bool) -> Iterator[Fact]:
    """Schmorl nodes, one fact for an endplate; nothing beside an infected disc."""
    if eaten:
        return
    if not shape.defects:
        yield Fact(shape.level, "endplate_defect", exam.method, present=False)
    for endplate in ("upper", "lower"):
        if any(dent.endplate == endplate for dent in shape.defects):
            yield Fact(shape.level, "endplate_defect", exam.method, detail=endplate)


def _pars(exam: Exam, shape: VertebraShape) -> Iterator[Fact]:
    """Broken partes, of which an isthmic slip is told; that they are whole is told by CT alone."""
    looked_for = exam.method == "ct" and shape.level[0] == "L"
    if looked_for or shape.pars_defect:
        yield Fact(shape.level, "pars_defect", exam.method, present=shape.pars_defect, posture=exam.posture)


def _osteophyte(exam: Exam, shape: VertebraShape, joined: bool) -> Iterator[Fact]:
    """A large osteophyte, or that there is none: of a vertebra that bone has joined to the next it is not."""
    rules = visibility()
    large = shape.osteophyte >= rules.osteophyte_large
    if large or (shape.osteophyte <= rules.osteophyte_none and not joined):
        grade = "large" if large else "none"
        yield Fact(shape.level, "osteophyte", exam.method, grade=grade, present=large, posture=exam.posture)


def _screws(exam: Exam, level: str, there: bool) -> Fact:
    side: Side | None = "both" if there else None
    return Fact(level, "screws", exam.method, side=side, present=there, posture=exam.posture)
