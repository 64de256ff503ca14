"""The history of a case: what no image shows, drawn to fit the findings and told in the patient's words.

Every such fact is a field of `Clinical`, so that a plan rests on what the text states and on nothing else.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, Literal

from spinemed.facts.case import CaseFacts
from spinemed.facts.planning.disc import MotorDeficit
from spinemed.facts.planning.red_flags import RedFlag
from spinemed.facts.planning.stenosis import StenosisSymptoms
from spinemed.facts.planning.trauma import TlicsNeurology
from spinemed.facts.planning.tumour import SinsPain
from spinemed.instances.clinic.dermatomes import roots
from spinemed.instances.clinic.problem import LEADS, Lead, Problem, first_age
from spinemed.instances.clinic.wording import pick
from spinemed.instances.yaml_files import packaged_yaml
from spinemed.levels import Level, Site
from spinemed.records import Finding, Record, Side

Sex = Literal["F", "M", "unknown"]
Injury = Literal["", "height", "traffic", "minor"]
Primary = Literal["", "breast", "prostate", "lung", "kidney"]
Range = tuple[int, int]
Condition = Literal[
    "", "narrow_canal", "roomy_canal", "torn_and_narrow", "low_grade", "compressed", "neck", "back"
]

AGE_BY_LEAD: Final[dict[Lead, Range]] = {
    "scoliosis": (12, 16), "isthmic_slip": (25, 50), "herniation": (30, 55), "normal": (25, 60),
    "cervical_herniation": (35, 60), "central_herniation": (30, 55), "transitional": (25, 60),
    "ankylosing": (35, 60), "injury": (25, 55),
}  # fmt: skip
"""Ages where the study states none; 60 to 75 for all others."""


AGE_FLOOR: Final[dict[Lead, int]] = {
    "scoliosis": 10, "stenosis": 40, "root_stenosis": 30, "myelopathy": 30, "metastasis": 30, "slip": 30,
    "fragility": 50, "ankylosing": 30, "degeneration": 30,
}  # fmt: skip
"""Ages below which the history of a lead would not be believed; 16 for all others."""
GROWN: Final = 16
LATEST_ONSET: Final = 44
"""Inflammatory pain of the back begins below 45 years (ASAS 2009)."""
LATEST_OPERATION: Final = 85
"""Age up to which an earlier operation with implants is told."""
WEEKS_A_YEAR: Final = 52
_STATED_AGE: Final = re.compile(r"Age (\d+),|(\d+)(?:-year-old| years\.|岁)")
"""The age in the head of a written case."""


class Scenario(Record):
    """One row of scenarios.yaml."""

    name: str
    when: Condition = ""
    weeks: Range
    treated: Range
    motor: MotorDeficit = "none"
    bladder: bool = False
    symptoms: StenosisSymptoms = "moderate"
    walking_m: Range | None = None
    mjoa: Range | None = None
    fever_tenths: Range | None = None
    crp: Range | None = None
    t_score_tenths: Range | None = None
    operated_years: Range | None = None
    pain: SinsPain = "none"
    neurology: TlicsNeurology = "intact"
    flags: tuple[RedFlag, ...] = ()


class Clinical(Record):
    """What the history, the examination and the laboratory say; none of it is on the images.

    `weeks` since the onset, `treated_weeks` of treatment without an operation. `limb_side`, `root`: where
    pain radiates. `walking_m` the walking distance in metres, `fever_c` in degrees Celsius, `crp` in mg/l.
    """

    lead: Lead
    scenario: str
    sex: Sex
    age: int
    weeks: int
    treated_weeks: int
    limb_side: Side | None = None
    root: str = ""
    motor: MotorDeficit = "none"
    bladder: bool = False
    symptoms: StenosisSymptoms = "moderate"
    walking_m: int | None = None
    mjoa: int | None = None
    risser: int | None = None
    fever_c: float | None = None
    crp: int | None = None
    pain: SinsPain = "none"
    primary: Primary = ""
    injury: Injury = ""
    neurology: TlicsNeurology = "intact"
    t_score: float | None = None
    operated_years: int | None = None
    flags: tuple[RedFlag, ...] = ()

    @property
    def growing(self) -> bool:
        """Return whether the skeleton still grows: a Risser sign of 0 to 2, else an age below 16."""
        return self.risser <= 2 if self.risser is not None else self.age < 16


@cache
def scenarios() -> dict[Lead, tuple[Scenario, ...]]:
    """Return the possible histories of every leading problem."""
    rows = packaged_yaml("spinemed.instances.clinic", "scenarios.yaml")
    return {lead: tuple(Scenario.model_validate(row) for row in rows[lead]) for lead in LEADS}


def history(facts: CaseFacts, problem: Problem, key: str) -> Clinical:
    """Return a history that fits the findings; it depends on the facts and `key` alone."""
    row = pick(f"{key}:scenario", _possible(facts, problem))
    sex = facts.study.sex
    age = _age(facts, problem)
    primary = _primary(problem, sex, key)
    if primary == "prostate" and sex == "unknown":
        sex = "M"
    weeks = _weeks(row, problem, age, key)
    neurology = _neurology(row.neurology, problem)
    return Clinical(
        lead=problem.lead,
        scenario=row.name,
        sex=sex,
        age=age,
        weeks=weeks,
        treated_weeks=min(weeks, _drawn(row.treated, f"{key}:treated")),
        limb_side=problem.side if problem.root else None,
        root=problem.root if problem.root in roots() else "",
        motor=row.motor if problem.lead != "herniation" or _has_muscle(problem.root) else "none",
        bladder=row.bladder or neurology == "cauda_equina",
        symptoms=row.symptoms,
        walking_m=_rounded(row.walking_m, f"{key}:walking"),
        mjoa=None if row.mjoa is None else _drawn(row.mjoa, f"{key}:mjoa"),
        risser=_risser(age, key) if problem.lead == "scoliosis" and age < 20 else None,
        fever_c=None if row.fever_tenths is None else _drawn(row.fever_tenths, f"{key}:fever") / 10,
        crp=None if row.crp is None else _drawn(row.crp, f"{key}:crp"),
        pain=row.pain,
        primary=primary,
        injury=_injury(problem, key),
        neurology=neurology,
        t_score=None if row.t_score_tenths is None else -_drawn(row.t_score_tenths, f"{key}:t") / 10,
        operated_years=_operated(facts, row, age, key),
        flags=row.flags,
    )


def unfit(facts: CaseFacts, problem: Problem) -> str:
    """Return why no history fits the findings: too young, or no scenario holds; "" where one does."""
    first, floor = first_age(facts), AGE_FLOOR.get(problem.lead, GROWN)
    if first is not None and first + 9 < floor:
        return f"no history of it is told below {floor} years, the study is of {facts.study.age_band}"
    return "" if _possible(facts, problem) else "no scenario fits the findings"


def contradiction(clinical: Clinical, facts: CaseFacts, problem: Problem) -> str:
    """Return what in a history contradicts the findings or the study, "" where nothing does."""
    study = facts.study
    if study.sex != "unknown" and clinical.sex != study.sex:
        return f"the history is of sex {clinical.sex}, the study of {study.sex}"
    first = first_age(facts)
    if first is not None and not first <= clinical.age <= first + 9:
        return f"the history has age {clinical.age}, the study {study.age_band}"
    if clinical.treated_weeks > clinical.weeks:
        return f"treated for {clinical.treated_weeks} weeks, ill for {clinical.weeks}"
    if clinical.lead != problem.lead:
        return f"the history is about {clinical.lead}, the findings about {problem.lead}"
    if clinical.root != problem.root or (clinical.root and clinical.limb_side != problem.side):
        return f"pain of root {clinical.root} {clinical.limb_side}, findings {problem.root} {problem.side}"
    operated = any(one.pathology in ("cage", "screws") and one.present for one in facts.findings)
    if (clinical.operated_years is not None) != operated:
        return "an operation is told without implants, or implants without an operation"
    return ""


def _holds(condition: Condition, facts: CaseFacts, problem: Problem) -> bool:
    finding = problem.finding
    if finding is None or not condition:
        return not condition
    if condition in ("neck", "back"):
        return (problem.part == "neck") == (condition == "neck")
    here = [one for one in facts.findings if one.present and _is_at(one, problem.site)]
    narrow = {one.grade for one in here if one.pathology == "canal_stenosis"} - {"none", ""}
    if condition in ("narrow_canal", "roomy_canal"):
        return ("severe" in narrow) == (condition == "narrow_canal")
    if condition == "torn_and_narrow":
        return finding.grade[:1] in ("B", "C") and bool(narrow)
    if condition == "compressed":
        exits = [one for one in here if one.pathology == "foraminal_stenosis" and one.grade in ("2", "3")]
        return bool(exits) or bool(narrow & {"moderate", "severe"})
    return finding.grade in ("1", "2")


def _possible(facts: CaseFacts, problem: Problem) -> list[Scenario]:
    return [row for row in scenarios()[problem.lead] if _holds(row.when, facts, problem)]


def _is_at(one: Finding, site: str) -> bool:
    """Return whether a finding is of a site, or of a segment beside a vertebra."""
    return one.site == site or ("-" not in site and site in one.site.split("-"))


def _drawn(bounds: Range, key: str) -> int:
    return pick(key, range(bounds[0], bounds[1] + 1))


def _weeks(row: Scenario, problem: Problem, age: int, key: str) -> int:
    """Return the weeks since the onset; inflammatory pain of the back begins between 16 and 45 years."""
    low, high = row.weeks
    if problem.lead == "ankylosing":
        low = max(low, WEEKS_A_YEAR * (age - LATEST_ONSET))
        high = min(max(low, high), WEEKS_A_YEAR * (age - GROWN))
    return _drawn((low, high), f"{key}:weeks")


def _rounded(bounds: Range | None, key: str) -> int | None:
    """Return a distance in steps of 50 metres, as patients estimate it."""
    return None if bounds is None else pick(key, range(bounds[0], bounds[1] + 1, 50))


def _age(facts: CaseFacts, problem: Problem) -> int:
    """Return an age within the study's band: one for a patient, whatever the text and its history.

    That of a written case stands in it. Below 16 years only a curve is told of; where no band is stated the
    age is usual for the lead.
    """
    study, first, floor = facts.study, first_age(facts), AGE_FLOOR.get(problem.lead, GROWN)
    low, high = AGE_BY_LEAD.get(problem.lead, (60, 75)) if first is None else (first, first + 9)
    stated = _STATED_AGE.search(study.text)
    if stated is not None and low <= int(stated[1] or stated[2]) <= high:
        return max(floor, int(stated[1] or stated[2]))
    conditions = study.conditions or ("scoliosis",)  # where none is stated there may be a curve
    if first is not None and "scoliosis" not in conditions:
        low = max(low, GROWN)
    return max(floor, _drawn((low, high), f"{study.source}:{study.patient}:age"))


def _risser(age: int, key: str) -> int:
    """Return a Risser sign that fits an age: 0 or 1 to 12, 1 or 2 to 14, 4 or 5 after; 3 is in no rule."""
    bounds = (0, 1) if age <= 12 else (1, 2) if age <= 14 else (4, 5)
    return _drawn(bounds, f"{key}:risser")


def _primary(problem: Problem, sex: Sex, key: str) -> Primary:
    """Return the primary tumour: prostate and breast metastases may be blastic, the others are lytic."""
    if problem.lead != "metastasis" or problem.finding is None:
        return ""
    by_sex: dict[Sex, Primary] = {"F": "breast", "M": "prostate", "unknown": "prostate"}
    if problem.finding.grade == "blastic":
        return by_sex[sex]
    lytic: tuple[Primary, ...] = ("lung", "kidney", "breast") if sex == "F" else ("lung", "kidney")
    return pick(f"{key}:primary", lytic)


def _injury(problem: Problem, key: str) -> Injury:
    if problem.lead == "fragility":
        return "minor"
    violent: tuple[Injury, ...] = ("height", "traffic")
    return pick(f"{key}:injury", violent) if problem.lead == "injury" else ""


def _neurology(neurology: TlicsNeurology, problem: Problem) -> TlicsNeurology:
    """Return the deficit with the structure that lies at the level: the cord above L1, the roots below."""
    if neurology == "incomplete_cord" and Site.parse(problem.site).upper > Level.T12:
        return "cauda_equina"
    return neurology


def _has_muscle(root: str) -> bool:
    return root in roots() and bool(roots()[root].en.weakness_doctor)


def _operated(facts: CaseFacts, row: Scenario, age: int, key: str) -> int | None:
    implants = any(one.pathology in ("cage", "screws") and one.present for one in facts.findings)
    drawn = _drawn(row.operated_years or (1, 6), f"{key}:operated")
    return max(drawn, age - LATEST_OPERATION) if implants else None
