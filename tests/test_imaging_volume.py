"""Volumes and masks: axes from the header alone, labels in VerSe numbering, bad files."""

from __future__ import annotations

import gzip
import os
import struct
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the field's name

from spinemed.errors import GeometryError, SourceError
from spinemed.imaging.grid import grid_of, same_grid, to_lps
from spinemed.imaging.image_files import read_grid
from spinemed.imaging.slices import sagittal
from spinemed.imaging.volume import read_labels, read_mask, read_volume, vertebra_table

SHARED = Path(os.environ.get("SPINEMED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not on this machine")
ORIENTATIONS = ["".join(codes) for order in permutations(("RL", "AP", "IS")) for codes in product(*order)]


def lps_image() -> sitk.Image:
    """Return 7 x 6 x 5 voxels (x, y, z) in LPS, unequal spacings; voxel (x, y, z) holds 100 z + 10 y + x."""
    z, y, x = np.mgrid[:5, :6, :7]
    image = sitk.GetImageFromArray((100 * z + 10 * y + x).astype(np.int16))
    image.SetSpacing((0.5, 0.75, 2.0))
    image.SetOrigin((-10.0, 20.0, 30.0))
    return image


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_a_voxel_lands_where_it_lies_in_the_patient_from_all_48_stored_orientations(
    codes: str, tmp_path: Path
) -> None:
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(sitk.DICOMOrient(lps_image(), codes), str(path))
    volume = read_volume(path)
    assert volume.stored_orientation == codes
    assert volume.array.shape == (5, 6, 7)
    assert volume.spacing_mm == pytest.approx((2.0, 0.75, 0.5))
    assert volume.origin_mm == pytest.approx((-10.0, 20.0, 30.0), abs=1e-4)
    assert volume.array[3, 4, 5] == 345
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(lps_image()))


def test_all_48_orientations_are_different() -> None:
    assert len(set(ORIENTATIONS)) == 48


def test_the_patients_left_stays_left(tmp_path: Path) -> None:
    """In LPS coordinates x grows to the left: the point at the highest x must get the highest index."""
    image = sitk.Image([9, 4, 4], sitk.sitkInt16)
    image.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, 1))  # stored from the left to the right
    left_most = image.TransformIndexToPhysicalPoint((0, 2, 2))
    assert left_most[0] > image.TransformIndexToPhysicalPoint((8, 2, 2))[0]
    image[0, 2, 2] = 7
    path = tmp_path / "image.mha"
    sitk.WriteImage(image, str(path))
    assert np.argwhere(read_volume(path).array == 7).tolist() == [[2, 2, 8]]


def test_a_slice_shows_the_head_above_and_the_front_left(tmp_path: Path) -> None:
    path = tmp_path / "image.nii"
    sitk.WriteImage(sitk.DICOMOrient(lps_image(), "PIR"), str(path))
    pixels = sagittal(read_volume(path).array, 2)
    assert pixels[0, 0] == 402  # highest z, most anterior y
    assert pixels[-1, -1] == 52  # lowest z, most posterior y


def test_an_oblique_volume_keeps_its_nearest_axes_and_its_place(tmp_path: Path) -> None:
    turn = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.25)
    image = lps_image()
    image.SetDirection(turn.GetMatrix())
    path = tmp_path / "oblique.nii.gz"
    sitk.WriteImage(sitk.DICOMOrient(image, "PIR"), str(path))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(image))
    assert same_grid(volume.grid, grid_of(image))


@pytest.mark.parametrize("codes", ["RAS", "PIR", "ASL", "LPS", "SRP"])
def test_the_grid_from_a_header_is_the_grid_of_the_turned_volume(codes: str, tmp_path: Path) -> None:
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(sitk.DICOMOrient(lps_image(), codes), str(path))
    assert same_grid(to_lps(read_grid(path)), read_volume(path).grid)


def test_a_mask_in_another_stored_orientation_fits_its_image(tmp_path: Path) -> None:
    labels = sitk.Cast(lps_image() == 345, sitk.sitkUInt8) * 31
    sitk.WriteImage(lps_image(), str(tmp_path / "ct.nii.gz"))
    sitk.WriteImage(sitk.DICOMOrient(labels, "SAR"), str(tmp_path / "seg.nii.gz"))
    mask = read_mask(tmp_path / "seg.nii.gz", "totalsegmentator_v2", read_volume(tmp_path / "ct.nii.gz"))
    assert mask[3, 4, 5] == 20  # L1 in VerSe numbering
    assert mask.sum() == 20


@pytest.mark.parametrize("change", ["size", "spacing", "origin", "direction"])
def test_a_mask_on_another_grid_is_refused_with_both_grids_named(change: str, tmp_path: Path) -> None:
    mask = sitk.Cast(lps_image(), sitk.sitkUInt16)
    if change == "size":
        mask = mask[1:, :, :]
    elif change == "spacing":
        mask.SetSpacing((0.6, 0.75, 2.0))
    elif change == "origin":
        mask.SetOrigin((-9.0, 20.0, 30.0))
    else:
        mask.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.2, 0, 0).GetMatrix())
    sitk.WriteImage(lps_image(), str(tmp_path / "ct.nii.gz"))
    sitk.WriteImage(mask, str(tmp_path / "seg.nii.gz"))
    with pytest.raises(GeometryError, match=r"7 x 6 x 5 voxels of 0.5 x 0.75 x 2 mm.*resample the mask"):
        read_labels(tmp_path / "seg.nii.gz", read_volume(tmp_path / "ct.nii.gz"))


def test_a_float_mask_of_whole_numbers_is_cast_and_one_of_fractions_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(lps_image(), str(tmp_path / "ct.nii.gz"))
    volume = read_volume(tmp_path / "ct.nii.gz")
    whole = sitk.Cast(lps_image() == 345, sitk.sitkFloat64) * 20
    sitk.WriteImage(whole, str(tmp_path / "whole.nii.gz"))
    assert read_mask(tmp_path / "whole.nii.gz", "verse", volume)[3, 4, 5] == 20
    sitk.WriteImage(whole * 0.525, str(tmp_path / "fraction.nii.gz"))
    with pytest.raises(SourceError, match=r"label 10\.5 is not a whole number"):
        read_mask(tmp_path / "fraction.nii.gz", "verse", volume)


def test_an_image_given_as_mask_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(lps_image() - 1000, str(tmp_path / "ct.nii.gz"))
    with pytest.raises(SourceError, match="the image instead of the mask"):
        read_labels(tmp_path / "ct.nii.gz", read_volume(tmp_path / "ct.nii.gz"))


def test_binary_files_become_verse_labels_and_must_not_overlap(tmp_path: Path) -> None:
    image = lps_image()
    sitk.WriteImage(image, str(tmp_path / "ct.nii.gz"))
    paths = (tmp_path / "vertebrae_L1.nii.gz", tmp_path / "vertebrae_T12.nii.gz")
    sitk.WriteImage(sitk.Cast(image == 345, sitk.sitkUInt8), str(paths[0]))
    sitk.WriteImage(sitk.Cast(image > 400, sitk.sitkUInt8), str(paths[1]))
    volume = read_volume(tmp_path / "ct.nii.gz")
    mask = read_mask(paths, "totalsegmentator_v2", volume)
    assert (mask[3, 4, 5], mask[4, 5, 6]) == (20, 19)
    sitk.WriteImage(sitk.Cast(image >= 345, sitk.sitkUInt8), str(paths[0]))
    with pytest.raises(SourceError, match="already belong to another vertebra"):
        read_mask(paths, "totalsegmentator_v2", volume)
    sitk.WriteImage(image, str(tmp_path / "liver.nii.gz"))
    with pytest.raises(SourceError, match="does not end in a vertebra"):
        read_mask((tmp_path / "liver.nii.gz",), "totalsegmentator_v2", volume)


def test_the_two_totalsegmentator_versions_number_differently() -> None:
    """Trap 4: value 22 is L1 in v1 and no vertebra in v2; value 31 is T4 in v1 and L1 in v2."""
    first, second = vertebra_table("totalsegmentator_v1"), vertebra_table("totalsegmentator_v2")
    assert (first[22], second[22]) == (20, 0)
    assert (first[31], second[31]) == (11, 20)


def test_the_rest_of_the_sacrum_is_not_called_s1() -> None:
    table = vertebra_table("totalsegmentator_v2")
    assert (table[26], table[25]) == (26, 0)


def test_labels_that_are_no_vertebrae_become_background() -> None:
    table = vertebra_table("spider")
    assert (table[1], table[100], table[201]) == (24, 0, 0)


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(SourceError, match=r"unknown label scheme 'v3'.*totalsegmentator_v2"):
        vertebra_table("v3")


def test_a_fourth_axis_of_one_is_dropped_and_of_two_is_refused(tmp_path: Path) -> None:
    for count in (1, 2):
        sitk.WriteImage(sitk.JoinSeries([lps_image()] * count), str(tmp_path / f"{count}.nii.gz"))
    assert read_volume(tmp_path / "1.nii.gz").array[3, 4, 5] == 345
    with pytest.raises(SourceError, match="4-dimensional"):
        read_volume(tmp_path / "2.nii.gz")


def test_not_numbers_become_the_lowest_value_with_a_note(tmp_path: Path) -> None:
    array = np.full((3, 3, 3), 5, dtype=np.float32)
    array[1, 1, 1], array[0, 0, 0] = np.nan, -7
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "t2.mha"))
    volume = read_volume(tmp_path / "t2.mha")
    assert volume.array.min() == -7 and np.isfinite(volume.array).all()
    assert volume.notes == ("1 voxels were not numbers and became the lowest value",)


def nifti_header(size: tuple[int, int, int], pixdim: float = 1.0, code: int = 1) -> bytes:
    """Return a NIfTI-1 header that promises `size` int16 voxels."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *size, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, pixdim, pixdim, pixdim, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<2h", header, 252, code, 0)
    struct.pack_into("<4s", header, 344, b"n+1\0")
    return bytes(header)


def test_a_header_that_promises_too_much_is_refused_before_pixels_are_read(tmp_path: Path) -> None:
    (tmp_path / "huge.nii").write_bytes(nifti_header((30000, 30000, 30000)))
    with pytest.raises(SourceError, match="promises 27,000,000,000,000 voxels"):
        read_volume(tmp_path / "huge.nii")


@pytest.mark.parametrize(
    "damage", ["empty", "text", "cut header", "cut pixels", "cut gzip", "no spacing", "no side"]
)
def test_a_damaged_file_is_refused_by_name(damage: str, tmp_path: Path) -> None:
    whole = nifti_header((20, 20, 20)) + os.urandom(16000)
    path = tmp_path / ("broken.nii.gz" if damage == "cut gzip" else "broken.nii")
    content = {
        "empty": b"",
        "text": b"this is no image",
        "cut header": whole[:100],
        "cut pixels": whole[:9000],
        "cut gzip": gzip.compress(whole)[:9000],
        "no side": nifti_header((20, 20, 20), code=0) + whole[352:],
        "no spacing": nifti_header((20, 20, 20), float("nan")) + whole[352:],
    }[damage]
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"broken\.nii"):
        read_volume(path)


def test_a_whole_file_with_the_same_header_is_read(tmp_path: Path) -> None:
    voxels = np.arange(8000, dtype=np.int16)
    whole = nifti_header((20, 20, 20)) + voxels.tobytes()
    (tmp_path / "whole.nii").write_bytes(whole)
    (tmp_path / "parts.nii.gz").write_bytes(gzip.compress(whole[:5000]) + gzip.compress(whole[5000:]))
    for name in ("whole.nii", "parts.nii.gz"):
        assert sorted(read_volume(tmp_path / name).array.ravel().tolist()) == voxels.tolist()


def test_a_cut_metaimage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    sitk.WriteImage(lps_image(), str(path))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match=r"image.mha: the voxels cannot be read"):
        read_volume(path)


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        read_volume(tmp_path / "absent.nii.gz")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SourceError, match="not a file this reader knows"):
        read_volume(tmp_path / "notes.txt")


def test_a_flat_file_of_two_dimensions_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.Image([8, 8], sitk.sitkInt16), str(tmp_path / "flat.mha"))
    with pytest.raises(SourceError, match="2-dimensional"):
        read_volume(tmp_path / "flat.mha")


@needs_shared
def test_the_verse_mask_is_float_and_pir_and_reads_as_t9_to_l5_from_the_head_down() -> None:
    """Traps 1 and 5: order from the header, float64 of exact integers cast with a check."""
    path = SHARED / "verse" / "sub-verse004_seg-vert_msk.nii.gz"
    volume = read_volume(path)
    assert volume.stored_orientation == "PIR"
    mask = read_mask(path, "verse", volume)
    assert mask.dtype == np.uint8
    heights = [float(np.argwhere(mask == value)[:, 0].mean()) for value in range(16, 25)]
    assert heights == sorted(heights, reverse=True)


@needs_shared
def test_unlabelled_bone_is_no_proof_of_background() -> None:
    """Trap 12: the sacrum is in view of the real CT, S1 is labelled and the bone below it is not."""
    folder = SHARED / "totalsegmentator"
    volume = read_volume(folder / "example_ct.nii.gz")
    mask = read_mask(folder / "spine_report" / "totalseg.nii.gz", "totalsegmentator_v2", volume)
    lowest = int(np.argwhere(mask == 26)[:, 0].min())
    assert mask.max() == 26
    assert (volume.array[:lowest] > 400).sum() > 1000 and not mask[:lowest].any()
