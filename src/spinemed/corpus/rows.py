"""The columns of every config, and the row that a record becomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from datasets import Features, Image, List, Value

from spinemed.records import Finding, Instance, Picture, Reject, Split, Study

Config = Literal["choice", "open", "dialogue", "report", "studies", "findings", "rejects"]
QUESTION_CONFIGS: tuple[Config, ...] = ("choice", "open", "dialogue", "report")
CONFIGS: tuple[Config, ...] = (*QUESTION_CONFIGS, "studies", "findings", "rejects")
Row = dict[str, Any]
"""One row on its way into Parquet; its keys and types are those of `features`."""

_TURNED = "turned "
_TEXT, _WHOLE, _REAL, _FLAG = Value("string"), Value("int32"), Value("float64"), Value("bool")
_BOX = {"left": _WHOLE, "top": _WHOLE, "right": _WHOLE, "bottom": _WHOLE}
_WINDOW = {"left": _REAL, "top": _REAL, "right": _REAL, "bottom": _REAL}
_QUOTE = {"document": _TEXT, "start": _WHOLE, "end": _WHOLE, "text": _TEXT}


def features(config: Config) -> Features:
    """Return the columns of a config with their types, in order."""
    columns: dict[Config, dict[str, Any]] = {
        **{name: _question_columns(choice=name == "choice") for name in QUESTION_CONFIGS},
        "studies": _study_columns(),
        "findings": _finding_columns(),
        "rejects": dict.fromkeys(("id", "source", "step", "reason", "fix"), _TEXT),
    }
    return Features(columns[config])


def question_row(
    instance: Instance,
    pictures: Sequence[Picture],
    split: Split,
    side: str = "",
    conditions: Sequence[str] = (),
) -> Row:
    """Return the row of an instance in the config named as its task, with its pictures in order.

    `level` is the site asked about; `series` to `spacing_mm` describe the first picture: `box` is that site
    in pixels of its slice, `window` what the picture shows of the slice before its `turn`. They are empty
    where no picture is shown; `quote` names the words instead. `side` is that of what is asked about,
    `conditions` are those of the study.
    """
    provenance, locator = instance.provenance, instance.provenance.locator
    row: Row = {
        "images": [{"bytes": picture.png, "path": f"{picture.id}.png"} for picture in pictures],
        "question": instance.question,
        "options": list(instance.options),
        "answer": instance.answer,
        "level": instance.sites[0] if instance.sites else "",
        "side": side,
        "task": instance.task,
        "axis": instance.axis,
        "kind": instance.kind,
        "modality": instance.modality,
        "conditions": list(conditions),
        "messages": [message.model_dump() for message in instance.messages],
        "sites": list(instance.sites),
        "study": instance.study,
        "patient": instance.patient,
        "split": split,
        "source": provenance.source,
        "synthetic": provenance.synthetic,
        "licence": provenance.licence,
        "series": "" if locator is None else locator.series,
        "plane": "" if locator is None else locator.plane,
        "slice_index": None if locator is None else locator.slice_index,
        "box": None if locator is None else locator.box.model_dump(),
        **_shown(pictures[0] if pictures else None),
        "quote": None if provenance.quote is None else provenance.quote.model_dump(),
        "findings": list(instance.findings),
        "gates": list(instance.gates),
        "template": instance.template,
        "language": instance.language,
        "id": instance.id,
    }
    if instance.task != "choice":
        del row["options"]
    return row


def turn_of(picture: Picture) -> int:
    """Return by how many degrees a picture was turned counter-clockwise: 0, 90, 180 or 270."""
    return int(picture.view.removeprefix(_TURNED)) if picture.view.startswith(_TURNED) else 0


def _shown(first: Picture | None) -> Row:
    """Return the columns that describe the first picture; all None without one."""
    if first is None:
        return dict.fromkeys(("window", "turn", "marker", "spacing_mm"))
    return {
        "window": {side: getattr(first, side) for side in _WINDOW},
        "turn": turn_of(first),
        "marker": None if first.marker is None else first.marker.model_dump(),
        "spacing_mm": first.spacing_mm,
    }


def study_row(study: Study, split: Split) -> Row:
    """Return the row of a study; paths of this machine are left out."""
    return {
        **study.model_dump(
            include={"id", "patient", "source", "licence", "synthetic", "numbering", "sex", "age_band"}
        ),
        "split": split,
        "series": [series.uid for series in study.series],
        "modalities": [series.modality for series in study.series],
        "sequences": [series.sequence for series in study.series],
        "label_schemes": [series.label_scheme for series in study.series],
        "conditions": list(study.conditions),
        "language": study.language,
        "text": study.text,
    }


def finding_row(finding: Finding, study: Study, split: Split) -> Row:
    """Return the row of a finding with the place of its evidence."""
    place = finding.evidence
    return {
        **finding.model_dump(
            include={
                "id",
                "study",
                "site",
                "pathology",
                "grade",
                "side",
                "present",
                "value",
                "unit",
                "detail",
                "posture",
                "error",
                "pixels",
                "contrast",
            }
        ),
        "extent": list(finding.extent or ()),
        "patient": study.patient,
        "split": split,
        "source": study.source,
        "synthetic": study.synthetic,
        "licence": study.licence,
        "series": place.series,
        "plane": place.plane,
        "slice_index": place.slice_index,
        "slice_id": place.slice_id,
        "box": place.box.model_dump(),
        "quote": None if finding.quote is None else finding.quote.model_dump(),
    }


def reject_row(reject: Reject) -> Row:
    """Return the row of a reject."""
    return reject.model_dump()


def _question_columns(choice: bool) -> dict[str, Any]:
    return {
        "images": List(Image(mode="RGB")),
        "question": _TEXT,
        **({"options": List(_TEXT)} if choice else {}),
        **dict.fromkeys(("answer", "level", "side", "task", "axis", "kind", "modality"), _TEXT),
        "conditions": List(_TEXT),
        "messages": List({"role": _TEXT, "content": _TEXT}),
        "sites": List(_TEXT),
        **dict.fromkeys(("study", "patient", "split", "source"), _TEXT),
        "synthetic": _FLAG,
        **dict.fromkeys(("licence", "series", "plane"), _TEXT),
        "slice_index": _WHOLE,
        "box": _BOX,
        "window": _WINDOW,
        "turn": _WHOLE,
        "marker": {"column": _REAL, "row": _REAL, "radius": _REAL},
        "spacing_mm": _REAL,
        "quote": _QUOTE,
        "findings": List(_TEXT),
        "gates": List(_TEXT),
        **dict.fromkeys(("template", "language", "id"), _TEXT),
    }


def _study_columns() -> dict[str, Any]:
    return {
        **dict.fromkeys(("id", "patient", "split", "source", "licence"), _TEXT),
        "synthetic": _FLAG,
        **dict.fromkeys(("numbering", "sex", "age_band"), _TEXT),
        **dict.fromkeys(("series", "modalities", "sequences", "label_schemes", "conditions"), List(_TEXT)),
        **dict.fromkeys(("language", "text"), _TEXT),
    }


def _finding_columns() -> dict[str, Any]:
    return {
        **dict.fromkeys(("id", "study", "patient", "split", "site", "pathology", "grade", "side"), _TEXT),
        "present": _FLAG,
        "value": _REAL,
        **dict.fromkeys(("unit", "detail", "posture"), _TEXT),
        "extent": List(_TEXT),
        "error": _REAL,
        "pixels": _WHOLE,
        "contrast": _REAL,
        "source": _TEXT,
        "synthetic": _FLAG,
        **dict.fromkeys(("licence", "series", "plane"), _TEXT),
        "slice_index": _WHOLE,
        "slice_id": _TEXT,
        "box": _BOX,
        "quote": _QUOTE,
    }
