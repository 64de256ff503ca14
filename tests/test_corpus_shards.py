"""Shards store each picture once, in row groups of bounded size, and read back as they were given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from spinemed.corpus.rows import Row, features
from spinemed.corpus.stages import shards
from spinemed.corpus.stages.shards import ShardWriter


def question(picture: int, number: int) -> Row:
    """Return a row of the config `open` whose picture is 40 kB of noise."""
    noise = np.random.default_rng(picture).bytes(40_000)
    row: Row = dict.fromkeys(features("open"), "text")
    row |= {
        "images": [{"bytes": noise, "path": f"{picture}.png"}],
        "messages": [{"role": "user", "content": f"question {number}"}],
        "sites": ["L4"],
        "findings": ["f"],
        "synthetic": True,
        "slice_index": 3,
        "box": {"left": 1, "top": 2, "right": 3, "bottom": 4},
        "marker": None if picture % 2 else {"column": 1.0, "row": 2.0, "radius": 9.0},
        "spacing_mm": 1.0,
        "window": {"left": 0.0, "top": 0.0, "right": 9.0, "bottom": 9.0},
        "turn": 0,
        "conditions": ["healthy"],
        "gates": ["level_parser"],
        "quote": {"document": "s", "start": 0, "end": 4, "text": "text"},
        "id": f"{picture}-{number}",
    }
    return row


def test_rows_that_share_a_picture_cost_one_picture(tmp_path: Path) -> None:
    given = [question(picture, number) for picture in range(12) for number in range(5)]
    writer = ShardWriter(tmp_path, "train", features("open"))
    for row in given:
        writer.add(row)
    [path] = writer.finish()
    assert path.name == "train-00000-of-00001.parquet"
    assert writer.image_bytes == 12 * 40_000
    assert path.stat().st_size < 1.05 * writer.image_bytes
    assert pq.read_table(path).to_pylist() == given


def test_row_groups_and_shards_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "ROW_GROUP_BYTES", 100_000)
    monkeypatch.setattr(shards, "SHARD_BYTES", 250_000)
    writer = ShardWriter(tmp_path, "test", features("open"))
    for picture in range(12):
        for number in range(3):
            writer.add(question(picture, number))
    paths = writer.finish()
    assert [path.name for path in paths] == [
        f"test-{n:05d}-of-{len(paths):05d}.parquet" for n in range(len(paths))
    ]
    assert len(paths) > 1
    for path in paths:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            assert metadata.row_group(group).total_byte_size < 150_000
            assert metadata.row_group(group).num_rows % 3 == 0
    assert sum(pq.read_metadata(path).num_rows for path in paths) == 36


def test_no_row_gives_no_file(tmp_path: Path) -> None:
    assert ShardWriter(tmp_path / "data", "train", features("open")).finish() == []
    assert not (tmp_path / "data").exists()
