"""Studies of the synthetic spine phantom, read from their DICOM series and masks as any other study would be.

truth.json beside them is not read: facts come from the masks, as with real data.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from spinemed.errors import SourceError
from spinemed.records import Modality, Reject, Series, Study, content_id

SOURCE: Final = "phantom"
LICENCE: Final = "Apache-2.0"
_PREFIX: Final = "phantom-"
# Folder, mask, modality and sequence of each series.
_SERIES: Final[tuple[tuple[str, str, Modality, str], ...]] = (
    ("ct", "ct_seg.nii.gz", "CT", ""),
    ("t2", "t2_seg.nii.gz", "MR", "T2"),
)


def read(folder: Path) -> Iterator[Study | Reject]:
    """Return the folder's phantom studies by name, and a Reject for each study folder that is incomplete.

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
        headers = [_first_header(place / name) for name, *_ in _SERIES]
        missing = [mask for _, mask, *_ in _SERIES if not (place / mask).is_file()]
        if missing:
            raise SourceError(f"{place.name}: no {', '.join(missing)}")
    except SourceError as error:
        reason = str(error)
        fix = f"delete the folder {place.name} and run spinemed phantom again"
        return Reject(
            id=content_id("reject", SOURCE, reason), source=SOURCE, step="read", reason=reason, fix=fix
        )
    return Study(
        id=content_id("study", SOURCE, str(headers[0].StudyInstanceUID)),
        patient=place.name,
        source=SOURCE,
        licence=LICENCE,
        synthetic=True,
        numbering="phantom_truth",
        sex="F" if headers[0].PatientSex == "F" else "M",
        age_band=_age_band(str(headers[0].PatientAge)),
        series=tuple(
            Series(
                uid=str(header.SeriesInstanceUID),
                modality=modality,
                sequence=sequence,
                image=place / name,
                mask=place / mask,
                label_scheme="verse",
            )
            for header, (name, mask, modality, sequence) in zip(headers, _SERIES, strict=True)
        ),
    )


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
    wanted = ("StudyInstanceUID", "SeriesInstanceUID", "PatientSex", "PatientAge")
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
