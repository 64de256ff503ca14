"""Templates read from templates/*.yaml: what each kind asks, in which words, and how answers are written."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from spinemed.errors import ConfigError
from spinemed.instances.yaml_files import packaged_yaml
from spinemed.records import Axis, Kind, Pathology, Record

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
AnswerForm = Literal["words", "site", "site_side", "range", "root", "number"]
_FOLDER: Final = "templates"
_NUMBERING_FILE: Final = "numbering.yaml"


class Words(Record):
    """What keys are called in each language."""

    en: dict[str, str]
    zh: dict[str, str]

    @model_validator(mode="after")
    def _has_both_languages(self) -> Words:
        if set(self.en) != set(self.zh):
            odd = sorted(set(self.en) ^ set(self.zh))
            raise ValueError(f"{', '.join(odd)} is named in one language only; name it in both")
        return self

    def of(self, language: Language) -> dict[str, str]:
        """Return key -> text."""
        return self.en if language == "en" else self.zh


class Pattern(Record):
    """A sentence or phrase around `{answer}` in each language."""

    en: str = "{answer}"
    zh: str = "{answer}"

    def of(self, language: Language) -> str:
        """Return the phrase of a language."""
        return self.en if language == "en" else self.zh


class Answers(Record):
    """How answers are written.

    `form` says what a key is: a key of the words, a site (`L4`, `L4-L5`), a site with a side
    (`L4-L5 left`), a range (`L3:L5`), a root (`L5`) or a number. `en` and `zh` name keys that have words;
    with another form than words they are answers besides, such as "cannot be told".
    """

    form: AnswerForm
    en: dict[str, str] = Field(default_factory=dict)
    zh: dict[str, str] = Field(default_factory=dict)
    pattern: Pattern = Pattern()

    @model_validator(mode="after")
    def _is_whole(self) -> Answers:
        if set(self.en) != set(self.zh):
            odd = sorted(set(self.en) ^ set(self.zh))
            raise ValueError(f"answer {', '.join(odd)} is named in one language only; name it in both")
        if self.form == "words" and not self.en:
            raise ValueError("answers of the form words need their words in en and zh")
        return self

    def words(self, language: Language) -> dict[str, str]:
        """Return key -> text of the answers that have words."""
        return self.en if language == "en" else self.zh


FieldType = Literal["site", "number", "numbering"]


class Template(Record):
    """One kind of question: the facts it rests on, the fields its sentences name, answers and sentences."""

    kind: Kind
    axis: Axis
    facts: tuple[Pathology, ...]
    fields: dict[str, FieldType | Words]
    answers: Answers
    choice_only: bool = Field(
        default=False, description="whether the answer makes sense beside options alone"
    )
    en: tuple[str, ...]
    zh: tuple[str, ...]

    def sentences(self, language: Language) -> tuple[str, ...]:
        """Return the wordings of a language."""
        return self.en if language == "en" else self.zh

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the answers that have words, in the order of the file."""
        return tuple(self.answers.en)


class Phrases(Record):
    """Wordings of one phrase in each language."""

    en: tuple[str, ...]
    zh: tuple[str, ...]

    def of(self, language: Language) -> tuple[str, ...]:
        """Return the wordings of a language."""
        return self.en if language == "en" else self.zh


@cache
def templates() -> dict[Kind, Template]:
    """Return kind -> template of all packaged files; ConfigError names file, kind and fault."""
    found: dict[Kind, Template] = {}
    for name in template_files():
        for content in _yaml(name):
            template = _checked(content, name)
            if template.kind in found:
                raise ConfigError(f"{name}: kind {template.kind} is there twice; rename or remove one")
            found[template.kind] = template
    return found


@cache
def numbering_phrases() -> dict[str, Phrases]:
    """Return anchor -> the phrases that say what levels are counted from."""
    return {anchor: Phrases.model_validate(content) for anchor, content in _yaml(_NUMBERING_FILE).items()}


def template_files() -> tuple[str, ...]:
    """Return the names of the template files, sorted, without the file of numbering phrases."""
    folder = files("spinemed.instances").joinpath(_FOLDER)
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".yaml"))
    return tuple(name for name in names if name != _NUMBERING_FILE)


def template_of(kind: Kind) -> Template:
    """Return the template of a kind; a ConfigError lists the kinds there are."""
    try:
        return templates()[kind]
    except KeyError:
        known = ", ".join(sorted(templates()))
        raise ConfigError(f"no template is named {kind!r}; there are {known}") from None


def _checked(content: object, name: str) -> Template:
    try:
        return Template.model_validate(content)
    except ValidationError as error:
        kind = content.get("kind", "?") if isinstance(content, dict) else "?"
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'entry'}: {fault['msg']}" for fault in error.errors()
        )
        raise ConfigError(f"{name}, kind {kind}: {faults}") from error


def _yaml(name: str) -> Any:  # a list of templates, or the phrases by anchor
    try:
        return packaged_yaml("spinemed.instances", f"{_FOLDER}/{name}")
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not valid YAML ({error}); repair the file") from error
