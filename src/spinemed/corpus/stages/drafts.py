"""What one task of a build leaves behind: tables of rows, pictures apart, in a folder that appears whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from spinemed.corpus.rows import CONFIGS, QUESTION_CONFIGS, Config, Row, features

PICTURES: Final = "pictures"
SLICES: Final = "slices"
PLAN_COLUMNS: Final = {
    "_group": pa.string(),  # hash of the patient, see units.group_of
    "_pictures": pa.list_(pa.string()),  # ids of the pictures, in the order of the images
    "_series": pa.list_(pa.string()),  # series that they show
    "_words": pa.string(),  # hash of all messages where no picture is shown, else empty
    "_signature": pa.binary(),  # MinHash of these words, else null
    "_rule": pa.bool_(),  # whether it rests on a published rule alone
    "_right": pa.string(),  # meaning of the right option where the balance has a say, else empty
    "_others": pa.list_(pa.string()),
    "_few": pa.bool_(),  # whether the kind has few answers
    "_grade": pa.string(),  # of plain questions about height loss, else empty
}
"""Columns of question drafts that the plan reads and that are not published."""

_PICTURE_SCHEMA: Final = pa.schema([("id", pa.string()), ("png", pa.binary()), ("hash", pa.binary())])
_SLICE_SCHEMA: Final = pa.schema([("series", pa.string()), ("digest", pa.string()), ("patient", pa.string())])
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="lz4")


@cache
def draft_schema(table: str) -> pa.Schema:
    """Return the columns of a table of drafts: those published, without images, and those of the plan."""
    if table == PICTURES:
        return _PICTURE_SCHEMA
    if table == SLICES:
        return _SLICE_SCHEMA
    published = published_schema(table)
    fields = [field for field in published if field.name != "images"]
    if table in QUESTION_CONFIGS:
        fields += [pa.field(name, kind) for name, kind in PLAN_COLUMNS.items()]
    return pa.schema(fields)


@cache
def published_schema(config: Config) -> pa.Schema:
    """Return the Arrow schema of a published config."""
    return features(config).arrow_schema


def write_drafts(folder: Path, tables: dict[str, list[Row]]) -> None:
    """Write tables, by name, as Arrow files into a folder that appears in one rename; a whole one stays."""
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name, rows in tables.items():
            if rows:
                _write(partial / f"{name}.arrow", table_of(rows, draft_schema(name)), name == PICTURES)
        try:
            partial.rename(folder)
        except OSError:
            if not folder.exists():  # a worker of a build that was killed may have been first: the same bytes
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def table_of(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as a table; a row may lack columns, and may not have others."""
    columns = []
    for field in schema:
        name = field.name
        columns.append(pa.array([row.get(name) for row in rows], field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _write(path: Path, table: pa.Table, plain: bool) -> None:
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, table.schema, options=None if plain else _OPTIONS) as writer,
    ):
        writer.write_table(table)


def read_draft(folder: Path, table: str, columns: Iterable[str] | None = None) -> pa.Table | None:
    """Return a table of a task, or some of its columns; None where the task gave no such rows."""
    path = folder / f"{table}.arrow"
    if not path.is_file():
        return None
    source = pa.memory_map(str(path))
    options = None
    if columns is not None:
        names = draft_schema(table).names
        options = pa.ipc.IpcReadOptions(included_fields=[names.index(name) for name in columns])
    with pa.ipc.open_file(source, options=options) as reader:
        return reader.read_all()


def draft_folders(work: Path) -> list[tuple[int, Path]]:
    """Return rank and folder of the drafts of all tasks, in the order of the ranks."""
    found = [(int(path.name), path) for path in (work / "drafts").iterdir() if path.name.isdigit()]
    return sorted(found)


def names_of_tables() -> tuple[str, ...]:
    """Return the tables that a task may leave: one a config, pictures, and hashes of slices."""
    return (*CONFIGS, PICTURES, SLICES)


Tables = dict[str, list[dict[str, Any]]]
