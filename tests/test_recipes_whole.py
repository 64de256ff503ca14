"""Tests of recipes/sft.py beside adapters: whole weights, limits of pictures, attention by sample, DDP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from recipe_fixture import MARKS, ROOT, load_recipe, row, write_rows
from safetensors.torch import load_file

from spinemed.errors import ConfigError
from spinemed.training import outcome
from spinemed.training.start import check_whole_settings

pytestmark = MARKS
STEPS = 3


@pytest.fixture(scope="module")
def sft() -> ModuleType:
    """Return recipes/sft.py."""
    return load_recipe("sft.py")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny Qwen2.5-VL and a corpus."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole")
    load_recipe("tiny/build.py").build(folder / "qwen", "qwen2_5_vl")
    write_rows(folder / "corpus", open=[row(number, times=1 + number % 3) for number in range(12)])
    return folder


def words(place: Path, out: Path, *more: str) -> list[str]:
    """Return the tiny recipe with the fixture's model and corpus, packed, without alignment."""
    return [
        *("--config", str(ROOT / "recipes" / "tiny" / "sft.yaml"), "--row_configs", "open"),
        *("--model_name_or_path", str(place / "qwen"), "--dataset_name", str(place / "corpus")),
        *("--output_dir", str(out), "--keep_unquantised", "model.visual", "lm_head"),
        *("--lora_modules_to_save", "merger", "--alignment_steps", "0"),
        *("--packing_mode", "packed", "--tokens_per_pack", "256", "--max_steps", str(STEPS)),
        *more,
    ]


def train(sft: ModuleType, place: Path, out: Path, *more: str) -> dict[str, Any]:
    """Train in this process and return the record."""
    sft.main(*sft.parse(words(place, out, *more)))
    return dict(json.loads((out / outcome.RECORD).read_text(encoding="utf-8")))


def losses(out: Path) -> list[float]:
    """Return the losses of a run, step by step."""
    return [json.loads(line)["loss"] for line in (out / "loss.jsonl").read_text().splitlines()]


WHOLE = [
    *("--lora_r", "0", "--load_in_4bit", "false", "--dtype", "float32", "--bf16", "false"),
    *("--frozen_modules", "model.visual"),
]


def whole_recipe(place: Path) -> Path:
    """Return the tiny recipe without its list of modules that LoRA saves, which no option can empty."""
    text = (ROOT / "recipes" / "tiny" / "sft.yaml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("lora_modules_to_save")]
    (place / "whole.yaml").write_text("\n".join(kept), encoding="utf-8")
    return place / "whole.yaml"


@pytest.fixture(scope="module")
def whole(sft: ModuleType, place: Path) -> Path:
    """Return the folder of a run without LoRA."""
    told = words(place, place / "whole", *WHOLE)
    told[1] = str(whole_recipe(place))
    start = told.index("--lora_modules_to_save")
    sft.main(*sft.parse(told[:start] + told[start + 2 :]))
    return place / "whole"


def test_without_lora_the_weights_themselves_learn_and_frozen_ones_stay(place: Path, whole: Path) -> None:
    before, after = (load_file(folder / "model.safetensors") for folder in (place / "qwen", whole))
    assert set(before) == set(after) and not (whole / "adapter_config.json").exists()
    same = {name for name in before if torch.equal(before[name].float(), after[name].float())}
    assert {name for name in before if "visual" in name} == same
    record = json.loads((whole / outcome.RECORD).read_text(encoding="utf-8"))
    assert record["whole"] and "adapted 0" in record["parts"]
    card = (whole / "README.md").read_text(encoding="utf-8")
    assert "library_name: transformers" in card and "# qwen, trained on" in card


def test_a_whole_model_is_the_base_of_the_next_stage(sft: ModuleType, place: Path, whole: Path) -> None:
    record = train(sft, place, place / "next", "--model_name_or_path", str(whole))
    assert record["base_sha256"] == outcome.weights_hash(whole)
    assert not record["whole"]


@pytest.mark.parametrize(
    ("settings", "adapter", "environment", "told"),
    [
        ({}, "runs/stage1", {}, "merge it with recipes/merge.py"),
        ({"load_in_4bit": True}, "", {}, "weights in 4 bit cannot be trained"),
        ({"lora_modules_to_save": ["merger"]}, "", {}, "set lora_modules_to_save: null"),
        ({"dtype": "bfloat16"}, "", {}, "would be rounded away"),
        ({"dtype": "bfloat16"}, "", {"ACCELERATE_USE_DEEPSPEED": "false"}, "would be rounded away"),
        ({"dtype": "bfloat16"}, "", {"ACCELERATE_USE_DEEPSPEED": "true"}, ""),
        ({}, "", {}, ""),
    ],
)
def test_what_cannot_be_trained_whole_is_refused(
    settings: dict[str, Any], adapter: str, environment: dict[str, str], told: str
) -> None:
    asked = {"load_in_4bit": False, "lora_modules_to_save": None, "dtype": "float32", **settings}
    config = SimpleNamespace(**asked)
    if not told:
        check_whole_settings(config, adapter, environment)
        return
    with pytest.raises(ConfigError, match=told):
        check_whole_settings(config, adapter, environment)


def test_a_recipe_limits_the_tokens_of_a_picture(sft: ModuleType, place: Path) -> None:
    free = train(sft, place, place / "free")
    few = train(sft, place, place / "few", "--image_tokens", "1", "2")
    assert 0 < few["tokens"] < free["tokens"]
    kept = json.loads((place / "few" / "processor_config.json").read_text(encoding="utf-8"))
    assert kept["image_processor"]["size"]["longest_edge"] == 2 * 28 * 28
    for wrong in (("5",), ("4", "2"), ("0", "2")):
        with pytest.raises(ConfigError, match="give the fewest and the most"):
            train(sft, place, place / "wrong", "--image_tokens", *wrong)


def test_attention_by_sample_learns_as_the_dense_mask_does(sft: ModuleType, place: Path) -> None:
    plain = ["--load_in_4bit", "false", "--dtype", "float32", "--bf16", "false"]
    train(sft, place, place / "dense", *plain)
    train(sft, place, place / "by-sample", *plain, "--attn_implementation", "spinemed_varlen")
    assert losses(place / "by-sample") == pytest.approx(losses(place / "dense"), abs=1e-4)
    with pytest.raises(ConfigError, match="is for packs alone, and packing_mode grouped pads rows"):
        more = ("--attn_implementation", "spinemed_varlen", "--packing_mode", "grouped")
        train(sft, place, place / "padded", *plain, *more)


def test_two_processes_learn_as_one_that_accumulates(sft: ModuleType, place: Path) -> None:
    plain = ["--load_in_4bit", "false", "--dtype", "float32", "--bf16", "false"]
    train(sft, place, place / "one", *plain, "--gradient_accumulation_steps", "2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
        *("--master-addr", "127.0.0.1", "--master-port", str(port)),
        *("recipes/sft.py", *words(place, place / "two", *plain), "--ddp_backend", "gloo"),
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=180,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(place / "two") == pytest.approx(losses(place / "one"), abs=1e-4)
    one, two = (load_file(place / name / "adapter_model.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)
