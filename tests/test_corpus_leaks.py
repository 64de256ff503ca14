"""Leaks of every kind are found, by the rules that name them; what only looks alike is not one."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from leak_fixture import CHANGES, Row, chinese, corpus, jpeg, png, row, rows_of, sentences, slice_of, smaller
from PIL import Image

from spinemed.corpus.leaks.contents import Prepared, contents_of
from spinemed.corpus.leaks.duplicates import drop_across_splits, drop_pictures_across_splits
from spinemed.corpus.leaks.gate import SHOWN, check
from spinemed.corpus.leaks.pictures import hashes_of
from spinemed.corpus.leaks.signatures import jaccard, signatures
from spinemed.corpus.rows import features
from spinemed.errors import ConfigError, LeakError, SourceError
from spinemed.imaging.looks import picture_hash


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


def test_of_two_pictures_that_look_the_same_one_split_keeps_its_own() -> None:
    pictures = [png(slice_of(1)), png(jpeg(slice_of(1))), png(slice_of(2)), png(smaller(slice_of(1)))]
    hashes = hashes_of([picture_hash(one) for one in pictures])
    for splits, gone in (
        (["train", "test", "test", "train"], [True, False, False, True]),
        (["test", "validation", "test", "spinebench"], [True, True, False, False]),
        (["train"] * 4, [False] * 4),
    ):
        assert drop_pictures_across_splits(hashes, splits, pictures.__getitem__).tolist() == gone
