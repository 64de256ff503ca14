"""Rendered series of slices as DICOM instances that say in many places that they are synthetic.

CT Image Storage and MR Image Storage, explicit VR little endian; DICOM PS3.3 A.3, A.4 and C.7.6.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
)

from spinemed.imaging.dicom import Slice
from spinemed.phantom.anatomy.solids import Array, Grid
from spinemed.phantom.export.identity import age_at_examination, examination_date, invented_identity
from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.patient.stream import examination_stream
from spinemed.phantom.rendering.acquisition import Acquisition

CT_INTERCEPT: Final[int] = -1024
_LATER: Final[str] = "_later"
_CLAIM: Final[str] = "Synthetic spine phantom. No patient. Not for clinical use."


class _Sequence(NamedTuple):
    """What the header says of one MR sequence; times in ms."""

    title: str
    scanning: Sequence[str]
    repetition: str
    echo: str
    inversion: str
    echo_train: int


_MR: Final[dict[str, _Sequence]] = {
    "t1": _Sequence("T1 TSE SAG", ("SE",), "600", "10", "", 3),
    "t2": _Sequence("T2 TSE SAG", ("SE",), "4000", "100", "", 16),
    "stir": _Sequence("STIR SAG", ("SE", "IR"), "4500", "60", "160", 12),
    "t2_axial": _Sequence("T2 TSE AX", ("SE",), "4200", "100", "", 16),
}
_NUMBERS: Final[dict[str, int]] = {
    "ct": 1, "t1": 2, "t2": 3, "stir": 4, "xr_ap": 5, "xr_lat": 6, "xr_flexion": 7, "xr_extension": 8,
    "xr_full_ap": 9, "xr_full_lat": 10, "t2_axial": 11,
}  # fmt: skip


def uid(patient: Patient, *parts: object) -> UID:
    """Return a 2.25. identifier from generator version, patient, examination and `parts` alone (PS3.5 B.2).

    >>> from spinemed.phantom.patient.sample import sample_patient
    >>> uid(sample_patient(7), "study").startswith("2.25.")
    True
    """
    whose: tuple[object, ...] = (patient.version, patient.seed, *patient.conditions)
    if patient.months:
        whose += (f"{patient.months} months",)
    text = ":".join(map(str, ("spinemed-phantom", *whose, *parts)))
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big')}")


def folder_name(patient: Patient, name: str) -> str:
    """Return the folder of a series such as t2: at a later examination it ends with _later."""
    return f"{name}{_LATER}" if patient.months else name


def series_uid(patient: Patient, name: str) -> UID:
    """Return the SeriesInstanceUID of the series in the folder `name`, such as t2 or t2_axial_L4-L5."""
    return uid(patient, "series", name)


def instance_uid(patient: Patient, name: str, index: int) -> UID:
    """Return the SOPInstanceUID of one slice of a series, counted from 0 in the order it is stored."""
    return uid(patient, "instance", name, index)


def write_series(
    folder: Path, patient: Patient, acquisition: Acquisition, pixels: NDArray[np.int16], name: str
) -> tuple[Path, ...]:
    """Return the written files, one a slice: 001.dcm and on, in the order of `pixels` [slice, row, column].

    `pixels` holds HU for CT and signal for MR. The folder must exist; OSError passes through.
    """
    dataset = _encoded(_slices_dataset(patient, acquisition, pixels, name))
    grid = acquisition.grid
    files = []
    for index, slice_pixels in enumerate(pixels):
        position = _position(grid, index)
        dataset.ImagePositionPatient = _stated(position)
        dataset.SliceLocation = f"{float(grid.directions[0] @ position):.6f}"
        stored = slice_pixels - CT_INTERCEPT if acquisition.kind == "ct" else slice_pixels
        dataset.add_new("PixelData", "OW", stored.astype("<u2").tobytes())
        files.append(save_instance(dataset, folder, instance_uid(patient, name, index), index))
    return tuple(files)


def slices_as_read(patient: Patient, acquisition: Acquisition, name: str) -> list[Slice]:
    """Return what reading the headers of `write_series` gives, one a slice, in the order of its pixels.

    Paths hold the file's name alone. Numbers are rounded as the headers round them.
    """
    grid = acquisition.grid
    _, rows, columns = grid.shape
    series, person = str(series_uid(patient, name)), invented_identity(patient).patient_id
    modality = "CT" if acquisition.kind == "ct" else "MR"
    cosines = tuple(map(float, _orientation(grid)))
    spacing = tuple(map(float, _spacing(grid.steps_mm[1:])))
    thickness = float(f"{acquisition.thickness_mm:.2f}")
    return [
        Slice(
            path=Path(_file_name(index)),
            uid=str(instance_uid(patient, name, index)),
            series_uid=series,
            patient_id=person,
            modality=modality,
            shape=(rows, columns),
            position_mm=tuple(map(float, _stated(_position(grid, index)))),
            cosines=cosines,
            pixel_spacing_mm=spacing,
            thickness_mm=thickness,
        )
        for index in range(grid.shape[0])
    ]


def _position(grid: Grid, index: int) -> Array:
    return np.asarray(grid.origin_mm + index * grid.steps_mm[0] * grid.directions[0])


def _stated(position: Array) -> list[str]:
    return [f"{value:.6f}" for value in position]


def _orientation(grid: Grid) -> list[str]:
    """Along a row the column index grows, so the column direction comes first (PS3.3 C.7.6.2.1.1)."""
    return [f"{value:.10f}" for value in (*grid.directions[2], *grid.directions[1])]


def _spacing(steps_mm: Sequence[float]) -> list[str]:
    return [f"{step:.4f}" for step in steps_mm]


def _file_name(index: int) -> str:
    return f"{index + 1:03d}.dcm"


def _encoded(dataset: FileDataset) -> FileDataset:
    """The data set with its elements as bytes, which pydicom then copies to every slice's file."""
    buffer = BytesIO()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SeriesInstanceUID  # each instance brings its own
    dataset.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return dcmread(buffer)


def save_instance(dataset: FileDataset, folder: Path, identifier: UID, index: int) -> Path:
    """Return the file to which the instance was written: 001.dcm for index 0 and on; OSError passes."""
    dataset.SOPInstanceUID = identifier
    dataset.file_meta.MediaStorageSOPInstanceUID = identifier
    dataset.InstanceNumber = index + 1
    file = folder / _file_name(index)
    dataset.save_as(file, enforce_file_format=True)
    return file


def _slices_dataset(
    patient: Patient, acquisition: Acquisition, pixels: NDArray[np.int16], name: str
) -> FileDataset:
    """What all instances of a CT or MR series share."""
    dataset = new_dataset(patient, CTImageStorage if acquisition.kind == "ct" else MRImageStorage, name)
    _describe_grid(dataset, patient, acquisition)
    if acquisition.kind == "ct":
        _describe_ct(dataset)
    else:
        bright = float(np.percentile(pixels[len(pixels) // 2], 99))
        _describe_mr(dataset, patient, acquisition, name, bright)
    return dataset


def new_dataset(patient: Patient, storage: UID, name: str) -> FileDataset:
    """Return a data set with the invented patient, the study and the series, without pixels."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID("2.25.305112483951327463241337158301")
    meta.ImplementationVersionName = "SPINEMED"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = storage
    _describe_patient(dataset, patient)
    dataset.StudyInstanceUID = uid(patient, "study")
    dataset.SeriesInstanceUID = series_uid(patient, name)
    dataset.SeriesNumber = _series_number(name)
    return dataset


def _series_number(name: str) -> int:
    """The number of a series; stacks through discs count from 11 by the letters of their name alone."""
    name = name.removesuffix(_LATER)
    if name in _NUMBERS:
        return _NUMBERS[name]
    return _NUMBERS["t2_axial"] + int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big") % 900


def _describe_patient(dataset: Dataset, patient: Patient) -> None:
    who = invented_identity(patient)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER", "SYNTHETIC"]
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = examination_date(patient.months)
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "120000"
    dataset.AccessionNumber = who.accession_number
    dataset.ReferringPhysicianName = who.referring_physician
    dataset.Manufacturer = "SpineMed synthetic phantom"
    dataset.ManufacturerModelName = "Procedural spine phantom"
    dataset.DeviceSerialNumber = f"SYNTHETIC-{patient.version}"
    dataset.SoftwareVersions = f"spinemed phantom generator {patient.version}"
    dataset.InstitutionName = who.institution
    dataset.StationName = who.station
    # A name in free text, as it happens in life: removing PatientName alone does not remove it.
    dataset.StudyDescription = f"SYNTHETIC spine phantom {who.patient_name.split('^')[1]}"
    dataset.PatientName = who.patient_name
    dataset.PatientID = who.patient_id
    dataset.PatientBirthDate = who.birth_date
    dataset.PatientSex = patient.sex
    dataset.PatientAge = f"{age_at_examination(patient):03d}Y"
    dataset.PatientComments = _CLAIM
    dataset.ImageComments = _CLAIM
    dataset.BodyPartExamined = "SPINE"
    dataset.StudyID = str(patient.seed)


def _describe_grid(dataset: Dataset, patient: Patient, acquisition: Acquisition) -> None:
    grid = acquisition.grid
    dataset.FrameOfReferenceUID = uid(patient, "frame", "lying")
    dataset.PositionReferenceIndicator = ""
    dataset.PatientPosition = "HFS"
    dataset.ImageOrientationPatient = _orientation(grid)
    dataset.SpacingBetweenSlices = f"{grid.steps_mm[0]:.4f}"
    dataset.SliceThickness = f"{acquisition.thickness_mm:.2f}"
    describe_pixels(dataset, grid.shape[1:], grid.steps_mm[1:])


def describe_pixels(dataset: Dataset, shape: tuple[int, ...], spacing_mm: Sequence[float]) -> None:
    """Describe grey pixels of 12 bits in 16: (rows, columns) and their distances in mm."""
    dataset.PixelSpacing = _spacing(spacing_mm)
    dataset.Rows, dataset.Columns = shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0


def _describe_ct(dataset: Dataset) -> None:
    dataset.Modality = "CT"
    dataset.SeriesDescription = "SYNTHETIC sagittal CT"
    dataset.KVP = "120"
    dataset.AcquisitionNumber = 1
    dataset.RescaleIntercept = str(CT_INTERCEPT)
    dataset.RescaleSlope = "1"
    dataset.RescaleType = "HU"
    dataset.WindowCenter = "300"
    dataset.WindowWidth = "1500"


def _describe_mr(
    dataset: Dataset, patient: Patient, acquisition: Acquisition, name: str, bright: float
) -> None:
    sequence = _MR[acquisition.kind]
    dataset.Modality = "MR"
    dataset.SeriesDescription = f"SYNTHETIC {sequence.title}"
    dataset.ScanningSequence = list(sequence.scanning)
    dataset.SequenceVariant = "SK"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "2D"
    dataset.SequenceName = f"phantom_{acquisition.kind}"
    dataset.ProtocolName = f"SYNTHETIC {sequence.title}"
    dataset.RepetitionTime = sequence.repetition
    dataset.EchoTime = sequence.echo
    if sequence.inversion:
        dataset.InversionTime = sequence.inversion
    dataset.EchoTrainLength = sequence.echo_train
    dataset.MagneticFieldStrength = "1.5"
    by_column = examination_stream(patient, f"header/{name}").random() < 0.5
    dataset.InPlanePhaseEncodingDirection = "COL" if by_column else "ROW"
    dataset.WindowCenter = f"{bright / 2:.1f}"
    dataset.WindowWidth = f"{max(bright, 1.0):.1f}"
