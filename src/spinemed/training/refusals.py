"""Counts the rows that training left out because their pictures turned out damaged, and says each once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from spinemed.training.sample import Refused

LOG = "refused.jsonl"
logger = logging.getLogger(__name__)


class RefusedRows(TrainerCallback, ExportableState):  # type: ignore[misc]  # transformers carries no types
    """Row number -> why it was left out; kept in every checkpoint, over all processes."""

    def __init__(self) -> None:
        """Start with none."""
        self.rows: dict[int, str] = {}

    def note(self, refused: Iterable[Refused]) -> None:
        """Take rows down; a row is said once, however often an epoch meets it."""
        for one in refused:
            if one.row not in self.rows:
                self.rows[one.row] = one.reason
                logger.warning("row %d is left out: %s", one.row, one.reason)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"args": {}, "attributes": {"rows": sorted(self.rows.items())}}

    def on_train_begin(self, *given: Any, **_: Any) -> None:
        """Take up those of the checkpoint."""
        _, state, _ = given
        kept = (state.stateful_callbacks or {}).get("RefusedRows")
        if kept:
            self.rows |= {int(row): str(reason) for row, reason in kept["attributes"]["rows"]}

    def on_step_end(self, *given: Any, **_: Any) -> None:
        """Gather from all processes before a checkpoint."""
        _, _, control = given
        if control.should_save:
            self._gather()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Gather from all processes."""
        self._gather()

    def _gather(self) -> None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            every: list[Any] = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(every, self.rows)
            self.rows = {row: reason for rows in every for row, reason in rows.items()}


def lines(refused: Iterable[Refused]) -> str:
    """Return refused rows as JSON lines, in order of their numbers.

    >>> lines([Refused(3, "the picture is missing")])
    '{"row": 3, "reason": "the picture is missing"}\\n'
    """
    rows = sorted(refused, key=lambda one: one.row)
    return "".join(json.dumps({"row": one.row, "reason": one.reason}) + "\n" for one in rows)
