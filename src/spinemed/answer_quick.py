"""The same answers sooner: replies of plain shape that one rule is known to decide, else None.

`quick` never knows better than the rules. It proves by cheap tests (no stray sign, no second letter that
stands alone, no second cue) that every rule before the deciding one finds nothing, and then calls that rule's
own code; where a proof fails it returns None and the caller runs all rules. tests/test_answers_properties.py
compares both on thousands of replies. Standard library only.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import lru_cache

from .answer_letters import (
    DENIED_AFTER,
    DENIED_BEFORE,
    FUNCTION_WORD,
    STRONG,
    TENTATIVE,
    VERDICT,
    Named,
    after_cue,
    letters_at,
    may_deny,
)
from .answer_reader import ParsedAnswer, Reader, bare
from .answer_text import CLAUSE, REFUSAL, calm, has_excuse

LONGEST = 8_000
SINGLE = frozenset(string.ascii_lowercase)
SIGNS = " \t\n.,;:!?()'/-&=*"
TABLE = dict.fromkeys(range(128), "\x00")
TABLE |= {ord(sign): " " for sign in SIGNS} | {ord(digit): digit for digit in "0123456789"}
TABLE |= {code: chr(code | 32) for code in (*range(65, 91), *range(97, 123))}

QUOTED_KEY = re.compile(r"[\"']\s{0,9}:")
LAST = re.compile(
    r"(?:(?:[Aa]nswer|ANSWER|(?:[Cc]orrect|[Bb]est|[Rr]ight) (?:option|choice))(?: is:?|:)"
    r"|(?P<act>choose|select|pick)) {1,4}(?:option )?\(?(?P<letter>[A-Z])\)? {0,4}[.!]?\s*$"
)
LEAD = re.compile(
    r"\s*(?:[Tt]he )?(?:(?:correct|best|right|final) )?[Aa]nswer(?: is:?|:) {1,4}(?:option )?\(?(?=[A-Z])"
)
PAIR_FIRST = re.compile(r"\s*\(?(?P<letter>[A-Z])[).:]{1,2} (?! )")
PAIR_LAST = re.compile(r"[^()\n]{1,99}? \((?P<letter>[A-Z])\)[\s.]*$")
HELD = re.compile(r"(?:<answer>\s*|\\boxed\{)(?P<letter>[A-Z])(?:\s*</answer>|\})[\s$.]*$")
BARE = re.compile(r"[\s*(]*(?P<letter>[A-Z])[\s*).:!]*")
ACTORS = ("I would ", "I'd ", "I ", "I will ")
AFTER = frozenset(["so", "therefore", "thus", "hence"])
LEADS = frozenset(["the", "my", "final", "correct", "best", "right"])
ARTICLE = re.compile(r"[AaIi] (?<![\w'][AaIi] )(?P<next>[a-z]+)")
CAPITALS = re.compile(r"[A-Z]{2,}")
CLIPPED = re.compile(r"(?<=[A-Za-z])'([a-z]+)(?![\w'])")
PRONOUN = re.compile(r"(?<![\w'])I'(?P<clip>[a-z]+)")
ANSWER = re.compile(r"\banswer\b")
CUES = frozenset(
    [
        "answer", "answers", "ans", "antwort", "respuesta", "resposta", "risposta", "option", "choice",
        "letter", "selection", "response", "pick", "guess", "bet", "conclusion", "verdict", "decision",
        "result", "solution", "ergebnis", "selected", "picked", "choose", "choosing", "chose", "picking",
        "select", "selecting", "go", "going", "opt", "opted", "opting", "nehme", "choisis", "prends",
        "opte", "elijo", "escojo", "selecciono", "scelgo", "escolho", "sondern", "mais", "sino",
    ]
)  # fmt: skip
DOUBTS = frozenset(
    [
        "initially", "first", "thought", "assumed", "considered", "guessed", "previously", "earlier",
        "originally", "might", "could",
    ]
)  # fmt: skip
CUES_WITH_COLON = CUES | {"correct", "chosen"}
NEXT_TO_A_LETTER = frozenset(
    [
        "is", "are", "was", "were", "would", "must", "should", "seems", "appears", "looks", "ist", "est",
        "es", "it", "and", "or", "und", "oder", "et", "ou", "y", "e", "o", "but", "sondern", "mais",
        "sino", "because", "since", "due", "given", "with", "for", "based", "rather", "instead", "fits",
        "matches", "suits", "explains", "remains",
    ]
)  # fmt: skip


def quick(text: str, reader: Reader) -> ParsedAnswer | None:
    """Return what all rules would make of `text`, or None where that is not proved."""
    if len(text) > LONGEST or not text.isascii() or "[" in text or not reader.wordings.ascii:
        return None
    if len(text) < 16 and (bare := BARE.fullmatch(text)):
        return by_bare_letter(bare["letter"], bare.span("letter"), reader)
    if text.startswith("<think>") and text.count("<") in (2, 4):
        end = text.find("</think>") + len("</think>")
        text = " " * end + text[end:]
    if ":" in text and ("'" in text or '"' in text) and QUOTED_KEY.search(text):
        return None
    folded = text.translate(TABLE)
    first, second = echo_keys(reader)
    if first in folded and second in folded:
        return None  # perhaps a copy of the options
    if "<" in text or "\\" in text:
        return by_last_container(text, reader)
    return by_last_words(text, folded, reader) or by_only_letter(text, folded, reader)


@lru_cache(maxsize=16_384)
def echo_keys(reader: Reader) -> tuple[str, str]:
    """Return what a copy of the options holds at least: the first words of the first two wordings, folded."""
    first, second, *_ = (wording.split()[0].translate(TABLE) for wording in reader.wordings.texts.values())
    return first, second


def by_bare_letter(letter: str, span: tuple[int, int], reader: Reader) -> ParsedAnswer | None:
    """Return the answer that one letter alone is, with signs around it."""
    if (letter.lower(),) in reader.wordings.letters_of or (letter == "Q" and letter not in reader.letters):
        return None
    if letter not in reader.letters:
        return ParsedAnswer("out_of_range", rule="whole", span=span)
    return ParsedAnswer("answered", (letter,), "whole", span)


def by_last_container(text: str, reader: Reader) -> ParsedAnswer | None:
    """Return the letter in the only container of a reply, at its end: a tag or a box."""
    held = HELD.search(text, max(0, len(text) - 48))
    if held is None or held["letter"] not in reader.letters:
        return None
    tagged = text[held.start()] == "<"
    if text.count("<") != (2 if tagged else 0) or text.lower().count("box") != (0 if tagged else 1):
        return None
    parsed = by_bare_letter(held["letter"], held.span("letter"), reader)
    return parsed._replace(rule="container") if parsed is not None else None


def by_last_words(text: str, folded: str, reader: Reader) -> ParsedAnswer | None:
    """Return the answer that a reply declares with its last words ("... so the answer is C.")."""
    core = text[-12:].rstrip(" \n\t\r.!*)")
    if not core[-1:].isupper() or core[-2:-1].isalnum():
        return None
    low = max(0, len(text) - 48)
    found = LAST.search(text[low:].replace("*", " "))
    if found is None:
        return None
    start, leads = low + found.start(), LEADS
    if found["act"]:
        actors = [actor for actor in ACTORS if text.replace("*", " ").endswith(actor, 0, start)]
        if not actors:
            return None
        start, leads = start - len(max(actors, key=len)), AFTER
    if folded.find("\0", max(0, start - 90)) >= 0:
        return None
    before, said = text[max(0, start - 80) : start].replace("*", " "), folded[max(0, start - 80) : start]
    ends, words = before.rstrip(), said.split()
    if not (ends == "" or ends[-1] in ".,;:!?" or words[-1] in leads) or "- " in before:
        return None
    if may_deny(words) and DENIED_BEFORE.search(before):
        return None
    if (not DOUBTS.isdisjoint(words) or "tempt" in said) and TENTATIVE.search(before):
        return None
    letter, (first, last) = found["letter"], found.span("letter")
    if letter not in reader.letters:
        return ParsedAnswer("out_of_range", rule="declaration", span=(low + first, low + last))
    return ParsedAnswer("answered", (letter,), "declaration", (low + first, low + last))


def by_only_letter(text: str, folded: str, reader: Reader) -> ParsedAnswer | None:
    """Return what a plain reply says that names one letter once, or none at all."""
    if "\0" in folded or "- " in text or "-\n" in text or text.endswith("-"):
        return None
    plain = text.replace("*", " ")
    words = folded.split()
    if not words:
        return ParsedAnswer("no_answer")
    lone = lone_letters([word for word in words if word in SINGLE], plain)
    if lone is None or len(lone) > 1:
        return None
    for run in CAPITALS.findall(plain):
        if reader.letters.issuperset(run):
            return None
    known = CUES_WITH_COLON if ":" in text else CUES
    cues = [] if known.isdisjoint(words) else [word for word in words if word in known]
    if not lone:
        return by_words(plain, folded, words, reader) if not cues else None
    if cues:
        return by_one_cue(plain, folded, cues, reader)
    return by_pair(plain, words, lone[0], reader) or by_first_letter(plain, words, lone[0], reader)


def by_pair(plain: str, words: Sequence[str], letter: str, reader: Reader) -> ParsedAnswer | None:
    """Return the answer that a letter with its own option's text alone is: "C. L4-L5", "L4-L5 (C)"."""
    first, exact = words[0] == letter, reader.wordings.letters_of
    upper = letter.upper()
    own = exact.get(tuple(words[1:] if first else words[:-1]))
    if own != (upper,) or tuple(words) in exact or words[min(1, len(words) - 1)] in NEXT_TO_A_LETTER:
        return None
    found = (PAIR_FIRST if first else PAIR_LAST).match(plain)
    if found is None or found["letter"] != upper or VERDICT.match(plain, found.start("letter")):
        return None
    return ParsedAnswer("answered", (upper,), "whole", found.span("letter"))


def lone_letters(singles: list[str], plain: str) -> list[str] | None:
    """Return the lone letters that are no article, pronoun or clipped verb; None where one cannot tell."""
    if not singles or ("'" not in plain and "a" not in singles and "i" not in singles):
        return singles
    known: list[str] = []
    if "'" in plain:
        clips = CLIPPED.findall(plain)
        if plain.count("'") != len(clips):
            return None
        known += [clip for clip in clips if len(clip) == 1]
        known += ["i"] * len(PRONOUN.findall(plain))
    for found in ARTICLE.finditer(plain):
        word = found["next"]
        if word in NEXT_TO_A_LETTER or FUNCTION_WORD.fullmatch(word):
            if found[0][0] == "A":
                continue  # "A because ...": a letter
            return None
        known.append(found[0][0].lower())
    for letter in known:
        if letter not in singles:
            return None
        singles.remove(letter)
    return singles


def by_one_cue(plain: str, folded: str, cues: Sequence[str], reader: Reader) -> ParsedAnswer | None:
    """Return the answer of a reply with one letter and one cue, "answer", that leads to it."""
    if cues == ["answer"] and (lead := LEAD.match(plain)):
        return by_lead(plain, lead.end(), reader)
    said = ANSWER.search(folded)
    if len(cues) > 1 or said is None:
        return None
    start = said.start()
    cue = STRONG.match(plain, start)
    ends = plain[:start].rstrip()
    if cue is None or not (ends == "" or ends[-1] in ".,;:!?" or folded[:start].split()[-1] in LEADS):
        return None
    named = after_cue(plain, cue, reader.letters)
    if named is None or len(named.letters) != 1 or not plain[named.start].isupper():
        return None
    before = folded[max(0, start - 80) : start]
    if VERDICT.match(plain, named.start) or "tempt" in before or not DOUBTS.isdisjoint(before.split()):
        return None
    if "would" in plain[cue.end() : named.start].lower():
        return None
    return reader.judge(named, "declaration", plain)


def by_lead(plain: str, place: int, reader: Reader) -> ParsedAnswer | None:
    """Return the answer of a reply that opens with "The answer is" and the only letter after that."""
    named = letters_at(plain, place, reader.letters)
    if named is None or len(named.letters) != 1 or not plain[named.start].isupper():
        return None
    if VERDICT.match(plain, named.start) or DENIED_AFTER.match(plain, named.end):
        return None
    return reader.judge(named, "declaration", plain)


def by_first_letter(plain: str, words: Sequence[str], letter: str, reader: Reader) -> ParsedAnswer | None:
    """Return the answer of a reply that opens with its only letter and has no cue: "C. L4-L5 is low"."""
    start = len(plain) - len(plain.lstrip())
    opened = plain[start : start + 2].lstrip("(")
    if words[0] != letter or opened[:1] != letter.upper() or tuple(words) in reader.wordings.letters_of:
        return None
    named = Named((letter.upper(),), plain.index(letter.upper(), start), 0)
    if VERDICT.match(plain, named.start):
        return None
    return reader.by_opening_letter(plain, start) if len(words) > 1 else None


def by_words(plain: str, folded: str, words: Sequence[str], reader: Reader) -> ParsedAnswer | None:
    """Return what a reply without letters and cues says in words: an option, a refusal, nothing."""
    exact = reader.wordings.letters_of.get(tuple(words), ())
    if len(exact) == 1:
        return reader.judge(Named(exact, *bare(plain)), "whole", plain)
    excuse = has_excuse(folded, frozenset(words))
    matched = reader.wordings.matched_in(CLAUSE.sub(calm, plain) if excuse else plain)
    if matched:
        return reader.judge(Named(matched, 0, len(plain)), "option_text", plain)
    return (
        ParsedAnswer("refusal", rule="refusal")
        if excuse and REFUSAL.search(plain)
        else ParsedAnswer("no_answer")
    )
