"""What the patient or a colleague tells: the complaint and the answers, all from `Clinical`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from spinemed.instances.clinic.dermatomes import RootWords, roots
from spinemed.instances.clinic.history import Clinical
from spinemed.instances.clinic.problem import Lead, Problem
from spinemed.instances.clinic.wording import Language, Style, joined, say, term

Voice = Literal["patient", "colleague"]
Frame = Literal["patient", "colleague", "note"]
VOICES: Final[tuple[Voice, Voice]] = ("patient", "colleague")
_GROUPS: Final[dict[Lead, str]] = {
    "herniation": "radicular_leg",
    "cervical_herniation": "radicular_arm",
    "stenosis": "stenosis",
    "isthmic_slip": "slip",
    "injury": "injury",
    "fragility": "fragility",
    "metastasis": "tumour",
    "discitis": "infection",
    "myelopathy": "myelopathy",
    "postoperative": "postoperative",
}


def group_of(problem: Problem, clinical: Clinical) -> str:
    """Return the group of questions, answers and follow-ups that a case belongs to."""
    if problem.lead == "root_stenosis":
        return "radicular_arm" if problem.part == "neck" else "stenosis"
    if problem.lead == "scoliosis":
        return "back" if clinical.risser is None else "curve_young"
    return _GROUPS.get(problem.lead, "back")


def duration(weeks: int, language: Language) -> str:
    """Return a time in words: weeks up to eight, then months, then years.

    >>> duration(1, "en"), duration(6, "zh"), duration(20, "en"), duration(110, "zh")
    ('1 week', '6周', '5 months', '2年')
    """
    if weeks <= 8:
        return f"{weeks}周" if language == "zh" else f"{weeks} week{'s' * (weeks != 1)}"
    months = round(weeks / 4.345)
    if months < 24:
        return f"{months}个月" if language == "zh" else f"{months} months"
    return f"{months // 12}年" if language == "zh" else f"{months // 12} years"


def person(clinical: Clinical, language: Language) -> str:
    """Return man, woman or patient; boy or girl below 18."""
    grown = clinical.age >= 18
    words = {"M": "man" if grown else "boy", "F": "woman" if grown else "girl", "unknown": "person"}
    return term(words[clinical.sex], language)


def story_fields(problem: Problem, clinical: Clinical, style: Style, voice: Voice) -> dict[str, str]:
    """Return the fields that the phrases of a history may use."""
    language = style.language
    words = _root_words(clinical, language)
    is_patient = voice == "patient"
    # Chinese patients name the side with the limb: "上楼时右膝发软".
    short = {"left": "左", "right": "右"}.get(clinical.limb_side or "", "")
    weakness = words.weakness_patient.format(side=short) if is_patient else words.weakness_doctor
    years = clinical.operated_years or 0
    fields = {
        "age": str(clinical.age),
        "person": person(clinical, language),
        "since": duration(clinical.weeks, language),
        "treated": duration(clinical.treated_weeks, language),
        "side": term(clinical.limb_side, language) if clinical.limb_side else "",
        "root": style.root(clinical.root) if clinical.root else "",
        "area": words.patient if is_patient else words.doctor,
        "weakness": weakness,
        "part": term(f"part_{problem.part}", language),
        "sex": term({"M": "male", "F": "female", "unknown": "person"}[clinical.sex], language),
        "duties": term(_duties(clinical), language),
        "walking": str(clinical.walking_m or ""),
        "years": f"{years}年" if language == "zh" else f"{years} year{'s' * (years != 1)}",
        "injury": term(clinical.injury, language) if clinical.injury in ("height", "traffic") else "",
        "primary": term(clinical.primary, language) if clinical.primary else "",
        "t_score": "" if clinical.t_score is None else f"{clinical.t_score:.1f}",
        "fever": "" if clinical.fever_c is None else f"{clinical.fever_c:.1f}",
        "crp": str(clinical.crp or ""),
        "mjoa": str(clinical.mjoa or ""),
        "risser": "" if clinical.risser is None else str(clinical.risser),
        "reflex": "",
    }
    if words.reflex and not is_patient:
        fields["reflex"] = say("tell.reflex.colleague", language, "reflex", {"reflex": words.reflex})
    return fields


def _duties(clinical: Clinical) -> str:
    """Return what a patient goes back to: school below 18, work up to 67, else the usual activities."""
    if clinical.age < 18:
        return "school"
    return "work" if clinical.age <= 67 else "activities"


def opening(problem: Problem, clinical: Clinical, style: Style, frame: Frame, key: str) -> str:
    """Return how the case is put: age and complaint, with an earlier operation where there are implants.

    The frame "note" is a colleague's history without an address, as requests for reports have it.
    """
    voice: Voice = "patient" if frame == "patient" else "colleague"
    fields = story_fields(problem, clinical, style, voice)
    name = f"complaint.{_complaint(problem, clinical)}.{voice}"
    parts = [say(name, style.language, key, fields)]
    if clinical.operated_years is not None and problem.lead != "postoperative":
        parts.append(say(f"operated.{voice}", style.language, key, fields))
    fields["complaint"] = joined(parts, style.language)
    return say(f"opening.{frame}", style.language, key, fields)


def answers(problem: Problem, clinical: Clinical, style: Style, voice: Voice, key: str) -> str:
    """Return the answers to the questions of the case's group: every fact that decides the plan."""
    fields = story_fields(problem, clinical, style, voice)
    names = _ANSWERS[group_of(problem, clinical)](clinical)
    names = [name for name in names if name]
    told = [say(f"tell.{name}.{voice}", style.language, key, fields) for name in names]
    return joined(told, style.language)


def _root_words(clinical: Clinical, language: Language) -> RootWords:
    return roots()[clinical.root].words(language) if clinical.root else RootWords(patient="", doctor="")


def _complaint(problem: Problem, clinical: Clinical) -> str:
    if clinical.root:
        limb = roots()[clinical.root].limb
        return f"root_{limb}"
    if problem.lead == "metastasis":
        return "tumour_mechanical" if clinical.pain == "mechanical" else "tumour_mild"
    if problem.lead == "isthmic_slip":
        return "painless" if clinical.symptoms == "none" else "slip"
    if problem.lead == "scoliosis":
        return "curve_adult" if clinical.risser is None else "curve_young"
    own = ("stenosis", "ankylosing", "postoperative", "discitis", "injury", "fragility", "myelopathy", "slip")
    return problem.lead if problem.lead in own else "back"


def _motor(clinical: Clinical) -> str:
    if clinical.motor != "progressive":
        return "motor_none"
    return "motor_progressive" if clinical.root else "motor_legs"


def _bladder(clinical: Clinical) -> str:
    return "bladder_lost" if clinical.bladder else "bladder_normal"


def _treated(clinical: Clinical) -> str:
    return "treated" if clinical.treated_weeks else "untreated"


def _severity(clinical: Clinical) -> str:
    return f"symptoms_{clinical.symptoms}" if clinical.symptoms in ("mild", "severe") else ""


def _slip(clinical: Clinical) -> list[str]:
    motor = _motor(clinical)
    return ["legs_free" if motor == "motor_none" else "", motor, _bladder(clinical), _treated(clinical)]


_ANSWERS: Final[dict[str, Callable[[Clinical], list[str]]]] = {
    "radicular_leg": lambda one: ["exam_root", _motor(one), _bladder(one), _treated(one)],
    "radicular_arm": lambda one: ["exam_root", "motor_none", "hands_normal", "no_flags", _treated(one)],
    "stenosis": lambda one: [
        "exam_root" if one.root else "",
        _severity(one),
        _motor(one),
        _bladder(one),
        _treated(one),
    ],
    "slip": _slip,
    "back": lambda _: ["no_flags", "motor_none", "bladder_normal"],
    "postoperative": lambda _: ["no_flags", "wound_fine", "motor_none", "bladder_normal"],
    "injury": lambda one: [f"neuro_{one.neurology}", "bladder_normal" if one.neurology == "intact" else ""],
    "fragility": lambda _: ["t_score", "neuro_intact", "bladder_normal"],
    "tumour": lambda _: ["primary", "neuro_intact", "bladder_normal"],
    "infection": lambda one: [
        "no_fever" if one.fever_c is None else "fever",
        "neuro_intact",
        "bladder_normal",
    ],
    "myelopathy": lambda _: ["mjoa"],
    "curve_young": lambda _: ["risser", "motor_none"],
}
