"""The numbers inside one label, and how the text between two labels joins them."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from .level_patterns import CHINESE, GERMAN, HAN, LATIN, ORDINALS, ROMAN, SPELLED
from .level_ranges import AND, APART, BLANK, JOINED, ON, RANK, TO, WITH


@cache
def numerals() -> dict[str, int]:
    """Return the value of every numeral word, folded: digits, Roman, spelled out, ordinals, Chinese."""
    lists = [ROMAN, SPELLED, ORDINALS.split(), LATIN.split(), GERMAN.split(), CHINESE]
    lists += [[chr(0x2170 + i) for i in range(12)], [str(i) for i in range(1, 14)]]
    return {word: number for names in lists for number, word in enumerate(names, start=1)}


_SHORT_NAMES = frozenset(
    ["c", "t", "th", "d", "l", "s", "cv", "tv", "lv", "sv"]
    + [first + ending for first in "hbls" for ending in ("w", "wk", "ws")]
)
REGION_LETTER = {**dict(zip("cthbdlsk颈頸胸腰骶荐薦", "ctcttlsscctlsss", strict=True))}
_LAST_OF_REGION = {("c", 7): "t1", ("t", 12): "l1", ("l", 5): "s1"}

_GAP_NOUN = (
    r"(?: ?(?:vertebrae?|vertebral bod(?:y|ies)|bod(?:y|ies)|dis[ck]s?(?: spaces?)?|levels?|segments?"
    r"|(?:nerve )?roots?|nerves?|wirbelkörper|椎体|椎體|椎间盘|椎间隙|间隙|神经根))?"
)
_GAPS = [
    (JOINED, re.compile(r" {0,2}[-/]{1,2} {0,2}")),
    (BLANK, re.compile(r" {1,3}")),
    (
        AND,
        re.compile(
            r"[)\]\"'*]*"
            + _GAP_NOUN
            + r"\s*(?:,?\s*(?:and/or|and also|and|or|und|oder|et|sowie|as well as|plus|nor|noch"
            r"|以及|、)|[,&+和及与與或])\s*(?:(?:the|of|at|from|in|also|left|right|bilateral|&"
            r"|第)\s?)*[(\[\"'*]*"
        ),
    ),
    (
        TO,
        re.compile(
            _GAP_NOUN
            + r" ?(?:,? ?(?:down |up |all the way )?(?:to|through|thru|until|bis(?: zu[mr]?)?|->|→)|[至到])"
            r"(?: and including| the| level of| disc)* ?第?"
        ),
    ),
    (WITH, re.compile(_GAP_NOUN + r" ?\((?:including |with |包括|含)")),
    (
        ON,
        re.compile(
            r"(?: vertebra| vertebral body| body|椎体)? ?(?:(?:slips?|slipped|slipping|subluxed"
            r"|subluxation|is|has|(?:antero|retro|spondylo|latero)?listhesis|grade [1-5iv]{1,3}|displaced"
            r"|moves?|moved|anteriorly|posteriorly|forwards?|backwards?|translated) ){0,4}(?:on|over|upon"
            r"|onto|relative to|with respect to|in relation to|auf|über|gegen|gegenüber) (?:the )?"
            r"|(?:椎体)?(?:相对于?|对|较)"
        ),
    ),
]


@lru_cache(maxsize=4096)
def joint_of(gap: str) -> str:
    """Return how the text between two numbers joins them, APART where it does not.

    >>> joint_of("/"), joint_of(", and "), joint_of(" through "), joint_of(" slips over ")
    ('-', 'and', 'to', 'on')
    """
    if not gap:
        return JOINED
    return next((joint for joint, pattern in _GAPS if pattern.fullmatch(gap)), APART)


# One numeral with what belongs to it, and the region's name, both inside one label.
_NUMERAL = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th|\.)?"
    rf"|\b({'|'.join(sorted(ROMAN, key=len, reverse=True))})(?:th)?(?![a-z])|([ⅰ-ⅻ])"
    rf"|\b({'|'.join([*SPELLED[::-1], *ORDINALS.split()[::-1], *LATIN.split()])})(?![a-z])"
    rf"|\b({'|'.join(GERMAN.split())})e[nrsm]?(?![a-z])|({HAN})",
    re.ASCII,
)
_LONG_NAME = re.compile(
    r"(?:cervical|thora[ck]|dorsal|lumb|sa[ck]ral|hals|brust|lenden|kreuzbein)[a-zäöü]*|[颈頸胸腰骶荐薦]"
)
_SHORT_NAME = re.compile(r"([a-z]+)")
_LABELLED = re.compile(r"( ?[-/]? ?)([cls]|th?)?")


@lru_cache(maxsize=16384)
def label_parts(token: str) -> tuple[tuple[int, int, int, str], ...]:
    """Return (start, end, rank, joint) of each number of one label, offsets inside the label.

    Numbers after the first count only if they make sense: 4 and 7 lumbar do not; 5/1 is L5-S1.
    """
    name = _LONG_NAME.search(token) or _SHORT_NAME.match(token)
    is_short = name is not None and name.re is _SHORT_NAME
    if name is None or (is_short and name[1] not in _SHORT_NAMES):
        return ()
    letter = REGION_LETTER[name[1][0] if is_short else name[0][0]]
    parts: list[tuple[int, int, int, str]] = []
    last = 0
    for match in _NUMERAL.finditer(token, name.end() if is_short else 0):
        text = next(group for group in match.groups() if group)
        number = numerals().get(text, 0)
        start = match.start()
        gap = token[parts[-1][1] : start] if parts else ""
        labelled = _LABELLED.fullmatch(gap)
        if labelled and labelled[2]:  # a label with a letter of its own: L5S1, L5-S1
            letter, last, gap, start = labelled[2][0], 0, labelled[1], start - len(labelled[2])
        joint = joint_of(gap) if parts else APART
        rank = RANK.get(f"{letter}{number}")
        if joint == JOINED and number == 1 and (letter, last) in _LAST_OF_REGION:
            rank = RANK[_LAST_OF_REGION[letter, last]]
        if rank is None or (parts and not _goes_on(token, match.end(), joint, number - last)):
            break
        parts.append((start if parts else 0, match.end(), rank, joint))
        last = number
    if parts and name.end() > parts[-1][1]:  # the region stands last: fourth lumbar vertebra
        parts[-1] = (parts[-1][0], len(token), *parts[-1][2:])
    return tuple(parts)


def _goes_on(token: str, end: int, joint: str, step: int) -> bool:
    """Whether a further number continues a label: upwards in a list, or the same where a pair begins."""
    if joint == AND:
        return step > 0 or (step == 0 and token[end : end + 1] in ("", "/", "-"))
    return joint != APART and step != 0
