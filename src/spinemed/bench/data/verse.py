"""VerSe: vertebra levels of CT, asked as the corpus asks them, as rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spinemed.corpus.rows import Row, question_row
from spinemed.corpus.stages.task import rows_of
from spinemed.instances import Asking
from spinemed.records import Reject
from spinemed.sources import verse

NAME = "verse-levels"
LICENCE = verse.LICENCE
_MARKS = 4


def read(folder: Path, seed: int = 0) -> Iterator[Row | Reject]:
    """Yield the level questions of each study of VerSe's restructured release, and the Rejects of its reader.

    Questions are choices where four answers are possible, else open ones; `seed` draws windows, wordings and
    letters. SourceError for a missing or empty folder.
    """
    asking = Asking(seed, 0.0, _MARKS, ("en",), 0)
    for study in verse.read(folder):
        if isinstance(study, Reject):
            yield study
            continue
        found = rows_of(study, asking)
        yield from found.rejects
        for instance in found.instances:
            yield question_row(instance, [found.pictures[one] for one in instance.pictures], "test")
