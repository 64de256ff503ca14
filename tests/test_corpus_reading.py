"""Rows by number are those that datasets gives, in memory or not, and faults are told."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Features, Image, List, Value, load_dataset
from PIL import Image as Picture

from spinemed.corpus.reading import RowsByNumber
from spinemed.errors import ConfigError


def _png(value: int) -> bytes:
    held = io.BytesIO()
    Picture.fromarray(np.full((4, 6), value, np.uint8)).save(held, "PNG")
    return held.getvalue()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return nine rows of three record batches, read back from Parquet; every third has no picture."""
    folder: Path = tmp_path_factory.mktemp("rows")
    kinds = Features({"id": Value("string"), "images": List(Image())})
    given = [{"id": f"r{at}", "images": [{"bytes": _png(at), "path": None}] * (at % 3)} for at in range(9)]
    Dataset.from_list(given, features=kinds).to_parquet(str(folder / "rows.parquet"), batch_size=3)
    file = str(folder / "rows.parquet")
    return load_dataset("parquet", data_files=file, split="train", cache_dir=str(folder / "cache"))


@pytest.mark.parametrize("in_memory", [False, True])
def test_rows_and_pictures_are_those_of_datasets_in_the_order_asked_for(
    rows: Dataset, in_memory: bool
) -> None:
    quick = RowsByNumber(rows, in_memory=in_memory)
    wanted = [7, 0, 7, 3, 4, 5, 6, -1]
    assert len(rows.data.table.column("id").chunks) > 1
    assert len(quick) == len(rows) == 9
    for mine, number in zip(quick.__getitems__(wanted), wanted, strict=True):
        theirs = rows[number if number >= 0 else 9 + number]
        assert mine["id"] == theirs["id"]
        shown = [np.asarray(picture).tolist() for picture in mine["images"]]
        assert shown == [np.asarray(picture).tolist() for picture in theirs["images"]]
    assert quick[4]["id"] == "r4"
    assert [row["id"] for row in quick.__getitems__(range(2, 7))] == ["r2", "r3", "r4", "r5", "r6"]
    assert quick.__getitems__([]) == []


def test_a_sliced_split_and_fewer_columns_read_as_such(rows: Dataset) -> None:
    part = rows.select(range(2, 5))  # datasets slices the table here and keeps no numbers
    quick = RowsByNumber(part, ("images",), decode=False)
    assert len(quick) == 3
    assert quick[0] == {"images": [{"bytes": _png(2), "path": None}] * 2}


def test_what_cannot_be_read_by_number_is_told(rows: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"columns \['nothing'\] are not in the data"):
        RowsByNumber(rows, ("nothing",))
    with pytest.raises(ConfigError, match="flatten_indices"):
        RowsByNumber(rows.shuffle(seed=1))
    with pytest.raises(IndexError, match=r"rows \[9\] of 9"):
        RowsByNumber(rows)[9]
    with pytest.raises(IndexError, match=r"rows \[-1\] of 9"):
        RowsByNumber(rows)[-10]
