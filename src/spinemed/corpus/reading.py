"""Rows of a loaded corpus by number, quickly: whole batches from Arrow, each picture decoded once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
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
        wanted = np.asarray(numbers, np.int64)
        wanted = np.where(wanted < 0, wanted + len(self), wanted)
        if not wanted.size:
            return []
        if wanted.min() < 0 or wanted.max() >= len(self):
            raise IndexError(f"row {max(numbers, key=abs)} of {len(self)}")
        rows: list[Row] = self._gathered(wanted).to_pylist()
        if self._decodes:
            for row in rows:
                row[_PICTURES] = [_opened(picture["bytes"]) for picture in row[_PICTURES]]
        return rows

    def _gathered(self, numbers: NDArray[np.int64]) -> pa.RecordBatch:
        """Return the rows as one record batch: runs of neighbours are sliced, others joined or taken."""
        holders = np.searchsorted(self._ends, numbers, side="right")
        places = numbers - np.concatenate([[0], self._ends])[holders]
        breaks = np.flatnonzero((np.diff(numbers) != 1) | (np.diff(holders) != 0)) + 1
        if len(breaks) and len(self._batches) == 1:
            return self._batches[0].take(pa.array(numbers))
        runs = [(part[0], len(part)) for part in np.split(np.arange(len(numbers)), breaks)]
        parts = [self._batches[holders[at]].slice(int(places[at]), count) for at, count in runs]
        return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


def _opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image
