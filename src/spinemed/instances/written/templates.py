"""The kinds of questions about written cases, read from kinds/*.yaml, and the phrases of findings."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from spinemed.errors import ConfigError
from spinemed.instances.templates import Language, Pattern, Phrases, Words
from spinemed.records import Axis, Kind, Record

AnswerForm = Literal[
    "words", "site", "site_words", "site_side", "range", "root", "number", "finding", "pairing"
]
FieldForm = Literal["site", "disc", "vertebra", "number", "finding", "root"]
PREFIX: Final = "written_"
"""Every kind of this package begins so."""
SITE_FORMS: Final = frozenset({"site", "disc", "vertebra"})
_LEAST: Final = 4


class Answers(Record):
    """How answers are written: `form` says what a key is, `en` and `zh` name keys that have words.

    `site_words` is a site in words (the fourth lumbar vertebra), `finding` a key of the phrases, `pairing`
    several sites each with a finding. `ordered`: neighbouring keys are offered together. `alike`: pairs of
    keys, each of which some would defend where the other is right, so that they are never offered together.
    """

    form: AnswerForm
    en: dict[str, str] = Field(default_factory=dict)
    zh: dict[str, str] = Field(default_factory=dict)
    pattern: Pattern = Pattern()
    ordered: bool = False
    alike: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="after")
    def _in_both_languages(self) -> Answers:
        if set(self.en) != set(self.zh) or (self.form == "words") != bool(self.en):
            raise ValueError("answers of the form words, and only they, need the same keys in en and zh")
        if unknown := {key for pair in self.alike for key in pair} - set(self.en):
            raise ValueError(f"alike names {sorted(unknown)}, which are no answers; name keys of en and zh")
        return self

    def words(self, language: Language) -> dict[str, str]:
        """Return key -> text of the answers that have words."""
        return self.en if language == "en" else self.zh


class Question(Record):
    """One kind: the fields that its wordings name, its answers, wordings, and sentences that answer it.

    `rule` marks a kind that rests on what the question states and on a published rule, not on the report:
    it is the key of `facts.planning.CITATIONS`. `most` is how often a case may ask it. `choice_only` marks a
    kind with several right answers among all that could be said, one alone among those offered.
    """

    kind: Kind
    axis: Axis
    fields: dict[str, FieldForm | Words] = Field(default_factory=dict)
    answers: Answers
    rule: str = ""
    most: int = Field(3, ge=1, le=3)
    choice_only: bool = False
    en: tuple[str, ...]
    zh: tuple[str, ...]
    open: Phrases

    @model_validator(mode="after")
    def _has_wordings(self) -> Question:
        if not self.kind.startswith(PREFIX):
            raise ValueError(f"name it {PREFIX}{self.kind}")
        if min(len(self.en), len(self.zh)) < _LEAST or min(len(self.open.en), len(self.open.zh)) < 2:
            raise ValueError(f"give {_LEAST} questions and 2 answers or more in each language")
        for sentence in (*self.open.en, *self.open.zh):
            if "{answer}" not in sentence:
                raise ValueError(f"the answer {sentence!r} lacks {{answer}}")
        return self

    def sentences(self, language: Language) -> tuple[str, ...]:
        """Return the wordings of a language."""
        return self.en if language == "en" else self.zh


class Phrase(Record):
    """One finding as a noun phrase: without grade, with it, and where given with a detail alone."""

    counted: bool = False
    en: dict[Literal["plain", "graded", "detailed"], str]
    zh: dict[Literal["plain", "graded", "detailed"], str]


class FindingPhrases(Record):
    """The content of phrases.yaml."""

    words: Words
    phrases: dict[str, Phrase]


class Frames(Record):
    """The content of frames.yaml: what stands around the sentences of a report."""

    intro: Phrases
    patient: dict[Literal["F", "M", "unknown"], Phrases]
    ages: Phrases


@cache
def questions() -> dict[Kind, Question]:
    """Return kind -> question of all packaged files; ConfigError names file, kind and fault."""
    found: dict[Kind, Question] = {}
    folder = files("spinemed.instances.written").joinpath("kinds")
    for name in sorted(file.name for file in folder.iterdir() if file.name.endswith(".yaml")):
        for content in yaml.safe_load(folder.joinpath(name).read_text(encoding="utf-8")):
            question = _checked(content, name)
            if question.kind in found:
                raise ConfigError(f"{name}: kind {question.kind} is there twice; rename or remove one")
            found[question.kind] = question
    return found


def question_of(kind: Kind) -> Question:
    """Return the question of a kind; a ConfigError lists the kinds there are."""
    try:
        return questions()[kind]
    except KeyError:
        raise ConfigError(
            f"no written question is named {kind!r}; there are {', '.join(questions())}"
        ) from None


@cache
def finding_phrases() -> FindingPhrases:
    """Return the packaged phrases of findings."""
    return FindingPhrases.model_validate(_packaged("phrases.yaml"))


@cache
def frames() -> Frames:
    """Return the packaged frames."""
    return Frames.model_validate(_packaged("frames.yaml"))


def _packaged(name: str) -> Any:  # what a YAML file holds
    return yaml.safe_load(files("spinemed.instances.written").joinpath(name).read_text(encoding="utf-8"))


def _checked(content: Any, name: str) -> Question:
    try:
        return Question.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'entry'}: {fault['msg']}" for fault in error.errors()
        )
        kind = content.get("kind", "?") if isinstance(content, dict) else "?"
        raise ConfigError(f"{name}, kind {kind}: {faults}") from error
