"""The report of a run: charts, answers and, where sources are at hand, pictures traced to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from spinemed.bench.items import corpus_hash, read_items
from spinemed.bench.pages.charts import draw_benchmark, origin
from spinemed.bench.pages.examples import examples
from spinemed.bench.pages.page import Figure, page
from spinemed.bench.pages.report_charts import draw_reports
from spinemed.bench.pages.traces import draw_panels
from spinemed.bench.running.runs import write_whole
from spinemed.bench.scoring.join import Asked, join
from spinemed.bench.scoring.scorecard import Scorecard, read_scorecard
from spinemed.bench.scoring.subset import read_subset, subset_of
from spinemed.errors import ConfigError, SourceError


def write_report(
    card_path: Path,
    predictions: Mapping[str, Path],
    data: Path,
    out: Path,
    *,
    training: Path | None = None,
    sources: Mapping[str, Path] | None = None,
    only: Path | None = None,
    name: str = "report",
) -> tuple[Path, Path]:
    """Write `out`/NAME.png and `out`/NAME.html and return their paths.

    `predictions` maps a name (the first is the scorecard's model) to its file. With `sources`, the folders
    that the corpus was built from, pictures are traced back to stored slices; with `training`, its losses are
    drawn. NAME.png shows these if there are sources, else the charts; the page shows all. `only` is the file
    of ids that the scorecard was made with. SourceError if a file is missing or not the one that was scored,
    or if no study of the split is in `sources`.
    """
    card = read_scorecard(card_path)
    answers = matched(card, predictions, data, only)
    kind = "patients, some of them real" if card.real else "synthetic patients"
    asked = "questions" if card.model.report is None else "reports"
    title = f"SpineMed: {card.n} held-out {asked} on {card.patients} {kind}; research only, not for diagnosis"
    if sources and card.model.report is not None:
        raise ConfigError(
            "pictures are traced for questions with a ring, not for reports; leave --source out"
        )
    charts = draw_benchmark(card, title) if card.model.report is None else draw_reports(card, title)
    figures = [Figure(charts, f"Charts of {card.n} {asked}, {origin(card)}")]
    if sources:
        ids = {one.item.id for one in next(iter(answers.values()))}
        curves = losses(training) if training else {}
        panels = draw_panels(card, list(answers), ids, data, curves, sources, title)
        figures.insert(0, Figure(panels.png, f"{origin(card)}. Traced: {panels.words}."))
    out.mkdir(parents=True, exist_ok=True)
    picture, written = out / f"{name}.png", out / f"{name}.html"
    partial = picture.with_name(picture.name + ".partial")
    partial.write_bytes(figures[0].png)
    partial.replace(picture)
    write_whole(written, page(card, figures, examples(card, answers, data)))
    return picture, written


def report_folder(folder: Path, data: Path, out: Path, only: Path | None = None) -> list[Path]:
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
        written += write_report(path, {card.model.name: mine}, data, out, only=only, name=name)
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


def matched(
    card: Scorecard, predictions: Mapping[str, Path], data: Path, only: Path | None = None
) -> dict[str, tuple[Asked, ...]]:
    """Return name -> answers of each file, checked to be those that were scored."""
    known = read_items(data, card.config, card.split)
    place = f"{data} {card.config}/{card.split}"
    data_hash = corpus_hash(data, card.config, card.split)
    if data_hash != card.data_hash:
        raise SourceError(
            f"{place} (hash {data_hash}) is not the corpus that was scored ({card.data_hash}); "
            "pass that one as --data"
        )
    ids = None if only is None else read_subset(only, {item.id for item in known}, place)
    if card.only != (None if ids is None else subset_of(ids)):
        raise SourceError(
            "the scorecard was not made with the ids that are named here; pass the --only that spinemed "
            "score had, or none where it had none"
        )
    scored = {one.predictions_hash for one in (card.model, *card.against)}
    answers = {}
    for name, path in predictions.items():
        found = join(path, known, data_hash, place, ids)
        if found.file_hash not in scored:
            raise SourceError(
                f"{path} (hash {found.file_hash}) is none of the files that were scored "
                f"({', '.join(sorted(scored))}); score it again, or pass the file that was"
            )
        answers[name] = found.asked
    return answers
