"""Discs that wear, herniate and narrow the canal: degeneration, herniation, stenosis, cervical myelopathy."""

from __future__ import annotations

from typing import Final

import numpy as np

from spinemed.phantom.patient.conditions import Condition
from spinemed.phantom.patient.draft import Draft, drawn, drawn_side
from spinemed.phantom.patient.healthy import height_left
from spinemed.phantom.patient.shapes import EndplateDefect, Herniation, HerniationKind, Narrowing, Side, Zone

# Modic type of an advanced disc; none in half of them, 2 the most common [assumed].
_MODIC: Final[dict[str, float]] = {"0": 0.5, "1": 0.15, "2": 0.28, "3": 0.07}
# Depth of the sac at 0.7 of its half width, as a share of its depth: sqrt(1 - 0.7^2).
_RECESS_DEPTH: Final[float] = 0.714
# What is left of a sac's depth at least, mm, where nothing else presses: oblique discs take about 1 mm more.
_LEAST_LEFT_MM: Final[float] = 4.2
_ZONES: Final[tuple[Zone, ...]] = ("central", "subarticular", "foraminal")


def wear(draft: Draft, above: str, grade: int) -> None:
    """Bring a disc to at least a Pfirrmann grade, with the height it then has left."""
    disc = draft.discs[above]
    if disc.pfirrmann < grade:
        height = disc.height_mm * height_left(above, grade) / height_left(above, disc.pfirrmann)
        draft.change_disc(above, pfirrmann=grade, height_mm=height)


def degenerate(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Wear discs to Pfirrmann 4 or 5; with them Modic change, large osteophytes and Schmorl nodes."""
    grades = {grade: condition.shares[grade] for grade in ("4", "5")}
    for above in draft.pick_discs(rng, condition):
        wear(draft, above, int(drawn(rng, grades)))
        bulge = condition.drawn(rng, "bulge_mm") * (1.0 if above[0] == "L" else 0.5)
        draft.change_disc(above, bulge_mm=bulge, modic=int(drawn(rng, _MODIC)))
        beaked = bool(rng.random() < 0.5)
        for level in (above, draft.below(above)):
            if beaked and level in draft.bones:
                draft.change_bone(level, busy=False, osteophyte=condition.drawn(rng, "osteophyte"))
        if rng.random() < 0.3 and above[0] != "C":
            _dent_endplate(draft, above, condition, rng)


def _dent_endplate(draft: Draft, level: str, condition: Condition, rng: np.random.Generator) -> None:
    """A Schmorl node in one endplate, near its middle."""
    shape = draft.bones[level]
    depth = min(condition.drawn(rng, "schmorl_depth_mm"), 0.2 * shape.posterior_height_mm)
    aside, back = (2.0 * rng.random(2) - 1.0).tolist()
    defect = EndplateDefect(
        endplate="upper" if rng.random() < 0.5 else "lower",
        left_mm=0.15 * aside * shape.width_mm / 2,
        posterior_mm=0.35 * back * shape.depth_mm / 2,
        radius_mm=condition.drawn(rng, "schmorl_radius_mm"),
        depth_mm=depth,
    )
    draft.change_bone(level, busy=False, defects=(*shape.defects, defect))


def herniate(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Push disc tissue behind the disc: protrusions stay broad, extrusions reach further and wander."""
    for above in draft.pick_discs(rng, condition):
        wear(draft, above, 3)
        kind: HerniationKind = "protrusion" if rng.random() < condition.shares["protrusion"] else "extrusion"
        drawn_zone = drawn(rng, {zone: condition.shares[zone] for zone in _ZONES})
        zone: Zone = next(name for name in _ZONES if name == drawn_zone)
        side: Side | None = None if zone == "central" else drawn_side(rng)
        neck = above[0] != "L"
        reach = condition.drawn(rng, "neck_mm" if neck else f"{kind}_mm")
        width = condition.drawn(rng, "width_mm") * (0.7 if neck else 1.0)
        migration = 0.0
        if kind == "extrusion" and not neck and rng.random() < 0.6:
            migration = condition.drawn(rng, "migration_mm") * (1.0 if rng.random() < 0.4 else -1.0)
        foramen = [0.0, 0.0]
        if zone == "foraminal":
            foramen[0 if side == "left" else 1] = condition.drawn(rng, "foramen_lost")
        draft.change_disc(
            above,
            bulge_mm=min(draft.discs[above].bulge_mm, 0.7),
            herniation=Herniation(kind, zone, side or "", reach, width, migration),
            narrowing=Narrowing(foramen=(foramen[0], foramen[1])),
        )


def narrow(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Narrow the canal's middle, the recesses and the foramina, each by a grade of its own, one at least."""
    grades = {grade: condition.shares[grade] for grade in ("none", "mild", "moderate", "severe")}
    for above in draft.pick_discs(rng, condition):
        wear(draft, above, 3)
        middle, left, right = (drawn(rng, grades) for _ in range(3))
        holes = [int(4 * rng.random()) for _ in range(2)]
        if (middle, left, right) == ("none", "none", "none") and max(holes) == 0:
            middle = drawn(rng, {grade: weight for grade, weight in grades.items() if grade != "none"})
        sac = draft.sac_depth_mm(above)
        lost = 0.0 if middle == "none" else min(sac * condition.drawn(rng, middle), sac - _LEAST_LEFT_MM)
        bulge = min(0.45 * lost, 3.5)
        recess = [
            0.0 if grade == "none" else _RECESS_DEPTH * sac * condition.drawn(rng, grade)
            for grade in (left, right)
        ]
        foramen = [0.0 if grade == 0 else condition.drawn(rng, f"foramen_{grade}") for grade in holes]
        draft.change_disc(
            above,
            bulge_mm=max(bulge, min(draft.discs[above].bulge_mm, 0.5)),
            narrowing=Narrowing(lost - bulge, (recess[0], recess[1]), (foramen[0], foramen[1])),
        )


def squeeze_cord(draft: Draft, condition: Condition, rng: np.random.Generator) -> None:
    """Narrow the neck's canal by disc, osteophyte and ligament until the cord is bright there."""
    for above in draft.pick_discs(rng, condition, 1):
        wear(draft, above, 4)
        sac = draft.sac_depth_mm(above)
        lost = min(sac * condition.drawn(rng, "share_lost"), sac - _LEAST_LEFT_MM)
        front = 0.55 * lost
        for level in (above, draft.below(above)):
            draft.change_bone(level, busy=False, osteophyte=max(draft.bones[level].osteophyte, 1.0))
        draft.change_disc(above, bulge_mm=front, narrowing=Narrowing(flavum_mm=lost - front))
        draft.myelopathy = above
