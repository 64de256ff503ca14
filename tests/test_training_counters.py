"""Tests of counters.py, model_flops.py, gpus.py and strategy.py: against torch's count and by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    Gemma3Config,
    Idefics3Config,
    LlamaConfig,
    LlavaConfig,
    Qwen2_5_VLConfig,
    Qwen3VLConfig,
    Trainer,
    TrainingArguments,
)

from spinemed.errors import ConfigError
from spinemed.training.counters import Counters, batch_counts, rates
from spinemed.training.gpus import GPUS, gpu_named, peak_flops
from spinemed.training.model_flops import Counts, Part, config_flops, model_flops
from spinemed.training.packing import grouped_plan
from spinemed.training.strategy import VARLEN, choose, crossover, has_varlen

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),
    pytest.mark.xdist_group("training"),
]
LORA = r"model\.language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 96,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
}
ROPE = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 6, 6]}
TOWER = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 56,
    "patch_size": 14,
}
QWEN_TOWER = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "depth": 4,
    "num_heads": 2,
    "out_hidden_size": 64,
    "patch_size": 14,
    "fullatt_block_indexes": [1, 3],
}
IMAGE = 90


@cache
def seven_billion() -> Any:
    """Return the config of Qwen2.5-VL-7B."""
    return Qwen2_5_VLConfig(
        text_config={
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
        },
        vision_config={
            "hidden_size": 1280,
            "depth": 32,
            "num_heads": 16,
            "intermediate_size": 3420,
            "out_hidden_size": 3584,
        },
    )


@cache
def tiny(family: str) -> Any:
    """Return the config of a small model of a family."""
    if family == "qwen2_5_vl":
        return Qwen2_5_VLConfig(
            text_config={**TEXT, "rope_parameters": ROPE}, vision_config=QWEN_TOWER, image_token_id=IMAGE
        )
    if family == "qwen3_vl":
        rope = {**ROPE, "mrope_interleaved": True}
        tower = {name: value for name, value in QWEN_TOWER.items() if name != "fullatt_block_indexes"}
        return Qwen3VLConfig(
            text_config={**TEXT, "head_dim": 32, "rope_parameters": rope},
            vision_config={**tower, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 2]},
            image_token_id=IMAGE,
        )
    if family == "idefics3":
        text = {"model_type": "llama", **TEXT}
        return Idefics3Config(vision_config=TOWER, text_config=text, scale_factor=2, image_token_id=IMAGE)
    if family == "gemma3":
        text = {**TEXT, "head_dim": 32, "sliding_window": 16, "sliding_window_pattern": 2}
        return Gemma3Config(
            vision_config=TOWER, text_config=text, mm_tokens_per_image=4, image_token_index=IMAGE
        )
    return LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **TOWER},
        text_config={"model_type": "llama", **TEXT},
        image_token_index=IMAGE,
        vision_feature_layer=-1,
    )


# Image tokens of one picture of 56 x 56 pixels, 16 patches, and what stands for it in a batch.
PICTURES: dict[str, tuple[int, dict[str, Any]]] = {
    "qwen2_5_vl": (4, {"pixel_values": (16, 1176), "image_grid_thw": [[1, 4, 4]]}),
    "qwen3_vl": (4, {"pixel_values": (16, 1176), "image_grid_thw": [[1, 4, 4]]}),
    "idefics3": (4, {"pixel_values": (1, 1, 3, 56, 56)}),
    "gemma3": (4, {"pixel_values": (1, 3, 56, 56)}),
    "llava": (16, {"pixel_values": (1, 3, 56, 56)}),
}


def batch_of(family: str, length: int = 40) -> dict[str, Any]:
    """Return a batch of one row with one picture, all of it labelled."""
    tokens, inputs = PICTURES[family]
    ids = torch.arange(length)[None] % 80 + 1
    ids[:, 3 : 3 + tokens] = IMAGE
    batch: dict[str, Any] = {"input_ids": ids, "labels": ids.clone(), "attention_mask": torch.ones_like(ids)}
    batch["pixel_values"] = torch.rand(inputs["pixel_values"])
    if "image_grid_thw" in inputs:
        batch["image_grid_thw"] = torch.tensor(inputs["image_grid_thw"])
        batch["mm_token_type_ids"] = (ids == IMAGE).long()
    if family == "gemma3":
        batch["token_type_ids"] = (ids == IMAGE).long()
    return batch


def model_of(family: str) -> Any:
    """Return a small model of random weights with the attention that multiplies all pairs."""
    torch.manual_seed(0)
    return AutoModelForImageTextToText.from_config(tiny(family), attn_implementation="eager")


@pytest.mark.parametrize("family", PICTURES)
def test_operations_are_those_that_torch_counts(family: str) -> None:
    model, batch = model_of(family), batch_of(family)
    flops = model_flops(model)
    length = batch["input_ids"].shape[1]
    counts = replace(
        batch_counts(batch, flops.shape), pairs=length**2, sliding_pairs=length**2, labels=length
    )
    assert (counts.tokens, counts.images, counts.patches) == (length, 1, 16)
    assert counts.image_tokens == PICTURES[family][0]
    with FlopCounterMode(display=False, depth=4) as counter:
        loss = model(**batch, use_cache=False).loss
    unused = sum(
        counter.get_flop_counts().get(f"{type(model).__name__}.model.vision_tower.head", {}).values()
    )
    forward = counter.get_total_flops() - unused
    class_token = 0.02 if family == "llava" else 0  # one position of 17 in the tower, not counted
    assert flops.forward(counts) == pytest.approx(forward, rel=class_token, abs=0)
    with FlopCounterMode(display=False) as counter:
        loss.backward()
    total = forward + counter.get_total_flops()
    assert flops.useful(counts) == pytest.approx(total, rel=class_token, abs=0)


def test_with_lora_frozen_weights_get_no_gradient_and_the_tower_runs_forward_only() -> None:
    model, batch = model_of("qwen2_5_vl"), batch_of("qwen2_5_vl")
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=LORA))
    flops = model_flops(adapted)
    assert (flops.vision.flows, flops.connector.flows, flops.language.flows) == (False, False, True)
    length = batch["input_ids"].shape[1]
    counts = replace(batch_counts(batch, flops.shape), pairs=length**2, labels=length)
    with FlopCounterMode(display=False) as counter:
        adapted(**batch, use_cache=False).loss.backward()
    assert flops.useful(counts) == pytest.approx(counter.get_total_flops(), rel=0.03)
    assert flops == config_flops(tiny("qwen2_5_vl"), trained=(), lora_rank=4, lora_target=LORA)


def test_modules_that_are_saved_whole_count_once() -> None:
    settings = LoraConfig(r=4, target_modules=LORA, modules_to_save=["multi_modal_projector"])
    adapted = get_peft_model(model_of("llava"), settings)
    part = "model.multi_modal_projector"
    flops = config_flops(tiny("llava"), trained=[part], lora_rank=4, lora_target=LORA)
    assert model_flops(adapted) == flops
    assert flops.connector.trained == flops.connector.forward and flops.connector.flows


def test_the_config_tells_what_the_model_does() -> None:
    for family in PICTURES:
        assert config_flops(tiny(family)) == model_flops(model_of(family))


def test_figures_of_the_seven_billion_model() -> None:
    base = config_flops(seven_billion(), trained=())
    assert base.vision.forward * 4 + base.connector.forward == pytest.approx(5.1e9, rel=0.02)
    assert base.language.forward == pytest.approx(2 * 6.53e9, rel=0.01)
    assert base.head.forward == pytest.approx(2 * 0.545e9, rel=0.01)
    lora = config_flops(seven_billion(), trained=(), lora_rank=64, lora_target=LORA)
    assert lora.language.trained / 2 == pytest.approx(161e6, rel=0.01)
    for length, forward, least, most in ((1200, 13.3e9, 27e9, 30e9), (8192, 14.7e9, 31e9, 35e9)):
        counts = Counts(tokens=length, pairs=length * (length + 1) / 2)
        assert base.forward(counts) / length == pytest.approx(forward, rel=0.01)
        useful = lora.useful(replace(counts, labels=length / 2)) / length
        assert least < useful < most
        assert lora.six_n(counts) / length > 1.2 * useful, "6 N counts gradients of frozen weights"


def test_a_wrong_lora_pattern_is_refused() -> None:
    with pytest.raises(ConfigError, match="matches no linear layer"):
        config_flops(tiny("llava"), trained=(), lora_rank=4, lora_target="nothing")


def test_packs_and_padded_rows_of_the_same_samples_count_alike() -> None:
    shape = config_flops(tiny("gemma3")).shape
    lengths = (5, 30, 12)
    padded = {"input_ids": torch.ones(3, 30, dtype=torch.long), "attention_mask": torch.zeros(3, 30)}
    for row, length in enumerate(lengths):
        padded["attention_mask"][row, 30 - length :] = 1
    text = torch.cat([torch.arange(length) for length in lengths])[None]
    four_rows = torch.stack([text, *[torch.zeros_like(text)] * 3])
    one = batch_counts(padded, shape)
    for positions in (text, four_rows):
        pack = {"input_ids": torch.ones(1, 47, dtype=torch.long), "position_ids": positions}
        assert batch_counts(pack, shape) == replace(one, padding=0)
    assert one.padding == 90 - 47 and one.tokens == 47
    assert one.pairs == sum(length * (length + 1) / 2 for length in lengths)
    assert one.sliding_pairs == 15 + (136 + 16 * 14) + 78


def test_labels_and_pictures_of_several_sizes_are_counted() -> None:
    shape = config_flops(tiny("qwen2_5_vl")).shape
    grid = torch.tensor([[1, 4, 6], [1, 2, 2]])
    batch = {"input_ids": torch.tensor([[1, *[IMAGE] * 7, 2, 3]]), "image_grid_thw": grid}
    batch["labels"] = torch.tensor([[5, *[-100] * 7, 2, 3]])
    counts = batch_counts(batch, shape)
    assert (counts.labels, counts.images, counts.image_tokens) == (2, 2, 7)
    assert (counts.patches, counts.patch_pairs) == (28, 24**2 + 4**2)
    assert counts.window_pairs == counts.patch_pairs, "both pictures are smaller than a window of 64 patches"
    del batch["labels"]
    assert batch_counts(batch | {"logits_to_keep": torch.tensor([7, 8])}, shape).labels == 2


class Ids:
    """Twelve rows of 4 to 15 tokens."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, row: int) -> list[int]:
        return list(range(1, 5 + row))


def pad(rows: list[list[int]]) -> dict[str, torch.Tensor]:
    """Return a padded batch."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": ids.where(ids > 0, -100)}


def trained(folder: Path, steps: int, resume: bool = False) -> tuple[Any, Counters]:
    """Return a trainer of a small language model after so many steps, and its counters."""
    torch.manual_seed(0)
    counters = Counters(peak=1e9)
    trainer = Trainer(
        model=AutoModelForCausalLM.from_config(LlamaConfig(**TEXT)),
        args=TrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=3,
            max_steps=steps,
            logging_steps=2,
            save_steps=1,
            use_cpu=True,
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=Ids(),
        data_collator=pad,
    )
    counters.put_into(trainer)
    trainer.train(resume_from_checkpoint=resume)
    return trainer, counters


def test_a_trainer_logs_real_tokens_and_goes_on_counting_after_a_resume(tmp_path: Path) -> None:
    trainer, whole = trained(tmp_path / "whole", 8)
    lines = [line for line in trainer.state.log_history if "loss" in line]
    assert whole.totals.tokens == sum(line["real_tokens"] for line in lines) == 2 * sum(range(4, 16))
    assert whole.totals.labels == whole.totals.tokens - 24
    assert all(0 < line["mfu"] < line["mfu_6n"] * 1.2 and 0 < line["padding"] < 0.5 for line in lines)
    assert all(line["tokens_per_second"] > 0 for line in lines)
    assert not trainer.model._forward_pre_hooks, "the hook is gone"
    trained(tmp_path / "cut", 5)
    _, resumed = trained(tmp_path / "cut", 8, resume=True)
    assert resumed.totals == whole.totals


def test_rates_by_hand() -> None:
    flops = config_flops(LlamaConfig(**TEXT))
    counts = Counts(tokens=900, padding=100)
    told = rates(counts, flops, seconds=2.0, devices=2, peak=1e9)
    assert told["tokens_per_second"] == 450 and told["padding"] == 0.1
    useful = 3 * 900 * flops.language.forward
    assert told["useful_tflops"] == pytest.approx(useful / 4e12)
    assert told["mfu"] == pytest.approx(useful / 4e9, abs=1e-4)
    assert "mfu" not in rates(counts, flops, 2.0, 2, None)


def test_every_gpu_has_its_source_and_is_found_by_the_name_cuda_tells() -> None:
    told = {
        "Tesla T4": "T4",
        "NVIDIA A10": "A10",
        "NVIDIA L4": "L4",
        "NVIDIA L40S": "L40S",
        "NVIDIA GeForce RTX 3090": "RTX 3090",
        "NVIDIA GeForce RTX 4090": "RTX 4090",
        "NVIDIA A100-SXM4-40GB": "A100 40GB",
        "NVIDIA A100 80GB PCIe": "A100 80GB",
        "NVIDIA H100 PCIe": "H100 PCIe",
        "NVIDIA H100 80GB HBM3": "H100 SXM",
        "NVIDIA H200": "H200",
    }
    assert {gpu_named(name): name for name in told}.keys() == GPUS.keys()
    assert all(gpu_named(name) == want for name, want in told.items())
    assert gpu_named("NVIDIA GeForce RTX 4090 D") is None
    assert all("NVIDIA" in gpu.source for gpu in GPUS.values())
    assert peak_flops("H100 SXM") == 989.4e12
    with pytest.raises(ConfigError, match="no peak is known for 'H300'; known are T4"):
        peak_flops("H300")


def test_packing_needs_attention_of_varying_length_or_short_packs() -> None:
    flops = config_flops(seven_billion(), trained=())
    lengths = np.random.default_rng(0).lognormal(6.76, 0.83, 3000).astype(int).clip(40, 8192)
    grouped = grouped_plan(lengths, np.zeros_like(lengths), budget=8192, window=512)
    for attention in ("flash_attention_2", "flash_attention_3", "kernels-community/flash-attn", VARLEN):
        assert choose(attention, "cuda", 8192, flops, grouped).kind == "packed"
        assert has_varlen(attention, "cpu") == (attention == VARLEN)
    for attention, device in (("sdpa", "cuda"), ("eager", "cpu"), ("flash_attention_2", "cpu")):
        chosen = choose(attention, device, 8192, flops, grouped)
        assert chosen.kind == "grouped"
        assert "computes a pack of 8,192 tokens as a dense square" in str(chosen)
        assert choose(attention, device, 512, flops, grouped).kind == "packed"
    limit = crossover(flops, grouped)
    assert 1000 < limit < 8192
    per_token = flops.language.forward + flops.shape.full * limit
    rows = np.array([len(batch) for batch in grouped.batches])
    padded = flops.language.forward * grouped.paid.sum() + flops.shape.full * (grouped.paid**2 / rows).sum()
    assert per_token == pytest.approx(padded / grouped.tokens.sum(), rel=1e-6)


def test_an_empty_plan_is_grouped_and_parts_without_layers_cost_nothing() -> None:
    nothing = grouped_plan([], [], budget=8)
    assert choose("sdpa", "cpu", 8, config_flops(LlamaConfig(**TEXT)), nothing).kind == "grouped"
    assert config_flops(LlamaConfig(**TEXT)).vision == Part()
