"""The thresholds of visibility.yaml: what a series can show, and how much of it must be seen to be stated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import get_args

import yaml
from pydantic import Field, ValidationError, model_validator

from spinemed.errors import ConfigError
from spinemed.records import Pathology, Record

Cuts = tuple[float, float, float]


class Needs(Record):
    """What one pathology needs to be stated: a series that can show it, pixels, and contrast."""

    series: tuple[str, ...]
    pixels: int = Field(ge=1)
    contrast: float = Field(ge=0)


class Visibility(Record):
    """All thresholds; the file says what each means."""

    margin_errors: float = Field(gt=0)
    edge_error_px: float = Field(gt=0)
    slice_error: float = Field(gt=0)
    canal_cuts: Cuts
    foramen_cuts: Cuts
    herniation_least_mm: float
    scoliosis_cut_deg: float
    slip_none_percent: float
    osteophyte_large: float
    osteophyte_none: float
    osteophyte_least_mm: float
    turned_deg: float
    film_turned_deg: float
    film_loss_points: float
    film_outline_deg: float
    coarsest_height_mm: float
    coarsest_film_height_mm: float
    coarsest_sac_mm: float
    coarsest_foramen_mm: float
    coarsest_angle_mm: float
    slip_error_percent: float
    findings: dict[Pathology, Needs]

    def shows(self, kind: str, pathology: Pathology) -> bool:
        """Return whether a series of this kind can show a pathology at all."""
        return kind in self.findings[pathology].series

    @model_validator(mode="after")
    def _complete(self) -> Visibility:
        missing = set(get_args(Pathology)) - set(self.findings)
        if missing:
            raise ValueError(f"no thresholds for {', '.join(sorted(missing))}")
        return self


@cache
def visibility() -> Visibility:
    """Return the thresholds of the package's visibility.yaml; ConfigError where the file is wrong."""
    text = files("spinemed.phantom.export").joinpath("visibility.yaml").read_text(encoding="utf-8")
    try:
        return Visibility.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"visibility.yaml: {error}; install the package again or mend the file") from error


def grade_of(share: float, cuts: Sequence[float]) -> int:
    """Return how many cuts a share reaches; a share on a cut takes the higher grade.

    >>> [grade_of(share, (0.15, 0.33, 0.67)) for share in (0.0, 0.15, 0.5, 0.9)]
    [0, 1, 2, 3]
    """
    return sum(share >= cut for cut in cuts)


def off_cut(share: float, cuts: Sequence[float]) -> float:
    """Return how far a value lies from the nearest cut.

    >>> round(off_cut(0.30, (0.15, 0.3333, 0.6667)), 4)
    0.0333
    """
    return min(abs(share - cut) for cut in cuts)
