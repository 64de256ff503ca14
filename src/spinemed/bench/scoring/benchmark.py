"""One split of a corpus, read once and ready for scoring: items, what was trained on, truth, metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spinemed.bench.items import Item, corpus_hash, read_items
from spinemed.bench.leaks import check_no_leak, has_training
from spinemed.bench.scoring.join import Answered, join
from spinemed.bench.scoring.measure import load_metrics, measure
from spinemed.bench.scoring.open_truth import REPORT
from spinemed.bench.scoring.reading import Reading
from spinemed.bench.scoring.report_truth import read_references
from spinemed.bench.scoring.report_verdicts import Verdicts
from spinemed.bench.scoring.scorecard import Answerer
from spinemed.bench.scoring.subset import read_subset
from spinemed.errors import SourceError

TRAIN = "train"


@dataclass
class Benchmark:
    """One split of a corpus, read once: items, training items, guard against leaks, truth, metrics.

    `train` is empty and `leak_checked` false where there is no training split to look in. `references` is
    the truth of reports. `answered_without` keeps what the baselines answer to each item, by the kinds that
    they learnt from.
    """

    data: Path
    config: str
    split: str
    metrics_folder: Path
    items: list[Item]
    train: list[Item]
    data_hash: str
    leak_pictures: int
    leak_patients: int
    metrics: dict[str, Any]
    leak_checked: bool = True
    train_hash: str = ""
    only: frozenset[str] | None = None
    references: dict[str, str] = field(default_factory=dict)
    answered_without: dict[tuple[str, tuple[str, ...]], dict[str, str]] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Corpus, config and split, for messages."""
        return f"{self.data} {self.config}/{self.split}"

    @property
    def wanted(self) -> int:
        """How many items there are to be scored."""
        return len(self.items if self.only is None else self.only)

    def joined(self, predictions: Path) -> Answered:
        """Return predictions joined with the items that they answer."""
        return join(predictions, self.items, self.data_hash, self.place, self.only)

    def measured(self, run: Answered, verdicts: Verdicts | None = None) -> tuple[Answerer, list[Reading]]:
        """Return what a run reached, and what was read from each reply."""
        return measure(run, self.metrics, self.references, verdicts)


def open_benchmark(
    data: Path, config: str, split: str, metrics: Path, train: Path | None = None, only: Path | None = None
) -> Benchmark:
    """Return a split ready for scoring; SourceError where it leaks into training, ConfigError for names.

    `train` is the corpus that was trained on, where that is another than `data`; then both are looked
    through. `only` is a file with the ids that alone are scored.
    """
    items = read_items(data, config, split)
    pictures, patients = check_no_leak(data, config, split)
    if train is not None:
        if not has_training(train):
            raise SourceError(f"{train} holds no split {TRAIN}; name the corpus that was trained on")
        check_no_leak(data, config, split, train)
    taught = data if train is None else train
    learnt = any((taught / "data" / config).glob(f"{TRAIN}-*.parquet"))
    return Benchmark(
        data=data,
        config=config,
        split=split,
        metrics_folder=metrics,
        items=items,
        train=read_items(taught, config, TRAIN) if learnt else [],
        data_hash=corpus_hash(data, config, split),
        leak_pictures=pictures,
        leak_patients=patients,
        metrics=load_metrics(metrics, config),
        leak_checked=train is not None or has_training(data),
        train_hash=corpus_hash(taught, config, TRAIN) if learnt and train is not None else "",
        only=None if only is None else read_subset(only, {item.id for item in items}, f"{config}/{split}"),
        references=read_references(data, split, items) if config == REPORT else {},
    )
