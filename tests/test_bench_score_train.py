"""A benchmark without a training split: leaks looked for in, and baselines learnt from, another corpus."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from bench_corpus import NAMES, write_corpus
from typer.testing import CliRunner

from spinemed.bench.items import read_items
from spinemed.bench.pages.page import page
from spinemed.bench.pages.report import matched
from spinemed.bench.score import open_benchmark, score
from spinemed.bench.scoring.subset import read_subset, subset_of
from spinemed.cli import app
from spinemed.errors import SourceError

METRICS = Path(__file__).parent.parent / "evaluate_metrics"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def bench(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the test split of the corpus alone."""
    folder = tmp_path_factory.mktemp("bench")
    for config in ("choice", "open"):
        (folder / "data" / config).mkdir(parents=True)
        for file in (corpus / "data" / config).glob("test-*"):
            shutil.copy(file, folder / "data" / config)
    return folder


@pytest.fixture(scope="module")
def answers(bench: Path) -> Path:
    """Return predictions that are right on every second item."""
    items = read_items(bench, "choice", "test")
    lines = [
        {"instance": item.id, "model": "m", "text": item.answer if place % 2 else "none",
         "status": "answered", "choice": item.answer if place % 2 else "", "seconds": 0.1, "tokens": 1}
        for place, item in enumerate(items)
    ]  # fmt: skip
    path = bench / "p.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def test_without_a_training_corpus_the_leak_check_and_learnt_baselines_are_said_to_be_absent(
    bench: Path, answers: Path
) -> None:
    card = score(answers, (), bench, "choice", "test", METRICS)
    assert not card.leak_checked
    assert [one.name for one in card.baselines] == ["chance"]
    assert not [sign for sign in card.signs if sign.rule in ("follows_text", "not_above_place")]
    text = page(card, [], [])
    assert "Leak check: absent" in text and "Learnt baselines (text only, geometry only): absent" in text
    assert "is in training" not in text


def test_with_a_training_corpus_the_baselines_are_those_of_the_whole_corpus(
    corpus: Path, bench: Path, answers: Path
) -> None:
    card = score(answers, (), bench, "choice", "test", METRICS, train=corpus)
    assert card.leak_checked and card.train_items == 60 and len(card.train_hash) == 16
    whole = score(answers, (), corpus, "choice", "test", METRICS)
    assert card.baselines == whole.baselines
    assert [one.name for one in card.baselines] == ["chance", "text only", "geometry only"]
    assert "is in the training corpus that was named" in page(card, [], [])
    assert whole.train_hash == "" and whole.leak_checked


def test_a_leak_into_the_training_corpus_and_one_without_training_are_refused(
    bench: Path, tmp_path: Path
) -> None:
    leaky = write_corpus(tmp_path / "leaky", patient="test-p3")
    with pytest.raises(SourceError, match="1 patients of choice/test are also in choice/train"):
        open_benchmark(bench, "choice", "test", METRICS, leaky)
    with pytest.raises(SourceError, match="holds no split train"):
        open_benchmark(bench, "choice", "test", METRICS, bench)


def test_only_the_items_of_a_file_are_scored_and_the_card_says_which(
    corpus: Path, answers: Path, tmp_path: Path
) -> None:
    ids = sorted(item.id for item in read_items(corpus, "choice", "test"))[:12]
    only = tmp_path / "ids.txt"
    only.write_text("\n".join([*ids, "", ""]))
    out = tmp_path / "card.json"
    words = ["score", str(answers), "--data", str(corpus), "--metrics", str(METRICS), "--out", str(out)]
    result = CliRunner().invoke(app, [*words, "--only", str(only)])
    assert result.exception is None, result.exception
    assert "Only 12 items named in a file were to be scored" in result.output
    card = score(answers, (), corpus, "choice", "test", METRICS, only=only)
    assert json.loads(out.read_text())["only"] == {"count": 12, "hash": subset_of(ids).hash}
    assert (card.n, card.not_asked, sum(card.kinds.values())) == (12, 0, 12)
    assert card.baselines[1].rate is not None and card.baselines[1].rate.n == 12
    assert len(matched(card, {"m": answers}, corpus, only)["m"]) == 12
    with pytest.raises(SourceError, match="pass the --only that spinemed score had"):
        matched(card, {"m": answers}, corpus)


def test_the_clean_items_of_a_contamination_report_are_taken_where_they_are_of_this_config(
    tmp_path: Path,
) -> None:
    file = tmp_path / "clean.json"
    file.write_text(json.dumps({"clean": ["a", "of-open"], "items": []}))
    assert read_subset(file, {"a", "b"}, "choice/test") == {"a"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nx\nb\ny\n", r"2 of 4 ids are of no item of choice/test \(line 2 'x', line 4 'y'\)"),
        ("a\nb\n\na\n", "line 4: 'a' stands in line 1 already"),
        ("\n\n", "names no item"),
        ('{"clean": ["z"]}', "names no clean item of choice/test"),
        ('{"dirty": 1}', "is no report of spinemed bench contamination"),
        ("{", "is no report of spinemed bench contamination"),
    ],
)
def test_ids_that_do_not_fit_are_refused_with_their_lines(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(text)
    with pytest.raises(SourceError, match=message):
        read_subset(file, set(NAMES) | {"a", "b"}, "choice/test")
