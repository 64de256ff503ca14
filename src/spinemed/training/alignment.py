"""Alignment before fine-tuning: image tokens under the red ring learn to spell the level that the ring marks.

Question and answer alone left a fresh projector on a plateau at chance for minutes. Here vision tower and
projector get a target at every image token: near the ring the input embedding of the level's name (" L4") and
of " marked", elsewhere neither. The language model takes no part, so a step costs a small share of a
fine-tuning step. Levels and ring places come from the training rows alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import Trainer, TrainerState, TrainingArguments

from spinemed.errors import ConfigError
from spinemed.training.folder import STATE, last_checkpoint

POSITIVE_WEIGHT = 5.0
ATTENTION_SHARPNESS = 2.0
READ_WEIGHT = 0.5
SPELL_WEIGHT = 4.0
NORM_WEIGHT = 0.05


class Speller(nn.Module):
    """A model's image side, with fixed vectors of level names to read its image tokens by."""

    def __init__(self, model: Any, parts: Sequence[str], names: Tensor, norm: float) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({part.replace(".", "_"): trained_copy(model, part) for part in parts})
        self._model = (model,)  # a tuple keeps the whole model out of this module's weights
        self.register_buffer("names", names)  # [level..., marked][embedding], unit length
        self.norm = norm
        self.gain = nn.Parameter(torch.full((len(names),), 3.0))
        self.offset = nn.Parameter(torch.full((len(names),), -3.0))

    def forward(self, pixel_values: Tensor, marked: Tensor, level: Tensor) -> dict[str, Tensor]:
        """Return the loss for a batch.

        `marked` is the share of the ring's disc over each image token, (batch, token); `level` is the index
        of the marked level, (batch,). `hits` is whether the level read off the most marked tokens is right.
        """
        tokens = image_tokens(self._model[0], pixel_values).float()
        scores = tokens @ self.names.T * self.gain + self.offset  # [batch, token, name]
        covered = (marked > 0.1).float()
        spelt = F.one_hot(level, len(self.names) - 1).float()[:, None] * covered[..., None]
        target = torch.cat([spelt, covered[..., None]], dim=-1)
        weight = 1 + (POSITIVE_WEIGHT - 1) * target
        spelling = (F.binary_cross_entropy_with_logits(scores, target, reduction="none") * weight).mean()
        attention = torch.softmax(ATTENTION_SHARPNESS * scores[..., -1], dim=1)
        read = torch.einsum("bt,btn->bn", attention, scores[..., :-1])
        norm = (tokens.norm(dim=-1) / self.norm - 1).square().mean()
        loss = SPELL_WEIGHT * spelling + READ_WEIGHT * F.cross_entropy(read, level) + NORM_WEIGHT * norm
        return {"loss": loss, "hits": read.argmax(-1) == level}


def image_tokens(model: Any, pixel_values: Tensor) -> Tensor:
    """Return what the language model sees of each picture, (batch, token, embedding)."""
    features = model.get_image_features(pixel_values=pixel_values).pooler_output
    return torch.stack(tuple(features)) if isinstance(features, (list, tuple)) else features


def trained_copy(model: Any, part: str) -> Any:
    """Return the copy of a module that PEFT trains and saves; raise ConfigError where it keeps none."""
    wrapper = model.get_submodule(part)
    copies = getattr(wrapper, "modules_to_save", None)
    if copies is None:
        raise ConfigError(f"alignment trains {part}, so lora_modules_to_save must name its last part")
    return copies["default"]


def name_vectors(model: Any, tokenizer: Any, levels: Sequence[str]) -> tuple[Tensor, float]:
    """Return unit vectors for levels and for " marked", (levels + 1, embedding), and a token's usual length.

    A name's vector is the sum of its tokens' input embeddings, less what all names share.
    """
    table = model.get_input_embeddings().weight.detach().float()

    def spell(word: str) -> Tensor:
        return table[tokenizer(f" {word}", add_special_tokens=False)["input_ids"]].sum(0)

    names = torch.stack([spell(level) for level in levels])
    marked = spell("marked") - table.mean(0)
    vectors = torch.cat([names - names.mean(0), marked[None]])
    return F.normalize(vectors, dim=-1), float(table.norm(dim=-1).mean())


def disc_cover(
    column: float, row: float, radius: float, size: tuple[int, int], grid: tuple[int, int]
) -> Tensor:
    """Return which share of a disc lies over each cell of a grid on a picture, flattened row by row.

    `size` is the picture's (height, width) in pixels, `grid` the number of (rows, columns) of cells.

    >>> disc_cover(7.5, 7.5, 3.0, (16, 16), (1, 2)).tolist()
    [0.5, 0.5]
    """
    rows, columns = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    disc = ((rows - row).square() + (columns - column).square() <= radius**2).float()
    cells = F.adaptive_avg_pool2d(disc[None, None], grid).flatten()
    return cells / cells.sum().clamp(min=1e-6)


def token_grid(pixels: Tensor, tokens: int) -> tuple[int, int]:
    """Return rows and columns of image tokens for pixel values (..., height, width) cut into square patches.

    >>> token_grid(torch.zeros(3, 224, 56), 64)
    (16, 4)
    """
    height, width = pixels.shape[-2:]
    patch = (height * width / tokens) ** 0.5
    grid = round(height / patch), round(width / patch)
    if grid[0] * grid[1] != tokens:
        raise ConfigError(
            f"{tokens} image tokens do not tile {height} x {width} pixels in squares; set alignment_steps: 0"
        )
    return grid


def collator(
    processor: Any, levels: Sequence[str], tokens: int
) -> Callable[[list[dict[str, Any]]], dict[str, Tensor]]:
    """Return the function that makes a batch for `Speller` from rows with images, marker and level."""
    index = {level: place for place, level in enumerate(levels)}

    def collate(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        pictures = [row["images"][0].convert("RGB") for row in rows]
        pixels = processor.image_processor(pictures, return_tensors="pt")["pixel_values"]
        grid = token_grid(pixels, tokens)
        marked = [
            disc_cover(**row["marker"], size=(picture.height, picture.width), grid=grid)
            for row, picture in zip(rows, pictures, strict=True)
        ]
        level = torch.tensor([index[row["level"]] for row in rows])
        return {"pixel_values": pixels, "marked": torch.stack(marked), "level": level}

    return collate


def align(
    model: Any, processor: Any, rows: Any, parts: Sequence[str], arguments: TrainingArguments
) -> list[Any]:
    """Train `parts` of a PEFT model in place on the rows that show a ring; return the loss log.

    Goes on from the last checkpoint in `arguments.output_dir`; a finished alignment is loaded, not repeated.
    """
    base = model.get_base_model()
    marked = rows.select([place for place, kind in enumerate(rows["kind"]) if kind == "marked_level"])
    if not len(marked):
        raise ConfigError("alignment needs rows of kind marked_level; add the kind or set alignment_steps: 0")
    levels = sorted(set(marked["level"]))
    names, norm = name_vectors(base, processor.tokenizer, levels)
    speller = Speller(base, parts, names, norm)
    for part in speller.parts.values():
        part.float().requires_grad_(True)
    sample = processor.image_processor([marked[0]["images"][0].convert("RGB")], return_tensors="pt")[
        "pixel_values"
    ]
    with torch.no_grad():
        tokens = image_tokens(base, sample).shape[1]
    last = last_checkpoint(Path(arguments.output_dir))
    if last is not None:
        state = TrainerState.load_from_json(str(last / STATE))
        if state.global_step >= arguments.max_steps:  # Trainer would go one step too far
            speller.load_state_dict(load_file(last / "model.safetensors"))
            return list(state.log_history)
    trainer = Trainer(
        model=speller,
        args=arguments,
        train_dataset=marked,
        data_collator=collator(processor, levels, tokens),
    )
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    return list(trainer.state.log_history)
