"""What a recipe will do, before a GPU second is spent: rows, batches, modules, memory, hours; or why not.

Nothing is loaded but the rows, a model's config and its processor. Counts of tokens and the waste of every
kind of batch are exact; memory and hours are predictions (memory.py, hours.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from huggingface_hub import snapshot_download
from pydantic import BaseModel, ConfigDict
from transformers import AutoConfig

from spinemed.errors import ConfigError, ModelError
from spinemed.training import outcome
from spinemed.training.batching import Mode
from spinemed.training.epoch import STOCK_ROWS, epoch_counts, largest, micro_batch, padded_plan
from spinemed.training.families import family_of, qwen_processor
from spinemed.training.gpus import GPUS
from spinemed.training.hours import MFU, hours, known_gpus
from spinemed.training.lengths import LengthPlan, length_plan
from spinemed.training.memory import Memory, Sharding, memory
from spinemed.training.model_flops import Counts, ModelFlops, config_flops, empty_model
from spinemed.training.module_table import ModuleRow, Treatment, module_table
from spinemed.training.packing import WINDOW, WINDOW_GROUPED, Plan, grouped_plan, pack_plan
from spinemed.training.rows import training_rows
from spinemed.training.strategy import check_attention, choose, has_varlen

GIB = 2**30
ALONE = Sharding()


@dataclass(frozen=True)
class Asked:
    """What the forecast is for: GPUs by the names of gpus.py (none: all), how many, and what an hour costs.

    `device` is what the recipe trains on, "cuda" or "cpu", whatever this machine has.
    """

    gpus: tuple[str, ...] = ()
    sharding: Sharding = ALONE
    device: str = "cuda"
    mfu: float = MFU
    an_hour: float | None = None
    cache: Path | None = None


class Record(BaseModel):
    """A part of the forecast."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rows(Record):
    """The rows of the corpus: those that are kept, counted, and reasons of the others with how many."""

    read: int
    kept: int
    refused: int
    reasons: dict[str, int]
    first_refused: list[tuple[int, str]]
    tokens: int
    label_tokens: int
    image_tokens: int
    images: int
    longest: int


class Batches(Record):
    """One way to put rows together: batches an epoch and the share of their positions that is padding."""

    batches: int
    waste: float


class OnGpu(Record):
    """The prediction for one GPU; `fits` leaves out what can move to the host, `why_not` is "" then."""

    gpu: str
    memory_gib: int
    fits: bool
    why_not: str
    room_gib: float
    hours: float
    tokens_per_second: float
    price: float | None


class TermGib(Record):
    """Memory of one thing, in GiB, and when it is held: always, tower, loss or backward."""

    name: str
    moment: str
    gib: float


class Forecast(Record):
    """All that preflight prints; `assumed` says what is not measured."""

    model: str
    corpus: str
    rows: Rows
    batches: dict[str, Batches]
    chosen: str
    reason: str
    tokens_per_pack: int
    epochs: float
    steps: int
    modules: list[ModuleRow]
    devices: int
    sharing: str
    peak_gib: float
    peak_moment: str
    terms: list[TermGib]
    useful_flops: float
    mfu: float
    gpus: list[OnGpu]
    assumed: str = (
        "memory is a prediction that no GPU has confirmed yet; hours assume this MFU of useful operations; "
        "pictures of one row are taken as alike"
    )


def forecast(script: Any, sft: Any, config: Any, spine: Any, asked: Asked) -> Forecast:
    """Return the forecast of a recipe; raise SpinemedError with the way out where it cannot work.

    The four groups are those that recipes/sft.py parses. A GPU that is named must have the memory.
    """
    names = known_gpus(asked.gpus)
    if spine.packing_mode not in get_args(Mode):
        raise ConfigError(f"packing_mode: {spine.packing_mode!r}; choose one of {', '.join(get_args(Mode))}")
    folder = model_folder(config.model_name_or_path, spine.base_command)
    shape = AutoConfig.from_pretrained(folder)
    treatment = treatment_of(config, spine)
    table = module_table(empty_model(shape), treatment)
    flops = config_flops(
        shape,
        trained=[one for one in table.whole if one not in treatment.frozen],
        lora_rank=treatment.rank,
        lora_target=treatment.target,
    )
    processor = qwen_processor(folder, spine.image_tokens)
    lengths = lengths_of(script, spine, shape, processor, asked.cache)
    plans = plans_of(lengths, sft, spine, asked.sharding.devices)
    family = family_of(processor)
    chosen, reason = chosen_of(config, spine, flops, plans["grouped"], family, asked.device)
    plan, varlen = plans[chosen], has_varlen(attention_of(config), asked.device)
    micro = micro_batch(largest(lengths, plan), flops.shape, packed=chosen == "packed", varlen=varlen)
    needed = memory(
        shape, table, treatment, micro, optimiser=str(getattr(sft.optim, "value", sft.optim)),
        checkpointing=bool(sft.activation_checkpointing),
        eager=attention_of(config) == "eager", sharding=asked.sharding,
    )  # fmt: skip
    steps, epochs = length_of(sft, len(plan.batches), asked.sharding.devices)
    counts = scaled(epoch_counts(lengths, flops.shape), epochs)
    return Forecast(
        model=config.model_name_or_path, corpus=script.dataset_name, rows=rows_of(lengths),
        batches={name: Batches(batches=len(one.batches), waste=one.waste) for name, one in plans.items()},
        chosen=chosen, reason=reason, tokens_per_pack=spine.tokens_per_pack,
        epochs=epochs, steps=steps, modules=list(table.rows),
        devices=asked.sharding.devices, sharing=asked.sharding.kind,
        peak_gib=needed.peak / GIB, peak_moment=needed.moment,
        terms=[TermGib(name=one.name, moment=one.moment, gib=one.size / GIB) for one in needed.terms],
        useful_flops=flops.useful(counts), mfu=asked.mfu,
        gpus=[on_gpu(name, needed, flops, counts, sft, asked) for name in names],
    )  # fmt: skip


def model_folder(name: str, base_command: str = "") -> Path:
    """Return the folder of a model's config and processor, here or in the Hub's cache; nothing is fetched."""
    if (Path(name) / "config.json").is_file():
        return Path(name)
    if base_command:
        raise ModelError(f"there is no base model in {name}; make it with: {base_command}")
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"neither a folder nor the Hub's cache holds the config of {name}; fetch it with its processor, "
            f'without weights: hf download {name} --exclude "*.safetensors" "*.bin" "*.gguf"'
        ) from error


def treatment_of(config: Any, spine: Any) -> Treatment:
    """Return what the recipe does with weights; without LoRA (lora_r: 0) the model is trained as a whole."""
    target = config.lora_target_modules
    target = target[0] if isinstance(target, list) and len(target) == 1 else target
    if config.lora_r and not isinstance(target, str):
        raise ConfigError(f"lora_target_modules is {target}: give one pattern of full module names")
    frozen = [*spine.frozen_modules, *(spine.alignment_modules if spine.alignment_steps else [])]
    if config.load_in_4bit and not config.lora_r:
        raise ConfigError("load_in_4bit is true, but lora_r is 0: weights in 4 bit cannot be trained")
    return Treatment(
        four_bit=config.load_in_4bit,
        double_quant=config.use_bnb_nested_quant,
        untouched=tuple(spine.keep_unquantised),
        rank=config.lora_r or 0,
        target=target or "",
        saved=tuple(config.lora_modules_to_save or ()),
        frozen=tuple(frozen),
        width=4 if config.dtype == "float32" else 2,
    )


def lengths_of(script: Any, spine: Any, shape: Any, processor: Any, cache: Path | None) -> LengthPlan:
    """Return the lengths of the recipe's rows; ConfigError where they cannot train this model."""
    rows = training_rows(
        script.dataset_name,
        spine.row_configs,
        spine.row_kinds,
        script.dataset_train_split,
        spine.reply_with_letter,
    )
    positions = getattr(shape.get_text_config(), "max_position_embeddings", None)
    lengths = length_plan(
        rows,
        processor,
        corpus=outcome.corpus_hash(script.dataset_name),
        cache=cache,
        most_tokens=min(spine.tokens_per_pack, positions or spine.tokens_per_pack),
        most_images=spine.most_images_per_pack,
    )
    name, shown = script.dataset_name, lengths.images > 0
    if getattr(shape, "vision_config", None) is not None and not shown.any():
        raise ConfigError(
            f"no row of {name} shows a picture, and the model would unlearn to look: choose other "
            "row_configs or row_kinds"
        )
    longest = int((lengths.image_tokens[shown] // lengths.images[shown]).max(initial=0))
    if longest >= spine.tokens_per_pack:
        raise ConfigError(
            f"a picture of {name} takes {longest:,} tokens, tokens_per_pack is {spine.tokens_per_pack:,}: "
            "raise it, or lower image_tokens"
        )
    if not len(lengths.kept):
        first = lengths.refused[0]
        raise ConfigError(
            f"all {len(rows):,} rows of {name} would be refused; row {first.row}: {first.reason}"
        )
    return lengths


def plans_of(lengths: LengthPlan, sft: Any, spine: Any, devices: int) -> dict[str, Plan]:
    """Return the batches of one epoch packed, grouped and padded in random order."""
    settings: dict[str, Any] = {
        "budget": spine.tokens_per_pack,
        "rows": lengths.kept,
        "most_images": spine.most_images_per_pack,
        "seed": sft.seed if sft.data_seed is None else sft.data_seed,
        "world": devices * sft.gradient_accumulation_steps,
    }
    counts = (lengths.tokens, lengths.images)
    rows = sft.per_device_train_batch_size if spine.packing_mode == "padded" else STOCK_ROWS
    return {
        "packed": pack_plan(*counts, window=spine.pack_window or WINDOW, **settings),
        "grouped": grouped_plan(*counts, window=spine.pack_window or WINDOW_GROUPED, **settings),
        "padded": padded_plan(lengths, rows, settings["seed"]),
    }


def chosen_of(
    config: Any, spine: Any, flops: ModelFlops, grouped: Plan, family: Any, device: str
) -> tuple[str, str]:
    """Return which plan is trained on and why, as recipes/sft.py decides."""
    against = getattr(family, "against_packs", "")
    if spine.packing_mode == "packed" and against:
        raise ConfigError(f"packing_mode: {family.name} cannot be packed: {against}")
    check_attention(attention_of(config), spine.packing_mode, against)
    if spine.packing_mode != "auto":
        return spine.packing_mode, "the recipe asks for it"
    found = choose(attention_of(config), device, spine.tokens_per_pack, flops, grouped, against)
    return found.kind, found.reason


def attention_of(config: Any) -> str:
    """Return the attention implementation; transformers takes SDPA where none is named."""
    return config.attn_implementation or "sdpa"


def length_of(sft: Any, batches: int, devices: int) -> tuple[int, float]:
    """Return steps and epochs of the run."""
    an_epoch = max(1, -(-batches // (devices * sft.gradient_accumulation_steps)))
    if sft.max_steps > 0:
        return sft.max_steps, sft.max_steps / an_epoch
    return round(an_epoch * sft.num_train_epochs), float(sft.num_train_epochs)


def scaled(counts: Counts, times: float) -> Counts:
    """Return the sums of so many epochs."""
    return Counts(**{name: times * getattr(counts, name) for name in counts.__dataclass_fields__})


def rows_of(lengths: LengthPlan) -> Rows:
    """Return the counts of rows; reasons that differ in numbers alone are counted together."""
    kept = lengths.kept
    reasons = Counter(re.sub(r"\d[\d,]*", "#", one.reason) for one in lengths.refused)
    return Rows(
        read=len(lengths.tokens), kept=len(kept), refused=len(lengths.refused),
        reasons=dict(reasons.most_common()),
        first_refused=[(one.row, one.reason) for one in lengths.refused[:5]],
        tokens=int(lengths.tokens[kept].sum()), label_tokens=int(lengths.label_tokens[kept].sum()),
        image_tokens=int(lengths.image_tokens[kept].sum()), images=int(lengths.images[kept].sum()),
        longest=int(lengths.tokens[kept].max()),
    )  # fmt: skip


def on_gpu(name: str, needed: Memory, flops: ModelFlops, counts: Counts, sft: Any, asked: Asked) -> OnGpu:
    """Return the prediction for a GPU; ConfigError where it was asked for and cannot run the recipe."""
    gpu = GPUS[name]
    room = gpu.memory - needed.least / GIB
    why_not = "" if room >= 0 else f"{-room:.1f} GiB too little"
    if sft.bf16 and gpu.number != "bf16":
        why_not = "has no bf16"
        if name in asked.gpus:
            raise ConfigError(f"{name} has no bf16, the recipe asks for it: choose another GPU")
    if name in asked.gpus and room < 0:
        raise ConfigError(too_much(name, gpu.memory, needed))
    took = hours(flops, counts, name, devices=asked.sharding.devices, mfu=asked.mfu, an_hour=asked.an_hour)
    return OnGpu(
        gpu=name, memory_gib=gpu.memory, fits=not why_not, why_not=why_not, room_gib=room,
        hours=took.hours, tokens_per_second=took.tokens_per_second, price=took.price,
    )  # fmt: skip


def too_much(name: str, gib: int, needed: Memory) -> str:
    """Return the sentence that says why a GPU is too small, with the largest terms."""
    held: Sequence[Any] = sorted(
        (one for one in needed.terms if one.moment in ("always", needed.moment)), key=lambda one: -one.size
    )
    most = ", ".join(f"{one.name} {one.size / GIB:.1f}" for one in held[:3])
    return (
        f"{name} has {gib} GiB, the recipe is predicted to need {needed.least / GIB:.1f} ({most}): lower "
        "tokens_per_pack, choose the recipe of a smaller memory, share states over more GPUs (--devices, "
        "--accelerate), or name a larger --gpu"
    )
