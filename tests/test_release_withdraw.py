"""`withdraw` makes the next release without what is gone; `diff` tells the two apart."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from release_fixture import finish, rows_of_patients, write_data, write_release
from typer.testing import CliRunner

from spinemed.cli.release import app
from spinemed.corpus.card.release_info import ReleaseInfo
from spinemed.corpus.releases import withdraw as module
from spinemed.corpus.releases.diff import as_json, difference, lines
from spinemed.corpus.releases.manifest import Manifest, read_manifest
from spinemed.corpus.releases.tombstones import (
    Tombstone,
    Tombstones,
    read_tombstones,
    tombstones_of,
    write_tombstones,
)
from spinemed.corpus.releases.verify import verify
from spinemed.corpus.releases.withdraw import withdraw
from spinemed.errors import ConfigError, OutputError

DAY = "2027-01-31"
GONE = "phantom-000003"


def stone(kind: str, key: str) -> Tombstone:
    """Return a withdrawal."""
    return Tombstone.model_validate({"kind": kind, "key": key, "reason": "asked for", "date": DAY})


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release that withdrawals start from and never change."""
    return write_release(tmp_path_factory.mktemp("withdraw") / "corpus", range(1, 7), range(100_001, 100_005))


@pytest.fixture(scope="module")
def without(release: Path) -> Path:
    """Return the next release, without one patient."""
    out = release.with_name("next")
    withdraw(release, [stone("patient", GONE)], out, finish)
    return out


def content(folder: Path) -> dict[str, bytes]:
    """Return path -> bytes of all files."""
    return {
        one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }


def test_a_withdrawn_patient_is_gone_from_every_config_and_the_release_verifies(without: Path) -> None:
    verdict = verify(without, workers=0)
    assert verdict.sound, verdict.faults
    for path in without.glob("data/*/*.parquet"):
        assert GONE.encode() not in path.read_bytes()
    assert read_tombstones(without / "tombstones.jsonl").entries == (stone("patient", GONE),)


def test_only_files_that_held_it_change_and_are_what_a_build_of_the_rest_writes(
    release: Path, without: Path, tmp_path: Path
) -> None:
    rows = rows_of_patients(range(1, 7), range(100_001, 100_005))
    kept = {config: [row for row in of if row.get("patient") != GONE] for config, of in rows.items()}
    write_data(tmp_path, kept)
    before, after = content(release), content(without)
    assert {file for file in after if file.startswith("data/")} == set(content(tmp_path))
    assert all(after[file] == data for file, data in content(tmp_path).items())
    touched = {file for file in after if file.startswith("data/") and after[file] != before[file]}
    assert 0 < len(touched) < sum(file.startswith("data/") for file in after) / 2
    same = next(file for file in after if file.startswith("data/") and file not in touched)
    assert (without / same).stat().st_ino == (release / same).stat().st_ino


def test_the_next_release_is_chained_raised_and_leaves_the_first_as_it_was(
    release: Path, without: Path, tmp_path: Path
) -> None:
    first, second = read_manifest(release), read_manifest(without)
    assert first is not None and second is not None
    assert (second.previous_root, second.version, second.tombstones) == (first.root, "1.1.0", 1)
    assert verify(release, workers=0).sound
    done = withdraw(without, [stone("patient", "phantom-000004")], tmp_path / "third", finish)
    assert (done.after.previous_root, done.after.version, done.after.tombstones) == (second.root, "1.2.0", 2)


def test_a_source_and_single_ids_can_be_withdrawn_and_empty_files_vanish(
    release: Path, tmp_path: Path
) -> None:
    identity = str(pq.read_table(next((release / "data" / "choice").glob("*")))["id"][0])
    done = withdraw(release, [stone("source", "casebook"), stone("id", identity)], tmp_path / "out", finish)
    assert done.dropped
    verdict = verify(done.out, workers=0)
    assert verdict.sound, verdict.faults
    assert verdict.checked["ids"] == 6 * 6 - 1
    patients = {
        one for path in done.out.glob("data/studies/*") for one in pq.read_table(path)["patient"].to_pylist()
    }
    assert len(patients) == 6


@pytest.mark.parametrize(
    ("stones", "words"),
    [
        ([], "nothing to withdraw"),
        ([stone("patient", "phantom-999999")], "no patient 'phantom-999999' is in it"),
        ([stone("id", GONE)], "no id"),
        ([stone("patient", GONE), stone("source", "verse")], "no source 'verse'"),
    ],
)
def test_a_key_that_holds_nothing_is_an_error_and_nothing_is_written(
    release: Path, tmp_path: Path, stones: list[Tombstone], words: str
) -> None:
    with pytest.raises(OutputError, match=words):
        withdraw(release, stones, tmp_path / "out", finish)
    assert not list(tmp_path.iterdir())


def test_a_release_is_not_made_of_files_that_changed_nor_put_into_itself(
    without: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="withdrawn already"):
        withdraw(without, [stone("patient", GONE)], tmp_path / "out", finish)
    for place in (without, without / "data" / "next"):
        with pytest.raises(OutputError, match="choose another --out"):
            withdraw(without, [stone("patient", "phantom-000004")], place, finish)
    copy = write_release(tmp_path / "copy", range(1, 3), range(100_001, 100_001))
    path = next(copy.glob("data/open/*"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(OutputError, match="not the file of the manifest"):
        withdraw(copy, [stone("patient", "phantom-000001")], tmp_path / "out", finish)
    manifest = copy / "manifest.json"
    manifest.write_text(
        manifest.read_text().replace('"settings": {}', '"settings": {"release": {"vers": 1}}')
    )
    path.write_bytes(whole)
    with pytest.raises(ConfigError, match=r"manifest\.json: vers"):
        withdraw(copy, [stone("patient", "phantom-000001")], tmp_path / "out", finish)
    with pytest.raises(OutputError, match="no manifest"):
        withdraw(tmp_path, [stone("patient", "phantom-000001")], tmp_path / "out", finish)


def test_a_full_disk_or_a_fault_at_the_end_leaves_nothing_and_the_next_run_succeeds(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(original: Path, copy: Path) -> None:
        raise OSError(errno.ENOSPC, "no space")

    def broken(folder: Path, before: Manifest, info: ReleaseInfo) -> Manifest:
        raise OutputError("leak")

    with monkeypatch.context() as patched:
        patched.setattr(module, "_link", full)
        with pytest.raises(OutputError, match="no space left on the disk"):
            withdraw(release, [stone("patient", GONE)], tmp_path / "out", finish)
    with pytest.raises(OutputError, match="leak"):
        withdraw(release, [stone("patient", GONE)], tmp_path / "out", broken)
    assert not list(tmp_path.iterdir())
    (tmp_path / "out.partial-999999999").mkdir()
    assert withdraw(release, [stone("patient", GONE)], tmp_path / "out", finish).out == tmp_path / "out"
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_disk_without_links_gets_copies(
    release: Path, without: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(original: Path, copy: Path) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr("os.link", refused)
    withdraw(release, [stone("patient", GONE)], tmp_path / "out", finish)
    assert content(tmp_path / "out") == content(without)


def test_a_difference_counts_rows_by_config_split_and_source(release: Path, without: Path) -> None:
    found = difference(release, without)
    assert found.chained
    assert {change for change, *_ in found.rows} == {"removed"}
    assert sum(found.rows.values()) == 3 + 3 + 1 + 1
    assert {source for *_, source in found.rows} == {"phantom"}
    assert found.withdrawn == (stone("patient", GONE),)
    assert "follows 1.0.0" in lines(found)[0]
    back = difference(without, release)
    assert not back.chained
    assert {change for change, *_ in back.rows} == {"added"}
    plain: dict[str, Any] = json.loads(json.dumps(as_json(found)))
    assert plain["files"]["same"]["files"] > plain["files"]["changed"]["files"] > 0
    same = difference(release, release)
    assert (same.rows, same.files["changed"]) == ({}, (0, 0))


def test_a_row_with_other_content_under_its_id_is_changed(release: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    rows = rows_of_patients(range(1, 7), range(100_001, 100_005))
    rows["open"][0]["template"] = "marked_level/en/2"
    other.mkdir()
    write_data(other, rows)
    write_tombstones(other / "tombstones.jsonl", Tombstones())
    finish(other, None, ReleaseInfo())
    found = difference(release, other)
    assert list(found.rows.values()) == [1]
    assert found.examples == {"changed": [rows["open"][0]["id"]]}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"kind": "patient"}', "line 2 is no tombstone"),
        ('{"kind": "all", "key": "k", "reason": "r", "date": "2027-01-31"}', "line 2 is no tombstone"),
        ('{"kind": "id", "key": "k", "reason": "r", "date": "2027-02-31"}', "line 2 is no tombstone"),
        ("[" * 3000, "line 2 is no tombstone"),
        ("x" * 5000, "line 2 is no tombstone"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_line_that_is_no_tombstone_is_named(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "tombstones.jsonl"
    first = stone("id", "k").model_dump_json()
    path.write_text(f"{first}\n{line}\n", encoding="utf-8", errors="surrogateescape")
    with pytest.raises(OutputError, match=words):
        read_tombstones(path)
    with pytest.raises(OutputError, match="missing"):
        read_tombstones(tmp_path / "none")
    assert read_tombstones(None).entries == ()


def test_keys_of_the_command_line_are_checked() -> None:
    assert [one.kind for one in tombstones_of({"patient": ["p"], "id": ["i"]}, "r", DAY)] == ["patient", "id"]
    for keys, reason, day in (
        ({"id": [""]}, "r", DAY),
        ({"id": ["i"]}, "", DAY),
        ({"id": ["i"]}, "r", "31.1.27"),
    ):
        with pytest.raises(ConfigError, match="a day is written 2027-01-31"):
            tombstones_of(keys, reason, day)


def test_the_commands_print_what_changed_and_fail_with_1(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_finished", finish)
    runner = CliRunner()
    asked = ["withdraw", str(release), "--patient", GONE, "--reason", "asked for", "--date", DAY]
    done = runner.invoke(app, [*asked, "--out", str(tmp_path / "next")])
    assert done.exit_code == 0, done.output
    assert "gone: 3 choice" in done.stdout
    assert f"next: spinemed verify {tmp_path / 'next'}" in done.stdout
    told = runner.invoke(app, ["diff", str(release), str(tmp_path / "next"), "--json"])
    assert json.loads(told.stdout)["chained"] is True
    assert runner.invoke(app, ["verify", str(tmp_path / "next"), "--workers", "0"]).exit_code == 0
    (tmp_path / "next" / "README.md").unlink()
    failed = runner.invoke(app, ["verify", str(tmp_path / "next"), "--workers", "0"])
    assert failed.exit_code == 1
    assert "files: README.md: is missing" in failed.stdout
