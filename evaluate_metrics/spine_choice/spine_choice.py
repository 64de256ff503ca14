"""Metric: accuracy of multiple-choice replies: intervals, parse states, groups, rotations, letters."""

from __future__ import annotations

import gc
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypedDict

import datasets
import evaluate

# evaluate copies only the modules that this file names, so those that they import in turn are named too.
from .answer_containers import Container as Container
from .answer_letters import Named as Named
from .answer_quick import quick as quick
from .answer_reader import STATUSES, ParsedAnswer, Reader
from .answer_text import Reply as Reply
from .answer_wording import Wordings as Wordings
from .answers import finished, read_reply_of, reader_of
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
ids: optional list of str, the name of each item, for messages; no two may be the same.
levels, modalities, axes, languages, conditions: optional lists of str; add `by_level`, `by_modality`, ...
circles: optional list of str; items with the same name are rotations of one question; adds `circular`.
finish_reasons: optional list of str; "length" makes a reply without an answer truncated.
strict: a reply whose letter and wording disagree is ambiguous; without it the letter counts.
confidence: coverage of the Wilson intervals, 0.95 unless told.
return_items: adds `items`, what was read from each reply.

Returns a dict of plain Python numbers:
  n, correct        counts
  accuracy          correct / n in [0, 1], higher is better; a reply without one valid choice counts as wrong
  accuracy_low/high Wilson interval of accuracy, items taken as independent
  answered_rate     share of replies with exactly one valid choice
  accuracy_answered correct / answered, or None when nothing was answered
  no_answer_rate, refusal_rate, ambiguous_rate, out_of_range_rate, truncated_rate   shares; all rates sum to 1
  conflict_rate     share of replies with one valid letter whose wording disagrees, or None without such
  position          chosen and keyed: share of each letter among valid choices and among keys; recall: share
                    right, by key; bias: highest minus lowest recall of letters that are the key of 5 items or
                    more (None below two such letters); chosen_p: p of the chi-squared test that letters are
                    chosen as often as they are keys (None where an expected count is below 1)
  circular          n questions, rotations of each; all_right: share of questions right in every rotation,
                    with its Wilson interval; vanilla: share right in the form that comes first; pass_k: by k,
                    the chance that k rotations drawn without replacement are all right
Empty input raises ValueError, as do lengths that differ, duplicate ids and circles of unequal size; the
message names the item. There are no ties: a reply that commits to two options is ambiguous and wrong.

>>> metric = SpineChoice()
>>> options = ['["L3", "L4"]'] * 4
>>> replies = ["L4 (B)", "The answer is A", "A or B", "I cannot tell."]
>>> result = metric.compute(predictions=replies, references=["B", "B", "A", "A"], options=options)
>>> result["accuracy"], result["answered_rate"], result["accuracy_answered"], result["ambiguous_rate"]
(0.25, 0.5, 0.5, 0.25)
>>> result["position"]["chosen"], result["position"]["recall"]
({'A': 0.5, 'B': 0.5}, {'A': 0.0, 'B': 0.5})
"""
LEAST_KEYED = 5  # a recall over fewer items says nothing about a letter


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

    def compute(self, *, predictions: Any = None, references: Any = None, **given: Any) -> Any:
        """Return the result. Whole lists are read as they are, the rest goes by way of `evaluate`.

        That way leads through Arrow and back, which takes a fifth of the time of a million replies.
        """
        whole = {"predictions": predictions, "references": references, "options": given.get("options")}
        alone = self.writer is None and self.num_process == 1  # nothing was added before or elsewhere
        plain = all(isinstance(each, list) for each in whole.values())
        if not (alone and plain and len(set(map(len, whole.values()))) == 1):
            return super().compute(predictions=predictions, references=references, **given)
        return self._compute(**whole, **{name: given[name] for name in given if name not in whole})

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        options: Sequence[str],
        ids: Sequence[str] | None = None,
        levels: Sequence[str] | None = None,
        modalities: Sequence[str] | None = None,
        axes: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        conditions: Sequence[str] | None = None,
        circles: Sequence[str] | None = None,
        finish_reasons: Sequence[str] | None = None,
        strict: bool = False,
        confidence: float = 0.95,
        return_items: bool = False,
    ) -> dict[str, Any]:
        groups = {
            "by_level": levels, "by_modality": modalities, "by_axis": axes, "by_language": languages,
            "by_condition": conditions,
        }  # fmt: skip
        check_inputs(len(predictions), ids, groups | {"circles": circles, "finish_reasons": finish_reasons})
        with collection_paused():
            items = read_items(predictions, references, options, ids, finish_reasons, strict)
        right = [item.letters == (key,) for item, key in zip(items, references, strict=True)]
        result: dict[str, Any] = summary(items, right, confidence)
        for name, members in groups.items():
            if members is not None:
                result[name] = by_group(right, members, confidence)
        result["position"] = by_position(items, references, right, options)
        if circles is not None:
            result["circular"] = by_circle(right, circles, confidence)
        if return_items:
            result["items"] = [as_item(item, hit) for item, hit in zip(items, right, strict=True)]
        return result


def check_inputs(count: int, ids: Sequence[str] | None, others: Mapping[str, Sequence[str] | None]) -> None:
    """Raise ValueError on no items, on lists of other lengths and on ids that come twice."""
    if not count:
        raise ValueError("spine_choice needs at least one prediction, got none")
    for name, names in {"ids": ids, **others}.items():
        if names is not None and len(names) != count:
            raise ValueError(f"{name} got {len(names)} names for {count} items")
    places: dict[str, int] = {}
    for place, name in enumerate(ids or ()):
        if name in places:
            raise ValueError(
                f"item {place} ({name!r}): the same id as item {places[name]}; each item has its own"
            )
        places[name] = place


@contextmanager
def collection_paused() -> Iterator[None]:
    """Stop the search for reference cycles, which a loop over a million replies starts in vain."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def read_items(
    predictions: Sequence[str],
    references: Sequence[str],
    options: Sequence[str],
    ids: Sequence[str] | None,
    finish_reasons: Sequence[str] | None,
    strict: bool,
) -> list[ParsedAnswer]:
    """Return what each reply chooses; bad options or a key that is no option names the item."""
    found = []
    for place, (reply, key, encoded) in enumerate(zip(predictions, references, options, strict=True)):
        try:
            reader = reader_from(encoded)
            if key not in reader.letters:
                raise ValueError(f"the reference {key!r} is not one of the options {sorted(reader.letters)}")
            parsed, broke_off = read_reply_of(reader, reply)
        except (ValueError, TypeError) as error:
            named = f" ({ids[place]!r})" if ids is not None else ""
            raise ValueError(f"item {place}{named}: {error}") from error
        cut_off = broke_off or (finish_reasons is not None and finish_reasons[place] == "length")
        found.append(finished(parsed, cut_off, strict) if cut_off or strict else parsed)
    return found


@lru_cache(maxsize=16_384)
def reader_from(options: str) -> Reader:
    """Return the rules for the options of one item, made once for each text of options."""
    if not isinstance(options, str):
        raise TypeError(f"options are JSON text, got {type(options).__name__}: {options!r:.80}")
    return reader_of(tuple(read_options(options).items()), False)


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


def as_item(parsed: ParsedAnswer, correct: bool) -> Item:
    """Return what was read from one reply as plain values."""
    return Item(
        status=parsed.status,
        choice=parsed.letters[0] if parsed.letters else "",
        correct=correct,
        conflict=parsed.conflict,
        rule=parsed.rule,
        span=list(parsed.span),
    )


def summary(items: Sequence[ParsedAnswer], right: Sequence[bool], confidence: float) -> dict[str, Any]:
    """Return counts, accuracy with its Wilson interval, and the rate of each parse state."""
    states = Counter([item.status for item in items])
    answered, correct = states["answered"], sum(right)
    conflicts = Counter([item.status for item in items if item.conflict])
    lettered = answered + conflicts["ambiguous"]
    result = rate(correct, len(items), confidence)
    result["accuracy_answered"] = correct / answered if answered else None
    result["conflict_rate"] = sum(conflicts.values()) / lettered if lettered else None
    for status in STATUSES:
        result[f"{status}_rate"] = states[status] / len(items)
    return result


def rate(correct: int, count: int, confidence: float) -> dict[str, Any]:
    """Return n, correct and accuracy with its Wilson interval."""
    low, high = wilson(correct, count, confidence)
    return {
        "n": count,
        "correct": correct,
        "accuracy": correct / count,
        "accuracy_low": low,
        "accuracy_high": high,
    }


def by_group(right: Sequence[bool], groups: Sequence[str], confidence: float) -> dict[str, dict[str, Any]]:
    """Return n, correct and accuracy with its interval for each group, in order of first appearance."""
    sizes = Counter(groups)
    hits = Counter([group for group, hit in zip(groups, right, strict=True) if hit])
    return {str(group): rate(hits[group], size, confidence) for group, size in sizes.items()}


def by_position(
    items: Sequence[ParsedAnswer], keys: Sequence[str], right: Sequence[bool], options: Sequence[str]
) -> dict[str, Any]:
    """Return which letters are chosen and which are keys, recall by key, and what letters do to a choice."""
    chosen = Counter([item.letters[0] for item in items if item.letters])
    keyed = Counter(keys)
    hits = Counter([key for key, hit in zip(keys, right, strict=True) if hit])
    letters = sorted({letter for encoded in set(options) for letter in reader_from(encoded).letters})
    answered, count = chosen.total(), len(items)
    often = [hits[letter] / keyed[letter] for letter in letters if keyed[letter] >= LEAST_KEYED]
    return {
        "chosen": {letter: chosen[letter] / answered if answered else 0.0 for letter in letters},
        "keyed": {letter: keyed[letter] / count for letter in letters},
        "recall": {letter: hits[letter] / keyed[letter] if keyed[letter] else None for letter in letters},
        "bias": max(often) - min(often) if len(often) > 1 else None,
        "chosen_p": chi_squared_p(
            [chosen[letter] for letter in letters], [answered * keyed[letter] / count for letter in letters]
        ),
    }


def chi_squared_p(seen: Sequence[int], expected: Sequence[float]) -> float | None:
    """Return Pearson's p that counts come from `expected`; None below two classes or an expected count of 1.

    The upper tail of chi-squared with a whole number of degrees is a finite sum (Abramowitz and Stegun 26.4.4
    and 26.4.5). Classes without expected counts are left out if nothing was seen in them.

    >>> round(chi_squared_p([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]), 6)
    0.623388
    """
    pairs = [(count, mean) for count, mean in zip(seen, expected, strict=True) if count or mean]
    if len(pairs) < 2 or min(mean for _, mean in pairs) < 1:
        return None
    degrees = len(pairs) - 1
    half = sum((count - mean) ** 2 / mean for count, mean in pairs) / 2
    if not half:
        return 1.0
    powers = [degrees % 2 / 2 + step for step in range(degrees // 2)]
    terms = [math.exp(power * math.log(half) - half - math.lgamma(power + 1)) for power in powers]
    return min(1.0, sum(terms) + (math.erfc(math.sqrt(half)) if degrees % 2 else 0.0))


def by_circle(right: Sequence[bool], circles: Sequence[str], confidence: float) -> dict[str, Any]:
    """Return how many questions are right in all rotations, in the first, and in k drawn ones."""
    turns: dict[str, list[bool]] = {}
    for circle, hit in zip(circles, right, strict=True):
        turns.setdefault(circle, []).append(hit)
    sizes = {len(hits) for hits in turns.values()}
    if len(sizes) > 1:
        odd = next(name for name, hits in turns.items() if len(hits) != max(sizes))
        raise ValueError(
            f"circle {odd!r} has {len(turns[odd])} rotations and others {max(sizes)}; "
            "give every question as many"
        )
    size, count = sizes.pop(), len(turns)
    counts = [sum(hits) for hits in turns.values()]
    full = sum(hits == size for hits in counts)
    low, high = wilson(full, count, confidence)
    return {
        "n": count,
        "rotations": size,
        "all_right": full / count,
        "all_right_low": low,
        "all_right_high": high,
        "vanilla": sum(hits[0] for hits in turns.values()) / count,
        "pass_k": {
            str(k): sum(math.comb(hits, k) for hits in counts) / (math.comb(size, k) * count)
            for k in range(1, size + 1)
        },
    }
