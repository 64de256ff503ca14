"""Tests of recipes/grpo.py: rows that can be rewarded, steps of a tiny model, tokens counted, resuming."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from recipe_fixture import MARKS, ROOT, load_recipe, trained_adapter
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from spinemed.bench.items import read_items
from spinemed.bench.scoring.open_truth import why_unscored
from spinemed.errors import ConfigError, ModelError
from spinemed.training import outcome
from spinemed.training.folder import last_checkpoint
from spinemed.training.rewards import REWARDS, Truth, form_of, is_verifiable
from spinemed.training.same_types import SameTypes

RECIPES = sorted(ROOT.glob("recipes/*/grpo.yaml"))
pytestmark = MARKS


@pytest.fixture(scope="module")
def grpo() -> ModuleType:
    """Return recipes/grpo.py."""
    torch.set_num_threads(1)
    return load_recipe("grpo.py")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny model, a corpus, and an adapter that recipes/sft.py trained two steps."""
    return trained_adapter(tmp_path_factory.mktemp("grpo"))


def folders(place: Path) -> list[str]:
    """Return the options that name the fixture's model and corpus."""
    return ["--model_name_or_path", str(place / "tiny"), "--dataset_name", str(place / "corpus")]


def settings(grpo: ModuleType, place: Path, out: Path, *more: str) -> tuple[Any, ...]:
    """Return the tiny recipe's settings with the folders of the fixture."""
    words = ["--config", str(ROOT / "recipes" / "tiny" / "grpo.yaml"), *folders(place)]
    words += ["--adapter_name_or_path", str(place / "adapter"), "--output_dir", str(out), *more]
    return tuple(grpo.parse(words))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.parent.name)
def test_every_recipe_parses_and_starts_from_what_its_sft_recipe_leaves(
    grpo: ModuleType, recipe: Path
) -> None:
    script, trainer, config, spine = grpo.parse(["--config", str(recipe)])
    sft = load_recipe("sft.py")
    before = sft.parse(["--config", str(recipe.with_name("sft.yaml"))])
    assert spine.adapter_name_or_path == before[1].output_dir
    assert script.dataset_name == before[0].dataset_name
    assert config.model_name_or_path == before[2].model_name_or_path
    assert spine.keep_unquantised == before[3].keep_unquantised
    assert grpo.rewards_of(spine, trainer)[1].keys() == set(REWARDS)
    assert config.load_in_4bit and trainer.beta == 0


def test_without_words_the_mini_recipe_is_taken_and_an_unknown_key_fails(
    grpo: ModuleType, tmp_path: Path
) -> None:
    assert grpo.parse([])[3].adapter_name_or_path == "runs/mini"
    recipe = tmp_path / "grpo.yaml"
    recipe.write_text(RECIPES[0].read_text(encoding="utf-8") + "num_generation: 4\n", encoding="utf-8")
    with pytest.raises(ValueError, match="num_generation"):
        grpo.parse(["--config", str(recipe)])


def test_what_cannot_be_trained_is_refused(grpo: ModuleType, place: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"holds no adapter_config\.json; train an adapter with: recipes/sft\.py"
    ):
        grpo.main(*settings(grpo, place, tmp_path, "--adapter_name_or_path", str(tmp_path)))
    with pytest.raises(ModelError, match=r"recipes/tiny/build\.py --out models/tiny"):
        grpo.main(*settings(grpo, place, tmp_path, "--model_name_or_path", str(tmp_path / "none")))
    with pytest.raises(ConfigError, match=r"no \['levels'\]; there are level, side"):
        grpo.main(*settings(grpo, place, tmp_path, "--rewards", "levels"))
    with pytest.raises(ConfigError, match="6 numbers for 1 rewards"):
        grpo.main(*settings(grpo, place, tmp_path, "--rewards", "level"))
    with pytest.raises(ConfigError, match=r"no row of kind height_loss .* a reward can check"):
        grpo.main(*settings(grpo, place, tmp_path, "--row_kinds", "height_loss"))
    with pytest.raises(ConfigError, match=r"frozen_modules: 'vision_tower' is not a module"):
        grpo.main(*settings(grpo, place, tmp_path, "--frozen_modules", "vision_tower"))
    assert not list(tmp_path.glob("unfinished-*"))


def test_an_adapter_of_another_corpus_is_said_and_gone_on_with(grpo: ModuleType, tmp_path: Path) -> None:
    assert grpo.other_corpus(tmp_path, "f" * 64) == "", "nothing is known of it"
    (tmp_path / "training.json").write_text(json.dumps({"corpus_sha256": "a" * 64}), encoding="utf-8")
    assert grpo.other_corpus(tmp_path, "a" * 64) == ""
    assert "another corpus (aaaaaaaaaaaaaaaa, now ffffffffffffffff)" in grpo.other_corpus(tmp_path, "f" * 64)


def test_rows_are_those_with_a_picture_whose_own_reply_earns_everything(
    grpo: ModuleType, place: Path
) -> None:
    rows = grpo.rewarded_rows(str(place / "corpus"), ["choice", "open"], ["level_above"], "train")
    assert len(rows) == 30
    assert all(turn["role"] == "user" for turns in rows["prompt"] for turn in turns)
    assert rows[0]["images"][0].size == (40, 56)
    assert all(Truth.model_validate_json(text).sites for text in rows["truth"])


def test_every_scored_item_of_a_phantom_corpus_can_be_rewarded(
    grpo: ModuleType, phantom_corpus: Path
) -> None:
    lost, kinds = [], set()
    for config in ("choice", "open"):
        for item in read_items(phantom_corpus, config, "train"):
            truth = grpo.truth_for(item)
            plain = f"{item.truth} ({item.answer})" if item.options else item.truth
            if is_verifiable(truth, plain):
                kinds.add(item.kind)
                if not form_of(plain, truth, item.question):
                    lost.append((item.kind, plain, item.options, "form"))
            elif not why_unscored(item):
                lost.append((item.kind, plain, item.options, "reward"))
    assert not lost, (len(lost), lost[:5])
    reports = grpo.rewarded_rows(str(phantom_corpus), ["report"], [], "train")
    items = {item.question: item for item in read_items(phantom_corpus, "report", "train")}
    for row in reports.select_columns(["prompt", "truth"]):
        item = items[row["prompt"][-1]["content"]]
        assert form_of(item.answer, Truth.model_validate_json(row["truth"]), item.question) == 1
    assert {"marked_level", "disc_beside", "level_above"} <= kinds


@pytest.fixture(scope="module")
def trained(grpo: ModuleType, place: Path) -> Path:
    """Return the folder of a run of four steps in which short replies are rewarded."""
    out = place / "rewarded"

    def length_reward(prompts: Any, completions: Any, completion_ids: Any, **_: Any) -> list[float]:
        return [float(sum(ids) % 7) for ids in completion_ids]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(grpo.REWARDS, "level", length_reward)
        grpo.main(*settings(grpo, place, out))
    return out


def test_steps_change_lora_alone_and_the_card_tells_tokens_and_rewards(place: Path, trained: Path) -> None:
    before, after = (
        load_file(folder / "adapter_model.safetensors") for folder in (place / "adapter", trained)
    )
    changed = {name for name in before if not torch.equal(before[name].float(), after[name].float())}
    assert changed and all("lora_" in name for name in changed), "the image side stays as the adapter had it"
    record = json.loads((trained / "training.json").read_text(encoding="utf-8"))
    assert record["steps"] == 4 and record["recipe"] == "recipes/grpo.py"
    assert record["tokens"] == record["prompt_tokens"] + record["completion_tokens"]
    assert 4 * 4 <= record["completion_tokens"] <= 4 * 4 * 8
    assert record["prompt_tokens"] > 4 * 4 * 8, "pictures count as the tokens that they take"
    assert record["started_from_sha256"] == outcome.weights_hash(place / "adapter")
    assert record["base_sha256"] == outcome.weights_hash(place / "tiny")
    assert record["rewards"]["level"] == 1 and record["rewards"]["format"] == 0.25
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert f"{record['tokens']:,} tokens seen by the loss" in card and "recipes/grpo.py" in card
    log = [json.loads(line) for line in (trained / "loss.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [entry["step"] for entry in log] == [1, 2, 3, 4]
    assert any(entry["reward"] > 0 for entry in log)


def test_a_finished_run_is_kept(grpo: ModuleType, place: Path, trained: Path, capsys: Any) -> None:
    grpo.main(*settings(grpo, place, trained))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["state"] == "already trained"


def test_a_run_ends_at_its_tokens_and_a_killed_one_goes_on_counting(
    grpo: ModuleType, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    limit = ("--stop_at_tokens", "2000", "--max_steps", "20")

    def killed(_self: Any, _arguments: Any, state: Any, _control: Any, **_: Any) -> None:
        if state.global_step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(grpo.TokensSeen, "on_step_end", killed)
        with pytest.raises(KeyboardInterrupt):
            grpo.main(*settings(grpo, place, tmp_path, *limit))
    assert not (tmp_path / "training.json").exists()
    (work,) = tmp_path.glob("unfinished-*")
    last = last_checkpoint(work)
    assert last is not None and last.name == "checkpoint-2"
    seen = grpo.TokensSeen()
    seen.restore(last)
    assert 0 < seen.completions < seen.prompts
    grpo.main(*settings(grpo, place, tmp_path, *limit))
    assert f"resumed from step 2, {seen.total:,} tokens" in capsys.readouterr().err
    record = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert 2 < record["steps"] < 20
    assert 2000 <= record["tokens"] < 2000 + seen.total, "it ends with the step that reaches the number"


def test_a_checkpoint_is_loaded_in_the_types_that_are_trained(grpo: ModuleType) -> None:
    class Loader:
        def __init__(self) -> None:
            self.model = torch.nn.Linear(2, 2).to(torch.bfloat16)

        def _load_from_checkpoint(self, _folder: str, _model: Any = None) -> None:
            self.model.to(torch.float32)  # as PEFT does

    class Trainer(SameTypes, Loader):
        pass

    trainer = Trainer()
    trainer._load_from_checkpoint("anywhere")
    assert {weight.dtype for weight in trainer.model.parameters()} == {torch.bfloat16}
    bases = grpo.CountingTrainer.__mro__
    assert bases.index(SameTypes) < bases.index(grpo.GRPOTrainer)


def test_a_reward_that_can_be_raised_is_raised(grpo: ModuleType, place: Path, tmp_path: Path) -> None:
    """Louder embeddings, as the random model's logits are too alike for an adapter to move them."""
    base = shutil.copytree(place / "tiny", tmp_path / "tiny")
    model = AutoModelForImageTextToText.from_pretrained(base)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(4)
    model.save_pretrained(base)
    adapter = shutil.copytree(
        place / "adapter", tmp_path / "adapter", ignore=shutil.ignore_patterns("*.json")
    )
    shutil.copy(place / "adapter" / "adapter_config.json", adapter)

    def early_reward(prompts: Any, completions: Any, completion_ids: Any, **_: Any) -> list[float]:
        return [sum(token < 60 for token in ids) / len(ids) for ids in completion_ids]

    more = ["--model_name_or_path", str(base), "--adapter_name_or_path", str(adapter), "--rewards", "level"]
    more += [
        "--reward_weights",
        "1.0",
        "--max_steps",
        "16",
        "--per_device_train_batch_size",
        "32",
        "--learning_rate",
    ]
    more += [
        "1e-2",
        "--num_generations",
        "16",
        "--max_completion_length",
        "4",
        "--lr_scheduler_type",
        "constant",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(grpo.REWARDS, "level", early_reward)
        grpo.main(*settings(grpo, place, tmp_path / "out", *more, "--save_steps", "100"))
    log = (tmp_path / "out" / "loss.jsonl").read_text(encoding="utf-8").splitlines()
    rewards = [json.loads(line)["reward"] for line in log]
    assert sum(rewards[-4:]) / 4 > sum(rewards[:4]) / 4 + 0.05, rewards
