"""The totalsegmentator source: what pairs with what, which numbering a mask has, and what is rejected why."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray

from spinemed.errors import SourceError
from spinemed.imaging.volume import read_mask, read_volume
from spinemed.level_labels import SCHEMES, value_of
from spinemed.records import Reject, Study
from spinemed.sources import SOURCES
from spinemed.sources.totalsegmentator import read

SHARED = Path(os.environ.get("SPINEMED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not on this machine")
SIZES_MM = {
    "C": (12, 16, 18),
    "T": (22, 36, 36),
    "L": (28, 44, 44),
}  # height, depth, width of a synthetic block


def column(values: dict[str, int]) -> NDArray[np.uint8]:
    """Return [z, y, x] blocks of 2 mm voxels, from the head down in the order of `values` (site -> label)."""
    total = sum(SIZES_MM[site[0]][0] // 2 + 1 for site in values)
    labels = np.zeros((total + 4, 40, 40), dtype=np.uint8)
    top = total + 2
    for site, value in values.items():
        height, depth, width = (size // 2 for size in SIZES_MM[site[0]])
        labels[top - height : top, 5 : 5 + depth, 20 - width // 2 : 20 + width // 2] = value
        top -= height + 1
    return labels


def write(array: NDArray[np.generic], path: Path, codes: str = "LPS", origin: float = 0.0) -> Path:
    """Write the array with 2 mm voxels, stored in the orientation `codes`."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 2.0))
    image.SetOrigin((origin, 0.0, 0.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.DICOMOrient(image, codes), str(path))
    return path


def numbered(scheme: str, first: str, last: str) -> dict[str, int]:
    """Return site -> label of the vertebrae from `first` down to `last` in a numbering."""
    down = [*SCHEMES["verse"].values()][:24]
    sites = down[down.index(first) : down.index(last) + 1]
    return {site: int(value_of(scheme, site)) for site in sites}


def write_pair(
    folder: Path, labels: NDArray[np.uint8], image: str = "ct.nii.gz", mask: str = "seg.nii.gz"
) -> None:
    """Write a synthetic CT made from the labels, and the labels in another stored orientation."""
    write((labels > 0).astype(np.int16) * 400 - 100, folder / image)
    write(labels, folder / mask, codes="PIR")


def only(folder: Path, label_scheme: str | None = None) -> Study | Reject:
    """Return the one record that the folder gives."""
    (record,) = read(folder, label_scheme)
    return record


def test_an_image_and_a_multi_label_mask_pair_by_grid_wherever_they_lie(tmp_path: Path) -> None:
    labels = column(numbered("totalsegmentator_v2", "T11", "L5"))
    write_pair(tmp_path, labels, "a/scan.nii.gz", "out/totalseg.nii.gz")
    other = column(numbered("totalsegmentator_v2", "T12", "L5"))
    write_pair(tmp_path, other, "b/scan.nii.gz", "out/output.nii.gz")
    studies = [record for record in read(tmp_path) if isinstance(record, Study)]
    pairs = {study.series[0].image.parent.name: study.series[0].mask for study in studies}
    assert pairs == {"a": tmp_path / "out/totalseg.nii.gz", "b": tmp_path / "out/output.nii.gz"}
    series = studies[0].series[0]
    mask = read_mask(series.mask, series.label_scheme, read_volume(series.image))
    assert set(np.unique(mask)) == {0, *range(18, 25)}
    assert studies[0].licence == "LicenseRef-user-supplied" and studies[0].numbering == "file_labels"


def test_names_decide_between_two_images_on_one_grid(tmp_path: Path) -> None:
    labels = column(numbered("totalsegmentator_v2", "T12", "L5"))
    write_pair(tmp_path, labels, "p1/ct.nii.gz", "p1/seg.nii.gz")
    write_pair(tmp_path, labels, "p2/ct.nii.gz", "p2/seg.nii.gz")
    for study in read(tmp_path):
        assert isinstance(study, Study)
        assert isinstance(study.series[0].mask, Path)
        assert study.series[0].mask.parent == study.series[0].image.parent


def test_patients_are_told_apart_by_folder_and_never_named(tmp_path: Path) -> None:
    labels = column(numbered("totalsegmentator_v2", "T12", "L5"))
    write_pair(tmp_path, labels, "MUELLER/ct.nii.gz", "MUELLER/seg.nii.gz")
    write_pair(tmp_path, labels, "p2/ct.nii.gz", "p2/seg.nii.gz")
    studies = list(read(tmp_path))
    assert all(isinstance(study, Study) for study in studies)
    patients = {study.patient for study in studies if isinstance(study, Study)}
    assert len(patients) == 2 and not any("MUELLER" in patient for patient in patients)


def test_the_data_sets_folders_of_binary_files_are_read(tmp_path: Path) -> None:
    values = numbered("totalsegmentator_v2", "T11", "L4")
    labels = column(values)
    write((labels > 0).astype(np.int16), tmp_path / "s0011" / "ct.nii.gz")
    for site, value in values.items():
        part = (labels == value).astype(np.uint8)
        write(part, tmp_path / "s0011" / "segmentations" / f"vertebrae_{site}.nii.gz")
    write(np.zeros_like(labels), tmp_path / "s0011" / "segmentations" / "vertebrae_C1.nii.gz")
    write((labels > 0).astype(np.uint8), tmp_path / "s0011" / "segmentations" / "liver.nii.gz")
    study = only(tmp_path)
    assert isinstance(study, Study)
    series = study.series[0]
    mask = read_mask(series.mask, series.label_scheme, read_volume(series.image))
    assert set(np.unique(mask)) == {0, 18, 19, 20, 21, 22, 23}


def test_binary_files_without_their_ct_are_rejected(tmp_path: Path) -> None:
    write(column({"L1": 1}), tmp_path / "s1" / "segmentations" / "vertebrae_L1.nii.gz")
    record = only(tmp_path)
    assert isinstance(record, Reject)
    assert (
        record.reason.startswith("s1/segmentations: masks without image")
        and "put one image there" in record.fix
    )


def test_a_version_1_mask_of_the_trunk_is_not_read_as_version_2(tmp_path: Path) -> None:
    """Trap 4: under v2 the row T1 to L5 of v1 is in order too, but seven levels off."""
    write_pair(tmp_path, column(numbered("totalsegmentator_v1", "T1", "L5")))
    record = only(tmp_path)
    assert isinstance(record, Reject)
    assert "totalsegmentator_v1" in record.reason and "--label-scheme" in record.fix
    study = only(tmp_path, "totalsegmentator_v1")
    assert isinstance(study, Study) and study.series[0].label_scheme == "totalsegmentator_v1"


def test_a_version_1_mask_of_the_chest_is_betrayed_by_its_size(tmp_path: Path) -> None:
    """Trap 4: v1's T4 to T8 carry the numbers of v2's L1 to L5, but small vertebrae are not lumbar."""
    labels = column(numbered("totalsegmentator_v1", "T2", "T9"))
    labels[:, :, :10], labels[:, :, 30:] = 0, 0
    labels[:, 15:] = 0
    write_pair(tmp_path, labels)
    record = only(tmp_path)
    assert isinstance(record, Reject) and "ml a vertebra" in record.reason


def test_labels_out_of_anatomical_order_are_rejected(tmp_path: Path) -> None:
    values = numbered("totalsegmentator_v2", "T12", "L5")
    values["L2"], values["L3"] = values["L3"], values["L2"]
    write_pair(tmp_path, column(values))
    record = only(tmp_path)
    assert isinstance(record, Reject) and "labels do not run in anatomical order" in record.reason
    record = only(tmp_path, "totalsegmentator_v2")
    assert isinstance(record, Reject), "naming the numbering does not excuse a wrong order"


def test_a_mask_of_another_scheme_names_its_labels_and_the_schemes_that_fit(tmp_path: Path) -> None:
    write_pair(tmp_path, column(numbered("spider", "T12", "L5")))
    record = only(tmp_path)
    assert isinstance(record, Reject)
    assert "no vertebra of totalsegmentator_v2 among the labels 1, 2, 3, 4, 5, 6" in record.reason
    assert "--label-scheme" in record.fix and "spider" in record.fix and "verse" not in record.fix
    study = only(tmp_path, "spider")
    assert isinstance(study, Study) and study.numbering == "counted_from_below"


def test_files_named_as_in_verse_are_read_as_verse_and_say_so(tmp_path: Path) -> None:
    labels = column(numbered("verse", "T12", "L5"))
    write_pair(tmp_path, labels, "sub-a_ct.nii.gz", "sub-a_seg-vert_msk.nii.gz")
    write((labels > 0).astype(np.uint8) * 49, tmp_path / "sub-a_seg-subreg_msk.nii.gz")
    study = only(tmp_path)
    assert isinstance(study, Study) and study.series[0].label_scheme == "verse"


def test_an_mr_mask_needs_its_numbering_said(tmp_path: Path) -> None:
    write_pair(
        tmp_path,
        column(numbered("totalsegmentator_vertebrae_mr", "T12", "L5")),
        "x_T2w.nii.gz",
        "x_seg.nii.gz",
    )
    record = only(tmp_path)
    assert isinstance(record, Reject) and "depends on the task" in record.reason
    study = only(tmp_path, "totalsegmentator_vertebrae_mr")
    assert isinstance(study, Study)
    assert (study.series[0].modality, study.numbering) == ("MR", "counted_from_below")


def test_what_has_no_partner_is_rejected_with_the_way_out(tmp_path: Path) -> None:
    labels = column(numbered("totalsegmentator_v2", "T12", "L5"))
    write(labels.astype(np.int16), tmp_path / "ct.nii.gz")
    write(labels, tmp_path / "seg.nii.gz", origin=0.7)
    records = [record for record in read(tmp_path) if isinstance(record, Reject)]
    mismatch, lone = sorted(records, key=lambda record: record.reason, reverse=True)
    assert mismatch.reason.startswith("seg.nii.gz: mask without image on its grid; it lies on")
    assert "at (0.7, 0, 0)" in mismatch.reason and "ct.nii.gz on" in mismatch.reason
    assert "nearest neighbours" in mismatch.fix
    assert lone.reason == "ct.nii.gz: image without mask" and "on the same grid" in lone.fix


def test_two_vertebra_masks_of_one_image_are_rejected(tmp_path: Path) -> None:
    labels = column(numbered("totalsegmentator_v2", "T12", "L5"))
    write_pair(tmp_path, labels)
    write(labels, tmp_path / "seg2.nii.gz")
    record = only(tmp_path)
    assert isinstance(record, Reject) and "several vertebra masks" in record.reason


def test_a_broken_file_is_one_reject_and_the_rest_is_read(tmp_path: Path) -> None:
    write_pair(tmp_path, column(numbered("totalsegmentator_v2", "T12", "L5")))
    (tmp_path / "broken.nii.gz").write_bytes(b"")
    records = list(read(tmp_path))
    assert sorted(type(record).__name__ for record in records) == ["Reject", "Study"]


def test_a_loop_of_links_is_walked_once(tmp_path: Path) -> None:
    write_pair(tmp_path / "p1", column(numbered("totalsegmentator_v2", "T12", "L5")))
    (tmp_path / "p1" / "again").symlink_to(tmp_path)
    assert isinstance(only(tmp_path), Study)


def test_records_do_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    write_pair(tmp_path / "one", column(numbered("totalsegmentator_v2", "T12", "L5")))
    write(np.zeros((3, 3, 3), np.int16), tmp_path / "one" / "lone_ct.nii.gz")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    first, second = list(read(tmp_path / "one")), list(read(tmp_path / "two"))
    assert [record.id for record in first] == [record.id for record in second]
    assert [r for r in first if isinstance(r, Reject)] == [r for r in second if isinstance(r, Reject)]


def test_missing_and_empty_folders_and_unknown_schemes_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        read(tmp_path / "absent")
    with pytest.raises(SourceError, match="no image in this folder"):
        read(tmp_path)
    with pytest.raises(SourceError, match="unknown label scheme"):
        read(tmp_path, "v9")


def test_sources_are_named_as_their_records_name_them() -> None:
    assert list(SOURCES) == ["phantom", "totalsegmentator", "verse"]


@needs_shared
def test_the_shared_ct_and_the_dicom_series_pair_with_their_masks_and_the_rest_is_rejected() -> None:
    records = list(read(SHARED / "totalsegmentator"))
    pairs = {r.series[0].image.name: r.series[0].mask for r in records if isinstance(r, Study)}
    folder = SHARED / "totalsegmentator"
    assert pairs == {
        "example_ct.nii.gz": folder / "spine_report" / "totalseg.nii.gz",
        "example_ct_dicom": folder / "example_seg_dicom.nii.gz",
    }
    reasons = sorted(r.reason for r in records if isinstance(r, Reject))
    assert reasons[0] == "example_mr_sm.nii.gz: image without mask"
    assert "totalseg_vertebrae_body.nii.gz: no vertebra of totalsegmentator_v2" in reasons[1]
    assert len(reasons) == 2


@needs_shared
def test_the_shared_tptbox_ct_is_read_with_verse_numbers_and_never_its_subregions() -> None:
    study = only(SHARED / "tptbox")
    assert isinstance(study, Study)
    series = study.series[0]
    assert series.label_scheme == "verse"
    mask = read_mask(series.mask, series.label_scheme, read_volume(series.image))
    assert set(np.unique(mask)) == {0, 21, 22, 23}
