"""On real CT with a model's mask, the marked level is the mask's label at the marked place, row by row."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from spinemed.corpus.build import build
from spinemed.corpus.config import BuildConfig
from spinemed.imaging.slices import sagittal
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.level_labels import value_of
from spinemed.records import Study
from spinemed.sources import SOURCES

DATA = Path(os.environ.get("SPINEMED_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


@pytest.mark.skipif(
    not (DATA / "totalsegmentator").is_dir(), reason="SPINEMED_DATA names no folder with real CT"
)
def test_every_question_on_real_ct_is_right_by_the_mask(tmp_path: Path) -> None:
    folder = DATA / "totalsegmentator"
    built = build(BuildConfig(sources={"totalsegmentator": folder}), tmp_path / "corpus")
    masks = {}
    for study in SOURCES["totalsegmentator"](folder):
        if isinstance(study, Study):
            for series in study.series:
                volume = read_volume(series.image)
                masks[series.uid] = read_mask(series.mask, series.label_scheme, volume)
    checked = set()
    for path in sorted(built.out.glob("data/*/*.parquet")):
        if path.parent.name not in ("choice", "open"):
            continue
        for row in pq.read_table(path).to_pylist():
            cut = sagittal(masks[row["series"]], row["slice_index"])
            box = row["box"]
            label = cut[(box["top"] + box["bottom"]) // 2, (box["left"] + box["right"]) // 2]
            assert label == value_of("verse", row["level"])
            assert row["synthetic"] is False
            checked.add(row["level"])
    assert checked == {"L1", "L2", "L3", "L4", "L5"}
    card = (built.out / "README.md").read_text(encoding="utf-8")
    assert "real images with vertebra masks" in card


@pytest.mark.skipif(not (DATA / "tptbox").is_dir(), reason="SPINEMED_DATA names no folder with real CT")
def test_a_crop_around_one_vertebra_is_rejected_with_the_reason(tmp_path: Path) -> None:
    from spinemed.errors import SourceError

    with pytest.raises(SourceError, match="fewer than two whole vertebrae"):
        build(BuildConfig(sources={"totalsegmentator": DATA / "tptbox"}), tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()
