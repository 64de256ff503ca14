"""Real tokens a second of packs beside groups of like length where attention is a dense square.

    python benchmarks/packing_crossover.py

Checks the rule of src/spinemed/training/strategy.py on a processor without attention of varying length: a
language model of random weights, forward and backward, sdpa in float32, one thread. Lengths are those of
benchmarks/packing_plan.py divided by 8 (median 108, mean 153). Packs restart their positions, so that
transformers isolates the samples; groups are padded. Both plans hold the same rows, batches are taken in turn
until each has had `--tokens` real tokens, `--rounds` times, and medians of real tokens a second of processor
time are told, beside what the rule predicts. Before that, the summed loss of a few packs must equal that of
the same rows padded. Results go to benchmarks/results/packing_crossover.json.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from setting import setting
from transformers import AutoModelForCausalLM, LlamaConfig

from spinemed.training.model_flops import config_flops
from spinemed.training.packing import Plan, grouped_plan, pack_plan
from spinemed.training.strategy import choose, crossover

ROOT: Final = Path(__file__).resolve().parent.parent
RESULT: Final = ROOT / "benchmarks" / "results" / "packing_crossover.json"
BUDGETS: Final = (256, 512, 1024, 2048, 4096)
SIZES: Final = {"tiny": (64, 2, 2), "small": (256, 4, 4)}  # width, layers, heads
WORDS: Final = 304


def config_of(width: int, layers: int, heads: int) -> LlamaConfig:
    """Return the config of a language model; `tiny` is the language part of recipes/tiny."""
    return LlamaConfig(
        vocab_size=WORDS,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 2),
        max_position_embeddings=8192,
    )


def packed(rows: Sequence[Any]) -> dict[str, Any]:
    """Return one pack of rows of token ids."""
    ids = torch.cat(list(rows))
    labels = ids.clone()
    labels[np.cumsum([0, *map(len, rows[:-1])])] = -100
    positions = torch.cat([torch.arange(len(row)) for row in rows])
    return {"input_ids": ids[None], "position_ids": positions[None], "labels": labels[None]}


def grouped(rows: Sequence[Any]) -> dict[str, Any]:
    """Return one padded batch of rows of token ids."""
    ids = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    sizes = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(ids.shape[1])[None] < sizes[:, None]).long()
    return {"input_ids": ids, "attention_mask": mask, "labels": ids.where(mask.bool(), -100)}


def loss_of(model: Any, batch: dict[str, Any]) -> Any:
    """Return the summed loss of a batch."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    logits = model(**inputs, use_cache=False).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="sum")


def speed(model: Any, batches: Sequence[dict[str, Any]], real: int) -> float:
    """Return real tokens a second of processor time, forward and backward."""
    start = time.process_time()
    for batch in batches:
        model.zero_grad()
        loss_of(model, batch).backward()
    return real / (time.process_time() - start)


def some(plan: Plan, rows: Sequence[Any], tokens: int, collate: Any) -> tuple[list[dict[str, Any]], int]:
    """Return the first batches of a plan that hold so many real tokens, and how many they hold."""
    batches, real = [], 0
    for numbers, held in zip(plan.batches, plan.tokens.tolist(), strict=True):
        if real >= tokens:
            break
        batches.append(collate([rows[number] for number in numbers]))
        real += held
    return batches, real


def measure(name: str, tokens: int, rounds: int) -> dict[str, Any]:
    """Return the speeds of a model by budget, and the longest pack that the rule and the clock allow."""
    torch.manual_seed(0)
    config = config_of(*SIZES[name])
    model, flops = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa"), config_flops(config)
    random = np.random.default_rng(0)
    lengths = (random.lognormal(math.log(864), 0.8327, 6000) / 8).astype(np.int64).clip(5, 256)
    rows = [torch.from_numpy(random.integers(1, WORDS, length)) for length in lengths]
    told: dict[str, Any] = {}
    for budget in BUDGETS:
        plans = {
            "packed": pack_plan(lengths, np.zeros_like(lengths), budget=budget),
            "grouped": grouped_plan(lengths, np.zeros_like(lengths), budget=budget),
        }
        taken = {
            "packed": some(plans["packed"], rows, tokens, packed),
            "grouped": some(plans["grouped"], rows, tokens, grouped),
        }
        check(model, [rows[number] for number in plans["packed"].batches[0]])
        for batches, _ in taken.values():
            speed(model, batches[:1], 1)
        runs: dict[str, list[float]] = {"packed": [], "grouped": []}
        for _ in range(rounds):
            for kind, (batches, real) in taken.items():
                runs[kind].append(speed(model, batches, real))
        line = {kind: round(statistics.median(found)) for kind, found in runs.items()}
        ratios = [one / other for one, other in zip(runs["packed"], runs["grouped"], strict=True)]
        told[str(budget)] = {
            **line,
            "packed_over_grouped": round(statistics.median(ratios), 3),
            "spread": [round(min(ratios), 3), round(max(ratios), 3)],
            "predicted_crossover": round(crossover(flops, plans["grouped"])),
            "chosen": choose("sdpa", "cpu", budget, flops, plans["grouped"]).kind,
        }
        print(name, budget, told[str(budget)], flush=True)
    return told


def check(model: Any, rows: Sequence[Any]) -> None:
    """Refuse to measure where a pack's loss differs from that of the same rows padded."""
    with torch.no_grad():
        one, other = loss_of(model, packed(rows)), loss_of(model, grouped(rows))
    if abs(one - other) > 1e-5 * other:
        raise SystemExit(f"summed loss packed {one}, padded {other}: nothing is measured")


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    models = {name: measure(name, given.tokens, given.rounds) for name in SIZES}
    result = {
        "tokens": given.tokens,
        "rounds": given.rounds,
        "models": models,
        **setting("torch", "transformers", "numpy"),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
