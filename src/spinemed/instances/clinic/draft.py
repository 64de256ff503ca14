"""Drafts of consultations and reports, before the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spinemed.instances.clinic.history import Clinical
from spinemed.instances.clinic.plan import Plan
from spinemed.instances.clinic.problem import Problem
from spinemed.instances.clinic.wording import Language
from spinemed.records import Axis, Message


@dataclass(frozen=True)
class Draft:
    """A dialogue or report with all that it rests on.

    `question` is what starts it, `answer` what it ends with (the report itself). `pictures` are the ids of
    findings whose key pictures are shown, the most telling first, in the user's message `picture_turn` of
    `messages`. `findings` are the ids of all findings that the text states, `sites` their places.
    """

    task: Literal["dialogue", "report"]
    kind: str
    axis: Axis
    language: Language
    messages: tuple[Message, ...]
    picture_turn: int
    pictures: tuple[str, ...]
    sites: tuple[str, ...]
    findings: tuple[str, ...]
    problem: Problem
    clinical: Clinical
    plan: Plan

    @property
    def question(self) -> str:
        """Return the first message of the user."""
        return self.messages[0].content

    @property
    def answer(self) -> str:
        """Return the last message of the assistant."""
        return self.messages[-1].content
