"""What crosses a file: Study, Finding, Picture, Instance, Prediction, Reject, each with its provenance.

All records are frozen pydantic models that refuse unknown fields. Pixel boxes are half-open and name their
frame.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Modality = Literal["CT", "MR", "XR"]
Numbering = Literal["phantom_truth", "file_labels", "counted_from_below", "counted_from_above", "unknown"]
Pathology = Literal["vertebra", "vertebra_in_part", "height_loss"]
Side = Literal["left", "right", "both", "central"]
Task = Literal["choice", "open", "dialogue", "report"]
Axis = Literal["level", "pathology", "planning"]
Kind = Literal["marked_level", "levels_in_view", "level_above", "level_below", "height_loss"]
Stage = Literal["draft", "revised", "gated"]
Split = Literal["train", "validation", "test"]
ParseStatus = Literal["answered", "no_answer", "refusal", "ambiguous", "out_of_range", "truncated"]


class Record(BaseModel):
    """A frozen record that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def content_id(*parts: object) -> str:
    """Return 16 hexadecimal digits that depend on the content of `parts` alone.

    >>> content_id("a", 1) == content_id("a", 1), content_id("a", 1) == content_id("a", 2)
    (True, False)
    """
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Box(Record):
    """A half-open box of pixels: columns [left, right), rows [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int


class Locator(Record):
    """A place in a source that a person can go back to.

    `box` counts pixels of the sagittal slice as `imaging.slices.sagittal` cuts it from the volume reoriented
    to LPS: one pixel a voxel, row 0 cranial, column 0 anterior. `slice_index` counts sagittal slices from
    the patient's right.
    """

    series: str = Field(description="SeriesInstanceUID, or the file's path relative to the source folder")
    plane: Literal["sagittal"] = "sagittal"
    slice_index: int
    slice_id: str = Field(default="", description="SOPInstanceUID where the slice is a stored DICOM instance")
    box: Box


class Provenance(Record):
    """Where a record comes from and which step made it."""

    source: str
    licence: str = Field(description="SPDX identifier, or LicenseRef-...")
    synthetic: bool
    step: str
    locator: Locator
    parents: tuple[str, ...] = ()


class Series(Record):
    """One image volume of a study, with the mask that says which voxel is which vertebra."""

    uid: str
    modality: Modality
    sequence: str = Field(default="", description="T1, T2, STIR for MR; empty for CT")
    image: Path = Field(description="a NIfTI or MetaImage file, or a folder of DICOM instances")
    mask: Path | tuple[Path, ...] = Field(description="a multi-label file, or one binary file a vertebra")
    label_scheme: str = Field(description="key of level_labels.SCHEMES for the mask's values")


class Study(Record):
    """One examination of one patient; `patient` is the split key and never a name."""

    id: str
    patient: str
    source: str
    licence: str
    synthetic: bool
    numbering: Numbering
    sex: Literal["F", "M", "unknown"] = "unknown"
    age_band: str = Field(default="unknown", description="a decade such as 60-69")
    series: tuple[Series, ...]


class Finding(Record):
    """One statement about one site that pixels support: what, where, how much, and the evidence.

    Pathology `vertebra` states that the vertebra is seen whole, `vertebra_in_part` that the border of the
    image cuts it; `height_loss` carries Genant's grade 0 to 3 in `grade` and the lost share of height in
    percent in `value`.
    """

    id: str
    study: str
    site: str
    pathology: Pathology
    grade: str = ""
    side: Side | None = None
    present: bool = True
    value: float | None = None
    unit: str = ""
    evidence: Locator


class Marker(Record):
    """A ring drawn on a picture; centre and radius in pixels of the picture."""

    column: float
    row: float
    radius: float


class Picture(Record):
    """One PNG that instances show: a window of one slice on square pixels, with or without a marker."""

    id: str = Field(description="SHA-256 of the PNG bytes")
    study: str
    modality: Modality
    sequence: str = ""
    spacing_mm: float
    width: int
    height: int
    marker: Marker | None = None
    locator: Locator
    png: bytes = Field(repr=False)


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Instance(Record):
    """One question with its answer, true by its findings; `id` hashes the content."""

    id: str
    task: Task
    axis: Axis
    kind: Kind
    language: Literal["en", "zh"]
    question: str
    options: tuple[str, ...] = ()
    answer: str = Field(description="a letter for `choice`, the text itself otherwise")
    messages: tuple[Message, ...]
    pictures: tuple[str, ...] = Field(description="picture ids, in the order of the images")
    sites: tuple[str, ...]
    findings: tuple[str, ...]
    study: str
    patient: str
    modality: Modality
    stage: Stage
    provenance: Provenance


class Prediction(Record):
    """What one model answered to one instance."""

    instance: str
    model: str
    revision: str = ""
    text: str
    status: ParseStatus
    choice: str = ""
    seconds: float
    tokens: int


class Reject(Record):
    """Something that did not pass: a counted row with reason and way out, never an exception or silence."""

    id: str
    source: str
    step: str
    reason: str
    fix: str = ""
