"""Useful operations of a training step: what a model's layers cost a token, a picture, a pair of tokens.

Useful are the forward pass, the gradients of layers' inputs where something before them is trained, and the
gradients of weights that are trained. Recomputed activations, weight gradients of frozen layers, padding
and attention beyond a sample or into its future do not count. A multiplication with an addition are two
operations; layer norms, activations, embeddings and the class token of a tower are left out. Experts of
mixture models are not counted (they are not linear layers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from spinemed.errors import ConfigError
from spinemed.training.preflight import plain_name

CONNECTORS = ("merger", "connector", "projector")
TOWERS = ("visual", "vision_tower", "vision_model")
UNUSED = ".vision_tower.head."  # SigLIP's pooling head stands in Gemma 3 and is never run
PARTS = ("vision", "connector", "language", "head")


@dataclass(frozen=True)
class Counts:
    """What a model was given, padding apart from the rest; all sums over samples.

    pairs         : of a token and a token it may look at, itself included, n (n + 1) / 2 a sample
    sliding_pairs : the same within the sliding window
    patches       : of all pictures; `patch_pairs` are pairs of patches that see each other, and
                    `window_pairs` those within the tower's windows
    """

    tokens: float = 0
    padding: float = 0
    labels: float = 0
    images: float = 0
    image_tokens: float = 0
    pairs: float = 0
    sliding_pairs: float = 0
    patches: float = 0
    patch_pairs: float = 0
    window_pairs: float = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sums of both."""
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Part:
    """Operations of the forward pass at one position (a token, a patch, an image token, a label).

    `trained` are those of weights that are trained, `first` those of layers that take pixels, whose inputs
    need no gradient; `flows` tells whether gradients pass through the part.
    """

    forward: float = 0
    trained: float = 0
    first: float = 0
    flows: bool = False

    def useful(self, positions: float) -> float:
        """Return forward and backward operations of so many positions."""
        return positions * (self.forward + (self.forward - self.first) * self.flows + self.trained)


@dataclass(frozen=True)
class Shape:
    """What counting needs to know of a model: attention's operations a pair, summed over layers, and sizes.

    merge        : patches that become one image token
    tile_patches : patches of a picture where all have one size, 0 where sizes differ
    tower_window : patches that see each other in the tower's windowed layers, 0 without such layers
    """

    full: float
    sliding: float
    window: int
    tower_full: float
    tower_windowed: float
    tower_window: int
    merge: int
    tile_patches: int
    image_token: int


@dataclass(frozen=True)
class ModelFlops:
    """Operations of a model by part, and its shape."""

    vision: Part
    connector: Part
    language: Part
    head: Part
    shape: Shape

    def useful(self, counts: Counts) -> float:
        """Return the useful operations of forward and backward passes over `counts`."""
        shape = self.shape
        attention = shape.full * counts.pairs + shape.sliding * counts.sliding_pairs
        looking = shape.tower_full * counts.patch_pairs + shape.tower_windowed * counts.window_pairs
        return (
            self.vision.useful(counts.patches)
            + self.connector.useful(counts.image_tokens)
            + self.language.useful(counts.tokens)
            + self.head.useful(counts.labels)
            + attention * (1 + 2 * self.language.flows)
            + looking * (1 + 2 * self.vision.flows)
        )

    def forward(self, counts: Counts) -> float:
        """Return the operations of the forward pass alone."""
        frozen = {name: replace(getattr(self, name), trained=0, flows=False) for name in PARTS}
        return replace(self, **frozen).useful(counts)

    def six_n(self, counts: Counts) -> float:
        """Return six operations a language parameter and token, for comparison with figures told that way.

        With frozen weights it counts gradients that are never computed.
        """
        return 3 * (self.language.forward * counts.tokens + self.head.forward * counts.tokens)


def model_flops(model: Any) -> ModelFlops:
    """Return the operations of a loaded model as it will be trained, adapted by PEFT and quantised or not."""
    layers = [
        _Layer(part_of(name), 2.0 * weights, layer.weight.requires_grad, _takes_pixels(layer))
        for name, layer, weights in _layers(model)
        if "original_module" not in name
    ]
    inputs = model.get_input_embeddings()
    return _summed(layers, model.config, bool(inputs is not None and inputs.weight.requires_grad))


def config_flops(
    config: Any, *, trained: Sequence[str] = ("",), lora_rank: int = 0, lora_target: str = ""
) -> ModelFlops:
    """Return the operations of a model of this transformers config, without weights.

    `trained` names modules that are trained whole by their full prefix ("" is all of it, an empty list
    nothing); `lora_target` is the pattern of layers that carry LoRA of `lora_rank`. ConfigError where the
    pattern matches no layer.
    """
    model = empty_model(config)
    layers, adapted = [], 0
    for name, layer, weights in _layers(model):
        part = part_of(name)
        layers.append(_Layer(part, 2.0 * weights, _below(name, trained), _takes_pixels(layer)))
        if lora_rank and isinstance(layer, torch.nn.Linear) and re.fullmatch(lora_target, name):
            layers.append(
                _Layer(part, 2.0 * lora_rank * (layer.in_features + layer.out_features), True, False)
            )
            adapted += 1
    if lora_rank and not adapted:
        raise ConfigError(f"lora_target_modules {lora_target!r} matches no linear layer")
    embeddings = [name for name, module in model.named_modules() if module is model.get_input_embeddings()]
    return _summed(layers, config, any(_below(name, trained) for name in embeddings))


def empty_model(config: Any) -> Any:
    """Return the model of a config with no memory behind its weights."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    kind = AutoModelForImageTextToText if getattr(config, "vision_config", None) else AutoModelForCausalLM
    with torch.device("meta"):
        return kind.from_config(config)


def part_of(name: str) -> str:
    """Return to which of PARTS a layer belongs by its full name.

    >>> [part_of(name) for name in ("model.visual.merger.mlp.0", "model.layers.0.mlp.up_proj", "lm_head")]
    ['connector', 'language', 'head']
    """
    if "lm_head" in name:
        return "head"
    if any(word in name for word in CONNECTORS):
        return "connector"
    return "vision" if any(word in name for word in TOWERS) else "language"


def _layers(model: Any) -> Iterator[tuple[str, Any, int]]:
    for raw, module in model.named_modules():
        name = raw if "original_module" in raw else plain_name(raw)
        if UNUSED in f".{name}.":
            continue
        if isinstance(module, torch.nn.Linear):
            yield name, module, module.in_features * module.out_features
        elif isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d):
            yield name, module, module.weight.numel()
        elif hasattr(module, "mm_input_projection_weight"):  # Gemma 3's connector is a bare parameter
            weight = module.mm_input_projection_weight
            yield name, _Bare(weight), weight.numel()


@dataclass(frozen=True)
class _Bare:
    weight: Any


class _Layer(NamedTuple):
    part: str
    flops: float
    trained: bool
    takes_pixels: bool


def _takes_pixels(layer: Any) -> bool:
    return isinstance(layer, torch.nn.Conv2d | torch.nn.Conv3d)


def _below(name: str, prefixes: Sequence[str]) -> bool:
    return any(not prefix or name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _summed(layers: Sequence[_Layer], config: Any, embeddings: bool) -> ModelFlops:
    parts, flows = {}, False
    for part in PARTS:
        flows = flows or (part == "language" and embeddings)
        own = [layer for layer in layers if layer.part == part]
        flows = flows or any(layer.trained for layer in own)
        forward = sum(layer.flops for layer in own)
        trained = sum(layer.flops for layer in own if layer.trained)
        first = sum(layer.flops for layer in own if layer.takes_pixels)
        parts[part] = Part(forward, trained, first, flows)
    return ModelFlops(**parts, shape=shape_of(config))


def shape_of(config: Any) -> Shape:
    """Return what counting needs of a transformers config, of a model with pictures or without."""
    text = getattr(config, "text_config", None) or config
    heads = text.num_attention_heads
    pair = 4.0 * heads * (getattr(text, "head_dim", None) or text.hidden_size // heads)
    window = getattr(text, "sliding_window", None) or 0
    kinds = getattr(text, "layer_types", None) or ["full_attention"] * text.num_hidden_layers
    sliding = sum(kind == "sliding_attention" for kind in kinds) if window else 0
    tower = getattr(config, "vision_config", None)
    full, windowed, patches, merge, tile = _tower(config, tower) if tower is not None else (0, 0, 0, 1, 0)
    width = 4.0 * tower.hidden_size if tower is not None else 0.0
    return Shape(
        full=pair * (len(kinds) - sliding),
        sliding=pair * sliding,
        window=window,
        tower_full=width * full,
        tower_windowed=width * windowed,
        tower_window=patches,
        merge=merge,
        tile_patches=tile,
        image_token=_image_token(config),
    )


def _tower(config: Any, tower: Any) -> tuple[int, int, int, int, int]:
    depth = getattr(tower, "depth", None) or tower.num_hidden_layers
    whole = getattr(tower, "fullatt_block_indexes", None)
    full = depth if whole is None else len(whole)
    patches = (tower.window_size // tower.patch_size) ** 2 if whole is not None else 0
    merge = getattr(tower, "spatial_merge_size", None) or getattr(config, "scale_factor", None) or 1
    size = getattr(tower, "image_size", None)
    tile = (size // tower.patch_size) ** 2 if size and not hasattr(tower, "spatial_merge_size") else 0
    tokens = getattr(config, "mm_tokens_per_image", None)
    return full, depth - full, patches, tile // tokens if tokens else merge**2, tile


def _image_token(config: Any) -> int:
    for name in ("image_token_id", "image_token_index"):
        if getattr(config, name, None) is not None:
            return int(getattr(config, name))
    return -1
