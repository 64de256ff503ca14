"""Reports in six sections: findings, diagnosis, treatment, risk, postoperative issues, rationale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.facts.planning import cite
from spinemed.instances.clinic.consultation import (
    Case,
    case_of,
    changes,
    explanation,
    implant_sites,
    key_pictures,
    series_name,
)
from spinemed.instances.clinic.describe import (
    by_level,
    grouped,
    normal_sentences,
    sentence,
    vertebrae_seen,
)
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.problem import is_abnormal, severity
from spinemed.instances.clinic.story import answers, opening
from spinemed.instances.clinic.wording import Language, joined, say, term
from spinemed.records import Finding, Message, Reject, Series

_NAMES: Final = ("findings", "impression", "treatment", "risk", "postoperative", "rationale")
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
    "herniation": "herniation",
    "cervical_herniation": "arm",
    "stenosis": "stenosis",
    "isthmic_slip": "slip",
    "slip": "slip",
    "injury": "injury",
    "fragility": "fragility",
    "metastasis": "tumour",
    "discitis": "infection",
    "myelopathy": "myelopathy",
    "scoliosis": "curve",
    "ankylosing": "ankylosing",
    "postoperative": "implants",
}


_FOUND: Final = {
    "cervical_herniation": "herniation",
    "isthmic_slip": "slip",
    "fragility": "injury",
}


def report(facts: CaseFacts, key: str, language: Language) -> Draft | Reject:
    """Return a request with the history, answered by a six-section report; Reject without a keyed plan."""
    case = case_of(facts, key, language)
    if isinstance(case, Reject):
        return case
    request = _request(case)
    bodies = (
        _findings(case),
        _impression(case),
        _treatment(case),
        _risk(case),
        _postoperative(case),
        _rationale(case),
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
    """Return heading -> body of a report in English or Chinese, in order; empty without any known heading.

    A heading counts with or without its number and marks; what stands before the first is left out.

    >>> parse_sections("## 1. Structured imaging findings\\n\\nNone.\\n\\n## 4. Risk and prognosis\\nGood.")
    {'Structured imaging findings': 'None.', 'Risk and prognosis': 'Good.'}
    """
    known = {heading.lower(): heading for headings in SECTIONS.values() for heading in headings}
    found: dict[str, list[str]] = {}
    heading = ""
    for line in text.splitlines():
        name = line.strip().lstrip("#*0123456789.、 ").rstrip("*:： ").lower()
        if name in known and known[name] not in found:
            heading = known[name]
            found[heading] = []
        elif heading:
            found[heading].append(line)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def _request(case: Case) -> str:
    history = joined(
        [
            case.say("history.lead"),
            opening(case.problem, case.clinical, case.style, "note", case.key),
            answers(case.problem, case.clinical, case.style, "colleague", case.key),
        ],
        case.language,
    )
    return "\n".join([case.say("request"), history, case.say("images.lead")])


def _findings(case: Case) -> str:
    """Return the findings by kind of series, by level: abnormal ones, then what is normal."""
    parts: dict[str, list[Finding]] = {}
    for series in case.facts.study.series:
        seen = case.facts.seen_in(series.uid)
        if seen:
            parts.setdefault(_series_heading(case, series), []).extend(seen)
    return "\n\n".join(_series_part(case, heading, seen) for heading, seen in parts.items())


def _series_heading(case: Case, series: Series) -> str:
    """Return what a series is called, with the posture where it is known."""
    name = series_name(series.modality, series.sequence, series.plane, series.view, case.language)
    if series.posture == "unknown":
        return name
    posture = term(series.posture, case.language)
    return f"{name}（{posture}）" if case.language == "zh" else f"{name} ({posture})"


def _series_part(case: Case, heading: str, seen: Sequence[Finding]) -> str:
    style, key = case.style, f"{case.key}:{heading}"
    lines = [f"### {heading}"]
    whole = vertebrae_seen(seen)
    if whole:
        lines.append(f"- {say('normal.vertebra', case.language, key, {'level': style.sites(whole)})}")
    ill = grouped(by_level(_once([one for one in seen if is_abnormal(one)])))
    said = [sentence(group, style, key) for group in ill] or [case.say("group.nothing")]
    # A slip may be gone in extension: what is abnormal in another image is not called normal here.
    elsewhere = {(one.site, one.pathology) for one in case.facts.findings if is_abnormal(one)}
    well = [one for one in seen if (one.site, one.pathology) not in elsewhere]
    lines += [f"- {line}" for line in (*said, *normal_sentences(well, style, key))]
    return "\n".join(lines)


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings without repeats: stacks of one kind may show the same finding twice."""
    seen = {(one.site, one.pathology, one.side, one.grade, one.detail): one for one in reversed(findings)}
    return [one for one in findings if seen[one.site, one.pathology, one.side, one.grade, one.detail] is one]


def _impression(case: Case) -> str:
    """Return the leading diagnosis, the other findings by weight, and how they fit the history."""
    problem = case.problem
    if problem.finding is None:
        return case.say("impression.normal")
    lead = sentence((problem.finding,), case.style, f"{case.key}:impression")
    others = sorted(problem.others, key=lambda one: (one.pathology, -severity(one)))
    groups = grouped(by_level(others))
    lines = [f"- **{case.say('impression.lead')}**{_colon(case)}{lead}"]
    said = [sentence(group, case.style, f"{case.key}:impression") for group in groups]
    if said:
        lines.append(f"- **{case.say('impression.others')}**{_colon(case)}{joined(said, case.language)}")
    lines.append(f"- **{case.say('impression.fit')}**{_colon(case)}{explanation(case)}")
    return "\n".join(lines)


def _treatment(case: Case) -> str:
    found = case.say(f"found.{_FOUND.get(case.problem.lead, case.problem.lead)}")
    change = changes(case)[0]
    own = "change" if change in ("general", "recovery") else "reply"
    patient = [
        case.say("patient.what", finding=found),
        case.say("patient.do", advice=case.say(f"plain.{case.plan.act}")),
        case.say("patient.when", warning=_inside(case.say("warning"))),
    ]
    doctor = [
        _first_step(case),
        case.say("tree.rule", rule=case.say(f"rule.{case.plan.rule}")),
        case.say("tree.plan", plan=case.say(f"plan.{case.plan.act}")),
        case.say("tree.if", change=_inside(case.say(f"{own}.{change}"))),
    ]
    marked = [f"- {line}" for line in patient]
    return "\n".join(
        [f"### {case.say('part.patient')}", *marked, "", f"### {case.say('part.doctor')}", *doctor]
    )


def _inside(text: str) -> str:
    """Return a text as it stands behind a colon: English without a capital, Chinese unchanged."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _first_step(case: Case) -> str:
    clinical, language = case.clinical, case.language
    if case.problem.lead == "injury":
        return case.say("tree.injury", neurology=say(f"neuro.{clinical.neurology}", language, "n").lower())
    flags = [say(f"flag.{flag}", language, "f") for flag in clinical.flags]
    if clinical.motor == "progressive":
        flags.append(say("flag.progressive_weakness", language, "f"))
    if not flags:
        return case.say("tree.flags_none")
    listed = (", " if language == "en" else "、").join(flag[:1].lower() + flag[1:] for flag in flags)
    return case.say("tree.flags_some", flags=listed)


def _risk(case: Case) -> str:
    lead = case.problem.lead
    name = _RISKS.get(lead, "general")
    if case.clinical.bladder:
        name = "emergency"
    elif lead == "root_stenosis":
        name = "arm" if case.problem.part == "neck" else "stenosis"
    elif lead == "scoliosis" and case.clinical.risser is None:
        name = "curve_adult"
    return case.say(f"risk.{name}")


def _postoperative(case: Case) -> str:
    parts = []
    if case.clinical.operated_years is not None:
        level = case.style.sites(implant_sites(case.facts))
        parts.append(case.say("post.implants", level=level))
    name = {"operate": "surgery_now", "offer": "if_offered", "investigate": "undecided"}.get(
        case.plan.stance, "none"
    )
    if name != "none" or not parts:
        parts.append(case.say(f"post.{name}"))
    return joined(parts, case.language)


def _rationale(case: Case) -> str:
    """Return the grounds, the rule's source, what was not judged, and the disclaimer."""
    lines = []
    if case.problem.finding is not None:
        grounds = sentence((case.problem.finding,), case.style, f"{case.key}:why")
        lines.append(joined([case.say("why.lead"), grounds, explanation(case)], case.language))
    lines.append(case.say("why.source", reference=cite(case.plan.source)))
    lines.append(case.say("why.history"))
    lines.append(case.say("why.limits"))
    if case.facts.study.synthetic:
        lines.append(case.say("why.synthetic"))
    else:
        lines.append(case.say("why.invented"))
    lines.append(case.say("why.disclaimer"))
    return "\n".join(f"- {line}" for line in lines)


def _colon(case: Case) -> str:
    return ": " if case.language == "en" else "："
