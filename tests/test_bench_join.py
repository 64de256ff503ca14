"""Predictions joined with items: what does not fit is refused with its line, nothing is dropped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from spinemed.bench.items import Facts, Item, condition_of
from spinemed.bench.running.runs import Run, sidecar
from spinemed.bench.scoring.join import join
from spinemed.bench.scoring.measure import same_length
from spinemed.bench.scoring.scorecard import read_scorecard
from spinemed.errors import SourceError

ITEMS = [
    Item(
        id=name, question="Which?", options=options, answer=answer, level="L3", kind="k", modality="CT",
        patient="p", synthetic=True, marker=None, spacing_mm=1.0, width=9, height=9,
    )
    for name, options, answer in (
        ("one", ("L2", "L3", "L4"), "B"), ("two", ("L2", "L3"), "A"), ("open", (), "L3"),
        ("free", (), "both"),
    )
]  # fmt: skip


def line(instance: str = "one", text: str = "B", **changed: Any) -> dict[str, Any]:
    """Return one prediction as it stands in a file."""
    fields = {"instance": instance, "model": "m", "text": text, "status": "answered", "choice": "B"}
    return {**fields, "seconds": 0.1, "tokens": 1} | changed


def written(folder: Path, lines: Sequence[dict[str, Any] | bytes]) -> Path:
    """Write predictions, some perhaps as raw bytes."""
    path = folder / "p.jsonl"
    path.write_bytes(b"".join(
        (one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines
    ))  # fmt: skip
    return path


def refused(folder: Path, *lines: dict[str, Any] | bytes) -> str:
    """Return the message that a file is refused with."""
    with pytest.raises(SourceError) as caught:
        join(written(folder, lines), ITEMS, "hash", "corpus choice/test")
    return str(caught.value)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (line(), "line 2: item one was answered in line 1 already"),
        (line("three"), "1 predictions are of no item of corpus choice/test, first in line 2"),
        (line("two", order="AC"), "line 2: order 'AC' is none of the letters AB"),
        (line("two", order="AAB"), "line 2: order 'AAB' is none of the letters AB"),
        (line("open", order="AB"), "line 2: order 'AB' is none of the letters (an open item has none)"),
        (line("two", seconds=float("nan")), "line 2: seconds are nan"),
        (line("two", tokens=None), "line 2 is no prediction"),
        (line("two", text=None), "line 2 is no prediction"),
        (line("two", score=1.0), "line 2 is no prediction"),
        (line("two", status="fine"), "line 2 is no prediction"),
        (b'{"instance": "two", "text": "\xff\xfe"}', "line 2 is no prediction"),
        (b"[1, 2]", "line 2 is no prediction"),
        (b'{"instance": "two"', "line 2 is no prediction"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_line(
    tmp_path: Path, bad: dict[str, Any] | bytes, said: str
) -> None:
    assert said in refused(tmp_path, line(), bad)


def test_an_empty_file_and_one_without_anything_to_score_are_refused(tmp_path: Path) -> None:
    assert "holds no prediction" in refused(tmp_path)
    assert "none of its 1 open items has sites or a side as its answer" in refused(tmp_path, line("free"))


def test_open_items_without_sites_are_counted_with_the_reason_not_dropped(tmp_path: Path) -> None:
    found = join(written(tmp_path, [line("free"), line("open", "L3")]), ITEMS, "hash", "here")
    assert [item.id for item in found.items] == ["open"]
    assert found.unscored == {"the answer names neither a level nor a side": 1}


def test_replies_in_all_languages_and_of_any_length_stay_as_they_are(tmp_path: Path) -> None:
    texts = ["答案：B\u200b\U0001f9b4 \x00", "B" * 2_000_000]
    found = join(written(tmp_path, [line("one", texts[0]), line("two", texts[1])]), ITEMS, "hash", "here")
    assert sorted(found.replies) == sorted(texts)


def test_options_and_key_stand_in_the_order_in_which_they_were_shown(tmp_path: Path) -> None:
    found = join(written(tmp_path, [line("one", "A", order="BCA")]), ITEMS, "hash", "here")
    (item,) = found.items
    assert item.options == ("L3", "L4", "L2")
    assert item.answer == "A" and item.truth == "L3"


def test_rotations_of_an_item_count_once_and_are_kept_as_turns(tmp_path: Path) -> None:
    turned = [line("one", order="BCA"), line("one"), line("one", order="CAB"), line("two")]
    found = join(written(tmp_path, turned), ITEMS, "hash", "here")
    assert [one.prediction.order for one in found.asked if one.item.id == "one"] == [""]
    assert [one.prediction.order for one in found.turns] == ["BCA", "", "CAB"]
    two = [*turned, line("two", order="BA")]
    mixed = join(written(tmp_path, two), ITEMS, "hash", "here")
    assert len(mixed.turns) == 5
    assert len({one.item.id for one in same_length(mixed.turns)}) == 1
    assert "line 5: item one was answered in line 2" in refused(tmp_path, *turned, line("one", order="ABC"))


def test_a_run_that_is_unfinished_or_of_another_corpus_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [line()])
    run = {"model": "m", "model_hash": "1", "config": "choice", "split": "test", "max_new_tokens": 9}
    sidecar(path).write_text(Run(**run, data_hash="hash", items=2).model_dump_json(), encoding="utf-8")
    with pytest.raises(SourceError, match="unfinished, 1 of 2 items"):
        join(path, ITEMS, "hash", "here")
    sidecar(path).write_text(Run(**run, data_hash="else", items=1).model_dump_json(), encoding="utf-8")
    with pytest.raises(SourceError, match="another corpus"):
        join(path, ITEMS, "hash", "here")


def test_a_scorecard_of_another_format_says_how_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text('{"format": 1, "config": "choice"}', encoding="utf-8")
    with pytest.raises(SourceError, match="no scorecard of format 2"):
        read_scorecard(path)
    with pytest.raises(SourceError, match="no file"):
        read_scorecard(tmp_path / "none.json")


def test_the_condition_is_that_of_the_first_finding_known() -> None:
    facts = Facts({"a": "vertebra", "b": "herniation"}, {})
    assert [condition_of(ids, facts) for ids in (["b", "a"], ["x", "a"], ["x"], [])] == [
        "herniation", "vertebra", "", "",
    ]  # fmt: skip
