"""Drafts become instances: language, wording, options and letters are drawn, then gates judge the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from spinemed.instances.drafts import STEP, Case, Draft
from spinemed.instances.gate import levels_named
from spinemed.instances.landmarks import LANDMARKS
from spinemed.instances.options import OPTIONS, option_set, shuffled
from spinemed.instances.proof import right_options
from spinemed.instances.templates import Language, Template, template_of
from spinemed.instances.wording import answer_key, answer_text, question_text, style_of
from spinemed.instances.wordings import draw
from spinemed.records import (
    Instance,
    Message,
    Picture,
    Provenance,
    Reject,
    Task,
    content_id,
)

LETTERS = "ABCDE"
_PER_MILLE = 1000
_FIRST = "C2"


def composed(case: Case, draft: Draft) -> Iterator[Picture | Instance | Reject]:
    """Yield the pictures and the instance of a draft, or the Reject that says why there is none."""
    key = _key(case, draft)
    instance = _instance(case, draft, key)
    fault = _fault(case, draft, instance)
    if fault:
        yield Reject(
            id=content_id(key),
            source=case.study.source,
            step=STEP,
            reason=f"{draft.kind}: {fault}",
            fix="none needed" if "findings" in fault else "mend the wording in instances/templates",
        )
        return
    yield from (shot.picture for shot in draft.shots)
    yield instance


def _key(case: Case, draft: Draft) -> str:
    shown = ",".join(shot.picture.id for shot in draft.shots)
    stated = ",".join(f"{name}={value}" for name, value in sorted(draft.fields.items()))
    return f"{case.asking.seed}:{case.study.id}:{draft.kind}:{shown}:{stated}:{draft.right}"


def _instance(case: Case, draft: Draft, key: str) -> Instance:
    """Return the instance in the language and form that `key` draws, open where options are too few."""
    template = template_of(draft.kind)
    asking, study = case.asking, case.study
    language: Language = asking.languages[draw(f"{key}:language", len(asking.languages))]
    as_open = draw(f"{key}:form", _PER_MILLE) < asking.open_share * _PER_MILLE
    few = len(draft.offered or draft.pool) < OPTIONS
    task: Task = "open" if (as_open and not template.choice_only) or few else "choice"
    key = f"{key}:{language}:{task}"
    text = question_text(template, language, draft.fields, key)
    right = answer_text(template, language, draft.right, style_of(template, language, key))
    options = _options(draft, template, language, key) if task == "choice" else ()
    answer = LETTERS[options.index(right)] if options else right
    asked, reply = _turns(text, options, answer)
    locator = draft.shots[0].picture.locator if draft.shots else None
    return Instance(
        id=content_id(draft.kind, language, [shot.picture.id for shot in draft.shots], asked, reply),
        task=task,
        axis=template.axis,
        kind=draft.kind,
        language=language,
        question=text,
        options=options,
        answer=answer,
        messages=(Message(role="user", content=asked), Message(role="assistant", content=reply)),
        pictures=tuple(shot.picture.id for shot in draft.shots),
        sites=draft.sites,
        findings=draft.findings,
        study=study.id,
        patient=study.patient,
        modality=draft.shots[0].picture.modality if draft.shots else "text",
        stage="gated",
        provenance=Provenance(
            source=study.source,
            licence=study.licence,
            synthetic=study.synthetic,
            step=STEP,
            locator=locator,
            parents=draft.findings,
        ),
    )


def _options(draft: Draft, template: Template, language: Language, key: str) -> tuple[str, ...]:
    rng = np.random.default_rng(int(content_id(key), 16))
    keys = draft.offered or option_set(draft.pool, draft.right, rng)
    style = style_of(template, language, key)
    return shuffled([answer_text(template, language, one, style) for one in keys], rng)


def _turns(text: str, options: Sequence[str], answer: str) -> tuple[str, str]:
    """Return what is asked and replied."""
    if not options:
        return text, answer
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join([text, *lines]), f"{options[LETTERS.index(answer)]} ({answer})"


def _fault(case: Case, draft: Draft, instance: Instance) -> str:
    """Return why an instance must not pass, "" where it may."""
    template = template_of(draft.kind)
    named = levels_named(instance.question) - LANDMARKS.get(draft.kind, frozenset())
    if named != _levels_meant(draft, template):
        return "the level parser reads other levels from the question than were meant"
    said = instance.options or (instance.answer,)
    keys = [answer_key(template, instance.language, text) for text in said]
    if "" in keys or len(set(keys)) != len(keys):
        return "an answer is not read back, or two options say the same"
    right = keys[LETTERS.index(instance.answer)] if instance.options else keys[0]
    if right != draft.right:
        return "the answer is read back as another one"
    return _unproven(case, draft, instance)


def _unproven(case: Case, draft: Draft, instance: Instance) -> str:
    """Return why the findings do not prove the answer: of options alone, or of all that could be said."""
    template = template_of(draft.kind)
    options = instance.options or tuple(
        answer_text(template, instance.language, key) for key in (draft.offered or draft.pool)
    )
    judged = right_options(instance, draft.shown, case.known, options)
    right = {answer_key(template, instance.language, option) for option, holds in judged.items() if holds}
    if None in judged.values():
        return "the findings do not say of every option whether it holds"
    return "" if right == {draft.right} else "the findings do not make the keyed option the only right one"


def _levels_meant(draft: Draft, template: Template) -> frozenset[str]:
    """Return the levels that the question's fields name."""
    found: set[str] = set()
    for name, kind in template.fields.items():
        if kind == "site":
            found.add(draft.fields[name])
        elif kind == "numbering":
            anchor, _, reference = draft.fields[name].partition(" ")
            found.update(filter(None, (reference, _FIRST if anchor == _FIRST else "")))
    return frozenset(found)
