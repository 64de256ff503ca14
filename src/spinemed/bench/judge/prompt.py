"""The judge's requests: one for each section of a report, with anchors, true findings and the fenced text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Literal

import yaml

from spinemed.bench.judge.cases import JudgeCase
from spinemed.bench.judge.fence import fenced
from spinemed.bench.judge.rubric import HIGHEST, POINTS, Section, package_text, rubric
from spinemed.llm.chat import Request
from spinemed.records import Record

Protocol = Literal["json", "xml"]
MAX_TOKENS: Final = 800


class Prompt(Record):
    """The texts of prompt.yaml."""

    system: str
    question: str
    dimension: str
    form: dict[Protocol, str]
    again: str
    empty: str


@cache
def prompt() -> Prompt:
    """Return the prompt of this package."""
    return Prompt.model_validate(yaml.safe_load(package_text("prompt.yaml")))


def request_of(case: JudgeCase, section: str, repeat: int = 0, protocol: Protocol = "json") -> Request:
    """Return the request for one section of one report.

    The system text is the same for every case. `repeat` is kept in the tag, which is not sent: equal
    requests stay apart in a ledger.
    """
    texts, asked = prompt(), rubric().sections[section]
    user = texts.question.format(
        title=asked.title,
        dimensions="\n\n".join(_dimension(name, asked) for name in asked.dimensions),
        findings=fenced(case.findings),
        history=fenced(case.history),
        reference=fenced(case.part_of_reference(asked.reads)) or texts.empty,
        candidate=fenced(case.part(asked.reads)) or texts.empty,
        form=texts.form[protocol].format(example=_example(tuple(asked.dimensions), protocol)),
    )
    return Request(
        messages=({"role": "system", "content": texts.system}, {"role": "user", "content": user}),
        max_tokens=MAX_TOKENS,
        temperature=0.0,
        schema=schema(tuple(asked.dimensions)) if protocol == "json" else None,
        tag=f"repeat {repeat}" if repeat else "",
    )


def asked_again(request: Request, said: str, reason: str) -> Request:
    """Return a request that shows the judge its unusable answer and asks for the form once more."""
    messages: Sequence[Any] = (
        *request.messages,
        {"role": "assistant", "content": said},
        {"role": "user", "content": prompt().again.format(reason=reason)},
    )
    return Request(
        messages, request.max_tokens, request.temperature, request.seed, request.schema, request.tag
    )


def schema(dimensions: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of an answer: for each dimension a score of 1 to 5 and a quote.

    >>> sorted(schema(["diagnosis"])["properties"]["diagnosis"]["properties"])
    ['evidence', 'score']
    """
    mark = {
        "type": "object",
        "properties": {
            "evidence": {"type": "string"},
            "score": {"type": "integer", "enum": list(POINTS)},
        },
        "required": ["evidence", "score"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": dict.fromkeys(dimensions, mark),
        "required": list(dimensions),
        "additionalProperties": False,
    }


def _dimension(name: str, section: Section) -> str:
    dimension = section.dimensions[name]
    anchors = [f"{point}: {dimension.anchors[point]}" for point in reversed(POINTS)]
    return prompt().dimension.format(name=name, asks=dimension.asks, anchors="\n".join(anchors))


def _example(dimensions: Sequence[str], protocol: Protocol) -> str:
    """Return the form of an answer. Scores stand as "1-5", so that no point is suggested."""
    points = f"{POINTS[0]}-{HIGHEST}"
    if protocol == "xml":
        return "\n".join(
            f"<{name}><evidence>quote</evidence><score>{points}</score></{name}>" for name in dimensions
        )
    inner = ", ".join(f'"{name}": {{"evidence": "quote", "score": {points}}}' for name in dimensions)
    return "{" + inner + "}"
