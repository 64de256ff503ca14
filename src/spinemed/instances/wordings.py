"""The words of questions and answers, read from wordings.yaml and chosen by hash."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

from spinemed.records import Kind, Record

Anchor = Literal["sacrum", "C2", "reference", "cut_above", "cut_below"]


class HeightLossWords(Record):
    """Texts of the four grades, 0 to 3, as options and as open answers."""

    options: tuple[str, str, str, str]
    open: tuple[str, str, str, str]


class Wordings(Record):
    """The content of wordings.yaml."""

    numbering: dict[Anchor, tuple[str, ...]]
    questions: dict[Kind, tuple[str, ...]]
    but_sacrum: dict[Anchor, str]
    range: str
    height_loss: HeightLossWords


@cache
def wordings() -> Wordings:
    """Return the packaged wordings."""
    text = files("spinemed.instances").joinpath("wordings.yaml").read_text(encoding="utf-8")
    return Wordings.model_validate(yaml.safe_load(text))


def draw(key: str, count: int) -> int:
    """Return a number from 0 to `count` - 1 that depends on `key` alone, uniform over keys.

    >>> draw("a", 4) == draw("a", 4), 0 <= draw("b", 4) < 4
    (True, True)
    """
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % count


def question(kind: Kind, anchor: Anchor, reference: str, key: str) -> str:
    """Return a question of a kind, in the wording that `key` draws, with what its numbering rests on."""
    words = wordings()
    count_from = words.numbering[anchor]
    numbering = count_from[draw(f"{key}:numbering", len(count_from))].format(reference=reference)
    choices = words.questions[kind]
    text = choices[draw(f"{key}:question", len(choices))]
    return text.format(numbering=numbering, but_sacrum=words.but_sacrum[anchor])


def range_text(first: str, last: str) -> str:
    """Return the text of a range of vertebrae.

    >>> range_text("T12", "L5")
    'T12 to L5'
    """
    return wordings().range.format(first=first, last=last)
