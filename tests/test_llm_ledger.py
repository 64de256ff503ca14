"""The ledger of replies: what is known is not asked again, and nothing is known that was not said."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spinemed.errors import OutputError, SourceError
from spinemed.llm.chat import Arrival, Failure, Reply, Request, picture_part
from spinemed.llm.ledger import Identity, key_of, opened, remembered

ME = Identity("model", "r1")


def question(text: str, picture: bytes = b"\x89PNG one", **more: Any) -> Request:
    content = [picture_part(picture), {"type": "text", "text": text}]
    return Request([{"role": "user", "content": content}], **({"max_tokens": 9} | more))


class Scripted:
    """A chat that answers with the text of the question and writes down what it was asked."""

    def __init__(self, **replies: Reply | Failure) -> None:
        self.asked: list[str] = []
        self.replies = replies

    def __call__(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        for place, request in enumerate(requests):
            text = request.messages[0]["content"][1]["text"]
            self.asked.append(text)
            yield place, self.replies.get(text, Reply(f"re {text}", "stop", 5, 2, 0.5, "served"))


def answers(path: Path, chat: Scripted, requests: Sequence[Request], who: Identity = ME) -> dict[int, Any]:
    with opened(path) as ledger:
        return dict(remembered(chat, ledger, who)(requests))


def test_what_was_answered_is_not_asked_again_by_another_process(tmp_path: Path) -> None:
    path, first, second = tmp_path / "ledger.jsonl", Scripted(), Scripted()
    before = answers(path, first, [question("a"), question("b")])
    after = answers(path, second, [question("c"), question("b"), question("a")])
    assert second.asked == ["c"]
    assert (after[1], after[2]) == (before[1], before[0])
    assert after[0].text == "re c"


@pytest.mark.parametrize(
    "other",
    [
        question("other"), question("a", b"\x89PNG two"), question("a", max_tokens=10),
        question("a", seed=1), question("a", schema={"type": "object"}), question("a", tag="repeat 2"),
    ],
)  # fmt: skip
def test_whatever_could_change_the_reply_changes_the_key(other: Request) -> None:
    assert key_of(question("a"), ME) != key_of(other, ME)


def test_the_key_knows_the_model_and_the_pictures_bytes_and_not_their_packing() -> None:
    key = key_of(question("a"), ME)
    assert key != key_of(question("a"), Identity("model", "r2"))
    assert key != key_of(question("a"), Identity("other", "r1"))
    packed = "data:image/x-png;base64," + base64.b64encode(b"\x89PNG one").decode()
    part = {"type": "image_url", "image_url": {"url": packed}}
    assert key == key_of(Request([{"role": "user", "content": [part, {"type": "text", "text": "a"}]}], 9), ME)


def test_draws_and_linked_pictures_are_asked_each_time(tmp_path: Path) -> None:
    linked = {"type": "image_url", "image_url": {"url": "http://localhost/x.png"}}
    link = Request([{"role": "user", "content": [linked, {"type": "text", "text": "a"}]}], 9)
    for request in (question("a", temperature=0.7), link):
        chat = Scripted()
        answers(tmp_path / "l.jsonl", chat, [request])
        answers(tmp_path / "l.jsonl", chat, [request])
        assert chat.asked == ["a", "a"]
    assert (tmp_path / "l.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    "poor", [Failure("down"), Reply(" \n", "stop", 5, 2, 0.5), Reply("...", "content_filter", 5, 2, 0.5)]
)
def test_failures_and_empty_replies_are_passed_on_and_not_stored(
    tmp_path: Path, poor: Reply | Failure
) -> None:
    assert answers(tmp_path / "l.jsonl", Scripted(a=poor), [question("a")]) == {0: poor}
    assert answers(tmp_path / "l.jsonl", Scripted(), [question("a")])[0].text == "re a"


def test_a_torn_last_line_is_cut_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    answers(path, Scripted(), [question("a"), question("b")])
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    chat = Scripted()
    answers(path, chat, [question("a"), question("b")])
    assert chat.asked == ["b"]
    assert path.read_bytes() == whole


@pytest.mark.parametrize("line", [b"{}", b"nonsense", b"\xff\xfe", b"[1]", b'{"key": 3, "text": "x"}'])
def test_a_line_that_is_no_reply_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "l.jsonl"
    answers(path, Scripted(), [question("a")])
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(SourceError, match="line 2 is no stored reply"), opened(path):
        pass


def test_two_processes_cannot_write_one_ledger(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    with opened(path), pytest.raises(OutputError, match="in use"), opened(path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), opened(tmp_path / "file" / "l.jsonl"):
        pass


def test_a_reply_with_broken_characters_comes_back_as_it_was(tmp_path: Path) -> None:
    odd = Reply("L4\n\u2028 \ud800 \x00 中", "length", 5, 2, 0.5, "m")
    answers(tmp_path / "l.jsonl", Scripted(a=odd), [question("a")])
    assert answers(tmp_path / "l.jsonl", Scripted(), [question("a")]) == {0: odd}
    assert odd != replace(odd, text="L4")
