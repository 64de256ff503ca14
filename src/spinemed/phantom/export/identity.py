"""The invented person whom a phantom's DICOM header names, for de-identification to find and remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.patient.stream import stream

STUDY_DATE: Final[str] = "20200101"
"""No examination took place; every phantom's first one bears the same day."""

_GIVEN: Final[tuple[str, ...]] = (
    "Voxella", "Pixelio", "Radiana", "Tomogard", "Echotina", "Spinello", "Collima", "Gradientus",
    "Isocentra", "Lordosio", "Kyphonia", "Slicebert",
)  # fmt: skip
_HOSPITALS: Final[tuple[str, ...]] = (
    "Nowhere General Hospital (synthetic)",
    "Invented Spine Clinic (synthetic)",
    "Castle-in-the-Air University Hospital (synthetic)",
)
_DOCTORS: Final[tuple[str, ...]] = ("INVENTED^Doctor A", "INVENTED^Doctor B", "INVENTED^Doctor C")


@dataclass(frozen=True)
class Identity:
    """What a header says about a person: nothing of it belongs to anybody; dates as DICOM writes them."""

    patient_name: str
    patient_id: str
    birth_date: str
    accession_number: str
    institution: str
    referring_physician: str
    station: str


def examination_date(months: int) -> str:
    """Return the day some months after the first examination, as DICOM writes dates.

    >>> examination_date(0), examination_date(3), examination_date(24)
    ('20200101', '20200401', '20220101')
    """
    years, month = divmod(int(STUDY_DATE[4:6]) - 1 + months, 12)
    return f"{int(STUDY_DATE[:4]) + years:04d}{month + 1:02d}{STUDY_DATE[6:]}"


def age_at_examination(patient: Patient) -> int:
    """Return the full years of age on the day of the patient's examination."""
    birth, day = invented_identity(patient).birth_date, examination_date(patient.months)
    return int(day[:4]) - int(birth[:4]) - (day[4:] < birth[4:])


def invented_identity(patient: Patient) -> Identity:
    """Return the identity of a phantom, the same on every call; age and birth date agree on `STUDY_DATE`.

    A later examination of the same person has an accession number of its own.

    >>> from spinemed.phantom.patient.sample import sample_patient
    >>> invented_identity(sample_patient(7)).patient_name.split("^")[0]
    'SYNTHETIC-PHANTOM'
    """
    rng = stream(patient.seed, "identity")
    given = _GIVEN[int(rng.integers(len(_GIVEN)))]
    # The study lies on the first day of a year, so that the last birthday fell in the year before.
    year = int(STUDY_DATE[:4]) - 1 - patient.age
    return Identity(
        patient_name=f"SYNTHETIC-PHANTOM^{given}",
        patient_id=f"SYN{patient.seed:06d}-{int(rng.integers(1000, 10_000))}",
        birth_date=f"{year:04d}{int(rng.integers(1, 13)):02d}{int(rng.integers(2, 29)):02d}",
        accession_number=f"SYNACC{int(rng.integers(10**8, 10**9)) + patient.months}",
        institution=_HOSPITALS[int(rng.integers(len(_HOSPITALS)))],
        referring_physician=_DOCTORS[int(rng.integers(len(_DOCTORS)))],
        station=f"SYNSTATION{int(rng.integers(1, 10))}",
    )
