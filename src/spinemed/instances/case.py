"""Items of a whole case: pictures and instances of all its series, on three axes, in English and Chinese."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from spinemed.errors import SourceError
from spinemed.facts.case import CaseFacts
from spinemed.facts.stated import hidden_by
from spinemed.instances.ask_levels import level_drafts
from spinemed.instances.ask_marked import marked_drafts
from spinemed.instances.ask_pairs import pair_drafts
from spinemed.instances.ask_plans import plan_drafts
from spinemed.instances.ask_search import search_drafts
from spinemed.instances.ask_text import text_drafts
from spinemed.instances.ask_views import view_drafts
from spinemed.instances.compose import composed
from spinemed.instances.drafts import Case, Draft, reject
from spinemed.instances.series import Asking
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
    """Return a case whose facts are the findings of all its series.

    `rejects` are those of the step that found them: what they hold back is not asked about, and a variant of
    numbering that no series shows still forbids to count from the sacrum.
    """
    findings = tuple(finding for one in series for finding in one.findings)
    return Case(study, tuple(series), CaseFacts(study, findings, hidden_by(rejects)), asking)


def ask_case(case: Case, asking: Asking | None = None) -> Iterator[Picture | Instance | Reject]:
    """Yield pictures, each followed by the instances that show it, and Rejects for what was not proven.

    All is drawn by generators seeded from the asking's seed and the study's id. A draft becomes one
    instance, in one language and one form; one with fewer than four known answers is asked as `open`.
    A series whose volume does not fit its findings is one Reject.
    """
    if asking is not None:
        case = replace(case, asking=asking)
    shown: set[str] = set()
    said: set[str] = set()
    for asks in _ASKS:
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
