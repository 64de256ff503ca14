"""Text that benchmark and training share: runs of 13 tokens and of 50 characters, templates told apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

TOKENS: Final = 13
CHARACTERS: Final = 50
TEMPLATE_PATIENTS: Final = 3
"""A run that the texts of so many training patients hold is common wording, not a copied passage."""

_TOKEN = re.compile(r"[a-z0-9]+|[一-鿿]")


@dataclass
class Shared:
    """Whether an item shares rare wording with training, whether that is no template's, and an example."""

    rare: bool
    own: bool
    example: str = ""


class RunIndex:
    """The runs of all benchmark texts, and which training patients said each; memory is the benchmark's.

    `composed` are the items whose words come from the templates of `spinemed.instances`.
    """

    def __init__(self, texts: Mapping[str, str], composed: Collection[str]) -> None:
        self._runs = {identity: set(runs(text)) for identity, text in texts.items()}
        self._said_by: dict[str, set[str]] = {run: set() for found in self._runs.values() for run in found}
        self._quoted: set[str] = set()  # said by a training row that no template made
        self._composed = frozenset(composed)

    def read(self, patient: str, text: str, composed: bool) -> None:
        """Take in a training text: patients are counted up to `TEMPLATE_PATIENTS`."""
        for run in runs(text):
            said_by = self._said_by.get(run)
            if said_by is None:
                continue
            if len(said_by) < TEMPLATE_PATIENTS:
                said_by.add(patient)
            if not composed:
                self._quoted.add(run)

    def shared(self) -> Iterator[tuple[str, Shared]]:
        """Yield each item that shares a run with training, with what kind of wording it is."""
        for identity, found in self._runs.items():
            in_training = {run for run in found if self._said_by[run]}
            rare = {run for run in in_training if len(self._said_by[run]) < TEMPLATE_PATIENTS}
            own = rare if identity not in self._composed else rare & self._quoted
            if in_training:
                yield identity, Shared(bool(rare), bool(own), min(own or rare, default=""))


def runs(text: str) -> Iterator[str]:
    """Yield all runs of 13 tokens and of 50 characters of a text.

    Tokens are words, numbers and single Chinese characters, in lower case; the characters are those of the
    text in lower case with single blanks. A text shorter than both gives none.

    >>> len(list(runs("one two three four five six seven eight nine ten eleven twelve thirteen fourteen")))
    33
    >>> list(runs("L4"))
    []
    """
    tokens = _TOKEN.findall(text.lower())
    for start in range(len(tokens) - TOKENS + 1):
        yield "t:" + " ".join(tokens[start : start + TOKENS])
    plain = " ".join(text.lower().split())
    for start in range(len(plain) - CHARACTERS + 1):
        yield "c:" + plain[start : start + CHARACTERS]


def said(messages: Iterable[Mapping[str, str]]) -> str:
    """Return all that is said in a row, question and answer."""
    return "\n".join(message["content"] for message in messages)
