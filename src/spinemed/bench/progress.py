"""Progress of batches on stderr: done, all, rate and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Member = TypeVar("Member")


def tracked(name: str) -> Callable[[Iterable[Sequence[Member]], int], Iterator[Sequence[Member]]]:
    """Return a function that passes batches through and shows how many of all members are done."""

    def track(batches: Iterable[Sequence[Member]], total: int) -> Iterator[Sequence[Member]]:
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(name, total=total)
            for batch in batches:
                yield batch
                progress.advance(task, len(batch))

    return track
