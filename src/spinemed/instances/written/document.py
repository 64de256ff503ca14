"""A written case as questions see it: its sentences, all that they state, and ideas of what to ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from random import Random
from typing import Final, NamedTuple, TypeVar

from spinemed.instances.written.phrases import key_of, sites_of
from spinemed.instances.written.stated import MEASURES, Facts, Line, Said, WrittenCase, facts_of, lines_of
from spinemed.levels import DEFAULT_NUMBERING
from spinemed.records import Study

Item = TypeVar("Item")
_LEVELS: Final = tuple(level.value for level in DEFAULT_NUMBERING.levels[1:25])
_DISCS: Final = tuple(f"{upper}-{lower}" for upper, lower in pairwise(_LEVELS))

_MINORS: Final = ("0-9", "10-19")
"""Age bands of which not all are adults."""
_EXTRA: Final = frozenset({"L6", "T13", "L6-S1", "L5-L6", "L4-S1", "T13-L1", "T12-T13"})
"""Sites that a spine of twelve thoracic and five lumbar vertebrae has not."""


_BENT: Final = ("flexion", "extension")


class Idea(NamedTuple):
    """A question without words: its fields, the key of its answer, and what the answer rests on.

    Ideas of one `group` have answers of one kind, which can be offered together; `offered`, where given,
    are the options themselves. The first of `sites` is the one asked about. `rule` is the key of the
    citation where it is not the kind's own.
    """

    fields: Mapping[str, str]
    right: str
    said: tuple[Said, ...] = ()
    sites: tuple[str, ...] = ()
    group: str = ""
    offered: tuple[str, ...] = ()
    rule: str = ""


@dataclass(frozen=True)
class Document:
    """The sentences of a case that state findings, and the generator that all drawings come from."""

    study: Study
    lines: tuple[Line, ...]
    rng: Random = field(repr=False)

    @cached_property
    def facts(self) -> Facts:
        """Return all that the document states."""
        return facts_of(self.lines)

    @cached_property
    def named(self) -> tuple[tuple[str, Said], ...]:
        """Return abnormal findings that can be called by a phrase, each with the key of it.

        Slips of films in bending are left out: the same slip has another grade at rest.
        """
        at_rest = [one for one in self.facts.said if one.abnormal and one.finding.posture not in _BENT]
        return tuple((key, one) for one in at_rest if (key := key_of(one)))

    @cached_property
    def single(self) -> tuple[tuple[str, Said], ...]:
        """Return those whose phrase fits one site of the document alone."""
        return tuple((key, one) for key, one in self.named if len(sites_of(self.facts, key)) == 1)

    @cached_property
    def sites(self) -> tuple[str, ...]:
        """Return every site that a sentence states something of, in a fixed order."""
        return tuple(sorted({one.site for one in self.facts.said}))

    @cached_property
    def usual_numbering(self) -> bool:
        """Return whether the spine has twelve thoracic and five lumbar vertebrae, as far as is stated."""
        return is_usual(self.facts) and "transitional_anatomy" not in self.study.conditions

    @cached_property
    def is_adult(self) -> bool:
        """Return whether the patient is 18 years old or more by the age band, which tells decades alone."""
        return self.study.age_band not in _MINORS

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """Return so many items in random order, or all."""
        return self.rng.sample(items, min(count, len(items)))

    def at_site(self, site: str) -> tuple[Said, ...]:
        """Return one thing that is said of a site, no curve if there is another, abnormal if there is one.

        () where nothing is said of it.
        """
        here = [one for one in self.facts.said if one.site == site]
        return tuple(sorted(here, key=lambda one: (_is_curve(one), not one.abnormal))[:1])

    @cached_property
    def spared(self) -> frozenset[str]:
        """Return where nothing new is imagined in this document."""
        return spared_of(self.facts)

    def places(self, *, discs: bool, low: str, high: str) -> list[str]:
        """Return the discs or vertebrae between two vertebrae that are spoken of and not spared."""
        first, last = _LEVELS.index(low), _LEVELS.index(high)
        usual = _DISCS[first:last] if discs else _LEVELS[first : last + 1]
        return [site for site in usual if site in self.sites and site not in self.spared]


def _is_curve(one: Said) -> bool:
    return one.finding.pathology == "scoliosis" or one.finding.pathology in MEASURES


def document_of(case: WrittenCase, rng: Random) -> Document:
    """Return the document of a case."""
    return Document(case.study, lines_of(case), rng)


def is_usual(facts: Facts) -> bool:
    """Return whether nothing that is stated tells of a vertebra more or less, or of a transitional one."""
    stated = any(one.finding.present for one in facts.of("transitional"))
    return not stated and _EXTRA.isdisjoint(one.site for one in facts.said)


def spared_of(facts: Facts) -> frozenset[str]:
    """Return where nothing new is imagined: metal, fused and infected discs, and their vertebrae."""
    found = {one.site for name in ("cage", "bridging", "spondylodiscitis") for one in facts.abnormal(name)}
    bones = {one.site for one in facts.abnormal("screws")}
    bones |= {level for disc in found for level in disc.split("-")}
    return frozenset(found | bones | {disc for disc in _DISCS if set(disc.split("-")) <= bones})


def vertebrae() -> tuple[str, ...]:
    """Return C2 to S1 of the usual numbering."""
    return _LEVELS


def discs() -> tuple[str, ...]:
    """Return C2-C3 to L5-S1 of the usual numbering."""
    return _DISCS


def shifted(site: str, steps: int) -> str:
    """Return the site so many places further down, "" beyond C2 and S1.

    >>> shifted("L4-L5", -2), shifted("L5", 1), shifted("S1", 1)
    ('L2-L3', 'S1', '')
    """
    row = _DISCS if "-" in site else _LEVELS
    place = row.index(site) + steps if site in row else -1
    return row[place] if 0 <= place < len(row) else ""


def unlike(keys: Sequence[tuple[str, Said]]) -> Iterator[tuple[str, Said]]:
    """Yield the first finding of each site."""
    seen: set[str] = set()
    for key, one in keys:
        if one.site not in seen:
            seen.add(one.site)
            yield key, one
