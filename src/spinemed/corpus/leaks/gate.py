"""The gate of a build: nothing may be in two splits, or in a corpus and a benchmark; LeakError lists it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinemed.corpus.leaks.contents import (
    SPLITS,
    Contents,
    Place,
    Prepared,
    contents_of,
    texts_at,
    thumbnails_of,
)
from spinemed.corpus.leaks.foreign import Foreign, foreign_of, is_corpus
from spinemed.corpus.leaks.near_texts import MARGIN, near_pairs, same_words, verified
from spinemed.corpus.leaks.pictures import hashes_of, near_pictures
from spinemed.corpus.leaks.same_picture import is_copy, likeness
from spinemed.corpus.leaks.signatures import Signatures, from_bytes, signatures
from spinemed.errors import LeakError

TEXT_ALIKE: Final = 0.5
"""Least Jaccard index of two texts with the same facts that count as one. Measured by
benchmarks/leak_recall.py: no two written cases reach it, most texts do with all their sentences shuffled."""
SHOWN: Final = 20
KEPT_APART: Final = "spinebench"
"""The split that is not compared with foreign benchmarks: nobody trains on it."""


Near = tuple[str, str, int]
"""SHA-256 of two pictures and the bits between their hashes."""


class Leak(NamedTuple):
    """One thing that is in two places."""

    rule: str
    what: str
    first: str
    second: str


def check(folder: Path, against: Sequence[Path] = (), prepared: Prepared | None = None) -> None:
    """Return nothing where a corpus in the published format is clean; LeakError lists what is not.

    Looked for across splits (`spinebench` is one): the same patient, study, picture (SHA-256), picture that
    looks the same, source document, words, and near-equal wording with the same facts. Questions that rest on
    a published rule alone are judged by their exact words. Every folder in `against` is compared with all
    splits but spinebench: a corpus in the published format by all of these rules, any other folder of images,
    Parquet, JSON or JSON lines by pictures and texts, and by patients and studies where columns are named so.
    `prepared` saves the computing of signatures and hashes. SourceError for a folder that cannot be read.
    """
    contents = contents_of(folder, prepared)
    leaks = leaks_within(contents, folder)
    for other in against:
        leaks += leaks_against(contents, folder, other)
    if leaks:
        raise LeakError(told(leaks, folder))


def leaks_within(contents: Contents, folder: Path) -> list[Leak]:
    """Return what crosses the splits of a corpus, in the order of the rules."""
    found: list[Leak] = []
    for rule, places in (
        ("patient in two splits", contents.patients),
        ("study in two splits", contents.studies),
        ("source document in two splits", contents.documents),
        ("picture in two splits", contents.pictures),
    ):
        found += [
            Leak(rule, what, *map(str, list(by_split.values())[:2]))
            for what, by_split in places.items()
            if len(by_split) > 1
        ]
    found += _looks(contents)
    return found + _wording(contents, folder)


def leaks_against(contents: Contents, folder: Path, other: Path) -> list[Leak]:
    """Return what a corpus, without its spinebench split, has in common with a folder of any kind."""
    foreign = Foreign(contents_of(other, name=other.name)) if is_corpus(other) else foreign_of(other)
    theirs = foreign.contents
    found: list[Leak] = []
    for rule, mine, others in (
        ("patient in a benchmark", contents.patients, theirs.patients),
        ("study in a benchmark", contents.studies, theirs.studies),
        ("source document in a benchmark", contents.documents, theirs.documents),
        ("picture in a benchmark", contents.pictures, theirs.pictures),
    ):
        for what in sorted(set(_outside(mine)) & set(others)):
            found.append(Leak(rule, what, str(_outside(mine)[what]), str(next(iter(others[what].values())))))
    ours = sorted(_outside(contents.pictures))
    pairs = [pair for pair in _near(contents, theirs, ours, sorted(theirs.pictures)) if pair[0] != pair[1]]
    found += [
        Leak(
            "picture that looks like one in a benchmark",
            f"{a[:16]} and {b[:16]}, likeness {alike:.3f}",
            str(_outside(contents.pictures)[a]),
            str(next(iter(theirs.pictures[b].values()))),
        )
        for a, b, alike in _alike(contents, theirs, pairs)
    ]
    return found + _wording_against(contents, folder, foreign, other)


def told(leaks: Sequence[Leak], folder: Path) -> str:
    """Return the message of a LeakError: for every rule the count and up to 20 offenders with both places."""
    by_rule: dict[str, list[Leak]] = defaultdict(list)
    for leak in leaks:
        by_rule[leak.rule].append(leak)
    lines = [f"{folder} leaks, {len(leaks)} times:"]
    for rule, some in by_rule.items():
        lines.append(f"{rule}: {len(some)}")
        lines += [f"  {leak.what}: {leak.first} | {leak.second}" for leak in some[:SHOWN]]
        if len(some) > SHOWN:
            lines.append(f"  and {len(some) - SHOWN} more")
    lines.append("Leave one side of each out and build again; a leak cannot be allowed.")
    return "\n".join(lines)


def _outside(places: Mapping[str, Mapping[str, Place]]) -> dict[str, Place]:
    """Return what stands in other splits than spinebench, with its first place there."""
    return {
        what: next(place for split, place in by_split.items() if split != KEPT_APART)
        for what, by_split in places.items()
        if set(by_split) != {KEPT_APART}
    }


def _looks(contents: Contents) -> list[Leak]:
    """Return pictures that look the same in two splits."""
    by_split = {
        split: sorted(digest for digest, places in contents.pictures.items() if split in places)
        for split in sorted({split for places in contents.pictures.values() for split in places})
    }
    pairs: list[Near] = []
    names = list(by_split)
    for place, split in enumerate(names):
        for other in names[place + 1 :]:
            pairs += _near(contents, contents, by_split[split], by_split[other])
    different = sorted({(min(a, b), max(a, b), bits) for a, b, bits in pairs if a != b})
    return [
        Leak(
            "picture that looks the same in two splits",
            f"{a[:16]} and {b[:16]}, likeness {alike:.3f}",
            *map(str, _apart(contents.pictures[a], contents.pictures[b])),
        )
        for a, b, alike in _alike(contents, contents, different)
    ]


def _apart(first: Mapping[str, Place], second: Mapping[str, Place]) -> tuple[Place, Place]:
    """Return two places in different splits."""
    return next((a, b) for a in first.values() for b in second.values() if a.split != b.split)


def _near(mine: Contents, theirs: Contents, first: Sequence[str], second: Sequence[str]) -> list[Near]:
    """Return pairs of digests whose hashes are near, and their bits."""
    pairs, bits = near_pictures(
        hashes_of([mine.hashes[digest] for digest in first]),
        hashes_of([theirs.hashes[digest] for digest in second]),
    )
    return [(first[a], second[b], apart) for (a, b), apart in zip(pairs.tolist(), bits.tolist(), strict=True)]


def _alike(mine: Contents, theirs: Contents, pairs: Sequence[Near]) -> Iterator[tuple[str, str, float]]:
    """Yield the pairs that show the same image, with their likeness."""
    small = thumbnails_of(mine, {a for a, _, _ in pairs})
    others = small if theirs is mine else {}
    others = others | thumbnails_of(theirs, {b for _, b, _ in pairs})
    for a, b, bits in pairs:
        alike = likeness(small[a], others[b])
        if is_copy(bits, alike):
            yield a, b, alike


def _wording(contents: Contents, folder: Path) -> list[Leak]:
    """Return texts in two splits with the same words, or with near-equal ones and the same facts."""
    found = from_bytes(contents.signed)
    splits = np.array([place.split for place in contents.texts])
    leaks = [
        Leak("words in two splits", f"{len(rows)} rows", *map(str, _two(contents.texts, rows, splits)))
        for rows in same_words(found)
        if len(set(splits[rows].tolist())) > 1
    ]
    free = np.flatnonzero(~np.array(contents.is_rule, bool))
    codes = np.unique(splits[free], return_inverse=True)[1]
    pairs = free[near_pairs(found[free], TEXT_ALIKE - MARGIN, groups=codes)]
    texts = texts_at(folder, [contents.texts[row] for row in sorted(set(pairs.ravel().tolist()))])
    near = verified(pairs, TEXT_ALIKE, lambda row: texts[contents.texts[row].id])
    return leaks + [
        Leak(
            "near-equal wording in two splits",
            "the same facts",
            str(contents.texts[a]),
            str(contents.texts[b]),
        )
        for a, b in _without_same_words(near, found)
    ]


def _two(places: Sequence[Place], rows: NDArray[np.int64], splits: NDArray[np.str_]) -> tuple[Place, Place]:
    first = int(rows[0])
    other = next(int(row) for row in rows if splits[row] != splits[first])
    return places[first], places[other]


def _without_same_words(pairs: NDArray[np.int64], found: Signatures) -> Iterable[tuple[int, int]]:
    """Return the pairs whose words are not all equal: those are counted already."""
    return [(a, b) for a, b in pairs.tolist() if (found[a, 60:62] != found[b, 60:62]).any()]


def _wording_against(contents: Contents, folder: Path, foreign: Foreign, other: Path) -> list[Leak]:
    """Return texts of a corpus whose words, or near-equal ones with the same facts, are in a benchmark."""
    rows = [row for row, place in enumerate(contents.texts) if place.split != KEPT_APART]
    mine = from_bytes([contents.signed[row] for row in rows])
    if foreign.texts:
        theirs, places = (
            signatures([text for _, text in foreign.texts]),
            [place for place, _ in foreign.texts],
        )
        said = dict(enumerate(text for _, text in foreign.texts))
    else:
        theirs, places = from_bytes(foreign.contents.signed), foreign.contents.texts
        said = {}
    both = np.concatenate([mine, theirs])
    groups = np.arange(len(both)) >= len(mine)
    where = [contents.texts[row] for row in rows] + list(places)
    leaks = [
        Leak("words in a benchmark", f"{len(group)} rows", str(where[group[0]]), str(where[group[-1]]))
        for group in same_words(both)
        if group[0] < len(mine) <= group[-1]
    ]
    is_rule = np.array([contents.is_rule[row] for row in rows] + [False] * len(theirs), bool)
    free = np.flatnonzero(~is_rule)
    pairs = free[near_pairs(both[free], TEXT_ALIKE - MARGIN, groups=groups[free].astype(np.int64))]
    texts = texts_at(folder, [where[row] for row in set(pairs[:, 0].tolist())])
    if not said:
        again = texts_at(other, [where[row] for row in set(pairs[:, 1].tolist())])
        said = {row - len(mine): again[where[row].id] for row in set(pairs[:, 1].tolist())}
    near = verified(
        pairs,
        TEXT_ALIKE,
        lambda row: texts[where[row].id] if row < len(mine) else said[row - len(mine)],
    )
    return leaks + [
        Leak("near-equal wording in a benchmark", "the same facts", str(where[a]), str(where[b]))
        for a, b in _without_same_words(near, both)
    ]


__all__ = ["SPLITS", "Leak", "check", "leaks_against", "leaks_within", "told"]
