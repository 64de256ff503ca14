"""The next release of a corpus without what was withdrawn: only files that held it are written again."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features

from spinemed.corpus.card.release_info import ReleaseInfo
from spinemed.corpus.releases.lookup import QUESTIONS, SHARD, readable
from spinemed.corpus.releases.manifest import Manifest, file_sha256, read_manifest
from spinemed.corpus.releases.publish import MANIFEST, published
from spinemed.corpus.releases.tombstones import (
    TOMBSTONES,
    Tombstone,
    Tombstones,
    read_tombstones,
    write_tombstones,
)
from spinemed.corpus.stages.shards import TableWriter
from spinemed.errors import OutputError

Finish = Callable[[Path, Manifest, ReleaseInfo], Manifest]
"""Writes all that stands beside the data of a release and returns its manifest."""


@dataclass(frozen=True)
class Withdrawn:
    """What a withdrawal changed: rows that are gone by "config split", files against the release before."""

    out: Path
    before: Manifest
    after: Manifest
    rows: dict[str, int]

    @property
    def changed(self) -> dict[str, int]:
        """Return path -> bytes of files that are new or differ."""
        earlier = self.before.files
        return {
            file: entry.bytes
            for file, entry in self.after.files.items()
            if file not in earlier or earlier[file].sha256 != entry.sha256
        }

    @property
    def dropped(self) -> list[str]:
        """Return the files that are gone: nothing was left in them."""
        return sorted(self.before.files.keys() - self.after.files.keys())


def withdraw(
    folder: Path,
    stones: Sequence[Tombstone],
    out: Path,
    finish: Finish | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Withdrawn:
    """Return the next release, written to `out` whole or not at all; `folder` stays as it is.

    Rows of withdrawn patients and sources leave all configs, a withdrawn id leaves its question. Files that
    held none of them are linked, or copied where the disk knows no links. OutputError where a key holds
    nothing or is withdrawn already, where a file is not that of the manifest, and where `out` cannot be
    written; then nothing is published.
    """
    before = read_manifest(folder)
    if before is None:
        raise OutputError(f"{folder}: no {MANIFEST}; name the folder of a built corpus")
    out = out.absolute()
    if out.resolve() == folder.resolve() or folder.resolve() in out.resolve().parents:
        raise OutputError(f"{out}: is the corpus itself or lies in it; choose another --out")
    earlier = read_tombstones(folder / TOMBSTONES)
    _check_new(stones, earlier)
    gone = Tombstones(tuple(stones))
    data = sorted(file for file in before.files if SHARD.fullmatch(file))
    _check_files(folder, data, before)
    hit = {file: found for file in data if (found := _hit(folder, file, gone)).rows}
    _check_found(folder, stones, hit.values())
    with published(out, say) as partial:
        for number, file in enumerate(data):
            if file in hit:
                say(f"rewriting {file} ({number + 1} of {len(data)})")
                _rewrite(folder, file, gone, partial)
            else:
                _link(folder / file, partial / file)
        write_tombstones(partial / TOMBSTONES, earlier.with_more(stones))
        release = _next(before, max(stone.date for stone in stones))
        after = (finish or _finished)(partial, before, release)
    rows: Counter[str] = Counter()
    for file, found in hit.items():
        config, name = file.split("/")[1:]
        rows[f"{config} {name.split('-')[0]}"] += found.rows
    return Withdrawn(out, before, after, dict(sorted(rows.items())))


def lines(withdrawn: Withdrawn) -> list[str]:
    """Return what is gone, which files changed by how many bytes, where it lies, and the next step."""
    before, after, changed = withdrawn.before, withdrawn.after, withdrawn.changed
    total = sum(entry.bytes for entry in after.files.values())
    gone = ", ".join(f"{count} {name}" for name, count in withdrawn.rows.items())
    return [
        f"gone: {gone}",
        *(f"changed: {file} ({size} bytes)" for file, size in sorted(changed.items())),
        *(f"dropped: {file}" for file in withdrawn.dropped),
        f"files: {len(changed)} of {len(after.files)} changed, {sum(changed.values())} of {total} bytes "
        "(a store of content-defined chunks takes fewer, see benchmarks/withdrawal.py)",
        f"release: {after.version}, root {after.root}, after {before.version}, root {after.previous_root}",
        f"where: {withdrawn.out}",
        f"next: spinemed verify {withdrawn.out}",
    ]


def as_json(withdrawn: Withdrawn) -> dict[str, object]:
    """Return the withdrawal as plain JSON."""
    before, after = withdrawn.before, withdrawn.after
    return {
        "gone": withdrawn.rows,
        "changed": dict(sorted(withdrawn.changed.items())),
        "dropped": withdrawn.dropped,
        "bytes": sum(entry.bytes for entry in after.files.values()),
        "release": {"version": after.version, "root": after.root, "previous_root": after.previous_root},
        "before": {"version": before.version, "root": before.root},
        "where": str(withdrawn.out),
    }


def _check_new(stones: Sequence[Tombstone], earlier: Tombstones) -> None:
    if not stones:
        raise OutputError("nothing to withdraw; name a --patient, --source or --id")
    for stone in stones:
        if stone.key in earlier.keys[stone.kind]:
            raise OutputError(f"{stone.kind} {stone.key}: withdrawn already; leave it out")


def _check_files(folder: Path, data: list[str], manifest: Manifest) -> None:
    """Raise OutputError where a data file is not that of the manifest: a release is not made of it."""
    for file in data:
        with readable(folder / file):
            is_same = (
                not (folder / file).is_symlink() and file_sha256(folder / file) == manifest.files[file].sha256
            )
        if not is_same:
            raise OutputError(f"{folder / file}: not the file of the manifest; run spinemed verify {folder}")


class _Hit(NamedTuple):
    """What a withdrawal takes from a file: how many rows, and the (kind, key) that they have."""

    rows: int
    keys: frozenset[tuple[str, str]]


def _hit(folder: Path, file: str, gone: Tombstones) -> _Hit:
    """Return what a withdrawal takes from a file."""
    columns = ["id", "source"] if file.split("/")[1] == "rejects" else ["id", "source", "patient"]
    with readable(folder / file), pq.ParquetFile(folder / file) as parquet:
        table = parquet.read(columns=columns)
    reasons = [keys for keys in _reasons(file, table, gone) if keys]
    return _Hit(len(reasons), frozenset(key for keys in reasons for key in keys))


def _reasons(file: str, table: pa.Table, gone: Tombstones) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield the (kind, key) for which each row goes; none where it stays.

    A reject names its patient before a slash, if at all; an id is that of a question.
    """
    config = file.split("/")[1]
    ids, sources = table["id"].to_pylist(), table["source"].to_pylist()
    if config == "rejects":
        patients = [identity.split("/")[0] for identity in ids]
    else:
        patients = table["patient"].to_pylist()
    keys = gone.keys
    of_question = keys["id"] if config in QUESTIONS else frozenset[str]()
    for identity, source, patient in zip(ids, sources, patients, strict=True):
        named = (
            ("source", source, keys["source"]),
            ("patient", patient, keys["patient"]),
            ("id", identity, of_question),
        )
        yield tuple((kind, key) for kind, key, withdrawn in named if key in withdrawn)


def _check_found(folder: Path, stones: Sequence[Tombstone], hits: Iterable[_Hit]) -> None:
    """Raise OutputError for a key that holds nothing."""
    found = {key for hit in hits for key in hit.keys}
    for stone in stones:
        if (stone.kind, stone.key) not in found:
            raise OutputError(f"{folder}: no {stone.kind} {stone.key!r} is in it; nothing withdrawn")


def _rewrite(folder: Path, file: str, gone: Tombstones, into: Path) -> None:
    """Write a file again without what is gone, as the build would have written what stays."""
    with pq.ParquetFile(folder / file) as parquet:
        # As a build states it: pyarrow calls the parts of lists otherwise in what it reads.
        schema = Features.from_arrow_schema(parquet.schema_arrow).arrow_schema
        writer = TableWriter(into / file, schema)
        for group in range(parquet.num_row_groups):
            with readable(folder / file):
                table = parquet.read_row_group(group).cast(schema)
            stays = [not keys for keys in _reasons(file, table, gone)]
            for part in _by_patient(table if all(stays) else table.filter(pa.array(stays))):
                writer.add(part)
        writer.close()


def _by_patient(table: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows of one patient after the other; all at once where rows have no patient."""
    if not len(table):
        return
    if "patient" not in table.column_names:
        yield table
        return
    keys = list(zip(table["source"].to_pylist(), table["patient"].to_pylist(), strict=True))
    starts = [place for place in range(len(keys)) if place == 0 or keys[place] != keys[place - 1]]
    for start, stop in zip(starts, [*starts[1:], len(keys)], strict=True):
        yield table.slice(start, stop - start)


def _link(original: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(original, copy)
    except OSError:
        shutil.copyfile(original, copy)


def _next(before: Manifest, date: str) -> ReleaseInfo:
    """Return what the next release is called: its rows differ, so the second number grows."""
    from spinemed.corpus.config import checked

    told = before.settings.get("release", {"version": before.version})
    info = checked(told if isinstance(told, dict) else {"release": told}, MANIFEST, ReleaseInfo)
    major, minor, _ = before.version.split(".")
    raised = f"{major}.{int(minor) + 1}.0"
    doi = {"doi": "", "previous_doi": info.doi}
    return info.model_copy(update={"version": raised, "date": date, "previous": before.version, **doi})


def _finished(folder: Path, before: Manifest, release: ReleaseInfo) -> Manifest:
    """Finish a release as a build does; what made the rows is stated as before."""
    from spinemed.corpus.config import BuildConfig, checked
    from spinemed.corpus.stages.release import Made, finish

    settings = {**before.settings, "release": release.model_dump(mode="json")}
    made = Made(
        inputs=before.inputs,
        code=before.code,
        packages=before.packages,
        shortfalls=before.shortfalls,
        duplicates=before.duplicates,
        previous_root=before.root,
    )
    return finish(folder, checked(settings, MANIFEST, BuildConfig), made)
