"""Every metric folder: loads by evaluate.load, gives its worked cases, runs alone when copied away."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
FOLDERS = sorted(path.parent for path in (ROOT / "evaluate_metrics").glob("*/cases.json"))
LIBRARY = ROOT / "src" / "spinemed"
ALONE = """
import json, pathlib, runpy, sys
sys.modules["spinemed"] = None  # an import of the library now fails
import evaluate
said = {}
for name in sys.argv[1:]:
    folder = pathlib.Path(name)
    metric = evaluate.load(str(folder))
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    app = runpy.run_path(str(folder / "app.py"))
    boxes = [part.value for part in app["build"]().blocks.values() if part.__class__.__name__ == "Textbox"]
    said[folder.name] = [metric.compute(**case["inputs"]) for case in cases], app["score"](*boxes)
print(json.dumps(said))
"""


@pytest.fixture(autouse=True)
def modules_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "HF_MODULES_CACHE", "HF_EVALUATE_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def load(folder: Path) -> Any:
    import evaluate

    return evaluate.load(str(folder), keep_in_memory=True)


def assert_holds(result: dict[str, Any], expected: dict[str, Any], name: str) -> None:
    for key, value in expected.items():
        seen = result[key]
        assert seen == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value), (name, key)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_metric_loads_from_its_folder_and_gives_its_worked_cases(folder: Path) -> None:
    metric = load(folder)
    for case in json.loads((folder / "cases.json").read_text(encoding="utf-8")):
        result = metric.compute(**case["inputs"])
        assert_holds(result, case["expected"], case["name"])
        assert json.loads(json.dumps(result, allow_nan=False)) == result  # plain Python values


def test_metrics_and_their_pages_run_alone_without_the_library(tmp_path: Path) -> None:
    copies = [shutil.copytree(folder, tmp_path / folder.name, symlinks=False) for folder in FOLDERS]
    assert not any(path.is_symlink() for path in tmp_path.rglob("*.py"))
    command = [sys.executable, "-I", "-c", ALONE, *map(str, copies)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    for folder in FOLDERS:
        results, page = said[folder.name]
        cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
        for case, result in zip(cases, results, strict=True):
            assert_holds(result, case["expected"], case["name"])
        assert page["n"] == 2


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_metric_carries_and_names_every_module_that_it_needs(folder: Path) -> None:
    def imported(path: Path) -> set[str]:
        return set(re.findall(r"^from \.(\w+) import", path.read_text(encoding="utf-8"), re.MULTILINE))

    named = imported(folder / f"{folder.name}.py")
    needed, todo = set(), set(named)
    while todo:
        module = todo.pop()
        needed.add(module)
        todo |= imported(LIBRARY / f"{module}.py") - needed
    assert named == needed, "evaluate copies only modules that the metric's own file imports"
    links = {path.stem: path for path in folder.glob("*.py") if path.is_symlink()}
    assert set(links) == needed
    for name, link in links.items():
        assert link.readlink() == Path("../../src/spinemed") / f"{name}.py"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_metric_card_carries_what_a_space_needs(folder: Path) -> None:
    head = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert head["title"] == folder.name
    assert (head["sdk"], head["app_file"], head["tags"]) == ("gradio", "app.py", ["evaluate", "metric"])
    assert {"emoji", "colorFrom", "colorTo", "sdk_version", "description"} <= set(head)
    assert (folder / "requirements.txt").is_file()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_worked_value_in_the_docstring_holds(folder: Path) -> None:
    module = sys.modules[type(load(folder)).__module__]
    result = doctest.testmod(module)
    assert result.attempted >= 3
    assert result.failed == 0


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"predictions": [], "references": [], "options": []}, "at least one prediction"),
        (
            {"predictions": ["A"], "references": ["C"], "options": ['["L1", "L2"]']},
            "item 0: the reference 'C'",
        ),
        ({"predictions": ["A"], "references": ["A"], "options": ["L1"]}, "item 0"),
        (
            {"predictions": ["A"], "references": ["A"], "options": ['["L1", "L2"]'], "levels": []},
            "0 names for 1",
        ),
    ],
)
def test_spine_choice_names_the_item_with_bad_input(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(ROOT / "evaluate_metrics" / "spine_choice").compute(**inputs)


def test_spine_level_names_the_item_with_a_bad_reference() -> None:
    with pytest.raises(ValueError, match="item 1: 'L4/5'"):
        load(ROOT / "evaluate_metrics" / "spine_level").compute(
            predictions=["L4", "L4"], references=["L4", "L4/5"]
        )


@pytest.mark.parametrize(
    ("site", "truth", "steps"),
    [
        ("L4", "L4", 0),
        ("T12", "L1", -1),
        ("T13", "L1", -1),
        ("S1", "L6", 1),
        ("L4", "L4-L5", -0.5),
        ("C1", "Co", -29),
    ],
)
def test_spine_level_counts_steps_along_the_spine(site: str, truth: str, steps: float) -> None:
    metric = load(ROOT / "evaluate_metrics" / "spine_level")
    there = metric.compute(predictions=[site], references=[truth])
    assert there["mean_shift"] == steps
    assert metric.compute(predictions=[truth], references=[site])["mean_shift"] == -steps


def test_shifting_both_sides_by_a_level_leaves_the_distance() -> None:
    metric = load(ROOT / "evaluate_metrics" / "spine_level")
    names = [f"T{number}" for number in range(1, 13)] + [f"L{number}" for number in range(1, 6)]
    low = metric.compute(predictions=names[2:-1], references=names[:-3])
    high = metric.compute(predictions=names[3:], references=names[1:-2])
    assert low["mean_distance"] == high["mean_distance"] == 2.0
    assert low["mean_shift"] == 2.0


def test_hostile_replies_are_scored_and_never_right() -> None:
    replies = ["\ufffd\x00", "A " * 5000, "🦴", "nan", "<think>", '{"answer": null}']
    result = load(ROOT / "evaluate_metrics" / "spine_choice").compute(
        predictions=replies, references=["B"] * 6, options=['["L1", "L2"]'] * 6
    )
    assert result["correct"] == 0
