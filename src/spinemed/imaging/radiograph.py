"""A plain radiograph from a DICOM file: picture as displayed, scale, and how the patient lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError

from spinemed.errors import SourceError
from spinemed.imaging.dicom import decoded

MODALITIES: Final[tuple[str, ...]] = ("DX", "CR", "RG", "RF", "OT")
"""What is read as a plain radiograph; OT is what secondary captures of films call themselves."""

_TAGS: Final[tuple[str, ...]] = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "Modality",
    "NumberOfFrames",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "BitsStored",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "EstimatedRadiographicMagnificationFactor",
    "PatientOrientation",
    "ViewPosition",
    "ImageLaterality",
    "Laterality",
    "WindowCenter",
    "WindowWidth",
)
_VIEWS: Final[dict[str, str]] = {
    "AP": "AP",
    "PA": "PA",
    "LL": "LAT",
    "RL": "LAT",
    "LAT": "LAT",
    "LATERAL": "LAT",
    "ML": "LAT",
    "LM": "LAT",
}


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One radiograph in the polarity in which it is displayed: what lets few rays through is bright.

    `pixels` is [row, column], uint16 where whole numbers fit, else float32. `spacing_mm` (row, column) is
    None where the file gives no scale, and that of the detector, larger than on the patient, where `notes`
    say so. `patient_orientation` names where columns and rows run, as in ("L", "F"); "" where unknown.
    `view` is AP, PA, LAT, or "" where the file does not say. `window` is the (centre, width) that the file
    proposes for `pixels`.
    """

    pixels: NDArray[np.uint16] | NDArray[np.float32]
    spacing_mm: tuple[float, float] | None
    patient_orientation: tuple[str, str]
    view: str
    laterality: str
    modality: str
    uid: str
    series_uid: str
    patient_id: str
    window: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


def read_radiograph(path: Path) -> Radiograph:
    """Return the radiograph in a DICOM file, or in a folder that holds exactly one.

    SourceError names the file, what was seen and the way out: no DICOM, several instances, a CT or MR slice,
    several frames, colour, missing or broken pixels, pixels of another size than the header says.
    """
    file = _only_instance(path) if path.is_dir() else path
    header = _header(file)
    _check(header, file)
    shape = (int(header.Rows), int(header.Columns))
    pixels = _compact(decoded(file, shape), file)
    spacing, notes = _spacing(header, file)
    return Radiograph(
        pixels=pixels,
        spacing_mm=spacing,
        patient_orientation=_orientation(header, file),
        view=_VIEWS.get(str(header.get("ViewPosition") or "").strip().upper(), ""),
        laterality=str(header.get("ImageLaterality") or header.get("Laterality") or ""),
        modality=str(header.get("Modality") or ""),
        uid=str(header.get("SOPInstanceUID") or ""),
        series_uid=str(header.get("SeriesInstanceUID") or ""),
        patient_id=str(header.get("PatientID") or ""),
        window=_window(header),
        notes=notes,
    )


def _only_instance(folder: Path) -> Path:
    found = []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name == "DICOMDIR":
            continue
        with path.open("rb") as file:
            if file.read(132)[128:] == b"DICM":
                found.append(path)
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:3]) or "none"
        raise SourceError(
            f"{folder}: {len(found)} DICOM instances ({names}), a radiograph is one; give the file itself"
        )
    return found[0]


def _header(file: Path) -> pydicom.Dataset:
    try:
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS))
        for _ in header:  # elements are decoded when they are first looked at
            pass
        return header
    except FileNotFoundError as error:
        raise SourceError(f"{file}: no such file; check the path") from error
    except (InvalidDicomError, EOFError) as error:
        raise SourceError(f"{file}: not a DICOM file ({error}); give the file of one radiograph") from error
    except Exception as error:  # pydicom raises many kinds on headers that are cut off or garbled
        raise SourceError(f"{file}: the header cannot be read ({error}); copy the file again") from error


def _check(header: pydicom.Dataset, file: Path) -> None:
    modality = str(header.get("Modality") or "")
    if modality not in MODALITIES:
        raise SourceError(
            f"{file}: modality {modality or 'missing'}, a radiograph has one of {', '.join(MODALITIES)}; "
            "CT and MR series are read by their folder"
        )
    frames = _whole(header, "NumberOfFrames", 1, file)
    if frames > 1:
        raise SourceError(f"{file}: {frames} frames, a radiograph has one; take single frames out of it")
    if _whole(header, "SamplesPerPixel", 1, file) != 1:
        raise SourceError(f"{file}: a colour picture, not a radiograph; give the grey original")
    for name in ("Rows", "Columns"):
        if _whole(header, name, 0, file) < 1:
            raise SourceError(f"{file}: {name} missing or 0; copy the file again")


def _whole(header: pydicom.Dataset, name: str, without: int, file: Path) -> int:
    value = header.get(name)
    if value is None or value == "":
        return without
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise SourceError(f"{file}: {name} is {value!r}, not a whole number; repair the header") from error


def _numbers(header: pydicom.Dataset, name: str, count: int, file: Path) -> tuple[float, ...] | None:
    """The finite numbers of an element, None where it is missing or empty."""
    value = header.get(name)
    if value is None or value == "":
        return None
    try:
        numbers = tuple(float(part) for part in ([value] if isinstance(value, (int, float, str)) else value))
    except (TypeError, ValueError) as error:
        raise SourceError(f"{file}: {name} is {value!r}, not numbers; repair the header") from error
    if not numbers:
        return None
    if len(numbers) < count or not np.isfinite(numbers).all():
        raise SourceError(
            f"{file}: {name} is {value!r}, {count} finite numbers are needed; repair the header"
        )
    return numbers


def _spacing(header: pydicom.Dataset, file: Path) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Scale on the patient where the file gives it, else that of the detector, with a note.

    PixelSpacing of a projection is calibrated; ImagerPixelSpacing is at the detector (PS3.3 10.7.1.3).
    """
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        found = _numbers(header, name, 2, file)
        if found is None:
            continue
        if min(found) <= 0:
            raise SourceError(f"{file}: {name} is {found}, it must be above 0; repair the header")
        row, column = found[:2]
        if name == "PixelSpacing":
            return (row, column), ()
        larger = _numbers(header, "EstimatedRadiographicMagnificationFactor", 1, file)
        if larger is not None and larger[0] >= 1:
            return (row / larger[0], column / larger[0]), (f"scale from a magnification of {larger[0]:g}",)
        return (row, column), ("the scale is the detector's: lengths on the patient are smaller",)
    return None, ("no scale in the file: lengths in mm cannot be told",)


def _orientation(header: pydicom.Dataset, file: Path) -> tuple[str, str]:
    value = header.get("PatientOrientation")
    if not value or isinstance(value, str):
        return "", ""
    parts = [str(part).upper() for part in value]
    if len(parts) != 2 or any(set(part) - set("LRAPHF") for part in parts):
        raise SourceError(f"{file}: PatientOrientation is {list(value)}, such as L\\F expected; repair it")
    return parts[0], parts[1]


def _window(header: pydicom.Dataset) -> tuple[float, float] | None:
    """The first proposed window, in terms of the values after MONOCHROME1 was inverted."""
    try:
        centre, width = (
            float(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)
            for value in (header.WindowCenter, header.WindowWidth)
        )
        slope, intercept = float(header.get("RescaleSlope") or 1), float(header.get("RescaleIntercept") or 0)
    except (AttributeError, TypeError, ValueError, IndexError):
        return None
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        top = -1 if header.get("PixelRepresentation") else 2 ** int(header.get("BitsStored") or 16) - 1
        centre = slope * top + 2 * intercept - centre
    return (centre, width) if width >= 1 else None


def _compact(values: NDArray[np.generic], file: Path) -> NDArray[np.uint16] | NDArray[np.float32]:
    if np.issubdtype(values.dtype, np.integer) and int(values.min()) >= 0 and int(values.max()) < 2**16:
        return values.astype(np.uint16)
    found = values.astype(np.float32)
    if not np.isfinite(found).all():
        raise SourceError(f"{file}: pixels that are no numbers; export the file again")
    return found
