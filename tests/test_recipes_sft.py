"""Tests of recipes/sft.py: packs, rows left out, adapters carried on, a killed run equal bit for bit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from datasets import Features
from recipe_fixture import FEATURES, MARKS, ROOT, load_recipe, row, write_rows

from spinemed.errors import ConfigError, ModelError, SourceError
from spinemed.training import outcome
from spinemed.training.folder import last_checkpoint

pytestmark = MARKS
ROWS, BROKEN, LONG, PLAIN = 20, 3, 5, 7
STEPS = 24


@pytest.fixture(scope="module")
def sft() -> ModuleType:
    """Return recipes/sft.py."""
    return load_recipe("sft.py")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny Qwen2.5-VL and two corpora, of pictures and of text alone."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("sft")
    build = load_recipe("tiny/build.py").build
    build(folder / "qwen", "qwen2_5_vl")
    write_rows(folder / "corpus", open=rows())
    write_rows(folder / "text", open=[row(PLAIN, pictured=False) for _ in range(4)])
    return folder


def rows() -> list[dict[str, Any]]:
    """Return rows with a picture each; some are broken, too long or without one."""
    return [
        row(
            number,
            pictured=number != PLAIN,
            broken=number == BROKEN,
            times=60 if number == LONG else 1 + number % 4,
        )
        for number in range(ROWS)
    ]


def words(place: Path, out: Path, *more: str) -> list[str]:
    """Return the tiny recipe with the fixture's model and corpus, packed, on the language model alone."""
    return [
        *("--config", str(ROOT / "recipes" / "tiny" / "sft.yaml")),
        *("--model_name_or_path", str(place / "qwen"), "--dataset_name", str(place / "corpus")),
        *("--output_dir", str(out), "--row_configs", "open", "--keep_unquantised", "model.visual", "lm_head"),
        *(
            "--lora_modules_to_save",
            "merger",
            "--alignment_steps",
            "0",
            "--alignment_modules",
            "model.visual",
        ),
        *("--packing_mode", "packed", "--tokens_per_pack", "256", "--lora_dropout", "0.1"),
        *more,
    ]


def train(sft: ModuleType, place: Path, out: Path, *more: str) -> dict[str, Any]:
    """Train in this process and return the record."""
    sft.main(*sft.parse(words(place, out, *more)))
    return dict(json.loads((out / outcome.RECORD).read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def whole(sft: ModuleType, place: Path) -> Path:
    """Return the folder of a run that nobody disturbed."""
    train(sft, place, place / "whole", "--max_steps", str(STEPS))
    return place / "whole"


def test_rows_that_cannot_be_used_are_left_out_and_named(whole: Path) -> None:
    refused = [json.loads(line) for line in (whole / "refused.jsonl").read_text().splitlines()]
    assert [one["row"] for one in refused] == [BROKEN, LONG]
    assert "cannot be decoded" in refused[0]["reason"]
    assert "tokens, more than the 256 allowed" in refused[1]["reason"]
    record = json.loads((whole / outcome.RECORD).read_text(encoding="utf-8"))
    assert record["rows"] == ROWS and record["refused"] == 2
    assert record["batches"].startswith("batches: packed") and record["padding"] == 0
    assert record["images"] > 0 and record["tokens"] > record["images"]
    card = (whole / "README.md").read_text(encoding="utf-8")
    assert "| rows left out | 2 (refused.jsonl) |" in card and "| batches | packed: " in card
    assert "ring marks" not in card, "there was no alignment"


def test_a_killed_run_ends_as_if_it_had_not_been_killed(
    sft: ModuleType, place: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = place / "killed"
    command = [sys.executable, "recipes/sft.py", *words(place, out, "--max_steps", str(STEPS))]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    step = random.SystemRandom().randint(2, STEPS - 4)  # any step will do
    deadline = time.monotonic() + 120
    while not any(
        int(state.parent.name.rsplit("-")[-1]) >= step
        for state in out.glob("unfinished-*/checkpoint-*/trainer_state.json")
    ):
        assert process.poll() is None and time.monotonic() < deadline, f"no checkpoint at step {step}"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (work,) = out.glob("unfinished-*")
    last = last_checkpoint(work)
    assert last is not None and not (out / outcome.RECORD).exists()
    record = train(sft, place, out, "--max_steps", str(STEPS))
    assert f"resumed from step {last.name.rsplit('-')[-1]}" in capsys.readouterr().err
    assert (out / "loss.jsonl").read_text() == (whole / "loss.jsonl").read_text(), f"killed at {step}"
    assert outcome.weights_hash(out) == outcome.weights_hash(whole), f"killed at {step}"
    before = json.loads((whole / outcome.RECORD).read_text(encoding="utf-8"))
    same = ("tokens", "images", "padding", "refused", "batches", "steps")
    assert {name: record[name] for name in same} == {name: before[name] for name in same}
    assert (out / "refused.jsonl").read_text() == (whole / "refused.jsonl").read_text()


def test_a_second_stage_carries_the_same_adapter_on(sft: ModuleType, place: Path, whole: Path) -> None:
    out = place / "stage-2"
    record = train(sft, place, out, "--adapter_name_or_path", str(whole), "--packing_mode", "auto")
    assert record["started_from"] == str(whole)
    assert record["started_from_sha256"] == outcome.weights_hash(whole) != outcome.weights_hash(out)
    kept, old = (json.loads((one / "adapter_config.json").read_text()) for one in (out, whole))
    assert kept == old, "one adapter, not one around another"
    assert "| started from | whole, SHA-256 " in (out / "README.md").read_text(encoding="utf-8")
    assert record["base_sha256"] == outcome.weights_hash(place / "qwen")


def test_frozen_modules_of_an_adapter_stay_as_they_are(sft: ModuleType, place: Path, whole: Path) -> None:
    from safetensors.torch import load_file

    out = place / "frozen"
    train(sft, place, out, "--adapter_name_or_path", str(whole), "--frozen_modules", "model.visual")
    after, before = (load_file(one / "adapter_model.safetensors") for one in (out, whole))
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if "merger" in name} == {name for name in same if "visual" in name}
    assert len(same) < len(before)
    with pytest.raises(ConfigError, match="frozen_modules: 'tower' is not a module"):
        train(sft, place, out, "--adapter_name_or_path", str(whole), "--frozen_modules", "tower")


def test_another_shape_of_lora_than_the_adapters_is_refused(
    sft: ModuleType, place: Path, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError, match=r"lora_r is 8, but .*whole has 4: an adapter is carried on as it is"
    ):
        train(sft, place, tmp_path, "--adapter_name_or_path", str(whole), "--lora_r", "8")


def test_an_adapter_of_another_base_is_refused(
    sft: ModuleType, place: Path, whole: Path, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    build = load_recipe("tiny/build.py")
    model, processor = build.qwen2_5_vl()
    model.save_pretrained(tmp_path / "qwen")
    processor.save_pretrained(tmp_path / "qwen")
    with pytest.raises(ModelError, match="name the base that it was trained on"):
        train(
            sft, place, tmp_path / "out", "--adapter_name_or_path", str(whole),
            "--model_name_or_path", str(tmp_path / "qwen"),
        )  # fmt: skip


def test_an_adapter_of_another_corpus_is_taken_only_if_that_is_meant(
    sft: ModuleType, place: Path, whole: Path, tmp_path: Path
) -> None:
    write_rows(tmp_path / "corpus", open=rows()[:8])
    more = ["--adapter_name_or_path", str(whole), "--dataset_name", str(tmp_path / "corpus")]
    with pytest.raises(ConfigError, match=r"trained on another corpus.*adapter_of_another_corpus: true"):
        train(sft, place, tmp_path / "out", *more)
    record = train(sft, place, tmp_path / "out", *more, "--adapter_of_another_corpus", "true")
    assert record["rows"] == 8


def test_a_corpus_without_pictures_is_refused(sft: ModuleType, place: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no row of .*text shows a picture"):
        train(sft, place, tmp_path, "--dataset_name", str(place / "text"))
    bare = [{name: value for name, value in row(PLAIN, pictured=False).items() if name != "images"}]
    columns = Features({name: kind for name, kind in FEATURES.items() if name != "images"})
    write_rows(tmp_path / "bare", columns, open=bare)
    with pytest.raises(SourceError, match=r"config 'open' of .*bare has no column images"):
        train(sft, place, tmp_path / "out", "--dataset_name", str(tmp_path / "bare"))


def test_where_every_row_is_too_long_the_first_reason_is_told(
    sft: ModuleType, place: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError, match=r"20 were refused, the first: \d+ tokens, more than the 16 allowed"
    ):
        train(sft, place, tmp_path, "--tokens_per_pack", "16")
