"""The manifest of a release: Merkle root, entries of files, and what no manifest may say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from spinemed.corpus.releases.manifest import FileEntry, Manifest, file_entries
from spinemed.corpus.releases.merkle import EMPTY, merkle_root
from spinemed.errors import OutputError

DIGEST = hashlib.sha256(b"").hexdigest()


def entry(content: bytes) -> FileEntry:
    """Return the entry of some bytes."""
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def test_the_root_is_that_of_rfc_6962_written_out_by_hand() -> None:
    """Three leaves: the third has no partner and moves up unchanged."""
    files = {name: entry(name.encode()) for name in ("c", "a", "b")}
    leaf = {
        name: hashlib.sha256(b"\x00" + name.encode() + b"\x00" + bytes.fromhex(one.sha256)).digest()
        for name, one in files.items()
    }
    left = hashlib.sha256(b"\x01" + leaf["a"] + leaf["b"]).digest()
    assert merkle_root(files) == hashlib.sha256(b"\x01" + left + leaf["c"]).hexdigest()
    assert merkle_root({"a": files["a"]}) == leaf["a"].hex()
    assert merkle_root({}) == EMPTY == DIGEST


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.text("abc/", min_size=1, max_size=4), st.binary(max_size=3), min_size=1, max_size=9)
)
def test_every_path_and_every_byte_decides_the_root_and_the_order_does_not(files: dict[str, bytes]) -> None:
    entries = {name: entry(content) for name, content in files.items()}
    root = merkle_root(entries)
    assert merkle_root(dict(sorted(entries.items(), reverse=True))) == root
    for name in files:
        others = {one: kept for one, kept in entries.items() if one != name}
        assert merkle_root(others) != root
        assert merkle_root({**others, f"{name}x": entries[name]}) != root
        assert merkle_root({**entries, name: entry(files[name] + b"!")}) != root


def test_entries_name_every_file_but_the_manifest_with_its_rows(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "data").mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "README.md").write_bytes(b"four")
    pq.write_table(pa.table({"x": [1, 2, 3]}), tmp_path / "data" / "a.parquet")
    found = file_entries(tmp_path, workers=2)
    assert list(found) == ["README.md", "data/a.parquet"]
    assert found["README.md"] == entry(b"four")
    assert found["data/a.parquet"].rows == 3
    assert found == file_entries(tmp_path)


def test_a_link_and_parquet_that_is_none_have_no_entry(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(OutputError, match="not readable as Parquet"):
        file_entries(tmp_path)
    (tmp_path / "a.parquet").unlink()
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(OutputError, match="passwd is a link"):
        file_entries(tmp_path)


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../a", "a/../b", "/a", "a//b", "a/", "./a", "a\\b", "C:a", "a\nb", "manifest.json"],
)
def test_a_manifest_holds_no_path_that_leads_elsewhere(path: str) -> None:
    fields = Manifest.model_fields["files"]
    assert fields.is_required()
    content = {
        "name": "x",
        "root": DIGEST,
        "seed": 0,
        "settings": {},
        "inputs": {},
        "code": "",
        "packages": {},
        "studies": 0,
        "rows": {},
        "kinds": {},
        "rejects": {},
        "image_bytes": 0,
        "parquet_bytes": 0,
        "files": {"data/a.parquet": {"sha256": DIGEST, "bytes": 0}},
    }
    Manifest.model_validate(content)
    with pytest.raises(ValidationError, match="is no path of a file in this folder"):
        Manifest.model_validate(content | {"files": {path: {"sha256": DIGEST, "bytes": 0}}})
