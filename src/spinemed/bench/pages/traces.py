"""Pictures traced to the sources: slices with every body named, and one question back to its pixels."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from spinemed.bench.items import rows, shards
from spinemed.bench.pages.figures import Marked, Named, Traced, draw_report
from spinemed.bench.pages.table import order
from spinemed.bench.scoring.scorecard import Scorecard
from spinemed.errors import SourceError
from spinemed.imaging.slices import sagittal, to_uint8
from spinemed.imaging.volume import Volume, read_volume
from spinemed.records import Box, Marker, Series, Study
from spinemed.sources import SOURCES

PANELS = 8
ROW = ("images", "level", "study", "series", "slice_index", "box", "marker", "id")


@dataclass(frozen=True)
class Panels:
    """The picture of a report with sources, as PNG, and which instance it traces."""

    png: bytes
    words: str


def draw_panels(
    card: Scorecard,
    names: Sequence[str],
    asked: Collection[str],
    data: Path,
    losses: Mapping[str, tuple[list[int], list[float]]],
    sources: Mapping[str, Path],
    title: str,
) -> Panels:
    """Return slices with named bodies, losses, accuracy by level and one item traced, as one picture.

    SourceError if no study of the split, or of the items asked, lies in `sources`.
    """
    marked = {
        row["id"]: row
        for row in rows(shards(data, card.config, card.split), ROW, frozenset(asked))
        if row["marker"]
    }
    found = list(_sheet(data, card.split, sources))
    if not found or not marked:
        raise SourceError(
            f"no study of the split {card.split} of {data} lies in {', '.join(map(str, sources.values()))}; "
            "pass the folders that the corpus was built from as --source NAME=FOLDER"
        )
    traced = _trace(marked, sources)
    by_level = {name: one.by_level for name, one in zip(names, (card.model, *card.against), strict=False)}
    png = draw_report(
        found, losses, sorted(card.model.by_level, key=order), by_level,
        {one.name: one.accuracy for one in card.baselines}, traced, title,
    )  # fmt: skip
    return Panels(png, traced.words)


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


def _trace(marked: Mapping[str, Mapping[str, Any]], sources: Mapping[str, Path]) -> Traced:
    """Return the first marked item whose study is in the sources, with the slice that it was cut from."""
    by_study = {row["study"]: row for row in reversed(list(marked.values()))}
    for study in _studies(sources):
        row = by_study.get(study.id)
        series = next((one for one in study.series if row is not None and one.uid == row["series"]), None)
        if row is None or series is None or series.plane != "sagittal":
            continue
        volume = read_volume(series.image)
        source = _named(study, series, volume, row["slice_index"], {row["level"]: Box(**row["box"])})
        words = f"instance {row['id']}: sagittal slice {row['slice_index']}, key {row['level']}"
        picture = Image.open(io.BytesIO(row["images"][0]["bytes"]))
        made = "synthetic" if study.synthetic else "REAL"
        shown = Marked(picture, Marker(**row["marker"]), row["level"], f"{made} picture asked")
        return Traced(shown, source, words)
    raise SourceError("none of the asked studies lies in the sources; pass the folders the corpus came from")
