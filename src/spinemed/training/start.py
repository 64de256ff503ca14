"""What a run trains, and what it goes on from: a new adapter, one carried on, or the weights themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model

from spinemed.errors import ConfigError
from spinemed.training.base_model import freeze
from spinemed.training.merging import ADAPTER_SETTINGS, check_adapter
from spinemed.training.outcome import RECORD
from spinemed.training.preflight import Parts, check_adapted, check_whole

SHARED_MASTERS = ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP")
"""With either, accelerate keeps 32-bit copies of weights that are trained in bfloat16."""


def prepared(
    model: Any, config: Any, adapter: str, frozen: Sequence[str], untouched: Sequence[str]
) -> tuple[Any, Parts]:
    """Return a loaded base made ready to train, and its parts by what training does with them.

    `config` is TRL's ModelConfig: with `lora_r` 0 the base's own weights are trained, else LoRA, that of
    the folder `adapter` where it is named. `frozen` modules stay as they are. Raises ConfigError, ModelError
    where the recipe cannot be meant so.
    """
    if not config.lora_r:
        check_whole_settings(config, adapter, os.environ)
        return freeze(model, frozen), check_whole(model, frozen)
    if adapter:
        if (Path(config.model_name_or_path) / "config.json").is_file():
            check_adapter(Path(adapter), Path(config.model_name_or_path))
        check_same_lora(Path(adapter), config)
        model = PeftModel.from_pretrained(model, adapter, is_trainable=True)
    else:
        lora = LoraConfig(
            r=config.lora_r,
            lora_alpha=config.lora_alpha,
            lora_dropout=config.lora_dropout,
            target_modules=config.lora_target_modules,
            modules_to_save=config.lora_modules_to_save,
        )
        model = get_peft_model(model, lora)
    return freeze(model, frozen), check_adapted(model, untouched, config.lora_target_modules)


def check_whole_settings(config: Any, adapter: str, environment: Mapping[str, str]) -> None:
    """Raise ConfigError where a recipe without LoRA would train something else than its words say."""
    if adapter:
        raise ConfigError(
            f"lora_r is 0, and {adapter} is an adapter: merge it with recipes/merge.py, and name the merged "
            "model as model_name_or_path"
        )
    if config.load_in_4bit:
        raise ConfigError("load_in_4bit is true, but lora_r is 0: weights in 4 bit cannot be trained")
    if config.lora_modules_to_save:
        raise ConfigError("lora_modules_to_save is for LoRA, and lora_r is 0: set lora_modules_to_save: null")
    shared = any(environment.get(name, "false").lower() in ("true", "1") for name in SHARED_MASTERS)
    if config.dtype != "float32" and not shared:
        raise ConfigError(
            f"lora_r is 0 and dtype {config.dtype}: most steps are smaller than what {config.dtype} can hold "
            "and would be rounded away; set dtype: float32 (with bf16: true), or launch with DeepSpeed or "
            "FSDP, which keep 32-bit copies"
        )


def check_same_lora(adapter: Path, config: Any) -> None:
    """Raise ConfigError where the recipe asks for another LoRA than the adapter in a folder has."""
    kept = json.loads((adapter / ADAPTER_SETTINGS).read_text(encoding="utf-8"))
    for key, name in (
        ("lora_r", "r"),
        ("lora_alpha", "lora_alpha"),
        ("lora_target_modules", "target_modules"),
        ("lora_modules_to_save", "modules_to_save"),
    ):
        asked, found = getattr(config, key), kept.get(name)
        if isinstance(asked, list) and isinstance(found, list):
            asked, found = sorted(asked), sorted(found)
        if asked != found:
            raise ConfigError(
                f"{key} is {asked}, but {adapter} has {found}: an adapter is carried on as it is; say "
                f"{key}: {found}, or leave out adapter_name_or_path for a new one"
            )


def check_same_corpus(start: Path, data: str, allowed: bool) -> None:
    """Raise ConfigError for a start whose record tells another corpus, which may hold other patients out.

    `start` is an adapter, or a model that was trained as a whole; `data` is the corpus' `corpus_hash`.
    """
    record = start / RECORD
    known = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    before = known.get("corpus_sha256")
    if before and before != data and not allowed:
        raise ConfigError(
            f"{start} was trained on another corpus ({known.get('corpus')}, manifest {before[:16]}); this "
            f"one has {data[:16] or 'none'}. It may have seen patients that are held out here; if that is "
            "meant, set adapter_of_another_corpus: true"
        )
