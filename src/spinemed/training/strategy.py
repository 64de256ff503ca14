"""Whether rows are packed or padded in groups of like length, by a stated rule, and the line that says so.

Packing leaves the least empty, but where attention has no kernel for samples of varying length it is computed
as a dense square of the pack: every token pays for the whole pack, not for its sample. So:

0. A family whose stock model cannot keep the samples of a pack apart: padded in groups.
1. Attention of varying length (flash attention, torch's varlen, flex attention; on CUDA): packed.
2. Otherwise padded in groups of like length, unless packs are so short that the square costs less than the
   padding it saves: packs of up to `crossover` tokens. A position of a pack of L tokens costs L pairs, one of
   a padded row of n tokens n pairs, and of padded positions a share w is wasted: with F operations a token
   and A a pair, F + A L <= (F + A n) / (1 - w).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from spinemed.errors import ConfigError
from spinemed.training.model_flops import ModelFlops
from spinemed.training.packing import Plan

Kind = Literal["packed", "grouped"]
VARLEN = "spinemed_varlen"  # the name under which torch.nn.attention.varlen is registered


@dataclass(frozen=True)
class Strategy:
    """Which plan is used, and why, in words."""

    kind: Kind
    reason: str

    def __str__(self) -> str:
        """Return the line that is printed before training."""
        how = (
            "packed: samples one behind the other"
            if self.kind == "packed"
            else "padded in groups of like length"
        )
        return f"batches: {how} ({self.reason})"


def has_varlen(attention: str, device: str) -> bool:
    """Return whether an attention implementation of transformers takes packs without a dense mask.

    >>> [has_varlen(*one) for one in (("flash_attention_2", "cuda"), ("sdpa", "cuda"), (VARLEN, "cpu"))]
    [True, False, True]
    """
    named = "flash" in attention or attention == "flex_attention"
    return attention == VARLEN or (named and device.startswith("cuda"))


def check_attention(attention: str, mode: str, against_packs: str = "") -> None:
    """Raise ConfigError where rows would be padded for an attention that takes packs alone."""
    if attention == VARLEN and (mode in ("padded", "grouped") or against_packs):
        why = against_packs or f"packing_mode {mode} pads rows"
        raise ConfigError(f"attn_implementation: {VARLEN} is for packs alone, and {why}; name sdpa instead")


def crossover(flops: ModelFlops, grouped: Plan) -> float:
    """Return the longest pack, in tokens, that dense attention computes as cheaply as the grouped plan."""
    if not grouped.batches:
        return 0.0
    rows = np.array([len(batch) for batch in grouped.batches])
    length = float(
        (grouped.paid**2 / rows).sum() / grouped.paid.sum()
    )  # of the row that a position stands in
    pair = flops.shape.full + flops.shape.sliding
    return (length + grouped.waste * flops.language.forward / pair) / (1 - grouped.waste)


def choose(
    attention: str, device: str, budget: int, flops: ModelFlops, grouped: Plan, against_packs: str = ""
) -> Strategy:
    """Return the strategy for an attention implementation on a device ("cuda", "cpu") and a pack's budget.

    `grouped` is the plan of one epoch in groups of like length; `against_packs` is the family's reason, if
    it has one, why its model must not be given packs.
    """
    if against_packs:
        return Strategy("grouped", against_packs)
    if has_varlen(attention, device):
        return Strategy("packed", f"{attention} on {device} takes samples of any length")
    limit = int(crossover(flops, grouped))
    square = f"{attention} on {device} computes a pack of {budget:,} tokens as a dense square"
    if budget <= limit:
        return Strategy("packed", f"{square}, no dearer than padding up to {limit:,} tokens")
    return Strategy("grouped", f"{square}, dearer than padding above {limit:,} tokens")
