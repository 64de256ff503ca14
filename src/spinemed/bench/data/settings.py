"""The settings of a benchmark: defaults in code, overridden by build.yaml, then by the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from spinemed.corpus.config import checked, named_folders
from spinemed.errors import ConfigError
from spinemed.records import Record

CONFIGS = ("choice", "open", "report", "dialogue")
Count = Annotated[int, Field(ge=0)]
AXES = ("level", "pathology", "planning")
CELLS = tuple(f"{axis}/{shown}" for axis in AXES for shown in ("image", "text"))


def default_sizes() -> dict[str, dict[str, int]]:
    """Return the published sizes: 1,200 choices, 400 open questions, 300 reports, 150 consultations.

    A paired comparison of two models (80 % power, three items a patient, ICC 0.1) then shows 4.4 points on
    choices and, one a patient, 8.1 points on reports; 487 and 87 items show 6.4 and 15.0 points.
    """
    return {
        "choice": {
            "level/image": 360,
            "level/text": 60,
            "pathology/image": 456,
            "pathology/text": 80,
            "planning/image": 24,
            "planning/text": 220,
        },
        "open": {
            "level/image": 150,
            "level/text": 20,
            "pathology/image": 150,
            "pathology/text": 20,
            "planning/image": 10,
            "planning/text": 50,
        },
        "report": {"pathology/image": 300},
        "dialogue": {"planning/image": 150},
    }


class Patients(Record):
    """How many synthetic patients are drawn where no source is named: batches until every cell is full."""

    batch: int = Field(100, ge=1, description="patients drawn before the cells are looked at again")
    most: int = Field(600, ge=1, le=50_000, description="patients at most; what is short then is said")
    field: Literal["any", "lumbar"] = "any"
    kinds: tuple[str, ...] = Field((), description="series; none takes what the state asks for")


class BenchSettings(Record):
    """Everything that, with the sources and the corpora checked against, decides a benchmark."""

    name: str = Field("spinebench-2510.03160", min_length=1, description="title of the card")
    seed: int = Field(0, ge=0, description="draws a fresh set's patients, wordings, letters, items")
    sources: dict[str, Path] = Field(default_factory=dict, description="source name -> folder")
    label_scheme: str | None = None
    patients: Patients = Patients()
    sizes: dict[str, dict[str, Count]] = Field(default_factory=default_sizes)
    per_patient: dict[str, int] = Field(
        default_factory=lambda: {"choice": 4, "open": 2, "report": 1, "dialogue": 1},
        description="items of a config that one patient gives at most",
    )
    open_share: float = Field(0.25, ge=0, le=1)
    marks_per_series: int = Field(3, ge=1)
    languages: tuple[Literal["en", "zh"], ...] = Field(("en", "zh"), min_length=1)
    items_per_kind: int = Field(2, ge=0)

    @field_validator("sizes")
    @classmethod
    def _cells_are_known(cls, sizes: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        unknown = sorted({cell for cells in sizes.values() for cell in cells} - set(CELLS))
        if unknown:
            raise ValueError(f"unknown cells {', '.join(unknown)}; known are {', '.join(CELLS)}")
        if set(sizes) - set(CONFIGS):
            raise ValueError(f"configs {', '.join(sizes)}; known are {', '.join(CONFIGS)}")
        return sizes


def overridden(
    settings: BenchSettings,
    sources: Sequence[str],
    patients: int | None,
    seed: int | None,
    scale: float | None,
) -> BenchSettings:
    """Return the settings with what the command line gives.

    `sources` (NAME=FOLDER) replace the file's; `patients` is the most that are drawn; `scale` multiplies
    every size, to the next whole number. ConfigError for values that do not fit.
    """
    content: dict[str, object] = settings.model_dump()
    if sources:
        content["sources"] = named_folders(sources)
    if patients is not None:
        batch = min(settings.patients.batch, patients)
        content["patients"] = {**settings.patients.model_dump(), "most": patients, "batch": batch}
    if seed is not None:
        content["seed"] = seed
    if scale is not None:
        content["sizes"] = scaled(settings.sizes, scale)
    return checked(content, "command line", BenchSettings)


def scaled(sizes: dict[str, dict[str, int]], scale: float) -> dict[str, dict[str, int]]:
    """Return sizes times `scale`, each rounded and at least 1 where it was above 0."""
    if scale <= 0:
        raise ConfigError(f"--scale {scale}: must be above 0")
    return {
        config: {cell: max(1, round(count * scale)) if count else 0 for cell, count in cells.items()}
        for config, cells in sizes.items()
    }
