"""A written case: a synthetic patient as a radiology report, its findings, and where the text has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spinemed.errors import ConfigError
from spinemed.phantom.export.study_record import HEALTHY, LICENCE
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.seeds import CORPUS
from spinemed.phantom.patient.shapes import Patient
from spinemed.phantom.patient.stream import GENERATOR_VERSION
from spinemed.phantom.written.conditions import enriched, shown_conditions
from spinemed.phantom.written.document import Written, written
from spinemed.phantom.written.exams import exams_of
from spinemed.phantom.written.fact import Draws, Exam, Fact, Method
from spinemed.phantom.written.facts import facts_of
from spinemed.phantom.written.measured import Spine
from spinemed.phantom.written.sentences import Voice
from spinemed.phantom.written.wording import STYLES, Language
from spinemed.records import Box, Finding, Locator, Quote, Study, content_id

SOURCE: Final = "casebook"
SEEDS: Final = range(100_000, CORPUS.stop)
"""Seeds of written cases: those below are patients with pictures."""
_ENGLISH: Final = 0.6
_NOWHERE: Final = Box(left=0, top=0, right=0, bottom=0)


@dataclass(frozen=True)
class Sentence:
    """One sentence of a report, `text[start:end]`, and the ids of the findings that it states.

    `graded` are those whose grade it names, `measured` those whose number it tells, `described` those whose
    signs it tells without the grade, from which a reader can grade them.
    """

    start: int
    end: int
    findings: tuple[str, ...]
    graded: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    described: tuple[str, ...] = ()

    @property
    def says_grade(self) -> bool:
        """Return whether it names the grade of any finding."""
        return bool(self.graded)

    @property
    def says_value(self) -> bool:
        """Return whether it tells the number of any finding."""
        return bool(self.measured)


@dataclass(frozen=True)
class WrittenCase:
    """A study whose `text` is the report, the findings that the report states, and its sentences in order.

    `exams` are the examinations reported, `methods` by a finding's id the one that told it. `healthy` is the
    number in health of a finding's measure (the depth of the sac in mm), where the report knows one.
    """

    study: Study
    findings: tuple[Finding, ...]
    sentences: tuple[Sentence, ...]
    exams: tuple[Exam, ...]
    age: int
    healthy: dict[str, float]
    methods: dict[str, Method]


def written_case(seed: int, language: Language | None = None) -> WrittenCase:
    """Return the written case of `seed`, the same on every call; `language` None draws it (60 % English).

    A patient as the phantom samples it, with one or two conditions more where it has few, is measured as
    placed and put into words. Raises ConfigError for a seed outside 100,000 to 799,999.

    >>> case = written_case(100_003)
    >>> case.study.patient, case.study.text.split(" ")[0] != "", case.findings[0].quote is not None
    ('written-100003', True, True)
    """
    if seed not in SEEDS:
        raise ConfigError(
            f"seed {seed} of a written case is out of range; choose {SEEDS.start} to {SEEDS.stop - 1}"
        )
    draws = Draws(seed)
    drawn: Language = "en" if draws.chance(_ENGLISH) else "zh"
    tongue = language or drawn
    style = draws.one(STYLES[tongue])
    patient = enriched(sample_patient(seed), draws)
    exams = exams_of(patient, draws)
    facts = facts_of(Spine(patient), exams)
    # Films in bending tell nothing where a slip lies at a cut between grades: then they were not taken.
    telling = {fact.method for fact in facts if fact.pathology != "vertebra"}
    exams = tuple(exam for exam in exams if exam.method in telling)
    page = written(patient, exams, facts, Voice(tongue, style, draws))
    return _case(patient, exams, page, tongue)


def _case(patient: Patient, exams: tuple[Exam, ...], page: Written, language: Language) -> WrittenCase:
    study = _study(patient, page, language)
    place = Locator.model_construct(series=study.id, plane="text", slice_index=0, slice_id="", box=_NOWHERE)
    findings: dict[Fact, Finding] = {}
    for start, said in page.said:
        end = start + len(said.text)
        quote = Quote.model_construct(document=study.id, start=start, end=end, text=said.text)
        for fact in said.facts:
            if fact not in findings:
                findings[fact] = _finding(study, fact, quote, place)
    ids = {fact: finding.id for fact, finding in findings.items()}

    def known(facts: tuple[Fact, ...]) -> tuple[str, ...]:
        return tuple(ids[fact] for fact in facts)

    sentences = tuple(
        Sentence(
            start,
            start + len(said.text),
            known(said.facts),
            known(said.graded),
            known(said.measured),
            known(said.described),
        )
        for start, said in page.said
    )
    healthy = {ids[fact]: fact.healthy for fact in findings if fact.healthy is not None}
    methods = {ids[fact]: fact.method for fact in findings}
    return WrittenCase(study, tuple(findings.values()), sentences, exams, patient.age, healthy, methods)


def _study(patient: Patient, page: Written, language: Language) -> Study:
    decade = patient.age // 10 * 10
    stated = {fact for _, said in page.said for fact in said.facts if fact.present}
    return Study.model_construct(
        id=content_id("study", SOURCE, GENERATOR_VERSION, patient.seed, page.text),
        patient=f"written-{patient.seed:06d}",
        source=SOURCE,
        licence=LICENCE,
        synthetic=True,
        numbering="phantom_truth",
        sex=patient.sex,
        age_band=f"{decade}-{decade + 9}",
        series=(),
        stated=None,
        text=page.text,
        language=language,
        conditions=shown_conditions(patient, stated) or (HEALTHY,),
    )


def _finding(study: Study, fact: Fact, quote: Quote, place: Locator) -> Finding:
    """A finding with the sentence that states it first; the text is its evidence."""
    return Finding.model_construct(
        id=content_id(study.id, fact.site, fact.pathology, fact.side, fact.detail, fact.posture),
        study=study.id,
        site=fact.site,
        pathology=fact.pathology,
        grade=fact.grade,
        side=fact.side,
        present=fact.present,
        value=fact.value,
        unit=fact.unit,
        detail=fact.detail,
        extent=fact.extent,
        posture=fact.posture,
        error=fact.error,
        pixels=None,
        contrast=None,
        evidence=place,
        quote=quote,
    )
