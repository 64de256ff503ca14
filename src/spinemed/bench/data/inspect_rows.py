"""The choice items as inspect-ai's Hub loader reads them: one picture as a data URI, a letter, a case."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from spinemed.bench.items import rows, shards

CONFIG: Final = "mcq_inspect"
PARTS: Final = ("mcq_inspect_text", "mcq_inspect_image")
EVAL_FILE: Final = "eval.yaml"
METADATA: Final = ["item_id", "case_id", "axis", "kind", "modality", "level", "language"]
_GAP_PX = 8
_SCHEMA = pa.schema(
    [
        ("question", pa.string()),
        ("options", pa.list_(pa.string())),
        ("answer", pa.string()),
        ("image", pa.string()),
        *((name, pa.string()) for name in METADATA),
    ]
)
_COLUMNS = (
    "id", "question", "options", "answer", "images", "patient", "axis", "kind", "modality", "level",
    "language",
)  # fmt: skip


def write_inspect_rows(folder: Path, split: str = "test") -> dict[str, list[str]]:
    """Return config -> files (relative) of the inspect-ai rows, written beside the config `choice`.

    `mcq_inspect` is the files of both parts; a part without items has no file.
    """
    parts: dict[str, list[dict[str, Any]]] = {name: [] for name in PARTS}
    for row in rows(shards(folder, "choice", split), _COLUMNS):
        parts[PARTS[bool(row["images"])]].append(inspect_row(row))
    written: dict[str, list[str]] = {CONFIG: []}
    for name, found in parts.items():
        if not found:
            continue
        path = folder / "data" / name / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(
            pa.Table.from_pylist(found, schema=_SCHEMA), path, compression="ZSTD", row_group_size=200
        )
        written[name] = [path.relative_to(folder).as_posix()]
        written[CONFIG] += written[name]
    return written


def inspect_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row for inspect-ai: `image` is one data URI, "" without a picture; `case_id` the patient."""
    pictures = [picture["bytes"] for picture in row["images"]]
    return {
        **{name: row[name] for name in ("question", "options", "answer", "axis", "kind", "modality")},
        "level": row["level"] or "",
        "language": row["language"],
        "item_id": row["id"],
        "case_id": row["patient"],
        "image": data_uri(montage(pictures)) if pictures else "",
    }


def montage(pictures: Iterable[bytes]) -> bytes:
    """Return one PNG: the only picture as it is, several side by side from left to right on black.

    ValueError without a picture.
    """
    given = list(pictures)
    if not given:
        raise ValueError("a montage needs at least one picture")
    if len(given) == 1:
        return given[0]
    opened = [Image.open(io.BytesIO(png)).convert("RGB") for png in given]
    width = sum(one.width for one in opened) + _GAP_PX * (len(opened) - 1)
    sheet = Image.new("RGB", (width, max(one.height for one in opened)))
    left = 0
    for one in opened:
        sheet.paste(one, (left, 0))
        left += one.width + _GAP_PX
    stream = io.BytesIO()
    sheet.save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def data_uri(png: bytes) -> str:
    """Return PNG bytes as a data URI.

    >>> data_uri(b"abc")
    'data:image/png;base64,YWJj'
    """
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def eval_yaml(name: str, description: str, configs: Iterable[str]) -> str:
    """Return eval.yaml for the Hub: the tasks that inspect-ai can run as they stand.

    Reports, the total and level F1 need scorers that this format cannot name; they are scored by spinemed.
    """
    known = set(configs)
    ids = {"mcq_all": CONFIG, "mcq_text": PARTS[0], "mcq_image": PARTS[1]}
    content = {
        "name": name,
        "description": description,
        "evaluation_framework": "inspect-ai",
        "tasks": [_task(identity, config) for identity, config in ids.items() if config in known],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _task(identity: str, config: str) -> dict[str, Any]:
    return {
        "id": identity,
        "config": config,
        "split": "test",
        "field_spec": {
            "input": "question",
            "target": "answer",
            "choices": "options",
            "input_image": "image",
            "metadata": list(METADATA),
        },
        "solvers": [{"name": "multiple_choice"}],
        "scorers": [{"name": "choice"}],
    }
