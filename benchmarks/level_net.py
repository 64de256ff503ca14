"""A small network that names the ringed level from a picture's pixels, trained by the processor clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from marked_pictures import LEVELS, Marked
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from spinemed.instances.options import OPTIONS, option_set, shuffled

BATCH = 64
PEAK_RATE = 4e-3
WARM_UP = 0.08
WIDTHS = (24, 48, 96, 128)


class LevelNet(nn.Module):
    """Logits of the eight levels [n, 8] from grey and ring [n, 2, 128, 64] in 0..1.

    Four strided blocks shrink the picture to 8 x 4 cells; a linear layer over all cells sees the whole of
    it, the sacrum and the ring alike. 0.4 million weights.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 2
        for width in WIDTHS:
            layers += [
                nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Conv2d(width, width, 3, padding=1, groups=width // 8, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            before = width
        self.features = nn.Sequential(*layers)
        self.narrow = nn.Conv2d(before, 32, 1)
        self.head = nn.Sequential(
            nn.Linear(32 * 8 * 4, 256), nn.ReLU(inplace=True), nn.Linear(256, len(LEVELS))
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.head(self.narrow(self.features(pictures)).flatten(1))
        return logits


@dataclass(frozen=True)
class Point:
    """One point of a learning curve: processor seconds of training, pictures seen, probabilities [n, 8]."""

    seconds: float
    seen: int
    loss: float
    chances: NDArray[np.float32]


def inputs(pictures: Marked, chosen: NDArray[np.int64]) -> Tensor:
    """Return the chosen pictures as the network takes them: [n, 2, 128, 64] in 0..1, channels last."""
    both = np.stack([pictures.grey[chosen], pictures.ring[chosen]], axis=-1)
    return torch.from_numpy(both).permute(0, 3, 1, 2).float().div_(255)


def train(
    pictures: Marked,
    seconds: float,
    every: float,
    asked: Marked,
    tell: Callable[[Point], None],
    seed: int = 0,
) -> LevelNet:
    """Return a network trained for `seconds` of this process's time, which the asking does not count against.

    `tell` gets a point of the curve on `asked` every `every` seconds and at the end. One cycle of the
    learning rate; its place follows the clock, so two runs differ in the last digits.
    """
    torch.manual_seed(seed)
    model = LevelNet()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.05)
    order, used, seen, told, losses = rng.permutation(len(pictures)), 0.0, 0, 0.0, [0.0]
    at = 0
    while used < seconds:
        started = time.process_time()
        if at + BATCH > len(order):
            order, at = rng.permutation(len(pictures)), 0
        chosen = order[at : at + BATCH]
        at += BATCH
        for group in optimiser.param_groups:
            group["lr"] = rate(used / seconds)
        losses.append(_step(model, optimiser, pictures, chosen, rng))
        seen += BATCH
        used += time.process_time() - started
        if used - told >= every or used >= seconds:
            told = used
            tell(Point(used, seen, float(np.mean(losses[-50:])), chances(model, asked)))
    return model


def rate(share: float) -> float:
    """Return the learning rate after this share of the time: up within the warm-up, then down as a cosine."""
    if share < WARM_UP:
        return PEAK_RATE * (0.1 + 0.9 * share / WARM_UP)
    return PEAK_RATE * max(0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))), 0.002)


def _step(
    model: LevelNet,
    optimiser: torch.optim.Optimizer,
    pictures: Marked,
    chosen: NDArray[np.int64],
    rng: np.random.Generator,
) -> float:
    batch = inputs(pictures, chosen)
    # Brighter or darker, as another scanner would be.
    gain = torch.from_numpy(rng.uniform(0.8, 1.25, (len(chosen), 1, 1)).astype(np.float32))
    batch[:, 0] = (batch[:, 0] * gain).clamp_(0, 1)
    wanted = torch.from_numpy(pictures.level[chosen])
    loss = F.cross_entropy(model(batch), wanted)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def chances(model: LevelNet, pictures: Marked) -> NDArray[np.float32]:
    """Return the probability of each level for each picture, [n, 8]; the model is left in training mode."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model(inputs(pictures, np.arange(start, min(start + 256, len(pictures))))).softmax(1)
            for start in range(0, len(pictures), 256)
        ]
    model.train()
    return np.asarray(torch.cat(parts).numpy())


def right_of_four(scores: NDArray[np.floating], pictures: Marked, seed: int = 0) -> NDArray[np.bool_]:
    """Return for each picture whether the right one of four options has the highest score.

    Options are drawn as the corpus draws them, from the levels that are marked in the same patient; the
    same on every call. Pictures of patients with fewer than four marks are left out.
    """
    rng = np.random.default_rng(seed)
    marked = {
        int(patient): tuple(LEVELS[level] for level in np.unique(pictures.level[pictures.patient == patient]))
        for patient in np.unique(pictures.patient)
    }
    right = []
    for row, level, patient in zip(scores, pictures.level, pictures.patient, strict=True):
        if len(marked[int(patient)]) >= OPTIONS:
            offered = shuffled(option_set(marked[int(patient)], LEVELS[level], rng), rng)
            right.append(max(offered, key=lambda option: float(row[LEVELS.index(option)])) == LEVELS[level])
    return np.array(right, dtype=bool)
