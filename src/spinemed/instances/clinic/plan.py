"""The plan of a case: what a published rule says from findings and stated history, or why none does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, get_args

from spinemed.facts import planning
from spinemed.facts.planning.ruling import Ruling, Scored
from spinemed.facts.planning.trauma import (
    AoMorphology,
    InjuryScore,
    Ligaments,
    SlicNeurology,
    TlicsMorphology,
)
from spinemed.instances.clinic.further import cord_beside_tumour, infected_implants
from spinemed.instances.clinic.history import Clinical
from spinemed.instances.clinic.problem import HIGH_SLIP, THORACIC, Lead, Problem, largest_curves, severity
from spinemed.instances.clinic.sins import sins_range
from spinemed.levels import Level
from spinemed.records import Finding, Record

_WEAK_FLAG_YEARS: Final = 50
"""Age above it, and pain of the thoracic spine, are red flags, though weak ones alone (Finucane 2020)."""
Stance = Literal["operate", "offer", "conserve", "observe", "investigate"]
_STANCES: Final[dict[str, Stance]] = {
    "herniation.emergency_decompression": "operate",
    "herniation.urgent_surgery": "operate",
    "herniation.offer_surgery": "offer",
    "stenosis.offer_decompression": "offer",
    "stenosis.urgent_decompression": "operate",
    "slip.operate": "operate",
    "slip.observe": "observe",
    "root.offer_decompression": "offer",
    "injury.operative": "operate",
    "injury.urgent": "operate",
    "injury.emergency": "operate",
    "tumour.consult": "investigate",
    "tumour.stable": "investigate",
    "tumour.consult_imaged": "investigate",
    "tumour.stable_imaged": "investigate",
    "tumour.urgent": "investigate",
    "infection.workup": "investigate",
    "open.surgeon": "investigate",
    "fragility.opened": "investigate",
    "injury.opened": "investigate",
    "old_fracture.opened": "investigate",
    "myelopathy.decompression": "operate",
    "curve.observe": "observe",
    "curve.operate": "offer",
    "curve.adult": "conserve",
    "screen.postoperative": "observe",
    "screen.transitional": "conserve",
}
"""What an act means; every act that is not named conserves."""


class Plan(Record):
    """What to do, by which rule. `points` is a score's total; `at_least` says that more may come on top.

    `detail` is what the rule says besides: the SRS-Schwab curve type. `site` is what a score is of, where
    that is not the leading finding.
    """

    act: str
    rule: str
    source: str
    points: int | None = None
    at_least: bool = False
    detail: str = ""
    site: str = ""

    @property
    def stance(self) -> Stance:
        """Return whether the plan operates, offers an operation, conserves, observes or investigates."""
        return _STANCES.get(self.act, "conserve")

    @property
    def operates(self) -> bool:
        """Return whether the plan is an operation or offers one."""
        return self.stance in ("operate", "offer")


class NoPlan(Record):
    """Why no plan may be stated."""

    reason: str


def plan_of(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    """Return the plan by a rule that is keyed for this case; NoPlan with the reason where none is."""
    if problem.finding is None:
        return _screen(problem, clinical)
    plan = _PLANS.get(problem.lead, _screen)(problem, clinical)
    tried = clinical.treated_weeks >= BEGUN_WEEKS or clinical.weeks >= TRIED_WEEKS
    if isinstance(plan, NoPlan) or not tried:
        return plan
    return plan.model_copy(update={"act": _CONTINUED.get(plan.act, plan.act)})


def imaged(plan: Plan) -> Plan:
    """Return a plan of a tumour that does not ask for the MRI of the whole spine, which is there already."""
    if plan.act not in ("tumour.consult", "tumour.stable"):
        return plan
    return plan.model_copy(update={"act": f"{plan.act}_imaged", "rule": f"{plan.rule}_imaged"})


def is_blocked(problem: Problem, clinical: Clinical) -> bool:
    """Return whether a severe narrowing of the lumbar canal makes severe complaints: for a surgeon."""
    narrow = problem.finding is not None and problem.finding.grade == "severe"
    return problem.lead == "stenosis" and narrow and clinical.symptoms == "severe"


def opened(plan: Plan) -> Plan:
    """Return a plan without an operation, left open: a spine surgeon has to judge something else first."""
    if plan.act in _OPENED:
        return plan.model_copy(update={"act": "open.surgeon"})
    return plan.model_copy(update={"act": _BONE_OPENED.get(plan.act, plan.act)})


_OPENED: Final = (
    "screen.arm", "screen.arm_continued", "screen.back", "screen.chronic", "screen.kyphosis",
    "screen.postoperative", "slip.conservative", "slip.continued", "slip.observe", "root.conservative",
    "root.continued", "stenosis.conservative", "stenosis.continued",
    "herniation.conservative",
)  # fmt: skip
"""Acts that say that no operation is needed, or none now."""
_BONE_OPENED: Final = {
    "fragility.non_operative": "fragility.opened", "injury.non_operative": "injury.opened",
    "screen.old_fracture": "old_fracture.opened",
}  # fmt: skip
"""Act for a fracture -> the same act, which says of the fracture alone that no operation is needed."""
ADULT: Final = 18
DISCECTOMY_MM: Final = 3.0
"""A herniation that reaches less far behind the posterior wall is not operated."""
COLLAPSE_PERCENT: Final = 40.0
"""From this loss of height on no plan is given for a fragile burst fracture."""
CRUSHED_PERCENT: Final = 50.0
"""From this loss of height on no plan is given for any fresh fracture: it is more than a compression."""
_CONTINUED: Final = {
    "screen.arm": "screen.arm_continued", "slip.conservative": "slip.continued",
    "root.conservative": "root.continued", "stenosis.conservative": "stenosis.continued",
}  # fmt: skip
"""Act of a treatment that begins -> act of one that goes on."""
BEGUN_WEEKS: Final = 4
"""From this time of treatment on it goes on, rather than beginning."""
SCHWAB_DEG: Final = 30.0
SCHWAB_MARGIN_DEG: Final = 3.0
"""Nearer than this to the angle that parts the types of SRS-Schwab none is told (error of a Cobb angle)."""
TRIED_WEEKS: Final = 6
"""From this time of illness on pain of a root or a slip is not told to settle by itself within weeks."""
CHRONIC_WEEKS: Final = 12
"""From this time on pain without a red flag is long-standing."""


def fracture_scores(finding: Finding, clinical: Clinical) -> tuple[InjuryScore, ...]:
    """Return the injury scores of a fracture: TL AOSIS and TLICS, or SLIC; none at C1, C2 or without a type.

    The tension band or ligaments follow from the AO type: whole in type A, torn in B and C.
    """
    level = Level(finding.site)
    if not finding.grade:
        return ()
    morphology, ligaments = _morphology(finding.grade)
    if level > Level.C7:
        ao = planning_type(finding.grade)
        first = planning.thoracolumbar_aosis(ao, "N0" if clinical.neurology == "intact" else "N3")
        return first, planning.tlics(morphology, ligaments, clinical.neurology)
    if level <= Level.C2:
        return ()
    cord: SlicNeurology = "incomplete_cord" if clinical.neurology == "incomplete_cord" else "intact"
    return (planning.slic(morphology, ligaments, cord, ongoing_compression=False),)


def planning_type(grade: str) -> AoMorphology:
    """Return an AO type as the rules know it; a ValueError for any other text."""
    for known in get_args(AoMorphology):
        if grade == known:
            ao: AoMorphology = known
            return ao
    raise ValueError(f"{grade!r} is no AO type; pass one of {', '.join(get_args(AoMorphology))}")


def _morphology(grade: str) -> tuple[TlicsMorphology, Ligaments]:
    if grade.startswith("B"):
        return "distraction", "disrupted"
    if grade.startswith("C"):
        return "translation_rotation", "disrupted"
    return ("burst" if grade in ("A3", "A4") else "compression"), "intact"


def _keyed(ruling: Ruling, act: str, rule: str) -> Plan | NoPlan:
    if not ruling.keyed:
        return NoPlan(reason=f"the sources of rule {rule!r} leave a choice here ({ruling.source})")
    points = ruling.total if isinstance(ruling, Scored) else None
    return Plan(act=act, rule=rule, source=ruling.source, points=points)


def _herniation(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    ruling = planning.herniation_plan(clinical.bladder, clinical.motor, True, clinical.treated_weeks)
    urgent = "herniation_urgent" if clinical.motor == "progressive" else "herniation"
    made = _keyed(ruling, f"herniation.{ruling.plan}", "cauda_equina" if clinical.bladder else urgent)
    led = problem.finding
    reach = None if led is None or led.detail == "foraminal" else led.value
    if isinstance(made, Plan) and made.operates and reach is not None and reach < DISCECTOMY_MM:
        return NoPlan(reason=f"the herniation reaches {reach} mm only: too little for an operation")
    return made


def _central(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    return _herniation(problem, clinical) if clinical.bladder else _screen(problem, clinical)


def _stenosis(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    if problem.part == "neck":
        return _screen(problem, clinical)
    ruling = planning.lumbar_stenosis_plan(
        clinical.symptoms, clinical.bladder, clinical.motor == "progressive", clinical.treated_weeks
    )
    if problem.lead == "stenosis":
        rule = "stenosis_urgent" if clinical.motor == "progressive" else "stenosis"
        return _keyed(ruling, f"stenosis.{ruling.plan}", rule)
    made = _keyed(ruling, f"root.{ruling.plan}", "stenosis")
    if isinstance(made, NoPlan) or problem.finding is None or problem.finding.pathology == "recess_stenosis":
        return made
    # The pathway of the narrow canal is not one of the narrow foramen.
    return made.model_copy(update={"rule": "foramen", "source": "expert_opinion"})


def _isthmic(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    """Return the plan of an isthmic slip; the low-grade rule is one for children and adolescents alone."""
    value = 0.0 if problem.finding is None else problem.finding.value or 0.0
    symptoms: Literal["none", "pain", "progressive_neurological_deficit"] = "pain"
    if clinical.motor == "progressive":
        symptoms = "progressive_neurological_deficit"
    elif clinical.symptoms == "none":
        symptoms = "none"
    ruling = planning.slip_plan(value, clinical.growing, symptoms, conservative_failed=False)
    rule = "slip_high" if ruling.source == "slip_high_grade" else "slip"
    made = _keyed(ruling, f"slip.{ruling.plan}", rule)
    if isinstance(made, NoPlan) or rule == "slip_high" or clinical.age < ADULT:
        return made
    return made.model_copy(update={"rule": "slip_adult", "source": "expert_opinion"})


def _slip(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    if problem.finding is not None and severity(problem.finding) >= HIGH_SLIP:
        return NoPlan(reason="no rule is keyed for a slip of more than half a vertebra that is not isthmic")
    return _screen(problem, clinical)


def _injury(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    if problem.finding is None:
        return _screen(problem, clinical)
    fresh = [one for one in problem.found if one.pathology == "fracture" and one.detail == "fresh"]
    if _crushed(problem, fresh):
        return NoPlan(reason="a vertebra has lost half of its height: a surgeon has to judge it")
    scored = [fracture_scores(one, clinical) for one in fresh]
    if not all(scored):
        return NoPlan(reason=f"no injury score of facts/planning is made for one of {problem.sites}")
    treatments: set[str] = {score.treatment for scores in scored for score in scores}
    if len(treatments) != 1 or not all(score.keyed for scores in scored for score in scores):
        return NoPlan(reason="the injury scores leave a choice or differ for these fractures")
    treatment = treatments.pop()
    if treatment == "operative" and clinical.neurology != "intact":
        treatment = "emergency"
    elif treatment == "operative" and problem.finding.grade == "C":
        treatment = "urgent"
    scores = fracture_scores(problem.finding, clinical)
    return _keyed(scores[0], f"injury.{treatment}", "aosis" if len(scores) == 2 else "slic")


def _fragile(problem: Problem, _clinical: Clinical) -> Plan | NoPlan:
    """Return the plan of low-energy fractures, for which the scores of high-energy trauma are not made."""
    fresh = [one for one in problem.found if one.pathology == "fracture" and one.detail == "fresh"]
    if _crushed(problem, fresh):
        return NoPlan(reason="a fragile vertebra has lost half of its height: a surgeon has to judge it")
    if any(one.grade not in ("", "A1", "A2", "A3") for one in fresh):
        return NoPlan(
            reason="a fragile vertebra has lost both endplates or its tension band: no rule is keyed"
        )
    burst = {one.site for one in fresh if one.grade == "A3"}
    lost = [one for one in problem.found if one.pathology == "height_loss" and one.site in burst]
    if any((one.value or 0.0) >= COLLAPSE_PERCENT for one in lost):
        return NoPlan(
            reason="a fragile burst fracture has lost much of its height: a surgeon has to judge it"
        )
    return Plan(act="fragility.non_operative", rule="fragility", source="expert_opinion")


def _crushed(problem: Problem, fresh: Sequence[Finding]) -> bool:
    """Return whether one of the fresh fractures of type A, or of none, has lost half of its height."""
    sites = {one.site for one in fresh if one.grade[:1] in ("", "A")}
    lost = [one for one in problem.found if one.pathology == "height_loss" and one.site in sites]
    return any((one.value or 0.0) >= CRUSHED_PERCENT for one in lost)


def _metastasis(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    """Return the plan of metastases: at once where the cord has little room, else by the highest SINS."""
    if cord_beside_tumour(problem):
        return Plan(act="tumour.urgent", rule="cord_tumour", source="nice_ng234")
    tumours = [one for one in problem.found if one.pathology == "metastasis"]
    try:
        ranges = {one.site: sins_range(problem, clinical, one) for one in tumours}
    except ValueError as error:
        return NoPlan(reason=f"SINS: {error}")
    worst = max(ranges, key=lambda site: (ranges[site][0].total, site == problem.site, ranges[site][1].total))
    low = ranges[worst][0]
    high = max((last for _, last in ranges.values()), key=lambda one: one.total)
    if low.surgical_consultation:
        return Plan(
            act="tumour.consult",
            rule="sins",
            source=low.source,
            points=low.total,
            at_least=low.total < ranges[worst][1].total,
            site=worst,
        )
    if not high.surgical_consultation:
        return Plan(act="tumour.stable", rule="sins_low", source=high.source, points=high.total)
    return NoPlan(reason="SINS lies on both sides of 7 points while parts of it are not on the images")


def _discitis(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    ruling = planning.most_urgent(clinical.flags)
    made = _keyed(ruling, "infection.workup", "infection")
    if isinstance(made, NoPlan) or not infected_implants(problem):
        return made
    # The guideline is one of native spines.
    return made.model_copy(update={"rule": "infection_implant", "source": "expert_opinion"})


def _myelopathy(_problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    if clinical.mjoa is None:
        return NoPlan(reason="no mJOA in the history")
    ruling = planning.cervical_myelopathy_plan(clinical.mjoa)
    return _keyed(ruling, f"myelopathy.{ruling.plan}", "myelopathy")


def _scoliosis(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    cobb = 0.0 if problem.finding is None else problem.finding.value or 0.0
    if clinical.risser is None:
        if any(abs(angle - SCHWAB_DEG) < SCHWAB_MARGIN_DEG for angle in largest_curves(problem)):
            return NoPlan(reason="a Cobb angle lies too near 30 degrees to tell the SRS-Schwab type")
        curve = planning.schwab_curve(*largest_curves(problem))
        made = _keyed(curve, "curve.adult", "schwab")
        return made.model_copy(update={"detail": curve.curve}) if isinstance(made, Plan) else made
    ruling = planning.idiopathic_scoliosis(cobb, planning.risser_skeleton(clinical.risser))
    return _keyed(ruling, f"curve.{ruling.plan}", "cobb")


def _has_no_age(finding: Finding) -> bool:
    return finding.pathology == "fracture" and finding.detail not in ("fresh", "old")


_SCREENED: Final[dict[Lead, str]] = {
    "cervical_herniation": "screen.arm", "root_stenosis": "screen.arm", "kyphosis": "screen.kyphosis",
    "ankylosing": "screen.ankylosing", "old_fracture": "screen.old_fracture",
    "postoperative": "screen.postoperative", "transitional": "screen.transitional",
}  # fmt: skip
"""What is done where nothing is dangerous, by the lead; the others keep active."""


def _screen(problem: Problem, clinical: Clinical) -> Plan | NoPlan:
    """Return the plan without red flags: care that needs no operation, and the signs that would change it."""
    if clinical.flags:
        return NoPlan(reason="the history has red flags, which this plan leaves out")
    open_age = [one for one in (problem.finding, *problem.others) if one is not None and _has_no_age(one)]
    if any(one.site == problem.site for one in open_age):
        return NoPlan(reason="whether the fracture is fresh cannot be told from these series")
    usual = "screen.chronic" if clinical.weeks >= CHRONIC_WEEKS else "screen.back"
    weak = ("_age" if clinical.age > _WEAK_FLAG_YEARS else "", "_site" if problem.part in THORACIC else "")
    return Plan(
        act=_SCREENED.get(problem.lead, usual), rule=f"screen{''.join(weak)}", source="red_flags_2020"
    )


_PLANS: Final[dict[Lead, Callable[[Problem, Clinical], Plan | NoPlan]]] = {
    "herniation": _herniation,
    "central_herniation": _central,
    "stenosis": _stenosis,
    "root_stenosis": _stenosis,
    "isthmic_slip": _isthmic,
    "slip": _slip,
    "injury": _injury,
    "fragility": _fragile,
    "metastasis": _metastasis,
    "discitis": _discitis,
    "myelopathy": _myelopathy,
    "scoliosis": _scoliosis,
}
