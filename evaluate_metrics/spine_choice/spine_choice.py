"""Metric: accuracy of multiple-choice replies on spine items, with intervals, parse states and groups."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypedDict

import datasets
import evaluate

# evaluate copies only the modules that this file names, so those that they import in turn are named too.
from .answer_letters import Named as Named
from .answer_text import Reply as Reply
from .answer_wording import Wordings as Wordings
from .answers import STATUSES, ParsedAnswer, parse_answer
from .intervals import wilson
from .level_grammar import parse_levels as parse_levels
from .level_lookalikes import drop_lookalikes as drop_lookalikes
from .level_members import Member as Member
from .level_parts import label_parts as label_parts
from .level_patterns import vocabulary as vocabulary
from .level_ranges import order_key as order_key
from .level_scan import Scan as Scan
from .level_scope import mark_polarity as mark_polarity
from .level_words import Word as Word
from .levels import Level as Level

DESCRIPTION = (
    "Accuracy of free-text replies to multiple-choice questions about the spine, per parse state and group."
)
INPUTS = """
predictions: list of str, the raw replies of a model.
references: list of str, the letter of the right option of each item.
options: list of str, the options of each item as JSON: {"A": "L2", "B": "L3"}, or ["L2", "L3"] for A, B, ...
levels: optional list of str, the level each item asks about; adds `by_level`.
modalities: optional list of str, the modality of each item; adds `by_modality`.
confidence: coverage of the Wilson intervals, 0.95 unless told.
return_items: adds `items`, what was read from each reply.

Returns a dict of plain Python numbers:
  n, correct        counts
  accuracy          correct / n in [0, 1], higher is better; a reply without one valid choice counts as wrong
  accuracy_low/high Wilson interval of accuracy, items taken as independent
  answered_rate     share of replies with exactly one valid choice
  accuracy_answered correct / answered, or None when nothing was answered
  no_answer_rate, refusal_rate, ambiguous_rate, out_of_range_rate, truncated_rate   shares; all rates sum to 1
  conflict_rate     share of answered replies whose letter and wording disagree (the letter counts), or None
Empty input raises ValueError. There are no ties: a reply that commits to two options is ambiguous and wrong.

>>> metric = SpineChoice()
>>> options = ['["L3", "L4"]'] * 4
>>> replies = ["L4 (B)", "The answer is A", "A or B", "I cannot tell."]
>>> result = metric.compute(predictions=replies, references=["B", "B", "A", "A"], options=options)
>>> result["accuracy"], result["answered_rate"], result["accuracy_answered"], result["ambiguous_rate"]
(0.25, 0.5, 0.5, 0.25)
"""


class Item(TypedDict):
    """What was read from one reply."""

    status: str
    choice: str
    correct: bool
    conflict: bool
    rule: str
    span: list[int]


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class SpineChoice(evaluate.Metric):  # type: ignore[misc]
    """Accuracy of multiple-choice replies; see `INPUTS` for arguments, ranges and one worked value."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": text, "references": text, "options": text}),
        )

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        options: Sequence[str],
        levels: Sequence[str] | None = None,
        modalities: Sequence[str] | None = None,
        confidence: float = 0.95,
        return_items: bool = False,
    ) -> dict[str, Any]:
        if not len(predictions):
            raise ValueError("spine_choice needs at least one prediction, got none")
        items = [
            read_item(place, reply, key, texts)
            for place, (reply, key, texts) in enumerate(zip(predictions, references, options, strict=True))
        ]
        result: dict[str, Any] = summary(items, confidence)
        for name, groups in (("by_level", levels), ("by_modality", modalities)):
            if groups is not None:
                result[name] = by_group(items, groups, name, confidence)
        if return_items:
            result["items"] = items
        return result


def read_item(place: int, reply: str, key: str, options: str) -> Item:
    """Return what the reply of item `place` chooses and whether that is `key`; bad input names its place."""
    try:
        texts = read_options(options)
        if key not in texts:
            raise ValueError(f"the reference {key!r} is not one of the options {list(texts)}")
        parsed: ParsedAnswer = parse_answer(reply, texts)
    except (ValueError, TypeError) as error:
        raise ValueError(f"item {place}: {error}") from error
    choice = parsed.letters[0] if parsed.letters else ""
    return Item(
        status=parsed.status,
        choice=choice,
        correct=choice == key,
        conflict=parsed.conflict,
        rule=parsed.rule,
        span=list(parsed.span),
    )


def read_options(options: str) -> dict[str, str]:
    """Return letter -> wording from a JSON object, or from a JSON list that gets the letters A, B, C, ...

    >>> read_options('["L2", "L3"]')
    {'A': 'L2', 'B': 'L3'}
    """
    texts = json.loads(options)
    if isinstance(texts, list):
        texts = {chr(ord("A") + place): text for place, text in enumerate(texts)}
    if not isinstance(texts, dict):
        raise ValueError(f"options are a JSON object or list, got {options!r:.80}")
    return texts


def summary(items: Sequence[Item], confidence: float) -> dict[str, Any]:
    """Return counts, accuracy with its Wilson interval, and the rate of each parse state."""
    count = len(items)
    correct = sum(item["correct"] for item in items)
    answered = sum(item["status"] == "answered" for item in items)
    interval = wilson(correct, count, confidence)
    result: dict[str, Any] = {
        "n": count,
        "correct": correct,
        "accuracy": correct / count,
        "accuracy_low": interval.low,
        "accuracy_high": interval.high,
        "accuracy_answered": correct / answered if answered else None,
        "conflict_rate": sum(item["conflict"] for item in items) / answered if answered else None,
    }
    for status in STATUSES:
        result[f"{status}_rate"] = sum(item["status"] == status for item in items) / count
    return result


def by_group(
    items: Sequence[Item], groups: Sequence[str], name: str, confidence: float
) -> dict[str, dict[str, float]]:
    """Return n, correct and accuracy with its interval for each group, in order of first appearance."""
    if len(groups) != len(items):
        raise ValueError(f"{name} got {len(groups)} names for {len(items)} items")
    result = {}
    for group in dict.fromkeys(groups):
        members = [item for item, member in zip(items, groups, strict=True) if member == group]
        whole = summary(members, confidence)
        kept = ("n", "correct", "accuracy", "accuracy_low", "accuracy_high")
        result[str(group)] = {key: whole[key] for key in kept}
    return result
