"""Third stage of a build: a task writes the published files of one bucket from the drafts that stay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from datatrove.pipeline.base import PipelineStep

from spinemed.corpus.rows import QUESTION_CONFIGS, Config
from spinemed.corpus.splits import SPLITS
from spinemed.corpus.stages.drafts import PICTURES, published_schema, read_draft, table_of
from spinemed.corpus.stages.plan import SUMMARY, kept_rows
from spinemed.corpus.stages.shards import TableWriter, shard_name

REJECT_SPLIT: Final = "rejects"
BUCKETS: Final = "buckets.json"
UNREAD: Final = "unread.json"


class ShardStep(PipelineStep):  # type: ignore[misc]  # datatrove is not typed
    """Task `rank` writes the files of bucket `rank` under `work`/release/data, each whole or not at all."""

    name = "shards"
    type = "SpineMed"

    def __init__(self, work: str) -> None:
        super().__init__()
        self.work = work

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Write the files of one bucket; yields what came in, as every step does."""
        if data:
            yield from data
        assembled(Path(self.work), rank, world_size)


def assembled(work: Path, bucket: int, buckets: int) -> None:
    """Write all files of a bucket into `work`/release/data."""
    ranks = _ranks_of(work, bucket)
    kept = kept_rows(work, ranks)
    summary = json.loads((work / SUMMARY).read_text(encoding="utf-8"))
    folder = work / "release" / "data"
    for config in QUESTION_CONFIGS:
        for split in SPLITS:
            tables = _question_tables(work, ranks, config, split, kept)
            _write(folder / config / shard_name(split, bucket, buckets), config, tables)
    repeated = pa.array(summary["repeated_series"], pa.string())
    for split in SPLITS:
        for config in ("studies", "findings"):
            tables = _other_tables(work, ranks, config, split, repeated)
            _write(folder / config / shard_name(split, bucket, buckets), config, tables)
    unread = json.loads((work / UNREAD).read_text(encoding="utf-8"))
    rejects = _reject_tables(work, ranks, [*unread, *summary["rejects"]] if bucket == 0 else [])
    _write(folder / "rejects" / shard_name(REJECT_SPLIT, bucket, buckets), "rejects", rejects)


def _ranks_of(work: Path, bucket: int) -> range:
    """Return the tasks of a bucket; they follow each other."""
    of_ranks: list[int] = json.loads((work / BUCKETS).read_text(encoding="utf-8"))
    mine = [rank for rank, one in enumerate(of_ranks) if one == bucket]
    return range(mine[0], mine[-1] + 1) if mine else range(0)


def _folder(work: Path, rank: int) -> Path:
    return work / "drafts" / f"{rank:05d}"


def _question_tables(
    work: Path, ranks: range, config: Config, split: str, kept: dict[tuple[int, str], list[tuple[int, str]]]
) -> Iterator[pa.Table]:
    """Yield the published rows of one patient after the other, pictures in place, sorted."""
    for rank in ranks:
        rows = [row for row, of_split in kept.get((rank, config), ()) if of_split == split]
        draft = read_draft(_folder(work, rank), config) if rows else None
        if draft is None:
            continue
        part = draft.take(rows)
        part = part.append_column("_first", pc.list_element(_padded(part["_pictures"]), 0))
        part = part.sort_by([("_group", "ascending"), ("_first", "ascending"), ("id", "ascending")])
        part = part.set_column(
            part.schema.get_field_index("split"), "split", pa.array([split] * len(part), pa.string())
        )
        pictures = read_draft(_folder(work, rank), PICTURES)
        images = _images(part["_pictures"].combine_chunks(), pictures)
        part = part.append_column("images", images)
        schema = published_schema(config)
        whole = part.select(schema.names).cast(schema)
        for start, stop in _runs(part["_group"].to_pylist()):
            yield whole.slice(start, stop - start)


def _padded(lists: pa.ChunkedArray) -> pa.Array:
    """Return lists in which an empty one holds an empty text, so that each has a first element."""
    values = [ids or [""] for ids in lists.to_pylist()]
    return pa.array(values, pa.list_(pa.string()))


def _images(identities: pa.ListArray, pictures: pa.Table | None) -> pa.ListArray:
    """Return the images of rows as published: lists of bytes and file name."""
    flat = identities.flatten()
    if pictures is None:
        content = pa.array([None] * len(flat), pa.binary())
    else:
        content = pictures["png"].combine_chunks().take(pc.index_in(flat, pictures["id"].combine_chunks()))
    names = pc.binary_join_element_wise(flat, pa.scalar("png"), ".")
    struct = pa.StructArray.from_arrays([content, names], names=["bytes", "path"])
    return pa.ListArray.from_arrays(identities.offsets, struct)


def _runs(groups: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of each run of equal values."""
    start = 0
    for place in range(1, len(groups) + 1):
        if place == len(groups) or groups[place] != groups[start]:
            yield start, place
            start = place


def _other_tables(
    work: Path, ranks: range, config: Config, split: str, repeated: pa.Array
) -> Iterator[pa.Table]:
    """Yield the studies or findings of a split; findings in repeated series are left out."""
    for rank in ranks:
        draft = read_draft(_folder(work, rank), config)
        if draft is None:
            continue
        keep = pc.equal(draft["split"], split)
        if config == "findings" and len(repeated):
            keep = pc.and_(keep, pc.invert(pc.is_in(draft["series"], repeated)))
        part = draft.filter(keep)
        if part.num_rows:
            yield part.cast(published_schema(config))


def _reject_tables(work: Path, ranks: range, planned: list[dict[str, Any]]) -> Iterator[pa.Table]:
    schema = published_schema("rejects")
    if planned:
        yield table_of(planned, schema)
    for rank in ranks:
        draft = read_draft(_folder(work, rank), "rejects")
        if draft is not None:
            yield draft.cast(schema)


def _write(path: Path, config: Config, tables: Iterator[pa.Table]) -> None:
    writer = TableWriter(path, published_schema(config))
    for table in tables:
        writer.add(table)
    writer.close()
