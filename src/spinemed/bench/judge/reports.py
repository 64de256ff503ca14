"""Reports to judge, from disk: the references of a corpus with their true findings, and written reports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from spinemed.bench.items import place_in_order, rows, shards
from spinemed.bench.judge.cases import JudgeCase, report_cases
from spinemed.errors import SourceError
from spinemed.records import Finding

_ROW: Final = ("id", "question", "answer", "patient", "study", "language", "findings")
_PLACE: Final = ("series", "plane", "slice_index", "slice_id", "box")
_SAME: Final = (
    "id", "study", "site", "pathology", "grade", "side", "present", "value", "unit", "detail", "posture",
    "error", "pixels", "contrast",
)  # fmt: skip


def read_report_cases(
    data: Path, split: str, written: Mapping[str, str] | None = None, model: str = "reference"
) -> list[JudgeCase]:
    """Return the reports of a split as cases, ordered by the hash of their ids: any prefix is a fixed sample.

    `written` is report id -> what a model wrote; without it each candidate is the reference itself.
    SourceError where a written id is not of this split, or no report is left.
    """
    asked = list(rows(shards(data, "report", split), _ROW))
    if written is not None:
        strangers = sorted(set(written) - {row["id"] for row in asked})
        if strangers:
            raise SourceError(
                f"{len(strangers)} of {len(written)} written reports are not of {data} {split}: "
                f"{strangers[0]}; name the corpus and split that they answer"
            )
    wanted = {one for row in asked for one in row["findings"]}
    findings = read_findings(data, split, wanted)
    sequences = read_sequences(data, split, {row["study"] for row in asked})
    cases = sorted(
        report_cases(asked, findings, sequences, written, model), key=lambda case: place_in_order(case.id)
    )
    if not cases:
        raise SourceError(
            f"{data} {split} has no report to judge; write reports first, or name another split"
        )
    return cases


def read_findings(data: Path, split: str, only: Iterable[str]) -> dict[str, Finding]:
    """Return the findings with these ids, as the config `findings` has them."""
    files = shards(data, "findings", split)
    found = rows(files, (*_SAME, "extent", *_PLACE), only=set(only))
    return {row["id"]: finding_of(row) for row in found}


def read_sequences(data: Path, split: str, only: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return study -> series -> sequence, "" for CT and films, as the config `studies` has them."""
    found = rows(shards(data, "studies", split), ("id", "series", "sequences"), only=set(only))
    return {row["id"]: dict(zip(row["series"], row["sequences"], strict=True)) for row in found}


def finding_of(row: Mapping[str, Any]) -> Finding:
    """Return the finding of a row of the config `findings`."""
    place = {name: row[name] for name in _PLACE if row.get(name) is not None}
    extent = tuple(row.get("extent") or ())
    same = {name: row[name] for name in _SAME if row.get(name) is not None}
    return Finding.model_validate({**same, "extent": extent or None, "evidence": place})


def read_written(path: Path) -> tuple[dict[str, str], str]:
    """Return report id -> text, and the model's name, from JSON lines: `instance` or `id`, `text`, `model`.

    Files of `spinemed predict` are such. SourceError with the line where something is missing or doubled.
    """
    texts: dict[str, str] = {}
    models: set[str] = set()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read ({error}); name a file of predictions") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            identity, text, model = row.get("instance", row.get("id")), row["text"], row["model"]
        except (ValueError, KeyError, AttributeError) as error:
            raise SourceError(
                f"{path}, line {number}: no instance, text and model in it ({error})"
            ) from error
        if not isinstance(identity, str) or not isinstance(text, str) or identity in texts:
            raise SourceError(
                f"{path}, line {number}: id {identity!r} is doubled or no text; give each report once"
            )
        texts[identity] = text
        models.add(str(model))
    if len(models) != 1:
        raise SourceError(f"{path} holds reports of {len(models)} models {sorted(models)}; one file a model")
    return texts, models.pop()
