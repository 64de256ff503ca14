"""Rows of a loaded corpus by number, quickly: whole batches from Arrow, each picture decoded once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from spinemed.corpus.rows import Row
from spinemed.errors import ConfigError

_PICTURES = "images"


class RowsByNumber:
    """Rows of a `datasets.Dataset` as a torch DataLoader asks for them, one by one or a batch at once.

    `columns` are those that rows have, all without it: the fewer, the quicker. `decode` False leaves
    pictures as `{"bytes", "path"}`. `in_memory` copies the columns into memory, where rows are gathered
    twice as fast; without it they stay in the files that datasets maps. The order is that of `rows`.
    ConfigError for a column that is not there, and for rows that were shuffled or selected without
    `flatten_indices()`. datasets itself decodes the first picture of every row twice, and pyarrow's `take`
    joins all record batches for every call (benchmarks/loaders.py).

    >>> from datasets import Dataset
    >>> RowsByNumber(Dataset.from_dict({"id": ["a", "b", "c"]})).__getitems__([2, 0])
    [{'id': 'c'}, {'id': 'a'}]
    """

    def __init__(
        self,
        rows: Any,
        columns: Sequence[str] | None = None,
        *,
        decode: bool = True,
        in_memory: bool = False,
    ) -> None:
        unknown = sorted(set(columns or ()) - set(rows.column_names))
        if unknown:
            raise ConfigError(f"columns {unknown} are not in the data; choose from {rows.column_names}")
        if getattr(rows, "_indices", None) is not None:
            raise ConfigError("these rows were shuffled or selected; call flatten_indices() on them first")
        table: pa.Table = rows.data.table.select(list(columns or rows.column_names))
        self._batches = (table.combine_chunks() if in_memory else table).to_batches()
        self._ends = np.cumsum([batch.num_rows for batch in self._batches], dtype=np.int64)
        self._decodes = decode and _PICTURES in table.column_names

    def __len__(self) -> int:
        return int(self._ends[-1]) if self._batches else 0

    def __getitem__(self, number: int) -> Row:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list[Row]:
        """Return the rows of some numbers, in their order; IndexError for one that is not there."""
        if not len(numbers):
            return []
        if min(numbers) < 0:
            numbers = [number + len(self) if number < 0 else number for number in numbers]
        if min(numbers) < 0 or max(numbers) >= len(self):
            raise IndexError(f"rows {list(numbers)[:8]} of {len(self)}: there is no such row")
        rows: list[Row] = self._gathered(numbers).to_pylist()
        if self._decodes:
            for row in rows:
                row[_PICTURES] = [_opened(picture["bytes"]) for picture in row[_PICTURES]]
        return rows

    def _gathered(self, numbers: Sequence[int]) -> pa.RecordBatch:
        """Return the rows as one record batch: runs of neighbours are sliced, others joined or taken."""
        if len(self._batches) == 1:
            whole = self._batches[0]
            if isinstance(numbers, range) and numbers.step == 1:
                return whole.slice(numbers.start, len(numbers))
            return whole.take(pa.array(numbers, pa.int64()))
        wanted = np.asarray(numbers, np.int64)
        holders = np.searchsorted(self._ends, wanted, side="right")
        places = wanted - np.concatenate([[0], self._ends])[holders]
        breaks = np.flatnonzero((np.diff(wanted) != 1) | (np.diff(holders) != 0)) + 1
        runs = [(part[0], len(part)) for part in np.split(np.arange(len(wanted)), breaks)]
        parts = [self._batches[holders[at]].slice(int(places[at]), count) for at, count in runs]
        return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


def _opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image
