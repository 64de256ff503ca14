"""A vision-language model of some 50 million weights, taught from nothing on phantoms drawn on the GPU.

    python benchmarks/gpu/phantom_lvlm.py --part curriculum --minutes 7 --seed 0 --out curriculum_0.json
    python benchmarks/gpu/phantom_lvlm.py --part adapt --minutes 7 --out adapt.json
    python benchmarks/gpu/phantom_lvlm.py --part grpo --minutes 7 --out grpo.json
    python benchmarks/gpu/phantom_lvlm.py --self-test      # tiny, on the CPU, in seconds

The pictures are of this file alone: a chain of bodies from T10 to L5 over a sacrum, seen from the side, with
wedges and slips, or from the front with a curve. Asked are the ringed body's level, its wedge (0 to 3), its
slip (0 to 2), and the curve's angle in steps of 5 degrees. Held-out pictures come from other random numbers.

    curriculum  masks first in both arms; then levels, then grades, then all with choices, beside all at once:
                equal tokens, equal pictures, one seed a call (give three)
    adapt       the taught model on a second renderer: as it is, QLoRA (NF4) on it, and the control that is
                needed to call a gain adaptation: QLoRA for as many steps on more of the first renderer
    grpo        the taught model rewarded for near levels, beside as many tokens of further fine-tuning

A toy: it says which way of training wins on this task, and nothing about general ability.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Idefics3Config, Idefics3ForConditionalGeneration

ROOT = Path(__file__).resolve().parents[2]
LEVELS = ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
LETTERS = "ABCD"
KINDS = ("level", "wedge", "slip", "angle")
ANGLES = tuple(str(angle) for angle in range(0, 55, 5))
MARKS = ("<pad>", "<img>", "<bos>", "<eos>", "<ask>", "<say>")
WORDS = (*MARKS, *KINDS, *LETTERS, *LEVELS, *(f"g{grade}" for grade in range(4)), *(f"a{a}" for a in ANGLES))
ID = {word: place for place, word in enumerate(WORDS)}
FREE_MM = 90.0
"""The window moves by half of this to each side, so that the ring's place does not give the level away."""
SEEN_MM = 115.0
"""The ringed body lies no further than this from the picture's middle."""
HEIGHTS_MM = (24.0, 25.0, 26.0, 27.0, 28.0, 28.5, 28.5, 28.0)
"""Of bodies from T10 to L5; the other sizes grow with them."""


@dataclass(frozen=True)
class Size:
    """The model: pixels a side, patch, shuffle, and (width, layers, heads) of both halves."""

    side: int
    patch: int
    shuffle: int
    vision: tuple[int, int, int]
    text: tuple[int, int, int]
    batch: int

    @property
    def image_tokens(self) -> int:
        """Return the tokens of a picture."""
        return (self.side // self.patch // self.shuffle) ** 2


SIZES = {
    "full": Size(128, 16, 2, (384, 8, 6), (512, 12, 8), 256),
    "tiny": Size(64, 16, 2, (64, 1, 2), (64, 1, 2), 16),
}


@dataclass(frozen=True)
class Drawn:
    """A batch of pictures and what they show; masks are shares of patches, ring last, (batch, patch, 9)."""

    pixels: Tensor
    masks: Tensor
    level: Tensor
    wedge: Tensor
    slip: Tensor
    angle: Tensor
    frontal: Tensor


def draw(size: Size, count: int, random: torch.Generator, shifted: bool = False) -> Drawn:
    """Return `count` phantoms; `shifted` is the second renderer: other greys, bright bone, noise, blur."""
    device = random.device
    uniform = lambda *shape: torch.rand(*shape, generator=random, device=device)  # noqa: E731
    frontal = uniform(count) < 0.25
    level = (uniform(count) * 8).long()
    wedge = torch.where(frontal, 0, (uniform(count) * 4).long())
    slip = torch.where(frontal, 0, (uniform(count) * 3).long())
    angle = torch.where(frontal, (uniform(count) * 11).long(), 0)
    middle, tilt = _chain(uniform, count, level, slip, angle, frontal)
    heights = torch.tensor(HEIGHTS_MM, device=device)[None] * (0.9 + 0.2 * uniform(count, 1))
    here = F.one_hot(level, 8).float()
    loss = here * (wedge.float() * 0.17)[:, None]
    side = size.side
    millimetres = 300.0 / side * (0.95 + 0.1 * uniform(count, 1, 1, 1))
    grid = torch.arange(side, device=device) - side / 2 + 0.5
    rows, columns = grid[None, None, :, None] * millimetres, grid[None, None, None, :] * millimetres
    ringed = middle.gather(1, level[:, None, None].expand(count, 1, 2))
    centre = middle[:, 3:4] + FREE_MM * (uniform(count, 1, 2) - 0.5)
    centre = torch.minimum(torch.maximum(centre, ringed - SEEN_MM), ringed + SEEN_MM)
    down = rows + centre[..., 0, None, None] - middle[..., 0, None, None]
    across = columns + centre[..., 1, None, None] - middle[..., 1, None, None]
    sine, cosine = tilt.sin()[..., None, None], tilt.cos()[..., None, None]
    along, beside = down * cosine + across * sine, across * cosine - down * sine
    deep = 1.25 * heights[..., None, None]
    front = (0.5 - beside / deep).clamp(0, 1)  # 1 at the front, where a wedge has lost its height
    half = heights[..., None, None] / 2 * (1 - loss[..., None, None] * front)
    bodies = ((along.abs() < half) & (beside.abs() < deep / 2)).float()
    gap = heights[..., None, None] * 0.16
    discs = ((along - half - gap).abs() < gap) & (beside.abs() < deep * 0.48)
    cord = ((beside - 0.68 * deep).abs() < 5) & (along.abs() < half + 2 * gap) & ~frontal[:, None, None, None]
    picture = _greys(bodies, discs.float(), cord.float(), uniform, count, shifted)
    sacrum = _sacrum(down[:, -1], across[:, -1], heights[:, -1])
    picture = torch.where(sacrum, 0.5 if not shifted else 0.85, picture)
    ring = (along.square() + beside.square()).sqrt()
    ring = (ring * here[..., None, None]).sum(1)
    picture = _textured(picture, uniform, random, shifted)
    colour = picture[:, None].repeat(1, 3, 1, 1)
    on_ring = (ring - 17).abs() < millimetres[:, 0] * 0.8
    red = torch.tensor([1.0, 0.2, 0.2], device=device)[None, :, None, None]
    colour = torch.where(on_ring[:, None], red, colour)
    shown = torch.cat([bodies, (ring < 17).float()[:, None]], dim=1)
    masks = F.avg_pool2d(shown, size.patch).flatten(2).transpose(1, 2)
    return Drawn(colour * 2 - 1, masks, level, wedge, slip, angle, frontal)


def _chain(
    uniform: Callable[..., Tensor], count: int, level: Tensor, slip: Tensor, angle: Tensor, frontal: Tensor
) -> tuple[Tensor, Tensor]:
    """Return (row, column) in mm of eight bodies, and their tilts; frontal ones bend by the angle."""
    device = level.device
    place = torch.linspace(-1, 1, 8, device=device)[None]
    lordosis = (0.25 + 0.5 * uniform(count, 1)) * place + 0.1 * (uniform(count, 1) - 0.5)
    bend = torch.deg2rad(angle.float() * 5)[:, None] / 2 * torch.sin(place * math.pi / 2)
    tilt = torch.where(frontal[:, None], bend, lordosis)
    pitch = torch.tensor(HEIGHTS_MM, device=device)[None] * (1.28 + 0.08 * uniform(count, 1))
    steps = torch.stack([pitch * tilt.cos(), pitch * tilt.sin()], dim=-1)
    middle = steps.cumsum(1) - steps.cumsum(1)[:, 3:4]
    moved = (torch.arange(8, device=device)[None] <= level[:, None]).float() * slip[:, None].float() * 5.5
    middle[..., 1] = middle[..., 1] - moved
    return middle, tilt


def _greys(
    bodies: Tensor, discs: Tensor, cord: Tensor, uniform: Callable[..., Tensor], count: int, shifted: bool
) -> Tensor:
    """Return the picture (batch, row, column), 0 to 1: T2-like, or like CT where shifted."""
    bone, disc, fluid, flesh = (0.85, 0.45, 0.5, 0.4) if shifted else (0.5, 0.75, 0.95, 0.25)
    jitter = 0.85 + 0.3 * uniform(count, 1, 1)
    picture = torch.full_like(bodies[:, 0], flesh)
    for part, grey in ((cord, fluid), (discs, disc), (bodies, bone)):
        picture = torch.where(part.amax(1) > 0, grey, picture)
    return picture * jitter


def _sacrum(down: Tensor, across: Tensor, height: Tensor) -> Tensor:
    """Return the block below L5, (batch, row, column), leaning backwards."""
    below = down - 0.75 * height[:, None, None]
    lean = across - 0.5 * below
    return (below > 0) & (below < 45) & (lean.abs() < 20 - 0.25 * below)


def _textured(
    picture: Tensor, uniform: Callable[..., Tensor], random: torch.Generator, shifted: bool
) -> Tensor:
    """Return the picture under a smooth shading, blurred where shifted, with noise."""
    count, side = len(picture), picture.shape[-1]
    shade = F.interpolate(uniform(count, 1, 4, 4), size=(side, side), mode="bicubic", align_corners=False)
    picture = picture * (0.8 + 0.4 * shade[:, 0])
    if shifted:
        picture = F.avg_pool2d(picture[:, None], 3, 1, 1)[:, 0]
    noise = torch.randn(picture.shape, generator=random, device=picture.device)
    return (picture + (0.1 if shifted else 0.04) * noise).clamp(0, 1)


@dataclass(frozen=True)
class Asked:
    """Token ids (item, position) with the answer's first place; all replies have `said` tokens with the end.

    `kind` indexes KINDS; `wanted` is the answer's token.
    """

    ids: Tensor
    start: int
    said: int
    kind: Tensor
    wanted: Tensor


def ask(size: Size, drawn: Drawn, random: torch.Generator, kinds: Sequence[str], choices: float) -> Asked:
    """Return one question a picture; choices show four options and want "answer letter".

    Frontal pictures are asked for their angle where that is among `kinds`, else for the level.
    """
    device, count = drawn.level.device, len(drawn.level)
    drawn_kind = torch.randint(len(kinds), (count,), generator=random, device=device)
    kind = torch.tensor([KINDS.index(one) for one in kinds], device=device)[drawn_kind]
    level, angle = KINDS.index("level"), KINDS.index("angle")
    kind = torch.where(drawn.frontal, angle if "angle" in kinds else level, kind)
    kind = torch.where(~drawn.frontal & (kind == angle), level, kind)
    truths = torch.stack([drawn.level, drawn.wedge, drawn.slip, drawn.angle], dim=1)
    truth = truths.gather(1, kind[:, None])[:, 0]
    first = torch.tensor([ID["T10"], ID["g0"], ID["g0"], ID["a0"]], device=device)[kind]
    values = torch.tensor([8, 4, 4, 11], device=device)[kind]
    wanted = first + truth
    others = (truth[:, None] + _distinct(values, count, random)) % values[:, None]
    options = torch.cat([truth[:, None], others], dim=1)
    order = torch.rand(count, 4, generator=random, device=device).argsort(1)
    options = first[:, None] + options.gather(1, order)
    letter = ID["A"] + order.argmin(1)
    is_choice = torch.rand(count, generator=random, device=device) < choices
    letters = torch.arange(4, device=device) + ID["A"]
    pairs = torch.stack([options, letters.expand(count, 4)], dim=2).flatten(1)
    pairs = torch.where(is_choice[:, None], pairs, ID["<pad>"])
    full = lambda word: torch.full((count, 1), ID[word], device=device)  # noqa: E731
    image = torch.full((count, size.image_tokens), ID["<img>"], device=device)
    asked = (ID[KINDS[0]] + kind)[:, None]
    prompt = torch.cat([full("<bos>"), image, full("<ask>"), asked, pairs, full("<say>")], dim=1)
    after = torch.where(is_choice, letter, ID["<eos>"])[:, None]
    last = torch.where(is_choice, ID["<eos>"], ID["<pad>"])[:, None]
    ids = torch.cat([prompt, wanted[:, None], after, last], dim=1)
    return Asked(ids, prompt.shape[1], 3, kind, wanted)


def _distinct(values: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Return three different steps from 1 to values - 1 of every item, (item, 3)."""
    scores = torch.rand(count, 10, generator=random, device=values.device)
    steps = torch.arange(1, 11, device=values.device)
    return scores.masked_fill(steps[None] >= values[:, None], 2.0).argsort(1)[:, :3] + 1


def model_of(size: Size, seed: int, device: str) -> Any:
    """Return an Idefics3 with random weights."""
    torch.manual_seed(seed)
    width, layers, heads = size.vision
    vision = {
        "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers,
        "num_attention_heads": heads, "image_size": size.side, "patch_size": size.patch,
    }  # fmt: skip
    width, layers, heads = size.text
    text = {
        "model_type": "llama", "vocab_size": 64, "hidden_size": width,
        "intermediate_size": 64 * (width // 24),
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": heads // 2,
        "max_position_embeddings": 1024, "tie_word_embeddings": True, "pad_token_id": 0, "bos_token_id": 2,
        "eos_token_id": 3,
    }  # fmt: skip
    config = Idefics3Config(
        vision_config=vision, text_config=text, scale_factor=size.shuffle, image_token_id=ID["<img>"],
        pad_token_id=0, tie_word_embeddings=True,
    )  # fmt: skip
    return Idefics3ForConditionalGeneration(config).to(device)


def logits_of(model: Any, asked: Asked, drawn: Drawn) -> Tensor:
    """Return logits (item, said, word) at the places of the reply."""
    found: Tensor = model(
        input_ids=asked.ids, attention_mask=(asked.ids != ID["<pad>"]).long(), use_cache=False,
        pixel_values=drawn.pixels[:, None].to(next(model.parameters()).dtype),
    ).logits[:, asked.start - 1 : -1]  # fmt: skip
    return found.float()


def answer_loss(model: Any, asked: Asked, drawn: Drawn) -> Tensor:
    """Return the mean cross-entropy of replies, padding left out."""
    wanted = asked.ids[:, asked.start :]
    return F.cross_entropy(
        logits_of(model, asked, drawn).flatten(0, 1), wanted.flatten(), ignore_index=ID["<pad>"]
    )


class Masks(nn.Module):
    """The vision half with a read-out of bodies and ring in every patch, and of the level under the ring."""

    def __init__(self, model: Any, size: Size) -> None:
        super().__init__()
        self.vision = model.model.vision_model
        self.grid = size.side // size.patch
        self.shown = nn.Linear(size.vision[0], 9)
        self.level = nn.Linear(size.vision[0], 8)

    def forward(self, drawn: Drawn) -> Tensor:
        """Return the loss."""
        whole = torch.ones(
            len(drawn.level), self.grid, self.grid, dtype=torch.bool, device=drawn.level.device
        )
        features = self.vision(pixel_values=drawn.pixels, patch_attention_mask=whole).last_hidden_state
        shown = self.shown(features)
        weight = 1 + 4 * (drawn.masks > 0.2).float()
        masks = F.binary_cross_entropy_with_logits(shown, drawn.masks, reduction="none")
        ring = torch.softmax(2 * shown[..., -1], dim=1)
        level = self.level(torch.einsum("bp,bpw->bw", ring, features))
        return 4 * (masks * weight).mean() + 0.5 * F.cross_entropy(level, drawn.level)


@dataclass
class Lesson:
    """A stage: kinds of question, share of choices, share of the arm's steps."""

    kinds: tuple[str, ...]
    choices: float
    share: float


CURRICULUM = (Lesson(("level",), 0.0, 0.35), Lesson(KINDS, 0.0, 0.3), Lesson(KINDS, 0.5, 0.35))
AT_ONCE = (Lesson(KINDS, 0.5, 1.0),)


def stepped(weights: list[Tensor], loss_of: Callable[[], Tensor], steps: int, rate: float) -> Iterator[float]:
    """Train for so many steps, cosine after a warm-up; yield the loss of every tenth."""
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.05, betas=(0.9, 0.98))
    warm = max(1, min(200, steps // 10))
    for step in range(steps):
        fallen = 0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / warm) * fallen
        with torch.autocast(weights[0].device.type, torch.bfloat16, enabled=weights[0].is_cuda):
            loss = loss_of()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if step % 10 == 9 or step == steps - 1:
            yield loss.item()


def trainable(module: nn.Module) -> list[Tensor]:
    """Return the weights that are trained, each once."""
    return [weight for weight in module.parameters() if weight.requires_grad]


@dataclass
class Bench:
    """One machine's settings: size, device, held-out items, rate, and how many steps a minute there are."""

    size: Size
    device: str
    held: int
    seed: int
    rate: float = 4e-4

    def random(self, stream: int) -> torch.Generator:
        """Return random numbers of their own for a purpose; held-out pictures have stream 10**6."""
        return torch.Generator(self.device).manual_seed(1_000_003 * self.seed + stream)

    def warm(self, model: Any, steps: int) -> list[float]:
        """Teach the vision half on masks."""
        random = self.random(1)
        masks = Masks(model, self.size).to(self.device)
        return list(
            stepped(
                trainable(masks),
                lambda: masks(draw(self.size, self.size.batch, random)),
                steps,
                2 * self.rate,
            )
        )

    def teach(
        self, model: Any, lessons: Sequence[Lesson], steps: int, stream: int, shifted: bool = False
    ) -> tuple[list[float], int]:
        """Teach lessons within so many steps; return losses and tokens, equal for all lessons of a size."""
        random, losses, seen = self.random(stream), [], [0, 0]
        ends = [
            round(steps * sum(one.share for one in lessons[: place + 1])) for place in range(len(lessons))
        ]

        def loss_of() -> Tensor:
            lesson = next(one for one, end in zip(lessons, ends, strict=True) if seen[0] < end)
            drawn = draw(self.size, self.size.batch, random, shifted)
            asked = ask(self.size, drawn, random, lesson.kinds, lesson.choices)
            seen[0] += 1
            seen[1] += asked.ids.numel()
            return answer_loss(model, asked, drawn)

        losses += stepped(trainable(model), loss_of, steps, self.rate)
        return losses, seen[1]

    @torch.no_grad()
    def score(self, model: Any, shifted: bool = False) -> dict[str, float]:
        """Return shares of right open answers by kind, levels off, and the mean error of angles."""
        random = torch.Generator(self.device).manual_seed(10**6)
        hits: dict[str, list[float]] = {kind: [] for kind in KINDS}
        off: list[float] = []
        degrees: list[float] = []
        for _ in range(max(1, self.held // self.size.batch)):
            drawn = draw(self.size, self.size.batch, random, shifted)
            asked = ask(self.size, drawn, random, KINDS, 0.0)
            with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
                word = logits_of(model, asked, drawn)[:, 0].argmax(-1)
            for place, kind in enumerate(KINDS):
                mine = asked.kind == place
                hits[kind] += (word == asked.wanted)[mine].float().tolist()
            away = (word - asked.wanted).abs().float()
            off += away[asked.kind == 0].clamp(max=8).tolist()
            degrees += (5 * away[asked.kind == 3].clamp(max=10)).tolist()
        found = {f"{kind}_right": mean(values) for kind, values in hits.items()}
        found |= {"levels_off": mean(off), "angle_mae_degrees": mean(degrees)}
        return {name: round(value, 4) for name, value in found.items()} | {"level_items": len(off)}


def ring_place_alone(bench: Bench) -> float:
    """Return the share of levels that the 50 nearest ring places choose: what needs no look at the spine."""
    random = bench.random(7)

    def places(items: int) -> tuple[Tensor, Tensor]:
        parts = [draw(bench.size, bench.size.batch, random) for _ in range(max(4, items // bench.size.batch))]
        ring = torch.cat([part.masks[..., -1] for part in parts])
        ring = ring / ring.sum(1, keepdim=True)
        grid = torch.arange(ring.shape[1], device=ring.device)
        side = bench.size.side // bench.size.patch
        where = torch.stack([ring @ (grid // side).float(), ring @ (grid % side).float()], dim=1)
        return where, torch.cat([part.level for part in parts])

    known, levels = places(bench.held)
    asked, wanted = places(bench.held // 2)
    near = torch.cdist(asked, known).topk(min(50, len(known)), largest=False).indices
    votes = F.one_hot(levels[near], 8).sum(1)
    return round(float((votes.argmax(1) == wanted).float().mean()), 4)


def mean(values: Sequence[float]) -> float:
    """Return the mean; NaN of nothing."""
    return sum(values) / len(values) if values else math.nan


def steps_in(bench: Bench, minutes: float) -> int:
    """Return how many steps of fine-tuning fit into minutes, measured on a model that is thrown away."""
    model = model_of(bench.size, 0, bench.device)
    count = 12
    bench.teach(model, AT_ONCE, 3, 0)
    if bench.device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    bench.teach(model, AT_ONCE, count, 0)
    return max(1, int(60 * minutes * count / (time.perf_counter() - start)))


def taught(bench: Bench, steps: int) -> Any:
    """Return a model after masks (a quarter of the steps) and all lessons."""
    model = model_of(bench.size, bench.seed, bench.device)
    bench.warm(model, max(1, steps // 4))
    bench.teach(model, CURRICULUM, steps - steps // 4, 2)
    return model


def curriculum(bench: Bench, steps: int) -> dict[str, Any]:
    """Compare the curriculum with all at once, at equal steps, pictures and tokens."""
    each = max(4, steps // 2)
    model = model_of(bench.size, bench.seed, bench.device)
    warm = bench.warm(model, each // 4)
    found: dict[str, Any] = {"level_by_ring_place_alone": ring_place_alone(bench)}
    found |= {"steps_an_arm": each - each // 4, "mask_loss": warm[:: max(1, len(warm) // 10)]}
    for name, lessons in (("at_once", AT_ONCE), ("curriculum", CURRICULUM)):
        arm = copy.deepcopy(model)
        losses, tokens = bench.teach(arm, lessons, each - each // 4, 2)
        found[name] = {"tokens": tokens, "loss": losses[:: max(1, len(losses) // 20)], **bench.score(arm)}
    return found


def quantised(model: Any, rank: int = 16) -> Any:
    """Return a copy whose language layers are NF4 with LoRA on them; all else is frozen."""
    import bitsandbytes as bnb
    from peft import LoraConfig, get_peft_model

    model = copy.deepcopy(model)
    layers = model.model.text_model
    for name, layer in list(layers.named_modules()):
        if isinstance(layer, nn.Linear):
            parent, _, last = name.rpartition(".")
            new = bnb.nn.Linear4bit(
                layer.in_features, layer.out_features, bias=False, compute_dtype=torch.bfloat16,
                quant_type="nf4", device="meta",
            )  # fmt: skip
            data = layer.weight.data.to(torch.bfloat16).contiguous()
            new.weight = bnb.nn.Params4bit(data, requires_grad=False, quant_type="nf4").to(data.device)
            setattr(layers.get_submodule(parent), last, new)
    model.is_loaded_in_4bit = True
    targets = r"model\.(text_model\.layers|vision_model\.encoder\.layers)\.\d+\..*(_proj|fc1|fc2)"
    return get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets))


def adapt(bench: Bench, steps: int) -> dict[str, Any]:
    """Compare QLoRA on the second renderer with none, and with as much of the first."""
    base = taught(bench, max(4, steps // 2))
    each = max(2, steps // 4)
    found: dict[str, Any] = {
        "steps_an_arm": each, "first_renderer": bench.score(base), "as_it_is": bench.score(base, True)
    }  # fmt: skip
    for name, shifted in (("qlora", True), ("control_more_of_the_first", False)):
        arm = quantised(base)
        bench.teach(arm, AT_ONCE, each, 3, shifted)
        found[name] = bench.score(arm, True)
        found[f"{name}_on_the_first"] = bench.score(arm)
    return found


def grpo(bench: Bench, steps: int, group: int = 8) -> dict[str, Any]:
    """Compare rewards for near levels with further fine-tuning, at equal tokens; on-policy, no reference."""
    base = taught(bench, max(4, steps // 2))
    each = max(2, steps // 4)
    found: dict[str, Any] = {"before": bench.score(base), "group": group}
    further = copy.deepcopy(base)
    _, tokens = bench.teach(further, (Lesson(("level",), 0.0, 1.0),), each, 4)
    found["fine_tuned_further"] = {"tokens": tokens, **bench.score(further)}
    arm, random, seen = copy.deepcopy(base), bench.random(4), [0, 0.0]
    fewer = max(1, bench.size.batch // group)

    def loss_of() -> Tensor:
        drawn = draw(bench.size, fewer, random)
        asked = ask(bench.size, drawn, random, ("level",), 0.0)
        likely = F.log_softmax(logits_of(arm, asked, drawn)[:, 0], dim=-1)
        said = torch.multinomial(likely.detach().exp(), group, replacement=True, generator=random)
        is_level = (said >= ID["T10"]) & (said <= ID["L5"])
        reward = (1 - (said - asked.wanted[:, None]).abs() / 4).clamp(0, 1) * is_level
        better = reward - reward.mean(1, keepdim=True)
        better = better / (reward.std(1, keepdim=True) + 1e-4)
        seen[0] += asked.ids.numel() * group
        seen[1] = float(reward.mean())
        return -(better * likely.gather(1, said)).mean()

    list(stepped(trainable(arm), loss_of, each, bench.rate / 10))
    found["grpo"] = {"tokens": seen[0], "last_reward": round(seen[1], 4), **bench.score(arm)}
    return found


PARTS: dict[str, Callable[[Bench, int], dict[str, Any]]] = {
    "curriculum": curriculum,
    "adapt": adapt,
    "grpo": grpo,
}


def self_test() -> None:
    """Run every part with a tiny model; pictures must hold together, learning must lower the loss."""
    torch.set_num_threads(1)
    bench = Bench(SIZES["tiny"], "cpu", held=32, seed=0, rate=2e-3)
    fine = draw(replace(bench.size, side=128, patch=4), 64, bench.random(9))
    under = torch.einsum("bp,bpl->bl", fine.masks[..., -1], fine.masks[..., :-1]).argmax(1)
    assert (under == fine.level).float().mean() > 0.95, "the ring lies beside its body"
    drawn = draw(bench.size, 64, bench.random(9))
    assert drawn.pixels.shape == (64, 3, 64, 64) and float(drawn.pixels.abs().max()) <= 1.0
    asked = ask(bench.size, drawn, bench.random(8), KINDS, 0.5)
    reply = asked.ids[:, asked.start]
    assert torch.equal(reply, asked.wanted) and not bool((asked.kind[~drawn.frontal] == 3).any())
    choice = asked.ids[:, asked.start + 1] != ID["<eos>"]
    for row in asked.ids[choice].tolist():
        options = dict(zip(row[-12:-4:2], row[-11:-4:2], strict=True))
        assert len(options) == 4 and options[row[asked.start]] == row[asked.start + 1], row
    model = model_of(bench.size, 0, "cpu")
    losses, _ = bench.teach(model, (Lesson(("level",), 0.0, 1.0),), 60, 2)
    assert losses[-1] < losses[0], losses
    for name, part in PARTS.items():
        found = part(bench, 8)
        print(name, json.dumps(found)[:200])
        if name == "curriculum":
            assert found["at_once"]["tokens"] == found["curriculum"]["tokens"]
    print("self-test passed")


def main() -> None:
    """Run one part and write its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=list(PARTS), default="curriculum")
    parser.add_argument("--minutes", type=float, default=7.0, help="of training, all arms together")
    parser.add_argument("--held", type=int, default=8192)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--self-test", action="store_true")
    given = parser.parse_args()
    if given.self_test:
        self_test()
        return
    if not torch.cuda.is_available():
        sys.exit("phantom_lvlm: no CUDA device; --self-test runs on the CPU")
    bench = Bench(SIZES["full"], "cuda", given.held, given.seed)
    steps = steps_in(bench, given.minutes)
    result = {
        "part": given.part, "minutes": given.minutes, "steps": steps, "seed": given.seed,
        "weights": sum(one.numel() for one in model_of(bench.size, 0, "cpu").parameters()),
        "size": asdict(bench.size), **PARTS[given.part](bench, steps),
        "device": torch.cuda.get_device_name(), "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers")},
    }  # fmt: skip
    print(json.dumps(result, indent=1))
    out = given.out or ROOT / "benchmarks" / "results" / f"phantom_lvlm_{given.part}_{given.seed}.json"
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
