"""Consultations held: a model under test talks with scripted patients, all of them turn by turn together."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from spinemed.bench.consultation.assessment import Assessment, assessment_in
from spinemed.bench.consultation.cases import ConsultationCase
from spinemed.bench.consultation.patient import LONGEST, heard
from spinemed.bench.consultation.words import words
from spinemed.bench.judge.fence import visible
from spinemed.errors import ConfigError
from spinemed.llm.chat import Chat, Failure, Request
from spinemed.records import Record

TURNS: Final = 10
MAX_TOKENS: Final = 600
_NO_ANSWER: Final = "the chat gave no answer to this turn"


class Turn(Record):
    """One turn: the doctor's words and the patient's, and what the doctor's asked; times are counted from 1.

    The patient's words are "" after the doctor's last turn.
    """

    doctor: str
    patient: str
    asked: tuple[str, ...] = ()
    revealed: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()


class Talk(Record):
    """One consultation as it was held. `failure` is why it broke off, "" where it did not.

    `assessment` is None where the model never concluded within its turns.
    """

    case: str
    patient: str
    language: Literal["en", "zh"]
    model: str
    turns: tuple[Turn, ...]
    assessment: Assessment | None
    failure: str = ""

    @property
    def revealed(self) -> tuple[str, ...]:
        """Return the topics that the patient told when asked."""
        return tuple(topic for turn in self.turns for topic in turn.revealed)


@dataclass
class _Open:
    """A consultation under way."""

    case: ConsultationCase
    messages: list[dict[str, Any]]
    turns: list[Turn] = field(default_factory=list)
    assessment: Assessment | None = None
    failure: str = ""
    is_over: bool = False

    @property
    def known(self) -> set[str]:
        return {topic for turn in self.turns for topic in turn.revealed}


def held(
    cases: Sequence[ConsultationCase],
    chat: Chat,
    model: str,
    turns: int = TURNS,
    max_tokens: int = MAX_TOKENS,
) -> Iterator[Talk]:
    """Yield the consultation of every case, in order, when all are over.

    Each turn of all open consultations is one call of `chat`. A consultation ends with a final assessment,
    after `turns` answers, or with a failure. ConfigError unless 1 <= turns.
    """
    if turns < 1:
        raise ConfigError(f"turns is {turns}; a consultation needs one at least")
    every = [_Open(case, first_messages(case, turns)) for case in cases]
    for number in range(1, turns + 1):
        waiting = [one for one in every if not one.is_over]
        if waiting:
            _answered(waiting, chat, max_tokens, number, turns)
    for one in every:
        yield Talk(
            case=one.case.id,
            patient=one.case.patient,
            language=one.case.language,
            model=model,
            turns=tuple(one.turns),
            assessment=one.assessment,
            failure=one.failure,
        )


def first_messages(case: ConsultationCase, turns: int) -> list[dict[str, Any]]:
    """Return the system text, and the patient's opening with the images, in OpenAI's form."""
    pictures = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(png).decode()}"}}
        for png in case.images
    ]
    system = words().system[case.language].format(turns=turns)
    opening: Any = [*pictures, {"type": "text", "text": case.opening}] if pictures else case.opening
    return [{"role": "system", "content": system}, {"role": "user", "content": opening}]


def _answered(waiting: Sequence[_Open], chat: Chat, max_tokens: int, number: int, turns: int) -> None:
    """Take one turn of every open consultation."""
    requests = [Request(messages=tuple(one.messages), max_tokens=max_tokens) for one in waiting]
    got = dict(chat(requests))
    for place, one in enumerate(waiting):
        reply = got.get(place, Failure(_NO_ANSWER))
        if isinstance(reply, Failure):
            one.failure, one.is_over = reply.reason or _NO_ANSWER, True
            continue
        said = visible(reply.text)[:LONGEST]
        one.assessment = assessment_in(said)
        one.is_over = one.assessment is not None or number == turns
        answer = heard(one.case, said, one.known, last=number == turns - 1)
        one.turns.append(
            Turn(
                doctor=said,
                patient="" if one.is_over else answer.text,
                asked=answer.asked,
                revealed=() if one.is_over else answer.revealed,
                repeated=answer.repeated,
            )
        )
        one.messages += [{"role": "assistant", "content": said}, {"role": "user", "content": answer.text}]
