"""Draws by hash, and the ways in which a view tells its levels."""

from __future__ import annotations

import hashlib
from typing import Literal

Anchor = Literal["sacrum", "C2", "reference", "cut_above", "cut_below"]
"""What levels are counted from: a key of templates/numbering.yaml."""


def draw(key: str, count: int) -> int:
    """Return a number from 0 to `count` - 1 that depends on `key` alone, uniform over keys.

    >>> draw("a", 4) == draw("a", 4), 0 <= draw("b", 4) < 4
    (True, True)
    """
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % count
