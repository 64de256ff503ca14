"""Scores of two or more files, item by item: predictions joined with their keys, or scores as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import Field, ValidationError

from spinemed.answers import parse_answer
from spinemed.bench.items import Item, corpus_hash, read_items
from spinemed.bench.running.runs import read_predictions, read_run
from spinemed.bench.scoring.join import Asked, answers_of, check_run, shown
from spinemed.bench.scoring.open_truth import REPORT, why_unscored
from spinemed.bench.scoring.open_truth import is_right as is_right_open
from spinemed.errors import ConfigError, SourceError
from spinemed.records import Record


class ScoreLine(Record):
    """One line of a score file; an item that belongs to nobody else has itself as patient."""

    id: str = Field(min_length=1)
    score: float = Field(allow_inf_nan=False)
    patient: str = Field(min_length=1)


@dataclass(frozen=True)
class Scores:
    """The scores of one file by item id, with the patient and the line number of each item.

    `unscored` counts items that are not right or wrong: open ones without sites or side, and reports.
    """

    path: Path
    name: str
    scores: dict[str, float]
    patients: dict[str, str]
    lines: dict[str, int]
    unscored: int = 0


@dataclass(frozen=True)
class Matched:
    """Scores of several files on the same items: `scores` [file][item], in the order of the first file."""

    names: tuple[str, ...]
    ids: tuple[str, ...]
    patients: tuple[str, ...]
    scores: tuple[tuple[float, ...], ...]
    left_out: tuple[int, ...]
    unscored: tuple[int, ...]


def read_files(paths: Sequence[Path], data: Path, config: str, split: str) -> list[Scores]:
    """Return the scores of each file; the corpus is read only where a file holds predictions.

    Raises SourceError with the line number on what cannot be read, ConfigError on unknown names.
    """
    holds_scores = {path: is_score_file(path) for path in paths}
    items: dict[str, Item] = {}
    data_hash, place = "", f"{data} {config}/{split}"
    if not all(holds_scores.values()):
        items = {item.id: item for item in read_items(data, config, split)}
        data_hash = corpus_hash(data, config, split)
    names = file_names(paths)
    found = []
    for path, name in zip(paths, names, strict=True):
        if holds_scores[path]:
            found.append(read_scores(path, name))
        else:
            found.append(score_predictions(path, name, items, data_hash, place))
    return found


def file_names(paths: Sequence[Path]) -> list[str]:
    """Return the stem of each path, or the path itself where two stems are equal; ConfigError on a repeat."""
    if len(set(paths)) < len(paths):
        raise ConfigError("the same file is named twice; a file compared with itself never differs")
    stems = [path.stem for path in paths]
    return [stem if stems.count(stem) == 1 else str(path) for stem, path in zip(stems, paths, strict=True)]


def is_score_file(path: Path) -> bool:
    """Tell whether the first line of a file has a score; SourceError where it is missing or empty."""
    if not path.is_file():
        raise SourceError(f"{path} does not exist; name a file that spinemed predict wrote, or a score file")
    with path.open("rb") as stream:
        for line in stream:
            if line.strip():
                try:
                    first = json.loads(line)
                except ValueError:
                    return False  # the reader of predictions names the line and what is wrong
                return isinstance(first, dict) and "score" in first
    raise SourceError(f"{path} is empty; compare needs one JSON object a line")


def read_scores(path: Path, name: str) -> Scores:
    """Return the scores of a file of {"id", "score", "patient"}; SourceError names the line that is wrong."""
    found = Scores(path, name, {}, {}, {})
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if line.strip():
            try:
                read = ScoreLine.model_validate_json(line.decode("utf-8"))
            except (ValidationError, UnicodeDecodeError) as error:
                reason = " ".join(str(error).split("[type=")[0].split())
                raise SourceError(
                    f"{path}, line {number} is no score ({reason}): {line[:80]!r}; "
                    'each line is {"id": text, "score": finite number, "patient": text}'
                ) from error
            add(found, read.id, read.score, read.patient, number)
    return found


def add(found: Scores, identity: str, score: float, patient: str, number: int) -> None:
    """Add one score; SourceError where the item has one already."""
    if identity in found.scores:
        raise SourceError(
            f"{found.path}, line {number}: item {identity} was scored in line {found.lines[identity]} "
            "already; delete one of the two lines"
        )
    found.scores[identity] = score
    found.patients[identity] = patient
    found.lines[identity] = number


def score_predictions(path: Path, name: str, items: Mapping[str, Item], data_hash: str, place: str) -> Scores:
    """Return 1 or 0 for each predicted item by today's parser; the mean where several orders were asked.

    Open items are scored where their answer is sites or a side; the others, and reports, are counted in
    `unscored`. Raises SourceError as `read_predictions` does, on items that the corpus does not have or that
    are answered twice, and where the sidecar tells of an unfinished run or another corpus.
    """
    found = Scores(path, name, {}, {}, {})
    lines = read_predictions(path)
    answers = answers_of(path, lines, items, place)
    check_run(path, read_run(path), len(answers), len(lines), data_hash, place)
    for identity, given in answers.items():
        item = items[identity]
        if item.task != REPORT and not why_unscored(item):
            hits = [is_right(shown(item, one, path)[1]) for one in given]
            add(found, identity, sum(hits) / len(hits), item.patient, given[0][0])
    if not found.scores:
        raise SourceError(f"{path}: none of its {len(lines)} answers can be scored right or wrong")
    return replace(found, unscored=len(answers) - len(found.scores))


def is_right(asked: Asked) -> bool:
    """Tell whether the stored reply chooses the right option, or has what is right for an open item."""
    item = asked.item
    if not item.options:
        return is_right_open(item, asked.reply)
    return parse_answer(asked.reply, item.lettered, cut_off=asked.cut_off).letters == (item.answer,)


def match(files: Sequence[Scores], common: bool) -> Matched:
    """Return the files' scores on the same items.

    An item that a file lacks is a SourceError with its line, or with `common` left out and counted. Raises
    SourceError where nothing is shared or two files name different patients for an item.
    """
    if len(files) < 2:
        raise ConfigError(f"a comparison needs two files or more, got {len(files)}")
    shared = set.intersection(*(set(file.scores) for file in files))
    if not common:
        refuse_missing(files)
    if not shared:
        raise SourceError(f"{', '.join(str(file.path) for file in files)} share no item; nothing to compare")
    first = files[0]
    ids = tuple(identity for identity in first.scores if identity in shared)
    for file in files[1:]:
        for identity in ids:
            if file.patients[identity] != first.patients[identity]:
                raise SourceError(
                    f"{file.path}, line {file.lines[identity]}: item {identity} is of patient "
                    f"{file.patients[identity]}, but of {first.patients[identity]} in {first.path}, line "
                    f"{first.lines[identity]}; give both the same patient"
                )
    return Matched(
        names=tuple(file.name for file in files),
        ids=ids,
        patients=tuple(first.patients[identity] for identity in ids),
        scores=tuple(tuple(file.scores[identity] for identity in ids) for file in files),
        left_out=tuple(len(file.scores) - len(ids) for file in files),
        unscored=tuple(file.unscored for file in files),
    )


def refuse_missing(files: Sequence[Scores]) -> None:
    """Raise SourceError with line numbers where one file has an item that another lacks."""
    for one in files:
        for other in files:
            missing = [one.lines[identity] for identity in one.scores if identity not in other.scores]
            if missing:
                shown = ", ".join(map(str, missing[:5])) + (" ..." if len(missing) > 5 else "")
                raise SourceError(
                    f"{len(missing)} items of {one.path} are not in {other.path} (first file, line {shown}); "
                    "answer the same items in both, or pass --common to leave them out"
                )
