"""The validity study: its page says what its result says, and one trial goes the whole way on real items."""

from __future__ import annotations

import json
from pathlib import Path

from spinemed.bench.faults.diagnosis import diagnose
from spinemed.bench.faults.planted import always_a, answerers
from spinemed.bench.faults.planted_files import write_predictions
from spinemed.bench.pages.planted_page import text
from spinemed.bench.score import open_benchmark, score_on

ROOT = Path(__file__).parents[1]
RESULT = json.loads((ROOT / "benchmarks" / "results" / "validity.json").read_text(encoding="utf-8"))


def test_the_page_says_what_the_result_says() -> None:
    assert (ROOT / "docs" / "validity" / "README.md").read_text(encoding="utf-8") == text(RESULT)


def test_the_result_holds_every_answerer_at_every_size() -> None:
    sizes, rates = RESULT["sizes"], RESULT["rates"]
    names = {planted.name for planted in answerers([], [])}
    assert {(rate["answerer"], rate["size"]) for rate in rates} == {
        (n, size) for n in names for size in sizes
    }
    for rate in rates:
        for one in (rate["others"], rate["detected"]):
            assert one is None or one["count"] <= one["n"] == RESULT["seeds"]


def test_what_the_study_shows_is_what_it_was_made_to_show() -> None:
    largest = [rate for rate in RESULT["rates"] if rate["size"] == max(RESULT["sizes"])]
    found = {rate["answerer"]: rate["detected"]["share"] for rate in largest if rate["detected"]}
    assert sum(share == 1.0 for share in found.values()) >= 10
    assert RESULT["false_alarms_of_the_honest"]["low"] <= 0.05


def test_a_trial_goes_from_a_file_of_words_to_a_diagnosis(phantom_corpus: Path, tmp_path: Path) -> None:
    benchmark = open_benchmark(phantom_corpus, "choice", "test", ROOT / "evaluate_metrics")
    planted = next(one for one in answerers([], benchmark.items) if one.answer is always_a)
    items = benchmark.items[:120]
    for name in ("again", "answers"):
        path = tmp_path / f"{name}.jsonl"
        write_predictions(path, planted, items, benchmark.data_hash, 0, blank=False)
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()
    write_predictions(tmp_path / "blank.jsonl", planted, items, benchmark.data_hash, 0, blank=True)
    card = score_on(benchmark, path, (), [str(tmp_path / "blank.jsonl")])
    assert card.reparsed == 0
    assert [control.name for control in card.controls] == ["blank"]
    signs = {sign.about: sign for sign in card.signs if sign.rule == "letter"}
    assert signs["A"].share == 1.0
    assert {one.rule for one in diagnose(card).found} <= {"letter"}
