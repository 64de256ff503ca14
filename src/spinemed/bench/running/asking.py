"""Back ends of a run: a transformers model, an OpenAI-compatible endpoint, or replies in a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from spinemed.bench.items import rows, shards, stored
from spinemed.bench.running.controls import Question, asked
from spinemed.bench.running.weights import check_folders, folder_hash
from spinemed.errors import ConfigError
from spinemed.llm.chat import Arrival, Chat, Failure, Reply, Request, groups, picture_part

if TYPE_CHECKING:
    from spinemed.bench.running.replies import Given
    from spinemed.llm.client import Endpoint

ROWS_AT_ONCE = 256  # in memory with their pictures

Row = dict[str, Any]
"""A prompt: `id`, `order`, `messages` up to the answer, and `images` with PNG bytes."""

Ask = Callable[[Sequence[Row]], Iterator[list[Arrival]]]
"""Answers rows: yields lists of (place, reply or failure), each place once; what stands in a list is stored
together before the next list is asked for."""


@dataclass(frozen=True)
class Answering:
    """Who answers, as the sidecar of a run says it, and how to ask: `ask(longest reply in tokens)`."""

    backend: str
    model: str
    model_hash: str
    ask: Callable[[int], Ask]
    adapter: str = ""
    adapter_hash: str = ""
    dtype: str = ""
    four_bit: bool = False
    decoding: str = "greedy"


class Rows(Sequence[Row]):
    """The prompts of questions under a control, read from the shards as they are asked for.

    Questions `in_stored_order` that are asked for one after the other take one pass over the shards; any
    other order, and pictures of other items, take a pass for each window.
    """

    def __init__(self, data: Path, config: str, split: str, asking: Sequence[Question], control: str) -> None:
        self.place = data, config, split
        self.asking, self.control = asking, control
        self.window = range(0)
        self.rows: Mapping[str, Row] = {}
        self.ahead = stored(*self.place, {question.item.id for question in asking})

    def __len__(self) -> int:
        return len(self.asking)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        question = self.asking[place]
        if place not in self.window:
            self.window = range(place, min(place + ROWS_AT_ONCE, len(self)))
            near = [self.asking[each] for each in self.window]
            ids = {each.item.id for each in near} | {each.pictures_of for each in near if each.pictures_of}
            self.rows = self.next_rows(ids)
        return asked(question, self.control, self.rows) | {"order": question.order}

    def next_rows(self, ids: Set[str]) -> Mapping[str, Row]:
        """Return the rows with these ids: those at hand and the next ones, or all in a pass of their own."""
        found = {one: self.rows[one] for one in ids & self.rows.keys()}
        found |= {row["id"]: row for row in islice(self.ahead, len(ids) - len(found))}
        return found if ids == found.keys() else {row["id"]: row for row in stored(*self.place, ids)}


def in_stored_order(questions: Sequence[Question], data: Path, config: str, split: str) -> list[Question]:
    """Return the questions in the order in which the corpus stores their items."""
    places = {row["id"]: place for place, row in enumerate(rows(shards(data, config, split), ("id",)))}
    return sorted(questions, key=lambda question: places[question.item.id])


def in_batches(answer: Callable[[Sequence[Row]], Sequence[Reply]], size: int) -> Ask:
    """Return the asking of a model that answers a batch at once; rows without a picture go by themselves."""

    def ask(rows: Sequence[Row]) -> Iterator[list[Arrival]]:
        for start in range(0, len(rows), size):
            batch = [(place, rows[place]) for place in range(start, min(start + size, len(rows)))]
            for pictured in (True, False):
                part = [(place, row) for place, row in batch if bool(row["images"]) == pictured]
                if part:
                    replies = answer([row for _, row in part])
                    yield [(place, reply) for (place, _), reply in zip(part, replies, strict=True)]

    return ask


def by_chat(chat: Chat, max_tokens: int) -> Ask:
    """Return the asking of a chat, one request a row."""
    return lambda rows: groups(chat, Requests(rows, max_tokens))


@dataclass(frozen=True)
class Requests(Sequence[Request]):
    """Rows as requests, made when asked for."""

    rows: Sequence[Row]
    max_tokens: int

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Request: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Request]: ...
    def __getitem__(self, place: int | slice) -> Request | Sequence[Request]:
        if isinstance(place, slice):
            return Requests(self.rows[place], self.max_tokens)
        return request_of(self.rows[place], self.max_tokens)


def request_of(row: Mapping[str, Any], max_tokens: int) -> Request:
    """Return a row as a request: its pictures stand first in the first user turn, as in training.

    >>> request_of({"messages": [{"role": "user", "content": "Which?"}], "images": []}, 8).messages
    [{'role': 'user', 'content': 'Which?'}]
    """
    pictures = [picture_part(each["bytes"]) for each in row["images"]]
    messages: list[dict[str, Any]] = []
    for message in row["messages"]:
        content: Any = message["content"]
        if pictures and message["role"] == "user":
            content, pictures = [*pictures, {"type": "text", "text": content}], []
        messages.append({"role": message["role"], "content": content})
    return Request(messages, max_tokens)


def by_transformers(
    model: Path, adapter: Path | None, *, device: str, dtype: str, four_bit: bool, batch_size: int
) -> Answering:
    """Return a model in a folder, loaded when it is first asked; ModelError if there is none."""
    check_folders(model, adapter)

    @cache
    def loaded() -> Any:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve a shared machine
        from spinemed.bench.running.backend import load

        return load(model, adapter, device=device, dtype=dtype, four_bit=four_bit)

    def ask(max_tokens: int) -> Ask:
        return in_batches(replace(loaded(), max_new_tokens=max_tokens).answer, batch_size)

    return Answering(
        "transformers",
        model.resolve().name,
        folder_hash(model),
        ask,
        adapter="" if adapter is None else adapter.resolve().name,
        adapter_hash="" if adapter is None else folder_hash(adapter),
        dtype=dtype,
        four_bit=four_bit,
    )


def by_endpoint(
    endpoint: Endpoint, in_flight: int, *, revision: str = "", cache_file: Path | None = None
) -> Answering:
    """Return a served model; `revision` is what pins its weights, `cache_file` a ledger of its replies.

    ConfigError at once where the endpoint cannot be asked.
    """
    from spinemed.llm.client import client
    from spinemed.llm.ledger import Identity, opened, remembered

    chat = client(endpoint, in_flight)

    def ask(max_tokens: int) -> Ask:
        if cache_file is None:
            return by_chat(chat, max_tokens)
        path = cache_file

        def from_ledger(rows: Sequence[Row]) -> Iterator[list[Arrival]]:
            with opened(path) as ledger:
                knowing = remembered(chat, ledger, Identity(endpoint.model, revision))
                yield from by_chat(knowing, max_tokens)(rows)

        return from_ledger

    return Answering("openai", endpoint.model, revision, ask, decoding="temperature 0")


@dataclass(frozen=True)
class Replay:
    """Replies from a file, handed over in lists that are stored with one fsync each."""

    path: Path
    given: Given
    at_once: int = field(default=256)

    def __call__(self, rows: Sequence[Row]) -> Iterator[list[Arrival]]:
        """Yield the reply of each row; a row that the file does not answer is a failure."""
        for start in range(0, len(rows), self.at_once):
            places = range(start, min(start + self.at_once, len(rows)))
            yield [(place, self.reply(rows[place])) for place in places]

    def reply(self, row: Row) -> Reply | Failure:
        """Return the reply to one row."""
        found = self.given.replies.get((row["id"], row["order"]))
        order = f" with order {row['order']}" if row["order"] else ""
        return found or Failure(f"{self.path.name} holds no reply to it{order}")


def by_replay(path: Path, asking: Sequence[Question], *, model: str = "") -> Answering:
    """Return the replies in a file as answers to these questions; SourceError names a line that is amiss."""
    from spinemed.bench.running.replies import read_replies

    given = read_replies(path, {question.key for question in asking})
    if model and given.model and model != given.model:
        raise ConfigError(f"{path} holds replies of {given.model}, not of {model}; leave out --model")
    name = given.model or model or path.stem
    return Answering(
        "replay", name, given.revision, lambda _: Replay(path, given), decoding="as the replies were made"
    )
