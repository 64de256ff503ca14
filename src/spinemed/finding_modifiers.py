"""Grades and sides that stand in a sentence, each with the findings that it may belong to.

Pfirrmann, Meyerding, Genant, Lee, Modic and AO grades, degrees such as "mild", kinds of herniation and of
metastasis; left, right, both, central. English and Chinese. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from .finding_words import SAME, SIDED


class Modifier(NamedTuple):
    """A grade or a side where it stands; `kind` is grade, side or root (the side of a nerve root)."""

    kind: str
    value: str
    start: int
    end: int
    only: frozenset[str]


_NUMERAL: Final = r"(III|II|IV|I|V|[0-5])(?![A-Za-z0-9]|\.\d)"
_SCALE: Final = re.compile(
    r"(?<![A-Za-z])(?P<name>Pfirrmann|Meyerding|Genant|Lee|Modic)(?:分级)?[ ,:：为]*"
    rf"(?:grades?|types?|class)? ?(?P<grade>{_NUMERAL})"
)
_OF_SCALE: Final = {
    "Pfirrmann": "disc_degeneration", "Meyerding": "slip", "Genant": "height_loss",
    "Lee": "foraminal_stenosis", "Modic": "modic_change",
}  # fmt: skip
_PLAIN_GRADE: Final = re.compile(
    rf"(?<![A-Za-z])[Gg]rade {_NUMERAL}|{_NUMERAL}(?: ?[°度级])(?=\S{{0,6}}(?:滑脱|前移))"
    rf"|(?<=滑脱)(III|II|IV|I|V|[0-5])(?=[°度级])"
)
_AO: Final = re.compile(
    r"(?<![A-Za-z])AO(?:Spine)?(?: ?type|分型)?[ :]?([ABC][0-4]?)(?![0-9A-Za-z])"
    r"|\b([AB][0-4])(?= (?:burst |type )?fract)|\btype ([ABC][0-4]?)(?= fract)"
)
_DEGREE: Final = re.compile(
    r"\b(mild|minimal|slight|moderate|severe|marked|high-grade|critical)(?:ly)?\b(?![ -]to[ -])"
    r"|([轻中重])度|(严重)|(明显)(?=狭窄)",
    re.IGNORECASE,
)
_DEGREES: Final = {
    "mild": "mild", "minimal": "mild", "slight": "mild", "moderate": "moderate", "severe": "severe",
    "marked": "severe", "high-grade": "severe", "critical": "severe",
    "轻": "mild", "中": "moderate", "重": "severe", "严重": "severe", "明显": "severe",
}  # fmt: skip
_STENOSES: Final = frozenset({"canal_stenosis", "recess_stenosis", "foraminal_stenosis"})
_KIND: Final = re.compile(r"\b(extru|sequest)\w*|\b(protru)\w*|(脱出|游离)|(突出)", re.IGNORECASE)
_KINDS: Final = {
    "extru": "extrusion", "sequest": "extrusion", "protru": "protrusion",
    "脱出": "extrusion", "游离": "extrusion", "突出": "protrusion",
}  # fmt: skip
_BONE: Final = re.compile(r"\b(lytic|blastic|sclerotic|mixed)|(溶骨)|(成骨)", re.IGNORECASE)
_BONES: Final = {
    "lytic": "lytic", "blastic": "blastic", "sclerotic": "blastic", "mixed": "mixed",
    "溶骨": "lytic", "成骨": "blastic",
}  # fmt: skip
_SPUR: Final = re.compile(r"osteophyt|骨赘|骨刺", re.IGNORECASE)
_LARGE: Final = re.compile(r"\b(large|bulky)\b|(较大)|(明显)", re.IGNORECASE)
_SIZES: Final = {"large": "large", "bulky": "large", "较大": "large", "明显": "large"}
_SIDE: Final = re.compile(
    r"\b(levo|dextro)(?=scoli)|\b(left|right|bilateral|both|central|midline)(?:ly)?\b"
    r"|(?<![A-Za-z])\(?(L|R)\)|([左右双])(?:侧|后|旁)?|((?<!旁)中央型|正后方)",
    re.IGNORECASE,
)
_SIDES: Final = {
    "levo": "left", "dextro": "right", "left": "left", "right": "right", "bilateral": "both", "both": "both",
    "central": "central", "midline": "central", "l": "left", "r": "right",
    "左": "left", "右": "right", "双": "both", "中央型": "central", "正后方": "central",
}  # fmt: skip
_OF_ROOT: Final = re.compile(
    r"[^,.;，。；]{0,14}(?:root|神经根)|[ -]?(?:sided )?(?:leg|arm|hip|kidney|下肢|上肢|肾)"
)


def modifiers_of(text: str) -> list[Modifier]:
    """Return the grades and sides of a sentence in order; empty where it has none.

    >>> [(one.kind, one.value) for one in modifiers_of("severe left foraminal stenosis, Pfirrmann grade IV")]
    [('grade', 'severe'), ('side', 'left'), ('grade', '4')]
    """
    found = [*_scales(text)]
    taken = [(one.start, one.end) for one in found]
    for one in _grades(text, _PLAIN_GRADE, frozenset({"slip"}), SAME):
        if not any(start < one.end and one.start < end for start, end in taken):
            found.append(one)
    found += _grades(text, _AO, frozenset({"fracture"}), {})
    found += _grades(text, _DEGREE, _STENOSES, _DEGREES)
    found += _grades(text, _KIND, frozenset({"herniation"}), _KINDS)
    found += _grades(text, _BONE, frozenset({"metastasis"}), _BONES)
    if _SPUR.search(text):
        found += _grades(text, _LARGE, frozenset({"osteophyte"}), _SIZES)
    found += _sides(text)
    return sorted(found, key=lambda one: one.start)


def _scales(text: str) -> Iterator[Modifier]:
    for match in _SCALE.finditer(text):
        only = frozenset({_OF_SCALE[match["name"]]})
        yield Modifier("grade", SAME.get(match["grade"], match["grade"]), match.start(), match.end(), only)


def _grades(
    text: str, words: re.Pattern[str], only: frozenset[str], names: Mapping[str, str]
) -> Iterator[Modifier]:
    """Yield the matches of `words`; a word that `names` does not know is its own value."""
    for match in words.finditer(text):
        word = next(part for part in match.groups() if part)
        value = names.get(word) or names.get(word.lower()) or word
        yield Modifier("grade", value, match.start(), match.end(), only)


def _sides(text: str) -> Iterator[Modifier]:
    for match in _SIDE.finditer(text):
        value = _SIDES[next(part for part in match.groups() if part).lower()]
        only = frozenset({"herniation"}) if value == "central" else frozenset[str](SIDED)
        kind = "root" if _OF_ROOT.match(text, match.end()) else "side"
        yield Modifier(kind, value, match.start(), match.end(), only)
