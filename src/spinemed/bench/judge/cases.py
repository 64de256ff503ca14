"""What a judge is shown of one report: true findings, history, a reference and the candidate's text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from spinemed.instances.clinic.describe import fields_of, phrase_name
from spinemed.instances.clinic.limits import as_told
from spinemed.instances.clinic.problem import is_abnormal
from spinemed.instances.clinic.told import is_minor
from spinemed.instances.clinic.wording import Style, phrases
from spinemed.records import Finding, Record
from spinemed.report_sections import read_sections

MINOR: Final = "Minor:"
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
    """Return the abnormal findings, one a line, in the words in which our own reports state them.

    So a grade, side or cause that a report cannot state (the grade of a slip backwards, the cause of a slip
    whose arch no series shows) is none that a judge could miss. The first one leads; below `MINOR` stand wear
    and mild narrowing. Findings of several series are told once. "No abnormal finding." where there is none.
    """
    ill = [one for one in findings if is_abnormal(one)]
    heavy = dict.fromkeys(_sentence(one) for one in ill if one is ill[0] or not is_minor(one))
    minor = dict.fromkeys(_sentence(one) for one in ill[1:] if is_minor(one))
    lines = [*heavy, *([MINOR] if minor else []), *minor]
    return "\n".join(lines) or "No abnormal finding."


def _sentence(finding: Finding) -> str:
    wording = phrases()[f"finding.{phrase_name(finding)}"].wordings("en")[0]
    return wording.format(**fields_of((finding,), Style(language="en", name="canonical"), ""))


def report_cases(
    rows: Iterable[Mapping[str, Any]],
    findings: Mapping[str, Finding],
    sequences: Mapping[str, Mapping[str, str]],
    written: Mapping[str, str] | None = None,
    model: str = "reference",
) -> Iterator[JudgeCase]:
    """Yield a case for each row of the config `report`; `written` is row id -> the candidate's report.

    The true findings are those that the row names, the leading one first: what its report owes, and states.
    `sequences` is study -> series -> sequence, "" where there is none; what those that the request names do
    not tell is left out (`limits.as_told`).
    Without `written` the candidate is the reference itself, as the checks of a judge want it. Rows without a
    candidate are left out. A finding that the rows name and `findings` lacks is a KeyError.
    """
    for row in rows:
        candidate = row["answer"] if written is None else written.get(row["id"])
        if candidate is None:
            continue
        shown = {
            series: name
            for series, name in sequences.get(row["study"], {}).items()
            if name in row["question"]
        }
        yield JudgeCase(
            id=row["id"],
            patient=row["patient"],
            study=row["study"],
            language=row["language"],
            model=model,
            findings=findings_text(as_told([findings[one] for one in row["findings"]], shown)),
            history=_HISTORY.sub("", row["question"]).strip(),
            reference=row["answer"],
            candidate=candidate,
        )


def _joined(parts: Mapping[int, str], numbers: Sequence[int]) -> str:
    texts = [parts[number] for number in numbers if number in parts]
    return "\n\n".join(dict.fromkeys(texts))
