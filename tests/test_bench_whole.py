"""The whole benchmark in one command: every config and control into one folder, then scorecards and pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_corpus import write_corpus
from loopback import Said, completion, loopback
from typer.testing import CliRunner

from spinemed.bench.running.controls import CONTROLS
from spinemed.bench.running.predict import Sample
from spinemed.bench.running.progress import in_bar, in_lines, line
from spinemed.bench.running.runs import read_predictions, read_run
from spinemed.bench.whole import Part, parts
from spinemed.cli import running
from spinemed.errors import ConfigError, OutputError

METRICS = str(Path(__file__).parent.parent / "evaluate_metrics")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def bench(*words: str) -> Any:
    return CliRunner().invoke(running.bench_app, ["run", "--metrics", METRICS, *words])


def write_replies(corpus: Path, folder: Path, asked: list[Part]) -> None:
    """Write replies of a reader who knows everything, also without pictures."""
    folder.mkdir()
    for part in asked:
        questions, _ = Sample(corpus, part.config, control=part.control, limit=12).questions()
        rows = [
            {"id": each.item.id, "order": each.order, "model": "oracle", "response": each.item.truth}
            for each in questions
        ]
        part.file(folder).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_one_command_leaves_one_folder_with_predictions_scorecards_and_pages(
    corpus: Path, tmp_path: Path
) -> None:
    out, controls = tmp_path / "run", ["blank", "circular"]
    asked = parts(corpus, "test", [], controls)
    assert [part.name for part in asked] == [
        "choice",
        "choice.blank",
        "choice.circular",
        "open",
        "open.blank",
    ]
    write_replies(corpus, tmp_path / "replies", asked)
    words = [
        "--backend", "replay", "--replies", str(tmp_path / "replies"), "--data", str(corpus),
        "--out", str(out), "--limit", "12", *(word for name in controls for word in ("--control", name)),
    ]  # fmt: skip
    result = bench(*words)
    assert result.exception is None, (result.exception, result.output)
    assert "choice.circular: 48 questions, 48 answered now" in result.output
    for part in asked:
        run = read_run(part.file(out))
        assert run is not None
        assert (run.config, run.control) == (part.config, part.control)
        assert len(read_predictions(part.file(out))) == run.items
    card = json.loads((out / "scorecard.choice.json").read_text())
    assert card["model"]["accuracy"]["value"] == 1.0
    assert {each["name"] for each in card["controls"]} == {"blank", "circular"}
    assert json.loads((out / "scorecard.open.json").read_text())["model"]["level"]["exact"] == 1.0
    opened = json.loads((out / "scorecard.open.json").read_text())["model"]
    assert (opened["accuracy"], opened["exact"]["value"]) == (None, 1.0)
    for config in ("choice", "open"):
        assert (out / f"report.{config}.html").stat().st_size > 1000
        assert (out / f"report.{config}.png").is_file()
    again = bench(*words)
    assert again.exception is None
    assert "choice.circular: 48 questions, 0 answered now" in again.output


def test_a_part_that_is_unfinished_does_not_stop_the_others_and_nothing_is_scored(
    corpus: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openai", reason="an endpoint needs the extra `llm`")

    def fails_on_open(request: dict[str, Any], number: int) -> Said:
        return completion("A.") if number < 6 else Said("no", 400)  # choice is asked first

    out = tmp_path / "run"
    with loopback(fails_on_open) as server:
        result = bench("--backend", "openai", "--base-url", server.base_url, "--model", "m", "--data",
                       str(corpus), "--out", str(out), "--limit", "6")  # fmt: skip
    assert isinstance(result.exception, OutputError)
    assert "open: 6 of 6 (status 400: no)" in str(result.exception)
    assert "choice: 6 questions, 6 answered now" in result.output
    assert not list(out.glob("scorecard*"))


def test_names_that_do_not_fit_are_refused_before_anything_is_asked(corpus: Path) -> None:
    with pytest.raises(ConfigError, match="no control 'mirror'"):
        parts(corpus, "test", [], ["mirror"])
    with pytest.raises(ConfigError, match="no config 'dialogue' can be answered"):
        parts(corpus, "test", ["dialogue"], [])
    with pytest.raises(ConfigError, match=r"only \['choice', 'open'\]"):
        parts(corpus, "test", ["report"], [])
    names = [part.name for part in parts(corpus, "test", ["open"], list(CONTROLS))]
    assert names == ["open", "open.blank", "open.text", "open.wrong_image"]


def test_progress_passes_everything_through_and_says_where_it_stands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from rich.console import Console

    groups = [[1, 2], [3], [4, 5, 6]]
    assert list(in_lines("choice", groups, 6, every_s=0)) == groups
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("choice: 2 of 6, ")
    assert said[0].endswith(" left")
    assert said[2].startswith("choice: 6 of 6, ")
    assert list(in_bar("choice", groups, 6, Console(quiet=True))) == groups
    assert line("x", 0, 6, 0.0) == "x: 0 of 6, 0.00/s"
