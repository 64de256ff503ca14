"""What a corpus holds that must not cross splits: patients, studies, documents, pictures and texts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from spinemed.corpus.leaks.same_picture import Thumbnail, thumbnail
from spinemed.corpus.leaks.signatures import signatures
from spinemed.errors import SourceError
from spinemed.imaging.looks import picture_hash

SPLITS: Final = ("train", "validation", "test", "spinebench")
"""From the split that gives way first to the one that is kept."""
QUESTIONS: Final = ("choice", "open", "dialogue", "report")
CONFIGS: Final = (*QUESTIONS, "studies", "findings")
RULE: Final = "rule:"
"""Beginning of `quote.document` where a question rests on a published rule alone."""

_ROWS_AT_ONCE: Final = 4096
_PICTURES: Final = "images.list.element.bytes"


@dataclass(frozen=True)
class Place:
    """Where something stands: a split (or the name of a benchmark), a file and a row's id."""

    split: str
    file: str
    id: str

    def __str__(self) -> str:
        """Return the place in one line."""
        return f"{self.split} {self.id} in {self.file}"


@dataclass(frozen=True)
class Prepared:
    """What drafting has computed already: signatures of rows by id, hashes of pictures by SHA-256 (hex).

    What is missing is computed; nothing else is taken on trust.
    """

    signatures: Mapping[str, bytes] = field(default_factory=dict)
    hashes: Mapping[str, bytes] = field(default_factory=dict)


@dataclass
class Contents:
    """Everything that is compared, each with the first place a split.

    `texts` are the rows without a picture: their place, signature and whether they rest on a rule alone.
    `where` finds a picture again: file and row group; `small` has thumbnails that cannot be read again.
    """

    patients: dict[str, dict[str, Place]] = field(default_factory=lambda: defaultdict(dict))
    studies: dict[str, dict[str, Place]] = field(default_factory=lambda: defaultdict(dict))
    documents: dict[str, dict[str, Place]] = field(default_factory=lambda: defaultdict(dict))
    pictures: dict[str, dict[str, Place]] = field(default_factory=lambda: defaultdict(dict))
    hashes: dict[str, bytes] = field(default_factory=dict)
    where: dict[str, tuple[Path, int]] = field(default_factory=dict)
    small: dict[str, Thumbnail] = field(default_factory=dict)
    texts: list[Place] = field(default_factory=list)
    signed: list[bytes] = field(default_factory=list)
    is_rule: list[bool] = field(default_factory=list)


def contents_of(folder: Path, prepared: Prepared | None = None, name: str = "") -> Contents:
    """Return what a corpus in the published format holds; `name` stands for all splits where it is given.

    SourceError for a folder without any question.
    """
    contents = Contents()
    for config in CONFIGS:
        for path in sorted((folder / "data" / config).glob("*.parquet")):
            split = name or path.name.split("-")[0]
            for group, rows in _row_groups(path, config):
                _take(contents, rows, (path, group), split, folder, prepared or Prepared())
    if not contents.pictures and not contents.texts:
        raise SourceError(f"{folder} holds no question; give the folder that spinemed build wrote")
    return contents


def said(messages: Sequence[Mapping[str, str]]) -> str:
    """Return all words of a row, as they are compared.

    >>> said([{"role": "user", "content": "Which level?"}, {"role": "assistant", "content": "L4"}])
    'Which level?\\nL4'
    """
    return "\n".join(message["content"] for message in messages)


def texts_at(folder: Path, places: Sequence[Place]) -> dict[str, str]:
    """Return id -> words of rows, read from the files that their places name, each file once."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for place in places:
        wanted[place.file].add(place.id)
    found: dict[str, str] = {}
    for file, ids in sorted(wanted.items()):
        for batch in pq.ParquetFile(folder / file).iter_batches(_ROWS_AT_ONCE, columns=["id", "messages"]):
            for identity, messages in zip(*(batch.column(name) for name in ("id", "messages")), strict=True):
                if identity.as_py() in ids:
                    found[identity.as_py()] = said(messages.as_py())
    return found


def thumbnails_of(contents: Contents, digests: Iterable[str]) -> dict[str, Thumbnail]:
    """Return SHA-256 -> thumbnail of pictures, each row group read again once."""
    wanted: dict[tuple[Path, int], set[str]] = defaultdict(set)
    for digest in digests:
        wanted[contents.where[digest]].add(digest)
    found = {
        digest: contents.small[digest] for names in wanted.values() for digest in names & set(contents.small)
    }
    for (path, group), names in sorted(wanted.items()):
        left = names - set(found)
        if not left:
            continue
        file = pq.ParquetFile(path, read_dictionary=[_PICTURES])
        for encoded in _dictionary(file.read_row_group(group, columns=["images"])):
            digest = hashlib.sha256(encoded).hexdigest()
            if digest in left:
                found[digest] = thumbnail(encoded)
    return found


def _row_groups(path: Path, config: str) -> Iterator[tuple[int, pa.Table]]:
    file = pq.ParquetFile(path, read_dictionary=[_PICTURES] if config in QUESTIONS else None)
    wanted = {"id", "patient", "study", "source", "quote", "images"} - (
        {"images", "quote"} if config not in QUESTIONS else set()
    )
    columns = [name for name in file.schema_arrow.names if name in wanted]
    for group in range(file.num_row_groups):
        yield group, file.read_row_group(group, columns=columns)


def _take(
    contents: Contents,
    rows: pa.Table,
    at: tuple[Path, int],
    split: str,
    folder: Path,
    prepared: Prepared,
) -> None:
    """Add one row group."""
    file = at[0].relative_to(folder).as_posix()
    names = rows.schema.names
    is_study_list = "study" not in names
    ids = rows.column("id").to_pylist()
    studies = ids if is_study_list else rows.column("study").to_pylist()
    patients, sources = rows.column("patient").to_pylist(), rows.column("source").to_pylist()
    places = [Place(split, file, identity) for identity in ids]
    for place, patient, study, source in zip(places, patients, studies, sources, strict=True):
        contents.patients[patient].setdefault(split, place)
        contents.studies[f"{source}/{study}"].setdefault(split, place)
    if "images" not in names:
        return
    quotes = rows.column("quote").to_pylist() if "quote" in names else [None] * len(ids)
    counts = _take_pictures(contents, rows, places, at, prepared)
    unsigned: dict[int, int] = {}  # row of the group -> place in `texts`
    for number, (place, quote, count) in enumerate(zip(places, quotes, counts, strict=True)):
        document = quote["document"] if quote else ""
        if document and not document.startswith(RULE):
            contents.documents[document].setdefault(split, place)
        if not count:
            if place.id not in prepared.signatures:
                unsigned[number] = len(contents.texts)
            contents.texts.append(place)
            contents.is_rule.append(document.startswith(RULE))
            contents.signed.append(prepared.signatures.get(place.id, b""))
    _sign(contents, at, unsigned)


def _sign(contents: Contents, at: tuple[Path, int], unsigned: dict[int, int]) -> None:
    """Compute the signatures that rows of a row group lack."""
    if not unsigned:
        return
    messages = pq.ParquetFile(at[0]).read_row_group(at[1], columns=["messages"]).column("messages")
    signed = signatures([said(rows) for rows in messages.take(pa.array(unsigned)).to_pylist()])
    for place, signature in zip(unsigned.values(), signed, strict=True):
        contents.signed[place] = signature.tobytes()


def _take_pictures(
    contents: Contents, rows: pa.Table, places: list[Place], at: tuple[Path, int], prepared: Prepared
) -> list[int]:
    """Add the pictures of a row group; return how many each row shows."""
    lists = rows.column("images").combine_chunks()
    counts = [count or 0 for count in lists.value_lengths().to_pylist()]
    digests = []
    for encoded in _dictionary(rows):
        digest = hashlib.sha256(encoded).hexdigest()
        digests.append(digest)
        if digest not in contents.hashes:
            contents.where[digest] = at
            contents.hashes[digest] = prepared.hashes.get(digest) or picture_hash(encoded)
    used = iter(lists.flatten().field("bytes").indices.to_pylist())
    for place, count in zip(places, counts, strict=True):
        for _ in range(count):
            number = next(used)
            if number is not None:  # a row that only points to its pixels has none
                contents.pictures[digests[number]].setdefault(place.split, place)
    return counts


def _dictionary(rows: pa.Table) -> Iterator[bytes]:
    """Yield the different pictures of a row group, as its dictionary has them."""
    for value in rows.column("images").combine_chunks().flatten().field("bytes").dictionary:
        yield value.as_py()
