"""Cases of consultations: a patient with images, an opening, facts told when asked, and the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pydantic import Field

from spinemed.bench.consultation.words import topics, words
from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic import Draft, checked, consultation
from spinemed.instances.clinic.case import Case, case_of, rejected
from spinemed.instances.clinic.history import Clinical
from spinemed.instances.clinic.limits import of_series, restrained
from spinemed.instances.clinic.pictures import telling_series
from spinemed.instances.clinic.plan import Stance
from spinemed.instances.clinic.problem import Lead, Problem, problem_of
from spinemed.instances.clinic.story import group_of, opening
from spinemed.instances.clinic.wording import LANGUAGES, Language, joined
from spinemed.records import Picture, Record, Reject, Side, content_id

ATTEMPTS: Final = 4
_SCREEN: Final = ("weakness", "bladder", "fever", "cancer", "weight", "trauma")
"""Red flags that are asked of everybody with pain of the back or neck (Finucane 2020)."""
_AT_INJURY: Final = ("weakness", "bladder")
"""What is asked of somebody who comes with an injury: the other flags say nothing about it."""
_DECIDING: Final[Mapping[str, tuple[str, ...]]] = {
    "radicular_leg": ("sensation", "weakness", "bladder", "treatment"),
    "radicular_arm": ("sensation", "weakness", "hands", "treatment"),
    "stenosis": ("severity", "sensation", "weakness", "bladder", "treatment"),
    "slip": ("limbs", "weakness", "bladder", "treatment"),
    "back": ("weakness", "bladder"),
    "postoperative": ("wound", "weakness", "bladder"),
    "injury": _AT_INJURY,
    "fragility": ("bone", "weakness", "bladder"),
    "tumour": ("cancer", "weakness", "bladder"),
    "infection": ("fever", "weakness", "bladder"),
    "myelopathy": ("hands",),
    "curve_young": ("growth", "weakness"),
}
"""Group of a story -> the topics that its plan rests on, as `clinic.story.answers` tells them."""


class Fact(Record):
    """What the patient says when asked about a topic.

    `red_flag`: the topic is a sign of danger; `alarming`: here it is one. `relevant`: a doctor must ask it.
    """

    topic: str
    answer: str
    red_flag: bool
    alarming: bool
    relevant: bool

    @property
    def weight(self) -> int:
        """Return how much it counts: 3 for a danger, 2 for a red flag that is denied, 1 for the rest, 0."""
        return (3 if self.alarming else 2 if self.red_flag else 1) if self.relevant else 0


class ConsultationCase(Record):
    """One consultation to be held. `facts`, `sites`, `side`, `stance` and `act` are hidden from the model.

    `sites` are those of the leading finding, none for a normal spine; `side` is None where it has none.
    """

    id: str
    study: str
    patient: str
    source: str
    licence: str
    synthetic: bool
    language: Language
    lead: Lead
    opening: str
    facts: tuple[Fact, ...]
    sites: tuple[str, ...]
    side: Side | None
    stance: Stance
    act: str
    findings: tuple[str, ...]
    images: tuple[bytes, ...] = Field(repr=False, description="PNG, the key pictures of the case")


def consultation_cases(
    facts: CaseFacts,
    pictures: Mapping[str, Picture],
    seed: str | int,
    languages: Sequence[Language] = LANGUAGES,
) -> Iterator[ConsultationCase | Reject]:
    """Yield a case in each language, or a Reject with the reason, as `clinic.ask_clinic` takes a study.

    `pictures` are key pictures by the id of the finding that they show; series without one are left out.
    The same arguments give the same cases.
    """
    pictured = {one.evidence.series for one in facts.findings if one.id in pictures}
    kept = of_series(facts, pictured)
    shown = telling_series(kept, problem_of(restrained(kept)))
    if not shown.findings:
        yield rejected(facts, "consultation", "no picture of any finding was made", "make key pictures first")
        return
    for language in languages:
        yield _case(shown, pictures, f"{seed}:{facts.study.id}:consultation:{language}", language)


def _case(
    facts: CaseFacts, pictures: Mapping[str, Picture], key: str, language: Language
) -> ConsultationCase | Reject:
    """Return the case of the first history for which a rule is keyed, checked as its dialogue is."""
    for attempt in range(ATTEMPTS):
        draft = consultation(facts, f"{key}:{attempt}", language)
        case = case_of(facts, f"{key}:{attempt}", language)
        if isinstance(draft, Draft) and isinstance(case, Case):
            sound = checked(draft, facts)
            if isinstance(sound, Reject):
                return sound
            return _of(replace(case, voice="patient"), draft, pictures)
    return case if isinstance(case, Reject) else rejected(facts, key, "no draft was made", "none needed")


def _of(case: Case, draft: Draft, pictures: Mapping[str, Picture]) -> ConsultationCase:
    study, problem = case.facts.study, case.problem
    images = tuple(dict.fromkeys(pictures[one].png for one in draft.pictures if one in pictures))
    told = opening(problem, case.clinical, case.style, "patient", case.key)
    show = "show.today.patient" if problem.lead == "injury" else "show.patient"
    said = joined([told, case.say("show.numbering.patient"), case.say(show)], case.language)
    facts = tuple(_facts(case))
    return ConsultationCase(
        id=content_id(study.id, case.language, said, [one.answer for one in facts]),
        study=study.id,
        patient=study.patient,
        source=study.source,
        licence=study.licence,
        synthetic=study.synthetic,
        language=case.language,
        lead=problem.lead,
        opening=said,
        facts=facts,
        sites=problem.sites or (() if not problem.site else (problem.site,)),
        side=problem.side,
        stance=case.plan.stance,
        act=case.plan.act,
        findings=draft.findings,
        images=images,
    )


def _facts(case: Case) -> Iterator[Fact]:
    """Yield what the patient knows, topic by topic; what the case says nothing about is not known."""
    problem, clinical = case.problem, case.clinical
    group = group_of(problem, clinical)
    relevant = {*_DECIDING[group], *(() if group in ("injury", "curve_young") else _SCREEN)}
    if problem.part == "neck":
        relevant.add("hands")
    told = {**_red(clinical), **_other(problem, clinical)}
    for name, topic in topics().items():
        phrase, alarming = told.get(name, ("", False))
        if phrase:
            answer = case.say(f"tell.{phrase}.patient")
        elif name in _told_at_once(clinical):
            answer = words().as_told[case.language]
        elif topic.denied and name not in _untold(clinical):
            answer = topic.denied[case.language]
        else:
            answer = ""
        if answer:
            yield Fact(
                topic=name,
                answer=answer,
                red_flag=topic.red_flag,
                alarming=alarming,
                relevant=name in relevant and answer != words().as_told[case.language],
            )


def _told_at_once(clinical: Clinical) -> tuple[str, ...]:
    """Return the topics that the opening has told already: since when, where, and an injury."""
    return ("onset", "limbs", "severity", *(("trauma",) if clinical.injury else ()))


def _untold(clinical: Clinical) -> tuple[str, ...]:
    """Return the topics that may not be denied although the history does not speak of them."""
    ill = clinical.bladder or clinical.motor == "progressive" or clinical.neurology != "intact"
    narrow = clinical.lead in ("stenosis", "root_stenosis", "myelopathy", "herniation", "central_herniation")
    return ("sensation",) if ill or narrow else ()


def _red(clinical: Clinical) -> dict[str, tuple[str, bool]]:
    """Return topic -> (phrase, whether it alarms) for signs of danger."""
    found: dict[str, tuple[str, bool]] = {}
    if clinical.motor == "progressive":
        found["weakness"] = ("motor_progressive" if clinical.root else "motor_legs", True)
    elif clinical.neurology != "intact":
        found["weakness"] = (f"neuro_{clinical.neurology}", True)
    else:
        neuro = clinical.lead in ("injury", "fragility", "metastasis", "discitis")
        found["weakness"] = ("neuro_intact" if neuro else "motor_none", False)
    if clinical.neurology == "cauda_equina":
        found["bladder"] = ("neuro_cauda_equina", True)
    elif clinical.neurology == "incomplete_cord":
        found["bladder"] = ("neuro_incomplete_cord", True)
    else:
        found["bladder"] = ("bladder_lost" if clinical.bladder else "bladder_normal", clinical.bladder)
    if clinical.crp is not None:
        found["fever"] = ("no_fever" if clinical.fever_c is None else "fever", True)
    if clinical.primary:
        found["cancer"] = ("primary", True)
    if clinical.t_score is not None:
        found["bone"] = ("t_score", True)
    found["hands"] = ("hands_normal", False) if clinical.mjoa is None else ("mjoa", True)
    return found


def _other(problem: Problem, clinical: Clinical) -> dict[str, tuple[str, bool]]:
    """Return topic -> (phrase, False) for what decides without being dangerous."""
    found = {"treatment": ("treated" if clinical.treated_weeks else "untreated", False)}
    if clinical.root:
        found["sensation"] = ("exam_root", False)
    if problem.lead in ("stenosis", "root_stenosis") and clinical.symptoms in ("mild", "severe"):
        found["severity"] = (f"symptoms_{clinical.symptoms}", False)
    if problem.lead == "isthmic_slip" and clinical.motor == "none":
        found["limbs"] = ("legs_free", False)
    if clinical.risser is not None:
        found["growth"] = ("risser", False)
    if problem.lead == "postoperative":
        found["wound"] = ("wound_fine", False)
    return found
