"""One rendered series as DICOM instances that say in many places that they are synthetic.

CT Image Storage and MR Image Storage, explicit VR little endian; DICOM PS3.3 A.3, A.4 and C.7.6.2.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.rendering.acquisition import Acquisition, Kind

CT_INTERCEPT: Final[int] = -1024
_DATE: Final[str] = "20200101"  # no examination took place; every phantom bears the same day
_CLAIM: Final[str] = "Synthetic spine phantom. No patient. Not for clinical use."


def uid(patient: Patient, *parts: object) -> UID:
    """Return a 2.25. identifier that depends on generator version, seed and `parts` alone (PS3.5 B.2).

    >>> from spinemed.phantom.patient.sample import sample_patient
    >>> uid(sample_patient(7), "study").startswith("2.25.")
    True
    """
    text = ":".join(map(str, ("spinemed-phantom", patient.version, patient.seed, *parts)))
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big')}")


def series_uid(patient: Patient, kind: Kind) -> UID:
    """Return the SeriesInstanceUID of one series of a phantom."""
    return uid(patient, "series", kind)


def write_series(
    folder: Path, patient: Patient, acquisition: Acquisition, pixels: NDArray[np.int16]
) -> tuple[Path, ...]:
    """Return the written files, one a slice: 001.dcm and on, in the order of `pixels` [slice, row, column].

    `pixels` holds HU for CT and signal for MR. The folder must exist; OSError passes through.
    """
    dataset = _series_dataset(patient, acquisition, pixels)
    grid = acquisition.grid
    files = []
    for index, slice_pixels in enumerate(pixels):
        position = grid.origin_mm + index * grid.steps_mm[0] * grid.directions[0]
        identifier = uid(patient, "instance", acquisition.kind, index)
        dataset.SOPInstanceUID = identifier
        dataset.file_meta.MediaStorageSOPInstanceUID = identifier
        dataset.InstanceNumber = index + 1
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in position]
        dataset.SliceLocation = f"{float(grid.directions[0] @ position):.6f}"
        stored = slice_pixels - CT_INTERCEPT if acquisition.kind == "ct" else slice_pixels
        dataset.PixelData = stored.astype("<u2").tobytes()
        file = folder / f"{index + 1:03d}.dcm"
        dataset.save_as(file, enforce_file_format=True)
        files.append(file)
    return tuple(files)


def _series_dataset(patient: Patient, acquisition: Acquisition, pixels: NDArray[np.int16]) -> FileDataset:
    """What all instances of a series share."""
    storage = CTImageStorage if acquisition.kind == "ct" else MRImageStorage
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID("2.25.305112483951327463241337158301")
    meta.ImplementationVersionName = "SPINEMED"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = storage
    _describe_patient(dataset, patient, acquisition.kind)
    _describe_grid(dataset, patient, acquisition)
    if acquisition.kind == "ct":
        _describe_ct(dataset)
    else:
        _describe_t2(dataset, acquisition, float(np.percentile(pixels[len(pixels) // 2], 99)))
    return dataset


def _describe_patient(dataset: Dataset, patient: Patient, kind: Kind) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER", "SYNTHETIC"]
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = _DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "120000"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Manufacturer = "SpineMed synthetic phantom"
    dataset.ManufacturerModelName = "Procedural spine phantom"
    dataset.DeviceSerialNumber = f"SYNTHETIC-{patient.version}"
    dataset.SoftwareVersions = f"spinemed phantom generator {patient.version}"
    dataset.InstitutionName = "Synthetic"
    dataset.StudyDescription = "SYNTHETIC spine phantom"
    dataset.SeriesDescription = "SYNTHETIC sagittal CT" if kind == "ct" else "SYNTHETIC sagittal T2"
    dataset.PatientName = f"PHANTOM^{patient.seed}"
    dataset.PatientID = patient.name.upper()
    dataset.PatientBirthDate = ""
    dataset.PatientSex = patient.sex
    dataset.PatientAge = f"{patient.age:03d}Y"
    dataset.PatientComments = _CLAIM
    dataset.ImageComments = _CLAIM
    dataset.BodyPartExamined = "SPINE"
    dataset.StudyID = str(patient.seed)
    dataset.StudyInstanceUID = uid(patient, "study")
    dataset.SeriesInstanceUID = series_uid(patient, kind)
    dataset.SeriesNumber = 1 if kind == "ct" else 2


def _describe_grid(dataset: Dataset, patient: Patient, acquisition: Acquisition) -> None:
    grid = acquisition.grid
    dataset.FrameOfReferenceUID = uid(patient, "frame")
    dataset.PositionReferenceIndicator = ""
    dataset.PatientPosition = "HFS"
    # Along a row the column index grows, so the column direction comes first (PS3.3 C.7.6.2.1.1).
    dataset.ImageOrientationPatient = [
        f"{value:.10f}" for value in (*grid.directions[2], *grid.directions[1])
    ]
    dataset.PixelSpacing = [f"{grid.steps_mm[1]:.4f}", f"{grid.steps_mm[2]:.4f}"]
    dataset.SpacingBetweenSlices = f"{grid.steps_mm[0]:.4f}"
    dataset.SliceThickness = f"{acquisition.thickness_mm:.2f}"
    dataset.Rows, dataset.Columns = grid.shape[1:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0


def _describe_ct(dataset: Dataset) -> None:
    dataset.Modality = "CT"
    dataset.KVP = "120"
    dataset.AcquisitionNumber = 1
    dataset.RescaleIntercept = str(CT_INTERCEPT)
    dataset.RescaleSlope = "1"
    dataset.RescaleType = "HU"
    dataset.WindowCenter = "300"
    dataset.WindowWidth = "1500"


def _describe_t2(dataset: Dataset, acquisition: Acquisition, bright: float) -> None:
    dataset.Modality = "MR"
    dataset.ScanningSequence = "SE"
    dataset.SequenceVariant = "SK"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "2D"
    dataset.SequenceName = "phantom_t2"
    dataset.ProtocolName = "SYNTHETIC T2 TSE SAG"
    dataset.RepetitionTime = "4000"
    dataset.EchoTime = "100"
    dataset.EchoTrainLength = 16
    dataset.MagneticFieldStrength = "1.5"
    dataset.InPlanePhaseEncodingDirection = "COL" if acquisition.look.contrast > 1 else "ROW"
    dataset.WindowCenter = f"{bright / 2:.1f}"
    dataset.WindowWidth = f"{max(bright, 1.0):.1f}"
