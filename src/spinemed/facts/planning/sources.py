"""One table of citations: key to full reference with DOI or address."""

from __future__ import annotations

from typing import Final

CITATIONS: Final[dict[str, str]] = {}


def cite(key: str) -> str:
    """Return the full reference of a key; a ValueError for an unknown one."""
    if key not in CITATIONS:
        raise ValueError(f"no citation has the key {key!r}; known keys: {', '.join(sorted(CITATIONS))}")
    return CITATIONS[key]
