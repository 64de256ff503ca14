"""What differs between two releases of a corpus: rows, files, bytes, withdrawals, the chain of roots."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from spinemed.corpus.releases.lookup import SHARD, readable
from spinemed.corpus.releases.manifest import Manifest, read_manifest
from spinemed.corpus.releases.publish import MANIFEST
from spinemed.corpus.releases.tombstones import TOMBSTONES, Tombstone, read_tombstones
from spinemed.errors import OutputError
from spinemed.records import content_id

Change = Literal["added", "removed", "changed"]
_EXAMPLES = 5
_BATCH = 1024


@dataclass(frozen=True)
class Difference:
    """What release `new` has otherwise than `old`.

    `rows` by (change, config, split, source); a changed row counts where it is now. `examples` are some ids
    of each change. `withdrawn` are tombstones that only `new` has.
    """

    old: Manifest
    new: Manifest
    rows: dict[tuple[Change, str, str, str], int]
    examples: dict[Change, list[str]]
    withdrawn: tuple[Tombstone, ...]

    @property
    def chained(self) -> bool:
        """Return whether `new` names `old` as the release before it."""
        return self.new.previous_root == self.old.root

    @property
    def files(self) -> dict[str, tuple[int, int]]:
        """Return how many files, and bytes of them, are the same, changed, added and removed."""
        found: dict[str, tuple[int, int]] = dict.fromkeys(("same", "changed", "added", "removed"), (0, 0))
        for file in {*self.old.files, *self.new.files}:
            before, after = self.old.files.get(file), self.new.files.get(file)
            entry = after or before
            name = "added" if before is None else "removed" if after is None else "changed"
            if before is not None and after is not None and before.sha256 == after.sha256:
                name = "same"
            count, size = found[name]
            found[name] = count + 1, size + (0 if entry is None else entry.bytes)
        return found


def difference(old: Path, new: Path) -> Difference:
    """Return what differs between two corpora; files with equal hashes are not read.

    OutputError where one has no manifest or a file cannot be read.
    """
    first, second = _manifest(old), _manifest(new)
    rows: Counter[tuple[Change, str, str, str]] = Counter()
    examples: defaultdict[Change, list[str]] = defaultdict(list)
    before, after = _rows(old, first, second), _rows(new, second, first)
    for key in sorted({*before, *after}):
        one, other = before.get(key), after.get(key)
        if one == other:
            continue
        change: Change = "added" if one is None else "removed" if other is None else "changed"
        split, source, _ = other or one or ("", "", "")
        rows[change, key[0], split, source] += 1
        if len(examples[change]) < _EXAMPLES:
            examples[change].append(key[1])
    known = read_tombstones(old / TOMBSTONES).keys
    stones = read_tombstones(new / TOMBSTONES).entries
    withdrawn = tuple(stone for stone in stones if stone.key not in known[stone.kind])
    return Difference(first, second, dict(sorted(rows.items())), dict(examples), withdrawn)


def _manifest(folder: Path) -> Manifest:
    manifest = read_manifest(folder)
    if manifest is None:
        raise OutputError(f"{folder}: no {MANIFEST}; name the folder of a built corpus")
    return manifest


def _rows(folder: Path, own: Manifest, other: Manifest) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Return (config, id) -> split, source and hash of the content, of rows in files that differ.

    Rejects may share an id, so their content is their key.
    """
    found = {}
    for file, entry in own.files.items():
        match = SHARD.fullmatch(file)
        if match is None or (file in other.files and other.files[file].sha256 == entry.sha256):
            continue
        with readable(folder / file), pq.ParquetFile(folder / file) as parquet:
            columns = [name for name in parquet.schema_arrow.names if name != "images"]
            if "images" in parquet.schema_arrow.names:
                columns.append("images.list.element.path")
            for batch in parquet.iter_batches(_BATCH, columns=columns):
                for row in batch.to_pylist():
                    content = content_id(row)
                    key = content if match["config"] == "rejects" else str(row["id"])
                    found[match["config"], key] = match["split"], str(row["source"]), content
    return found


def lines(found: Difference) -> list[str]:
    """Return the difference for a person."""
    old, new = found.old, found.new
    chain = "follows" if found.chained else "does not name as the one before it"
    said = [f"{new.name} {new.version} ({new.root[:16]}) {chain} {old.version} ({old.root[:16]})"]
    said += [
        f"{change}: {count} {config} {split} {source}"
        for (change, config, split, source), count in found.rows.items()
    ]
    if not found.rows:
        said.append("rows: the same")
    said += [f"{change}, such as: {', '.join(ids)}" for change, ids in found.examples.items()]
    said += [f"withdrawn: {one.kind} {one.key}, {one.date}: {one.reason}" for one in found.withdrawn]
    said += [f"files {name}: {count}, {size} bytes" for name, (count, size) in found.files.items()]
    return said


def as_json(found: Difference) -> dict[str, Any]:
    """Return the difference as plain JSON."""
    return {
        "old": {"version": found.old.version, "root": found.old.root},
        "new": {"version": found.new.version, "root": found.new.root},
        "chained": found.chained,
        "rows": [
            {"change": change, "config": config, "split": split, "source": source, "rows": count}
            for (change, config, split, source), count in found.rows.items()
        ],
        "examples": found.examples,
        "withdrawn": [stone.model_dump() for stone in found.withdrawn],
        "files": {name: {"files": count, "bytes": size} for name, (count, size) in found.files.items()},
    }
