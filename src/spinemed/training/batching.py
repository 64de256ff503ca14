"""How a run's rows become batches: the mode asked for or chosen, the plan's sampler, the line told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

from spinemed.errors import ConfigError
from spinemed.training.families import Family
from spinemed.training.lengths import LengthPlan
from spinemed.training.model_flops import model_flops
from spinemed.training.packing import WINDOW, WINDOW_GROUPED, grouped_plan, pack_plan
from spinemed.training.plan_sampler import PlanOfEpoch, PlanSampler, planned_epochs
from spinemed.training.strategy import Strategy, check_attention, choose

Mode = Literal["auto", "packed", "grouped", "padded"]


@dataclass(frozen=True)
class Batching:
    """How rows are put together; `line` says it before training and in the card.

    `kind` is "packed", "grouped" or "padded", `sampler` the plan's, None where rows are padded in random
    order.
    """

    kind: str
    line: str
    sampler: PlanSampler | None


def batching(
    lengths: LengthPlan,
    model: Any,
    family: Family,
    arguments: Any,
    *,
    mode: Mode,
    budget: int,
    most_images: int,
    window: int,
) -> Batching:
    """Return the batches of all epochs of a run with these TrainingArguments.

    `budget` and `most_images` limit a batch, `window` is the number of rows placed at a time (0: as each kind
    of plan has it). Raises ConfigError for an unknown mode, for packs of a family that leaks between samples,
    and where no row is left.
    """
    if mode not in get_args(Mode):
        raise ConfigError(f"packing_mode: {mode!r}; choose one of {', '.join(get_args(Mode))}")
    attention = str(model.config.get_text_config()._attn_implementation)
    check_attention(attention, mode, family.against_packs)
    if mode == "padded":
        count = arguments.per_device_train_batch_size
        return Batching("padded", f"batches: {count} rows, padded to the longest, in random order", None)
    if mode == "packed" and family.against_packs:
        raise ConfigError(f"packing_mode: {family.name} cannot be packed: {family.against_packs}")
    settings: dict[str, Any] = {
        "budget": budget,
        "rows": lengths.kept,
        "most_images": most_images,
        "seed": arguments.seed if arguments.data_seed is None else arguments.data_seed,
        "world": arguments.world_size * arguments.gradient_accumulation_steps,
    }
    counts = (lengths.tokens, lengths.images)
    ways: dict[str, PlanOfEpoch] = {
        "packed": partial(pack_plan, *counts, window=window or WINDOW, **settings),
        "grouped": partial(grouped_plan, *counts, window=window or WINDOW_GROUPED, **settings),
    }
    chosen = Strategy("packed" if mode == "packed" else "grouped", "as the recipe asks")
    if mode == "auto":
        grouped = ways["grouped"](epoch=0, at_least=0)
        flops = model_flops(model)
        chosen = choose(attention, model.device.type, budget, flops, grouped, family.against_packs)
    way = ways[chosen.kind]
    first = way(epoch=0, at_least=0)
    sampler = PlanSampler(way, planned_epochs(arguments, len(first.batches)))
    plan = sampler.plan
    told = f"{chosen}; {len(plan.batches):,} an epoch, {plan.waste:.1%} of their tokens empty"
    return Batching(chosen.kind, told, sampler)
