"""The verse source: the restructured release and flat pairs, checked against their centroids."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the field's name

from spinemed.errors import SourceError
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.records import Reject, Study
from spinemed.sources.centroids import read_centroids
from spinemed.sources.verse import read

SHARED = Path(os.environ.get("SPINEMED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not on this machine")
VALUES = range(19, 25)  # T12 to L5


def write_release(
    folder: Path, codes: str = "PIR", name: str = "sub-verse900_dir-iso"
) -> dict[int, tuple[int, ...]]:
    """Write a synthetic study as the release lays it out; return the blocks' middles along `codes`."""
    labels = np.zeros((100, 40, 40), dtype=np.float64)
    for place, value in enumerate(VALUES):
        labels[82 - 16 * place : 96 - 16 * place, 5:27, 9:31] = value
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((2.0, 2.0, 2.0))
    image = sitk.DICOMOrient(image, codes)
    raw, derived = (
        folder / "01_training/rawdata/sub-verse900",
        folder / "01_training/derivatives/sub-verse900",
    )
    raw.mkdir(parents=True)
    derived.mkdir(parents=True)
    sitk.WriteImage(image, str(derived / f"{name}_seg-vert_msk.nii.gz"))
    sitk.WriteImage(sitk.Cast(image * 20, sitk.sitkInt16), str(raw / f"{name}_ct.nii.gz"))
    array = np.transpose(sitk.GetArrayFromImage(image))
    return {value: tuple(int(n) for n in np.argwhere(array == value).mean(axis=0)) for value in VALUES}


def write_centroids(folder: Path, middles: dict[int, tuple[int, ...]], codes: str = "PIR") -> Path:
    """Write the middles in VerSe's form."""
    rows = [{"label": v, "X": x + 0.2, "Y": y - 0.2, "Z": z + 0.1} for v, (x, y, z) in middles.items()]
    path = folder / "01_training/derivatives/sub-verse900/sub-verse900_dir-iso_seg-subreg_ctd.json"
    path.write_text(json.dumps([{"direction": list(codes)}, *rows]))
    return path


def only(folder: Path) -> Study | Reject:
    """Return the one record that the folder gives."""
    (record,) = read(folder)
    return record


def test_the_restructured_release_is_read_with_its_licence_and_levels(tmp_path: Path) -> None:
    write_centroids(tmp_path, write_release(tmp_path))
    study = only(tmp_path)
    assert isinstance(study, Study)
    assert (study.licence, study.numbering, study.synthetic) == ("CC-BY-SA-4.0", "file_labels", False)
    series = study.series[0]
    mask = read_mask(series.mask, series.label_scheme, read_volume(series.image))
    heights = [float(np.argwhere(mask == value)[:, 0].mean()) for value in VALUES]
    assert heights == sorted(heights, reverse=True)


@pytest.mark.parametrize("codes", ["PIR", "LPS", "RAS", "ASL"])
def test_centroids_are_read_along_the_axes_they_name(codes: str, tmp_path: Path) -> None:
    """The mask is stored in PIR, its centroids count along other axes and must still meet their vertebra."""
    write_release(tmp_path, "PIR")
    middles = write_release(tmp_path / "elsewhere", codes)
    write_centroids(tmp_path, middles, codes)
    assert isinstance(only(tmp_path / "01_training"), Study)


def test_a_centroid_one_level_off_rejects_the_study(tmp_path: Path) -> None:
    middles = write_release(tmp_path)
    shifted = {value + 1: middle for value, middle in middles.items() if value < 24}
    write_centroids(tmp_path, shifted)
    record = only(tmp_path)
    assert isinstance(record, Reject)
    assert "L1 (label 20) has its middle at voxel" in record.reason and "T12 (label 19)" in record.reason
    assert record.fix == "find out which of the two is right"


def test_axis_codes_that_do_not_belong_to_the_points_are_a_level_conflict(tmp_path: Path) -> None:
    write_centroids(tmp_path, write_release(tmp_path), codes="PSR")
    assert isinstance(only(tmp_path), Reject)


def test_tptboxs_list_of_two_is_read_too(tmp_path: Path) -> None:
    middles = write_release(tmp_path)
    path = write_centroids(tmp_path, middles)
    points = {str(value): {"50": list(middle), "42": [0, 0, 0]} for value, middle in middles.items()}
    path.write_text(
        json.dumps([{"direction": list("PIR"), "format": "POI"}, {**points, "122": {"50": [1, 1, 1]}}])
    )
    codes, centroids = read_centroids(path)
    assert codes == "PIR" and [centroid.label for centroid in centroids] == list(VALUES)
    assert isinstance(only(tmp_path), Study)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '[{"direction": ["P","I","A"]}]', '[{"direction": "PIR"}, {"label": 20}]']
)
def test_a_broken_centroid_file_rejects_the_study_by_name(text: str, tmp_path: Path) -> None:
    write_centroids(tmp_path, write_release(tmp_path)).write_text(text)
    record = only(tmp_path)
    assert isinstance(record, Reject) and "_ctd.json" in record.reason and record.fix


def test_sizes_betray_instance_counts_that_look_like_levels(tmp_path: Path) -> None:
    """Trap 11: a lumbar vertebra whose instance number 6 would be C6."""
    write_release(tmp_path)
    for path in tmp_path.rglob("*_msk.nii.gz"):
        image = sitk.ReadImage(str(path))
        counts = {value: value - 16 for value in VALUES}
        counted = sitk.ChangeLabel(sitk.Cast(image, sitk.sitkUInt8), counts)
        sitk.WriteImage(counted, str(path))
    record = only(tmp_path)
    assert isinstance(record, Reject) and "region C measures" in record.reason


def test_partners_that_are_missing_are_named(tmp_path: Path) -> None:
    write_release(tmp_path)
    next(tmp_path.rglob("*_ct.nii.gz")).rename(tmp_path / "sub-verse901_ct.nii.gz")
    reasons = sorted(record.reason for record in read(tmp_path) if isinstance(record, Reject))
    assert len(reasons) == 2
    assert "mask without image, sub-verse900_dir-iso_ct.nii.gz is missing" in reasons[0]
    assert "image without mask, sub-verse901_seg-vert_msk.nii.gz is missing" in reasons[1]


def test_a_mask_on_another_grid_is_rejected_with_both_grids(tmp_path: Path) -> None:
    write_release(tmp_path)
    path = next(tmp_path.rglob("*_msk.nii.gz"))
    image = sitk.ReadImage(str(path))
    image.SetSpacing((2.0, 2.0, 2.5))
    sitk.WriteImage(image, str(path))
    record = only(tmp_path)
    assert isinstance(record, Reject) and "the mask lies on" in record.reason and "resample" in record.fix


def test_the_older_release_is_rejected_by_name(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.Image([4, 4, 4], sitk.sitkUInt8), str(tmp_path / "verse004_seg.nii.gz"))
    record = only(tmp_path)
    assert isinstance(record, Reject) and "MICCAI" in record.reason and "restructured" in record.fix


def test_missing_and_empty_folders_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        read(tmp_path / "absent")
    with pytest.raises(SourceError, match="no image in this folder"):
        read(tmp_path)


@needs_shared
def test_the_shared_mask_without_its_ct_is_rejected_by_the_cts_name() -> None:
    record = only(SHARED / "verse")
    assert isinstance(record, Reject)
    assert record.reason.endswith("mask without image, sub-verse004_ct.nii.gz is missing")


@needs_shared
def test_all_centroids_of_the_shared_mask_meet_their_label_in_the_patient(tmp_path: Path) -> None:
    """The CT here is synthetic, made from the real mask: the true CT is not in shared/data."""
    for name in ("sub-verse004_seg-vert_msk.nii.gz", "sub-verse004_seg-subreg_ctd.json"):
        (tmp_path / name).symlink_to(SHARED / "verse" / name)
    stored = sitk.ReadImage(str(tmp_path / "sub-verse004_seg-vert_msk.nii.gz"))
    stand_in = sitk.Cast(stored > 0, sitk.sitkInt16) * 500 - 200
    sitk.WriteImage(stand_in, str(tmp_path / "sub-verse004_ct.nii.gz"))
    study = only(tmp_path)
    assert isinstance(study, Study)
    series = study.series[0]
    volume = read_volume(series.image)
    mask = read_mask(series.mask, series.label_scheme, volume)
    turned = sitk.GetImageFromArray(mask)
    turned.SetSpacing(volume.grid.spacing_mm)
    turned.SetOrigin(volume.grid.origin_mm)
    turned.SetDirection(volume.grid.direction)
    _, centroids = read_centroids(tmp_path / "sub-verse004_seg-subreg_ctd.json")
    assert [centroid.label for centroid in centroids] == list(range(16, 25))
    for centroid in centroids:
        place = stored.TransformContinuousIndexToPhysicalPoint(centroid.index)
        assert turned.GetPixel(turned.TransformPhysicalPointToIndex(place)) == centroid.label


@needs_shared
def test_the_shared_tptbox_pair_is_read_with_its_poi_files() -> None:
    study = only(SHARED / "tptbox")
    assert isinstance(study, Study)
    assert study.licence == "LicenseRef-user-supplied", "not a subject of VerSe"
