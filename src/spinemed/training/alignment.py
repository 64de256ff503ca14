"""Alignment before fine-tuning: the image tokens learn to spell the level that the red ring marks.

Question and answer alone left a fresh projector on a plateau at chance for minutes. Here every row of
image tokens gets a target that the language model reads as it reads text: the input embeddings of the
level's own word pieces (" L", "4", line end, ...). Beside it, the vision features learn where the ring is
and which level lies under it, which breaks the plateau. The language model takes no part, so a step costs
a small share of a fine-tuning step. Levels and ring places come from the training rows alone.
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
RING_WEIGHT = 4.0
FRESH_RATE = 10.0
"""Fresh weights (projector, read-out) learn this many times faster than the pretrained tower."""
LINE_END = "\n"


class Spelling:
    """How levels are spelt in a grid of image tokens: each row holds a level's word pieces, then line ends.

    `pieces` are the token ids in use; `targets` indexes them, (level, image token).

    Raises ConfigError where a row of the grid is shorter than a level's name.
    """

    def __init__(self, tokenizer: Any, levels: Sequence[str], grid: tuple[int, int]) -> None:
        rows, columns = grid
        end = tokenizer(LINE_END, add_special_tokens=False)["input_ids"][-1]
        words = [tokenizer(f" {level}", add_special_tokens=False)["input_ids"] for level in levels]
        longest = max(map(len, words))
        if longest > columns:
            raise ConfigError(
                f"a level takes {longest} tokens, but a row of the picture only {columns}; "
                "take wider pictures or set alignment_steps: 0"
            )
        lines = torch.tensor([word + [end] * (columns - len(word)) for word in words])
        self.pieces, places = torch.unique(lines, return_inverse=True)
        self.targets = places.repeat(1, rows)


class Speller(nn.Module):
    """A model's image side, with the embeddings of word pieces that its image tokens shall equal."""

    pieces: Tensor
    targets: Tensor

    def __init__(self, model: Any, parts: Sequence[str], spelling: Spelling) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({part.replace(".", "_"): trained_copy(model, part) for part in parts})
        self._model = (model,)  # a tuple keeps the whole model out of this module's weights
        table = model.get_input_embeddings().weight.detach().float()
        self.register_buffer("pieces", table[spelling.pieces].clone())  # [piece, embedding]
        self.register_buffer("targets", spelling.targets)
        width = model.config.vision_config.hidden_size
        self.look = nn.Linear(width, 1 + len(spelling.targets))  # where the ring is, which level lies there
        self.gain = nn.Parameter(torch.tensor(10.0))

    def forward(self, pixel_values: Tensor, marked: Tensor, level: Tensor) -> dict[str, Tensor]:
        """Return the loss for a batch, and in `hits` whether the level looked up under the ring is right.

        `marked` is the share of the ring's disc over each image token, (batch, token); `level` is the index
        of the marked level, (batch,).
        """
        features, tokens = image_side(self._model[0], pixel_values)
        spelt = self.spelling_loss(tokens, self.targets[level])
        seen = self.look(features)
        ring = F.binary_cross_entropy_with_logits(seen[..., 0], marked, reduction="none")
        ring = (ring * (1 + (POSITIVE_WEIGHT - 1) * marked)).mean()
        attention = torch.softmax(ATTENTION_SHARPNESS * seen[..., 0], dim=1)
        read = torch.einsum("bt,btn->bn", attention, seen[..., 1:])
        loss = spelt + RING_WEIGHT * ring + READ_WEIGHT * F.cross_entropy(read, level)
        return {"loss": loss, "hits": read.argmax(-1) == level}

    def spelling_loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return how far image tokens are from the word pieces they shall equal."""
        centre = self.pieces.mean(0)
        directions = F.normalize(self.pieces - centre, dim=-1)
        scores = self.gain * F.normalize(tokens - centre, dim=-1) @ directions.T
        wanted = self.pieces[targets]
        apart = (tokens - wanted).square().sum(-1).mean() / wanted.square().sum(-1).mean()
        return F.cross_entropy(scores.flatten(0, 1), targets.flatten()) + apart


def image_side(model: Any, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the vision features and what the language model sees, both (batch, image token, width)."""
    seen = model.get_image_features(pixel_values=pixel_values)
    tokens = seen.pooler_output
    tokens = torch.stack(tuple(tokens)) if isinstance(tokens, (list, tuple)) else tokens
    features = seen.last_hidden_state
    return features[:, -tokens.shape[1] :].float(), tokens.float()


def trained_copy(model: Any, part: str) -> Any:
    """Return the copy of a module that PEFT trains and saves; raise ConfigError where it keeps none."""
    wrapper = model.get_submodule(part)
    copies = getattr(wrapper, "modules_to_save", None)
    if copies is None:
        raise ConfigError(f"alignment trains {part}, so lora_modules_to_save must name its last part")
    return copies["default"]


def disc_cover(
    column: float, row: float, radius: float, size: tuple[int, int], grid: tuple[int, int]
) -> Tensor:
    """Return how much of a disc lies over each cell of a grid, the fullest cell 1, flattened row by row.

    `size` is the picture's (height, width) in pixels, `grid` the number of (rows, columns) of cells.

    >>> disc_cover(7.5, 7.5, 3.0, (16, 16), (1, 2)).tolist()
    [1.0, 1.0]
    """
    rows, columns = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    disc = ((rows - row).square() + (columns - column).square() <= radius**2).float()
    cells = F.adaptive_avg_pool2d(disc[None, None], grid).flatten()
    return cells / cells.max().clamp(min=1e-6)


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
    picture = marked[0]["images"][0].convert("RGB")
    sample = processor.image_processor([picture], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        tokens = image_side(base, sample.to(base.dtype))[1].shape[1]
    speller = Speller(base, parts, Spelling(processor.tokenizer, levels, token_grid(sample, tokens)))
    for part in speller.parts.values():
        part.float().requires_grad_(True)
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
        optimizers=(optimizer(speller, arguments), None),
    )
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    return list(trainer.state.log_history)


def optimizer(speller: Speller, arguments: TrainingArguments) -> torch.optim.Optimizer:
    """Return AdamW with a higher rate for fresh weights: all but the parts whose name holds `vision`."""
    pretrained = {
        id(weight) for name, part in speller.parts.items() if "vision" in name for weight in part.parameters()
    }
    trained = [weight for weight in speller.parameters() if weight.requires_grad]
    slow = [weight for weight in trained if id(weight) in pretrained]
    fast = [weight for weight in trained if id(weight) not in pretrained]
    rate = arguments.learning_rate
    groups = [{"params": slow, "lr": rate}, {"params": fast, "lr": rate * FRESH_RATE}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], weight_decay=0.05, betas=(0.9, 0.98)
    )
