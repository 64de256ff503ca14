"""Which options a text words: levels by the level grammar, yes and no by the first word, else the longest.

Standard library and the level grammar only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from .answer_letters import Named
from .level_grammar import parse_levels

WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+|[%<>≤≥+]")
YES_NO = re.compile(r"yes|no|ja|nein|oui|non|sí|true|false|present|absent|[是否有无]")
CLAUSE_SIGN = re.compile(r"[.;\n(。；（，]|,(?=\s)")
CLAUSE_WORD = re.compile(
    r"\b(?=[a-z])(?:because|since|which|where|while|as|with|due|and not|not|but|rather than)\b", re.IGNORECASE
)
DENIED = re.compile(
    r"(?:\b(?:no|not|without|rather than|instead of|exclud\w+|rule[sd]? out|unlikely|absence of|negative for"
    r"|neither|nor|ohne|kein\w*|nicht)\b|n't\b|无|没有|不是|排除|未见)[^.;,\n。；，]{0,25}$",
    re.IGNORECASE,
)


DENIED_BEHIND = re.compile(
    r"\s{0,3}(?:is|are|was|were|can\s+be|could\s+be|seems?|appears?|looks?)(?:n't\b|\s+(?:\w+ly\s+)?"
    r"(?:not|unlikely|excluded|ruled\s+out|less\s+likely|wrong|incorrect|impossible|absent|eliminated)\b)"
    r"|\s{0,3}(?:可以)?(?:排除|不正确|错误|不对)",
    re.IGNORECASE,
)
SMALL = frozenset(
    ["and", "or", "with", "of", "the", "a", "an", "in", "at", "to", "und", "mit", "et", "和", "的"]
)
BETWEEN = r"(?:[\W_]{1,6}(?-i:an?|the)[\W_]{1,6}|[\W_]{0,6})"
SAYING = re.compile(r"\s*(?:i'd|i\s+would|i)\s+say\s*[:,]?\s+", re.IGNORECASE)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of `text`, case-folded and without punctuation; each Chinese character is a word.

    >>> words_of("Decompression and fusion.")
    ('decompression', 'and', 'fusion')
    """
    return tuple(WORDS.findall(text.casefold()))


class Wording(NamedTuple):
    """What one option says: its words, the levels it names, and whether it is a yes or a no."""

    words: tuple[str, ...]
    levels: frozenset[str]
    yes_no: bool


@dataclass(frozen=True, eq=False)
class Wordings:
    """The options of one item: wording, words and the levels each names, by letter."""

    texts: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]
    levels: Mapping[str, frozenset[str]]  # only options that name levels, and only if these tell them apart
    yes_no: bool

    @cached_property
    def letters_of(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """The letters of all options with the same words, by these words."""
        found: dict[tuple[str, ...], tuple[str, ...]] = {}
        for letter, words in self.words.items():
            if words:
                found[words] = (*found.get(words, ()), letter)
        return found

    @cached_property
    def ascii(self) -> bool:
        """Whether every wording is plain ASCII with a word in it."""
        return all(text.isascii() and self.words[letter] for letter, text in self.texts.items())

    def exact(self, text: str) -> str | None:
        """Return the letter of the one option whose words are exactly those of `text`, else None."""
        words = words_of(text)
        letters = self.letters_of.get(words, ())
        return letters[0] if len(letters) == 1 else None

    def matched(self, text: str) -> tuple[str, ...]:
        """Return the letters of all options that `text` words, shorter ones inside longer ones left out."""
        exact = self.exact(text)
        return (exact,) if exact is not None else self.matched_in(text)

    def matched_in(self, text: str) -> tuple[str, ...]:
        """Return the letters of all options that `text`, which is no option itself, words."""
        if self.yes_no:
            saying = SAYING.match(text)
            said = words_of(text[saying.end() if saying else 0 :])[:3]
            both = said[1:2] in (("and",), ("or",))
            return tuple(
                letter
                for letter, words in self.words.items()
                if words == said[:1] or (both and words == said[2:])
            )
        return tuple(sorted({*self.matched_levels(text), *self.matched_words(text)}))

    def matched_levels(self, text: str) -> tuple[str, ...]:
        """Return the options whose levels `text` states: exactly these, else the largest sets contained."""
        if not self.levels:
            return ()
        said = frozenset(parse_levels(text).levels)
        if not said:
            return ()
        same = tuple(letter for letter, levels in self.levels.items() if levels == said)
        if same:
            return same
        inside = {letter: levels for letter, levels in self.levels.items() if levels <= said}
        return tuple(
            letter
            for letter, levels in inside.items()
            if not any(levels < other for other in inside.values())
        )

    def matched_words(self, text: str) -> tuple[str, ...]:
        """Return the options without levels whose words `text` holds, denied ones left out."""
        if len(self.levels) == len(self.texts):
            return ()
        folded = text.casefold()
        spans = [
            (match.start(), match.end(), letter)
            for letter, wording in self.texts.items()
            if letter not in self.levels and may_hold(folded, self.words[letter])
            for match in pattern_of(wording).finditer(text)
        ]
        found = tuple(
            dict.fromkeys(
                letter
                for start, end, letter in spans
                if not DENIED.search(text[max(0, start - 50) : start])
                and not DENIED_BEHIND.match(text, end)
                and not any(
                    low <= start and end <= high and high - low > end - start for low, high, _ in spans
                )
            )
        )
        return found if len(found) != 1 or self.stands_out(found[0], words_of(text)) else ()

    def stands_out(self, letter: str, said: Sequence[str]) -> bool:
        """Tell whether an option is worded alone: not within another's words, nor in a walk through all."""
        words = {one: frozenset(words) - SMALL for one, words in self.words.items()}
        others = [words[one] for one in words if one != letter]
        for one, other in words.items():
            if words[letter] < other and other.issubset(said) and not set(self.words[one]).issubset(said):
                return False  # "decompression with fusion": perhaps "decompression and fusion"
        count = Counter(word for one in words.values() for word in one)
        own = [frozenset(word for word in one if count[word] == 1) for one in others]
        return len(own) < 2 or not all(one and one.issubset(said) for one in own)

    @cached_property
    def heads(self) -> tuple[tuple[str, str], ...]:
        """Each letter with the plain word that its option begins with, empty where it is not plain."""
        return tuple(
            (letter, words[0] if words and words[0].isascii() else "") for letter, words in self.words.items()
        )

    @cached_property
    def reach(self) -> int:
        """How many characters of a text hold an article and the first word of any option."""
        return 4 + max(len(head) for _, head in self.heads)

    def may_open(self, text: str, start: int) -> Iterable[str]:
        """Return the letters whose options the text at `start` can begin with: their first word is there."""
        opening = text[start : start + self.reach]
        if not opening.isascii():
            return self.texts
        opening = opening.lower()
        return [letter for letter, head in self.heads if head in opening]

    def opening(self, text: str, start: int) -> Named | None:
        """Return the option that the clause at `text[start:]` words first, with its place, if any."""
        opened = [
            (match.end(), letter)
            for letter in self.may_open(text, start)
            if (match := opener_of(self.texts[letter]).match(text, start))
        ]
        if opened and not (self.levels and len(opened) > 1):
            end, letter = max(opened)
            return Named((letter,), start, end)
        clause = first_clause(text[start : start + 300])
        letters = self.matched_levels(clause) if clause else ()
        return Named(letters, start, start + len(clause)) if letters else None


def first_clause(text: str) -> str:
    """Return `text` up to the sign or the word that ends its first clause.

    >>> first_clause("L4-L5 because it is dark"), first_clause("L4, left")
    ('L4-L5 ', 'L4')
    """
    if stop := CLAUSE_SIGN.search(text):
        text = text[: stop.start()]
    stop = CLAUSE_WORD.search(text)
    return text[: stop.start()] if stop else text


def read_wordings(options: Mapping[str, str]) -> Wordings:
    """Return the options of an item made ready for matching."""
    read = {letter: read_wording(wording) for letter, wording in options.items()}
    named = {letter: wording.levels for letter, wording in read.items() if wording.levels}
    telling = len(named) >= 2 and len(set(named.values())) == len(named)
    return Wordings(
        texts=dict(options),
        words={letter: wording.words for letter, wording in read.items()},
        levels=named if telling else {},
        yes_no=all(wording.yes_no for wording in read.values()),
    )


@lru_cache(maxsize=16_384)
def read_wording(wording: str) -> Wording:
    """Return one option made ready for matching; most items share theirs with others."""
    words = words_of(wording)
    yes_no = YES_NO.fullmatch(" ".join(words)) is not None
    return Wording(words, frozenset(parse_levels(wording).levels), yes_no)


def may_hold(folded: str, words: Sequence[str]) -> bool:
    """Tell whether case-folded text can word an option at all: it has its plain words."""
    return all(word in folded for word in words if word.isascii())


@lru_cache(maxsize=4096)
def pattern_of(wording: str) -> re.Pattern[str]:
    """Return the pattern that finds an option's words with any signs or an article between them."""
    words = [re.escape(word) for word in words_of(wording)] or [re.escape(wording)]
    return re.compile(r"(?<![0-9A-Za-zÀ-ɏ])" + BETWEEN.join(words) + r"(?![0-9A-Za-zÀ-ɏ])", re.IGNORECASE)


@lru_cache(maxsize=4096)
def opener_of(wording: str) -> re.Pattern[str]:
    """Return the pattern that finds an option's words after an article."""
    return re.compile(r"(?:the\s|an?\s)?" + pattern_of(wording).pattern, re.IGNORECASE)
