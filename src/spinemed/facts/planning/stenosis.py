"""Stenosis: grades of the lumbar and cervical canal, and what symptoms and grades ask for."""

from __future__ import annotations

from typing import Literal

from spinemed.facts.planning.ruling import Ruling

CanalGrade = Literal["none", "mild", "moderate", "severe"]
SchizasGrade = Literal["A1", "A2", "A3", "A4", "B", "C", "D"]
StenosisSymptoms = Literal["none", "mild", "moderate_or_severe"]
Myelopathy = Literal["none", "mild", "moderate", "severe"]
StenosisAct = Literal["emergency_decompression", "decompression", "conservative", "observe", "either"]


class CanalStenosis(Ruling):
    """Grade of central canal stenosis."""

    grade: CanalGrade


class SchizasClass(Ruling):
    """Schizas grade with its word: A no or minor, B moderate, C severe, D extreme."""

    grade: SchizasGrade
    severity: Literal["none_or_minor", "moderate", "severe", "extreme"]


class CervicalCanal(Ruling):
    """Bony or dural cervical canal by its sagittal diameter."""

    canal: Literal["normal", "relative_stenosis", "absolute_stenosis"]


class TorgRatio(Ruling):
    """Canal over body depth."""

    ratio: float
    narrow: bool


class MyelopathyGrade(Ruling):
    """Severity of degenerative cervical myelopathy by mJOA (0 to 18)."""

    severity: Myelopathy


class StenosisPlan(Ruling):
    """What comes next."""

    plan: StenosisAct


def canal_thirds(compromise_percent: float) -> CanalStenosis:
    """Return the grade of a lumbar canal by the share lost: up to a third mild, to two thirds moderate."""
    raise NotImplementedError


def schizas(grade: SchizasGrade) -> SchizasClass:
    """Return the severity word of a Schizas grade."""
    raise NotImplementedError


def cervical_canal(diameter_mm: float) -> CervicalCanal:
    """Return normal, relative or absolute stenosis of the cervical canal."""
    raise NotImplementedError


def torg(canal_mm: float, body_mm: float) -> TorgRatio:
    """Return the Torg-Pavlov ratio and whether it is below 0.8."""
    raise NotImplementedError


def mjoa_severity(mjoa: int) -> MyelopathyGrade:
    """Return mild, moderate or severe myelopathy from the mJOA."""
    raise NotImplementedError


def cervical_myelopathy_plan(mjoa: int) -> StenosisPlan:
    """Return what the AO Spine / CSRS guideline recommends at this mJOA."""
    raise NotImplementedError


def lumbar_stenosis_plan(
    symptoms: StenosisSymptoms, cauda_equina: bool, progressive_motor_deficit: bool, conservative_weeks: float
) -> StenosisPlan:
    """Return what comes next for lumbar stenosis."""
    raise NotImplementedError
