"""Consultations of made-up studies, and doctors that say what a test tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import clinic_fixture as MADE

from spinemed.bench.consultation.cases import ConsultationCase, consultation_cases
from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic import wanted_pictures
from spinemed.instances.clinic.limits import of_series, restrained
from spinemed.instances.clinic.pictures import telling_series
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.clinic.wording import LANGUAGES, Language
from spinemed.llm.chat import Chat, Failure, Reply, Request
from spinemed.records import Picture, Reject

STUDIES = MADE.cases()


@cache
def pictures_of(name: str) -> dict[str, Picture]:
    """Return a picture for each finding that the consultation of a made-up study would show."""
    facts = STUDIES[name]
    findings = {one.id: one for one in facts.findings}
    return {
        name: Picture(
            id=f"png-{name}", study=facts.study.id, modality="MR", spacing_mm=1.0, width=8, height=8,
            locator=findings[name].evidence, png=f"png-{name}".encode(),
        )
        for name in wanted_pictures(facts)
    }  # fmt: skip


@cache
def made(name: str, language: Language = "en", seed: str = "s") -> ConsultationCase | Reject:
    """Return the consultation of one made-up study; its patient is named for it."""
    one = next(consultation_cases(STUDIES[name], pictures_of(name), seed, [language]))
    return one.model_copy(update={"patient": name}) if isinstance(one, ConsultationCase) else one


def some(name: str, language: Language = "en", **wanted: object) -> ConsultationCase:
    """Return the first consultation of a study whose fields are as wanted."""
    for seed in range(40):
        one = made(name, language, str(seed))
        if isinstance(one, ConsultationCase) and all(getattr(one, key) == as_ for key, as_ in wanted.items()):
            return one
    raise AssertionError(f"no consultation of {name} with {wanted}")


@cache
def every() -> tuple[ConsultationCase, ...]:
    """Return the consultations of all made-up studies, by turns in English and in Chinese."""
    found = [made(name, LANGUAGES[place % 2]) for place, name in enumerate(STUDIES)]
    return tuple(one for one in found if isinstance(one, ConsultationCase))


def doctor(say: Callable[[int], str | Failure]) -> Chat:
    """Return a doctor whose words depend on the number of the turn alone, 0 first."""

    def chat(requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Failure]]:
        for place, request in enumerate(requests):
            said = say(sum(one["role"] == "assistant" for one in request.messages))
            yield place, Reply(said, "stop", 1, 1, 0.0) if isinstance(said, str) else said

    return chat


@cache
def shown(name: str) -> CaseFacts:
    """Return the facts that the consultation of a made-up study rests on."""
    facts = STUDIES[name]
    pictures = pictures_of(name)
    kept = of_series(facts, {one.evidence.series for one in facts.findings if one.id in pictures})
    return telling_series(kept, problem_of(restrained(kept)))
