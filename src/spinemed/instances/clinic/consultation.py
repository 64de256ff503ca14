"""Consultations: dialogues of two to six turns from the facts of one study, in English or Chinese."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.case import (
    Case,
    case_of,
    daily_advice,
    extra_vertebra,
    is_counted,
    is_covered,
    is_site_counted,
    not_shown,
)
from spinemed.instances.clinic.describe import by_level, is_central, is_lumbar, normal_sentences, sentence
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.further import flat_back, free_canal, other_narrow_levels, still_slip
from spinemed.instances.clinic.pictures import key_pictures
from spinemed.instances.clinic.plan import is_blocked
from spinemed.instances.clinic.problem import FAR_SLIP, THORACIC, Problem, part_of, severity
from spinemed.instances.clinic.story import Voice, answers, group_of, opening
from spinemed.instances.clinic.told import is_cut_short
from spinemed.instances.clinic.wording import Language, inside, joined, pick, several
from spinemed.levels import Level
from spinemed.records import Message, Reject

TURNS: Final = (2, 3, 4, 5, 6)
_SHORT: Final = 3
"""Turns of a consultation that leaves no turn for what to watch for."""
_EXPLAINED: Final = {
    "stenosis": "stenosis",
    "central_herniation": "central",
    "myelopathy": "myelopathy",
    "kyphosis": "kyphosis",
    "ankylosing": "ankylosing",
    "normal": "normal",
    "postoperative": "postoperative",
}
_SENTENCES: Final = re.compile(r"(?<=\.) (?=[A-Z])|(?<=。)")
"""Between the sentences of a phrase."""
_COUNTED: Final = (
    "herniation", "cervical_herniation", "central_herniation", "stenosis", "root_stenosis",
    "isthmic_slip", "slip", "injury", "fragility", "metastasis", "discitis", "myelopathy",
    "old_fracture",
)  # fmt: skip
"""Leads whose one level could be mistaken for another."""
_UNOPERATED: Final = ("injury.non_operative", "injury.opened", "fragility.non_operative", "fragility.opened")
"""Acts for a fresh fracture that is not operated: how far a burst one narrows the canal is left to say."""
_OPEN: Final = ("open.surgeon", "old_fracture.opened")
"""Acts under which a patient trains while a surgeon has still to judge something."""
FRAIL_AGE: Final = 80
"""From this age fitness and frailty are weighed before an operation."""
_MILD: Final = frozenset({("recess_stenosis", "mild"), ("foraminal_stenosis", "1")})
_UNSPECIFIC: Final = ("degeneration", "transitional", "old_fracture")
_HARMLESS: Final = ("normal", "degeneration")
"""Leads whose history has no red flag and whose findings give no reason for images at once."""
_SETTLED_WEEKS: Final = 6
"""Within so many weeks harmless pain is expected to settle."""
_WIDE: Final = ("injury", "fragility", "metastasis", "discitis", "old_fracture", "kyphosis", "normal")
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
        return case.say("explain.root_mild" if is_irritated(case) else "explain.root")
    if clinical.symptoms == "none":
        return case.say("explain.painless")
    if problem.lead in _UNSPECIFIC:
        return _unspecific(case)
    if problem.lead == "scoliosis":
        return case.say("explain.curve_adult" if clinical.risser is None else "explain.curve")
    near = [site for site in problem.sites if part_of(site) == problem.part]
    said = case.say(f"explain.{_EXPLAINED.get(problem.lead, 'site')}", level=case.style.sites(near))
    more = other_narrow_levels(problem)
    beside = [case.say("explain.levels", level=case.style.sites(more))] if more else []
    return joined([said, *beside], case.language)


def is_irritated(case: Case) -> bool:
    """Return whether the root has only mildly little room and no muscle is weak: it may be irritated then.

    Mild is so called in the recess, and grade 1 of Lee's in the foramen.
    """
    problem = case.problem
    narrow = {
        (one.pathology, one.grade)
        for one in problem.found
        if one.site == problem.site
        and one.pathology in ("recess_stenosis", "foraminal_stenosis")
        and one.side in (problem.side, "both")
    }
    return bool(narrow) and narrow <= _MILD and case.clinical.motor == "none"


def _unspecific(case: Case) -> str:
    """Return why the cause of the pain stays open: after a healed fracture, beside Modic 1, or else."""
    told = case.told
    if case.problem.lead == "old_fracture" and any(one.pathology == "fracture" for one in told):
        return case.say("explain.old_fracture")
    inflamed = [one.site for one in told if one.pathology == "modic_change" and one.grade == "1"]
    near = tuple(dict.fromkeys(site for site in inflamed if part_of(site) == case.problem.part))
    if near:
        return case.say("explain.modic_1", level=case.style.sites(near))
    led = case.problem.finding
    weighty = led is not None and led.pathology in ("herniation", "canal_stenosis")
    return case.say("explain.open" if weighty else "explain.unspecific")


def changes(case: Case) -> tuple[str, ...]:
    """Return the names of follow-up questions that fit: what would change the plan."""
    problem, clinical = case.problem, case.clinical
    general = "general_neck" if problem.part == "neck" else "general"
    if problem.part in THORACIC:
        general = "general_back"
    if clinical.bladder or clinical.neurology != "intact":
        return ("recovery",)
    if problem.lead == "scoliosis" and clinical.risser is None:
        return ("curve_adult",)
    if case.plan.act in ("curve.operate", "tumour.urgent"):
        return (general,)
    if problem.lead == "central_herniation":
        return ("saddle",)
    if case.plan.rule == "infection_implant":
        return ("infection_implant",)
    names = _MORE.get(group_of(problem, clinical), (general,))
    worse = clinical.motor == "progressive"
    return tuple(name for name in names if not (worse and name == "weaker"))


def further(case: Case, voice: Voice, without: Sequence[str] = ()) -> str:
    """Return what needs action besides the leading problem, and cautions of its plan; may be "".

    `without` are cautions that the text gives elsewhere.
    """
    beside = {"stenosis": "stenosis_beside"} if case.plan.operates else {}
    said = [_also(case, f"{beside.get(need.name, need.name)}.{voice}", need.sites) for need in case.needs]
    said += [
        case.say(f"also.slip_moving.{voice}", level=case.style.site(site), points_between=str(high - low))
        for site, (low, high) in case.moving.items()
    ]
    if flat_back(case.facts):
        said.append(case.say(f"also.flat_back.{voice}"))
    said += [_also(case, name, sites) for name, sites in cautions(case) if name not in without]
    said += [case.say(f"also.{name}.{voice}") for name in uncleared(case)]
    if not said:
        return ""
    # Two levels may end in the same warning: it is said once.
    parts = tuple(dict.fromkeys(part for one in said for part in _SENTENCES.split(one) if part))
    return joined([case.say("also.lead"), inside(parts[0]), *parts[1:]], case.language)


def _also(case: Case, name: str, sites: Sequence[str]) -> str:
    return case.say(f"also.{name}", level=case.style.sites(sites), several=several(sites))


def cautions(case: Case) -> list[tuple[str, tuple[str, ...]]]:
    """Return the names of what a plan must not leave unsaid, with the sites that it is about."""
    problem, plan = case.problem, case.plan
    undated = tuple(site for need in case.needs if need.name == "fracture_unknown" for site in need.sites)
    slipped = tuple(
        one.site
        for one in problem.others
        if one.pathology == "slip" and one.site in problem.sites and severity(one) >= FAR_SLIP
    )
    narrow = other_narrow_levels(problem)
    beside = _discs_in_canal(problem)
    burst = _burst(problem)
    variant = any(one.pathology == "transitional" for one in problem.found)
    rules = (
        ("training", undated, bool(undated) and (plan.stance == "conserve" or plan.act in _OPEN)),
        ("burst", burst, bool(burst) and plan.act in _UNOPERATED),
        ("saddle", (), problem.lead == "central_herniation" and not case.clinical.bladder),
        ("saddle_beside", beside, bool(beside) and not case.clinical.bladder),
        ("fusion", slipped, bool(slipped) and plan.operates),
        ("levels", narrow, bool(narrow) and plan.operates),
        ("cord_first", (*_at_cord(case),), plan.stance == "offer" and bool(_at_cord(case))),
        ("variant", (), variant and plan.operates and problem.part != "neck"),
        ("frail", (), plan.operates and case.clinical.age >= FRAIL_AGE),
        ("whole_part" + _when_shown(case), (), bool(not_shown(case))),
    )
    return [(name, sites) for name, sites, holds in rules if holds]


def _when_shown(case: Case) -> str:
    """Return what images the region needs, as `not_shown`; of harmless pain, when: if it does not settle."""
    missing = not_shown(case)
    if missing != "_any" or case.problem.lead not in _HARMLESS or case.clinical.symptoms == "none":
        return missing
    return "_lasting" if case.clinical.weeks >= _SETTLED_WEEKS else "_later"


def uncleared(case: Case) -> list[str]:
    """Return what comes before the plan: CT after an injury, a surgeon where the canal is blocked."""
    if is_blocked(case.problem, case.clinical) and not case.plan.operates:
        return ["refer"]
    if case.problem.lead != "injury":
        return []
    sites = [Level(site) for site in case.problem.sites]
    by_ct = all(is_covered(case.facts, (level, level), ("CT",)) for level in sites)
    whole = is_covered(case.facts, (Level.C2, Level.L5), ("CT", "MR"))
    rest = "whole_spine_operated" if case.plan.operates else "whole_spine"
    return [*([] if by_ct else ["fracture_ct"]), *([] if whole else [rest])]


def _at_cord(case: Case) -> tuple[str, ...]:
    """Return where the cord or the conus has little room, which goes before an operation elsewhere."""
    names = ("cord", "cord_back", "conus")
    return tuple(dict.fromkeys(site for need in case.needs if need.name in names for site in need.sites))


def _burst(problem: Problem) -> tuple[str, ...]:
    """Return the fresh fractures of the posterior wall, from where bone may reach into the canal."""
    fresh = [one for one in problem.found if one.pathology == "fracture" and one.detail == "fresh"]
    return tuple(dict.fromkeys(one.site for one in by_level(fresh) if one.grade in ("A3", "A4")))


def _discs_in_canal(problem: Problem) -> tuple[str, ...]:
    """Return where a large central herniation narrows the lumbar canal, besides the leading finding."""
    narrow = {
        one.site
        for one in problem.found
        if one.pathology == "canal_stenosis" and one.grade in ("moderate", "severe")
    }
    central = [one for one in problem.found if one.pathology == "herniation" and is_central(one)]
    large = [one for one in central if one.grade == "extrusion" and is_lumbar(one) and one.site in narrow]
    return tuple(one.site for one in large if one.site != problem.site)


def ranges(case: Case) -> list[str]:
    """Return a sentence for every slip that changes between the positions shown, and for a flat back.

    Of a leading slip on films in flexion and extension it is told too that it does not, or cannot be said.
    """
    said = [
        case.say("see.slip_range", level=case.style.site(site), low=str(low), high=str(high))
        for site, (low, high) in case.moving.items()
    ]
    led = case.problem.finding
    if led is not None and led.pathology == "slip" and led.site not in case.moving:
        still = still_slip(case.facts, led.site)
        said += [case.say(f"see.slip_{still}", level=case.style.site(led.site))] if still else []
    return [*said, *([case.say("see.flat_back")] if flat_back(case.facts) else [])]


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
    free = free_canal(case.problem, stated)
    near = None if free else _vertebrae(case.problem)
    normal = normal_sentences(free or stated, case.style, case.key, case.facts.findings, within, near)
    shown = normal[: 3 if case.problem.finding is None else 1]
    lines = lines or [case.say("see.normal")]
    if not_shown(case):
        shown.append(case.say(f"see.not_covered{not_shown(case)}"))
    return joined([case.say("see.lead"), *lines, *shown, *numbering(case), explanation(case)], case.language)


def _vertebrae(problem: Problem) -> list[Level]:
    """Return the vertebrae of the leading finding, for a curve those that it is measured between."""
    led = problem.finding
    if led is not None and led.extent is not None:
        return [level for level in Level if Level(led.extent[0]) <= level <= Level(led.extent[1])]
    return [Level(level) for site in problem.sites for level in site.split("-")]


def _advice(case: Case) -> str:
    patient = case.voice == "patient"
    name = "plain" if patient else "plan"
    # Types of a classification tell a patient nothing.
    rule = "schwab_plain" if patient and case.plan.rule == "schwab" else case.plan.rule
    return joined(
        [
            case.say(f"{name}.{case.plan.act}"),
            case.say(f"rule.{rule}"),
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
        found.append(
            (case.say(f"ask.more.daily.{voice}"), case.say(f"reply.daily.{daily_advice(case)}.{voice}"))
        )
    return found[:count]


def _count(case: Case) -> list[str]:
    seen = is_site_counted(case.problem, case.facts)
    check = "operate" if case.plan.stance in ("operate", "offer") else "other"
    return [case.say("reply.count" if seen else "reply.count_given"), case.say(f"reply.count_check.{check}")]


def _safety_net(case: Case) -> str:
    """Return what a patient must come back for at once, "" for a colleague or where another advice holds."""
    name = changes(case)[0]
    return case.say(f"reply.{name}.patient") if case.voice == "patient" and name.startswith("general") else ""


def _turns(case: Case, count: int) -> tuple[list[tuple[str, str]], int]:
    """Return the turns, and the number of the one that shows the images."""
    problem, clinical, style, voice = case.problem, case.clinical, case.style, case.voice
    complaint = opening(problem, clinical, style, voice, case.key)
    told = answers(problem, clinical, style, voice, case.key)
    ask, show, reading = _ask_back(case, after=count == 2), _show(case), _reading(case)
    want, advice = case.say(f"want.plan.{voice}"), _advice(case)
    if count <= _SHORT:
        advice = joined([advice, _safety_net(case)], case.language)
    if count == 2:
        asked = joined([reading, ask], case.language)
        return [
            (joined([complaint, show], case.language), asked),
            (joined([told, want], case.language), advice),
        ], 0
    first = [(complaint, ask), (joined([told, show], case.language), reading), (want, advice)]
    return [*first, *_more(case, count - 3)], 1
