"""Facts about discs and the canal beside them: wear, herniation, narrowing, infection, fusion, the cord."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from spinemed.phantom.anatomy.canal_room import Room
from spinemed.phantom.anatomy.measure import herniation_reach_mm, slip_percent
from spinemed.phantom.anatomy.parts import PlacedDisc
from spinemed.phantom.export.findings_canal import GRADES, presses_beside
from spinemed.phantom.export.visibility import grade_of, off_cut, visibility
from spinemed.phantom.patient.shapes import DiscShape
from spinemed.phantom.written.fact import Exam, Fact
from spinemed.phantom.written.facts_bones import ROUNDED
from spinemed.phantom.written.measured import Spine
from spinemed.records import Pathology, Side

_SIDES: Final[tuple[Side, Side]] = ("left", "right")
_OFF_SHARE: Final = 0.03
_WIDE: Final = 0.09
"""Share lost, in planes of z, below which a canal is called wide without measuring it in the disc's plane."""
_LEAST_WORN: Final = 3
_TIGHT_NECK_MM: Final = 7.0
"""Depth of a cervical sac below which nobody calls the stenosis mild or moderate."""
_LEAST_SAC_MM: Final = 5.0
"""Depth in health from which a sac is spoken of: it ends in a point behind the sacrum."""


def disc_facts(spine: Spine, exam: Exam) -> Iterator[Fact]:
    """Yield what an examination tells of the discs that it shows, from the head down."""
    for disc in reversed(spine.lying.placed_discs):
        shape = disc.shape
        if shape is None or not exam.shows(f"{disc.above}-{disc.below}"):
            continue
        site = f"{disc.above}-{disc.below}"
        if exam.method == "mr":
            yield from _on_mri(spine, disc, shape, site)
        elif exam.method != "bending":
            yield Fact(site, "cage", exam.method, present=shape.cage, posture=exam.posture)
            yield Fact(site, "bridging", exam.method, present=shape.bridged, posture=exam.posture)


def _on_mri(spine: Spine, disc: PlacedDisc, shape: DiscShape, site: str) -> Iterator[Fact]:
    metal = _is_screwed(spine, disc)
    if not (shape.infected or shape.cage or shape.bridged or metal):
        worn = shape.pfirrmann >= _LEAST_WORN
        yield Fact(site, "disc_degeneration", "mr", grade=str(shape.pfirrmann), present=worn)
    if not metal:
        modic = shape.modic > 0
        yield Fact(site, "modic_change", "mr", grade=str(shape.modic), present=modic)
        yield _herniation(disc, shape, site)
        yield from _canal(spine, disc, shape, site)
    yield Fact(site, "spondylodiscitis", "mr", present=shape.infected)
    if disc.above[0] == "C":
        yield Fact(site, "cord_signal", "mr", present=spine.patient.myelopathy == disc.above)


def _is_screwed(spine: Spine, disc: PlacedDisc) -> bool:
    return any(part.level in (disc.above, disc.below) for part in spine.lying.metal)


def _herniation(disc: PlacedDisc, shape: DiscShape, site: str) -> Fact:
    there = shape.herniation
    reach = herniation_reach_mm(disc)
    if there is None or reach < visibility().herniation_least_mm:
        pathology: Pathology = "herniation"
        return Fact(site, pathology, "mr", grade="none", present=False)
    return Fact(
        site,
        "herniation",
        "mr",
        grade=there.kind,
        side=there.side or "central",
        value=float(round(reach)),
        unit="mm",
        detail=there.zone,
        error=ROUNDED,
    )


def _canal(spine: Spine, disc: PlacedDisc, shape: DiscShape, site: str) -> Iterator[Fact]:
    """The sac's depth, the recesses and the foramina; the depth is measured only where something presses."""
    rules = visibility()
    if _is_wide(spine, disc, shape):
        yield Fact(site, "canal_stenosis", "mr", grade="none", present=False)
        if disc.above[0] == "L":
            yield from (
                Fact(site, "recess_stenosis", "mr", grade="none", side=side, present=False) for side in _SIDES
            )
    else:
        found = spine.room(disc.above)
        if found.normal_mm > _LEAST_SAC_MM:
            middle = _middle(found, site, decides=spine.patient.myelopathy == disc.above)
            # Beside a large herniation a canal that is free along its midline is left untold.
            yield from (fact for fact in middle if fact.present or not presses_beside(disc))
            if disc.above[0] == "L":
                yield from _recesses(found, site)
    if disc.above[0] != "L" or abs(slip_percent(spine.lying, disc.above)) > rules.slip_none_percent:
        return
    for side, lost in zip(_SIDES, shape.narrowing.foramen, strict=True):
        grade = grade_of(lost, rules.foramen_cuts)
        if off_cut(lost, rules.foramen_cuts) >= _OFF_SHARE:
            yield Fact(site, "foraminal_stenosis", "mr", grade=str(grade), side=side, present=grade > 0)


def _is_wide(spine: Spine, disc: PlacedDisc, shape: DiscShape) -> bool:
    bones = (spine.lying.vertebra(disc.above), spine.lying.vertebra(disc.below))
    pressed = shape.herniation is not None or max(shape.narrowing.recess_mm) > 0
    pressed = pressed or any(bone.fragment is not None for bone in bones)
    return not pressed and spine.near_share_lost(disc.above) < _WIDE


def _middle(found: Room, site: str, *, decides: bool = False) -> Iterator[Fact]:
    """The depth of the sac; nothing where a place near by is narrower, or the share lost lies at a cut.

    Where the cord is harmed (`decides`) the grade is told all the same, without a depth that would belie it.
    """
    rules = visibility()
    grade = grade_of(found.share_lost, rules.canal_cuts)
    left = float(round(found.left_mm))
    by_print = grade_of(1 - left / round(found.normal_mm), rules.canal_cuts)
    near = grade_of(found.near_share_lost, rules.canal_cuts)
    tight = site[0] == "C" and 0 < grade < len(GRADES) - 1 and left < _TIGHT_NECK_MM
    doubtful = near > grade or by_print != grade or off_cut(found.share_lost, rules.canal_cuts) < _OFF_SHARE
    if (doubtful or tight) and not decides:
        return
    grade = max(grade, near) if decides else grade
    told = grade > 0 and not (doubtful or tight)
    yield Fact(
        site,
        "canal_stenosis",
        "mr",
        grade=GRADES[grade],
        present=grade > 0,
        value=left if told else None,
        unit="mm" if told else "",
        error=ROUNDED if told else None,
        healthy=float(round(found.normal_mm)) if told else None,
    )


def _recesses(found: Room, site: str) -> Iterator[Fact]:
    cuts = visibility().canal_cuts
    for side, lost in zip(_SIDES, found.recess_share_lost, strict=True):
        grade = grade_of(lost, cuts)
        if off_cut(lost, cuts) >= _OFF_SHARE:
            yield Fact(site, "recess_stenosis", "mr", grade=GRADES[grade], side=side, present=grade > 0)
