"""Tests of training/lengths.py: counts without pixels are the stock processor's; refusals and the cache."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import training_processors as stocks
from datasets import Dataset, Features, Image, List, Value
from qwen_vocabulary import qwen_tokenizer

from spinemed.errors import OutputError
from spinemed.training import lengths
from spinemed.training.lengths import length_plan
from spinemed.training.sample import EncodedSample, SampleEncoder
from spinemed.training.undecoded import undecoded

pytestmark = pytest.mark.xdist_group("training")
FEATURES = Features(
    {"images": List(Image()), "messages": List({"role": Value("string"), "content": Value("string")})}
)
KINDS = ("grey", "coloured", "jpeg", "rgba", "three")


def some_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        sizes = [
            (int(random.integers(20, 400)), int(random.integers(20, 400)), KINDS[int(random.integers(5))])
            for _ in range(number % 4)
        ]
        rows.append(stocks.row(random, sizes, 1 + number % 3))
    return rows


@pytest.mark.parametrize("name", stocks.FAMILIES)
def test_counts_without_pixels_are_those_of_the_stock_processor(name: str) -> None:
    made, rows = stocks.processor(name), some_rows(8)
    plan = length_plan(Dataset.from_list(rows, features=FEATURES), made)
    encoder = SampleEncoder(made)
    assert not plan.refused and plan.kept.tolist() == list(range(8))
    for number, row in enumerate(rows):
        wanted = stocks.stock(made, row, encoder.template)
        ids = wanted["input_ids"][0]
        assert plan.tokens[number] == len(ids)
        assert plan.label_tokens[number] == int((wanted["labels"][0] != -100).sum())
        assert plan.image_tokens[number] == int((ids == encoder.family.image_token_id).sum())
        assert plan.images[number] == len(row["images"])


def test_rows_that_cannot_be_read_or_are_too_long_are_listed_and_the_rest_is_kept() -> None:
    made, rows = stocks.processor("qwen2_5_vl"), some_rows(8)
    rows[1]["images"] = [{"bytes": None, "path": None}]
    rows[2]["images"][0] = {"bytes": b"not a picture", "path": None}
    rows[6]["messages"] = rows[6]["messages"][:-1]
    whole = length_plan(rows, made)
    assert [one.row for one in whole.refused] == [1, 2, 6]
    most = int(np.sort(whole.tokens)[-2])
    plan = length_plan(rows, made, most_tokens=most, most_images=2)
    reasons = {one.row: one.reason for one in plan.refused}
    longest = int(whole.tokens.argmax())
    assert "no bytes and no file" in reasons[1] and "header cannot be read" in reasons[2]
    assert "says nothing" in reasons[6] and f"more than the {most} allowed" in reasons[longest]
    assert sorted({*reasons, *plan.kept.tolist()}) == list(range(8)) and not set(reasons) & {
        *plan.kept.tolist()
    }
    assert plan.tokens[1] == 0 and plan.tokens[longest] == whole.tokens[longest]
    encoder = SampleEncoder(made, most_tokens=most, most_images=2)
    for number, row in enumerate(rows):
        sample = encoder.encode(number, row)
        assert isinstance(sample, EncodedSample) == (number in plan.kept)


def test_a_plan_is_read_again_and_taken_anew_where_anything_it_depends_on_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = some_rows(6)
    rows[3]["images"] = [None]
    taken: list[int] = []
    inside = lengths._span_taken
    monkeypatch.setattr(lengths, "_span_taken", lambda *given: (taken.append(1), inside(*given))[1])
    made = stocks.processor("qwen2_5_vl")
    made.tokenizer(["a", "a longer text"], padding=True)  # which the tokenizer remembers
    first = length_plan(rows, made, corpus="abc", cache=tmp_path)
    again = length_plan(rows, made, corpus="abc", cache=tmp_path)
    assert len(taken) == 1 and again.key == first.key and again.refused == first.refused
    assert again.tokens.tolist() == first.tokens.tolist() and again.kept.tolist() == [0, 1, 2, 4, 5]
    assert length_plan(rows, made, corpus="abc", cache=tmp_path, most_images=1).kept.tolist() == [0, 1, 4, 5]
    assert len(taken) == 1
    length_plan(rows, made, corpus="abd", cache=tmp_path)
    length_plan(rows, stocks.processor("qwen3_vl"), corpus="abc", cache=tmp_path)
    changed = made.chat_template + "{% generation %}{% endgeneration %}"
    length_plan(rows, made, corpus="abc", cache=tmp_path, chat_template=changed)
    assert len(taken) == 4
    (file,) = tmp_path.glob(f"lengths-{first.key[:24]}.npz")
    file.write_bytes(file.read_bytes()[:100])
    assert length_plan(rows, made, corpus="abc", cache=tmp_path).tokens.tolist() == first.tokens.tolist()
    assert len(taken) == 5 and not list(tmp_path.glob(".lengths-*"))


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        length_plan(some_rows(1), stocks.processor("llava"), cache=tmp_path / "file")


def test_rows_shared_between_processes_and_no_rows_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool(ThreadPoolExecutor):
        """One thread (Jinja's notes are shared by threads) that gets what a spawned process would."""

        def __init__(self, *_: Any, **__: Any) -> None:
            super().__init__(1)

        def submit(self, work: Any, *given: Any) -> Any:  # type: ignore[override]
            return super().submit(work, *pickle.loads(pickle.dumps(given)))

    monkeypatch.setattr(lengths, "ProcessPoolExecutor", Pool)
    made = stocks.processor("llava")
    rows = some_rows(4) * 130
    rows[400] = {"messages": [], "images": [None]}
    one = length_plan(rows, made)
    two = length_plan(Dataset.from_list(rows, features=FEATURES), made, processes=2)
    assert one.tokens.tolist() == two.tokens.tolist() and one.refused == two.refused
    assert [refused.row for refused in one.refused] == [400]
    assert length_plan([], made).tokens.tolist() == []


def test_a_dataset_that_decodes_is_read_as_files(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_rows(4)
    monkeypatch.setattr(Image, "decode_example", lambda *_, **__: pytest.fail("a picture was decoded"))
    read = undecoded(Dataset.from_list(rows, features=FEATURES).select([3, 1]))
    assert len(read) == 2 and read[1]["images"] == rows[1]["images"] and len(read[0]["images"]) == 3
    assert [row["messages"] for row in read[0:2]] == [rows[3]["messages"], rows[1]["messages"]]


def test_counts_with_the_true_vocabulary_of_qwen() -> None:
    words = qwen_tokenizer()
    names = {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645,
             "<|vision_start|>": 151652, "<|vision_end|>": 151653, "<|image_pad|>": 151655,
             "<|video_pad|>": 151656}  # fmt: skip
    assert {name: words.convert_tokens_to_ids(name) for name in names} == names
    assert words("Hello, world! 你好")["input_ids"] == [9707, 11, 1879, 0, 220, 108386]
    for name in ("qwen2_5_vl", "qwen3_vl"):
        made, rows = stocks.processor(name, words=words), some_rows(6, seed=1)
        plan, encoder = length_plan(rows, made), SampleEncoder(made)
        for number, row in enumerate(rows):
            wanted, sample = stocks.stock(made, row, encoder.template), encoder.encode(number, row)
            assert isinstance(sample, EncodedSample)
            assert sample.ids.tolist() == wanted["input_ids"][0].tolist()
            assert sample.labels.tolist() == wanted["labels"][0].tolist()
            assert plan.tokens[number] == len(sample.ids)
