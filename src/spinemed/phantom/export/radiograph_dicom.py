"""One rendered radiograph as a DICOM file: Digital X-Ray Image Storage, for presentation.

DICOM PS3.3 A.26 and C.8.11. A projection has no ImagePositionPatient: its place in space stands in the truth
file alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DigitalXRayImageStorageForPresentation

from spinemed.imaging.radiograph import Radiograph
from spinemed.phantom.export.dicom import (
    describe_pixels,
    folder_name,
    instance_uid,
    new_dataset,
    save_instance,
    series_uid,
)
from spinemed.phantom.export.identity import invented_identity
from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.phantom.rendering.radiograph_display import BITS_STORED

_TITLES: Final[dict[str, str]] = {
    "xr_ap": "spine AP",
    "xr_lat": "spine lateral",
    "xr_flexion": "spine lateral flexion",
    "xr_extension": "spine lateral extension",
    "xr_full_ap": "whole spine AP",
    "xr_full_lat": "whole spine lateral",
}
_SOURCE_TO_DETECTOR_MM: Final[float] = 1800.0
_MODALITY: Final[str] = "DX"
_LATERALITY: Final[str] = "U"
_WINDOW: Final[tuple[int, int]] = (2 ** (BITS_STORED - 1), 2**BITS_STORED)


def write_radiograph(folder: Path, patient: Patient, radiograph: RenderedRadiograph) -> Path:
    """Return the written file, 001.dcm in `folder`, which must exist; OSError passes through.

    PixelSpacing is the scale on the patient, ImagerPixelSpacing that of the detector.
    """
    name = folder_name(patient, radiograph.kind)
    dataset = new_dataset(patient, DigitalXRayImageStorageForPresentation, name)
    describe_pixels(dataset, radiograph.grid.shape[1:], radiograph.spacing_mm)
    _describe_projection(dataset, radiograph)
    _describe_presentation(dataset)
    _describe_collimator(dataset, radiograph)
    dataset.PixelData = radiograph.pixels.astype("<u2").tobytes()
    return save_instance(dataset, folder, instance_uid(patient, name, 0), 0)


def film_as_read(patient: Patient, radiograph: RenderedRadiograph) -> Radiograph:
    """Return what reading the file of `write_radiograph` gives; its scale is rounded as in the header."""
    name, film = folder_name(patient, radiograph.kind), radiograph.film
    row, column = map(float, _spacing(radiograph))
    centre, width = _WINDOW
    return Radiograph(
        pixels=radiograph.pixels.astype(np.uint16),
        spacing_mm=(row, column),
        patient_orientation=film.orientation,
        view="AP" if film.frontal else "LAT",
        laterality=_LATERALITY,
        modality=_MODALITY,
        uid=str(instance_uid(patient, name, 0)),
        series_uid=str(series_uid(patient, name)),
        patient_id=invented_identity(patient).patient_id,
        window=(float(centre), float(width)),
    )


def _spacing(radiograph: RenderedRadiograph) -> list[str]:
    return [f"{step:.5f}" for step in radiograph.spacing_mm]


def _describe_projection(dataset: Dataset, radiograph: RenderedRadiograph) -> None:
    film = radiograph.film
    dataset.Modality = _MODALITY
    dataset.SeriesDescription = f"SYNTHETIC {_TITLES[radiograph.kind]}"
    dataset.PatientOrientation = list(film.orientation)
    # Left lateral: the patient's left side lies against the detector, as the lead letter says.
    dataset.ViewPosition = "AP" if film.frontal else f"{film.marker.letter}L"
    dataset.ImageLaterality = _LATERALITY
    dataset.PatientPosition = ""
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "421060004", "SCT", "Spine"
    dataset.AnatomicRegionSequence = Sequence([region])
    dataset.ImagerPixelSpacing = [f"{step * film.magnification:.5f}" for step in radiograph.spacing_mm]
    dataset.PixelSpacing = _spacing(radiograph)
    dataset.PixelSpacingCalibrationType = "GEOMETRY"
    dataset.PixelSpacingCalibrationDescription = "Scale in the middle of the synthetic patient"
    dataset.EstimatedRadiographicMagnificationFactor = f"{film.magnification:.3f}"
    dataset.DistanceSourceToDetector = f"{_SOURCE_TO_DETECTOR_MM:.0f}"
    dataset.DistanceSourceToPatient = f"{_SOURCE_TO_DETECTOR_MM / film.magnification:.0f}"
    dataset.PositionerType = "NONE"
    dataset.DetectorType = "DIRECT"


def _describe_presentation(dataset: Dataset) -> None:
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.WindowCenter, dataset.WindowWidth = map(str, _WINDOW)
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"


def _describe_collimator(dataset: Dataset, radiograph: RenderedRadiograph) -> None:
    """The edges of the exposed field as pixel numbers from 1, where they lie in the picture."""
    field = radiograph.collimation
    _, rows, columns = radiograph.grid.shape
    dataset.CollimatorShape = "RECTANGULAR"
    dataset.CollimatorLeftVerticalEdge = max(round(field.left), 0) + 1
    dataset.CollimatorRightVerticalEdge = min(round(field.right), columns)
    dataset.CollimatorUpperHorizontalEdge = max(round(field.top), 0) + 1
    dataset.CollimatorLowerHorizontalEdge = min(round(field.bottom), rows)
