"""The split `spinebench`: items of its own patients by the paper's rule, in the corpus' proportions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from spinemed.records import Record


class BenchDraw(Record):
    """How many items of its patients make the split `spinebench`; the paper has 294, 193 and 87."""

    choice_text: int = Field(0, ge=0, description="multiple choice without a picture")
    choice_image: int = Field(0, ge=0, description="multiple choice with pictures")
    report: int = Field(0, ge=0)


class Candidate(NamedTuple):
    """An item of a patient of the benchmark: its group (a field of `BenchDraw`) and what it is drawn by."""

    place: int
    group: str
    stratum: str
    patient: str
    chance: float


def drawn(wanted: BenchDraw, candidates: Sequence[Candidate]) -> tuple[list[int], dict[str, int]]:
    """Return the places of the items drawn, and group -> how many are missing.

    Strata (axis and kind) keep their shares of the candidates, by largest remainder. Within a stratum the
    smallest chances go first, those of patients that gave none so far before others.

    >>> one = Candidate(4, "report", "pathology", "p", 0.5)
    >>> drawn(BenchDraw(report=2), [one])
    ([4], {'report': 1})
    """
    places: list[int] = []
    missing: dict[str, int] = {}
    for group, count in wanted.model_dump().items():
        mine = [one for one in candidates if one.group == group]
        taken = _of_group(mine, count)
        places += taken
        if len(taken) < count:
            missing[group] = count - len(taken)
    return sorted(places), missing


def _of_group(mine: Sequence[Candidate], count: int) -> list[int]:
    strata: defaultdict[str, list[Candidate]] = defaultdict(list)
    for one in sorted(mine, key=lambda one: (one.chance, one.place)):
        strata[one.stratum].append(one)
    given: Counter[str] = Counter()
    taken: list[int] = []
    for stratum, quota in sorted(_quotas({name: len(them) for name, them in strata.items()}, count).items()):
        waiting = strata[stratum]
        for _ in range(quota):
            best = min(range(len(waiting)), key=lambda place: (given[waiting[place].patient], place))
            one = waiting.pop(best)
            given[one.patient] += 1
            taken.append(one.place)
    return taken


def _quotas(sizes: dict[str, int], count: int) -> dict[str, int]:
    """Return how many each stratum gives: its share of `count`, whole numbers by largest remainder."""
    total = sum(sizes.values())
    count = min(count, total)
    if not count:
        return {}
    quotas = {name: count * size // total for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: (-(count * sizes[name] % total), name))
    for name in by_remainder[: count - sum(quotas.values())]:
        quotas[name] += 1
    return quotas
