"""A corpus appears whole or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from spinemed.corpus.releases.publish import MANIFEST, published
from spinemed.errors import OutputError


def write_corpus(out: Path, text: str) -> None:
    with published(out, say=lambda said: None) as partial:  # noqa: ARG005
        (partial / MANIFEST).write_text(text, encoding="utf-8")


def test_the_folder_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "corpus"
    with published(out, say=print) as partial:
        (partial / MANIFEST).write_text("{}", encoding="utf-8")
        assert not out.exists()
        assert partial.parent == out.parent
    assert [path.name for path in out.parent.iterdir()] == ["corpus"]


def test_a_full_disk_is_told_and_nothing_stays(tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    with pytest.raises(OutputError, match="no space left on the disk"), published(out, say=print):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_failure_keeps_the_earlier_corpus(tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    write_corpus(out, "first")
    with pytest.raises(ValueError, match="broken"), published(out, say=print) as partial:
        (partial / MANIFEST).write_text("second", encoding="utf-8")
        raise ValueError("broken")
    assert (out / MANIFEST).read_text(encoding="utf-8") == "first"
    write_corpus(out, "third")
    assert (out / MANIFEST).read_text(encoding="utf-8") == "third"
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_a_corpus_moved_aside_by_a_killed_build_comes_back(tmp_path: Path) -> None:
    """Killed between the two renames, a build leaves the old corpus under another name."""
    out = tmp_path / "corpus"
    write_corpus(out, "old")
    out.rename(tmp_path / "corpus.old-4194304")
    said: list[str] = []
    with pytest.raises(ValueError, match="stop"), published(out, say=said.append):
        raise ValueError("stop")
    assert (out / MANIFEST).read_text(encoding="utf-8") == "old"
    assert said == [f"put back {out}, moved aside by a build that was interrupted"]


def test_a_build_that_still_runs_is_not_disturbed(tmp_path: Path) -> None:
    (tmp_path / "corpus.partial-1").mkdir()
    with (
        pytest.raises(OutputError, match="process 1 is building here"),
        published(tmp_path / "corpus", say=print),
    ):
        pass
    assert (tmp_path / "corpus.partial-1").is_dir()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(OutputError, match="cannot be written"),
        published(tmp_path / "file" / "corpus", say=print),
    ):
        pass
