"""Replies in a file: anybody's model is scored without it, and every flaw is named with its line."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from bench_corpus import write_corpus
from typer.testing import CliRunner

from spinemed.bench.running import replies as reading
from spinemed.bench.running.predict import Sample
from spinemed.bench.running.replies import LONGEST_LINE, LONGEST_REPLY, read_replies
from spinemed.bench.running.runs import failures_file, read_predictions, read_run
from spinemed.cli.running import app
from spinemed.errors import ConfigError, OutputError, SourceError

KNOWN = {("a", ""), ("b", ""), ("c", ""), ("c", "BA")}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def file_of(tmp_path: Path, *lines: bytes | str | dict[str, Any]) -> Path:
    path = tmp_path / "replies.jsonl"
    texts = (json.dumps(line) if isinstance(line, dict) else line for line in lines)
    path.write_bytes(b"\n".join(text.encode() if isinstance(text, str) else text for text in texts) + b"\n")
    return path


def test_replies_are_read_with_model_order_and_finish_reason(tmp_path: Path) -> None:
    given = read_replies(
        file_of(
            tmp_path,
            {"id": "a", "response": "L4", "model": "m", "revision": "r"},
            "",
            {"id": "c", "response": "", "model": "m", "revision": "r", "finish_reason": "length"},
            {"id": "c", "response": "B", "order": "BA", "model": "m", "revision": "r", "tokens": None},
        ),
        KNOWN,
    )
    assert (given.model, given.revision) == ("m", "r")
    assert {key: reply.text for key, reply in given.replies.items()} == {
        ("a", ""): "L4", ("c", ""): "", ("c", "BA"): "B",
    }  # fmt: skip
    assert given.replies["c", ""].finish_reason == "length"


GOOD = '{"id": "a", "response": "L4"}'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a", "response": "again"}', "line 2: 'a' was answered in line 1 already"),
        ('{"id": "z", "response": "x"}', "to no question that is asked, the first in line 2, id 'z'"),
        ('{"id": "b", "response": "x", "order": "BA"}', "to no question that is asked"),
        ('{"id": "b", "response": "x", "model": "other"}', "line 2: model 'other'"),
        ('{"id": "b"}', "line 2: it lacks response"),
        ('{"id": "b", "response": null}', "line 2: response is null; it must be text"),
        ('{"id": "b", "response": 3}', "line 2: response is int"),
        ('{"id": "", "response": "x"}', "line 2: the id is empty"),
        ('{"id": "b", "response": "x", "score": 1}', "line 2: unknown field 'score'"),
        ('{"id": "b", "response": "x", "tokens": true}', "line 2: tokens is bool"),
        ('{"id": "b", "response": "x", "seconds": NaN}', "line 2 is no JSON (NaN is no JSON number)"),
        ('{"id": "b", "response": "x", "seconds": -Infinity}', "line 2 is no JSON"),
        (b'{"id": "b", "response": "\xff\xfe"}', "line 2 is no JSON (invalid UTF-8)"),
        ('{"id": "b", "response": "torn', "line 2 is no JSON"),
        ("[" * 100_000, "line 2 is no JSON"),
        ("[1, 2]", "line 2: it must be an object with id and response, not list"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str | bytes, said: str) -> None:
    with pytest.raises(SourceError) as error:
        read_replies(file_of(tmp_path, GOOD, line), KNOWN)
    assert said in str(error.value)


def test_an_empty_or_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no reply"):
        read_replies(file_of(tmp_path, "", " "), KNOWN)
    with pytest.raises(SourceError, match="does not exist"):
        read_replies(tmp_path / "none.jsonl", KNOWN)


def test_a_reply_of_100_megabytes_is_refused_without_filling_memory_or_time(tmp_path: Path) -> None:
    path = file_of(tmp_path, GOOD)
    with path.open("ab") as file:
        file.write(b'{"id": "b", "response": "')
        for _ in range(100):
            file.write(b"A" * 1_000_000)
        file.write(b'"}\n')
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(SourceError, match="line 2 has more than"):
        read_replies(path, KNOWN)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * LONGEST_LINE
    assert time.process_time() - start < 2


def test_a_reply_beyond_the_longest_is_refused_and_one_below_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LONGEST_LINE > 6 * LONGEST_REPLY
    monkeypatch.setattr(reading, "LONGEST_REPLY", 1000)
    read_replies(file_of(tmp_path, {"id": "a", "response": "x" * 1000}), KNOWN)
    with pytest.raises(SourceError, match="line 1: the response has 1,001 characters; 1,000 are the most"):
        read_replies(file_of(tmp_path, {"id": "a", "response": "x" * 1001}), KNOWN)


def replay(corpus: Path, path: Path, *words: str) -> Any:
    out = path.with_name("out.jsonl")
    options = ["--backend", "replay", "--replies", str(path), "--data", str(corpus), "--out", str(out)]
    return CliRunner().invoke(app, ["predict", *options, *words]), out


def test_missing_replies_are_counted_listed_and_filled_in_later(corpus: Path, tmp_path: Path) -> None:
    questions, _ = Sample(corpus, "choice").questions()
    lines = [{"id": each.item.id, "response": f"{each.item.answer}.", "model": "m"} for each in questions]
    result, out = replay(corpus, file_of(tmp_path, *lines[:37]))
    assert isinstance(result.exception, OutputError)
    assert "3 of 40 questions have no reply (3 x replies.jsonl holds no reply to it)" in str(result.exception)
    lost = [json.loads(line) for line in failures_file(out).read_text().splitlines()]
    assert {each["instance"] for each in lost} == {each.item.id for each in questions[37:]}
    assert len(lost) == 3
    assert len(read_predictions(out)) == 37
    result, _ = replay(corpus, file_of(tmp_path, *lines))
    assert result.exception is None, result.output
    assert "40 answers" in result.output
    assert "3 made now" in result.output
    assert not failures_file(out).exists()
    assert {prediction.status for _, prediction in read_predictions(out)} == {"answered"}
    run = read_run(out)
    assert run is not None
    assert (run.backend, run.model, run.control) == ("replay", "m", "none")


def test_replies_to_rotated_options_are_read_in_their_order(corpus: Path, tmp_path: Path) -> None:
    questions, _ = Sample(corpus, "choice", control="circular").questions()
    lines = [{"id": each.item.id, "order": each.order, "response": each.item.truth} for each in questions]
    result, out = replay(corpus, file_of(tmp_path, *lines), "--control", "circular")
    assert result.exception is None, result.output
    shown = {each.key: each.shown.answer for each in questions}
    found = read_predictions(out)
    assert len(found) == 160
    assert all(each.choice == shown[each.instance, each.order] for _, each in found)
    assert {each.model for _, each in found} == {"replies"}


def test_options_that_do_not_go_together_are_refused(corpus: Path, tmp_path: Path) -> None:
    path = file_of(tmp_path, GOOD)
    for words, said in (
        (["--backend", "replay"], "needs --replies"),
        (["--backend", "vllm", "--model", "m"], "no back end 'vllm'"),
        (["--backend", "openai"], "needs --model"),
        (["--model", "m", "--replies", str(path)], "--replies are for"),
    ):
        result = CliRunner().invoke(app, ["predict", "--out", str(tmp_path / "o"), *words])
        assert isinstance(result.exception, ConfigError), words
        assert said in str(result.exception)
