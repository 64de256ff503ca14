"""Predictions of simulated answerers as files, with the sidecar that a run has."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from spinemed.answers import parse_answer
from spinemed.bench.faults.planted import Planted
from spinemed.bench.items import Item
from spinemed.bench.running.runs import Run, sidecar, write_whole
from spinemed.records import Prediction

LIMIT = 64


def write_predictions(
    path: Path, planted: Planted, items: Sequence[Item], data_hash: str, seed: int, *, blank: bool
) -> None:
    """Write what an answerer says to choice items, without the picture if `blank`; same seed, same file."""
    draw = random.Random(f"{planted.name} {seed} {blank}")
    lines = [prediction(planted, item, draw, blank=blank).model_dump_json() for item in items]
    write_whole(path, "".join(f"{line}\n" for line in lines))
    run = Run(
        model=planted.name, model_hash="simulated", config="choice", split="test", data_hash=data_hash,
        max_new_tokens=LIMIT, decoding="simulated", items=len(items), backend="replay",
        control="blank" if blank else "none",
    )  # fmt: skip
    write_whole(sidecar(path), run.model_dump_json() + "\n")


def prediction(planted: Planted, item: Item, draw: random.Random, *, blank: bool) -> Prediction:
    """Return one answer, read without sight of the key as a runner reads it."""
    reply = planted.answer(item, blank, draw)
    parsed = parse_answer(reply.text, item.lettered, cut_off=reply.cut_off)
    return Prediction(
        instance=item.id,
        model=planted.name,
        text=reply.text,
        status=parsed.status,
        choice="".join(parsed.letters),
        seconds=0.0,
        tokens=LIMIT if reply.cut_off else len(reply.text.split()),
        finish_reason="length" if reply.cut_off else "stop",
    )
