"""The published tables of both benchmarks called SpineBench, as data with the source of each value.

Nothing that could not be read is filled in; `published_checks` says what follows from the parts.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator

from spinemed.records import Record

Tag = Literal["A", "N", "K", "R", "E", "D", "O"]


class Value(Record):
    """One printed number with the sources that it was read in."""

    value: float
    tags: tuple[Tag, ...]


def _value(read: Any) -> Any:
    return {"value": read[0], "tags": tuple(read[1])} if isinstance(read, list) else read


Printed = Annotated[Value, BeforeValidator(_value)]


class Row(Record):
    """One row of the main table or the ablation; what could not be read is None."""

    model: str
    size: str = ""
    text: Printed | None = None
    image: Printed | None = None
    questions: Printed | None = None
    reports: Printed | None = None
    total: Printed | None = None


class Claim(Record):
    """A difference that the paper names: of two cells, each (model, column)."""

    says: str
    minuend: tuple[str, str]
    subtrahend: tuple[str, str]
    value: Printed


class OtherRow(Record):
    """One row of the other SpineBench: accuracies of diagnosis and localisation, and their overall."""

    model: str
    diagnosis: Printed
    localisation: Printed
    precision: Printed
    recall: Printed
    overall: Printed


class Ours(Record):
    """The SpineBench of arXiv 2510.03160."""

    name: str
    text_questions: Printed
    image_questions: Printed
    questions: Printed
    reports: Printed
    rows: tuple[Row, ...]
    ablation: tuple[Row, ...]
    claims: tuple[Claim, ...]
    judge_pearson: dict[str, Printed]


class Other(Record):
    """The SpineBench of arXiv 2510.12267."""

    name: str
    diagnosis_questions: Printed
    localisation_questions: Printed
    chance_diagnosis: Printed
    rows: tuple[OtherRow, ...]


class Published(Record):
    """Both tables and what their source tags mean."""

    sources: dict[str, str]
    ours: Ours
    other: Other


@cache
def published() -> Published:
    """Return the published tables of this package.

    >>> published().ours.rows[-1].model, published().ours.rows[-1].total
    ('SpineGPT', Value(value=87.44, tags=('N', 'K', 'R')))
    """
    text = files("spinemed.bench.published").joinpath("values.yaml").read_text(encoding="utf-8")
    return Published.model_validate(yaml.safe_load(text))
