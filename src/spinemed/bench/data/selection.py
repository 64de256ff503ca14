"""The choice of items: cells filled to their size, spread in turn over kinds, strata and key letters."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spinemed.bench.data.strata import Candidate

Sizes = Mapping[str, Mapping[str, int]]
"""Config -> cell ("pathology/image") -> items wanted."""

Buckets = dict[tuple[str, ...], list[Candidate]]
"""The candidates of one kind by stratum, in the order of their hashes."""


@dataclass
class Chosen:
    """What was selected, and config and cell -> items that are missing."""

    items: list[Candidate] = field(default_factory=list)
    short: dict[str, dict[str, int]] = field(default_factory=dict)


def select(found: Iterable[Candidate], sizes: Sizes, per_patient: Mapping[str, int], seed: int) -> Chosen:
    """Return a selection that the seed and the set of candidates alone decide, not their order.

    A cell takes its items one by one: of the kind taken least often so far, in that kind the stratum
    (modality, region, language, severity) taken least often, among equals the one whose single values were
    taken least often in the cell, in that stratum the key letter taken least often in the config, and then
    by a hash of seed and id. A patient gives at most `per_patient` items of a
    config; no picture and no text without a picture comes twice. Empty input gives an empty selection with
    every item short.
    """
    by_cell: defaultdict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for one in found:
        by_cell[one.config, one.cell].append(one)
    chosen = Chosen()
    for config, cells in sizes.items():
        taken = _Taken(per_patient.get(config, 1))
        for cell in sorted(cells, key=lambda name: len(by_cell[config, name])):  # the scarce ones first
            got = _fill(by_cell[config, cell], cells[cell], taken, seed)
            chosen.items += got
            if len(got) < cells[cell]:
                chosen.short.setdefault(config, {})[cell] = cells[cell] - len(got)
    return chosen


class _Taken:
    """What a config holds so far: items of each patient, pictures, texts and letters."""

    def __init__(self, per_patient: int) -> None:
        self.letters: Counter[str] = Counter()
        self._per_patient = per_patient
        self._patients: Counter[str] = Counter()
        self._shown: set[str] = set()

    def admits(self, one: Candidate) -> bool:
        """Return whether its patient has room and nothing it shows was shown."""
        return self._patients[one.patient] < self._per_patient and not self._shown.intersection(_shows(one))

    def add(self, one: Candidate) -> None:
        """Count an item."""
        self._patients[one.patient] += 1
        self._shown.update(_shows(one))
        self.letters[one.answer] += 1


def _shows(one: Candidate) -> tuple[str, ...]:
    return one.pictures or (one.words,)


def _fill(found: Sequence[Candidate], size: int, taken: _Taken, seed: int) -> list[Candidate]:
    kinds = _buckets(found, seed)
    got: list[Candidate] = []
    of_kind: Counter[str] = Counter()
    of_stratum: Counter[tuple[str, ...]] = Counter()
    of_value: Counter[tuple[int, str]] = Counter()  # (place in the stratum, value)
    while len(got) < size and kinds:
        kind = min(kinds, key=lambda name: (of_kind[name], name))
        one = _next(kinds[kind], of_stratum, of_value, taken, kind)
        if one is None:
            del kinds[kind]
            continue
        got.append(one)
        taken.add(one)
        of_kind[kind] += 1
        of_stratum[kind, *one.stratum] += 1
        of_value.update(enumerate(one.stratum))
    return got


def _next(
    strata: Buckets,
    of_stratum: Counter[tuple[str, ...]],
    of_value: Counter[tuple[int, str]],
    taken: _Taken,
    kind: str,
) -> Candidate | None:
    """Return and remove the next item of a kind; None where none is left that can be taken."""

    def taken_so_far(stratum: tuple[str, ...]) -> tuple[int, int, tuple[str, ...]]:
        values = sum(of_value[pair] for pair in enumerate(stratum))
        return of_stratum[kind, *stratum], values, stratum

    while strata:
        stratum = min(strata, key=taken_so_far)
        fitting = [one for one in strata[stratum] if taken.admits(one)]
        strata[stratum] = fitting
        if fitting:
            one = min(fitting, key=lambda each: taken.letters[each.answer])  # ties: the first by hash
            fitting.remove(one)
            return one
        del strata[stratum]
    return None


def _buckets(found: Sequence[Candidate], seed: int) -> dict[str, Buckets]:
    kinds: defaultdict[str, defaultdict[tuple[str, ...], list[Candidate]]]
    kinds = defaultdict(lambda: defaultdict(list))
    for one in sorted(found, key=lambda each: drawn(each.id, seed)):
        kinds[one.kind][one.stratum].append(one)
    return {kind: dict(strata) for kind, strata in kinds.items()}


def drawn(identity: str, seed: int) -> str:
    """Return the key that orders items of one stratum: a hash of seed and id.

    >>> drawn("a", 0) == drawn("a", 0), drawn("a", 0) == drawn("a", 1)
    (True, False)
    """
    return hashlib.sha256(f"select:{seed}:{identity}".encode()).hexdigest()
