"""What a report states against what is true: findings, sides, grades, denials, contradictions, plan.

No judge is needed: the finding grammar reads the report section by section. The reference is taken as
complete: an abnormal finding that it does not have counts as invented. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final, Literal, NamedTuple

from .finding_grammar import Statement, sentences, statements_of
from .finding_lists import read_reference
from .finding_words import HEALTHY, SCALES, SIDED, UNORDERED, FindingName
from .level_sets import Overlap, strict_overlap
from .levels import Site
from .report_plan import Plan, is_same_plan, read_plan, touches
from .report_sections import ReportSections, read_sections, without_thoughts

SIDE_WRONG: Final = 0.5
GRADE_WRONG: Final = 0.5
UNTOLD: Final = 0.25
"""What a matched finding loses: a wrong side, a grade two steps off or of another type; half of that for a
grade one step off and for a side or grade that is not told."""
NOT_ABNORMAL: Final = frozenset({"vertebra", "vertebra_in_part"})
REGIONAL: Final = frozenset({"thoracic_kyphosis", "lumbar_lordosis"})
"""Curves that healthy spines have: their site is a convention and is not compared, and one that is measured
counts only where the reference has it."""
READ_FIRST: Final = ("findings", "diagnosis")
"""The sections that say what is there; the others advise, warn and explain."""
Key = tuple[str, FindingName]
ContradictionKind = Literal["presence", "side", "grade", "plan level", "plan side"]
PlanState = Literal["right", "wrong", "none given", "not asked"]


class Truth(NamedTuple):
    """What is true of one case; `plan_levels` are the levels that an operation is due at, None: not asked."""

    findings: tuple[Statement, ...]
    plan_levels: tuple[str, ...] | None = None
    language: str = ""


class Contradiction(NamedTuple):
    """Two statements of one report that cannot both hold; `finding` is empty where one is the plan."""

    kind: ContradictionKind
    site: str
    finding: str
    first: str
    second: str


class ReportFacts(NamedTuple):
    """How one report agrees with the truth.

    `levels` and `findings` compare sets of sites and of (site, finding) that are stated as present. Sides,
    grades and presence are (right, asked). `denied` are true findings that the report denies, `invented`
    stated ones that are not true, `invented_levels` sites without any true finding. `score` is in (-1, 1].
    """

    is_empty: bool
    sections: ReportSections
    levels: Overlap
    findings: Overlap
    sides: tuple[int, int]
    grades: tuple[int, int]
    presence: tuple[int, int]
    denied: tuple[Key, ...]
    invented: tuple[Key, ...]
    invented_levels: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]
    planned: tuple[str, ...]
    plan: PlanState
    score: float


def read_truth(text: str) -> Truth:
    """Return the truth from JSON: {"findings": [...], "language"?, "plan_levels"?}; ValueError if it is off.

    A finding is {"site", "finding", "grade"?, "side"?, "present"?}; `findings` [] is a case without any.

    >>> read_truth('{"findings": [{"site": "L4-L5", "finding": "slip", "grade": "1"}]}').findings[0].grade
    '1'
    """
    try:
        read = json.loads(text)
    except ValueError as error:
        raise ValueError(f"a reference is a JSON object with findings, got {text!r:.80}: {error}") from error
    known = {"findings", "language", "plan_levels"}
    if not isinstance(read, dict) or "findings" not in read or not set(read) <= known:
        raise ValueError(f"a reference has findings and knows {sorted(known)}, got {text!r:.80}")
    language = read.get("language") or ""
    if not isinstance(language, str):
        raise ValueError(f"language is a word such as en, got {language!r}")
    return Truth(
        read_reference(json.dumps(read["findings"])), _plan_levels(read.get("plan_levels")), language
    )


def _plan_levels(read: Any) -> tuple[str, ...] | None:
    if read is None:
        return None
    if not isinstance(read, list) or not all(isinstance(one, str) for one in read):
        raise ValueError(f"plan_levels is a list of sites such as L4-L5, got {read!r:.80}")
    return tuple(str(Site.parse(one)) for one in read)


def compare(report: str, truth: Truth) -> ReportFacts:
    """Return how a report agrees with the truth; never raises on its text.

    `score` = (credit - false) / (true findings, at least 1, + false). A true finding that is stated gives 1,
    less for its side and grade; false are invented and denied findings. So a copy of the truth has 1, an
    empty report 0, and a report that says the opposite less than 0. A normal case has 1 if nothing is
    invented and the report is not empty.

    >>> truth = read_truth('{"findings": [{"site": "L4-L5", "finding": "herniation", "side": "left"}]}')
    >>> [compare(text, truth).score for text in ("Left herniation at L4/5.", "", "No herniation at L4-L5.")]
    [1.0, 0.0, -0.5]
    """
    report = without_thoughts(report)
    sections = read_sections(report)
    by_section = dict(_by_section(report, sections))
    told = [one for name in READ_FIRST for one in by_section.get(name, ())]
    told = told or [one for statements in by_section.values() for one in statements]
    gold = _groups(one for one in truth.findings if one.present)
    stated = [one for one in told if one.present]
    said = _groups(one for one in stated if one.finding not in REGIONAL or key_of(one) in gold)
    denied = {key_of(one) for one in told if not one.present} - set(said)
    lied = tuple(sorted(denied & set(gold)))
    invented = tuple(sorted(set(said) - set(gold)))
    matched = [key for key in gold if key in said]
    sides = [_side_loss(gold[key], said[key]) for key in matched]
    grades = [_grade_loss(key[1], gold[key], said[key]) for key in matched]
    is_empty = not any(letter.isalnum() for letter in report)
    credit = sum(1 - (side or 0.0) - (grade or 0.0) for side, grade in zip(sides, grades, strict=True))
    plan = read_plan(_treatment(sections))
    levels, true_levels = ({site for site, _ in keys if site} for keys in (said, gold))
    return ReportFacts(
        is_empty=is_empty,
        sections=sections,
        levels=strict_overlap(levels, true_levels),
        findings=strict_overlap(set(said), set(gold)),
        sides=_right(sides),
        grades=_right(grades),
        presence=_presence(truth, said, denied),
        denied=lied,
        invented=invented,
        invented_levels=tuple(sorted(levels - true_levels)),
        contradictions=(*contradictions(by_section), *plan_contradictions(told, plan)),
        planned=plan.sites,
        plan=_plan_state(plan.sites, truth),
        score=_score(credit, len(invented) + len(lied), len(gold), is_empty),
    )


def _score(credit: float, false: int, true: int, is_empty: bool) -> float:
    if not true and not false:
        return 0.0 if is_empty else 1.0
    return (credit - false) / (max(true, 1) + false)


def _by_section(report: str, sections: ReportSections) -> Iterator[tuple[str, list[Statement]]]:
    """Yield what each section states, without merging; the whole text where there are no sections."""
    texts = {section.name: section.text for section in sections.sections if section.text}
    for name, text in (texts or {"findings": report}).items():
        yield name, list(statements_in(text))


def statements_in(text: str) -> Iterator[Statement]:
    """Yield every statement of a text in its order, repeats and denials included.

    >>> [(one.site, one.present) for one in statements_in("L1 fracture. No fracture of L1.")]
    [('L1', True), ('L1', False)]
    """
    for sentence, context in sentences(text):
        for one in statements_of(sentence, context):
            if one.finding not in NOT_ABNORMAL:
                yield one


def _groups(statements: Iterable[Statement]) -> dict[Key, list[Statement]]:
    groups: dict[Key, list[Statement]] = {}
    for one in statements:
        groups.setdefault(key_of(one), []).append(one)
    return groups


def key_of(statement: Statement) -> Key:
    """Return (site, finding), without the site for a finding of a whole region.

    >>> key_of(Statement("T4", "thoracic_kyphosis")), key_of(Statement("L1", "fracture"))
    (('', 'thoracic_kyphosis'), ('L1', 'fracture'))
    """
    return "" if statement.finding in REGIONAL else statement.site, statement.finding


def _treatment(sections: ReportSections) -> str:
    return sections.doctor.text or sections("treatment").text


def sides_of(statements: Iterable[Statement]) -> frozenset[str]:
    """Return the sides that statements tell, both as left and right.

    >>> sorted(sides_of([Statement("L4-L5", "herniation", "", "both")]))
    ['left', 'right']
    """
    told = {one.side for one in statements if one.side}
    return frozenset({"left", "right"} | told - {"both"} if "both" in told else told)


def _side_loss(gold: Sequence[Statement], said: Sequence[Statement]) -> float | None:
    """Return what the side costs, None where the truth tells none; half agreement costs half."""
    right, told = sides_of(gold), sides_of(said)
    if not right:
        return None
    return SIDE_WRONG * (1 - strict_overlap(told, right).f1) if told else UNTOLD


def _grade_loss(finding: FindingName, gold: Sequence[Statement], said: Sequence[Statement]) -> float | None:
    """Return what the grade costs, None where the truth tells none; the mean over its sides."""
    right, told = _graded(finding, gold), _graded(finding, said)
    if not right:
        return None
    worst = told.get("") or _worst(finding, told.values())
    losses = [_off(finding, grade, told.get(side) or worst) for side, grade in right.items()]
    return sum(losses) / len(losses)


def _graded(finding: FindingName, statements: Iterable[Statement]) -> dict[str, str]:
    """Return side -> worst grade told; "" for statements without a side."""
    found: dict[str, str] = {}
    for one in statements:
        for side in sides_of([one]) or {""}:
            if one.grade:
                found[side] = _worst(finding, [grade for grade in (found.get(side), one.grade) if grade])
    return found


def _worst(finding: FindingName, grades: Iterable[str]) -> str:
    scale = SCALES.get(finding, ())
    return max(grades, key=lambda grade: scale.index(grade) if grade in scale else -1, default="")


def _off(finding: FindingName, right: str, told: str) -> float:
    if not told:
        return UNTOLD
    if told == right:
        return 0.0
    scale = SCALES.get(finding, ())
    if finding in UNORDERED or right not in scale or told not in scale:
        return GRADE_WRONG
    return GRADE_WRONG / 2 if abs(scale.index(right) - scale.index(told)) == 1 else GRADE_WRONG


def _right(losses: Sequence[float | None]) -> tuple[int, int]:
    return sum(loss == 0 for loss in losses), sum(loss is not None for loss in losses)


def _presence(truth: Truth, said: Mapping[Key, object], denied: set[Key]) -> tuple[int, int]:
    """Return how many of the true statements, of presence and of absence, the report speaks of rightly."""
    there = {
        (one.site, one.finding): one.present for one in sorted(truth.findings, key=lambda one: one.present)
    }
    spoken = {key: key in said for key in there if key in said or key in denied}
    return sum(there[key] == present for key, present in spoken.items()), len(spoken)


def _plan_state(planned: tuple[str, ...], truth: Truth) -> PlanState:
    if truth.plan_levels is None:
        return "not asked"
    if not planned and truth.plan_levels:
        return "none given"
    return "right" if is_same_plan(planned, truth.plan_levels) else "wrong"


def contradictions(by_section: Mapping[str, Sequence[Statement]]) -> Iterator[Contradiction]:
    """Yield what a report contradicts itself in, by site and finding.

    Presence: stated and denied anywhere. Side: two sections that tell left and right without overlap. Grade:
    two sections that tell grades without overlap. Sections that tell less do not contradict.

    >>> one = {"findings": list(statements_in("Left herniation at L4-L5."))}
    >>> two = {"diagnosis": list(statements_in("Right herniation at L4-L5."))}
    >>> [found.kind for found in contradictions({**one, **two})]
    ['side']
    """
    groups: dict[Key, dict[str, list[Statement]]] = {}
    for name, statements in by_section.items():
        for one in statements:
            groups.setdefault((one.site, one.finding), {}).setdefault(name, []).append(one)
    for (site, finding), own in groups.items():
        stated = next((name for name, group in own.items() if any(one.present for one in group)), None)
        refused = next((name for name, group in own.items() if any(not one.present for one in group)), None)
        if stated and refused:
            yield Contradiction("presence", site, finding, stated, refused)
        for (first, ones), (second, others) in combinations(own.items(), 2):
            sides = [sides_of(group) & {"left", "right"} for group in (ones, others)]
            if finding in SIDED and all(sides) and not sides[0] & sides[1]:
                yield Contradiction("side", site, finding, first, second)
            grades = [{one.grade for one in group if one.grade} - HEALTHY for group in (ones, others)]
            if all(grades) and not grades[0] & grades[1]:
                yield Contradiction("grade", site, finding, first, second)


def plan_contradictions(told: Sequence[Statement], plan: Plan) -> Iterator[Contradiction]:
    """Yield where a plan does not fit the findings that the report itself states.

    Level: no planned site shares a vertebra with any finding. Side: the plan has one side of a site, the
    findings there only the other.

    >>> stated = list(statements_in("Left herniation at L4-L5."))
    >>> [one.kind for one in plan_contradictions(stated, read_plan("Discectomy at L4-L5 on the right."))]
    ['plan side']
    """
    present = [one for one in told if one.present]
    sites = {one.site for one in present}
    if plan.sites and sites and not touches(plan.sites, sites):
        yield Contradiction("plan level", plan.sites[0], "", "findings", "treatment")
    for site, side in plan.sides:
        here = [one for one in present if one.site == site and one.finding in SIDED]
        sides = sides_of(here) & {"left", "right"}
        if sides and not sides & sides_of([Statement(site, "herniation", "", side)]):
            yield Contradiction("plan side", site, "", "findings", "treatment")
