"""How many tokens, labels and pictures every row has, from the tokenizer and the pictures' headers alone."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import transformers
from numpy.typing import NDArray

from spinemed.errors import ConfigError, OutputError, SourceError
from spinemed.training.pixels import Resizer
from spinemed.training.sample import Prompt, Refused, SampleEncoder, objection, overlapping
from spinemed.training.undecoded import undecoded

AT_ONCE = 256  # rows read and tokenized together
VERSION = 1  # of this file's arithmetic, part of the name of a cached plan
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class LengthPlan:
    """Counts by row number, int64, and the rows that are left out with their reasons, in order.

    `tokens` is the number of ids the stock processor gives, image tokens included; `label_tokens` those the
    loss sees. A row that could not be read has 0 everywhere; one that is too long keeps its true counts.
    """

    tokens: Counts
    label_tokens: Counts
    image_tokens: Counts
    images: Counts
    refused: tuple[Refused, ...]
    key: str

    @property
    def kept(self) -> Counts:
        """Return the numbers of the rows that are not refused, in order."""
        keep = np.ones(len(self.tokens), dtype=np.bool_)
        keep[[one.row for one in self.refused]] = False
        return np.flatnonzero(keep)


def length_plan(
    rows: Any,
    processor: Any,
    *,
    corpus: str = "",
    cache: Path | None = None,
    chat_template: str | None = None,
    resize: Resizer | None = None,
    most_tokens: int | None = None,
    most_images: int | None = None,
    processes: int = 1,
) -> LengthPlan:
    """Return the counts of all rows, read from the folder `cache` where they were taken before.

    `rows` are those of `training_rows`, or any sequence of {"messages", "images"} with undecoded pictures;
    `corpus` names their content (the corpus hash). Damage behind a picture's header is found only when the
    picture is decoded. Rows beyond `most_tokens` or `most_images` are refused, never cut.
    """
    encoder = SampleEncoder(processor, chat_template=chat_template, resize=resize)
    rows = undecoded(rows)
    key = plan_key(corpus, rows, processor, encoder)
    file = None if cache is None else cache / f"lengths-{key[:24]}.npz"
    stored = _stored(file, len(rows)) if file else None
    if stored is None:
        stored = _taken(rows, encoder, processes)
        if file:
            _store(file, *stored)
    return _limited(*stored, key, most_tokens, most_images)


def plan_key(corpus: str, rows: Any, processor: Any, encoder: SampleEncoder) -> str:
    """Return the SHA-256 of everything that the counts depend on: rows, processor, tokenizer and template."""
    settings = {name: value for name, value in vars(encoder.family).items() if name[0] != "_"}
    parts = {
        "version": VERSION,
        "corpus": corpus,
        "rows": [len(rows), str(getattr(rows, "fingerprint", ""))],
        "processor": {
            name: str(value) for name, value in settings.items() if name not in ("values", "tokenizer")
        },
        "tokenizer": _words_hash(processor.tokenizer),
        "special": {name: str(value) for name, value in processor.tokenizer.special_tokens_map.items()},
        "template": encoder.template,
        "libraries": [transformers.__version__, tokenizers.__version__],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _words_hash(tokenizer: Any) -> str:
    """Return the SHA-256 of a tokenizer, without how its last call happened to pad and cut."""
    words = json.loads(tokenizer.backend_tokenizer.to_str())
    lasting = {name: value for name, value in words.items() if name not in ("padding", "truncation")}
    return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()


def _taken(rows: Any, encoder: SampleEncoder, processes: int) -> tuple[Counts, list[Refused]]:
    """Return counts (4, rows) and the rows that cannot be read, taken in `processes` processes."""
    share = max(AT_ONCE, -(-len(rows) // max(1, processes)))
    spans = [(start, min(start + share, len(rows))) for start in range(0, len(rows), share)]
    if len(spans) > 1:
        # Spawned, not forked: the tokenizer's and torch's threads do not survive a fork.
        with ProcessPoolExecutor(len(spans), mp_context=get_context("spawn")) as pool:
            waiting = [pool.submit(_span_taken, rows, encoder, start, stop) for start, stop in spans]
            results = [one.result() for one in waiting]
    else:
        results = [_span_taken(rows, encoder, start, stop) for start, stop in spans]
    counts = np.concatenate([part for part, _ in results] or [np.zeros((4, 0), np.int64)], axis=1)
    return counts, [one for _, refused in results for one in refused]


def _span_taken(rows: Any, encoder: SampleEncoder, start: int, stop: int) -> tuple[Counts, list[Refused]]:
    """Return counts (4, stop - start) and the rows of this span that cannot be read."""
    counts = np.zeros((4, stop - start), dtype=np.int64)
    refused: list[Refused] = []
    for first in range(start, stop, AT_ONCE):
        prompts: dict[int, tuple[Prompt, int]] = {}
        for number, row in enumerate(rows[first : min(first + AT_ONCE, stop)], start=first):
            try:
                sizes = encoder.sizes(row["images"])
                prompts[number] = encoder.prompt(row["messages"], sizes), len(sizes)
            except SourceError as error:
                refused.append(Refused(number, str(error)))
        for number, (counted, images) in zip(prompts, _counted(encoder, prompts.values()), strict=True):
            counts[:, number - start] = (*counted, images)
    return counts, refused


def _counted(
    encoder: SampleEncoder, prompts: Iterable[tuple[Prompt, int]]
) -> Iterator[tuple[tuple[int, int, int], int]]:
    """Yield (tokens, label tokens, image tokens) and the number of pictures of every prompt."""
    waiting = list(prompts)
    if not waiting:
        return
    found = encoder.tokenizer(
        [prompt.text for prompt, _ in waiting],
        add_special_tokens=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    for ids, offsets, (prompt, images) in zip(
        found["input_ids"], found["offset_mapping"], waiting, strict=True
    ):
        yield tally(encoder, ids, offsets, prompt), images


def tally(
    encoder: SampleEncoder, ids: Sequence[int], offsets: Sequence[tuple[int, int]], prompt: Prompt
) -> tuple[int, int, int]:
    """Return how many tokens, label tokens and image tokens a prompt has once its runs are at full length."""
    short = np.array(ids, dtype=np.int64)
    is_image = short == encoder.family.image_token_id
    if int(is_image.sum()) != len(prompt.runs):
        raise ConfigError(
            f"the tokenizer made {int(is_image.sum())} image tokens of {len(prompt.runs)} in {prompt.text!r}"
        )
    times = np.ones(len(short), dtype=np.int64)
    times[is_image] = prompt.runs
    spoken = overlapping(offsets, prompt.spoken)
    labels = int(times[spoken].sum()) - int(spoken[:1].sum())
    return int(times.sum()), labels, sum(prompt.runs)


def _limited(
    counts: Counts, broken: Sequence[Refused], key: str, most_tokens: int | None, most_images: int | None
) -> LengthPlan:
    """Return the plan of these counts, with the rows beyond the limits refused too."""
    refused = list(broken)
    known = {one.row for one in broken}
    tokens, labels, image_tokens, images = counts
    suspects = labels == 0
    if most_tokens is not None:
        suspects |= tokens > most_tokens
    if most_images is not None:
        suspects |= images > most_images
    for row in np.flatnonzero(suspects).tolist():
        reason = objection(int(tokens[row]), int(images[row]), int(labels[row]), most_tokens, most_images)
        if row not in known and reason:
            refused.append(Refused(row, reason))
    refused.sort(key=lambda one: one.row)
    return LengthPlan(tokens, labels, image_tokens, images, tuple(refused), key)


def _stored(file: Path, rows: int) -> tuple[Counts, list[Refused]] | None:
    """Return what a cached plan holds, None where there is none or it is damaged."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as held:
            counts, places, reasons = held["counts"], held["refused"], held["reasons"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if counts.shape != (4, rows) or len(places) != len(reasons):
        return None
    return counts, [Refused(int(row), str(why)) for row, why in zip(places, reasons, strict=True)]


def _store(file: Path, counts: Counts, refused: Sequence[Refused]) -> None:
    """Write a plan beside its place and move it there, so that it is whole or absent."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        counts=counts,
        refused=np.array([one.row for one in refused], dtype=np.int64),
        reasons=np.array([one.reason for one in refused], dtype=np.str_),
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".lengths-", delete=False) as partial:
            partial.write(buffer.getvalue())
        Path(partial.name).replace(file)
    except OSError as error:
        raise OutputError(f"cannot write {file}: {error}; choose a folder that can be written") from error
