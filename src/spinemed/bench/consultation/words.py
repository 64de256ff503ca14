"""What consultations are made of: topics that can be asked about, and fixed sentences, in both languages."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import yaml

from spinemed.instances.clinic.plan import Stance
from spinemed.instances.clinic.wording import Language
from spinemed.records import Record, Side

Spoken = dict[Language, str]


class Topic(Record):
    """One matter that a doctor may ask about."""

    red_flag: bool
    localises: bool
    ask: Spoken
    question: Spoken
    denied: Spoken | None = None


class Words(Record):
    """The texts of words.yaml."""

    system: Spoken
    unknown: Spoken
    as_told: Spoken
    nothing_asked: Spoken
    too_much: Spoken
    last_turn: Spoken
    final: Spoken
    none: Spoken
    sides: dict[Language, dict[Side, str]]
    plans: dict[Language, dict[Stance, str]]


@cache
def topics() -> dict[str, Topic]:
    """Return every topic by name."""
    return {name: Topic.model_validate(row) for name, row in yaml.safe_load(_text("topics.yaml")).items()}


@cache
def words() -> Words:
    """Return the fixed sentences."""
    return Words.model_validate(yaml.safe_load(_text("words.yaml")))


@cache
def questions_about() -> dict[str, re.Pattern[str]]:
    """Return topic -> what recognises a question about it, in either language."""
    return {
        name: re.compile("|".join(f"(?:{one})" for one in topic.ask.values()), re.IGNORECASE)
        for name, topic in topics().items()
    }


def _text(name: str) -> str:
    return files("spinemed.bench.consultation").joinpath(name).read_text(encoding="utf-8")
