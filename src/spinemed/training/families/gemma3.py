"""Gemma 3 and MedGemma: every picture at one square size and 256 image tokens between newlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from spinemed.training.families.family import (
    Picture,
    PictureTokens,
    Written,
    counted,
    counting_positions,
)
from spinemed.training.families.llava import planar
from spinemed.training.pixels import (
    Resizer,
    check_followed,
    resized,
    resizer_of,
    stacked,
    values_of,
    without_colour,
)

AGAINST_PACKS = (
    "in sliding layers of Gemma 3 transformers 5.23 looks for the pictures of a pack's later samples at "
    "places of the first"
)


class Gemma3:
    """The family of a Gemma 3 processor without pan and scan.

    The newlines around a picture may merge with newlines of the text beside it, so the tokens that a picture
    adds are counted alone, and lengths are taken from the whole text.
    """

    def __init__(self, processor: Any, resize: Resizer | None = None) -> None:
        """Read sizes and values from the stock processor; see `family_of`."""
        images = processor.image_processor
        self.name = "gemma3"
        self.tokenizer = processor.tokenizer
        self.image_token = str(self.tokenizer.image_token)
        self.image_token_id = int(self.tokenizer.image_token_id)
        self.type_input: str | None = "token_type_ids"
        self.against_packs = AGAINST_PACKS
        self.placeholder = str(self.tokenizer.boi_token)
        self.run = int(processor.image_seq_length)
        text = f"\n\n{self.placeholder}{self.image_token}{self.tokenizer.eoi_token}\n\n"
        self._written = Written(text, (self.run,))
        self.size = int(images.size["height"]), int(images.size["width"])
        self.resample = check_followed(images, do_pan_and_scan=False)
        self.how = resizer_of(images, resize)
        self.values = values_of(images, self.how)
        self._tokens = len(counted(self.tokenizer, self._written, self.image_token_id))

    def picture(self, height: int, width: int) -> PictureTokens:  # noqa: ARG002
        """Return the same for every size; the grid is that of the image tokens."""
        side = round(self.run**0.5)
        return PictureTokens(self._tokens, (1, side, side), *self.size)

    def written(self, picture: PictureTokens) -> Written:  # noqa: ARG002
        """Return one image token between the marks and newlines."""
        return self._written

    def expansion(self, picture: PictureTokens) -> list[int]:
        """Return the ids of the marks, the newlines and the image tokens."""
        return counted(self.tokenizer, self.written(picture), self.image_token_id)

    def pixels(self, pictures: Sequence[Picture]) -> dict[str, Tensor]:
        """Return `pixel_values` uint8 (pictures, rows, columns, channels)."""
        if not pictures:
            return {}
        plain = (without_colour(picture) for picture in pictures)
        return {"pixel_values": stacked([resized(one, *self.size, self.resample, self.how) for one in plain])}

    def positions(self, ids: Tensor, pictures: Sequence[PictureTokens]) -> Tensor:  # noqa: ARG002
        """Return one row that counts from 0."""
        return counting_positions(ids)

    def finish(
        self, batch: Mapping[str, Tensor], device: torch.device | str | None = None
    ) -> dict[str, Tensor]:
        """Return the batch with `pixel_values` float32 (pictures, 3, rows, columns)."""
        return planar(batch, device, self.values)
