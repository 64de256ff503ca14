"""The base model of a recipe: NF4 weights where it asks for them, parts that stay whole, parts frozen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from spinemed.errors import ConfigError, ModelError
from spinemed.training.preflight import check_quantised
from spinemed.training.strategy import VARLEN
from spinemed.training.varlen import attend_by_sample


def load_base(config: Any, keep_unquantised: Sequence[str], base_command: str = "") -> Any:
    """Return the base of TRL's ModelConfig `config`, in 4 bit where it says so and nowhere else.

    With `attn_implementation: spinemed_varlen` the language half attends by sample (varlen.py).
    ModelError where `base_command` makes the base and its folder has no config.json.
    """
    folder = Path(config.model_name_or_path)
    if base_command and not (folder / "config.json").is_file():
        raise ModelError(f"there is no base model in {folder}; make it with: {base_command}")
    dtype = getattr(torch, config.dtype)
    by_sample = config.attn_implementation == VARLEN
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
        attn_implementation=None if by_sample else config.attn_implementation,
        quantization_config=quantisation if config.load_in_4bit else None,
    )
    check_quantised(model, config.load_in_4bit, keep_unquantised)
    if by_sample:
        attend_by_sample(model)
    return model


def base_of(model: Any) -> Any:
    """Return the model below its adapter, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def freeze(model: Any, parts: Sequence[str]) -> Any:
    """Return a model whose named modules (of the base) are frozen; ConfigError for one it has not."""
    for part in parts:
        try:
            base_of(model).get_submodule(part).requires_grad_(False)
        except AttributeError as error:
            raise ConfigError(f"frozen_modules: {part!r} is not a module of the model") from error
    return model
