"""On CT with a mask, the marked level is the mask's label at the marked place, row by row."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import SimpleITK as sitk  # noqa: N813  the field's name

from spinemed.corpus.build import build
from spinemed.corpus.config import BuildConfig
from spinemed.imaging.slices import sagittal
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.level_grammar import parse_levels
from spinemed.level_labels import value_of
from spinemed.records import Study
from spinemed.sources import SOURCES

DATA = Path(os.environ.get("SPINEMED_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


def checked_rows(source: str, folder: Path, out: Path) -> list[dict[str, Any]]:
    """Return all questions of a corpus built from a folder; the mask at each box names its level."""
    built = build(BuildConfig(sources={source: folder}), out)
    series = {
        one.uid: one for study in SOURCES[source](folder) if isinstance(study, Study) for one in study.series
    }
    masks: dict[str, Any] = {}
    rows = []
    for path in sorted(built.out.glob("data/*/*.parquet")):
        if path.parent.name not in ("choice", "open"):
            continue
        for row in pq.read_table(path).to_pylist():
            given = series[row["series"]]
            if given.uid not in masks:
                masks[given.uid] = read_mask(given.mask, given.label_scheme, read_volume(given.image))
            cut = sagittal(masks[given.uid], row["slice_index"])
            box = row["box"]
            label = cut[(box["top"] + box["bottom"]) // 2, (box["left"] + box["right"]) // 2]
            assert label == value_of("verse", row["level"])
            rows.append(row)
    return rows


@pytest.mark.parametrize(
    ("source", "name", "levels"),
    [
        ("totalsegmentator", "totalsegmentator", {"L1", "L2", "L3", "L4", "L5"}),
        ("totalsegmentator", "tptbox", {"L3"}),
        ("verse", "tptbox", {"L3"}),
    ],
)
def test_every_question_on_real_ct_is_right_by_the_mask(
    source: str, name: str, levels: set[str], tmp_path: Path
) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"SPINEMED_DATA names no folder with real CT in {name}")
    rows = checked_rows(source, DATA / name, tmp_path / "corpus")
    assert {row["level"] for row in rows} == levels
    assert not any(row["synthetic"] for row in rows)
    card = (tmp_path / "corpus" / "README.md").read_text(encoding="utf-8")
    assert "real images with vertebra masks" in card


@pytest.mark.parametrize("axes", ["LPS", "RAS", "PIR"])
@pytest.mark.parametrize("source", ["totalsegmentator", "verse"])
def test_a_crop_around_one_vertebra_is_asked_with_its_cut_neighbour(
    source: str, axes: str, tmp_path: Path
) -> None:
    """A miniature of such a crop: L2 and L4 are cut by its edges, whichever way its axes run."""
    labels = np.zeros((47, 60, 40), np.uint8)
    for level, (low, high) in {"L4": (0, 12), "L3": (16, 37), "L2": (40, 47)}.items():
        labels[low:high, 10:34, 2:38] = value_of("verse", level)
    grey = np.where(labels > 0, 300, 20).astype(np.int16)
    folder = tmp_path / "crops"
    folder.mkdir()
    for array, ending in ((grey, "ct"), (labels, "seg-vert_msk")):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((1.5, 1.5, 1.5))
        sitk.WriteImage(sitk.DICOMOrient(image, axes), folder / f"sub-one_{ending}.nii.gz")
    rows = checked_rows(source, folder, tmp_path / "corpus")
    answers = {
        (row["kind"], row["level"], *parse_levels(row["messages"][-1]["content"]).levels) for row in rows
    }
    further = {("exit_root", "L3", "root:L3"), ("disc_beside", "L3", "L2-L3"), ("disc_beside", "L3", "L3-L4")}
    assert answers - further == {("marked_level", "L3", "L3"), ("level_below", "L3", "L4")}
    assert all(parse_levels(row["question"]).levels == ("L2",) for row in rows)
    assert all("upper edge" in row["question"] or "上缘" in row["question"] for row in rows)
    found = pq.read_table(tmp_path / "corpus" / "data" / "findings").to_pylist()
    assert Counter((row["pathology"], row["site"]) for row in found) == {
        ("vertebra", "L3"): 1,
        ("vertebra_in_part", "L2"): 1,
        ("vertebra_in_part", "L4"): 1,
    }
