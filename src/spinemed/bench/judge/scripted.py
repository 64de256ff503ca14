"""A judge that is a script, sound or with faults on purpose: it proves that the checks find their faults.

It reads the fenced blocks of the judge's prompt, compares the facts and sentences of the candidate with those
of the reference, and answers in the form that was asked for. It knows nothing that the prompt does not hold.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from spinemed.bench.judge.rubric import HIGHEST, LOWEST
from spinemed.bench.judge.variants import without_levels, without_sides
from spinemed.instances.clinic.gate import clauses
from spinemed.llm.chat import Chat, Failure, Reply, Request

_BLOCK: Final = re.compile(r"<(reference|candidate)>\n(.*?)\n</\1>", re.DOTALL)
_DIMENSION: Final = re.compile(r"^Dimension (\w+):", re.MULTILINE)
_ORDER: Final = re.compile(r"give this report 5|请给本报告", re.IGNORECASE)
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")
_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])|\n")
_PRECISE: Final = ("imaging_report", "diagnosis")
_CAP: Final = 2
"""What the rubric gives at most where a level or a side is wrong."""
_LETTERS_A_POINT: Final = 600

Fact = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Habits:
    """The faults of a scripted judge; without any it is sound.

    `lenient` points are added and nothing is below 3. `constant` is given to everything. `loves_length`: a
    point for 600 letters. `level_blind`, `side_blind`: levels or sides are not looked at. `obeys` orders in
    the text. `wavers` by the repeat. `against_chinese`: a point less. `own_words`: a text liked for its
    style. `harsh`: at most 3. `broken`: answers that are no JSON, or scores of 9. `invents` quotes.
    """

    lenient: int = 0
    constant: int = 0
    loves_length: bool = False
    level_blind: bool = False
    side_blind: bool = False
    obeys: bool = False
    wavers: bool = False
    against_chinese: bool = False
    own_words: str = ""
    harsh: bool = False
    broken: str = ""
    invents: bool = False


FAULTS: Final[dict[str, Habits]] = {
    "sound": Habits(),
    "lenient": Habits(lenient=2),
    "harsh": Habits(harsh=True),
    "constant": Habits(constant=4),
    "length_loving": Habits(loves_length=True),
    "level_blind": Habits(level_blind=True),
    "side_blind": Habits(side_blind=True),
    "obedient": Habits(obeys=True),
    "wavering": Habits(wavers=True),
    "against_chinese": Habits(against_chinese=True),
    "broken_json": Habits(broken="json"),
    "out_of_range": Habits(broken="range"),
}
"""Scripted judges by name; "sound" has no fault."""


def scripted_judge(habits: Habits | None = None) -> Chat:
    """Return a chat that answers the judge's requests; a request that is none is a Failure."""
    kept = habits or Habits()

    def chat(requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Failure]]:
        for place, request in enumerate(requests):
            yield place, _answer(request, kept)

    return chat


def _answer(request: Request, habits: Habits) -> Reply | Failure:
    user = str(next(one["content"] for one in request.messages if one["role"] == "user"))
    blocks = {name: html.unescape(text) for name, text in _BLOCK.findall(user)}
    names = _DIMENSION.findall(user)
    if set(blocks) != {"reference", "candidate"} or not names:
        return Failure("this is no request of the judge")
    candidate = "" if blocks["candidate"].startswith("(this section is empty)") else blocks["candidate"]
    points = {name: _points(name, candidate, blocks["reference"], request.tag, habits) for name in names}
    quote = "no such words stand there" if habits.invents else candidate.strip().split("\n")[0][:80]
    if habits.broken == "json":
        text = "I would give this report 4 out of 5."
    elif request.schema is None:
        text = "\n".join(
            f"<{name}><evidence>{html.escape(quote)}</evidence><score>{score}</score></{name}>"
            for name, score in points.items()
        )
    else:
        marks = {name: {"evidence": quote, "score": score} for name, score in points.items()}
        text = json.dumps(marks, ensure_ascii=False)
    return Reply(text=text, finish_reason="stop", prompt_tokens=0, tokens=len(text) // 4, seconds=0.0)


def _points(name: str, candidate: str, reference: str, tag: str, habits: Habits) -> int:
    if habits.broken == "range":
        return 9
    if habits.constant:
        return habits.constant
    if habits.obeys and _ORDER.search(candidate):
        return HIGHEST
    points = _sound(name, candidate, reference, habits)
    points += len(candidate) // _LETTERS_A_POINT if habits.loves_length else 0
    points += bool(habits.own_words) and habits.own_words in candidate
    points -= habits.against_chinese and bool(_HAN.search(candidate))
    if habits.wavers:
        points += hashlib.sha256(f"{tag}:{name}:{candidate}".encode()).digest()[0] % 3 - 1
    if habits.lenient:
        points = max(points + habits.lenient, 3)
    return max(LOWEST, min(points, 3 if habits.harsh else HIGHEST))


def _sound(name: str, candidate: str, reference: str, habits: Habits) -> int:
    """Return 1 to 5 by the share of the reference that the candidate has; 2 at most with a wrong place."""
    if not candidate.strip():
        return LOWEST
    said, true = (_seen(text, habits) for text in (candidate, reference))
    facts, true_facts = (_facts(text, habits.side_blind) for text in (said, true))
    wanted = _sentences(true)
    share = len(wanted & _sentences(said)) / len(wanted) if wanted else 1.0
    if name in _PRECISE and true_facts:
        share = 2 * len(facts & true_facts) / (len(facts) + len(true_facts))
    points = round(LOWEST + (HIGHEST - LOWEST) * share)
    return min(points, _CAP) if facts - true_facts else points


def _seen(text: str, habits: Habits) -> str:
    text = without_levels(text) if habits.level_blind else text
    return without_sides(text) if habits.side_blind else text


@lru_cache(maxsize=1024)
def _facts(text: str, side_blind: bool) -> frozenset[Fact]:
    """Return what the clauses of a text state as there: (site, pathology, sides)."""
    found: set[Fact] = set()
    for clause in clauses(text):
        sides = () if side_blind else tuple(sorted(clause.sides))
        sites = [one.site for one in clause.sites if one.polarity == "positive"]
        found |= {(site, pathology, sides) for site in sites for pathology in clause.pathologies}
    return frozenset(found)


@lru_cache(maxsize=1024)
def _sentences(text: str) -> frozenset[str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return frozenset(one.strip(" -*") for line in lines for one in _SENTENCE.split(line) if one.strip(" -*"))
