"""Spondylolisthesis: Meyerding's grade from the slip in percent, and what a grade asks for."""

from __future__ import annotations

from typing import Literal

from spinemed.facts.planning.ruling import Ruling

MeyerdingGrade = Literal["0", "I", "II", "III", "IV", "V"]
SlipSymptoms = Literal["none", "pain", "progressive_neurological_deficit"]
SlipAct = Literal["observe", "conservative", "operate", "either"]


class Slip(Ruling):
    """Meyerding's grade; `high_grade` is True from III (above 50 percent)."""

    grade: MeyerdingGrade
    high_grade: bool


class SlipPlan(Ruling):
    """What a slip asks for first."""

    plan: SlipAct


def meyerding(slip_percent: float) -> Slip:
    """Return Meyerding's grade of a slip in percent of the depth of the vertebra below."""
    raise NotImplementedError


def slip_percent(slip_mm: float, lower_depth_mm: float) -> float:
    """Return the slip in percent of the depth of the vertebra below."""
    raise NotImplementedError


def slip_plan(
    slip_percent: float, growing: bool, symptoms: SlipSymptoms, conservative_weeks: float
) -> SlipPlan:
    """Return what comes next for an isthmic or dysplastic slip."""
    raise NotImplementedError
