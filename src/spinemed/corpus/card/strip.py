"""The picture strip of a card: a few pictures of the corpus, each with its question and answer."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

from spinemed.corpus.releases.counts import PICTURE_PATH, parquet_files
from spinemed.corpus.rows import Row

STRIP = "strip.png"
_LIGHT = ["modality", "plane", "language", "axis", "kind", "id", "marker", PICTURE_PATH]
_HEAVY = [
    "images",
    "question",
    "options",
    "answer",
    "modality",
    "plane",
    "level",
    "synthetic",
    "source",
    "id",
]
_FILES = 8  # of each config and split that are searched; one bucket of patients shows most kinds of picture
_TILE, _TEXT, _GAP, _COLUMNS = 300, 156, 14, 4
_INK, _PAPER, _MARK = (24, 24, 28), (255, 255, 255), (176, 0, 32)


@dataclass(frozen=True)
class Wish:
    """A kind of picture that a strip shows; the first row that fits is taken."""

    name: str
    fits: Callable[[Row], bool]


def _wish(modality: str, plane: str, marked: bool | None, axis: str = "") -> Wish:
    def fits(row: Row) -> bool:
        return (
            row["modality"] == modality
            and row["plane"] == plane
            and (marked is None or marked == (row["marker"] is not None))
            and axis in ("", row["axis"])
        )

    return Wish(f"{modality} {plane} {axis}", fits)


WISHES = (
    _wish("CT", "sagittal", True, "level"),
    _wish("MR", "sagittal", True, "level"),
    _wish("XR", "radiograph", None, "level"),
    _wish("MR", "axial", None, "pathology"),
    _wish("CT", "sagittal", None, "pathology"),
    _wish("XR", "radiograph", None, "pathology"),
    _wish("MR", "sagittal", None, "pathology"),
    _wish("CT", "axial", None),
)


def write_strip(folder: Path) -> Path:
    """Return strip.png of a corpus: one row for each of `WISHES` that it can show, in English.

    Each picture says SYNTHETIC where it is. The bytes depend on the data and on Pillow and its FreeType. A
    corpus without pictures gets a strip that says so.
    """
    drawn = [_tile(row) for row in chosen(folder)] or [_empty()]
    columns = min(_COLUMNS, len(drawn))
    lines = -(-len(drawn) // columns)
    width, height = _TILE + _GAP, drawn[0].height + _GAP
    sheet = Image.new("RGB", (columns * width + _GAP, lines * height + _GAP), _PAPER)
    for place, tile in enumerate(drawn):
        sheet.paste(tile, (_GAP + place % columns * width, _GAP + place // columns * height))
    path = folder / STRIP
    sheet.quantize(128, dither=Image.Dither.NONE).save(path, "png", optimize=True)
    return path


def chosen(folder: Path) -> list[Row]:
    """Return the rows that a strip shows: of each of `WISHES` the smallest id in the first file with one.

    No study is shown twice while there is another.
    """
    waiting = list(WISHES)
    found: dict[str, Row] = {}
    studies: set[str] = set()
    for path in _searched(folder):
        if not waiting:
            break
        with pq.ParquetFile(path) as file:
            light = file.read(columns=[*_LIGHT, "study"])
            rows = sorted(enumerate(light.to_pylist()), key=lambda pair: pair[1]["id"])
            for wish in list(waiting):
                place = _first(rows, wish, studies)
                if place is not None:
                    waiting.remove(wish)
                    studies.add(light["study"][place].as_py())
                    found[wish.name] = _whole(file, light["id"][place].as_py())
    return [found[wish.name] for wish in WISHES if wish.name in found]


def _searched(folder: Path) -> Iterator[Path]:
    files = parquet_files(folder)
    for split in ("train", "validation", "test"):
        for config in ("choice", "open"):
            yield from (folder / path for path in files.get(config, {}).get(split, [])[:_FILES])


def _first(rows: list[tuple[int, Row]], wish: Wish, studies: set[str]) -> int | None:
    """Return the place of the first fitting row, in English with one picture, of a new study if it can be."""
    fitting = [
        (row["study"] in studies, place)
        for place, row in rows
        if row["language"] == "en" and len(row["images"]) == 1 and wish.fits(row)
    ]
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _whole(file: pq.ParquetFile, identity: str) -> Row:
    """Return the row of an id with its picture; reads the one row group that holds it."""
    names = [name for name in _HEAVY if name in file.schema_arrow.names]
    for group in range(file.num_row_groups):
        ids = file.read_row_group(group, columns=["id"])["id"]
        place = pc.index(ids, identity).as_py()
        if place >= 0:
            row: Row = file.read_row_group(group, columns=names).slice(place, 1).to_pylist()[0]
            return row
    raise AssertionError(identity)


def _tile(row: Row) -> Image.Image:
    """Return one picture over its question, options and answer; shape (_TILE + _TEXT, _TILE)."""
    tile = Image.new("RGB", (_TILE, _TILE + _TEXT), _PAPER)
    tile.paste((0, 0, 0), (0, 0, _TILE, _TILE))
    with Image.open(io.BytesIO(row["images"][0]["bytes"])) as stored:
        picture = stored.convert("RGB")
    scale = _TILE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    tile.paste(picture, ((_TILE - size[0]) // 2, (_TILE - size[1]) // 2))
    draw = ImageDraw.Draw(tile)
    if row["synthetic"]:
        _label(draw)
    top = _TILE + 5
    for text, points, most in _said(row):
        for line in _lines(text, _font(points), most):
            draw.text((2, top), line, fill=_INK, font=_font(points))
            top += points + 3
    return tile


def _said(row: Row) -> Iterator[tuple[str, int, int]]:
    """Yield text, the size of its type and how many lines it may take."""
    yield f"{row['modality']} {row['plane']}, {row['source']}", 13, 1
    yield row["question"], 12, 4
    options, answer = row.get("options") or [], row["answer"]
    if options:
        yield " | ".join(f"{letter} {text}" for letter, text in zip("ABCDEFGH", options, strict=False)), 12, 3
    yield f"Answer: {answer}", 13, 1 if options else 3


def _label(draw: ImageDraw.ImageDraw) -> None:
    font = _font(12)
    left, top, right, bottom = draw.textbbox((8, 6), "SYNTHETIC", font=font)
    draw.rectangle((left - 4, top - 3, right + 4, bottom + 3), fill=_MARK)
    draw.text((8, 6), "SYNTHETIC", fill=_PAPER, font=font)


def _lines(text: str, font: Any, most: int) -> list[str]:
    """Return text broken to the width of a tile, at most `most` lines; three dots where it goes on."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= _TILE - 4 or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1][:-4]} ..."]


@cache
def _font(size: int) -> Any:
    """Return the font that comes with Pillow, laid out the same on every machine."""
    font: Any = ImageFont.load_default(size)
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def _empty() -> Image.Image:
    tile = Image.new("RGB", (_TILE, 40), _PAPER)
    ImageDraw.Draw(tile).text((2, 12), "This corpus shows no picture.", fill=_INK, font=_font(12))
    return tile
