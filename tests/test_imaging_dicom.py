"""DICOM folders: order, spacing and values from the headers, and what makes a folder unusable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from spinemed.errors import SourceError
from spinemed.imaging.dicom import holds_dicom, read_series
from spinemed.imaging.volume import read_labels, read_volume

SHARED = Path(os.environ.get("SPINEMED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not on this machine")
SAGITTAL = (0, 1, 0, 0, 0, -1)  # rows run to the back, columns to the feet


def write_slice(path: Path, pixels: NDArray[Any], position: tuple[float, ...], **changes: Any) -> FileDataset:
    """Write one instance of a CT series; `changes` overrides header fields."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    data.SeriesInstanceUID, data.PatientID, data.Modality = "2.25.1", "A-1", "CT"
    data.Rows, data.Columns = pixels.shape
    data.ImagePositionPatient = list(position)
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.PixelSpacing = [0.75, 0.5]
    data.SliceThickness = 3
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = pixels.astype(np.uint16).tobytes()
    for name, value in changes.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return data


def write_axial(folder: Path, heights: tuple[float, ...] = (0, 2, 4, 6), **changes: Any) -> Path:
    """Write axial slices of 6 rows and 5 columns; voxel (z, y, x) holds 1000 + 100 z + 10 y + x."""
    folder.mkdir(exist_ok=True)
    rows, columns = np.mgrid[:6, :5]
    for number, height in enumerate(heights):
        pixels = 1000 + 100 * number + 10 * rows + columns
        write_slice(
            folder / f"{9 - number}.dcm", pixels, (-10.0, 20.0, height), InstanceNumber=9 - number, **changes
        )
    return folder


def test_order_and_spacing_come_from_positions_not_numbers_or_thickness(tmp_path: Path) -> None:
    """Trap 7, in miniature: thickness 3, slices 2 mm apart, instance numbers and names against z."""
    volume = read_volume(write_axial(tmp_path / "ct"))
    assert volume.array.shape == (4, 6, 5)
    assert volume.spacing_mm == pytest.approx((2.0, 0.75, 0.5))
    assert volume.array[3, 4, 2] == 1000 + 342 - 1024
    assert volume.array[0, 0, 0] == 1000 - 1024
    assert volume.slice_ids == ()


@pytest.mark.parametrize("columns_run", [-1, 1])
def test_a_sagittal_series_names_the_instance_of_each_slice_from_right_to_left(
    columns_run: int, tmp_path: Path
) -> None:
    """Stored left to right, columns to the feet or the head; array index 0 must be the patient's right."""
    uids = {}
    for number, x in enumerate((12.0, 8.0, 4.0, 0.0)):
        pixels = np.full((6, 5), 100 * number) + np.arange(6)[:, None] * 10
        cosines = [0, 1, 0, 0, 0, columns_run]
        data = write_slice(
            tmp_path / f"{number}.dcm", pixels, (x, -20.0, 60.0), ImageOrientationPatient=cosines
        )
        uids[x] = str(data.SOPInstanceUID)
    volume = read_volume(tmp_path)
    assert volume.array.shape == (6, 5, 4)
    assert volume.spacing_mm == pytest.approx((0.75, 0.5, 4.0))
    assert volume.slice_ids == (uids[0.0], uids[4.0], uids[8.0], uids[12.0])
    for index, x in enumerate((0.0, 4.0, 8.0, 12.0)):
        stored = pydicom.dcmread(tmp_path / f"{int((12 - x) / 4)}.dcm")
        assert volume.slice_id(index) == stored.SOPInstanceUID
        expected = stored.pixel_array.astype(int) - 1024
        np.testing.assert_array_equal(volume.array[::columns_run, :, index], expected)


def test_a_single_slice_is_a_volume_of_one(tmp_path: Path) -> None:
    volume = read_volume(write_axial(tmp_path / "ct", heights=(5.0,)))
    assert volume.array.shape == (1, 6, 5)
    assert "single slice" in volume.notes[0]


def test_fractional_slopes_give_fractions(tmp_path: Path) -> None:
    volume = read_volume(write_axial(tmp_path / "ct", RescaleSlope=0.5, RescaleIntercept=-10, Modality="MR"))
    assert volume.array[0, 0, 1] == 1001 * 0.5 - 10


def test_monochrome1_is_inverted_but_hounsfield_units_stay(tmp_path: Path) -> None:
    changes = {"PhotometricInterpretation": "MONOCHROME1", "RescaleIntercept": 0}
    assert read_volume(write_axial(tmp_path / "mr", Modality="MR", **changes)).array[0, 0, 0] == 4095 - 1000
    assert read_volume(write_axial(tmp_path / "ct", **changes)).array[0, 0, 0] == 1000


def test_jpeg_lossless_reads_as_uncompressed(tmp_path: Path) -> None:
    plain = write_axial(tmp_path / "plain")
    (tmp_path / "jpeg").mkdir()
    for path in sorted(plain.iterdir()):
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.LoadPrivateTagsOn()
        image = reader.Execute()
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG")
        writer.SetFileName(str(tmp_path / "jpeg" / path.name))
        writer.Execute(image)
    syntax = pydicom.dcmread(tmp_path / "jpeg" / "9.dcm").file_meta.TransferSyntaxUID
    assert syntax == pydicom.uid.JPEGLosslessSV1
    np.testing.assert_array_equal(read_volume(tmp_path / "jpeg").array, read_volume(plain).array)


def test_other_files_and_loops_of_links_are_left_out_with_a_note(tmp_path: Path) -> None:
    folder = write_axial(tmp_path / "ct")
    (folder / "notes.txt").write_text("hello")
    (folder / "empty").write_bytes(b"")
    (folder / "loop").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    volume = read_volume(folder)
    assert volume.array.shape[0] == 4
    assert volume.notes == ("2 files without a DICOM header left out: empty, notes.txt",)
    assert holds_dicom(folder) and not holds_dicom(tmp_path)


def test_a_missing_slice_is_named_by_its_neighbours(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"gap of 4.00 mm between 8.dcm and 7.dcm, usually 2.00 mm: slices are missing"
    ):
        read_series(write_axial(tmp_path / "ct", heights=(0, 2, 6, 8, 10)))


def test_two_slices_at_one_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"8.dcm and 7.dcm lie at the same place|7.dcm and 8.dcm lie at"):
        read_series(write_axial(tmp_path / "ct", heights=(0, 2, 2, 4)))


def test_a_little_jitter_is_noted_and_much_is_refused(tmp_path: Path) -> None:
    series = read_series(write_axial(tmp_path / "little", heights=(0, 2.05, 4, 6)))
    assert series.grid.spacing_mm[2] == pytest.approx(2.0)
    assert "differ from 2.000 mm by up to 0.050 mm" in series.notes[0]
    with pytest.raises(SourceError, match="uneven slices"):
        read_series(write_axial(tmp_path / "much", heights=(0, 2.5, 4, 6)))


def test_several_series_in_one_folder_are_listed(tmp_path: Path) -> None:
    folder = write_axial(tmp_path / "ct")
    write_slice(folder / "other.dcm", np.ones((6, 5)), (0, 0, 50), SeriesInstanceUID="2.25.2", Modality="MR")
    with pytest.raises(SourceError, match=r"2 series in one folder: .*2.25.1 \(CT, 4 instances\)"):
        read_volume(folder)


def test_a_localiser_in_the_series_is_named(tmp_path: Path) -> None:
    folder = write_axial(tmp_path / "ct")
    write_slice(folder / "a.dcm", np.ones((6, 5)), (0, 0, 50), ImageOrientationPatient=list(SAGITTAL))
    with pytest.raises(SourceError, match=r"differs from 6\.dcm in orientation"):
        read_volume(folder)


def test_a_stack_of_a_tilted_gantry_is_refused(tmp_path: Path) -> None:
    for number in range(4):
        write_slice(tmp_path / f"{number}.dcm", np.ones((6, 5)), (0, number * 0.5, number * 2.0))
    with pytest.raises(SourceError, match="shifted sideways"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ImagePositionPatient": None}, "ImagePositionPatient missing"),
        ({"PixelSpacing": None}, "PixelSpacing missing"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "not two unit vectors"),
        ({"NumberOfFrames": 3}, "multi-frame"),
        ({"SamplesPerPixel": 3}, "colour picture"),
        ({"PixelSpacing": [0, 0.5]}, "above zero"),
    ],
)
def test_a_header_that_cannot_place_the_slice_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=message):
        read_volume(write_axial(tmp_path / "ct", **changes))


def test_cut_pixels_and_no_pixels_are_refused_by_file(tmp_path: Path) -> None:
    folder = write_axial(tmp_path / "ct")
    whole = (folder / "8.dcm").read_bytes()
    (folder / "8.dcm").write_bytes(whole[:-20])
    with pytest.raises(SourceError, match=r"8\.dcm: the pixels cannot be decoded"):
        read_volume(folder)
    write_axial(tmp_path / "none", PixelData=None)
    with pytest.raises(SourceError, match="no pixel data"):
        read_volume(tmp_path / "none")


def test_an_empty_folder_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no DICOM instance"):
        read_volume(tmp_path)


@needs_shared
def test_the_real_jpeg_2000_series_lies_on_its_masks_grid_with_slices_2_mm_apart() -> None:
    """Trap 7: SliceThickness is 3, InstanceNumber runs against z."""
    folder = SHARED / "totalsegmentator"
    volume = read_volume(folder / "example_ct_dicom")
    assert volume.array.shape == (20, 512, 512)
    assert volume.spacing_mm == pytest.approx((2.0, 0.9765625, 0.9765625))
    labels = read_labels(folder / "example_seg_dicom.nii.gz", volume)
    bone, air = volume.array[np.isin(labels, (32, 33))], volume.array[0, 0, 0]
    assert 100 < float(np.median(bone)) < 600 and air <= -1000
