"""What else a picture shows, or just cuts, that could be taken for the one level looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from spinemed.instances import counting_truth
from spinemed.instances.alignment_truth import SMALLEST_SLIP_PERCENT
from spinemed.instances.margins import CUTS
from spinemed.instances.premise import Premise, Shown, sites_in_view
from spinemed.instances.truth import NARROW, SEARCHED
from spinemed.records import Finding, Kind, Pathology

_ONE_IN_VIEW: Final[Mapping[Kind, Pathology]] = {
    **SEARCHED,
    "slip_fusion": "slip",
    "decompression_level": "herniation",
}
"""Kinds that look for the one level in view with a pathology."""

_LOOKS_ALIKE: Final[Mapping[Kind, tuple[Pathology, ...]]] = {
    "modic_level": ("spondylodiscitis", "fracture", "metastasis")
}
"""Kind -> other diseases that change a picture in the same way, at any level in view."""


def looks_for_one(kind: Kind) -> bool:
    """Return whether a kind looks for the one level in view with a pathology.

    >>> looks_for_one("slip_level"), looks_for_one("slip_grade")
    (True, False)
    """
    return kind in _ONE_IN_VIEW


def has_rival(premise: Premise) -> bool:
    """Return whether the pictures show more than one level that could be the one looked for, or count as one.

    Where counting to it is arguable (`counting_truth.is_arguable`), its neighbour could be the one.
    As in view counts what overlaps the window or borders on a vertebra that does: the disc below the last
    one may be seen though its lower vertebra is not.
    """
    pathology = _ONE_IN_VIEW.get(premise.kind)
    found = set() if pathology is None else _sites_near(premise, pathology)
    if counting_truth.is_arguable(premise, tuple(found)):
        return True
    if pathology is None:
        return False
    if len(found) > 1 or any(_may_be_near(premise, one) for one in _LOOKS_ALIKE.get(premise.kind, ())):
        return True
    if pathology == "fracture" and not any(_lost_height(premise, site) for site in found):
        # Where no height is lost, a dent in the endplate of another vertebra looks broken as well.
        dented = _sites_near(premise, "endplate_defect") - found
        return (
            bool(dented)
            or _may_hide(premise, "endplate_defect")
            or not all(_shows_break(premise, site) for site in found)
        )
    return pathology == "herniation" and _looks_herniated_elsewhere(premise, found)


def _sites_near(premise: Premise, pathology: Pathology) -> set[str]:
    """Return where a pathology is stated in or next to the windows."""
    return {
        one.site
        for one in premise.facts.of(pathology)
        if _is_looked_for(one) and any(_is_near(premise, shown, one) for shown in premise.shown)
    }


def _may_be_near(premise: Premise, pathology: Pathology) -> bool:
    """Return whether a pathology is stated in or next to the windows, or held back there."""
    return bool(_sites_near(premise, pathology)) or _may_hide(premise, pathology)


def _may_hide(premise: Premise, pathology: Pathology) -> bool:
    """Return whether every shown series holds back a pathology at a level that is in a window."""
    in_view = {site for shown in premise.shown for site in sites_in_view(premise, shown)}
    return premise.is_hidden(pathology, in_view)


def _is_looked_for(finding: Finding) -> bool:
    if finding.pathology == "canal_stenosis":
        return finding.grade in NARROW
    return finding.present


def _is_near(premise: Premise, shown: Shown, finding: Finding) -> bool:
    """Return whether a finding lies in the window or at a segment of a vertebra that touches it."""
    if set(finding.site.split("-")) & set(sites_in_view(premise, shown)):
        return True
    where, box = finding.evidence, finding.evidence.box
    return (
        (where.series, where.plane) == (shown.series.uid, shown.plane)
        and box.bottom > shown.top
        and box.top < shown.bottom
        and box.right > shown.left
        and box.left < shown.right
    )


def _lost_height(premise: Premise, site: str) -> bool:
    """Return whether a shown series states that a vertebra has lost a fifth of its height or more."""
    series = {shown.series.uid for shown in premise.shown}
    return any(
        one.evidence.series in series and (one.value or 0.0) >= CUTS["height_loss"][0]
        for one in premise.stated("height_loss", site)
    )


def _shows_break(premise: Premise, site: str) -> bool:
    """Return whether a picture shows a fracture without loss of height: by its oedema, or on CT its line."""
    series = {shown.series.uid for shown in premise.shown}
    here = [one for one in premise.stated("fracture", site) if one.evidence.series in series]
    return any(one.detail == "fresh" for one in here) or any(
        shown.series.modality == "CT" for shown in premise.shown
    )


def _looks_herniated_elsewhere(premise: Premise, herniated: set[str]) -> bool:
    """Return whether a slipped or narrow segment without herniation is in view: its disc bulges as well."""
    alike = {
        one.site
        for pathology in ("slip", "canal_stenosis")
        for one in premise.facts.of(pathology)
        if (pathology == "canal_stenosis" and one.grade in NARROW)
        or (pathology == "slip" and one.present and abs(one.value or 0.0) >= SMALLEST_SLIP_PERCENT)
    }
    in_view = {site for shown in premise.shown for site in sites_in_view(premise, shown)}
    return bool((alike - herniated) & in_view)
