"""An adapter merged into its base: into its bf16 weights, or into what NF4 makes of them.

The merged folder appears whole or not at all. An adapter of another base, a base in 4 bit and a merge that
changes nothing are refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import bitsandbytes
import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import ModulesToSaveWrapper
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig

from spinemed.errors import ConfigError, ModelError
from spinemed.training.folder import is_complete, publish
from spinemed.training.outcome import RECORD, installed, weights_hash
from spinemed.training.preflight import check_quantised, is_4bit

Into = Literal["bf16", "dequantised"]
WAYS: tuple[Into, ...] = get_args(Into)
CARD = "README.md"
ADAPTER_SETTINGS = "adapter_config.json"


@dataclass(frozen=True)
class Merge:
    """What was merged: folders with the SHA-256 of their weights, and what changed.

    `layers` counts adapted layers, `modules` those that the adapter holds whole, `changed_layers` and
    `changed_modules` those whose weights are others than before; `largest_change` is the largest absolute
    difference.
    """

    base: str
    base_sha256: str
    adapter: str
    adapter_sha256: str
    into: Into
    layers: int
    changed_layers: int
    modules: int
    changed_modules: int
    largest_change: float


def check_adapter(adapter: Path, base: Path) -> None:
    """Raise ModelError unless `adapter` holds an adapter that was trained on the model in `base`.

    The hash of the base in the adapter's card decides; of a card without one the name of the folder.
    """
    settings = adapter / ADAPTER_SETTINGS
    if not settings.is_file():
        raise ModelError(f"{adapter} holds no {ADAPTER_SETTINGS}; train an adapter with: recipes/sft.py")
    if not (base / "config.json").is_file():
        raise ModelError(f"{base} holds no config.json; name the folder of a transformers model")
    record = adapter / RECORD
    known = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    trained_on = known.get("base_sha256") or ""
    found = weights_hash(base)
    if trained_on and trained_on != found:
        raise ModelError(
            f"{adapter} was trained on {known.get('base')} with weights {trained_on[:16]}, and {base} holds "
            f"{found[:16]}; name the base that it was trained on"
        )
    name = json.loads(settings.read_text(encoding="utf-8")).get("base_model_name_or_path") or ""
    if not trained_on and name and Path(name).name != base.resolve().name:
        raise ModelError(f"{adapter} was trained on {name}, not on {base}; name the base it was trained on")


def check_not_quantised(base: Path) -> None:
    """Raise ModelError where the weights in a folder are quantised: a merge into them would be rounded."""
    settings = json.loads((base / "config.json").read_text(encoding="utf-8"))
    kept = settings.get("quantization_config")
    if kept:
        method = "4 bit" if kept.get("load_in_4bit") else kept.get("quant_method", "few bits")
        raise ModelError(
            f"{base} is quantised ({method}); merging into it would round the adapter away: name the "
            "unquantised model, and for the weights that NF4 training saw say --into dequantised"
        )


def merge(
    base: Path,
    adapter: Path,
    out: Path,
    *,
    into: Into = "bf16",
    keep_unquantised: Sequence[str] = (),
    double_quantised: bool = True,
) -> Merge | None:
    """Write base with adapter as one bf16 model into the folder `out`; return None where it is there already.

    `into` "dequantised" takes the weights that NF4 training saw, modules below `keep_unquantised` as they
    are; `double_quantised` says whether its scales were packed too. ModelError for an adapter of another
    base, a quantised base, a merge that changes nothing; OutputError where `out` cannot be written.
    """
    if into not in WAYS:
        raise ConfigError(f"--into {into}: choose one of {', '.join(WAYS)}")
    check_adapter(adapter, base)
    check_not_quantised(base)
    hashes = {"base_sha256": weights_hash(base), "adapter_sha256": weights_hash(adapter)}
    recipe = {
        "written_by": "recipes/merge.py", "into": into, **hashes,
        "nf4": [double_quantised, *sorted(keep_unquantised)] if into == "dequantised" else [],
    }  # fmt: skip
    if is_complete(out, recipe):
        return None
    model = load_base(base)
    if into == "dequantised":
        dequantise(model, base, keep_unquantised, double_quantised)
    model, layers, modules = merged(model, adapter)
    if not any([*layers, *modules]):
        raise ModelError(
            f"{adapter} changes no weight of {base} ({len(layers)} layers, {len(modules)} modules, largest "
            "difference 0): it is untrained, or too small for bf16; nothing was written"
        )
    done = Merge(
        base=str(base), adapter=str(adapter), **hashes, into=into, layers=len(layers), modules=len(modules),
        changed_layers=sum(map(bool, layers)), changed_modules=sum(map(bool, modules)),
        largest_change=max([*layers, *modules]),
    )  # fmt: skip

    def write(folder: Path) -> None:
        model.save_pretrained(folder)
        AutoProcessor.from_pretrained(base, local_files_only=True).save_pretrained(folder)
        (folder / "merge.json").write_text(json.dumps(asdict(done), indent=1), encoding="utf-8")
        (folder / CARD).write_text(card(done), encoding="utf-8")

    publish(out, recipe, write)
    return done


def load_base(base: Path, quantisation: BitsAndBytesConfig | None = None) -> Any:
    """Return the model in a folder in bf16, or quantised; ModelError says why it cannot be loaded."""
    try:
        return AutoModelForImageTextToText.from_pretrained(
            base, dtype=torch.bfloat16, quantization_config=quantisation, local_files_only=True
        ).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{base} cannot be loaded as a vision-language model: {reason}") from error


def dequantise(model: Any, base: Path, keep_unquantised: Sequence[str], double_quantised: bool = True) -> int:
    """Give a bf16 model the weights that NF4 makes of it; return the number of layers that have them."""
    names = {name for name, _ in model.named_modules()}
    packed = load_base(
        base,
        BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=double_quantised,
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=list(keep_unquantised),
        ),
    )
    check_quantised(packed, True, [prefix for prefix in keep_unquantised if prefix in names])
    layers = [(name, layer) for name, layer in packed.named_modules() if is_4bit(layer)]
    with torch.no_grad():
        for name, layer in layers:
            whole = bitsandbytes.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
            weight = model.get_submodule(name).weight
            weight.copy_(whole.reshape(weight.shape))
    return len(layers)


def merged(model: Any, adapter: Path) -> tuple[Any, list[float], list[float]]:
    """Return a model with an adapter merged in, and how much its layers and its whole modules changed.

    A change is the largest absolute difference of a layer's or module's weights in bf16. One layer
    at a time is kept twice. Weights that are not finite raise ModelError.
    """
    try:
        adapted = PeftModel.from_pretrained(model, str(adapter), is_trainable=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{adapter} does not fit the base: {reason}") from error
    layers, modules = [], []
    for module in adapted.modules():
        if isinstance(module, ModulesToSaveWrapper):
            modules.append(_difference(module.original_module, module.modules_to_save["default"]))
        elif isinstance(module, BaseTunerLayer):
            before = module.get_base_layer().weight.detach().clone()
            try:
                module.merge(safe_merge=True)
            except ValueError as error:
                raise ModelError(f"{adapter} cannot be merged: {error}") from error
            layers.append(float((module.get_base_layer().weight - before).abs().max()))
    whole = adapted.base_model.unload().to(torch.bfloat16)
    whole.tie_weights()
    return whole, layers, modules


def _difference(before: torch.nn.Module, after: torch.nn.Module) -> float:
    """Return the largest absolute difference between the weights of two modules, as bf16 holds them."""
    others = after.state_dict()
    pairs = (
        (one.to(torch.bfloat16), others[name].to(torch.bfloat16)) for name, one in before.state_dict().items()
    )
    return max((float((one - other).abs().max()) for one, other in pairs), default=0.0)


def card(done: Merge) -> str:
    """Return the card of a merged model: of what it was made, and what that changed."""
    versions = ", ".join(f"{name} {number}" for name, number in installed().items())
    way = {
        "bf16": "into the base's weights in bf16",
        "dequantised": "into the weights that NF4 training saw, dequantised to bf16",
    }[done.into]
    return f"""---
base_model: {done.base}
pipeline_tag: image-text-to-text
tags: [spine, demonstration]
---

# {Path(done.adapter).name} merged into {Path(done.base).name}

Written by `recipes/merge.py`: an adapter merged {way}. For demonstrations and tests of the path; never for
patients.

| | |
| --- | --- |
| base | {Path(done.base).name}, weights SHA-256 {done.base_sha256} |
| adapter | {Path(done.adapter).name}, weights SHA-256 {done.adapter_sha256} |
| layers | {done.layers} adapted, {done.changed_layers} changed |
| whole modules | {done.modules} taken over, {done.changed_modules} changed |
| largest change of a weight | {done.largest_change:.3g} |
| versions | {versions} |
"""
