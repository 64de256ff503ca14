"""Injury scores of the thoracolumbar and subaxial cervical spine with the treatment that they suggest."""

from __future__ import annotations

from typing import Final, Literal

from spinemed.facts.planning.ruling import Part, Scored, claim, scored, sum_of

Treatment = Literal["non_operative", "either", "operative"]
TlicsMorphology = Literal["compression", "burst", "translation_rotation", "distraction"]
Ligaments = Literal["intact", "indeterminate", "disrupted"]
TlicsNeurology = Literal["intact", "nerve_root", "complete_cord", "incomplete_cord", "cauda_equina"]
SlicMorphology = Literal["none", "compression", "burst", "distraction", "translation_rotation"]
SlicNeurology = Literal["intact", "nerve_root", "complete_cord", "incomplete_cord"]
AoMorphology = Literal["A0", "A1", "A2", "A3", "A4", "B1", "B2", "B3", "C"]
AoNeurology = Literal["N0", "N1", "N2", "N3", "N4", "NX"]
AoFacet = Literal["none", "F1", "F2", "F3", "F4"]
ThoracolumbarModifier = Literal["none", "M1", "M2"]
SubaxialModifier = Literal["none", "M1", "M2", "M3", "M4"]

_TLICS_MORPHOLOGY: Final[dict[TlicsMorphology, int]] = {
    "compression": 1, "burst": 2, "translation_rotation": 3, "distraction": 4,
}  # fmt: skip
_TLICS_LIGAMENTS: Final[dict[Ligaments, int]] = {"intact": 0, "indeterminate": 2, "disrupted": 3}
_TLICS_NEUROLOGY: Final[dict[TlicsNeurology, int]] = {
    "intact": 0, "nerve_root": 2, "complete_cord": 2, "incomplete_cord": 3, "cauda_equina": 3,
}  # fmt: skip
_SLIC_MORPHOLOGY: Final[dict[SlicMorphology, int]] = {
    "none": 0, "compression": 1, "burst": 2, "distraction": 3, "translation_rotation": 4,
}  # fmt: skip
_SLIC_LIGAMENTS: Final[dict[Ligaments, int]] = {"intact": 0, "indeterminate": 1, "disrupted": 2}
_SLIC_NEUROLOGY: Final[dict[SlicNeurology, int]] = {
    "intact": 0, "nerve_root": 1, "complete_cord": 2, "incomplete_cord": 3,
}  # fmt: skip
_SLIC_COMPRESSION: Final = {"no": 0, "yes": 1}
_THORACOLUMBAR_MORPHOLOGY: Final[dict[AoMorphology, int]] = {
    "A0": 0, "A1": 1, "A2": 2, "A3": 3, "A4": 5, "B1": 5, "B2": 6, "B3": 7, "C": 8,
}  # fmt: skip
_THORACOLUMBAR_NEUROLOGY: Final[dict[AoNeurology, int]] = {
    "N0": 0, "N1": 1, "N2": 2, "N3": 4, "N4": 4, "NX": 3,
}  # fmt: skip
_THORACOLUMBAR_MODIFIER: Final[dict[ThoracolumbarModifier, int]] = {"none": 0, "M1": 1, "M2": 0}
_SUBAXIAL_MORPHOLOGY: Final[dict[AoMorphology, int]] = {
    "A0": 0, "A1": 1, "A2": 2, "A3": 4, "A4": 5, "B1": 5, "B2": 6, "B3": 6, "C": 7,
}  # fmt: skip
# NX and M4 have no points in what could be read of the paper, so they are refused.
_SUBAXIAL_NEUROLOGY: Final[dict[AoNeurology, int]] = {"N0": 0, "N1": 1, "N2": 2, "N3": 4, "N4": 4}
_SUBAXIAL_FACET: Final[dict[AoFacet, int]] = {"none": 0, "F1": 2, "F2": 4, "F3": 5, "F4": 7}
_SUBAXIAL_MODIFIER: Final[dict[SubaxialModifier, int]] = {"none": 0, "M1": 1, "M2": 4, "M3": 4}


class InjuryScore(Scored):
    """Points of an injury score and the treatment band; `either` is never keyed."""

    treatment: Treatment


class SeverityScore(Scored):
    """Points of an injury score without published treatment bands; only its points may key an item."""


def _band(total: int, conservative_to: int, operative_from: int) -> Treatment:
    if total <= conservative_to:
        return "non_operative"
    return "operative" if total >= operative_from else "either"


def _check_torn(morphology: str, ligaments: Ligaments, complex_name: str) -> None:
    if morphology in ("distraction", "translation_rotation") and ligaments in ("intact", "indeterminate"):
        raise ValueError(
            f"ligaments is {ligaments!r} with morphology {morphology!r}, which implies a disrupted "
            f"{complex_name}; pass 'disrupted'"
        )


def tlics(morphology: TlicsMorphology, ligaments: Ligaments, neurology: TlicsNeurology) -> InjuryScore:
    """Return the TLICS points (1 to 10) of a thoracolumbar injury and what they suggest.

    `ligaments` is the posterior ligamentous complex; distraction and translation imply that it is disrupted,
    another state with them is a ValueError. Up to 3 points non-operative, 4 either, 5 and more operative. A
    value outside the lists is a ValueError. Source: Lee 2005, table 1.

    >>> score = tlics("burst", "indeterminate", "intact")
    >>> score.total, score.treatment, score.keyed
    (4, 'either', False)
    """
    _check_torn(morphology, ligaments, "posterior ligamentous complex")
    parts = (
        scored("morphology", morphology, _TLICS_MORPHOLOGY),
        scored("ligaments", ligaments, _TLICS_LIGAMENTS),
        scored("neurology", neurology, _TLICS_NEUROLOGY),
    )
    treatment = _band(sum_of(parts), conservative_to=3, operative_from=5)
    return InjuryScore(
        keyed=treatment != "either",
        source="tlics_2005",
        parts=parts,
        total=sum_of(parts),
        treatment=treatment,
    )


def slic(
    morphology: SlicMorphology, ligaments: Ligaments, neurology: SlicNeurology, ongoing_compression: bool
) -> InjuryScore:
    """Return the SLIC points (0 to 10) of a subaxial cervical injury and what they suggest.

    `ligaments` is the disco-ligamentous complex. Ongoing cord compression adds a point to a deficit; with an
    intact neurology the paper has no such point, so that pair is a ValueError. Distraction and translation
    imply a disrupted complex; another state with them is a ValueError. Up to 3 points non-operative, 4
    either, 5 and more operative. Source: Vaccaro 2007.

    >>> slic("translation_rotation", "disrupted", "incomplete_cord", True).total
    10
    """
    if claim(ongoing_compression, "ongoing_compression") and neurology == "intact":
        raise ValueError(
            "ongoing_compression is True with neurology 'intact'; SLIC adds the point to a deficit only, so "
            "pass False or the deficit"
        )
    _check_torn(morphology, ligaments, "disco-ligamentous complex")
    parts = (
        scored("morphology", morphology, _SLIC_MORPHOLOGY),
        scored("ligaments", ligaments, _SLIC_LIGAMENTS),
        scored("neurology", neurology, _SLIC_NEUROLOGY),
        scored("ongoing_compression", "yes" if ongoing_compression else "no", _SLIC_COMPRESSION),
    )
    treatment = _band(sum_of(parts), conservative_to=3, operative_from=5)
    return InjuryScore(
        keyed=treatment != "either",
        source="slic_2007",
        parts=parts,
        total=sum_of(parts),
        treatment=treatment,
    )


def thoracolumbar_aosis(
    morphology: AoMorphology, neurology: AoNeurology, modifier: ThoracolumbarModifier = "none"
) -> InjuryScore:
    """Return the AO Spine thoracolumbar injury score (0 to 12) and what it suggests.

    M1, an indeterminate tension band, belongs to type A; with B or C it is a ValueError. M2, a comorbidity,
    adds no point but may change the decision, so nothing is keyed with it. Up to 3 points conservative, 4
    and 5 either, more operative. Source: points Kepler 2016, bands Vaccaro 2016.

    >>> score = thoracolumbar_aosis("A4", "N0", "M1")
    >>> score.total, score.treatment
    (6, 'operative')
    """
    if modifier == "M1" and morphology[:1] in ("B", "C"):
        raise ValueError(
            f"modifier 'M1' with morphology {morphology!r}: M1 leaves the tension band undecided, types B "
            "and C decide it; pass 'none' or a type A"
        )
    parts = (
        scored("morphology", morphology, _THORACOLUMBAR_MORPHOLOGY),
        scored("neurology", neurology, _THORACOLUMBAR_NEUROLOGY),
        scored("modifier", modifier, _THORACOLUMBAR_MODIFIER),
    )
    treatment = _band(sum_of(parts), conservative_to=3, operative_from=6)
    return InjuryScore(
        keyed=treatment != "either" and modifier != "M2",
        source="aosis_thoracolumbar_2016",
        parts=parts,
        total=sum_of(parts),
        treatment=treatment,
    )


def subaxial_aosis(
    morphology: AoMorphology,
    neurology: AoNeurology,
    facet: AoFacet = "none",
    modifier: SubaxialModifier = "none",
) -> SeverityScore:
    """Return the AO Spine subaxial cervical injury score; it has no treatment bands, so `keyed` is False.

    Not checked against the primary table and refused with a ValueError: NX and M4, and a facet injury beside
    a body or tension band injury (pass it with A0). M1 is an incomplete capsuloligamentous injury and is
    refused with B2 and C. Source: Canseco, Global Spine J, abstract.

    >>> subaxial_aosis("A3", "N2").total, subaxial_aosis("A0", "N0", "F4").total
    (6, 7)
    """
    if facet != "none" and morphology != "A0":
        raise ValueError(
            f"facet {facet!r} beside morphology {morphology!r}: how their points combine was not checked "
            "against the paper; pass the facet injury with 'A0'"
        )
    if modifier == "M1" and morphology in ("B2", "C"):
        raise ValueError(
            f"modifier 'M1' (incomplete injury) with morphology {morphology!r} (complete); pass 'none'"
        )
    parts: tuple[Part, ...] = (
        scored("morphology", morphology, _SUBAXIAL_MORPHOLOGY),
        scored("facet", facet, _SUBAXIAL_FACET),
        scored("neurology", neurology, _SUBAXIAL_NEUROLOGY),
        scored("modifier", modifier, _SUBAXIAL_MODIFIER),
    )
    return SeverityScore(keyed=False, source="aosis_subaxial", parts=parts, total=sum_of(parts))
