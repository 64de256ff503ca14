"""The scanner of the level grammar: from folded text to atoms (one numbered level each) and cue words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Final

from .level_ranges import AND, APART, BLANK, JOINED, ON, RANK, S1, TO
from .level_words import BETWEEN, DISC, LOOKALIKE, REGION, SITE, VERTEBRA, Word, words

# An atom: start, end, rank (or region letters), joint to the atom before, form.
Atom = tuple[int, int, int, str, str]
# A cue: start, end, kind, value.
Cue = tuple[int, int, str, str]

OPENER: Final = "opener"
_GERMAN_ENDS = ("", "s", "n", "körper", "körpers", "körpern")

LABEL: Final = ""
SACRUM: Final = "sacrum"  # a word that ends a range at S1 and is a region where it stands alone
PELVIS: Final = "pelvis"  # the same, and nothing where it stands alone
WHOLE: Final = "region"  # the rank is an index into REGION_VALUES
FORCED_ROOT: Final = "root"
REGION_VALUES: tuple[str, ...] = ("c", "t", "l", "s", "o", "l s", "t l", "c t")

_FOLD = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, "_~‐‑‒–—―−﹣－～∼〜"), "-"),
    **dict.fromkeys(map(ord, "\u3000\u00a0\u202f\u2009\u2002\u2003\t"), " "),
    **{ord("\\"): "/", ord("’"): "'", ord("İ"): "i", ord("⁄"): "/", ord("∕"): "/"},
}

_ROMAN = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii"]
_SPELLED = "one two three four five six seven eight nine ten eleven twelve thirteen".split()  # noqa: SIM905
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
_LATIN = "prima secunda tertia quarta quinta sexta septima octava nona decima undecima duodecima"
_GERMAN = "erst zweit dritt viert fünft sechst siebt acht neunt zehnt elft zwölft"
_CHINESE = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三"]


@cache
def numerals() -> dict[str, int]:
    """Return the value of every numeral word, folded: digits, Roman, spelled out, ordinals, Chinese."""
    lists = [_ROMAN, _SPELLED, _ORDINALS.split(), _LATIN.split(), _GERMAN.split(), _CHINESE]
    lists += [[chr(0x2170 + i) for i in range(12)], [str(i) for i in range(1, 14)]]
    return {word: number for names in lists for number, word in enumerate(names, start=1)}


_SHORT_NAMES = frozenset(
    ["c", "t", "th", "d", "l", "s", "cv", "tv", "lv", "sv"]
    + [first + ending for first in "hbls" for ending in ("w", "wk", "ws")]
)
_REGION_LETTER = {**dict(zip("cthbdlsk颈頸胸腰骶荐薦", "ctcttlsscctlsss", strict=True))}
_LAST_OF_REGION = {("c", 7): "t1", ("t", 12): "l1", ("l", 5): "s1"}

# A number that a measure follows is no level: "L 4 mm", "L4, 5 mm retrolisthesis".
_MEASURE = (
    r"(?! ?-?(?:(?:mm|cm|ml|mg|kg|deg|degrees?|years?|yrs?|months?|weeks?|days?|hours?|hrs?|min|jahre?|monate?"
    r"|wochen?|tage?|fold)(?![a-z])|[%°º]|毫米|厘米|[个個层例年月天周岁度级期型枚次]))"
)
_COUNT = (
    _MEASURE + r"(?! ?-?(?:patients?|cases?|screws?|points?|of|others?|more|additional|consecutive|views?|levels?"
    r"|segments?|times|other)(?![a-z]))"
)
_DIGITS = r"\d{1,2}(?![\d]|\.\d|/\d{1,2}/(?:\d{4}|[2-9]\d))(?:(?![a-z])|(?=(?:[cls]|th?)\d))"
_ROMANS = r"(?:xi{0,3}|ix|iv|vi{0,3}|i{1,3}|v)(?![a-z]|-ray| ray)|[ⅰ-ⅻ]"
_SPELLED_OUT = f"(?:{'|'.join([*_SPELLED[::-1], *_LATIN.split()])})(?![a-z])"
_HAN = r"十[一二三]?|[一二三四五六七八九]"
_ADDS = r"(?: ?[,&+、] ?(?:and |or |& ?|und )?| (?:and|or|und|oder|et|sowie) |[和及与與或])"
_JOINS = r"(?: ?[-/] ?| (?:to|through|thru|bis) |[至到])"


def _more(number: str) -> str:
    """Return a pattern for further numbers without their region: "/5", ", 4 and 5"."""
    return rf"(?:(?:{_JOINS}(?:{number}){_MEASURE}|{_ADDS}(?:{number}){_COUNT})){{0,12}}"


# L4, Th12, LWK 4, LV4, L 4, L-4, L. 4, L IV, S2AI, each with what follows: L4/5, L3, 4 and 5.
_SHORT = (
    r"[cdtlshb](?:h|v(?=\d)|wk?|ws)?(?:"
    rf"[.]? ?-?(?:{_DIGITS}|\d(?=ais?(?![a-z]))|[ⅰ-ⅻ])|[. -] ?(?:{_ROMANS}))" + _MEASURE + _more(f"{_DIGITS}|{_ROMANS}")
)
# A region's name and numbers: "lumbar [vertebra] 4", "lumbar vertebrae IV and V", "Lendenwirbel 4".
_NUMBERED = (
    r"(?:cervical|thoracic|dorsal|lumbar|sacral|thoracal|(?:hals|brust|lenden|kreuzbein|sakral)wirbel(?:körper)?[sn]?"
    r"|vertebrae? (?:(?:cervical|lumbal|sacral|dorsal|thoracal)(?:is|es)|thoracicae?))"
    r"(?: (?:vertebrae?|vertebral (?:body|bodies|levels?)|levels?|segments?|bod(?:y|ies)|dis[ck]s?|nerve root))?"
    rf"(?: no\.?| nr\.?| number)?[ -]?(?:{_DIGITS}|{_ROMANS}|{_SPELLED_OUT})"
    + _COUNT
    + _more(f"{_DIGITS}|{_ROMANS}|{_SPELLED_OUT}")
)
_ORDINAL = rf"(?:(?:{'|'.join([*_ORDINALS.split(), *_LATIN.split()])}|\d{{1,2}}(?:st|nd|rd|th))(?![a-z]))"
# Ordinals and a region's name: "fourth [and fifth] lumbar [vertebra]".
_ORDERED = (
    rf"{_ORDINAL}(?:(?: ?[,/&-] ?| and | or | to | through |, and )(?:the )?{_ORDINAL}){{0,6}}"
    r" (?:cervical|thoracic|dorsal|lumbar|sacral|vertebra (?:cervicalis|thoracica|lumbalis|sacralis))(?![a-z])"
    r"(?! (?:puncture|surgery|fusion|operation|injection|procedure|mri|ct|scan|epidural|decompression|spine|x))"
    r"(?: vertebrae?(?![a-z])| vertebral (?:body|bodies))?"
)
_GERMAN_ORDINAL = rf"(?:\d{{1,2}}\.|(?:{'|'.join(_GERMAN.split())})e[nrsm]?)"
_GERMAN_ORDERED = (
    rf"{_GERMAN_ORDINAL}(?: ?(?:und|bis|[/-]|,) ?{_GERMAN_ORDINAL}){{0,6}} ?"
    r"(?:hals|brust|lenden|kreuzbein|sakral)wirbel(?:körper)?[sn]?(?![a-zäöü])"
)
_HAN_REGION = "[颈頸胸腰骶荐薦]"
_HAN_LABEL = (
    rf"{_HAN_REGION}(?:椎(?:体|體|骨)?)? ?第?(?:{_DIGITS}|{_HAN})" + _MEASURE + _more(f"{_DIGITS}|{_HAN}")
)
_HAN_ORDERED = (
    rf"第 ?(?:\d{{1,2}}|{_HAN})(?:[、,和及与至到/-]第?(?:\d{{1,2}}|{_HAN})){{0,6}} ?"
    rf"[节節個个块]?{_HAN_REGION}椎(?:体|體|骨)?"
)
_COCCYX = r"co(?:[1-4](?![\da-z])|(?=$|[,;)\]]))"
_SIDE_LETTER = r"[lr](?=[)>< ,;=/]|$)"


@cache
def _openers() -> dict[str, Word]:
    """Return the words that may begin a numbered level, beside those of the vocabulary."""
    regions = "cervical thoracic dorsal lumbar sacral thoracal".split()  # noqa: SIM905
    german = [f"{g}wirbel{e}" for g in ("hals", "brust", "lenden", "kreuzbein", "sakral") for e in _GERMAN_ENDS]
    latin = [f"{r}{e}" for r in ("cervical", "lumbal", "sacral", "dorsal", "thoracal") for e in ("is", "es")]
    latin = [f"vertebra{e} {word}" for e in ("", "e") for word in [*latin, "thoracica", "thoracicae"]]
    ordinals = [*_ORDINALS.split(), *_LATIN.split()]
    german_ordinals = [f"{stem}e{ending}" for stem in _GERMAN.split() for ending in ("", "n", "r", "s", "m")]
    return dict.fromkeys([*regions, *german, *latin, *ordinals, *german_ordinals], (OPENER, ""))


def _trie(names: Iterable[str], end: str) -> str:
    """Return a pattern that matches the longest name at a place, branching on one character at a time."""
    heads: dict[str, list[str]] = {}
    for name in names:
        heads.setdefault(name[:1], []).append(name[1:])
    branches = [re.escape(head) + _trie(rests, end) for head, rests in sorted(heads.items()) if head]
    branches += [end] if "" in heads else []
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


@cache
def _vocabulary() -> dict[str, Word]:
    return {**_openers(), **words()}


@cache
def _scanner(is_ascii: bool) -> re.Pattern[str]:
    """Return the one pattern that finds labels and words; without its Chinese part for ASCII text."""
    names = [word for word in _vocabulary() if word.isascii() or not is_ascii]
    latin = _trie([word for word in names if word[0].isascii()], "(?![a-z])")
    ordinal = r"\d{1,2}(?:st|nd|rd|th|\.)(?= ?[a-z,/&-])"
    pattern = rf"\b(?:{_SHORT}|root:{_SHORT}|{ordinal}|{latin.removeprefix('(?:').removesuffix(')')}|{_COCCYX}|{_SIDE_LETTER})"
    if not is_ascii:
        pattern += f"|{_HAN_LABEL}|{_HAN_ORDERED}|{_trie([w for w in names if not w[0].isascii()], '')}"
    return re.compile(pattern, re.ASCII)


def fold(text: str) -> str:
    """Return the text in the form that the scanner reads, one character for one character.

    >>> fold("Ｌ４～L5_S1")
    'l4-l5-s1'
    """
    return text.translate(_FOLD).lower()


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
            r"[)\]\"'*]*" + _GAP_NOUN + r"\s*(?:,?\s*(?:and/or|and also|and|or|und|oder|et|sowie|as well as|plus|nor|noch"
            r"|以及|、)|[,&+和及与與或])\s*(?:(?:the|of|at|from|in|also|left|right|bilateral|&|第)\s?)*[(\[\"'*]*"
        ),
    ),
    (
        TO,
        re.compile(
            _GAP_NOUN + r" ?(?:,? ?(?:down |up |all the way )?(?:to|through|thru|until|bis(?: zu[mr]?)?|->|→)|[至到])"
            r"(?: and including| the| level of| disc)* ?第?"
        ),
    ),
    (
        ON,
        re.compile(
            r"(?: vertebra| vertebral body| body|椎体)? ?(?:(?:slips?|slipped|slipping|subluxed|subluxation|is|has"
            r"|anterolisthesis|displaced|moves?|moved|anteriorly|posteriorly|forwards?|backwards?|translated) ){0,4}"
            r"(?:on|over|upon|onto|relative to|with respect to|in relation to|auf|über|gegen|gegenüber) (?:the )?"
            r"|(?:椎体)?(?:相对于?|对|较)"
        ),
    ),
]


@lru_cache(maxsize=4096)
def joint_of(gap: str) -> str:
    """Return how the text between two numbers joins them, APART where it does not.

    >>> joint_of("/"), joint_of(", and "), joint_of(" through "), joint_of(" slips over "), joint_of(" shows ")
    ('-', 'and', 'to', 'on', '')
    """
    if not gap:
        return JOINED
    return next((joint for joint, pattern in _GAPS if pattern.fullmatch(gap)), APART)


# One numeral with what belongs to it, and the region's name, both inside one label.
_NUMERAL = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th|\.)?|\b({'|'.join(sorted(_ROMAN, key=len, reverse=True))})(?![a-z])|([ⅰ-ⅻ])"
    rf"|\b({'|'.join([*_SPELLED[::-1], *_ORDINALS.split()[::-1], *_LATIN.split()])})(?![a-z])"
    rf"|\b({'|'.join(_GERMAN.split())})e[nrsm]?(?![a-z])|({_HAN})",
    re.ASCII,
)
_REGION_NAME = re.compile(
    r"(?:cervical|thora[ck]|dorsal|lumb|sa[ck]ral|hals|brust|lenden|kreuzbein)[a-zäöü]*|[颈頸胸腰骶荐薦]|^(?:root:)?([a-z]+)"
)


@lru_cache(maxsize=16384)
def _label(token: str) -> tuple[tuple[int, int, int, str], ...]:
    """Return (start, end, rank, joint) of each number of one label, offsets inside the label.

    Numbers after the first count only if they make sense: 4 and 7 lumbar do not; 5/1 is L5-S1.
    """
    name = _REGION_NAME.search(token)
    if name is None or (name[1] and name[1] not in _SHORT_NAMES):
        return ()
    letter = _REGION_LETTER[name[1][0] if name[1] else name[0][0]]
    parts: list[tuple[int, int, int, str]] = []
    last = 0
    for match in _NUMERAL.finditer(token, name.end() if name[1] else 0):
        text = next(group for group in match.groups() if group)
        number = numerals().get(text, 0)
        joint = joint_of(token[parts[-1][1] : match.start()]) if parts else APART
        rank = RANK.get(f"{letter}{number}")
        if joint == JOINED and number == 1 and (letter, last) in _LAST_OF_REGION:
            rank = RANK[_LAST_OF_REGION[letter, last]]
        if rank is None or (parts and (joint == APART or number == last or (joint == AND and number < last))):
            break
        parts.append((match.start() if parts else 0, match.end(), rank, joint))
        last = number
    if parts and name.end() > parts[-1][1]:  # the region stands last: fourth lumbar vertebra
        parts[-1] = (parts[-1][0], len(token), *parts[-1][2:])
    return tuple(parts)


_OPENED = re.compile(f"{_NUMBERED}|{_ORDERED}|{_GERMAN_ORDERED}", re.ASCII)
_ADJECTIVES = "cervical|thoracic|dorsal|lumbar|sacral"
_REGION_LIST = re.compile(
    rf"({_ADJECTIVES})(?:(?:, ?(?:and )?| and | or |/|-)({_ADJECTIVES}))?(?:(?:, ?(?:and )?| and | or |/|-)({_ADJECTIVES}))? "
    r"(?:spines?|spinal|vertebra|segments?|regions?|discs?|column)(?![a-z])"
)
_SACRA = frozenset(["sacrum", "os sacrum", "sakrum", "kreuzbein", "骶骨", "骶椎", "sacral bone"])
_PELVES = frozenset(["pelvis", "ilium"])


class Scan:
    """What one pass over a text has found so far: atoms (numbered levels, regions) and cues, in order."""

    __slots__ = ("atoms", "between_end", "cues", "low", "raw")

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.low = fold(raw)
        self.atoms: list[Atom] = []
        self.cues: list[Cue] = []
        self.between_end = -100

    def run(self) -> None:
        """Fill `atoms` and `cues` from the text."""
        low, vocabulary = self.low, _vocabulary()
        free_from = 0
        for match in _scanner(low.isascii()).finditer(low):
            start, end = match.span()
            if start < free_from:
                continue
            token = match.group()
            word = vocabulary.get(token)
            if word is None:
                free_from = self._label_or_letter(start, end, token)
            elif word[0] is REGION or word[0] is OPENER:
                free_from = self._region_or_opener(start, end, token, word)
            elif word[0] is SITE:
                self._named_site(start, end, token, word[1])
            else:
                if word[0] is BETWEEN:
                    self._between(end, word[1])
                self.cues.append((start, end, *word))

    def _between(self, end: int, value: str) -> None:
        if not value:
            self.between_end = end
        elif self.atoms and self.atoms[-1][3] is AND:  # L4 and L5 之间
            self.atoms[-1] = (*self.atoms[-1][:3], JOINED, BETWEEN)

    def _joint(self, start: int) -> str:
        if not self.atoms or self.atoms[-1][4] is WHOLE:
            return APART
        before = self.atoms[-1][1]
        return joint_of(self.low[before:start]) if start - before <= 40 else APART

    def _add(self, start: int, end: int, rank: int, joint: str, form: str) -> None:
        if joint == AND and len(self.atoms) > 0 and self.atoms[-1][4] is not WHOLE and self.between_end > 0:
            first = self.atoms[-1]
            gap = self.low[self.between_end : first[0]]
            if 0 <= first[0] - self.between_end <= 32 and not {".", ";", ","} & set(gap):
                joint, form, self.between_end = JOINED, form or BETWEEN, -100
        self.atoms.append((start, end, rank, joint, form))

    def _label_or_letter(self, start: int, end: int, token: str) -> int:
        if token in ("l", "r"):
            self._side_letter(start, end)
        elif token[0].isdigit():
            return self._opened(start)
        elif token.startswith("co"):
            if self.raw[start] == "C":
                self._add(start, end, RANK["co"], self._joint(start), LABEL)
        elif self._is_label(start, end, token):
            self._add_label(start, token)
        return end

    def _add_label(self, start: int, token: str) -> None:
        form = FORCED_ROOT if token.startswith("root:") else LABEL
        joint = self._joint(start)
        for first, last, rank, inner in _label(token):
            self._add(start + first, start + last, rank, inner or joint, form)
            joint = APART

    def _is_label(self, start: int, end: int, token: str) -> bool:
        """Whether the case of the letters and what stands before agree with a level."""
        raw, first = self.raw, token[0]
        spaced = len(token) > 2 and token[1] in " ."
        if first == "d" and token[1] not in "oa" and raw[start] != "D":
            return False
        if spaced and not raw[start].isupper():
            return False
        if token[-1] in "ivx" and first.isascii() and not self._is_roman(start, end, token):
            return False
        if start >= 2 and raw[start - 2].isdigit() and (spaced or raw[start - 1] == "-"):
            return bool(self.atoms) and self.atoms[-1][1] == start - 1
        return True

    def _is_roman(self, start: int, end: int, token: str) -> bool:
        if not self.raw[end - 1].isupper() or token.startswith(("cervical", "thor", "dors", "lumb", "sacr")):
            return not token[0].isascii() or len(token.split()[0]) > 2
        lone = token[-2] not in "ivx"
        return not lone or not self.low[end : end + 2].strip()[:1].isalpha() or self.low[end : end + 1] != " "

    def _side_letter(self, start: int, end: int) -> None:
        before = self.raw[max(0, start - 2) : start]
        is_amount = before[-1:] == " " and before[:1].isdigit()  # 5 L of fluid, but L4-5 L
        if is_amount and not (self.atoms and self.atoms[-1][1] == start - 1):
            return
        if self.raw[start].isupper() and self.raw[end : end + 4].lower() not in ("/min", "/o"):
            self.cues.append((start, end, "side", "left" if self.low[start] == "l" else "right"))

    def _opened(self, start: int) -> int:
        match = _OPENED.match(self.low, start)
        if match is None:
            return start
        self._add_label(start, match.group())
        return match.end()

    def _region_or_opener(self, start: int, end: int, token: str, word: Word) -> int:
        opened = self._opened(start)
        if opened > start:
            return opened
        if word[0] is REGION:
            self._add_region(start, end, token, word[1])
            return end
        listed = _REGION_LIST.match(self.low, start)
        if listed is None:
            return end
        for adjective in filter(None, listed.groups()):
            self._add_region(start, listed.end(), "", _REGION_LETTER[adjective[0]])
        return listed.end()

    def _add_region(self, start: int, end: int, token: str, value: str) -> None:
        if token in _SACRA or token in _PELVES:
            self._add(start, end, S1, self._joint(start), SACRUM if token in _SACRA else PELVIS)
            return
        self.atoms.append((start, end, REGION_VALUES.index(value), APART, WHOLE))
        noun = token.rpartition(" ")[2]
        if noun.startswith(("vertebra", "disc", "disk", "intervertebral")):
            self.cues.append((start, end, VERTEBRA if noun.startswith("vertebra") else DISC, WHOLE))

    def _named_site(self, start: int, end: int, token: str, value: str) -> None:
        if not is_name_of_level(self.low, start, end, token):
            return
        joint = self._joint(start)
        for name in value.split():
            self._add(start, end, RANK[name], joint, LABEL)
            joint = JOINED


_AXIS_AFTER = re.compile(
    r" ?(?:\(?c2|vertebra|bod(?:y|ies)|fracture|ring|pedicle|lamina|dens|pars|spondylol|arch|facet|$|[,.;)]? ?$)"
)
_AXIS_BEFORE = re.compile(
    r"(?:atlas (?:and|or|on|over|to) (?:the )?|atlas[/-]|(?:body|dens|arch|pedicle|fracture|pars|lamina|process"
    r"|odontoid|spondylolisthesis|ring) of (?:the )?|dens |c1[ /-]|^the |^)$"
)
_ATLAS_AFTER = re.compile(r" ?(?:of |based|guided|-based|-guided|registration|segmentation|label)")
_ATLAS_BEFORE = re.compile(
    r"(?:brain|an|probabilistic|digital|imaging|x-ray|anatomical|template|population|surgical|multi|gene|cancer"
    r"|radiograph|spinal cord|white matter|pam50|genome)[ -]$"
)


def is_name_of_level(low: str, start: int, end: int, token: str) -> bool:
    """Return whether "axis" and "atlas" are the vertebrae here, not a line or a book; True for other names.

    >>> is_name_of_level("long axis view", 5, 9, "axis"), is_name_of_level("dens of the axis", 12, 16, "axis")
    (False, True)
    """
    before, after = low[max(0, start - 32) : start], low[end : end + 24]
    if token == "axis":
        return bool(_AXIS_BEFORE.search(before)) or bool(before.strip() == "" and _AXIS_AFTER.match(after))
    if token == "atlas":
        return not _ATLAS_AFTER.match(after) and not _ATLAS_BEFORE.search(before)
    return True
