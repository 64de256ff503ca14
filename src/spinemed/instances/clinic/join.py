"""Instances of consultations and reports: drafts that passed the gate, with their key pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.instances.clinic.case import STEP, rejected
from spinemed.instances.clinic.consultation import consultation
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.gate import checked
from spinemed.instances.clinic.limits import of_series, restrained
from spinemed.instances.clinic.pictures import key_pictures, telling_series, with_shown
from spinemed.instances.clinic.problem import problem_of
from spinemed.instances.clinic.report import report
from spinemed.instances.clinic.wording import LANGUAGES, Language
from spinemed.records import Instance, Picture, Provenance, Reject, content_id

ATTEMPTS: Final = 4
"""Histories that are tried before a study is rejected because no rule is keyed for them."""
_KINDS: Final[dict[str, Callable[[CaseFacts, str, Language], Draft | Reject]]] = {
    "dialogue": consultation,
    "report": report,
}
_PASSED: Final = ("level_parser", "supported", "no_contradiction", "nothing_hidden", "counted", "no_dose")
GATES: Final[dict[str, tuple[str, ...]]] = {
    "dialogue": (*_PASSED, "published_rule"),
    "report": (*_PASSED, "published_rule", "six_sections"),
}
"""Checks that each text has passed (see `gate` and `case`).

`supported`: each clause states only what the findings support, as the level parser reads it;
`no_contradiction`: the history fits the findings; `nothing_hidden`: nothing that would change the text is
there and not shown; `counted`: the leading level can be counted in the key pictures; `no_dose`: no dose of a
drug is given; `published_rule`: the plan follows a cited rule; `six_sections`: they are all there and agree.
"""


def ask_clinic(
    facts: CaseFacts,
    pictures: Mapping[str, Picture],
    asking_seed: str | int,
) -> Iterator[Instance | Reject]:
    """Yield a dialogue and a report in each language, or for each of them a Reject with the reason.

    `pictures` are key pictures by the id of the finding that they show. Series without one are left out of
    the facts, so that no text speaks of an image that is not shown; at most six series are kept, those that
    show the leading finding first. What `facts.hidden` names is there, but no series shows it well enough to
    state it: no harmless reading is given over a hidden danger. The same arguments give the same instances.
    """
    shown = _narrowed(facts, pictures)
    if not shown.findings:
        yield rejected(facts, "clinic", "no picture of any finding was made", "make key pictures first")
        return
    for task in _KINDS:
        for language in LANGUAGES:
            draft = _draft(shown, task, language, f"{asking_seed}:{facts.study.id}:{task}:{language}")
            yield draft if isinstance(draft, Reject) else instance_of(draft, shown, pictures)


def instance_of(draft: Draft, facts: CaseFacts, pictures: Mapping[str, Picture]) -> Instance | Reject:
    """Return the instance of a checked draft; a Reject where none of its key pictures was made.

    Every sentence has wordings of its own: `template` numbers the turns of the dialogue instead, 1 a report.
    """
    images = [pictures[one] for one in draft.pictures if one in pictures]
    if not images:
        return rejected(facts, draft.task, f"{draft.kind}: its key pictures were not made", "make them first")
    study = facts.study
    texts = [message.content for message in draft.messages]
    ids = tuple(dict.fromkeys(image.id for image in images))
    return Instance(
        id=content_id(*ids, draft.kind, draft.task, *texts),
        task=draft.task,
        axis=draft.axis,
        kind=draft.kind,
        language=draft.language,
        question=draft.question,
        answer=draft.answer,
        messages=draft.messages,
        pictures=ids,
        sites=draft.sites,
        findings=draft.findings,
        study=study.id,
        patient=study.patient,
        modality=images[0].modality,
        stage="gated",
        provenance=Provenance(
            source=study.source,
            licence=study.licence,
            synthetic=study.synthetic,
            step=STEP,
            locator=images[0].locator,
            parents=draft.findings,
        ),
        gates=GATES[draft.task],
        template=f"{draft.kind}/{draft.language}/{len(draft.messages) // 2}",
    )


def _draft(facts: CaseFacts, task: str, language: Language, key: str) -> Draft | Reject:
    """Return the first draft that passes; histories for which no rule is keyed are drawn anew."""
    last: Draft | Reject | None = None
    for attempt in range(ATTEMPTS):
        draft = _KINDS[task](facts, f"{key}:{attempt}", language)
        if isinstance(draft, Draft):
            return checked(draft, facts)
        last = draft
    return last if last is not None else rejected(facts, key, "no draft was tried", "raise ATTEMPTS")


def wanted_pictures(facts: CaseFacts) -> tuple[str, ...]:
    """Return ids of the findings whose pictures `ask_clinic` shows: at most six, each series first once."""
    kept = with_shown(restrained(_telling_series(restrained(facts))))
    return key_pictures(kept, problem_of(kept))


def _narrowed(facts: CaseFacts, pictures: Mapping[str, Picture]) -> CaseFacts:
    """Return the facts of the series that pictures show, at most six, the telling ones first."""
    pictured = {one.evidence.series for one in facts.findings if one.id in pictures}
    return _telling_series(of_series(facts, pictured))


def _telling_series(facts: CaseFacts) -> CaseFacts:
    """Return the facts of at most six series: those that show what is told go first."""
    return telling_series(facts, problem_of(restrained(facts)))
