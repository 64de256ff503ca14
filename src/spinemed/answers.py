"""Which option a model's reply chooses and by which rule: never a guess, never with the key in sight.

Six states: answered, no_answer, refusal, ambiguous, out_of_range, truncated. Only answered can score. The
rules run in order and the first that decides wins: explicit container, last valid declaration, whole reply,
weaker commitment, option text (levels through the level grammar), refusal. Standard library only; the pure
modules beside it (answer_text, answer_letters, answer_wording, level_grammar, levels) travel with it into
metric folders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from .answer_letters import (
    COMMITTING,
    CORRECTION,
    JOIN,
    NAMING,
    ONE,
    RUN,
    Named,
    bracketed_letters,
    committed,
    declared,
    letters_at,
    paired_letters,
)
from .answer_text import is_refusal, read_reply, without_echo, without_markup, without_refusals
from .answer_wording import Wordings, read_wordings

Status = Literal["answered", "no_answer", "refusal", "ambiguous", "out_of_range", "truncated"]
STATUSES: tuple[Status, ...] = ("answered", "no_answer", "refusal", "ambiguous", "out_of_range", "truncated")

CONTAINER = re.compile(
    r"<answer>(?P<tag>.*?)(?:</answer>|\Z)"
    r"|[\"'](?:final_?answer|answer|choice|option|letter|selected_?option)[\"']\s{0,9}:\s{0,9}"
    r"(?:\[[^\]\n]{0,200}|\"[^\"\n]{0,400}|'[^'\n]{0,400}|[^\"'\n,}]{1,40})"
    r"|\\f?boxed\s{0,3}\{(?P<box>[^{}\n]{0,200}(?:\{[^{}\n]{0,200}\}[^{}\n]{0,50})?)",
    re.IGNORECASE | re.DOTALL,
)
LONGEST_CONTAINER = 4000  # what a container holds beyond this is prose, not an answer
OPENS_WITH_LETTER = re.compile(
    rf"[(\[\"'【「]?(?P<letter>{ONE.pattern})[)\]\"'】」]?\s{{0,3}}(?P<sign>[.:,;)、-]?)"
)
ENDS_WITH_LETTER = re.compile(r"^(?P<words>[^()\n]{1,300}?)\s*\((?P<letter>[A-Za-z])\)?[\s.]*$")
NEXT_WORD = re.compile(r"(?:because|since|as|due|不|是)", re.IGNORECASE)


@dataclass(frozen=True)
class ParsedAnswer:
    """What a reply chooses: `letters` (none unless answered), the rule, and the span in the raw reply.

    `conflict` says that the reply names one option by letter and words another; the letter is what counts.
    """

    status: Status
    letters: tuple[str, ...] = ()
    rule: str = "none"
    span: tuple[int, int] = (0, 0)
    conflict: bool = False


def parse_answer(
    response: str, options: Mapping[str, str], *, multiple: bool = False, cut_off: bool = False
) -> ParsedAnswer:
    """Return which of `options` (upper-case letter -> wording) the reply chooses, and how that was found.

    With `multiple` several letters may be right together; otherwise two letters are ambiguous. `cut_off` says
    that generation hit its limit: a reply without an answer is then truncated. An empty reply is no_answer.
    The last valid declaration wins and a denied one is skipped. Where letter and wording disagree the letter
    counts and `conflict` is set. Raises TypeError unless the reply is text, ValueError on unusable options.

    >>> parse_answer("L4 (C)", {"A": "L2", "B": "L3", "C": "L4"}).letters
    ('C',)
    >>> parse_answer("The answer is not A.", {"A": "Yes", "B": "No"}).status
    'no_answer'
    """
    if not isinstance(response, str):
        raise TypeError(f"a reply is text, got {type(response).__name__}: {response!r:.80}")
    check_options(options)
    reply = read_reply(response)
    reader = Reader(read_wordings(options), multiple)
    text = without_echo(reply.text, options, torn=not multiple)
    parsed = reader.in_container(text) or reader.in_text(without_markup(text))
    if parsed.status == "no_answer" and (reply.broke_off or cut_off):
        return ParsedAnswer("truncated", rule="cut_off")
    start, end = parsed.span
    return ParsedAnswer(
        parsed.status, parsed.letters, parsed.rule, reply.raw_span(start, end), parsed.conflict
    )


def check_options(options: Mapping[str, str]) -> None:
    """Raise ValueError unless `options` maps two or more single upper-case letters to text."""
    bad = [letter for letter in options if not re.fullmatch(r"[A-Z]", letter)]
    if bad or len(options) < 2:
        raise ValueError(f"options need two or more single letters A to Z as keys, got {list(options)}")
    for letter, wording in options.items():
        if not isinstance(wording, str) or not wording.strip():
            raise ValueError(f"option {letter} has no wording: {wording!r}")


@dataclass(frozen=True)
class Reader:
    """The rules for one item: its options, read once, and whether several letters may be right."""

    wordings: Wordings
    multiple: bool

    @property
    def letters(self) -> frozenset[str]:
        """The letters that may be chosen."""
        return frozenset(self.wordings.texts)

    def in_container(self, text: str) -> ParsedAnswer | None:
        """Return what the last usable <answer>, JSON key or box holds; None if no container decides."""
        for found in reversed(list(CONTAINER.finditer(text))):
            start, end = found.span("tag") if found["tag"] is not None else found.span()
            content = text[start:end]
            if found["box"] is not None:
                start, end = found.span("box")
                content = text[start:end]
            elif found["tag"] is None:
                colon = content.index(":") + 1
                start, content = start + colon, content[colon:]
            plain = (
                re.sub(r"[\"'\[]", " ", without_markup(content))
                if found["tag"] is None
                else without_markup(content)
            )
            parsed = self.in_text(plain[:LONGEST_CONTAINER])
            if parsed.rule == "none" or (found["box"] is not None and parsed.status != "answered"):
                continue
            low, high = parsed.span
            return ParsedAnswer(
                parsed.status, parsed.letters, "container", (start + low, start + high), parsed.conflict
            )
        return None

    def in_text(self, text: str) -> ParsedAnswer:
        """Return what the first deciding rule makes of plain text."""
        rules: tuple[Callable[[str], ParsedAnswer | None], ...] = (
            self.by_declaration,
            self.by_whole_reply,
            self.by_tentative_declaration,
            self.by_commitment,
            self.by_wording,
        )
        for rule in rules:
            parsed = rule(text)
            if parsed is not None:
                return parsed
        return ParsedAnswer("refusal", rule="refusal") if is_refusal(text) else ParsedAnswer("no_answer")

    def by_declaration(self, text: str) -> ParsedAnswer | None:
        """Rule 3: the last declaration that is neither denied nor tentative; a correction after it wins."""
        return self.last_of(
            text, [named for named, tentative in declared(text, self.letters) if not tentative]
        )

    def by_tentative_declaration(self, text: str) -> ParsedAnswer | None:
        """Rule 3 again: "at first I thought the answer was B" counts when nothing firmer is said."""
        return self.last_of(text, [named for named, tentative in declared(text, self.letters) if tentative])

    def last_of(self, text: str, found: list[Named]) -> ParsedAnswer | None:
        """Return the last usable declaration; words after a cue count when they word an option."""
        for named in reversed(found):
            if named.letters:
                corrected = [
                    match for match in CORRECTION.finditer(text, named.end) if match["letter"].isupper()
                ]
                if corrected:
                    named = Named((corrected[-1]["letter"],), *corrected[-1].span("letter"))
                return self.judge(named, "declaration", text)
            worded = self.wordings.opening(text, named.start)
            if worded is not None:
                return self.judge(worded, "declaration", text)
        return None

    def by_whole_reply(self, text: str) -> ParsedAnswer | None:
        """Rule 4: a letter, a letter with its text, text with its letter, or one letter alone on a line."""
        stripped = text.strip(" \t\r\n\"'.,:;!-。，")
        if not stripped:
            return None
        start = text.index(stripped)
        run = RUN.fullmatch(stripped)
        if run and set(run[0]) <= self.letters:
            return self.judge(Named(tuple(dict.fromkeys(run[0])), start, start + len(run[0])), "whole", text)
        exact = self.wordings.exact(stripped)
        if exact is not None:
            return self.judge(Named((exact,), start, start + len(stripped)), "whole", text)
        tail = ENDS_WITH_LETTER.match(stripped)
        if tail and self.wordings.matched(tail["words"]):
            place = start + tail.start("letter")
            return self.judge(
                Named((tail["letter"].upper(),), place, place + 1), "whole", text, tail["words"]
            )
        return self.by_opening_letter(text, start) or self.by_lone_line(text)

    def by_opening_letter(self, text: str, start: int) -> ParsedAnswer | None:
        """Rule 4: "C", "(C)", "C. L4-L5", "C because ..."; not a walk through the options."""
        opening = OPENS_WITH_LETTER.match(text, start)
        if opening is None:
            return None
        named = letters_at(text, opening.start("letter"), self.letters)
        rest = text[opening.end() :].lstrip()
        if named is None or self.enumerates(text[opening.end() :], named):
            return None
        listed = JOIN.match(text, named.end)
        if listed and ONE.match(text, listed.end()):
            return None  # "A, B and D are wrong"
        closed = text[opening.start()] in "([\"'【「"
        ends = not text[named.end :].strip(" \t\r\n\"').]!?。】」")
        worded = self.wordings.opening(text, opening.end()) is not None
        upper = text[named.start].isupper()
        if ends or (
            upper
            and (opening["sign"] or closed or worded or NEXT_WORD.match(rest) or "一" <= rest[:1] <= "龥")
        ):
            return self.judge(named, "whole", text)
        return None

    def enumerates(self, rest: str, named: Named) -> bool:
        """Tell whether other option letters follow as list heads or sentence subjects."""
        heads = re.finditer(r"(?:^|[\n.;,])\s*\(?([A-Z])(?:\s*[.):]|\s+(?:is|shows?|has|looks?)\b)", rest)
        return any(head[1] in self.letters - set(named.letters) for head in heads)

    def by_lone_line(self, text: str) -> ParsedAnswer | None:
        """Rule 4: exactly one of the letters stands alone on a line of its own."""
        lines = re.finditer(r"^[ \t(\[\"'】「]*(?P<letter>[A-Z])[ \t)\]\"'.】」]*$", text, re.MULTILINE)
        found = [
            Named((line["letter"],), *line.span("letter")) for line in lines if line["letter"] in self.letters
        ]
        return self.judge(found[-1], "whole", text) if len({named.letters for named in found}) == 1 else None

    def by_commitment(self, text: str) -> ParsedAnswer | None:
        """Rule 5: "so B", "option C", "(C)" once, "both B and C"; letters in passing decide nothing."""
        calm = without_refusals(text)
        pairs = list(paired_letters(calm))
        if pairs:
            return self.judge(pairs[-1], "commitment", text)
        firm = list(committed(calm, self.letters, COMMITTING))
        if firm:
            return self.judge(firm[-1], "commitment", text)
        for found in (
            committed(calm, self.letters, NAMING),
            bracketed_letters(calm),
            self.lettered_wordings(calm),
        ):
            agreed = single(found)
            if agreed is not None and set(agreed.letters) <= self.letters:
                return self.judge(agreed, "commitment", text)
        return None

    def lettered_wordings(self, text: str) -> Iterable[Named]:
        """Yield each letter that stands before its own option's text: "C) Decompression and fusion"."""
        for head in re.finditer(rf"(?P<letter>{ONE.pattern})\s?[).:]\s{{0,3}}", text):
            worded = self.wordings.opening(text, head.end())
            if worded is not None and worded.letters == (head["letter"],):
                yield Named((head["letter"],), head.start("letter"), worded.end)

    def by_wording(self, text: str) -> ParsedAnswer | None:
        """Rule 6: the options that the reply words, outside refusals and denials."""
        matched = self.wordings.matched(without_refusals(text))
        return self.judge(Named(matched, 0, len(text)), "option_text", text) if matched else None

    def judge(self, named: Named, rule: str, text: str, words: str | None = None) -> ParsedAnswer:
        """Return the answer that letters make: one or several, in or out of range, worded alike or not."""
        span = (named.start, named.end)
        if not set(named.letters) <= self.letters:
            return ParsedAnswer("out_of_range", rule=rule, span=span)
        if len(named.letters) > 1 and not self.multiple:
            return ParsedAnswer("ambiguous", rule=rule, span=span)
        said = self.wordings.matched(words) if words is not None else self.after_letter(text, named)
        conflict = len(named.letters) == 1 and len(said) == 1 and said != named.letters
        return ParsedAnswer("answered", tuple(sorted(named.letters)), rule, span, conflict)

    def after_letter(self, text: str, named: Named) -> tuple[str, ...]:
        """Return the option worded right after a letter ("C. L5-S1"), if any."""
        gap = re.compile(r"[)\]\"'】」]{0,2}\s{0,2}[.:,(–-]?\s{0,2}").match(text, named.end)
        worded = self.wordings.opening(text, gap.end() if gap else named.end)
        return worded.letters if worded is not None and worded.start >= named.end else ()


def single(found: Iterable[Named]) -> Named | None:
    """Return the last of `found` if all name the same letters, else None: several do not commit."""
    names = list(found)
    return names[-1] if names and len({named.letters for named in names}) == 1 else None
