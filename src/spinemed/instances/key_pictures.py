"""The key pictures of a case: of each series the one whole slice that shows most of what is wrong."""

from __future__ import annotations

from collections import Counter
from typing import Final

from spinemed.instances.drafts import Case
from spinemed.instances.shots import CaseSeries, picture_of
from spinemed.records import Finding, Picture

_WHOLE: Final = (0.0, 0.0)
_BARE: Final = ("vertebra", "vertebra_in_part")


def key_pictures(case: Case) -> dict[str, Picture]:
    """Return finding -> the picture of the slice that it lies in, one slice a series, for consultations.

    Findings of other slices have no picture. GeometryError where a volume has no such slice.
    """
    pictures: dict[str, Picture] = {}
    for series in case.series:
        if not series.findings:
            continue
        shown = _most_telling(series)
        key = f"{case.asking.seed}:{case.study.id}:{series.series.uid}:key picture"
        picture = picture_of(case.study, series, shown[0], key, side_mm=_WHOLE)
        pictures.update({finding.id: picture for finding in shown})
    return pictures


def _most_telling(series: CaseSeries) -> list[Finding]:
    """Return the findings of the slice with most that is wrong, or else with most findings."""
    ill: Counter[tuple[str, int]] = Counter()
    for finding in series.findings:
        wrong = finding.present and finding.pathology not in _BARE
        ill[_slice_of(finding)] += 1000 * wrong + 1
    [(place, _)] = ill.most_common(1)
    return [finding for finding in series.findings if _slice_of(finding) == place]


def _slice_of(finding: Finding) -> tuple[str, int]:
    return finding.evidence.plane, finding.evidence.slice_index
