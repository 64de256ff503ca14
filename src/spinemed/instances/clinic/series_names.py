"""What series are called in texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.wording import Language, Style, listed, term


def modalities(facts: CaseFacts, style: Style, through: Mapping[str, Collection[str]]) -> str:
    """Return the study's series in words, such as "sagittal T2-weighted MRI and sagittal CT".

    `through` has the sites of a series' slices in their order, uid -> sites, where no slice tells its own.
    """
    names: dict[str, dict[str, None]] = {}
    for series in facts.study.series:
        if facts.seen_in(series.uid):
            name = series_name(series.modality, series.sequence, series.plane, series.view, style.language)
            sites = names.setdefault(_bent(name, series.posture, style.language), {})
            sites.update(dict.fromkeys(through.get(series.uid, ())))
    return listed([_through(name, sites, style) for name, sites in names.items()], style.language)


def _through(name: str, sites: Collection[str], style: Style) -> str:
    """Return the name of a series with the sites that its slices run through."""
    if not sites:
        return name
    levels = style.sites(tuple(sites))
    return f"经{levels}的{name}" if style.language == "zh" else f"{name} through {levels}"


def _bent(name: str, posture: str, language: Language) -> str:
    """Return the name with the posture of a film in flexion or extension, where values differ."""
    if posture not in ("flexion", "extension"):
        return name
    bent = term(posture, language)
    return f"{bent}{name}" if language == "zh" else f"{name} {bent}"


def series_name(modality: str, sequence: str, plane: str, view: str, language: Language) -> str:
    """Return what a series is called.

    A written examination is one series of several sequences, of which the last may lie in another plane.

    >>> series_name("MR", "T2", "sagittal", "", "en"), series_name("XR", "", "radiograph", "LAT", "zh")
    ('sagittal T2-weighted MRI', 'X线侧位片')
    >>> series_name("MR", "T1/T2/STIR/axial T2", "sagittal", "", "en")
    'sagittal T1/T2/STIR and axial T2 MRI'
    """
    kind = term(modality, language)
    if modality == "XR":
        shown = term(view, language) if view else ""
        return f"{kind}{shown}片" if language == "zh" else f"{shown} {kind}".strip()
    sequence, _, across = sequence.partition("/axial ")
    if across and language == "zh":
        return f"{kind} {sequence}{term(plane, language)}及{across}{term('axial', language)}"
    if across:
        return f"{term(plane, language)} {sequence} and {term('axial', language)} {across} {kind}"
    weighted = {"T1": ("T1-weighted", "T1加权"), "T2": ("T2-weighted", "T2加权")}.get(
        sequence, (sequence,) * 2
    )
    if language == "zh":
        # A blank parts the two Latin words of "MRI T2加权".
        return f"{kind}{' ' if weighted[1] else ''}{weighted[1]}{term(plane, language)}"
    return " ".join(part for part in (term(plane, language), weighted[0], kind) if part)
