"""What one epoch of a corpus asks of a model, from lengths alone: sums, padded batches, the largest batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinemed.training.lengths import LengthPlan
from spinemed.training.memory import Micro
from spinemed.training.model_flops import Counts, Shape
from spinemed.training.packing import Plan, Refused

STOCK_ROWS = 4  # of a padded batch that plans are compared with, where the recipe has a plan


@dataclass(frozen=True)
class Largest:
    """The most of each that any batch of a plan holds; `row` is its longest row."""

    tokens: int
    row: int
    labels: int
    image_tokens: int


def epoch_counts(lengths: LengthPlan, shape: Shape) -> Counts:
    """Return the sums over the rows that are kept; pictures of a row are taken as alike."""
    kept = lengths.kept
    tokens, pictured, shown = (
        each[kept].astype(np.float64) for each in (lengths.tokens, lengths.image_tokens, lengths.images)
    )
    patches = pictured * shape.merge
    one = patches / np.maximum(1, shown)
    alone = shape.tile_patches or one
    return Counts(
        tokens=float(tokens.sum()),
        labels=float(lengths.label_tokens[kept].sum()),
        images=float(shown.sum()),
        image_tokens=float(pictured.sum()),
        pairs=float((tokens * (tokens + 1) / 2).sum()),
        sliding_pairs=float(_sliding(tokens, shape.window).sum()),
        patches=float(patches.sum()),
        patch_pairs=float((patches * alone).sum()),
        window_pairs=float((patches * np.minimum(one, shape.tower_window)).sum()),
    )


def _sliding(tokens: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    if not window:
        return np.asarray(tokens * (tokens + 1) / 2)
    near = np.minimum(tokens, window)
    return np.asarray(near * (near + 1) / 2 + (tokens - near) * window)


def padded_plan(lengths: LengthPlan, rows: int, seed: int = 0) -> Plan:
    """Return batches of so many rows in random order, each padded to its longest row."""
    order = np.random.default_rng([seed, 0]).permutation(lengths.kept).tolist()
    batches = tuple(tuple(order[start : start + rows]) for start in range(0, len(order), rows))
    tokens, images = (summed(each, batches) for each in (lengths.tokens, lengths.images))
    paid = np.array([len(batch) * lengths.tokens[list(batch)].max() for batch in batches], np.int64)
    refused = tuple(Refused(one.row, one.reason) for one in lengths.refused)
    return Plan(batches, tokens, images, paid, int(paid.max(initial=0)), refused)


def summed(values: NDArray[np.int64], batches: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return the sum of a row's value over every batch."""
    return np.array([values[list(batch)].sum() for batch in batches], np.int64)


def largest(lengths: LengthPlan, plan: Plan) -> Largest:
    """Return the most that a batch of the plan holds."""
    return Largest(
        tokens=int(plan.paid.max(initial=0)),
        row=int(lengths.tokens[lengths.kept].max(initial=0)),
        labels=int(summed(lengths.label_tokens, plan.batches).max(initial=0)),
        image_tokens=int(summed(lengths.image_tokens, plan.batches).max(initial=0)),
    )


def micro_batch(most: Largest, shape: Shape, *, packed: bool, varlen: bool) -> Micro:
    """Return the largest micro-batch of a plan as memory is predicted from it."""
    dense = 0 if varlen else (most.tokens if packed else most.row)
    return Micro(most.tokens, most.labels, most.image_tokens, most.image_tokens * shape.merge, dense)
