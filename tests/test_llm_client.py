"""The client of chat endpoints: many in flight, retried, bounded, and a failure is never a reply."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from loopback import Loopback, Said, completion, loopback

from spinemed.errors import ConfigError
from spinemed.llm.chat import Arrival, Failure, Reply, Request, groups, picture_part
from spinemed.llm.client import LONGEST_BODY, Endpoint, client

pytest.importorskip("openai", reason="the client needs the extra `llm`")


def asking(*texts: str, **more: Any) -> list[Request]:
    return [Request([{"role": "user", "content": text}], max_tokens=9, **more) for text in texts]


def patient(server: Loopback, **more: Any) -> Endpoint:
    quick = {"first_wait_s": 0.001, "longest_wait_s": 0.01, "timeout_s": 5.0}
    return Endpoint(server.base_url, "m", **(quick | more))


def echo(request: dict[str, Any], number: int) -> Said:
    return completion(f"re: {request['messages'][-1]['content']}")


def only(answer: Callable[[dict[str, Any], int], Said], **more: Any) -> tuple[Reply | Failure, int]:
    with loopback(answer) as server:
        ((place, reply),) = client(patient(server, **more), 2)(asking("hello"))
        assert place == 0
        return reply, len(server.requests)


def test_each_request_is_answered_once_and_at_its_place() -> None:
    with loopback(echo) as server:
        found = dict(client(patient(server), 8)(asking(*map(str, range(40)))))
        assert len(server.requests) == 40
    assert {place: reply.text for place, reply in found.items() if isinstance(reply, Reply)} == {
        place: f"re: {place}" for place in range(40)
    }
    reply = found[0]
    assert isinstance(reply, Reply)
    assert (reply.finish_reason, reply.prompt_tokens, reply.tokens) == ("stop", 7, 3)
    assert reply.model == "served-model"
    assert reply.seconds > 0


def test_nothing_is_asked_for_no_requests_and_a_request_is_sent_as_it_is() -> None:
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
    parts = [picture_part(b"\x89PNG"), {"type": "text", "text": "Which?"}]
    with loopback(echo) as server:
        assert list(client(patient(server), 8)([])) == []
        request = Request([{"role": "user", "content": parts}], 9, seed=3, schema=schema, tag="again")
        list(client(patient(server), 8)([request]))
        list(client(patient(server, enforces_schema=False), 8)([request]))
        first, second = server.requests
    assert first.pop("response_format")["json_schema"]["schema"] == schema
    assert first == second == {
        "model": "m", "messages": [{"role": "user", "content": parts}], "max_tokens": 9, "temperature": 0.0,
        "seed": 3, "path": "/v1/chat/completions",
    }  # fmt: skip


def test_no_more_than_the_slots_are_in_flight_and_a_slow_caller_holds_them() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def count(request: dict[str, Any], number: int) -> Said:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        gate.wait(0.01)
        with lock:
            now -= 1
        return completion("x")

    gate = threading.Event()
    with loopback(count) as server:
        seen = 0
        for group in groups(client(patient(server), 4), asking(*map(str, range(24)))):
            assert len(server.requests) <= seen + 4, "a slot was free before its reply was taken"
            assert len(group) <= 4
            seen += len(group)
    assert (seen, most) == (24, 4)


@pytest.mark.parametrize(
    "fault",
    [
        Said("busy", 503), Said("slow down", 429, {"retry-after": "0"}), Said(closes=True),
        Said("<html>gateway</html>", headers={"content-type": "text/html"}), Said("{not json"),
        Said(b'{"choices": "\xff\xfe"}'), Said({"choices": []}), Said([1, 2].__repr__()),
        Said({"choices": [{"message": {"content": 7}}]}), Said({"choices": [{"message": None}]}),
        Said("null"),
    ],
)  # fmt: skip
def test_a_fault_that_passes_is_retried_and_one_that_stays_is_a_failure(fault: Said) -> None:
    reply, asked = only(lambda request, number: fault if number < 2 else echo(request, number))
    assert isinstance(reply, Reply), reply
    assert asked == 3
    failure, asked = only(lambda *_: fault, attempts=3)
    assert isinstance(failure, Failure)
    assert asked == 3
    assert "3 attempts" in failure.reason


def test_a_server_that_hangs_is_given_up_after_the_timeout() -> None:
    failure, asked = only(lambda *_: Said(hangs=True), timeout_s=0.05, attempts=2)
    assert failure == Failure("no reply within 0.05 s, 2 attempts")
    assert asked == 2


def test_a_response_without_end_is_broken_off() -> None:
    failure, _ = only(lambda *_: Said(b" " * (LONGEST_BODY + 1)), attempts=1)
    assert isinstance(failure, Failure)
    assert "broken off" in failure.reason


def test_the_wait_that_a_server_asks_for_is_kept_or_too_long() -> None:
    failure, asked = only(lambda *_: Said("full", 429, {"retry-after": "3600"}))
    assert isinstance(failure, Failure)
    assert (asked, "status 429" in failure.reason) == (1, True)


def test_a_refused_request_is_not_repeated_and_a_wrong_key_ends_the_asking() -> None:
    failure, asked = only(lambda *_: Said({"message": "context too long"}, 400))
    assert isinstance(failure, Failure)
    assert (asked, "context too long" in failure.reason) == (1, True)
    with loopback(lambda *_: Said({"message": "who are you"}, 401)) as server:
        found = dict(client(patient(server), 2)(asking(*map(str, range(50)))))
        assert len(server.requests) <= 4
    assert len(found) == 50
    assert all(isinstance(failure, Failure) for failure in found.values())
    assert "not asked: status 401" in found[49].reason  # type: ignore[union-attr]


def test_a_server_that_is_not_there_fails_the_rest_at_once() -> None:
    with loopback(echo) as server:
        pass
    found = dict(client(patient(server, attempts=2), 2)(asking(*map(str, range(200)))))
    assert len(found) == 200
    assert "never answered" in found[199].reason  # type: ignore[union-attr]


def test_a_null_content_is_an_empty_reply_with_its_finish_reason() -> None:
    reply, _ = only(lambda *_: completion(None, "length"))
    assert isinstance(reply, Reply)
    assert (reply.text, reply.finish_reason) == ("", "length")


def test_a_redirect_is_not_followed() -> None:
    failure, asked = only(lambda *_: Said("", 307, {"location": "http://127.0.0.1:9/elsewhere"}))
    assert isinstance(failure, Failure)
    assert (asked, "307" in failure.reason) == (1, True)


def test_the_key_is_sent_and_appears_in_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPINE_KEY", "sk-very-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-asked-for")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")
    with loopback(lambda *_: Said({"message": "sk-very-secret is wrong"}, 400)) as server:
        ((_, failure),) = client(patient(server, key_env="SPINE_KEY"), 1)(asking("x"))
        list(client(patient(server), 1)(asking("x")))
        sent = [headers["authorization"] for headers in server.headers]
    assert sent == ["Bearer sk-very-secret", "Bearer none"]
    assert isinstance(failure, Failure)
    assert "*** is wrong" in failure.reason
    monkeypatch.delenv("SPINE_KEY")
    with pytest.raises(ConfigError, match="SPINE_KEY holds no key"):
        client(patient(server, key_env="SPINE_KEY"), 1)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="no base URL"):
        client(Endpoint("localhost:8000", "m"), 1)
    with pytest.raises(ConfigError, match="in flight 0"):
        client(Endpoint("http://localhost/v1", "m"), 0)


def test_a_caller_who_leaves_early_leaves_nothing_running() -> None:
    before = threading.active_count()
    with loopback(echo) as server:
        arrivals = client(patient(server), 4)(asking(*map(str, range(50))))
        next(arrivals)
        arrivals.close()  # type: ignore[attr-defined]
        assert len(server.requests) < 50
        assert not [thread for thread in threading.enumerate() if thread.name == "chat"]
    del before


def test_a_request_that_cannot_be_made_reaches_the_caller() -> None:
    class Broken(list[Request]):
        def __getitem__(self, place: Any) -> Any:
            raise ConfigError("no such picture")

    with loopback(echo) as server, pytest.raises(ConfigError, match="no such picture"):
        list(client(patient(server), 2)(Broken(asking("a", "b"))))


def test_a_plain_chat_groups_its_arrivals_one_by_one() -> None:
    arrivals: list[Arrival] = [(0, Failure("a")), (1, Failure("b"))]
    assert list(groups(lambda _: iter(arrivals), asking("x", "y"))) == [[arrival] for arrival in arrivals]
