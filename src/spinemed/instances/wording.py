"""Items put into words and read back: questions, levels and answers in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from string import Formatter
from typing import Final

from spinemed.instances.landmarks import LANDMARKS
from spinemed.instances.templates import (
    Language,
    Phrases,
    Template,
    Words,
    numbering_phrases,
    template_of,
)
from spinemed.instances.wordings import draw
from spinemed.level_grammar import ParsedLevels, parse_levels
from spinemed.levels import render
from spinemed.records import Kind

SITE_STYLES: Final[dict[Language, tuple[str, ...]]] = {
    "en": ("canonical", "elided_slash"),
    "zh": ("canonical", "elided_slash", "elided_chinese"),
}
"""How levels are written; one style an item, so that options look alike."""
_CHINESE: Final = "elided_chinese"
_REGIONS: Final = {"C": "颈", "T": "胸", "L": "腰", "S": "骶"}

_SIDES: Final[dict[Language, dict[str, str]]] = {
    "en": {"left": "{site}, left side", "right": "{site}, right side"},
    "zh": {"left": "{site}左侧", "right": "{site}右侧"},
}
_RANGES: Final[dict[Language, str]] = {"en": "{first} to {last}", "zh": "{first}至{last}"}


@lru_cache(maxsize=8192)
def _read(text: str) -> ParsedLevels:
    return parse_levels(text)


@lru_cache(maxsize=4096)
def _written(site: str, style: str) -> str:
    return render(site, style)


def style_of(template: Template, language: Language, key: str) -> str:
    """Return the style of level names that `key` draws: none in Chinese where wordings write C2 as such."""
    styles = SITE_STYLES[language]
    if template.kind in LANDMARKS:
        styles = tuple(style for style in styles if style != _CHINESE)
    return styles[draw(f"{key}:style", len(styles))]


def question_text(template: Template, language: Language, fields: Mapping[str, str], key: str) -> str:
    """Return the question in the wording that `key` draws.

    `fields` gives each declared field: a site, a number, a key of its words, or for a numbering the anchor
    (`sacrum`, `C2`, or `reference L2`). KeyError for a missing field.
    """
    sentence = template.sentences(language)[wording_drawn(template, language, key) - 1]
    texts = {name: _field_text(template, language, name, fields[name], key) for name in template.fields}
    return _tidy(sentence.format(**texts), language)


def wording_drawn(template: Template, language: Language, key: str) -> int:
    """Return the number of the wording that `key` draws, from 1 on.

    >>> 1 <= wording_drawn(template_of("marked_level"), "en", "any") <= 5
    True
    """
    return draw(f"{key}:question", len(template.sentences(language))) + 1


def question_texts(
    template: Template, language: Language, sentence: str, fields: Mapping[str, str]
) -> Iterator[str]:
    """Yield one wording with these fields in every style of level names and every numbering phrase."""
    for style in SITE_STYLES[language]:
        texts: list[dict[str, str]] = [{}]
        for name, kind in template.fields.items():
            if kind == "numbering":
                said = list(_numbering_texts(fields[name], language, style))
            elif kind == "site":
                said = [_written(fields[name], style)]
            else:
                said = [_field_text(template, language, name, fields[name], "")]
            texts = [{**one, name: text} for one in texts for text in said]
        yield from (_tidy(sentence.format(**one), language) for one in texts)


def _numbering_texts(value: str, language: Language, style: str) -> Iterator[str]:
    anchor, _, reference = value.partition(" ")
    for phrase in numbering_phrases()[anchor].of(language):
        yield phrase.format(
            reference=_written(reference or anchor, style) if reference or anchor == "C2" else ""
        )


def _field_text(template: Template, language: Language, name: str, value: str, key: str) -> str:
    kind = template.fields[name]
    if isinstance(kind, Words):
        return kind.of(language)[value]
    if kind == "site":
        return _written(value, style_of(template, language, key))
    if kind == "numbering":
        texts = list(_numbering_texts(value, language, style_of(template, language, key)))
        return texts[draw(f"{key}:numbering", len(texts))]
    return value


def _tidy(text: str, language: Language) -> str:
    """Return the text with a capital first letter in English."""
    return text[0].upper() + text[1:] if language == "en" else text


def answer_text(template: Template, language: Language, key: str, style: str = "canonical") -> str:
    """Return the text of an answer; levels are written in `style`.

    >>> answer_text(template_of("marked_level"), "zh", "L4", "elided_chinese")
    '腰4'
    >>> answer_text(template_of("implant_levels"), "en", "L3:L5")
    'L3 to L5'
    """
    answers = template.answers
    words = answers.words(language)
    if key in words:
        return words[key]
    if answers.form == "words":
        raise KeyError(f"{template.kind} has no answer {key!r}; it has {', '.join(words)}")
    return answers.pattern.of(language).format(answer=_plain_answer(template, language, key, style))


def _plain_answer(template: Template, language: Language, key: str, style: str) -> str:
    form = template.answers.form
    if form == "range":
        first, last = (_written(site, style) for site in key.split(":"))
        return _RANGES[language].format(first=first, last=last)
    if form == "site_side":
        site, side = key.split(" ")
        return _SIDES[language][side].format(site=_written(site, style))
    if form == "root":
        return f"{_REGIONS[key[0]]}{key[1:]}" if style == _CHINESE else key
    return _written(key, style) if form == "site" else key


def answer_key(template: Template, language: Language, text: str) -> str:
    """Return the key that an answer's text means, read without knowing how it was made; "" for none.

    >>> answer_key(template_of("implant_levels"), "zh", "腰3至腰5")
    'L3:L5'
    """
    for key, words in template.answers.words(language).items():
        if text == words:
            return key
    form = template.answers.form
    if form == "number":
        numbers = re.findall(r"\d+", text)
        return numbers[0] if len(numbers) == 1 else ""
    parsed = _read(text)
    if form == "root":
        return parsed.levels[0].removeprefix("root:") if len(parsed.levels) == 1 else ""
    levels = [level for level in parsed.levels if ":" not in level]
    if form == "range":
        return f"{levels[0]}:{levels[-1]}" if levels else ""
    if len(levels) != 1:
        return ""
    return f"{levels[0]} {parsed.side}" if form == "site_side" else levels[0]


def fields_read(kind: Kind, language: Language, question: str) -> dict[str, str]:
    """Return the fields that a question's text states, by its template; empty where no wording fits.

    >>> question = "Grade after Meyerding a forward slip by 30% of the depth of the vertebra below."
    >>> fields_read("meyerding_rule", "en", question)
    {'percent': '30'}
    """
    return dict(_fields_kept(kind, language, question))


@lru_cache(maxsize=512)
def _fields_kept(kind: Kind, language: Language, question: str) -> tuple[tuple[str, str], ...]:
    return tuple(fields_in(template_of(kind), language, question).items())


def fields_in(template: Template, language: Language, question: str) -> dict[str, str]:
    """Return the fields that a question states, by the wordings of `template`; see `fields_read`."""
    for pattern in map(_pattern, template.sentences(language)):
        match = pattern.fullmatch(question)
        if match is None:
            continue
        read = {name: _value_read(template, language, name, text) for name, text in match.groupdict().items()}
        if all(value is not None for value in read.values()):
            return {name: value for name, value in read.items() if value is not None}
    return {}


def wording_fits(kind: Kind, language: Language, question: str) -> bool:
    """Return whether the question is one of the template's wordings, with all its fields readable."""
    template = template_of(kind)
    return bool(fields_read(kind, language, question)) or any(
        _tidy(sentence, language) == question for sentence in template.sentences(language)
    )


@lru_cache(maxsize=2048)
def _pattern(sentence: str) -> re.Pattern[str]:
    parts = []
    for text, name, _, _ in Formatter().parse(sentence):
        parts.append(re.escape(text) + (f"(?P<{name}>.*?)" if name else ""))
    return re.compile("".join(parts), re.IGNORECASE)


def _value_read(template: Template, language: Language, name: str, text: str) -> str | None:
    """Return the value of a field from its text, None where it is none that the field can have."""
    kind = template.fields[name]
    if isinstance(kind, Words):
        return next((key for key, words in kind.of(language).items() if words.lower() == text.lower()), None)
    if kind == "site":
        levels = _read(text).levels
        return levels[0] if len(levels) == 1 else None
    if kind == "number":
        return text if re.fullmatch(r"\d+", text) else None
    return next(_anchors_read(text, language), None)


def _anchors_read(text: str, language: Language) -> Iterator[str]:
    for anchor, phrases in numbering_phrases().items():
        for phrase in _sentences(phrases, language):
            match = _pattern(phrase).fullmatch(text)
            if match is None:
                continue
            if "reference" not in match.groupdict():
                yield anchor
                continue
            levels = _read(match["reference"]).levels
            if anchor == "C2" and levels == ("C2",):
                yield anchor
            elif anchor != "C2" and len(levels) == 1:
                yield f"{anchor} {levels[0]}"


def _sentences(phrases: Phrases, language: Language) -> tuple[str, ...]:
    return phrases.of(language)
