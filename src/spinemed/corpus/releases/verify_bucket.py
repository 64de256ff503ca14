"""One bucket of a corpus, read once: every row and every picture is judged, in bounded memory."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spinemed.corpus.releases.lookup import QUESTIONS, SHARD, UNREADABLE
from spinemed.corpus.releases.tombstones import Tombstones
from spinemed.corpus.releases.verify_rows import Bucket, Wrong, sort_key, wrong_in_fact, wrong_in_question

PICTURE_BYTES: Final = "images.list.element.bytes"
PICTURE_PATHS: Final = "images.list.element.path"
GROUP_BYTES: Final = 100 * 10**6
DECODED_BYTES: Final = 2**31
MOST_TOLD: Final = 20
_BATCH = 512


class Fault(NamedTuple):
    """One failed check: which, where in the corpus, and what was seen."""

    check: str
    where: str
    what: str


@dataclass
class Seen:
    """What the rows of a bucket were, for checks over the whole corpus; of a check 20 faults are told."""

    faults: list[Fault] = field(default_factory=list)
    untold: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    splits: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: {"patient": {}, "study": {}, "picture": {}}
    )
    facts: dict[str, set[str]] = field(default_factory=dict)
    """Patient -> splits of its studies and findings."""
    pictures: dict[str, int] = field(default_factory=dict)
    """Picture -> bytes."""

    def fault(self, check: str, where: str, what: str) -> None:
        """Keep a fault, or count it where enough of this check are known."""
        if sum(one.check == check for one in self.faults) < MOST_TOLD:
            self.faults.append(Fault(check, where, what))
        else:
            self.untold[check] += 1


def seen_in_bucket(folder: Path, files: list[str], gone: Tombstones) -> Seen:
    """Return what was seen in the files of one bucket; a file that cannot be read is a fault.

    Studies and findings are read first, since questions refer to them.
    """
    seen = Seen()
    match = SHARD.fullmatch(files[0])
    if match is None:
        raise ValueError(f"{files[0]} is no data file")
    at = Bucket(int(match["bucket"]), int(match["buckets"]), gone)
    order = ("studies", "findings", *QUESTIONS, "rejects")
    for file in sorted(files, key=lambda name: order.index(name.split("/")[1])):
        try:
            _read(folder, file, at, seen)
        except UNREADABLE as error:
            seen.fault("files", file, f"cannot be read: {' '.join(str(error).split())[:200]}")
    return seen


def _read(folder: Path, file: str, at: Bucket, seen: Seen) -> None:
    config, split = file.split("/")[1], file.split("/")[2].split("-")[0]
    shared = [PICTURE_BYTES] if config in QUESTIONS else None
    with pq.ParquetFile(folder / file, read_dictionary=shared) as parquet:
        _judge_layout(parquet, file, seen)
        last = (False, "", "")
        for number, row, pictures in _rows(parquet, file, config, at, seen):
            seen.checked["rows"] += 1
            seen.rows[config, split] += 1
            where = f"{file} row {number} ({row['id']})"
            for wrong in _judged(row, config, split, pictures, at, seen):
                seen.fault(wrong.check, where, wrong.what)
            if config != "rejects":
                key = sort_key(row)
                if key < last:
                    seen.fault("places", where, "does not follow the row before by source and patient")
                last = key


def _judged(
    row: dict[str, Any], config: str, split: str, pictures: list[str], at: Bucket, seen: Seen
) -> Iterator[Wrong]:
    if config == "rejects":
        seen.rejects[f"{row['step']}: {row['reason']}"] += 1
        if row["source"] in at.gone.keys["source"]:
            yield Wrong("tombstones", "names a source that was withdrawn")
        return
    if config in QUESTIONS:
        seen.kinds[f"{config} {split} {row['kind']} {row['modality']} {row['source']}"] += 1
        seen.splits["patient"].setdefault(row["patient"], set()).add(split)
        seen.splits["study"].setdefault(row["study"], set()).add(split)
        yield from wrong_in_question(row, config, split, pictures, at)
        return
    seen.facts.setdefault(row["patient"], set()).add(split)
    if config == "studies":
        at.documents[row["id"]] = row["patient"], row["text"]
        at.licences[row["id"]] = row["licence"]
    else:
        at.findings[row["id"]] = row["study"]
    yield from wrong_in_fact(row, split, at, config == "findings")


def _judge_layout(parquet: pq.ParquetFile, file: str, seen: Seen) -> None:
    """Judge row groups and page index: every leaf has its offsets, every bounded one its column index."""
    metadata = parquet.metadata
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        seen.checked["row groups"] += 1
        if group.total_byte_size > GROUP_BYTES:
            size = group.total_byte_size / 1e6
            seen.fault("row groups", f"{file} row group {number}", f"{size:.0f} MB, more than 100 MB")
        for place in range(group.num_columns):
            column = group.column(place)
            # Texts beyond 4 kB have no bounds, neither as statistics nor in a column index.
            is_bounded = column.is_stats_set and column.statistics.has_min_max
            if not column.has_offset_index or (is_bounded and not column.has_column_index):
                name = column.path_in_schema
                seen.fault("row groups", f"{file} row group {number}", f"column {name} has no page index")
                break


def _rows(
    parquet: pq.ParquetFile, file: str, config: str, at: Bucket, seen: Seen
) -> Iterator[tuple[int, dict[str, Any], list[str]]]:
    """Yield number, row without images, and picture ids, batch by batch."""
    columns = [name for name in parquet.schema_arrow.names if name != "images"]
    number = 0
    for group in range(parquet.num_row_groups):
        shown = _Shown(parquet, group, file, at, seen) if config in QUESTIONS else None
        place = 0
        for batch in parquet.iter_batches(_BATCH, row_groups=[group], columns=columns):
            for row in batch.to_pylist():
                pictures = shown.of(place, row) if shown is not None else []
                yield number, row, pictures
                number, place = number + 1, place + 1


class _Shown:
    """The pictures of one row group: each different one is hashed once, whatever the number of rows."""

    def __init__(self, parquet: pq.ParquetFile, group: int, file: str, at: Bucket, seen: Seen) -> None:
        self._at, self._seen, self._file = at, seen, file
        self._split = file.split("/")[2].split("-")[0]
        column = parquet.read_row_group(group, columns=["images"])["images"]
        self._ids: list[list[str]] = []
        self._empty: list[bool] = []  # of each row, whether a picture has no bytes
        self._full: list[bool] = []
        decoded = 0
        for chunk in column.chunks:
            decoded += self._add(chunk, f"{file} row group {group}")
        if decoded >= DECODED_BYTES:
            what = f"its pictures fill {decoded / 2**30:.1f} GiB when decoded; no reader takes 2 GiB or more"
            seen.fault("row groups", f"{file} row group {group}", what)

    def _add(self, chunk: pa.ListArray, where: str) -> int:
        """Take the rows of one chunk, and return the bytes that they fill when decoded."""
        flat = chunk.flatten()
        content, paths = flat.field("bytes"), flat.field("path").to_pylist()
        hashes, sizes = _hashed(content.dictionary)
        places = content.indices.to_pylist()
        decoded = 0
        for place, path in dict.fromkeys(zip(places, paths, strict=True)):
            self._judge(path, None if place is None else hashes[place], where)
            if place is not None:
                self._seen.pictures[path.removesuffix(".png")] = sizes[place]
        start = 0
        for count in pc.fill_null(pc.list_value_length(chunk), 0).to_pylist():
            of_row = range(start, start + count)
            self._ids.append([(paths[one] or "").removesuffix(".png") for one in of_row])
            self._empty.append(any(places[one] is None for one in of_row))
            self._full.append(any(places[one] is not None for one in of_row))
            decoded += sum(sizes[places[one]] for one in of_row if places[one] is not None)
            start += count
        return decoded

    def _judge(self, path: str | None, digest: str | None, where: str) -> None:
        self._seen.checked["pictures"] += 1
        if path is None or (digest is not None and path != f"{digest}.png"):
            seen = "no path" if path is None else f"its path says {path}"
            self._seen.fault("pictures", where, f"picture {digest}: {seen}")
            return
        self._seen.splits["picture"].setdefault(path, set()).add(self._split)

    def of(self, place: int, row: dict[str, Any]) -> list[str]:
        """Return the picture ids of a row; judge whether its licence allows what is there."""
        passes_on = self._at.passes_on(row["licence"])
        where = f"{self._file} ({row['id']})"
        if passes_on is None:
            self._seen.fault("licences", where, f"licence {row['licence']!r} is no SPDX expression")
        elif not passes_on and self._full[place]:
            self._seen.fault("licences", where, f"holds pixels, which {row['licence']} does not pass on")
        elif passes_on and self._empty[place]:
            self._seen.fault("pictures", where, "a picture has no bytes")
        return self._ids[place]


def _hashed(pictures: pa.Array) -> tuple[list[str], list[int]]:
    """Return SHA-256 and bytes of every picture of a dictionary, without copies."""
    hashes, sizes = [], []
    for one in pictures:
        content = one.as_buffer()
        hashes.append(hashlib.sha256(content).hexdigest())
        sizes.append(len(content))
    return hashes, sizes


def merged(parts: list[Seen]) -> Seen:
    """Return what was seen in all buckets together."""
    whole = Seen()
    for part in parts:
        for one in part.faults:
            whole.fault(*one)
        for counter in ("untold", "checked", "rows", "kinds", "rejects"):
            getattr(whole, counter).update(getattr(part, counter))
        for kind, places in part.splits.items():
            for key, splits in places.items():
                whole.splits[kind].setdefault(key, set()).update(splits)
        for patient, splits in part.facts.items():
            whole.facts.setdefault(patient, set()).update(splits)
        whole.pictures.update(part.pictures)
    return whole


def buckets_of(files: list[str]) -> list[list[str]]:
    """Return the data files of each bucket together."""
    of_bucket: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for file in files:
        match = SHARD.fullmatch(file)
        if match is not None:
            of_bucket[match["buckets"], match["bucket"]].append(file)
    return [of_bucket[key] for key in sorted(of_bucket)]
