"""The columns of a benchmark's configs: the corpus's own, and `multiple` for items with several answers."""

from __future__ import annotations

from datasets import Features

from spinemed.corpus.rows import CONFIGS, features

MULTIPLE = "multiple"
ITEM_CONFIGS = ("choice", "open", "report", "dialogue", MULTIPLE)


def columns_of(config: str) -> Features:
    """Return the columns of a config; `multiple` has those of `choice`, its answer holds all right letters.

    >>> list(columns_of("multiple"))[:4]
    ['images', 'question', 'options', 'answer']
    """
    known = {name: name for name in CONFIGS} | {MULTIPLE: "choice"}
    return features(known[config])  # type: ignore[arg-type]
