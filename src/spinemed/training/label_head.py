"""An SFTTrainer that runs the language head at labels only, which TRL does on GPUs but not on the CPU."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from trl import SFTTrainer

IGNORED = -100


class LabelHeadTrainer(SFTTrainer):  # type: ignore[misc]  # trl carries no types
    """The same loss as SFTTrainer's, without its entropy and accuracy logs."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean cross-entropy over labels; with `return_outputs` (evaluation) go TRL's own way."""
        if return_outputs:
            return super().compute_loss(model, inputs, True, num_items_in_batch)
        labels = inputs["labels"][:, 1:]
        columns = label_columns(labels)
        rest = {name: value for name, value in inputs.items() if name != "labels"}
        logits = model(**rest, logits_to_keep=columns, use_cache=False).logits
        kept = labels[:, columns]
        total = F.cross_entropy(
            logits.float().flatten(0, 1), kept.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        self._total_train_tokens += int(inputs["attention_mask"].sum())
        self._metrics["train" if self.model.training else "eval"]["num_tokens"] = [self._total_train_tokens]
        count = (kept != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        return total / torch.as_tensor(count).clamp(min=1)


def label_columns(labels: Tensor) -> Tensor:
    """Return the columns of (batch, position) in which some row has a label.

    >>> label_columns(torch.tensor([[-100, -100, 5, 6], [-100, -100, 7, -100]])).tolist()
    [2, 3]
    """
    return (labels != IGNORED).any(0).nonzero().flatten()
