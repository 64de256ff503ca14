"""Tests of training/varlen: a pack by sample equals its samples alone, values and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from spinemed.errors import ConfigError
from spinemed.training.strategy import VARLEN
from spinemed.training.varlen import attend, attend_by_sample, edges_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.xdist_group("training"),
]
TEXT = {
    "vocab_size": 60,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def llama() -> Any:
    return LlamaForCausalLM(LlamaConfig(**TEXT))


def qwen() -> Any:
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4}
    vision = {
        "depth": 1, "hidden_size": 32, "num_heads": 2, "intermediate_size": 32, "out_hidden_size": 64,
        "fullatt_block_indexes": [0],
    }  # fmt: skip
    config = Qwen2_5_VLConfig(text_config={**TEXT, "rope_parameters": rope}, vision_config=vision)
    return Qwen2_5_VLForConditionalGeneration(config)


def positions(lengths: list[int], rows: int) -> torch.Tensor:
    counted = torch.cat([torch.arange(length) for length in lengths])[None]
    return counted if rows == 1 else counted.expand(rows, 1, -1).contiguous()


@pytest.mark.parametrize(("kind", "rows"), [(llama, 1), (qwen, 4)])
def test_a_pack_equals_its_samples_alone(kind: Any, rows: int) -> None:
    torch.manual_seed(0)
    model = kind().eval()
    lengths = [5, 1, 9]
    ids = torch.randint(5, 60, (1, sum(lengths)))
    want = [model(input_ids=part, use_cache=False).logits for part in ids.split(lengths, dim=1)]
    torch.cat(want, dim=1).square().sum().backward()
    grads = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    model.zero_grad()
    attend_by_sample(model)
    assert model.config.get_text_config()._attn_implementation == VARLEN
    places = positions(lengths, rows)
    found = model(input_ids=ids, position_ids=places, use_cache=False).logits
    torch.testing.assert_close(found, torch.cat(want, dim=1), rtol=1e-4, atol=1e-5)
    found.square().sum().backward()
    for name, one in model.named_parameters():
        if name in grads:
            torch.testing.assert_close(one.grad, grads[name], rtol=1e-3, atol=1e-5)
    leaking = model(input_ids=ids, use_cache=False).logits
    assert float((leaking - found).detach().abs().max()) > 1e-3, "positions make the difference"


def test_padding_is_refused_and_full_rows_are_not() -> None:
    torch.manual_seed(0)
    model = llama().eval()
    ids = torch.randint(5, 60, (2, 6))
    want = model(input_ids=ids, use_cache=False).logits
    attend_by_sample(model)
    whole = torch.ones_like(ids)
    found = model(input_ids=ids, attention_mask=whole, use_cache=False).logits
    torch.testing.assert_close(found, want, rtol=1e-4, atol=1e-5)
    whole[0, 4:] = 0
    with pytest.raises(ConfigError, match="no padding"):
        model(input_ids=ids, attention_mask=whole, use_cache=False)
    with pytest.raises(ConfigError, match="cache"):
        attend(None, torch.zeros(1, 2, 1, 8), torch.zeros(1, 2, 3, 8), torch.zeros(1, 2, 3, 8), None)


def test_rows_begin_samples_too() -> None:
    edges, longest, lengths = edges_of(torch.tensor([[3, 4, 0], [0, 1, 2]]))
    assert (edges.tolist(), longest, lengths) == ([0, 2, 3, 6], 3, [2, 1, 3])
