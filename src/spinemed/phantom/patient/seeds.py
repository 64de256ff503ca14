"""Which synthetic patients belong to corpora, to the published benchmark, and to fresh test sets.

A phantom's seed is a patient. Three ranges that do not meet keep them apart by construction, whatever is
built when: a corpus is refused patients of a benchmark.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from spinemed.errors import ConfigError

CORPUS: Final = range(0, 800_000)
PUBLISHED: Final = range(800_000, 850_000)
FRESH: Final = range(850_000, 1_000_000)
ANY: Final = range(0, FRESH.stop)
_NAME: Final = re.compile(r"phantom-([0-9]+)")


def phantom_seed(patient: str) -> int | None:
    """Return the seed in a phantom's name; None for other patients.

    >>> phantom_seed("phantom-000007"), phantom_seed("sub-verse004")
    (7, None)
    """
    name = _NAME.fullmatch(patient)
    return None if name is None else int(name[1])


def phantom_name(seed: int) -> str:
    """Return the name of the phantom with a seed, its patient key in a corpus.

    >>> phantom_name(7)
    'phantom-000007'
    """
    return f"phantom-{seed:06d}"


def written_patient(seed: int) -> str:
    """Return the patient key of the written case with a seed.

    >>> written_patient(100_000)
    'written-100000'
    """
    return f"written-{seed:06d}"


def check_seeds(seeds: Collection[int], place: str, allowed: range = CORPUS) -> None:
    """Raise ConfigError where a seed lies outside `allowed`, such as one that is kept for benchmarks.

    >>> check_seeds(range(1, 301), "here")
    """
    kept = sorted(seed for seed in seeds if seed not in allowed)
    if not kept:
        return
    first = ", ".join(map(str, kept[:3]))
    way = (
        f"{CORPUS.stop} and up are kept for benchmarks (`spinemed bench build` draws them), so that no "
        f"corpus holds a patient of a test; choose seeds below {CORPUS.stop}"
        if allowed == CORPUS
        else f"this benchmark has the seeds {allowed.start} to {allowed.stop - 1}; choose among them"
    )
    raise ConfigError(f"{place}: {len(kept)} of {len(seeds)} synthetic patients ({first}): {way}")


def check_patients(patients: Iterable[str], place: str, allowed: range = CORPUS) -> None:
    """Raise ConfigError where phantoms among patients have seeds outside `allowed`; others may be there.

    >>> check_patients({"phantom-000007", "sub-verse004"}, "here")
    """
    check_seeds([seed for name in patients if (seed := phantom_seed(name)) is not None], place, allowed)
