"""What length planning, collating and positions need to know of a model family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spinemed.errors import ConfigError

Picture = NDArray[np.uint8]  # [row, column] where grey, [row, column, channel] where coloured


@dataclass(frozen=True)
class PictureTokens:
    """What one picture becomes.

    `tokens` counts everything it adds to the text, row and column marks too. `grid` is (1, rows, columns) of
    patches for Qwen, LLaVA and Gemma, and (frames, rows, columns) of frames for Idefics3, whose rows and
    columns are 0 where the picture is not cut. `height` and `width` are pixels after resizing.
    """

    tokens: int
    grid: tuple[int, int, int]
    height: int
    width: int


@dataclass(frozen=True)
class Written:
    """The text that stands for a picture, each run of image tokens cut to one, and the runs' lengths."""

    text: str
    runs: tuple[int, ...]


class Family(Protocol):
    """A model family as training sees it; sizes in pixels, tensors as the stock processor would give them."""

    name: str
    image_token: str
    image_token_id: int
    placeholder: str
    type_input: str | None  # the model's input that is 1 at image tokens and 0 elsewhere, where it has one
    against_packs: str  # why the stock model must not be given packs, "" where packs are exact

    def picture(self, height: int, width: int) -> PictureTokens:
        """Return what a picture of this size becomes; raise SourceError where the family cannot take it."""

    def written(self, picture: PictureTokens) -> Written:
        """Return the text that replaces the placeholder of one picture."""

    def expansion(self, picture: PictureTokens) -> list[int]:
        """Return the token ids of one picture that stands alone."""

    def pixels(self, pictures: Sequence[Picture]) -> dict[str, Tensor]:
        """Return the model's image inputs, pixels as uint8; nothing where there are no pictures."""

    def positions(self, ids: Tensor, pictures: Sequence[PictureTokens]) -> Tensor:
        """Return the positions (rows, length) of one sample, `ids` of shape (length,)."""

    def finish(
        self, batch: Mapping[str, Tensor], device: torch.device | str | None = None
    ) -> dict[str, Tensor]:
        """Return the batch on `device`, its uint8 pixels as the float32 that the stock processor gives."""


def expand(ids: Sequence[int], image_token_id: int, runs: Sequence[int]) -> list[int]:
    """Return the ids with the k-th image token repeated `runs[k]` times.

    Raises ConfigError where there are not as many image tokens as runs.

    >>> expand([5, 9, 6, 9], 9, [3, 1])
    [5, 9, 9, 9, 6, 9]
    """
    found: list[int] = []
    seen = 0
    for token in ids:
        if token == image_token_id and seen < len(runs):
            found.extend([token] * runs[seen])
        else:
            found.append(token)
        seen += token == image_token_id
    if seen != len(runs):
        raise ConfigError(
            f"the tokenizer made {seen} image tokens (id {image_token_id}) of {len(runs)}; "
            "is the image token one of its special tokens?"
        )
    return found


def counted(tokenizer: Any, written: Written, image_token_id: int) -> list[int]:
    """Return the ids of a picture's text alone, its runs of image tokens at full length."""
    ids = tokenizer(written.text, add_special_tokens=False)["input_ids"]
    return expand(ids, image_token_id, written.runs)


def counting_positions(ids: Tensor) -> Tensor:
    """Return positions (1, length) that count from 0."""
    return torch.arange(len(ids)).view(1, -1)
