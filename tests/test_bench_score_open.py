"""Open questions: one site, several, a side, or none of these; each is scored or counted with its reason."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_corpus import picture
from rich.console import Console

from spinemed.bench.items import Item
from spinemed.bench.pages.examples import examples
from spinemed.bench.pages.page import page
from spinemed.bench.pages.report import matched
from spinemed.bench.pages.table import table
from spinemed.bench.score import score
from spinemed.bench.scoring.open_truth import is_right, truth_of, why_unscored
from spinemed.bench.scoring.scorecard import Scorecard

METRICS = Path(__file__).parent.parent / "evaluate_metrics"
# id -> (right answer, sites of the row, reply, whether it is right)
ROWS = {
    "disc": ("腰4/5", ["L4-L5"], "It is the disc L4-L5.", True),
    "above": ("L3", ["L4", "L3"], "L2", False),
    "two": ("T12", ["T12"], "T12 or L1", False),
    "range": ("T12 to L2", ["T12", "L1", "L2"], "T12, L1 and L2", True),
    "shifted": ("T11至L1", [], "T12, L1, L2", False),
    "side": ("the patient's left", ["L4-L5"], "On the left.", True),
    "mirrored": ("right of the canal", [], "On the left of the canal.", False),
    "elsewhere": ("双侧侧隐窝", ["L4-L5"], "L3-L4, both sides", False),
    "refused": ("L1", ["L1"], "I cannot tell from this image.", False),
    "edge": ("the left edge", [], "the left edge", False),
    "grade": ("Pfirrmann II", ["L4-L5"], "Pfirrmann II", False),
    "root": ("the L5 root", ["L4-L5"], "the L5 root", False),
    "neither": ("双侧均不狭窄", ["L3-L4"], "neither", False),
}


def row(identity: str, **changed: Any) -> dict[str, Any]:
    answer, sites, _, _ = ROWS[identity]
    said = [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": answer}]
    return {
        "id": identity, "question": "Which?", "answer": answer, "level": (*sites, "")[0], "kind": "asked",
        "modality": "MR", "patient": f"p{len(identity) % 3}", "synthetic": True,
        "marker": None, "spacing_mm": 1.0, "images": [picture(len(identity))], "sites": sites,
        "axis": "level", "language": "en", "study": "s", "messages": said,
    } | changed  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a corpus of open questions and predictions on all of them."""
    folder = tmp_path_factory.mktemp("open")
    path = folder / "corpus" / "data" / "open" / "test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([row(name) for name in ROWS]), path)
    lines = [
        {"instance": name, "model": "m", "text": reply, "status": "answered", "seconds": 0.1, "tokens": 3}
        for name, (_, _, reply, _) in ROWS.items()
    ]
    (folder / "open.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return folder


@pytest.fixture(scope="module")
def card(folder: Path) -> Scorecard:
    return score(folder / "open.jsonl", (), folder / "corpus", "open", "test", METRICS)


def item(identity: str, **changed: Any) -> Item:
    answer, sites, _, _ = ROWS[identity]
    plain = Item(identity, "?", (), answer, "", "asked", "MR", "p", True, None, 1.0, 9, 9, sites=tuple(sites))
    return plain if not changed else Item(**{**plain.__dict__, **changed})


def test_what_is_right_is_read_from_the_answer_by_the_grammar() -> None:
    assert truth_of(item("disc")).sites == ("L4-L5",)
    assert truth_of(item("range")).sites == ("T12", "L1", "L2")
    assert truth_of(item("side")) == (("L4-L5",), "left", True)
    assert truth_of(item("elsewhere")).side == "both"
    assert truth_of(item("edge")).side == truth_of(item("neither")).side == ""
    assert [is_right(item(name), reply) for name, (_, _, reply, _) in ROWS.items()] == [
        right for *_, right in ROWS.values()
    ]
    assert why_unscored(item("grade", task="report")) == ""


def test_every_item_is_scored_or_counted_with_its_reason(card: Scorecard) -> None:
    assert card.n == 9 and card.unscored == 4
    assert card.unscored_reasons == {
        "the answer is a nerve root": 1, "the answer names neither a level nor a side": 3
    }  # fmt: skip
    assert card.model.exact is not None and card.model.accuracy is None
    assert (card.model.exact.correct, card.model.exact.n) == (3, 9)
    assert card.model.patients_span is not None and card.model.patients_span.method == "t"
    assert card.model.states == {
        "answered": pytest.approx(7 / 9), "ambiguous": pytest.approx(1 / 9), "refusal": pytest.approx(1 / 9)
    }  # fmt: skip
    assert card.model.accuracy_answered == pytest.approx(3 / 7)


def test_one_site_several_sites_and_sides_have_figures_with_their_own_number(card: Scorecard) -> None:
    level, sets = card.model.level, card.model.level_sets
    assert (level["n"], level["exact"]) == (4, 0.25)  # the disc, of four with one site
    assert card.model.distances == {"-1": 1, "0": 1}
    assert (sets["n"], sets["set_exact"]) == (2, 0.5)
    assert sets["set_f1"] == pytest.approx(10 / 12)  # 3 of 3 and 2 of 3
    assert sets["set_f1_tolerant"] == 1.0
    assert card.model.set_f1 is not None and card.model.set_f1.value == pytest.approx((1 + 2 / 3) / 2)
    assert (level["n_sides"], level["side_joint"]) == (3, pytest.approx(1 / 3))
    assert level["side_accuracy"] == 0.5  # the level of "elsewhere" is another one


def test_a_page_of_open_answers_says_what_it_does_not_say(folder: Path, card: Scorecard) -> None:
    answers = matched(card, {"m": folder / "open.jsonl"}, folder / "corpus")
    shown = examples(card, answers, folder / "corpus")
    assert [one.verdict for one in shown] == ["m right"] * 3 + ["m wrong"] * 3
    text = page(card, [], shown)
    assert "Accuracy of choices: absent" in text
    assert "Leak check: absent" in text and "is in training" not in text
    assert "1 answered items are not scored: the answer is a nerve root." in text
    assert "items with several right sites" in text and "items with a side" in text
    assert "CR1 error with the t distribution" in text
    assert "Baselines without pictures: absent" in text


def test_the_table_says_it_too(card: Scorecard) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(card))
    text = console.export_text()
    assert "Several sites (2 items): just the right ones 50.0 %" in text
    assert "Sides (3 items): level and side right 33.3 %" in text
    assert "Leak check: absent" in text
