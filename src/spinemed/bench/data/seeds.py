"""Which synthetic patients belong to the corpus, to the published benchmark, and to fresh test sets.

A phantom seed is a patient. Three ranges that do not meet keep them apart by construction, whatever is built
when: a benchmark patient can be in no corpus.
"""

from __future__ import annotations

import hashlib
from typing import Final

from spinemed.errors import ConfigError

CORPUS: Final = range(0, 800_000)
PUBLISHED: Final = range(800_000, 850_000)
FRESH: Final = range(850_000, 1_000_000)


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


def check_corpus_patients(patients: set[str], place: str) -> None:
    """Raise ConfigError where a corpus holds phantoms whose seeds are kept for benchmarks.

    >>> check_corpus_patients({"phantom-000007", "sub-verse004"}, "here")
    """
    kept = sorted(
        name for name in patients if (seed := phantom_seed(name)) is not None and seed not in CORPUS
    )
    if kept:
        raise ConfigError(
            f"{place}: {len(kept)} of its patients ({', '.join(kept[:3])}) have seeds that are kept for "
            f"benchmarks; build the corpus with seeds below {CORPUS.stop}"
        )


def phantom_seed(patient: str) -> int | None:
    """Return the seed in a phantom's name; None for other patients.

    >>> phantom_seed("phantom-000007"), phantom_seed("sub-verse004")
    (7, None)
    """
    name, _, digits = patient.rpartition("-")
    return int(digits) if name == "phantom" and digits.isdigit() else None
