"""A folder that appears whole or not at all: written beside its place and renamed at the end."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from spinemed.errors import OutputError

MANIFEST = "manifest.json"


@contextmanager
def published(out: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """Give an empty folder beside `out` to write into; it takes the place of `out` when the block ends well.

    An earlier complete `out` is replaced in the same moment. Where the block fails, nothing stays.
    Leftovers of killed runs are removed first, and `say` tells so. OutputError for a folder that cannot
    be written, a full disk, an `out` that is no corpus of ours, or another build that is writing there.
    """
    check_place(out)
    with explained(out):
        clean_up(out, say)
        partial = out.with_name(f"{out.name}.partial-{os.getpid()}")
        partial.mkdir(parents=True)
    try:
        with explained(out):
            yield partial
            swap(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_place(out: Path) -> None:
    """Raise OutputError where `out` exists and is not a corpus that a build wrote."""
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"{out}: is a file; choose another --out")
    if any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise OutputError(
            f"{out}: holds files but no {MANIFEST} of a build; choose another --out or empty it"
        )


def clean_up(out: Path, say: Callable[[str], None]) -> None:
    """Remove what killed builds of `out` left behind; put back an earlier corpus they had moved aside."""
    for left in sorted(out.parent.glob(f"{out.name}.old-*")):
        if not out.exists():
            say(f"put back {out}, moved aside by a build that was interrupted")
            left.rename(out)
        else:
            shutil.rmtree(left)
    for left in sorted(out.parent.glob(f"{out.name}.partial-*")):
        process = left.name.rpartition("-")[2]
        if process.isdigit() and int(process) != os.getpid() and _runs(int(process)):
            raise OutputError(
                f"{left}: process {process} is building here; wait for it, or choose another --out"
            )
        say(f"removed {left.name}, left half-written by a build that was interrupted")
        shutil.rmtree(left)


def swap(partial: Path, out: Path) -> None:
    """Let a finished folder take the place of `out`; an earlier one goes in the same moment."""
    if not out.exists():
        partial.rename(out)
        return
    old = out.with_name(f"{out.name}.old-{os.getpid()}")
    out.rename(old)
    partial.rename(out)
    shutil.rmtree(old)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def explained(out: Path) -> Iterator[None]:
    """Turn an OSError of writing, from the disk or from Arrow, into an OutputError with the way out."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(
                f"{out}: no space left on the disk; free some or choose another --out. Nothing published"
            ) from error
        raise OutputError(
            f"{out}: cannot be written ({error.strerror or error}); choose another --out. Nothing published"
        ) from error
