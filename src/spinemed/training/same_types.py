"""Checkpoints that are loaded in the types that weights are trained in, for SFT and GRPO alike."""

from __future__ import annotations

from typing import Any


class SameTypes:
    """Before Trainer in a class's bases: weights keep their types when a checkpoint is loaded.

    TRL trains the adapter of a quantised model in bfloat16, and PEFT 0.21 would load it as float32: the
    resumed run would go another way than the uninterrupted one.
    """

    model: Any

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        kinds = {name: weight.dtype for name, weight in self.model.named_parameters()}
        super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
        for name, weight in self.model.named_parameters():
            if weight.dtype != kinds[name]:
                weight.data = weight.data.to(kinds[name])
