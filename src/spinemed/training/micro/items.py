"""Marked vertebrae of a corpus as tensors: pictures, exact covers of patches, token ids of the questions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from datasets import load_dataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from spinemed.corpus.config import Phantoms
from spinemed.errors import ConfigError, SourceError
from spinemed.levels import Level
from spinemed.training.alignment import disc_cover
from spinemed.training.micro.cover import Job, covers, cut_of
from spinemed.training.micro.model import GRID
from spinemed.training.rows import cache_of
from spinemed.training.sample import IGNORED, EncodedSample, SampleEncoder

KIND: Final = "marked_level"
COLUMNS: Final = (
    "images", "messages", "kind", "level", "marker", "patient", "source", "plane", "series", "slice_index",
    "window",
)  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Items:
    """Marked vertebrae, item by item.

    `pixels` uint8 (item, frame, row, column, channel) as `Family.pixels` gives them. `cover` uint8 (item,
    patch, level + 1), 255 where a patch shows nothing else; the last channel is the ring's disc. `level`
    (item,) indexes the levels. `ids` and `labels` have one tensor an item, the reply at the end: level,
    letter where the question is a choice, end.
    """

    pixels: Tensor
    cover: Tensor
    level: Tensor
    ids: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.ids)


def marked_rows(corpus: Path, split: str, most: int | None = None) -> list[Row]:
    """Return the marked vertebrae in sagittal pictures of phantoms, undecoded, both forms, at most so many.

    A split that is cut short keeps whole patients and both forms: the rows are those of the first patients.
    Raises SourceError without such a corpus, ConfigError where no row is left.
    """
    if not corpus.is_dir():
        raise SourceError(
            f"there is no corpus in {corpus}; build one with: "
            f"spinemed build --config recipes/micro/build.yaml --out {corpus}"
        )
    found: list[Row] = []
    for config in ("choice", "open"):
        data = load_dataset(str(corpus), config, split=split, cache_dir=cache_of(str(corpus)))
        kept = [
            place
            for place, kind, source, plane in zip(
                range(len(data)), data["kind"], data["source"], data["plane"], strict=True
            )
            if (kind, source, plane) == (KIND, "phantom", "sagittal")
        ]
        found += data.select(kept).select_columns(list(COLUMNS)).with_format("arrow")[:].to_pylist()
    if not found:
        raise ConfigError(f"{corpus} has no {KIND} in sagittal pictures of phantoms in split {split}")
    found.sort(key=lambda row: row["patient"])
    return [spoken(row) for row in found[:most]]


def spoken(row: Row) -> Row:
    """Return a row whose reply is the level, then the letter where there is one: "L4 (C)" becomes "L4 C"."""
    *asked, reply = row["messages"]
    return {**row, "messages": [*asked, {**reply, "content": reply_of(reply["content"])}]}


def reply_of(text: str) -> str:
    """Return a reply without brackets.

    >>> reply_of("L4 (C)"), reply_of("L4")
    ('L4 C', 'L4')
    """
    return re.sub(r" \((\w)\)$", r" \1", text)


def levels_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the marked levels from the head down.

    >>> levels_of([{"level": "L2"}, {"level": "T12"}, {"level": "L2"}])
    ('T12', 'L2')
    """
    order = [level.value for level in Level]
    return tuple(sorted({row["level"] for row in rows}, key=order.index))


def items_of(
    rows: Sequence[Row], processor: Any, levels: Sequence[str], phantoms: Phantoms, workers: int = 1
) -> Items:
    """Return rows as tensors; rows of levels that are not among `levels`, or that are refused, are left out.

    `phantoms` are the settings that the corpus' patients were drawn with: they are drawn again for masks.
    """
    encoder = SampleEncoder(processor)
    kept: list[tuple[Row, EncodedSample]] = []
    for number, row in enumerate(rows):
        sample = encoder.encode(number, row) if row["level"] in levels else None
        if isinstance(sample, EncodedSample) and len(sample.images) == 1:
            kept.append((row, sample))
    if not kept:
        raise ConfigError(f"none of {len(rows)} rows can be used: other levels, or pictures that are refused")
    pixels = [encoder.family.pixels(sample.images)["pixel_values"] for _, sample in kept]
    index = {level: place for place, level in enumerate(levels)}
    return Items(
        torch.cat(pixels),
        _covered(kept, levels, phantoms, workers),
        torch.tensor([index[row["level"]] for row, _ in kept]),
        tuple(sample.ids for _, sample in kept),
        tuple(sample.labels for _, sample in kept),
    )


def _covered(
    kept: Sequence[tuple[Row, EncodedSample]], levels: Sequence[str], phantoms: Phantoms, workers: int
) -> Tensor:
    """Return (item, patch, level + 1), uint8: masks of the phantoms drawn again, and discs of the rings."""
    cuts = defaultdict(list)
    for number, (row, _) in enumerate(kept):
        cuts[row["patient"]].append(cut_of(number, row))
    jobs = [Job(name, tuple(found), phantoms, tuple(levels), GRID) for name, found in cuts.items()]
    cover = torch.zeros(len(kept), GRID[0] * GRID[1], len(levels) + 1, dtype=torch.uint8)
    for number, shares in covers(jobs, workers):
        cover[number, :, :-1] = torch.from_numpy(np.ascontiguousarray(shares))
    for number, (row, sample) in enumerate(kept):
        cover[number, :, -1] = (255 * ring_cover(row["marker"], sample.images[0].shape[:2])).round().byte()
    return cover


def ring_cover(marker: Mapping[str, float], size: Sequence[int]) -> Tensor:
    """Return how much of a ring's disc lies over each patch, the fullest 1, patches row by row."""
    place = {name: marker[name] for name in ("column", "row", "radius")}
    return disc_cover(**place, size=(size[0], size[1]), grid=GRID)


def chosen(items: Items, places: Sequence[int]) -> Items:
    """Return some of the items."""
    wanted = torch.as_tensor(list(places), dtype=torch.long)
    return replace(
        items,
        pixels=items.pixels[wanted],
        cover=items.cover[wanted],
        level=items.level[wanted],
        ids=tuple(items.ids[place] for place in wanted.tolist()),
        labels=tuple(items.labels[place] for place in wanted.tolist()),
    )


def padded(ids: Sequence[Tensor], labels: Sequence[Tensor], pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, labels and attention mask (item, position), filled up on the right."""
    lengths = torch.tensor([len(one) for one in ids])
    filled = pad_sequence(list(ids), batch_first=True, padding_value=pad)
    seen = (torch.arange(filled.shape[1])[None] < lengths[:, None]).long()
    return filled, pad_sequence(list(labels), batch_first=True, padding_value=IGNORED), seen
