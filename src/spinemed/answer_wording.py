"""Which options a text words: levels by the level grammar, yes and no by the first word, else the longest.

Standard library and the level grammar only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .answer_letters import Named
from .level_grammar import parse_levels

WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+|[%<>≤≥+]")
YES_NO = re.compile(r"yes|no|ja|nein|oui|non|sí|true|false|present|absent|[是否有无]")
CLAUSE_END = re.compile(
    r"[.;\n(。；（]|,\s|，|\b(?:because|since|which|where|while|as|with|due|and not|not|but|rather than)\b",
    re.IGNORECASE,
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
SAYING = re.compile(r"\s*(?:i'd|i\s+would|i)\s+say\s*[:,]?\s+", re.IGNORECASE)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of `text`, case-folded and without punctuation; each Chinese character is a word.

    >>> words_of("Decompression and fusion.")
    ('decompression', 'and', 'fusion')
    """
    return tuple(WORDS.findall(text.casefold()))


@dataclass(frozen=True)
class Wordings:
    """The options of one item: wording, search pattern and the levels each names, by letter."""

    texts: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]
    patterns: Mapping[str, re.Pattern[str]]
    openers: Mapping[str, re.Pattern[str]]  # the same after an article
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
        folded = text.casefold()
        spans = [
            (match.start(), match.end(), letter)
            for letter, pattern in self.patterns.items()
            if letter not in self.levels and self.may_hold(folded, letter)
            for match in pattern.finditer(text)
        ]
        return tuple(
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

    def may_hold(self, folded: str, letter: str) -> bool:
        """Tell whether case-folded text can word an option at all: it has its first word."""
        words = self.words[letter]
        return not words or not words[0].isascii() or words[0] in folded

    def opening(self, text: str, start: int) -> Named | None:
        """Return the option that the clause at `text[start:]` words first, with its place, if any."""
        opened = [
            (match.end(), letter)
            for letter, opener in self.openers.items()
            if (match := opener.match(text, start))
        ]
        if opened and not (self.levels and len(opened) > 1):
            end, letter = max(opened)
            return Named((letter,), start, end)
        clause = text[start : start + 300]
        if not clause.strip(" .)\n"):
            return None
        stop = CLAUSE_END.search(clause)
        clause = clause[: stop.start()] if stop else clause
        letters = self.matched_levels(clause)
        return Named(letters, start, start + len(clause)) if letters else None


def read_wordings(options: Mapping[str, str]) -> Wordings:
    """Return the options of an item made ready for matching."""
    levels = {letter: frozenset(parse_levels(wording).levels) for letter, wording in options.items()}
    named = {letter: sites for letter, sites in levels.items() if sites}
    telling = len(named) >= 2 and len(set(named.values())) == len(named)
    patterns = {letter: pattern_of(wording) for letter, wording in options.items()}
    return Wordings(
        texts=dict(options),
        words={letter: words_of(wording) for letter, wording in options.items()},
        patterns=patterns,
        openers={
            letter: re.compile(r"(?:the\s|an?\s)?" + pattern.pattern, re.IGNORECASE)
            for letter, pattern in patterns.items()
        },
        levels=named if telling else {},
        yes_no=all(YES_NO.fullmatch(" ".join(words_of(text))) for text in options.values()),
    )


def pattern_of(wording: str) -> re.Pattern[str]:
    """Return the pattern that finds an option's words with any spacing and punctuation between them."""
    words = [re.escape(word) for word in words_of(wording)] or [re.escape(wording)]
    return re.compile(
        r"(?<![0-9A-Za-zÀ-ɏ])" + r"[\W_]{0,6}".join(words) + r"(?![0-9A-Za-zÀ-ɏ])", re.IGNORECASE
    )
