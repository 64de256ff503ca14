"""How one series is taken: its kind, its slices, its place in the frame and its look, drawn by seed and kind.

T1, T2 and STIR of a patient are one session: one grid, one label map, three colourings. CT has its own
grid. Nothing recorded here names a level: what a series shows is measured on its masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from spinemed.errors import ConfigError
from spinemed.phantom.anatomy.parts import Anatomy
from spinemed.phantom.anatomy.solids import Grid
from spinemed.phantom.patient.stream import examination_stream, stream
from spinemed.phantom.rendering.framing import (
    FieldOfView,
    Region,
    axial_frame,
    repositioned,
    sagittal_frame,
    sample_region,
)
from spinemed.phantom.rendering.look import Look, sample_look

SeriesKind = Literal[
    "ct",
    "t1",
    "t2",
    "stir",
    "t2_axial",
    "xr_ap",
    "xr_lat",
    "xr_flexion",
    "xr_extension",
    "xr_full_ap",
    "xr_full_lat",
]
SAGITTAL_KINDS: Final[tuple[SeriesKind, ...]] = ("ct", "t1", "t2", "stir")

# The kinds whose label maps are one: they are taken on the same grid.
_SESSIONS: Final[dict[SeriesKind, str]] = {"ct": "ct", "t1": "mr", "t2": "mr", "stir": "mr"}
_SLICES: Final[dict[str, int]] = {"ct": 9, "mr": 7}  # both partes interarticulares lie within these of CT
_ROWS: Final[int] = 320
_WHOLE_ROWS: Final[int] = 512
_AXIAL_SLICES: Final[int] = 3
_AXIAL_PIXELS: Final[int] = 256


@dataclass(frozen=True, eq=False)
class Acquisition:
    """One series to be rendered: its kind, its grid, its look and the stream its noise comes from.

    `disc_above` names the disc that axial slices go through, as the vertebra above it; else "".
    """

    kind: SeriesKind
    grid: Grid
    thickness_mm: float
    look: Look
    noise: str
    region: Region
    disc_above: str = ""


def session_of(kind: SeriesKind) -> str:
    """Return the session that a sagittal series belongs to; series of one session share their grid.

    Raises ConfigError for a kind that is no sagittal stack.

    >>> session_of("t1") == session_of("stir"), session_of("ct")
    (True, 'ct')
    """
    if kind not in _SESSIONS:
        raise ConfigError(
            f"series kind {kind!r} is no sagittal stack; those are {', '.join(_SESSIONS)}; axial slices come "
            "from plan_axial, radiographs from rendering/radiograph.py"
        )
    return _SESSIONS[kind]


def plan(anatomy: Anatomy, kind: SeriesKind, field: FieldOfView = "any") -> Acquisition:
    """Return how the sagittal series `kind` of this patient is taken; the same on every call.

    Raises ConfigError for a kind that is no sagittal stack.
    """
    session = session_of(kind)
    patient = anatomy.patient
    # All sessions of a patient image the same part of the spine: they were asked for together. A later
    # examination asks for the field of the first again.
    region, whole_lumbar = sample_region(stream(patient.seed, "region"), anatomy, field)
    purpose = f"acquisition/{session}"
    repeated = bool(patient.months) and not whole_lumbar
    rng = stream(patient.seed, purpose) if repeated else examination_stream(patient, purpose)
    spacing = float(rng.choice([4.2, 4.4, 4.6, 4.8, 5.0]))
    rows = _WHOLE_ROWS if region == "whole" else _ROWS
    grid = sagittal_frame(rng, anatomy, region, whole_lumbar, _SLICES[session], rows, spacing)
    if repeated:
        grid = repositioned(examination_stream(patient, purpose), grid)
    look = sample_look(examination_stream(patient, f"look/{kind}"), kind)
    return Acquisition(kind, grid, round(spacing * 0.85, 2), look, f"noise/{kind}", region)


def plan_session(
    anatomy: Anatomy, kinds: Sequence[SeriesKind], field: FieldOfView = "any"
) -> list[Acquisition]:
    """Return the plans of several sagittal series in order; one session's share the very same grid object."""
    grids: dict[str, Grid] = {}
    plans = [plan(anatomy, kind, field) for kind in kinds]
    return [replace(made, grid=grids.setdefault(session_of(made.kind), made.grid)) for made in plans]


def plan_axial(anatomy: Anatomy, disc_above: str, pixels: int = _AXIAL_PIXELS) -> Acquisition:
    """Return the axial T2 slices through the disc below a vertebra, parallel to it, the first below.

    Raises ConfigError for a level that has no disc below it.
    """
    return _axial(anatomy, disc_above, pixels, _AXIAL_SLICES, f"axial/{disc_above}")


def picture_plan(anatomy: Anatomy, kind: SeriesKind, pixels: int = 256) -> Acquisition:
    """Return how one single picture of this kind is taken: the fast path, `pixels` high and wide.

    Sagittal kinds give one slice down the middle, "t2_axial" one through a lumbar disc drawn by seed.
    Raises ConfigError for fewer than 32 or more than 2048 pixels, and for radiographs.
    """
    if not 32 <= pixels <= 2048:
        raise ConfigError(f"a picture of {pixels} pixels cannot be planned; choose from 32 to 2048")
    patient = anatomy.patient
    rng = examination_stream(patient, f"picture/{'axial' if kind == 't2_axial' else session_of(kind)}")
    if kind == "t2_axial":
        discs = anatomy.patient.discs[:5]
        above = discs[int(rng.integers(len(discs)))].above
        return _axial(anatomy, above, pixels, 1, f"picture/axial/{above}")
    region, whole_lumbar = sample_region(rng, anatomy)
    grid = sagittal_frame(rng, anatomy, region, whole_lumbar, 1, pixels, 4.5, square=True)
    look = sample_look(examination_stream(patient, f"look/{kind}"), kind)
    return Acquisition(kind, grid, 4.0, look, f"noise/picture/{kind}", region)


def retake(anatomy: Anatomy, acquisition: Acquisition, kind: SeriesKind) -> Acquisition:
    """Return the same slices taken as another kind: its own look and noise, the same grid."""
    look = sample_look(examination_stream(anatomy.patient, f"look/{kind}"), kind)
    return replace(acquisition, kind=kind, look=look, noise=f"{acquisition.noise}/{kind}")


def _axial(anatomy: Anatomy, disc_above: str, pixels: int, slices: int, purpose: str) -> Acquisition:
    if disc_above not in {disc.above for disc in anatomy.placed_discs}:
        raise ConfigError(
            f"patient {anatomy.patient.name} has no disc below {disc_above!r}; its discs lie below "
            + ", ".join(disc.above for disc in anatomy.placed_discs)
        )
    rng = examination_stream(anatomy.patient, purpose)
    spacing = float(rng.choice([3.6, 4.0, 4.4]))
    grid = axial_frame(rng, anatomy, disc_above, slices, pixels, spacing)
    look = sample_look(examination_stream(anatomy.patient, "look/t2_axial"), "t2_axial")
    region: Region = {"C": "cervical", "T": "thoracolumbar"}.get(disc_above[0], "lumbar")  # type: ignore[assignment]
    return Acquisition(
        "t2_axial", grid, round(spacing * 0.9, 2), look, f"noise/{purpose}", region, disc_above
    )
