"""Scores in the Hub's form come back unchanged; tasks for other tools name what the benchmark has."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from typer.testing import CliRunner

from spinemed.answers import parse_answer
from spinemed.bench.data.hub_results import (
    NATIVE,
    TASKS,
    Outcome,
    entries_yaml,
    outcomes_of,
    read_outcomes,
    with_total,
)
from spinemed.bench.data.inspect_rows import METADATA, eval_yaml
from spinemed.bench.data.peers import FORMS, scripted
from spinemed.bench.items import Item
from spinemed.bench.scoring.scorecard import Answerer, Rate, Scorecard
from spinemed.cli.benchdata import app
from spinemed.errors import ConfigError, SourceError

TOOLS = Path(__file__).parents[1] / "dataset_scripts" / "spinebench" / "tasks"


def rate(correct: int, n: int) -> Rate:
    """Return a rate with some interval."""
    return Rate(n=n, correct=correct, value=correct / n, low=0.1, high=0.9)


def card(**changed: object) -> Scorecard:
    """Return a scorecard of 487 choice items: 294 of text, 193 with a picture."""
    model = Answerer(
        name="m",
        predictions_hash="0",
        run=None,
        accuracy=rate(426, 487),
        patients_span=None,
        by_modality={"text": rate(263, 294), "MR": rate(100, 120), "CT": rate(63, 73)},
    )
    plain: dict[str, object] = {
        "config": "choice", "split": "test", "data_hash": "0", "n": 487, "patients": 100, "kinds": {},
        "synthetic": 487, "real": 0, "not_asked": 0, "unscored": 0, "reparsed": 0, "leak_pictures": 0,
        "leak_patients": 0, "model": model, "baselines": (), "metrics": {"spine_choice": "abc123"},
        "versions": {},
    }  # fmt: skip
    return Scorecard.model_validate(plain | changed)


REPORT = Outcome(task_id="report", value=87.24, low=85, high=89.5, n=87, scorer="judge x, rubric 1")


def test_a_scorecard_gives_text_image_and_all_and_with_reports_the_total_of_the_paper() -> None:
    found = {one.task_id: one for one in with_total([*outcomes_of(card()), REPORT])}
    assert set(found) == {"mcq_text", "mcq_image", "mcq_all", "report", "total"}
    assert round(found["mcq_text"].value, 2) == 89.46
    assert round(found["mcq_image"].value, 2) == 84.46
    assert round(found["total"].value, 2) == 87.44
    assert found["total"].n == 574
    assert found["mcq_image"].n == 193
    assert "parser spine_choice abc123" in found["total"].scorer


def test_there_is_no_total_of_parts_alone_and_none_from_open_items() -> None:
    assert "total" not in {one.task_id for one in with_total(outcomes_of(card()))}
    given = Outcome(task_id="total", value=1, n=1, scorer="s")
    assert with_total([*outcomes_of(card()), REPORT, given]).count(given) == 1
    model = card().model.model_copy(update={"accuracy": None})
    with pytest.raises(ConfigError, match="config 'open'"):
        outcomes_of(card(config="open", model=model))


def test_entries_come_back_equal_and_their_date_stays_text() -> None:
    text = entries_yaml([REPORT], "me/spinebench", "abc", "2026-11-22", "https://example.org/card.json")
    read = yaml.safe_load(text)
    assert read[0]["date"] == "2026-11-22"
    assert "date: '2026-11-22'" in text
    entry = parse_eval_result_entries(read)[0]
    assert (entry.dataset_id, entry.task_id, entry.value) == ("me/spinebench", "report", 87.24)
    assert entry.dataset_revision == "abc"
    assert entry.notes == "95 % CI 85.0 to 89.5, n=87, judge x, rubric 1"
    for wrong in ({"date": "22.11.2026"}, {"dataset": "spinebench"}):
        settings = {"dataset": "me/spinebench", "revision": None, "date": "2026-11-22"} | wrong
        with pytest.raises(ConfigError):
            entries_yaml([REPORT], **settings)


def test_the_command_writes_the_file_that_a_model_repository_has(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(card().model_dump_json())
    lines = [REPORT.model_dump(), {"task_id": "level_f1", "value": 60.5, "n": 87, "scorer": "spine_report 1"}]
    (tmp_path / "more.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    given = ["hub-results", str(tmp_path / "card.json"), "--dataset", "me/spinebench", "--date", "2026-11-22"]
    both = [*given, "--outcomes", str(tmp_path / "more.jsonl"), "--out", str(tmp_path / "model")]
    ended = CliRunner().invoke(app, both)
    assert ended.exit_code == 0, ended.output
    written = yaml.safe_load((tmp_path / "model" / ".eval_results" / "spinebench.yaml").read_text())
    assert {one["dataset"]["task_id"] for one in written} == set(TASKS)
    CliRunner().invoke(app, [*both, "--native-only"], catch_exceptions=False)
    written = yaml.safe_load((tmp_path / "model" / ".eval_results" / "spinebench.yaml").read_text())
    assert {one["dataset"]["task_id"] for one in written} == set(NATIVE)


def test_an_outcome_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text('\n{"task_id": "report", "value": 187, "n": 3, "scorer": "s"}\n')
    with pytest.raises(SourceError, match="line 2"):
        read_outcomes(path)
    path.write_text('{"task_id": "bleu", "value": 1, "n": 3, "scorer": "s"}\n')
    with pytest.raises(SourceError, match="task 'bleu'"):
        read_outcomes(path)


def test_the_tasks_that_eval_yaml_names_are_those_that_results_call_native() -> None:
    content = yaml.safe_load(eval_yaml("a", "b", ["mcq_inspect", "mcq_inspect_text", "mcq_inspect_image"]))
    assert {task["id"] for task in content["tasks"]} == set(NATIVE) <= set(TASKS)


def functions_in(path: Path) -> set[str]:
    """Return the functions that a file defines."""
    return {one.name for one in ast.parse(path.read_text()).body if isinstance(one, ast.FunctionDef)}


@pytest.mark.parametrize("task", ["lm_eval/spinebench_text.yaml", "lmms_eval/spinebench.yaml"])
def test_a_task_for_another_tool_names_functions_and_configs_that_exist(task: str) -> None:
    text = (TOOLS / task).read_text(encoding="utf-8")
    for module, function in re.findall(r"!function (\w+)\.(\w+)", text):
        assert function in functions_in((TOOLS / task).with_name(f"{module}.py"))
    content = yaml.safe_load(re.sub(r"!function ", "", text))
    assert content["dataset_name"] in ("choice", "mcq_inspect_text")
    assert content["test_split"] == "test"
    assert "2510.12267" in text
    if task.startswith("lm_eval"):
        strict = content["filter_list"][0]["filter"][0]["regex_pattern"]
        for reply in ("I see.\nAnswer: (C)", "ANSWER: A\nNo.\nANSWER: C", "answer:C."):
            assert re.findall(strict, reply)[-1] == "C"
        assert not re.findall(strict, "The answer is a vertebra")


def test_the_inspect_task_reads_columns_that_the_benchmark_has() -> None:
    from spinemed.bench.data.columns import columns_of

    tree = ast.parse((TOOLS / "inspect_task.py").read_text(encoding="utf-8"))
    assigned = next(one for one in tree.body if isinstance(one, ast.Assign) and "COLUMNS" in ast.dump(one))
    assert set(ast.literal_eval(assigned.value)) <= set(columns_of("choice"))
    assert "spinebench" in functions_in(TOOLS / "inspect_task.py")
    assert "case_id" in METADATA


def item(number: int) -> Item:
    """Return a choice item of four levels."""
    return Item(
        id=f"i{number}", question="Which level?", options=("L2", "L3", "L4", "L5"), answer="ABCD"[number % 4],
        level="L4", kind="marked_level", modality="MR", patient=f"p{number}", synthetic=True, marker=None,
        spacing_mm=1.0, width=10, height=10,
    )  # fmt: skip


def test_our_parser_scores_every_form_of_a_scripted_reply_as_it_deserves() -> None:
    replies = scripted([item(number) for number in range(8 * len(FORMS))])
    assert {one.form for one in replies} == set(FORMS)
    assert not [(one.form, one.text) for one in replies if one.ours != one.deserves]
    meant = [one for one in replies if one.means]
    assert 0.6 < sum(one.deserves for one in meant) / len(meant) < 0.9
    two = next(one for one in replies if one.form == "two letters")
    assert parse_answer(two.text, two.item.lettered).status == "ambiguous"
