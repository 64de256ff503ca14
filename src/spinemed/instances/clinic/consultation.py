"""Consultations: dialogues of two to six turns from the facts of one study, in English or Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.case import (
    Case,
    case_of,
    extra_vertebra,
    is_counted,
    is_region_shown,
    is_site_counted,
)
from spinemed.instances.clinic.describe import normal_sentences, sentence
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.further import other_narrow_levels
from spinemed.instances.clinic.pictures import key_pictures
from spinemed.instances.clinic.problem import BENIGN, part_of, severity
from spinemed.instances.clinic.story import Voice, answers, group_of, opening
from spinemed.instances.clinic.told import is_cut_short
from spinemed.instances.clinic.wording import Language, inside, joined, pick, several
from spinemed.records import Message, Reject

TURNS: Final = (2, 3, 4, 5, 6)
_EXPLAINED: Final = {
    "stenosis": "stenosis",
    "central_herniation": "central",
    "myelopathy": "myelopathy",
    "kyphosis": "kyphosis",
    "ankylosing": "ankylosing",
    "normal": "normal",
    "postoperative": "postoperative",
}
_COUNTED: Final = (
    "herniation",
    "cervical_herniation",
    "central_herniation",
    "stenosis",
    "root_stenosis",
    "isthmic_slip",
    "slip",
    "injury",
    "fragility",
    "metastasis",
    "discitis",
    "myelopathy",
    "old_fracture",
)
"""Leads whose one level could be mistaken for another."""
_UNSPECIFIC: Final = ("degeneration", "transitional", "old_fracture")
_FAR_SLIP: Final = 2000
"""Severity of a slip of Meyerding grade II, from which fusion is a question beside decompression."""
_WIDE: Final = ("injury", "fragility", "metastasis", "discitis", "old_fracture")
"""Leads for which what is normal is told of the whole spine; for others, of the region of the complaint."""
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
    pictures = key_pictures(case.facts, case.problem)
    return Draft(
        task="dialogue",
        kind=f"consultation_{case.problem.lead}",
        axis="planning",
        language=language,
        messages=tuple(messages),
        picture_turn=2 * picture_turn,
        pictures=pictures,
        sites=tuple(dict.fromkeys(one.site for one in case.told)),
        # A normal study tells no change: it rests on the normal findings that its pictures show.
        findings=tuple(one.id for one in case.told) or pictures,
        problem=case.problem,
        clinical=case.clinical,
        plan=case.plan,
    )


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
    if problem.lead == "scoliosis":
        return case.say("explain.curve_adult" if clinical.risser is None else "explain.curve")
    near = [site for site in problem.sites if part_of(site) == problem.part]
    return case.say(f"explain.{_EXPLAINED.get(problem.lead, 'site')}", level=case.style.sites(near))


def changes(case: Case) -> tuple[str, ...]:
    """Return the names of follow-up questions that fit: what would change the plan."""
    problem, clinical = case.problem, case.clinical
    if clinical.bladder or clinical.neurology != "intact":
        return ("recovery",)
    if problem.lead == "scoliosis" and clinical.risser is None:
        return ("curve_adult",)
    if problem.lead == "scoliosis" and case.plan.act == "curve.operate":
        return ("general",)
    if problem.lead == "central_herniation":
        return ("saddle",)
    names = _MORE.get(group_of(problem, clinical), ("general",))
    worse = clinical.motor == "progressive"
    return tuple(name for name in names if not (worse and name == "weaker"))


def further(case: Case, voice: Voice) -> str:
    """Return what needs action besides the leading problem, and cautions of its plan; may be ""."""
    said = [_also(case, f"{need.name}.{voice}", need.sites) for need in case.needs]
    said += [
        case.say(f"also.slip_moving.{voice}", level=case.style.site(site), points_between=str(high - low))
        for site, (low, high) in case.moving.items()
    ]
    said += [_also(case, name, sites) for name, sites in cautions(case)]
    if not said:
        return ""
    return joined([case.say("also.lead"), inside(said[0]), *said[1:]], case.language)


def _also(case: Case, name: str, sites: Sequence[str]) -> str:
    return case.say(f"also.{name}", level=case.style.sites(sites), several=several(sites))


def cautions(case: Case) -> list[tuple[str, tuple[str, ...]]]:
    """Return the names of what a plan must not leave unsaid, with the sites that it is about."""
    problem, plan = case.problem, case.plan
    undated = tuple(site for need in case.needs if need.name == "fracture_unknown" for site in need.sites)
    slipped = tuple(
        one.site
        for one in problem.others
        if one.pathology == "slip" and one.site in problem.sites and severity(one) >= _FAR_SLIP
    )
    narrow = other_narrow_levels(problem)
    variant = any(one.pathology == "transitional" for one in problem.found)
    rules = (
        ("training", undated, bool(undated) and plan.stance == "conserve"),
        ("saddle", (), problem.lead == "central_herniation" and not case.clinical.bladder),
        ("fusion", slipped, bool(slipped) and plan.operates),
        ("levels", narrow, bool(narrow) and plan.operates),
        ("variant", (), variant and plan.operates),
        ("whole_spine", (), problem.lead == "injury"),
        ("whole_part", (), problem.lead in BENIGN and not is_region_shown(case)),
    )
    return [(name, sites) for name, sites, holds in rules if holds]


def ranges(case: Case) -> list[str]:
    """Return a sentence for every slip that changes between the positions that are shown."""
    return [
        case.say("see.slip_range", level=case.style.site(site), low=str(low), high=str(high))
        for site, (low, high) in case.moving.items()
    ]


def numbering(case: Case) -> list[str]:
    """Return how levels are counted, and the extra vertebra that this takes for granted."""
    extra = extra_vertebra(case)
    counted = case.say("see.numbering" if is_counted(case) else "see.numbering_given")
    return [counted, *([case.say(f"see.extra.{extra}", level=case.style.site(extra))] if extra else [])]


def _ask_back(case: Case, after: bool) -> str:
    """Return the questions; `after` the images the lead is another one."""
    group = group_of(case.problem, case.clinical)
    lead = case.say("ask.after" if after else f"ask.lead.{case.voice}")
    return joined([lead, case.say(f"ask.{group}.{case.voice}")], case.language)


def _show(case: Case) -> str:
    today = case.problem.lead == "injury" and case.voice == "patient"
    show = case.say("show.today.patient" if today else f"show.{case.voice}")
    return joined([case.say(f"show.numbering.{case.voice}"), show], case.language)


def _reading(case: Case) -> str:
    """Return what the images show: abnormal findings, what is normal near by, and what it means."""
    lines = [sentence(group, case.style, case.key, case.moving) for group in case.groups]
    lines += ranges(case)
    if is_cut_short(case.problem):
        lines.append(case.say("see.more_wear"))
    within = None if case.problem.lead in _WIDE else case.problem.part
    # The height of vertebrae is left to reports: beside the fractures it only puzzles.
    stated = [one for one in case.pictured if one.pathology != "height_loss"]
    normal = normal_sentences(stated, case.style, case.key, case.facts.findings, within)
    shown = normal[: 3 if case.problem.finding is None else 1]
    if not lines:
        lines = [case.say("see.normal")]
    if case.problem.lead in BENIGN and not is_region_shown(case):
        shown.append(case.say("see.not_covered"))
    return joined([case.say("see.lead"), *lines, *shown, *numbering(case), explanation(case)], case.language)


def _advice(case: Case) -> str:
    name = "plain" if case.voice == "patient" else "plan"
    return joined(
        [
            case.say(f"{name}.{case.plan.act}"),
            case.say(f"rule.{case.plan.rule}"),
            further(case, case.voice),
            case.say(f"caveat.{case.voice}"),
        ],
        case.language,
    )


def _more(case: Case, count: int) -> list[tuple[str, str]]:
    """Return up to three follow-up turns: what changes the plan, how the level is known, daily life."""
    voice = case.voice
    change = pick(f"{case.key}:change", changes(case))
    found = [(case.say(f"ask.more.{change}.{voice}"), case.say(f"reply.{change}.{voice}"))]
    if len(case.problem.sites) == 1 and case.problem.lead in _COUNTED:
        found.append((case.say("ask.more.count"), joined(_count(case), case.language)))
    if case.problem.lead != "postoperative" or voice == "patient":
        found.append((case.say(f"ask.more.daily.{voice}"), case.say(f"reply.daily.{_daily(case)}.{voice}")))
    return found[:count]


def _count(case: Case) -> list[str]:
    seen = is_site_counted(case.problem, case.facts)
    check = "operate" if case.plan.stance in ("operate", "offer") else "other"
    return [case.say("reply.count" if seen else "reply.count_given"), case.say(f"reply.count_check.{check}")]


def _daily(case: Case) -> str:
    """Return which advice for daily life fits: that of the injury in hospital, or of the plan's stance."""
    if case.plan.act.startswith("injury.") and case.plan.stance == "operate":
        return "bed"
    if case.problem.lead in ("injury", "fragility"):
        return "fracture"
    return case.plan.stance


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
