"""Drafts of tasks that run elsewhere: input fetched from a shared folder, drafts sent back to it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec


def is_remote(place: str) -> bool:
    """Return whether a place is a URL of fsspec, not a path of this machine.

    >>> is_remote("hf://buckets/me/runs"), is_remote("runs")
    (True, False)
    """
    return "://" in place


@contextmanager
def task_copy(url: str, rank: int) -> Iterator[Path]:
    """Give a folder with the input of one task, and send the drafts that the block leaves in it to `url`."""
    system, root = fsspec.core.url_to_fs(url)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        for name in ("config.json", f"tasks/{rank:05d}.jsonl"):
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            system.get_file(f"{root}/{name}", str(work / name))
        yield work
        for path in sorted((work / "drafts" / f"{rank:05d}").glob("*.arrow")):
            target = f"{root}/drafts/{rank:05d}/{path.name}"
            system.makedirs(target.rpartition("/")[0], exist_ok=True)
            system.put_file(str(path), target)


def send_input(work: Path, url: str) -> None:
    """Copy what tasks read from the work folder of a build to a shared folder."""
    system, root = fsspec.core.url_to_fs(url)
    for path in [work / "config.json", *sorted((work / "tasks").iterdir())]:
        target = f"{root}/{path.relative_to(work).as_posix()}"
        system.makedirs(target.rpartition("/")[0], exist_ok=True)
        system.put_file(str(path), target)


def fetch_drafts(url: str, work: Path, tasks: int) -> None:
    """Copy the drafts of all tasks from a shared folder to the work folder; each appears whole."""
    system, root = fsspec.core.url_to_fs(url)
    for rank in range(tasks):
        target = work / "drafts" / f"{rank:05d}"
        if not target.exists():
            partial = target.with_name(f".{target.name}.fetched")
            partial.mkdir(parents=True, exist_ok=True)
            for name in _names(system, f"{root}/drafts/{rank:05d}"):
                system.get_file(f"{root}/drafts/{rank:05d}/{name}", str(partial / name))
            partial.rename(target)


def _names(system: Any, folder: str) -> list[str]:
    return sorted(path.rstrip("/").rpartition("/")[2] for path in system.ls(folder, detail=False))
