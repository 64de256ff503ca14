"""Where the synthetic patients of a benchmark begin: a published one at one place, a fresh one anywhere."""

from __future__ import annotations

import hashlib

from spinemed.errors import ConfigError
from spinemed.phantom.patient.seeds import FRESH, PUBLISHED


def first_patient(seed: int, fresh: bool, most: int) -> int:
    """Return the phantom seed of the first patient of a benchmark that may need `most` patients.

    Every published benchmark begins at the same patient; a fresh one where the hash of its seed says.
    ConfigError where `most` patients do not fit into the range.

    >>> first_patient(0, fresh=False, most=600)
    800000
    >>> first_patient(7, fresh=True, most=600) in FRESH
    True
    """
    within = FRESH if fresh else PUBLISHED
    room = len(within) - most
    if room < 0 or most < 1:
        raise ConfigError(f"{most} patients do not fit into the seeds {within.start} to {within.stop - 1}")
    if not fresh:
        return within.start
    digest = hashlib.sha256(f"fresh:{seed}".encode()).digest()
    return within.start + int.from_bytes(digest[:8], "big") % (room + 1)
