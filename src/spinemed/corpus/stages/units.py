"""The frozen input of a build: units, each a study to read or a patient to draw, in a lasting order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final, NamedTuple

from spinemed.errors import SourceError
from spinemed.records import Record, Study

CASEBOOK: Final = "casebook"
PHANTOM: Final = "phantom"
_OF_A_TASK: Final = {CASEBOOK: 120}
_STUDIES_OF_A_TASK: Final = 8


class Unit(Record):
    """What one step of a task works on: a study on disk, or the seed of a patient that is drawn."""

    source: str
    patient: str
    study: Study | None = None
    seed: int | None = None

    @property
    def place(self) -> tuple[bool, str, str, str, str]:
        """Return what units are sorted by: pictures first, source, hash of the patient, patient, study."""
        study = self.study.id if self.study else ""
        return self.source == CASEBOOK, self.source, group_of(self.patient), self.patient, study


class Task(NamedTuple):
    """A batch of units of one bucket and one source, in order; its rank is its place among all tasks."""

    bucket: int
    source: str
    units: tuple[Unit, ...]


def group_of(patient: str) -> str:
    """Return the hash that a patient's rows are sorted by; no other patient changes it.

    >>> group_of("phantom-000001")[:8]
    '9eae2e0c'
    """
    return sha256(f"group:{patient}".encode()).hexdigest()


def bucket_of(patient: str, buckets: int) -> int:
    """Return which of `buckets` files a patient's rows are in: the leading part of the group's hash.

    >>> {bucket_of(f"p{number}", 4) for number in range(99)}
    {0, 1, 2, 3}
    """
    return int(group_of(patient)[:16], 16) * buckets >> 64


def tasks_of(units: Iterable[Unit], buckets: int) -> list[Task]:
    """Return the tasks of a build: by bucket, source and patient's hash, a bounded number of units each.

    SourceError where two units are the same study.
    """
    placed = sorted(units, key=lambda unit: (bucket_of(unit.patient, buckets), *unit.place))
    for one, other in pairwise(placed):
        if one.place == other.place:
            raise SourceError(
                f"{one.source}: study {one.place[-1] or one.patient} of patient {one.patient} comes twice; "
                "give each study in one folder only"
            )
    tasks = []
    for (bucket, source), group in groupby(
        placed, key=lambda unit: (bucket_of(unit.patient, buckets), unit.source)
    ):
        mine = tuple(group)
        most = _OF_A_TASK.get(source, _STUDIES_OF_A_TASK)
        tasks += [Task(bucket, source, mine[start : start + most]) for start in range(0, len(mine), most)]
    return tasks


def write_tasks(tasks: Sequence[Task], folder: Path) -> None:
    """Write one file a task, so that a task on any machine reads its own units alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for rank, task in enumerate(tasks):
        lines = "".join(unit.model_dump_json(exclude_defaults=True) + "\n" for unit in task.units)
        (folder / f"{rank:05d}.jsonl").write_text(lines, encoding="utf-8")


def read_units(folder: Path, rank: int) -> Iterator[Unit]:
    """Yield the units of one task."""
    with (folder / f"{rank:05d}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield Unit.model_validate_json(line)
