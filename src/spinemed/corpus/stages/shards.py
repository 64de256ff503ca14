"""Parquet shards that store each picture once, however many rows show it, in bounded memory."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Features

from spinemed.corpus.rows import Row

ROW_GROUP_BYTES = 32 * 2**20
ROW_GROUP_ROWS = 10_000
SHOWN_BYTES = 256 * 2**20
"""Pictures of a row group as its rows show them: readers decode the dictionary, and Arrow fails at 2 GiB."""

SHARD_BYTES = 400 * 2**20
_IMAGE_BYTES = "images.list.element.bytes"
_PLAIN = frozenset(
    {"id", "messages.list.element.content"}
)  # every row has its own: a dictionary saves nothing
_ZSTD_LEVEL = 7
_LONG = frozenset(
    {"images", "question", "answer", "options", "messages", "quote", "findings", "text", "template"}
    | {"gates", "sites", "conditions", "detail", "slice_id", "series"}
)
"""Columns without statistics: these would change the footer of a file with every row that is withdrawn."""

# The same chunk sizes as datasets' own writer: a withdrawn row moves few bytes of a shard.
_CHUNKING = {"min_chunk_size": 256 * 1024, "max_chunk_size": 1024 * 1024, "norm_level": 0}


class ShardWriter:
    """Rows of one config and split, written to `<split>-0000i-of-0000n.parquet` under `folder`.

    Give rows that share a picture one after the other, and close with `finish`. A row group holds at most
    about `ROW_GROUP_BYTES` of different pictures; its pictures are a dictionary, so that a shared one is
    stored once.
    """

    def __init__(self, folder: Path, split: str, columns: Features) -> None:
        self.rows = 0
        self.image_bytes = 0
        self._folder = folder
        self._split = split
        self._schema: pa.Schema = columns.arrow_schema
        self._options = _options(self._schema)
        self._waiting: list[Row] = []
        self._waiting_pictures: dict[str, int] = {}
        self._parts: list[Path] = []
        self._writer: Any = None

    def add(self, row: Row) -> None:
        """Take one row; a row group is written when its pictures are many enough."""
        for image in row.get("images", ()):
            if image["path"] not in self._waiting_pictures:
                if sum(self._waiting_pictures.values()) >= ROW_GROUP_BYTES:
                    self._flush()
                self._waiting_pictures[image["path"]] = len(image["bytes"])
                self.image_bytes += len(image["bytes"])
        self._waiting.append(row)
        self.rows += 1

    def finish(self) -> list[Path]:
        """Return the finished files; none where no row was added."""
        self._flush()
        self._close()
        total = len(self._parts)
        finished = []
        for number, part in enumerate(self._parts):
            target = self._folder / f"{self._split}-{number:05d}-of-{total:05d}.parquet"
            part.rename(target)
            finished.append(target)
        return finished

    def _flush(self) -> None:
        if not self._waiting:
            return
        if self._writer is not None and self._parts[-1].stat().st_size >= SHARD_BYTES:
            self._close()
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._folder / f".{self._split}-{len(self._parts):05d}.part"
            self._parts.append(part)
            self._writer = pq.ParquetWriter(part, self._schema, **self._options)
        table = pa.Table.from_pylist(self._waiting, schema=self._schema)
        self._writer.write_table(table, row_group_size=len(self._waiting))
        self._waiting = []
        self._waiting_pictures = {}

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def shard_name(split: str, bucket: int, buckets: int) -> str:
    """Return the name of the file of a split that holds a bucket.

    >>> shard_name("train", 3, 64)
    'train-00003-of-00064.parquet'
    """
    return f"{split}-{bucket:05d}-of-{buckets:05d}.parquet"


class TableWriter:
    """Tables of one file, one after the other; the file appears whole when closed, and not without rows.

    Give the rows of a patient as one table. A row group ends between patients, before it holds more than
    `ROW_GROUP_BYTES` of different pictures, `SHOWN_BYTES` of shown ones, or `ROW_GROUP_ROWS` rows.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._part = path.with_name(f".{path.name}.part")
        self._writer: Any = None
        self._waiting: list[pa.Table] = []
        self._rows = self._stored = self._shown = 0

    def add(self, table: pa.Table) -> None:
        """Take the rows of one patient."""
        stored, shown = _picture_bytes(table)
        if self._waiting and (
            self._stored + stored > ROW_GROUP_BYTES
            or self._shown + shown > SHOWN_BYTES
            or self._rows + table.num_rows > ROW_GROUP_ROWS
        ):
            self._flush()
        self._waiting.append(table)
        self._rows += table.num_rows
        self._stored += stored
        self._shown += shown

    def close(self) -> None:
        """Write what waits and let the file appear."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._part.replace(self._path)

    def _flush(self) -> None:
        if not self._waiting:
            return
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._part, self._schema, **_options(self._schema))
        table = pa.concat_tables(self._waiting).combine_chunks()
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._waiting, self._rows, self._stored, self._shown = [], 0, 0, 0


def _picture_bytes(table: pa.Table) -> tuple[int, int]:
    """Return the bytes of the different pictures of a table, and of all pictures as its rows show them."""
    if "images" not in table.column_names:
        return 0, 0
    struct = table["images"].combine_chunks().flatten()
    sizes = pc.fill_null(pc.binary_length(pc.struct_field(struct, "bytes")), 0).to_pylist()
    different = dict(zip(pc.struct_field(struct, "path").to_pylist(), sizes, strict=True))
    return sum(different.values()), sum(sizes)


def _options(schema: pa.Schema) -> dict[str, Any]:
    """Return the writer's options: dictionaries never overflow, PNG bytes are left alone."""
    leaves = _leaves(schema)
    return {
        "use_dictionary": [leaf for leaf in leaves if leaf not in _PLAIN],
        "dictionary_pagesize_limit": 2**30,
        "compression": {leaf: "NONE" if leaf == _IMAGE_BYTES else "ZSTD" for leaf in leaves},
        "compression_level": {leaf: _ZSTD_LEVEL for leaf in leaves if leaf != _IMAGE_BYTES},
        "use_content_defined_chunking": _CHUNKING,
        "write_page_index": True,
        "write_statistics": [leaf for leaf in leaves if leaf.partition(".")[0] not in _LONG],
    }


@cache
def _leaves(schema: pa.Schema) -> list[str]:
    """Return the paths of all primitive columns as Parquet names them."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    parquet = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [parquet.column(index).path for index in range(len(parquet))]
