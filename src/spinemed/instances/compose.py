"""Drafts become instances: language, wording, options and letters are drawn, then gates judge the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from spinemed.facts.planning.sources import cite
from spinemed.instances.drafts import Case, Draft
from spinemed.instances.gate import levels_named
from spinemed.instances.landmarks import LANDMARKS
from spinemed.instances.options import OPTIONS, option_set, shuffled
from spinemed.instances.passed import gates_of
from spinemed.instances.proof import right_options
from spinemed.instances.templates import Language, Template, template_of
from spinemed.instances.wording import answer_key, answer_text, question_text, style_of, wording_drawn
from spinemed.instances.wordings import draw
from spinemed.records import (
    Instance,
    Message,
    Picture,
    Provenance,
    Quote,
    Reject,
    Task,
    content_id,
)

LETTERS = "ABCDE"
_PER_MILLE = 1000
_FIRST = "C2"


class _Form(NamedTuple):
    """What all questions of the same pictures share."""

    language: Language
    task: Task


def composed(case: Case, draft: Draft) -> Iterator[Picture | Instance | Reject]:
    """Yield the pictures of a draft, its instance and those beside it, or Rejects that say why there is none.

    Nothing is asked of a ring in which nothing is seen.

    All questions of the same pictures have one language and one form, so that no picture is stored in two
    configs. Those beside the first that do not fit its form are left out.
    """
    if any(shot.burnt_out for shot in draft.shots):
        reason = f"{draft.kind}: the ring lies on black or white pixels alone"
        name, source = content_id(_key(case, draft)), case.study.source
        yield Reject(id=name, source=source, step=case.step, reason=reason, fix="none needed")
        return
    form = _form(case, draft)
    made = [_judged(case, one, form) for one in (draft, *draft.beside) if one is draft or _fits(one, form)]
    if any(isinstance(one, Instance) for one in made):
        yield from (shot.picture for shot in draft.shots)
    yield from made


def _form(case: Case, draft: Draft) -> _Form:
    """Return language and form as the pictures draw them, open where options are too few."""
    asking = case.asking
    key = _picture_key(case, draft) if draft.shots else _key(case, draft)
    language: Language = asking.languages[draw(f"{key}:language", len(asking.languages))]
    as_open = draw(f"{key}:form", _PER_MILLE) < asking.open_share * _PER_MILLE
    few = len(draft.offered or draft.pool) < OPTIONS
    as_open = (as_open and not template_of(draft.kind).choice_only) or few
    return _Form(language, "open" if as_open else "choice")


def _fits(draft: Draft, form: _Form) -> bool:
    if form.task == "choice":
        return len(draft.offered or draft.pool) >= OPTIONS
    return not template_of(draft.kind).choice_only


def _judged(case: Case, draft: Draft, form: _Form) -> Instance | Reject:
    key = f"{_key(case, draft)}:{form.language}:{form.task}"
    instance = _instance(case, draft, form, key)
    fault = _fault(case, draft, instance)
    if not fault:
        return instance
    return Reject(
        id=content_id(key),
        source=case.study.source,
        step=case.step,
        reason=f"{draft.kind}: {fault}",
        fix="none needed" if "findings" in fault else "mend the wording in instances/templates",
    )


def _picture_key(case: Case, draft: Draft) -> str:
    shown = ",".join(shot.picture.id for shot in draft.shots)
    return f"{case.asking.seed}:{case.study.id}:{shown}"


def _key(case: Case, draft: Draft) -> str:
    shown = ",".join(shot.picture.id for shot in draft.shots)
    stated = ",".join(f"{name}={value}" for name, value in sorted(draft.fields.items()))
    return f"{case.asking.seed}:{case.study.id}:{draft.kind}:{shown}:{stated}:{draft.right}"


def _instance(case: Case, draft: Draft, form: _Form, key: str) -> Instance:
    """Return the instance in the form that its pictures drew, worded as `key` draws."""
    template, language, study = template_of(draft.kind), form.language, case.study
    text = question_text(template, language, draft.fields, key)
    right = answer_text(template, language, draft.right, style_of(template, language, key))
    options = _options(draft, template, language, key) if form.task == "choice" else ()
    answer = LETTERS[options.index(right)] if options else right
    asked, reply = _turns(text, options, answer)
    return Instance(
        id=content_id(draft.kind, language, [shot.picture.id for shot in draft.shots], asked, reply),
        task=form.task,
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
            step=case.step,
            locator=draft.shots[0].picture.locator if draft.shots else None,
            quote=rule_quote(draft.rule) if draft.rule else None,
            parents=draft.findings,
        ),
        gates=gates_of(template, form.task, draft.shown),
        template=f"{draft.kind}/{language}/{wording_drawn(template, language, key)}",
    )


def rule_quote(key: str) -> Quote:
    """Return the citation of a published rule, as the words that a question without a picture rests on.

    >>> rule_quote("definition").document, rule_quote("definition").text
    ('rule:definition', 'By definition of the words; no paper decides it.')
    """
    text = cite(key)
    return Quote(document=f"rule:{key}", start=0, end=len(text), text=text)


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
