"""Answers for a page: as many of each verdict, right and wrong alike, with their pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from spinemed.answers import parse_answer
from spinemed.bench.items import Item, rows, shards
from spinemed.bench.pages.page import Example
from spinemed.bench.scoring.join import Asked
from spinemed.bench.scoring.open_truth import REPORT
from spinemed.bench.scoring.open_truth import is_right as is_right_open
from spinemed.bench.scoring.report_truth import read_references
from spinemed.bench.scoring.scorecard import Scorecard
from spinemed.report_facts import compare, read_truth

EXAMPLES = 3
LONGEST = 1500  # characters of a reply that the page shows
Verdict = Callable[[Asked], str]


def examples(card: Scorecard, answers: Mapping[str, Sequence[Asked]], data: Path) -> list[Example]:
    """Return the same number of answers of each verdict on the first two runs, where there are any."""
    by_item: dict[str, dict[str, Asked]] = {}
    for name, found in answers.items():
        for one in found:
            by_item.setdefault(one.item.id, {})[name] = one
    leading = list(answers)[:2]
    verdict = verdicts(card, data, [replies[leading[0]].item for replies in by_item.values()])
    chosen: dict[str, list[str]] = {}
    for identity, replies in by_item.items():
        said = ", ".join(f"{name} {verdict(replies[name])}" for name in leading if name in replies)
        if len(chosen.setdefault(said, [])) < EXAMPLES:
            chosen[said].append(identity)
    wanted = frozenset(identity for group in chosen.values() for identity in group)
    files = shards(data, card.config, card.split)
    shown = {row["id"]: row for row in rows(files, ("id", "images", "messages", "marker"), wanted)}
    return [
        example(said, by_item[identity], shown[identity])
        for said, group in sorted(chosen.items())
        for identity in group
    ]


def verdicts(card: Scorecard, data: Path, items: Sequence[Item]) -> Verdict:
    """Return what says in a word how good an answer is: right or wrong, or how true a report."""
    if card.config != REPORT:
        return lambda asked: "right" if is_right(asked) else "wrong"
    references = read_references(data, card.split, items)

    @cache
    def how_true(identity: str, reply: str) -> str:
        score = compare(reply, read_truth(references[identity])).score
        return "wholly true" if score == 1 else "true in part" if score > 0 else "empty, or false on balance"

    return lambda asked: how_true(asked.item.id, asked.reply)


def example(verdict: str, replies: Mapping[str, Asked], row: Mapping[str, Any]) -> Example:
    """Return one item for the page; the options are in the order of the corpus, replies cut where long."""
    item: Item = next(iter(replies.values())).item
    made = "synthetic" if item.synthetic else "real"
    pictures = row["images"] or []
    return Example(
        question=row["messages"][0]["content"],
        key=cut(row["messages"][1]["content"]),
        about=f"{item.kind}, {item.modality}, {made}, item {item.id}",
        replies={name: cut(one.reply) or "(empty)" for name, one in replies.items()},
        verdict=verdict,
        picture=pictures[0]["bytes"] if pictures else None,
    )


def cut(text: str) -> str:
    """Return a reply short enough for the page, with the number of characters left out."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} [... {len(text) - LONGEST} more characters]"


def is_right(asked: Asked) -> bool:
    """Tell whether a reply is right: the keyed letter, or for an open item just the right sites or side."""
    if not asked.item.options:
        return is_right_open(asked.item, asked.reply)
    parsed = parse_answer(asked.reply, asked.item.lettered, cut_off=asked.cut_off)
    return parsed.status == "answered" and parsed.letters == (asked.item.answer,)
