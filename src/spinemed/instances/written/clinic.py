"""Consultations and six-section reports about written cases: the report is handed over, not pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from spinemed.facts.case import CaseFacts
from spinemed.instances.asking import Asking
from spinemed.instances.clinic.case import STEP, rejected
from spinemed.instances.clinic.consultation import consultation
from spinemed.instances.clinic.draft import Draft
from spinemed.instances.clinic.gate import checked
from spinemed.instances.clinic.join import ATTEMPTS
from spinemed.instances.clinic.report import report
from spinemed.instances.clinic.wording import Language
from spinemed.instances.written.clinic_facts import clinic_facts
from spinemed.phantom.written import WrittenCase
from spinemed.records import Instance, Message, Provenance, Quote, Reject, content_id

_KINDS: Final[dict[str, Callable[[CaseFacts, str, Language], Draft | Reject]]] = {
    "dialogue": consultation,
    "report": report,
}
GATES: Final = {
    "dialogue": ("history_fits", "clauses_read_back", "no_dose", "document_read_back"),
    "report": ("history_fits", "clauses_read_back", "no_dose", "document_read_back", "sections_agree"),
}
"""What `clinic.gate.checked` and the maker of the document have checked."""


def ask_written_clinic(case: WrittenCase, asking: Asking) -> Iterator[Instance | Reject]:
    """Yield a consultation and a report in the case's language, or for each a Reject with the reason.

    The first user turn that would show pictures carries the findings of the document instead. The clinic's
    rules and its gate are those of cases with pictures. The same arguments give the same instances.
    """
    facts = clinic_facts(case)
    for task, make in _KINDS.items():
        key = f"{asking.seed}:{case.study.id}:{task}"
        draft = _draft(facts, make, key, case.study.language or "en")
        yield draft if isinstance(draft, Reject) else _instance(draft, case)


def _draft(
    facts: CaseFacts, make: Callable[[CaseFacts, str, Language], Draft | Reject], key: str, language: Language
) -> Draft | Reject:
    """The first draft for whose history a rule is keyed, checked clause by clause."""
    last: Draft | Reject = rejected(facts, key, "no draft was tried", "raise ATTEMPTS")
    for attempt in range(ATTEMPTS):
        last = make(facts, f"{key}:{attempt}", language)
        if isinstance(last, Draft):
            return checked(last, facts)
    return last


def first_described(case: WrittenCase) -> int:
    """Return where the part of a document begins that a clinical text shows: examinations and findings.

    Its first lines (that it is synthetic, age and indication) stay behind, as the history is told anew.
    """
    return min(one.start for one in case.sentences)


def _instance(draft: Draft, case: WrittenCase) -> Instance:
    study, messages = case.study, list(draft.messages)
    asked, start = messages[draft.picture_turn], first_described(case)
    shown = study.text[start:]
    messages[draft.picture_turn] = Message(role=asked.role, content=f"{asked.content}\n\n{shown}")
    turns = len(messages) // 2
    known = {one.id for one in case.findings}
    stated = tuple(one for one in draft.findings if one in known)
    return Instance.model_construct(
        id=content_id(study.id, draft.kind, draft.task, *(one.content for one in messages)),
        task=draft.task,
        axis=draft.axis,
        kind=draft.kind,
        language=draft.language,
        question=messages[0].content,
        options=(),
        answer=messages[-1].content,
        messages=tuple(messages),
        pictures=(),
        sites=draft.sites,
        findings=stated,
        study=study.id,
        patient=study.patient,
        modality="text",
        stage="gated",
        provenance=Provenance.model_construct(
            source=study.source,
            licence=study.licence,
            synthetic=study.synthetic,
            step=STEP,
            locator=None,
            quote=Quote.model_construct(document=study.id, start=start, end=len(study.text), text=shown),
            parents=stated,
        ),
        gates=GATES[draft.task],
        template=f"{draft.kind}/{draft.language}/{turns}",
    )
