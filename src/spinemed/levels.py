"""Vertebral levels and motion segments: one spelling, order, neighbours, distance, printing in styles.

A `Site` is a vertebra (`L4`) or a motion segment (`L4-L5`). Numbers of vertebrae differ between people, so
every statement about neighbours or distance names a `Numbering`; the default is 7-12-5-5 and a coccyx.
Standard library only: metric folders carry this file alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Literal

Region = Literal["cervical", "thoracic", "lumbar", "sacral", "coccygeal"]


class Level(StrEnum):
    """A vertebra; `<` means further cranial.

    >>> Level("L4") is Level.L4, Level.T12 < Level.L1, max(Level.C7, Level.S1).value
    (True, True, 'S1')
    """

    C1 = "C1"
    C2 = "C2"
    C3 = "C3"
    C4 = "C4"
    C5 = "C5"
    C6 = "C6"
    C7 = "C7"
    T1 = "T1"
    T2 = "T2"
    T3 = "T3"
    T4 = "T4"
    T5 = "T5"
    T6 = "T6"
    T7 = "T7"
    T8 = "T8"
    T9 = "T9"
    T10 = "T10"
    T11 = "T11"
    T12 = "T12"
    T13 = "T13"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"
    L5 = "L5"
    L6 = "L6"
    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"
    S5 = "S5"
    Co = "Co"

    @property
    def order(self) -> int:
        """Rank from cranial to caudal among all names, T13 and L6 included."""
        return _ranks()[self.value]

    @property
    def region(self) -> Region:
        """Part of the column: cervical, thoracic, lumbar, sacral or coccygeal."""
        return "coccygeal" if self is Level.Co else _REGIONS[self.value[0]]

    @property
    def number(self) -> int:
        """Number inside the region; 1 for the coccyx.

        >>> Level.T12.number
        12
        """
        return 1 if self is Level.Co else int(self.value[1:])

    def __lt__(self, other: str) -> bool:
        return self.order < Level(other).order

    def __le__(self, other: str) -> bool:
        return self.order <= Level(other).order

    def __gt__(self, other: str) -> bool:
        return self.order > Level(other).order

    def __ge__(self, other: str) -> bool:
        return self.order >= Level(other).order


_REGIONS: dict[str, Region] = {"C": "cervical", "T": "thoracic", "L": "lumbar", "S": "sacral"}


@cache
def _ranks() -> dict[str, int]:
    return {level.value: rank for rank, level in enumerate(Level)}


@dataclass(frozen=True)
class Numbering:
    """How many thoracic and lumbar vertebrae one patient has; cervical 7, sacral 5 and one coccyx are fixed.

    >>> str(Numbering()), str(Numbering(thoracic=13, lumbar=6))
    ('7-12-5-5', '7-13-6-5')
    """

    thoracic: int = 12
    lumbar: int = 5

    def __post_init__(self) -> None:
        if self.thoracic not in (11, 12, 13) or self.lumbar not in (4, 5, 6):
            raise ValueError(
                f"numbering with {self.thoracic} thoracic and {self.lumbar} lumbar vertebrae; "
                "this module knows 11 to 13 thoracic and 4 to 6 lumbar"
            )

    def __str__(self) -> str:
        return f"7-{self.thoracic}-{self.lumbar}-5"

    @property
    def levels(self) -> tuple[Level, ...]:
        """Every vertebra of this numbering, cranial to caudal.

        >>> len(Numbering().levels), len(Numbering(lumbar=6).levels)
        (30, 31)
        """
        return _levels_of(self)


@cache
def _levels_of(numbering: Numbering) -> tuple[Level, ...]:
    most = {"thoracic": numbering.thoracic, "lumbar": numbering.lumbar}
    return tuple(level for level in Level if level.number <= most.get(level.region, 7))


@cache
def _axis_of(numbering: Numbering) -> dict[Level, int]:
    return {level: place for place, level in enumerate(_levels_of(numbering), start=1)}


DEFAULT_NUMBERING = Numbering()


def axis_place(level: Level | str, numbering: Numbering = DEFAULT_NUMBERING) -> int:
    """Return o(v), the place of a vertebra on the axis of a numbering: C1 = 1, L4 = 23, S1 = 25 by default.

    A level that the numbering does not have (L6 in 7-12-5-5) is a ValueError.

    >>> axis_place("C7"), axis_place("L4"), axis_place("S1"), axis_place("S1", Numbering(lumbar=6))
    (7, 23, 25, 26)
    """
    level = Level(level)
    places = _axis_of(numbering)
    if level not in places:
        raise ValueError(
            f"{level.value} does not exist in the numbering {numbering}; pass "
            "Numbering(thoracic=..., lumbar=...) with the count that this patient has"
        )
    return places[level]


def above(level: Level | str, numbering: Numbering = DEFAULT_NUMBERING) -> Level:
    """Return the next vertebra in cranial direction; a ValueError above C1.

    >>> above("L1").value, above("L1", Numbering(thoracic=13)).value
    ('T12', 'T13')
    """
    place = axis_place(level, numbering)
    if place == 1:
        raise ValueError("nothing lies above C1; ask for a level below it")
    return numbering.levels[place - 2]


def below(level: Level | str, numbering: Numbering = DEFAULT_NUMBERING) -> Level:
    """Return the next vertebra in caudal direction; a ValueError below the coccyx.

    >>> below("L5").value, below("L5", Numbering(lumbar=6)).value
    ('S1', 'L6')
    """
    place = axis_place(level, numbering)
    if place == len(numbering.levels):
        raise ValueError("nothing lies below Co (coccyx); ask for a level above it")
    return numbering.levels[place]


@dataclass(frozen=True)
class Site:
    """A vertebra (`lower` is None) or the motion segment between two neighbours, in one spelling.

    `Site.parse` reads that spelling alone; free text is the matter of `level_grammar.parse_levels`. Two
    levels are neighbours if some numbering makes them so: T12-L1 and T13-L1, L5-S1 and L6-S1 (also L4-S1
    with four lumbar vertebrae, T11-L1 with eleven thoracic ones).

    >>> str(Site.parse("L4-L5")), Site.parse("L4").is_segment, Site(Level.L5, Level.S1).middle()
    ('L4-L5', False, 24.5)
    """

    upper: Level
    lower: Level | None = None

    def __post_init__(self) -> None:
        if self.lower is not None and self.lower not in _possible_neighbours()[self.upper]:
            raise ValueError(
                f"{self.upper.value}-{self.lower.value} is not a motion segment: the levels are not "
                "neighbours, cranial first, in any known numbering; name a pair such as L4-L5"
            )

    @classmethod
    def parse(cls, text: str) -> Site:
        """Return the site of a canonical spelling, `L4` or `L4-L5`; anything else is a ValueError."""
        names = text.split("-")
        if len(names) > 2 or any(name not in _ranks() for name in names):
            raise ValueError(
                f"{text!r} is not a site in canonical spelling (a vertebra such as 'L4' or a segment such as "
                "'L4-L5'); use level_grammar.parse_levels for free text"
            )
        return cls(Level(names[0]), Level(names[1]) if len(names) == 2 else None)

    @property
    def is_segment(self) -> bool:
        """Whether this is the motion segment between two vertebrae."""
        return self.lower is not None

    @property
    def region(self) -> Region:
        """Region of the vertebra, or of the upper vertebra of a segment (L5-S1 is lumbar)."""
        return self.upper.region

    def middle(self, numbering: Numbering = DEFAULT_NUMBERING) -> float:
        """Place on the axis of a numbering: o(v) for a vertebra, o(u) + 1/2 for the segment under u.

        A segment that joins no neighbours in this numbering (L5-S1 where there is an L6) is a ValueError.
        """
        place = axis_place(self.upper, numbering)
        if self.lower is None:
            return float(place)
        if axis_place(self.lower, numbering) != place + 1:
            raise ValueError(
                f"{self} are not neighbours in the numbering {numbering}; pass the numbering of this patient"
            )
        return place + 0.5

    def __str__(self) -> str:
        return self.upper.value if self.lower is None else f"{self.upper.value}-{self.lower.value}"


@cache
def _possible_neighbours() -> dict[Level, frozenset[Level]]:
    found: dict[Level, set[Level]] = {level: set() for level in Level}
    for numbering in (Numbering(t, n) for t in (11, 12, 13) for n in (4, 5, 6)):
        for upper, lower in zip(numbering.levels, numbering.levels[1:], strict=False):
            found[upper].add(lower)
    return {level: frozenset(lowers) for level, lowers in found.items()}


def site_of(site: Site | Level | str) -> Site:
    """Return a Site for a Site, a Level or canonical text."""
    if isinstance(site, Site):
        return site
    return Site(site) if isinstance(site, Level) else Site.parse(site)


def position(site: Site | Level | str, numbering: Numbering = DEFAULT_NUMBERING) -> float:
    """Return the place on the level axis: o(v) for a vertebra, o(u) + 1/2 for the segment (u, v).

    >>> position("L4"), position("L4-L5"), position("T13", Numbering(thoracic=13))
    (23.0, 23.5, 20.0)
    """
    return site_of(site).middle(numbering)


def signed_distance(
    site: Site | Level | str, truth: Site | Level | str, numbering: Numbering = DEFAULT_NUMBERING
) -> float:
    """Return how far `site` lies from `truth` in level steps: negative = too far cranial, 0 = same place.

    >>> signed_distance("L3-L4", "L4-L5"), signed_distance("S1", "L4-L5"), signed_distance("L4", "L4")
    (-1.0, 1.5, 0.0)
    """
    return position(site, numbering) - position(truth, numbering)


def distance(a: Site | Level | str, b: Site | Level | str, numbering: Numbering = DEFAULT_NUMBERING) -> float:
    """Return the level distance |p(a) - p(b)| in level steps: 0 or more, symmetric, a metric on sites.

    A vertebra lies half a step from the discs that touch it.

    >>> distance("L4-L5", "L5-S1"), distance("L4", "L4-L5"), distance("T12", "L1"), distance("C1", "Co")
    (1.0, 0.5, 1.0, 29.0)
    """
    return abs(signed_distance(a, b, numbering))


def levels_between(
    first: Level | str, last: Level | str, numbering: Numbering = DEFAULT_NUMBERING
) -> tuple[Level, ...]:
    """Return every vertebra from `first` to `last`, both included, cranial to caudal in either order given.

    >>> [level.value for level in levels_between("T11", "L2")]
    ['T11', 'T12', 'L1', 'L2']
    """
    start, stop = sorted((axis_place(first, numbering), axis_place(last, numbering)))
    return numbering.levels[start - 1 : stop]


_ORDINALS = [
    *["first", "second", "third", "fourth", "fifth", "sixth", "seventh"],
    *["eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth"],
]
_ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII"]
_CHINESE_NUMBERS = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三"]
_CHINESE: dict[str, str] = {"C": "颈", "T": "胸", "L": "腰", "S": "骶"}
_GERMAN: dict[str, str] = {"C": "HWK", "T": "BWK", "L": "LWK", "S": "SWK"}
_GERMAN_LONG: dict[str, str] = {"C": "Hals", "T": "Brust", "L": "Lenden", "S": "Kreuzbein"}
_LATIN: dict[str, str] = {"C": "cervicalis", "T": "thoracica", "L": "lumbalis", "S": "sacralis"}
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def _ordinal(number: int) -> str:
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"


def _thoracic_as(letter: str) -> Callable[[str, int], str]:
    return lambda region, number: f"{letter if region == 'T' else region}{number}"


# One vertebra from its region letter and number; a segment is two of them with the joiner.
_STYLES: dict[str, tuple[Callable[[str, int], str], str]] = {
    "canonical": (lambda r, n: f"{r}{n}", "-"),
    "slash": (lambda r, n: f"{r}{n}", "/"),
    "en_dash": (lambda r, n: f"{r}{n}", "–"),
    "spaced_joiner": (lambda r, n: f"{r}{n}", " - "),
    "glued": (lambda r, n: f"{r}{n}", ""),
    "lower": (lambda r, n: f"{r}{n}".lower(), "-"),
    "rsna": (lambda r, n: f"{r}{n}".lower(), "_"),
    "spaced": (lambda r, n: f"{r} {n}", "/"),
    "hyphened": (lambda r, n: f"{r}-{n}", "/"),
    "dotted": (lambda r, n: f"{r}.{n}", "/"),
    "full_width": (lambda r, n: f"{r}{n}".translate(_FULL_WIDTH), "～"),
    "thoracic_th": (_thoracic_as("Th"), "/"),
    "thoracic_d": (_thoracic_as("D"), "/"),
    "vertebra_letters": (lambda r, n: f"{r}V{n}", "/"),
    "roman": (lambda r, n: f"{_REGIONS[r]} vertebra {_ROMAN[n - 1]}", "/"),
    "latin": (lambda r, n: f"vertebra {_LATIN[r]} {_ROMAN[n - 1]}", "/"),
    "ordinal": (lambda r, n: f"{_ORDINALS[n - 1]} {_REGIONS[r]} vertebra", "/"),
    "ordinal_digits": (lambda r, n: f"{_ordinal(n)} {_REGIONS[r]} vertebra", "/"),
    "named": (lambda r, n: f"{_REGIONS[r]} {n}", "/"),
    "german": (lambda r, n: f"{_GERMAN[r]} {n}", "/"),
    "german_long": (lambda r, n: f"{n}. {_GERMAN_LONG[r]}wirbel", "/"),
    "chinese": (lambda r, n: f"{_CHINESE[r]}{n}", "-"),
    "chinese_ordinal": (lambda r, n: f"第{_CHINESE_NUMBERS[n - 1]}{_CHINESE[r]}椎", "/"),
}
# Here the second number of a segment stands without its region where both lie in one region: L4/5 but L5/S1.
_ELIDED: dict[str, tuple[str, str]] = {
    "elided_slash": ("canonical", "/"),
    "elided_hyphen": ("canonical", "-"),
    "elided_german": ("german", "/"),
    "elided_chinese": ("chinese", "/"),
}


def style_names() -> tuple[str, ...]:
    """Return the names of the styles that `render` knows."""
    return (*_STYLES, *_ELIDED)


def render(site: Site | Level | str, style: str = "canonical") -> str:
    """Return a site in the named style; `level_grammar.parse_levels` reads each style back.

    The coccyx is `Co` in every style. An unknown style is a ValueError that lists the known ones.

    >>> render("L4-L5", "elided_slash"), render("L5-S1", "chinese"), render("T12", "ordinal")
    ('L4/5', '腰5-骶1', 'twelfth thoracic vertebra')
    """
    if style not in _STYLES and style not in _ELIDED:
        raise ValueError(f"unknown style {style!r}; known styles: {', '.join(style_names())}")
    site = site_of(site)
    base, elided_joiner = _ELIDED.get(style, (style, ""))
    print_one, joiner = _STYLES[base]

    def one(level: Level) -> str:
        return "Co" if level is Level.Co else print_one(level.value[0], level.number)

    if site.lower is None:
        return one(site.upper)
    if style in _ELIDED and site.upper.region == site.lower.region:
        return f"{one(site.upper)}{elided_joiner}{site.lower.number}"
    return f"{one(site.upper)}{elided_joiner or joiner}{one(site.lower)}"
