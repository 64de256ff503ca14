"""Linter of the templates: fields, both languages, level names, leaks, and options that look alike.

    python -m spinemed.instances.lint

prints every fault with file-independent place (kind, language, wording) and exits with 1 if there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Final

from spinemed.instances.gate import levels_named
from spinemed.instances.landmarks import LANDMARKS
from spinemed.instances.proof import TRUTHS
from spinemed.instances.templates import (
    LANGUAGES,
    Language,
    Template,
    Words,
    numbering_phrases,
    templates,
)
from spinemed.instances.wording import (
    SITE_STYLES,
    answer_key,
    answer_text,
    fields_in,
    question_texts,
)
from spinemed.level_grammar import parse_levels

FEWEST_WORDINGS: Final = 4
LONGEST_RATIO: Final[Mapping[Language, float]] = {"en": 1.9, "zh": 2.2}
"""The longest answer of a kind may be this many times as long as the shortest."""
_OF_OPTIONS: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("which statement", "which of these", "of the following", "choose the"),
    "zh": ("哪项", "哪一项", "下列", "以下各", "符合"),
}
"""Words that speak of options: no question bears them that may be asked without."""
_SAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "site": ("C5", "T1", "T2", "T11", "L4"),
    "segment": ("C5-C6", "T12-L1", "L5-S1"),
    "number": ("3", "12"),
    "numbering": (
        "sacrum",
        "C2",
        *(f"reference {site}" for site in ("C3", "C7", "T1", "T2", "T10", "T12", "L1", "L3")),
        *(f"{cut} {site}" for cut in ("cut_above", "cut_below") for site in ("T1", "T2", "T11", "L4")),
    ),
}
_SAMPLE_ANSWERS: Final[Mapping[str, tuple[str, ...]]] = {
    "site": ("C5", "T11", "L4", "C7-T1", "L4-L5", "L5-S1"),
    "site_side": ("C5-C6 left", "L4-L5 right", "L5-S1 left"),
    "range": ("C3:C6", "T12:L2", "L4:S1"),
    "root": ("C8", "L4", "S1"),
    "number": ("0", "7", "12"),
    "words": (),
}
_OFTEN_OFFERED: Final = 7


def faults() -> Iterator[str]:
    """Yield every fault of every template; nothing where all is well."""
    for kind in sorted(set(TRUTHS) ^ set(templates())):
        yield f"{kind}: a template without a truth, or a truth without a template"
    for template in templates().values():
        yield from _shape(template)
        for language in LANGUAGES:
            yield from _sentences(template, language)
            yield from _answers(template, language)
    for anchor, phrases in numbering_phrases().items():
        for language in LANGUAGES:
            if len(set(phrases.of(language))) < FEWEST_WORDINGS:
                yield f"numbering {anchor}, {language}: fewer than {FEWEST_WORDINGS} phrases"


def _shape(template: Template) -> Iterator[str]:
    for language in LANGUAGES:
        if len(set(template.sentences(language))) < FEWEST_WORDINGS:
            yield f"{template.kind}, {language}: fewer than {FEWEST_WORDINGS} different wordings"
        is_chinese = [
            any("\u4e00" <= letter <= "\u9fff" for letter in one) for one in template.sentences(language)
        ]
        if any(chinese != (language == "zh") for chinese in is_chinese):
            yield f"{template.kind}, {language}: a wording is in the other language"
    if template.answers.form == "words" and len(template.keys) < FEWEST_WORDINGS:
        yield f"{template.kind}: fewer than four answers, so options cannot be drawn"


def _sentences(template: Template, language: Language) -> Iterator[str]:
    """Yield faults of wordings: fields, what the level parser and the reader make of them, leaks."""
    for number, sentence in enumerate(template.sentences(language), start=1):
        place = f"{template.kind}, {language}, wording {number}"
        used = [name for _, name, _, _ in Formatter().parse(sentence) if name is not None]
        if sorted(used) != sorted(template.fields):
            yield f"{place}: uses {sorted(used)}, declared are {sorted(template.fields)}, each once"
            continue
        for words in _OF_OPTIONS[language]:
            if words in sentence.lower() and not template.choice_only:
                yield f"{place}: {words!r} speaks of options, but the kind is asked without as well"
        for fields in sample_fields(template):
            meant = _meant(fields) | (LANDMARKS.get(template.kind, frozenset()) & levels_named(sentence))
            for text in question_texts(template, language, sentence, fields):
                yield from _text_faults(template, language, text, fields, meant, place)


def _text_faults(
    template: Template,
    language: Language,
    text: str,
    fields: Mapping[str, str],
    meant: frozenset[str],
    place: str,
) -> Iterator[str]:
    named = levels_named(text)
    if named != meant:
        yield f"{place}: the level parser reads {sorted(named)} from {text!r}, meant are {sorted(meant)}"
    if fields and fields_in(template, language, text) != dict(fields):
        yield f"{place}: {fields_in(template, language, text)} is read back from {text!r}"
    for answer in template.answers.words(language).values():
        if answer.lower() in text.lower():
            yield f"{place}: the wording names the answer {answer!r}"


def sample_fields(template: Template) -> Iterator[dict[str, str]]:
    """Yield values of all fields: every sample of each at least once."""
    choices: dict[str, tuple[str, ...]] = {}
    for name, kind in template.fields.items():
        if isinstance(kind, Words):
            choices[name] = tuple(kind.en)
        else:
            choices[name] = _SAMPLES["segment" if name == "segment" else kind]
    most = max((len(values) for values in choices.values()), default=1)
    for turn in range(most):
        yield {name: values[turn % len(values)] for name, values in choices.items()}


def _meant(fields: Mapping[str, str]) -> frozenset[str]:
    found: set[str] = set()
    for value in fields.values():
        for word in value.split(" "):
            if parse_levels(word).levels == (word,):
                found.add(word)
    return frozenset(found)


def _answers(template: Template, language: Language) -> Iterator[str]:
    """Yield faults of answers: length, punctuation, and whether each is read back as itself."""
    place = f"{template.kind}, {language}"
    words = template.answers.words(language)
    if template.answers.form == "words":
        lengths = sorted(len(text) for text in words.values())
        if lengths[-1] > LONGEST_RATIO[language] * lengths[0]:
            yield f"{place}: the longest answer has {lengths[-1]} letters, the shortest {lengths[0]}"
        for mark in "()（）,，:：;；":
            count = sum(mark in text for text in words.values())
            if count in (1, len(words) - 1):  # the odd one out
                yield f"{place}: {count} of {len(words)} answers have {mark!r}"
    if any(text.endswith((".", "。")) for text in words.values()):
        yield f"{place}: an answer ends with a full stop"
    for key in (*words, *_SAMPLE_ANSWERS[template.answers.form]):
        for style in SITE_STYLES[language]:
            text = answer_text(template, language, key, style)
            if answer_key(template, language, text) != key:
                read = answer_key(template, language, text)
                yield f"{place}: the answer {text!r} means {key!r} and is read back as {read!r}"


def main() -> int:
    """Print all faults and return the exit code."""
    found = list(faults())
    for fault in found:
        sys.stdout.write(f"{fault}\n")
    count = sum(
        len(template.sentences(language)) for template in templates().values() for language in LANGUAGES
    )
    sys.stderr.write(f"{len(templates())} kinds, {count} wordings, {len(found)} faults\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
