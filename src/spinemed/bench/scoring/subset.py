"""The ids of items that alone are scored, from a file: one a line, or what bench contamination writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path

from spinemed.bench.scoring.scorecard import Only
from spinemed.errors import SourceError

SHOWN = 5


def read_subset(path: Path, known: Collection[str], place: str) -> frozenset[str]:
    """Return the ids in a file; SourceError with line numbers for ids that the split does not have.

    A report of contamination names the clean items of all configs: those of other configs are left aside.
    Blank lines are nothing; an id that stands twice is refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read ({error}); name a file with one id a line") from error
    if text.lstrip().startswith("{"):
        return clean_ids(path, text, known, place)
    lines: dict[str, int] = {}
    unknown: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        identity = line.strip()
        if not identity:
            continue
        if identity in lines:
            raise SourceError(
                f"{path}, line {number}: {identity!r} stands in line {lines[identity]} already; delete one"
            )
        lines[identity] = number
        if identity not in known:
            unknown.append((number, identity))
    if unknown:
        said = ", ".join(f"line {number} {identity!r:.40}" for number, identity in unknown[:SHOWN])
        more = " ..." if len(unknown) > SHOWN else ""
        raise SourceError(
            f"{path}: {len(unknown)} of {len(lines)} ids are of no item of {place} ({said}{more}); "
            "name ids of this config and split"
        )
    if not lines:
        raise SourceError(f"{path} names no item; write one id a line, or leave --only out")
    return frozenset(lines)


def clean_ids(path: Path, text: str, known: Collection[str], place: str) -> frozenset[str]:
    """Return the clean items of a report of contamination that this split has; SourceError for none."""
    try:
        clean = json.loads(text)["clean"]
        found = frozenset(clean) & frozenset(known)
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{path} is no report of spinemed bench contamination ({error!r}); give one id a line, or that"
        ) from error
    if not found:
        raise SourceError(
            f"{path} names no clean item of {place}; it is of another benchmark, or none is clean"
        )
    return found


def subset_of(ids: Collection[str]) -> Only:
    """Return how many ids there are, and the hash that a scorecard names them by.

    >>> subset_of({"b", "a"}) == subset_of(["a", "b"])
    True
    """
    text = "".join(f"{identity}\n" for identity in sorted(ids))
    return Only(count=len(ids), hash=hashlib.sha256(text.encode()).hexdigest()[:16])
