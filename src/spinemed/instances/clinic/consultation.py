"""Consultations: dialogues of two to six turns from the facts of one study, in English or Chinese."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.describe import by_level, grouped, normal_sentences, sentence, vertebrae_seen
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.history import Clinical, history
from spinemed.instances.clinic.plan import NoPlan, Plan, plan_of
from spinemed.instances.clinic.problem import Problem, problem_of
from spinemed.instances.clinic.story import VOICES, Voice, answers, group_of, opening, story_fields
from spinemed.instances.clinic.wording import Language, Style, joined, listed, pick, say, style_of, term
from spinemed.records import Finding, Message, Reject, content_id

STEP: Final = "instances.clinic"
MOST_OTHERS: Final = 4
"""Abnormal findings beside the leading one that a dialogue names; a report names all."""
MOST_PICTURES: Final = 6
TURNS: Final = (2, 3, 4, 5, 6)
_EXPLAINED: Final = {
    "stenosis": "stenosis",
    "central_herniation": "central",
    "myelopathy": "myelopathy",
    "scoliosis": "curve",
    "normal": "normal",
    "postoperative": "postoperative",
}
_WEAR: Final = ("disc_degeneration", "modic_change", "osteophyte", "endplate_defect")
_NOT_COUNTED: Final = ("transitional", "postoperative", "scoliosis", "kyphosis")
_UNSPECIFIC: Final = ("degeneration", "transitional", "old_fracture")
_MORE: Final = {
    "radicular_leg": ("saddle", "weaker"),
    "radicular_arm": ("hands",),
    "stenosis": ("saddle", "weaker"),
    "slip": ("saddle",),
    "injury": ("deficit",),
    "fragility": ("deficit",),
    "tumour": ("cancer",),
    "infection": ("infection",),
    "myelopathy": ("cord",),
    "curve_young": ("curve",),
}


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

    def say(self, name: str, **fields: str) -> str:
        """Return a wording of an intent, with the case's fields and those given."""
        return say(name, self.language, self.key, {**self.fields, **fields})

    @cached_property
    def fields(self) -> dict[str, str]:
        """Return the fields of the case: its history, its site and side, its plan's numbers."""
        problem, plan, style = self.problem, self.plan, self.style
        value = 0.0 if problem.finding is None else problem.finding.value or 0.0
        site = style.site(problem.site) if problem.site else ""
        side = term(problem.side, self.language) if problem.side else ""
        return {
            **story_fields(problem, self.clinical, style, self.voice),
            "level": _implants(self.facts, style) if problem.lead == "postoperative" else site,
            "apex": site,
            "side": side,
            "root": style.root(problem.root) if problem.root else "",
            "points": points_text(plan, self.language),
            "cobb": str(round(value)),
            "curve": plan.detail,
            "range": style.sites(vertebrae_seen(self.facts.findings)),
            "modalities": modalities(self.facts, self.language),
        }


def case_of(facts: CaseFacts, key: str, language: Language) -> Case | Reject:
    """Return the case of a study for one key and language, or a Reject where no rule gives a plan."""
    if not any(one.pathology == "vertebra" for one in facts.findings):
        return rejected(facts, key, "no vertebra is seen whole, so that no level can be named", "none needed")
    key = f"{facts.study.id}:{key}"
    problem = problem_of(facts)
    clinical = history(facts, problem, key)
    plan = plan_of(problem, clinical)
    if isinstance(plan, NoPlan):
        return rejected(
            facts, key, f"{problem.lead}: {plan.reason}", "none needed: another history may be keyed"
        )
    return Case(
        facts=facts,
        problem=problem,
        clinical=clinical,
        plan=plan,
        style=style_of(language, key),
        voice=pick(f"{key}:voice", VOICES),
        key=f"{key}:{language}",
    )


def consultation(facts: CaseFacts, key: str, language: Language) -> Draft | Reject:
    """Return a dialogue about a study: two to six turns, drawn by `key`; Reject where no plan is keyed."""
    case = case_of(facts, key, language)
    if isinstance(case, Reject):
        return case
    count = pick(f"{case.key}:turns", TURNS)
    turns, picture_turn = _turns(case, count)
    messages: list[Message] = []
    for asked, said in turns:
        messages += [Message(role="user", content=asked), Message(role="assistant", content=said)]
    return Draft(
        task="dialogue",
        kind=f"consultation_{case.problem.lead}",
        axis="planning",
        language=language,
        messages=tuple(messages),
        picture_turn=2 * picture_turn,
        pictures=key_pictures(case.facts, case.problem),
        sites=tuple(dict.fromkeys(one.site for one in case.told)),
        findings=tuple(one.id for one in case.told),
        problem=case.problem,
        clinical=case.clinical,
        plan=case.plan,
    )


def rejected(facts: CaseFacts, key: str, reason: str, fix: str) -> Reject:
    """Return a Reject of this step for a study."""
    name = content_id(facts.study.id, key, reason)
    return Reject(id=name, source=facts.study.source, step=STEP, reason=reason, fix=fix)


def modalities(facts: CaseFacts, language: Language) -> str:
    """Return the study's series in words, such as "MRI T2 sagittal and CT sagittal"."""
    names: dict[str, None] = {}
    for series in facts.study.series:
        if facts.seen_in(series.uid):
            names[series_name(series.modality, series.sequence, series.plane, series.view, language)] = None
    return listed(tuple(names), language)


def series_name(modality: str, sequence: str, plane: str, view: str, language: Language) -> str:
    """Return what a series is called.

    >>> series_name("MR", "T2", "sagittal", "", "en"), series_name("XR", "", "radiograph", "LAT", "zh")
    ('MRI T2-weighted sagittal', 'X线片侧位')
    """
    kind = term(modality, language)
    if modality == "XR":
        shown = term(view, language) if view else ""
        return f"{kind}{shown}" if language == "zh" else f"{kind} {shown}".strip()
    weighted = {"T1": ("T1-weighted", "T1加权"), "T2": ("T2-weighted", "T2加权")}.get(
        sequence, (sequence,) * 2
    )
    if language == "zh":
        # A blank parts the two Latin words of "MRI T2加权".
        return f"{kind}{' ' if weighted[1] else ''}{weighted[1]}{term(plane, language)}"
    return " ".join(part for part in (kind, weighted[0], term(plane, language)) if part)


def told_findings(problem: Problem) -> tuple[Finding, ...]:
    """Return the abnormal findings that a dialogue names: the leading one, then at most four others.

    Variants of numbering go first among the others, wear goes last, and wear elsewhere after that.
    """

    def rank(finding: Finding) -> tuple[bool, bool, bool]:
        wear = finding.pathology in _WEAR
        return finding.pathology != "transitional", wear, wear and finding.site != problem.site

    first = () if problem.finding is None else (problem.finding,)
    return (*first, *sorted(problem.others, key=rank)[:MOST_OTHERS])


def key_pictures(facts: CaseFacts, problem: Problem) -> tuple[str, ...]:
    """Return ids of the findings whose pictures are the key images: each series first once, then the rest.

    In each series the finding told first that it shows comes first; a series that shows none of them gives
    its best seen whole vertebra.
    """
    by_series: dict[str, list[str]] = {}
    for series in facts.study.series:
        seen = facts.seen_in(series.uid)
        ids = [one.id for told in told_findings(problem) for one in seen if _is_same(one, told)]
        whole = [one for one in seen if one.pathology == "vertebra"]
        if not ids and whole:
            ids = [max(whole, key=lambda one: one.pixels or 0).id]
        if ids:
            by_series[series.uid] = list(dict.fromkeys(ids))
    first = [ids[0] for ids in by_series.values()]
    return (*first, *(one for ids in by_series.values() for one in ids[1:]))[:MOST_PICTURES]


def _is_same(one: Finding, told: Finding) -> bool:
    alike = one.pathology == told.pathology and one.site == told.site
    return alike and one.side == told.side and one.grade == told.grade


def explanation(case: Case) -> str:
    """Return how the leading finding and the complaint belong together."""
    problem, clinical = case.problem, case.clinical
    if clinical.bladder:
        return case.say("explain.cauda_equina")
    if problem.root:
        return case.say("explain.root")
    if clinical.symptoms == "none":
        return case.say("explain.painless")
    if problem.lead in _UNSPECIFIC:
        return case.say("explain.unspecific")
    return case.say(f"explain.{_EXPLAINED.get(problem.lead, 'site')}")


def changes(case: Case) -> tuple[str, ...]:
    """Return the names of follow-up questions that fit: what would change the plan."""
    group = group_of(case.problem, case.clinical)
    if case.clinical.bladder or case.clinical.neurology != "intact":
        return ("recovery",)
    if case.problem.lead == "scoliosis" and case.clinical.risser is None:
        return ("curve_adult",)
    if case.problem.lead == "central_herniation":
        return ("saddle",)
    if case.problem.lead == "root_stenosis" and case.problem.part == "neck":
        return ("hands",)
    names = _MORE.get(group, ("general",))
    if case.clinical.motor == "progressive":
        names = tuple(name for name in names if name != "weaker")
    if case.plan.act in ("curve.operate",):
        return ("general",)
    return names or ("general",)


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


def is_counted(case: Case) -> bool:
    """Return whether a vertebra of the leading site is seen whole, so that it can be counted."""
    seen = vertebrae_seen(case.facts.findings)
    return not case.problem.site or any(level in seen for level in case.problem.site.split("-"))


def implant_sites(facts: CaseFacts) -> list[str]:
    """Return the sites of cages and screws from the head down."""
    there = [one for one in facts.findings if one.present and one.pathology in ("cage", "screws")]
    return list(dict.fromkeys(one.site for one in by_level(there)))


def _implants(facts: CaseFacts, style: Style) -> str:
    return style.sites(implant_sites(facts))


def _ask_back(case: Case, after: bool) -> str:
    """Return the questions; `after` the images the lead is another one."""
    group = group_of(case.problem, case.clinical)
    lead = case.say("ask.after" if after else f"ask.lead.{case.voice}")
    return joined([lead, case.say(f"ask.{group}")], case.language)


def _show(case: Case) -> str:
    today = case.problem.lead == "injury" and case.voice == "patient"
    return case.say("show.today.patient" if today else f"show.{case.voice}")


def _reading(case: Case) -> str:
    """Return what the images show: abnormal findings, what is normal near by, and what it means."""
    groups = grouped(case.told)
    lines = [sentence(group, case.style, case.key) for group in groups]
    normal = normal_sentences(case.facts.findings, case.style, case.key)
    if not lines:
        lines = [case.say("see.normal")]
    shown = normal[: 3 if case.problem.finding is None else 1]
    meaning = explanation(case)
    numbering = case.say("see.numbering" if is_counted(case) else "see.numbering_given")
    return joined([case.say("see.lead"), *lines, *shown, numbering, meaning], case.language)


def _advice(case: Case) -> str:
    name = "plain" if case.voice == "patient" else "plan"
    act = case.say(f"{name}.{case.plan.act}")
    if case.voice == "patient" and case.plan.stance in ("operate", "offer"):
        act = joined([act, case.say(f"plan.{case.plan.act}")], case.language)
    rule = case.say(f"rule.{case.plan.rule}")
    return joined([act, rule, case.say("caveat")], case.language)


def _more(case: Case, count: int) -> list[tuple[str, str]]:
    """Return up to three follow-up turns: what changes the plan, how the level is known, daily life."""
    names = changes(case)
    change = pick(f"{case.key}:change", names)
    found = [(case.say(f"ask.more.{change}"), case.say(f"reply.{change}"))]
    if case.problem.site and case.problem.lead not in _NOT_COUNTED:
        reply = "reply.count" if is_counted(case) else "reply.count_given"
        found.append((case.say("ask.more.count"), case.say(reply)))
    found.append((case.say("ask.more.daily"), case.say(f"reply.daily.{case.plan.stance}")))
    return found[:count]


def _turns(case: Case, count: int) -> tuple[list[tuple[str, str]], int]:
    """Return the turns, and the number of the one that shows the images."""
    problem, clinical, style, voice = case.problem, case.clinical, case.style, case.voice
    complaint = opening(problem, clinical, style, voice, case.key)
    told = answers(problem, clinical, style, voice, case.key)
    ask, show, reading = _ask_back(case, after=count == 2), _show(case), _reading(case)
    want, advice = case.say(f"want.plan.{voice}"), _advice(case)
    if count == 2:
        asked = joined([reading, ask], case.language)
        return [
            (joined([complaint, show], case.language), asked),
            (joined([told, want], case.language), advice),
        ], 0
    first = [(complaint, ask), (joined([told, show], case.language), reading), (want, advice)]
    return [*first, *_more(case, count - 3)], 1
