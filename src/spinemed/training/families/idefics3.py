"""Idefics3 and SmolVLM: a picture is cut into square frames with marks of row and column, and shown whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spinemed.training.families.family import (
    Picture,
    PictureTokens,
    Written,
    counted,
    counting_positions,
)
from spinemed.training.pixels import (
    Resizer,
    check_followed,
    moved,
    resized,
    resizer_of,
    stacked,
    values_of,
    without_colour,
)

LONGEST = 4096  # no side is made longer than this


class Idefics3:
    """The family of an Idefics3 or SmolVLM processor; `grid` is (frames, rows, columns) of frames."""

    def __init__(self, processor: Any, resize: Resizer | None = None) -> None:
        """Read sizes and values from the stock processor; see `family_of`."""
        images = processor.image_processor
        self.name = "idefics3"
        self.tokenizer = processor.tokenizer
        self.image_token = self.placeholder = str(processor.image_token)
        self.image_token_id = int(processor.image_token_id)
        self.type_input: str | None = None
        self.against_packs = ""
        self.around = str(processor.fake_image_token)
        self.whole = str(getattr(processor, "global_image_tag", None) or processor.global_image_token)
        self.run = int(processor.image_seq_len)
        self.splits = bool(images.do_image_splitting)
        self.longest, self.side = int(images.size["longest_edge"]), int(images.max_image_size["longest_edge"])
        self.resample = check_followed(images, do_pad=True)
        self.how = resizer_of(images, resize)
        self.values = values_of(images, self.how)
        self._tokens: dict[tuple[int, int], int] = {}

    def picture(self, height: int, width: int) -> PictureTokens:
        """Return what a picture of this size becomes; its size is that of all frames side by side."""
        if not self.splits:
            return PictureTokens(self._count(0, 0), (1, 0, 0), self.side, self.side)
        high, wide = filling(*longest_at(height, width, self.longest), self.side)
        rows, columns = (high // self.side, wide // self.side) if max(high, wide) > self.side else (0, 0)
        return PictureTokens(self._count(rows, columns), (rows * columns + 1, rows, columns), high, wide)

    def written(self, picture: PictureTokens) -> Written:
        """Return the marks and one image token a frame."""
        _, rows, columns = picture.grid
        lines = [
            "".join(
                f"{self.around}<row_{row}_col_{column}>{self.image_token}" for column in range(1, columns + 1)
            )
            for row in range(1, rows + 1)
        ]
        cut = "".join(f"{line}\n" for line in lines) + ("\n" if rows else "")
        whole = f"{self.around}{self.whole}{self.image_token}{self.around}"
        return Written(cut + whole, (self.run,) * (rows * columns + 1))

    def expansion(self, picture: PictureTokens) -> list[int]:
        """Return the ids of all frames with their marks."""
        return counted(self.tokenizer, self.written(picture), self.image_token_id)

    def _count(self, rows: int, columns: int) -> int:
        if (rows, columns) not in self._tokens:
            drawn = PictureTokens(0, (rows * columns + 1, rows, columns), 0, 0)
            self._tokens[rows, columns] = len(self.expansion(drawn))
        return self._tokens[rows, columns]

    def pixels(self, pictures: Sequence[Picture]) -> dict[str, Tensor]:
        """Return `pixel_values` uint8 (1, frames, side, side, channels), frames in order."""
        if not pictures:
            return {}
        frames = [frame for picture in pictures for frame in self._frames(without_colour(picture))]
        return {"pixel_values": stacked(frames)[None]}

    def _frames(self, picture: Picture) -> list[Picture]:
        size = self.picture(*picture.shape[:2])
        first = longest_at(picture.shape[0], picture.shape[1], self.longest)
        picture = resized(picture, first[0], first[1], self.resample, self.how)
        picture = resized(picture, size.height, size.width, self.resample, self.how)
        _, rows, columns = size.grid
        side = self.side
        cut = [
            picture[row * side : (row + 1) * side, column * side : (column + 1) * side]
            for row in range(rows)
            for column in range(columns)
        ]
        return [*cut, resized(np.ascontiguousarray(picture), side, side, self.resample, self.how)]

    def positions(self, ids: Tensor, pictures: Sequence[PictureTokens]) -> Tensor:  # noqa: ARG002
        """Return one row that counts from 0."""
        return counting_positions(ids)

    def finish(
        self, batch: Mapping[str, Tensor], device: torch.device | str | None = None
    ) -> dict[str, Tensor]:
        """Return the batch with `pixel_values` float32 (1, frames, 3, side, side) and its mask, all ones."""
        done = moved(batch, device)
        pixels = done.get("pixel_values")
        if pixels is not None and pixels.dtype == torch.uint8:
            shape = pixels.shape[:2]
            values = self.values.of(pixels.flatten(0, 1).flatten(1, 2))
            done["pixel_values"] = values.reshape(*shape, 3, self.side, self.side)
            done["pixel_attention_mask"] = torch.ones(
                *shape, self.side, self.side, dtype=torch.long, device=pixels.device
            )
        return done


def longest_at(height: int, width: int, longest: int) -> tuple[int, int]:
    """Return the size whose longest side is `longest`, the other even if it was cut to an odd number.

    >>> longest_at(2048, 896, 1456)
    (1456, 638)
    """
    ratio = width / height
    if width >= height:
        width, height = longest, int(longest / ratio)
        height += height % 2
    else:
        height, width = longest, int(longest * ratio)
        width += width % 2
    height, width = max(height, 1), max(width, 1)
    ratio = width / height
    if width >= height and width > LONGEST:
        width, height = LONGEST, int(LONGEST / ratio)
    elif height > width and height > LONGEST:
        height, width = LONGEST, int(LONGEST * ratio)
    return max(height, 1), max(width, 1)


def filling(height: int, width: int, side: int) -> tuple[int, int]:
    """Return the least size of whole squares of `side` that keeps the longest side's share.

    >>> filling(1456, 638, 364)
    (1456, 728)
    """
    ratio = width / height
    if width >= height:
        width = math.ceil(width / side) * side
        height = math.ceil(int(width / ratio) / side) * side
    else:
        height = math.ceil(height / side) * side
        width = math.ceil(int(height * ratio) / side) * side
    return height, width
