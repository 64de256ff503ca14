"""Checks before the first training step: what is in 4 bit, adapted, frozen, and whether labels are whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from spinemed.errors import ConfigError
from spinemed.training.sample import IGNORED, Refused, SampleEncoder


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


def check_quantised(model: Any, quantise: bool, untouched: Sequence[str]) -> None:
    """Raise ConfigError where a loaded model, before adapters are put on, is not in 4 bit as asked for.

    Every prefix of `untouched` (a full module path such as `model.vision_tower`) must name a module and hold
    no layer in 4 bit; with `quantise` some layer is in 4 bit, without it none is.
    """
    names = [name for name, _ in model.named_modules()]
    packed = [name for name, module in model.named_modules() if is_4bit(module)]
    for prefix in untouched:
        if prefix not in names:
            near = [name for name in names if prefix.rsplit(".", 1)[-1] in name][:3]
            raise ConfigError(
                f"keep_unquantised: {prefix!r} is not a module of the model; did you mean {near}?"
            )
        refuse_below(prefix, packed, "in 4 bit")
    if quantise != bool(packed):
        raise ConfigError(f"load_in_4bit is {quantise}, but {len(packed)} layers are in 4 bit")


def check_adapted(model: Any, untouched: Sequence[str], target: str) -> Parts:
    """Return the parts of a PEFT model that is ready to train; raise ConfigError where they are not as asked.

    LoRA stands on all linear layers that the pattern `target` matches and on no others, none of them
    below a prefix of `untouched`.
    """
    modules = {plain_name(name): module for name, module in model.named_modules()}
    parameters = [plain_name(name) for name, _ in model.named_parameters()]
    adapted = sorted({name.split(".lora_")[0] for name in parameters if ".lora_" in name})
    for prefix in untouched:
        refuse_below(prefix, adapted, "adapted by LoRA")
    wanted = sorted(
        name for name, module in modules.items() if re.fullmatch(target, name) and is_linear(module)
    )
    if not adapted or adapted != wanted:
        odd = sorted(set(adapted) ^ set(wanted))[:3]
        raise ConfigError(f"LoRA is on {len(adapted)} layers, {target!r} matches {len(wanted)}: {odd} differ")
    return _count(model)


def check_whole(model: Any, frozen: Sequence[str]) -> Parts:
    """Return the parts of a model that is trained without LoRA; raise ConfigError where not all of it learns.

    Every parameter outside the prefixes `frozen` learns, and there is one.
    """
    still = [
        name
        for name, parameter in model.named_parameters()
        if not parameter.requires_grad and not any(name.startswith(f"{prefix}.") for prefix in frozen)
    ]
    if still:
        raise ConfigError(f"lora_r is 0, but {len(still)} weights would not be trained, first {still[0]}")
    parts = _count(model)
    if not parts.trained_whole:
        raise ConfigError("lora_r is 0 and frozen_modules names all of the model: nothing would be trained")
    return parts


def refuse_below(prefix: str, names: Sequence[str], what: str) -> None:
    """Raise ConfigError where a name is `prefix` or lies below it."""
    wrong = [name for name in names if name == prefix or name.startswith(f"{prefix}.")]
    if wrong:
        raise ConfigError(
            f"{len(wrong)} layers of {prefix} are {what}, first {wrong[0]}; name the full prefix in "
            "keep_unquantised and keep lora_target_modules off it"
        )


def plain_name(name: str) -> str:
    """Return the name that a module or parameter has without PEFT's wrapping.

    >>> plain_name("base_model.model.model.layers.0.q_proj.base_layer")
    'model.layers.0.q_proj'
    """
    name = re.sub(r"^base_model\.model\.", "", name)
    return re.sub(r"\.(base_layer|original_module|modules_to_save\.default)(?=\.|$)", "", name)


def is_4bit(module: Any) -> bool:
    """Return whether a module is a linear layer that bitsandbytes packed to 4 bit."""
    kind = type(module)  # PEFT names its wrapper alike
    return kind.__name__ == "Linear4bit" and kind.__module__.startswith("bitsandbytes")


def is_linear(module: Any) -> bool:
    """Return whether a module is a linear layer, packed or not."""
    return is_4bit(module) or type(module) is torch.nn.Linear


def _count(model: Any) -> Parts:
    quantised = adapted = whole = frozen = 0
    for name, parameter in model.named_parameters():
        state = getattr(parameter, "quant_state", None)
        size = _size(parameter) if state is None else int(torch.Size(state.shape).numel())
        if state is not None:
            quantised += size
        if ".lora_" in name:
            adapted += size
        elif parameter.requires_grad:
            whole += size
        elif state is None:
            frozen += size
    return Parts(quantised, adapted, whole, frozen)


def _size(parameter: Any) -> int:
    """Return the number of weights of a parameter, also where DeepSpeed holds a share of it here."""
    return int(getattr(parameter, "ds_numel", parameter.numel()))


def check_labels(
    encoder: SampleEncoder, stops: int | Sequence[int], rows: Iterable[Mapping[str, Any]]
) -> str:
    """Return one reply as the loss sees it; raise ConfigError where labels of `rows` are not whole.

    The labels of a row must hold every token of its last reply, end with one of the stop tokens of
    generation, and hold no image token. Rows that are refused are passed over.
    """
    tokenizer = encoder.tokenizer
    ends = {stops} if isinstance(stops, int) else set(stops)
    seen = ""
    for number, row in enumerate(rows):
        sample = encoder.encode(number, row)
        if isinstance(sample, Refused):
            continue
        reply = said(row["messages"][-1]["content"])
        ids = sample.labels[sample.labels != IGNORED].tolist()
        seen = tokenizer.decode(ids)
        if encoder.family.image_token_id in ids:
            raise ConfigError("image tokens are in the loss; the chat template marks them as the assistant's")
        # Some templates close a turn with a line break after the stop token; it is harmless.
        while ids and ids[-1] not in ends and not tokenizer.decode(ids[-1:]).strip():
            ids.pop()
        if not ids or ids[-1] not in ends:
            raise ConfigError(
                f"the labels of {reply!r} read {seen!r} and do not end with a stop token "
                f"({tokenizer.convert_ids_to_tokens(sorted(ends))}); the model would never learn to stop"
            )
        if reply.strip() not in tokenizer.decode(ids[:-1]):
            raise ConfigError(
                f"the labels read {seen!r} where the reply is {reply!r}; mend the chat template"
            )
    return seen


def said(content: str | Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a message, in parts or not.

    >>> said([{"type": "text", "text": "L4"}])
    'L4'
    """
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)
