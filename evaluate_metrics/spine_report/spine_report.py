"""Metric: sections, facts and judged dimensions of free-text spine reports, missing scores as bounds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import datasets
import evaluate

# evaluate copies only the modules that this file names, so those that they import in turn are named too.
from .finding_grammar import Statement as Statement
from .finding_lists import read_reference as read_reference
from .finding_modifiers import Modifier as Modifier
from .finding_names import FindingName as FindingName
from .finding_scope import Hit as Hit
from .finding_words import SCALES as SCALES
from .intervals import wilson as wilson
from .level_grammar import parse_levels as parse_levels
from .level_lookalikes import drop_lookalikes as drop_lookalikes
from .level_members import Member as Member
from .level_parts import label_parts as label_parts
from .level_patterns import vocabulary as vocabulary
from .level_ranges import order_key as order_key
from .level_scan import Scan as Scan
from .level_scope import mark_polarity as mark_polarity
from .level_sets import Overlap as Overlap
from .level_words import Word as Word
from .levels import Level as Level
from .metric_inputs import check_lengths, check_text, naming_item
from .report_facts import ReportFacts, compare, read_truth
from .report_headings import SECTION_NAMES as SECTION_NAMES
from .report_lines import Heading as Heading
from .report_markup import Field as Field
from .report_plan import Plan as Plan
from .report_rubric import DEFAULT_RUBRIC, Rubric, read_rubric
from .report_sections import ReportSections as ReportSections
from .report_summary import fact_scores, judged, read_scores

DESCRIPTION = (
    "Reports in six sections: which sections are there, whether levels, findings, sides and grades are "
    "true, what "
    "contradicts itself, and, with a judge's points, the SpineBench report score (arXiv 2510.03160)."
)
INPUTS = """
predictions: list of str, reports as free text, JSON or XML, in English or Chinese.
references: list of str, what is true as JSON: {"findings": [...], "language"?, "plan_levels"?}, a finding is
  {"site", "finding", "grade"?, "side"?, "present"?}. All abnormal findings of the case: others count as
  invented. `plan_levels` are the levels that an operation is due at, [] for none; without it none is asked.
judge_scores: optional list of str, the points of each report as JSON: {dimension: 1 to 5 or null}.
rubric: optional str, JSON of groups, dimensions, weights and scale; the ten in five groups unless told.
patients: optional list of str, the patient of each report; intervals are then over patients.
confidence: coverage of the intervals, 0.95 unless told.
return_items: adds `items`, what was read from each report.

Returns a dict of plain Python numbers; shares in [0, 1], None where there is nothing to count:
  n, n_empty                   reports, reports without any letter
  sections_found               share of reports with text in each of six sections, and in both treatment parts
  sections_complete, in_order  share with all six, share in the paper's order without repeats
  level_precision/recall/f1    sites of findings stated as present, micro
  finding_precision/recall/f1  (site, finding) stated as present, micro; f1_macro the mean over reports
  side_accuracy, n_sides       of matched findings with a side; both against left is wrong
  grade_accuracy, n_grades     of matched findings with a grade; no grade told is wrong
  presence_accuracy, n_presence     of all true statements, present or absent, that a report speaks of
  n_invented, n_denied         findings stated that are not true; true ones that are denied
  n_invented_levels, invented_level_rate   sites without any true finding; share of reports with one
  n_contradictions, contradiction_rate     presence, side, grade, or a plan at another level or side than the
                               findings of the same report; share of reports with one
  n_plans, wrong_plan_rate, _low, _high    reports asked for a plan; share with a wrong or no level
  n_no_plan                    of these, reports that name no level where an operation is due
  factual, _low, _high         mean of a score in (-1, 1], higher is better; a copy of the truth has 1, an
                               empty report 0, lies less than 0; bootstrap interval
  by_language                  n, factual, finding_f1 of each language that references name
With judge_scores also:
  n_judged, n_missing          reports with all points; points that are missing
  dimensions                   n, mean, low, high of the points there are; worst and best with missing ones
  sections                     mean of each group's means, None when any point is missing; worst and best
  score, score_unit            paper scale (4 x the sum of five section means, 20 to 100), unit scale
                               ((score - 20) / 80); None when any point is missing; _worst, _best; _low, _high
Empty input raises ValueError. There are no ties.

>>> metric = SpineReport()
>>> truth = '{"findings": [{"site": "L4-L5", "finding": "herniation", "side": "left"}]}'
>>> report = "## Findings\\nHerniation at L4/5 on the left.\\n## Diagnosis\\nLeft L4-L5 herniation."
>>> result = metric.compute(predictions=[report, "L4-L5: right herniation."], references=[truth] * 2)
>>> result["finding_f1"], result["side_accuracy"], result["factual"], result["sections_found"]["diagnosis"]
(1.0, 0.5, 0.75, 0.5)
"""


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class SpineReport(evaluate.Metric):  # type: ignore[misc]
    """Sections, facts and judged scores of reports; see `INPUTS` for arguments, ranges and a worked value."""

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
        judge_scores: Sequence[str] | None = None,
        rubric: str | None = None,
        patients: Sequence[Hashable] | None = None,
        confidence: float = 0.95,
        return_items: bool = False,
    ) -> dict[str, Any]:
        beside = {"judge_scores": judge_scores, "patients": patients}
        check_lengths("spine_report", len(predictions), beside)
        pairs = zip(predictions, references, strict=True)
        read = [read_item(place, report, truth) for place, (report, truth) in enumerate(pairs)]
        items = [facts for facts, _ in read]
        result = fact_scores(items, [language for _, language in read], patients, confidence)
        if judge_scores is not None:
            known: Rubric = read_rubric(rubric) if rubric else DEFAULT_RUBRIC
            points = [read_scores(place, text, known) for place, text in enumerate(judge_scores)]
            result |= judged(points, known, patients, confidence)
        if return_items:
            result["items"] = [row(facts) for facts in items]
        return result


def read_item(place: int, report: str, truth: str) -> tuple[ReportFacts, str]:
    """Return how report `place` agrees with the truth, and its language; bad input names its place."""
    with naming_item(place):
        check_text(report, "report")
        read = read_truth(truth)
    return compare(report, read), read.language


def row(facts: ReportFacts) -> dict[str, Any]:
    """Return what was read from one report as plain data."""
    return {
        "form": facts.sections.form,
        "lacking": list(facts.sections.lacking),
        "factual": facts.score,
        "finding_f1": facts.findings.f1,
        "denied": [list(key) for key in facts.denied],
        "invented": [list(key) for key in facts.invented],
        "invented_levels": list(facts.invented_levels),
        "contradictions": [one._asdict() for one in facts.contradictions],
        "planned": list(facts.planned),
        "plan": facts.plan,
    }
