"""Where each instance lies: id -> file, row group and row, sorted by id, so that one is found at once."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from spinemed.errors import OutputError

LOOKUP: Final = "lookup.parquet"
QUESTIONS: Final = ("choice", "open", "dialogue", "report")
SHARD: Final = re.compile(
    r"data/(?P<config>[a-z]+)/(?P<split>[a-z]+)-(?P<bucket>\d{5})-of-(?P<buckets>\d{5})\.parquet"
)
"""Path of a data file in a published corpus."""

UNREADABLE: Final = (
    *(pa.ArrowException, OSError, KeyError, ValueError, TypeError, IndexError, OverflowError, MemoryError),
)
"""What pyarrow raises over files that are not what they say."""

GROUP_ROWS: Final = 8192
SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("file", pa.dictionary(pa.int32(), pa.string())),
        ("row_group", pa.int32()),
        ("row", pa.int32()),
    ]
)
_NEAR = 3
_PREFIX = 4


class Place(NamedTuple):
    """Where a row lies: `row` counts within the row group."""

    file: str
    row_group: int
    row: int

    @property
    def config(self) -> str:
        """Return the config that the file belongs to."""
        return self.file.split("/")[1]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises over a file into an OutputError that names it."""
    try:
        yield
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise OutputError(f"{path}: cannot be read ({reason}); fetch or build the corpus again") from error


def question_files(folder: Path) -> list[str]:
    """Return the paths of all files with instances, sorted."""
    found = (
        path.relative_to(folder).as_posix() for name in QUESTIONS for path in folder.glob(f"data/{name}/*")
    )
    return sorted(path for path in found if SHARD.fullmatch(path))


def lookup_table(folder: Path) -> pa.Table:
    """Return id, file, row_group and row of every instance, sorted by id; reads the ids alone.

    OutputError names a file that cannot be read.
    """
    parts = [_places(folder, file) for file in question_files(folder)]
    table = pa.concat_tables(parts).unify_dictionaries() if parts else SCHEMA.empty_table()
    return table.sort_by("id").combine_chunks()


def _places(folder: Path, file: str) -> pa.Table:
    with readable(folder / file), pq.ParquetFile(folder / file) as parquet:
        ids = parquet.read(columns=["id"])["id"].combine_chunks()
        groups: list[int] = []
        rows: list[int] = []
        for group in range(parquet.metadata.num_row_groups):
            count = parquet.metadata.row_group(group).num_rows
            groups += [group] * count
            rows += range(count)
    files = pa.DictionaryArray.from_arrays(pa.array([0] * len(ids), pa.int32()), pa.array([file]))
    places = [ids, files, pa.array(groups, pa.int32()), pa.array(rows, pa.int32())]
    return pa.Table.from_arrays(places, schema=SCHEMA)


def write_lookup(folder: Path) -> Path:
    """Return lookup.parquet of a corpus, written from its data files: small row groups with statistics."""
    path = folder / LOOKUP
    pq.write_table(
        lookup_table(folder),
        path,
        row_group_size=GROUP_ROWS,
        compression="ZSTD",
        use_dictionary=["file", "row_group"],
        write_statistics=["id"],
        write_page_index=True,
        store_schema=False,
    )
    return path


class Lookup:
    """The lookup of one corpus; only row groups that may hold an id are read, each once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOOKUP
        with readable(self._path):
            self._file = pq.ParquetFile(self._path)
            bounds = [_bounds(self._file.metadata, group) for group in range(self._file.num_row_groups)]
            if self._file.schema_arrow.names != SCHEMA.names or None in bounds:
                raise OutputError(f"{self._path}: not a lookup of this version; build the corpus again")
        self._lowest = [bound[0] for bound in bounds if bound]
        self._highest = [bound[1] for bound in bounds if bound]
        self._groups: dict[int, tuple[list[str], pa.Table]] = {}

    def find(self, identity: str) -> Place | None:
        """Return where an instance lies, or None where the corpus has none of this id."""
        group = bisect_left(self._highest, identity)
        if group >= len(self._highest) or self._lowest[group] > identity:
            return None
        ids, table = self._group(group)
        at = bisect_left(ids, identity)
        if at == len(ids) or ids[at] != identity:
            return None
        row = table.slice(at, 1).to_pylist()[0]
        return Place(str(row["file"]), int(row["row_group"]), int(row["row"]))

    def near(self, identity: str) -> list[str]:
        """Return at most three ids that begin with the same four characters or more, the likeliest first."""
        found: Iterable[str] = ()
        for length in range(len(identity), _PREFIX - 1, -1):
            found = self._beginning(identity[:length])
            if found:
                break
        return sorted(found)[:_NEAR]

    def _beginning(self, prefix: str) -> list[str]:
        first = bisect_left(self._highest, prefix)
        found: list[str] = []
        for group in range(first, len(self._lowest)):
            if self._lowest[group][: len(prefix)] > prefix or len(found) >= _NEAR:
                break
            ids, _ = self._group(group)
            found += ids[bisect_left(ids, prefix) : bisect_right(ids, prefix + "\U0010ffff")][:_NEAR]
        return found

    def _group(self, group: int) -> tuple[list[str], pa.Table]:
        if group not in self._groups:
            with readable(self._path):
                table = self._file.read_row_group(group)
                self._groups[group] = table["id"].to_pylist(), table
        return self._groups[group]


def _bounds(metadata: pq.FileMetaData, group: int) -> tuple[str, str] | None:
    """Return the lowest and the highest id of a row group, None where none is written.

    The chunk is kept while its statistics are read: pyarrow 26 does not keep it alive for them.
    """
    chunk = metadata.row_group(group).column(0)
    statistics = chunk.statistics
    if statistics is None or not statistics.has_min_max:
        return None
    return str(statistics.min), str(statistics.max)
