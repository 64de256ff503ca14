"""The gate of written questions: text is read back, and the findings shown must make one answer right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from spinemed.instances.templates import Language
from spinemed.instances.written.kinds import BESIDE, KINDS
from spinemed.instances.written.phrases import fits, key_of
from spinemed.instances.written.stated import Facts
from spinemed.instances.written.templates import SITE_FORMS, question_of
from spinemed.instances.written.wording import answer_key, fields_read, levels_in
from spinemed.records import Kind

GATES: Final = (
    "sentences_read", "fields_read_back", "levels_read_back", "options_read_back", "one_answer_by_findings",
)  # fmt: skip
"""What every written instance has passed, in order."""


def fault_of(
    kind: Kind,
    language: Language,
    asked: str,
    fields: Mapping[str, str],
    shown: Sequence[str],
    right: str,
    facts: Facts,
) -> str:
    """Return why a question must not pass, "" where it may.

    `asked` is the question alone, `shown` the options or the one open answer, `right` the key of the
    answer, `facts` what the sentences shown state.
    """
    read = fields_read(kind, language, asked)
    if read is None or any(fields[name] != value for name, value in read.items()):
        return "the question is read back as another one"
    if set(levels_in(asked)) != levels_of(kind, read):
        return "the level parser reads other levels from the question than were meant"
    keys = [answer_key(kind, language, text) for text in shown]
    if "" in keys or len(set(keys)) != len(keys):
        return "an answer is not read back, or two options say the same"
    if any(set(pair) <= set(keys) for pair in question_of(kind).answers.alike):
        return "two options are offered that may both be defended"
    holds = KINDS[kind].holds
    if [key for key in keys if holds(facts, read, key)] != [right]:
        return "the findings do not make the keyed answer the only right one"
    if len(shown) == 1 and not is_alone(kind, read, right, facts):
        return "the findings make several answers to the open question right"
    return ""


def is_alone(kind: Kind, fields: Mapping[str, str], right: str, facts: Facts) -> bool:
    """Return whether no other answer that findings suggest is right as well: an open question has one.

    Answers with words are all judged, of levels those spoken of, of findings those stated. Numbers, roots
    and ranges follow from the facts, levels of kinds beside the report from a rule: they are not.
    """
    answers = question_of(kind).answers
    pool = set(answers.en)
    if answers.form in ("site", "site_words") and kind not in BESIDE:
        pool = {one.site for one in facts.said}
    elif answers.form == "finding":
        others = [one for one in facts.said if one.abnormal and not fits(right, one)]
        pool = {key for one in others if (key := key_of(one))}
    holds = KINDS[kind].holds
    return not any(key != right and holds(facts, fields, key) for key in pool)


def levels_of(kind: Kind, fields: Mapping[str, str]) -> frozenset[str]:
    """Return the levels and roots that a question's fields name."""
    return frozenset(f"{mark}{fields[name]}" for name, mark in _sites(kind) if name in fields)


@lru_cache(maxsize=256)
def _sites(kind: Kind) -> tuple[tuple[str, str], ...]:
    forms = question_of(kind).fields.items()
    return tuple((name, "root:" * (form == "root")) for name, form in forms if form in (*SITE_FORMS, "root"))
