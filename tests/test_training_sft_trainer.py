"""Tests of sft_trainer.py, batching.py and refusals.py: a step is the same however rows are batched."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipe_fixture import load_recipe
from training_processors import row
from trl import SFTConfig

from spinemed.errors import ConfigError
from spinemed.training.batching import Batching, batching
from spinemed.training.collate import PackingCollator, PaddingCollator
from spinemed.training.lengths import length_plan
from spinemed.training.sample import SampleEncoder
from spinemed.training.sft_trainer import SpineTrainer, check_settings

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),
    pytest.mark.xdist_group("training"),
]
ROWS = 12
BUDGET = 160


@cache
def rows() -> tuple[dict[str, Any], ...]:
    """Return twelve rows of 0 to 2 pictures."""
    random = np.random.default_rng(4)
    return tuple(row(random, [(60, 50, "grey")] * (place % 3), turns=1 + place % 2) for place in range(ROWS))


def with_a_damaged_one(place: int) -> list[dict[str, Any]]:
    """Return the rows, the pixels of one picture cut off behind its header."""
    found = [dict(one) for one in rows()]
    data = found[place]["images"][0]["bytes"]
    found[place]["images"] = [{"bytes": data[: len(data) // 2], "path": None}]
    return found


def run(
    folder: Path,
    mode: Any,
    family: str = "qwen2_5_vl",
    given: Any = None,
    checkpoint: Path | None = None,
    **more: Any,
) -> tuple[Any, Batching]:
    """Return a trainer after training a tiny model by gradient descent, and how rows were put together."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, processor = load_recipe("tiny/build.py").FAMILIES[family]()
    arguments = SFTConfig(
        output_dir=str(folder),
        **{
            "max_steps": 3,
            "per_device_train_batch_size": 1,
            "learning_rate": 0.5,
            "lr_scheduler_type": "constant",
            "optim": "sgd",
            "max_grad_norm": 0.0,
            "max_length": None,
            "assistant_only_loss": True,
            "activation_checkpointing": False,
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "use_cpu": True,
            "bf16": False,
            **more,
        },
    )
    taken = given or list(rows())
    lengths = length_plan(taken, processor, most_tokens=BUDGET)
    chosen = batching(
        lengths, model, SampleEncoder(processor).family, arguments,
        mode=mode, budget=BUDGET, most_images=4, window=0,
    )  # fmt: skip
    collator = PackingCollator if chosen.kind == "packed" else PaddingCollator
    trainer = SpineTrainer(
        model, arguments, taken, collator(SampleEncoder(processor)), processor, chosen.sampler
    )
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return trainer, chosen


def losses(trainer: Any) -> list[float]:
    """Return the loss of every step."""
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def steps_of_an_epoch(mode: Any, folder: Path, family: str) -> int:
    """Return how many batches an epoch has, so that one step can hold them all."""
    _, chosen = run(folder, mode, family, max_steps=1)
    return len(chosen.sampler.plan.batches) if chosen.sampler else -(-ROWS // 4)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "llava"])
def test_a_steps_loss_and_weights_do_not_depend_on_how_rows_are_put_together(
    tmp_path: Path, family: str
) -> None:
    found = {}
    for mode in ("packed", "grouped", "padded"):
        count = steps_of_an_epoch(mode, tmp_path, family)
        more = {"per_device_train_batch_size": 4} if mode == "padded" else {}
        trainer, _ = run(
            tmp_path, mode, family, max_steps=2, gradient_accumulation_steps=count, seed=1, **more
        )
        assert trainer.counters.totals.images == 2 * sum(len(one["images"]) for one in rows())
        found[mode] = losses(trainer)
    assert found["packed"][0] > found["packed"][1], "the second step stands on the weights of the first"
    assert found["packed"] == pytest.approx(found["grouped"], rel=1e-5)
    assert found["packed"] == pytest.approx(found["padded"], rel=1e-5)


@pytest.mark.parametrize("mode", ["packed", "padded"])
def test_worker_processes_change_nothing(tmp_path: Path, mode: Any) -> None:
    alone, _ = run(tmp_path, mode)
    helped, _ = run(tmp_path, mode, dataloader_num_workers=2)
    assert losses(alone) == losses(helped)


def test_true_tokens_are_counted_and_the_line_tells_the_waste(tmp_path: Path) -> None:
    trainer, chosen = run(tmp_path, "packed", max_steps=-1, num_train_epochs=2)
    lengths = length_plan(list(rows()), trainer.processing_class)
    assert chosen.sampler is not None
    assert trainer.counters.totals.tokens == 2 * lengths.tokens.sum()
    assert trainer.counters.totals.images == 2 * lengths.images.sum()
    assert trainer.counters.totals.padding == 0
    assert trainer.state.global_step == 2 * len(chosen.sampler)
    assert (
        f"{len(chosen.sampler)} an epoch, {chosen.sampler.plan.waste:.1%} of their tokens empty"
        in chosen.line
    )
    assert not trainer.refused.rows


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_picture_in_the_middle_of_an_epoch_is_said_once_and_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, workers: int
) -> None:
    with caplog.at_level(logging.WARNING, logger="spinemed"):
        trainer, _ = run(
            tmp_path, "packed", given=with_a_damaged_one(4), max_steps=-1, num_train_epochs=2,
            dataloader_num_workers=workers,
        )  # fmt: skip
    assert list(trainer.refused.rows) == [4] and "cannot be decoded" in trainer.refused.rows[4]
    assert [one.message.startswith("row 4 is left out: ") for one in caplog.records] == [True]
    lengths = length_plan(list(rows()), trainer.processing_class)
    # The row stood alone in its pack, which became one token without a label in both epochs.
    assert trainer.counters.totals.tokens == 2 * (lengths.tokens.sum() - lengths.tokens[4] + 1)


def test_what_was_left_out_is_in_the_checkpoint(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"save_strategy": "steps", "max_steps": 12, "given": with_a_damaged_one(4)}
    first, _ = run(tmp_path, "packed", save_steps=6, **settings)
    resumed, _ = run(tmp_path, "packed", save_steps=6, checkpoint=tmp_path / "checkpoint-12", **settings)
    assert resumed.refused.rows == first.refused.rows and 4 in resumed.refused.rows
    assert resumed.counters.totals == first.counters.totals


def test_auto_chooses_by_rule_and_gemma_3_is_grouped(tmp_path: Path) -> None:
    assert "dense square" in run(tmp_path, "auto", "llava", max_steps=1)[1].line
    chosen = run(tmp_path, "auto", "gemma3", max_steps=1)[1]
    assert chosen.kind == "grouped" and "sliding layers of Gemma 3" in chosen.line
    with pytest.raises(ConfigError, match="gemma3 cannot be packed"):
        run(tmp_path, "packed", "gemma3")
    with pytest.raises(
        ConfigError, match="packing_mode: 'both'; choose one of auto, packed, grouped, padded"
    ):
        run(tmp_path, "both")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_length": 512}, "max_length is 512: it would cut samples.*set max_length: null"),
        ({"assistant_only_loss": False}, "set assistant_only_loss: true"),
        ({"packing": True}, "packing_mode says"),
        ({"loss_type": "dft"}, "loss_type is dft"),
        ({"per_device_train_batch_size": 8}, "per_device_train_batch_size: 1, or packing_mode: padded"),
    ],
)
def test_settings_that_would_not_be_followed_are_refused(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    good = {
        "max_length": None,
        "assistant_only_loss": True,
        "per_device_train_batch_size": 1,
        "activation_checkpointing": False,
    }
    arguments = SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **{**good, **settings})
    with pytest.raises(ConfigError, match=said):
        check_settings(arguments, planned=True)
