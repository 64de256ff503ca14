"""Facts about alignment: slips, also in flexion and extension, curves, and vertebrae too many or too few."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from spinemed.phantom.anatomy.measure import Curve, cobb, kyphosis, lordosis, slip_percent
from spinemed.phantom.anatomy.parts import Anatomy, PlacedDisc
from spinemed.phantom.export.visibility import visibility
from spinemed.phantom.patient.shapes import Posture
from spinemed.phantom.written.exams import VARIANT_SITES
from spinemed.phantom.written.fact import Exam, Fact
from spinemed.phantom.written.facts_bones import ROUNDED
from spinemed.phantom.written.measured import Spine, moved

_MEYERDING: Final[tuple[float, ...]] = (25.0, 50.0, 75.0, 100.0)
_OFF_CUT: Final = 1.0
_BENT: Final[tuple[Posture, Posture]] = ("flexion", "extension")


def curve_facts(spine: Spine, exam: Exam) -> Iterator[Fact]:
    """Yield what an examination tells of alignment: films tell curves, and films in bending slips alone."""
    if exam.method == "bending":
        yield from _bending(spine, exam)
        return
    anatomy = spine.standing if exam.method == "xr" else spine.lying
    broken = {shape.level for shape in spine.patient.vertebrae if shape.fracture is not None}
    for disc in reversed(anatomy.placed_discs):
        if disc.shape is not None and exam.shows(f"{disc.above}-{disc.below}"):
            torn = _torn_off(spine, disc)
            if torn or not broken & {disc.above, disc.below}:
                yield from _slip(anatomy, disc, exam, torn)
    if exam.method == "xr":
        yield from _curves(anatomy, exam)
    yield from _transitional(spine, exam)


def _slip(anatomy: Anatomy, disc: PlacedDisc, exam: Exam, torn: bool) -> Iterator[Fact]:
    """Meyerding's grade; nothing where the measure lies at a cut between grades."""
    percent = slip_percent(anatomy, disc.above)
    size, least = abs(percent), visibility().slip_none_percent
    if min(abs(size - cut) for cut in (least, *_MEYERDING)) < _OFF_CUT:
        return
    grade = 0 if size < least else 1 + sum(size > cut for cut in _MEYERDING)
    yield Fact(
        f"{disc.above}-{disc.below}",
        "slip",
        exam.method,
        grade=str(grade),
        present=grade > 0,
        value=float(round(percent)) if grade else None,
        unit="%" if grade else "",
        detail=_cause(disc, anatomy, percent, torn) if grade else "",
        posture=anatomy.posture,
        error=ROUNDED if grade else None,
    )


def _cause(disc: PlacedDisc, anatomy: Anatomy, percent: float, torn: bool) -> str:
    if percent < 0:
        return "retrolisthesis"
    shape = anatomy.vertebra(disc.above).shape
    if shape is not None and shape.pars_defect:
        return "isthmic"
    return "traumatic" if torn else "degenerative"


def _torn_off(spine: Spine, disc: PlacedDisc) -> bool:
    """Whether an injury of type C lies at a disc."""
    bones = (spine.lying.vertebra(level).shape for level in (disc.above, disc.below))
    return any(bone is not None and bone.fracture is not None and bone.fracture.ao == "C" for bone in bones)


def _bending(spine: Spine, exam: Exam) -> Iterator[Fact]:
    """Lumbar forward slips in flexion and in extension, whether they move or not; both or none."""
    slipped = [disc.above for disc in spine.patient.discs if disc.above[0] == "L" and disc.slip_mm > 0]
    if not slipped:
        return
    bent = [moved(spine.lying, posture) for posture in _BENT]
    for above in slipped:
        pair = [fact for one in bent for fact in _slip(one, one.disc(above), exam, torn=False)]
        if len(pair) == len(_BENT) and all((fact.value or 0.0) > 0 for fact in pair):
            yield from pair


def _curves(anatomy: Anatomy, exam: Exam) -> Iterator[Fact]:
    """Scoliosis or none, kyphosis and lordosis, standing."""
    curves = cobb(anatomy)
    for curve in curves:
        yield _scoliosis(curve, exam)
    if not curves:
        middle = [level for level in exam.levels if level[0] in "TL"]
        yield Fact(middle[len(middle) // 2], "scoliosis", exam.method, present=False, posture=anatomy.posture)
    infected = {
        level
        for disc in anatomy.placed_discs
        if disc.shape is not None and disc.shape.infected
        for level in (disc.above, disc.below)
    }
    if not infected & {"T4", "T12"}:
        yield _angle("thoracic_kyphosis", ("T4", "T12"), kyphosis(anatomy), exam)
    if not infected & {"L1", "S1"}:
        yield _angle("lumbar_lordosis", ("L1", "S1"), lordosis(anatomy), exam)


def _scoliosis(curve: Curve, exam: Exam) -> Fact:
    return Fact(
        curve.apex,
        "scoliosis",
        exam.method,
        side=curve.convex,
        value=float(round(curve.degrees)),
        unit="deg",
        extent=(curve.upper, curve.lower),
        posture=exam.posture,
        error=ROUNDED,
    )


def _angle(
    pathology: Literal["thoracic_kyphosis", "lumbar_lordosis"],
    ends: tuple[str, str],
    degrees: float,
    exam: Exam,
) -> Fact:
    return Fact(
        ends[0],
        pathology,
        exam.method,
        value=float(round(degrees)),
        unit="deg",
        extent=ends,
        posture=exam.posture,
        error=ROUNDED,
    )


def _transitional(spine: Spine, exam: Exam) -> Iterator[Fact]:
    """A variant of numbering where its vertebra is shown; a usual number only where all is counted."""
    variant = spine.patient.variant
    site = VARIANT_SITES.get(variant, "L5")
    if exam.shows(site) and (variant != "none" or {"C2", "S1"} <= set(exam.levels)):
        yield Fact(
            site,
            "transitional",
            exam.method,
            grade=variant,
            present=variant != "none",
            posture=exam.posture,
        )
