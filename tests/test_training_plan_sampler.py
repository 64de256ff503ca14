"""Tests of plan_sampler.py: a Trainer killed and resumed goes on in the same order, ranks share no row."""

from __future__ import annotations

import pickle
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.data_loader import BatchSamplerShard, prepare_data_loader, skip_first_batches
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments

from spinemed.errors import ConfigError
from spinemed.training.packing import grouped_plan, pack_plan
from spinemed.training.plan_sampler import PlannedBatches, PlannedRows, PlanSampler, planned_epochs

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),
    pytest.mark.xdist_group("training"),
]
LENGTHS = np.random.default_rng(0).integers(5, 60, 60)


def sampler(
    epochs: int = 2, world: int = 1, make: Any = pack_plan, seed: int = 0, window: int = 16
) -> PlanSampler:
    """Return the batches of 60 rows under a budget of 100 tokens."""
    plan = partial(make, LENGTHS, np.zeros_like(LENGTHS), budget=100, window=window, seed=seed, world=world)
    return PlanSampler(plan, epochs)


class Rows:
    """Sixty numbers that note which of them were read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(LENGTHS)

    def __getitem__(self, row: int) -> float:
        self.read.append(row)
        return float(LENGTHS[row]) / 60


class Line(torch.nn.Module):
    """One weight with dropout, so that the state of the random generators counts as well."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([0.3]))

    def forward(self, values: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": ((torch.nn.functional.dropout(values, 0.2) * self.weight - labels) ** 2).mean()}


class PlannedTrainer(PlannedBatches, Trainer):
    """A Trainer whose batches are planned."""


class Stop(TrainerCallback):
    """Ends training after some steps, as a kill after a checkpoint does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, *given: Any, **_: Any) -> Any:
        _, state, control = given
        control.should_training_stop = state.global_step >= self.step
        return control


def collate(batches: list[list[float]]) -> dict[str, torch.Tensor]:
    """Return the model's inputs of the one planned batch."""
    (values,) = batches
    return {"values": torch.tensor(values), "labels": torch.tensor(values) * 2}


def trainer(folder: Path, rows: Any, stop: int | None = None, **settings: Any) -> Any:
    """Return a trainer of two epochs that writes a checkpoint every third step."""
    arguments = TrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        save_steps=3,
        logging_steps=1,
        learning_rate=0.05,
        **{
            "num_train_epochs": 2,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 2,
            **settings,
        },
    )
    made = PlannedTrainer(
        model=Line(),
        args=arguments,
        train_dataset=rows,
        data_collator=collate,
        callbacks=[Stop(stop)] if stop else [],
    )
    made.plan_sampler = sampler()
    return made


def losses(of: Any) -> dict[int, float]:
    """Return the loss of every step."""
    return {line["step"]: line["loss"] for line in of.state.log_history if "loss" in line}


@pytest.mark.parametrize("step", [6, 15])
def test_a_killed_run_goes_on_in_the_same_order_and_reads_no_skipped_row(tmp_path: Path, step: int) -> None:
    whole, first, second = Rows(), Rows(), Rows()
    uninterrupted = trainer(tmp_path / "whole", whole)
    uninterrupted.train()
    batches = [list(batch) for epoch in (0, 1) for batch in _epoch(epoch)]
    assert whole.read == list(chain(*batches))
    trainer(tmp_path / "cut", first, stop=step + 1).train()
    resumed = trainer(tmp_path / "cut", second)
    resumed.train(resume_from_checkpoint=str(tmp_path / "cut" / f"checkpoint-{step}"))
    assert losses(resumed) == losses(uninterrupted)
    per_epoch = -(-len(resumed.plan_sampler) // 2)
    epoch, steps = divmod(step, per_epoch)
    passed = epoch * len(resumed.plan_sampler) + steps * 2
    assert second.read == list(chain(*batches[passed:])), "no row before the checkpoint is read again"
    assert torch.equal(resumed.model.weight, uninterrupted.model.weight)


def _epoch(number: int) -> list[tuple[int, ...]]:
    given = sampler()
    given.set_epoch(number)
    return list(given)


def test_two_epochs_differ_and_each_holds_every_row_once() -> None:
    one, two = _epoch(0), _epoch(1)
    assert one != two and {frozenset(batch) for batch in one} != {frozenset(batch) for batch in two}
    for epoch in (one, two):
        assert sorted(row for batch in epoch for row in batch) == list(range(60))


@pytest.mark.parametrize("make", [pack_plan, grouped_plan])
@pytest.mark.parametrize("seed", range(4))
def test_every_epoch_has_as_many_batches(make: Any, seed: int) -> None:
    given = sampler(epochs=6, make=make, seed=seed, window=1)
    alone = {len(given._plan_of(epoch=epoch, at_least=0).batches) for epoch in range(6)}
    assert len(given) == max(alone)
    for epoch in range(6):
        given.set_epoch(epoch)
        assert len(list(given)) == len(given)
        assert sorted(row for batch in given for row in batch) == list(range(60))


def test_some_epochs_would_be_cut_off_if_each_had_its_own_number() -> None:
    given = sampler(epochs=6, window=1)
    assert len({len(given._plan_of(epoch=epoch, at_least=0).batches) for epoch in range(6)}) > 1


@pytest.mark.parametrize("world", [2, 3, 8])
def test_accelerate_deals_every_pack_to_one_rank(world: int) -> None:
    given = sampler(world=world)
    dealt = []
    for rank in range(world):
        shard = BatchSamplerShard(BatchSampler(given, 1, drop_last=False), world, rank)
        dealt.append([numbers for (numbers,) in shard])
        assert len(dealt[-1]) == len(shard) == len(given) // world
        assert dealt[-1] == list(given)[rank::world]
    rows = [row for of_rank in dealt for batch in of_rank for row in batch]
    assert sorted(rows) == list(range(60)), "ranks share no row and together they are the epoch"


def test_a_number_of_packs_that_is_no_multiple_would_repeat_rows() -> None:
    given = sampler()
    world = next(world for world in (2, 3, 5, 7) if len(given) % world)
    dealt = [
        row
        for rank in range(world)
        for ((*numbers,),) in BatchSamplerShard(BatchSampler(given, 1, drop_last=False), world, rank)
        for row in numbers
    ]
    assert len(dealt) > 60, "this is why plans are made for the world"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_second_epoch_resumed_on_two_ranks_keeps_its_order(workers: int) -> None:
    for rank in range(2):
        given = sampler(world=2)
        loader = DataLoader(
            PlannedRows(Rows(), given), 1, sampler=given, collate_fn=_numbers, num_workers=workers
        )
        prepared = prepare_data_loader(loader, num_processes=2, process_index=rank)
        prepared.set_epoch(1)
        whole = list(prepared)
        given.set_epoch(0)
        resumed = skip_first_batches(prepared, 3)
        resumed.set_epoch(1)
        assert list(resumed) == whole[3:]


def _numbers(batches: list[list[float]]) -> list[float]:
    return batches[0]


def test_batch_sizes_above_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"per_device_train_batch_size is 2.*budget in tokens"):
        trainer(tmp_path, Rows(), per_device_train_batch_size=2).train()


def test_an_epoch_beyond_the_planned_ones_is_never_cut_off_in_silence() -> None:
    given, longer = next(
        (given, epoch)
        for given in (sampler(epochs=1, window=1, seed=seed) for seed in range(9))
        for epoch in range(1, 9)
        if len(given._plan_of(epoch=epoch, at_least=0).batches) > len(given)
    )
    given.set_epoch(longer)
    with pytest.raises(ConfigError, match=f"plan for {longer + 1} epochs"):
        list(given)


def test_no_rows_and_no_epochs_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no row is left to train on; refused: .*9 tokens"):
        PlanSampler(partial(pack_plan, [9], [0], budget=5), 1)
    with pytest.raises(ConfigError, match="0 epochs"):
        sampler(epochs=0)


def test_rows_are_read_at_once_where_they_can_be_and_workers_get_no_plan() -> None:
    class Together:
        def __getitems__(self, numbers: list[int]) -> list[int]:
            return [number * 10 for number in numbers]

        def __len__(self) -> int:
            return 60

    assert PlannedRows(Together(), sampler())[(3, 5)] == [30, 50]
    copied = pickle.loads(pickle.dumps(PlannedRows(LENGTHS, sampler())))
    assert copied[(0, 1)] == [LENGTHS[0], LENGTHS[1]] and copied.sampler is None
    copied.set_epoch(3)
    assert len(copied) == 60


def test_planned_epochs_are_those_that_a_trainer_starts(tmp_path: Path) -> None:
    given = sampler()
    for settings in ({"num_train_epochs": 1.5}, {"max_steps": 17}, {"max_steps": 3}):
        made = trainer(tmp_path, Rows(), **settings)
        loader = DataLoader(PlannedRows(Rows(), given), 1, sampler=SequentialSampler(range(len(given))))
        started = made.set_initial_training_values(made.args, loader)[0]
        assert planned_epochs(made.args, len(given)) == started
