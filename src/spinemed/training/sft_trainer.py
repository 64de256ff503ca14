"""TRL's SFTTrainer with planned batches: packs or padded groups, floats made on the device, true counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset
from torch.utils.data import DataLoader
from trl import SFTTrainer

from spinemed.errors import ConfigError
from spinemed.training.collate import REFUSED, PackingCollator, PaddingCollator
from spinemed.training.counters import Counters
from spinemed.training.label_head import summed_loss
from spinemed.training.plan_sampler import PlannedBatches, PlanSampler
from spinemed.training.refusals import RefusedRows
from spinemed.training.same_types import SameTypes
from spinemed.training.undecoded import NumberedRows

# TRL looks at the first row to learn that there are pictures, and would decode it.
LOOKED_AT = {"images": [[]], "messages": [[{"role": "user", "content": ""}]]}
FOLLOWED: dict[str, Any] = {
    "max_length": None,
    "assistant_only_loss": True,
    "packing": False,
    "padding_free": False,
    "pad_to_multiple_of": None,
    "loss_type": "nll",
    "label_smoothing_factor": 0.0,
}
WHY = {
    "max_length": "it would cut samples, whose labels then do not end with a stop token; rows of more than "
    "tokens_per_pack tokens are refused and counted instead",
    "assistant_only_loss": "labels stand on the assistant's turns alone",
    "packing": "packing_mode says whether rows are packed",
}


def check_settings(arguments: Any, *, planned: bool) -> None:
    """Raise ConfigError for settings of TRL's SFTConfig that this trainer would not follow."""
    for name, value in FOLLOWED.items():
        seen = getattr(arguments, name)
        if seen != value:
            wanted = {None: "null", True: "true", False: "false"}.get(value, value)
            raise ConfigError(f"{name} is {seen}: {WHY.get(name, 'not followed here')}; set {name}: {wanted}")
    if planned and arguments.per_device_train_batch_size != 1:
        raise ConfigError(
            f"per_device_train_batch_size is {arguments.per_device_train_batch_size}: a batch is a pack or a "
            "group of at most tokens_per_pack tokens; set per_device_train_batch_size: 1, or packing_mode: "
            "padded for a fixed number of rows"
        )


class SpineTrainer(SameTypes, PlannedBatches, SFTTrainer):  # type: ignore[misc]  # trl carries no types
    """SFTTrainer on rows {"messages", "images"} with undecoded pictures.

    With a `plan_sampler` its batches are those of the plan, without one they are
    `per_device_train_batch_size` rows in Trainer's own random order. The loss is summed over labels and
    divided by the labels of the whole step, over all processes and accumulated batches, so that it does not
    depend on how rows are put together. `counters` and `refused` tell what was trained on and what was left
    out. TRL's entropy and accuracy are not logged.
    """

    plan_sampler: PlanSampler | None  # type: ignore[assignment]
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: Any,
        arguments: Any,
        rows: Sequence[Mapping[str, Any]],
        collator: PackingCollator | PaddingCollator,
        processor: Any,
        plan_sampler: PlanSampler | None = None,
        callbacks: Sequence[Any] = (),
    ) -> None:
        """Take a model ready to train, rows by number, and the collator; ConfigError as `check_settings`."""
        check_settings(arguments, planned=plan_sampler is not None)
        self.refused = RefusedRows()
        super().__init__(
            model,
            args=arguments,
            train_dataset=Dataset.from_dict(LOOKED_AT),
            data_collator=collator,
            processing_class=processor,
            callbacks=[self.refused, *callbacks],
        )
        self.train_dataset = NumberedRows(rows)
        self.plan_sampler = plan_sampler
        self.family = collator.encoder.family
        self.model_accepts_loss_kwargs = True  # so that the labels of the whole step are counted
        self.counters = Counters()
        self.counters.put_into(self)

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["messages", "images", "row"]

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of the planned batches, or of rows in random order."""
        if self.plan_sampler is not None:
            return super().get_train_dataloader()
        loader: DataLoader[Any] = SFTTrainer.get_train_dataloader(self)
        return loader

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return a batch on the device, its pixels as the stock processor's floats."""
        self.refused.note(inputs.get(REFUSED, ()))
        given = {name: value for name, value in inputs.items() if name != REFUSED}
        return self.family.finish(super()._prepare_inputs(given))

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean cross-entropy over labels; with `return_outputs` (evaluation) go TRL's own way."""
        if return_outputs:
            return super().compute_loss(model, inputs, True, num_items_in_batch)
        total = summed_loss(model, inputs)
        if num_items_in_batch is None:
            return total / (inputs["labels"][:, 1:] != -100).sum().clamp(min=1)
        loss = total / torch.as_tensor(num_items_in_batch).clamp(min=1)
        if self.args.average_tokens_across_devices:  # DDP averages gradients, the labels are those of all
            loss = loss * self.accelerator.num_processes
        return loss
