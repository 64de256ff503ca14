"""The key pictures of a case: whole slices that show what its consultations and reports rest on."""

from __future__ import annotations

from typing import Final

from spinemed.instances.clinic import wanted_pictures
from spinemed.instances.drafts import Case
from spinemed.instances.shots import picture_of
from spinemed.records import Picture

_WHOLE: Final = (0.0, 0.0)


def key_pictures(case: Case) -> dict[str, Picture]:
    """Return finding -> the whole slice that it lies in, for the findings that a consultation would show.

    GeometryError where a volume has no such slice.
    """
    by_uid = {one.series.uid: one for one in case.series}
    findings = {finding.id: finding for finding in case.facts.findings}
    pictures: dict[str, Picture] = {}
    for identity in wanted_pictures(case.facts):
        finding = findings[identity]
        key = f"{case.asking.seed}:{case.study.id}:key picture"
        pictures[identity] = picture_of(
            case.study, by_uid[finding.evidence.series], finding, key, side_mm=_WHOLE
        )
    return pictures
