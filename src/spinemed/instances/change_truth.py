"""Whether an answer about the course between two examinations holds: both series must state the site."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from spinemed.instances.alignment_truth import largest_curve
from spinemed.instances.premise import Premise, view_of
from spinemed.records import Finding, Pathology

MORE_LOSS_POINTS: Final = 12.0
"""Percentage points of height that a body has lost more where its loss counts as progressed."""
MOVED_MM: Final = 3.0
"""Change in reach of a herniation that counts."""
GROWN: Final = 1.2
"""Share of the first diameter from which a metastasis counts as larger (RECIST 1.1: +20 %)."""
SHRUNK: Final = 0.7
"""Share of the first diameter below which it counts as smaller (RECIST 1.1: -30 %)."""
PROGRESSED_DEG: Final = 8.0
"""Gain of a Cobb angle that counts, beyond the usual measuring error of 5 degrees."""
_BEHIND_WALL_MM: Final = 3.0
"""A lesion whose box reaches so far behind that of its body runs into the pedicle."""
_ERRORS: Final = 2.0
_LEAST_ERROR: Final[dict[Pathology, float]] = {"height_loss": 2.5}
"""Of findings that state no error: of a height measured on a mask, in percentage points."""

Pair = tuple[Finding, Finding]


def is_follow_up(premise: Premise) -> bool:
    """Return whether two pictures of one kind are shown, the earlier first, the said months apart."""
    if len(premise.shown) != 2:
        return False
    first, second = (shown.series for shown in premise.shown)
    apart = second.months - first.months
    return apart > 0 and premise.fields.get("months") == str(apart) and view_of(first) == view_of(second)


def both(premise: Premise, pathology: Pathology, site: str) -> Pair | None:
    """Return what the first and the second shown series state about a site; None where one does not."""
    if not is_follow_up(premise):
        return None
    found = [
        [
            one
            for one in premise.facts.seen_in(shown.series.uid)
            if one.pathology == pathology and one.site == site
        ]
        for shown in premise.shown
    ]
    return (found[0][0], found[1][0]) if [len(one) for one in found] == [1, 1] else None


def _course(pair: Pair, least: float) -> int | None:
    """Whether a value grew (1), shrank (-1) or stayed (0); None where measuring errors leave that open."""
    first, second = pair
    if first.value is None or second.value is None:
        return None
    error = math.hypot(*(one.error or _LEAST_ERROR.get(one.pathology, 0.0) for one in pair))
    gained = second.value - first.value
    if abs(gained) >= max(least, _ERRORS * error):
        return 1 if gained > 0 else -1
    return 0 if abs(gained) <= min(error, least / 2) else None


def change_height(premise: Premise, key: str) -> bool | None:
    """Return whether the marked vertebra has sunk further, stayed, broken since, or is intact in both."""
    heights = both(premise, "height_loss", premise.site)
    fractures = both(premise, "fracture", premise.site)
    course = None if heights is None else _course(heights, MORE_LOSS_POINTS)
    if heights is None or fractures is None or course is None or course < 0:
        return None
    broken = fractures[0].present, fractures[1].present
    if broken == (False, False) and (course or any(one.grade != "0" for one in heights)):
        return None
    said = {
        (True, True, 1): "more",
        (True, True, 0): "same",
        (False, True, 1): "new",
        (False, False, 0): "intact",
    }.get((*broken, course))
    return None if said is None else key == said


def change_herniation(premise: Premise, key: str) -> bool | None:
    """Return whether the herniation of the marked disc is smaller, gone, larger or unchanged."""
    pair = both(premise, "herniation", premise.site)
    said = "slice" if premise.shown[0].plane == "axial" else "ring"
    if pair is None or not pair[0].present or premise.fields.get("disc") != said:
        return None
    if not _shown_where_found(premise, pair):
        return None
    if not pair[1].present:
        return key == "gone"
    course = _course(pair, MOVED_MM)
    return None if course is None else key == {1: "larger", -1: "smaller", 0: "same"}[course]


def change_metastasis(premise: Premise, key: str) -> bool | None:
    """Return whether the metastasis of the marked vertebra is larger, smaller, unchanged or new.

    None where its longest side in the slices shown, which the thresholds are of, takes another course than
    its area, or where it runs into the pedicle in one picture alone.
    """
    pair = both(premise, "metastasis", premise.site)
    if pair is None or not pair[1].present or not _shown_where_found(premise, pair):
        return None
    if not pair[0].present:
        return key == "new"
    first = pair[0].value or 0.0
    shrinks = (pair[1].value or 0.0) < first
    course = _course(pair, first * (1 - SHRUNK if shrinks else GROWN - 1))
    if course is None or course != _course_of_sides(premise, pair) or _in_one_pedicle(premise, pair):
        return None
    return key == {1: "larger", -1: "smaller", 0: "same"}[course]


def _shown_where_found(premise: Premise, pair: Pair) -> bool:
    """Return whether each picture shows the slice in which a finding that is there was measured."""
    return all(
        one.evidence.slice_index == shown.slice_index
        for one, shown in zip(pair, premise.shown, strict=True)
        if one.present
    )


def _course_of_sides(premise: Premise, pair: Pair) -> int:
    """Whether the longest side of what is seen grew (1), shrank (-1) or stayed (0) by RECIST's shares."""
    sides = []
    for one, shown in zip(pair, premise.shown, strict=True):
        box = one.evidence.box
        rows_mm, columns_mm = shown.spacing_mm
        sides.append(max((box.bottom - box.top) * rows_mm, (box.right - box.left) * columns_mm))
    share = sides[1] / sides[0]
    return 1 if share >= GROWN else -1 if share <= SHRUNK else 0


def _in_one_pedicle(premise: Premise, pair: Pair) -> bool:
    """Return whether a lesion reaches behind the posterior wall in one of the pictures alone."""
    reaches = []
    for one, shown in zip(pair, premise.shown, strict=True):
        body = premise.bodies(shown).get(one.site)
        behind = 0.0 if body is None else one.evidence.box.right - body.evidence.box.right
        reaches.append(behind * shown.spacing_mm[1] > _BEHIND_WALL_MM)
    return reaches[0] != reaches[1]


def new_metastasis(premise: Premise, key: str) -> bool | None:
    """Return whether `key` is the one vertebra with a metastasis that the first examination did not show."""
    pair = both(premise, "metastasis", key)
    if pair is None:
        return None
    there = [
        {
            one.site
            for one in premise.facts.seen_in(shown.series.uid)
            if one.pathology == "metastasis" and one.present
        }
        for shown in premise.shown
    ]
    new = there[1] - there[0]
    return new == {key} if len(new) == 1 else None


def change_curve(premise: Premise, key: str) -> bool | None:
    """Return whether the main curve has the convex side and the course that `key` names."""
    if not is_follow_up(premise):
        return None
    curves = [largest_curve(replace(premise, shown=(shown,))) for shown in premise.shown]
    first, second = curves
    if first is None or second is None or not first.present or not second.present:
        return None
    course = _course((first, second), PROGRESSED_DEG)
    if first.side != second.side or first.side not in ("left", "right") or course not in (0, 1):
        return None
    return key == f"{first.side}_{'more' if course else 'same'}"
