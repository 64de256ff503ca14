"""Gives a Trainer the batches of a plan: a sampler of row numbers, the rows they name, and a trainer's mixin.

A batch of the data loader is one tuple of row numbers, so `per_device_train_batch_size` is 1 and accelerate
deals whole batches to the ranks. Resuming skips tuples of numbers and reads no row. The order depends on seed
and epoch alone, not on the state of any random generator.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol

from torch.utils.data import DataLoader, Dataset, Sampler

from spinemed.errors import ConfigError
from spinemed.training.packing import Plan


class PlanOfEpoch(Protocol):
    """`pack_plan` or `grouped_plan` with everything but the epoch settled (functools.partial)."""

    def __call__(self, *, epoch: int, at_least: int) -> Plan:
        """Return the plan of an epoch, of at least so many batches."""
        ...


class PlanSampler(Sampler[tuple[int, ...]]):
    """The row numbers of each batch of the current epoch; `set_epoch` chooses the epoch.

    A Trainer asks for the number of batches once, and cuts longer epochs off in silence. So every epoch gets
    as many batches as the one that needs most: the emptiest batches of the others are split.
    """

    def __init__(self, plan: PlanOfEpoch, epochs: int) -> None:
        """Plan the first `epochs` epochs; ConfigError where no row is left or no epoch is asked for."""
        if epochs < 1:
            raise ConfigError(f"{epochs} epochs: there is at least one")
        first = plan(epoch=0, at_least=0)
        if not first.batches:
            raise ConfigError(f"no row is left to train on; refused: {first.refused[:3]}")
        others = [len(plan(epoch=epoch, at_least=0).batches) for epoch in range(1, epochs)]
        self._plan_of = plan
        self.epochs = epochs
        self.batches = max([len(first.batches), *others])
        self._plan = first
        self._planned = 0 if len(first.batches) == self.batches else -1
        self.epoch = 0

    @property
    def plan(self) -> Plan:
        """Return the plan of the current epoch."""
        if self._planned != self.epoch:
            plan = self._plan_of(epoch=self.epoch, at_least=self.batches)
            if len(plan.batches) != self.batches:
                raise ConfigError(
                    f"epoch {self.epoch} has {len(plan.batches):,} batches, the first {self.epochs} epochs "
                    f"have {self.batches:,}; plan for {self.epoch + 1} epochs"
                )
            self._planned, self._plan = self.epoch, plan
        return self._plan

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches of every epoch, over all ranks."""
        return self.batches

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Return the batches of the current epoch."""
        return iter(self.plan.batches)


class PlannedRows(Dataset[Any]):
    """Rows that are asked for by tuples of numbers: an item is the list of the rows of one batch."""

    def __init__(self, rows: Any, sampler: PlanSampler) -> None:
        """Take anything with `__getitem__` and `__len__`, and the sampler that will ask."""
        self.rows = rows
        self.sampler: PlanSampler | None = sampler

    def __len__(self) -> int:
        """Return the number of rows, which a Trainer reports as examples."""
        return len(self.rows)

    def __getitem__(self, numbers: tuple[int, ...]) -> list[Any]:
        """Return the rows of these numbers, in one read where the rows can do that."""
        if hasattr(self.rows, "__getitems__"):
            return list(self.rows.__getitems__(list(numbers)))
        return [self.rows[number] for number in numbers]

    def set_epoch(self, epoch: int) -> None:
        """Tell the sampler.

        After a resume with several processes accelerate 1.15 finds no sampler below SkipBatchSampler and
        BatchSamplerShard and tells the epoch to the dataset alone; a resumed second epoch would run in the
        order of the first.
        """
        if self.sampler is not None:
            self.sampler.set_epoch(epoch)

    def __getstate__(self) -> dict[str, Any]:
        """Return the rows alone: a worker process needs no plan."""
        return {"rows": self.rows, "sampler": None}


class PlannedBatches:
    """For a subclass of Trainer, named before it: its training batches are those of `plan_sampler`.

    The collator is called with a list of one item, the rows of one batch.
    """

    plan_sampler: PlanSampler
    args: Any
    train_dataset: Any

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of the planned batches, dealt to this rank."""
        if self.args.per_device_train_batch_size != 1:
            raise ConfigError(
                f"per_device_train_batch_size is {self.args.per_device_train_batch_size}: a planned batch is "
                "one item; set it to 1 and give the budget in tokens"
            )
        given = self.plan_sampler
        loader: DataLoader[Any] = self._get_dataloader(  # type: ignore[attr-defined]  # the Trainer's
            dataset=PlannedRows(self.train_dataset, given),
            description="Training",
            batch_size=1,
            sampler_fn=lambda _: given,
            is_training=True,
        )
        return loader


def planned_epochs(arguments: Any, batches: int) -> int:
    """Return how many epochs a Trainer with these TrainingArguments starts, for PlanSampler.

    `batches` are those of the first epoch, over all ranks.
    """
    if arguments.max_steps <= 0:
        epochs: float = arguments.num_train_epochs
        return max(1, math.ceil(epochs))
    a_rank = max(1, batches // int(arguments.world_size))
    steps = math.ceil(a_rank / int(arguments.gradient_accumulation_steps))
    return math.ceil(int(arguments.max_steps) / steps)
