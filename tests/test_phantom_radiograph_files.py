"""Radiographs as DICOM: written, read back, and what of broken files is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from spinemed.errors import SourceError
from spinemed.imaging.radiograph import read_radiograph
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.anatomy.solids import Array, Flags
from spinemed.phantom.export.radiograph_dicom import write_radiograph
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.rendering.radiograph import project

SEED = 7
Inside = Callable[[Array], Flags]


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    """Return a standing phantom."""
    return place(sample_patient(SEED), "standing")


def test_a_written_radiograph_reads_back_with_the_same_pixels_and_geometry(
    anatomy: Anatomy, tmp_path: Path
) -> None:
    for kind in ("xr_ap", "xr_lat"):
        folder = tmp_path / kind
        folder.mkdir()
        made = project(anatomy, kind, 200)
        file = write_radiograph(folder, anatomy.patient, made)
        for path in (file, folder):
            read = read_radiograph(path)
            assert read.pixels.dtype == np.uint16
            assert np.array_equal(read.pixels, made.pixels)
            assert read.spacing_mm == pytest.approx(made.spacing_mm, rel=1e-4)
            assert read.patient_orientation == made.film.orientation
            assert read.view == ("AP" if kind == "xr_ap" else "LAT")
            assert read.window == (2048, 4096)
            assert read.notes == ()


def test_the_header_says_what_the_picture_is_and_that_it_is_synthetic(
    anatomy: Anatomy, tmp_path: Path
) -> None:
    made = project(anatomy, "xr_ap", 100)
    header = pydicom.dcmread(write_radiograph(tmp_path, anatomy.patient, made))
    assert header.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"
    assert UID(header.SOPClassUID).name == "Digital X-Ray Image Storage - For Presentation"
    assert (header.Modality, header.ViewPosition, header.BodyPartExamined) == ("DX", "AP", "SPINE")
    assert header.PresentationIntentType == "FOR PRESENTATION"
    assert header.BurnedInAnnotation == "NO"
    assert "SYNTHETIC" in header.SeriesDescription
    assert header.ImageType[3] == "SYNTHETIC"
    larger = float(header.ImagerPixelSpacing[0]) / float(header.PixelSpacing[0])
    assert larger == pytest.approx(made.film.magnification, rel=1e-3)
    assert "ImagePositionPatient" not in header
    assert not any(element.tag.is_private for element in header)


@pytest.fixture
def stored(anatomy: Anatomy, tmp_path: Path) -> Path:
    """Return the file of one radiograph."""
    return write_radiograph(tmp_path, anatomy.patient, project(anatomy, "xr_ap", 64))


def changed(file: Path, **changes: Any) -> Path:
    data = pydicom.dcmread(file)
    for name, value in changes.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.save_as(file)
    return file


def test_monochrome1_is_inverted_with_its_window(stored: Path) -> None:
    plain = read_radiograph(stored)
    turned = read_radiograph(
        changed(stored, PhotometricInterpretation="MONOCHROME1", WindowCenter="1000", WindowWidth="500")
    )
    assert np.array_equal(turned.pixels, 4095 - plain.pixels)
    assert turned.window == (3095, 500)


def test_the_scale_falls_back_to_the_detectors_with_a_note(stored: Path) -> None:
    calibrated = read_radiograph(stored).spacing_mm
    assert calibrated is not None
    guessed = read_radiograph(changed(stored, PixelSpacing=None))
    assert guessed.spacing_mm == pytest.approx(calibrated, rel=1e-3)
    assert guessed.notes[0].startswith("scale from a magnification of 1.")
    detector = read_radiograph(changed(stored, EstimatedRadiographicMagnificationFactor=None))
    assert detector.spacing_mm is not None
    assert detector.spacing_mm[0] > calibrated[0]
    assert "the scale is the detector's" in detector.notes[0]
    bare = read_radiograph(changed(stored, ImagerPixelSpacing=None))
    assert bare.spacing_mm is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PixelData": None}, "no pixel data"),
        ({"Rows": 65}, "cannot be decoded|the pixels are"),
        ({"Columns": 3}, "cannot be decoded|the pixels are"),
        ({"Rows": 0}, "Rows missing or 0"),
        ({"Modality": "CT"}, "modality CT, a radiograph has one of DX"),
        ({"Modality": None}, "modality missing"),
        ({"NumberOfFrames": 3}, "3 frames, a radiograph has one"),
        ({"SamplesPerPixel": 3}, "a colour picture"),
        ({"PixelSpacing": [0, 0.5]}, "must be above 0"),
        ({"PatientOrientation": ["X", "F"]}, "PatientOrientation"),
        ({"PatientOrientation": ["L", "F", "H"]}, "PatientOrientation"),
    ],
)
def test_unusable_files_are_refused_with_the_reason(
    changes: dict[str, Any], message: str, stored: Path
) -> None:
    with pytest.raises(SourceError, match=message) as raised:
        read_radiograph(changed(stored, **changes))
    assert str(stored) in str(raised.value)


@pytest.mark.parametrize("length", [0, 100, 140, 700, 3000])
def test_a_file_that_was_cut_off_is_refused(length: int, stored: Path) -> None:
    stored.write_bytes(stored.read_bytes()[:length])
    with pytest.raises(SourceError, match=r"001\.dcm"):
        read_radiograph(stored)


def test_no_file_no_dicom_and_several_instances_are_refused(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        read_radiograph(tmp_path / "nowhere.dcm")
    text = tmp_path / "notes.txt"
    text.write_text("not a picture")
    with pytest.raises(SourceError, match="not a DICOM file"):
        read_radiograph(text)
    assert read_radiograph(tmp_path).pixels.shape == read_radiograph(stored).pixels.shape
    (tmp_path / "002.dcm").write_bytes(stored.read_bytes())
    with pytest.raises(SourceError, match="2 DICOM instances"):
        read_radiograph(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_garbled_bytes_give_house_errors_or_a_picture_never_another_exception(stored: Path) -> None:
    rng = np.random.default_rng(0)
    whole = np.frombuffer(stored.read_bytes(), np.uint8)
    for _ in range(150):
        garbled = whole.copy()
        garbled[rng.integers(132, len(garbled) - 64 * 40, 6)] = rng.integers(0, 256, 6)
        stored.write_bytes(garbled.tobytes())
        try:
            assert read_radiograph(stored).pixels.size > 0
        except SourceError:
            continue
