"""Tests of recipes/merge.py: merging from the command line, and the table of the three forms of one model."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from recipe_fixture import MARKS, ROOT, load_recipe, trained_adapter

from spinemed.bench.running.predict import Sample
from spinemed.errors import ConfigError, ModelError
from spinemed.llm.chat import Reply

pytestmark = MARKS


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """Return recipes/merge.py."""
    torch.set_num_threads(1)
    return load_recipe("merge.py")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny model, a corpus, and an adapter that recipes/sft.py trained two steps."""
    return trained_adapter(tmp_path_factory.mktemp("merge"))


def words(place: Path, out: Path, *more: str) -> list[str]:
    """Return the command line that merges the fixture's adapter."""
    return ["--base", str(place / "tiny"), "--adapter", str(place / "adapter"), "--out", str(out), *more]


def test_what_sft_leaves_is_merged_and_a_second_call_keeps_it(
    recipe: ModuleType, place: Path, tmp_path: Path, capsys: Any
) -> None:
    recipe.main(words(place, tmp_path / "merged"))
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["state"] == "merged" and told["into"] == "bf16" and told["largest_change"] > 0
    assert (told["layers"], told["modules"]) == (8, 2)
    assert (tmp_path / "merged" / "model.safetensors").is_file()
    recipe.main(words(place, tmp_path / "merged"))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["state"] == "already merged"


def test_the_three_forms_answer_the_same_rows_and_the_table_tells_how_well(
    recipe: ModuleType, place: Path, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "merged"
    recipe.main(
        words(place, out, "--compare", str(place / "corpus"), "--limit", "6", "--max-new-tokens", "4")
    )
    shown = capsys.readouterr().out
    rows = json.loads((tmp_path / "merged.comparison.json").read_text(encoding="utf-8"))
    assert [row["form"] for row in rows] == list(recipe.FORMS)
    assert all(row["n"] == 6 and row["low"] <= row["value"] <= row["high"] for row in rows)
    assert rows[0]["paired"] is None and all(row["paired"]["n"] == 6 for row in rows[1:])
    assert shown.endswith(recipe.table(rows) + "\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merged", "merged.comparison.json"]


def test_the_table_pairs_each_form_with_the_adapter_on_nf4(
    recipe: ModuleType, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replies are given: the adapter has 8 of 12 right, the merges 9 and 8, other ones."""
    sample = Sample(place / "corpus", "choice", limit=12)
    items = [question.item for question in sample.questions()[0]]
    right = {"adapter": items[:8], "bf16": items[:9], "dequantised": [*items[:7], items[11]]}

    def given(model: Path, adapter: Path | None, *, four_bit: bool, **_: Any) -> Any:
        name = "adapter" if adapter else model.name
        assert four_bit == (name == "adapter")
        known = {item.id for item in right[name]}
        keys = {item.id: item.answer for item in items}

        def ask(asked: Any) -> Any:
            for number, row in enumerate(asked):
                letter = keys[row["id"]] if row["id"] in known else "?"
                yield [(number, Reply(letter, "stop", 1, 1, 0.1))]

        return recipe_answering(name, ask)

    monkeypatch.setattr(recipe, "by_transformers", given)
    rows = recipe.compare(
        place / "tiny", place / "adapter", {"bf16": Path("bf16"), "dequantised": Path("dequantised")},
        sample, tmp_path, max_new_tokens=4, batch_size=4, metrics=ROOT / "evaluate_metrics",
    )  # fmt: skip
    assert [row["correct"] for row in rows] == [8, 9, 8]
    assert [(row["paired"]["wins"], row["paired"]["losses"]) for row in rows[1:]] == [(1, 0), (1, 1)]
    lines = recipe.table(rows).splitlines()
    assert lines[2].startswith("| adapter on NF4 | 12 | 66.7 % | 39.1 % to 86.2 % |  |")
    assert (
        "| merged bf16 | 12 | 75.0 % |" in lines[3] and "8.3 %" in lines[3] and "1 wins, 0 losses" in lines[3]
    )


def recipe_answering(name: str, ask: Any) -> Any:
    """Return who answers, with replies that are given."""
    from spinemed.bench.running.asking import Answering

    return Answering("transformers", name, name, lambda _: ask)


def test_bad_input_is_refused_with_the_way_out(recipe: ModuleType, place: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no adapter_config\.json"):
        recipe.main(["--base", str(place / "tiny"), "--adapter", str(tmp_path), "--out", str(tmp_path / "m")])
    with pytest.raises(ConfigError, match="no item of kind nothing"):
        recipe.main(words(place, tmp_path / "m", "--compare", str(place / "corpus"), "--kind", "nothing"))
    with pytest.raises(SystemExit):
        recipe.main(words(place, tmp_path / "m", "--into", "4bit"))
    assert not (tmp_path / "m").exists(), "bad words are told before anything is merged"
