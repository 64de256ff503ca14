"""What was withdrawn from a corpus for ever: patients, sources, single instances, one a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from spinemed.corpus.card.release_info import Date
from spinemed.errors import ConfigError, OutputError
from spinemed.records import Record

TOMBSTONES: Final = "tombstones.jsonl"
Withdrawable = Literal["patient", "source", "id"]
_MOST_BYTES = 2**26
_MOST_LINE = 4096


class Tombstone(Record):
    """One withdrawal; it says what is gone, why and since when, and nothing of what was there."""

    kind: Withdrawable
    key: str = Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")
    reason: str = Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]+$")
    date: Date


@dataclass(frozen=True)
class Tombstones:
    """All withdrawals of a corpus, in the order in which they were made."""

    entries: tuple[Tombstone, ...] = ()

    @cached_property
    def keys(self) -> dict[Withdrawable, frozenset[str]]:
        """Return the withdrawn keys by kind."""
        kinds: tuple[Withdrawable, ...] = ("patient", "source", "id")
        return {kind: frozenset(one.key for one in self.entries if one.kind == kind) for kind in kinds}

    def hold(self, identity: str, patient: str, source: str) -> bool:
        """Return whether an instance is withdrawn, by itself, with its patient or with its source.

        >>> stone = Tombstone(kind="patient", key="p1", reason="asked for", date="2027-01-31")
        >>> Tombstones((stone,)).hold("any", "p1", "s"), Tombstones((stone,)).hold("p1", "p2", "s")
        (True, False)
        """
        keys = self.keys
        return identity in keys["id"] or patient in keys["patient"] or source in keys["source"]

    def with_more(self, more: Iterable[Tombstone]) -> Tombstones:
        """Return these and the new ones among `more`, each key once; the first withdrawal of a key stays.

        >>> stone = Tombstone(kind="id", key="a", reason="wrong", date="2027-01-31")
        >>> len(Tombstones((stone,)).with_more([stone]).entries)
        1
        """
        known = {(one.kind, one.key): one for one in self.entries}
        for one in more:
            known.setdefault((one.kind, one.key), one)
        return Tombstones(tuple(known.values()))


def tombstones_of(keys: Mapping[str, Iterable[str]], reason: str, date: str) -> list[Tombstone]:
    """Return the withdrawals of keys by kind, each once; ConfigError for an empty key, reason or no date.

    >>> [one.key for one in tombstones_of({"patient": ["p1", "p1"], "id": []}, "asked for", "2027-01-31")]
    ['p1']
    """
    found: dict[tuple[str, str], Tombstone] = {}
    for kind, named in keys.items():
        for key in named:
            try:
                content = {"kind": kind, "key": key, "reason": reason, "date": date}
                found[kind, key] = Tombstone.model_validate(content)
            except ValidationError as error:
                [first, *_] = error.errors()
                given = repr(first["input"])[:80]
                raise ConfigError(
                    f"--{first['loc'][0]} {given}: {first['msg']}; a day is written 2027-01-31"
                ) from error
    return list(found.values())


def read_tombstones(path: Path | None) -> Tombstones:
    """Return the withdrawals in a tombstones.jsonl; none for None and for an empty file.

    OutputError names file and line where the file is missing, too large, or a line is no tombstone.
    """
    if path is None:
        return Tombstones()
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise OutputError(f"{path}: {path.stat().st_size} bytes are no list of withdrawals; check it")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise OutputError(f"{path}: missing; a corpus has it, empty where nothing is withdrawn") from error
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{path}: cannot be read ({error}); check the file") from error
    return Tombstones(tuple(_read(path, number, line) for number, line in enumerate(text.splitlines(), 1)))


def _read(path: Path, number: int, line: str) -> Tombstone:
    try:
        if len(line) > _MOST_LINE:
            raise ValueError(f"{len(line)} characters")
        return Tombstone.model_validate_json(line)
    except (ValidationError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise OutputError(f"{path}: line {number} is no tombstone ({reason}); restore the file") from error


def write_tombstones(path: Path, tombstones: Tombstones) -> None:
    """Write a tombstones.jsonl; an empty file where nothing is withdrawn."""
    lines = (one.model_dump_json() + "\n" for one in tombstones.entries)
    path.write_text("".join(lines), encoding="utf-8")
