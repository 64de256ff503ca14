"""The report of a run: charts, answers and, where sources are at hand, pictures traced to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spinemed.answers import parse_answer
from spinemed.bench.items import Item, corpus_hash, read_items, rows, shards
from spinemed.bench.pages.charts import draw_benchmark, origin
from spinemed.bench.pages.page import Example, Figure, page
from spinemed.bench.pages.traces import draw_panels
from spinemed.bench.running.runs import write_whole
from spinemed.bench.scoring.join import Asked, join
from spinemed.bench.scoring.scorecard import Scorecard, read_scorecard
from spinemed.errors import SourceError
from spinemed.level_grammar import parse_levels

EXAMPLES = 3
LONGEST = 1500  # characters of a reply that the page shows


def write_report(
    card_path: Path,
    predictions: Mapping[str, Path],
    data: Path,
    out: Path,
    *,
    training: Path | None = None,
    sources: Mapping[str, Path] | None = None,
    name: str = "report",
) -> tuple[Path, Path]:
    """Write `out`/NAME.png and `out`/NAME.html and return their paths.

    `predictions` maps a name (the first is the scorecard's model) to its file. With `sources`, the folders
    that the corpus was built from, pictures are traced back to stored slices; with `training`, its losses are
    drawn. NAME.png shows these if there are sources, else the charts; the page shows all. SourceError if a
    file is missing or not the one that was scored, or if no study of the split is in `sources`.
    """
    card = read_scorecard(card_path)
    answers = matched(card, predictions, data)
    kind = "patients, some of them real" if card.real else "synthetic patients"
    title = (
        f"SpineMed: {card.n} held-out questions on {card.patients} {kind}; research only, not for diagnosis"
    )
    charts = draw_benchmark(card, title)
    figures = [Figure(charts, f"Charts of {card.n} questions, {origin(card)}")]
    if sources:
        asked = {one.item.id for one in next(iter(answers.values()))}
        curves = losses(training) if training else {}
        panels = draw_panels(card, list(answers), asked, data, curves, sources, title)
        figures.insert(0, Figure(panels.png, f"{origin(card)}. Traced: {panels.words}."))
    out.mkdir(parents=True, exist_ok=True)
    picture, written = out / f"{name}.png", out / f"{name}.html"
    partial = picture.with_name(picture.name + ".partial")
    partial.write_bytes(figures[0].png)
    partial.replace(picture)
    write_whole(written, page(card, figures, examples(card, answers, data)))
    return picture, written


def report_folder(folder: Path, data: Path, out: Path) -> list[Path]:
    """Write a page and a picture for each scorecard in the folder of a run; return all their paths.

    The predictions are found by the hash that the scorecard names. SourceError where there are none.
    """
    cards = sorted(folder.glob("scorecard*.json"))
    if not cards:
        raise SourceError(
            f"{folder} holds no scorecard; make one with: spinemed bench run, or spinemed score"
        )
    written: list[Path] = []
    for path in cards:
        config = path.stem.removeprefix("scorecard").lstrip(".")
        card = read_scorecard(path)
        file = folder / f"{config or card.config}.jsonl"
        files = [file, *sorted(folder.glob("*.jsonl"))]
        mine = next(
            (one for one in files if one.is_file() and hashed(one) == card.model.predictions_hash), None
        )
        if mine is None:
            raise SourceError(
                f"{folder} holds no predictions with the hash {card.model.predictions_hash} that "
                f"{path.name} names; score the run again"
            )
        name = f"report.{config}" if len(cards) > 1 else "report"
        written += write_report(path, {card.model.name: mine}, data, out, name=name)
    return written


def named(files: Sequence[Path]) -> dict[str, Path]:
    """Return a name for each file of predictions: its stem, with its folder where stems repeat.

    >>> list(named([Path("demo/tuned.jsonl"), Path("demo/base.jsonl")]))
    ['tuned', 'base']
    >>> list(named([Path("a/choice.jsonl"), Path("b/choice.jsonl")]))
    ['a/choice', 'b/choice']
    """
    alone = len({file.stem for file in files}) == len(files)
    return {file.stem if alone else f"{file.parent.name}/{file.stem}": file for file in files}


def hashed(path: Path) -> str:
    """Return the hash of a file of predictions as scorecards name it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def losses(training: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Return stage -> steps and losses of a training run, from its log of one JSON object a line."""
    path = training / "loss.jsonl"
    if not path.is_file():
        raise SourceError(
            f"no file {path}; name the folder of a training run with --training, or leave it out"
        )
    stages: dict[str, tuple[list[int], list[float]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        steps, values = stages.setdefault(entry["stage"], ([], []))
        steps.append(entry["step"])
        values.append(entry["loss"])
    return stages


def matched(card: Scorecard, predictions: Mapping[str, Path], data: Path) -> dict[str, tuple[Asked, ...]]:
    """Return name -> answers of each file, checked to be those that were scored."""
    known = read_items(data, card.config, card.split)
    place = f"{data} {card.config}/{card.split}"
    data_hash = corpus_hash(data, card.config, card.split)
    if data_hash != card.data_hash:
        raise SourceError(
            f"{place} (hash {data_hash}) is not the corpus that was scored ({card.data_hash}); "
            "pass that one as --data"
        )
    scored = {one.predictions_hash for one in (card.model, *card.against)}
    answers = {}
    for name, path in predictions.items():
        found = join(path, known, data_hash, place)
        if found.file_hash not in scored:
            raise SourceError(
                f"{path} (hash {found.file_hash}) is none of the files that were scored "
                f"({', '.join(sorted(scored))}); score it again, or pass the file that was"
            )
        answers[name] = found.asked
    return answers


def examples(card: Scorecard, answers: Mapping[str, Sequence[Asked]], data: Path) -> list[Example]:
    """Return the same number of answers of each verdict on the first two runs, where there are any."""
    by_item: dict[str, dict[str, Asked]] = {}
    for name, found in answers.items():
        for one in found:
            by_item.setdefault(one.item.id, {})[name] = one
    leading = list(answers)[:2]
    chosen: dict[str, list[str]] = {}
    for identity, replies in by_item.items():
        said = ", ".join(
            f"{name} {'right' if is_right(replies[name]) else 'wrong'}" for name in leading if name in replies
        )
        if len(chosen.setdefault(said, [])) < EXAMPLES:
            chosen[said].append(identity)
    wanted = frozenset(identity for group in chosen.values() for identity in group)
    files = shards(data, card.config, card.split)
    shown = {row["id"]: row for row in rows(files, ("id", "images", "messages", "marker"), wanted)}
    return [
        example(verdict, by_item[identity], shown[identity])
        for verdict, group in sorted(chosen.items())
        for identity in group
    ]


def example(verdict: str, replies: Mapping[str, Asked], row: Mapping[str, Any]) -> Example:
    """Return one item for the page; the options are in the order of the corpus, replies cut where long."""
    item: Item = next(iter(replies.values())).item
    made = "synthetic" if item.synthetic else "real"
    pictures = row["images"] or []
    return Example(
        question=row["messages"][0]["content"],
        key=row["messages"][1]["content"],
        about=f"{item.kind}, {item.modality}, {made}, item {item.id}",
        replies={name: cut(one.reply) for name, one in replies.items()},
        verdict=verdict,
        picture=pictures[0]["bytes"] if pictures else None,
    )


def cut(text: str) -> str:
    """Return a reply short enough for the page, with the number of characters left out."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} [... {len(text) - LONGEST} more characters]"


def is_right(asked: Asked) -> bool:
    """Tell whether a reply is right: the keyed letter, or for an open item the one right site."""
    if not asked.item.options:
        return tuple(parse_levels(asked.reply).levels) == (asked.item.truth,)
    parsed = parse_answer(asked.reply, asked.item.lettered, cut_off=asked.cut_off)
    return parsed.status == "answered" and parsed.letters == (asked.item.answer,)
