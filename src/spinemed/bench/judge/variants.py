"""Reports changed on purpose: levels moved by one, sides swapped, padding, lines left out, orders."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Final, Literal

import yaml

from spinemed.bench.judge.rubric import package_text
from spinemed.level_grammar import parse_levels
from spinemed.levels import Level, above, below
from spinemed.records import Record

Language = Literal["en", "zh"]
_CHINESE: Final[Mapping[str, str]] = {"颈": "C", "胸": "T", "腰": "L", "骶": "S"}
_LEVEL: Final = re.compile(
    r"(?<![A-Za-z0-9])(?P<region>[CTLS]|[颈胸腰骶])(?P<number>\d{1,2})(?![\d.%°])"
    r"(?!\s?(?:[-‐]?weighted|加权|[-‐ ]?WI\b))"
    r"(?:(?P<joint>[/-])(?P<lower>\d{1,2})(?![\d.%°]))?"
)
_SIDES: Final[Mapping[str, str]] = {"left": "right", "right": "left", "左": "右", "右": "左"}
_SIDE: Final = re.compile(r"\b(?:left|right)(?=\b|-)|[左右]", re.IGNORECASE)
_HEADING: Final = re.compile(r"^#+ ", re.MULTILINE)


class Words(Record):
    """The texts of variants.yaml."""

    padding: dict[Language, tuple[str, ...]]
    injected: dict[Language, str]


@cache
def words() -> Words:
    """Return the texts that variants put into reports."""
    return Words.model_validate(yaml.safe_load(package_text("variants.yaml")))


def shifted(text: str) -> str:
    """Return a text with every level moved by one: up, or down where C1 or C2 is named.

    The text stays consistent in itself, as one that counts wrongly. T1-weighted and the like are no levels.

    >>> shifted("L4-L5 and L5/S1, T2-weighted"), shifted("L4/5椎间盘；腰5")
    ('L3-L4 and L4/L5, T2-weighted', 'L3/4椎间盘；腰4')
    >>> shifted("No level.")
    'No level.'
    """
    named = {match["region"] + match["number"] for match in _LEVEL.finditer(text)}
    move = below if named & {"C1", "C2", "颈1", "颈2"} else above

    def moved(match: re.Match[str]) -> str:
        region = _CHINESE.get(match["region"], match["region"])
        upper = _moved(region + match["number"], move)
        if upper is None:
            return match.group()
        said = _as_written(upper, match["region"])
        if match["lower"] is None:
            return said
        lower = below(upper)
        short = str(lower.number) if lower.region == upper.region else _as_written(lower, match["region"])
        return f"{said}{match['joint']}{short}"

    return _LEVEL.sub(moved, text)


def swapped(text: str) -> str:
    """Return a text with left and right exchanged, in English and Chinese.

    >>> swapped("Left-sided; the right side. 左侧")
    'Right-sided; the left side. 右侧'
    """

    def other(match: re.Match[str]) -> str:
        side = _SIDES[match.group().lower()]
        return side.capitalize() if match.group()[0].isupper() else side

    return _SIDE.sub(other, text)


def without_levels(text: str) -> str:
    """Return a text with every level written as "level".

    >>> without_levels("Stenosis at L4-L5"), without_levels("腰4/5椎间盘")
    ('Stenosis at level-level', 'level椎间盘')
    """
    return _LEVEL.sub("level", text)


def without_sides(text: str) -> str:
    """Return a text with left and right written as "side".

    >>> without_sides("left and 右侧")
    'side and side侧'
    """
    return _SIDE.sub("side", text)


def padded(text: str, language: Language, times: int = 1) -> str:
    """Return a report with general sentences at the end of every section; they add no fact.

    >>> padded("Stenosis.", "en", 0)
    'Stenosis.'
    """
    if not times:
        return text
    filler = (" " if language == "en" else "").join(words().padding[language] * times)
    parts = re.split(r"(?m)(?=^## )", text)
    return "\n\n".join(f"{part.rstrip()}\n\n{filler}" for part in parts if part.strip())


def injected(text: str, language: Language) -> str:
    """Return a report with an order to the judge at the end of every section."""
    order = words().injected[language]
    parts = re.split(r"(?m)(?=^## )", text)
    return "\n\n".join(f"{part.rstrip()}\n\n{order}" for part in parts if part.strip())


def thinned(text: str, share: float, key: str) -> str:
    """Return a report without a share of its lines, which depend on `key` alone; headings stay.

    Raises ValueError unless 0 <= share <= 1.

    >>> thinned("## 1. Findings\\n- a", 1.0, "key")
    '## 1. Findings'
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share lies from 0 to 1, got {share}")
    kept = [
        line
        for number, line in enumerate(text.splitlines())
        if not line.strip() or _HEADING.match(line) or _drawn(f"{key}:{number}") >= share
    ]
    return "\n".join(kept).strip()


def level_f1(text: str, reference: str) -> float:
    """Return the F1 of the sets of levels that two texts state, in [0, 1]; two without any agree: 1.

    >>> level_f1("L4-L5 and L3", "L4-L5 and L2"), level_f1("", "L4"), level_f1("", "")
    (0.5, 0.0, 1.0)
    """
    said, true = _levels_in(text), _levels_in(reference)
    if not said and not true:
        return 1.0
    return 2 * len(said & true) / (len(said) + len(true))


@lru_cache(maxsize=512)
def _levels_in(text: str) -> frozenset[str]:
    return frozenset(parse_levels(text).levels)


def _drawn(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32


def _moved(name: str, move: Callable[[Level], Level]) -> Level | None:
    """Return the neighbour of a level, None for what is no level or has no neighbour."""
    try:
        return move(Level(name))
    except ValueError:
        return None


def _as_written(level: Level, region: str) -> str:
    if region not in _CHINESE:
        return level.value
    letter = next((zh for zh, latin in _CHINESE.items() if level.value.startswith(latin)), level.value)
    return f"{letter}{level.number}"
