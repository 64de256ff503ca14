"""A small published corpus in the present columns, written without a build: what cards and pushes read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from spinemed.corpus.rows import CONFIGS, Config, features

Row = dict[str, Any]
BOX = {"left": 4, "top": 6, "right": 20, "bottom": 18}
REPORT = "Findings: canal stenosis at L4-L5. Impression: as described."


def png(shade: int, wide: bool = False) -> bytes:
    """Return a small grey PNG that no other shade has."""
    size = (96, 64) if wide else (64, 96)
    picture = Image.new("L", size)
    picture.putdata([(x * 3 + shade) % 256 for x in range(size[0] * size[1])])
    stream = io.BytesIO()
    picture.save(stream, "png")
    return stream.getvalue()


def image(shade: int) -> Row:
    """Return the cell of one picture."""
    content = png(shade)
    return {"bytes": content, "path": f"{hashlib.sha256(content).hexdigest()}.png"}


def question(number: int, **changes: Any) -> Row:
    """Return a row of `choice`; `changes` replace columns."""
    text = changes.get("modality") == "text"
    row: Row = {
        "images": [] if text else [image(number // 2)],
        "question": f"Which vertebra is marked, number {number}?",
        "options": ["L1", "L2", "L3", "L4"],
        "answer": "BCDA"[number % 4],
        "level": ("L2", "L3", "L4", "L1")[number % 4],
        "side": "",
        "task": "choice",
        "axis": "level",
        "kind": "marked",
        "modality": ("CT", "MR", "XR")[number // 2 % 3],
        "conditions": ["canal_stenosis", "scoliosis"] if number % 2 else ["healthy"],
        "messages": [
            {"role": "user", "content": f"Which vertebra is marked, number {number}?"},
            {"role": "assistant", "content": "BCDA"[number % 4]},
        ],
        "sites": ["L2"],
        "study": f"study-{number // 2}",
        "patient": f"patient-{number // 2}",
        "split": "train",
        "source": "phantom",
        "synthetic": True,
        "licence": "Apache-2.0",
        "series": "1.2.3",
        "plane": "radiograph" if number // 2 % 3 == 2 else "sagittal",
        "slice_index": 3,
        "box": BOX,
        "marker": {"column": 12.0, "row": 12.0, "radius": 9.0} if number % 2 else None,
        "spacing_mm": 1.0,
        "quote": None,
        "findings": [f"finding-{number}"],
        "gates": ["levels_read_back"],
        "template": "marked/en/1",
        "language": "en",
        "id": hashlib.sha256(str(number).encode()).hexdigest()[:16],
    }
    if text:
        row |= {"series": "", "plane": "", **dict.fromkeys(("slice_index", "box", "marker", "spacing_mm"))}
        row["quote"] = {"document": "written-1", "start": 0, "end": 8, "text": REPORT[:8]}
        row["source"] = "casebook"
    row |= changes
    if row["task"] != "choice":
        row.pop("options")
    return row


def study(number: int, **changes: Any) -> Row:
    """Return a row of `studies`."""
    return {
        "id": f"study-{number}",
        "patient": f"patient-{number}",
        "split": "train",
        "source": "phantom",
        "licence": "Apache-2.0",
        "synthetic": True,
        "numbering": "phantom_truth",
        "sex": "F",
        "age_band": "60-69",
        "series": ["1.2.3"],
        "modalities": ["CT"],
        "sequences": [""],
        "label_schemes": ["spinemed"],
        "conditions": ["healthy"],
        "language": "",
        "text": "",
    } | changes


def finding(number: int, **changes: Any) -> Row:
    """Return a row of `findings`."""
    nothing = dict.fromkeys(("side", "value", "error", "pixels", "contrast", "quote"))
    return {
        **nothing,
        "id": f"finding-{number}",
        "study": f"study-{number // 2}",
        "patient": f"patient-{number // 2}",
        "split": "train",
        "site": "L2",
        "pathology": "vertebra",
        "grade": "",
        "present": True,
        "unit": "",
        "detail": "",
        "posture": "unknown",
        "extent": [],
        "source": "phantom",
        "synthetic": True,
        "licence": "Apache-2.0",
        "series": "1.2.3",
        "plane": "sagittal",
        "slice_index": 3,
        "slice_id": "",
        "box": BOX,
    } | changes


def reject(number: int) -> Row:
    """Return a row of `rejects`."""
    return {"id": f"r{number}", "source": "phantom", "step": "gate", "reason": "too | few pixels", "fix": ""}


def write(folder: Path, config: Config, split: str, rows: list[Row], bucket: int = 0) -> Path:
    """Return the Parquet file with the rows."""
    path = folder / "data" / config / f"{split}-{bucket:05d}-of-00002.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows, schema=features(config).arrow_schema)
    pq.write_table(table, path, use_dictionary=True)
    return path


def write_corpus(folder: Path, change: Callable[[Row], Row] = lambda row: row) -> Path:
    """Return a corpus of 21 instances, 6 pictures and 8 patients; `change` may change each question row."""
    made = {
        ("choice", "train", 0): [question(number) for number in range(8)],
        ("choice", "train", 1): [question(number) for number in range(8, 10)],
        ("choice", "test", 0): [question(number, split="test") for number in range(10, 12)],
        ("open", "train", 0): [question(20, task="open", language="zh", question="标记的是哪一节椎体?")],
        ("open", "validation", 0): [question(21, task="open", modality="text", split="validation")],
        ("dialogue", "train", 0): [question(n, task="dialogue", modality="text") for n in range(30, 34)],
        ("report", "train", 0): [question(n, task="report", axis="pathology", side="left") for n in (1, 3)],
        ("choice", "spinebench", 0): [question(40, split="spinebench", modality="text", axis="planning")],
    }
    for (config, split, bucket), rows in made.items():
        write(folder, config, split, [change(row) for row in rows], bucket)
    write(folder, "studies", "train", [study(number) for number in range(5)])
    write(folder, "studies", "test", [study(5, split="test")])
    written = study(6, source="casebook", language="en", text=REPORT, split="validation", series=[])
    write(folder, "studies", "validation", [written])
    write(folder, "studies", "spinebench", [study(7, source="casebook", language="zh", split="spinebench")])
    write(folder, "findings", "train", [finding(number, present=number != 3) for number in range(4)])
    write(folder, "rejects", "rejects", [reject(number) for number in range(3)])
    (folder / "tombstones.jsonl").write_text("", encoding="utf-8")
    assert {path.name for path in (folder / "data").iterdir()} == set(CONFIGS)
    return folder
