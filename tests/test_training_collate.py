"""Tests of collate.py and label_head.py: packs equal samples alone, leaks are seen, damaged rows are told."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipe_fixture import load_recipe
from torch import Tensor
from training_processors import row

from spinemed.errors import ConfigError
from spinemed.training.collate import REFUSED, PackingCollator, PaddingCollator
from spinemed.training.label_head import summed_loss
from spinemed.training.sample import IGNORED, EncodedSample, SampleEncoder
from spinemed.training.undecoded import NumberedRows

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*SwigPy.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning"),
    pytest.mark.xdist_group("training"),
]
FAMILIES = ("qwen2_5_vl", "qwen3_vl", "idefics3", "llava", "gemma3")
PACKED = FAMILIES[:-1]
QWEN = FAMILIES[:2]
LOSS, COSINE = 1e-6, 0.99999
Batch = dict[str, Any]


@cache
def parts(family: str) -> tuple[Any, Any, SampleEncoder]:
    """Return a tiny model in float32 whose attention is not even, its processor and an encoder."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, processor = load_recipe("tiny/build.py").FAMILIES[family]()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight", "qkv.weight")):
                weight.mul_(20)  # as it is initialised a model looks at all tokens alike
            elif name.endswith(("q_norm.weight", "k_norm.weight")):
                weight.add_(3)
    return model.train(), processor, SampleEncoder(processor)


def rows(number: int = 5, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows with 1, 0, 2, 1, 3, ... pictures of several shapes."""
    random = np.random.default_rng(seed)
    shown = [1, 0, 2, 1, 3] * number
    kinds = ("grey", "coloured", "jpeg")
    made = []
    for place in range(number):
        sizes = [
            (int(random.integers(30, 120)), int(random.integers(30, 120)), kinds[place % 3])
            for _ in range(shown[place])
        ]
        made.append({**row(random, sizes, turns=1 + place % 2), "row": place})
    return made


def given(family: str, batch: Batch) -> Batch:
    """Return a batch as the model takes it."""
    return parts(family)[2].family.finish(batch)


def loss_and_gradient(family: str, batches: Sequence[Batch], **more: Any) -> tuple[float, Tensor]:
    """Return the summed loss of batches and its gradient over all weights, both in float64."""
    model = parts(family)[0]
    model.zero_grad()
    total = 0.0
    for batch in batches:
        labels = batch["labels"]
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        logits = model(**inputs, **{"use_cache": False, **more}).logits
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="none"
        ).double()
        loss.sum().backward()
        total += float(loss.detach().sum())
    grads = [weight.grad for weight in model.parameters() if weight.grad is not None]
    return total, torch.cat([grad.flatten().double() for grad in grads])


def apart(family: str, batch: Batch, **more: Any) -> tuple[float, float]:
    """Return how far a pack of `rows()` is from its samples alone: relative loss, one less cosine."""
    collator = PaddingCollator(parts(family)[2])
    alone = [given(family, collator([one])) for one in rows()]
    loss, gradient = loss_and_gradient(family, alone)
    packed, other = loss_and_gradient(family, [given(family, batch)], **more)
    cosine = torch.nn.functional.cosine_similarity(gradient, other, dim=0)
    return abs(packed - loss) / loss, 1 - float(cosine)


def pack(family: str) -> Batch:
    """Return `rows()` as one pack, of any family."""
    encoder = copy(parts(family)[2])
    encoder.family = copy(encoder.family)
    encoder.family.against_packs = ""
    return PackingCollator(encoder)([rows()])


@pytest.mark.parametrize("family", PACKED)
def test_a_pack_is_its_samples_alone(family: str) -> None:
    loss, cosine = apart(family, pack(family))
    assert loss <= LOSS and cosine <= 1 - COSINE


def without_the_row_of_samples(batch: Batch) -> None:
    """Leave the three rows of M-RoPE."""
    batch["position_ids"] = batch["position_ids"][1:]


def counted_through(batch: Batch) -> None:
    """Let positions count through the whole pack."""
    batch["position_ids"] = torch.arange(batch["input_ids"].shape[1])[None]


def with_a_mask(batch: Batch) -> None:
    """Add the attention mask of a batch without padding."""
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])


def with_a_cache(batch: Batch) -> None:
    """Ask for a cache, as the models' own configs do."""
    batch["use_cache"] = True


LEAKS: list[tuple[str, Callable[[Batch], None]]] = [
    *((family, without_the_row_of_samples) for family in QWEN),
    *((family, counted_through) for family in ("llava", "idefics3")),
    *((family, with_a_mask) for family in PACKED),
    *((family, with_a_cache) for family in PACKED),
]


@pytest.mark.parametrize(("family", "leak"), LEAKS, ids=lambda one: getattr(one, "__name__", one))
def test_samples_that_see_each_other_are_found_out(family: str, leak: Callable[[Batch], None]) -> None:
    batch = pack(family)
    leak(batch)
    cache_too = batch.pop("use_cache", False)
    loss, cosine = apart(family, batch, use_cache=cache_too)
    assert loss > 100 * LOSS and cosine > 100 * (1 - COSINE)


def test_gemma_3_is_not_packed_because_its_pictures_are_lost() -> None:
    family = "gemma3"
    loss, cosine = apart(family, pack(family))
    assert loss > 10 * LOSS and cosine > 10 * (1 - COSINE), "transformers mended it: allow packs"
    with pytest.raises(ConfigError, match=r"gemma3 cannot be packed: in sliding layers.*packing_mode"):
        PackingCollator(parts(family)[2])


@pytest.mark.parametrize("family", PACKED)
def test_a_pack_has_no_mask_and_every_sample_its_own_positions(family: str) -> None:
    encoder = parts(family)[2]
    batch = pack(family)
    samples = [encoder.encode(0, one) for one in rows()]
    sizes = [len(one.ids) for one in samples if isinstance(one, EncodedSample)]
    starts = np.cumsum([0, *sizes[:-1]])
    depth = 4 if family in QWEN else 1
    assert batch["input_ids"].shape == batch["labels"].shape == (1, sum(sizes))
    assert batch["position_ids"].shape == ((4, 1, sum(sizes)) if depth == 4 else (1, sum(sizes)))
    counted = batch["position_ids"].reshape(depth, -1)
    assert (counted[:, starts] == 0).all() and (batch["labels"][0, starts] == IGNORED).all()
    assert torch.equal(counted[0], torch.cat([torch.arange(size) for size in sizes]))
    assert "attention_mask" not in batch and REFUSED not in batch and "use_cache" not in batch
    assert batch["pixel_values"].dtype == torch.uint8


def of_trl(family: str, given_rows: Sequence[dict[str, Any]]) -> Batch:
    """Return what TRL's own collator makes of a batch of rows."""
    from datasets import Image as ImageFeature
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    _, processor, encoder = parts(family)
    collator = DataCollatorForVisionLanguageModeling(
        processor, max_length=None, assistant_only_loss=True, chat_template=encoder.template
    )
    examples = [
        {
            "messages": one["messages"],
            "images": [ImageFeature().decode_example(dict(record)) for record in one["images"]],
        }
        for one in given_rows
    ]
    return dict(collator(examples))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shown", ["pictures", "some without", "text alone"])
def test_a_padded_batch_is_that_of_trl(family: str, shown: str) -> None:
    made = rows()
    chosen = {"pictures": [made[0], made[2], made[4]], "some without": made, "text alone": [made[1]] * 2}
    theirs = of_trl(family, chosen[shown])
    ours = given(family, PaddingCollator(parts(family)[2])(chosen[shown]))
    if family == "idefics3" and "pixel_values" in theirs:  # theirs has a row of frames a sample, padded by 0
        real = theirs["pixel_attention_mask"].flatten(0, 1).flatten(1).any(1)
        theirs |= {name: theirs[name].flatten(0, 1)[real][None] for name in theirs if "pixel" in name}
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert torch.equal(ours[name].to(tensor.dtype), tensor), name
        assert ours[name].is_floating_point() == tensor.is_floating_point()


def broken(place: int) -> dict[str, Any]:
    """Return a row whose picture's header is whole and whose pixels are cut off."""
    made = row(np.random.default_rng(9), [(60, 60, "grey")])
    data = made["images"][0]["bytes"]
    return {**made, "images": [{"bytes": data[: len(data) // 2], "path": None}], "row": place}


@pytest.mark.parametrize("kind", [PackingCollator, PaddingCollator])
def test_a_damaged_row_is_left_out_and_told(kind: Any) -> None:
    collator = kind(parts("qwen2_5_vl")[2])
    whole = rows(3)
    batch = collator([[whole[0], broken(7), whole[1], whole[2]]])
    (refused,) = batch.pop(REFUSED)
    assert refused.row == 7 and "cannot be decoded" in refused.reason
    expected = collator([whole])
    assert batch.keys() == expected.keys()
    assert all(torch.equal(batch[name], expected[name]) for name in batch)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_with_nothing_left_has_neither_loss_nor_gradient(family: str) -> None:
    kind = PaddingCollator if family == "gemma3" else PackingCollator
    batch = kind(parts(family)[2])([[broken(3)]])
    assert [one.row for one in batch.pop(REFUSED)] == [3]
    assert batch["input_ids"].shape == (1, 1) and (batch["labels"] == IGNORED).all()
    model = parts(family)[0]
    model.zero_grad()
    loss = summed_loss(model, given(family, batch))
    loss.backward()
    grads = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert float(loss.detach()) == 0 and grads and all(float(grad.abs().max()) == 0 for grad in grads)


@pytest.mark.parametrize("family", PACKED)
def test_a_pack_of_text_alone_has_no_pixels_and_its_loss_is_that_of_its_samples(family: str) -> None:
    made = [{**row(np.random.default_rng(seed), []), "row": seed} for seed in range(3)]
    encoder = parts(family)[2]
    batch = PackingCollator(encoder)([made])
    assert not [name for name in batch if "pixel" in name or "grid" in name]
    alone = [given(family, PaddingCollator(encoder)([one])) for one in made]
    packed = loss_and_gradient(family, [given(family, batch)])[0]
    assert packed == pytest.approx(loss_and_gradient(family, alone)[0], rel=LOSS)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_at_labels_is_that_of_all_positions(family: str) -> None:
    model, _, encoder = parts(family)
    batch = given(family, PaddingCollator(encoder)(rows()))
    with torch.no_grad():
        found = float(summed_loss(model, batch))
    assert found == pytest.approx(loss_and_gradient(family, [batch])[0], rel=1e-5)


@pytest.mark.parametrize("kind", [PackingCollator, PaddingCollator])
def test_a_collator_goes_to_workers(kind: Any) -> None:
    collator = kind(parts("llava")[2])
    copied, expected = pickle.loads(pickle.dumps(collator))([rows()]), collator([rows()])
    assert all(torch.equal(copied[name], expected[name]) for name in expected)


def test_rows_know_their_numbers() -> None:
    numbered = NumberedRows(rows(4))
    assert numbered[2]["row"] == 2 and [one["row"] for one in numbered[1:3]] == [1, 2]
    assert [one["row"] for one in numbered.__getitems__([3, 0])] == [3, 0]
    assert len(numbered) == 4
