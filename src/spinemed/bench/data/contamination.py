"""Contamination: what a benchmark shares with a corpus, item by item, and which items are clean."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from spinemed.bench.data.columns import ITEM_CONFIGS
from spinemed.bench.data.overlap import TEMPLATE_PATIENTS, RunIndex, said
from spinemed.bench.items import rows
from spinemed.bench.leaks import CONFIGS, Seen, near_pictures
from spinemed.corpus.releases.manifest import read_manifest
from spinemed.errors import SourceError
from spinemed.records import Record, content_id
from spinemed.sources import SOURCES

SPLIT = "test"
_COLUMNS = ("id", "patient", "study", "source", "messages", "images", "findings", "series")
OWN_TEXT = "text of a training row, no template (13 tokens or 50 characters)"


class Unclean(Record):
    """An item that shares something with training."""

    id: str
    config: str
    reasons: tuple[str, ...]
    detail: str = Field(default="", description="the shared passage, or the near picture and its distance")


class Contamination(Record):
    """What a benchmark shares with splits of a corpus."""

    benchmark: str = Field(description="name of its folder")
    against: str
    content: str = Field(description="SHA-256 over the hashes of the corpus's files, 16 digits")
    splits: tuple[str, ...]
    rows: int = Field(description="training rows read")
    reasons: dict[str, int] = Field(description="reason -> items; an item may have several")
    template_items: int = Field(description="clean items that share wording by construction: templates")
    template_patients: int = Field(default=TEMPLATE_PATIENTS)
    clean: tuple[str, ...] = Field(description="ids of items that share nothing but templates")
    clean_strict: tuple[str, ...] = Field(
        description="of these, items without a run that fewer than `template_patients` training patients said"
    )
    items: tuple[Unclean, ...]


class _Training(Seen):
    """A corpus as `Seen`, with its findings and series, for siblings: other questions about the same."""

    def __init__(self) -> None:
        super().__init__()
        self.findings: set[str] = set()
        self.series: set[str] = set()
        self.rows = 0

    def take(self, row: dict[str, Any]) -> None:
        """Take in one training row."""
        self.add(row)
        self.findings.update(row["findings"])
        if row["series"]:
            self.series.add(row["series"])
        self.rows += 1

    def is_sibling(self, row: dict[str, Any]) -> bool:
        """Return whether a training row asks about the same finding or the same series."""
        return not self.findings.isdisjoint(row["findings"]) or row["series"] in self.series


def check(benchmark: Path, against: Path, splits: tuple[str, ...] = ("train",)) -> Contamination:
    """Return what each item of a benchmark shares with the named splits of a corpus.

    Reasons: same patient, same source record, sibling (a training row about the same finding or series),
    same picture (bytes), near picture (perceptual hash), same words without a picture, and text: a run of 13
    tokens or 50 characters that fewer than three training patients have. Rows of image sources are composed
    from the same templates on both sides: what two of them share is so by construction and is counted apart
    (`clean_strict` leaves out the rarer of it). SourceError for a folder without items.
    """
    items = list(_rows(benchmark, ITEM_CONFIGS, (SPLIT,)))
    if not items:
        raise SourceError(f"{benchmark} holds no item; give the folder of a benchmark")
    texts = {_key(config, row): said(row["messages"]) for config, row in items}
    index = RunIndex(texts, {_key(config, row) for config, row in items if row["source"] in SOURCES})
    training = _Training()
    for _, row in _rows(against, CONFIGS, splits):
        training.take(row)
        index.read(row["patient"], said(row["messages"]), row["source"] in SOURCES)
    if not training.rows:
        raise SourceError(f"{against} holds no row of {', '.join(splits)}; name its splits with --split")
    reasons, details = _reasons(items, training)
    by_template: dict[str, bool] = {}  # clean item -> whether the wording it shares is rare
    for key, shared in index.shared():
        if shared.own:
            reasons[key].append(OWN_TEXT)
            details.setdefault(key, shared.example[2:])
        elif not reasons.get(key):
            by_template[key] = shared.rare
    clean = [(_key(config, row), row["id"]) for config, row in items if not reasons.get(_key(config, row))]
    return Contamination(
        benchmark=benchmark.absolute().name,
        against=against.absolute().name,
        content=_content(against, training),
        splits=splits,
        rows=training.rows,
        reasons=dict(Counter(reason for found in reasons.values() for reason in found).most_common()),
        template_items=len(by_template),
        clean=tuple(sorted(identity for _, identity in clean)),
        clean_strict=tuple(sorted(identity for key, identity in clean if not by_template.get(key))),
        items=tuple(
            Unclean(id=row["id"], config=config, reasons=tuple(reasons[key]), detail=details.get(key, ""))
            for config, row in items
            if reasons.get(key := _key(config, row))
        ),
    )


def _key(config: str, row: dict[str, Any]) -> str:
    return f"{config} {row['id']}"


def _content(corpus: Path, seen: Seen) -> str:
    """Return the identity of a corpus: its files where it has a manifest, else its pictures."""
    manifest = read_manifest(corpus)
    return content_id(sorted(seen.hashes) if manifest is None else [manifest.root])


def _reasons(
    items: list[tuple[str, dict[str, Any]]], training: _Training
) -> tuple[defaultdict[str, list[str]], dict[str, str]]:
    """Return key -> reasons but those of the text, and key -> detail of near pictures."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    details: dict[str, str] = {}
    pictures = ((_key(config, row), picture["bytes"]) for config, row in items for picture in row["images"])
    near = near_pictures(pictures, training)
    for config, row in items:
        key = _key(config, row)
        found = training.reasons(row)
        if training.is_sibling(row):
            found.append("sibling item")
        if key in near and "same picture" not in found:
            found.append("near picture")
            details[key] = f"{near[key][1]} bits from picture {near[key][0]}"
        if found:
            reasons[key] = found
    return reasons, details


def _rows(
    folder: Path, configs: tuple[str, ...], splits: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for config in configs:
        for split in splits:
            files = sorted((folder / "data" / config).glob(f"{split}-*.parquet"))
            yield from ((config, row) for row in rows(files, _COLUMNS))
