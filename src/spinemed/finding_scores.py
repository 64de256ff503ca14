"""Scores of stated findings against right ones: overlap, sides, grades, worst level, severe stenosis.

What the reference does not tell is not asked: a side or a grade is compared only where the reference has one.
Numpy through `agreement`. Severity classes and weights are those of RSNA 2024: normal or mild 1, moderate 2,
severe 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, Final, NamedTuple

from .agreement import exact_agreement, weighted_kappa
from .finding_grammar import Statement
from .finding_words import HEALTHY, SCALES, SIDED, UNORDERED
from .intervals import NotEstimable, wilson
from .level_sets import Overlap, numbering_for, pooled, strict_overlap, tolerant_overlap

Key = tuple[str, ...]


class Item(NamedTuple):
    """What one reply states and what is right."""

    predicted: tuple[Statement, ...]
    gold: tuple[Statement, ...]


def overlap_scores(items: Sequence[Item]) -> dict[str, Any]:
    """Return precision, recall and F1 of (site, finding), and F1 with side, and with side and grade.

    Micro over all items; `f1_macro` is the mean F1 of items, where both empty give 1 and one empty 0.
    """
    strict = [strict_overlap(_pairs(item.predicted), _pairs(item.gold)) for item in items]
    micro = pooled(strict)
    tolerant = pooled(tolerant_pairs(item) for item in items)
    return {
        "precision": micro.precision,
        "recall": micro.recall,
        "f1": micro.f1,
        "f1_macro": fmean(one.f1 for one in strict),
        "precision_tolerant": tolerant.precision,
        "recall_tolerant": tolerant.recall,
        "f1_tolerant": tolerant.f1,
        "triple_f1": pooled(_asked(item, grades=False) for item in items).f1,
        "quadruple_f1": pooled(_asked(item, grades=True) for item in items).f1,
    }


def _pairs(statements: Iterable[Statement]) -> set[Key]:
    return {(one.site, one.finding) for one in statements if one.present}


def tolerant_pairs(item: Item) -> Overlap:
    """Return the overlap of (site, finding) where a site within one step matches, each once."""
    predicted, gold = _pairs(item.predicted), _pairs(item.gold)
    parts = []
    for finding in sorted({finding for _, finding in predicted | gold}):
        mine, theirs = ({site for site, name in one if name == finding} for one in (predicted, gold))
        parts.append(tolerant_overlap(mine, theirs, numbering_for(mine | theirs)))
    return pooled(parts)


def sides_of(one: Statement) -> tuple[str, ...]:
    """Return the sides of a statement one by one: both is left and right, and "" where none counts.

    >>> sides_of(Statement("L4-L5", "herniation", "", "both")), sides_of(Statement("L4", "fracture"))
    (('left', 'right'), ('',))
    """
    if one.finding not in SIDED:
        return ("",)
    return ("left", "right") if one.side == "both" else (one.side,)


def _asked(item: Item, grades: bool) -> Overlap:
    """Return the overlap of (site, finding, side), with `grades` of (site, finding, side, grade)."""
    told = {(one.site, one.finding) for one in item.gold if one.present and one.side}
    graded = {(one.site, one.finding) for one in item.gold if one.present and one.grade}

    def keys(statements: Iterable[Statement]) -> set[Key]:
        found: set[Key] = set()
        for one in statements:
            place = (one.site, one.finding)
            known = place in _pairs(item.gold)
            grade = one.grade if grades and (place in graded or not known) else ""
            for side in sides_of(one) if one.present else ():
                found.add((*place, side if place in told or not known else "", grade))
        return found

    return strict_overlap(keys(item.predicted), keys(item.gold))


def finding_rates(items: Sequence[Item], confidence: float) -> dict[str, dict[str, Any]]:
    """Return sensitivity and precision of each finding with Wilson intervals; None where nothing counts."""
    pairs = [(_pairs(item.predicted), _pairs(item.gold)) for item in items]
    names = sorted({key[1] for both in pairs for one in both for key in one})
    result = {}
    for name in names:
        predicted, gold = (
            [{key for key in both[which] if key[1] == name} for both in pairs] for which in (0, 1)
        )
        hits = sum(len(mine & theirs) for mine, theirs in zip(predicted, gold, strict=True))
        true, read = sum(map(len, gold)), sum(map(len, predicted))
        result[name] = {
            "gold": true,
            "predicted": read,
            **rate("sensitivity", hits, true, confidence),
            **rate("precision", hits, read, confidence),
        }
    return result


def rate(name: str, hits: int, count: int, confidence: float) -> dict[str, float | None]:
    """Return a share with its Wilson interval under `name`, `name_low`, `name_high`; None without trials.

    >>> rate("share", 0, 20, 0.95)["share_high"] == rate("share", 0, 0, 0.95)["share_high"]
    False
    """
    interval = wilson(hits, count, confidence) if count else None
    return {
        name: hits / count if count else None,
        f"{name}_low": interval.low if interval else None,
        f"{name}_high": interval.high if interval else None,
    }


def denied_scores(items: Sequence[Item], confidence: float) -> dict[str, Any]:
    """Return how many pairs the references deny, and the share of them that replies do not state."""
    denied = [{(one.site, one.finding) for one in item.gold if not one.present} for item in items]
    kept = sum(len(pairs - _pairs(item.predicted)) for pairs, item in zip(denied, items, strict=True))
    count = sum(map(len, denied))
    return {"n_denied": count, **rate("specificity", kept, count, confidence)}


def grade_scores(items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """Return agreement of grades for each finding, over the sites and sides that both grade.

    A denial is the healthy grade where the scale has one. Ordered scales have `qwk` on the full scale, exact
    and within one step; types have `kappa`. None where it is constant or of fewer than two pairs. `ungraded`
    counts right findings that the reply grades with nothing.
    """
    result: dict[str, dict[str, Any]] = {}
    for finding, scale in SCALES.items():
        predicted, gold, ungraded = [], [], 0
        for item in items:
            said, right = graded(item.predicted, finding), graded(item.gold, finding)
            for place, grade in right.items():
                guess = answer_at(said, place, scale)
                if grade and guess is not None:
                    ungraded += not guess
                    if guess:
                        predicted.append(scale.index(guess))
                        gold.append(scale.index(grade))
        if gold or ungraded:
            result[finding] = {"n": len(gold), "ungraded": ungraded, **_agreement(finding, predicted, gold)}
    return result


def graded(statements: Iterable[Statement], finding: str) -> dict[tuple[str, str], str]:
    """Return (site, side) -> grade of one finding; "" where it is stated without a grade of its scale.

    >>> graded([Statement("L4-L5", "recess_stenosis", "mild", "both")], "recess_stenosis")
    {('L4-L5', 'left'): 'mild', ('L4-L5', 'right'): 'mild'}
    """
    scale, found = SCALES[finding], {}
    for one in statements:
        if one.finding != finding:
            continue
        grade = one.grade if one.grade in scale else ""
        if not one.present:
            grade = grade or (scale[0] if scale[0] in HEALTHY else "")
        for side in sides_of(one):
            found[one.site, side] = grade
    return found


def answer_at(
    said: Mapping[tuple[str, str], str], place: tuple[str, str], scale: Sequence[str]
) -> str | None:
    """Return the grade that is said of a (site, side), "" without a grade, None where nothing is said of it.

    What is said without a side is said of both; what is asked without a side is answered by the worst.

    >>> answer_at({("L4-L5", ""): "none"}, ("L4-L5", "left"), ["none", "mild"])
    'none'
    """
    site, side = place
    for known in ((site, side), (site, "")):
        if known in said:
            return said[known]
    there = [grade for (where, _), grade in said.items() if where == site]
    if side or not there:
        return None
    return max(there, key=lambda grade: scale.index(grade) if grade else -1)


def _agreement(finding: str, predicted: list[int], gold: list[int]) -> dict[str, float | None]:
    kind = "kappa" if finding in UNORDERED else "qwk"
    if not gold:
        return dict.fromkeys(("exact", kind) if kind == "kappa" else ("exact", kind, "within_one"))
    weights: Any = "unweighted" if kind == "kappa" else "quadratic"
    value = weighted_kappa(gold, predicted, range(len(SCALES[finding])), weights)
    found: dict[str, float | None] = {
        "exact": exact_agreement(gold, predicted),
        kind: None if isinstance(value, NotEstimable) else float(value),
    }
    return found if kind == "kappa" else found | {"within_one": exact_agreement(gold, predicted, within=1)}


_CLASSES: Final[Mapping[str, Mapping[str, int]]] = {
    "canal_stenosis": {"none": 1, "mild": 1, "moderate": 2, "severe": 4},
    "recess_stenosis": {"none": 1, "mild": 1, "moderate": 2, "severe": 4},
    "foraminal_stenosis": {"0": 1, "1": 1, "2": 2, "3": 4},
}
"""Grade -> RSNA weight, which also names its class."""


def stenosis_scores(items: Sequence[Item], confidence: float) -> dict[str, Any]:
    """Return weighted accuracy over graded stenoses (weights 1, 2, 4) and the sensitivity for severe ones.

    A reply that says nothing of a place counts as normal there, one that names no grade as wrong.
    """
    weights = right = severe = found = 0
    for item in items:
        for finding, classes in _CLASSES.items():
            said = graded(item.predicted, finding)
            for place, grade in graded(item.gold, finding).items():
                if not grade:
                    continue
                weight = classes[grade]
                answer = answer_at(said, place, SCALES[finding])
                guess = 1 if answer is None else classes.get(answer, 0)
                weights += weight
                right += weight * (guess == weight)
                severe += weight == 4
                found += weight == 4 and guess == 4
    return {
        "weighted_accuracy": right / weights if weights else None,
        "n_severe": severe,
        **rate("severe_sensitivity", found, severe, confidence),
    }


def worst_levels(item: Item) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (finding, predicted worst sites, truly worst sites) of each ordered finding of the reference.

    Ties are listed. A finding that a reply names without any grade has all its sites as worst.
    """
    for finding in SCALES:
        right = _worst(item.gold, finding)
        if finding not in UNORDERED and right and any(graded(item.gold, finding).values()):
            yield finding, _worst(item.predicted, finding), right


def _worst(statements: Iterable[Statement], finding: str) -> list[str]:
    scale = SCALES[finding]
    present = [one for one in statements if one.present and one.finding == finding]
    ranks = [(scale.index(one.grade) if one.grade in scale else -1, one.site) for one in present]
    most = max((rank for rank, _ in ranks), default=-1)
    return sorted({site for rank, site in ranks if rank == most})


def worst_scores(items: Sequence[Item]) -> dict[str, Any]:
    """Return the share of (item, finding) whose predicted worst sites are all truly worst, and n."""
    every = [worst for item in items for worst in worst_levels(item)]
    return {"n_worst": len(every), "worst_level_accuracy": _share(every, is_worst_right)}


def is_worst_right(worst: tuple[str, list[str], list[str]]) -> bool:
    """Tell whether the sites that a reply makes worst are there and all truly worst.

    >>> is_worst_right(("slip", ["L4-L5"], ["L4-L5", "L5-S1"])), is_worst_right(("slip", [], ["L4-L5"]))
    (True, False)
    """
    return bool(worst[1]) and set(worst[1]) <= set(worst[2])


def _share(
    every: Sequence[tuple[str, list[str], list[str]]],
    holds: Callable[[tuple[str, list[str], list[str]]], bool],
) -> float | None:
    return fmean(map(holds, every)) if every else None
