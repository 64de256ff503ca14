"""`verify` passes what a build wrote, and names check, place and fault of everything else."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from release_fixture import png, rehashed, rewritten, write_release

from spinemed.corpus.releases.manifest import read_manifest, write_manifest
from spinemed.corpus.releases.tombstones import Tombstone, Tombstones, write_tombstones
from spinemed.corpus.releases.verify import CHECKS, Verdict, as_json, lines, verify
from spinemed.corpus.releases.verify_bucket import buckets_of, merged, seen_in_bucket
from spinemed.corpus.stages.units import bucket_of
from spinemed.errors import OutputError

Row = dict[str, Any]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release that no test changes."""
    return write_release(tmp_path_factory.mktemp("sound") / "corpus", range(1, 5), range(100_001, 100_005))


@pytest.fixture
def release(sound: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copytree(sound, tmp_path / "corpus"))


def verdict_of(release: Path) -> Verdict:
    """Return the verdict, with all work in this process."""
    return verify(release, workers=0)


def told(release: Path) -> dict[str, str]:
    """Return check -> the first fault that is told."""
    found: dict[str, str] = {}
    for fault in verdict_of(release).faults:
        found.setdefault(fault.check, f"{fault.where}: {fault.what}")
    return found


def test_what_was_written_passes_every_check_and_says_what_was_looked_at(sound: Path) -> None:
    verdict = verdict_of(sound)
    assert verdict.sound
    assert (verdict.checked["ids"], verdict.checked["patients"], verdict.checked["different pictures"]) == (
        32,
        8,
        12,
    )
    assert lines(verdict, sound)[-1].startswith(f"{sound}: all {len(CHECKS)} checks passed")
    assert json.loads(json.dumps(as_json(verdict)))["sound"] is True


def test_what_a_worker_saw_of_its_buckets_adds_up_to_the_whole(release: Path) -> None:
    """Workers send what they saw as bytes."""
    files = [one.relative_to(release).as_posix() for one in release.glob("data/*/*.parquet")]
    parts = [seen_in_bucket(release, of_bucket, Tombstones()) for of_bucket in buckets_of(files)]
    assert len(parts) > 1
    assert sum(part.checked["rows"] for part in parts) == 49
    assert merged(pickle.loads(pickle.dumps(parts))) == merged(parts)


def first_image(rows: list[Row]) -> Row:
    """Return the first row that shows a picture."""
    return next(row for row in rows if row["images"])


def first_quote(rows: list[Row], rule: bool = False) -> Row:
    """Return the first row that quotes a document, or cites a rule."""
    return next(row for row in rows if row["quote"] and row["quote"]["document"].startswith("rule:") is rule)


def moved(rows: list[Row]) -> None:
    own = bucket_of(rows[0]["patient"], 2)
    rows[0]["patient"] = next(name for name in "abcdefgh" if bucket_of(name, 2) != own)


def swap_picture(rows: list[Row]) -> None:
    first_image(rows)["images"] = [{"bytes": png(7777), "path": first_image(rows)["images"][0]["path"]}]


def move_quote(rows: list[Row]) -> None:
    first_quote(rows)["quote"]["start"] += 1


def twice_the_option(rows: list[Row]) -> None:
    rows[0]["options"] = ["L4", "L4"]


PLANTED: dict[str, tuple[str, Callable[[list[Row]], object], str, str]] = {
    "a changed answer": (
        "open",
        lambda rows: rows[-1].update(messages=rows[-2]["messages"]),
        "ids",
        "not the hash",
    ),
    "an answer that is no option": (
        "choice",
        lambda rows: rows[0].update(answer="C"),
        "answers",
        "'C' is no letter",
    ),
    "options that are the same": ("choice", twice_the_option, "answers", "two options are the same"),
    "a reply without the option": (
        "choice",
        lambda rows: rows[0].update(answer="A"),
        "answers",
        "does not say the right option",
    ),
    "another task": (
        "open",
        lambda rows: rows[0].update(task="choice"),
        "places",
        "task 'choice' in config open",
    ),
    "another split": (
        "open",
        lambda rows: rows[0].update(split="validation"),
        "places",
        "split 'validation'",
    ),
    "another bucket": ("open", moved, "places", "another bucket"),
    "no box": (
        "choice",
        lambda rows: rows[0].update(box=None),
        "evidence",
        "no series, plane, slice and box",
    ),
    "an empty box": (
        "choice",
        lambda rows: rows[0]["box"].update(right=rows[0]["box"]["left"]),
        "evidence",
        "no series, plane, slice and box",
    ),
    "no quote": (
        "open",
        lambda rows: first_quote(rows).update(quote=None),
        "evidence",
        "neither a picture nor",
    ),
    "a quote beside its words": ("open", move_quote, "evidence", "there stands"),
    "a rule with a foreign span": (
        "open",
        lambda rows: first_quote(rows, rule=True)["quote"].update(end=3),
        "evidence",
        "a span that is not its own",
    ),
    "a document that is not here": (
        "open",
        lambda rows: first_quote(rows)["quote"].update(document="elsewhere"),
        "evidence",
        "which is no study here",
    ),
    "a finding of nobody": (
        "open",
        lambda rows: rows[0].update(findings=["none"]),
        "evidence",
        "finding none",
    ),
    "another picture": ("open", swap_picture, "pictures", "its path says"),
    "a licence unlike its study's": (
        "open",
        lambda rows: rows[0].update(licence="MIT"),
        "licences",
        "its study's is Apache-2.0",
    ),
    "a licence that is none": ("studies", lambda rows: rows[0].update(licence="free"), "licences", "no SPDX"),
    "pixels that may not be passed on": (
        "choice",
        lambda rows: rows[0].update(licence="CC-BY-NC-ND-4.0"),
        "licences",
        "holds pixels",
    ),
    "rows in another order": (
        "open",
        lambda rows: rows.reverse(),
        "places",
        "does not follow the row before",
    ),
    "a study without its text": (
        "studies",
        lambda rows: [row.update(text="") for row in rows],
        "evidence",
        "quotes",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_wrong_row_fails_its_check_with_file_row_and_fault(release: Path, name: str) -> None:
    config, change, check, words = PLANTED[name]
    file = rewritten(release, config, change)
    bucket = file.partition("-")[2]
    files = [one.relative_to(release).as_posix() for one in release.glob(f"data/*/*-{bucket}")]
    faults = seen_in_bucket(release, files, Tombstones()).faults
    assert any(one.check == check and words in one.what for one in faults), faults
    assert all(one.where.startswith("data/") for one in faults)


def test_a_patient_in_two_splits_fails_and_is_named(release: Path) -> None:
    path = next((release / "data" / "choice").glob("*.parquet"))
    split = path.name.split("-")[0]
    path.rename(path.with_name(path.name.replace(split, "validation")))
    rehashed(release)
    assert f"{split} and validation" in told(release)["splits"]


def test_a_pointer_only_row_needs_a_licence_that_keeps_pixels_back(release: Path) -> None:
    """Where pixels may not be passed on, rows point to them; where they may, they must be there."""

    def pointed(rows: list[Row], licence: str) -> None:
        for row in rows:
            row["images"] = [{"bytes": None, "path": one["path"]} for one in row["images"]]
            row["licence"] = licence

    file = rewritten(release, "choice", lambda rows: pointed(rows, "CC-BY-4.0"))
    faults = seen_in_bucket(release, [file], Tombstones()).faults
    assert "a picture has no bytes" in {one.what for one in faults if one.check == "pictures"}
    shutil.rmtree(release / "data" / "choice")
    (release / "data" / "choice").mkdir()
    file = rewritten(release, "open", lambda rows: pointed(rows, "CC-BY-NC-ND-4.0"))
    faults = seen_in_bucket(release, [file], Tombstones()).faults
    assert not [one for one in faults if one.check == "pictures" or "holds pixels" in one.what]


@pytest.mark.parametrize("kind", ["patient", "source", "id"])
def test_what_was_withdrawn_must_be_gone(release: Path, kind: str) -> None:
    row = pq.read_table(next((release / "data" / "choice").glob("train-*"))).slice(0, 1).to_pylist()[0]
    stone = Tombstone(kind=kind, key=row[kind], reason="asked for", date="2027-01-31")  # type: ignore[arg-type]
    write_tombstones(release / "tombstones.jsonl", Tombstones((stone,)))
    rehashed(release, tombstones=2)
    faults = [one for one in verdict_of(release).faults if one.check == "tombstones"]
    assert any(row["id"] in one.where and "still here" in one.what for one in faults) or kind == "source"
    assert kind != "source" or {one.what for one in faults} >= {"was withdrawn and is still here"}
    assert any("holds 1 withdrawals, the manifest says 2" in one.what for one in faults)


def test_a_number_of_the_manifest_that_the_rows_deny_fails(release: Path) -> None:
    rehashed(release, rows={"open": {"train": 1}}, studies=3, kinds={}, rejects={}, parquet_bytes=1)
    told_of_counts = "\n".join(one.what for one in verdict_of(release).faults if one.check == "counts")
    for words in (
        "rows open train: says 1, the data",
        "rows choice train: says 0, the data",
        "studies: says 3, the data 8",
        "kinds choice train marked_level CT phantom: says 0",
        "rejects read: no mask: says 0, the data 1",
        "parquet_bytes: says 1, the data",
    ):
        assert words in told_of_counts


def test_a_number_of_the_card_that_the_rows_deny_fails(release: Path) -> None:
    card = release / "README.md"
    card.write_text(card.read_text().replace("32", "33"), encoding="utf-8")
    rehashed(release)
    assert "README.md" in told(release)["card"]


def test_a_lookup_of_other_rows_fails_and_a_row_that_comes_twice(release: Path) -> None:
    rewritten(release, "open", lambda rows: rows.append(rows[-1]))
    rehashed(release)
    found = told(release)
    assert "comes twice" in found["ids"]
    assert "holds 32 rows, the corpus 33" in found["lookup"]


def flip(path: Path) -> None:
    """Change one byte in the middle of a file, by a new file so that no other release shares the change."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def test_files_that_differ_are_missing_or_come_on_top_are_named(release: Path) -> None:
    flip(release / "lookup.parquet")
    (release / "tombstones.jsonl").unlink()
    (release / "notes.txt").write_text("mine")
    verdict = verdict_of(release)
    found = {one.where: one.what for one in verdict.faults if one.check == "files"}
    assert "has SHA-256" in found["lookup.parquet"]
    assert found["tombstones.jsonl"] == "is missing"
    assert found["notes.txt"] == "is not in the manifest"
    assert "counts" in verdict.left_out
    assert not verdict.sound


def test_a_truncated_file_is_a_fault_even_where_the_manifest_names_its_hash(release: Path) -> None:
    path = next((release / "data" / "open").glob("train-*"))
    file, content = path.relative_to(release).as_posix(), path.read_bytes()
    for cut in (0, 3, 40, len(content) // 2, -9):
        path.unlink()
        path.write_bytes(content[:cut])
        [fault] = seen_in_bucket(release, [file], Tombstones()).faults
        assert fault.check == "files"
        assert "cannot be read" in fault.what
    manifest = read_manifest(release)
    assert manifest is not None
    known = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
    entry = manifest.files[file].model_copy(update=known)
    write_manifest(release, manifest.model_copy(update={"files": {**manifest.files, file: entry}}))
    found = told(release)
    assert "cannot be read" in found["files"]
    assert "not the Merkle root" in found["root"]


def test_columns_of_another_config_and_a_file_out_of_place_are_faults(release: Path) -> None:
    folder = release / "data" / "studies"
    path = next(folder.glob("train-*"))
    pq.write_table(pq.read_table(path).drop_columns(["sex"]), path)
    (folder / "extra.parquet").write_bytes(path.read_bytes())
    rehashed(release)
    found = told(release)
    assert "differ at sex" in found["columns"]
    assert "extra.parquet" in found["places"]


def test_a_file_without_page_index_and_a_row_group_that_is_too_large_are_faults(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next((release / "data" / "choice").glob("train-*"))
    pq.write_table(pq.read_table(path), path)
    rehashed(release)
    assert "has no page index" in told(release)["row groups"]
    monkeypatch.setattr("spinemed.corpus.releases.verify_bucket.GROUP_BYTES", 1000)
    assert "more than 100 MB" in told(release)["row groups"]


def test_files_of_two_numbers_of_buckets_are_a_fault(release: Path) -> None:
    path = next((release / "data" / "open").glob("train-00000-*"))
    path.rename(path.with_name("train-00000-of-00003.parquet"))
    rehashed(release)
    assert "00002 and 00003 buckets at once" in told(release)["places"]


def test_links_are_faults_and_never_followed(release: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("secret")
    (release / "README.md").unlink()
    (release / "README.md").symlink_to(outside)
    shutil.move(release / "data" / "open", tmp_path / "open")
    (release / "data" / "open").symlink_to(tmp_path / "open")
    found = {one.where: one.what for one in verdict_of(release).faults}
    assert "is a link" in found["README.md"]
    assert "is a link" in found["data/open"]
    with pytest.raises(OutputError, match="is a link"):
        rehashed(release)


def test_a_pipe_in_place_of_a_file_does_not_hang(release: Path) -> None:
    (release / "tombstones.jsonl").unlink()
    os.mkfifo(release / "tombstones.jsonl")
    assert {one.what for one in verdict_of(release).faults} >= {"is no regular file"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"lookup.parquet"', '"../lookup.parquet"'),
        ('"lookup.parquet"', '"/etc/passwd"'),
        ('"lookup.parquet"', '"data/../../x"'),
        ('"lookup.parquet"', '"a\\\\b"'),
        ('"seed": 0', '"seed": 1e999'),
        ('"studies": 8', '"studies": ' + "9" * 400),
        ('"studies": 8', '"studies": -1'),
        ('"version": "1.0.0"', '"version": "1.0.0; rm"'),
        ('"name"', '"nome"'),
    ],
)
def test_a_hostile_manifest_is_refused_before_any_file_is_opened(release: Path, old: str, new: str) -> None:
    path = release / "manifest.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(OutputError, match="cannot be read as a manifest"):
        verify(release)


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no manifest\.json"):
        verify(tmp_path)
