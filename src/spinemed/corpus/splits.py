"""The split of a patient, by a hash that no other patient changes."""

from __future__ import annotations

import hashlib

from spinemed.corpus.config import Shares
from spinemed.records import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test", "spinebench")


def split_of(patient: str, shares: Shares) -> Split:
    """Return the split of a patient key; all studies and pictures of a patient share it, whatever the source.

    >>> split_of("phantom-000001", Shares()) == split_of("phantom-000001", Shares())
    True
    """
    digest = hashlib.sha256(f"split:{patient}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < shares.test:
        return "test"
    if place < shares.test + shares.validation:
        return "validation"
    if place < shares.test + shares.validation + shares.spinebench:
        return "spinebench"
    return "train"
