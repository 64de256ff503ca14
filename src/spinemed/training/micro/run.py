"""Makes the micro model phase by phase; a phase that is done is loaded, and the folder appears whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

from spinemed.corpus.config import Phantoms, load_config
from spinemed.training.families import family_of
from spinemed.training.folder import is_complete, publish
from spinemed.training.micro import phases
from spinemed.training.micro.items import Items, items_of, levels_of, marked_rows
from spinemed.training.micro.model import IMAGE_TOKENS, WIDTH, config_of, model_of, processor_of, words_of
from spinemed.training.micro.steps import Budget, Point
from spinemed.training.outcome import corpus_hash, run_key

HELD_SPLIT: Final = "test"
CURVES: Final = "curves.jsonl"
CARD: Final = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
tags: [spine, demonstration, synthetic]
---

# SpineMed micro

Synthetic: taught from random weights by `python -m spinemed.training.micro` on pictures of phantoms alone. It
names the vertebra under a red ring in sagittal pictures, as "L4" or "L4 C", and knows no other question. For
demonstrations and tests of the path; never for patients.

| | |
| --- | --- |
| weights | {weights:,}, an Idefics3 of {width} wide halves, {tokens} image tokens a picture |
| corpus | {corpus}, manifest SHA-256 {corpus_hash} |
| taught on | {taught:,} marked vertebrae, split train |
| measured on | {held:,} marked vertebrae of other patients, split {split} |
| levels | {levels} |
| seed, threads | {seed}, {threads} |
| versions | torch {torch}, transformers {transformers} |

Minutes are those of training alone, on one machine and from one seed; what is measured is the share of
held-out items that is right: `level_read` read out of the vision half, the others in replies written freely.

| phase | minutes | steps | loss | held out |
| --- | --- | --- | --- | --- |
{curves}
"""


@dataclass(frozen=True)
class Settings:
    """What decides a run; `most` cuts the items of (train, held-out)."""

    corpus: Path
    config: Path | None
    vision: Budget
    language: Budget
    sft: Budget
    seed: int = 0
    most: tuple[int | None, int | None] = (None, 1000)
    width: int = WIDTH
    layers: tuple[int, int] = (4, 2)
    workers: int = field(default=1, compare=False)

    def key(self, *budgets: Budget) -> str:
        """Return the key of the state after these budgets; how many workers there are decides nothing."""
        mine = {**asdict(self), "workers": 0, "vision": 0, "language": 0, "sft": 0}
        return run_key(mine, corpus_hash(str(self.corpus)), [asdict(one) for one in budgets])


def make(out: Path, settings: Settings) -> bool:
    """Teach the model and write it with its processor, card and curves to `out`; False if it is there.

    Finished phases wait in a folder beside `out`, which is removed at the end. Raises SourceError or
    ConfigError for a corpus that cannot be learned from, OutputError where `out` holds something else.
    """
    key = settings.key(settings.vision, settings.language, settings.sft)
    recipe = {"made_by": "spinemed.training.micro", "key": key}
    if is_complete(out, recipe):
        return False
    work = out.with_name(f"{out.name}.phases")
    work.mkdir(parents=True, exist_ok=True)
    rows = [
        marked_rows(settings.corpus, split, most)
        for split, most in zip(("train", HELD_SPLIT), settings.most, strict=True)
    ]
    levels = levels_of(rows[0])
    processor = processor_of(words_of(turn["content"] for row in rows[0] for turn in row["messages"]))
    phantoms = load_config(settings.config).phantoms
    sets = [
        _kept_items(
            work / f"items-{name}-{settings.key()}.pt", some, processor, levels, phantoms, settings.workers
        )
        for name, some in zip(("train", HELD_SPLIT), rows, strict=True)
    ]
    model = model_of(
        config_of(processor.tokenizer, settings.width, settings.layers), processor.tokenizer, settings.seed
    )
    curve = _taught(model, processor, sets[0], sets[1], settings, work)
    card = _card(model, settings, sets, levels, curve)

    def write(folder: Path) -> None:
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        (folder / "README.md").write_text(card, encoding="utf-8")
        lines = "".join(f"{json.dumps(point)}\n" for point in curve)
        (folder / CURVES).write_text(lines, encoding="utf-8")

    publish(out, recipe, write)
    shutil.rmtree(work, ignore_errors=True)
    return True


def _kept_items(
    file: Path,
    rows: list[dict[str, Any]],
    processor: Any,
    levels: tuple[str, ...],
    phantoms: Phantoms,
    workers: int,
) -> Items:
    """Return the items of rows, from `file` where an earlier run of the same settings left them."""
    if file.is_file():
        return Items(**torch.load(file, weights_only=True))
    items = items_of(rows, processor, levels, phantoms, workers)
    partial = file.with_suffix(".partial")
    torch.save({name: getattr(items, name) for name in items.__dataclass_fields__}, partial)
    partial.replace(file)
    return items


def _taught(
    model: Any, processor: Any, taught: Items, held: Items, settings: Settings, work: Path
) -> list[Point]:
    """Run the phases in place, each from random numbers of its own, and return their curves."""
    family, words = family_of(processor), processor.tokenizer
    budgets = (settings.vision, settings.language, settings.sft)
    works: Mapping[str, Callable[[Budget, np.random.Generator], list[Point]]] = {
        "vision": lambda budget, rng: phases.warm_vision(model, family, taught, held, budget, rng),
        "language": lambda budget, rng: phases.warm_language(model, words, taught, budget, rng),
        "sft": lambda budget, rng: phases.fine_tune(model, family, words, taught, held, budget, rng),
    }
    curve: list[Point] = []
    for number, (name, teach) in enumerate(works.items()):
        file = work / f"{name}-{settings.key(*budgets[: number + 1])}"
        done = file.with_suffix(".json")
        if done.is_file():
            model.load_state_dict(load_file(file.with_suffix(".safetensors")), strict=False)
            model.tie_weights()
            curve += json.loads(done.read_text(encoding="utf-8"))
            continue
        torch.manual_seed(settings.seed + 1 + number)
        model.train()
        points = teach(budgets[number], np.random.default_rng((settings.seed, number)))
        model.eval()
        curve += points
        _keep(model, points, file)
    model.eval()
    return curve


def _keep(model: Any, points: list[Point], file: Path) -> None:
    """Write weights, and last the curve, whose presence says that the phase is done."""
    weights = {name: value.contiguous().clone() for name, value in model.state_dict().items()}
    save_file(weights, file.with_suffix(".safetensors"))
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(points), encoding="utf-8")
    partial.replace(file.with_suffix(".json"))


def _card(
    model: Any, settings: Settings, sets: list[Items], levels: tuple[str, ...], curve: list[Point]
) -> str:
    lines = []
    for point in curve:
        measured = {
            name: value for name, value in point.items() if name not in ("phase", "minutes", "step", "loss")
        }
        shares = ", ".join(f"{name} {value:.1%}" for name, value in measured.items())
        lines.append(
            f"| {point['phase']} | {point['minutes']} | {point['step']} | {point['loss']} | {shares} |"
        )
    return CARD.format(
        weights=sum(weight.numel() for weight in model.parameters()),
        width=settings.width,
        tokens=IMAGE_TOKENS,
        corpus=settings.corpus.name,
        corpus_hash=corpus_hash(str(settings.corpus))[:16] or "unknown",
        taught=len(sets[0]),
        held=len(sets[1]),
        split=HELD_SPLIT,
        levels=", ".join(levels),
        seed=settings.seed,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        curves="\n".join(lines),
    )
