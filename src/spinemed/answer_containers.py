"""Where a reply puts its answer in a container: an XML tag, a JSON key, a LaTeX box.

Standard library only. Nothing is judged here: what a container holds is read by the rules of answer_reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

TAGS = r"(?:answer|final_?answer|choice|option|letter|ans)"
CONTAINER = re.compile(
    rf"<(?P<name>{TAGS})>(?P<tag>(?:\s{{0,9}}<(?P=name)>(?:(?!</?(?P=name)>).){{0,400}}</(?P=name)>)?.*?)(?:</(?P=name)>|\Z)"
    r"|[\"'](?:(?:final|correct|selected|predicted)_?)?(?:answer|choice|option|letter|prediction)(?:_?letter)?[\"']"
    r"\s{0,9}:(?P<json>\s{0,9}(?:\[[^\]\n]{0,200}|\"[^\"\n]{0,400}|'[^'\n]{0,400}|[^\"'\n,}]{1,40}))"
    r"|\\(?:f|frame)?box(?:ed)?\s{0,3}\{(?P<box>(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]{0,99}\}){0,200}\}){0,400})",
    re.IGNORECASE | re.DOTALL,
)
MAY_HOLD = re.compile(r"[<\\]|[\"']\s{0,9}:")
LONGEST_CONTAINER = 4000  # what a container holds beyond this is prose, not an answer


class Container(NamedTuple):
    """What a container holds, from `start` on; `kind` tells how much its word weighs."""

    kind: Literal["tag", "json", "box"]
    start: int
    end: int
    content: str


def containers(text: str) -> Iterator[Container]:
    r"""Yield the containers of `text` from the last to the first.

    >>> [found.content for found in containers(r"<answer>B</answer> or \boxed{C}")]
    ['C', 'B']
    """
    if not MAY_HOLD.search(text):
        return
    for found in reversed(list(CONTAINER.finditer(text))):
        for kind in ("tag", "json", "box"):
            if found[kind] is not None:
                start = found.start(kind)
                yield Container(kind, start, found.end(), found[kind][:LONGEST_CONTAINER])
