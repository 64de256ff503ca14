"""LLaVA: every picture at one size, as our mini model has it, and one run of image tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spinemed.errors import ConfigError
from spinemed.training.families.family import Picture, PictureTokens, Written, counting_positions
from spinemed.training.pixels import (
    Resizer,
    Values,
    check_followed,
    moved,
    resized,
    resizer_of,
    stacked,
    values_of,
    without_colour,
)


class Llava:
    """The family of a LLaVA processor with an image processor of CLIP's or LLaVA's kind."""

    def __init__(self, processor: Any, resize: Resizer | None = None) -> None:
        """Read sizes and values from the stock processor; see `family_of`."""
        images = processor.image_processor
        self.name = "llava"
        self.image_token = self.placeholder = str(processor.image_token)
        self.image_token_id = int(processor.image_token_id)
        self.type_input: str | None = None
        self.against_packs = ""
        self.patch = int(processor.patch_size)
        self.more = int(processor.num_additional_image_tokens)
        self.more -= processor.vision_feature_select_strategy == "default"
        self.short, self.size = target(images)
        crop = images.crop_size if getattr(images, "do_center_crop", None) else None
        self.crop = (int(crop["height"]), int(crop["width"])) if crop else None
        if self.size is None and self.crop is None:
            raise ConfigError(
                f"{type(images).__name__}: pictures keep their shape, so they cannot be stacked"
            )
        self.resample = check_followed(images, do_pad=False)
        self.how = resizer_of(images, resize)
        self.values = values_of(images, self.how)

    def picture(self, height: int, width: int) -> PictureTokens:  # noqa: ARG002
        """Return the same for every size."""
        high, wide = self.crop or self.size or (0, 0)
        rows, columns = high // self.patch, wide // self.patch
        return PictureTokens(rows * columns + self.more, (1, rows, columns), high, wide)

    def written(self, picture: PictureTokens) -> Written:
        """Return one image token that stands for all."""
        return Written(self.image_token, (picture.tokens,))

    def expansion(self, picture: PictureTokens) -> list[int]:
        """Return the image token, repeated."""
        return [self.image_token_id] * picture.tokens

    def pixels(self, pictures: Sequence[Picture]) -> dict[str, Tensor]:
        """Return `pixel_values` uint8 (pictures, rows, columns, channels)."""
        if not pictures:
            return {}
        return {"pixel_values": stacked([self._drawn(without_colour(picture)) for picture in pictures])}

    def _drawn(self, picture: Picture) -> Picture:
        size = self.size or shortest_at(picture.shape[0], picture.shape[1], self.short)
        picture = resized(picture, *size, self.resample, self.how)
        return cropped(picture, *self.crop, self.how) if self.crop else picture

    def positions(self, ids: Tensor, pictures: Sequence[PictureTokens]) -> Tensor:  # noqa: ARG002
        """Return one row that counts from 0."""
        return counting_positions(ids)

    def finish(
        self, batch: Mapping[str, Tensor], device: torch.device | str | None = None
    ) -> dict[str, Tensor]:
        """Return the batch with `pixel_values` float32 (pictures, 3, rows, columns)."""
        return planar(batch, device, self.values)


def planar(
    batch: Mapping[str, Tensor], device: torch.device | str | None, values: Values
) -> dict[str, Tensor]:
    """Return the batch, bytes (pictures, rows, columns, channels) as float32 (pictures, 3, rows, columns)."""
    done = moved(batch, device)
    pixels = done.get("pixel_values")
    if pixels is not None and pixels.dtype == torch.uint8:
        count, rows, columns, _ = pixels.shape
        done["pixel_values"] = values.of(pixels.flatten(1, 2)).reshape(count, 3, rows, columns)
    return done


def target(images: Any) -> tuple[int, tuple[int, int] | None]:
    """Return the shortest side to resize to, or 0 and the whole size; ConfigError for other rules."""
    named = {name for name in ("height", "width", "shortest_edge", "longest_edge") if images.size.get(name)}
    if named == {"shortest_edge"}:
        return int(images.size["shortest_edge"]), None
    if named == {"height", "width"}:
        return 0, (int(images.size["height"]), int(images.size["width"]))
    raise ConfigError(f"{type(images).__name__}: size {images.size} is not followed here")


def shortest_at(height: int, width: int, shortest: int) -> tuple[int, int]:
    """Return the size whose shortest side is `shortest`, the other cut to a whole number.

    >>> shortest_at(2048, 896, 224)
    (512, 224)
    """
    if width <= height:
        return int(shortest * height / width), shortest
    return shortest, int(shortest * width / height)


def cropped(picture: Picture, height: int, width: int, how: Resizer) -> Picture:
    """Return the middle of a picture, with zeros around it where it is smaller.

    Where the number of zeros is odd, Pil processors put the odd one before, the fast ones behind.
    """
    rows, columns = picture.shape[:2]
    if rows < height or columns < width:
        tall, broad = max(rows, height), max(columns, width)
        spare = ((tall - rows) / 2, (broad - columns) / 2)
        top, left = (math.ceil(part) if how == "pil" else int(part) for part in spare)
        canvas = np.zeros((tall, broad, *picture.shape[2:]), dtype=np.uint8)
        canvas[top : top + rows, left : left + columns] = picture
        picture, rows, columns = canvas, tall, broad
    top, left = (rows - height) // 2, (columns - width) // 2
    return picture[top : top + height, left : left + width]
