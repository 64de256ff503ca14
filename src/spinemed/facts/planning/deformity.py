"""Scoliosis and adult deformity: treatment by Cobb angle, Lenke's structural curves, SRS-Schwab modifiers."""

from __future__ import annotations

from typing import Final, Literal, get_args

from spinemed.facts.planning.ruling import Ruling, in_range, one_of, whole_number

Skeleton = Literal["immature", "mature"]
CobbPlan = Literal["no_scoliosis", "observe", "brace", "operate", "either"]
Modifier = Literal["0", "+", "++"]
LenkeCurve = Literal["proximal_thoracic", "main_thoracic", "thoracolumbar_lumbar"]
LenkeType = Literal[1, 2, 3, 4, 5, 6]

_CURVES: Final[tuple[LenkeCurve, ...]] = get_args(LenkeCurve)
_TYPES: Final[dict[tuple[LenkeCurve, frozenset[LenkeCurve]], LenkeType]] = {
    ("main_thoracic", frozenset()): 1,
    ("main_thoracic", frozenset({"proximal_thoracic"})): 2,
    ("main_thoracic", frozenset({"thoracolumbar_lumbar"})): 3,
    ("main_thoracic", frozenset({"proximal_thoracic", "thoracolumbar_lumbar"})): 4,
    ("thoracolumbar_lumbar", frozenset({"proximal_thoracic", "main_thoracic"})): 4,
    ("thoracolumbar_lumbar", frozenset()): 5,
    ("thoracolumbar_lumbar", frozenset({"main_thoracic"})): 6,
}

# (thoracic above 30 degrees, lumbar above 30 degrees)
_SCHWAB_CURVES: Final[dict[tuple[bool, bool], Literal["T", "L", "D", "N"]]] = {
    (True, False): "T", (False, True): "L", (True, True): "D", (False, False): "N",
}  # fmt: skip


class ScoliosisPlan(Ruling):
    """What the Cobb angle and the skeleton suggest in adolescent idiopathic scoliosis."""

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
    """Lenke's curve type 1 to 6 and the curves that the fusion includes, cranial first."""

    type: LenkeType
    fused: tuple[LenkeCurve, ...]


class ThoracicModifier(Ruling):
    """Lenke's sagittal thoracic modifier from T5-T12 kyphosis."""

    modifier: Literal["-", "N", "+"]


def risser_skeleton(risser: int) -> Skeleton:
    """Return whether a Risser sign counts as immature (0 to 2) or mature (4, 5); 3 is a ValueError.

    Braces are studied at Risser 0 to 2 (SRS criteria) and weaned at Risser 4 (PMC7000074); the sources give
    3 to neither side.

    >>> risser_skeleton(1), risser_skeleton(5)
    ('immature', 'mature')
    """
    whole_number(risser, 0, 5, "risser")
    if risser == 3:
        raise ValueError("risser is 3, which the sources give to neither side; pass 0 to 2 or 4 to 5")
    return "immature" if risser <= 2 else "mature"


def idiopathic_scoliosis(cobb_deg: float, skeleton: Skeleton) -> ScoliosisPlan:
    """Return what the Cobb angle suggests in adolescent idiopathic scoliosis.

    Below 10 degrees there is no scoliosis. Immature: below 25 observe (from 20 on not keyed, since SOSORT
    braces there), 25 to below 40 brace. Mature: below 40 observe. 40 to 50 either, never keyed; above 50
    operate. Adults decide by symptoms and are no case of this rule. Source: Sardar and Lenke.

    >>> [idiopathic_scoliosis(cobb, "immature").plan for cobb in (8, 15, 30, 45, 55)]
    ['no_scoliosis', 'observe', 'brace', 'either', 'operate']
    """
    in_range(cobb_deg, 0, 180, "cobb_deg")
    immature = one_of(skeleton, get_args(Skeleton), "skeleton") == "immature"
    plan: CobbPlan = "observe"
    if cobb_deg < 10:
        plan = "no_scoliosis"
    elif cobb_deg > 50:
        plan = "operate"
    elif cobb_deg >= 40:
        plan = "either"
    elif immature and cobb_deg >= 25:
        plan = "brace"
    sources_differ = plan == "either" or (immature and 20 <= cobb_deg < 25)
    return ScoliosisPlan(keyed=not sources_differ, source="scoliosis_cobb", plan=plan)


def _modifier(value: float, first_cut: float, second_cut: float) -> SchwabModifier:
    modifier: Modifier = "++" if value > second_cut else "+" if value >= first_cut else "0"
    return SchwabModifier(keyed=True, source="srs_schwab_2012", modifier=modifier)


def schwab_pi_ll(pelvic_incidence_deg: float, lumbar_lordosis_deg: float) -> SchwabModifier:
    """Return the modifier of pelvic incidence minus lumbar lordosis: below 10 deg 0, to 20 +, above ++.

    Lordosis is positive, kyphosis negative. Source: Schwab 2012.

    >>> schwab_pi_ll(55, 50).modifier, schwab_pi_ll(55, 40).modifier, schwab_pi_ll(55, 20).modifier
    ('0', '+', '++')
    """
    incidence = in_range(pelvic_incidence_deg, 0, 120, "pelvic_incidence_deg")
    lordosis = in_range(lumbar_lordosis_deg, -60, 120, "lumbar_lordosis_deg")
    return _modifier(incidence - lordosis, 10, 20)


def schwab_sva(sva_mm: float) -> SchwabModifier:
    """Return the global alignment modifier of the sagittal vertical axis: below 40 mm 0, to 95 +, above ++.

    Source: Schwab 2012.

    >>> schwab_sva(39).modifier, schwab_sva(95).modifier, schwab_sva(96).modifier
    ('0', '+', '++')
    """
    return _modifier(in_range(sva_mm, -300, 500, "sva_mm"), 40, 95)


def schwab_pt(pelvic_tilt_deg: float) -> SchwabModifier:
    """Return the pelvic tilt modifier: below 20 deg 0, to 30 +, above ++.

    Source: Schwab 2012.

    >>> schwab_pt(12).modifier, schwab_pt(25).modifier, schwab_pt(31).modifier
    ('0', '+', '++')
    """
    return _modifier(in_range(pelvic_tilt_deg, -60, 90, "pelvic_tilt_deg"), 20, 30)


def schwab_curve(thoracic_cobb_deg: float, lumbar_cobb_deg: float) -> SchwabCurve:
    """Return the coronal type from the largest thoracic and the largest thoracolumbar or lumbar Cobb angle.

    T thoracic alone above 30 deg, L lumbar alone, D both, N neither. Exactly 30 belongs to neither side and
    is not keyed. Source: Schwab 2012.

    >>> schwab_curve(45, 20).curve, schwab_curve(45, 40).curve, schwab_curve(10, 12).curve
    ('T', 'D', 'N')
    """
    thoracic = in_range(thoracic_cobb_deg, 0, 180, "thoracic_cobb_deg")
    lumbar = in_range(lumbar_cobb_deg, 0, 180, "lumbar_cobb_deg")
    curve = _SCHWAB_CURVES[thoracic > 30, lumbar > 30]
    return SchwabCurve(keyed=30 not in (thoracic, lumbar), source="srs_schwab_2012", curve=curve)


def lenke_minor_curve(curve: LenkeCurve, bending_cobb_deg: float, kyphosis_deg: float) -> StructuralCurve:
    """Return whether a minor curve is structural: 25 deg or more left on bending, or 20 deg or more kyphosis.

    Kyphosis is T2-T5 for a proximal thoracic and T10-L2 for a thoracolumbar or lumbar curve. For a main
    thoracic curve the kyphosis criterion was not checked against the primary source, so a ruling that would
    rest on it is not keyed. Source: Lenke 2001, read at the AO Surgery Reference.

    >>> lenke_minor_curve("thoracolumbar_lumbar", 16, 5).structural
    False
    >>> lenke_minor_curve("proximal_thoracic", 16, 20).structural
    True
    """
    one_of(curve, _CURVES, "curve")
    bends_out = in_range(bending_cobb_deg, 0, 180, "bending_cobb_deg") < 25
    kyphotic = in_range(kyphosis_deg, -90, 120, "kyphosis_deg") >= 20
    rests_on_unchecked = curve == "main_thoracic" and bends_out and kyphotic
    return StructuralCurve(
        keyed=not rests_on_unchecked, source="lenke_2001", structural=not bends_out or kyphotic
    )


def lenke_type(major: LenkeCurve, structural_minor: frozenset[LenkeCurve]) -> LenkeCurveType:
    """Return Lenke's curve type and the curves to fuse: the major and the structural minor ones.

    A major proximal thoracic curve (Lenke takes the main thoracic as major then), a major curve named as
    minor, and a proximal thoracic beside a thoracolumbar major alone have no type: ValueError. Source: Lenke
    2001.

    >>> lenke_type("main_thoracic", frozenset({"proximal_thoracic"})).type
    2
    >>> lenke_type("thoracolumbar_lumbar", frozenset()).fused
    ('thoracolumbar_lumbar',)
    """
    one_of(major, _CURVES, "major")
    for curve in structural_minor:
        one_of(curve, _CURVES, "structural_minor")
    kind = _TYPES.get((major, structural_minor))
    if kind is None:
        raise ValueError(
            f"major {major!r} with structural minor curves {sorted(structural_minor)} has no Lenke type; "
            "name the main thoracic or thoracolumbar curve as major and the other curves as minor"
        )
    fused = tuple(curve for curve in _CURVES if curve == major or curve in structural_minor)
    return LenkeCurveType(keyed=True, source="lenke_2001", type=kind, fused=fused)


def lenke_thoracic_modifier(kyphosis_t5_t12_deg: float) -> ThoracicModifier:
    """Return Lenke's sagittal thoracic modifier: below 10 deg -, 10 to 40 N, above 40 +.

    Source: Lenke 2001, read at the AO Surgery Reference.

    >>> [lenke_thoracic_modifier(angle).modifier for angle in (9, 10, 40, 41)]
    ['-', 'N', 'N', '+']
    """
    angle = in_range(kyphosis_t5_t12_deg, -90, 150, "kyphosis_t5_t12_deg")
    modifier: Literal["-", "N", "+"] = "-" if angle < 10 else "N" if angle <= 40 else "+"
    return ThoracicModifier(keyed=True, source="lenke_2001", modifier=modifier)
