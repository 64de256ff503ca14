"""What every series of a phantom supports: findings measured on the placed solids, rejects with the reason.

Claims are made by family (bodies, discs, canal, curves, radiographs) and judged by visibility.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator

from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.export.claim import Claim, judged
from spinemed.phantom.export.evidence import ShownSeries
from spinemed.phantom.export.findings_bodies import body_claims
from spinemed.phantom.export.findings_canal import canal_claims
from spinemed.phantom.export.findings_curves import slice_curve_claims
from spinemed.phantom.export.findings_discs import disc_claims
from spinemed.phantom.export.findings_radiograph import radiograph_claims
from spinemed.phantom.export.series import Rendered, name_of
from spinemed.phantom.export.visibility import Visibility, visibility
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.records import Finding, Reject


def series_findings(
    anatomy: Anatomy, rendered: Rendered, study_id: str, series_uid: str
) -> list[Finding | Reject]:
    """Return what one rendered series of a placed patient supports, and what is there but not seen in it.

    The anatomy must be the one that was rendered, in the same posture. Evidence counts pixels as
    `records.Locator` says, `slice_id` is the SOPInstanceUID that the study's DICOM files bear. A normal
    site that is not seen well enough is left out; a change that is not becomes a Reject.
    """
    rules = visibility()
    if isinstance(rendered, RenderedRadiograph):
        kind: str = rendered.kind
        claims = radiograph_claims(anatomy, rendered, series_uid, rules)
    else:
        kind = rendered.acquisition.kind
        name = name_of(anatomy, rendered)
        claims = _slice_claims(ShownSeries(anatomy, rendered, study_id, series_uid, name), rules)
    found = (judged(claim, study_id, series_uid, kind, anatomy.posture, rules) for claim in claims)
    return [one for one in found if one is not None]


def _slice_claims(shown: ShownSeries, rules: Visibility) -> Iterator[Claim]:
    if shown.plane == "sagittal":
        yield from body_claims(shown, rules)
        yield from slice_curve_claims(shown, rules)
    yield from disc_claims(shown, rules)
    if shown.kind in ("t1", "t2", "stir", "t2_axial"):
        yield from canal_claims(shown, rules)
