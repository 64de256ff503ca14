"""What passes between the toolkit and a chat model: a request, its reply or its failure, and who answers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Request:
    """One chat to be answered: `messages` in OpenAI's form (pictures as data URIs) and the decoding.

    `schema` is a JSON schema that the reply must follow, where the endpoint can enforce one. `tag` tells
    requests with equal content apart (a repeat); it is not sent.
    """

    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    tag: str = ""


@dataclass(frozen=True)
class Reply:
    """What a model wrote; `finish_reason` is "stop", "length" (its limit cut it off) or as served."""

    text: str
    finish_reason: str
    prompt_tokens: int
    tokens: int
    seconds: float
    model: str = ""


@dataclass(frozen=True)
class Failure:
    """Why a request has no reply after all attempts: never a score, never an empty reply."""

    reason: str


Arrival = tuple[int, Reply | Failure]
Chat = Callable[[Sequence[Request]], Iterator[Arrival]]
"""Answers requests: yields (place in the sequence, reply or failure) as they come, each place once.

The sequence may be lazy: a request is read when its turn comes.
"""


@runtime_checkable
class Grouping(Protocol):
    """A chat that also hands over together what arrived together, so that one fsync can store it."""

    def groups(self, requests: Sequence[Request]) -> Iterator[list[Arrival]]: ...


def groups(chat: Chat, requests: Sequence[Request]) -> Iterator[list[Arrival]]:
    """Yield lists of what arrived together: a plain chat's arrivals one by one.

    >>> replies = lambda asked: iter([(0, Failure("no server"))])
    >>> list(groups(replies, [Request([], 8)]))
    [[(0, Failure(reason='no server'))]]
    """
    if isinstance(chat, Grouping):
        yield from chat.groups(requests)
    else:
        for arrival in chat(requests):
            yield [arrival]


def picture_part(picture: bytes) -> dict[str, Any]:
    """Return a PNG or JPEG as a content part of a message: a data URI.

    >>> picture_part(b"\\xff\\xd8 and so on")["image_url"]["url"]
    'data:image/jpeg;base64,/9ggYW5kIHNvIG9u'
    """
    kind = "jpeg" if picture.startswith(b"\xff\xd8") else "png"
    data = base64.b64encode(picture).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{data}"}}
