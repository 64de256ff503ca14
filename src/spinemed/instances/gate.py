"""The gate: a text passes only if the level parser reads from it exactly what the findings say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from spinemed.level_grammar import parse_levels
from spinemed.levels import levels_between


@lru_cache(maxsize=4096)
def levels_read(text: str) -> tuple[str, ...]:
    """Return the vertebrae and segments that the level parser reads from a text, regions and roots left out.

    >>> levels_read("Count up from the sacrum: is L4 marked?")
    ('L4',)
    """
    return tuple(site for site in parse_levels(text).levels if ":" not in site)


@lru_cache(maxsize=4096)
def levels_named(text: str) -> frozenset[str]:
    """Return every vertebra and segment that the level parser finds in a text, negated ones as well.

    >>> sorted(levels_named("no fracture of L1 or L2"))
    ['L1', 'L2']
    """
    return frozenset(mention.site for mention in parse_levels(text).mentions if ":" not in mention.site)


def sites_between(first: str, last: str) -> tuple[str, ...]:
    """Return the vertebrae from `first` to `last`, both included.

    >>> sites_between("T12", "L2")
    ('T12', 'L1', 'L2')
    """
    return tuple(level.value for level in levels_between(first, last))


def fault(
    question: str,
    question_sites: Sequence[str],
    answers: Sequence[str],
    answer_sites: Sequence[Sequence[str]],
    right: int,
) -> str:
    """Return why a draft must not pass, or "" where it may.

    The parser must read `question_sites` from the question and `answer_sites[i]` from `answers[i]`; the
    answer at `right` must be the only one that says what it says.
    """
    if levels_read(question) != tuple(question_sites):
        return "the level parser reads other levels from the question than were meant"
    for text, sites in zip(answers, answer_sites, strict=True):
        if levels_read(text) != tuple(sites):
            return "the level parser reads other levels from an answer than were meant"
    texts = [" ".join(text.split()).lower() for text in answers]
    if texts.count(texts[right]) != 1 or len(set(texts)) != len(texts):
        return "two options say the same"
    return ""
