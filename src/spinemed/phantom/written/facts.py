"""All facts of a written case: by examination, each thing told once, by the first that shows it."""

from __future__ import annotations

from collections.abc import Iterator

from spinemed.phantom.written.fact import Exam, Fact
from spinemed.phantom.written.facts_bones import bone_facts
from spinemed.phantom.written.facts_curves import curve_facts
from spinemed.phantom.written.facts_discs import disc_facts
from spinemed.phantom.written.measured import Spine


def facts_of(spine: Spine, exams: tuple[Exam, ...]) -> tuple[Fact, ...]:
    """Return what the examinations tell, in their order; abnormal and normal sites alike.

    What an earlier examination told is not told again by a later one, but for slips in flexion and
    extension and angles of standing.
    """
    told: set[tuple[str, str, str, str]] = set()
    found = []
    for exam in exams:
        mine = list(_of_exam(spine, exam))
        for fact in mine:
            key = fact.site, fact.pathology, fact.side or "", _told_apart(fact)
            if key not in told:
                found.append(fact)
        told |= {(fact.site, fact.pathology, fact.side or "", _told_apart(fact)) for fact in mine}
    return tuple(found)


def _told_apart(fact: Fact) -> str:
    """What makes a second fact of the same thing: the posture of bending, the endplate."""
    return fact.posture if fact.method == "bending" else fact.detail * (fact.pathology == "endplate_defect")


def _of_exam(spine: Spine, exam: Exam) -> Iterator[Fact]:
    yield from bone_facts(spine, exam)
    yield from disc_facts(spine, exam)
    yield from curve_facts(spine, exam)
