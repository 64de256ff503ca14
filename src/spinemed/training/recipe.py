"""Recipes as YAML: one key, `extends`, joins files; every other key is a field of the dataclasses they fill.

    # recipes/spinegpt/stage2/qlora_24gb.yaml
    extends: [../stage2.yaml, ../../models/qwen2_5_vl_7b.yaml]
    tokens_per_pack: 8192

Files are named relative to the one that names them. Later files replace keys of earlier ones, the file's own
keys replace both, and options of the command line replace all. Values are replaced whole: lists do not grow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import yaml

from spinemed.errors import ConfigError
from spinemed.training.memory import Kind, Sharding

EXTENDS = "extends"


def joined(path: Path, within: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the keys of a recipe with those of the files that it extends.

    Raises ConfigError for a file that is missing, no mapping, or extends itself.
    """
    path = path.resolve()
    if path in within:
        raise ConfigError(f"{path} extends itself by way of {within[-1]}")
    try:
        own = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        named = f", which {within[-1]} extends" if within else ""
        raise ConfigError(f"there is no recipe {path}{named}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {error}") from error
    if not isinstance(own, dict):
        raise ConfigError(f"{path} holds no mapping of keys to values")
    others = own.pop(EXTENDS, [])
    keys: dict[str, Any] = {}
    for other in [others] if isinstance(others, str) else others:
        keys |= joined(path.parent / other, (*within, path))
    return keys | own


def parsed(parser: Any, words: Sequence[str]) -> tuple[Any, ...]:
    """Return what a TrlParser makes of command line words; the file after --config is joined first.

    Raises ConfigError for keys that no dataclass has. `env` sets environment variables, as in TRL.
    """
    left = list(words)
    keys: dict[str, Any] = {}
    if "--config" in left:
        place = left.index("--config")
        if place + 1 == len(left):
            raise ConfigError("--config names no file")
        keys = joined(Path(left[place + 1]))
        del left[place : place + 2]
    for name, value in keys.pop("env", {}).items():
        os.environ[name] = str(value)
    unknown = list(unknown_keys(parser, keys))
    if unknown:
        raise ConfigError(f"unknown keys: {'; '.join(unknown)}")
    parser.set_defaults_with_config(**keys)
    try:
        found: tuple[Any, ...] = parser.parse_args_into_dataclasses(args=left)
    except ValueError as error:
        raise ConfigError(f"the recipe's settings do not go together: {error}") from error
    return found


def unknown_keys(parser: Any, keys: dict[str, Any]) -> Iterator[str]:
    """Yield each key that the parser has no option for, with the nearest one."""
    known = [action.dest for action in parser._actions]
    for key in keys:
        if key not in known:
            near = get_close_matches(key, known, 1)
            yield f"{key}, did you mean {near[0]}?" if near else key


def dataclasses_of(script: Path) -> tuple[Any, ...]:
    """Return what the recipes of recipes/sft.py fill: TRL's three groups and the script's SpineArguments."""
    from trl import ModelConfig, ScriptArguments, SFTConfig

    spec = spec_from_file_location("spinemed_recipe_script", script)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{script} is no Python file")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return ScriptArguments, SFTConfig, ModelConfig, module.SpineArguments


def script_of(recipe: Path) -> Path:
    """Return the sft.py in the nearest folder above a recipe; ConfigError where there is none."""
    for folder in recipe.resolve().parents:
        if (folder / "sft.py").is_file():
            return folder / "sft.py"
    raise ConfigError(f"no folder above {recipe} holds sft.py, whose keys a recipe has; name it: --script")


def for_another_machine(config: Path, words: Sequence[str], script: Path) -> tuple[tuple[Any, ...], str]:
    """Return the four groups of a recipe and its device, "cuda" or "cpu", whatever this machine has.

    TRL refuses bf16 where there is no GPU, so the groups say use_cpu there.
    """
    import torch
    from trl import TrlParser

    device = "cpu" if joined(config).get("use_cpu") else "cuda"
    here = [] if torch.cuda.is_available() else ["--use_cpu", "true"]
    parser = TrlParser(dataclasses_of(script))
    return parsed(parser, ["--config", str(config), *words, *here]), device


def sharding_of(accelerate: Path | None, devices: int) -> Sharding:
    """Return how the devices of an accelerate config share states; `devices` of 0 takes the file's number.

    >>> sharding_of(None, 0)
    Sharding(kind='none', devices=1, offload=False)
    """
    if accelerate is None:
        return Sharding(devices=devices or 1)
    keys = joined(accelerate)
    count = devices or int(keys.get("num_processes", 1))
    deep, fsdp = keys.get("deepspeed_config") or {}, keys.get("fsdp_config") or {}
    offload = deep.get("offload_optimizer_device", "none") != "none" or bool(fsdp.get("fsdp_offload_params"))
    if keys.get("distributed_type") == "FSDP":
        return Sharding("fsdp2", count, offload)
    stage = int(deep.get("zero_stage", 0))
    kinds: dict[int, Kind] = {2: "zero2", 3: "zero3"}
    return Sharding(kinds.get(stage, "none"), count, offload)
