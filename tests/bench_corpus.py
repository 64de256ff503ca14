"""A small corpus of pictures of one colour, for tests that ask, answer and score."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

from datasets import Dataset
from PIL import Image

from spinemed.corpus.rows import features

NAMES = ["T11", "T12", "L1", "L2", "L3", "L4"]


def picture(colour: int) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 56), (colour % 256, colour // 256, 7)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": f"{colour}.png"}


def corpus_row(number: int, split: str, config: str) -> dict[str, Any]:
    draw = random.Random(f"{split}{number}")
    truth = NAMES[number % len(NAMES)]
    options = draw.sample([truth, *draw.sample([name for name in NAMES if name != truth], 3)], 4)
    letter = "ABCD"[options.index(truth)]
    shown = "\n".join(f"{key}. {text}" for key, text in zip("ABCD", options, strict=True))
    colour = number + (1000 if split == "train" else 0)
    row = {
        "images": [picture(colour)], "question": "Which vertebra is marked?", "options": options,
        "answer": letter if config == "choice" else truth, "level": truth, "task": config, "axis": "level",
        "kind": "marked_level" if number % 4 else "level_above", "modality": "CT" if number % 2 else "MR",
        "messages": [
            {"role": "user", "content": f"Which vertebra is marked?\n{shown}"},
            {"role": "assistant", "content": f"{truth} ({letter})"},
        ],
        "sites": [truth], "study": f"{split}-s{number // 4}", "patient": f"{split}-p{number // 4}",
        "split": split, "source": "phantom", "synthetic": number % 5 > 0, "licence": "CC0-1.0",
        "series": "1.2", "plane": "sagittal",
        "slice_index": 3, "box": {"left": 1, "top": 1, "right": 9, "bottom": 9},
        "marker": {"column": 20.0, "row": 8.0 * (number % len(NAMES)) + 4, "radius": 5.0}, "spacing_mm": 1.0,
        "side": "", "conditions": [], "quote": None, "gates": [], "template": "", "turn": 0,
        "window": {"left": 0.0, "top": 0.0, "right": 40.0, "bottom": 56.0},
        "findings": [], "language": "en", "id": f"{split}{config}{number:04d}",
    }  # fmt: skip
    if config == "open":
        del row["options"]
    return row


def write_corpus(folder: Path, **changed: Any) -> Path:
    for config in ("choice", "open"):
        for split, count in (("train", 60), ("test", 40)):
            rows = [corpus_row(number, split, config) for number in range(count)]
            rows[0].update(changed if split == "train" else {})
            path = folder / "data" / config / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            Dataset.from_list(rows, features=features(config)).to_parquet(str(path))  # type: ignore[arg-type]
    return folder
