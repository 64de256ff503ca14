"""Which options a text words: levels by the level grammar, yes and no by the first word, else the longest.

Standard library and the level grammar only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

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
    patterns: Mapping[str, re.Pattern[str]]
    levels: Mapping[str, frozenset[str]]  # only options that name levels, and only if these tell them apart
    yes_no: bool

    def exact(self, text: str) -> str | None:
        """Return the letter of the one option whose words are exactly those of `text`, else None."""
        words = words_of(text)
        letters = [letter for letter, wording in self.texts.items() if words and words_of(wording) == words]
        return letters[0] if len(letters) == 1 else None

    def matched(self, text: str) -> tuple[str, ...]:
        """Return the letters of all options that `text` words, shorter ones inside longer ones left out."""
        exact = self.exact(text)
        if exact is not None:
            return (exact,)
        if self.yes_no:
            first = words_of(text)[:1]
            return tuple(
                letter for letter, wording in self.texts.items() if first and words_of(wording) == first
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
        spans = [
            (match.start(), match.end(), letter)
            for letter, pattern in self.patterns.items()
            if letter not in self.levels
            for match in pattern.finditer(text)
        ]
        return tuple(
            dict.fromkeys(
                letter
                for start, end, letter in spans
                if not DENIED.search(text[max(0, start - 50) : start])
                and not any(
                    low <= start and end <= high and high - low > end - start for low, high, _ in spans
                )
            )
        )

    def opening(self, text: str, start: int) -> Named | None:
        """Return the option that the clause at `text[start:]` words first, with its place, if any."""
        opened = [
            (match.end(), letter)
            for letter, pattern in self.patterns.items()
            if (match := re.compile(r"(?:the\s|an?\s)?" + pattern.pattern, re.IGNORECASE).match(text, start))
        ]
        if opened and not (self.levels and len(opened) > 1):
            end, letter = max(opened)
            return Named((letter,), start, end)
        clause = text[start : start + 300]
        stop = CLAUSE_END.search(clause)
        clause = clause[: stop.start()] if stop else clause
        letters = self.matched_levels(clause)
        return Named(letters, start, start + len(clause)) if letters else None


def read_wordings(options: Mapping[str, str]) -> Wordings:
    """Return the options of an item made ready for matching."""
    levels = {letter: frozenset(parse_levels(wording).levels) for letter, wording in options.items()}
    named = {letter: sites for letter, sites in levels.items() if sites}
    telling = len(named) >= 2 and len(set(named.values())) == len(named)
    return Wordings(
        texts=dict(options),
        patterns={letter: pattern_of(wording) for letter, wording in options.items()},
        levels=named if telling else {},
        yes_no=all(YES_NO.fullmatch(" ".join(words_of(text))) for text in options.values()),
    )


def pattern_of(wording: str) -> re.Pattern[str]:
    """Return the pattern that finds an option's words with any spacing and punctuation between them."""
    words = [re.escape(word) for word in words_of(wording)] or [re.escape(wording)]
    return re.compile(
        r"(?<![0-9A-Za-zÀ-ɏ])" + r"[\W_]{0,6}".join(words) + r"(?![0-9A-Za-zÀ-ɏ])", re.IGNORECASE
    )
