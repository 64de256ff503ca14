"""An OpenAI-compatible endpoint as a chat: many requests in flight, retried with back-off, then a Failure."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from spinemed.errors import ConfigError
from spinemed.llm.chat import Arrival, Failure, Reply, Request
from spinemed.llm.retrying import GarbledError, Refused, Retried, judged_status, read_completion, wait_before

if TYPE_CHECKING:
    from openai import AsyncOpenAI

LONGEST_BODY = 16 * 1024 * 1024  # bytes of one response; a million tokens of text are less


TURN_S = 0.001  # after which a thread hands over; with Python's 0.005 each reply waits for its turn


@dataclass(frozen=True)
class Endpoint:
    """Where a model is served and how patiently it is asked.

    `base_url` ends before /chat/completions ("http://127.0.0.1:8000/v1"). `key_env` names the environment
    variable that holds the key; the key itself is in no file, no log and no failure. `enforces_schema`
    tells whether `response_format` is sent: vLLM and SGLang enforce it, `transformers serve` 5.23 takes and
    ignores it, an older server may refuse it.
    """

    base_url: str
    model: str
    key_env: str = ""
    timeout_s: float = 300.0
    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    enforces_schema: bool = True


@contextmanager
def switching(interval_s: float) -> Iterator[None]:
    """Let the threads of this process take turns after `interval_s`, and as before in the end."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(interval_s, before))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def client(endpoint: Endpoint, in_flight: int) -> Client:
    """Return a chat that keeps up to `in_flight` requests at the endpoint; ConfigError if it cannot be.

    A request whose status is 408, 409, 429 or 5xx, that times out, loses its connection or gets no chat
    completion back is sent again, `attempts` times in all, after the server's Retry-After or a doubling
    back-off. A status that no repetition can mend (401, 403, 404), or a server that never answered, fails
    the rest unasked. A slot is free again when the caller has come back for more: what was not yet stored
    is at most `in_flight` replies.
    """
    if not endpoint.base_url.startswith(("http://", "https://")):
        raise ConfigError(f"{endpoint.base_url!r} is no base URL; say for instance http://127.0.0.1:8000/v1")
    if in_flight < 1 or endpoint.attempts < 1:
        raise ConfigError(f"in flight {in_flight}, attempts {endpoint.attempts}: both must be 1 or more")
    if endpoint.key_env and not os.environ.get(endpoint.key_env):
        raise ConfigError(
            f"the environment variable {endpoint.key_env} holds no key; export it or name another"
        )
    try:
        import openai  # noqa: F401
    except ImportError as error:
        raise ConfigError("an endpoint needs the package openai: pip install 'spinemed[llm]'") from error
    return Client(endpoint, in_flight)


@dataclass(frozen=True)
class Client:
    """A chat over one endpoint; each call opens its own connections and closes them."""

    endpoint: Endpoint
    in_flight: int

    def __call__(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """Yield (place, reply or failure) as they come."""
        for group in self.groups(requests):
            yield from group

    def groups(self, requests: Sequence[Request]) -> Iterator[list[Arrival]]:
        """Yield lists of what has arrived since the caller last asked, at most `in_flight` long."""
        if not requests:
            return
        conversation = Conversation(self.endpoint, min(self.in_flight, len(requests)), requests)
        thread = threading.Thread(target=conversation.run, name="chat", daemon=True)
        with switching(TURN_S):
            thread.start()
            try:
                yield from conversation.groups()
            finally:
                conversation.stop()
                thread.join()


class Conversation:
    """One call of a client: an event loop in a thread of its own, and the queue that its replies come by."""

    def __init__(self, endpoint: Endpoint, slots: int, requests: Sequence[Request]) -> None:
        self.endpoint, self.slots, self.requests = endpoint, slots, requests
        self.key = os.environ.get(endpoint.key_env, "") if endpoint.key_env else ""
        self.places = iter(range(len(requests)))
        self.arrived: SimpleQueue[tuple[int, Reply | Failure, asyncio.Event] | BaseException | None]
        self.arrived = SimpleQueue()
        self.loop = asyncio.new_event_loop()
        self.task: asyncio.Task[None] | None = None
        self.answered = False
        self.over = ""

    def run(self) -> None:
        """Work in this thread until all is answered or `stop` is called."""
        end: BaseException | None = None
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                runner.run(self.work())
        except asyncio.CancelledError:
            pass
        except BaseExceptionGroup as errors:
            end = errors.exceptions[0]
        except BaseException as error:
            end = error
        self.arrived.put(end)

    def stop(self) -> None:
        """Make `run` end soon, whatever is in flight."""
        try:
            self.loop.call_soon_threadsafe(lambda: self.task.cancel() if self.task else None)
        except RuntimeError:
            return  # it has ended already

    def groups(self) -> Iterator[list[Arrival]]:
        """Yield what has arrived, and free its slots when the caller comes back."""
        while True:
            group = [self.arrived.get()]
            while True:
                try:
                    group.append(self.arrived.get_nowait())
                except Empty:
                    break
            ends = [each for each in group if not isinstance(each, tuple)]
            arrivals = [each for each in group if isinstance(each, tuple)]
            if arrivals:
                yield [(place, reply) for place, reply, _ in arrivals]
            if ends:
                if ends[0] is not None:
                    raise ends[0]
                return
            self.loop.call_soon_threadsafe(release, [taken for _, _, taken in arrivals])

    async def work(self) -> None:
        """Keep all slots busy until the last request is answered."""
        self.task = asyncio.current_task()
        async with opened(self.endpoint, self.key) as server, asyncio.TaskGroup() as tasks:
            for _ in range(self.slots):
                tasks.create_task(self.fill_slot(server))

    async def fill_slot(self, server: AsyncOpenAI) -> None:
        """Ask one request after the other, the next when the caller has taken the reply."""
        for place in self.places:
            if self.over:
                reply: Reply | Failure = Failure(f"not asked: {self.over}")
            else:
                reply = await self.ask(server, self.requests[place])
            taken = asyncio.Event()
            self.arrived.put((place, reply, taken))
            await taken.wait()

    async def ask(self, server: AsyncOpenAI, request: Request) -> Reply | Failure:
        """Return the reply to one request, or the failure after its last attempt."""
        content, start = sent(self.endpoint, request), time.perf_counter()
        for attempt in range(1, self.endpoint.attempts + 1):
            try:
                async with asyncio.timeout(self.endpoint.timeout_s):
                    # What `chat.completions.create` does, less a third of its time: it copies each message
                    # and builds records of the response, and neither is needed here.
                    completion = await server.post("/chat/completions", cast_to=object, body=content)
                reply = read_completion(completion, time.perf_counter() - start)
                self.answered = True
                return reply
            except Exception as error:
                verdict = judged(error, self.endpoint.timeout_s)
            wait_s = wait_before(attempt, verdict, self.endpoint.first_wait_s, self.endpoint.longest_wait_s)
            if isinstance(verdict, Refused) or attempt == self.endpoint.attempts or wait_s is None:
                break
            await asyncio.sleep(wait_s)
        return self.failure(verdict, attempt)

    def failure(self, verdict: Retried | Refused, attempts: int) -> Failure:
        """Return the failure without the key in it; remember it where it is the fate of all."""
        shown = " ".join(verdict.reason.split())[:300]
        reason = shown.replace(self.key, "***") if self.key else shown
        if isinstance(verdict, Refused):
            self.over = reason if verdict.for_all else self.over
            return Failure(reason)
        if verdict.no_server and not self.answered:
            self.over = f"{self.endpoint.base_url} never answered ({reason})"
        return Failure(f"{reason}, {attempts} attempts" if attempts > 1 else reason)


def judged(error: Exception, timeout_s: float) -> Retried | Refused:
    """Return what an exception of an attempt means; raise it again if it is a fault of our own."""
    import openai

    if isinstance(error, openai.APIStatusError):
        said = error.response.text.strip()[:1000] or error.response.reason_phrase
        return judged_status(error.status_code, said, error.response.headers)
    cause = error.__cause__ or error
    # aiohttp's refused connections come as this kind of time-out.
    connecting = type(cause).__name__ == "ConnectTimeout"
    if isinstance(error, (TimeoutError, openai.APITimeoutError)) and not connecting:
        return Retried(f"no reply within {timeout_s:g} s")
    if isinstance(error, openai.APIConnectionError):
        return Retried(f"connection lost: {cause}".rstrip(), no_server=True)
    if isinstance(
        error, (GarbledError, openai.APIError, ValueError)
    ):  # a body that is no JSON is a ValueError
        return Retried(f"no chat completion came back: {error}")
    raise error


def release(taken: Sequence[asyncio.Event]) -> None:
    """Free the slots of replies that the caller is done with."""
    for event in taken:
        event.set()


def sent(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """Return what is sent for a request: nothing but what it asks for.

    >>> sent(Endpoint("http://localhost/v1", "m"), Request([], max_tokens=8))
    {'model': 'm', 'messages': [], 'max_tokens': 8, 'temperature': 0.0}
    """
    content: dict[str, Any] = {
        "model": endpoint.model,
        "messages": list(request.messages),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
    }
    if request.seed is not None:
        content["seed"] = request.seed
    if request.schema is not None and endpoint.enforces_schema:
        schema = {"name": "reply", "schema": request.schema, "strict": True}
        content["response_format"] = {"type": "json_schema", "json_schema": schema}
    return content


def opened(endpoint: Endpoint, key: str) -> AsyncOpenAI:
    """Return connections to the endpoint alone: no redirects, no account or key from the environment."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    from spinemed.llm.bounded import bounded

    server = AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=key or "none",
        max_retries=0,
        timeout=endpoint.timeout_s,
        http_client=DefaultAioHttpClient(  # half the processor time of the other, at many requests in flight
            follow_redirects=False,
            # Plain HTTP needs no certificates, whose loading takes a quarter of a second.
            verify=not endpoint.base_url.startswith("http://"),
            event_hooks={"response": [bounded(LONGEST_BODY)]},
        ),
    )
    server.organization = server.project = None
    return server
