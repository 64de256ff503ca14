"""Speed and waste of plans of batches: ours beside TRL's best fit, random batches and group_by_length.

    python benchmarks/packing_plan.py                          # 450,000 rows, lengths drawn at random
    python benchmarks/packing_plan.py --lengths lengths.npz    # arrays `tokens` and `images` of a corpus

Drawn lengths are log-normal with the median 864 and the mean 1,222 tokens, cut to 40 up to the budget, with 0
to 3 pictures a row: an assumption until a corpus is measured. All plans are made of the same lengths in one
process, in turn, `--rounds` times (TRL's whole calls once, they take most of a minute); seconds are medians
of processor time. Rows beyond the budget are left out
for all alike, so that nobody truncates. TRL's function `_pack_bfd` gets a table of one-byte tokens, with all
rows at once and with 1,000 at a time, which is what `pack_dataset` does by itself; besides the whole call its
placing alone is timed (its `_SegmentTree` and its loop, on Python's integers, which is quicker than its own
on numpy's), because ours moves no tokens. Waste is the share of
what is paid for that is no real token: of a pack the whole budget, of a padded batch the rectangle. Padded
peers take 4 rows a batch, 8, and as many as the budget holds of the mean. A plan of ours counts only if it
holds every row once and no batch is over the budget. Results go to
benchmarks/results/packing_plan.json.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch
from setting import setting
from transformers.trainer_pt_utils import LengthGroupedSampler
from trl.data_utils import _pack_bfd, _SegmentTree

from spinemed.training.packing import Plan, grouped_plan, pack_plan

ROOT: Final = Path(__file__).resolve().parent.parent
RESULT: Final = ROOT / "benchmarks" / "results" / "packing_plan.json"
CALLED_ONCE: Final = ("trl_bfd_all_rows", "trl_bfd_1000_rows")


def drawn(rows: int, budget: int) -> tuple[Any, Any]:
    """Return tokens and pictures of so many rows."""
    random = np.random.default_rng(0)
    lengths = random.lognormal(math.log(864), 0.8327, rows).astype(np.int64).clip(40, budget)
    return lengths, random.integers(0, 4, rows)


def trl_whole(lengths: Any, budget: int, at_once: int | None) -> list[int]:
    """Return the tokens of TRL's packs, made by its own function of `at_once` rows at a time (None: all)."""
    packs: list[int] = []
    step = at_once or len(lengths)
    for start in range(0, len(lengths), step):
        part = lengths[start : start + step]
        offsets = np.concatenate([[0], np.cumsum(part)])
        values = pa.array(np.zeros(int(offsets[-1]), np.int8))
        table = pa.table({"input_ids": pa.LargeListArray.from_arrays(offsets, values)})
        packed = _pack_bfd(table, budget)
        packs += [sum(one) for one in packed["seq_lengths"].to_pylist()]
    return packs


def trl_placing(lengths: Any, budget: int) -> list[int]:
    """Return the tokens of TRL's packs by its segment tree and the loop of `_pack_bfd`, moving no tokens."""
    order = np.argsort(-lengths, kind="stable")
    tree = _SegmentTree(budget)
    tree.add(budget)
    open_packs: dict[int, deque[list[int]]] = defaultdict(deque)
    packs: list[list[int]] = []
    for length in lengths[order].tolist():
        space = tree.search(length)
        if space < budget:
            pack = open_packs[space].popleft()
        else:
            pack = []
            packs.append(pack)
        pack.append(length)
        if space < budget and not open_packs[space]:
            tree.remove(space)
        space -= length
        open_packs[space].append(pack)
        if space > 0:
            tree.add(space)
    return [sum(pack) for pack in packs]


def by_length(lengths: Any, size: int) -> list[int]:
    """Return the order of rows that `train_sampling_strategy="group_by_length"` gives."""
    generator = torch.Generator().manual_seed(0)
    return list(LengthGroupedSampler(size, lengths=lengths.tolist(), generator=generator))


def check(plan: Plan, rows: int) -> None:
    """Refuse a plan that drops, repeats or overfills."""
    held = sorted(row for batch in plan.batches for row in batch)
    if held != list(range(rows)) or plan.paid.max() > plan.budget:
        raise SystemExit("a plan of ours is wrong: nothing is measured")


def of_plan(plan: Plan) -> dict[str, float]:
    """Return batches, waste and fill."""
    return {"batches": len(plan.batches), "waste": round(plan.waste, 5), "fill": round(plan.fill, 5)}


def of_packs(packs: Sequence[int], budget: int) -> dict[str, float]:
    """Return packs, waste and fill of a peer; refuse a pack over the budget."""
    if max(packs) > budget:
        raise SystemExit("a pack of a peer is over the budget")
    fill = sum(packs) / (len(packs) * budget)
    return {"batches": len(packs), "waste": round(1 - fill, 5), "fill": round(fill, 5)}


def of_padded(order: Sequence[int], lengths: Any, size: int, budget: int) -> dict[str, float]:
    """Return batches, waste and the share of batches over the budget, which padded peers do not know."""
    starts = np.arange(0, len(lengths), size)
    taken = lengths[np.asarray(order)]
    rows = np.diff([*starts, len(taken)])
    paid = np.maximum.reduceat(taken, starts) * rows
    waste, over = 1 - float(lengths.sum() / paid.sum()), float((paid > budget).mean())
    return {"batches": len(starts), "waste": round(waste, 5), "over_budget": round(over, 4)}


def contestants(lengths: Any, images: Any, budget: int, most_images: int) -> dict[str, Callable[[], Any]]:
    """Return what is measured, by name."""
    nothing = np.zeros_like(images)
    pack = partial(pack_plan, lengths, nothing, budget=budget)
    group = partial(grouped_plan, lengths, nothing, budget=budget)
    size = max(2, int(budget // lengths.mean()))
    random = np.random.default_rng(0)
    contests: dict[str, Callable[[], Any]] = {
        "packed_window_512": pack,
        "packed_window_4096": partial(pack, window=4096),
        "packed_all_rows": partial(pack, window=None),
        f"packed_{most_images}_pictures": partial(
            pack_plan, lengths, images, budget=budget, most_images=most_images
        ),
        "packed_8_ranks": partial(pack, world=8),
        "trl_bfd_all_rows": lambda: of_packs(trl_whole(lengths, budget, None), budget),
        "trl_bfd_all_rows_placing_alone": lambda: of_packs(trl_placing(lengths, budget), budget),
        "trl_bfd_1000_rows": lambda: of_packs(trl_whole(lengths, budget, 1000), budget),
        "grouped_window_8192": group,
        "grouped_window_512": partial(group, window=512),
    }
    for rows in sorted({4, 8, size}):
        contests[f"group_by_length_{rows}"] = lambda rows=rows: of_padded(
            by_length(lengths, rows), lengths, rows, budget
        )
        contests[f"random_{rows}"] = lambda rows=rows: of_padded(
            random.permutation(len(lengths)), lengths, rows, budget
        )
    return contests


def measure(lengths: Any, images: Any, budget: int, most_images: int, rounds: int) -> dict[str, Any]:
    """Return rows a second, batches, waste and fill of every contestant."""
    told: dict[str, Any] = {}
    seconds: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        for name, make in contestants(lengths, images, budget, most_images).items():
            if number and name in CALLED_ONCE:
                continue
            start = time.process_time()
            made = make()
            seconds[name].append(time.process_time() - start)
            if number == 0:
                if isinstance(made, Plan):
                    check(made, len(lengths))
                    made = of_plan(made)
                told[name] = made
    for name, line in told.items():
        middle = statistics.median(seconds[name])
        line |= {"seconds": round(middle, 3), "rows_a_second": round(len(lengths) / middle)}
    return told


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lengths", type=Path)
    parser.add_argument("--rows", type=int, default=450_000)
    parser.add_argument("--budget", type=int, default=8192)
    parser.add_argument("--most-images", type=int, default=18)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.lengths:
        held = np.load(given.lengths)
        lengths, images = held["tokens"], held["images"]
    else:
        lengths, images = drawn(given.rows, given.budget)
    kept = (lengths > 0) & (lengths <= given.budget) & (images <= given.most_images)
    lengths, images = lengths[kept], images[kept]
    plans = measure(lengths, images, given.budget, given.most_images, given.rounds)
    result = {
        "rows": len(lengths),
        "left_out": int((~kept).sum()),
        "lengths": given.lengths.name if given.lengths else "drawn",
        "tokens": {
            "mean": round(float(lengths.mean()), 1),
            "median": float(np.median(lengths)),
            "p95": float(np.percentile(lengths, 95)),
            "sum": int(lengths.sum()),
        },
        "budget": given.budget,
        "fewest_possible": -(-int(lengths.sum()) // given.budget),
        "most_images": given.most_images,
        "rounds": given.rounds,
        "plans": plans,
        **setting("numpy", "pyarrow", "trl", "transformers", "torch"),
    }
    for name, line in plans.items():
        print(f"{name:32}", line)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
