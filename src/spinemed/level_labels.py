"""Label tables of the public spine data sets: which number in a mask means which level, and back.

Sources are the projects' own tables (VerSe README, TPTBox README, TotalSegmentator `map_to_binary.py`,
SPIDER and MRSpineSeg pages, TotalSpineSeg README, Spinal Cord Toolbox, RSNA challenges). Notes that matter:

- A label that covers the whole sacrum is given as `S1`, the vertebra that the numbering meets there;
  `covers_whole_sacrum` tells such a label from one of the first sacral vertebra alone.
- `COUNTED_FROM_BELOW` schemes take the lowest lumbar-type vertebra for L5. With a transitional vertebra (L6,
  sacralised L5, T13) their level is a count, not a fact: a record made from them says so.
- The numbers of an unlabelled TPTBox instance mask are mere counts, and no file says which scheme it uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import cast

from .levels import DEFAULT_NUMBERING, Level, Site

_DOWN = [level.value for level in DEFAULT_NUMBERING.levels]  # C1 .. L5, S1 .. S5, Co
_UP_FROM_L5 = _DOWN[: _DOWN.index("L5") + 1][::-1]  # L5, L4 .. C1
_DISCS_DOWN = [f"{upper}-{lower}" for upper, lower in pairwise(_DOWN[:25])]  # C1-C2 .. L5-S1
_DISCS_UP = _DISCS_DOWN[::-1]  # L5-S1 .. C1-C2


def _count(first: int, names: list[str]) -> dict[int, str]:
    return dict(enumerate(names, start=first))


def _between(first: str, last: str) -> list[str]:
    return _DOWN[_DOWN.index(first) : _DOWN.index(last) + 1]


def _discs(first: str, last: str) -> list[str]:
    return _DISCS_DOWN[_DISCS_DOWN.index(first) : _DISCS_DOWN.index(last) + 1]


_VERSE = {**_count(1, _between("C1", "L5")), 25: "L6", 26: "S1", 27: "Co", 28: "T13"}
_TPTBOX_VERTEBRAE = {**_VERSE, 29: "S2", 30: "S3", 31: "S4", 32: "S5"}
# 100 + v is the disc below instance v. For T12 (119) and L5 (124) the table gives the usual neighbour; where
# T13 (28) or L6 (25) is in the same file, that disc lies above T13 or L6.
_TPTBOX_DISCS = {**_count(101, _DISCS_DOWN), 125: "L6-S1", 126: "S1-S2", 128: "T13-L1"}

SCHEMES: dict[str, dict[int, str]] = {
    "verse": _VERSE,
    "tptbox": {**_TPTBOX_VERTEBRAE, **_TPTBOX_DISCS},
    "ctspine1k": _count(1, [*_between("C1", "L5"), "L6"]),
    "spider": {
        **_count(1, _UP_FROM_L5),
        **_count(101, _UP_FROM_L5),  # partly visible vertebrae
        **_count(201, _DISCS_UP),
    },
    "spider_gradings": _count(1, _DISCS_UP),
    "totalsegmentator_v1": {**_count(18, _UP_FROM_L5), 92: "S1"},
    "totalsegmentator_v2": {26: "S1", 25: "S1", **_count(27, _UP_FROM_L5)},
    "totalsegmentator_vertebrae_mr": {1: "S1", **_count(2, _UP_FROM_L5)},
    "totalspineseg": {
        **_count(11, _between("C1", "C7")),
        **_count(21, _between("T1", "T12")),
        **_count(41, _between("L1", "L5")),
        50: "S1",
        **_count(63, _discs("C2-C3", "C6-C7")),
        71: "C7-T1",
        **_count(72, _discs("T1-T2", "T11-T12")),
        91: "T12-L1",
        **_count(92, _discs("L1-L2", "L4-L5")),
        100: "L5-S1",
    },
    "mrspineseg": {1: "S1", **_count(2, _UP_FROM_L5[:9]), **_count(11, _DISCS_UP[:9])},
    "sct_discs": _count(2, _DISCS_DOWN),  # n lies between vertebrae n-1 and n
    "sct_levels": _count(1, _between("C1", "L1")),
    "rsna_2022": _count(1, _between("C1", "T12")),
}

NAMES: dict[str, dict[str, str]] = {
    # train.csv of RSNA 2024 LumbarDISC spells l4_l5, train_label_coordinates.csv spells L4/L5.
    "rsna_2024": {site.lower().replace("-", "_"): site for site in _DISCS_UP[:5][::-1]},
    "rsna_2024_coordinates": {site.replace("-", "/"): site for site in _DISCS_UP[:5][::-1]},
    "rsna_2022_columns": {name: name for name in _between("C1", "C7")},
    "totalsegmentator_files": {
        **{f"vertebrae_{name}": name for name in [*_between("C1", "L5"), "S1"]},
        "sacrum": "S1",
    },
    "spark": {name: name for name in [*_between("T11", "L5"), *_discs("T11-T12", "L5-S1")]},
}

COUNTED_FROM_BELOW = frozenset({"spider", "spider_gradings", "mrspineseg", "totalsegmentator_vertebrae_mr"})

_WHOLE_SACRUM = {
    ("verse", 26),
    ("totalsegmentator_v1", 92),
    ("totalsegmentator_v2", 25),
    ("totalsegmentator_vertebrae_mr", 1),
    ("totalspineseg", 50),
    ("mrspineseg", 1),
    ("totalsegmentator_files", "sacrum"),
}

# What a reader meets in these files that is no level, and what it means.
_NOT_A_LEVEL: dict[tuple[str, int], str] = {
    ("spider", 100): "the spinal canal",
    ("spider_gradings", 0): (
        "a disc below the one counted as L5-S1: the patient has a transitional vertebra and the count "
        "from below cannot be trusted"
    ),
    ("totalsegmentator_v2", 79): "the spinal cord",
    ("totalspineseg", 1): "the spinal cord",
    ("totalspineseg", 2): "the spinal canal",
    ("tptbox", 33): "S6, a sixth sacral vertebra, which has no level name here",
}


def level_of(scheme: str, value: int | str) -> str:
    """Return the site text (`L4`, `L4-L5`) of a label value or name in a scheme.

    An unknown scheme, background, a structure that is no level, and a value outside the table are ValueErrors
    that name the value, the scheme and the way out.

    >>> level_of("verse", 23), level_of("spider", 202), level_of("rsna_2024", "l5_s1")
    ('L4', 'L4-L5', 'L5-S1')
    """
    site = _table(scheme).get(value)
    if site is None:
        raise ValueError(_why_no_level(scheme, value))
    return site


def value_of(scheme: str, site: str | Level | Site) -> int | str:
    """Return the label value (or name) of a site in a scheme: the inverse of `level_of`.

    Where several values mean one site, the plain one comes back: 26 and not 25 (sacrum) for S1 in
    `totalsegmentator_v2`, the fully visible vertebra in `spider`. A site that the scheme cannot write is a
    ValueError.

    >>> value_of("totalsegmentator_v2", "L5"), value_of("totalspineseg", "L4-L5"), value_of("spider", "L5")
    (27, 95, 1)
    """
    text = str(site)
    inverse = _inverse(scheme)
    if text not in inverse:
        known = list(inverse)
        raise ValueError(
            f"scheme {scheme!r} has no label for {text!r}; it has {', '.join(known[:3])} ... {known[-1]}; "
            "choose another scheme or leave this site out"
        )
    return inverse[text]


def covers_whole_sacrum(scheme: str, value: int | str) -> bool:
    """Return whether a label that `level_of` calls S1 is drawn over the whole sacrum.

    >>> covers_whole_sacrum("totalsegmentator_v2", 25), covers_whole_sacrum("totalsegmentator_v2", 26)
    (True, False)
    """
    return (scheme, value) in _WHOLE_SACRUM


def is_counted_from_below(scheme: str) -> bool:
    """Return whether a scheme counts upwards from the lowest lumbar-type vertebra: its L5 is an assumption.

    >>> is_counted_from_below("spider"), is_counted_from_below("verse")
    (True, False)
    """
    _table(scheme)
    return scheme in COUNTED_FROM_BELOW


def _table(scheme: str) -> Mapping[int | str, str]:
    table = cast("Mapping[int | str, str] | None", SCHEMES.get(scheme) or NAMES.get(scheme))
    if table is None:
        raise ValueError(f"unknown label scheme {scheme!r}; known schemes: {', '.join([*SCHEMES, *NAMES])}")
    return table


@cache
def _inverse(scheme: str) -> dict[str, int | str]:
    inverse: dict[str, int | str] = {}
    for value, site in _table(scheme).items():
        inverse.setdefault(site, value)
    return inverse


def _why_no_level(scheme: str, value: int | str) -> str:
    if isinstance(value, int) and (scheme, value) in _NOT_A_LEVEL:
        meaning = _NOT_A_LEVEL[scheme, value]
        return f"label {value} in scheme {scheme!r} is {meaning}; skip it, do not map it to a level"
    if value == 0:
        return f"label 0 in scheme {scheme!r} is the background; skip it"
    known = list(_table(scheme))
    return (
        f"label {value!r} is not in scheme {scheme!r} ({len(known)} labels, {known[0]} ... {known[-1]}); "
        "check that this is the scheme the file was written in: a bare file never says which"
    )
