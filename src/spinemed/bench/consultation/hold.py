"""Consultations from the command line: cases of named sources, held, scored and written as JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import get_args

from spinemed.bench.consultation.cases import ConsultationCase
from spinemed.bench.consultation.doctors import DOCTORS, Doctor, scripted_doctor
from spinemed.bench.consultation.score import ConsultationScore, ConsultationSummary, scored, summarised
from spinemed.bench.consultation.studies import cases_of_studies
from spinemed.bench.consultation.talk import Talk, held
from spinemed.corpus.config import named_folders
from spinemed.errors import ConfigError, SourceError
from spinemed.instances.clinic.wording import LANGUAGES, Language
from spinemed.llm.chat import Chat
from spinemed.records import Record
from spinemed.sources import SOURCES


class HeldConsultation(Record):
    """One line of the file: the talk and its score."""

    talk: Talk
    score: ConsultationScore


def named_cases(
    sources: Sequence[str],
    seed: int,
    languages: Sequence[str],
    limit: int | None,
    say: Callable[[str], None],
) -> list[ConsultationCase]:
    """Return the cases of sources given as NAME=FOLDER; `say` hears what could not be made.

    ConfigError for an unknown source or language, SourceError where no case is left.
    """
    wanted = [one for one in get_args(Language) if one in languages] if languages else list(LANGUAGES)
    if unknown := sorted(set(languages) - set(LANGUAGES)):
        raise ConfigError(f"no language {unknown[0]!r}; there are {', '.join(LANGUAGES)}")
    cases: list[ConsultationCase] = []
    for name, folder in named_folders(sources).items():
        if name not in SOURCES:
            raise ConfigError(f"no source {name!r}; there are {', '.join(SOURCES)}")
        for one in cases_of_studies(islice(SOURCES[name](folder), limit), seed, wanted):
            if isinstance(one, ConsultationCase):
                cases.append(one)
            else:
                say(f"{one.id}: {one.reason}")
    if not cases:
        raise SourceError(f"no consultation can be made from {', '.join(sources)}; see the reasons above")
    return cases


def hold(
    cases: Sequence[ConsultationCase], chat: Chat, model: str, turns: int, max_tokens: int, out: Path
) -> ConsultationSummary:
    """Return the summary of a model's consultations; write each with its score, all or nothing."""
    talks = list(held(cases, chat, model, turns, max_tokens))
    lines = [
        HeldConsultation(talk=talk, score=scored(talk, case)) for talk, case in zip(talks, cases, strict=True)
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_text("".join(one.model_dump_json() + "\n" for one in lines), encoding="utf-8")
    part.replace(out)
    return summarised([one.score for one in lines])


def chat_of_doctor(name: str, cases: Sequence[ConsultationCase]) -> Chat:
    """Return a doctor that is a script by its name; ConfigError for an unknown one."""
    found: Doctor | None = next((one for one in DOCTORS if one == name), None)
    if found is None:
        raise ConfigError(f"no scripted doctor {name!r}; there are {', '.join(DOCTORS)}")
    return scripted_doctor(found, cases)
