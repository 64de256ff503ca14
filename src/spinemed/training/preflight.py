"""Checks before the first training step: what is in 4 bit, adapted and frozen, and whether labels are whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from spinemed.errors import ConfigError

IGNORED = -100


@dataclass(frozen=True)
class Parts:
    """Numbers of parameters by what training does with them; `quantised` counts weights before packing."""

    quantised: int
    adapted: int
    trained_whole: int
    frozen: int

    def __str__(self) -> str:
        """Return the line that is printed before training."""
        return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in asdict(self).items())


def check_parts(model: Any, quantise: bool, untouched: Sequence[str], target: str) -> Parts:
    """Return the parts of a model that is ready to train; raise ConfigError where they are not what was asked for.

    No layer under a prefix of `untouched` (a full module path such as `model.vision_tower`) may be in 4 bit or
    adapted by LoRA; every prefix must name a module; with `quantise` some layer is in 4 bit, without it none is;
    LoRA stands on the layers that the regular expression `target` matches, all of them and no others.
    """
    modules = {plain_name(name): module for name, module in model.named_modules()}
    packed = sorted(name for name, module in modules.items() if is_4bit(module))
    adapted = sorted(
        {plain_name(name).split(".lora_")[0] for name, _ in model.named_parameters() if ".lora_" in name}
    )
    for prefix in untouched:
        if prefix not in modules:
            near = sorted(name for name in modules if name.endswith(prefix.rsplit(".", 1)[-1]) and name)[:3]
            raise ConfigError(f"untouched module {prefix!r} is not part of the model; did you mean {near}?")
        for what, names in (("in 4 bit", packed), ("adapted by LoRA", adapted)):
            wrong = [name for name in names if name == prefix or name.startswith(f"{prefix}.")]
            if wrong:
                raise ConfigError(
                    f"{len(wrong)} layers of {prefix} are {what}, first {wrong[0]}; "
                    "name the prefix in keep_unquantised, and keep lora_target_modules off it"
                )
    if quantise != bool(packed):
        raise ConfigError(f"load_in_4bit is {quantise}, but {len(packed)} layers are in 4 bit")
    expected = sorted(
        name for name, module in modules.items() if re.fullmatch(target, name) and is_linear(module)
    )
    if not adapted or adapted != expected:
        odd = sorted(set(adapted) ^ set(expected))[:3]
        raise ConfigError(
            f"LoRA is on {len(adapted)} layers, {target!r} matches {len(expected)}; they differ in {odd}"
        )
    return _count(model)


def plain_name(name: str) -> str:
    """Return the name that a module or parameter has without PEFT's wrapping.

    >>> plain_name("base_model.model.model.layers.0.q_proj.base_layer")
    'model.layers.0.q_proj'
    """
    name = re.sub(r"^base_model\.model\.", "", name)
    return re.sub(r"\.(base_layer|original_module|modules_to_save\.default)(?=\.|$)", "", name)


def is_4bit(module: Any) -> bool:
    """Return whether a module is a linear layer that bitsandbytes packed to 4 bit."""
    return type(module).__name__ == "Linear4bit"


def is_linear(module: Any) -> bool:
    """Return whether a module is a linear layer, packed or not."""
    return is_4bit(module) or type(module) is torch.nn.Linear


def _count(model: Any) -> Parts:
    quantised = adapted = whole = frozen = 0
    for name, parameter in model.named_parameters():
        state = getattr(parameter, "quant_state", None)
        size = parameter.numel() if state is None else int(torch.Size(state.shape).numel())
        if state is not None:
            quantised += size
        if ".lora_" in name:
            adapted += size
        elif parameter.requires_grad:
            whole += size
        elif state is None:
            frozen += size
    return Parts(quantised, adapted, whole, frozen)


def check_labels(trainer: Any, rows: Sequence[int]) -> str:
    """Return one reply as the loss sees it; raise ConfigError where labels of the rows `rows` are not whole.

    The collated batch must hold every token of every reply, end with the stop token of generation, and hold no label
    on an image token.
    """
    examples = [dict(trainer.train_dataset[row]) for row in rows]
    replies = [example["messages"][-1]["content"] for example in examples]
    tokenizer = trainer.processing_class.tokenizer
    stops = trainer.model.generation_config.eos_token_id
    stops = set(stops) if isinstance(stops, list) else {stops}
    batch = trainer.data_collator(examples)
    image_token = getattr(trainer.processing_class, "image_token_id", None)
    seen = ""
    for labels, reply in zip(batch["labels"], replies, strict=True):
        ids = labels[labels != IGNORED].tolist()
        seen = tokenizer.decode(ids)
        if image_token in ids:
            raise ConfigError("image tokens are in the loss; set assistant_only_loss: true")
        # Some templates close a turn with a line break after the stop token; it is harmless.
        while ids and ids[-1] not in stops and not tokenizer.decode(ids[-1:]).strip():
            ids.pop()
        if not ids or ids[-1] not in stops:
            raise ConfigError(
                f"the labels of {reply!r} read {seen!r} and do not end with a stop token "
                f"({tokenizer.convert_ids_to_tokens(sorted(stops))}); the model would never learn to stop"
            )
        if reply.strip() not in tokenizer.decode(ids[:-1]):
            raise ConfigError(f"the labels read {seen!r} where the reply is {reply!r}: set max_length: null")
    return seen
