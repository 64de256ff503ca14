"""The scripted patient: answers what is asked, topic by topic, and nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from spinemed.bench.consultation.cases import ConsultationCase
from spinemed.bench.consultation.words import questions_about, words
from spinemed.bench.judge.fence import visible
from spinemed.instances.clinic.wording import joined

MOST_TOPICS: Final = 4
"""Topics that the patient answers in one turn; the rest has to be asked again."""
LONGEST: Final = 6000
"""Characters of a doctor's turn that are heard."""
_END: Final = re.compile(r"(?<=[.!?;:])\s+|(?<=[。！？；：])|\n+")
_ASKS: Final = re.compile(
    r"[?？]\s*[\"'”’)）*_]*\s*$"
    r"|^\W*(?:\d+[.)、]\s*)?(?:please (?:tell|describe|add|say|give|let)|tell me|describe|let me know|do you"
    r"|did you|have you|has (?:your|there|any)|are (?:you|there|your)|is (?:there|your)|was there|were there"
    r"|any )\b"
    r"|请问|请告诉|请描述|请说|请补充|吗\W*$|有没有|是否|有无|怎么样\W*$|多久\W*$|呢\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Heard:
    """What the patient says to one turn of the doctor, and what that turn asked.

    `asked` are the topics in the order of the text, `revealed` those answered for the first time, `repeated`
    those that had been answered before.
    """

    text: str
    asked: tuple[str, ...]
    revealed: tuple[str, ...]
    repeated: tuple[str, ...]


def heard(case: ConsultationCase, doctor: str, known: Collection[str], last: bool = False) -> Heard:
    """Return the patient's answer to a doctor's turn; `known` are the topics answered before.

    Only questions are answered: advice that names a symptom reveals nothing. Of more than four topics the
    first four are answered. A question about anything else gets "I do not know". `last` asks for the
    assessment. Never raises, whatever the text is.
    """
    language, said = case.language, words()
    answers = {fact.topic: fact.answer for fact in case.facts}
    questions = questions_in(doctor)
    asked = topics_in(questions)
    taken = asked[:MOST_TOPICS]
    parts = list(dict.fromkeys(answers[topic] for topic in taken if topic in answers))
    if questions and (not asked or any(topic not in answers for topic in taken)):
        parts.append(said.unknown[language])
    if len(asked) > MOST_TOPICS:
        parts.append(said.too_much[language])
    if not questions and not last:
        parts.append(said.nothing_asked[language])
    if last:
        parts.append(said.last_turn[language])
    told = [topic for topic in taken if topic in answers]
    return Heard(
        text=joined(parts, language),
        asked=tuple(asked),
        revealed=tuple(topic for topic in told if topic not in known),
        repeated=tuple(topic for topic in told if topic in known),
    )


def plain(text: str) -> str:
    """Return a doctor's text in compatibility form, without invisible characters, cut at 6,000 characters."""
    return unicodedata.normalize("NFKC", visible(text))[:LONGEST]


def questions_in(text: str) -> list[str]:
    """Return the sentences of a text that ask something.

    >>> questions_in("The disc is worn. Do you have a fever? Come back if you have a fever.")
    ['Do you have a fever?']
    """
    return [one.strip() for one in _END.split(plain(text)) if one and _ASKS.search(one.strip())]


def statements_in(text: str) -> list[str]:
    """Return the sentences of a text that do not ask."""
    return [one.strip() for one in _END.split(plain(text)) if one.strip() and not _ASKS.search(one.strip())]


def topics_in(questions: Collection[str]) -> list[str]:
    """Return the topics that questions are about, in the order in which they are named.

    >>> topics_in(["Any fever or weakness?", "大小便正常吗？"])
    ['fever', 'weakness', 'bladder']
    """
    found: dict[str, None] = {}
    for question in questions:
        places = {
            name: match.start()
            for name, pattern in questions_about().items()
            if (match := pattern.search(question)) is not None
        }
        found.update(dict.fromkeys(sorted(places, key=lambda name: places[name])))
    return list(found)
