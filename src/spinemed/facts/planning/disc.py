"""Lumbar disc herniation: MSU size and zone, and what comes next from neurology, time and response."""

from __future__ import annotations

from typing import Final, Literal, get_args

from spinemed.facts.planning.ruling import Ruling, claim, in_range, one_of

MsuZone = Literal["A", "AB", "B", "C"]
MotorDeficit = Literal["none", "stable", "progressive"]
HerniationAct = Literal[
    "emergency_decompression", "urgent_surgery", "conservative", "offer_surgery", "either"
]

CONSERVATIVE_WEEKS: Final = 6.0
"""Weeks of medical management before surgery is offered (ACR 2021; entry of the SPORT trial)."""


class MsuGrade(Ruling):
    """MSU size 1 to 3 and zone A, AB, B or C; `label` is the usual short form such as 2-B."""

    size: Literal[1, 2, 3]
    zone: MsuZone
    label: str
    surgical_candidate_by_size: bool


class HerniationPlan(Ruling):
    """What comes next."""

    plan: HerniationAct


def msu(extent_percent: float, zone: MsuZone) -> MsuGrade:
    """Return the MSU grade of a herniation on the axial T2 image where it is largest.

    `extent_percent` is how far the herniation reaches, in percent of the way from the posterior margin of
    the disc to the intra-facet line: to 50 size 1, to 100 size 2, beyond size 3. Zone A is central, B
    lateral, C foraminal, AB on the line between. Size 1 was never offered surgery. Source: Mysliwiec 2010.

    >>> [msu(extent, "A").size for extent in (50, 51, 100, 101)]
    [1, 2, 2, 3]
    >>> msu(70, "B").label
    '2-B'
    """
    extent = in_range(extent_percent, 1, 300, "extent_percent")
    one_of(zone, get_args(MsuZone), "zone")
    size: Literal[1, 2, 3] = 1 if extent <= 50 else 2 if extent <= 100 else 3
    return MsuGrade(
        keyed=True,
        source="msu_2010",
        size=size,
        zone=zone,
        label=f"{size}-{zone}",
        surgical_candidate_by_size=size > 1,
    )


def herniation_plan(
    cauda_equina: bool, motor_deficit: MotorDeficit, leg_pain_persists: bool, conservative_weeks: float
) -> HerniationPlan:
    """Return what comes next for a lumbar disc herniation with radiculopathy.

    Cauda equina syndrome: emergency. Progressive motor deficit: urgent surgery. Otherwise conservative for
    at least 6 weeks; leg pain that persists then: surgery is offered. A stable motor deficit is not keyed
    before 6 weeks, nor without pain after them: sources differ. Source: SPORT entry (6 weeks) for the time,
    the GIRFT pathway for cauda equina; the urgency of a progressive deficit was not checked against a
    primary source, the secondary ones agree on it.

    >>> herniation_plan(False, "none", True, 3).plan, herniation_plan(False, "none", True, 8).plan
    ('conservative', 'offer_surgery')
    >>> herniation_plan(True, "none", True, 0).plan
    'emergency_decompression'
    """
    one_of(motor_deficit, get_args(MotorDeficit), "motor_deficit")
    weeks = in_range(conservative_weeks, 0, 520, "conservative_weeks")
    pain = claim(leg_pain_persists, "leg_pain_persists")
    if claim(cauda_equina, "cauda_equina"):
        return HerniationPlan(keyed=True, source="cauda_equina_2023", plan="emergency_decompression")
    if motor_deficit == "progressive":
        return HerniationPlan(keyed=True, source="herniation_urgency", plan="urgent_surgery")
    plan: HerniationAct = "conservative"
    if weeks >= CONSERVATIVE_WEEKS and pain:
        plan = "offer_surgery"
    elif motor_deficit == "stable":
        plan = "either"
    return HerniationPlan(keyed=plan != "either", source="sport_herniation_2006", plan=plan)
