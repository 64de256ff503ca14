"""A foreign benchmark read generously: images, Parquet, JSON lines; nothing in it is executed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import UnidentifiedImageError

from spinemed.corpus.leaks.contents import QUESTIONS, Contents, Place
from spinemed.corpus.leaks.same_picture import thumbnail
from spinemed.errors import SourceError
from spinemed.imaging.looks import picture_hash

IMAGES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
LEAST_CHARACTERS: Final = 40
"""A shorter text of a benchmark (20 Chinese characters) says too little to be compared alone."""

_MAGIC: Final = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"GIF8", b"II*\0", b"MM\0*")
_LONGEST: Final = 100_000
"""A longer string is a picture in base64 or no text that anybody asks."""


@dataclass(frozen=True)
class Foreign:
    """What a foreign folder holds; `texts` (place, words) where it is no corpus in the published format."""

    contents: Contents
    texts: tuple[tuple[Place, str], ...] = ()


def is_corpus(folder: Path) -> bool:
    """Tell whether a folder is a corpus in the published format."""
    files = [path for config in QUESTIONS for path in sorted((folder / "data" / config).glob("*.parquet"))]
    return bool(files) and {"id", "patient", "study", "messages"} <= set(pq.read_schema(files[0]).names)


def foreign_of(folder: Path) -> Foreign:
    """Return the pictures and texts of all files of a folder that are images, Parquet, JSON or JSON lines.

    Each text leaf is taken by itself, and all of a record together. Columns named patient or study count as
    such. SourceError for a folder or file that cannot be read, and for a folder without picture or text.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is no folder; give the folder of a benchmark")
    contents, texts = Contents(), []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        file = path.relative_to(folder).as_posix()
        try:
            if path.suffix.lower() in IMAGES:
                _add_picture(contents, path.read_bytes(), Place(folder.name, file, path.stem))
                continue
            for number, record in enumerate(_records(path)):
                identity = str(record.get("id", number)) if isinstance(record, dict) else str(number)
                place = Place(folder.name, file, identity)
                texts += [(place, text) for text in _taken(contents, record, place)]
        except (OSError, ValueError, pa.ArrowException, UnidentifiedImageError) as error:
            raise SourceError(f"{path} cannot be read ({error}); repair it or take it away") from error
    if not texts and not contents.pictures:
        raise SourceError(f"{folder} holds no picture and no text that can be compared; check the folder")
    return Foreign(contents, tuple(texts))


def _records(path: Path) -> Iterator[Any]:
    """Yield the records of one file; none of a file of another kind."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches(256):
            yield from batch.to_pylist()
    elif suffix == ".jsonl":
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)
    elif suffix == ".json":
        content = json.loads(path.read_text(encoding="utf-8"))
        while isinstance(content, dict) and len(content) == 1:
            content = next(iter(content.values()))
        if isinstance(content, dict) and all(isinstance(value, dict) for value in content.values()):
            content = [{"id": name} | value for name, value in content.items()]
        yield from content if isinstance(content, list) else [content]


def _taken(contents: Contents, record: Any, place: Place) -> list[str]:
    """Add the pictures, patient and study of a record; return its texts."""
    if isinstance(record, dict):
        for name, known in (("patient", contents.patients), ("study", contents.studies)):
            if isinstance(record.get(name), str):
                key = record[name] if name == "patient" else f"{record.get('source', '')}/{record[name]}"
                known[key].setdefault(place.split, place)
    leaves: list[str] = []
    for leaf in _leaves(record):
        encoded = leaf if isinstance(leaf, bytes) else _base64(leaf)
        if encoded.startswith(_MAGIC):
            _add_picture(contents, encoded, place)
        elif isinstance(leaf, str) and len(leaf) < _LONGEST and (" " in leaf or not leaf.isascii()):
            leaves.append(leaf)
    whole = ["\n".join(leaves)] if len(leaves) > 1 else []
    return [text for text in [*whole, *leaves] if len(text.encode()) >= LEAST_CHARACTERS]


def _leaves(value: Any) -> Iterator[str | bytes]:
    if isinstance(value, str | bytes):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)


def _base64(text: str) -> bytes:
    """Return the bytes of a picture in base64; nothing for any other text."""
    if len(text) < 200 or " " in text[:200]:
        return b""
    body = text.partition(",")[2] if text.startswith("data:image") else text
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _add_picture(contents: Contents, encoded: bytes, place: Place) -> None:
    digest = hashlib.sha256(encoded).hexdigest()
    contents.pictures[digest].setdefault(place.split, place)
    if digest not in contents.hashes:
        contents.hashes[digest] = picture_hash(encoded)
        contents.small[digest] = thumbnail(encoded)
        contents.where[digest] = (Path(place.file), 0)
