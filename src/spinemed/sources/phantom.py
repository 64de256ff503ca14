"""Studies of the synthetic spine phantom, read from their DICOM series and masks as any other study would be.

truth.json beside them is not read: facts come from the masks, as with real data. What the phantom itself
states is named by `Study.stated` (findings.jsonl), and its conditions, without levels, come from study.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from spinemed.errors import SourceError
from spinemed.phantom.export.masks import mask_name
from spinemed.phantom.export.study_record import (
    PHANTOM,
    STATED_FILE,
    Described,
    is_series,
    read_statement,
    study_record,
)
from spinemed.records import Reject, Study, content_id

SOURCE: Final = PHANTOM
_PREFIX: Final = "phantom-"


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
        headers = {name: _first_header(place / name) for name in _series_names(place)}
        months = _months(headers)
        conditions = read_statement(place)
    except SourceError as error:
        reason = str(error)
        fix = f"delete the folder {place.name} and run spinemed phantom again"
        return Reject(
            id=content_id("reject", SOURCE, reason), source=SOURCE, step="read", reason=reason, fix=fix
        )
    first = headers[min(headers, key=lambda name: months[name])]
    return study_record(
        place,
        str(first.StudyInstanceUID),
        str(first.PatientSex),
        str(first.PatientAge),
        [Described(name, str(header.SeriesInstanceUID), months[name]) for name, header in headers.items()],
        conditions,
    )


def _months(headers: Mapping[str, Dataset]) -> dict[str, int]:
    """Return how many months after the first examination each series was taken, by its header's date."""
    counted = {name: _month_of(name, str(header.StudyDate)) for name, header in headers.items()}
    return {name: month - min(counted.values()) for name, month in counted.items()}


def _month_of(name: str, date: str) -> int:
    if not re.fullmatch(r"\d{8}", date):
        raise SourceError(f"{name}: StudyDate {date!r} is no date")
    return 12 * int(date[:4]) + int(date[4:6])


def _series_names(place: Path) -> list[str]:
    """The names of the study's series; SourceError where a folder or a mask has no partner."""
    folders = {path.name for path in place.iterdir() if path.is_dir() and is_series(path.name)}
    masked = {path.name.removesuffix(mask_name("")) for path in place.glob(f"*{mask_name('')}")}
    if not folders | masked:
        raise SourceError(f"{place.name}: no series in it")
    if folders - masked:
        raise SourceError(
            f"{place.name}: no {', '.join(mask_name(name) for name in sorted(folders - masked))}"
        )
    if masked - folders:
        raise SourceError(f"{place.name}: no DICOM folder {', '.join(sorted(masked - folders))}")
    if not (place / STATED_FILE).is_file():
        raise SourceError(f"{place.name}: no {STATED_FILE}")
    return sorted(folders)


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
