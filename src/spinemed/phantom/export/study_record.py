"""The Study record of a phantom: the same whether its series are read from disk or drawn in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from spinemed.errors import SourceError
from spinemed.phantom.export.masks import mask_name
from spinemed.records import Modality, Plane, Posture, Series, Study, content_id

PHANTOM: Final = "phantom"
LICENCE: Final = "Apache-2.0"
STATED_FILE: Final = "findings.jsonl"
STATEMENT_FILE: Final = "study.json"
"""What the referring doctor would have written: the conditions of the patient, not where they are."""

HEALTHY: Final = "healthy"
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
_ORDER: Final = tuple(_KINDS)


class Described(NamedTuple):
    """One series as headers describe it: folder, SeriesInstanceUID, months after the first examination."""

    name: str
    uid: str
    months: int


def is_series(name: str) -> bool:
    """Return whether a folder of this name holds a phantom's series.

    >>> is_series("t2_axial_L4-L5"), is_series("t2_later"), is_series("notes")
    (True, True, False)
    """
    return kind_of(name) in _KINDS


def kind_of(name: str) -> str:
    """Return the kind of series in a folder; other names come back without their ending _later.

    >>> kind_of("t2_axial_L4-L5"), kind_of("t2"), kind_of("t2_later")
    ('t2_axial', 't2', 't2')
    """
    name = name.removesuffix(_LATER)
    return _AXIAL.rstrip("_") if name.startswith(_AXIAL) else name


def in_order(described: Sequence[Described]) -> list[Described]:
    """Return the series as a study lists them: by examination, then by kind, then by name.

    >>> [one.name for one in in_order([Described("t2", "1", 0), Described("ct_later", "2", 6)])]
    ['t2', 'ct_later']
    """
    return sorted(described, key=lambda one: (one.months, _ORDER.index(kind_of(one.name)), one.name))


def study_record(
    place: Path, study_uid: str, sex: str, age: str, described: Sequence[Described], conditions: Sequence[str]
) -> Study:
    """Return the record of the study in the folder `place`, series `in_order`.

    `sex` and `age` are those of the header (`067Y`), `conditions` the patient's, empty for a healthy one.
    """
    return Study(
        id=content_id("study", PHANTOM, study_uid),
        patient=place.name,
        source=PHANTOM,
        licence=LICENCE,
        synthetic=True,
        numbering="phantom_truth",
        sex="F" if sex == "F" else "M",
        age_band=_age_band(age),
        series=tuple(_series(place, one) for one in in_order(described)),
        stated=place / STATED_FILE,
        conditions=tuple(conditions) or (HEALTHY,),
    )


def write_statement(folder: Path, conditions: Sequence[str]) -> None:
    """Write the conditions to `STATEMENT_FILE`; OSError passes through."""
    text = json.dumps({"synthetic": True, "conditions": list(conditions)}, indent=1)
    (folder / STATEMENT_FILE).write_text(text + "\n", encoding="utf-8")


def read_statement(folder: Path) -> tuple[str, ...]:
    """Return the conditions in `STATEMENT_FILE`; SourceError where it is missing or holds something else."""
    file = folder / STATEMENT_FILE
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["conditions"]
    except FileNotFoundError as error:
        raise SourceError(f"{folder.name}: no {STATEMENT_FILE}") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SourceError(f"{folder.name}/{STATEMENT_FILE}: no conditions can be read from it") from error
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise SourceError(f"{folder.name}/{STATEMENT_FILE}: conditions are {found!r}, not names")
    return tuple(found)


def _series(place: Path, described: Described) -> Series:
    kind = _KINDS[kind_of(described.name)]
    return Series(
        uid=described.uid,
        modality=kind.modality,
        sequence=kind.sequence,
        image=place / described.name,
        mask=place / mask_name(described.name),
        label_scheme="verse",
        plane=kind.plane,
        posture=kind.posture,
        view=kind.view,
        months=described.months,
    )


def _age_band(age: str) -> str:
    """Return the decade of a DICOM age string.

    >>> _age_band("067Y")
    '60-69'
    """
    decade = int(age[:3]) // 10 * 10
    return f"{decade}-{decade + 9}"
