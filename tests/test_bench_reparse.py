"""Stored replies read again: states that changed are shown, counted, and written where it was asked for."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest
from bench_corpus import write_corpus
from typer.testing import CliRunner

from spinemed.bench.running.predict import Sample
from spinemed.bench.running.runs import read_predictions, sidecar
from spinemed.cli.running import app
from spinemed.errors import ConfigError, OutputError, SourceError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def spinemed(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def stored(corpus: Path, tmp_path: Path, control: str = "none") -> Path:
    """Make predictions that are all right, then spoil some stored states as an older parser would have."""
    questions, _ = Sample(corpus, "choice", control=control).questions()
    replies, out = tmp_path / "replies.jsonl", tmp_path / "p.jsonl"
    rows = [
        {"id": each.item.id, "order": each.order, "response": f"It is ({each.shown.answer})"}
        for each in questions
    ]
    rows[2]["response"], rows[2]["finish_reason"] = "Because", "length"
    replies.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = spinemed("predict", "--backend", "replay", "--replies", str(replies), "--data", str(corpus),
                    "--control", control, "--out", str(out))  # fmt: skip
    assert made.exception is None, made.output
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    lines.sort(key=lambda line: line["status"] == "truncated")
    lines.insert(2, lines.pop())
    assert lines[2]["status"] == "truncated"
    lines[0] |= {"status": "no_answer", "choice": ""}
    lines[1] |= {"choice": "A" if lines[1]["choice"] != "A" else "B"}
    lines[2] |= {"status": "no_answer"}
    out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return out


@pytest.mark.parametrize("control", ["none", "shuffled"])
def test_changed_states_are_shown_and_what_accuracy_does(corpus: Path, tmp_path: Path, control: str) -> None:
    path = stored(corpus, tmp_path, control)
    before = path.read_bytes()
    result = spinemed("reparse", str(path), "--data", str(corpus))
    assert result.exception is None, result.output
    assert "40 replies, 3 read differently today" in result.output
    assert "1 no_answer -> answered" in result.output
    assert "1 no_answer -> truncated" in result.output
    assert "line 3: 'Because'" in result.output
    assert "0.9250 (37 of 40), 0.9750 (39 of 40) now" in result.output
    assert path.read_bytes() == before
    shown = json.loads(spinemed("reparse", str(path), "--data", str(corpus), "--json").stdout)
    assert (shown["right_before"], shown["right_after"], shown["n"]) == (37, 39, 40)
    assert sorted(change["lines"][0] for change in shown["changes"]) == [1, 2, 3]


def test_the_new_states_go_to_a_new_file_or_replace_the_old_one_with_a_backup(
    corpus: Path, tmp_path: Path
) -> None:
    path, new = stored(corpus, tmp_path), tmp_path / "new.jsonl"
    before = path.read_bytes()
    assert spinemed("reparse", str(path), "--data", str(corpus), "--out", str(new)).exception is None
    assert path.read_bytes() == before
    assert sidecar(new).read_bytes() == sidecar(path).read_bytes()
    assert spinemed("reparse", str(path), "--data", str(corpus), "--in-place").exception is None
    assert path.read_bytes() == new.read_bytes() != before
    assert path.with_name("p.jsonl.bak").read_bytes() == before
    assert [each.text for _, each in read_predictions(path)][2] == "Because"
    again = spinemed("reparse", str(path), "--data", str(corpus))
    assert "0 read differently" in again.output
    assert "(39 of 40), unchanged" in again.output


def test_nothing_is_replaced_that_is_there_or_being_written(corpus: Path, tmp_path: Path) -> None:
    path, new = stored(corpus, tmp_path), tmp_path / "new.jsonl"
    new.write_text("mine")
    result = spinemed("reparse", str(path), "--data", str(corpus), "--out", str(new))
    assert isinstance(result.exception, OutputError)
    assert new.read_text() == "mine"
    both = spinemed("reparse", str(path), "--data", str(corpus), "--out", str(new), "--in-place")
    assert isinstance(both.exception, ConfigError)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        busy = spinemed("reparse", str(path), "--data", str(corpus), "--in-place")
    assert "being written" in str(busy.exception)


def test_predictions_of_something_else_are_refused(corpus: Path, tmp_path: Path) -> None:
    path = stored(corpus, tmp_path)
    wrong = spinemed("reparse", str(path), "--data", str(corpus), "--config", "open")
    assert "answers choice/test, not open/test" in str(wrong.exception)
    sidecar(path).unlink()
    nameless = spinemed("reparse", str(path), "--data", str(corpus))
    assert isinstance(nameless.exception, ConfigError)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[1].replace("testchoice", "elsewhere"))
    told = ("--data", str(corpus), "--config", "choice", "--split", "test")
    unknown = spinemed("reparse", str(path), *told)
    assert isinstance(unknown.exception, SourceError)
    assert "line 2: elsewhere" in str(unknown.exception)
    path.write_text(lines[0].replace('"order": ""', '"order": "ABCC"'))
    assert "line 1: order 'ABCC'" in str(spinemed("reparse", str(path), *told).exception)
