"""Replies in, choices out, one JSON object a line: what `spinemed answers` reads and prints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .answers import parse_answer

FIELDS = ("id", "options", "response", "multiple", "finish_reason")


def answer_lines(lines: Iterable[bytes], *, strict: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield for each line that is not blank a JSON object, and whether the line could be read.

    A line holds {"options", "response"} and, optional, "id", "multiple", "finish_reason". Options are an
    object of letters or a list, which gets A, B, C, ... A line that cannot be read gives {"error", "line"}
    and its "id" where it has one; the lines after it are read. No two lines may have the same id.

    >>> lines = [b'{"options": ["L3", "L4"], "response": "L4 (B)"}']
    >>> next(answer_lines(lines))[0]
    '{"status": "answered", "letters": ["B"], "rule": "whole", "span": [4, 5], "conflict": false}'
    """
    first: dict[str | int, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        named: dict[str, Any] = {}
        try:
            record = record_of(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
            if "id" in record:
                name = record["id"]
                named["id"] = name
                if name in first:
                    raise ValueError(f"the id {name!r} is also on line {first[name]}; give each line its own")
                first[name] = number
            found = chosen(record, strict)
        except ValueError as error:
            yield json.dumps({**named, "error": str(error), "line": number}), False
        else:
            yield json.dumps({**named, **found}), True


def record_of(line: bytes) -> dict[str, Any]:
    """Return the object on a line, its fields of known names and types; ValueError names what is wrong."""
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"byte {error.start + 1} (0x{line[error.start]:02x}) is not valid UTF-8; convert the file first"
        ) from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("not JSON that can be read: nested too deep") from error
    if not isinstance(record, dict):
        raise ValueError(
            f'a line is an object such as {{"options": [...], "response": "..."}}, got {record!r:.80}'
        )
    unknown = [name for name in record if name not in FIELDS]
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; a line has {', '.join(FIELDS)}")
    missing = [name for name in ("options", "response") if name not in record]
    if missing:
        raise ValueError(f"no {missing[0]!r} given")
    kinds: Mapping[str, tuple[type, ...]] = {
        "id": (str, int), "response": (str,), "multiple": (bool,), "finish_reason": (str, type(None)),
    }  # fmt: skip
    for name, kind in kinds.items():
        value = record.get(name)
        if name in record and (not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind)):
            raise ValueError(f"{name!r} is {type(value).__name__}: {value!r:.80}")
    return record


def chosen(record: Mapping[str, Any], strict: bool) -> dict[str, Any]:
    """Return what the reply of a record chooses, as plain values."""
    options = record["options"]
    if isinstance(options, list):
        options = {chr(ord("A") + place): text for place, text in enumerate(options)}
    if not isinstance(options, dict):
        raise ValueError(f"'options' is an object or a list, got {options!r:.80}")
    parsed = parse_answer(
        record["response"],
        options,
        multiple=record.get("multiple", False),
        cut_off=record.get("finish_reason") == "length",
        strict=strict,
    )
    return {
        "status": parsed.status,
        "letters": list(parsed.letters),
        "rule": parsed.rule,
        "span": list(parsed.span),
        "conflict": parsed.conflict,
    }
