"""A run against a server: what is asked, what is stored, what a kill costs, what the cache saves."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from bench_corpus import write_corpus
from loopback import Loopback, Said, completion, loopback
from typer.testing import CliRunner

from spinemed.bench.items import stored
from spinemed.bench.running.predict import Sample
from spinemed.bench.running.runs import failures_file, read_predictions, read_run
from spinemed.cli.running import app
from spinemed.errors import OutputError

pytest.importorskip("openai", reason="an endpoint needs the extra `llm`")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def words(server: Loopback, corpus: Path, out: Path, *more: str) -> list[str]:
    return [
        "predict", "--backend", "openai", "--base-url", server.base_url, "--model", "served", "--data",
        str(corpus), "--out", str(out), "--in-flight", "4", "--attempts", "1", *more,
    ]  # fmt: skip


def run(server: Loopback, corpus: Path, out: Path, *more: str) -> Any:
    return CliRunner().invoke(app, words(server, corpus, out, *more))


def always_a(request: dict[str, Any], number: int) -> Said:
    return completion("The answer is A.")


def test_a_server_is_asked_what_the_corpus_asks_and_its_replies_are_stored(
    corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "p.jsonl"
    with loopback(lambda *_: completion("The answer is", "length")) as server:
        result = run(server, corpus, out, "--limit", "9", "--revision", "r7", "--max-new-tokens", "5")
        assert result.exception is None, result.output
    questions, _ = Sample(corpus, "choice", limit=9).questions()
    rows = list(stored(corpus, "choice", "test", [each.item.id for each in questions]))
    expected = set()
    for row in rows:
        uri = "data:image/png;base64," + base64.b64encode(row["images"][0]["bytes"]).decode()
        expected.add((uri, row["messages"][0]["content"]))
    asked = set()
    for request in server.requests:
        (message,) = request["messages"]
        picture, text = message["content"]
        asked.add((picture["image_url"]["url"], text["text"]))
        assert (request["max_tokens"], request["temperature"], request["model"]) == (5, 0.0, "served")
    assert asked == expected
    found = [prediction for _, prediction in read_predictions(out)]
    assert {(each.status, each.finish_reason, each.revision, each.tokens) for each in found} == {
        ("truncated", "length", "r7", 3)
    }
    described = read_run(out)
    assert described is not None
    assert (described.backend, described.decoding, described.revision) == ("openai", "temperature 0", "r7")


def test_failures_are_no_predictions_and_are_asked_again(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    faults = [Said("busy", 503), Said("{garbage"), Said(closes=True), Said({"choices": []})]

    def faulty(request: dict[str, Any], number: int) -> Said:
        return faults[number // 5] if number % 5 == 0 and number < 20 else always_a(request, number)

    with loopback(faulty) as server:
        result = run(server, corpus, out)
        assert isinstance(result.exception, OutputError)
        said = str(result.exception)
        assert "4 of 40 questions have no reply" in said
        assert "1 other reasons" in said
        assert failures_file(out).name in said
        lost = [json.loads(line) for line in failures_file(out).read_text().splitlines()]
        answered = {prediction.instance for _, prediction in read_predictions(out)}
        assert len(answered) == 36
        assert not answered & {each["instance"] for each in lost}
        assert any("status 503" in each["reason"] for each in lost)
        assert run(server, corpus, out).exception is None
        assert len(server.requests) == 44
    assert len(read_predictions(out)) == 40
    assert not failures_file(out).exists()


def test_a_killed_run_repeats_at_most_what_was_in_flight(corpus: Path, tmp_path: Path) -> None:
    out, answered, slots = tmp_path / "p.jsonl", 12, 4
    all_out, killed = threading.Event(), threading.Event()

    def until_killed(request: dict[str, Any], number: int) -> Said:
        if number == answered + slots - 1:
            all_out.set()
        if number >= answered and not killed.is_set():
            killed.wait(60)
            return Said(closes=True)
        return always_a(request, number)

    with loopback(until_killed) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "spinemed.cli", *words(server, corpus, out)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert all_out.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed.set()
        stored = out.read_bytes()
        assert len(read_predictions(out)) == answered, "a slot was free before its reply was on the disk"
        assert run(server, corpus, out).exception is None
        counts = server.asked()
    assert out.read_bytes().startswith(stored)
    found = [prediction.instance for _, prediction in read_predictions(out)]
    assert len(found) == len(set(found)) == 40
    assert len(counts) == 40
    assert Counter(counts.values()) == {1: 40 - slots, 2: slots}


def test_the_cache_answers_a_second_run_and_a_changed_question_is_asked(corpus: Path, tmp_path: Path) -> None:
    cache = ("--limit", "8", "--cache", str(tmp_path / "ledger.jsonl"))
    with loopback(always_a) as server:
        assert run(server, corpus, tmp_path / "a.jsonl", *cache).exception is None
        assert run(server, corpus, tmp_path / "b.jsonl", *cache).exception is None
        assert len(server.requests) == 8
        assert run(server, corpus, tmp_path / "c.jsonl", *cache, "--control", "blank").exception is None
        assert len(server.requests) == 16
        assert run(server, corpus, tmp_path / "d.jsonl", *cache, "--max-new-tokens", "17").exception is None
        assert len(server.requests) == 24
    first, second = (
        {each.instance: each.text for _, each in read_predictions(tmp_path / name)}
        for name in ("a.jsonl", "b.jsonl")
    )
    assert first == second


def test_a_server_that_hangs_ends_the_run_with_the_reason(corpus: Path, tmp_path: Path) -> None:
    with loopback(lambda *_: Said(hangs=True)) as server:
        result = run(server, corpus, tmp_path / "p.jsonl", "--limit", "3", "--timeout", "0.05")
    assert "3 of 3 questions have no reply (3 x no reply within 0.05 s)" in str(result.exception)
