"""What a recipe does with a model's weights, module by module, from the config alone: no weights are loaded.

The model is built on torch's meta device, the layers that bitsandbytes would pack are found with the rule of
transformers, those that carry LoRA with the recipe's pattern. What preflight.py refuses in a loaded model is
refused here before one is loaded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from transformers.quantizers.quantizers_utils import should_convert_module

from spinemed.errors import ConfigError
from spinemed.training.model_flops import part_of
from spinemed.training.preflight import refuse_below

EMBEDDINGS = "embeddings"


@dataclass(frozen=True)
class Treatment:
    """What a recipe says of weights.

    untouched : full prefixes of modules that stay unquantised and without LoRA
    rank      : of LoRA, 0 where the model is trained without
    target    : the pattern of full names that carry LoRA
    saved     : ends of the names of modules that are trained whole beside LoRA, in a copy
    frozen    : full prefixes that training without LoRA leaves alone
    width     : bytes of an unquantised weight
    """

    four_bit: bool = False
    double_quant: bool = False
    untouched: tuple[str, ...] = ()
    rank: int = 0
    target: str = ""
    saved: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    width: int = 2


class ModuleRow(NamedTuple):
    """Parameters of one part of the model that are treated alike; `adapters` are those that LoRA adds."""

    part: str
    state: str
    trained: str
    parameters: int
    adapters: int


@dataclass(frozen=True)
class ModuleTable:
    """The rows by part, and the numbers that memory follows from.

    whole    : full prefixes that are trained whole ("" is the model), as `config_flops` takes them
    packed   : parameters in 4 bit
    copied   : parameters that are trained in a copy beside the frozen ones
    in_place : parameters that are trained where they stand
    largest  : parameters of the largest packed layer, which is unpacked to be used
    """

    rows: tuple[ModuleRow, ...]
    whole: tuple[str, ...]
    parameters: int
    packed: int
    adapters: int
    copied: int
    in_place: int
    largest: int


def module_table(model: Any, treatment: Treatment) -> ModuleTable:
    """Return the table of a model without weights; raise ConfigError where the recipe cannot be meant so."""
    modules = dict(model.named_modules())
    linear = {name: module for name, module in modules.items() if type(module) is torch.nn.Linear}
    _check_prefixes(modules, treatment.untouched, "keep_unquantised")
    _check_prefixes(modules, treatment.frozen, "the frozen modules")
    packed = _packed(linear, treatment)
    adapted = _adapted(linear, treatment)
    whole = _whole(modules, treatment)
    rows: Counter[tuple[str, str, str]] = Counter()
    adapters: Counter[tuple[str, str, str]] = Counter()
    sizes: Counter[str] = Counter()
    heads = id(model.get_input_embeddings().weight)
    for name, parameter in model.named_parameters():
        layer = name.rpartition(".")[0]
        four = layer in packed and name.endswith(".weight")
        trained = _trained(name, layer, adapted, whole, treatment)
        key = (EMBEDDINGS if id(parameter) == heads else part_of(name), _state(four, treatment), trained)
        rows[key] += parameter.numel()
        sizes["packed"] += four * parameter.numel()
        sizes["whole"] += (trained == "whole") * parameter.numel()
        if layer in adapted and name.endswith(".weight"):
            adapters[key] += treatment.rank * sum(parameter.shape)
    return ModuleTable(
        rows=tuple(ModuleRow(*key, count, adapters[key]) for key, count in sorted(rows.items())),
        whole=whole,
        parameters=sum(rows.values()),
        packed=sizes["packed"],
        adapters=sum(adapters.values()),
        copied=sizes["whole"] if treatment.rank else 0,
        in_place=0 if treatment.rank else sizes["whole"],
        largest=max((linear[name].weight.numel() for name in packed), default=0),
    )


def _check_prefixes(modules: dict[str, Any], prefixes: Sequence[str], key: str) -> None:
    for prefix in prefixes:
        if prefix not in modules:
            near = [name for name in modules if prefix.rsplit(".", 1)[-1] in name][:3]
            raise ConfigError(f"{key}: {prefix!r} is not a module of the model; did you mean {near}?")


def _packed(linear: dict[str, Any], treatment: Treatment) -> set[str]:
    if not treatment.four_bit:
        return set()
    packed = {name for name in linear if should_convert_module(name, list(treatment.untouched))}
    if not packed:
        raise ConfigError("load_in_4bit is true, but keep_unquantised leaves no layer to quantise")
    return packed


def _adapted(linear: dict[str, Any], treatment: Treatment) -> set[str]:
    if not treatment.rank:
        return set()
    adapted = sorted(name for name in linear if re.fullmatch(treatment.target, name))
    if not adapted:
        raise ConfigError(
            f"lora_target_modules {treatment.target!r} matches no linear layer; "
            f"the model has layers such as {list(linear)[-2:]}"
        )
    for prefix in treatment.untouched:
        refuse_below(prefix, adapted, "adapted by LoRA")
    return set(adapted)


def _whole(modules: dict[str, Any], treatment: Treatment) -> tuple[str, ...]:
    """Return the full prefixes of what is trained whole; PEFT compares the ends of names."""
    if not treatment.rank:
        return ("",)
    whole = []
    for ending in treatment.saved:
        found = [name for name in modules if name.endswith(ending)]
        if not found:
            raise ConfigError(f"lora_modules_to_save: {ending!r} is not a module of the model")
        whole += found
    return tuple(whole)


def _trained(name: str, layer: str, adapted: set[str], whole: Sequence[str], treatment: Treatment) -> str:
    if any(name.startswith(f"{prefix}.") for prefix in treatment.frozen):
        return "frozen"
    if any(not prefix or name.startswith(f"{prefix}.") for prefix in whole):
        return "whole"
    return "LoRA" if layer in adapted and name.endswith(".weight") else "frozen"


def _state(four: bool, treatment: Treatment) -> str:
    return "4-bit" if four else {2: "16-bit", 4: "32-bit"}[treatment.width]
