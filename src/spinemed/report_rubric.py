"""How reports are rated: ten dimensions in five groups, read from JSON, and their scores on two named scales.

The ten dimensions are the paper's (arXiv 2510.03160, by way of its reading notes). Their grouping into five
sections could not be read there; it is inferred, so it is a configuration and not a law. Standard library
only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple


@dataclass(frozen=True)
class Dimension:
    """One thing that is rated: its name, what it asks, and what each point of the scale means, lowest first.

    `anchors` is empty or has one text a point.
    """

    name: str
    asks: str = ""
    anchors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """One section of the score: the plain mean of its dimensions, weighted against the other sections."""

    name: str
    dimensions: tuple[Dimension, ...]
    weight: float = 1.0


@dataclass(frozen=True)
class Rubric:
    """Groups of dimensions and the scale that they are rated on, `low` to `high` in whole points."""

    name: str
    groups: tuple[Group, ...]
    low: int = 1
    high: int = 5

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Every dimension, group after group."""
        return tuple(one for group in self.groups for one in group.dimensions)


class Bounds(NamedTuple):
    """A number when nothing is missing; otherwise None between the worst and the best case."""

    value: float | None
    low: float
    high: float


class ReportScore(NamedTuple):
    """The score of one report.

    `sections` are group means on the rubric's scale. `paper` is 100 / high x their weighted mean, which for
    five groups rated 1 to 5 is 4 x the sum of section means: 20 to 100. `unit` is the mean moved to 0 to 1,
    (paper - 20) / 80 there. `missing` names the dimensions without a score.
    """

    sections: dict[str, Bounds]
    paper: Bounds
    unit: Bounds
    missing: tuple[str, ...]


DEFAULT_RUBRIC: Final = Rubric(
    name="ten dimensions in five groups",
    groups=(
        Group(
            "imaging",
            (
                Dimension(
                    "imaging_report",
                    "Are findings, levels, sides and grades those of the images, none left out or invented?",
                ),
            ),
        ),
        Group("diagnosis", (Dimension("diagnosis", "Does the diagnosis follow from findings and history?"),)),
        Group(
            "treatment",
            (
                Dimension("patient_guidance", "Can the patient understand what was found and what to do?"),
                Dimension("evidence_based_plan", "Is the plan what published rules advise for this case?"),
                Dimension("technical_feasibility", "Can the plan be carried out at these levels as stated?"),
            ),
        ),
        Group("risk", (Dimension("risk_prognosis", "Are risks and outlook those of this case and plan?"),)),
        Group(
            "reasoning",
            (
                Dimension("coverage", "Is everything that matters for the decision there?"),
                Dimension("relevance", "Is everything that is there about this case?"),
                Dimension("granularity", "Is it as detailed as the decision needs, segment by segment?"),
                Dimension("explanation", "Are the reasons given, and do they lead to the conclusions?"),
            ),
        ),
    ),
)  # fmt: skip
"""The paper's dimensions with our grouping 1 + 1 + 3 + 1 + 4, equal weights, scale 1 to 5."""


def rate(scores: Mapping[str, float | None], rubric: Rubric = DEFAULT_RUBRIC) -> ReportScore:
    """Return the score of one report from dimension -> points; None or an absent dimension is missing.

    Missing points give no value anywhere that they would enter, only the bounds with the lowest and the
    highest point in their place. An unknown dimension or points outside the scale raise ValueError.

    >>> full = {one.name: 4 for one in DEFAULT_RUBRIC.dimensions}
    >>> rate(full).paper.value, rate(full).unit.value
    (80.0, 0.75)
    >>> rate({**full, "diagnosis": None}).paper
    Bounds(value=None, low=68.0, high=84.0)
    """
    known = {one.name for one in rubric.dimensions}
    for name, points in scores.items():
        check_points(name, points, known, rubric)
    sections = {
        group.name: _mean([scores.get(one.name) for one in group.dimensions], rubric)
        for group in rubric.groups
    }
    weights = [group.weight for group in rubric.groups]
    low = _weighted([one.low for one in sections.values()], weights)
    high = _weighted([one.high for one in sections.values()], weights)
    missing = tuple(one.name for one in rubric.dimensions if scores.get(one.name) is None)
    mean = Bounds(None if missing else low, low, high)
    return ReportScore(
        sections=sections,
        paper=_moved(mean, 0.0, rubric.high / 100),
        unit=_moved(mean, rubric.low, rubric.high - rubric.low),
        missing=missing,
    )


def check_points(name: str, points: object, known: set[str], rubric: Rubric) -> None:
    """Raise ValueError for a dimension that the rubric lacks or points that its scale does not have."""
    if name not in known:
        raise ValueError(f"no dimension {name!r} in the rubric; it has {', '.join(sorted(known))}")
    if points is None:
        return
    if isinstance(points, bool) or not isinstance(points, int | float) or not math.isfinite(points):
        raise ValueError(f"{name} has {points!r}; give a number from {rubric.low} to {rubric.high}, or null")
    if not rubric.low <= points <= rubric.high:
        raise ValueError(f"{name} has {points:g}, outside the scale {rubric.low} to {rubric.high}")


def _mean(points: Sequence[float | None], rubric: Rubric) -> Bounds:
    """Return the mean of a group with bounds for what is missing."""
    low = [rubric.low if one is None else one for one in points]
    high = [rubric.high if one is None else one for one in points]
    lowest, highest = sum(low) / len(low), sum(high) / len(high)
    return Bounds(None if None in points else lowest, lowest, highest)


def _moved(mean: Bounds, origin: float, step: float) -> Bounds:
    low, high = (mean.low - origin) / step, (mean.high - origin) / step
    return Bounds(None if mean.value is None else low, low, high)


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / sum(weights)


def as_printed(scores: Mapping[str, float], rubric: Rubric = DEFAULT_RUBRIC) -> float:
    """Return the formula as the paper prints it, 20 x the sum of section means: 100 to 500, not 0 to 100.

    Here for comparison only; `rate` divides by the five sections, as the paper's own tables do. All
    dimensions must be there (ValueError).

    >>> as_printed({one.name: 5 for one in DEFAULT_RUBRIC.dimensions})
    500.0
    """
    rated = rate(scores, rubric)
    if rated.missing:
        raise ValueError(f"no points for {', '.join(rated.missing)}; the printed formula has no bounds")
    return 20 * math.fsum(one.low for one in rated.sections.values())


def read_rubric(text: str) -> Rubric:
    """Return the rubric of a JSON text; ValueError says what is wrong and where.

    The object has `name`, `scale` ([1, 5] unless told) and `groups`, each with `name`, `weight` (1 unless
    told) and `dimensions`: names, or objects with `name`, `asks` and `anchors` (one text a point).

    >>> short = read_rubric('{"groups": [{"name": "a", "dimensions": ["x", "y"]}]}')
    >>> [one.name for one in short.dimensions], short.high
    (['x', 'y'], 5)
    """
    try:
        read = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the rubric is no JSON: {error}") from error
    fields = _object(read, "the rubric", {"name", "scale", "groups"})
    low, high = _scale(fields.get("scale", [1, 5]))
    groups = fields.get("groups")
    if not isinstance(groups, list) or not groups:
        raise ValueError(f"the rubric's groups are a list with one group or more, got {groups!r:.60}")
    rubric = Rubric(
        name=_text(fields.get("name", "rubric"), "the rubric's name"),
        groups=tuple(_group(one, f"groups[{place}]", high - low + 1) for place, one in enumerate(groups)),
        low=low,
        high=high,
    )
    for what, names in (
        ("group", [group.name for group in rubric.groups]),
        ("dimension", [one.name for one in rubric.dimensions]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the {what} {twice[0]!r} is there twice; names must differ")
    return rubric


def as_json(rubric: Rubric) -> str:
    """Return a rubric as the JSON text that `read_rubric` reads back.

    >>> read_rubric(as_json(DEFAULT_RUBRIC)) == DEFAULT_RUBRIC
    True
    """
    groups = [
        {
            "name": group.name,
            "weight": group.weight,
            "dimensions": [
                {"name": one.name, "asks": one.asks, "anchors": list(one.anchors)} for one in group.dimensions
            ],
        }
        for group in rubric.groups
    ]
    whole = {"name": rubric.name, "scale": [rubric.low, rubric.high], "groups": groups}
    return json.dumps(whole, ensure_ascii=False, indent=1)


def _group(read: object, where: str, points: int) -> Group:
    fields = _object(read, where, {"name", "weight", "dimensions"})
    weight = fields.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise ValueError(f"{where}.weight is {weight!r}; give a number above 0")
    dimensions = fields.get("dimensions")
    if not isinstance(dimensions, list) or not dimensions:
        raise ValueError(f"{where}.dimensions is a list with one dimension or more, got {dimensions!r:.60}")
    return Group(
        name=_text(fields.get("name"), f"{where}.name"),
        dimensions=tuple(
            _dimension(one, f"{where}.dimensions[{place}]", points) for place, one in enumerate(dimensions)
        ),
        weight=float(weight),
    )


def _dimension(read: object, where: str, points: int) -> Dimension:
    if isinstance(read, str):
        return Dimension(_text(read, where))
    fields = _object(read, where, {"name", "asks", "anchors"})
    anchors = fields.get("anchors", [])
    if not isinstance(anchors, list) or len(anchors) not in (0, points):
        raise ValueError(f"{where}.anchors is a list of {points} texts, lowest point first, or left out")
    return Dimension(
        name=_text(fields.get("name"), f"{where}.name"),
        asks=str(fields.get("asks", "")),
        anchors=tuple(_text(one, f"{where}.anchors") for one in anchors),
    )


def _scale(read: object) -> tuple[int, int]:
    if (
        not isinstance(read, list)
        or len(read) != 2
        or not all(type(one) is int for one in read)
        or not 0 <= read[0] < read[1]
    ):
        raise ValueError(
            f"the rubric's scale is two whole numbers, lowest first, such as [1, 5]; got {read!r:.60}"
        )
    return read[0], read[1]


def _object(read: object, where: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(read, dict):
        raise ValueError(f"{where} is an object with {', '.join(sorted(known))}; got {read!r:.60}")
    unknown = sorted(set(read) - known)
    if unknown:
        raise ValueError(
            f"{where} has the unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )
    return read


def _text(read: object, where: str) -> str:
    if not isinstance(read, str) or not read.strip():
        raise ValueError(f"{where} is a text that is not empty, got {read!r:.60}")
    return read
