"""The linter of written questions: every wording with each of its values is read back as it was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from spinemed.instances.templates import LANGUAGES, Language, Words
from spinemed.instances.written.gate import levels_of
from spinemed.instances.written.templates import Question, questions
from spinemed.instances.written.wording import (
    STYLES,
    answer_key,
    answer_text,
    fields_read,
    levels_in,
    question_text,
)

_DISCS: Final = ("C5-C6", "T4-T5", "T12-L1", "L4-L5", "L5-S1")
_VERTEBRAE: Final = ("C5", "T4", "T12", "L4")
_SITES: Final = (*_DISCS, *_VERTEBRAE)
_FINDINGS: Final = (
    "herniation|extrusion|left|foraminal", "canal_stenosis|severe||", "slip|1||isthmic", "fracture|A3||fresh",
    "disc_degeneration|4||", "metastasis|lytic||", "endplate_defect|||upper", "recess_stenosis|mild|right|",
)  # fmt: skip
_ROOTS: Final = ("C6", "L5", "S1")
_NUMBERS: Final = ("3", "14", "40")


def faults() -> Iterator[str]:
    """Yield what is wrong with the packaged kinds, with the text and the way out; nothing if all is well.

    >>> next(faults(), "well")
    'well'
    """
    for question in questions().values():
        for language in LANGUAGES:
            yield from _misread(question, language)
            yield from _answers_misread(question, language)


def _misread(question: Question, language: Language) -> Iterator[str]:
    for number in range(len(question.sentences(language))):
        for fields in _filled(question):
            for style in STYLES[language]:
                text = question_text(question.kind, language, number, fields, style)
                read = fields_read(question.kind, language, text)
                if read is None or any(fields[name] != value for name, value in read.items()):
                    yield f"{question.kind}: {text!r} is read back as {read}; change the wording"
                elif set(levels_in(text)) != levels_of(question.kind, read):
                    yield f"{question.kind}: {text!r} names {levels_in(text)}; keep other levels out of it"


def _filled(question: Question) -> Iterator[Mapping[str, str]]:
    """Yield fields so that each value of each of them occurs, those of several fields beside each other."""
    values = {name: _values(form) for name, form in question.fields.items()}
    longest = max((len(members) for members in values.values()), default=1)
    for turn in range(longest):
        yield {
            name: members[(turn + shift) % len(members)]
            for shift, (name, members) in enumerate(values.items())
        }


def _values(form: str | Words) -> tuple[str, ...]:
    if isinstance(form, Words):
        return tuple(form.en)
    if form == "site":
        return _SITES
    return {"disc": _DISCS, "vertebra": _VERTEBRAE, "finding": _FINDINGS, "root": _ROOTS, "number": _NUMBERS}[
        form
    ]


def _answers_misread(question: Question, language: Language) -> Iterator[str]:
    form = question.answers.form
    keys = {
        "site": _SITES,
        "site_words": _SITES,
        "site_side": ("L4-L5 left", "C5-C6 right"),
        "range": ("T12:L2", "L4:S1"),
        "root": _ROOTS,
        "number": ("0", "12"),
        "finding": _FINDINGS,
        "pairing": ("L4=fracture|A3||fresh;T12-L1=canal_stenosis|severe||",),
    }.get(form, tuple(question.answers.en))
    for key in keys:
        for style in STYLES[language]:
            text = answer_text(question.kind, language, key, style)
            if answer_key(question.kind, language, text) != key:
                yield f"{question.kind}: the answer {text!r} is not read back as {key}; change its words"
