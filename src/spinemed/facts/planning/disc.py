"""Lumbar disc herniation: MSU size and zone, and what comes next from neurology, time and response."""

from __future__ import annotations

from typing import Literal

from spinemed.facts.planning.ruling import Ruling

MsuZone = Literal["A", "B", "C"]
MotorDeficit = Literal["none", "stable", "progressive"]
HerniationAct = Literal[
    "emergency_decompression", "urgent_surgery", "conservative", "offer_surgery", "either"
]


class MsuGrade(Ruling):
    """MSU size 1 to 3 and zone A, B or C."""

    size: Literal[1, 2, 3]
    zone: MsuZone


class HerniationPlan(Ruling):
    """What comes next."""

    plan: HerniationAct


def msu(extent_percent: float, zone: MsuZone) -> MsuGrade:
    """Return the MSU grade; extent in percent of the way from the disc margin to the intra-facet line."""
    raise NotImplementedError


def herniation_plan(
    cauda_equina: bool, motor_deficit: MotorDeficit, leg_pain_persists: bool, conservative_weeks: float
) -> HerniationPlan:
    """Return what comes next for a lumbar disc herniation with radiculopathy."""
    raise NotImplementedError
