"""What a written case gives: its findings, and questions, consultations and reports about its text."""

from __future__ import annotations

from spinemed.corpus.stages.task import StudyRows
from spinemed.instances import Asking
from spinemed.instances.written.ask import ask_written
from spinemed.instances.written.clinic import ask_written_clinic
from spinemed.phantom.written.case import written_case
from spinemed.records import Instance


def written_rows(seed: int, asking: Asking) -> StudyRows:
    """Return everything that the written case of a seed gives; no picture is among it."""
    case = written_case(seed)
    rows = StudyRows(case.study, findings=list(case.findings))
    for asks in (ask_written, ask_written_clinic):
        for one in asks(case, asking):
            if isinstance(one, Instance):
                rows.instances.append(one)
            else:
                rows.rejects.append(one)
    return rows
