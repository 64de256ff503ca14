"""Tests of recipes/: every YAML parses, unknown keys fail, a tiny model trains in NF4 and survives a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from recipe_fixture import MARKS, ROOT, load_recipe, row, write_rows

from spinemed.errors import ConfigError, ModelError, SourceError
from spinemed.training.folder import last_checkpoint

RECIPES = sorted(ROOT.glob("recipes/*/sft.yaml"))
pytestmark = MARKS


@pytest.fixture(scope="module")
def sft() -> ModuleType:
    """Return recipes/sft.py."""
    return load_recipe("sft.py")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny model in models/tiny and a corpus of 12 rows in spinemed-450k."""
    folder = tmp_path_factory.mktemp("training")
    load_recipe("tiny/build.py").build(folder / "models" / "tiny")
    rows = [row(number) for number in range(6)]
    write_rows(folder / "spinemed-450k", choice=[lettered(one) for one in rows], open=rows)
    return folder


def lettered(one: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose reply ends on a letter."""
    asked, said = one["messages"]
    return {**one, "messages": [asked, {**said, "content": f"{said['content']} (B)"}]}


def parse(sft: ModuleType, *words: str) -> tuple[Any, ...]:
    """Return the four groups of settings that sft.py reads from a command line."""
    return tuple(sft.parse(list(words)))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.parent.name)
def test_every_recipe_parses(sft: ModuleType, recipe: Path) -> None:
    script, trainer, config, spine = parse(sft, "--config", str(recipe))
    assert script.dataset_name == "spinemed-450k"
    assert trainer.max_length is None, "a length limit would cut answers"
    assert config.load_in_4bit and spine.keep_unquantised


def test_without_words_the_mini_recipe_is_taken(sft: ModuleType) -> None:
    script, _, config, _ = parse(sft)
    assert (script.dataset_name, config.model_name_or_path) == ("spinemed-450k", "models/spinemed-mini-base")


def test_the_command_line_overrides_the_recipe(sft: ModuleType) -> None:
    _, trainer, _, spine = parse(sft, "--max_steps", "7", "--row_kinds", "marked_level", "level_above")
    assert (trainer.max_steps, spine.row_kinds) == (7, ["marked_level", "level_above"])


def test_an_unknown_key_fails(sft: ModuleType, tmp_path: Path) -> None:
    recipe = tmp_path / "sft.yaml"
    recipe.write_text(RECIPES[0].read_text(encoding="utf-8") + "learning_rat: 1.0e-3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="learning_rat"):
        parse(sft, "--config", str(recipe))


def settings(sft: ModuleType, place: Path, out: Path, *more: str) -> tuple[Any, ...]:
    """Return the tiny recipe's settings with the folders of the fixture."""
    return parse(sft, "--config", str(ROOT / "recipes" / "tiny" / "sft.yaml"), *folders(place, out), *more)


def folders(place: Path, out: Path) -> list[str]:
    """Return the options that name the fixture's folders."""
    return [
        *("--model_name_or_path", str(place / "models" / "tiny")),
        *("--dataset_name", str(place / "spinemed-450k")),
        *("--output_dir", str(out)),
    ]


def test_a_missing_corpus_names_the_command_that_builds_it(
    sft: ModuleType, place: Path, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="spinemed build --out"):
        sft.main(*settings(sft, place, tmp_path, "--dataset_name", str(tmp_path / "nowhere")))


def test_a_missing_split_is_named(sft: ModuleType, place: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no split 'validation'"):
        sft.main(*settings(sft, place, tmp_path, "--dataset_train_split", "validation"))


def test_a_missing_base_names_the_command_that_makes_it(sft: ModuleType, place: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"recipes/tiny/build\.py --out models/tiny"):
        sft.main(*settings(sft, place, tmp_path, "--model_name_or_path", str(tmp_path / "none")))


def test_no_row_of_a_kind_is_an_error(sft: ModuleType, place: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="height_loss"):
        sft.main(*settings(sft, place, tmp_path, "--row_kinds", "height_loss"))


def test_a_quantised_vision_tower_is_refused(sft: ModuleType, place: Path, tmp_path: Path) -> None:
    """A plain name instead of the full prefix would leave the tower in 4 bit, silently."""
    _, trainer, config, spine = settings(
        sft, place, tmp_path, "--keep_unquantised", "vision_tower", "lm_head"
    )
    with pytest.raises(ConfigError, match=r"'vision_tower' is not a module .* \['model.vision_tower'"):
        sft.load(spine, config, trainer)


def test_the_check_finds_layers_in_4_bit_by_itself(sft: ModuleType, place: Path, tmp_path: Path) -> None:
    from spinemed.training.preflight import check_quantised

    _, trainer, config, spine = settings(sft, place, tmp_path)
    model, _, _ = sft.load(spine, config, trainer)
    with pytest.raises(ConfigError, match=r"14 layers of model\.language_model are in 4 bit, first"):
        check_quantised(model.get_base_model(), True, ["model.language_model"])
    with pytest.raises(ConfigError, match="load_in_4bit is False, but 14 layers"):
        check_quantised(model.get_base_model(), False, [])


def test_lora_on_the_vision_tower_is_refused(sft: ModuleType, place: Path, tmp_path: Path) -> None:
    _, trainer, config, spine = settings(sft, place, tmp_path)
    config.lora_target_modules, config.lora_modules_to_save = r".*(q|v)_proj", None
    with pytest.raises(ConfigError, match=r"layers of model\.vision_tower are adapted by LoRA"):
        sft.load(spine, config, trainer)


def test_labels_that_lost_their_end_are_refused(sft: ModuleType, place: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="do not end with a stop token"):
        sft.main(*settings(sft, place, tmp_path, "--max_length", "25", "--alignment_steps", "0"))


def launch(place: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """Start the tiny recipe as a user does."""
    command = [
        *(sys.executable, "-m", "accelerate.commands.launch"),
        *(
            "--config_file",
            "recipes/accelerate/cpu.yaml",
            "recipes/sft.py",
            "--config",
            "recipes/tiny/sft.yaml",
        ),
        *folders(place, out),
        *more,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(place / "hf")}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, encoding="utf-8", errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def test_a_checkpoint_that_was_cut_off_is_not_gone_on_with(tmp_path: Path) -> None:
    for step, state in ((2, '{"global_step": 2}'), (4, '{"global_st'), (6, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state, encoding="utf-8")
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-2"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]
    assert last_checkpoint(tmp_path / "nothing") is None


@pytest.fixture(scope="module")
def killed(place: Path) -> Iterator[Path]:
    """Return the output folder of a run that was killed after its first checkpoint."""
    out = place / "runs" / "tiny"
    process = launch(place, out, "--max_steps", "12")
    deadline = time.monotonic() + 120
    while not list(out.glob("unfinished-*/checkpoint-*/trainer_state.json")):
        if process.poll() is not None or time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"no checkpoint came: {process.communicate()[1][-2000:]}")
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    yield out


def test_a_killed_run_leaves_no_result_and_goes_on_from_its_checkpoint(place: Path, killed: Path) -> None:
    assert not (killed / "training.json").exists() and not (killed / "adapter_config.json").exists()
    (work,) = killed.glob("unfinished-*")
    last = last_checkpoint(work)
    assert last is not None
    steps = int(last.name.rsplit("-")[-1])
    process = launch(place, killed, "--max_steps", "12")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors[-2000:]
    assert json.loads(output.splitlines()[-1])["state"] == "trained"
    record = json.loads((killed / "training.json").read_text(encoding="utf-8"))
    assert record["steps"] == 12 and record["patients"] == 6 and record["synthetic_share"] == 1
    log = [json.loads(line) for line in (killed / "loss.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [entry["step"] for entry in log if entry["stage"] == "fine-tuning"] == list(range(1, 13))
    assert [entry["step"] for entry in log if entry["stage"] == "alignment"] == [1, 2]
    assert f"resumed from step {steps}" in errors
    assert not list(killed.glob("unfinished-*"))
