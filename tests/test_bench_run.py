"""From a corpus on disk to a scorecard: sampling, answering, resuming, joining, scoring, refusing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bench_corpus import picture, write_corpus
from typer.testing import CliRunner

from spinemed.bench.items import pick, read_items
from spinemed.bench.running import predict as bench
from spinemed.bench.running.asking import in_batches
from spinemed.bench.running.runs import Run, append, read_predictions, resumed, sidecar
from spinemed.cli import app
from spinemed.errors import ConfigError, OutputError, SourceError, SpinemedError
from spinemed.llm.chat import Reply

ROOT = Path(__file__).parent.parent
METRICS = str(ROOT / "evaluate_metrics")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def a_run(**changed: Any) -> Run:
    fields = {
        "model": "m", "model_hash": "1", "config": "choice", "split": "test", "data_hash": "d",
        "max_new_tokens": 16, "items": 40,
    }  # fmt: skip
    return Run(**(fields | changed))


def reply(text: str, finish_reason: str = "stop") -> Reply:
    return Reply(text, finish_reason, 5, 3, 0.1)


def answer_all(
    corpus: Path, out: Path, replies: dict[str, str], config: str = "choice", stop_after: int = 10**9
) -> int:
    """Run the real runner with a back end that looks replies up and breaks down after some batches."""
    questions, _ = bench.Sample(corpus, config).questions()
    run = a_run(config=config, data_hash=bench.corpus_hash(corpus, config, "test"), items=len(questions))
    calls = 0

    def answer(prompts: Sequence[dict[str, Any]]) -> list[Reply]:
        nonlocal calls
        calls += 1
        if calls > stop_after:
            raise KeyboardInterrupt
        assert all([turn["role"] for turn in prompt["messages"]] == ["user"] for prompt in prompts)
        assert all(prompt["images"] for prompt in prompts)
        return [reply(replies[prompt["id"]]) for prompt in prompts]

    outcome = bench.predict(
        questions,
        run,
        corpus,
        out,
        lambda: in_batches(answer, 8),
        say=lambda _: None,
        track=lambda groups, _: iter(groups),
    )
    return outcome.made


def right_replies(corpus: Path, config: str = "choice") -> dict[str, str]:
    items = read_items(corpus, config, "test")
    return {item.id: f"{item.truth} ({item.answer})" if item.options else item.truth for item in items}


def spinemed(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_a_sample_is_a_prefix_of_one_fixed_order(corpus: Path) -> None:
    items = read_items(corpus, "choice", "test")
    assert len(items) == 40
    assert [item.id for item in items] != sorted(item.id for item in items)
    few, more = pick(items, limit=5), pick(items, limit=9)
    assert [item.id for item in more][:5] == [item.id for item in few]
    assert {item.kind for item in pick(items, kinds=["level_above"])} == {"level_above"}
    assert all(item.synthetic for item in pick(items, synthetic_only=True))
    assert (items[0].width, items[0].height) == (40, 56)


def test_unknown_names_are_refused_with_the_known_ones(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a folder"):
        read_items(tmp_path / "none", "choice", "test")
    with pytest.raises(ConfigError, match=r"no config 'report'.*choice"):
        read_items(corpus, "report", "test")
    with pytest.raises(ConfigError, match=r"no split 'tests'.*train"):
        read_items(corpus, "choice", "tests")
    with pytest.raises(ConfigError, match=r"kind marked.*marked_level"):
        pick(read_items(corpus, "choice", "test"), kinds=["marked"])


def test_a_killed_run_goes_on_where_it_was_and_a_torn_line_is_cut(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    replies = right_replies(corpus)
    with pytest.raises(KeyboardInterrupt):
        answer_all(corpus, out, replies, stop_after=2)
    assert len(read_predictions(out)) == 16
    whole = out.read_bytes()
    out.write_bytes(whole[:-30])
    assert answer_all(corpus, out, replies) == 25
    found = read_predictions(out)
    assert len({prediction.instance for _, prediction in found}) == len(found) == 40
    assert out.read_bytes().startswith(whole[: whole[:-30].rfind(b"\n")])
    before = out.read_bytes()
    assert answer_all(corpus, out, replies) == 0
    assert out.read_bytes() == before


def test_cutting_a_torn_line_is_said(tmp_path: Path) -> None:
    out, said = tmp_path / "p.jsonl", list[str]()
    with resumed(out, a_run(), said.append) as (file, _):
        file.write(b'{"instance": "x", "mod')
    with resumed(out, a_run(), said.append) as (_, done):
        assert done == set()
    assert "cut off 22 bytes" in said[0]


def test_predictions_of_another_run_are_not_continued(tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    with resumed(out, a_run(), print) as (file, _):
        append(file, [])
        file.write(b'{"instance":"a","model":"m","text":"A","status":"answered","seconds":1,"tokens":1}\n')
    changed = pytest.raises(OutputError, match=r"another run \(model_hash: 1 then, 2 now\)")
    with changed, resumed(out, a_run(model_hash="2"), print):
        pass
    with resumed(out, a_run(items=80), print) as (_, done):  # a larger sample is the same run
        assert done == {("a", "")}
    sidecar(out).unlink()
    with pytest.raises(OutputError, match="nothing says what made it"), resumed(out, a_run(), print):
        pass


def test_two_runs_cannot_write_one_file(tmp_path: Path) -> None:
    busy = pytest.raises(OutputError, match="being written")
    out = tmp_path / "p.jsonl"
    with resumed(out, a_run(), print), busy, resumed(out, a_run(), print):
        pass


@pytest.mark.parametrize("line", ["{}", "nonsense", '{"instance": NaN}', "\udcff\udcfe"])
def test_a_line_that_is_no_prediction_is_named(tmp_path: Path, line: str) -> None:
    good = '{"instance":"a","model":"m","text":"A","status":"answered","seconds":1,"tokens":1}'
    (tmp_path / "p.jsonl").write_bytes(f"{good}\n{line}\n".encode("utf-8", "surrogateescape"))
    with pytest.raises(SourceError, match="line 2 is no prediction"):
        read_predictions(tmp_path / "p.jsonl")


def scored(tmp_path: Path, *words: str) -> dict[str, Any]:
    out = tmp_path / "card.json"
    result = spinemed("score", *words, "--metrics", METRICS, "--out", str(out))
    assert result.exception is None, (result.exception, result.output)
    assert "by patient" in result.output
    card: dict[str, Any] = json.loads(
        out.read_text(), parse_constant=lambda name: pytest.fail(f"{name} in JSON")
    )
    return card


def test_a_scorecard_pairs_two_runs_and_the_baselines_on_the_same_items(corpus: Path, tmp_path: Path) -> None:
    good = right_replies(corpus)
    poor = {
        key: (text if number % 4 == 0 else "I do not know.")
        for number, (key, text) in enumerate(good.items())
    }
    poor[next(iter(poor))] = "A " * 500_000 + "\ud800 NaN"
    answer_all(corpus, tmp_path / "good.jsonl", good)
    answer_all(corpus, tmp_path / "poor.jsonl", poor)
    card = scored(
        tmp_path,
        str(tmp_path / "good.jsonl"),
        "--against",
        str(tmp_path / "poor.jsonl"),
        "--data",
        str(corpus),
    )
    model, (against,), (paired,) = card["model"], card["against"], card["paired"]
    assert (model["accuracy"]["n"], model["accuracy"]["value"]) == (40, 1.0)
    assert against["accuracy"]["correct"] == 9
    assert against["states"]["refusal"] == 0.75
    assert (paired["n"], paired["wins"], paired["losses"], paired["patients"]) == (40, 31, 0, 10)
    assert paired["mcnemar_p"] == pytest.approx(2 / 2**31)
    assert paired["difference"] == pytest.approx(31 / 40)
    assert 0.5 < paired["span"]["low"] < 31 / 40 < paired["span"]["high"] <= 1
    assert sum(rate["n"] for rate in model["by_level"].values()) == 40
    assert {name: rate["n"] for name, rate in model["by_modality"].items()} == {"CT": 20, "MR": 20}
    assert model["level"]["mean_distance"] == 0.0
    chance, text, place = card["baselines"]
    assert (chance["name"], chance["accuracy"], chance["rate"]) == ("chance", 0.25, None)
    assert text["rate"]["n"] == place["rate"]["n"] == place["paired"]["n"] == 40
    assert place["accuracy"] > 0.5 > text["accuracy"]
    assert (card["synthetic"], card["real"], card["n"], card["not_asked"]) == (32, 8, 40, 0)
    assert (card["leak_pictures"], card["leak_patients"]) == (40, 10)


def test_open_replies_are_scored_by_level(corpus: Path, tmp_path: Path) -> None:
    replies = right_replies(corpus, "open")
    replies[next(iter(replies))] = "no idea"
    answer_all(corpus, tmp_path / "open.jsonl", replies, config="open")
    card = scored(tmp_path, str(tmp_path / "open.jsonl"), "--data", str(corpus), "--config", "open")
    assert card["model"]["accuracy"] is None
    assert card["model"]["level"]["exact"] == 39 / 40
    assert card["baselines"] == []


def refused(*words: str) -> str:
    result = spinemed("score", *words, "--metrics", METRICS, "--out", "never.json")
    assert isinstance(result.exception, SpinemedError), result.output
    assert not Path("never.json").exists()
    return str(result.exception)


def test_predictions_that_do_not_fit_are_refused(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    answer_all(corpus, out, right_replies(corpus))
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:30]))
    assert "unfinished, 30 of 40" in refused(str(out), "--data", str(corpus))
    sidecar(out).unlink()
    out.write_text("".join([*lines[:4], lines[2]]))
    assert "line 5" in (said := refused(str(out), "--data", str(corpus)))
    assert "line 3" in said
    out.write_text(lines[0] + lines[1].replace("testchoice", "elsewhere"))
    assert "first in line 2" in refused(str(out), "--data", str(corpus))
    out.write_text("")
    assert "holds no prediction" in refused(str(out), "--data", str(corpus))
    assert "does not exist" in refused(str(tmp_path / "none.jsonl"), "--data", str(corpus))
    out.write_text("".join(lines[:30]))
    other = tmp_path / "other.jsonl"
    other.write_text("".join(lines[5:]))
    assert "different items (30, 35)" in refused(str(out), "--against", str(other), "--data", str(corpus))


@pytest.mark.parametrize(
    ("changed", "what"), [({"patient": "test-p3"}, "1 patients"), ({"images": [picture(7)]}, "1 pictures")]
)
def test_a_test_patient_or_picture_in_training_stops_the_scoring(
    tmp_path: Path, changed: dict[str, Any], what: str
) -> None:
    leaky = write_corpus(tmp_path / "leaky", **changed)
    answer_all(leaky, tmp_path / "p.jsonl", right_replies(leaky))
    assert what in refused(str(tmp_path / "p.jsonl"), "--data", str(leaky))
