"""Which option a model's reply chooses and by which rule: never a guess, never with the key in sight.

Six states: answered, no_answer, refusal, ambiguous, out_of_range, truncated. Only answered can score. The
rules run in order and the first that decides wins: explicit container, last valid declaration, whole reply,
weaker commitment, option text (levels through the level grammar), refusal. Standard library only; the pure
modules beside it (answer_*, level_grammar, levels) travel with it into metric folders.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import lru_cache

from .answer_quick import quick
from .answer_reader import STATUSES as STATUSES
from .answer_reader import ParsedAnswer as ParsedAnswer
from .answer_reader import Reader
from .answer_text import read_reply, without_echo, without_markup
from .answer_wording import read_wordings

LETTERS = frozenset(string.ascii_uppercase)
LONGEST_SHORT = 32


def parse_answer(
    response: str,
    options: Mapping[str, str],
    *,
    multiple: bool = False,
    cut_off: bool = False,
    strict: bool = False,
) -> ParsedAnswer:
    """Return which of `options` (upper-case letter -> wording) the reply chooses, and how that was found.

    With `multiple` several letters may be right together; otherwise two letters are ambiguous. `cut_off` says
    that generation hit its limit: a reply without an answer is then truncated. An empty reply is no_answer.
    The last valid declaration wins and a denied one is skipped. Where letter and wording disagree the letter
    counts and `conflict` is set; with `strict` such a reply is ambiguous. Raises TypeError unless the reply
    is text, ValueError on unusable options.

    >>> parse_answer("L4 (C)", {"A": "L2", "B": "L3", "C": "L4"}).letters
    ('C',)
    >>> parse_answer("The answer is not A.", {"A": "Yes", "B": "No"}).status
    'no_answer'
    >>> parse_answer("A. No", {"A": "Yes", "B": "No"}, strict=True).status
    'ambiguous'
    """
    parsed, broke_off = read_reply_of(reader_of(tuple(options.items()), multiple), response)
    return finished(parsed, broke_off or cut_off, strict)


def read_reply_of(reader: Reader, response: str) -> tuple[ParsedAnswer, bool]:
    """Return what the reply chooses and whether its reasoning breaks off; TypeError unless it is text."""
    if not isinstance(response, str):
        raise TypeError(f"a reply is text, got {type(response).__name__}: {response!r:.80}")
    return read_short(reader, response) if len(response) <= LONGEST_SHORT else read_whole(reader, response)


def finished(parsed: ParsedAnswer, cut_off: bool, strict: bool) -> ParsedAnswer:
    """Return the state that counts: truncated where no answer came in time, strict where it was asked."""
    if cut_off and parsed.status == "no_answer":
        return ParsedAnswer("truncated", rule="cut_off")
    return parsed._replace(status="ambiguous", letters=()) if strict and parsed.conflict else parsed


@lru_cache(maxsize=16_384)
def reader_of(options: tuple[tuple[str, str], ...], multiple: bool) -> Reader:
    """Return the rules for an item, made once for each set of options."""
    texts = dict(options)
    check_options(texts)
    return Reader(read_wordings(texts), multiple)


def read_whole(reader: Reader, response: str) -> tuple[ParsedAnswer, bool]:
    """Return what the reply chooses and whether its reasoning breaks off, the short way where it can."""
    parsed = quick(response, reader)
    return (parsed, False) if parsed is not None else read_by_rules(reader, response)


read_short = lru_cache(maxsize=65_536)(read_whole)  # short replies come back; long ones hardly ever


def read_by_rules(reader: Reader, response: str) -> tuple[ParsedAnswer, bool]:
    """Return what the reply chooses by all rules in order, and whether its reasoning breaks off."""
    reply = read_reply(response)
    text = without_echo(reply.text, reader.wordings.texts, torn=not reader.multiple)
    parsed = reader.in_container(text) or reader.in_text(without_markup(text))
    if reply.places is not None:
        parsed = parsed._replace(span=reply.raw_span(*parsed.span))
    return parsed, reply.broke_off


def may_extract(parsed: ParsedAnswer) -> bool:
    """Tell whether a language model may be asked what a reply chose, after the rules found nothing firm.

    Only no_answer and ambiguous qualify. What it says belongs in a column of its own and never replaces the
    result of the rules; a refusal, a letter out of range and a reply cut off stay what they are.

    >>> may_extract(ParsedAnswer("no_answer")), may_extract(ParsedAnswer("refusal"))
    (True, False)
    """
    return parsed.status in ("no_answer", "ambiguous")


def check_options(options: Mapping[str, str]) -> None:
    """Raise ValueError unless `options` maps two or more single upper-case letters to text."""
    bad = [letter for letter in options if letter not in LETTERS]
    if bad or len(options) < 2:
        raise ValueError(f"options need two or more single letters A to Z as keys, got {list(options)}")
    for letter, wording in options.items():
        if not isinstance(wording, str) or not wording.strip():
            raise ValueError(f"option {letter} has no wording: {wording!r}")
