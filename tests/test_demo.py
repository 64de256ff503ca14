"""The demo keeps finished steps, goes on with a killed one, and clears away what another run left."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return recipes/demo.py as a module, in a working folder of its own."""
    file = Path(__file__).parents[1] / "recipes" / "demo.py"
    spec = importlib.util.spec_from_file_location("demo_recipe", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "demo_recipe", module)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    module.OUT.mkdir()
    return module


def started(demo: ModuleType, key: str) -> tuple[Any, dict[str, Any]]:
    """Return a predicting step that was begun under a key and then killed, with its record."""
    step = demo.Step("predict", "answer", ("spinemed",), (), ("demo/base.jsonl",))
    done: dict[str, Any] = {}
    demo.begin(step, key, done)
    for name in ("base.jsonl", "base.jsonl.run.json"):
        (demo.OUT / name).write_text("answers", encoding="utf-8")
    return step, done


def test_a_killed_step_is_not_kept_but_its_answers_stay_for_the_same_key(demo: ModuleType) -> None:
    step, done = started(demo, "one")
    assert json.loads((demo.OUT / "steps.json").read_text(encoding="utf-8")) == done
    assert not demo.is_kept(step, "one", done)
    demo.begin(step, "one", done)
    assert (demo.OUT / "base.jsonl").exists() and (demo.OUT / "base.jsonl.run.json").exists()


def test_answers_of_another_corpus_make_way_for_the_new_run(demo: ModuleType) -> None:
    step, done = started(demo, "one")
    demo.begin(step, "two", done)
    assert not list(demo.OUT.glob("base.jsonl*"))


def test_a_finished_step_is_kept_until_its_key_or_outputs_change(demo: ModuleType) -> None:
    step, done = started(demo, "one")
    done["predict"]["seconds"] = 3.0
    assert demo.is_kept(step, "one", done)
    assert not demo.is_kept(step, "two", done)
    (demo.OUT / "base.jsonl").unlink()
    assert not demo.is_kept(step, "one", done)
