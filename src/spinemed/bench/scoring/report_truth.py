"""What is true of the case of a report, as the JSON that the metric spine_report takes as its reference."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spinemed.bench.items import Item, rows, shards
from spinemed.bench.judge.reports import read_findings, read_sequences
from spinemed.errors import ConfigError, SourceError
from spinemed.finding_words import SCALES
from spinemed.instances.clinic.describe import phrase_name
from spinemed.instances.clinic.limits import as_told
from spinemed.instances.clinic.problem import is_abnormal
from spinemed.records import Finding
from spinemed.report_facts import NOT_ABNORMAL
from spinemed.report_plan import read_plan
from spinemed.report_sections import read_sections

UNGRADED = frozenset({"retrolisthesis"})  # Meyerding's grades are of slips forwards; reports give none
UNSIDED = frozenset({"screws"})  # both sides as a rule, and not said

Absent = tuple[str, str]  # site and pathology of what is looked for and not there


def truth_of(
    findings: Iterable[Finding],
    language: str,
    plan_levels: Sequence[str] | None = None,
    absent: Iterable[Absent] = (),
) -> str:
    """Return the reference of a case: its abnormal findings, and those that are known to be absent.

    Findings of several series that say the same are told once; bodies as such and normal measures are
    left out, and so are grades and sides that a report does not state. `plan_levels` are the levels that
    an operation is due at, [] for none; with None no plan is asked.
    `absent` adds pairs that no finding has as present.

    >>> truth_of([], "en", absent=[("L1", "fracture")])
    '{"findings": [{"site": "L1", "finding": "fracture", "present": false}], "language": "en"}'
    """
    told: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in findings:
        if one.pathology in NOT_ABNORMAL or (one.present and not is_abnormal(one)):
            continue
        row: dict[str, Any] = {"site": one.site, "finding": one.pathology, "present": one.present}
        graded = one.grade in SCALES.get(one.pathology, ()) and phrase_name(one) not in UNGRADED
        if one.present and graded:
            row["grade"] = one.grade
        if one.side and one.pathology not in UNSIDED:
            row["side"] = one.side
        told[tuple(row.values())] = row
    known = {(row["site"], row["finding"]) for row in told.values()}
    for site, pathology in sorted({*absent} - known):
        if pathology not in NOT_ABNORMAL:
            told[site, pathology] = {"site": site, "finding": pathology, "present": False}
    plan = {} if plan_levels is None else {"plan_levels": list(plan_levels)}
    return json.dumps({"findings": list(told.values()), "language": language, **plan})


def read_references(data: Path, split: str, items: Sequence[Item]) -> dict[str, str]:
    """Return report id -> reference, from the config `findings` of the corpus.

    Present are the findings that the row names, those of the examination that the report is about,
    without the types and causes that the series named in the request do not tell. Absent are those that
    the study denies. Plan levels are read from the treatment that the corpus's own report gives; a report
    without that part asks for no plan. SourceError where findings are missing.
    """
    try:
        files = shards(data, "findings", split)
    except ConfigError as error:
        raise SourceError(
            f"the truth of reports is built from the config findings, which {data} lacks in {split}; "
            "build the corpus again, or score choice and open questions alone"
        ) from error
    wanted = {one for item in items for one in item.findings}
    findings = read_findings(data, split, wanted)
    studies = {item.case for item in items}
    sequences = read_sequences(data, split, studies)
    absent: dict[str, set[Absent]] = defaultdict(set)
    for row in rows(files, ("study", "site", "pathology", "present")):
        if not row["present"] and row["study"] in studies:
            absent[row["study"]].add((row["site"], row["pathology"]))
    references = {}
    for item in items:
        lost = [one for one in item.findings if one not in findings]
        if lost:
            raise SourceError(
                f"report {item.id} rests on finding {lost[0]}, which the config findings of {data} lacks in "
                f"{split}; build the corpus again"
            )
        named = {
            series: name for series, name in sequences.get(item.case, {}).items() if name in item.question
        }
        own = as_told([findings[one] for one in item.findings], named)
        references[item.id] = truth_of(own, item.language, plan_of(item.answer), absent[item.case])
    return references


def plan_of(report: str) -> list[str] | None:
    """Return the levels that a report plans an operation at, [] for none; None where it has no treatment.

    >>> plan_of("## Treatment\\nDecompression at L4/5."), plan_of("Stenosis at L4/5.")
    (['L4-L5'], None)
    """
    sections = read_sections(report)
    treatment = sections.doctor.text or sections("treatment").text
    return list(read_plan(treatment).sites) if treatment else None
