"""Injury scores of the thoracolumbar and subaxial cervical spine with the treatment that they suggest."""

from __future__ import annotations

from typing import Literal

from spinemed.facts.planning.ruling import Scored

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


class InjuryScore(Scored):
    """Points of an injury score and the treatment band; `either` is never keyed."""

    treatment: Treatment


class SeverityScore(Scored):
    """Points of an injury score that has no published treatment bands; never keyed as a recommendation."""


def tlics(morphology: TlicsMorphology, ligaments: Ligaments, neurology: TlicsNeurology) -> InjuryScore:
    """Return the TLICS points of a thoracolumbar injury: 1 to 10; `ligaments` is the posterior complex."""
    raise NotImplementedError


def slic(
    morphology: SlicMorphology, ligaments: Ligaments, neurology: SlicNeurology, ongoing_compression: bool
) -> InjuryScore:
    """Return the SLIC points of a subaxial cervical injury; `ligaments` is the disco-ligamentous complex."""
    raise NotImplementedError


def thoracolumbar_aosis(
    morphology: AoMorphology, neurology: AoNeurology, modifier: ThoracolumbarModifier = "none"
) -> InjuryScore:
    """Return the AO Spine thoracolumbar injury score (TL AOSIS)."""
    raise NotImplementedError


def subaxial_aosis(
    morphology: AoMorphology,
    neurology: AoNeurology,
    facet: AoFacet = "none",
    modifier: SubaxialModifier = "none",
) -> SeverityScore:
    """Return the AO Spine subaxial cervical injury score; no treatment bands."""
    raise NotImplementedError
