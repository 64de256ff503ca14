"""Reports of made-up studies as cases for a judge, and chats that answer as a test says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import clinic_fixture as MADE

from spinemed.bench.judge.ask import judge_of
from spinemed.bench.judge.cases import JudgeCase, findings_text
from spinemed.bench.judge.verdict import Judge
from spinemed.instances.clinic import Draft, report
from spinemed.instances.clinic.limits import as_told
from spinemed.instances.clinic.wording import LANGUAGES, Language
from spinemed.llm.chat import Chat, Failure, Reply, Request

DAY = "2026-11-23"
_CASES = MADE.cases()
_NORMAL = re.compile(r"^- (?:[^*\n]*\b[Nn]o\b|[^*\n]*[未无]).*\n", re.MULTILINE)


@cache
def made_case(name: str, language: Language = "en", model: str = "writer") -> JudgeCase:
    """Return the report of one made-up study, short of what is normal; its candidate is the reference."""
    facts = _CASES[name]
    draft = next(
        one for key in range(20) if isinstance(one := report(facts, f"{name}-{key}", language), Draft)
    )
    by_id = {one.id: one for one in facts.findings}
    owed = as_told(
        [by_id[one] for one in draft.findings],
        {series.uid: series.sequence for series in facts.study.series},
    )
    text = _NORMAL.sub("", draft.answer)
    return JudgeCase(
        id=f"{name}-{language}",
        patient=name,
        study=name,
        language=language,
        model=model,
        findings=findings_text(owed),
        history=draft.question,
        reference=text,
        candidate=text,
    )


def made_cases(*names: str) -> list[JudgeCase]:
    """Return reports in both languages."""
    return [made_case(name, language) for name in names for language in LANGUAGES]


def some_judge(model: str = "judge-1") -> Judge:
    """Return a judge of another family than the writers of `made_case`."""
    return judge_of(model, "r1")


def chat_of(answer: Callable[[Request], Reply | Failure | str]) -> tuple[Chat, list[Request]]:
    """Return a chat that answers as told, and the list of requests that it has got."""
    asked: list[Request] = []

    def chat(requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Failure]]:
        for place, request in enumerate(requests):
            asked.append(request)
            said = answer(request)
            yield place, Reply(said, "stop", 1, 1, 0.0) if isinstance(said, str) else said

    return chat, asked
