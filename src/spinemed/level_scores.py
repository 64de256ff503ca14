"""Scores of replies that name sets of sites: overlap, distance, numbering, sides, plans, transitional spines.

Works on `SetItem`s, one a reply; `level_sets` has the definitions. Standard library only: metric folders
carry this file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from .intervals import wilson
from .level_grammar import parse_levels
from .level_sets import (
    SHIFTS,
    Overlap,
    assignment_distance,
    is_numbering_error,
    is_wrong_plan,
    numbering_for,
    numbering_of,
    numbering_shift,
    pooled,
    renamings,
    side_overlap,
    strict_overlap,
    tolerant_overlap,
)
from .levels import DEFAULT_NUMBERING, Numbering, Site


@dataclass(frozen=True, slots=True)
class SetItem:
    """What one reply names and what is right, with what is known of the item."""

    predicted: frozenset[str]
    gold: frozenset[str]
    side: str
    gold_side: str | None = None
    case: Hashable = None
    is_plan: bool = False
    numbering: Numbering = DEFAULT_NUMBERING
    is_transitional: bool = False

    @property
    def strict(self) -> Overlap:
        """The exact overlap."""
        return strict_overlap(self.predicted, self.gold)

    @property
    def tolerant(self) -> Overlap:
        """The overlap within one step."""
        return tolerant_overlap(self.predicted, self.gold, self.axis)

    @property
    def axis(self) -> Numbering:
        """The numbering of the item, with a T13 or L6 that the reply names."""
        return numbering_for(self.predicted, self.numbering)


def read_reference(reference: str) -> tuple[str, ...]:
    """Return the right sites of an item in canonical spelling: one, several with commas, or a JSON list.

    "" and "[]" mean none. A wrong spelling raises ValueError.

    >>> read_reference("L5-S1, L4-L5"), read_reference('["L4"]'), read_reference("[]")
    (('L5-S1', 'L4-L5'), ('L4',), ())
    """
    text = reference.strip()
    if text.startswith("["):
        names = json.loads(text)
        if not all(isinstance(name, str) for name in names):
            raise ValueError(f"a list of sites has text in it, got {reference!r:.80}")
    else:
        names = [name.strip() for name in text.split(",") if name.strip()]
    return tuple(dict.fromkeys(str(Site.parse(name)) for name in names))


def read_reply(reply: str) -> tuple[frozenset[str], str]:
    """Return the sites that a reply names, roots and regions left out, and its side ("none" without one).

    >>> [sorted(part) if isinstance(part, frozenset) else part for part in read_reply("L4/5 and L5/S1, left")]
    [['L4-L5', 'L5-S1'], 'left']
    """
    parsed = parse_levels(reply)
    return frozenset(site for site in parsed.levels if ":" not in site), parsed.side or "none"


def numbering_of_item(text: str, gold: Sequence[str]) -> Numbering:
    """Return the numbering of an item; a T13 or L6 of the reference is taken in where none is stated."""
    return numbering_for(gold, numbering_of(text))


def set_scores(items: Sequence[SetItem]) -> dict[str, Any]:
    """Return the scores of sets over all items: micro over items, macro over cases (items without cases)."""
    groups = [list(group) for group in _cases(items).values()]
    result: dict[str, Any] = {}
    for suffix, overlap in (("", _strict), ("_tolerant", _tolerant)):
        micro = pooled(overlap(item) for item in items)
        macro = [pooled(overlap(item) for item in group) for group in groups]
        for name in ("precision", "recall", "f1"):
            result[f"set_{name}{suffix}"] = float(getattr(micro, name))
            result[f"set_{name}{suffix}_macro"] = fmean(getattr(one, name) for one in macro)
    result["set_exact"] = fmean(item.predicted == item.gold for item in items)
    result["jaccard"] = pooled(item.strict for item in items).jaccard
    result["jaccard_macro"] = fmean(pooled(item.strict for item in group).jaccard for group in groups)
    result["assignment_distance"] = fmean(
        assignment_distance(item.predicted, item.gold, item.axis) for item in items
    )
    return result


def _strict(item: SetItem) -> Overlap:
    return item.strict


def _tolerant(item: SetItem) -> Overlap:
    return item.tolerant


def _cases(items: Sequence[SetItem]) -> dict[Hashable, list[SetItem]]:
    """Return the items of each case, in order of first appearance; each its own where no case is named."""
    groups: dict[Hashable, list[SetItem]] = {}
    for place, item in enumerate(items):
        groups.setdefault((place,) if item.case is None else item.case, []).append(item)
    return groups


def case_scores(items: Sequence[SetItem], has_cases: bool) -> dict[str, Any]:
    """Return numbering shifts and "all levels right" over cases; None where the items have no cases."""
    if not has_cases:
        return {"cases": None, "shift_rates": None, "numbering_error_rate": None, "cases_all_right": None}
    groups = list(_cases(items).values())
    pairs = [[(item.predicted, item.gold) for item in group] for group in groups]
    shifts = [numbering_shift(pair, group[0].numbering) for pair, group in zip(pairs, groups, strict=True)]
    wrong = [is_numbering_error(pair, group[0].numbering) for pair, group in zip(pairs, groups, strict=True)]
    return {
        "cases": len(groups),
        "shift_rates": {str(shift): shifts.count(shift) / len(groups) for shift in SHIFTS},
        "numbering_error_rate": fmean(wrong),
        "cases_all_right": fmean(all(item.predicted == item.gold for item in group) for group in groups),
    }


def side_scores(items: Sequence[SetItem]) -> dict[str, Any]:
    """Return side accuracy among items with all levels right, and joint accuracy and side F1 over all.

    Items without a right side are left out; None where nothing is left.
    """
    asked = [item for item in items if item.gold_side is not None]
    placed = [item for item in asked if item.predicted == item.gold]
    right = sum(item.side == item.gold_side for item in placed)
    return {
        "n_sides": len(asked),
        "side_accuracy": right / len(placed) if placed else None,
        "side_joint": right / len(asked) if asked else None,
        "side_f1": fmean(side_overlap(item.side, item.gold_side or "none").f1 for item in asked)
        if asked
        else None,
    }


def plan_scores(items: Sequence[SetItem], confidence: float) -> dict[str, Any]:
    """Return the share of plans at a wrong level with its Wilson interval; None without plans."""
    plans = [item for item in items if item.is_plan]
    wrong = sum(is_wrong_plan(item.predicted, item.gold) for item in plans)
    interval = wilson(wrong, len(plans), confidence) if plans else None
    return {
        "n_plans": len(plans),
        "wrong_level_plan_rate": wrong / len(plans) if plans else None,
        "wrong_level_plan_low": interval.low if interval else None,
        "wrong_level_plan_high": interval.high if interval else None,
    }


def transitional_scores(items: Sequence[SetItem]) -> dict[str, Any]:
    """Return exact sets as labelled, under the best renaming of transitional items, and on those alone.

    `renamed` counts an item as right if any equivalent naming of its reply is the gold set; `subset` is the
    share as labelled among transitional items, `subset_renamed` with renaming; None without such items.
    """
    subset = [item for item in items if item.is_transitional]
    return {
        "as_labelled": _share(items, _is_exact),
        "renamed": _share(items, _is_exact_renamed),
        "subset": _share(subset, _is_exact),
        "subset_renamed": _share(subset, _is_exact_renamed),
        "n_subset": len(subset),
    }


def _share(items: Sequence[SetItem], holds: Callable[[SetItem], bool]) -> float | None:
    return fmean(map(holds, items)) if items else None


def _is_exact(item: SetItem) -> bool:
    return item.predicted == item.gold


def _is_exact_renamed(item: SetItem) -> bool:
    if not item.is_transitional:
        return _is_exact(item)
    return any(named == item.gold for named in renamings(item.predicted, item.numbering))
