"""What tests of recipes share: a recipe as a module, tiny corpora, an adapter that recipes/sft.py trained."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from bench_corpus import write_corpus as write_bench_corpus
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pillow

ROOT = Path(__file__).parents[1]
# Messages of the libraries themselves, at import or at work; none comes from our code.
MARKS = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),
    pytest.mark.xdist_group("training"),
]
TEXT = Value("string")
FEATURES = Features(
    {
        "images": List(Image()),
        "messages": List({"role": TEXT, "content": TEXT}),
        "kind": TEXT,
        "level": TEXT,
        "marker": {"column": Value("float64"), "row": Value("float64"), "radius": Value("float64")},
        "patient": TEXT,
        "synthetic": Value("bool"),
    }
)


@cache
def load_recipe(name: str) -> ModuleType:
    """Return a file of recipes/ ("sft.py", "tiny/build.py") as a module."""
    path = ROOT / "recipes" / name
    spec = importlib.util.spec_from_file_location(f"recipe_{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def row(number: int, *, pictured: bool = True, broken: bool = False, times: int = 1) -> dict[str, Any]:
    """Return a row with a picture of its own size; `times` repeats its question."""
    generator = np.random.default_rng(number)
    file = io.BytesIO()
    Pillow.fromarray(generator.integers(0, 255, (60 + number, 40), dtype=np.uint8)).save(file, "PNG")
    data = file.getvalue()[: -900 if broken else None]
    level = ("L4", "T12")[number % 2]
    return {
        "images": [{"bytes": data, "path": None}] if pictured else [],
        "messages": [
            {"role": "user", "content": "Which vertebra is marked? " * times},
            {"role": "assistant", "content": level},
        ],
        "kind": "marked_level",
        "level": level,
        "marker": {"column": 14.0, "row": 10.0, "radius": 4.0},
        "patient": f"patient-{number}",
        "synthetic": True,
    }


def write_rows(folder: Path, features: Features = FEATURES, **configs: list[dict[str, Any]]) -> None:
    """Write a corpus with a manifest, its rows by name of config, all in the split train."""
    lines = []
    for config, rows in configs.items():
        (folder / "data" / config).mkdir(parents=True)
        dataset = Dataset.from_list(rows, features=features)
        dataset.to_parquet(folder / "data" / config / "train-00000-of-00001.parquet")
        files = f"data/{config}/train-*.parquet"
        lines.append(f"- config_name: {config}\n  data_files:\n  - split: train\n    path: {files}\n")
    (folder / "README.md").write_text(f"---\nconfigs:\n{''.join(lines)}---\n", encoding="utf-8")
    counts = {config: len(rows) for config, rows in configs.items()}
    (folder / "manifest.json").write_text(json.dumps(counts), encoding="utf-8")


def trained_adapter(folder: Path) -> Path:
    """Fill `folder` with a tiny LLaVA, a corpus of benchmark rows and an adapter of two steps; return it."""
    load_recipe("tiny/build.py").build(folder / "tiny")
    write_bench_corpus(folder / "corpus")
    configs = "".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: data/{name}/train-*.parquet\n"
        for name in ("choice", "open")
    )
    (folder / "corpus" / "README.md").write_text(f"---\nconfigs:\n{configs}---\n", encoding="utf-8")
    sft = load_recipe("sft.py")
    words = ["--config", str(ROOT / "recipes" / "tiny" / "sft.yaml"), "--alignment_steps", "0"]
    words += ["--model_name_or_path", str(folder / "tiny"), "--dataset_name", str(folder / "corpus")]
    words += ["--output_dir", str(folder / "adapter"), "--max_steps", "2"]
    sft.main(*sft.parse(words))
    return folder
