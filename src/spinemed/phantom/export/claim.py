"""What a producer of findings claims, and the judgement whether a series bears it out: Finding or Reject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spinemed.phantom.export.visibility import Visibility
from spinemed.records import Box, Finding, Locator, Pathology, Posture, Reject, Side, content_id

STEP: Final[str] = "visibility"
SOURCE: Final[str] = "phantom"
_NEAR_CUT: Final[str] = "its measure lies within the measuring error of a cut between grades"
_EVERYWHERE: Final[frozenset[Pathology]] = frozenset(
    {
        "vertebra",
        "vertebra_in_part",
        "disc_degeneration",
        "osteophyte",
        "lumbar_lordosis",
        "thoracic_kyphosis",
    }
)

_BODIES: Final[tuple[Pathology, ...]] = ("vertebra", "vertebra_in_part")

_NORMAL_KYPHOSIS_DEG: Final[float] = 50.0
"""Above it the back is bent: who cannot measure the angle must not call the picture normal."""
_COLLAPSED: Final[str] = "5"
"""Pfirrmann's grade of a disc that has lost its height, which series show that cannot grade a disc."""


@dataclass(frozen=True)
class Claim:
    """One finding before it is known whether it can be seen; fields as in `records.Finding`.

    `off_cut` is how far the measure that decides the grade lies from the nearest cut, in units of `error`'s
    measure; None where no cut is near. `evidence` None means that the place is not in the picture, and
    `cut_off` that part of it is not. `hidden` says in words what else keeps it from being seen.
    """

    site: str
    pathology: Pathology
    evidence: Locator | None
    pixels: int = 0
    contrast: float = 0.0
    grade: str = ""
    side: Side | None = None
    present: bool = True
    value: float | None = None
    unit: str = ""
    detail: str = ""
    extent: tuple[str, str] | None = None
    error: float | None = None
    off_cut: float | None = None
    cut_off: bool = False
    hidden: str = ""


def judged(
    claim: Claim, study: str, series: str, kind: str, posture: Posture, rules: Visibility
) -> Finding | Reject | None:
    """Return the finding, or the reject that says why it is not stated; None for a normal site unseen."""
    reason = _objection(claim, kind, rules)
    if reason is None:
        return _finding(claim, study, series, posture)
    # Normal sites, and measures that every spine has, are no loss where they lie outside the picture. A body
    # that lies in it unclearly is one: who counts may see it.
    unclear_body = claim.pathology in _BODIES and claim.evidence is not None
    expected = claim.pathology in _EVERYWHERE and not _is_plain(claim) and not unclear_body
    passed_over = not claim.present or expected
    if passed_over and reason is not _NEAR_CUT:
        return None
    what = " ".join(filter(None, (claim.side or "", claim.pathology, claim.grade)))
    return Reject(
        id=f"{study}/{series}/{claim.site}/{claim.pathology}/{claim.side or ''}",
        source=SOURCE,
        step=STEP,
        reason=f"{claim.site} {what}: {reason}",
        fix="none needed: another series or view may show it",
    )


def _is_plain(claim: Claim) -> bool:
    """Return whether a claim of what every spine has is of a bent back or a collapsed disc: none is normal.

    A disc that is infected, replaced or bridged has no grade, and is claimed as such.
    """
    if claim.pathology == "disc_degeneration":
        return claim.grade == _COLLAPSED and not claim.hidden
    return claim.pathology == "thoracic_kyphosis" and (claim.value or 0.0) > _NORMAL_KYPHOSIS_DEG


def _objection(claim: Claim, kind: str, rules: Visibility) -> str | None:
    needs = rules.findings[claim.pathology]
    if kind not in needs.series:
        return f"a series of kind {kind} does not show it"
    if claim.hidden:
        return claim.hidden
    if claim.evidence is None:
        return "its place lies outside the picture"
    if claim.cut_off:
        return "the border of the picture cuts it"
    if claim.pixels < needs.pixels:
        return f"it covers {claim.pixels} pixels, {needs.pixels} are needed"
    if claim.contrast < needs.contrast:
        return f"it stands out by {claim.contrast:.1f} deviations of noise, {needs.contrast:g} are needed"
    if None not in (claim.off_cut, claim.error) and _near_cut(claim, rules):
        return _NEAR_CUT
    return None


def _near_cut(claim: Claim, rules: Visibility) -> bool:
    off_cut, error = claim.off_cut or 0.0, claim.error or 0.0
    return off_cut <= rules.margin_errors * error


def _finding(claim: Claim, study: str, series: str, posture: Posture) -> Finding:
    if claim.evidence is None:
        raise ValueError(f"{claim.site} {claim.pathology} was judged visible without evidence")
    return Finding(
        id=content_id(study, series, claim.site, claim.pathology, claim.side, claim.detail),
        study=study,
        site=claim.site,
        pathology=claim.pathology,
        grade=claim.grade,
        side=claim.side,
        present=claim.present,
        value=None if claim.value is None else round(claim.value, 1),
        unit=claim.unit,
        detail=claim.detail,
        extent=claim.extent,
        posture=posture,
        error=None if claim.error is None else round(claim.error, 2),
        pixels=claim.pixels,
        contrast=round(claim.contrast, 2),
        evidence=claim.evidence,
    )


def union(boxes: list[Box]) -> Box:
    """Return the least box that holds all boxes.

    >>> union([Box(left=0, top=1, right=2, bottom=3), Box(left=1, top=0, right=5, bottom=2)])
    Box(left=0, top=0, right=5, bottom=3)
    """
    return Box(
        left=min(box.left for box in boxes),
        top=min(box.top for box in boxes),
        right=max(box.right for box in boxes),
        bottom=max(box.bottom for box in boxes),
    )
