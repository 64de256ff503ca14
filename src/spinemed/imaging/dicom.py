"""A folder of DICOM instances as one volume: order and spacing come from the positions in the headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813  the field's name
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from spinemed.errors import SourceError
from spinemed.imaging.grid import Grid, check_grid

_HEADER_TAGS = [
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "Modality",
    "NumberOfFrames",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
]
# pydicom decodes these with GPL code alone, which we do not depend on.
_FOR_GDCM = (JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless)
_DUPLICATE_MM = 1e-3
_JITTER_SHARE = 0.1  # gaps that differ by less than this share are read as even, with a note
_JITTER_NOTE_SHARE = 0.01
_MISSING_SHARE = 1.5  # a gap above this many usual gaps means that slices are missing
_DRIFT_SHARE = 0.5  # of a pixel: the slices' corners must lie on one line at right angles to the slices


@dataclass(frozen=True)
class Slice:
    """What the header of one instance says about its place; millimetres, patient axes x, y, z (LPS)."""

    path: Path
    uid: str
    series_uid: str
    patient_id: str
    modality: str
    shape: tuple[int, int]
    position_mm: tuple[float, ...]
    cosines: tuple[float, ...]
    pixel_spacing_mm: tuple[float, ...]
    thickness_mm: float


@dataclass(frozen=True)
class DicomSeries:
    """One series, its slices in order along their normal, the grid they form, and notes on what was odd."""

    slices: tuple[Slice, ...]
    grid: Grid
    notes: tuple[str, ...]

    @property
    def uid(self) -> str:
        """Return the SeriesInstanceUID."""
        return self.slices[0].series_uid

    @property
    def modality(self) -> str:
        """Return the DICOM modality, such as CT or MR."""
        return self.slices[0].modality

    @property
    def patient_id(self) -> str:
        """Return the PatientID as stored: identifying, to be hashed before it goes anywhere."""
        return self.slices[0].patient_id


def holds_dicom(folder: Path, tries: int = 20) -> bool:
    """Return whether one of the first `tries` files directly in the folder is a DICOM instance."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name != "DICOMDIR"]
    return any(_has_preamble(path) for path in files[:tries])


def read_series(folder: Path) -> DicomSeries:
    """Return the folder's one series from its headers; pixels are not read.

    Files that are not DICOM are left out with a note. SourceError where the folder holds no or several
    series, slices of different shape or orientation, two slices at one place, uneven gaps (missing slices),
    or a slanted stack.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder; check the path")
    slices, ignored = _read_headers(folder)
    if not slices:
        raise SourceError(
            f"{folder}: no DICOM instance in this folder ({len(ignored)} other files); "
            "give the folder that holds one series"
        )
    return stacked(folder, slices, [_ignored_note(ignored)] if ignored else [])


def stacked(folder: Path, slices: Sequence[Slice], notes: Sequence[str] = ()) -> DicomSeries:
    """Return the series that headers describe, its slices in order; at least one, SourceErrors name `folder`.

    Errors as in `read_series`; `notes` go before those on the slices' gaps.
    """
    _check_one_series(folder, slices)
    normal, ordered = _in_order(folder, slices)
    gap_mm, jitter = _gap(folder, ordered, normal)
    first = ordered[0]
    cosines = np.array([first.cosines[:3], first.cosines[3:], normal]).T
    rows, columns = first.shape
    between_rows, between_columns = first.pixel_spacing_mm  # DICOM names the row spacing first
    grid = Grid(
        (columns, rows, len(ordered)),
        (between_columns, between_rows, gap_mm),
        (first.position_mm[0], first.position_mm[1], first.position_mm[2]),
        tuple(float(c) for c in cosines.ravel()),
    )
    check_grid(grid, str(folder))
    return DicomSeries(tuple(ordered), grid, (*notes, *jitter))


def read_pixels(series: DicomSeries) -> sitk.Image:
    """Return the series' volume on its grid, slope and intercept applied (CT: HU), MONOCHROME1 inverted.

    CT in MONOCHROME1 keeps its HU: there the photometric interpretation is a wish of the display.
    """
    array = np.stack([decoded(part.path, part.shape) for part in series.slices])
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(series.grid.spacing_mm)
    image.SetOrigin(series.grid.origin_mm)
    image.SetDirection(series.grid.direction)
    return image


def _has_preamble(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _read_headers(folder: Path) -> tuple[list[Slice], list[str]]:
    """Return the headers of the folder's instances and the names of the files that are none."""
    slices: list[Slice] = []
    ignored: list[str] = []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name == "DICOMDIR":
            continue
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_HEADER_TAGS))
        except (InvalidDicomError, EOFError):
            ignored.append(path.name)
            continue
        slices.append(_slice(header, path))
    return slices, ignored


def _slice(header: pydicom.Dataset, path: Path) -> Slice:
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise SourceError(
            f"{path}: a multi-frame instance with {header.NumberOfFrames} frames; "
            "convert it to single frames or NIfTI"
        )
    if int(header.get("SamplesPerPixel") or 1) != 1:
        raise SourceError(f"{path}: a colour picture, not a scan; take it out of the folder")
    missing = [
        name
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")
        if not header.get(name)
    ]
    if missing:
        raise SourceError(
            f"{path}: {', '.join(missing)} missing, so the place in the patient is unknown; "
            "only CT and MR slices can be read, take it out"
        )
    part = Slice(
        path=path,
        uid=str(header.get("SOPInstanceUID", "")),
        series_uid=str(header.get("SeriesInstanceUID", "")),
        patient_id=str(header.get("PatientID") or ""),
        modality=str(header.get("Modality") or ""),
        shape=(int(header.Rows), int(header.Columns)),
        position_mm=tuple(float(v) for v in header.ImagePositionPatient),
        cosines=tuple(float(v) for v in header.ImageOrientationPatient),
        pixel_spacing_mm=tuple(float(v) for v in header.PixelSpacing),
        thickness_mm=float(header.get("SliceThickness") or 1.0),
    )
    _check_cosines(part)
    return part


def _check_cosines(part: Slice) -> None:
    lengths = (len(part.position_mm), len(part.cosines), len(part.pixel_spacing_mm))
    numbers = (*part.position_mm, *part.cosines, *part.pixel_spacing_mm)
    if lengths != (3, 6, 2) or not np.all(np.isfinite(numbers)):
        raise SourceError(
            f"{part.path}: position {part.position_mm}, orientation {part.cosines} or pixel spacing "
            f"{part.pixel_spacing_mm} unusable"
        )
    row, column = np.array(part.cosines[:3]), np.array(part.cosines[3:])
    if (
        abs(np.linalg.norm(row) - 1) > 1e-2
        or abs(np.linalg.norm(column) - 1) > 1e-2
        or abs(row @ column) > 1e-2
    ):
        raise SourceError(
            f"{part.path}: ImageOrientationPatient {part.cosines} is not two unit vectors at right angles; "
            "repair the header"
        )


def _check_one_series(folder: Path, slices: Sequence[Slice]) -> None:
    series = Counter((part.series_uid, part.modality) for part in slices)
    if len(series) > 1:
        listed = "; ".join(
            f"{uid or 'no SeriesInstanceUID'} ({modality}, {count} instances)"
            for (uid, modality), count in series.items()
        )
        raise SourceError(
            f"{folder}: {len(series)} series in one folder: {listed}; put each into a folder of its own"
        )
    first = slices[0]
    for part in slices:
        turned = np.abs(np.subtract(part.cosines, first.cosines)).max() > 1e-3
        scaled = not np.allclose(part.pixel_spacing_mm, first.pixel_spacing_mm, rtol=1e-4)
        if turned or scaled or part.shape != first.shape:
            raise SourceError(
                f"{folder}: {part.path.name} differs from {first.path.name} in orientation, pixel spacing "
                "or matrix (a localiser or a second stack?); put it elsewhere"
            )


def _in_order(folder: Path, slices: Sequence[Slice]) -> tuple[NDArray[np.float64], list[Slice]]:
    """Return the slices' normal and the slices sorted along it; the stack must be straight."""
    cosines = np.array(slices[0].cosines)
    normal = np.cross(cosines[:3], cosines[3:])
    normal /= np.linalg.norm(normal)
    ordered = sorted(slices, key=lambda part: float(normal @ np.array(part.position_mm)))
    offsets = np.array([part.position_mm for part in ordered]) - np.array(ordered[0].position_mm)
    drift = np.linalg.norm(offsets - np.outer(offsets @ normal, normal), axis=1).max()
    if drift > max(_DRIFT_SHARE * min(slices[0].pixel_spacing_mm), 1e-2):
        raise SourceError(
            f"{folder}: the slices are shifted sideways by {drift:.2f} mm (a tilted gantry?); "
            "resample to a straight stack first"
        )
    return normal, ordered


def _gap(folder: Path, ordered: Sequence[Slice], normal: NDArray[np.float64]) -> tuple[float, list[str]]:
    """Return the distance between slices from their positions, and notes on jitter."""
    if len(ordered) == 1:
        thickness = ordered[0].thickness_mm
        return thickness, [f"a single slice: its extent of {thickness:g} mm is the slice thickness"]
    places = np.array([part.position_mm for part in ordered]) @ normal
    gaps = np.diff(places)
    usual = float(np.median(gaps))
    for index, gap in enumerate(gaps):
        between = f"{ordered[index].path.name} and {ordered[index + 1].path.name}"
        if gap < _DUPLICATE_MM:
            raise SourceError(
                f"{folder}: {between} lie at the same place (two echoes, phases or copies?); keep one of each"
            )
        if gap > _MISSING_SHARE * usual:
            raise SourceError(
                f"{folder}: a gap of {gap:.2f} mm between {between}, usually {usual:.2f} mm: slices are "
                "missing, copy the series again"
            )
        if abs(gap - usual) > _JITTER_SHARE * usual:
            raise SourceError(
                f"{folder}: uneven slices, {gap:.2f} mm between {between}, usually {usual:.2f} mm; "
                "resample to even gaps first"
            )
    even = float(places[-1] - places[0]) / len(gaps)
    worst = float(np.abs(gaps - even).max())
    uneven = worst > _JITTER_NOTE_SHARE * even
    return even, [
        f"slice gaps differ from {even:.3f} mm by up to {worst:.3f} mm, read as even"
    ] if uneven else []


def _ignored_note(ignored: Sequence[str]) -> str:
    shown = ", ".join(ignored[:3]) + (", ..." if len(ignored) > 3 else "")
    return f"{len(ignored)} files without a DICOM header left out: {shown}"


def decoded(path: Path, shape: tuple[int, int]) -> NDArray[np.generic]:
    """Return the real-world values of one instance [row, column], `shape` being what its header says.

    Slope and intercept applied, MONOCHROME1 inverted. SourceError where there are no pixels, where they
    cannot be decoded or are not of that shape.
    """
    try:
        data = pydicom.dcmread(path)
        if "PixelData" not in data:
            raise SourceError(f"{path}: no pixel data in this instance; copy the series again")
        if data.file_meta.TransferSyntaxUID in _FOR_GDCM:
            values = _decoded_by_gdcm(data, path)
        else:
            values = _rescaled(data, data.pixel_array)
    except SourceError:
        raise
    except Exception as error:  # decoders raise whatever their C libraries make of broken bytes
        raise SourceError(
            f"{path}: the pixels cannot be decoded ({error}); the file may be cut off, copy it again"
        ) from error
    if values.shape != shape:
        raise SourceError(
            f"{path}: the pixels are {values.shape} but the header says {shape}; copy the series again"
        )
    return values


def _rescaled(data: pydicom.Dataset, stored: NDArray[np.integer]) -> NDArray[np.generic]:
    """Return slope * stored + intercept, as whole numbers where both are whole."""
    values = stored.astype(np.int32)
    if data.PhotometricInterpretation == "MONOCHROME1" and data.get("Modality") != "CT":
        values = (-1 if data.PixelRepresentation else 2**data.BitsStored - 1) - values
    slope, intercept = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
    if slope.is_integer() and intercept.is_integer():
        return np.asarray(values * int(slope) + int(intercept))
    return np.asarray(values * slope + intercept, dtype=np.float32)


def _decoded_by_gdcm(data: pydicom.Dataset, path: Path) -> NDArray[np.generic]:
    """Return the values as GDCM, inside SimpleITK, reads them: slope and intercept applied."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    values = sitk.GetArrayFromImage(reader.Execute())[0]
    if data.PhotometricInterpretation == "MONOCHROME1" and data.get("Modality") != "CT":
        raise SourceError(
            f"{path}: MONOCHROME1 in {data.file_meta.TransferSyntaxUID.name} is not read; "
            "decompress the series first"
        )
    return np.asarray(values)
