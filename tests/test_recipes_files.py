"""Tests of the YAML files of recipes/: they parse, join, follow the paper, and fit the models they name."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from test_training_counters import tiny
from transformers import TrainingArguments
from trl import TrlParser

from spinemed.errors import ConfigError
from spinemed.training.forecast import treatment_of
from spinemed.training.memory import Sharding
from spinemed.training.model_flops import empty_model
from spinemed.training.module_table import module_table
from spinemed.training.recipe import (
    dataclasses_of,
    for_another_machine,
    joined,
    parsed,
    script_of,
    sharding_of,
)
from spinemed.training.sft_trainer import check_settings

ROOT = Path(__file__).parents[1] / "recipes"
MEMORIES = ("qlora_24gb", "qlora_80gb", "lora_80gb", "full_8x80gb")
STAGES = sorted(ROOT.glob("spinegpt/stage[123]/*gb.yaml"))
ABLATIONS = sorted(ROOT.glob("spinegpt/ablations/*.yaml"))
ACCELERATE = sorted(ROOT.glob("accelerate/*.yaml"))
MODELS = {"qwen2_5_vl_7b": "qwen2_5_vl", "qwen3_vl_8b": "qwen3_vl", "medgemma_4b": "gemma3"}
PAPER = {"stage1": (1e-5, 16_384), "stage2": (1e-5, 16_384), "stage3": (1e-6, 49_152)}
SHORTER = {("stage3", "qlora_24gb"): 16_384}  # where the paper's length needs more memory
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),
    pytest.mark.xdist_group("training"),
]


@cache
def kinds() -> tuple[Any, ...]:
    """Return the dataclasses that recipes/sft.py fills."""
    return dataclasses_of(ROOT / "sft.py")


def settings(path: Path, *words: str) -> tuple[Any, ...]:
    """Return the four groups of a recipe, on this machine without a GPU."""
    return parsed(TrlParser(kinds()), ["--config", str(path), "--use_cpu", "true", *words])


@pytest.mark.parametrize("path", [*STAGES, *ABLATIONS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recipe_parses_and_its_settings_are_followed(path: Path) -> None:
    _, sft, config, spine = settings(path)
    check_settings(sft, planned=spine.packing_mode != "padded")
    assert sft.num_train_epochs == 1 and sft.bf16 and config.dtype == "bfloat16"
    assert sft.output_dir.startswith("runs/spinegpt/")
    assert config.load_in_4bit == ("qlora" in joined(path)["output_dir"] or path in ABLATIONS)


def test_the_stock_parser_of_sft_py_takes_the_joined_keys(tmp_path: Path) -> None:
    keys = joined(STAGES[0])
    written = tmp_path / "joined.yaml"
    written.write_text(yaml.safe_dump(keys), encoding="utf-8")
    stock = TrlParser(kinds()).parse_args_and_config(["--config", str(written), "--use_cpu", "true"])
    ours = settings(STAGES[0])
    for one, other in zip(stock, ours, strict=True):
        assert (
            one.to_dict() == other.to_dict()
            if isinstance(one, TrainingArguments)
            else vars(one) == vars(other)
        )


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/sft.yaml")), ids=lambda path: path.parent.name)
def test_recipes_without_extends_are_parsed_as_before(path: Path) -> None:
    stock = TrlParser(kinds()).parse_args_and_config(["--config", str(path)])
    assert vars(stock[2]) == vars(parsed(TrlParser(kinds()), ["--config", str(path)])[2])


@pytest.mark.parametrize("stage", PAPER)
@pytest.mark.parametrize("memory", MEMORIES)
def test_learning_rates_and_lengths_are_those_of_the_paper(stage: str, memory: str) -> None:
    keys = joined(ROOT / "spinegpt" / stage / f"{memory}.yaml")
    rate, length = PAPER[stage]
    assert keys["learning_rate"] == rate
    assert keys["tokens_per_pack"] == SHORTER.get((stage, memory), length)
    assert keys["max_length"] is None and keys["model_name_or_path"]


def test_the_curriculum_says_what_its_recipes_do() -> None:
    plan = yaml.safe_load((ROOT / "spinegpt" / "curriculum.yaml").read_text(encoding="utf-8"))
    for stage in plan["stages"]:
        keys = joined(ROOT / "spinegpt" / stage["recipe"].format(memory="full_8x80gb"))
        assert keys["learning_rate"] == stage["learning_rate"] and keys["tokens_per_pack"] == stage["length"]
        assert keys["num_train_epochs"] == stage["epochs"]
        launch = (ROOT / "spinegpt" / stage["recipe"].format(memory="full_8x80gb")).read_text(
            encoding="utf-8"
        )
        assert f"recipes/accelerate/{stage['accelerate']}.yaml" in launch
    assert plan["base"] == joined(STAGES[0])["model_name_or_path"]


@pytest.mark.parametrize("memory", MEMORIES)
def test_each_stage_carries_on_what_the_one_before_left(memory: str) -> None:
    one, two, three = (joined(ROOT / "spinegpt" / stage / f"{memory}.yaml") for stage in PAPER)
    key = "model_name_or_path" if memory == "full_8x80gb" else "adapter_name_or_path"
    assert (two[key], three[key]) == (one["output_dir"], two["output_dir"])
    assert "adapter_name_or_path" not in one
    for name in ("lora_r", "lora_alpha", "lora_target_modules", "lora_modules_to_save"):
        assert one.get(name) == two.get(name) == three.get(name)


def test_commands_in_comments_name_the_file_they_stand_in() -> None:
    for path in STAGES:
        named = re.findall(r"recipes/\S+\.yaml", path.read_text(encoding="utf-8"))
        assert str(path.relative_to(ROOT.parent)) in named
        assert all((ROOT.parent / one).is_file() for one in named)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("memory", ["qlora_24gb", "lora_80gb"])
def test_patterns_fit_the_modules_of_the_model(tmp_path: Path, name: str, memory: str) -> None:
    recipe = tmp_path / "mine.yaml"
    files = [ROOT / "spinegpt" / "stage1" / f"{memory}.yaml", ROOT / "models" / f"{name}.yaml"]
    keys = {"extends": [str(file) for file in files], "frozen_modules": []}
    recipe.write_text(yaml.safe_dump(keys), encoding="utf-8")
    _, _, config, spine = settings(recipe)
    assert config.model_name_or_path == yaml.safe_load(files[1].read_text())["model_name_or_path"]
    rows = module_table(empty_model(tiny(MODELS[name])), treatment_of(config, spine)).rows
    adapted = {row.part for row in rows if row.trained == "LoRA"}
    assert adapted == {"language"}
    assert {row.part for row in rows if row.trained == "whole"} == {"connector"}
    assert all(row.state == "16-bit" for row in rows if row.part != "language")
    recipe.write_text(yaml.safe_dump({"extends": keys["extends"]}), encoding="utf-8")
    _, _, config, spine = settings(recipe)
    still = module_table(empty_model(tiny(MODELS[name])), treatment_of(config, spine)).rows
    assert spine.frozen_modules and not any(row.trained == "whole" for row in still)


@pytest.mark.parametrize("stage", PAPER)
def test_full_recipes_train_the_language_part_in_place(stage: str) -> None:
    _, _, config, spine = settings(ROOT / "spinegpt" / stage / "full_8x80gb.yaml")
    rows = module_table(empty_model(tiny("qwen2_5_vl")), treatment_of(config, spine)).rows
    whole = {row.part for row in rows if row.trained == "whole"}
    assert whole == {"language", "head", "embeddings"} | ({"connector"} if stage == "stage1" else set())


def test_no_question_about_levels_is_left_where_levels_are_removed() -> None:
    package = ROOT.parent / "src" / "spinemed" / "instances"
    axes = {}
    for path in [*package.glob("templates/*.yaml"), *package.glob("written/kinds/*.yaml")]:
        for template in yaml.safe_load(path.read_text(encoding="utf-8")):
            if isinstance(template, dict) and "axis" in template:
                axes[template["kind"]] = template["axis"]
    kept = joined(ROOT / "spinegpt" / "ablations" / "levels_removed.yaml")["row_kinds"]
    assert sorted(kept) == sorted(kind for kind, axis in axes.items() if axis != "level")


@pytest.mark.parametrize("path", ACCELERATE, ids=lambda path: path.stem)
def test_accelerate_configs_load_with_its_own_loader_and_launch_takes_them(path: Path) -> None:
    config = load_config_from_file(str(path))
    keys = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert str(config.distributed_type).endswith(str(keys["distributed_type"]))
    words = ["--config_file", str(path), "recipes/sft.py", "--seed", "1"]
    arguments = _validate_launch_command(launch_command_parser().parse_args(words))[0]
    assert arguments.training_script_args == ["--seed", "1"]
    assert arguments.num_processes == keys["num_processes"]
    assert arguments.mixed_precision == keys["mixed_precision"]
    assert arguments.use_deepspeed == ("deepspeed_config" in keys)
    assert arguments.use_fsdp == ("fsdp_config" in keys)
    assert arguments.multi_gpu == (path.stem == "ddp")
    for part in ("deepspeed_config", "fsdp_config"):
        for key, value in keys.get(part, {}).items():
            assert str(vars(arguments)[key]).lower() == str(value).lower()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1gpu", Sharding()),
        ("ddp", Sharding("none", 8)),
        ("zero2", Sharding("zero2", 8)),
        ("zero3", Sharding("zero3", 8, True)),
        ("fsdp2_qlora", Sharding("fsdp2", 8)),
    ],
)
def test_how_states_are_shared_is_read_from_the_accelerate_config(name: str, expected: Sharding) -> None:
    assert sharding_of(ROOT / "accelerate" / f"{name}.yaml", 0) == expected
    assert sharding_of(ROOT / "accelerate" / f"{name}.yaml", 2).devices == 2


def test_later_files_replace_earlier_ones_and_own_keys_replace_both(tmp_path: Path) -> None:
    for name, text in (
        ("one.yaml", "seed: 1\nlora_r: 4\nrow_kinds: [a]\n"),
        ("two.yaml", "seed: 2\nrow_kinds: [b]\n"),
        ("mine.yaml", "extends: [one.yaml, two.yaml]\nlora_r: 16\n"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert joined(tmp_path / "mine.yaml") == {"seed": 2, "row_kinds": ["b"], "lora_r": 16}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: mine.yaml\n", "extends itself"),
        ("extends: other.yaml\n", "there is no recipe .*other.yaml, which .*mine.yaml extends"),
        ("- a\n", "holds no mapping"),
        ("a: [\n", "is no YAML"),
        ("token_per_pack: 8\n", r"unknown keys: token_per_pack, did you mean tokens_per_pack\?"),
    ],
)
def test_recipes_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        settings(tmp_path / "mine.yaml")


def test_a_recipe_for_gpus_can_be_read_on_a_machine_without() -> None:
    groups, device = for_another_machine(STAGES[0], ["--seed", "3"], script_of(STAGES[0]))
    assert device == "cuda" and groups[1].seed == 3
    assert for_another_machine(ROOT / "mini" / "sft.yaml", [], ROOT / "sft.py")[1] == "cpu"
    with pytest.raises(ConfigError, match="--script"):
        script_of(Path("/somewhere/recipe.yaml"))
