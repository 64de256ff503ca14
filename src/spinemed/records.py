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

from spinemed.finding_names import FindingName

Modality = Literal["CT", "MR", "XR"]
Numbering = Literal["phantom_truth", "file_labels", "counted_from_below", "counted_from_above", "unknown"]
Pathology = FindingName
Side = Literal["left", "right", "both", "central"]
Posture = Literal["lying", "standing", "flexion", "extension", "unknown"]
Plane = Literal["sagittal", "coronal", "axial", "radiograph", "text"]
Task = Literal["choice", "open", "dialogue", "report"]
Axis = Literal["level", "pathology", "planning"]
Kind = str
"""What an instance asks: a key of the templates in `spinemed.instances`."""

Stage = Literal["draft", "revised", "gated"]
Split = Literal["train", "validation", "test", "spinebench"]
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

    `box` counts pixels of the slice as `imaging.slices` cuts it from the volume reoriented to LPS: one pixel
    a voxel. Sagittal: row 0 cranial, column 0 anterior, slices from the patient's right. Axial: row 0
    anterior, column 0 the patient's right, slices from below. Radiograph: the stored picture as it is
    displayed, slice 0. For oblique stacks (axial slices along the discs) "axial" counts the stack's own
    slices, rows and columns as stored.
    """

    series: str = Field(description="SeriesInstanceUID, or the file's path relative to the source folder")
    plane: Plane = "sagittal"
    slice_index: int
    slice_id: str = Field(default="", description="SOPInstanceUID where the slice is a stored DICOM instance")
    box: Box


class Quote(Record):
    """The words that a record rests on: characters [start, end) of a document, and what they say.

    `document` is the id of a study whose `text` holds the document, or `rule:<key>` for a published rule
    that is cited; then `text` is the citation and the span is that of the citation itself.
    """

    document: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    text: str


class Provenance(Record):
    """Where a record comes from and which step made it."""

    source: str
    licence: str = Field(description="SPDX identifier, or LicenseRef-...")
    synthetic: bool
    step: str
    locator: Locator | None = Field(default=None, description="none where no picture is shown")
    quote: Quote | None = Field(default=None, description="where the record rests on words")
    parents: tuple[str, ...] = ()


class Series(Record):
    """One image volume of a study, with the mask that says which voxel is which vertebra."""

    uid: str
    modality: Modality
    sequence: str = Field(default="", description="T1, T2, STIR for MR; empty for CT")
    image: Path = Field(description="a NIfTI or MetaImage file, or a folder of DICOM instances")
    mask: Path | tuple[Path, ...] = Field(description="a multi-label file, or one binary file a vertebra")
    label_scheme: str = Field(description="key of level_labels.SCHEMES for the mask's values")
    plane: Plane = "sagittal"
    posture: Posture = "unknown"
    view: str = Field(default="", description="AP, LAT, FULL_AP, FULL_LAT for radiographs; else empty")
    months: int = Field(default=0, ge=0, description="months after the study's first examination")


class Study(Record):
    """One patient's examination, and later ones if there are; `patient` is the split key and never a name.

    Series of later examinations have `months`; only questions about changes see them beside the first's.
    """

    id: str
    patient: str
    source: str
    licence: str
    synthetic: bool
    numbering: Numbering
    sex: Literal["F", "M", "unknown"] = "unknown"
    age_band: str = Field(default="unknown", description="a decade such as 60-69")
    series: tuple[Series, ...]
    stated: Path | None = Field(default=None, description="JSON lines of Finding from the source itself")
    text: str = Field(default="", description="the written report of a study without pictures")
    language: Literal["", "en", "zh"] = Field(default="", description="of `text`")
    conditions: tuple[str, ...] = Field(default=(), description="what the source says the patient has")


class Finding(Record):
    """One statement about one site that pixels of one series support, with its evidence.

    A site is a vertebra (`L4`) or a motion segment (`L4-L5`). Normal findings are stated as well, with
    `present` false and the grade of a healthy site. Grades by pathology:

    - `vertebra` seen whole, `vertebra_in_part` cut by the border of the image: no grade;
    - `height_loss`: Genant 0 to 3, `value` percent, `detail` wedge, biconcave or crush;
    - `fracture`: AO type A1 to C, `detail` "fresh" or "old";
    - `disc_degeneration`: Pfirrmann 1 to 5;
    - `herniation`: none, protrusion or extrusion, `side`, `detail` the zone (central, subarticular,
      foraminal), `value` mm behind the posterior wall;
    - `canal_stenosis`: none, mild, moderate or severe by the share of the sac's depth that is lost (cuts at
      a third and two thirds; none below 15 %), `value` the depth left in mm;
    - `recess_stenosis`: none, mild, moderate, severe, by `side`;
    - `foraminal_stenosis`: Lee 0 to 3, by `side`;
    - `slip`: Meyerding 0 to 5, `value` percent of the depth below, forward positive, `detail` isthmic,
      degenerative, traumatic or retrolisthesis; `pars_defect`: "" ;
    - `scoliosis`: `value` Cobb in degrees, `site` the apex, `extent` the end vertebrae, `side` the convexity;
    - `thoracic_kyphosis`, `lumbar_lordosis`: `value` degrees, `extent`, in the image's `posture`;
    - `modic_change`: 0 to 3 at a segment; `osteophyte`: none or large; `endplate_defect`: `detail` upper or
      lower; `metastasis`: lytic or blastic, `value` mm across (the circle of its area in the evidence
      slice); `spondylodiscitis`, `bridging` (ankylosing) at a segment;
    - `cord_signal`: at a segment; `transitional`: L6, T13, L4_only or L5_sacralised;
    - `cage` at a segment, `screws` at a vertebra.

    `error` is the standard measuring error of `value` in its unit, `pixels` how many pixels the finding
    covers in the evidence slice, `contrast` how far it stands out there, in standard deviations of noise.
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
    detail: str = ""
    extent: tuple[str, str] | None = None
    posture: Posture = "unknown"
    error: float | None = None
    pixels: int | None = None
    contrast: float | None = None
    evidence: Locator
    quote: Quote | None = Field(default=None, description="of a written case: its words in the report")


class Marker(Record):
    """A ring drawn on a picture; centre and radius in pixels of the picture."""

    column: float
    row: float
    radius: float


class Picture(Record):
    """One PNG that instances show: a window of one slice on square pixels, with or without a marker.

    `left` to `bottom` are the window in the slice (pixels of the slice, may be fractions or negative).
    """

    id: str = Field(description="SHA-256 of the PNG bytes")
    study: str
    modality: Modality
    sequence: str = ""
    spacing_mm: float
    width: int
    height: int
    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    view: str = ""
    marker: Marker | None = None
    locator: Locator
    png: bytes = Field(repr=False)
    look: bytes = Field(b"", repr=False, description="hash of what lies below the marker, imaging.looks")


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
    modality: Modality | Literal["text"] = Field(description="of the first picture; text without one")
    stage: Stage
    provenance: Provenance
    gates: tuple[str, ...] = Field(default=(), description="names of the checks that it passed")
    template: str = Field(default="", description="kind/language/number of the wording")


class Prediction(Record):
    """What one model answered to one instance.

    `choice` is a letter as shown. Where options were shown in another order, `order` names for each shown
    letter, A first, the letter it has in the corpus: with "CAB" the reply "A" chooses C. Empty: as in the
    corpus. One instance may then be answered once an order (circular evaluation).
    """

    instance: str
    model: str
    revision: str = ""
    text: str
    status: ParseStatus
    choice: str = ""
    seconds: float
    tokens: int
    finish_reason: str = Field(default="", description="stop, length (its limit cut it off) or as served")
    order: str = ""


class Reject(Record):
    """Something that did not pass: a counted row with reason and way out, never an exception or silence."""

    id: str
    source: str
    step: str
    reason: str
    fix: str = ""
