"""Metric: how far replies lie from the right vertebrae or motion segments: one site an item, or a set."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any, NamedTuple

import datasets
import evaluate

# evaluate copies only the modules that this file names, so those that they import in turn are named too.
from .intervals import wilson
from .level_grammar import parse_levels as parse_levels
from .level_lookalikes import drop_lookalikes as drop_lookalikes
from .level_members import Member as Member
from .level_parts import label_parts as label_parts
from .level_patterns import vocabulary as vocabulary
from .level_ranges import order_key as order_key
from .level_scan import Scan as Scan
from .level_scope import mark_polarity as mark_polarity
from .level_scores import (
    SetItem,
    case_scores,
    numbering_of_item,
    plan_scores,
    read_reference,
    read_reply,
    set_scores,
    side_scores,
    transitional_scores,
)
from .level_sets import FARTHEST, numbering_for, place_of, side_parts
from .level_words import Word as Word
from .levels import DEFAULT_NUMBERING, Numbering, Site
from .metric_inputs import check_lengths, check_text, naming_item

DESCRIPTION = "Accuracy, set overlap and anatomical distance of free-text replies that name spinal levels."
INPUTS = """
predictions: list of str, the raw replies; every level spelling that the grammar knows is read.
references: list of str, right sites in canonical spelling: a vertebra ("L4"), a segment ("L4-L5"), several
  with commas or as a JSON list; "" or "[]" for none.
cases: optional list of str, the patient or case of each item; adds numbering shifts, macro is over cases.
sides: optional list of str, the right side: left, right, both, central or none; "" where none is asked.
plans: optional list of bool or "1"/"0", surgical items; adds the wrong-level rate.
numberings: optional list of str, "7-12-5" or a variant (T13, T11_only, L6, L4_only, L5_sacralised).
lstv: optional list of bool or "1"/"0", transitional spines; without it those with another numbering.
confidence: coverage of the Wilson intervals, 0.95 unless told.
return_items: adds `items`, the sites read from each reply and, for one right site, its signed distance.

One step is one vertebra; a vertebra lies half a step from the discs that touch it. Returns a dict of plain
Python numbers. Over the n_single items with one right site, covered when the reply states exactly one site:
  n, n_single, covered, coverage   counts and covered / n_single
  exact                  share with the right site, in [0, 1], higher is better; uncovered = wrong
  exact_low/high         Wilson interval of exact
  kind_relaxed           share within half a step (vertebra against adjacent disc); never below exact
  mean_distance, median_distance   |steps| over covered replies, 0 or more, lower is better
  mean_shift             signed steps over covered replies; negative = named too far cranial
  off_by_one_rate        share of covered replies one step away and of the same kind
  region_error           share of covered replies in another region (cervical, thoracic, lumbar, sacral)
  capped_distance        mean of min(|steps|, 5), uncovered replies counting 5; for ranking
  ambiguous_rate, missing_rate     share with several sites, with none
Over all items, as sets (both empty = 1, one empty = 0):
  set_precision, set_recall, set_f1, jaccard     micro over items; `_macro`: mean over cases, else over items
  set_precision_tolerant, ...      sites within one step match, each once; never below the strict ones
  set_exact              share of items with just the right set
  assignment_distance    mean cost of the best matching, 0 to 5 steps, lower is better
  cases, shift_rates     number of cases; share for which adding s = -2..2 to all named sites fits best
  numbering_error_rate   share of cases where a shift lifts the set F1 from below 0.5 to above 0.9
  cases_all_right        share of cases with every set right
  n_sides, side_accuracy, side_joint, side_f1    side given right levels; both right; F1 over sides
  n_plans, wrong_level_plan_rate, _low, _high   a planned level not right or a right one missing
  transitional           {as_labelled, renamed, subset, subset_renamed, n_subset}: exact sets by policy
What has nothing to count is None. Empty input raises ValueError. T13 and L6 are placed by a numbering that
has them, if the reply or the reference names them.

>>> metric = SpineLevel()
>>> result = metric.compute(predictions=["L4", "L3", "It is L5.", "?"], references=["L4"] * 4)
>>> result["exact"], result["mean_distance"], result["mean_shift"], result["coverage"]
(0.25, 0.6666666666666666, 0.0, 0.75)
>>> result = metric.compute(predictions=["L4/5 and L5/S1"], references=["L4-L5"])
>>> result["set_precision"], result["set_recall"], result["ambiguous_rate"]
(0.5, 1.0, 1.0)
"""


class Item(NamedTuple):
    """The site of a reply ("" if not exactly one), the right site ("" if not one), and the steps between."""

    site: str
    truth: str
    stated: int
    shift: float | None


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class SpineLevel(evaluate.Metric):  # type: ignore[misc]
    """Level accuracy and distance; see `INPUTS` for arguments, ranges and worked values."""

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
        cases: Sequence[str] | None = None,
        sides: Sequence[str] | None = None,
        plans: Sequence[bool | str] | None = None,
        numberings: Sequence[str] | None = None,
        lstv: Sequence[bool | str] | None = None,
        confidence: float = 0.95,
        return_items: bool = False,
    ) -> dict[str, Any]:
        known = {"cases": cases, "sides": sides, "plans": plans, "numberings": numberings, "lstv": lstv}
        check_lengths("spine_level", len(predictions), known)
        sets = [
            read_set(place, reply, truth, {name: of[place] for name, of in known.items() if of is not None})
            for place, (reply, truth) in enumerate(zip(predictions, references, strict=True))
        ]
        items = [single(one) for one in sets]
        result = summary(items, confidence)
        result |= set_scores(sets) | case_scores(sets, cases is not None) | side_scores(sets)
        result |= plan_scores(sets, confidence) | {"transitional": transitional_scores(sets)}
        if return_items:
            result["items"] = [row(item, one) for item, one in zip(items, sets, strict=True)]
        return result


def read_set(place: int, reply: str, truth: str, known: dict[str, Any]) -> SetItem:
    """Return what the reply of item `place` names and what is right; bad input names its place."""
    with naming_item(place):
        check_text(reply)
        gold = read_reference(truth)
        numbering = numbering_of_item(str(known.get("numberings") or ""), gold)
        side = str(known.get("sides") or "")
        if side:
            side_parts(side)
        is_plan, is_transitional = flag(known.get("plans", False)), flag(known.get("lstv", False))
        if "cases" in known and not str(known["cases"] or ""):
            raise ValueError("its case has no name; name the patient or case of every item")
    if "lstv" not in known:
        is_transitional = numbering != DEFAULT_NUMBERING or known.get("numberings") == "L5_sacralised"
    predicted, said_side = read_reply(reply)
    return SetItem(
        predicted=predicted,
        gold=frozenset(gold),
        side=said_side,
        gold_side=side or None,
        case=known.get("cases"),
        is_plan=is_plan,
        numbering=numbering,
        is_transitional=is_transitional,
    )


def flag(value: object) -> bool:
    """Return whether a flag is set: a bool, 0 or 1, or text such as "1", "0", "true"; else a ValueError.

    >>> flag("1"), flag(False), flag("false")
    (True, False, False)
    """
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
    text = str(value).lower()
    if text not in known:
        raise ValueError(f"a flag is a bool or '1' or '0', got {value!r:.80}")
    return known[text]


def single(one: SetItem) -> Item:
    """Return the one-site view of an item; its right site is "" where there are none or several."""
    truth = next(iter(one.gold)) if len(one.gold) == 1 else ""
    if len(one.predicted) != 1 or not truth:
        return Item("", truth, len(one.predicted), None)
    site = next(iter(one.predicted))
    return Item(site, truth, 1, steps(site, truth, one.axis))


def row(item: Item, one: SetItem) -> dict[str, Any]:
    """Return one row of `items`."""
    return {**item._asdict(), "sites": sorted(one.predicted, key=place_of), "side": one.side}


def steps(site: str, truth: str, numbering: Numbering = DEFAULT_NUMBERING) -> float:
    """Return signed level steps from `truth` to `site`, in a numbering that has both.

    >>> steps("L3", "L4"), steps("T13", "L1"), steps("L4-L5", "L4")
    (-1.0, -1.0, 0.5)
    """
    both = numbering_for((site, truth), numbering)
    return float(place_of(site, both) - place_of(truth, both))


def summary(every: Sequence[Item], confidence: float) -> dict[str, Any]:
    """Return the numbers over items with one right site that `INPUTS` defines."""
    items = [item for item in every if item.truth]
    count = len(items)
    covered = [item for item in items if item.shift is not None]
    shifts = [item.shift for item in items if item.shift is not None]
    exact = sum(item.site == item.truth for item in covered)
    interval = wilson(exact, count, confidence)
    missed = count - len(covered)

    def share(part: float) -> float | None:
        return part / count if count else None

    return {
        "n": len(every),
        "n_single": count,
        "covered": len(covered),
        "coverage": share(len(covered)),
        "exact": share(exact),
        "exact_low": interval.low if count else None,
        "exact_high": interval.high if count else None,
        "kind_relaxed": share(sum(abs(shift) <= 0.5 for shift in shifts)),
        "mean_distance": fmean(map(abs, shifts)) if shifts else None,
        "median_distance": float(median(map(abs, shifts))) if shifts else None,
        "mean_shift": fmean(shifts) if shifts else None,
        "off_by_one_rate": sum(map(is_off_by_one, covered)) / len(covered) if covered else None,
        "region_error": sum(map(is_other_region, covered)) / len(covered) if covered else None,
        "capped_distance": share(sum(min(abs(shift), FARTHEST) for shift in shifts) + FARTHEST * missed),
        "ambiguous_rate": share(sum(item.stated > 1 for item in items)),
        "missing_rate": share(sum(item.stated == 0 for item in items)),
    }


def is_off_by_one(item: Item) -> bool:
    """Tell whether a covered reply names the neighbour: one step away and of the same kind."""
    same_kind = Site.parse(item.site).is_segment == Site.parse(item.truth).is_segment
    return same_kind and item.shift is not None and abs(item.shift) == 1


def is_other_region(item: Item) -> bool:
    """Tell whether a covered reply names another region; a segment is in the region of its upper vertebra."""
    return Site.parse(item.site).region != Site.parse(item.truth).region
