"""The rules that read one item's replies, in order, and what they can find: six states, never a guess.

Standard library and the modules of the parser only. Every rule gets plain text and returns None where it does
not decide. The key of an item is nowhere in sight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from .answer_containers import containers
from .answer_letters import (
    COMMITTING,
    CORRECTION,
    JOIN,
    NAMING,
    ONE,
    RUN,
    Named,
    bracketed_letters,
    closing_letter,
    committed,
    declared,
    letters_at,
    paired_letters,
)
from .answer_text import is_refusal, without_markup, without_refusals
from .answer_wording import Wordings

Status: TypeAlias = Literal["answered", "no_answer", "refusal", "ambiguous", "out_of_range", "truncated"]
STATUSES: tuple[Status, ...] = ("answered", "no_answer", "refusal", "ambiguous", "out_of_range", "truncated")

OPENS_WITH_LETTER = re.compile(
    rf"[(\[\"'【「]?(?P<letter>{ONE.pattern})(?P<sign>[)\]\"'】」]?\s{{0,3}}[.:,;)、。-]?)"
)
NUMBERED = re.compile(r"\d{1,3}[.):]\s{0,3}\(?(?P<letter>[A-Z])\)?")
HEADS = (
    r"\s*\(?(?P<letter>[A-Z])(?:\s*[.):]|\s+(?:is|shows?|has|looks?)\b)",
    r"\s*\(?(?P<low>[a-z])[.)]\s",
)
FIRST_HEAD = re.compile("|".join(HEADS))
LIST_HEAD = re.compile(rf"[\n.;,](?:{HEADS[0]}|(?<!\.){HEADS[1]})")
LONE_LINE = re.compile(r"^[ \t(\[\"'【「|]{0,20}(?P<letter>[A-Z])[ \t)\]\"'.】」|]{0,20}$", re.MULTILINE)
WALK_END = re.compile(r"[.!?;](?=\s)|[\n。！？；]")
WORD_SIGN = re.compile(r"[^\W_]")
LETTER_BEFORE_TEXT = re.compile(rf"(?P<letter>{ONE.pattern})\s?[).:]\s{{0,3}}")
LOW_SIGN = re.compile(r"\s?[.:)\]](?:\s|$)")
ENDS_WITH_LETTER = re.compile(r"^(?P<words>[^()\n]{1,300}?)\s*\((?P<letter>[A-Za-z])\)?[\s.]*$")
AFTER_LETTER = re.compile(r"[)\]\"'】」]{0,2}\s{0,2}[.:,(–-]?\s{0,2}")
NEXT_WORD = re.compile(r"(?:because|since|as|due|weil|parce|porque|不|是)", re.IGNORECASE)
NEXT_REASON = re.compile(r"(?:because|since)\b")
NEXT_DENIED = re.compile(
    r"\s{0,3}(?:is|was|can|could|would|must|seems?|looks?)(?:n't|\s+(?:\w+ly\s+)?(?:be\s+)?not)\b"
    r"|(?:[项項]|选项|選項)?[都均也则則]?(?:不(?!是\s?[A-Z])|错|錯|[可应應]?以?排除)"
    r"|[型级級类類图圖点點处處区區组組超段期]|[对對][比应應]"
)
GIVES_UP = re.compile(
    r"(?:unknown|unclear|undetermined|undecided|uncertain|none\b(?! other)|nothing\b|n/a\b"
    r"|not (?:sure|known|clear|certain)"
    r"|(?:i|we) (?:do not|don't|can ?not|can't|am not|could not)|cannot be|can't be"
    r"|未知|不确定|不確定|不知道|无法|無法)",
    re.IGNORECASE,
)


class ParsedAnswer(NamedTuple):
    """What a reply chooses: `letters` (none unless answered), the rule, and the span in the raw reply.

    `conflict` says that the reply names one option by letter and words another; the letter is what counts,
    unless the reader was told to be strict.
    """

    status: Status
    letters: tuple[str, ...] = ()
    rule: str = "none"
    span: tuple[int, int] = (0, 0)
    conflict: bool = False


@dataclass(frozen=True, eq=False)  # by identity: a key of caches
class Reader:
    """The rules for one item: its options, read once, and whether several letters may be right."""

    wordings: Wordings
    multiple: bool

    @cached_property
    def letters(self) -> frozenset[str]:
        """The letters that may be chosen."""
        return frozenset(self.wordings.texts)

    def in_container(self, text: str) -> ParsedAnswer | None:
        """Return what the last telling container holds; None if no container decides.

        A tag without an answer counts as none given, unless text after it answers. A box or JSON value that
        holds no letter and no option (mathematics, a number) is passed over.
        """
        for found in containers(text):
            plain = without_markup(found.content)
            if found.kind == "json":
                plain = re.sub(r"[\"'\[]", " ", plain)
            parsed = self.by_two_lines(plain) or self.in_text(plain)
            if found.kind == "tag" and parsed.rule == "none":
                after = self.in_text(" " * found.end + without_markup(text[found.end :]))
                return (after if after.letters else parsed)._replace(rule="container")
            lone = OPENS_WITH_LETTER.fullmatch(plain.strip()) and parsed.status == "out_of_range"
            if parsed.rule == "none" or (found.kind == "box" and parsed.status != "answered" and not lone):
                continue
            low, high = parsed.span
            return parsed._replace(rule="container", span=(found.start + low, found.start + high))
        return None

    def by_two_lines(self, text: str) -> ParsedAnswer | None:
        """Return ambiguous where a container holds two different letters, one a line."""
        letters = [line.strip(" ().") for line in text.strip().splitlines()]
        several = len(set(letters)) > 1 and all(letter in self.letters for letter in letters)
        return ParsedAnswer("ambiguous", rule="whole") if several and not self.multiple else None

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
        """Return the last usable declaration; words after a cue count when they word an option.

        A cue that leads to all letters of the item repeats the instruction ("answer with A, B, C or D").
        """
        for named in reversed(found):
            if named.letters:
                if self.repeats_all(named):
                    continue
                return self.judge(corrected(text, named), "declaration", text)
            worded = self.wordings.opening(text, named.start)
            if worded is not None:
                return self.judge(worded, "declaration", text)
            if GIVES_UP.match(text, named.start):
                status: Status = (
                    "refusal" if is_refusal(text[named.start : named.start + 200]) else "no_answer"
                )
                return ParsedAnswer(status, rule="declaration", span=(named.start, named.start))
        return None

    def repeats_all(self, named: Named) -> bool:
        """Tell whether all letters of a single-answer item are named, as an instruction does."""
        return not self.multiple and len(self.letters) > 2 and self.letters == set(named.letters)

    def by_whole_reply(self, text: str) -> ParsedAnswer | None:
        """Rule 4: a letter, a letter with its text, text with its letter, or one letter alone on a line."""
        start, end = bare(text)
        stripped = text[start:end]
        if not stripped:
            return None
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
        numbered = NUMBERED.fullmatch(stripped)
        if numbered:
            start += numbered.start("letter")
        return self.by_opening_letter(text, start) or self.by_lone_line(text)

    def by_opening_letter(self, text: str, start: int) -> ParsedAnswer | None:
        """Rule 4: "C", "(C)", "C. L4-L5", "C because ..."; not a walk through the options."""
        opening = OPENS_WITH_LETTER.match(text, start)
        if opening is None:
            return None
        named = letters_at(text, opening.start("letter"), self.letters)
        after = text[opening.end() :]
        if named is None and LOW_SIGN.match(text, opening.end("letter")):
            named = Named((opening["letter"].upper(),), *opening.span("letter"))  # "a. a bright disc"
        if (
            named is None
            or self.enumerates(after, named)
            or NEXT_DENIED.match(after)
            or NEXT_DENIED.match(text, named.end)
        ):
            return None
        if named.letters == ("Q",) and "Q" not in self.letters:
            return None  # "Q: ..." repeats the question
        other = after.strip(" \t\r\n().")
        if ":" in opening["sign"] and other in self.letters - set(named.letters):
            return self.judge(Named((*named.letters, other), named.start, opening.end()), "whole", text)
        listed = JOIN.match(text, named.end)
        if listed and ONE.match(text, listed.end()):
            return None  # "A, B and D are wrong"
        closed = text[opening.start()] in "([\"'【「"
        ends = WORD_SIGN.search(text, named.end) is None
        rest = after.lstrip()
        if text[named.start].isupper():
            stands = bool(opening["sign"].strip()) or closed or NEXT_WORD.match(rest) is not None
            stands = (
                stands or "一" <= rest[:1] <= "龥" or self.wordings.opening(text, opening.end()) is not None
            )
        else:
            sign = LOW_SIGN.match(text, named.end) is not None
            stands = sign or (named.end == opening.end("letter") and NEXT_REASON.match(rest) is not None)
        return self.judge(named, "whole", text) if ends or stands else None

    def enumerates(self, rest: str, named: Named) -> bool:
        """Tell whether other option letters follow as list heads or sentence subjects."""
        others = self.letters.difference(named.letters)
        for letter in others:
            low = letter.lower()
            if letter in rest or f"{low})" in rest or f"{low}." in rest:
                break
        else:
            return False
        head = FIRST_HEAD.match(rest)
        if head is None:
            head = LIST_HEAD.search(rest)
        while head is not None:
            if (head["letter"] or head["low"].upper()) in others:
                return True
            head = LIST_HEAD.search(rest, head.end())
        return False

    def by_lone_line(self, text: str) -> ParsedAnswer | None:
        """Rule 4: exactly one of the letters stands alone on a line of its own."""
        lines = re.finditer(
            r"^[ \t(\[\"'】「|]{0,20}(?P<letter>[A-Z])[ \t)\]\"'.】」|]{0,20}$", text, re.MULTILINE
        )
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
        firm = [found for found in committed(calm, self.letters, COMMITTING) if not self.repeats_all(found)]
        if firm:
            return self.judge(corrected(text, firm[-1]), "commitment", text)
        named: list[Named] = []
        for found in committed(calm, self.letters, NAMING):
            if self.repeats_all(found):  # "answer with the letter only: A, B, C or D"
                calm = calm[: found.start] + " " * (found.end - found.start) + calm[found.end :]
            else:
                named.append(found)
        for passing in (named, bracketed_letters(calm), self.lettered_wordings(calm), closing_letter(calm)):
            agreed = single(passing)
            if agreed is not None and set(agreed.letters) <= self.letters:
                return self.judge(agreed, "commitment", text)
        return None

    def lettered_wordings(self, text: str) -> Iterable[Named]:
        """Yield each letter that stands before its own option's text: "C) Decompression and fusion"."""
        for head in LETTER_BEFORE_TEXT.finditer(text):
            worded = self.wordings.opening(text, head.end())
            if worded is not None and worded.letters == (head["letter"],):
                yield Named((head["letter"],), head.start("letter"), worded.end)

    def by_wording(self, text: str) -> ParsedAnswer | None:
        """Rule 6: the options that the reply words, outside refusals and denials."""
        matched = self.wordings.matched(without_refusals(text))
        if len(matched) == 1 and not self.multiple and (end := self.walk_end(text)):
            matched = self.wordings.matched(without_refusals(text[end:]))
        return self.judge(Named(matched, 0, len(text)), "option_text", text) if matched else None

    def walk_end(self, text: str) -> int:
        """Return where a walk through lettered options ends ("A) L2-L3 is normal ..."), 0 without one."""
        walked = list(self.lettered_wordings(text))
        if len({named.letters for named in walked}) < 2:
            return 0
        stop = WALK_END.search(text, walked[-1].end)
        return stop.end() if stop else len(text)

    def judge(self, named: Named, rule: str, text: str, words: str | None = None) -> ParsedAnswer:
        """Return the answer that letters make: one or several, in or out of range, worded alike or not."""
        span = (named.start, named.end)
        if not set(named.letters) <= self.letters:
            return ParsedAnswer("out_of_range", rule=rule, span=span)
        if len(named.letters) > 1 and not self.multiple:
            return ParsedAnswer("ambiguous", rule=rule, span=span)
        if words is not None:
            said = self.wordings.matched(words)
        else:
            said = self.after_letter(text, named) if named.end < len(text) else ()
        conflict = len(named.letters) == 1 and len(said) == 1 and said != named.letters
        return ParsedAnswer("answered", tuple(sorted(named.letters)), rule, span, conflict)

    def after_letter(self, text: str, named: Named) -> tuple[str, ...]:
        """Return the option worded right after a letter ("C. L5-S1"), if any."""
        gap = AFTER_LETTER.match(text, named.end)
        worded = self.wordings.opening(text, gap.end() if gap else named.end)
        return worded.letters if worded is not None and worded.start >= named.end else ()


def corrected(text: str, named: Named) -> Named:
    """Return the letter of the last correction after `named` ("wait, no: C"), else `named`."""
    found = [match for match in CORRECTION.finditer(text, named.end) if match["letter"].isupper()]
    return Named((found[-1]["letter"],), *found[-1].span("letter")) if found else named


def bare(text: str) -> tuple[int, int]:
    """Return the span of `text` without the signs around it; brackets and signs of comparison stay.

    >>> bare("-> (C). ")
    (3, 6)
    """
    start, end = len(text) - len(text.lstrip()), len(text)
    while start < end and not (text[start].isalnum() or text[start] in "([{【「<≤≥+"):
        start += 1
    while start < end and not (text[end - 1].isalnum() or text[end - 1] in ")]}】」%+"):
        end -= 1
    return start, end


def single(found: Iterable[Named]) -> Named | None:
    """Return the last of `found` if all name the same letters, else None: several do not commit."""
    names = list(found)
    return names[-1] if names and len({named.letters for named in names}) == 1 else None
