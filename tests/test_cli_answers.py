"""`spinemed answers`: a line out for a line in, at once; an error line and exit code 1 for a bad one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spinemed.answer_lines import answer_lines
from spinemed.cli.answers import app
from spinemed.errors import SourceError

RUNNER = CliRunner()
GOOD = {"id": "a", "options": {"A": "L3", "B": "L4"}, "response": "L4 (B)"}


def line(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode() + b"\n"


def run(data: bytes, *arguments: str) -> tuple[int, list[dict[str, object]]]:
    result = RUNNER.invoke(app, [*arguments, "-"], input=data)
    return result.exit_code, [json.loads(found) for found in result.stdout.splitlines()]


def test_a_line_gives_the_choice_and_keeps_its_id() -> None:
    code, found = run(
        line() + line(id=7, response="A or B") + line(id="c", options=["L3", "L4"], response="a")
    )
    assert code == 0
    assert found[0] == {
        "id": "a", "status": "answered", "letters": ["B"], "rule": "whole", "span": [4, 5], "conflict": False,
    }  # fmt: skip
    assert [(one["id"], one["status"]) for one in found] == [
        ("a", "answered"),
        (7, "ambiguous"),
        ("c", "answered"),
    ]


def test_several_letters_a_cut_reply_and_strict_reading() -> None:
    code, found = run(
        line(id=1, response="A, B", multiple=True)
        + line(id=2, response="Counting from the", finish_reason="length")
        + line(id=3, response="Answer: A. L4"),
        "--strict",
    )
    assert code == 0
    assert [one["letters"] for one in found] == [["A", "B"], [], []]
    assert [one["status"] for one in found] == ["answered", "truncated", "ambiguous"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"L4 (B)\n", "not JSON: Expecting value at column 1"),
        (b"[1]\n", "a line is an object"),
        (b'{"response": "A"}\n', "no 'options' given"),
        (b'{"options": ["L3", "L4"]}\n', "no 'response' given"),
        (b'{"options": ["L3", "L4"], "response": NaN}\n', "'response' is float: nan"),
        (b'{"options": ["L3", "L4"], "response": "A", "key": "A"}\n', "unknown field 'key'"),
        (b'{"options": ["L3"], "response": "A"}\n', "two or more"),
        (b'{"options": {"A": "L3", "B": ""}, "response": "A"}\n', "option B has no wording"),
        (b'{"options": "L3", "response": "A"}\n', "'options' is an object or a list"),
        (b'{"id": true, "options": ["L3", "L4"], "response": "A"}\n', "'id' is bool"),
        (b'{"options": ["L3", "L4"], "response": "\xff"}\n', "byte 40 (0xff) is not valid UTF-8"),
        (line(), "the id 'a' is also on line 1"),
        (b"[" * 200_000, "nested too deep"),
    ],
)
def test_a_bad_line_is_an_error_with_its_number_and_the_rest_is_read(bad: bytes, message: str) -> None:
    code, found = run(line() + b"\n" + bad.rstrip(b"\n") + b"\n" + line(id="z"))
    assert code == 1
    assert [one.get("status") for one in found] == ["answered", None, "answered"]
    assert found[1]["line"] == 3
    assert message in str(found[1]["error"])


def test_a_file_is_read_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + line())
    assert json.loads(RUNNER.invoke(app, [str(path)]).stdout)["letters"] == ["B"]
    missing = RUNNER.invoke(app, [str(tmp_path / "none.jsonl")])
    assert isinstance(missing.exception, SourceError)
    assert "none.jsonl" in str(missing.exception)


def test_lone_surrogates_and_a_large_reply_pass_through() -> None:
    large = "word " * 200_000 + "Answer: B"
    found = [
        json.loads(text) for text, _ in answer_lines([line(response="B\ud800"), line(id="b", response=large)])
    ]
    assert [one["letters"] for one in found] == [["B"], ["B"]]
    assert large[slice(*found[1]["span"])] == "B"


def test_each_line_is_answered_before_the_next_one_is_sent() -> None:
    command = [sys.executable, "-c", "from spinemed.cli.answers import app; app()", "-"]
    environment = os.environ | {"PYTHONUNBUFFERED": ""}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in ("x", "y"):
            process.stdin.write(line(id=name))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == name
        process.stdin.close()
        assert process.wait() == 0
