"""The findings that a source states itself, such as the phantom's truth, read from JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar, get_args

from pydantic import ValidationError

from spinemed.errors import SourceError
from spinemed.facts.case import Hidden
from spinemed.records import Finding, Pathology, Record, Reject, Study

REJECTS_FILE: Final = "rejects.jsonl"
"""Beside the file of findings: what is there but cannot be seen, or lies too close to a cut."""

_Line = TypeVar("_Line", bound=Record)


def stated_findings(study: Study) -> tuple[Finding, ...]:
    """Return the findings in the file that the study names; none where it names none.

    SourceError for a file that cannot be read, a line (named) that is no Finding, or one of another study.
    """
    if study.stated is None:
        return ()
    findings = _lines(study.stated, Finding)
    others = {finding.study for finding in findings} - {study.id}
    if others:
        raise SourceError(
            f"{study.stated}: findings of other studies ({', '.join(sorted(others))}), not of {study.id}"
        )
    return findings


def stated_rejects(study: Study) -> tuple[Reject, ...]:
    """Return what the source itself held back, from `REJECTS_FILE` beside its findings; none without it.

    SourceError as `stated_findings`.
    """
    file = None if study.stated is None else study.stated.with_name(REJECTS_FILE)
    return () if file is None or not file.is_file() else _lines(file, Reject)


def hidden_by(rejects: Iterable[Reject]) -> frozenset[Hidden]:
    """Return what rejects hold back of a series, from their ids `study/series/site/pathology/side`.

    The grade stands in the reason, behind the pathology and before the colon, as in "L4-L5 slip 2: why".
    Rejects of whole series or sites name no pathology and hide none.
    """
    parts = [(reject.id.split("/"), reject.reason.split(":")[0].split()) for reject in rejects]
    return frozenset(
        Hidden(one[1], one[2], one[3], "".join(one[4:5]), _behind(one[3], said))
        for one, said in parts
        if len(one) > 3 and one[3] in get_args(Pathology)
    )


def _behind(pathology: str, said: Sequence[str]) -> str:
    """Return the word that follows a pathology, "" where there is none."""
    return said[said.index(pathology) + 1] if pathology in said[:-1] else ""


def _lines(file: Path, kind: type[_Line]) -> tuple[_Line, ...]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file}: cannot be read ({error}); write the study again") from error
    return tuple(
        _read(line, kind, f"{file}, line {number}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip()
    )


def _read(line: str, kind: type[_Line], place: str) -> _Line:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        name = kind.__name__
        raise SourceError(
            f"{place}: no {name} ({error.error_count()} faults); write the study again"
        ) from error
