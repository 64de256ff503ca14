"""The other SpineBench (arXiv 2510.12267, Silversorrow/SpineBench): its questions as rows, its scores."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from spinemed.bench.data.foreign import LETTERS, Asked, as_png, foreign_row, read_exact, refused
from spinemed.corpus.rows import Row
from spinemed.errors import SourceError
from spinemed.records import Reject

NAME = "spinebench-2510.12267"
LICENCE = "LicenseRef-see-Silversorrow-SpineBench"
DISEASES = (
    "disc space narrowing", "foraminal stenosis", "subarticular stenosis", "osteophytes",
    "spinal canal stenosis", "spondylolisthesis", "straight cervical vertebrae", "vertebral collapse",
    "cervical kyphosis", "cervical lordosis", "sigmoid cervical vertebrae", "healthy",
)  # fmt: skip
LEVELS = ("L1-L2", "L2-L3", "L3-L4", "L4-L5", "L5-S1")
DIAGNOSIS, LOCALISATION = "spine_disease_classification", "spine_lesion_localization"
_FIRST = ("evaluation/test.json", "test.json", "all/test.json", "all/train.json")
_OPTION_LINE = re.compile(r"(?m)^\s*\(?([A-J])[).:、]\s*(.+?)\s*$")
_LEVEL = re.compile(r"^L\s?([1-5])\s*[-/–_]\s*(?:L\s?)?(S?\s?[1-5])$", re.IGNORECASE)


def read(folder: Path) -> Iterator[Row | Reject]:
    """Yield a row or a Reject for each question of the published folder.

    Read is evaluation/test.json where it is there, else every JSON, JSON lines or Parquet file. The schema is
    not stable, so `answer` or `answers`, `image` or `image_path`, `question` or `query`, options as list,
    mapping, single columns or lines of the question are all read; the case of labels is normalised.
    Diagnosis gives single choices, localisation `multiple` (the right set must be met). A question without
    options becomes an open one. SourceError for a folder without a file of questions.
    """
    files = _files(folder)
    for path in files:
        for number, content in _records(path):
            place = f"{path.relative_to(folder).as_posix()}:{number}"
            try:
                yield foreign_row(_asked(content, folder, path))
            except (ValueError, KeyError, TypeError) as error:
                yield refused(NAME, place, str(error))


def _files(folder: Path) -> list[Path]:
    for name in _FIRST:
        if (folder / name).is_file():
            return [folder / name]
    found = sorted(
        p for p in folder.rglob("*") if p.suffix in (".json", ".jsonl", ".parquet") and p.is_file()
    )
    if not found:
        raise SourceError(f"{folder}: no .json, .jsonl or .parquet of {NAME} in it; download it there first")
    return found


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield (number from 1, record) of a file; SourceError where it holds no list of questions."""
    try:
        if path.suffix == ".parquet":
            found = pq.read_table(path).to_pylist()
        elif path.suffix == ".jsonl":
            lines = path.read_text(encoding="utf-8").splitlines()
            found = [json.loads(line) for line in lines if line.strip()]
        else:
            found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); download it again") from error
    if isinstance(found, Mapping):
        found = next((value for value in found.values() if isinstance(value, list)), None)
    if not isinstance(found, list):
        raise SourceError(f"{path}: holds no list of questions; give the folder as it was published")
    yield from enumerate(found, start=1)


def _asked(content: Any, folder: Path, path: Path) -> Asked:
    if not isinstance(content, Mapping):
        raise ValueError(f"{type(content).__name__} where a question is expected")
    question = read_exact(content, "question", "query", "prompt")
    if not isinstance(question, str):
        raise ValueError("no question")
    task = str(read_exact(content, "task", "type") or "")
    localises = "locali" in task.lower()
    options = _options(content, question)
    if localises and not options:
        options = LEVELS
    answers = _answers(content, options)
    name, png = _picture(content, folder, path)
    return Asked(
        benchmark=NAME,
        licence=LICENCE,
        axis="level" if localises else "pathology",
        kind=LOCALISATION if localises else DIAGNOSIS,
        modality=_modality(content),
        question=_OPTION_LINE.sub("", question).strip() or question,
        options=options,
        right=answers,
        pictures=(png,),
        study=name,
        patient=str(read_exact(content, "patient", "patient_id", "study_id") or name),
        multiple=localises,
    )


def _options(content: Mapping[str, Any], question: str) -> tuple[str, ...]:
    """Return the options with labels normalised; none where the record has none."""
    given = read_exact(content, "options", "choices")
    if isinstance(given, Mapping):
        found = [str(given[key]) for key in sorted(given)]
    elif isinstance(given, Sequence) and not isinstance(given, str):
        found = [str(one) for one in given]
    else:
        columns = (f"option {letter}" for letter in LETTERS)
        found = [
            str(value)
            for letter, column in zip(LETTERS, columns, strict=True)
            if (value := read_exact(content, column, column.title(), f"option_{letter.lower()}", letter))
        ]
    if not found:
        found = [text for _, text in _OPTION_LINE.findall(question)]
    return tuple(label(re.sub(r"^\(?[A-J][).:、]\s*", "", text)) for text in found)


def _answers(content: Mapping[str, Any], options: Sequence[str]) -> tuple[str, ...]:
    """Return the right labels: letters where the answers are letters of options, else normalised texts."""
    given = read_exact(content, "answers", "answer", "label", "gt")
    if given is None:
        raise ValueError("no answer")
    found = (
        [str(one) for one in given] if isinstance(given, Sequence) and not isinstance(given, str) else None
    )
    if found is None:
        found = [one for one in re.split(r"\s*[;,]\s*", str(given)) if one]
    if options and all(
        one.strip().upper() in LETTERS[: len(options)] and len(one.strip()) == 1 for one in found
    ):
        return tuple(options[LETTERS.index(one.strip().upper())] for one in found)
    return tuple(dict.fromkeys(label(one) for one in found))


def label(text: str) -> str:
    """Return a label in one spelling: a level as a site, a disease in lower case, other text stripped.

    >>> label(" cervical Lordosis"), label("L5/S1"), label("l1-l2"), label("Foraminal stenosis")
    ('cervical lordosis', 'L5-S1', 'L1-L2', 'foraminal stenosis')
    """
    plain = " ".join(text.split())
    found = _LEVEL.match(plain)
    if found:
        below = found[2].upper().replace(" ", "")
        return f"L{found[1]}-{below if below.startswith('S') else f'L{below}'}"
    return plain.lower() if plain.lower() in DISEASES else plain


def _picture(content: Mapping[str, Any], folder: Path, path: Path) -> tuple[str, bytes]:
    """Return name and PNG bytes of a record's picture; ValueError where it is missing or unreadable."""
    given = read_exact(content, "image", "image_path", "images", "img")
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        given = given[0] if given else None
    if isinstance(given, Mapping) and given.get("bytes"):
        return str(given.get("path") or ""), as_png(given["bytes"])
    name = str(given.get("path") or "") if isinstance(given, Mapping) else str(given or "")
    if not name:
        raise ValueError("no picture")
    relative = name.replace("\\", "/").lstrip("./")
    for place in (folder, path.parent, folder / "images", path.parent / "images", folder / "all" / "images"):
        for candidate in (place / relative, place / Path(relative).name):
            inside = candidate.resolve().is_relative_to(folder.resolve())
            if inside and candidate.is_file():
                return relative, as_png(candidate.read_bytes())
    raise ValueError(f"picture {relative} is not in the folder")


def _modality(content: Mapping[str, Any]) -> Any:
    """Return the modality a record names; radiographs are the default, since most of its sources are."""
    said = str(read_exact(content, "modality", "source", "dataset") or "").lower()
    return "MR" if "mr" in said or "rsna" in said else "XR"


def set_scores(predicted: Collection[str], right: Collection[str]) -> tuple[bool, float, float]:
    """Return exact match, precision and recall of a set of labels, as the benchmark scores localisation.

    Both are 0 where nothing was predicted. ValueError where nothing is right.

    >>> set_scores({"L4-L5", "L5-S1"}, {"L5-S1"})
    (False, 0.5, 1.0)
    """
    if not right:
        raise ValueError("no right label: every question of this benchmark has one")
    met = len(set(predicted) & set(right))
    return (
        set(predicted) == set(right),
        met / len(set(predicted)) if predicted else 0.0,
        met / len(set(right)),
    )
