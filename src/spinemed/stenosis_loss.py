"""The weighted log loss of RSNA 2024 over graded stenoses, and what labels alone amount to.

Rows are named as in the challenge: a condition and a level, such as `left_subarticular_stenosis_l4_l5`.
Classes are normal or mild, moderate, severe with weights 1, 2, 4. Numpy through `agreement`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Final

from .agreement import weighted_kappa
from .intervals import NotEstimable

WEIGHTS: Final = (1.0, 2.0, 4.0)
GROUPS: Final = ("spinal", "foraminal", "subarticular")
FLOOR: Final = 1e-15
_CLASSES: Final = {
    "normal/mild": 0, "normal_mild": 0, "normal": 0, "mild": 0, "moderate": 1, "severe": 2,
    "0": 0, "1": 1, "2": 2,
}  # fmt: skip

Study = tuple[Mapping[str, tuple[float, ...]], Mapping[str, int]]
"""Probabilities and true classes of the rows of one study."""


def clipped(probabilities: Sequence[float]) -> tuple[float, ...]:
    """Return three probabilities, none below 1e-15 or above 1, that sum to 1.

    Raises ValueError unless there are three finite numbers of 0 or more.

    >>> clipped([1, 1, 2]), clipped([0, 0, 0])[0] == 1 / 3
    ((0.25, 0.25, 0.5), True)
    """
    if len(probabilities) != 3 or not all(math.isfinite(one) and one >= 0 for one in probabilities):
        raise ValueError(f"a row has three probabilities of 0 or more, got {list(probabilities)!r:.80}")
    whole = sum(probabilities)
    raised = [max(one / whole if whole else 0.0, FLOOR) for one in probabilities]
    return tuple(one / sum(raised) for one in raised)


def group_of(row: str) -> str:
    """Return spinal, foraminal or subarticular for a row's name; ValueError on another condition.

    >>> group_of("left_neural_foraminal_narrowing_l5_s1")
    'foraminal'
    """
    for group in GROUPS:
        if group in row.lower():
            return group
    raise ValueError(f"row {row!r} names none of {', '.join(GROUPS)}")


def weighted_loss(rows: Sequence[tuple[Sequence[float], int]]) -> float | None:
    """Return - sum of w log p[true] / sum of w over rows; None without one.

    >>> round(weighted_loss([([1, 1, 1], 0), ([1, 1, 1], 2)]), 6)
    1.098612
    """
    weight = sum(WEIGHTS[true] for _, true in rows)
    return -sum(WEIGHTS[true] * math.log(clipped(p)[true]) for p, true in rows) / weight if rows else None


def any_severe_loss(studies: Sequence[Study]) -> float | None:
    """Return the weighted log loss of "any severe spinal canal stenosis in this study"; None without one.

    The probability is the largest severe one over the study's spinal rows, the weight their largest weight.

    >>> p = {"spinal_canal_stenosis_l4_l5": (1, 1, 1)}
    >>> pair = [(p, {"spinal_canal_stenosis_l4_l5": 2}), (p, {"spinal_canal_stenosis_l4_l5": 0})]
    >>> round(any_severe_loss(pair), 6)
    0.959983
    """
    total = weights = 0.0
    for probabilities, true in studies:
        rows = [row for row in true if group_of(row) == "spinal"]
        if not rows:
            continue
        chance = max(clipped(probabilities[row])[2] for row in rows)
        chance = min(max(chance, FLOOR), 1 - FLOOR)
        weight = max(WEIGHTS[true[row]] for row in rows)
        total -= weight * math.log(chance if any(true[row] == 2 for row in rows) else 1 - chance)
        weights += weight
    return total / weights if weights else None


def loss_scores(studies: Sequence[Study]) -> dict[str, float | None]:
    """Return the loss of each group, of any severe spinal stenosis, and `total`, the mean of the four.

    `total` is None where one of the four has nothing to count.
    """
    parts: dict[str, float | None] = {}
    for group in GROUPS:
        parts[f"loss_{group}"] = weighted_loss(
            [(p[row], true[row]) for p, true in studies for row in true if group_of(row) == group]
        )
    parts["loss_any_severe"] = any_severe_loss(studies)
    known = [value for value in parts.values() if value is not None]
    return parts | {"total": fmean(known) if len(known) == len(parts) else None}


def label_scores(studies: Sequence[Study]) -> dict[str, float | None]:
    """Return weighted accuracy, QWK and sensitivity for severe rows of the most probable classes.

    A tie between classes goes to the milder one.
    """
    pairs = [(_likeliest(p[row]), true[row]) for p, true in studies for row in true]
    if not pairs:
        return {"weighted_accuracy": None, "qwk": None, "severe_sensitivity": None}
    weight = sum(WEIGHTS[true] for _, true in pairs)
    severe = [said == 2 for said, true in pairs if true == 2]
    kappa = weighted_kappa([true for _, true in pairs], [said for said, _ in pairs], range(3))
    return {
        "weighted_accuracy": sum(WEIGHTS[true] for said, true in pairs if said == true) / weight,
        "qwk": None if isinstance(kappa, NotEstimable) else float(kappa),
        "severe_sensitivity": fmean(severe) if severe else None,
    }


def _likeliest(probabilities: Sequence[float]) -> int:
    return max(range(3), key=lambda place: (probabilities[place], -place))


def read_study(prediction: str, reference: str) -> tuple[Study, int]:
    """Return the rows of one study from two JSON objects, and how many rows the prediction lacks.

    The reference maps rows to classes ("Normal/Mild", "Moderate", "Severe" or 0 to 2; null or "" is left
    out); what is wrong in it raises ValueError. The prediction maps rows to three probabilities or to a
    class. A row that it lacks, or that cannot be read, gets a third for each class.

    >>> read_study('{"spinal_canal_stenosis_l4_l5": "Severe"}', '{"spinal_canal_stenosis_l4_l5": 2}')[0][0]
    {'spinal_canal_stenosis_l4_l5': (0.0, 0.0, 1.0)}
    """
    known = json.loads(reference)
    if not isinstance(known, dict):
        raise ValueError(f"a study is a JSON object of row to class, got {reference!r:.80}")
    true = {row: class_of(row, value) for row, value in known.items() if value not in (None, "")}
    for row in true:
        group_of(row)
    try:
        said = json.loads(prediction)
    except (json.JSONDecodeError, RecursionError):
        said = None
    given = {row: _probabilities(said.get(row)) for row in true} if isinstance(said, dict) else {}
    chances = {row: given.get(row) or (1 / 3,) * 3 for row in true}
    return (chances, true), sum(given.get(row) is None for row in true)


def class_of(row: str, value: object) -> int:
    """Return 0, 1 or 2 for a class by name or number; ValueError on an unknown one."""
    plain = str(value).strip().lower()
    if plain not in _CLASSES:
        raise ValueError(f"{row}: {value!r} is none of Normal/Mild, Moderate, Severe or 0 to 2")
    return _CLASSES[plain]


def _probabilities(value: object) -> tuple[float, ...] | None:
    """Return three probabilities for what a prediction says of a row, None where that cannot be read."""
    try:
        if isinstance(value, list):
            return clipped([float(part) for part in value])
        place = class_of("", value)
    except (ValueError, TypeError):
        return None
    return tuple(float(place == one) for one in range(3))
