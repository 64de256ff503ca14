"""The folder of a model: whether it holds one, whether an adapter fits it, and a hash that names it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from spinemed.errors import ModelError

WEIGHT_SUFFIXES = frozenset({".safetensors", ".bin", ".json", ".jinja", ".model", ".txt", ".gguf"})
NOT_THE_MODEL = frozenset({"trainer_state.json", "training_args.bin", "steps.json", "optimizer.bin"})


def check_folders(model: Path, adapter: Path | None) -> None:
    """Raise ModelError unless the folders hold a model and, if named, an adapter for it."""
    if not (model / "config.json").is_file():
        raise ModelError(f"{model} holds no config.json; name the folder of a transformers model")
    if adapter is None:
        return
    path = adapter / "adapter_config.json"
    if not path.is_file():
        raise ModelError(f"{adapter} holds no adapter_config.json; name the folder of a trained PEFT adapter")
    base = json.loads(path.read_text(encoding="utf-8")).get("base_model_name_or_path") or ""
    if base and Path(base).name != model.resolve().name:
        raise ModelError(f"{adapter} was trained on {base}, not on {model}; pass --model {base}")


def folder_hash(folder: Path) -> str:
    """Return 16 hexadecimal digits over names and bytes of the weights and settings in a model folder."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.suffix in WEIGHT_SUFFIXES and file.name not in NOT_THE_MODEL:
            with file.open("rb") as stream:
                digest.update(file.name.encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]
