"""Leaks of every kind are found, by the rules that name them; what only looks alike is not one."""

from __future__ import annotations

import base64
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from spinemed.corpus.leaks.contents import Prepared, contents_of
from spinemed.corpus.leaks.duplicates import (
    drop_across_splits,
    drop_pictures_across_splits,
    duplicates,
    largest_groups,
)
from spinemed.corpus.leaks.gate import SHOWN, check
from spinemed.corpus.leaks.near_texts import near_pairs, same_words, verified
from spinemed.corpus.leaks.pictures import grey_of, hashes_of, near_pictures, picture_hash
from spinemed.corpus.leaks.same_picture import ALIKE, likeness, thumbnail
from spinemed.corpus.leaks.signatures import (
    MINIMA,
    facts_in,
    jaccard,
    overlap,
    shingle_sets,
    signatures,
    words_in,
)
from spinemed.corpus.rows import features
from spinemed.errors import ConfigError, LeakError, SourceError
from spinemed.imaging.pictures import draw_ring

Row = dict[str, Any]
Greys = NDArray[np.uint8]

WORDS = "the disc vertebra signal canal nerve root height plate bone edema loss sac slip view margin"


def sentences(seed: int, count: int = 6) -> str:
    """Return a text whose words and numbers its seed decides."""
    draw = random.Random(seed)
    return " ".join(
        f"At L{draw.randint(1, 5)} {' '.join(draw.choices(WORDS.split(), k=9))} {draw.randint(1, 99)} mm."
        for _ in range(count)
    )


def chinese(seed: int) -> str:
    """Return a Chinese text that its seed decides."""
    draw = random.Random(seed)
    return "。".join(
        "".join(draw.choices("椎间盘突出压迫神经根硬膜囊信号减低高度丢失", k=14)) for _ in range(5)
    )


def slice_of(seed: int) -> Greys:
    """Return a grey picture with structure at several scales."""
    draw = np.random.default_rng(seed)
    coarse = ndimage.gaussian_filter(draw.normal(size=(256, 128)), 9) * 25
    fine = ndimage.gaussian_filter(draw.normal(size=(256, 128)), 2.5) * 5
    return np.asarray(np.clip(110 + 60 * (coarse + fine), 0, 255), np.uint8)


def png(picture: Greys) -> bytes:
    """Return a picture as PNG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "png")
    return stream.getvalue()


def jpeg(picture: Greys) -> Greys:
    """Return a picture after JPEG at quality 70."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "jpeg", quality=70)
    return np.asarray(Image.open(stream))


def smaller(picture: Greys) -> Greys:
    """Return a picture at nine tenths of its size."""
    size = (round(picture.shape[1] * 0.9), round(picture.shape[0] * 0.9))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


CHANGES: dict[str, Callable[[Greys], Greys]] = {
    "jpeg": jpeg,
    "smaller": smaller,
    "brighter": lambda picture: np.minimum(picture.astype(int) + 10, 255).astype(np.uint8),
    "cropped": lambda picture: picture[3:-3, 3:-3],
    "one edge gone": lambda picture: picture[:, 3:],
    "ringed": lambda picture: draw_ring(picture, 60.0, 120.0, 20.0),
}


def row(patient: str, text: str = "", picture: bytes = b"", document: str = "", **changed: Any) -> Row:
    """Return a row of the config open: a text, or a picture with a question that all share."""
    said = text or "Which level is marked?"
    made: Row = dict.fromkeys(features("open"))
    made |= {
        "id": f"{patient}-{abs(hash((text, picture))) % 10**9}",
        "patient": patient,
        "study": f"study of {patient}",
        "source": "made",
        "images": [{"bytes": picture, "path": "a.png"}] if picture else [],
        "messages": [{"role": "user", "content": said}, {"role": "assistant", "content": "As said."}],
        "quote": {"document": document, "start": 0, "end": 3, "text": "abc"} if document else None,
    }
    return made | changed


def corpus(folder: Path, **splits: list[Row]) -> Path:
    """Write rows of splits in the published format and return the folder."""
    for split, rows in splits.items():
        path = folder / "data" / "open" / f"{split}-00000-of-00004.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=features("open").arrow_schema), path)
    return folder


def rows_of(first: int, count: int) -> list[Row]:
    """Return rows of patients numbered from `first`, a text and a picture each."""
    rows = [row(f"patient {n}", sentences(n), document=f"report {n}") for n in range(first, first + count)]
    return rows + [row(f"patient {n}", picture=png(slice_of(n))) for n in range(first, first + count)]


def reasons(folder: Path, *against: Path) -> dict[str, int]:
    """Return rule -> count as the message of the check says."""
    with pytest.raises(LeakError) as caught:
        check(folder, against)
    return {
        rule: int(count)
        for rule, count in re.findall(r"^(\w[^:\n]*): (\d+)$", str(caught.value), re.MULTILINE)
    }


def test_a_clean_corpus_passes_with_and_without_prepared_values(tmp_path: Path) -> None:
    folder = corpus(tmp_path, train=rows_of(0, 6), test=rows_of(10, 3), spinebench=rows_of(20, 2))
    check(folder)
    found = contents_of(folder)
    ready = Prepared(
        {place.id: signed for place, signed in zip(found.texts, found.signed, strict=True)}, found.hashes
    )
    check(folder, prepared=ready)
    again = contents_of(folder, ready)
    assert (again.signed, again.hashes) == (found.signed, found.hashes)


def test_a_patient_or_study_in_two_splits_is_found_in_any_config(tmp_path: Path) -> None:
    folder = corpus(tmp_path, train=rows_of(0, 2), test=[row("patient 1", sentences(50), study="another")])
    assert reasons(folder) == {"patient in two splits": 1}
    study = row("patient 9", sentences(51), study="study of patient 0")
    assert reasons(corpus(tmp_path, test=[study])) == {"study in two splits": 1}
    corpus(tmp_path, test=[row("patient 9", sentences(51))])
    listed: Row = dict.fromkeys(features("studies")) | {"id": "x", "patient": "patient 1", "source": "made"}
    path = tmp_path / "data" / "studies" / "validation-00000-of-00004.parquet"
    path.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([listed], schema=features("studies").arrow_schema), path)
    assert reasons(tmp_path) == {"patient in two splits": 1}


def test_spinebench_is_a_split_and_both_places_are_named(tmp_path: Path) -> None:
    folder = corpus(tmp_path, train=rows_of(0, 2), spinebench=[row("other", sentences(1), id="leaked")])
    with pytest.raises(LeakError) as caught:
        check(folder)
    assert "words in two splits: 1" in str(caught.value)
    assert "spinebench leaked in data/open/spinebench-00000-of-00004.parquet" in str(caught.value)
    assert "train patient 1-" in str(caught.value)


def test_a_document_in_two_splits_is_found_and_a_rule_is_no_document(tmp_path: Path) -> None:
    kept = [row("a", sentences(1), document="rule:meyerding"), row("b", sentences(2), document="report")]
    folder = corpus(tmp_path, train=kept, test=[row("c", sentences(3), document="rule:meyerding")])
    check(folder)
    folder = corpus(tmp_path, test=[row("c", sentences(3), document="report")])
    assert reasons(folder) == {"source document in two splits": 1}


def test_more_offenders_than_a_page_holds_are_counted(tmp_path: Path) -> None:
    many = SHOWN + 5
    folder = corpus(
        tmp_path,
        train=[row(f"patient {n}", sentences(n)) for n in range(many)],
        test=[row(f"patient {n}", sentences(100 + n), study=f"s{n}") for n in range(many)],
    )
    with pytest.raises(LeakError) as caught:
        check(folder)
    assert f"patient in two splits: {many}" in str(caught.value)
    assert "and 5 more" in str(caught.value) and str(caught.value).count("\n  patient ") == SHOWN


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_of_a_picture_is_found_and_other_pictures_are_not(change: str, tmp_path: Path) -> None:
    copies = [row(f"test {n}", picture=png(CHANGES[change](slice_of(n)))) for n in (3, 4)]
    folder = corpus(tmp_path, train=rows_of(0, 8), test=copies + rows_of(30, 2))
    assert reasons(folder) == {"picture that looks the same in two splits": 2}


def test_a_row_that_only_points_to_its_pixels_is_compared_by_the_rest(tmp_path: Path) -> None:
    pointer = row("a", images=[{"bytes": None, "path": "a.png"}])
    folder = corpus(tmp_path, train=[pointer, *rows_of(0, 2)], test=[row("b", images=pointer["images"])])
    check(folder)
    corpus(tmp_path, test=[pointer])
    assert set(reasons(folder)) == {"patient in two splits", "study in two splits"}


def test_the_very_same_picture_is_found_as_such_alone(tmp_path: Path) -> None:
    folder = corpus(tmp_path, train=rows_of(0, 2), test=[row("other", picture=png(slice_of(1)))])
    assert reasons(folder) == {"picture in two splits": 1}


def test_wording_counts_with_other_case_punctuation_and_order_but_not_with_other_numbers(
    tmp_path: Path,
) -> None:
    told = sentences(0, 8)
    parts = told.split(". ")
    train = [row("a", told), row("z", chinese(0))]
    for said, rule in (
        (told.upper().replace(" MM.", " mm ;"), "words in two splits"),
        (". ".join([*parts[4:], *parts[:4]]).replace("mm At", "mm. At"), "near-equal wording in two splits"),
        (told + " As before.", "near-equal wording in two splits"),
        (chinese(0).replace("。", "，"), "words in two splits"),
        (chinese(0)[:-8], "near-equal wording in two splits"),
    ):
        assert reasons(corpus(tmp_path, train=train, test=[row("b", said)])) == {rule: 1}
    number = re.sub(r"\d+ mm", "777 mm", told, count=1)
    assert jaccard(told, number) > 0.8
    check(corpus(tmp_path, test=[row("b", number)]))
    check(corpus(tmp_path, test=[row("b", told.replace("L", "T", 1))]))


def test_questions_of_a_rule_are_judged_by_their_exact_words(tmp_path: Path) -> None:
    told = sentences(0, 8)
    train = [row("a", told, document="rule:one")]
    check(corpus(tmp_path, train=train, test=[row("b", told + " As before.", document="rule:one")]))
    assert reasons(corpus(tmp_path, test=[row("b", told.lower())])) == {"words in two splits": 1}


def test_a_foreign_benchmark_of_any_form_is_read(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "ours", train=rows_of(0, 4), spinebench=rows_of(20, 1))
    foreign = tmp_path / "foreign"
    (foreign / "deep").mkdir(parents=True)
    (foreign / "notes.py").write_text("raise SystemExit('never run')", encoding="utf-8")
    (foreign / "deep" / "lines.jsonl").write_text(
        json.dumps({"question": sentences(50)}) + "\n\n", encoding="utf-8"
    )
    check(folder, [foreign])
    (foreign / "all.json").write_text(
        json.dumps({"data": {"q1": {"report": sentences(1) + "\nas said", "answer": "yes"}}}),
        encoding="utf-8",
    )
    assert reasons(folder, foreign) == {"words in a benchmark": 1}
    (foreign / "all.json").unlink()
    encoded = base64.b64encode(png(jpeg(slice_of(2)))).decode()
    (foreign / "b64.json").write_text(json.dumps([{"image": encoded}]), encoding="utf-8")
    (foreign / "a.png").write_bytes(png(slice_of(1)))
    table = {"image": [{"bytes": png(smaller(slice_of(3)))}], "patient": ["patient 0"]}
    pq.write_table(pa.table(table), foreign / "t.parquet")
    Image.fromarray(slice_of(20)).save(foreign / "of_spinebench.png")
    assert reasons(folder, foreign) == {
        "patient in a benchmark": 1,
        "picture in a benchmark": 1,
        "picture that looks like one in a benchmark": 2,
    }


def test_a_benchmark_in_our_format_is_compared_by_all_rules(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "ours", train=rows_of(0, 4), spinebench=rows_of(20, 1))
    other = corpus(tmp_path / "theirs", test=rows_of(3, 1))
    assert reasons(folder, other) == dict.fromkeys(
        [f"{what} in a benchmark" for what in ("patient", "study", "source document", "picture", "words")],
        1,
    )
    check(folder, [corpus(tmp_path / "same", spinebench=rows_of(20, 1))])
    near = corpus(tmp_path / "near", test=[row("x", sentences(2) + " Indeed so.")])
    assert reasons(folder, near) == {"near-equal wording in a benchmark": 1}


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "ours", train=rows_of(0, 1))
    for name, content in (("a.json", b"{"), ("a.png", b"\x89PNG"), ("a.parquet", b"PAR1")):
        foreign = tmp_path / name.replace(".", "-")
        foreign.mkdir()
        (foreign / name).write_bytes(content)
        with pytest.raises(SourceError, match=name):
            check(folder, [foreign])
    (tmp_path / "empty").mkdir()
    for wrong, against in ((folder, tmp_path / "empty"), (folder, tmp_path / "none"), (tmp_path, folder)):
        with pytest.raises(SourceError):
            check(wrong, [against])


def test_signatures_are_the_same_in_every_process_and_estimate_the_jaccard_index() -> None:
    texts = [sentences(n) for n in range(60)]
    found = signatures(texts)
    program = (
        "import sys; from spinemed.corpus.leaks.signatures import signatures; "
        "print(signatures([sys.argv[1]]).tobytes().hex())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, texts[0]], check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == found[0].tobytes().hex()
    changed = [text.replace("disc", "plate") for text in texts]
    estimates = (signatures(changed)[:, :MINIMA] == found[:, :MINIMA]).mean(axis=1)
    exact = [jaccard(one, other) for one, other in zip(texts, changed, strict=True)]
    assert abs(float(np.mean(estimates - exact))) < 0.02
    assert float(np.std(estimates - exact)) < 0.09
    assert signatures([]).shape == (0, 64) and signatures(["", " . "]).tolist()[0][0] == 0xFFFFFFFF


def test_facts_are_numbers_sides_and_negations_in_any_order() -> None:
    facts = facts_in(
        signatures(["left 3.5 mm at L4", "at L4: 3.5 mm, left", "right 3.5 mm at L4", "left 35 mm at L4"])
    ).tolist()
    assert facts[0] == facts[1] and len(set(facts)) == 3
    zh = facts_in(signatures(["左侧腰4突出", "腰４左突出", "右侧腰4突出"])).tolist()
    assert zh[0] == zh[1] != zh[2]
    segment = signatures(["canal at T10-11 and L4-5", "canal at T10/T11 and L4–L5"])
    assert (segment[0] == segment[1]).all()
    assert words_in(signatures(["A b", "a  B!"])).tolist()[0] == words_in(signatures(["a b"])).tolist()[0]


def test_near_pairs_agree_with_comparing_every_pair() -> None:
    draw = random.Random(3)
    texts = []
    for n in range(60):
        words = sentences(n, 5).split()
        texts.append(" ".join(words))
        for place in draw.sample(range(len(words)), draw.randint(0, 6)):
            words[place] = "other"
        texts.append(" ".join(words))
    sets = shingle_sets(texts)
    for same_facts in (False, True):
        found = signatures(texts)
        facts = facts_in(found)
        wanted = [
            [a, b]
            for a in range(len(texts))
            for b in range(a + 1, len(texts))
            if words_in(found)[a] != words_in(found)[b]
            and overlap(sets[a], sets[b]) >= 0.6
            and (not same_facts or facts[a] == facts[b])
        ]
        got = near_pairs(found, 0.6, texts.__getitem__, same_facts=same_facts).tolist()
        assert len(wanted) > 10 and got == wanted
    halves = np.arange(len(texts)) % 2
    assert all(halves[a] != halves[b] for a, b in near_pairs(signatures(texts), 0.6, groups=halves))
    assert verified(np.array([[0, 2]]), 0.9, texts.__getitem__).tolist() == []
    with pytest.raises(ValueError, match="threshold 0"):
        near_pairs(found, 0)


def test_thousands_of_look_alikes_do_not_count_squared() -> None:
    draw = np.random.default_rng(0)
    base = draw.integers(0, 2**32, 64, dtype=np.uint32)
    found = np.where(
        draw.random((3000, 64)) < 0.95, base, draw.integers(0, 2**32, (3000, 64), dtype=np.uint32)
    )
    found = found.astype(np.uint32)
    found[:, 60:62] = draw.integers(0, 2**32, (3000, 2))
    pairs = near_pairs(found, 0.8, same_facts=False)
    assert len(pairs) < 1_700_000
    assert len(largest_groups(found)[0]) > 2900


def test_duplicates_count_repeats_by_label_and_keys_keep_pictures_apart() -> None:
    told = sentences(0, 8)
    texts = [
        told,
        told.upper(),
        told + " As before.",
        re.sub(r"\d+ mm", "777 mm", told, count=1),
        sentences(9),
    ]
    found = signatures(texts)
    rates = duplicates(found, {"task": ["open", "choice", "open", "open", "open"]})
    assert (rates["exact"], rates["exact task=choice"], rates["exact task=open"]) == (0.2, 1.0, 0.0)
    assert rates["jaccard_0.8"] == 0.6 and rates["same_facts_0.8"] == 0.4
    assert rates["jaccard_0.9"] <= rates["jaccard_0.8"]
    assert largest_groups(found) == [[0, 1, 2, 3]]
    apart = duplicates(found, {}, keys=np.arange(5, dtype=np.uint64))
    assert set(apart.values()) == {0.0} and set(duplicates(found[:0], {}).values()) == {0.0}
    assert [rows.tolist() for rows in same_words(found)] == [[0, 1]]


def test_what_is_dropped_leaves_no_wording_in_two_splits(tmp_path: Path) -> None:
    told = [sentences(n, 8) for n in range(4)]
    texts = [
        told[0],
        told[0] + " As before.",
        told[0].lower(),
        told[1],
        told[1] + " Indeed.",
        told[2],
        told[3],
    ]
    splits = ["test", "train", "train", "spinebench", "test", "train", "train"]
    dropped = drop_across_splits(signatures(texts), splits, text=texts.__getitem__)
    assert dropped.tolist() == [False, True, True, False, True, False, False]
    assert drop_across_splits(signatures(texts), splits).tolist() == dropped.tolist()
    rules = [True] * len(texts)
    assert drop_across_splits(signatures(texts), splits, rules).tolist() == [False, False, True] + [False] * 4
    kept: dict[str, list[Row]] = {}
    for number, (text, split, gone) in enumerate(zip(texts, splits, dropped, strict=True)):
        if not gone:
            kept.setdefault(split, []).append(row(f"p{number}", text))
    check(corpus(tmp_path, **kept))
    with pytest.raises(ConfigError, match="'dev'"):
        drop_across_splits(signatures(texts[:1]), ["dev"])


def test_near_pictures_agree_with_comparing_every_pair_and_a_ring_is_filled() -> None:
    pictures = [slice_of(n) for n in range(12)]
    hashes = hashes_of([picture_hash(one) for one in [*pictures, *(jpeg(one) for one in pictures)]])
    pairs, bits = near_pictures(hashes)
    assert pairs.tolist() == [[n, n + 12] for n in range(12)] and bits.max() < 20
    across, _ = near_pictures(hashes[:12], hashes[12:])
    assert across.tolist() == [[n, n] for n in range(12)]
    assert near_pictures(hashes[:0])[0].shape == (0, 2)
    ringed = draw_ring(pictures[0], 60.0, 120.0, 20.0)
    assert np.abs(grey_of(ringed).astype(int) - pictures[0]).mean() < 1
    assert picture_hash(png(pictures[0])) == picture_hash(pictures[0])


def test_of_two_pictures_that_look_the_same_one_split_keeps_its_own() -> None:
    pictures = [png(slice_of(1)), png(jpeg(slice_of(1))), png(slice_of(2)), png(smaller(slice_of(1)))]
    hashes = hashes_of([picture_hash(one) for one in pictures])
    for splits, gone in (
        (["train", "test", "test", "train"], [True, False, False, True]),
        (["test", "validation", "test", "spinebench"], [True, True, False, False]),
        (["train"] * 4, [False] * 4),
    ):
        assert drop_pictures_across_splits(hashes, splits, pictures.__getitem__).tolist() == gone


def test_likeness_tells_copies_from_others_and_knows_flat_pictures() -> None:
    flat, one = thumbnail(np.full((90, 60), 7, np.uint8)), thumbnail(slice_of(1))
    assert likeness(flat, flat) == 1.0 and likeness(flat, one) == 0.0
    assert likeness(one, thumbnail(CHANGES["cropped"](slice_of(1)))) > ALIKE
    assert max(likeness(one, thumbnail(slice_of(n))) for n in range(2, 8)) < 0.6
