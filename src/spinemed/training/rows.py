"""Rows of the corpus as training rows: one split, the kinds asked for, the columns that training needs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
from datasets import concatenate_datasets, load_dataset

from spinemed.errors import ConfigError, SourceError
from spinemed.training.outcome import corpus_hash

COLUMNS = ["images", "messages", "kind", "level", "marker", "patient", "synthetic"]


def training_rows(
    corpus: str, configs: Sequence[str], kinds: Sequence[str], split: str = "train", with_letters: bool = True
) -> Any:
    """Return the rows of `split` of the named configs whose kind is one of `kinds` (all if empty), joined.

    `corpus` is a folder, or a dataset of the Hub. Without letters a reply to a choice is the option's text
    alone. Raises SourceError where the folder or the split is missing, and ConfigError where nothing is left
    to train on.
    """
    if not Path(corpus).is_dir() and corpus.count("/") != 1:
        raise SourceError(f"there is no corpus in {corpus}; build one with: spinemed build --out {corpus}")
    parts = []
    for config in configs:
        try:
            part = load_dataset(corpus, config, split=split, cache_dir=cache_of(corpus))
        except (ValueError, FileNotFoundError) as error:
            raise SourceError(
                f"{corpus} has no split {split!r} in config {config!r} ({error}); "
                f"build it again with: spinemed build --out {corpus} --force"
            ) from error
        if missing := sorted(set(COLUMNS) - set(part.column_names)):
            raise SourceError(
                f"config {config!r} of {corpus} has no column {', '.join(missing)}; it needs those of "
                "`spinemed build`: " + ", ".join(COLUMNS)
            )
        wanted = [place for place, kind in enumerate(part["kind"]) if not kinds or kind in kinds]
        part = part.select(wanted)
        if not with_letters and "options" in part.column_names:
            part = _without_letters(part)
        parts.append(part.select_columns(COLUMNS))
    rows = concatenate_datasets(parts)
    if not len(rows):
        raise ConfigError(f"no row of {corpus} ({', '.join(configs)}; {split}) is of kind {', '.join(kinds)}")
    return rows


def cache_of(corpus: str) -> str | None:
    """Return the cache folder of a corpus' content, None for a dataset of the Hub.

    datasets 5.2 takes two folders of one name for the same dataset, and a corpus that was built again for the
    old one: so each content has a cache of its own.
    """
    content = content_key(corpus)
    return str(Path(datasets.config.HF_DATASETS_CACHE) / f"spinemed-{content[:16]}") if content else None


def content_key(corpus: str) -> str:
    """Return a SHA-256 that changes with a corpus' content: of its manifest, else of files' times and sizes.

    A dataset of the Hub has "", as its revision tells its content.
    """
    folder = Path(corpus)
    if not folder.is_dir():
        return ""
    if known := corpus_hash(corpus):
        return known
    files = [(file, file.stat()) for file in sorted(folder.resolve().rglob("*.parquet"))]
    told = "".join(f"{file}\0{seen.st_size}\0{seen.st_mtime_ns}\n" for file, seen in files)
    return hashlib.sha256(told.encode()).hexdigest()


def _without_letters(part: Any) -> Any:
    """Return choice rows whose replies name the option's text and leave its letter out."""
    feature = part.features["messages"]
    spoken = [
        [*turns[:-1], {**turns[-1], "content": text_of(turns[-1]["content"], letter)}]
        for turns, letter in zip(part["messages"], part["answer"], strict=True)
    ]
    return part.remove_columns("messages").add_column("messages", spoken, feature=feature)


def text_of(reply: str, letter: str) -> str:
    """Return a reply to a choice without its letter.

    >>> text_of("L4 (C)", "C")
    'L4'
    """
    return reply.removesuffix(f" ({letter})")
