"""Metric: how many level steps a reply lies from the right vertebra or motion segment, and which way."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any, NamedTuple

import datasets
import evaluate

# evaluate copies only the modules that this file names, so those that they import in turn are named too.
from .intervals import wilson
from .level_grammar import parse_levels
from .level_lookalikes import drop_lookalikes as drop_lookalikes
from .level_members import Member as Member
from .level_parts import label_parts as label_parts
from .level_patterns import vocabulary as vocabulary
from .level_ranges import order_key as order_key
from .level_scan import Scan as Scan
from .level_scope import mark_polarity as mark_polarity
from .level_words import Word as Word
from .levels import Numbering, Site, signed_distance

FARTHEST = 5.0  # the capped distance: no reply, or one further away, counts as five steps
DESCRIPTION = (
    "Exact level accuracy and anatomical distance of free-text replies that name a vertebra or disc level."
)
INPUTS = """
predictions: list of str, the raw replies; every level spelling that the grammar knows is read.
references: list of str, the right site in canonical spelling: a vertebra ("L4") or a segment ("L4-L5").
confidence: coverage of the Wilson intervals, 0.95 unless told.
return_items: adds `items`, the site read from each reply and its signed distance.

One step is one vertebra; a vertebra lies half a step from the discs that touch it. A reply is covered when it
states exactly one site. Returns a dict of plain Python numbers:
  n, covered, coverage   counts and covered / n
  exact                  share of all n with the right site, in [0, 1], higher is better; uncovered = wrong
  exact_low/high         Wilson interval of exact
  kind_relaxed           share of all n within half a step (vertebra against adjacent disc); never below exact
  mean_distance, median_distance   |steps| over covered replies, 0 or more, lower is better
  mean_shift             signed steps over covered replies; negative = named too far cranial
  off_by_one_rate        share of covered replies one step away and of the same kind
  region_error           share of covered replies in another region (cervical, thoracic, lumbar, sacral)
  capped_distance        mean over all n of min(|steps|, 5), uncovered replies counting 5; for ranking
  ambiguous_rate, missing_rate     share of n with several sites, with none
Values over covered replies are None when no reply is covered. Empty input raises ValueError. T13 and L6 are
placed by a numbering that has them, if the reply or the reference names them.

>>> metric = SpineLevel()
>>> result = metric.compute(predictions=["L4", "L3", "It is L5.", "?"], references=["L4"] * 4)
>>> result["exact"], result["mean_distance"], result["mean_shift"], result["coverage"]
(0.25, 0.6666666666666666, 0.0, 0.75)
"""


class Item(NamedTuple):
    """The site read from one reply ("" if not exactly one), the right site, and the signed steps between."""

    site: str
    truth: str
    stated: int
    shift: float | None


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class SpineLevel(evaluate.Metric):  # type: ignore[misc]
    """Level accuracy and distance; see `INPUTS` for arguments, ranges and one worked value."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        confidence: float = 0.95,
        return_items: bool = False,
    ) -> dict[str, Any]:
        if not len(predictions):
            raise ValueError("spine_level needs at least one prediction, got none")
        items = [
            read_item(place, reply, truth)
            for place, (reply, truth) in enumerate(zip(predictions, references, strict=True))
        ]
        result = summary(items, confidence)
        if return_items:
            result["items"] = [item._asdict() for item in items]
        return result


def read_item(place: int, reply: str, truth: str) -> Item:
    """Return what the reply of item `place` states and its distance; a bad reference names its place."""
    if not isinstance(reply, str):
        raise ValueError(f"item {place}: a reply is text, got {reply!r:.80}")
    try:
        right = Site.parse(truth)
    except ValueError as error:
        raise ValueError(f"item {place}: {error}") from error
    sites = tuple(
        site for site in parse_levels(reply).levels if ":" not in site
    )  # roots and regions are no sites
    if len(sites) != 1:
        return Item("", str(right), len(sites), None)
    return Item(sites[0], str(right), 1, steps(sites[0], str(right)))


def steps(site: str, truth: str) -> float:
    """Return signed level steps from `truth` to `site`, in a numbering that has both.

    >>> steps("L3", "L4"), steps("T13", "L1"), steps("L4-L5", "L4")
    (-1.0, -1.0, 0.5)
    """
    named = {*site.split("-"), *truth.split("-")}
    numbering = Numbering(thoracic=13 if "T13" in named else 12, lumbar=6 if "L6" in named else 5)
    try:
        return float(signed_distance(site, truth, numbering))
    except ValueError:  # T12-L1 beside T13: each is placed in its own numbering
        return float(place_of(site) - place_of(truth))


def place_of(site: str) -> float:
    """Return the place of a site by its upper vertebra, in the smallest numbering that has it."""
    upper, _, lower = site.partition("-")
    numbering = Numbering(
        thoracic=13 if "T13" in (upper, lower) else 12, lumbar=6 if "L6" in (upper, lower) else 5
    )
    return float(signed_distance(upper, "C1", numbering)) + (0.5 if lower else 0.0)


def summary(items: Sequence[Item], confidence: float) -> dict[str, Any]:
    """Return the numbers that `INPUTS` defines."""
    count = len(items)
    covered = [item for item in items if item.shift is not None]
    shifts = [item.shift for item in items if item.shift is not None]
    exact = sum(item.site == item.truth for item in covered)
    interval = wilson(exact, count, confidence)
    missed = count - len(covered)
    return {
        "n": count,
        "covered": len(covered),
        "coverage": len(covered) / count,
        "exact": exact / count,
        "exact_low": interval.low,
        "exact_high": interval.high,
        "kind_relaxed": sum(abs(shift) <= 0.5 for shift in shifts) / count,
        "mean_distance": fmean(map(abs, shifts)) if shifts else None,
        "median_distance": float(median(map(abs, shifts))) if shifts else None,
        "mean_shift": fmean(shifts) if shifts else None,
        "off_by_one_rate": sum(map(is_off_by_one, covered)) / len(covered) if covered else None,
        "region_error": sum(map(is_other_region, covered)) / len(covered) if covered else None,
        "capped_distance": (sum(min(abs(shift), FARTHEST) for shift in shifts) + FARTHEST * missed) / count,
        "ambiguous_rate": sum(item.stated > 1 for item in items) / count,
        "missing_rate": sum(item.stated == 0 for item in items) / count,
    }


def is_off_by_one(item: Item) -> bool:
    """Tell whether a covered reply names the neighbour: one step away and of the same kind."""
    same_kind = Site.parse(item.site).is_segment == Site.parse(item.truth).is_segment
    return same_kind and item.shift is not None and abs(item.shift) == 1


def is_other_region(item: Item) -> bool:
    """Tell whether a covered reply names another region; a segment is in the region of its upper vertebra."""
    return Site.parse(item.site).region != Site.parse(item.truth).region
