"""What a judge is shown of one report: true findings, history, a reference and the candidate's text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from spinemed.instances.clinic.problem import is_abnormal
from spinemed.records import Finding, Record
from spinemed.report_sections import read_sections

_HISTORY: Final = re.compile(r"^(?:Images|影像)[:：].*$", re.MULTILINE)


class JudgeCase(Record):
    """One report to be judged. `patient` is what intervals are clustered by, `model` who wrote the report."""

    id: str
    patient: str
    study: str = ""
    language: Literal["en", "zh"]
    model: str
    findings: str
    history: str = ""
    reference: str
    candidate: str

    def part(self, numbers: Sequence[int]) -> str:
        """Return the candidate's text of some parts, "" where it has none of them."""
        return _joined(parts_of(self.candidate), numbers)

    def part_of_reference(self, numbers: Sequence[int]) -> str:
        """Return the reference's text of some parts."""
        return _joined(parts_of(self.reference), numbers)


@lru_cache(maxsize=256)
def parts_of(report: str) -> Mapping[int, str]:
    """Return number (1 to 6) -> text of a report's parts, without empty ones.

    A text without any known heading stands for every part: it is judged, not thrown away.

    >>> parts_of("## 2. AI-assisted diagnosis\\nStenosis.\\n## 4. Risk and prognosis\\n")
    {2: 'Stenosis.'}
    >>> sorted(parts_of("Stenosis.")), parts_of("  ")
    ([1, 2, 3, 4, 5, 6], {})
    """
    read = read_sections(report)
    if read.form != "none":
        return {
            number: one.text.strip()
            for number, one in enumerate(read.sections, start=1)
            if one.state == "found" and one.text.strip()
        }
    text = report.strip()
    return dict.fromkeys(range(1, 7), text) if text else {}


def findings_text(findings: Iterable[Finding]) -> str:
    """Return the abnormal findings, one a line: site, pathology, grade, side, detail and measure.

    Findings of several series are told once. "No abnormal finding." where there is none.
    """
    lines: dict[str, None] = {}
    for one in findings:
        if not is_abnormal(one):
            continue
        value = "" if one.value is None else f"{one.value:.0f} {one.unit}".strip()
        told = [
            one.pathology.replace("_", " "),
            one.grade and f"grade {one.grade}",
            one.side and f"side {one.side}",
        ]
        lines.setdefault(f"{one.site}: " + ", ".join(part for part in (*told, one.detail, value) if part))
    return "\n".join(lines) or "No abnormal finding."


def report_cases(
    rows: Iterable[Mapping[str, Any]],
    findings: Mapping[str, Finding],
    written: Mapping[str, str] | None = None,
    model: str = "reference",
) -> Iterator[JudgeCase]:
    """Yield a case for each row of the config `report`; `written` is row id -> the candidate's report.

    Without `written` the candidate is the reference itself, as the checks of a judge want it. Rows without a
    candidate are left out. A finding that the rows name and `findings` lacks is a KeyError.
    """
    for row in rows:
        candidate = row["answer"] if written is None else written.get(row["id"])
        if candidate is None:
            continue
        yield JudgeCase(
            id=row["id"],
            patient=row["patient"],
            study=row["study"],
            language=row["language"],
            model=model,
            findings=findings_text(findings[one] for one in row["findings"]),
            history=_HISTORY.sub("", row["question"]).strip(),
            reference=row["answer"],
            candidate=candidate,
        )


def _joined(parts: Mapping[int, str], numbers: Sequence[int]) -> str:
    texts = [parts[number] for number in numbers if number in parts]
    return "\n\n".join(dict.fromkeys(texts))
