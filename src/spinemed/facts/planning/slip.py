"""Spondylolisthesis: Meyerding's grade from the slip in percent, and what a grade asks for."""

from __future__ import annotations

from typing import Final, Literal, get_args

from spinemed.facts.planning.ruling import Ruling, claim, in_range, one_of

MeyerdingGrade = Literal["0", "I", "II", "III", "IV", "V"]
SlipSymptoms = Literal["none", "pain", "progressive_neurological_deficit"]
SlipAct = Literal["observe", "conservative", "operate", "either"]

_GRADES: Final[tuple[MeyerdingGrade, ...]] = get_args(MeyerdingGrade)
MEYERDING_CUTS_PERCENT: Final = (0.0, 25.0, 50.0, 75.0, 100.0)
"""A slip above these cuts has grade I, II, III, IV and V; a slip on a cut keeps the lower grade."""


class Slip(Ruling):
    """Meyerding's grade; `high_grade` is True from III (above 50 percent)."""

    grade: MeyerdingGrade
    high_grade: bool


class SlipPlan(Ruling):
    """What a slip asks for first."""

    plan: SlipAct


def slip_share_percent(slip_mm: float, lower_depth_mm: float) -> float:
    """Return the slip in percent of the depth of the vertebra below, both in mm.

    >>> slip_share_percent(9, 36)
    25.0
    """
    depth = in_range(lower_depth_mm, 10, 80, "lower_depth_mm")
    return 100 * in_range(slip_mm, 0, 2 * depth, "slip_mm") / depth


def meyerding(slip_percent: float) -> Slip:
    """Return Meyerding's grade of a slip in percent (0 to 200) of the depth of the vertebra below.

    I to 25, II to 50, III to 75, IV to 100, V above; no slip is grade 0. A backward slip (negative) is a
    ValueError. Source: Meyerding 1932, read at radiopaedia.org.

    >>> [meyerding(slip).grade for slip in (0, 25, 26, 50, 51, 100, 101)]
    ['0', 'I', 'II', 'II', 'III', 'IV', 'V']
    """
    slip = in_range(slip_percent, 0, 200, "slip_percent")
    grade = _GRADES[sum(slip > cut for cut in MEYERDING_CUTS_PERCENT)]
    return Slip(keyed=True, source="meyerding_1932", grade=grade, high_grade=slip > 50)


def slip_plan(
    slip_percent: float, growing: bool, symptoms: SlipSymptoms, conservative_failed: bool
) -> SlipPlan:
    """Return what comes next for an isthmic or dysplastic slip.

    Keyed where the sources agree: a progressive deficit and a painful high-grade slip of a growing patient
    are operated; a painless low-grade slip is observed (in a growing patient to 25 percent, since some fuse
    grade II there); a painful low-grade slip is treated conservatively first, and a growing patient whom
    that failed is fused. Painless high-grade slips of the growing, high-grade slips of adults and failed
    treatment of adults are not keyed. No slip, and failed treatment without pain, are a ValueError. Source:
    PMID 16885480 (low grade), Rajasekaran (high grade).

    >>> slip_plan(20, True, "pain", conservative_failed=False).plan
    'conservative'
    >>> slip_plan(60, True, "none", conservative_failed=False).keyed
    False
    """
    one_of(symptoms, get_args(SlipSymptoms), "symptoms")
    failed = claim(conservative_failed, "conservative_failed")
    slip = meyerding(slip_percent)
    if slip.grade == "0" or (failed and symptoms == "none"):
        raise ValueError(
            f"slip_percent is {slip_percent:g}, symptoms {symptoms!r}, conservative_failed {failed}: nothing "
            "to decide; pass a slip above 0, and conservative_failed=True only with symptoms"
        )
    if claim(growing, "growing"):
        plan, keyed = _growing(slip, symptoms, failed)
    else:
        plan, keyed = _adult(slip, symptoms, failed)
    source = "slip_high_grade" if slip.high_grade else "adolescent_slip_2006"
    return SlipPlan(keyed=keyed, source=source, plan=plan)


def _growing(slip: Slip, symptoms: SlipSymptoms, failed: bool) -> tuple[SlipAct, bool]:
    if symptoms == "progressive_neurological_deficit" or failed:
        return "operate", True
    if slip.high_grade:
        return ("operate", True) if symptoms == "pain" else ("either", False)
    if symptoms == "pain":
        return "conservative", True
    return ("observe", True) if slip.grade == "I" else ("either", False)


def _adult(slip: Slip, symptoms: SlipSymptoms, failed: bool) -> tuple[SlipAct, bool]:
    if symptoms == "progressive_neurological_deficit":
        return "operate", True
    if slip.high_grade or failed:
        return "either", False
    return ("conservative", True) if symptoms == "pain" else ("observe", True)
