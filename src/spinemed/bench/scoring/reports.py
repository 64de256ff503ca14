"""Reports, measured by spine_report: sections, findings against the truth, contradictions, judged points."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from spinemed.bench.items import Item
from spinemed.bench.scoring.join import Asked
from spinemed.bench.scoring.paired import measured, rate
from spinemed.bench.scoring.reading import Reading
from spinemed.bench.scoring.report_verdicts import Verdicts, judged, points_of
from spinemed.bench.scoring.scorecard import Measured, Rate, Reports, Stated
from spinemed.errors import SourceError
from spinemed.report_facts import REGIONAL

HEALTHY = '{"findings": []}'
LOWEST = -1.0  # no factual score lies below it

Key = tuple[str, str]


class Facts(NamedTuple):
    """The findings, (site, kind), that one report states and that are true of its case; its plan.

    `is_due` says whether the corpus's report plans an operation, None where it has no treatment.
    """

    patient: str
    stated: frozenset[Key]
    true: frozenset[Key]
    is_due: bool | None = None
    plan: str = ""


def read_reports(
    asked: Sequence[Asked], metric: Any, references: Mapping[str, str], verdicts: Verdicts | None
) -> tuple[Reports, list[Reading]]:
    """Return what reports reached, and a reading of each with its factual score."""
    items = [one.item for one in asked]
    patients = [item.patient for item in items]
    points = {} if verdicts is None else {"judge_scores": points_of(verdicts, items)}
    result = computed(metric, asked, [references[item.id] for item in items], patients=patients, **points)
    rows = result["items"]
    # What a report states is what it would have invented about a healthy case.
    healthy = computed(metric, asked, [HEALTHY] * len(asked))["items"]
    facts = [
        facts_of(item.patient, references[item.id], row, alone)
        for item, row, alone in zip(items, rows, healthy, strict=True)
    ]
    readings = [
        Reading(one.item, state_of(one), "", "", row["factual"] == 1, False, score=row["factual"])
        for one, row in zip(asked, rows, strict=True)
    ]
    part = None if verdicts is None else judged(result, verdicts)
    return Reports(**figures(result, rows, items, facts), judged=part), readings


def computed(metric: Any, asked: Sequence[Asked], references: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return what spine_report says, `items` included; SourceError where it refuses the truth."""
    try:
        result: dict[str, Any] = metric.compute(
            predictions=[one.reply for one in asked], references=references, return_items=True, **more
        )
    except ValueError as error:
        raise SourceError(f"the reports cannot be scored: {error}; build the corpus again") from error
    return result


def state_of(asked: Asked) -> str:
    """Return the parse state of a report: cut off by its limit, empty, or answered."""
    if asked.cut_off:
        return "truncated"
    return "answered" if any(letter.isalnum() for letter in asked.reply) else "no_answer"


def facts_of(patient: str, reference: str, row: Mapping[str, Any], healthy: Mapping[str, Any]) -> Facts:
    """Return what one report states and what is true.

    A curve of the whole spine counts only where the truth has it, so `healthy` leaves it out; what the F1 of
    the report has more hits than that is the curve.
    """
    truth = json.loads(reference)
    true = frozenset(
        ("" if one["finding"] in REGIONAL else one["site"], one["finding"])
        for one in truth["findings"]
        if one["present"]
    )
    levels = truth.get("plan_levels")
    stated = frozenset((site, finding) for site, finding in healthy["invented"])
    whole = row["finding_f1"] * (len(row["invented"]) + len(true)) / (2 - row["finding_f1"])
    curves = [key for key in sorted(true) if not key[0]]
    hits = max(0, round(whole) - len(stated & true))
    due = None if levels is None else bool(levels)
    return Facts(patient, stated | {*curves[:hits]}, true, due, row["plan"])


def figures(
    result: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    items: Sequence[Item],
    facts: Sequence[Facts],
) -> dict[str, Any]:
    """Return the fields of `Reports` that need no judge."""
    count = result["n"]
    patients = [item.patient for item in items]
    scores = [row["factual"] for row in rows]
    kinds = {finding for one in facts for _, finding in (*one.stated, *one.true)}
    by_finding = {kind: stated(facts, lambda key, kind=kind: key[1] == kind) for kind in sorted(kinds)}
    contradictions = Counter(one["kind"] for row in rows for one in row["contradictions"])
    return {
        "empty": result["n_empty"],
        "factual": measured(scores, patients, LOWEST),
        "sections": {name: share(value, count) for name, value in result["sections_found"].items()},
        "complete": share(result["sections_complete"], count),
        "in_order": share(result["in_order"], count),
        "level": levels_stated(facts),
        "finding": stated(facts, lambda _: True),
        "level_f1": result["level_f1"],
        "finding_f1": result["finding_f1"],
        "by_finding": dict(sorted(by_finding.items(), key=lambda pair: -frequency(pair[1]))),
        "by_kind": by_group(scores, items, [item.kind.removeprefix("report_") for item in items]),
        "by_language": by_group(scores, items, [item.language for item in items]),
        "sides": share(result["side_accuracy"], result["n_sides"]),
        "grades": share(result["grade_accuracy"], result["n_grades"]),
        "presence": share(result["presence_accuracy"], result["n_presence"]),
        "invented": result["n_invented"],
        "denied": result["n_denied"],
        "with_invented_level": share(result["invented_level_rate"], count),
        "contradicting": share(result["contradiction_rate"], count),
        "contradictions": dict(contradictions.most_common()),
        "wrong_plans": wrong_plans(facts, due=True),
        "undue_plans": wrong_plans(facts, due=False),
    }


def wrong_plans(facts: Sequence[Facts], *, due: bool) -> Rate | None:
    """Return how often a plan is wrong where an operation is due, or where none is; None for no report.

    The two are apart, as a report that says nothing is right wherever nothing is due.
    """
    asked = [one.plan != "right" for one in facts if one.is_due is due]
    return rate(asked) if asked else None


def share(value: float | None, count: int) -> Rate | None:
    """Return a share of `count` as a rate with Wilson's interval; None where nothing was asked.

    >>> share(0.5, 4).correct, share(None, 0)
    (2, None)
    """
    if value is None or not count:
        return None
    hits = round(value * count)
    return rate([place < hits for place in range(count)])


def stated(facts: Sequence[Facts], wanted: Any) -> Stated:
    """Return precision and recall over the findings that `wanted` takes, all reports together."""
    return pooled(
        (one.patient, {key for key in one.stated if wanted(key)}, {key for key in one.true if wanted(key)})
        for one in facts
    )


def levels_stated(facts: Sequence[Facts]) -> Stated:
    """Return precision and recall of the sites of findings."""
    return pooled(
        (one.patient, {site for site, _ in one.stated if site}, {site for site, _ in one.true if site})
        for one in facts
    )


def pooled(sets: Iterable[tuple[str, set[Any], set[Any]]]) -> Stated:
    """Return precision and recall of (patient, stated, true), each thing counted once a report.

    >>> pooled([("p", {"L1", "L2"}, {"L1"})]).precision.value
    0.5
    """
    right: list[tuple[str, bool]] = []
    found: list[tuple[str, bool]] = []
    for patient, said, true in sets:
        right += [(patient, one in true) for one in said]
        found += [(patient, one in said) for one in true]
    return Stated(precision=of_patients(right), recall=of_patients(found))


def of_patients(pairs: Sequence[tuple[str, bool]]) -> Measured | None:
    """Return the share of hits with its interval over patients."""
    return measured([float(hit) for _, hit in pairs], [patient for patient, _ in pairs])


def frequency(one: Stated) -> int:
    """Return how often a kind of finding is true, or else stated, to sort by."""
    return 1000 * (one.recall.n if one.recall else 0) + (one.precision.n if one.precision else 0)


def by_group(scores: Sequence[float], items: Sequence[Item], names: Sequence[str]) -> dict[str, Measured]:
    """Return the mean factual score of each group, the largest first."""
    groups: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for score, item, name in zip(scores, items, names, strict=True):
        if name:
            groups[name].append((score, item.patient))
    found = {
        name: measured([score for score, _ in pairs], [patient for _, patient in pairs], LOWEST)
        for name, pairs in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    }
    return {name: one for name, one in found.items() if one is not None}
