"""The findings that a source states itself, such as the phantom's truth, read from JSON lines."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from spinemed.errors import SourceError
from spinemed.records import Finding, Study


def stated_findings(study: Study) -> tuple[Finding, ...]:
    """Return the findings in the file that the study names; none where it names none.

    SourceError, with file and line, for a file that cannot be read, a line that is no Finding, or one of
    another study.
    """
    if study.stated is None:
        return ()
    return tuple(_finding(line, number, study.stated, study) for number, line in _lines(study.stated))


def _lines(file: Path) -> list[tuple[int, str]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file}: cannot be read ({error}); write the study again") from error
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _finding(line: str, number: int, file: Path, study: Study) -> Finding:
    place = f"{file}, line {number}"
    try:
        finding = Finding.model_validate_json(line)
    except ValidationError as error:
        raise SourceError(
            f"{place}: no finding ({error.error_count()} faults); write the study again"
        ) from error
    if finding.study != study.id:
        raise SourceError(f"{place}: a finding of study {finding.study}, not of {study.id}")
    return finding
