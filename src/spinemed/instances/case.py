"""Items of a whole case: pictures and instances of all its series, on three axes, in English and Chinese."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from spinemed.errors import SourceError
from spinemed.facts.case import CaseFacts
from spinemed.facts.stated import hidden_by
from spinemed.instances.ask_changes import change_drafts
from spinemed.instances.ask_levels import level_drafts
from spinemed.instances.ask_marked import marked_drafts
from spinemed.instances.ask_pairs import pair_drafts
from spinemed.instances.ask_plans import plan_drafts
from spinemed.instances.ask_search import search_drafts
from spinemed.instances.ask_text import text_drafts
from spinemed.instances.ask_views import view_drafts
from spinemed.instances.asking import Asking
from spinemed.instances.compose import composed
from spinemed.instances.drafts import Case, Draft, reject
from spinemed.instances.shots import CaseSeries
from spinemed.records import Instance, Picture, Reject, Study

_ASKS: Final[tuple[Callable[[Case], Iterator[Draft]], ...]] = (
    level_drafts,
    search_drafts,
    marked_drafts,
    pair_drafts,
    plan_drafts,
    view_drafts,
    text_drafts,
)


def case_of(
    study: Study, series: Sequence[CaseSeries], asking: Asking, rejects: Sequence[Reject] = ()
) -> Case:
    """Return a case of the first examination, whose facts are the findings of all its series.

    Series of later examinations are left out: findings months apart are not of one case.
    `rejects` are those of the step that found them: what they hold back is not asked about, and a variant of
    numbering that no series shows still forbids to count from the sacrum.
    """
    first = study.model_copy(update={"series": tuple(one for one in study.series if not one.months)})
    return follow_up_of(first, [one for one in series if not one.series.months], asking, rejects)


def follow_up_of(
    study: Study, series: Sequence[CaseSeries], asking: Asking, rejects: Sequence[Reject] = ()
) -> Case:
    """Return a case of all examinations of a study, to ask what has changed between them (`ask_changes`)."""
    findings = tuple(finding for one in series for finding in one.findings)
    taken = {one.uid for one in study.series}
    hidden = frozenset(one for one in hidden_by(rejects) if one.series in taken)
    return Case(study, tuple(series), CaseFacts(study, findings, hidden), asking)


def ask_case(case: Case, asking: Asking | None = None) -> Iterator[Picture | Instance | Reject]:
    """Yield pictures, each followed by the instances that show it, and Rejects for what was not proven.

    All is drawn by generators seeded from the asking's seed and the study's id. A draft becomes one
    instance, in one language and one form; one with fewer than four known answers is asked as `open`.
    A series whose volume does not fit its findings is one Reject.
    """
    if asking is not None:
        case = replace(case, asking=asking)
    yield from _composed(case, _ASKS)


def ask_changes(case: Case) -> Iterator[Picture | Instance | Reject]:
    """Yield pictures and instances about later examinations beside the first, as `ask_case`; else nothing."""
    yield from _composed(case, (change_drafts,))


def _composed(
    case: Case, each: Sequence[Callable[[Case], Iterator[Draft]]]
) -> Iterator[Picture | Instance | Reject]:
    shown: set[str] = set()
    said: set[str] = set()
    for asks in each:
        try:
            for draft in asks(case):
                for one in composed(case, draft):
                    if isinstance(one, Picture):
                        if one.id not in shown:
                            shown.add(one.id)
                            yield one
                    elif one.id not in said:
                        said.add(one.id)
                        yield one
        except SourceError as error:
            yield reject(case, asks.__name__, str(error), "give findings and images of the same series")
