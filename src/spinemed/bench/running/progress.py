"""Progress on stderr, done, all, rate and time left: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import time
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

Group = TypeVar("Group", bound=Sequence[object])

LINE_EVERY_S = 30.0


def tracked(name: str) -> Callable[[Iterable[Group], int], Iterator[Group]]:
    """Return a function that passes groups through and shows how many of all members are done."""

    def track(groups: Iterable[Group], total: int) -> Iterator[Group]:
        console = Console(stderr=True)
        return in_bar(name, groups, total, console) if console.is_terminal else in_lines(name, groups, total)

    return track


def in_bar(name: str, groups: Iterable[Group], total: int, console: Console) -> Iterator[Group]:
    """Yield the groups while a bar grows."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total)
        for group in groups:
            yield group
            progress.advance(task, len(group))


def in_lines(
    name: str, groups: Iterable[Group], total: int, every_s: float = LINE_EVERY_S
) -> Iterator[Group]:
    """Yield the groups and print a line every `every_s` seconds, and one at the end."""
    console = Console(stderr=True, highlight=False, width=200)
    start = last = time.monotonic()
    done = 0
    for group in groups:
        yield group
        done += len(group)
        now = time.monotonic()
        if now - last >= every_s or done == total:
            last = now
            console.print(line(name, done, total, now - start))


def line(name: str, done: int, total: int, seconds: float) -> str:
    """Return where a run stands.

    >>> line("choice", 30, 120, 60)
    'choice: 30 of 120, 0.50/s, 3 min 0 s left'
    """
    rate = done / seconds if seconds else 0.0
    left = "" if not rate or done == total else f", {duration((total - done) / rate)} left"
    return f"{name}: {done} of {total}, {rate:.{2 if rate < 10 else 0}f}/s{left}"


def duration(seconds: float) -> str:
    """Return seconds in words.

    >>> duration(42.4), duration(3 * 3600 + 61)
    ('42 s', '3 h 1 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
