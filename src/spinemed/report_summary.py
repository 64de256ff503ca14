"""Means over reports: sections found, facts, judged dimensions, with intervals and bounds for missing ones.

Numpy through `intervals`. An interval is a bootstrap over reports, or over patients where they are told;
worst and best say what a mean may be where points are missing.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from statistics import fmean
from typing import Any, Final, NamedTuple

from .intervals import bootstrap_mean, wilson
from .level_sets import Overlap, pooled
from .report_facts import ReportFacts
from .report_headings import SECTION_NAMES
from .report_rubric import Rubric, check_points, rate

DRAWS: Final = 2_000
Points = Mapping[str, float | None]


class Ends(NamedTuple):
    """Both ends of an interval, None where it is not estimable."""

    low: float | None
    high: float | None


def fact_scores(
    items: Sequence[ReportFacts],
    languages: Sequence[str],
    patients: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Return the scores of reports that need no judge, as `spine_report` names them."""
    scores = [item.score for item in items]
    ends = mean_ends(scores, patients, confidence)
    return {
        "n": len(items),
        "n_empty": sum(item.is_empty for item in items),
        **section_scores(items),
        **overlap_scores(items),
        **share("side_accuracy", "n_sides", [item.sides for item in items]),
        **share("grade_accuracy", "n_grades", [item.grades for item in items]),
        **share("presence_accuracy", "n_presence", [item.presence for item in items]),
        **fault_scores(items),
        **plan_scores(items, confidence),
        "factual": fmean(scores),
        "factual_low": ends.low,
        "factual_high": ends.high,
        "by_language": {
            language: language_scores(
                [item for item, own in zip(items, languages, strict=True) if own == language]
            )
            for language in dict.fromkeys(languages)
            if language
        },
    }


def mean_ends(scores: Sequence[float], clusters: Sequence[Hashable] | None, confidence: float) -> Ends:
    """Return the bootstrap interval of a mean; without ends where fewer than two reports or patients are.

    >>> mean_ends([0.5], None, 0.95)
    Ends(low=None, high=None)
    """
    if len(scores if clusters is None else set(clusters)) < 2:
        return Ends(None, None)
    return Ends(*bootstrap_mean(scores, clusters, confidence=confidence, draws=DRAWS))


def section_scores(items: Sequence[ReportFacts]) -> dict[str, Any]:
    """Return the share of reports with each section, with all six, and in order."""
    read = [item.sections for item in items]
    found: dict[str, float] = {name: fmean(name not in one.lacking for one in read) for name in SECTION_NAMES}
    found |= {
        "patient_part": fmean(one.patient.state == "found" for one in read),
        "doctor_part": fmean(one.doctor.state == "found" for one in read),
    }
    return {
        "sections_found": found,
        "sections_complete": fmean(not one.lacking for one in read),
        "in_order": fmean(bool(one.order) and one.in_order for one in read),
    }


def overlap_scores(items: Sequence[ReportFacts]) -> dict[str, Any]:
    """Return precision, recall and F1 of levels and of (site, finding), micro, and macro F1 of findings."""
    levels = pooled(item.levels for item in items)
    findings = pooled(item.findings for item in items)
    return {
        **_overlap("level", levels),
        **_overlap("finding", findings),
        "finding_f1_macro": fmean(item.findings.f1 for item in items),
    }


def _overlap(name: str, overlap: Overlap) -> dict[str, float]:
    return {
        f"{name}_precision": overlap.precision,
        f"{name}_recall": overlap.recall,
        f"{name}_f1": overlap.f1,
    }


def share(name: str, count: str, pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return (right, asked) pairs as one share, None where nothing was asked.

    >>> share("side", "n", [(1, 2), (0, 0)])
    {'side': 0.5, 'n': 2}
    """
    right, asked = (sum(column) for column in zip(*pairs, strict=True))
    return {name: right / asked if asked else None, count: asked}


def fault_scores(items: Sequence[ReportFacts]) -> dict[str, Any]:
    """Return counts and rates of what is invented, denied or contradicts itself."""
    return {
        "n_invented": sum(len(item.invented) for item in items),
        "n_denied": sum(len(item.denied) for item in items),
        "n_invented_levels": sum(len(item.invented_levels) for item in items),
        "invented_level_rate": fmean(bool(item.invented_levels) for item in items),
        "n_contradictions": sum(len(item.contradictions) for item in items),
        "contradiction_rate": fmean(bool(item.contradictions) for item in items),
    }


def plan_scores(items: Sequence[ReportFacts], confidence: float) -> dict[str, Any]:
    """Return how often an operation is planned at a wrong level, or its level is not named."""
    asked = [item.plan for item in items if item.plan != "not asked"]
    wrong = sum(state != "right" for state in asked)
    ends = wilson(wrong, len(asked), confidence) if asked else Ends(None, None)
    return {
        "n_plans": len(asked),
        "n_no_plan": asked.count("none given"),
        "wrong_plan_rate": wrong / len(asked) if asked else None,
        "wrong_plan_low": ends.low,
        "wrong_plan_high": ends.high,
    }


def language_scores(items: Sequence[ReportFacts]) -> dict[str, Any]:
    """Return n, the factual score and the F1 of findings of the reports in one language."""
    return {
        "n": len(items),
        "factual": fmean(item.score for item in items),
        "finding_f1": pooled(item.findings for item in items).f1,
    }


def read_scores(place: int, text: str, rubric: Rubric) -> dict[str, float | None]:
    """Return dimension -> points of report `place` from JSON; an absent dimension is missing.

    ValueError names the place of what is no such object, an unknown dimension or points off the scale.
    """
    try:
        read = json.loads(text)
        if not isinstance(read, dict):
            raise ValueError(f"judge scores are a JSON object of dimensions, got {text!r:.80}")
        for name, points in read.items():
            check_points(name, points, {one.name for one in rubric.dimensions}, rubric)
    except (ValueError, TypeError) as error:
        raise ValueError(f"item {place}: {error}") from error
    return {one.name: read.get(one.name) for one in rubric.dimensions}


def judged(
    points: Sequence[Points],
    rubric: Rubric,
    patients: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Return means of dimensions, sections and the score over reports, with bounds for missing points."""
    rated = [rate(one, rubric) for one in points]
    result: dict[str, Any] = {
        "n_judged": sum(not one.missing for one in rated),
        "n_missing": sum(len(one.missing) for one in rated),
        "dimensions": {
            one.name: _dimension([report[one.name] for report in points], rubric, patients, confidence)
            for one in rubric.dimensions
        },
        "sections": {
            group.name: _bounded([one.sections[group.name] for one in rated], patients, confidence)
            for group in rubric.groups
        },
    }
    for name, bounds in (
        ("score", [one.paper for one in rated]),
        ("score_unit", [one.unit for one in rated]),
    ):
        whole = _bounded(bounds, patients, confidence)
        result[name] = whole.pop("mean")
        result |= {f"{name}_{end}": value for end, value in whole.items()}
    return result


def _dimension(
    given: Sequence[float | None], rubric: Rubric, patients: Sequence[Hashable] | None, confidence: float
) -> dict[str, Any]:
    """Return n and mean of the points there are with its interval, and the mean's bounds with the others."""
    kept = [place for place, one in enumerate(given) if one is not None]
    there = [float(one) for one in given if one is not None]
    ends = mean_ends(there, None if patients is None else [patients[place] for place in kept], confidence)
    missing = len(given) - len(there)
    return {
        "n": len(there),
        "mean": fmean(there) if there else None,
        "low": ends.low,
        "high": ends.high,
        "worst": (sum(there) + rubric.low * missing) / len(given),
        "best": (sum(there) + rubric.high * missing) / len(given),
    }


def _bounded(
    bounds: Sequence[tuple[float | None, float, float]],
    patients: Sequence[Hashable] | None,
    confidence: float,
) -> dict[str, float | None]:
    """Return the mean over reports, None when any is missing, its interval, and what it can be."""
    values = [value for value, _, _ in bounds if value is not None]
    whole = len(values) == len(bounds)
    ends = mean_ends(values, patients, confidence) if whole else Ends(None, None)
    return {
        "mean": fmean(values) if whole else None,
        "low": ends.low,
        "high": ends.high,
        "worst": fmean(low for _, low, _ in bounds),
        "best": fmean(high for _, _, high in bounds),
    }
