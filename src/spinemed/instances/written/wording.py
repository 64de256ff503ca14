"""Written questions and answers put into words and read back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from string import Formatter
from typing import Final

from spinemed.instances.templates import Language, Words
from spinemed.instances.wording import SITE_STYLES
from spinemed.instances.written.phrases import in_words, meaning, phrase
from spinemed.instances.written.templates import SITE_FORMS, question_of
from spinemed.level_grammar import parse_levels
from spinemed.levels import render
from spinemed.records import Kind

STYLES: Final = SITE_STYLES
_REGIONS: Final = {"C": "颈", "T": "胸", "L": "腰", "S": "骶"}
_CHINESE: Final = "elided_chinese"
_SIDES: Final[dict[Language, dict[str, str]]] = {
    "en": {"left": "{site}, left side", "right": "{site}, right side"},
    "zh": {"left": "{site}左侧", "right": "{site}右侧"},
}
_ONE: Final = re.compile(r"\b1 (point|degree|screw)s\b")
_JOINED: Final[dict[Language, tuple[str, str, str]]] = {"en": (": ", "; ", " to "), "zh": ("：", "；", "至")}


@lru_cache(maxsize=4096)
def site_text(site: str, style: str) -> str:
    """Return a site in a style of level names."""
    return render(site, style)


@lru_cache(maxsize=4096)
def levels_in(text: str) -> tuple[str, ...]:
    """Return the vertebrae and segments that the parser finds in a text, negated ones too, in its order."""
    return tuple(
        dict.fromkeys(one.site for one in parse_levels(text).mentions if not one.site.startswith("region:"))
    )


def question_text(kind: Kind, language: Language, number: int, fields: Mapping[str, str], style: str) -> str:
    """Return the wording of that number with its fields filled in; KeyError for a missing field."""
    question = question_of(kind)
    texts = {name: _field_text(form, fields[name], language, style) for name, form in question.fields.items()}
    text = question.sentences(language)[number].format(**texts)
    return text[0].upper() + text[1:] if language == "en" else text


def _field_text(form: str | Words, value: str, language: Language, style: str) -> str:
    if isinstance(form, Words):
        return form.of(language)[value]
    if form in SITE_FORMS:
        return site_text(value, style)
    if form == "finding":
        return phrase(value, language, with_article=True)
    if form == "root" and style == _CHINESE:
        return f"{_REGIONS[value[0]]}{value[1:]}"
    return value


@cache
def _patterns(kind: Kind, language: Language) -> tuple[re.Pattern[str], ...]:
    """Return what each wording reads as, in their order."""
    patterns = []
    for sentence in question_of(kind).sentences(language):
        seen: set[str] = set()
        parts = []
        for text, name, _, _ in Formatter().parse(sentence):
            parts.append(re.escape(text))
            if name:
                form = _form(question_of(kind).fields[name], language)
                parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{form})")
                seen.add(name)
        patterns.append(re.compile("".join(parts), re.IGNORECASE))
    return tuple(patterns)


def _form(form: str | Words, language: Language) -> str:
    """Return the pattern of what a field can say."""
    if isinstance(form, Words):
        return "|".join(re.escape(one) for one in sorted(form.of(language).values(), key=len, reverse=True))
    if form in SITE_FORMS:
        return r"[A-Z颈胸腰骶][A-Z颈胸腰骶\d/-]*"
    return r"\d+" if form == "number" else ".+?"


def fields_read(kind: Kind, language: Language, text: str) -> dict[str, str] | None:
    """Return the fields that a question states, read by its wordings; None where none fits."""
    question = question_of(kind)
    for pattern in _patterns(kind, language):
        match = pattern.fullmatch(text)
        if match is None:
            continue
        found = {
            name: _value_read(kind, name, match[name], language)
            for name in question.fields
            if name in pattern.groupindex
        }
        if "" not in found.values():
            return found
    return None


@lru_cache(maxsize=8192)
def _value_read(kind: Kind, name: str, text: str, language: Language) -> str:
    """Return the value of a field from its text, "" where it is none that the field can have."""
    form = question_of(kind).fields[name]
    if isinstance(form, Words):
        return next((key for key, words in form.of(language).items() if words.lower() == text.lower()), "")
    if form == "finding":
        return meaning(text, language)
    if form == "number":
        return text if re.fullmatch(r"\d+", text) else ""
    levels = levels_in(text)
    if form == "root":
        levels = levels_in(f"{text} nerve root" if language == "en" else f"{text}神经根")
        return levels[0].removeprefix("root:") if len(levels) == 1 else ""
    return levels[0] if len(levels) == 1 else ""


@lru_cache(maxsize=16384)
def answer_text(kind: Kind, language: Language, key: str, style: str) -> str:
    """Return the text of an answer as an option gives it."""
    answers = question_of(kind).answers
    words = answers.words(language)
    if key in words:
        return words[key]
    text = answers.pattern.of(language).format(answer=_plain(answers.form, language, key, style))
    return _ONE.sub(r"1 \1", text) if language == "en" else text


def _plain(form: str, language: Language, key: str, style: str) -> str:
    colon, semicolon, to = _JOINED[language]
    if form == "site":
        return site_text(key, style)
    if form == "site_words":
        return in_words(key, language)
    if form == "site_side":
        site, side = key.split(" ")
        return _SIDES[language][side].format(site=site_text(site, style))
    if form == "range":
        return to.join(site_text(site, style) for site in key.split(":"))
    if form == "root" and style == _CHINESE:
        return f"{_REGIONS[key[0]]}{key[1:]}"
    if form == "finding":
        return phrase(key, language)
    if form == "pairing":
        pairs = [one.split("=") for one in key.split(";")]
        return semicolon.join(
            f"{site_text(site, style)}{colon}{phrase(what, language)}" for site, what in pairs
        )
    return key


@lru_cache(maxsize=16384)
def answer_key(kind: Kind, language: Language, text: str) -> str:
    """Return the key that the text of an option means, read without knowing how it was made; "" for none."""
    answers = question_of(kind).answers
    for key, words in answers.words(language).items():
        if words == text:
            return key
    form = answers.form
    if form == "number":
        numbers = re.findall(r"\d+", text)
        return numbers[0] if len(numbers) == 1 else ""
    if form == "finding":
        return meaning(text, language)
    if form == "pairing":
        return _pairing(text, language)
    levels = levels_in(text)
    if form == "root":
        return levels[0].removeprefix("root:") if len(levels) == 1 else ""
    if form == "range":
        return f"{levels[0]}:{levels[-1]}" if len(levels) > 1 else ""
    if len(levels) != 1:
        return ""
    side = parse_levels(text).side
    return f"{levels[0]} {side}" if form == "site_side" else levels[0]


def _pairing(text: str, language: Language) -> str:
    colon, semicolon, _ = _JOINED[language]
    pairs = [one.split(colon, 1) for one in text.split(semicolon)]
    found = [(levels_in(one[0]), meaning(one[-1], language)) for one in pairs]
    if any(len(levels) != 1 or not what for levels, what in found):
        return ""
    return ";".join(f"{levels[0]}={what}" for levels, what in found)
