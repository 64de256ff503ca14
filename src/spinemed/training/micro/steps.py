"""One phase of training: AdamW with a cosine rate over a budget of minutes or of steps, and its curve."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

WEIGHT_DECAY: Final = 0.05
BETAS: Final = (0.9, 0.98)
WARM_UP: Final = 60
LEAST: Final = 0.05
"""The rate falls to this share of its height."""
CLIPPED: Final = 1.0
POINTS: Final = 10
"""Times in a phase that held-out items are measured; the time of it is not counted."""
RECENT: Final = 40

Point = dict[str, Any]
"""One line of a curve: phase, minutes, step, loss, and what was measured."""


@dataclass(frozen=True)
class Budget:
    """How long a phase is: minutes of training, or just so many steps where they are given."""

    minutes: float
    steps: int | None = None

    def spent(self, step: int, seconds: float) -> float:
        """Return the share of the budget that is used, 1 or more at the end.

        >>> Budget(2.0).spent(7, 60.0), Budget(2.0, 10).spent(7, 60.0), Budget(0.0).spent(0, 0.0)
        (0.5, 0.7, 1.0)
        """
        if self.steps is not None:
            return step / self.steps if self.steps else 1.0
        return seconds / (60 * self.minutes) if self.minutes else 1.0

    @property
    def warm_up(self) -> int:
        """Return the steps in which the rate rises."""
        return WARM_UP if self.steps is None else min(WARM_UP, max(1, self.steps // 10))


def train(
    phase: str,
    modules: Sequence[nn.Module],
    loss_of: Callable[[float], Tensor],
    budget: Budget,
    rate: float,
    measure: Callable[[], dict[str, float]] | None = None,
) -> list[Point]:
    """Train all weights of `modules` in place until the budget is spent, and return the curve.

    `loss_of` gets the share of the budget that is used and returns the loss of a new batch. `measure` is
    called ten times; what it takes is not counted.
    """
    weights = list(dict.fromkeys(weight for module in modules for weight in module.parameters()))
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=WEIGHT_DECAY, betas=BETAS)
    curve: list[Point] = []
    recent: list[float] = []
    seconds, step = 0.0, 0
    while (spent := budget.spent(step, seconds)) < 1:
        start = time.perf_counter()
        for group in optimizer.param_groups:
            fallen = LEAST + (1 - LEAST) * (1 + math.cos(math.pi * spent)) / 2
            group["lr"] = rate * min(1.0, (step + 1) / budget.warm_up) * fallen
        loss = loss_of(spent)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, CLIPPED)
        optimizer.step()
        recent = [*recent[1 - RECENT :], loss.item()]
        step += 1
        seconds += time.perf_counter() - start
        now = budget.spent(step, seconds)
        if int(now * POINTS) > int(spent * POINTS):
            curve.append(_point(phase, step, seconds, recent, measure))
    return curve


def _point(
    phase: str,
    step: int,
    seconds: float,
    recent: Sequence[float],
    measure: Callable[[], dict[str, float]] | None,
) -> Point:
    found = {"phase": phase, "minutes": round(seconds / 60, 2), "step": step, "loss": round(mean(recent), 4)}
    if measure is not None:
        found |= {name: round(value, 3) for name, value in measure().items()}
    sys.stderr.write(", ".join(f"{name} {value}" for name, value in found.items()) + "\n")
    return found


def mean(values: Sequence[float]) -> float:
    """Return the mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def batches(count: int, size: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Return numbers below `count` in batches without end, each once before any comes again."""
    waiting: list[int] = []
    while True:
        while len(waiting) < size:
            waiting += rng.permutation(count).tolist()
        yield waiting[:size]
        waiting = waiting[size:]
