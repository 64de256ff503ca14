"""What series are called in texts."""

from __future__ import annotations

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.wording import Language, listed, term


def modalities(facts: CaseFacts, language: Language) -> str:
    """Return the study's series in words, such as "sagittal T2-weighted MRI and sagittal CT"."""
    names: dict[str, None] = {}
    for series in facts.study.series:
        if facts.seen_in(series.uid):
            name = series_name(series.modality, series.sequence, series.plane, series.view, language)
            names[_bent(name, series.posture, language)] = None
    return listed(tuple(names), language)


def _bent(name: str, posture: str, language: Language) -> str:
    """Return the name with the posture of a film in flexion or extension, where values differ."""
    if posture not in ("flexion", "extension"):
        return name
    bent = term(posture, language)
    return f"{bent}{name}" if language == "zh" else f"{name} {bent}"


def series_name(modality: str, sequence: str, plane: str, view: str, language: Language) -> str:
    """Return what a series is called.

    >>> series_name("MR", "T2", "sagittal", "", "en"), series_name("XR", "", "radiograph", "LAT", "zh")
    ('sagittal T2-weighted MRI', 'X线侧位片')
    """
    kind = term(modality, language)
    if modality == "XR":
        shown = term(view, language) if view else ""
        return f"{kind}{shown}片" if language == "zh" else f"{shown} {kind}".strip()
    weighted = {"T1": ("T1-weighted", "T1加权"), "T2": ("T2-weighted", "T2加权")}.get(
        sequence, (sequence,) * 2
    )
    if language == "zh":
        # A blank parts the two Latin words of "MRI T2加权".
        return f"{kind}{' ' if weighted[1] else ''}{weighted[1]}{term(plane, language)}"
    return " ".join(part for part in (term(plane, language), weighted[0], kind) if part)
