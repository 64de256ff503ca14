"""Replies that another program wrote: JSON lines of id and response, read and refused by line number."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinemed.errors import SourceError
from spinemed.llm.chat import Reply

LONGEST_REPLY = 4_000_000  # characters; a model's longest context is less
LONGEST_LINE = 6 * LONGEST_REPLY + 100_000  # bytes; JSON may write a character as \uXXXX
TEXTS = ("id", "response", "model", "revision", "finish_reason", "order")
FIELDS: dict[str, Any] = dict.fromkeys(TEXTS, str) | {"tokens": int, "seconds": (int, float)}


@dataclass(frozen=True)
class Given:
    """The replies of one model by (id, order of the options shown), with its name and revision."""

    model: str
    revision: str
    replies: dict[tuple[str, str], Reply]


def read_replies(path: Path, known: Collection[tuple[str, str]]) -> Given:
    """Return the replies in a file of JSON lines {id, response, model?, revision?, finish_reason?, order?}.

    `tokens` and `seconds` may stand there too. `known` holds the (id, order) pairs that are asked.
    SourceError, with the line's number, on a line that is no such object, is not UTF-8, holds NaN, or is too
    long; on a pair that is answered twice or not asked; and on replies of several models.
    """
    if not path.is_file():
        raise SourceError(f"{path} does not exist; --replies takes JSON lines with id and response")
    lines: dict[tuple[str, str], int] = {}
    makers: dict[tuple[str, str], int] = {}
    unknown: list[tuple[int, str]] = []
    replies: dict[tuple[str, str], Reply] = {}
    for number, line in numbered(path):
        row = read_row(path, number, line)
        key = row["id"], row.get("order", "")
        if key in lines:
            raise SourceError(
                f"{path}, line {number}: {row['id']!r} was answered in line {lines[key]} already; delete one "
                "of the two lines"
            )
        lines[key] = number
        makers.setdefault((row.get("model", ""), row.get("revision", "")), number)
        if key not in known:
            unknown.append((number, row["id"]))
            continue
        replies[key] = Reply(
            row["response"], row.get("finish_reason", ""), 0, row.get("tokens", 0), row.get("seconds", 0.0)
        )
    check_whole(path, lines, unknown, makers)
    model, revision = next(iter(makers))
    return Given(model, revision, replies)


def check_whole(
    path: Path,
    lines: dict[tuple[str, str], int],
    unknown: list[tuple[int, str]],
    makers: dict[tuple[str, str], int],
) -> None:
    """Raise SourceError if a file has no reply, replies to other questions, or replies of several models."""
    if not lines:
        raise SourceError(f"{path} holds no reply; write JSON lines with id and response")
    if unknown:
        number, identity = unknown[0]
        raise SourceError(
            f"{path}: {len(unknown)} of {len(lines)} replies are to no question that is asked, the first in "
            f"line {number}, id {identity[:80]!r}; check --data, --config, --split, --control, --kind and "
            "--limit, or delete those lines"
        )
    if len(makers) > 1:
        (first, _), (second, number) = list(makers.items())[:2]
        raise SourceError(
            f"{path}, line {number}: model {second[0]!r} revision {second[1]!r}, but line {makers[first]} "
            f"says {first[0]!r} revision {first[1]!r}; put the replies of each model into a file of its own"
        )


def numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield lines that are not blank, with their numbers; SourceError before one of them fills memory."""
    number = 0
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise SourceError(
                    f"{path}, line {number} has more than {LONGEST_LINE:,} bytes; no reply is that long: "
                    f"shorten it to {LONGEST_REPLY:,} characters or delete the line"
                )
            if line.strip():
                yield number, line


def read_row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """Return the object in one line; SourceError says what is wrong with it and where."""
    try:
        row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "invalid UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)[:120]
        raise SourceError(f"{path}, line {number} is no JSON ({reason}): {line[:80]!r}") from error
    fault = fault_of(row)
    if fault:
        raise SourceError(f"{path}, line {number}: {fault}: {line[:80]!r}")
    return {name: value for name, value in row.items() if value is not None}


def fault_of(row: Any) -> str:
    """Return what is wrong with a line's value, "" if nothing is.

    >>> fault_of({"id": "x", "response": None})
    'response is null; it must be text'
    """
    if not isinstance(row, dict):
        return f"it must be an object with id and response, not {type(row).__name__}"
    missing = [name for name in ("id", "response") if name not in row]
    if missing:
        return f"it lacks {' and '.join(missing)}"
    strange = sorted(set(row) - set(FIELDS))
    if strange:
        return f"unknown field {strange[0]!r}; there are {', '.join(FIELDS)}"
    for name, value in row.items():
        optional = value is None and name not in ("id", "response")
        if not optional and (not isinstance(value, FIELDS[name]) or isinstance(value, bool)):
            what = "null" if value is None else type(value).__name__
            return f"{name} is {what}; it must be {'text' if FIELDS[name] is str else 'a number'}"
    if len(row["response"]) > LONGEST_REPLY:
        return f"the response has {len(row['response']):,} characters; {LONGEST_REPLY:,} are the most"
    return "" if row["id"] else "the id is empty"


def refuse_constant(name: str) -> float:
    """Raise ValueError on NaN and infinities, which are no JSON."""
    raise ValueError(f"{name} is no JSON number")
