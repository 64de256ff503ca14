"""What an attempt came to: a reply, a reason to try again after a while, or a refusal that will stay."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from spinemed.llm.chat import Reply

WORTH_RETRYING = frozenset({408, 409, 425, 429})
FATE_OF_ALL = frozenset({401, 403, 404})  # a wrong key, URL or model is wrong for every request


@dataclass(frozen=True)
class Retried:
    """A fault that may pass; `after_s` is what the server asked to wait, None if it said nothing."""

    reason: str
    after_s: float | None = None
    no_server: bool = False


@dataclass(frozen=True)
class Refused:
    """A fault that the same request will meet again; with `for_all` every other request will meet it too."""

    reason: str
    for_all: bool = False


class GarbledError(Exception):
    """The server said 200 and sent something that is no chat completion."""


def judged_status(status: int, message: str, headers: Mapping[str, str]) -> Retried | Refused:
    """Return what an HTTP status means.

    >>> judged_status(503, "busy", {"retry-after": "2"})
    Retried(reason='status 503: busy', after_s=2.0, no_server=False)
    >>> judged_status(401, "wrong key", {})
    Refused(reason='status 401: wrong key', for_all=True)
    """
    reason = f"status {status}: {message}"
    if status in WORTH_RETRYING or status >= 500:
        return Retried(reason, retry_after_s(headers))
    return Refused(reason, for_all=status in FATE_OF_ALL)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks to wait (a number, a date or milliseconds), None if it does not say.

    >>> retry_after_s({"retry-after": "1.5"}), retry_after_s({"retry-after-ms": "20"}), retry_after_s({})
    (1.5, 0.02, None)
    """
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        said = headers.get("retry-after", "")
        if said.replace(".", "", 1).isdigit():
            return float(said)
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except ValueError:
        return None


def wait_before(attempt: int, verdict: Retried | Refused, first_s: float, longest_s: float) -> float | None:
    """Return the seconds to wait after the given attempt; None if the server asks for more than the longest.

    Without a word of the server: the first wait, doubled each time up to the longest, less up to a quarter
    so that many clients do not come back together.

    >>> wait_before(1, Retried("busy", after_s=3), 0.5, 60), wait_before(1, Retried("busy", 90), 0.5, 60)
    (3, None)
    >>> 3 <= wait_before(4, Retried("busy"), 0.5, 60) <= 4
    True
    """
    asked = verdict.after_s if isinstance(verdict, Retried) else None
    if asked is not None:
        return asked if asked <= longest_s else None
    wait_s: float = min(longest_s, first_s * 2.0 ** min(attempt - 1, 60))
    return wait_s * random.uniform(0.75, 1.0)


def read_completion(completion: Any, seconds: float) -> Reply:
    """Return the reply in a chat completion, without content an empty one; GarbledError if it is none."""
    try:
        choice = completion["choices"][0]
        text = choice["message"].get("content")
    except (LookupError, TypeError, AttributeError) as error:
        raise GarbledError(f"{completion!r:.120}") from error
    if not (text is None or isinstance(text, str)):
        raise GarbledError(f"{choice!r:.120}")
    usage = completion.get("usage")
    return Reply(
        text=text or "",
        finish_reason=str(choice.get("finish_reason") or "unknown"),
        prompt_tokens=count(usage, "prompt_tokens"),
        tokens=count(usage, "completion_tokens"),
        seconds=seconds,
        model=str(completion.get("model") or ""),
    )


def count(usage: Any, name: str) -> int:
    """Return a count of tokens, 0 where the server does not tell.

    >>> count({"completion_tokens": 3}, "completion_tokens"), count(None, "completion_tokens")
    (3, 0)
    """
    said = usage.get(name) if isinstance(usage, dict) else None
    return said if isinstance(said, int) else 0
