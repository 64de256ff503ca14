"""Instances of one written case, and what the options of such an instance mean."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from spinemed.instances.asking import Asking
from spinemed.instances.written.compose import LETTERS, composed, drawn
from spinemed.instances.written.document import document_of
from spinemed.instances.written.stated import WrittenCase
from spinemed.instances.written.templates import question_of
from spinemed.instances.written.wording import answer_key
from spinemed.records import Instance, Reject


class Meaning(NamedTuple):
    """What the options of a choice mean, whatever their wording: the right one, the others.

    `has_few_answers`: the same few words are on offer each time.
    """

    right: str
    others: tuple[str, ...]
    has_few_answers: bool


def ask_written(case: WrittenCase, asking: Asking) -> Iterator[Instance | Reject]:
    """Yield about 35 instances of a written case in its language, and Rejects for what did not pass.

    Everything is drawn by a generator that the asking's seed and the study's id start. Of a choice the
    answers on offer are drawn before it is drawn which of them is asked for, each alike, so that they need
    no balance over a corpus. A case whose sentences state nothing gives nothing.
    """
    document = document_of(case, Random(f"{asking.seed}:{case.study.id}:written"))
    if not document.lines:
        return
    said: set[str] = set()
    for number, one in enumerate(drawn(document, asking.open_share)):
        made = composed(document, one, number)
        if made.id not in said:
            said.add(made.id)
            yield made


def meaning_of(instance: Instance) -> Meaning:
    """Return what the options of a written choice mean; a ValueError for another instance."""
    if not instance.options:
        raise ValueError(f"{instance.id} is {instance.task}, which has no options; pass a choice")
    form = question_of(instance.kind).answers.form
    keys = tuple(answer_key(instance.kind, instance.language, option) for option in instance.options)
    place = LETTERS.index(instance.answer)
    return Meaning(keys[place], keys[:place] + keys[place + 1 :], form == "words")
