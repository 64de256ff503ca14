"""A judge's answer read: from JSON or XML to a mark for each dimension, or the reason why there is none."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spinemed.bench.judge.fence import visible
from spinemed.bench.judge.prompt import Protocol
from spinemed.bench.judge.rubric import HIGHEST, LOWEST

_THOUGHT: Final = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCE: Final = re.compile(r"```(?:json|xml)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Mark:
    """A score of 1 to 5 and the passage that the judge quotes for it, "" without one."""

    score: int
    evidence: str


@dataclass(frozen=True)
class Marks:
    """The marks that could be read, and the reason for each dimension that has none."""

    marks: Mapping[str, Mark]
    faults: Mapping[str, str]

    @property
    def reason(self) -> str:
        """Return the first fault, "" where there is none."""
        return next((f"{name}: {why}" for name, why in self.faults.items()), "")


def read_answer(text: str, dimensions: Sequence[str], protocol: Protocol = "json") -> Marks:
    """Return the marks in a judge's answer; nothing is guessed, no score is rounded or pulled into range.

    Closed thoughts and code fences are removed first. A dimension that is missing, has no whole number or one
    outside 1 to 5 has a fault instead of a mark. An answer that cannot be read at all is a fault for all.

    >>> read_answer('{"diagnosis": {"score": 4, "evidence": "L4-L5"}}', ["diagnosis"]).marks
    {'diagnosis': Mark(score=4, evidence='L4-L5')}
    >>> read_answer('{"diagnosis": {"score": 6, "evidence": ""}}', ["diagnosis"]).reason
    'diagnosis: score 6 lies outside 1 to 5'
    """
    body = _THOUGHT.sub("", text).strip()
    boxed = _FENCE.findall(body)
    body = boxed[-1].strip() if boxed else body
    if not body:
        return _unread(dimensions, "the answer is empty")
    if protocol == "xml":
        return _collected({name: _from_xml(body, name) for name in dimensions})
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return _unread(dimensions, "the answer is not one JSON object")
    if not isinstance(found, dict):
        return _unread(dimensions, f"the answer is a JSON {type(found).__name__}, not an object")
    return _collected({name: _from_json(found, name) for name in dimensions})


def _unread(dimensions: Sequence[str], reason: str) -> Marks:
    return Marks({}, dict.fromkeys(dimensions, reason))


def _collected(each: Mapping[str, Mark | str]) -> Marks:
    marks = {name: one for name, one in each.items() if isinstance(one, Mark)}
    return Marks(marks, {name: one for name, one in each.items() if isinstance(one, str)})


def _from_json(found: Mapping[str, Any], name: str) -> Mark | str:
    mark = found.get(name)
    if not isinstance(mark, dict):
        return "no such key with an object" if mark is None else f"is a {type(mark).__name__}, not an object"
    score, evidence = mark.get("score"), mark.get("evidence")
    if isinstance(score, bool) or not isinstance(score, int):
        return f"score {score!r} is not a whole number"[:120]
    if not LOWEST <= score <= HIGHEST:
        return f"score {score} lies outside {LOWEST} to {HIGHEST}"
    if not isinstance(evidence, str):
        return "evidence is no text"
    return Mark(score, visible(evidence))


def _from_xml(body: str, name: str) -> Mark | str:
    """Read <name> with <score> and <evidence> inside; the same tag twice is a fault, not a choice."""
    found = _tag(body, name)
    if len(found) != 1:
        return f"tag <{name}> stands {len(found)} times"
    scores, quotes = _tag(found[0], "score"), _tag(found[0], "evidence")
    if len(scores) != 1 or not re.fullmatch(r"\s*[0-9]{1,3}\s*", scores[0]):
        return "no single <score> with a whole number"
    score = int(scores[0])
    if not LOWEST <= score <= HIGHEST:
        return f"score {score} lies outside {LOWEST} to {HIGHEST}"
    return Mark(score, html.unescape(quotes[0]).strip()) if len(quotes) == 1 else "no single <evidence>"


def _tag(text: str, name: str) -> list[str]:
    return re.findall(rf"<{re.escape(name)}>(.*?)</{re.escape(name)}>", text, re.DOTALL | re.IGNORECASE)
