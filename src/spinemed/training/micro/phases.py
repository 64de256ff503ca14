"""The three phases: vision on exact masks, language on repeated tokens and text, then both together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spinemed.training.families import Family
from spinemed.training.micro.items import Items, chosen, padded
from spinemed.training.micro.model import GRID
from spinemed.training.micro.steps import Budget, Point, batches, mean, train
from spinemed.training.sample import IGNORED

BATCH: Final = 32
TEXTS: Final = 64
RATES: Final = {"vision": 1e-3, "induction": 2e-3, "choice": 1.5e-3, "sft": 2e-3}
POSITIVE_WEIGHT: Final = 5.0
IS_SHOWN: Final = 0.2
"""A patch counts as positive from this share on."""
MASK_WEIGHT, LEVEL_WEIGHT = 4.0, 0.5
SHARPNESS: Final = 2.0
INDUCTION_SHARE: Final = 0.65
"""Share of the language phase that goes to random sequences; the rest to questions without pictures."""
SHORTEST, LONGEST = 8, 16
"""Random tokens in a sequence before it comes again."""


class Reader(nn.Module):
    """Read-out of the vision phase: levels and ring of every patch, and the level under the ring."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        self.shown = nn.Linear(width, levels + 1)
        self.level = nn.Linear(width, levels)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (item, patch, level + 1) and (item, level) for features (item, patch, width)."""
        shown = self.shown(features)
        attention = torch.softmax(SHARPNESS * shown[..., -1], dim=1)
        return shown, self.level(torch.einsum("bp,bpw->bw", attention, features))


def pixel_values(items: Items, family: Family) -> Tensor:
    """Return the model's pixels, float32 (item, 1, channel, row, column)."""
    found: Tensor = family.finish({"pixel_values": items.pixels})["pixel_values"]
    return found


def features_of(model: Any, items: Items, family: Family) -> Tensor:
    """Return what the vision half makes of pictures, (item, patch, width)."""
    pixels = pixel_values(items, family)[:, 0]
    whole = torch.ones(len(pixels), *GRID, dtype=torch.bool)
    found: Tensor = model.model.vision_model(
        pixel_values=pixels, patch_attention_mask=whole
    ).last_hidden_state
    return found


def vision_loss(reader: Reader, features: Tensor, items: Items) -> Tensor:
    """Return the binary cross-entropy of patches, the shown ones five times, and that of the marked level."""
    shown, level = reader(features)
    cover = items.cover.float() / 255
    weight = 1 + (POSITIVE_WEIGHT - 1) * (cover > IS_SHOWN).float()
    masks = (F.binary_cross_entropy_with_logits(shown, cover, reduction="none") * weight).mean()
    return MASK_WEIGHT * masks + LEVEL_WEIGHT * F.cross_entropy(level, items.level)


def warm_vision(
    model: Any, family: Family, taught: Items, held: Items, budget: Budget, rng: np.random.Generator
) -> list[Point]:
    """Teach the vision half on masks; the curve holds the share of held-out levels that are read out."""
    reader = Reader(model.config.vision_config.hidden_size, taught.cover.shape[-1] - 1)
    drawn = batches(len(taught), BATCH, rng)

    def loss_of(_: float) -> Tensor:
        batch = chosen(taught, next(drawn))
        return vision_loss(reader, features_of(model, batch, family), batch)

    def measure() -> dict[str, float]:
        with torch.no_grad():
            hits = [
                (reader(features_of(model, part, family))[1].argmax(-1) == part.level).float().tolist()
                for part in parts(held)
            ]
        return {"level_read": mean([hit for some in hits for hit in some])}

    return train("vision", [model.model.vision_model, reader], loss_of, budget, RATES["vision"], measure)


def parts(items: Items, size: int = 64) -> Iterator[Items]:
    """Return items in order, so many at a time."""
    for start in range(0, len(items), size):
        yield chosen(items, range(start, min(start + size, len(items))))


def warm_language(
    model: Any, tokenizer: Any, taught: Items, budget: Budget, rng: np.random.Generator
) -> list[Point]:
    """Teach the language half without pictures: first to copy what came before, then to answer choices.

    In half of the random sequences tokens come again in their order, in the other half a token asks for the
    one before it, as a level asks for the letter of its option. In the questions one of the image tokens,
    drawn anew each time, is the marked level's word.
    """
    ordinary = [number for number in range(len(tokenizer)) if number not in tokenizer.all_special_ids]
    questions = _spelt(taught, model.config.image_token_id)
    first, second = _shares(budget)
    drawn = batches(len(questions), min(TEXTS, len(questions)), rng)
    language = [model.model.text_model, model.lm_head]

    def copying(_: float) -> Tensor:
        return next_token_loss(model, *repeated(np.array(ordinary), TEXTS, rng))

    def answering(_: float) -> Tensor:
        ids, labels, seen = _text_batch([questions[place] for place in next(drawn)], tokenizer, rng)
        return next_token_loss(model, ids, labels, seen)

    curve = train("induction", language, copying, first, RATES["induction"])
    return curve + train("choice", language, answering, second, RATES["choice"])


def _shares(budget: Budget) -> tuple[Budget, Budget]:
    """Return the budgets of random sequences and of questions."""
    steps = None if budget.steps is None else round(INDUCTION_SHARE * budget.steps)
    rest = None if budget.steps is None or steps is None else budget.steps - steps
    return (
        Budget(INDUCTION_SHARE * budget.minutes, steps),
        Budget((1 - INDUCTION_SHARE) * budget.minutes, rest),
    )


def repeated(words: np.ndarray[Any, Any], count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return ids and labels (count, position) of sequences whose second half follows from the first.

    Even rows repeat their tokens; odd rows are pairs "letter level", and then levels that ask for letters.
    """
    length = 2 * int(rng.integers(SHORTEST // 2, LONGEST // 2))
    drawn = np.stack([rng.choice(words, length, replace=len(words) < length) for _ in range(count)])
    again = drawn.copy()
    pairs = drawn[1::2].reshape(-1, length // 2, 2)
    order = rng.permutation(length // 2)
    again[1::2] = pairs[:, order, ::-1].reshape(-1, length)
    ids = torch.from_numpy(np.concatenate([drawn, again], axis=1).astype(np.int64))
    labels = ids.clone()
    labels[:, : length + 1] = IGNORED  # the first of the second half follows from nothing
    labels[1::2, length::2] = IGNORED  # nor does a level that asks
    return ids, labels


def next_token_loss(model: Any, ids: Tensor, labels: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the mean cross-entropy over labels, (sequence, position), of the language half alone."""
    hidden = model.model.text_model(input_ids=ids, attention_mask=seen).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    asked = wanted != IGNORED
    return F.cross_entropy(model.lm_head(hidden[asked]), wanted[asked])


def _spelt(items: Items, image_token: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return ids, labels and the places of image tokens of every item."""
    return [
        (ids, labels, (ids == image_token).nonzero().flatten())
        for ids, labels in zip(items.ids, items.labels, strict=True)
    ]


def _text_batch(
    questions: list[tuple[Tensor, Tensor, Tensor]], tokenizer: Any, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, labels and mask of questions in which an image token is the level's word."""
    written = []
    for ids, labels, places in questions:
        ids = ids.clone()
        ids[places[int(rng.integers(len(places)))]] = labels[labels != IGNORED][0]
        written.append(ids)
    return padded(written, [labels for _, labels, _ in questions], tokenizer.pad_token_id)


def fine_tune(
    model: Any,
    family: Family,
    tokenizer: Any,
    taught: Items,
    held: Items,
    budget: Budget,
    rng: np.random.Generator,
) -> list[Point]:
    """Teach the whole model pictures, questions and replies; the curve holds shares of held-out replies."""
    drawn = batches(len(taught), BATCH, rng)

    def loss_of(_: float) -> Tensor:
        batch = chosen(taught, next(drawn))
        ids, labels, seen = padded(batch.ids, batch.labels, tokenizer.pad_token_id)
        logits = model(
            input_ids=ids, attention_mask=seen, pixel_values=pixel_values(batch, family), use_cache=False
        ).logits[:, :-1]
        wanted = labels[:, 1:]
        asked = wanted != IGNORED
        return F.cross_entropy(logits[asked], wanted[asked])

    return train("sft", [model], loss_of, budget, RATES["sft"], lambda: said(model, family, tokenizer, held))


@torch.no_grad()
def said(model: Any, family: Family, tokenizer: Any, held: Items) -> dict[str, float]:
    """Return the share of right replies, written freely: levels of both forms, letters of choices."""
    found: dict[str, list[float]] = {"level_open": [], "level_choice": [], "letter": []}
    for part in parts(held):
        ids, labels, seen = padded(part.ids, part.labels, tokenizer.pad_token_id)
        pixels = pixel_values(part, family)
        rows = torch.arange(len(ids))
        start = (labels != IGNORED).float().argmax(1)  # the place of the level
        is_choice = (labels != IGNORED).sum(1) == 3  # level, letter, end
        replies = []
        for later in range(2):
            logits = model(input_ids=ids, attention_mask=seen, pixel_values=pixels, use_cache=False).logits
            word = logits[rows, start + later - 1].argmax(-1)
            replies.append(word == labels[rows, start + later])
            ids[rows, start + later] = word
        found["level_open"] += replies[0][~is_choice].float().tolist()
        found["level_choice"] += replies[0][is_choice].float().tolist()
        found["letter"] += replies[1][is_choice].float().tolist()
    return {name: mean(values) for name, values in found.items()}
