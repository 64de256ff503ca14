"""What a benchmark shares with a corpus is found: patients, pictures near and exact, and text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from spinemed.bench.data.columns import columns_of
from spinemed.bench.data.contamination import OWN_TEXT, check
from spinemed.bench.data.overlap import RunIndex, runs
from spinemed.bench.data.pictures import BITS, NEAR, dhash, nearest, stacked
from spinemed.bench.leaks import check_no_leak, seen_corpus
from spinemed.errors import SourceError
from spinemed.imaging.pictures import encode_png

PASSAGE = (
    "In this cohort of forty two patients the fusion rate after two years was higher where the graft was "
    "packed on both sides of the cage."
)


def picture(seed: int) -> bytes:
    """Return a picture with structure that its seed decides."""
    coarse = np.random.default_rng(seed).integers(0, 255, (16, 9), np.uint8)
    return encode_png(np.asarray(Image.fromarray(coarse).resize((128, 256), Image.Resampling.BICUBIC)))


def row(identity: str, patient: str, said: str, **changed: Any) -> dict[str, Any]:
    """Return a row of the config open."""
    plain = dict.fromkeys(columns_of("open"), "")
    return plain | {
        "id": identity,
        "patient": patient,
        "study": f"study {patient}",
        "source": "phantom",
        "images": [],
        "messages": [{"role": "user", "content": said}, {"role": "assistant", "content": "L4"}],
        "sites": [],
        "findings": [],
        "synthetic": True,
        "slice_index": None,
        "box": None,
        "window": None,
        "turn": None,
        "quote": None,
        "conditions": [],
        "gates": [],
        "marker": None,
        "spacing_mm": None,
    } | changed  # fmt: skip


def image(png: bytes) -> dict[str, Any]:
    """Return a picture as a row holds it."""
    return {"bytes": png, "path": "a.png"}


def written(folder: Path, split: str, rows: list[dict[str, Any]]) -> Path:
    """Write rows as the config open of a corpus and return the corpus."""
    path = folder / "data" / "open" / f"{split}-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=columns_of("open").arrow_schema), path)
    return folder


def again_as_jpeg(png: bytes, quality: int = 70) -> bytes:
    """Return the picture after a round through JPEG at two thirds of its size."""
    with Image.open(io.BytesIO(png)) as opened:
        small = opened.convert("L").resize((opened.width * 2 // 3, opened.height * 2 // 3))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=quality)
    return encode_png(np.asarray(Image.open(stream).convert("L")))


def test_the_same_picture_after_jpeg_is_near_and_other_pictures_are_not() -> None:
    hashes = stacked([dhash(picture(seed)) for seed in range(30)])
    same = stacked([dhash(again_as_jpeg(picture(seed))) for seed in range(30)])
    bits, places = nearest(same, hashes)
    assert (bits <= NEAR).all()
    assert (places == np.arange(30)).all()
    others, _ = nearest(hashes[:15], hashes[15:])
    assert (others > NEAR).all()
    nothing, place = nearest(hashes[:2], stacked([]))
    assert (nothing.tolist(), place.tolist()) == ([BITS, BITS], [-1, -1])


def test_near_pictures_of_other_patients_of_the_phantom_are_no_alarm(phantom_corpus: Path) -> None:
    train = seen_corpus(phantom_corpus, ("train",))
    test = seen_corpus(phantom_corpus, ("test",))
    bits, _ = nearest(stacked(list(test.hashes.values())), stacked(list(train.hashes.values())))
    assert len(test.hashes) > 20
    assert bits.min() > NEAR


def test_every_reason_of_contamination_is_found_and_a_clean_item_stays_clean(tmp_path: Path) -> None:
    corpus = written(
        tmp_path / "corpus",
        "train",
        [
            row("t1", "p1", "Which level is marked?", images=[image(picture(1))], findings=["f1"]),
            row("t2", "p2", "The mJOA score is 11. Of what grade is it?"),
            row("t3", "paper", PASSAGE, source="jats", study="pmc-7"),
        ],
    )
    bench = written(
        tmp_path / "bench",
        "test",
        [
            row("same patient", "p1", "Something else?"),
            row("same picture", "b1", "Another question?", images=[image(picture(1))]),
            row("near picture", "b2", "Another one?", images=[image(again_as_jpeg(picture(1)))]),
            row("same words", "b3", "The mJOA score is 11. Of what grade is it?"),
            row("passage", "b4", f"A paper says: {PASSAGE} Is that so?"),
            row("document", "b5", "A new question of the paper?", source="jats", study="pmc-7"),
            row("sibling", "b6", "Yet another?", findings=["f1"]),
            row("clean", "b7", "Which level is marked?", images=[image(picture(9))]),
        ],
    )
    found = check(bench, corpus)
    assert found.clean == ("clean",)
    reasons = {one.id: set(one.reasons) for one in found.items}
    assert "same patient" in reasons["same patient"]
    assert "same picture" in reasons["same picture"]
    assert reasons["near picture"] == {"near picture"}
    assert reasons["same words"] == {"same words without a picture"}
    assert reasons["passage"] == {OWN_TEXT}
    assert reasons["document"] == {"same source record"}
    assert reasons["sibling"] == {"sibling item"}
    detail = next(one.detail for one in found.items if one.id == "passage")
    assert detail in " ".join(PASSAGE.lower().replace(".", " ").split()) or detail in PASSAGE.lower()


def test_wording_of_templates_is_counted_apart(tmp_path: Path) -> None:
    wording = (
        "With the usual 7, 12 and 5 vertebrae: start at the marked one and move four steps. Which is it?"
    )
    seen_once = "Judge the posterior wall of the vertebral body in the red ring and say what you see in it."
    training = [row(f"t{number}", f"p{number}", f"{wording} Case {number}.") for number in range(4)]
    corpus = written(tmp_path / "corpus", "train", [*training, row("t9", "p9", f"{seen_once} Again.")])
    bench = written(
        tmp_path / "bench",
        "test",
        [
            row("common", "b1", f"{wording} Now."),
            row("rare", "b2", seen_once),
            row("own", "b3", "What is it?"),
        ],
    )
    found = check(bench, corpus)
    assert found.clean == ("common", "own", "rare")
    assert found.template_items == 2
    assert found.clean_strict == ("common", "own")


def test_chinese_text_is_compared_by_characters() -> None:
    text = "五节腰椎为前提由骶骨向上计数红圈所标椎体"
    assert len(list(runs(text))) == len(text) - 12
    index = RunIndex({"a": text}, ())
    index.read("p", f"请以{text}为准", composed=True)
    assert [(name, shared.own) for name, shared in index.shared()] == [("a", True)]


def test_a_benchmark_without_training_rows_is_checked_against_the_corpus_that_was_trained_on(
    tmp_path: Path, phantom_corpus: Path
) -> None:
    bench = written(tmp_path / "bench", "test", [row("x", "p1", "?", images=[image(picture(3))])])
    corpus = written(tmp_path / "corpus", "train", [row("t", "p1", "Another?")])
    assert check_no_leak(bench, "open", "test") == (1, 1)
    with pytest.raises(SourceError, match="1 patients of open/test are also in open/train"):
        check_no_leak(bench, "open", "test", corpus)
    with pytest.raises(SourceError, match="no row of train"):
        check(bench, bench)
    with pytest.raises(SourceError, match="holds no item"):
        check(corpus, corpus)
    with pytest.raises(SourceError, match="holds no corpus"):
        seen_corpus(tmp_path / "nowhere")
