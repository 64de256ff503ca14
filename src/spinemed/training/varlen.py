"""Attention over packs by torch's own kernel for samples of varying length; no flash-attn build is needed.

    attend_by_sample(model)

The language half then looks at each sample of a pack alone, found where its positions start again at 0, and
no dense mask is made. On CUDA (torch 2.10 or later, half precision) one call of `torch.nn.attention.varlen`
does all samples; elsewhere each sample is one call of scaled_dot_product_attention. Rows with padding are
refused.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface

from spinemed.errors import ConfigError
from spinemed.training.strategy import VARLEN

_HALF = (torch.bfloat16, torch.float16)


class Samples:
    """Where the samples of a flattened batch begin and end: `edges` int32 (samples + 1,), `longest`.

    The last answer is kept, since every layer of a step asks about the same positions.
    """

    def __init__(self) -> None:
        self._asked: Tensor | None = None
        self._found: tuple[Tensor, int, list[int]] | None = None

    def of(self, positions: Tensor) -> tuple[Tensor, int, list[int]]:
        """Return edges, the longest sample and all lengths for positions (batch, length)."""
        if self._found is None or positions is not self._asked:
            self._asked, self._found = positions, edges_of(positions)
        return self._found


def edges_of(positions: Tensor) -> tuple[Tensor, int, list[int]]:
    """Return where samples begin and end in positions (batch, length), flattened, and their lengths.

    A sample begins at each 0 and at each row's first token.

    >>> edges_of(torch.tensor([[0, 1, 2, 0, 1]]))[0].tolist()
    [0, 3, 5]
    """
    begins = positions == 0
    begins[:, 0] = True
    places = begins.flatten().nonzero().flatten().to(torch.int32)
    end = torch.tensor([positions.numel()], dtype=torch.int32, device=positions.device)
    edges = torch.cat([places, end])
    lengths = edges.diff().tolist()
    return edges, max(lengths), lengths


_SAMPLES = Samples()


def attend(
    module: Any,  # noqa: ARG001
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    position_ids: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Return causal attention (batch, length, head, width) for inputs (batch, head, length, width).

    Without `position_ids` each row is one sample. ConfigError for a mask, dropout, or cached keys.
    """
    if attention_mask is not None or dropout or query.shape[2] != key.shape[2]:
        raise ConfigError(
            f"{VARLEN} is for packs: no padding, dropout or cache; use sdpa for padded rows and generation"
        )
    batch, heads, length, width = query.shape
    if position_ids is None or position_ids.shape != (batch, length):
        position_ids = torch.arange(length, device=query.device).repeat(batch, 1)
    edges, longest, lengths = _SAMPLES.of(position_ids)
    flat = [one.transpose(1, 2).flatten(0, 1) for one in (query, key, value)]  # [token, head, width]
    scale = width**-0.5 if scaling is None else scaling
    if query.is_cuda and query.dtype in _HALF:
        found = _by_kernel(flat, edges, longest, scale)
    else:
        found = _one_by_one(flat, lengths, scale)
    return found.view(batch, length, heads, width), None


def _by_kernel(flat: list[Tensor], edges: Tensor, longest: int, scale: float) -> Tensor:
    """Return attention of all samples in one call; older torch knows neither scale nor grouped heads."""
    from torch.nn.attention.varlen import varlen_attn

    query, key, value = flat
    known = inspect.signature(varlen_attn).parameters
    options: dict[str, Any] = {}
    if "window_size" in known:
        options["window_size"] = (-1, 0)
    else:
        options["is_causal"] = True
    if "scale" in known:
        options["scale"] = scale
    else:
        query = query * (scale * query.shape[-1] ** 0.5)
    if query.shape[1] != key.shape[1]:
        if "enable_gqa" in known:
            options["enable_gqa"] = True
        else:
            times = query.shape[1] // key.shape[1]
            key, value = (one.repeat_interleave(times, dim=1) for one in (key, value))
    found = varlen_attn(
        query, key.contiguous(), value.contiguous(), edges, edges, longest, longest, **options
    )
    return found if isinstance(found, Tensor) else found[0]


def _one_by_one(flat: list[Tensor], lengths: list[int], scale: float) -> Tensor:
    """Return attention sample by sample."""
    grouped = flat[0].shape[1] != flat[1].shape[1]
    found = []
    for query, key, value in zip(*(torch.split(one, lengths) for one in flat), strict=True):
        seen = F.scaled_dot_product_attention(
            query.transpose(0, 1)[None],
            key.transpose(0, 1)[None],
            value.transpose(0, 1)[None],
            is_causal=True,
            scale=scale,
            enable_gqa=grouped,
        )
        found.append(seen[0].transpose(0, 1))
    return torch.cat(found)


def no_mask(attention_mask: Tensor | None = None, **_: Any) -> Tensor | None:
    """Return nothing for rows without padding, else the mask, which `attend` refuses."""
    return None if attention_mask is None or bool(attention_mask.all()) else attention_mask


def attend_by_sample(model: Any) -> None:
    """Let the language half of a model attend by sample; its vision half stays as it is."""
    AttentionInterface.register(VARLEN, attend)
    AttentionMaskInterface.register(VARLEN, no_mask)
    parts = getattr(model.config, "sub_configs", {})
    model.set_attn_implementation({"text_config": VARLEN} if "text_config" in parts else VARLEN)
