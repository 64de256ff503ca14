"""Studies of the synthetic spine phantom, read from their DICOM series and masks as any other study would be.

truth.json beside them is not read: facts come from the masks, as with real data. What the phantom itself
states (findings.jsonl) is named by `Study.stated`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from spinemed.errors import SourceError
from spinemed.records import Modality, Plane, Posture, Reject, Series, Study, content_id

SOURCE: Final = "phantom"
LICENCE: Final = "Apache-2.0"
_PREFIX: Final = "phantom-"
_STATED: Final = "findings.jsonl"
_AXIAL: Final = "t2_axial_"
_LATER: Final = "_later"


class _Kind(NamedTuple):
    """What a folder's name says about its series."""

    modality: Modality
    sequence: str = ""
    plane: Plane = "sagittal"
    posture: Posture = "lying"
    view: str = ""


# In the order in which a study lists its series; axial stacks follow the sagittal ones.
_KINDS: Final[dict[str, _Kind]] = {
    "ct": _Kind("CT"),
    "t1": _Kind("MR", "T1"),
    "t2": _Kind("MR", "T2"),
    "stir": _Kind("MR", "STIR"),
    "t2_axial": _Kind("MR", "T2", "axial"),
    "xr_ap": _Kind("XR", "", "radiograph", "standing", "AP"),
    "xr_lat": _Kind("XR", "", "radiograph", "standing", "LAT"),
    "xr_flexion": _Kind("XR", "", "radiograph", "flexion", "LAT"),
    "xr_extension": _Kind("XR", "", "radiograph", "extension", "LAT"),
    "xr_full_ap": _Kind("XR", "", "radiograph", "standing", "FULL_AP"),
    "xr_full_lat": _Kind("XR", "", "radiograph", "standing", "FULL_LAT"),
}


def read(folder: Path) -> Iterator[Study | Reject]:
    """Return the folder's phantom studies by name, and a Reject for each study folder that is incomplete.

    Every series that is there is listed: sagittal CT, T1, T2 and STIR, axial stacks, radiographs, then those
    of a later examination.
    SourceError for a folder that is missing or holds no phantom study.
    """
    if not folder.is_dir():
        raise SourceError(f"no folder {folder}; make phantom studies with: spinemed phantom --out {folder}")
    studies = sorted(place for place in folder.glob(f"{_PREFIX}*") if place.is_dir())
    if not studies:
        raise SourceError(f"no phantom study in {folder}; make some with: spinemed phantom --out {folder}")
    return (_read_study(place) for place in studies)


def _read_study(place: Path) -> Study | Reject:
    try:
        names = _series_names(place)
        headers = {name: _first_header(place / name) for name in names}
        months = _months(headers)
    except SourceError as error:
        reason = str(error)
        fix = f"delete the folder {place.name} and run spinemed phantom again"
        return Reject(
            id=content_id("reject", SOURCE, reason), source=SOURCE, step="read", reason=reason, fix=fix
        )
    stated = place / _STATED
    names.sort(key=lambda name: months[name])
    first = headers[names[0]]
    return Study(
        id=content_id("study", SOURCE, str(first.StudyInstanceUID)),
        patient=place.name,
        source=SOURCE,
        licence=LICENCE,
        synthetic=True,
        numbering="phantom_truth",
        sex="F" if first.PatientSex == "F" else "M",
        age_band=_age_band(str(first.PatientAge)),
        series=tuple(_series(place, name, headers[name], months[name]) for name in names),
        stated=stated if stated.is_file() else None,
    )


def _months(headers: Mapping[str, Dataset]) -> dict[str, int]:
    """Return how many months after the first examination each series was taken, by its header's date."""
    counted = {name: _month_of(name, str(header.StudyDate)) for name, header in headers.items()}
    return {name: month - min(counted.values()) for name, month in counted.items()}


def _month_of(name: str, date: str) -> int:
    if not re.fullmatch(r"\d{8}", date):
        raise SourceError(f"{name}: StudyDate {date!r} is no date")
    return 12 * int(date[:4]) + int(date[4:6])


def _series(place: Path, name: str, header: Dataset, months: int) -> Series:
    kind = _KINDS[_kind_of(name)]
    return Series(
        uid=str(header.SeriesInstanceUID),
        modality=kind.modality,
        sequence=kind.sequence,
        image=place / name,
        mask=place / _mask_name(name),
        label_scheme="verse",
        plane=kind.plane,
        posture=kind.posture,
        view=kind.view,
        months=months,
    )


def _series_names(place: Path) -> list[str]:
    """The names of the study's series in order; SourceError where a folder or a mask has no partner."""
    folders = {path.name for path in place.iterdir() if path.is_dir() and _kind_of(path.name) in _KINDS}
    masked = {path.name.removesuffix(_mask_name("")) for path in place.glob(f"*{_mask_name('')}")}
    if not folders | masked:
        raise SourceError(f"{place.name}: no series in it")
    if folders - masked:
        raise SourceError(
            f"{place.name}: no {', '.join(_mask_name(name) for name in sorted(folders - masked))}"
        )
    if masked - folders:
        raise SourceError(f"{place.name}: no DICOM folder {', '.join(sorted(masked - folders))}")
    if not (place / _STATED).is_file():
        raise SourceError(f"{place.name}: no {_STATED}")
    order = list(_KINDS)
    return sorted(folders, key=lambda name: (order.index(_kind_of(name)), name))


def _kind_of(name: str) -> str:
    """Return the key of `_KINDS` of a folder.

    >>> _kind_of("t2_axial_L4-L5"), _kind_of("t2"), _kind_of("t2_later")
    ('t2_axial', 't2', 't2')
    """
    name = name.removesuffix(_LATER)
    return _AXIAL.rstrip("_") if name.startswith(_AXIAL) else name


def _mask_name(name: str) -> str:
    return f"{name}_seg.nii.gz"


def _first_header(series: Path) -> Dataset:
    """The first instance's header; SourceError, naming study and series, where there is none."""
    name = f"{series.parent.name}/{series.name}"
    files = sorted(series.glob("*.dcm"))
    if not files:
        raise SourceError(f"{name}: no DICOM instances")
    try:
        header = dcmread(files[0], stop_before_pixels=True)
    except (InvalidDicomError, OSError) as error:
        raise SourceError(f"{name}/{files[0].name}: not readable as DICOM") from error
    wanted = ("StudyInstanceUID", "StudyDate", "SeriesInstanceUID", "PatientSex", "PatientAge")
    absent = [keyword for keyword in wanted if keyword not in header]
    if absent:
        raise SourceError(f"{name}/{files[0].name}: no {', '.join(absent)}")
    return header


def _age_band(age: str) -> str:
    """Return the decade of a DICOM age string.

    >>> _age_band("067Y")
    '60-69'
    """
    decade = int(age[:3]) // 10 * 10
    return f"{decade}-{decade + 9}"
