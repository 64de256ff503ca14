"""The case that consultation and report of one study are written from, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.dermatomes import root_hit
from spinemed.instances.clinic.describe import fields_of, has_four_lumbar, vertebrae_seen
from spinemed.instances.clinic.further import (
    SURGICAL,
    Need,
    by_film,
    flat_back,
    further_needs,
    moving_slips,
)
from spinemed.instances.clinic.history import Clinical, history, unfit
from spinemed.instances.clinic.limits import implant_sites, restrained, withheld
from spinemed.instances.clinic.pictures import axial_sites, half_shown, pictured, uncounted, with_shown
from spinemed.instances.clinic.plan import CHRONIC_WEEKS, NoPlan, Plan, imaged, is_blocked, opened, plan_of
from spinemed.instances.clinic.problem import BENIGN, Lead, Part, Problem, is_pressing, problem_of
from spinemed.instances.clinic.series_names import modalities
from spinemed.instances.clinic.story import VOICES, Voice, story_fields
from spinemed.instances.clinic.told import told_findings, told_groups
from spinemed.instances.clinic.wording import Language, Style, phrases, pick, say, several, style_of, term
from spinemed.levels import Level
from spinemed.records import Finding, Reject, content_id

STEP: Final = "instances.clinic"
_REGIONS: Final[dict[Part, tuple[Level, Level]]] = {
    "neck": (Level.C3, Level.C7),
    "upper": (Level.T1, Level.T7),
    "mid": (Level.T8, Level.T11),
    "lower": (Level.L1, Level.S1),
}
"""First and last vertebra of the region that a complaint is about."""
_WHOLE_SPINE: Final = (Level.C3, Level.L5)
_VARIABLE: Final = (Level.T13, Level.L6)
_ON_ROOT: Final[tuple[Lead, ...]] = ("herniation", "cervical_herniation", "root_stenosis")
"""Leads whose texts name the root that is pressed on."""
_BY_MRI: Final[tuple[Lead, ...]] = (
    "myelopathy", "herniation", "cervical_herniation", "stenosis", "central_herniation", "root_stenosis",
)  # fmt: skip
"""Leads of a root or of the canal: what else presses there is seen on MRI alone."""
_BY_ANY: Final[frozenset[Lead]] = BENIGN | {"isthmic_slip", "fragility"}
"""Leads whose region is told where CT, MRI or a lateral film shows it."""


@dataclass(frozen=True)
class Case:
    """Everything that consultation and report of one study are written from."""

    facts: CaseFacts
    problem: Problem
    clinical: Clinical
    plan: Plan
    style: Style
    voice: Voice
    key: str

    @property
    def language(self) -> Language:
        """Return the language of the text."""
        return self.style.language

    @property
    def told(self) -> tuple[Finding, ...]:
        """Return the abnormal findings that a dialogue names, the leading one first."""
        return told_findings(self.problem)

    @cached_property
    def groups(self) -> tuple[tuple[Finding, ...], ...]:
        """Return the findings that a dialogue names, as they share sentences."""
        return told_groups(self.problem)

    @cached_property
    def pictured(self) -> tuple[Finding, ...]:
        """Return the findings that the key pictures show."""
        return pictured(self.facts, self.problem)

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """Return what needs action besides the leading problem."""
        needs = further_needs(self.problem, self.clinical.age, self.clinical.t_score is not None)
        return by_film(needs, self.facts)

    @cached_property
    def moving(self) -> dict[str, tuple[int, int]]:
        """Return the slips that change between positions, with their range in percent."""
        return moving_slips(self.facts)

    def say(self, name: str, **fields: str) -> str:
        """Return a wording of an intent, with the case's fields and those given.

        Of a written case the intent is `name`.written where there is one: a report is read, no picture.
        """
        own = f"{name}.written" if self.facts.study.text and f"{name}.written" in phrases() else name
        return say(own, self.language, self.key, {**self.fields, **fields})

    @cached_property
    def fields(self) -> dict[str, str]:
        """Return the fields of the case: its history, its site and side, its plan's numbers."""
        problem, plan, style = self.problem, self.plan, self.style
        value = 0.0 if problem.finding is None else problem.finding.value or 0.0
        site = style.site(problem.site) if problem.site else ""
        first, last = _ends(problem, style)
        seen = vertebrae_seen(self.facts.findings)
        return {
            **story_fields(problem, self.clinical, style, self.voice),
            "level": style.sites(problem.sites),
            "site": style.site(plan.site) if plan.site else site,
            "apex": site,
            "first": first,
            "last": last,
            "implants": implants_text(self.facts, style),
            "side": term(problem.side, self.language) if problem.side else "",
            "root": style.root(problem.root) if problem.root else "",
            "points": points_text(plan, self.language),
            "cobb": str(round(value)),
            "curve": plan.detail,
            "range": style.span(seen, has_four_lumbar(self.facts.findings)),
            "several": several(problem.sites),
            "modalities": modalities(self.facts, style, axial_sites(self.facts, problem)),
        }


def case_of(facts: CaseFacts, key: str, language: Language) -> Case | Reject:
    """Return the case of a study for one key and language, or a Reject where no rule gives a plan."""
    facts = restrained(facts)
    hinted, facts = half_shown(facts), with_shown(facts)
    if not any(one.pathology == "vertebra" for one in facts.findings):
        return rejected(facts, key, "no vertebra is seen whole, so that no level can be named", "none needed")
    key = f"{facts.study.id}:{key}"
    problem = problem_of(facts)
    against = unfit(facts, problem) or withheld(facts, problem) or _rival(problem) or _alone(problem)
    against = against or uncounted(facts, problem) or hinted
    if against:
        return rejected(facts, key, f"{problem.lead}: {against}", "none needed")
    clinical = history(facts, problem, key)
    plan = plan_of(problem, clinical)
    if isinstance(plan, NoPlan):
        return rejected(
            facts, key, f"{problem.lead}: {plan.reason}", "none needed: another history may be keyed"
        )
    plan = _fitted(plan, problem, clinical, facts)
    if plan.operates and not is_site_counted(problem, facts):
        reason = f"no operation at {problem.site} before a complete image on which it can be counted"
        return rejected(facts, key, f"{problem.lead}: {reason}", "none needed: another history may be keyed")
    return Case(
        facts=facts,
        problem=problem,
        clinical=clinical,
        plan=plan,
        style=style_of(language, key),
        voice=pick(f"{key}:voice", VOICES),
        key=f"{key}:{language}",
    )


def _fitted(plan: Plan, problem: Problem, clinical: Clinical, facts: CaseFacts) -> Plan:
    """Return a plan that neither soothes over what a surgeon has to judge, nor asks for what is there."""
    needs = further_needs(problem, clinical.age, clinical.t_score is not None)
    judged = bool(moving_slips(facts) or flat_back(facts)) or any(need.name in SURGICAL for need in needs)
    if judged or is_blocked(problem, clinical):
        plan = opened(plan)
    return imaged(plan) if is_covered(facts, _WHOLE_SPINE, ("MR",)) else plan


def rejected(facts: CaseFacts, key: str, reason: str, fix: str) -> Reject:
    """Return a Reject of this step for a study."""
    name = content_id(facts.study.id, key, reason)
    return Reject(id=name, source=facts.study.source, step=STEP, reason=reason, fix=fix)


def is_counted(case: Case) -> bool:
    """Return whether every vertebra of the findings told is seen whole, so that it can be counted."""
    seen = vertebrae_seen(case.facts.findings)
    return all(level in seen for one in case.told for level in one.site.split("-"))


def is_site_counted(problem: Problem, facts: CaseFacts) -> bool:
    """Return whether the vertebrae of the leading finding are seen whole; the sacrum may be cut below."""
    levels = {level for site in problem.sites for level in site.split("-")}
    return levels <= {*vertebrae_seen(facts.findings), Level.S1.value}


def not_shown(case: Case) -> str:
    """Return what the region of the complaint is not completely shown by, "" where it is.

    "_mri" for roots and the canal, which MRI alone tells, "_any" where neither CT, MRI nor a lateral film
    shows it whole. Injuries, tumours, infections and curves have an imaging of their own.
    """
    if case.problem.lead in _BY_MRI:
        first, last = _REGIONS[case.problem.part]
        if case.problem.lead in _ON_ROOT and case.problem.part == "lower":
            first = Level.L2
        return "" if is_covered(case.facts, (first, last), ("MR",)) else "_mri"
    if case.problem.lead in _BY_ANY:
        return "" if is_covered(case.facts, _REGIONS[case.problem.part], ("MR", "CT", "XR")) else "_any"
    return ""


def is_covered(facts: CaseFacts, region: tuple[Level, Level], modalities: tuple[str, ...]) -> bool:
    """Return whether series of some modalities show every vertebra of a region whole.

    Films count where they are lateral and neither in flexion nor in extension.
    """
    uids = {
        one.uid
        for one in facts.study.series
        if one.modality in modalities
        and (one.modality != "XR" or ("LAT" in one.view and one.posture not in ("flexion", "extension")))
    }
    shown = [one for one in facts.findings if one.evidence.series in uids]
    seen = {Level(site) for site in vertebrae_seen(shown)}
    fewer = has_four_lumbar(facts.findings)
    wanted = [level for level in Level if region[0] <= level <= region[1] and level not in _VARIABLE]
    return all(level in seen or (fewer and level is Level.L5) for level in wanted)


def extra_vertebra(case: Case) -> str:
    """Return L6 or T13 where the text names it and no variant of numbering is told, "" otherwise."""
    if any(one.pathology == "transitional" for one in case.problem.found):
        return ""
    named = [*vertebrae_seen(case.facts.findings), *(one.site for one in case.problem.found)]
    return next((level for site in named for level in site.split("-") if level in ("L6", "T13")), "")


def implants_text(facts: CaseFacts, style: Style) -> str:
    """Return where implants are, such as "from L4 to S1" or L4至S1; "" without implants."""
    runs: list[list[str]] = []
    order = [level.value for level in Level]
    for level in implant_sites(facts):
        # A construct may pass over one vertebra without screws.
        if runs and order.index(level) - order.index(runs[-1][-1]) <= 2 + (runs[-1][-1] in ("T12", "L5")):
            runs[-1].append(level)
        else:
            runs.append([level])
    if style.language == "zh":
        return "、".join(
            style.site(run[0]) + (f"至{style.site(run[-1])}" if len(run) > 1 else "") for run in runs
        )
    texts = [
        f"from {style.site(run[0])} to {style.site(run[-1])}" if len(run) > 1 else f"at {style.site(run[0])}"
        for run in runs
    ]
    return " and ".join(texts)


def points_text(plan: Plan, language: Language) -> str:
    """Return a score's total in words, "" without a score.

    >>> points_text(Plan(act="a", rule="sins", source="sins_2010", points=8, at_least=True), "en")
    'at least 8 points'
    """
    if plan.points is None:
        return ""
    if language == "zh":
        return f"{'至少' if plan.at_least else ''}{plan.points}分"
    unit = "point" if plan.points == 1 else "points"
    return f"{'at least ' if plan.at_least else ''}{plan.points} {unit}"


def _ends(problem: Problem, style: Style) -> tuple[str, str]:
    """Return the end vertebrae of a leading curve, "" where there is none."""
    if problem.finding is None or problem.finding.extent is None:
        return "", ""
    fields = fields_of((problem.finding,), style, "ends")
    return fields["first"], fields["last"]


def _rival(problem: Problem) -> str:
    """Return why the painful root has no sure cause: none is keyed, or another level presses on it too."""
    if not problem.root:
        return f"no root is keyed for {problem.site}" if problem.lead in _ON_ROOT else ""
    for one in problem.others:
        elsewhere = one.site != problem.site and is_pressing(one)
        if elsewhere and one.side == problem.side and root_hit(one) == problem.root:
            return f"{one.site} compresses the same root {problem.root} as {problem.site}"
    return ""


def _alone(problem: Problem) -> str:
    """Return that all there is, is a slip above the lumbar spine or an osteophyte: neither leads a text."""
    led = problem.finding
    if problem.lead != "degeneration" or led is None or led.pathology not in ("slip", "osteophyte"):
        return ""
    above = "a slip above the lumbar spine"
    return f"no history is written for {above if led.pathology == 'slip' else 'osteophytes alone'}"


def daily_advice(case: Case) -> str:
    """Return which advice for daily life fits: that of the injury in hospital, or of the plan's stance."""
    if case.plan.act.startswith("injury.") and case.plan.stance == "operate":
        return "bed"
    if case.problem.lead in ("injury", "fragility"):
        return "injury" if case.problem.lead == "injury" else "fracture"
    lasting = case.clinical.weeks >= CHRONIC_WEEKS and case.plan.stance == "conserve"
    return "lasting" if lasting else case.plan.stance
