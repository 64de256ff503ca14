"""The best sagittal slice and grey windows."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spinemed.errors import SourceError
from spinemed.imaging.slices import best_sagittal, sagittal, to_uint8
from spinemed.imaging.volume import read_mask, read_volume

SHARED = Path(os.environ.get("SPINEMED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not on this machine")


def spine(middles: list[int]) -> NDArray[np.uint8]:
    """Return [z, y, x] labels 20, 21 ... from above: bodies around `middles`, one-sided processes behind."""
    mask = np.zeros((12 * len(middles), 60, 100), dtype=np.uint8)
    for place, middle in enumerate(middles):
        low = 12 * (len(middles) - 1 - place)
        mask[low : low + 9, 5:25, middle - 10 : middle + 10] = 20 + place
        mask[low : low + 9, 30:34, middle - 5 : min(100, middle + 45)] = 20 + place
    return mask


def test_one_sided_processes_do_not_pull_the_best_slice_off_the_bodies() -> None:
    assert abs(best_sagittal(spine([40] * 5)) - 40) <= 1


def test_in_a_scoliosis_the_best_slice_meets_most_bodies() -> None:
    middles = [30, 34, 38, 42, 70]
    mask = spine(middles)
    met = set(np.unique(sagittal(mask, best_sagittal(mask))[:, :25])) - {0}
    assert met == {20, 21, 22, 23}


def test_a_mask_without_vertebrae_has_no_best_slice() -> None:
    with pytest.raises(SourceError, match="no vertebra"):
        best_sagittal(np.zeros((3, 3, 3), dtype=np.uint8))


def test_a_slice_outside_the_volume_is_an_error_not_the_other_end() -> None:
    with pytest.raises(IndexError):
        sagittal(np.zeros((3, 3, 3)), -1)


def test_mr_is_windowed_by_its_own_values() -> None:
    grey = to_uint8(np.linspace(0, 5000, 1000).reshape(10, 100), "MR")
    assert (grey.min(), grey.max()) == (0, 255)
    assert to_uint8(np.full((4, 4), 7.0), "MR").max() == 0


@needs_shared
def test_the_best_slice_of_the_real_ct_meets_all_bodies_and_spinous_processes() -> None:
    folder = SHARED / "totalsegmentator"
    volume = read_volume(folder / "example_ct.nii.gz")
    mask = read_mask(folder / "spine_report" / "totalseg.nii.gz", "totalsegmentator_v2", volume)
    seen = sagittal(mask, best_sagittal(mask))
    assert {19, 20, 21, 22, 23, 24, 26} <= set(np.unique(seen).tolist())
    rows = [float(np.argwhere(seen == value)[:, 0].mean()) for value in (19, 20, 21, 22, 23, 24, 26)]
    assert rows == sorted(rows)  # the head is above
    bodies = np.argwhere(seen == 22)
    assert bodies[:, 1].max() - bodies[:, 1].min() > 20  # body in front, process behind: 3 mm a pixel
