"""A chat server on the loopback interface for tests: it counts, and answers as a script says."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Said:
    """What the server answers: a status, a body, headers; `closes` drops the connection, `hangs` waits."""

    body: bytes | str | dict[str, Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    closes: bool = False
    hangs: bool = False


def completion(text: str | None, finish_reason: str = "stop") -> Said:
    """Return a chat completion as vLLM would send it."""
    return Said(
        {
            "id": "x", "object": "chat.completion", "created": 1, "model": "served-model",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                         "finish_reason": finish_reason}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
    )  # fmt: skip


@dataclass
class Loopback:
    """A running server: its base URL, the requests it got, and how often it got each text."""

    base_url: str
    requests: list[dict[str, Any]]
    headers: list[dict[str, str]]
    finished: threading.Event

    def asked(self) -> Counter[str]:
        """Count requests by their text and pictures."""
        return Counter(json.dumps(request["messages"]) for request in self.requests)


@contextmanager
def loopback(answer: Callable[[dict[str, Any], int], Said]) -> Iterator[Loopback]:
    """Serve `answer(request, number of requests before)` until the block ends."""
    state = Loopback("", [], [], threading.Event())
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                number = len(state.requests)
                state.requests.append(request | {"path": self.path})
                state.headers.append({key.lower(): value for key, value in self.headers.items()})
            said = answer(request, number)
            if said.hangs:
                state.finished.wait(30)
            if said.closes or said.hangs:
                self.close_connection = True
                return
            body = json.dumps(said.body) if isinstance(said.body, dict) else said.body
            data = body.encode() if isinstance(body, str) else body
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    server = Quiet(("127.0.0.1", 0), Handler)
    state.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.finished.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Quiet(ThreadingHTTPServer):
    """A server that takes broken connections as a matter of course."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        return
