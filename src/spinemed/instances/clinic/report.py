"""Reports in six sections: findings, diagnosis, treatment, risk, postoperative issues, rationale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.facts.planning import cite
from spinemed.instances.clinic.case import Case, case_of, not_shown
from spinemed.instances.clinic.consultation import (
    changes,
    explanation,
    further,
    is_irritated,
    numbering,
    ranges,
)
from spinemed.instances.clinic.describe import (
    by_level,
    grouped,
    has_four_lumbar,
    normal_sentences,
    sentence,
    vertebrae_seen,
)
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.further import other_narrow_levels
from spinemed.instances.clinic.limits import implant_sites
from spinemed.instances.clinic.pictures import field_of, key_pictures, told_in
from spinemed.instances.clinic.plan import CHRONIC_WEEKS
from spinemed.instances.clinic.problem import THORACIC, is_abnormal, part_of
from spinemed.instances.clinic.series_names import series_name
from spinemed.instances.clinic.story import answers, opening
from spinemed.instances.clinic.told import by_danger
from spinemed.instances.clinic.wording import Language, capital, inside, joined, say, term
from spinemed.records import Finding, Message, Pathology, Reject, Series
from spinemed.report_sections import read_sections

SECTIONS: Final[dict[Language, tuple[str, ...]]] = {
    "en": (
        "Structured imaging findings",
        "AI-assisted diagnosis",
        "Treatment recommendations",
        "Risk and prognosis",
        "Postoperative issues",
        "Diagnostic rationale and disclaimer",
    ),
    "zh": ("结构化影像所见", "AI辅助诊断", "治疗建议", "风险与预后", "术后问题", "诊断依据与免责声明"),
}
"""Headings of the six sections, in order; the text has them as `## 1. ...`."""

_RISKS: Final = {
    "herniation": "herniation", "cervical_herniation": "arm", "stenosis": "stenosis",
    "isthmic_slip": "slip", "slip": "slip_worn", "injury": "injury", "fragility": "fragility",
    "metastasis": "tumour", "discitis": "infection", "myelopathy": "myelopathy", "scoliosis": "curve",
    "ankylosing": "ankylosing", "postoperative": "implants",
}  # fmt: skip
_SEEN: Final = re.compile(r"^(?:可见|There (?:is|are) (?:an? )?(?!only))")
"""How a finding begins that is described rather than named."""
_ADMITTED: Final = ("infection.workup", "herniation.emergency_decompression")
"""Acts for which the patient comes into hospital."""
_WARNED: Final = ("saddle",)
"""Cautions that a report gives anyhow: to the patient as a warning, to the doctor where step 4 is it."""
_DIAGNOSES: Final = ("ankylosing", "myelopathy", "postoperative")
"""Leads whose diagnosis is named before the finding that it rests on."""
_SELF_EVIDENT: Final = ("ankylosing",)
"""Leads whose diagnosis names the finding itself."""
_AT_CORD: Final = ("cord", "cord_back", "cord_more", "cord_tumour", "conus")
"""Needs about the cord or its lower end."""
_SHORT_NAMES: Final = {
    "cauda_equina_2023": re.compile("GIRFT"),
    "myelopathy_2018": re.compile("BMJ 2018"),
    "nice_ng234": re.compile("NG234"),
    "tlics_2005": re.compile("TLICS comes|TLICS agrees|TLICS(?:评分)?结论"),
}
"""Source -> how steps name it, beside the plan's own source."""
_FOUND: Final = {"cervical_herniation": "herniation", "isthmic_slip": "slip", "fragility": "injury"}

_FOUND_WORN: Final[dict[Pathology, str]] = {"herniation": "disc", "canal_stenosis": "canal"}
"""What leads as wear and has words of its own for the patient."""


def report(facts: CaseFacts, key: str, language: Language) -> Draft | Reject:
    """Return a request with the history, answered by a six-section report; Reject without a keyed plan."""
    case = case_of(facts, key, language)
    if isinstance(case, Reject):
        return case
    request, treatment = _request(case), _treatment(case)
    bodies = (
        _findings(case),
        _impression(case),
        treatment,
        _risk(case),
        _postoperative(case),
        _rationale(case, treatment),
    )
    headed = [
        f"## {number}. {heading}\n\n{body}"
        for number, (heading, body) in enumerate(zip(SECTIONS[language], bodies, strict=True), start=1)
    ]
    every = () if case.problem.finding is None else (case.problem.finding, *case.problem.others)
    stated = every or facts.of("vertebra", present=True)
    return Draft(
        task="report",
        kind=f"report_{case.problem.lead}",
        axis="pathology",
        language=language,
        messages=(
            Message(role="user", content=request),
            Message(role="assistant", content="\n\n".join(headed)),
        ),
        picture_turn=0,
        pictures=key_pictures(case.facts, case.problem),
        sites=tuple(dict.fromkeys(one.site for one in stated)),
        findings=tuple(one.id for one in stated),
        problem=case.problem,
        clinical=case.clinical,
        plan=case.plan,
    )


def parse_sections(text: str) -> dict[str, str]:
    """Return heading -> body of a report that has our own headings, in the order of the text.

    `report_sections` reads it; sections under other headings than those of `SECTIONS` are left out, and so
    is what stands before the first.

    >>> parse_sections("## 1. Structured imaging findings\\n\\nNone.\\n\\n## 4. Risk and prognosis\\nGood.")
    {'Structured imaging findings': 'None.', 'Risk and prognosis': 'Good.'}
    """
    own = {heading.lower(): heading for headings in SECTIONS.values() for heading in headings}
    read = read_sections(text)
    return {
        own[heading.lower()]: read(name).text
        for name in dict.fromkeys(read.order)
        for heading in read(name).headings[:1]
        if heading.lower() in own
    }


def _request(case: Case) -> str:
    history = joined(
        [
            case.say("history.lead"),
            opening(case.problem, case.clinical, case.style, "note", case.key),
            answers(case.problem, case.clinical, case.style, "colleague", case.key),
        ],
        case.language,
    )
    images = joined([case.say("images.lead"), case.say("show.numbering.colleague")], case.language)
    return "\n".join([case.say("request"), history, images])


def _findings(case: Case) -> str:
    """Return the findings by kind of series, by level: abnormal ones, then what is normal."""
    parts: dict[str, list[Finding]] = {}
    for series in case.facts.study.series:
        seen = case.facts.seen_in(series.uid)
        if seen:
            parts.setdefault(_series_heading(case, series), []).extend(seen)
    counted = joined(numbering(case), case.language)
    return "\n\n".join([counted, *(_series_part(case, heading, seen) for heading, seen in parts.items())])


def _series_heading(case: Case, series: Series) -> str:
    """Return what a series is called, with the posture where it is known."""
    name = capital(series_name(series.modality, series.sequence, series.plane, series.view, case.language))
    if series.posture == "unknown":
        return name
    posture = term(series.posture, case.language)
    return f"{name}（{posture}）" if case.language == "zh" else f"{name} ({posture})"


def _series_part(case: Case, heading: str, seen: Sequence[Finding]) -> str:
    style, key = case.style, f"{case.key}:{heading}"
    lines = [f"### {heading}"]
    field = field_of(seen, case.facts, case.problem)
    whole = vertebrae_seen(field)
    if whole:
        shown = style.span(whole, has_four_lumbar(case.facts.findings))
        lines.append(f"- {say('normal.vertebra', case.language, key, {'level': shown})}")
    ill = grouped(by_level(_once(told_in(seen, case.pictured))))
    said = [sentence(group, style, key) for group in ill]
    # A slip may be gone in extension: what is abnormal in another image is not called normal here.
    elsewhere = {(one.site, one.pathology) for one in case.facts.findings if is_abnormal(one)}
    cut = {one.site for one in field if one.pathology == "vertebra_in_part"} - set(whole)
    pictured = {one.id for one in case.pictured}
    well = [one for one in seen if (one.site, one.pathology) not in elsewhere and one.id in pictured]
    well = [one for one in well if one.site not in cut and (one.pathology != "vertebra" or one in field)]
    if metal := _metal_seen(case, seen, whole):
        said.append(case.say("group.artefact", level=style.sites(metal)))
    elif not said and not _is_altered(case, seen):
        said.append(case.say("group.nothing"))
    lines += [f"- {line}" for line in (*said, *normal_sentences(well, style, key, case.facts.findings))]
    return "\n".join(lines)


def _field(seen: Sequence[Finding]) -> set[str]:
    return {one.site for one in seen if one.pathology in ("vertebra", "vertebra_in_part")}


def _metal_seen(case: Case, seen: Sequence[Finding], whole: Sequence[str]) -> list[str]:
    """Return the vertebrae with implants that an MR series shows whole: metal, not called normal."""
    uids = {one.evidence.series for one in seen}
    on_mr = any(series.modality == "MR" for series in case.facts.study.series if series.uid in uids)
    if case.facts.study.text:
        return []
    return [site for site in implant_sites(case.facts) if on_mr and site in whole]


def _is_altered(case: Case, seen: Sequence[Finding]) -> bool:
    """Return whether another series has an abnormal finding inside the field of this one."""
    field = _field(seen)
    return any(is_abnormal(one) and not field.isdisjoint(one.site.split("-")) for one in case.facts.findings)


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings without repeats: stacks of one kind may show the same finding twice."""
    seen = {(one.site, one.pathology, one.side, one.grade, one.detail): one for one in reversed(findings)}
    return [one for one in findings if seen[one.site, one.pathology, one.side, one.grade, one.detail] is one]


def _impression(case: Case) -> str:
    """Return the leading diagnosis, the other findings by weight, and how they fit the history."""
    problem = case.problem
    partly = case.say(f"see.not_covered{not_shown(case)}") if not_shown(case) else ""
    if problem.finding is None:
        return joined([case.say("impression.normal"), partly], case.language)
    lead_groups, groups = by_danger(problem)
    lead = _diagnosis(case, lead_groups)
    lines = [f"- **{case.say('impression.lead')}**{_colon(case)}{lead}"]
    said = [_named(case, group) for group in groups]
    said += ranges(case)
    if said:
        lines.append(f"- **{case.say('impression.others')}**{_colon(case)}{joined(said, case.language)}")
    fit = joined([explanation(case), partly], case.language)
    lines.append(f"- **{case.say('impression.fit')}**{_colon(case)}{fit}")
    return "\n".join(lines)


def _diagnosis(case: Case, groups: Sequence[Sequence[Finding]]) -> str:
    """Return the leading diagnosis: named by itself where the finding alone is not one."""
    told = [_named(case, group) for group in groups]
    if case.problem.lead not in _DIAGNOSES:
        return joined(told, case.language)
    finding = case.problem.finding
    narrow = finding is not None and any(
        one.pathology == "canal_stenosis" and one.site == finding.site for one in case.problem.found
    )
    myelopathy = case.problem.lead == "myelopathy" and narrow
    own = case.say(f"impression.{case.problem.lead}{'_stenosis' if myelopathy else ''}")
    return own if case.problem.lead in _SELF_EVIDENT else joined([own, *told], case.language)


def _named(case: Case, group: Sequence[Finding]) -> str:
    """Return the sentence of a group as a diagnosis: what it is, without that it is seen.

    So 可见腰1椎体新鲜骨折 becomes 腰1椎体新鲜骨折, and "There is a slip at L4-L5" becomes "Slip at L4-L5".
    """
    said = sentence(group, case.style, f"{case.key}:impression", case.moving)
    return capital(_SEEN.sub("", said))


def _treatment(case: Case) -> str:
    broken = any(one.pathology == "fracture" for one in case.problem.found)
    name = _FOUND.get(case.problem.lead, case.problem.lead)
    if name == "old_fracture" and not broken:
        name = "old_height"
    elif name == "herniation" and is_irritated(case):
        name = "herniation_mild"
    elif name == "degeneration" and case.problem.finding is not None:
        name = _FOUND_WORN.get(case.problem.finding.pathology, name)
    found = case.say(f"found.{name}")
    if narrow := other_narrow_levels(case.problem):
        found = joined([found, case.say("found.levels", level=case.style.sites(narrow))], case.language)
    change = changes(case)[0]
    own = f"change.{change}" if change.startswith(("general", "recovery")) else f"reply.{change}.colleague"
    unstable = case.plan.act.startswith("injury.") and case.plan.stance == "operate"
    warning = case.say("warning.injury" if unstable or case.plan.act in _ADMITTED else _warning(case))
    patient = [
        case.say("patient.what", finding=found),
        case.say("patient.do", advice=case.say(f"plain.{case.plan.act}")),
        *([more] if (more := further(case, "patient", _WARNED)) else []),
        case.say("patient.when", warning=inside(warning)),
    ]
    more = further(case, "colleague", _WARNED if change == "saddle" else ())
    doctor = [
        _first_step(case),
        case.say("tree.rule", rule=case.say(f"rule.{case.plan.rule}")),
        case.say("tree.plan", plan=case.say(f"plan.{case.plan.act}")),
        case.say("tree.if", change=inside(case.say(own))),
        *([f"- {more}"] if more else []),
    ]
    marked = [f"- {line}" for line in patient]
    return "\n".join(
        [f"### {case.say('part.patient')}", *marked, "", f"### {case.say('part.doctor')}", *doctor]
    )


def _warning(case: Case) -> str:
    """Return the name of what brings a patient back at once: new signs, a fall, more of what there is."""
    if case.clinical.motor == "progressive":
        return "warning.weaker"
    if case.problem.lead == "myelopathy":
        return "warning.cord_worse"
    narrow = [site for need in case.needs if need.name in _AT_CORD for site in need.sites]
    if case.problem.part == "neck" or any(part_of(site) == "neck" for site in narrow):
        return "warning.cord"
    if narrow or case.problem.part in THORACIC:
        return "warning.cord_back"
    return "warning.ankylosing" if case.problem.lead == "ankylosing" else "warning"


def _first_step(case: Case) -> str:
    clinical, language = case.clinical, case.language
    if case.problem.lead in ("injury", "fragility"):
        return case.say("tree.injury", neurology=say(f"neuro.{clinical.neurology}", language, "n").lower())
    flags = [say(f"flag.{flag}", language, "f") for flag in clinical.flags]
    if clinical.motor == "progressive":
        flags.append(say("flag.progressive_weakness", language, "f"))
    if not flags:
        return case.say("tree.flags_none")
    listed = (", " if language == "en" else "、").join(flag[:1].lower() + flag[1:] for flag in flags)
    return case.say("tree.flags_some", flags=listed)


def _risk(case: Case) -> str:
    """Return the outlook that belongs to the plan: with a deficit it is that of the nerve or the cord."""
    lead, clinical = case.problem.lead, case.clinical
    name = _RISKS.get(lead, "chronic" if clinical.weeks >= CHRONIC_WEEKS else "general")
    if clinical.neurology != "intact":
        name = "injury_deficit"
    elif clinical.bladder:
        name = "emergency"
    elif clinical.motor == "progressive":
        name = "deficit"
    elif lead == "injury" and case.plan.stance == "operate":
        name = "injury_operated"
    elif case.plan.rule == "infection_implant":
        name = case.plan.rule
    elif lead == "root_stenosis":
        name = "arm" if case.problem.part == "neck" else "root_lasting" if case.plan.operates else "root"
    elif case.plan.act == "herniation.offer_surgery":
        name = "herniation_lasting"
    elif lead == "scoliosis" and clinical.risser is None:
        name = "curve_adult"
    elif name in ("slip", "slip_worn") and clinical.symptoms == "none":
        name += "_painless"
    return case.say(f"risk.{name}")


def _postoperative(case: Case) -> str:
    name = {"operate": "surgery_now", "offer": "if_offered", "investigate": "undecided"}.get(
        case.plan.stance, "none"
    )
    if case.plan.act.startswith("tumour.stable"):
        name = "none"
    if case.problem.lead == "scoliosis" and name == "if_offered":
        name = "curve"
    parts = []
    if case.clinical.operated_years is not None:
        parts.append(case.say("post.implants" if name == "none" else "post.implants_seen"))
    if parts and name == "surgery_now":
        parts.append(case.say("post.new"))
    if name != "none" or not parts:
        parts.append(case.say(f"post.{name}"))
    return joined(parts, case.language)


def sources_named(text: str) -> list[str]:
    """Return the keys of the sources that a text names by a short name."""
    return [key for key, name in _SHORT_NAMES.items() if name.search(text)]


def _rationale(case: Case, treatment: str) -> str:
    """Return the grounds, the sources of rule and treatment, what was not judged, and the disclaimer."""
    lines = []
    if case.problem.finding is not None:
        groups, _ = by_danger(case.problem)
        grounds = [sentence(group, case.style, f"{case.key}:why", case.moving) for group in groups]
        lines.append(joined([case.say("why.lead"), *grounds], case.language))
    expert = case.plan.source == "expert_opinion"
    lines.append(
        case.say("why.expert") if expert else case.say("why.source", reference=cite(case.plan.source))
    )
    more = [cite(key) for key in sources_named(treatment) if key != case.plan.source]
    lines += [case.say("why.source_more", reference=reference) for reference in more]
    kind = "synthetic" if case.facts.study.synthetic else "invented"
    lines += [case.say(f"why.{name}") for name in ("history", "limits", kind, "disclaimer")]
    return "\n".join(f"- {line}" for line in lines)


def _colon(case: Case) -> str:
    return ": " if case.language == "en" else "："
