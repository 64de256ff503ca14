"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL: pictures of any shape in merged patches, positions in three rows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor
from transformers.processing_utils import ProcessorMixin

from spinemed.errors import ConfigError, ModelError, SourceError
from spinemed.training.families.family import Picture, PictureTokens, Written
from spinemed.training.pixels import (
    Resizer,
    check_followed,
    cut_patches,
    moved,
    resized,
    resizer_of,
    values_of,
    without_colour,
)

NAMES = {
    "Qwen2VLProcessor": "qwen2_vl",
    "Qwen2_5_VLProcessor": "qwen2_5_vl",
    "Qwen3VLProcessor": "qwen3_vl",
}
MARKS = ("image", "video", "vision_start", "vision_end")
SPELLED = dict(
    zip(MARKS, ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"), strict=True)
)
STRETCH = 200  # the longest side over the shortest; longer pictures are refused by the stock processor


class Qwen:
    """The family of a Qwen processor; `grid` counts patches, of which merge x merge make a token."""

    def __init__(self, processor: Any, resize: Resizer | None = None) -> None:
        """Read sizes and values from the stock processor; see `family_of`."""
        images = processor.image_processor
        self.name = NAMES[type(processor).__name__]
        self.image_token = self.placeholder = str(processor.image_token)
        self.image_token_id = int(processor.image_token_id)
        self.type_input: str | None = "mm_token_type_ids"
        self.against_packs = ""
        self.patch, self.merge = int(images.patch_size), int(images.merge_size)
        self.frames = int(images.temporal_patch_size)
        self.least, self.most = int(images.size["shortest_edge"]), int(images.size["longest_edge"])
        self.resample = check_followed(images)
        self.how = resizer_of(images, resize)
        self.values = values_of(images, self.how)

    def picture(self, height: int, width: int) -> PictureTokens:
        """Return what a picture of this size becomes; SourceError where it is too narrow."""
        high, wide = fitted(height, width, self.patch * self.merge, self.least, self.most)
        rows, columns = high // self.patch, wide // self.patch
        return PictureTokens(rows * columns // self.merge**2, (1, rows, columns), high, wide)

    def written(self, picture: PictureTokens) -> Written:
        """Return one image token that stands for all."""
        return Written(self.image_token, (picture.tokens,))

    def expansion(self, picture: PictureTokens) -> list[int]:
        """Return the image token, repeated."""
        return [self.image_token_id] * picture.tokens

    def pixels(self, pictures: Sequence[Picture]) -> dict[str, Tensor]:
        """Return `pixel_values` uint8 (patches, patch * patch * channels) and `image_grid_thw` (pictures, 3).

        The copy of every patch for the second frame of time is left to `finish`.
        """
        if not pictures:
            return {}
        plain = [without_colour(picture) for picture in pictures]
        channels = 1 if all(one.ndim == 2 for one in plain) else 3
        sizes = [self.picture(*one.shape[:2]) for one in plain]
        counts = [size.grid[1] * size.grid[2] for size in sizes]
        out = np.empty((sum(counts), self.patch**2 * channels), dtype=np.uint8)
        start = 0
        for one, size, count in zip(plain, sizes, counts, strict=True):
            drawn = resized(one, size.height, size.width, self.resample, self.how)
            if channels == 3 and drawn.ndim == 2:
                drawn = np.repeat(drawn[..., None], 3, axis=2)
            cut_patches(drawn, self.patch, self.merge, out[start : start + count])
            start += count
        return {
            "pixel_values": torch.from_numpy(out),
            "image_grid_thw": torch.tensor([size.grid for size in sizes]),
        }

    def positions(self, ids: Tensor, pictures: Sequence[PictureTokens]) -> Tensor:
        """Return four rows: the position in the sample, then time, row and column of M-RoPE."""
        found = torch.empty(4, len(ids), dtype=torch.long)
        found[0] = torch.arange(len(ids))
        is_image = (ids == self.image_token_id).nonzero().flatten().tolist()
        if len(is_image) != sum(picture.tokens for picture in pictures):
            raise ConfigError(
                f"{len(is_image)} image tokens, but {sum(one.tokens for one in pictures)} expected"
            )
        place, position, used = 0, 0, 0
        for picture in pictures:
            start = is_image[used]
            found[1:, place:start] = torch.arange(position, position + start - place)
            position += start - place
            rows, columns = picture.grid[1] // self.merge, picture.grid[2] // self.merge
            block = found[1:, start : start + rows * columns]
            block[0] = position
            block[1] = torch.arange(rows).repeat_interleave(columns) + position
            block[2] = torch.arange(columns).repeat(rows) + position
            position += max(rows, columns)
            place, used = start + rows * columns, used + rows * columns
        found[1:, place:] = torch.arange(position, position + len(ids) - place)
        return found

    def finish(
        self, batch: Mapping[str, Tensor], device: torch.device | str | None = None
    ) -> dict[str, Tensor]:
        """Return the batch with `pixel_values` float32 (patches, 3 * frames * patch * patch)."""
        done = moved(batch, device)
        pixels = done.get("pixel_values")
        if pixels is not None and pixels.dtype == torch.uint8:
            area = self.patch**2
            values = self.values.of(pixels.view(len(pixels), area, -1), self.frames)
            done["pixel_values"] = values.reshape(len(pixels), -1)
        return done


def fitted(height: int, width: int, factor: int, least: int, most: int) -> tuple[int, int]:
    """Return the size with sides that are multiples of `factor` and an area of `least` to `most` pixels.

    Equal to `smart_resize` of transformers 5.23, its rounding of halves to even included.

    >>> fitted(896, 2048, 28, 56 * 56, 28 * 28 * 768)
    (504, 1148)
    """
    if max(height, width) / min(height, width) > STRETCH:
        raise SourceError(
            f"a picture of {height} x {width} pixels is more than {STRETCH} times as long as wide"
        )
    high, wide = round(height / factor) * factor, round(width / factor) * factor
    if high * wide > most:
        shrink = math.sqrt((height * width) / most)
        high = max(factor, math.floor(height / shrink / factor) * factor)
        wide = max(factor, math.floor(width / shrink / factor) * factor)
    elif high * wide < least:
        grow = math.sqrt(least / (height * width))
        high = math.ceil(height * grow / factor) * factor
        wide = math.ceil(width * grow / factor) * factor
    return high, wide


def _join(processor: Any, images: Any, tokenizer: Any, template: str | None) -> None:
    """Do what the stock `__init__` does, without the video processor, which needs torchvision."""
    for mark in MARKS:
        token = getattr(tokenizer, f"{mark}_token", None) or SPELLED[mark]
        setattr(processor, f"{mark}_token", token)
        setattr(processor, f"{mark}_token_id", tokenizer.convert_tokens_to_ids(token))
    ProcessorMixin.__init__(processor, images, tokenizer, chat_template=template)


# The parts of a processor are read from the signature of its __init__, and the name of its class is saved:
# so these have the stock names and leave out `video_processor`.
class Qwen2VLProcessor(transformers.Qwen2VLProcessor):  # type: ignore[misc]
    """Qwen2VLProcessor for pictures alone."""

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None, **_: Any
    ) -> None:
        """Join an image processor and a tokenizer."""
        _join(self, image_processor, tokenizer, chat_template)


class Qwen2_5_VLProcessor(transformers.Qwen2_5_VLProcessor):  # type: ignore[misc]  # noqa: N801
    """Qwen2_5_VLProcessor for pictures alone."""

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None, **_: Any
    ) -> None:
        """Join an image processor and a tokenizer."""
        _join(self, image_processor, tokenizer, chat_template)


class Qwen3VLProcessor(transformers.Qwen3VLProcessor):  # type: ignore[misc]
    """Qwen3VLProcessor for pictures alone."""

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None, **_: Any
    ) -> None:
        """Join an image processor and a tokenizer."""
        _join(self, image_processor, tokenizer, chat_template)


PICTURES_ALONE = {one.__name__: one for one in (Qwen2VLProcessor, Qwen2_5_VLProcessor, Qwen3VLProcessor)}


def qwen_processor(folder: str | Path, image_tokens: Sequence[int] = ()) -> Any:
    """Return the processor in a folder, without its video half where that cannot be built.

    Stock Qwen processors need torchvision for videos, even where only pictures are used. `image_tokens` are
    the fewest and the most tokens of a picture, in place of the saved limits; they are saved with the
    processor. Raises ModelError where the folder holds no processor, ConfigError for limits of a processor
    that is not Qwen's.
    """
    try:
        processor = transformers.AutoProcessor.from_pretrained(str(folder))
    except (OSError, ImportError, AttributeError, ValueError) as error:
        name = saved_class(Path(folder))
        if name not in PICTURES_ALONE:
            raise ModelError(f"no processor can be loaded from {folder}: {error}") from error
        processor = PICTURES_ALONE[name].from_pretrained(str(folder))
    return with_limits(processor, image_tokens) if image_tokens else processor


def with_limits(processor: Any, image_tokens: Sequence[int]) -> Any:
    """Return a Qwen processor whose pictures become image_tokens[0] to image_tokens[1] tokens."""
    if type(processor).__name__ not in NAMES:
        raise ConfigError(f"image_tokens is for Qwen processors, this one is {type(processor).__name__}")
    if len(image_tokens) != 2 or not 0 < image_tokens[0] <= image_tokens[1]:
        raise ConfigError(f"image_tokens is {list(image_tokens)}: give the fewest and the most, as [4, 1024]")
    images = processor.image_processor
    area = (int(images.patch_size) * int(images.merge_size)) ** 2
    limits = {"shortest_edge": image_tokens[0] * area, "longest_edge": image_tokens[1] * area}
    images.size = type(images.size)(**limits) if not isinstance(images.size, dict) else limits
    return processor


def saved_class(folder: Path) -> str | None:
    """Return the name of the processor's class that a folder's configuration files give."""
    for file in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        path = folder / file
        if path.is_file():
            name = json.loads(path.read_text(encoding="utf-8")).get("processor_class")
            if isinstance(name, str):
                return name
    return None
