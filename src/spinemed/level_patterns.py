"""The patterns of the level grammar: the scanner that finds numbered levels and words in folded text.

A pattern says what can be a level by its form ("L4", "L3, 4 and 5", "fourth lumbar vertebra", "腰4/5");
what the numbers mean is said in `level_parts`. No pattern repeats without a bound, so that no text makes
them slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from .level_words import REGION, SITE, Word, words

OPENER: Final = "opener"  # kind of a word that may begin a numbered level: lumbar, fourth, Lendenwirbel

_FOLD: dict[int, str | int] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, "_~‐‑‒–—―−﹣－～∼〜"), "-"),
    **dict.fromkeys(map(ord, "\u3000\u00a0\u202f\u2009\u2002\u2003\t"), " "),
    **{ord("\\"): "/", ord("’"): "'", ord("İ"): "i", ord("⁄"): "/", ord("∕"): "/"},
}
_FOLDABLE = re.compile("[" + re.escape("".join(map(chr, _FOLD))) + "]")

ROMAN = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii"]
SPELLED = [
    *["one", "two", "three", "four", "five", "six", "seven"],
    *["eight", "nine", "ten", "eleven", "twelve", "thirteen"],
]
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
LATIN = "prima secunda tertia quarta quinta sexta septima octava nona decima undecima duodecima"
GERMAN = "erst zweit dritt viert fünft sechst siebt acht neunt zehnt elft zwölft"
CHINESE = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三"]
_GERMAN_ENDS = ("", "s", "n", "körper", "körpers", "körpern")

# A number that a measure follows is no level: "L 4 mm", "L4, 5 mm retrolisthesis".
_MEASURE = (
    r"(?! ?-?(?:(?:mm|cm|ml|mg|kg|deg|degrees?|years?|yrs?|months?|weeks?|days?|hours?|hrs?|min|jahre?"
    r"|monate?|wochen?|tage?|fold)(?![a-z])|[%°º]|毫米|厘米|[个個层例年月天周岁度级期型枚次]))"
)
_COUNT = (
    _MEASURE
    + r"(?! ?-?(?:patients?|cases?|screws?|points?|of|others?|more|additional|consecutive|views?|levels?"
    r"|segments?|times|other)(?![a-z]))"
)
_DIGITS = r"\d{1,2}(?![\d]|\.\d|/\d{1,2}/(?:\d{4}|[2-9]\d))(?:(?![a-z])|(?=(?:[cls]|th?)\d))"
_ROMANS = r"(?:xi{0,3}|ix|iv|vi{0,3}|i{1,3}|v)(?![a-z]|-ray| ray)|[ⅰ-ⅻ]"
_SPELLED_OUT = f"(?:{'|'.join([*SPELLED[::-1], *LATIN.split()])})(?![a-z])"
HAN = r"十[一二三]?|[一二三四五六七八九]"
_ADDS = r"(?: ?[,&+、] ?(?:and |or |& ?|und )?| (?:and|or|und|oder|et|sowie) |[和及与與或])"
_JOINS = r"(?: ?[-/] ?| (?:to|through|thru|bis) |[至到])"


def _more(number: str) -> str:
    """Return a pattern for what follows a first number: "/5", "-L5", "S1", ", 4 and 5"."""
    labelled = rf"(?: ?[-/] ?)?(?:[cls]|th?){_DIGITS}{_MEASURE}"
    return rf"(?:{_JOINS}(?:{number}){_MEASURE}|{_ADDS}(?:{number}){_COUNT}|{labelled}){{0,12}}"


# L4, Th12, LWK 4, LV4, L 4, L-4, L. 4, L IV, S2AI, each with what follows: L4/5, L3, 4 and 5.
_SHORT = (
    r"[cdtlshb](?:h|v(?=\d)|wk?|ws)?(?:"
    rf"[.]? ?-?(?:{_DIGITS}|\d(?=ais?(?![a-z]))|[ⅰ-ⅻ])|[. -] ?(?:{_ROMANS}|{_SPELLED_OUT}))"
    + _MEASURE
    + _more(f"{_DIGITS}|{_ROMANS}")
)
# A region's name and numbers: "lumbar [vertebra] 4", "lumbar vertebrae IV and V", "Lendenwirbel 4".
_NUMBERED = (
    r"(?:cervical|thoracic|dorsal|lumbar|sacral|thoracal|(?:hals|brust|lenden|kreuzbein"
    r"|sakral)wirbel(?:körper)?[sn]?|vertebrae? (?:(?:cervical|lumbal|sacral|dorsal|thoracal)(?:is|es)"
    r"|thoracicae?))(?: (?:vertebrae?|vertebral (?:body|bodies|levels?)|levels?|segments?|bod(?:y|ies)"
    r"|dis[ck]s?|nerve root))?"
    rf"(?: no\.?| nr\.?| number)?[ -]?#?(?:{_DIGITS}|{_ROMANS}|{_SPELLED_OUT})"
    + _COUNT
    + _more(f"{_DIGITS}|{_ROMANS}|{_SPELLED_OUT}")
)
_ORDINAL = rf"(?:(?:{'|'.join([*ORDINALS.split(), *LATIN.split()])}|\d{{1,2}}(?:st|nd|rd|th))(?![a-z]))"
# Ordinals and a region's name: "fourth [and fifth] lumbar [vertebra]".
_ORDERED = (
    rf"{_ORDINAL}(?:(?: ?[,/&-] ?| and | or | to | through |, and )(?:the )?{_ORDINAL}){{0,6}}"
    r" (?:cervical|thoracic|dorsal|lumbar|sacral|vertebra (?:cervicalis|thoracica|lumbalis"
    r"|sacralis))(?![a-z])(?! (?:puncture|surgery|fusion|operation|injection|procedure|mri|ct|scan"
    r"|epidural|decompression|spine|x))(?: vertebrae?(?![a-z])| vertebral (?:body|bodies))?"
)
_ROMAN_ORDERED = r"[ivx]{1,4}(?:th)? (?:cervical|thoracic|dorsal|lumbar|sacral) vertebra(?![a-z])"
_GERMAN_ORDINAL = rf"(?:\d{{1,2}}\.|(?:{'|'.join(GERMAN.split())})e[nrsm]?)"
_GERMAN_ORDERED = (
    rf"{_GERMAN_ORDINAL}(?: ?(?:und|bis|[/-]|,) ?{_GERMAN_ORDINAL}){{0,6}} ?"
    r"(?:hals|brust|lenden|kreuzbein|sakral)wirbel(?:körper)?[sn]?(?![a-zäöü])"
)
_HAN_REGION = "[颈頸胸腰骶荐薦]"
_HAN_LABEL = (
    rf"{_HAN_REGION}(?:椎(?:体|體|骨)?)? ?第?(?:{_DIGITS}|{HAN})"
    + r"(?:[二三四五六七八九](?=椎|间|間))?"
    + _MEASURE
    + _more(f"{_DIGITS}|{HAN}")
)
_HAN_ORDERED = (
    rf"第 ?(?:\d{{1,2}}|{HAN})(?:[、,和及与至到/-]第?(?:\d{{1,2}}|{HAN})){{0,6}} ?"
    rf"[节節個个块]?{_HAN_REGION}椎(?:体|體|骨)?"
)
_COCCYX = r"co(?:[1-4](?![\da-z])|(?=$|[,;)\]]))"
_SIDE_LETTER = r"[lr](?=[)>< ,;=/]|$)"


OPENED = re.compile(f"{_NUMBERED}|{_ORDERED}|{_GERMAN_ORDERED}|{_ROMAN_ORDERED}", re.ASCII)
_ADJECTIVES = "cervical|thoracic|dorsal|lumbar|sacral"
REGION_LIST = re.compile(
    rf"({_ADJECTIVES})(?:(?:, ?(?:and )?| and | or |/|-)({_ADJECTIVES}))?(?:(?:, ?(?:and )?| and "
    rf"| or |/|-)({_ADJECTIVES}))? "
    r"(?:spines?|spinal|vertebra|segments?|regions?|discs?|column)(?![a-z])"
)


@cache
def _openers() -> dict[str, Word]:
    """Return the words that may begin a numbered level, beside those of the vocabulary."""
    regions = ["cervical", "thoracic", "dorsal", "lumbar", "sacral", "thoracal"]
    german = [
        f"{g}wirbel{e}" for g in ("hals", "brust", "lenden", "kreuzbein", "sakral") for e in _GERMAN_ENDS
    ]
    latin = [f"{r}{e}" for r in ("cervical", "lumbal", "sacral", "dorsal", "thoracal") for e in ("is", "es")]
    latin = [f"vertebra{e} {word}" for e in ("", "e") for word in [*latin, "thoracica", "thoracicae"]]
    ordinals = [*ORDINALS.split(), *LATIN.split()]
    german_ordinals = [f"{stem}e{ending}" for stem in GERMAN.split() for ending in ("", "n", "r", "s", "m")]
    romans = [*ROMAN, *(f"{roman}th" for roman in ROMAN)]
    return dict.fromkeys([*regions, *german, *latin, *ordinals, *german_ordinals, *romans], (OPENER, ""))


def trie(names: Iterable[str], end: str) -> str:
    """Return a pattern that matches the longest name at a place, branching on one character at a time.

    >>> trie(["no", "nor", "not"], "")
    'no(?:r|t|)'
    """
    heads: dict[str, list[str]] = {}
    for name in names:
        heads.setdefault(name[:1], []).append(name[1:])
    branches = [re.escape(head) + trie(rests, end) for head, rests in sorted(heads.items()) if head]
    branches += [end] if "" in heads else []
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


@cache
def vocabulary() -> dict[str, Word]:
    """Return every word that the scanner knows, with its kind and value."""
    return {**_openers(), **words()}


@cache
def _scanner(is_wide: bool) -> re.Pattern[str]:
    """Return the one pattern that finds labels and words; `is_wide` adds what begins with a Chinese sign."""
    names = [word for word in vocabulary() if word.isascii() or word[0].isascii()]
    latin = trie(names, "(?![a-z])").removeprefix("(?:").removesuffix(")")
    ordinal = r"\d{1,2}(?:st|nd|rd|th|\.)(?= ?[a-z,/&-])"
    pattern = rf"\b(?=[0-9a-z])(?:{_SHORT}|{ordinal}|{latin}|{_COCCYX}|{_SIDE_LETTER})"
    if is_wide:
        others = [word for word in vocabulary() if not word[0].isascii()]
        firsts = "".join(sorted({word[0] for word in others})) + _HAN_REGION.strip("[]") + "第"
        pattern += rf"|(?=[{firsts}])(?:{_HAN_LABEL}|{_HAN_ORDERED}|{trie(others, '')})"
    return re.compile(pattern, re.ASCII)


# One of them is in every level that a word begins: "fourth lumbar", "3. Lendenwirbel".
_REGION_STEMS = ("lumb", "cervical", "thorac", "sacral", "dorsal", "wirbel")


@cache
def _names() -> re.Pattern[str]:
    """Return the pattern of all in ASCII text that names a level or region by itself, region stems aside."""
    named = [word for word, (kind, _) in vocabulary().items() if kind in (SITE, REGION) and word.isascii()]
    rare = [word for word in named if not any(stem in word for stem in _REGION_STEMS)]
    return re.compile(rf"\b(?=[a-z])(?:{_SHORT}|{_COCCYX}|{trie(rare, '(?![a-z])')})", re.ASCII)


def may_name_level(low: str) -> bool:
    """Tell whether a folded text can name a level or a region at all; the scanner need not run where not.

    >>> may_name_level("the disc is dark on slice 12"), may_name_level("l4 is low")
    (False, True)
    """
    if not low.isascii():
        return True
    for stem in _REGION_STEMS:
        if stem in low:
            return True
    return _names().search(low) is not None


_BEYOND_LATIN = re.compile(r"[^\x00-\xff]")


def scanner_for(low: str) -> re.Pattern[str]:
    """Return the scanner for a folded text: the wider, slower one where it has more than Latin characters."""
    return _scanner(not low.isascii() and _BEYOND_LATIN.search(low) is not None)


def fold(text: str) -> str:
    """Return the text in the form that the scanner reads, one character for one character.

    >>> fold("Ｌ４～L5_S1")
    'l4-l5-s1'
    """
    if _FOLDABLE.search(text):
        text = text.translate(_FOLD)
    return text.lower()
