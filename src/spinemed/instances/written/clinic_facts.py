"""A written case as the clinic reads cases: its examinations as series that hold what the report states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from spinemed.facts.case import CaseFacts
from spinemed.phantom.written import WrittenCase
from spinemed.phantom.written.fact import Exam, Method
from spinemed.records import Box, Finding, Locator, Modality, Pathology, Plane, Posture, Series

_NOWHERE: Final = Box(left=0, top=0, right=0, bottom=0)
_FRONTAL: Final[frozenset[Pathology]] = frozenset({"scoliosis"})
"""What is told by the frontal film of a pair; the lateral one tells all else."""


class _Part(NamedTuple):
    """One series of an examination: what tells it apart, and how it is looked at."""

    name: str
    modality: Modality
    plane: Plane
    sequence: str = ""
    view: str = ""
    posture: Posture = "lying"


_PARTS: Final[dict[Method, tuple[_Part, ...]]] = {
    "mr": (_Part("mr", "MR", "sagittal", "T1/T2/STIR/axial T2"),),
    "ct": (_Part("ct", "CT", "sagittal"),),
    "xr": (
        _Part("ap", "XR", "radiograph", view="FULL_AP", posture="standing"),
        _Part("lat", "XR", "radiograph", view="FULL_LAT", posture="standing"),
    ),
    "bending": (
        _Part("flexion", "XR", "radiograph", view="LAT", posture="flexion"),
        _Part("extension", "XR", "radiograph", view="LAT", posture="extension"),
    ),
}
_ONCE: Final[frozenset[Pathology]] = frozenset({"vertebra"})
"""What every series tells of the vertebrae that it holds."""


def clinic_facts(case: WrittenCase) -> CaseFacts:
    """Return the facts of a written case by series that nobody rendered; ids are those of its findings.

    Only the clinic's rules read these series: which regions MRI covers, what a standing film may tell. The
    published study has none. A number that the report does not tell loses its unit, so that no text tells it
    while rules that follow from the grade still know it.
    """
    series, findings = list[Series](), list[Finding]()
    for exam in case.exams:
        for part in _PARTS[exam.method]:
            one = _series(case, part)
            series.append(one)
            findings += _told(case, exam, part, one)
    study = case.study.model_copy(update={"series": tuple(series)})
    return CaseFacts(study, tuple(findings))


def _series(case: WrittenCase, part: _Part) -> Series:
    nowhere = Path(case.study.id) / part.name
    return Series.model_construct(
        uid=f"{case.study.id}/{part.name}",
        modality=part.modality,
        sequence=part.sequence,
        image=nowhere,
        mask=nowhere,
        label_scheme="verse",
        plane=part.plane,
        posture=part.posture,
        view=part.view,
        months=0,
    )


def _told(case: WrittenCase, exam: Exam, part: _Part, series: Series) -> Iterator[Finding]:
    place = Locator.model_construct(
        series=series.uid, plane=part.plane, slice_index=0, slice_id="", box=_NOWHERE
    )
    measured = {name for sentence in case.sentences for name in sentence.measured}
    for finding in case.findings:
        if finding.pathology in _ONCE:
            told = finding.site in exam.levels
        else:
            told = case.methods[finding.id] == exam.method and _is_of(finding, part)
        if told:
            untold = finding.value is not None and finding.id not in measured
            yield finding.model_copy(update={"evidence": place, **({"unit": ""} if untold else {})})


def _is_of(finding: Finding, part: _Part) -> bool:
    """Whether a part of its examination tells a finding."""
    if part.name in ("flexion", "extension"):
        return finding.posture == part.name
    if part.name in ("ap", "lat"):
        return (part.name == "ap") == (finding.pathology in _FRONTAL)
    return True
