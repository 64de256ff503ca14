"""A model's reply made plain to read: NFKC with a map back, reasoning, markup, echoes and refusals set apart.

What is taken out is replaced by as many spaces, so that positions stay. Of a reply longer than 10,000
characters, reasoning aside, the beginning and the end are read: no final answer hides in the middle of more.
Standard library only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufe0e\ufe0f]")
STRAIGHT = str.maketrans("’‘“”„", '\'\'"""')
CHANNEL = "<|channel|>final<|message|>"  # what stands before it is reasoning (harmony format)
LONGEST_HEAD, LONGEST_TAIL = 2_000, 8_000
CHAT_TOKEN = re.compile(r"<\|[^<>|\n]{1,40}\|>|</?s>|<eos>|<bos>|<pad>|<(?:start|end)_of_turn>|\[/?INST\]")
THOUGHT = re.compile(r"<(/?)(?:think|thinking|thought|reasoning|analysis|scratchpad)>", re.IGNORECASE)
MARKUP = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|boxed|fbox|operatorname|bf|rm|quad)\b"
    r"|\\[()\[\],;! ]|[*$`{}]|(?<![0-9A-Za-z])_+|_+(?![0-9A-Za-z])|^[ \t]*(?:#{1,6}|>+|[-•·])(?=\s)"
    r"|</?(?:b|i|u|em|strong|br|p|span|code|pre|li|ul|ol|div|font|answer|final)\s*/?>",
    re.IGNORECASE | re.MULTILINE,
)
CLAUSE = re.compile(r"[^.;!?\n。；！？]+")
TURN = re.compile(
    r"\b(?:but|however|nevertheless|nonetheless|still|though|aber|jedoch|mais|pero)\b|但|不过|然而",
    re.IGNORECASE,
)
JUDGE = (
    r"(?:help|assist|determin\w*|say|said|tell|answer\w*|identif\w+|provid\w+|giv\w+|assess\w*|decid\w+|judged?|comply"
    r"|interpret\w*|diagnos\w+|analy[sz]\w+|evaluat\w+|establish\w*|ascertain\w*|confirm\w*|comment|make|made|offer|choose"
    r"|view|process|access|open"
    r"|(?:see|read) (?:an|any|the|this|your) (?:\w+ )?(?:image|picture|scan|photo|film|attachment)s?)\b"
)
REFUSAL = re.compile(
    r"\bsorry\b|\bapologi[sz]e|\bas an? (?:ai|artificial|language model)\b"
    r"|\bmust decline\b|\b(?:i|we) (?:decline|refuse)\b|\bno idea\b|\bunsure\b"
    r"|\b(?:do not|don'?t|does not|doesn'?t) (?:\w+ )?know\b|\bnot (?:\w+ )?(?:sure|certain)\b"
    r"|\b(?:can(?:no|')?t|can not|could(?: not|n'?t)|will not|won'?t|unable to|not able to"
    r"|(?:im|not )possible to)"
    rf" (?:be |you |to |with |\w+ly )?{JUDGE}"
    r"|\b(?:please|should|must|recommend|advise)\b[^\n]{0,30}\bconsult|^\s*consult\b"
    r"|\bno (?:image|picture|scan|attachment) (?:is|was|has|attached|provided|found|visible)"
    r"|\b(?:insufficient|not enough) (?:information|data|detail)"
    r"|\b(?:don'?t|do not) (?:see|have|receive) (?:an|any|the|access)\b"
    r"|无法|不能(?:判断|确定|回答|提供|给出|诊断|识别)|抱歉|对不起|不知道|不确定|看不到|没有(?:看到|提供|收到)?图|请咨询|拒绝"
    r"|\bkann (?:ich |das |es |dies )*nicht\b|\btut mir leid\b|\bwei(?:ß|ss) (?:ich |es )*nicht\b"
    r"|\bje ne (?:peux|sais|suis) pas\b|\bdésolé|\bno puedo\b|\blo siento\b|\bno (?:lo )?sé\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reply:
    """A reply in normal form, each character's place in the raw reply, and whether thought broke off."""

    text: str
    places: tuple[int, ...] | None  # None where positions are the raw ones
    broke_off: bool

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open span of the raw reply that `text[start:end]` stands for."""
        if self.places is None or start >= end:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def read_reply(raw: str) -> Reply:
    """Return `raw` in NFKC without unseen characters, chat tokens and closed reasoning.

    Reasoning that opens and never closes is taken out too and sets `broke_off`.

    >>> read_reply("<think>B?</think>（Ｃ）").text.strip()
    '(C)'
    >>> read_reply("<think>A or").broke_off
    True
    """
    text, places = fold(raw.translate(STRAIGHT))
    final = text.rfind(CHANNEL)
    if final >= 0:
        text = " " * (final + len(CHANNEL)) + text[final + len(CHANNEL) :]
    text = blank(CHAT_TOKEN, text)
    text, broke_off = without_reasoning(text)
    if len(text) > LONGEST_HEAD + LONGEST_TAIL:
        kept = places if places is not None else range(len(text))
        places = (*kept[:LONGEST_HEAD], kept[LONGEST_HEAD], *kept[-LONGEST_TAIL:])
        text = f"{text[:LONGEST_HEAD]}\n{text[-LONGEST_TAIL:]}"
    return Reply(text, places, broke_off)


def without_reasoning(text: str) -> tuple[str, bool]:
    """Return `text` with reasoning blocks blanked, and whether the last of them never closes.

    A closing tag alone ends reasoning that began before the text.
    """
    pieces: list[str] = []
    end, opened = 0, -1
    for tag in THOUGHT.finditer(text):
        if not tag[1]:
            opened = tag.start() if opened < 0 else opened
            continue
        start = opened if opened >= 0 else end
        pieces += [text[end:start], " " * (tag.end() - start)]
        end, opened = tag.end(), -1
    if opened < 0:
        return "".join(pieces) + text[end:], False
    return "".join(pieces) + text[end:opened] + " " * (len(text) - opened), True


def fold(raw: str) -> tuple[str, tuple[int, ...] | None]:
    """Return `raw` in NFKC without unseen characters, and each character's place in `raw` unless the same."""
    if raw.isascii() or (unicodedata.is_normalized("NFKC", raw) and not UNSEEN.search(raw)):
        return raw, None
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(raw):
        folded = character if character.isascii() else fold_character(character)
        characters.append(folded)
        places.extend([place] * len(folded))
    return "".join(characters), tuple(places)


@lru_cache(maxsize=4096)
def fold_character(character: str) -> str:
    """Return the NFKC form of one character; nothing for one that is not seen."""
    return "" if UNSEEN.match(character) else unicodedata.normalize("NFKC", character)


def blank(pattern: re.Pattern[str], text: str) -> str:
    """Return `text` with every match of `pattern` replaced by as many spaces."""
    return pattern.sub(lambda match: " " * len(match[0]), text)


def without_markup(text: str) -> str:
    r"""Return `text` with Markdown, LaTeX and HTML wrappers blanked; words and brackets stay.

    >>> without_markup(r"**C** $\boxed{B}$").split()
    ['C', 'B']
    """
    return blank(MARKUP, text)


def without_echo(text: str, options: Mapping[str, str], *, torn: bool = True) -> str:
    r"""Return `text` with every copy of the option list blanked.

    With `torn` also a copy that starts at the first option and breaks off, as at a limit of tokens.

    >>> without_echo("A. L1\nB. L2\nAnswer: B", {"A": "L1", "B": "L2"}).strip()
    'Answer: B'
    >>> without_echo("A. L1\nB. L2\nC", {"A": "L1", "B": "L2", "C": "L3"}).strip()
    ''
    """
    if len(options) < 2:
        return text
    lines = [
        rf"\(?{letter}\s*[.):,、-]?\s*" + r"\s+".join(re.escape(word) for word in wording.split())
        for letter, wording in options.items()
    ]
    between = r"(?![0-9A-Za-z])[\s,;.|/•-]{0,20}(?:or\s+)?"
    pattern = r"(?<![0-9A-Za-z])" + between.join(lines)
    if torn:
        rest = r"\s*\Z"
        for letter, line in reversed([*zip(options, lines, strict=True)][2:]):
            stump = rf"(?:{between}\(?{letter}[.):,、-]?\s{{0,3}}\w{{0,12}})?\s*\Z"
            rest = f"(?:{between}{line}{rest}|{stump})"
        pattern += rf"|\A\s*{lines[0]}{between}{lines[1]}{rest}"
    return blank(re.compile(pattern, re.IGNORECASE), text)


def without_refusals(text: str) -> str:
    """Return `text` with the clauses that refuse or plead ignorance blanked; what follows a `but` stays.

    >>> without_refusals("I can't diagnose, but L4 looks low. Please consult a doctor.").split()
    ['but', 'L4', 'looks', 'low.', '.']
    """

    def keep(match: re.Match[str]) -> str:
        clause = match[0]
        refusal = REFUSAL.search(clause)
        if refusal is None:
            return clause
        turn = TURN.search(clause, refusal.end())
        kept = clause[turn.start() :] if turn else ""
        return " " * (len(clause) - len(kept)) + kept

    return CLAUSE.sub(keep, text)


def is_refusal(text: str) -> bool:
    """Tell whether `text` refuses, pleads ignorance or sends the reader to a doctor.

    >>> is_refusal("I cannot say from one slice."), is_refusal("This is not medical advice.")
    (True, False)
    """
    return REFUSAL.search(text) is not None
