"""The report of a run: its pictures gathered from sources, corpus, training and predictions, then written."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from spinemed.bench.figures import Marked, Named, Traced, draw_report
from spinemed.bench.items import rows, shards
from spinemed.bench.page import Example, page
from spinemed.bench.runs import read_predictions, write_whole
from spinemed.bench.scorecard import Scorecard
from spinemed.bench.table import order
from spinemed.errors import SourceError
from spinemed.imaging.slices import sagittal, to_uint8
from spinemed.imaging.volume import Volume, read_volume
from spinemed.records import Box, Marker, Series, Study
from spinemed.sources import SOURCES

PANELS = 8
EXAMPLES = 3
ROW = (
    "images", "question", "options", "answer", "level", "kind", "modality", "study", "patient", "source",
    "synthetic", "licence", "series", "slice_index", "box", "marker", "messages", "id",
)  # fmt: skip


def write_report(
    card_path: Path,
    predictions: Mapping[str, Path],
    data: Path,
    training: Path,
    sources: Mapping[str, Path],
    out: Path,
) -> tuple[Path, Path]:
    """Write `out`/report.png and `out`/report.html and return their paths.

    `predictions` maps a name (the first is the scorecard's model) to its file; `sources` maps a source to the
    folder that the corpus was built from, so that pictures are traced back to stored slices. SourceError if a
    file is missing, or if no study of the split is in `sources`.
    """
    card = Scorecard.model_validate_json(_text(card_path))
    answers = {name: _replies(path) for name, path in predictions.items()}
    asked = {
        row["id"]: row
        for row in rows(shards(data, card.config, card.split), ROW)
        if row["id"] in next(iter(answers.values())) and row["marker"]
    }
    found = list(_sheet(data, card.split, sources))
    if not found or not asked:
        raise SourceError(
            f"no study of the split {card.split} of {data} lies in {', '.join(map(str, sources.values()))}; "
            "pass the folders that the corpus was built from as --source NAME=FOLDER"
        )
    traced = _trace(asked, sources)
    out.mkdir(parents=True, exist_ok=True)
    picture = out / "report.png"
    kind = "synthetic patients" if not card.real else "patients, some of them real"
    draw_report(
        found, _losses(training), sorted(card.model.by_level, key=order), _by_level(card, list(answers)),
        {one.name: one.accuracy for one in card.baselines}, traced,
        f"SpineMed: {card.n} held-out questions on {card.patients} {kind}; research only, not for diagnosis",
        picture,
    )  # fmt: skip
    written = out / "report.html"
    write_whole(written, page(card, picture.read_bytes(), traced.words, _examples(asked, answers)))
    return picture, written


def _text(path: Path) -> str:
    if not path.is_file():
        raise SourceError(f"no file {path}; spinemed predict and spinemed score make it")
    return path.read_text(encoding="utf-8")


def _replies(path: Path) -> dict[str, str]:
    _text(path)
    return {prediction.instance: prediction.text for _, prediction in read_predictions(path)}


def _losses(training: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Return stage -> steps and losses of a training run, from its log of one JSON object a line."""
    stages: dict[str, tuple[list[int], list[float]]] = {}
    for line in _text(training / "loss.jsonl").splitlines():
        entry = json.loads(line)
        steps, losses = stages.setdefault(entry["stage"], ([], []))
        steps.append(entry["step"])
        losses.append(entry["loss"])
    return stages


def _by_level(card: Scorecard, names: list[str]) -> dict[str, Any]:
    answerers = [card.model, *([card.against] if card.against else [])]
    return {name: one.by_level for name, one in zip(names, answerers, strict=False)}


def _studies(sources: Mapping[str, Path]) -> Iterator[Study]:
    for name, folder in sources.items():
        yield from (one for one in SOURCES[name](folder) if isinstance(one, Study))


def _named(study: Study, series: Series, volume: Volume, index: int, bodies: dict[str, Box]) -> Named:
    made = "synthetic" if study.synthetic else "REAL"
    return Named(
        pixels=to_uint8(sagittal(volume.array, index), series.modality),
        aspect=volume.spacing_mm[0] / volume.spacing_mm[1],
        bodies=bodies,
        title=f"{made} {series.modality}{' ' + series.sequence if series.sequence else ''}\n{study.id}",
    )


def _sheet(data: Path, split: str, sources: Mapping[str, Path]) -> Iterator[Named]:
    """Yield slices of held-out studies with every body named, read from the source again: real ones first."""
    boxes: dict[str, dict[str, Box]] = {}
    places: dict[str, int] = {}
    columns = ("series", "site", "pathology", "slice_index", "box")
    for row in rows(shards(data, "findings", split), columns):
        if row["pathology"] == "vertebra":
            boxes.setdefault(row["series"], {})[row["site"]] = Box(**row["box"])
            places[row["series"]] = row["slice_index"]
    shown = 0
    for study in _studies(dict(sorted(sources.items(), key=lambda pair: pair[0] == "phantom"))):
        for series in study.series:
            if series.uid in places and series.plane == "sagittal" and shown < PANELS:
                shown += 1
                volume = read_volume(series.image)
                yield _named(study, series, volume, places[series.uid], boxes[series.uid])


def _trace(asked: Mapping[str, Mapping[str, Any]], sources: Mapping[str, Path]) -> Traced:
    """Return the first asked item whose study is in the sources, with the slice that it was cut from."""
    by_study = {row["study"]: row for row in reversed(list(asked.values()))}
    for study in _studies(sources):
        row = by_study.get(study.id)
        series = next((one for one in study.series if row is not None and one.uid == row["series"]), None)
        if row is None or series is None or series.plane != "sagittal":
            continue
        volume = read_volume(series.image)
        source = _named(study, series, volume, row["slice_index"], {row["level"]: Box(**row["box"])})
        words = f"instance {row['id']}: sagittal slice {row['slice_index']}, key {row['level']}"
        return Traced(
            Marked(_picture(row), Marker(**row["marker"]), row["level"], "picture asked"), source, words
        )
    raise SourceError("none of the asked studies lies in the sources; pass the folders the corpus came from")


def _picture(row: Mapping[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(row["images"][0]["bytes"]))


def _examples(asked: Mapping[str, Mapping[str, Any]], answers: Mapping[str, dict[str, str]]) -> list[Example]:
    """Return the same number of wins, losses and shared results of the first model, where there are any."""
    names = list(answers)
    kinds: dict[str, list[Example]] = {}
    for key, row in asked.items():
        replies = {name: answers[name].get(key, "") for name in names}
        right = [_is_right(row, replies[name]) for name in names]
        verdict = (
            f"{names[0]} right" if right[0] else f"{names[0]} wrong",
            *(
                f"{name} {'right' if good else 'wrong'}"
                for name, good in zip(names[1:], right[1:], strict=True)
            ),
        )
        kinds.setdefault(", ".join(verdict), []).append(Example(row, replies, ", ".join(verdict)))
    return [example for _, group in sorted(kinds.items()) for example in group[:EXAMPLES]]


def _is_right(row: Mapping[str, Any], reply: str) -> bool:
    from spinemed.answers import parse_answer

    lettered = {chr(ord("A") + place): text for place, text in enumerate(row["options"])}
    parsed = parse_answer(reply, lettered)
    return parsed.status == "answered" and parsed.letters == (row["answer"],)
