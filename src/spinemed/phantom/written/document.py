"""A written report: first line, patient, examinations, numbering, findings in an order of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spinemed.levels import Site
from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.written.conditions import shown_conditions
from spinemed.phantom.written.fact import Exam, Fact
from spinemed.phantom.written.sentences import Said, Voice, denied, gathered, stated
from spinemed.phantom.written.wording import phrases
from spinemed.records import Pathology

_ILL: Final[tuple[Pathology, ...]] = (
    "transitional", "spondylodiscitis", "metastasis", "fracture", "height_loss", "cord_signal", "scoliosis",
    "thoracic_kyphosis", "herniation", "canal_stenosis", "slip", "pars_defect", "recess_stenosis",
    "foraminal_stenosis", "bridging", "cage", "screws", "disc_degeneration", "modic_change",
    "endplate_defect", "osteophyte", "lumbar_lordosis",
)  # fmt: skip
"""Abnormal findings by weight: numbering first, as everything rests on it."""
_DENIED: Final[tuple[Pathology, ...]] = (
    "herniation", "canal_stenosis", "fracture", "slip", "foraminal_stenosis", "metastasis", "cord_signal",
    "spondylodiscitis", "height_loss", "recess_stenosis", "modic_change", "pars_defect", "endplate_defect",
    "osteophyte", "bridging", "scoliosis",
)  # fmt: skip
_DENIED_WEIGHTS: Final = (3, 3, 3, 2, 1.5, 1.5, 1.5, 1, 1, 1, 1, 1, 1, 0.7, 0.7, 1)
_BROKEN: Final[tuple[Pathology, ...]] = ("fracture", "height_loss")
"""What keeps a vertebra from being called unbroken."""
_MOST: Final = 16
_FEWEST: Final = 6
_LEAST_WORN: Final = "4"
"""From this Pfirrmann grade a disc is told above the lumbar spine; milder wear there is left out."""


@dataclass(frozen=True, slots=True)
class Written:
    """The text of a document, and its sentences about findings with the place of their first character."""

    text: str
    said: tuple[tuple[int, Said], ...]


def written(patient: Patient, exams: Sequence[Exam], facts: Sequence[Fact], voice: Voice) -> Written:
    """Return the document of a patient's examinations; every abnormal fact is in it, of normal ones some."""
    page = _Page(voice)
    page.line(voice.pick("frame", "synthetic"))
    page.line(_patient(patient, facts, voice))
    covered = [_exam(exam, facts, voice) for exam in exams]
    for place, one in enumerate(covered):
        page.sentence(one, breaks=place == 0)
    above = exams[0].levels[0] == "C2"
    counted = voice.pick("frame", "counted.above" if above else "counted.below")
    page.plain(counted.format(axis=voice.site("C2")))
    page.line(voice.pick("frame", "heading.findings"))
    sections = _sections(exams, facts, voice, room=_MOST - len(covered))
    bulleted = voice.draws.chance(0.4)
    for exam, said in sections:
        if len(sections) > 1:
            page.line(voice.pick("frame", f"heading.{exam.method}"))
        for place, one in enumerate(said):
            page.sentence(one, breaks=bulleted or place == 0, bullet="- " if bulleted else "")
    return Written(page.text, tuple(page.said))


class _Page:
    """A text that grows, and where its sentences stand."""

    def __init__(self, voice: Voice) -> None:
        self.text = ""
        self.said: list[tuple[int, Said]] = []
        self._gap = "" if voice.language == "zh" else " "

    def line(self, text: str) -> None:
        self.text += f"\n{text}" if self.text else text

    def plain(self, text: str) -> None:
        self.text += f"{self._gap}{text}"

    def sentence(self, said: Said, *, breaks: bool, bullet: str = "") -> None:
        self.text += f"\n{bullet}" if breaks else self._gap
        self.said.append((len(self.text), said))
        self.text += said.text


def _patient(patient: Patient, facts: Sequence[Fact], voice: Voice) -> str:
    known = phrases("frame")
    there = {fact for fact in facts if fact.present}
    ill = [name for name in shown_conditions(patient, there) if f"indication.{name}" in known]
    indication = voice.pick("frame", f"indication.{voice.draws.one(ill) if ill else 'general'}")
    person = voice.pick("frame", f"person.{patient.sex}")
    wording = voice.pick("frame", "patient")
    return wording.format(age=patient.age, person=person, indication=indication)


def _exam(exam: Exam, facts: Sequence[Fact], voice: Voice) -> Said:
    """The sentence of an examination: it states which vertebrae are seen whole."""
    seen = tuple(fact for fact in facts if fact.pathology == "vertebra" and fact.site in exam.levels)
    wording = voice.pick("frame", f"exam.{exam.method}")
    first, last = voice.site(exam.levels[0]), voice.site(exam.levels[-1])
    return Said(wording.format(first=first, last=last), seen)


def _sections(
    exams: Sequence[Exam], facts: Sequence[Fact], voice: Voice, room: int
) -> list[tuple[Exam, list[Said]]]:
    """The findings by examination; normal ones fill what the abnormal ones leave of a document's length."""
    order = voice.draws.one(("down", "down", "up", "weight", "weight"))
    ill = {exam: _ill(exam, facts, voice, order) for exam in exams}
    used = sum(map(len, ill.values()))
    wanted = max(_FEWEST - used, min(voice.draws.between(2, 6), room - used), 1)
    bare = [exam for exam in exams if not ill[exam]]
    well = _well(exams, facts, voice, wanted, bare)
    return [(exam, ill[exam] + well[exam]) for exam in exams if ill[exam] or well[exam]]


def _ill(exam: Exam, facts: Sequence[Fact], voice: Voice, order: str) -> list[Said]:
    mine = [fact for fact in facts if fact.method == exam.method and fact.present and _is_told(fact, exam)]
    ranked = sorted(mine, key=lambda fact: _ILL.index(fact.pathology))
    if order != "weight" and exam.method != "xr":
        sign = 1 if order == "down" else -1
        ranked.sort(key=lambda fact: (fact.pathology != "transitional", sign * _height(fact.site)))
    return [stated(group, voice) for group in gathered(ranked, voice)]


def _height(site: str) -> float:
    parsed = Site.parse(site)
    return parsed.upper.order + 0.5 * parsed.is_segment


def _is_told(fact: Fact, exam: Exam) -> bool:
    """Whether a report names it: beyond the lumbar spine only the discs that are badly worn."""
    if fact.pathology == "vertebra":
        return False
    if fact.pathology != "disc_degeneration":
        return True
    return fact.grade >= _LEAST_WORN or fact.site[0] == "L" or exam.levels[-1][0] == "T"


def _well(
    exams: Sequence[Exam], facts: Sequence[Fact], voice: Voice, wanted: int, bare: Sequence[Exam]
) -> dict[Exam, list[Said]]:
    """Denials, drawn: each of one pathology at the sites where an examination looked for it in vain.

    Examinations that are `bare`, since nothing else is told of them, get theirs first.
    """
    found: dict[Exam, list[Said]] = {exam: [] for exam in exams}
    free: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        if not fact.present and _is_wholly_free(fact, facts):
            free.setdefault((fact.method, fact.pathology), []).append(fact)
    left = [
        (exam, pathology, weight)
        for exam in exams
        for pathology, weight in zip(_DENIED, _DENIED_WEIGHTS, strict=True)
        if (exam.method, pathology) in free
    ]
    for turn in range(min(max(wanted, len(bare)), len(left))):
        mine = [one for one in left if turn < len(bare) and one[0] is bare[turn]] or left
        drawn = voice.draws.weighed(mine, [weight for *_, weight in mine])
        left.remove(drawn)
        exam, pathology, _ = drawn
        found[exam].append(_denial(pathology, free[exam.method, pathology], facts, voice))
    return found


def _is_wholly_free(fact: Fact, facts: Sequence[Fact]) -> bool:
    """Whether a recess or foramen is known to be free on the other side too: a denial names no side."""
    if fact.pathology not in ("recess_stenosis", "foraminal_stenosis"):
        return True
    free = {
        one.side
        for one in facts
        if one.site == fact.site and one.pathology == fact.pathology and not one.present
    }
    return free >= {"left", "right"}


def _denial(pathology: Pathology, free: Sequence[Fact], facts: Sequence[Fact], voice: Voice) -> Said:
    """One denial at all free sites or at a run of them; both sides of a site are denied together."""
    sites = list(dict.fromkeys(fact.site for fact in free))
    same = _BROKEN if pathology == "fracture" else (pathology,)
    altered = {fact.site for fact in facts if fact.pathology in same and fact.present}
    sites = [site for site in sites if site not in altered] or sites
    if len(sites) > 3 and voice.draws.chance(0.6):
        count = voice.draws.between(2, min(len(sites), 6))
        first = voice.draws.between(0, len(sites) - count)
        sites = sites[first : first + count]
    told = [fact for fact in free if fact.site in sites]
    if pathology == "herniation" and voice.draws.chance(0.4):
        sound = [
            fact
            for fact in facts
            if fact.pathology == "disc_degeneration" and not fact.present and fact.site in sites
        ]
        whole = {fact.site for fact in sound}
        if whole:
            return denied("discs", [fact for fact in (*told, *sound) if fact.site in whole], voice)
    return denied(pathology, told, voice)
