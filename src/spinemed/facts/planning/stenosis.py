"""Stenosis: grades of the lumbar and cervical canal, and what symptoms and grades ask for."""

from __future__ import annotations

from typing import Final, Literal, get_args

from spinemed.facts.planning.ruling import Ruling, claim, in_range, one_of, whole_number

CanalGrade = Literal["none", "mild", "moderate", "severe"]
SchizasGrade = Literal["A1", "A2", "A3", "A4", "B", "C", "D"]
SchizasSeverity = Literal["none_or_minor", "moderate", "severe", "extreme"]
StenosisSymptoms = Literal["none", "mild", "moderate", "severe"]
Myelopathy = Literal["none", "mild", "moderate", "severe"]
StenosisAct = Literal[
    "observe",
    "conservative",
    "either",
    "offer_decompression",
    "decompression",
    "urgent_decompression",
    "emergency_decompression",
]

CONSERVATIVE_WEEKS: Final = (12.0, 26.0)
"""Three to six months, after which severe symptoms that persist are operated (Siebert 2009)."""

_SCHIZAS: Final[dict[str, SchizasSeverity]] = {
    "A": "none_or_minor", "B": "moderate", "C": "severe", "D": "extreme",
}  # fmt: skip


class CanalStenosis(Ruling):
    """Grade of central canal stenosis."""

    grade: CanalGrade


class SchizasClass(Ruling):
    """Schizas grade with its word: A no or minor, B moderate, C severe, D extreme stenosis."""

    grade: SchizasGrade
    severity: SchizasSeverity


class CervicalCanal(Ruling):
    """Cervical canal by its sagittal diameter."""

    canal: Literal["normal", "relative_stenosis", "absolute_stenosis"]


class TorgRatio(Ruling):
    """Canal over body depth on one lateral image; narrow below 0.8."""

    ratio: float
    narrow: bool


class MyelopathyGrade(Ruling):
    """Severity of degenerative cervical myelopathy by mJOA (0 to 18)."""

    severity: Myelopathy


class StenosisPlan(Ruling):
    """What comes next."""

    plan: StenosisAct


def canal_thirds(compromise_percent: float) -> CanalStenosis:
    """Return the grade of a lumbar canal by the share of area lost: to 1/3 mild, to 2/3 moderate, severe.

    No loss at all is `none`. Source: Lurie 2008, read at radiopaedia.org.

    >>> [canal_thirds(lost).grade for lost in (0, 33, 34, 66, 67)]
    ['none', 'mild', 'moderate', 'moderate', 'severe']
    """
    lost = in_range(compromise_percent, 0, 100, "compromise_percent")
    grade: CanalGrade = "none"
    if lost > 0:
        grade = "mild" if 3 * lost <= 100 else "moderate" if 3 * lost <= 200 else "severe"
    return CanalStenosis(keyed=True, source="lurie_2008", grade=grade)


def schizas(grade: SchizasGrade) -> SchizasClass:
    """Return the severity word of a Schizas grade.

    Source: Schizas 2010.

    >>> schizas("A4").severity, schizas("C").severity
    ('none_or_minor', 'severe')
    """
    one_of(grade, get_args(SchizasGrade), "grade")
    return SchizasClass(keyed=True, source="schizas_2010", grade=grade, severity=_SCHIZAS[grade[0]])


def cervical_canal(diameter_mm: float) -> CervicalCanal:
    """Return whether the cervical canal is normal, relatively (10 to 13 mm) or absolutely (below) narrow.

    Source: radiopaedia.org; other sources put the upper cut at 12 mm, so 12 to 13 mm is not keyed.

    >>> [cervical_canal(width).canal for width in (17, 11, 9)]
    ['normal', 'relative_stenosis', 'absolute_stenosis']
    """
    width = in_range(diameter_mm, 1, 40, "diameter_mm")
    canal: Literal["normal", "relative_stenosis", "absolute_stenosis"] = "normal"
    if width <= 13:
        canal = "absolute_stenosis" if width < 10 else "relative_stenosis"
    return CervicalCanal(keyed=not 12 <= width <= 13, source="cervical_canal", canal=canal)


def torg(canal_mm: float, body_mm: float) -> TorgRatio:
    """Return the Torg-Pavlov ratio, canal over body depth in mm, and whether it is below 0.8.

    Source: Pavlov 1987. A ratio of exactly 0.8 is not keyed: later authors count it as narrow.

    >>> torg(12, 16).ratio, torg(12, 16).narrow, torg(17, 17).narrow
    (0.75, True, False)
    """
    ratio = in_range(canal_mm, 1, 40, "canal_mm") / in_range(body_mm, 5, 40, "body_mm")
    return TorgRatio(keyed=ratio != 0.8, source="torg_1987", ratio=ratio, narrow=ratio < 0.8)


def mjoa_severity(mjoa: int) -> MyelopathyGrade:
    """Return the severity of myelopathy: mJOA 18 none, 15 to 17 mild, 12 to 14 moderate, 0 to 11 severe.

    Source: Fehlings 2017.

    >>> [mjoa_severity(points).severity for points in (18, 15, 14, 11)]
    ['none', 'mild', 'moderate', 'severe']
    """
    whole_number(mjoa, 0, 18, "mjoa")
    severity: Myelopathy = "none"
    if mjoa < 18:
        severity = "mild" if mjoa >= 15 else "moderate" if mjoa >= 12 else "severe"
    return MyelopathyGrade(keyed=True, source="csrs_2017", severity=severity)


def cervical_myelopathy_plan(mjoa: int) -> StenosisPlan:
    """Return what the AO Spine / CSRS guideline recommends for degenerative cervical myelopathy.

    Moderate and severe: decompression. Mild: surgery or supervised rehabilitation, not keyed. An mJOA of 18
    is no myelopathy and a ValueError. Source: Fehlings 2017.

    >>> cervical_myelopathy_plan(13).plan, cervical_myelopathy_plan(16).keyed
    ('decompression', False)
    """
    severity = mjoa_severity(mjoa).severity
    if severity == "none":
        raise ValueError("mjoa is 18, which is no myelopathy; this rule starts at 17 points and below")
    plan: StenosisAct = "either" if severity == "mild" else "decompression"
    return StenosisPlan(keyed=plan != "either", source="csrs_2017", plan=plan)


def lumbar_stenosis_plan(
    symptoms: StenosisSymptoms,
    cauda_equina: bool,
    progressive_motor_deficit: bool,
    conservative_weeks: float,
) -> StenosisPlan:
    """Return what comes next for lumbar stenosis whose symptoms persist after `conservative_weeks`.

    Cauda equina syndrome: emergency. Progressive motor deficit: urgent decompression. No symptoms: observe,
    whatever the image shows. Mild symptoms: conservative. Moderate and severe ones: conservative for the
    first 12 weeks; severe ones that persist for 26 weeks or more: offer decompression. In between, and for
    moderate symptoms from 12 weeks on, sources differ and nothing is keyed. Source: Siebert 2009, abstract.

    >>> lumbar_stenosis_plan("severe", False, False, 4).plan
    'conservative'
    >>> lumbar_stenosis_plan("severe", False, False, 30).plan
    'offer_decompression'
    """
    one_of(symptoms, get_args(StenosisSymptoms), "symptoms")
    weeks = in_range(conservative_weeks, 0, 520, "conservative_weeks")
    deficit = claim(progressive_motor_deficit, "progressive_motor_deficit")
    first, last = CONSERVATIVE_WEEKS
    plan: StenosisAct
    if claim(cauda_equina, "cauda_equina"):
        plan = "emergency_decompression"
    elif deficit:
        plan = "urgent_decompression"
    elif symptoms == "none":
        plan = "observe"
    elif symptoms == "mild" or weeks < first:
        plan = "conservative"
    else:
        plan = "offer_decompression" if symptoms == "severe" and weeks >= last else "either"
    return StenosisPlan(keyed=plan != "either", source="stenosis_2009", plan=plan)
