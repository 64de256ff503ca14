"""Replies in many forms for one set of items: tools that score them can be compared reply by reply."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from spinemed.answers import parse_answer
from spinemed.bench.items import Item

FORMS = {  # letter: the one that is meant; option: its text; other: another letter
    "letter": "{letter}",
    "letter with dot": "{letter}.",
    "sentence": "The answer is {letter}.",
    "inspect line": "I counted from below.\n\nANSWER: {letter}",
    "line in brackets": "I counted from below.\nAnswer: ({letter})",
    "bold": "**{letter}**",
    "letter and option": "{letter}. {option}",
    "option alone": "{option}",
    "boxed": "\\boxed{{{letter}}}",
    "lower case": "answer: {lower}",
    "denied first": "It is not {other}. Therefore the answer is {letter}.",
    "json": '{{"answer": "{letter}"}}',
    "chinese": "答案是{letter}。",
    "corrected": "ANSWER: {other}\nNo, wait.\nANSWER: {letter}",
    "two letters": "{letter} or {other}",
    "refusal": "I'm sorry, but I can't help with medical images.",
    "empty": "",
}
NOT_AN_ANSWER = frozenset({"two letters", "refusal", "empty"})


@dataclass(frozen=True)
class Scripted:
    """One reply: its item, the form it has, the letter it means ("" for none), its text."""

    item: Item
    form: str
    means: str
    text: str

    @property
    def deserves(self) -> bool:
        """Whether the reply names the right option and no other."""
        return self.means == self.item.answer

    @property
    def ours(self) -> bool:
        """Whether spinemed's parser scores it as right."""
        return parse_answer(self.text, self.item.lettered).letters == (self.item.answer,)


def scripted(items: Sequence[Item], share_right: float = 0.75) -> list[Scripted]:
    """Return a reply for each item: forms in turn, right with this share, decided by a hash of the item."""
    names = list(FORMS)
    return [_scripted(item, names[place % len(names)], share_right) for place, item in enumerate(items)]


def _scripted(item: Item, form: str, share_right: float) -> Scripted:
    digest = hashlib.sha256(f"peer:{item.id}".encode()).digest()
    wrong = [letter for letter in item.lettered if letter != item.answer]
    right = digest[0] < 256 * share_right
    letter = item.answer if right else wrong[digest[1] % len(wrong)]
    other = next(one for one in item.lettered if one != letter)
    text = FORMS[form].format(letter=letter, lower=letter.lower(), option=item.lettered[letter], other=other)
    return Scripted(item, form, "" if form in NOT_AN_ANSWER else letter, text)
