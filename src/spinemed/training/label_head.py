"""The loss with the language head run at labels only, which TRL does on GPUs but not on the CPU."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

IGNORED = -100


def summed_loss(model: Any, inputs: dict[str, Any]) -> Tensor:
    """Return the sum of the cross-entropy over the labels of a batch; zero, with gradients, without labels.

    The model is called without a cache. On CUDA it must carry TRL's fused head, which never holds all logits.
    """
    labels = inputs["labels"]
    if labels.is_cuda:
        found: Tensor = -model(**inputs, use_cache=False, fused_lm_head=True).log_probs.sum()
        return found
    labels = labels[:, 1:]
    columns = label_columns(labels)
    rest = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**rest, logits_to_keep=columns, use_cache=False).logits
    return F.cross_entropy(
        logits.float().flatten(0, 1), labels[:, columns].flatten(), ignore_index=IGNORED, reduction="sum"
    )


def label_columns(labels: Tensor) -> Tensor:
    """Return the columns of (batch, position) in which some row has a label.

    >>> import torch
    >>> label_columns(torch.tensor([[-100, -100, 5, 6], [-100, -100, 7, -100]])).tolist()
    [2, 3]
    """
    return (labels != IGNORED).any(0).nonzero().flatten()
