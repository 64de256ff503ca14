"""One file a model family; `family_of` finds a processor's family by the name of its class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spinemed.errors import ConfigError
from spinemed.training.families.family import Family, Picture, PictureTokens, Written
from spinemed.training.families.gemma3 import Gemma3
from spinemed.training.families.idefics3 import Idefics3
from spinemed.training.families.llava import Llava
from spinemed.training.families.qwen import Qwen, qwen_processor
from spinemed.training.pixels import Resizer

__all__ = ["Family", "Picture", "PictureTokens", "Written", "family_of", "qwen_processor"]

FAMILIES: dict[str, Callable[[Any, Resizer | None], Family]] = {
    "Qwen2VLProcessor": Qwen,
    "Qwen2_5_VLProcessor": Qwen,
    "Qwen3VLProcessor": Qwen,
    "Idefics3Processor": Idefics3,
    "SmolVLMProcessor": Idefics3,
    "LlavaProcessor": Llava,
    "Gemma3Processor": Gemma3,
}


def family_of(processor: Any, resize: Resizer | None = None) -> Family:
    """Return the family of a stock processor.

    `resize` says whose resizing is followed bit for bit: "torchvision" (the fast image processors) or "pil"
    (those that end in Pil); by default that of the image processor at hand. Raises ConfigError for an unknown
    processor, or for settings of it that no family here follows.
    """
    name = type(processor).__name__
    if name not in FAMILIES:
        raise ConfigError(f"no family for {name}; known are {', '.join(FAMILIES)}")
    return FAMILIES[name](processor, resize)
