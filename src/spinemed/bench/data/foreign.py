"""Items of other benchmarks as rows of ours: one shape, ids from content, licence and name on every row."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image, UnidentifiedImageError

from spinemed.bench.data.columns import MULTIPLE
from spinemed.corpus.rows import Row
from spinemed.errors import SourceError
from spinemed.records import Reject, content_id

LETTERS = "ABCDEFGHIJ"
SPLIT = "test"


@dataclass(frozen=True)
class Asked:
    """One item of another benchmark, before it is a row.

    `right` holds the texts of the options that are right; with `options` empty it is the answer itself.
    `marker` is (column, row, radius) of a ring in the first picture.
    """

    benchmark: str
    licence: str
    axis: Literal["level", "pathology", "planning"]
    kind: str
    modality: Literal["CT", "MR", "XR", "text"]
    question: str
    options: tuple[str, ...]
    right: tuple[str, ...]
    pictures: tuple[bytes, ...]
    study: str
    patient: str
    level: str = ""
    series: str = ""
    plane: str = ""
    marker: tuple[float, float, float] | None = None
    spacing_mm: float | None = None
    multiple: bool = False


_RING = ("column", "row", "radius")


def foreign_row(asked: Asked) -> Row:
    """Return the row: `choice`, `open` without options, or `multiple` where several letters may be right.

    The row says nothing that the benchmark does not: no findings, no box. ValueError where an answer is not
    among the options, or not exactly one is right in a single choice.
    """
    task, answer = _keyed(asked)
    lettered = [f"{letter}. {text}" for letter, text in zip(LETTERS, asked.options, strict=False)]
    said = ", ".join(asked.right) + (f" ({answer})" if asked.options else "")
    pictures = [(hashlib.sha256(png).hexdigest(), png) for png in asked.pictures]
    row: Row = {
        "images": [{"bytes": png, "path": f"{digest}.png"} for digest, png in pictures],
        "question": asked.question,
        "options": list(asked.options),
        "answer": answer,
        "level": asked.level,
        "side": "",
        "task": task,
        "axis": asked.axis,
        "kind": asked.kind,
        "modality": asked.modality,
        "conditions": [],
        "messages": [
            {"role": "user", "content": "\n".join([asked.question, *lettered])},
            {"role": "assistant", "content": said},
        ],
        "sites": [asked.level] if asked.level else [],
        "study": asked.study,
        "patient": asked.patient,
        "split": SPLIT,
        "source": asked.benchmark,
        "synthetic": False,
        "licence": asked.licence,
        "series": asked.series,
        "plane": asked.plane,
        **dict.fromkeys(("slice_index", "box", "window", "turn")),
        "marker": None if asked.marker is None else dict(zip(_RING, asked.marker, strict=True)),
        "spacing_mm": asked.spacing_mm,
        "quote": None,
        "findings": [],
        "gates": [],
        "template": "",
        "language": "en",
    }
    shown = [digest for digest, _ in pictures]
    row["id"] = content_id(asked.benchmark, asked.study, asked.question, asked.options, asked.right, shown)
    if task == "open":
        del row["options"]
    return row


def _keyed(asked: Asked) -> tuple[str, str]:
    """Return task and answer: a letter, several letters in order, or the text."""
    if not asked.right:
        raise ValueError("no answer")
    if not asked.options:
        return "open", ", ".join(asked.right)
    if len(set(asked.options)) != len(asked.options):
        raise ValueError(f"options come twice: {list(asked.options)}")
    if len(asked.options) > len(LETTERS):
        raise ValueError(f"{len(asked.options)} options; {len(LETTERS)} have letters")
    unknown = [text for text in asked.right if text not in asked.options]
    if unknown:
        raise ValueError(f"answer {unknown[0]!r} is not among the options {list(asked.options)}")
    letters = "".join(
        letter for letter, text in zip(LETTERS, asked.options, strict=False) if text in asked.right
    )
    if asked.multiple:
        return MULTIPLE, letters
    if len(letters) != 1:
        raise ValueError(f"{len(letters)} answers where one is asked for")
    return "choice", letters


def refused(benchmark: str, place: str, reason: str, fix: str = "leave it out, or mend the source") -> Reject:
    """Return the Reject of a row that another benchmark cannot give."""
    return Reject(id=place, source=benchmark, step="convert", reason=reason, fix=fix)


def table(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield (line, row) of a CSV file with stripped names and values; extra columns are left in.

    Any line end and a byte order mark are read. SourceError where the file or a needed column is missing.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file; give the folder as it was published")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        names = [name.strip() for name in reader.fieldnames or []]
        absent = sorted(set(needed) - set(names))
        if absent:
            raise SourceError(f"{path}: no column {', '.join(absent)}; it has {', '.join(names)}")
        for row in reader:
            clean = {
                (name or "").strip(): value.strip() for name, value in row.items() if isinstance(value, str)
            }
            yield reader.line_num, clean


def as_png(data: bytes) -> bytes:
    """Return the picture as PNG bytes, unchanged where it is one; ValueError where it cannot be read."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    try:
        with Image.open(io.BytesIO(data)) as picture:
            stream = io.BytesIO()
            picture.convert("RGB").save(stream, "PNG", compress_level=3)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"the picture cannot be read ({error})") from error
    return stream.getvalue()


def read_exact(row: Mapping[str, Any], *names: str) -> Any:
    """Return the value of the first of several names that a row has and that is not empty; None for none.

    >>> read_exact({"answer": "", "answers": ["a"]}, "answer", "answers")
    ['a']
    """
    return next((row[name] for name in names if row.get(name) not in (None, "", [], {})), None)
