"""Scoliosis and adult deformity: treatment by Cobb angle, Lenke's structural curves, SRS-Schwab modifiers."""

from __future__ import annotations

from typing import Literal

from spinemed.facts.planning.ruling import Ruling

Skeleton = Literal["immature", "mature"]
CobbPlan = Literal["no_scoliosis", "observe", "brace", "operate", "either"]
Modifier = Literal["0", "+", "++"]
LenkeCurve = Literal["proximal_thoracic", "main_thoracic", "thoracolumbar_lumbar"]
LenkeType = Literal[1, 2, 3, 4, 5, 6]


class ScoliosisPlan(Ruling):
    """What the Cobb angle and the skeleton suggest in idiopathic scoliosis."""

    plan: CobbPlan


class SchwabModifier(Ruling):
    """One sagittal modifier of SRS-Schwab."""

    modifier: Modifier


class SchwabCurve(Ruling):
    """Coronal curve type of SRS-Schwab: T, L, D or N."""

    curve: Literal["T", "L", "D", "N"]


class StructuralCurve(Ruling):
    """Whether a minor curve is structural after Lenke, thus part of the fusion."""

    structural: bool


class LenkeCurveType(Ruling):
    """Lenke's curve type 1 to 6 and the curves that the fusion includes."""

    type: LenkeType
    fused: tuple[LenkeCurve, ...]


class ThoracicModifier(Ruling):
    """Lenke's sagittal thoracic modifier from T5-T12 kyphosis."""

    modifier: Literal["-", "N", "+"]


def idiopathic_scoliosis(cobb_deg: float, skeleton: Skeleton) -> ScoliosisPlan:
    """Return what the Cobb angle suggests in adolescent idiopathic scoliosis."""
    raise NotImplementedError


def risser_skeleton(risser: int) -> Skeleton:
    """Return whether a Risser sign (0 to 5) counts as immature (0 to 2) or mature; 3 is refused."""
    raise NotImplementedError


def schwab_pi_ll(pelvic_incidence_deg: float, lumbar_lordosis_deg: float) -> SchwabModifier:
    """Return the PI minus LL modifier."""
    raise NotImplementedError


def schwab_sva(sva_mm: float) -> SchwabModifier:
    """Return the global alignment modifier from the sagittal vertical axis in mm."""
    raise NotImplementedError


def schwab_pt(pelvic_tilt_deg: float) -> SchwabModifier:
    """Return the pelvic tilt modifier."""
    raise NotImplementedError


def schwab_curve(thoracic_cobb_deg: float, lumbar_cobb_deg: float) -> SchwabCurve:
    """Return the coronal curve type from the largest thoracic and thoracolumbar or lumbar Cobb angle."""
    raise NotImplementedError


def lenke_minor_curve(curve: LenkeCurve, bending_cobb_deg: float, kyphosis_deg: float) -> StructuralCurve:
    """Return whether a minor curve is structural."""
    raise NotImplementedError


def lenke_type(major: LenkeCurve, structural_minor: frozenset[LenkeCurve]) -> LenkeCurveType:
    """Return the curve type from the major curve and the structural minor curves."""
    raise NotImplementedError


def lenke_thoracic_modifier(kyphosis_t5_t12_deg: float) -> ThoracicModifier:
    """Return Lenke's sagittal thoracic modifier."""
    raise NotImplementedError
