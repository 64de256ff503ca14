"""A Merkle root over the files of a release: one hash that every path and every byte decides.

The shape is that of RFC 6962 (Certificate Transparency), section 2.1, where a node without a partner moves up
unchanged. Leaves are sorted by path, so that the order in which files are listed decides nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol


class Hashed(Protocol):
    """Whatever knows the SHA-256 of a file as 64 hexadecimal digits."""

    @property
    def sha256(self) -> str:
        """Return the digest."""


EMPTY = hashlib.sha256(b"").hexdigest()
"""Root of no file at all, as in RFC 6962."""


def merkle_root(entries: Mapping[str, Hashed]) -> str:
    """Return the root of path -> entry with its SHA-256, `EMPTY` for none.

    A leaf is sha256(0x00, path in UTF-8, 0x00, digest as 32 bytes), a node sha256(0x01, left, right).
    ValueError for a digest that is not hexadecimal.

    >>> from types import SimpleNamespace
    >>> old, new = SimpleNamespace(sha256="00" * 32), SimpleNamespace(sha256="11" * 32)
    >>> merkle_root({"a": old, "b": new}) == merkle_root({"b": new, "a": old})
    True
    >>> merkle_root({"a": old, "b": new}) == merkle_root({"a": new, "b": old})
    False
    """
    if not entries:
        return EMPTY
    row = [_leaf(path, entries[path].sha256) for path in sorted(entries)]
    while len(row) > 1:
        paired = [_node(*row[place : place + 2]) for place in range(0, len(row) - 1, 2)]
        row = paired + row[len(row) - len(row) % 2 :]
    return row[0].hex()


def _leaf(path: str, digest: str) -> bytes:
    return hashlib.sha256(b"\x00" + path.encode() + b"\x00" + bytes.fromhex(digest)).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
