"""The base model of a recipe: NF4 weights where it asks for them, parts that stay whole, parts frozen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from spinemed.errors import ConfigError, ModelError
from spinemed.training.preflight import check_quantised


def load_base(config: Any, keep_unquantised: Sequence[str], base_command: str = "") -> Any:
    """Return the base of TRL's ModelConfig `config`, in 4 bit where it says so and nowhere else.

    ModelError where `base_command` makes the base and its folder has no config.json.
    """
    folder = Path(config.model_name_or_path)
    if base_command and not (folder / "config.json").is_file():
        raise ModelError(f"there is no base model in {folder}; make it with: {base_command}")
    dtype = getattr(torch, config.dtype)
    quantisation = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=config.bnb_4bit_quant_type,
        bnb_4bit_use_double_quant=config.use_bnb_nested_quant,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=list(keep_unquantised),
    )
    model = AutoModelForImageTextToText.from_pretrained(
        folder,
        dtype=dtype,
        attn_implementation=config.attn_implementation,
        quantization_config=quantisation if config.load_in_4bit else None,
    )
    check_quantised(model, config.load_in_4bit, keep_unquantised)
    return model


def freeze(model: Any, parts: Sequence[str]) -> Any:
    """Return a PEFT model whose named modules of the base are frozen; ConfigError for one it has not."""
    for part in parts:
        try:
            model.get_base_model().get_submodule(part).requires_grad_(False)
        except AttributeError as error:
            raise ConfigError(f"frozen_modules: {part!r} is not a module of the model") from error
    return model
