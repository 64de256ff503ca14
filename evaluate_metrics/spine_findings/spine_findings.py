"""Metric: which findings a report states at which level, side and grade, against the right ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

# evaluate copies only the modules that this file names, so those that they import in turn are named too.
from .agreement import weighted_kappa as weighted_kappa
from .finding_grammar import Statement
from .finding_lists import Reply, read_reference, read_reply
from .finding_modifiers import Modifier as Modifier
from .finding_names import FindingName as FindingName
from .finding_scope import Hit as Hit
from .finding_scores import (
    Item,
    denied_scores,
    finding_rates,
    grade_scores,
    overlap_scores,
    stenosis_scores,
    worst_levels,
    worst_scores,
)
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

DESCRIPTION = "Findings that a spine report states, by site, side and grade, against the right findings."
INPUTS = """
predictions: list of str, reports as free text in English or Chinese, or JSON lists of findings.
references: list of str, JSON lists of {"site", "finding", "grade"?, "side"?, "present"?}; [] for none.
confidence: coverage of the Wilson intervals, 0.95 unless told.
return_items: adds `items`, what was read from each reply and its worst levels.

Sites are canonical ("L4", "L4-L5"); findings are those of spinemed.records.Pathology. `present` false
denies a finding. What the reference does not tell (a side, a grade) is not asked. Returns a dict:
  n, n_stated, n_read, n_unread   items; findings of references, of replies; JSON entries not understood
  precision, recall, f1           of (site, finding), micro over items, in [0, 1], higher is better
  f1_macro                        mean over items: both empty = 1, one empty = 0
  precision/recall/f1_tolerant    a site within one step matches, each once; never below the strict ones
  triple_f1, quadruple_f1         with side (both = left and right), with side and grade
  n_denied, specificity, _low, _high     share of denied findings that the reply does not state
  findings                        each finding: gold, predicted, sensitivity, precision with Wilson intervals
  grades                          each graded finding: n pairs that both grade, ungraded, exact; ordered
                                  scales qwk (full) and within_one, types (Modic, AO, metastasis) kappa
  n_worst, worst_level_accuracy   share of graded findings whose predicted worst sites are all truly worst
  weighted_accuracy               stenoses by class normal or mild, moderate, severe with weights 1, 2, 4;
                                  silence counts as normal, no grade as wrong
  n_severe, severe_sensitivity, _low, _high     severe stenoses that are called severe
Rates without anything to count, and kappas of constant grades, are None. Empty input raises ValueError.

>>> metric = SpineFindings()
>>> truth = '[{"site": "L4-L5", "finding": "herniation", "grade": "protrusion", "side": "both"}]'
>>> result = metric.compute(predictions=["Left disc protrusion at L4/5."], references=[truth])
>>> result["f1"], round(result["triple_f1"], 4)
(1.0, 0.6667)
"""


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class SpineFindings(evaluate.Metric):  # type: ignore[misc]
    """Agreement of stated findings; see `INPUTS` for arguments, ranges and one worked value."""

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
        check_lengths("spine_findings", len(predictions))
        replies, items = [], []
        for place, (text, truth) in enumerate(zip(predictions, references, strict=True)):
            reply, item = read_item(place, text, truth)
            replies.append(reply)
            items.append(item)
        result = {
            "n": len(items),
            "n_stated": sum(one.present for item in items for one in item.gold),
            "n_read": sum(one.present for item in items for one in item.predicted),
            "n_unread": sum(reply.unread for reply in replies),
            **overlap_scores(items),
            **denied_scores(items, confidence),
            "findings": finding_rates(items, confidence),
            "grades": grade_scores(items),
            **worst_scores(items),
            **stenosis_scores(items, confidence),
        }
        if return_items:
            result["items"] = [row(item) for item in items]
        return result


def read_item(place: int, text: str, truth: str) -> tuple[Reply, Item]:
    """Return what the reply of item `place` states and what is right; bad input names its place."""
    with naming_item(place):
        check_text(text)
        gold = read_reference(truth)
    reply = read_reply(text)
    return reply, Item(reply.statements, gold)


def row(item: Item) -> dict[str, Any]:
    """Return one row of `items`: the statements read, and for each graded finding both worst levels."""
    worst = {
        finding: {"predicted": predicted, "gold": gold} for finding, predicted, gold in worst_levels(item)
    }
    return {"read": [entry(one) for one in item.predicted], "worst": worst}


def entry(one: Statement) -> dict[str, Any]:
    """Return a statement as an entry of a reference.

    >>> entry(Statement("L4", "fracture", "A1"))
    {'site': 'L4', 'finding': 'fracture', 'grade': 'A1', 'side': '', 'present': True}
    """
    return dict(one._asdict())
