"""Replies that were given once and are not asked for again: JSON lines keyed by all that made them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast, overload

from spinemed.errors import OutputError, SourceError
from spinemed.llm.chat import Arrival, Chat, Failure, Reply, Request, groups

VERSION = 1  # of the key; a change of what goes into it must not meet old replies
NOT_THE_MODELS_WORD = frozenset({"content_filter", "unknown"})


@dataclass(frozen=True)
class Identity:
    """Whose replies they are, wherever served: a name and what pins its weights (a commit or a hash)."""

    model: str
    revision: str = ""


@dataclass(frozen=True)
class Ledger:
    """An open ledger: `replies` by key, and the file that new ones are appended to."""

    path: Path
    file: BinaryIO
    replies: dict[str, Reply] = field(default_factory=dict)

    def store(self, found: Sequence[tuple[str, Reply]]) -> None:
        """Append replies, force them onto the disk with one fsync, and know them from now on."""
        if not found:
            return
        lines = [json.dumps({"key": key, **asdict(reply)}, ensure_ascii=True) + "\n" for key, reply in found]
        self.file.write("".join(lines).encode("ascii"))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.replies.update(found)


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """Give the ledger in a file, made if missing and locked while the block lasts.

    What a kill left of a last line is cut off. OutputError if another process has it or it cannot be
    written, SourceError with the line number where it holds something else.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}; name another ledger") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{path} is in use by another run; wait for it or name another ledger"
            ) from error
        ledger = Ledger(path, file)
        file.seek(0)
        whole = 0
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            key, reply = read_line(path, number, line)
            ledger.replies[key] = reply
        file.truncate(whole)
        yield ledger


def read_line(path: Path, number: int, line: bytes) -> tuple[str, Reply]:
    """Return the key and the reply of one line; SourceError names the line that is none."""
    try:
        row = json.loads(line)
        key, reply = row.pop("key"), Reply(**row)
        if not (
            isinstance(key, str) and isinstance(reply.text, str) and isinstance(reply.finish_reason, str)
        ):
            raise TypeError("key, text and finish_reason are texts")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SourceError(
            f"{path}, line {number} is no stored reply ({error}): {line[:80]!r}; delete the line"
        ) from error
    return key, reply


def key_of(request: Request, identity: Identity) -> str | None:
    """Return the key of a request: 64 hexadecimal digits; None where its reply must not be used again.

    It covers model and revision, messages with the bytes of their pictures, decoding, schema and tag, and
    not where the model is served. There is none for a temperature above 0, whose replies are draws, nor
    for a picture that is only linked, whose bytes nobody has seen.

    >>> ask = Request([{"role": "user", "content": "Which?"}], max_tokens=8)
    >>> key_of(ask, Identity("m")) == key_of(ask, Identity("m")) != key_of(ask, Identity("m", "v2"))
    True
    >>> key_of(Request([], 8, temperature=0.7), Identity("m")) is None
    True
    """
    if request.temperature != 0:
        return None
    try:
        messages = [hashed(message) for message in request.messages]
    except LookupError:
        return None
    decoding = [request.max_tokens, request.seed]
    content = [VERSION, identity.model, identity.revision, messages, decoding, request.schema, request.tag]
    return hashlib.sha256(json.dumps(content, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def hashed(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with the SHA-256 of each picture's bytes in its place; LookupError if it is a link."""
    content = message["content"]
    if not isinstance(content, str) and content is not None:
        content = [{"picture": picture_hash(part)} if "image_url" in part else dict(part) for part in content]
    return {**message, "content": content}


def picture_hash(part: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the bytes in a picture's data URI."""
    head, _, data = part["image_url"]["url"].partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        raise LookupError(f"the bytes behind {head:.80} are not known")
    return hashlib.sha256(b64decode(data)).hexdigest()


def remembered(chat: Chat, ledger: Ledger, identity: Identity) -> Chat:
    """Return a chat that answers from the ledger what it knows and stores what it asks `chat` for.

    Failures, empty replies and those that a filter made are passed on and not stored. Requests with equal
    keys in one call are asked once each; the ledger keeps the last reply.
    """
    return Remembering(chat, ledger, identity)


@dataclass(frozen=True)
class Remembering:
    """A chat in front of another, with the ledger between them."""

    chat: Chat
    ledger: Ledger
    identity: Identity

    def __call__(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """Yield (place, reply or failure), those known first."""
        for group in self.groups(requests):
            yield from group

    def groups(self, requests: Sequence[Request]) -> Iterator[list[Arrival]]:
        """Yield what is known one by one, then what arrives together after it was stored."""
        keys: dict[int, str | None] = {}
        for place, request in enumerate(requests):
            key = key_of(request, self.identity)
            known = self.ledger.replies.get(key) if key is not None else None
            if known is None:
                keys[place] = key
            else:
                yield [(place, known)]
        places = list(keys)
        for group in groups(self.chat, Some(requests, places)) if places else ():
            arrivals = [(places[place], reply) for place, reply in group]
            new = [(keys[place], reply) for place, reply in arrivals if worth_keeping(reply)]
            self.ledger.store([(key, cast(Reply, reply)) for key, reply in new if key is not None])
            yield arrivals


def worth_keeping(reply: Reply | Failure) -> bool:
    """Tell whether a reply may be used again: one that the model itself wrote.

    >>> worth_keeping(Failure("no server")), worth_keeping(Reply(" ", "stop", 1, 1, 0.1))
    (False, False)
    """
    return (
        isinstance(reply, Reply)
        and bool(reply.text.strip())
        and reply.finish_reason not in NOT_THE_MODELS_WORD
    )


class Some(Sequence[Request]):
    """Some places of a sequence of requests, read when asked for."""

    def __init__(self, requests: Sequence[Request], places: Sequence[int]) -> None:
        self.requests, self.places = requests, places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> Request: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Request]: ...
    def __getitem__(self, place: int | slice) -> Request | Sequence[Request]:
        if isinstance(place, slice):
            return Some(self.requests, self.places[place])
        return self.requests[self.places[place]]
