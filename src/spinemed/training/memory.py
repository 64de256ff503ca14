"""Predicted peak memory of a recipe on one GPU, term by term, from a transformers config.

A prediction, still to be held against a real GPU. What a decoder layer keeps for its backward pass was
counted with torch's hooks on saved tensors (tests/test_training_memory.py); the CUDA context and the
allocator's slack are assumptions and say so in their names. Three moments compete for the peak: the vision
tower's forward pass, the language head with the loss, and the backward pass through one layer whose
activations are computed again. Bytes throughout; GB is 10^9, GiB 2^30.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from spinemed.errors import ConfigError
from spinemed.training.module_table import ModuleTable, Treatment

Moment = Literal["always", "tower", "loss", "backward"]
Kind = Literal["none", "zero2", "zero3", "fsdp2"]
MOMENTS: tuple[Moment, ...] = ("tower", "loss", "backward")
BLOCK = 64  # weights that share a scale in NF4
SCALES = 256  # scales, or values of an 8-bit optimiser, that share a scale of their own
CONTEXT = 0.8e9  # CUDA context, cuBLAS and NCCL; assumed
SLACK = 0.08  # of activations, lost to the allocator's rounding; assumed
LOGITS = 10  # bytes a logit: bf16, fp32, and the log-probabilities in fp32
EIGHT_BIT = 2 * (1 + 4 / SCALES)
# Bytes of state for a trained parameter: a number, or a multiple of the parameter's own width.
OPTIMISERS: dict[str, tuple[float, float]] = {
    "adamw_torch": (0, 2),
    "adamw_torch_fused": (0, 2),
    "adamw_8bit": (EIGHT_BIT, 0),
    "adamw_bnb_8bit": (EIGHT_BIT, 0),
    "paged_adamw_8bit": (EIGHT_BIT, 0),
    "paged_adamw": (8, 0),
    "paged_adamw_32bit": (8, 0),
    "sgd": (0, 0),
    "adafactor": (0.1, 0),  # a row and a column of sums a matrix
}


class Term(NamedTuple):
    """Bytes that are held at a moment, and what they hold; `evictable` ones move to the host when short."""

    name: str
    moment: Moment
    size: float
    evictable: bool = False


@dataclass(frozen=True)
class Memory:
    """The terms of one device."""

    terms: tuple[Term, ...]

    @property
    def moment(self) -> Moment:
        """Return the moment of the peak."""
        return max(MOMENTS, key=lambda moment: self.at(moment))

    @property
    def peak(self) -> float:
        """Return the bytes at the worst moment."""
        return self.at(self.moment)

    @property
    def least(self) -> float:
        """Return the peak without what can move to the host."""
        return self.peak - sum(term.size for term in self.terms if term.evictable)

    def at(self, moment: Moment) -> float:
        """Return the bytes at a moment."""
        return sum(term.size for term in self.terms if term.moment in ("always", moment))


@dataclass(frozen=True)
class Micro:
    """The largest micro-batch of a device: positions with padding, labels, patches; the most of each.

    `dense` is the length of the longest row where attention needs a mask of a row's square, 0 where it needs
    none.
    """

    tokens: int
    labels: int
    image_tokens: int = 0
    patches: int = 0
    dense: int = 0


@dataclass(frozen=True)
class Sharding:
    """How devices share a model's states.

    kind : "none" (each has all), "zero2" (gradients and optimiser shared), "zero3" and "fsdp2" (weights too)
    """

    kind: Kind = "none"
    devices: int = 1
    offload: bool = False


def memory(
    config: Any,
    table: ModuleTable,
    treatment: Treatment,
    micro: Micro,
    *,
    optimiser: str,
    checkpointing: bool = True,
    eager: bool = False,
    sharding: Sharding = Sharding(),
) -> Memory:
    """Return the predicted memory of training on one device; ConfigError for an unknown optimiser.

    A frozen tower runs without a graph. `eager` attention keeps the square of every head.
    """
    held = _activations(config, table, treatment, micro, checkpointing, eager)
    slack = {moment: SLACK * sum(one.size for one in held if one.moment == moment) for moment in MOMENTS}
    terms = [
        *_states(config, table, treatment, optimiser, sharding),
        *held,
        *(Term("allocator slack (assumed)", moment, size) for moment, size in slack.items()),
        Term("CUDA context and libraries (assumed)", "always", CONTEXT),
    ]
    return Memory(tuple(term for term in terms if term.size))


def packed_bytes(parameters: int, double_quant: bool) -> float:
    """Return the bytes of NF4 weights with their scales, fp32 or quantised to a byte themselves.

    >>> packed_bytes(6400, False) / 6400, round(packed_bytes(64 * 256, True) / (64 * 256), 5)
    (0.5625, 0.51587)
    """
    scale = 1 + 4 / SCALES if double_quant else 4
    return parameters * (0.5 + scale / BLOCK)


def _states(
    config: Any, table: ModuleTable, treatment: Treatment, optimiser: str, sharding: Sharding
) -> list[Term]:
    """Return weights, gradients and the optimiser's state."""
    if optimiser not in OPTIMISERS:
        raise ConfigError(
            f"optim {optimiser!r}: its memory is not known here; known are {', '.join(OPTIMISERS)}"
        )
    quantised = table.packed > 0
    weights = 1 / sharding.devices if sharding.kind in ("zero3", "fsdp2") else 1.0
    others = 1 / sharding.devices if sharding.kind != "none" else 1.0
    # TRL casts what is trained beside quantised weights to bf16; PEFT keeps it in fp32 beside others.
    width = (2 if quantised else 4) if treatment.rank else treatment.width
    trained = table.adapters + table.copied + table.in_place
    plain, own = OPTIMISERS[optimiser]
    state = trained * (plain + own * width) * others
    # DeepSpeed and FSDP keep a master copy and both moments in fp32 of what they train in bf16.
    if sharding.kind != "none" and not treatment.rank:
        state = trained * 12 * others
    whole = (table.parameters - table.packed) * treatment.width
    terms = [
        Term("weights in NF4", "always", packed_bytes(table.packed, treatment.double_quant) * weights),
        Term(f"weights in {8 * treatment.width} bit", "always", whole * weights),
        Term("LoRA weights", "always", table.adapters * width * weights),
        Term("modules trained whole beside LoRA", "always", table.copied * width * weights),
        Term("gradients", "always", trained * width * others),
        Term("optimiser state", "always", 0.0 if sharding.offload else state, optimiser.startswith("paged")),
    ]
    if sharding.kind == "none" and sharding.devices > 1:
        terms.append(Term("gradients in DDP's buckets", "always", trained * width))
    if weights < 1:
        gathered = 2 * layer_parameters(config) * treatment.width
        terms.append(Term("two layers gathered from the other devices", "always", gathered))
    return terms


def _activations(
    config: Any, table: ModuleTable, treatment: Treatment, micro: Micro, checkpointing: bool, eager: bool
) -> list[Term]:
    """Return what a micro-batch holds."""
    text = getattr(config, "text_config", None) or config
    width, hidden, layers = 2, text.hidden_size, text.num_hidden_layers
    lora = treatment.rank if table.adapters else 0
    layer = layer_bytes(text, width=width, rank=lora) * micro.tokens
    passing = 3 * width * text.intermediate_size * micro.tokens  # gradients of the MLP's products
    square = micro.tokens * micro.dense * (1 + width)  # booleans, and the bias that SDPA makes of them
    if eager:
        longest = micro.dense or micro.tokens
        square += 3 * width * text.num_attention_heads * micro.tokens * longest
    boundaries = layers * hidden * width * micro.tokens
    kept = (layers - 1) * layer if not checkpointing else 0.0
    language = "activations at checkpoint boundaries" if checkpointing else "activations of all other layers"
    terms = [Term(language, moment, boundaries if checkpointing else kept) for moment in ("loss", "backward")]
    terms += [
        Term("one layer's activations, computed again", "backward", layer),
        Term("gradients inside one layer", "backward", passing),
        Term("attention's squares", "backward", square),
        Term("one NF4 layer unpacked", "backward", table.largest * width),
        Term("logits at labels, bf16 and fp32", "loss", LOGITS * text.vocab_size * micro.labels),
        Term("embeddings of text and pictures", "always", 2 * hidden * width * micro.tokens),
    ]
    return [*terms, *_tower_terms(config, table, micro, width)]


def _tower_terms(config: Any, table: ModuleTable, micro: Micro, width: int) -> list[Term]:
    tower = getattr(config, "vision_config", None)
    if tower is None or not micro.patches:
        return []
    pixels = 3 * tower.patch_size**2 * (getattr(tower, "temporal_patch_size", None) or 1) * 4
    depth = getattr(tower, "depth", None) or tower.num_hidden_layers
    trained = any(row.part == "vision" and row.trained != "frozen" for row in table.rows)
    boundaries = depth * tower.hidden_size * width * micro.patches if trained else 0.0
    working = tower_layer_bytes(tower, width) * micro.patches
    return [
        Term("pixels in fp32", "always", pixels * micro.patches),
        Term("one layer of the vision tower", "tower", working),
        Term("checkpoint boundaries of the vision tower", "always", boundaries),
    ]


def layer_bytes(text: Any, *, width: int, rank: int = 0) -> float:
    """Return what a decoder layer of the Llama kind keeps for its backward pass, a token.

    As counted on Qwen2.5-VL's layer: four of the MLP's width; the input of both norms in fp32; what goes into
    and out of attention, keys and values by their heads; with LoRA of `rank` its seven small products,
    without it the two norms' results once more.
    """
    hidden, wide, heads = text.hidden_size, text.intermediate_size, text.num_attention_heads
    head = getattr(text, "head_dim", None) or hidden // heads
    queries, keys = heads * head, text.num_key_value_heads * head
    kept = 4 * wide + 2 * hidden + 2 * queries + 2 * keys + 2 * head
    kept += 7 * rank if rank else 2 * hidden
    return float(width * kept + 2 * 4 * hidden + 4 * heads + 2 * 4)


def tower_layer_bytes(tower: Any, width: int) -> float:
    """Return what a layer of the tower holds at once in its forward pass, a patch; rotary parts in fp32."""
    hidden = tower.hidden_size
    return float(width * (7 * hidden + 3 * tower.intermediate_size) + 6 * 4 * hidden)


def layer_parameters(config: Any) -> int:
    """Return the parameters of one decoder layer, biases and norms apart."""
    text = getattr(config, "text_config", None) or config
    hidden, heads = text.hidden_size, text.num_attention_heads
    head = getattr(text, "head_dim", None) or hidden // heads
    attention = 2 * hidden * head * (heads + text.num_key_value_heads)
    return int(attention + 3 * hidden * text.intermediate_size)
