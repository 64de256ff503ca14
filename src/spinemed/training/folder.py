"""Folders of models that appear whole or not at all, and say what they were made from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from spinemed.errors import OutputError

RECIPE = "spinemed.json"
STATE = "trainer_state.json"


def is_complete(folder: Path, recipe: Mapping[str, object]) -> bool:
    """Return whether `folder` was published with just this recipe."""
    stamp = folder / RECIPE
    return stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == json.loads(json.dumps(recipe))


def publish(folder: Path, recipe: Mapping[str, object], write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder beside `folder`, stamp it with its recipe, and put it in place.

    An older result with a stamp is replaced; anything else in the way raises OutputError.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / RECIPE).is_file():
        raise OutputError(
            f"{folder} exists and was not written by spinemed; remove it or choose another --out"
        )
    partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        write(partial)
        (partial / RECIPE).write_text(json.dumps(recipe, indent=1), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error}; choose a folder that can be written") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint of transformers' Trainer that was written to its end, or None.

    Trainer writes a checkpoint's state last; one without it, or with half of it, was cut off and is removed.
    """
    whole = []
    for checkpoint in folder.glob("checkpoint-*"):
        if _is_whole(checkpoint / STATE):
            whole.append((int(checkpoint.name.rsplit("-")[-1]), checkpoint))
        else:
            shutil.rmtree(checkpoint)
    return max(whole)[1] if whole else None


def _is_whole(state: Path) -> bool:
    try:
        return "global_step" in json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
